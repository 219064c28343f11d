//! What cargo-mutants lists.

use std::fs;
use std::path::Path;

use serde::Deserialize;

use crate::Outcome;

/// A change of one place.
#[derive(Deserialize)]
pub struct Mutant {
    pub file: String,
    pub genre: String,
    pub replacement: String,
    pub span: Span,
    /// As cargo-mutants prints it; it names the mutant.
    #[serde(skip)]
    pub name: String,
}

/// Where it is.
#[derive(Deserialize)]
pub struct Span {
    pub start: Place,
}

/// Both count from 1.
#[derive(Deserialize, Clone, Copy)]
pub struct Place {
    pub line: usize,
    pub column: usize,
}

/// The two lists of the same mutants: as data, and as lines.
pub fn read(list: &Path, names: &Path) -> Outcome<Vec<Mutant>> {
    let mut mutants: Vec<Mutant> = serde_json::from_str(&fs::read_to_string(list)?)?;
    let names = fs::read_to_string(names)?;
    if mutants.len() != names.lines().count() {
        return Err("the two lists differ in length".into());
    }
    for (mutant, name) in mutants.iter_mut().zip(names.lines()) {
        if !name.starts_with(&format!("{}:{}:", mutant.file, mutant.span.start.line)) {
            return Err(format!("the two lists differ at {name}").into());
        }
        mutant.name = name.to_owned();
    }
    Ok(mutants)
}

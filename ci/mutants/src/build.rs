//! Builds the tree, and weeds out what does not compile.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::Outcome;
use crate::mutant::Mutant;
use crate::rewrite::{self, Originals};

/// Rounds of weeding: types, then borrows, then what those had hidden.
const MOST_ROUNDS: usize = 20;

/// What the switches ask.
const DOOR: &str = "
#[doc(hidden)]
pub(crate) fn mutated(id: usize) -> bool {
    static ON: std::sync::LazyLock<Option<usize>> = std::sync::LazyLock::new(|| {
        std::env::var(\"PRECEDENT_MUTANT\").ok().and_then(|text| text.parse().ok())
    });
    *ON == Some(id)
}

#[doc(hidden)]
pub(crate) enum Either<L, R> {
    Left(L),
    Right(R),
}

impl<T, L: Iterator<Item = T>, R: Iterator<Item = T>> Iterator for Either<L, R> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        match self {
            Self::Left(one) => one.next(),
            Self::Right(one) => one.next(),
        }
    }
}
";

/// Takes out of `live` what does not compile, and gives it.
pub fn weed(
    mutants: &[Mutant],
    originals: &Originals,
    live: &mut BTreeSet<usize>,
    tree: &Path,
) -> Outcome<BTreeSet<usize>> {
    let library = tree.join("src/lib.rs");
    let text = fs::read_to_string(&library)?;
    if !text.contains("fn mutated(") {
        fs::write(&library, text + DOOR)?;
    }
    let mut unviable = BTreeSet::new();
    for round in 1..=MOST_ROUNDS {
        let (files, placed) = rewrite::place(mutants, originals, live)?;
        rewrite::write(&files, tree)?;
        let mut bad = BTreeSet::new();
        let mut others = Vec::new();
        for profile in ["dev", "test"] {
            for message in messages(tree, &["check", "--lib", "--profile", profile])? {
                if message["message"]["level"] != "error" {
                    continue;
                }
                let spans = message["message"]["spans"].as_array().cloned().unwrap_or_default();
                let culprit = |span: &Value| {
                    let line = usize::try_from(span["line_start"].as_u64()?).ok()?;
                    placed.at(span["file_name"].as_str()?, line)
                };
                let primary = spans.iter().filter(|span| span["is_primary"] == true);
                match primary.chain(&spans).find_map(culprit) {
                    Some(id) => drop(bad.insert(id)),
                    None if spans.is_empty() => {}
                    None => others.push(message["message"]["rendered"].clone()),
                }
            }
        }
        eprintln!("round {round}: {} do not compile", bad.len());
        if bad.is_empty() && others.is_empty() {
            return Ok(unviable);
        }
        if bad.is_empty() {
            return Err(format!("does not compile: {}", others[0]).into());
        }
        live.retain(|id| !bad.contains(id));
        unviable.extend(bad);
    }
    Err("weeding does not end".into())
}

/// Builds the tests: the units first, then the suite, then the others.
pub fn tests(tree: &Path) -> Outcome<Vec<PathBuf>> {
    let words = [
        "test",
        "--no-run",
        "--lib",
        "--test",
        "suite",
        "--test",
        "testkit",
        "--test",
        "endurance",
    ];
    let mut found = Vec::new();
    for message in messages(tree, &words)? {
        let name = message["target"]["name"].as_str().unwrap_or_default();
        let order = match name {
            "precedent" => 0,
            "suite" => 1,
            "testkit" => 2,
            _ => 3,
        };
        if message["profile"]["test"] == true
            && let Some(path) = message["executable"].as_str()
        {
            found.push((order, PathBuf::from(path)));
        }
    }
    found.sort();
    if found.len() != 4 {
        return Err(format!("{} test binaries instead of 4", found.len()).into());
    }
    Ok(found.into_iter().map(|(_, path)| path).collect())
}

/// What cargo says, a line each.
fn messages(tree: &Path, words: &[&str]) -> Outcome<Vec<Value>> {
    let output = Command::new("cargo")
        .args(words)
        .arg("--message-format=json")
        .current_dir(tree)
        .env("RUSTFLAGS", "--cap-lints allow")
        .stderr(Stdio::null())
        .output()?;
    let lines = String::from_utf8(output.stdout)?;
    Ok(lines.lines().filter_map(|line| serde_json::from_str(line).ok()).collect())
}

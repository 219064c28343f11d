//! One schedule of a corpus, and what is expected of it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;

/// What a `where` means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reading {
    /// A plain range read; the program filters.
    Range,
    /// A predicate read.
    Predicate,
}

pub const READINGS: [Reading; 2] = [Reading::Range, Reading::Predicate];

/// A schedule.
#[derive(Clone, Debug)]
pub struct Case {
    /// The spec or scenario.
    pub spec: String,
    /// The steps by name, or the anomaly.
    pub name: String,
    pub init: BTreeMap<String, Value>,
    pub sessions: Vec<Session>,
    /// Session and operations, in the order to run.
    pub steps: Vec<(usize, Vec<Value>)>,
    pub expected: Expected,
}

/// One transaction of a schedule.
#[derive(Clone, Debug)]
pub struct Session {
    pub name: String,
    pub read_only: bool,
    /// Its snapshot is taken before all steps, not at its first operation.
    pub at_start: bool,
}

/// What the corpus says.
#[derive(Clone, Debug, Default)]
pub struct Expected {
    /// Who is refused, by the reading of `where`.
    pub refused: BTreeMap<Reading, BTreeSet<String>>,
    /// Whose program gives up by itself.
    pub gives_up: BTreeSet<String>,
    /// Who commits after the last step.
    pub implicit_commit: BTreeSet<String>,
    /// What each session read, without sliding.
    pub reads: Option<BTreeMap<String, Vec<(String, Value)>>>,
    /// The state at the end, without sliding, by the reading of `where`.
    pub finally: BTreeMap<Reading, BTreeMap<String, Value>>,
    /// A serial order of all, if nobody has to be refused.
    pub serial_order: Option<Vec<String>>,
}

/// A corpus file.
pub fn load(file: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus").join(file);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|why| panic!("{path:?}: {why}"));
    serde_json::from_str(&text).unwrap_or_else(|why| panic!("{path:?}: {why}"))
}

/// A text of the corpus, which must be there.
pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("not a text: {value}")).to_string()
}

/// The elements of a list; none if it is missing.
pub fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// The texts of a list.
pub fn texts<C: FromIterator<String>>(value: &Value) -> C {
    list(value).iter().map(text).collect()
}

/// The members of an object.
pub fn members(value: &Value) -> BTreeMap<String, Value> {
    let object = value.as_object().unwrap_or_else(|| panic!("not an object: {value}"));
    object.iter().map(|(key, value)| (key.clone(), value.clone())).collect()
}

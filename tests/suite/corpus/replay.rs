//! A judge that knows nothing of graphs: does some serial order of the committed sessions,
//! run one after another on a plain map, read the same and end in the same state?

use std::collections::BTreeMap;

use serde_json::Value;

use crate::corpus::case::Case;
use crate::corpus::engine::Outcome;
use crate::corpus::program::{Program, Rows, Store, matches};
use crate::support::permutations;

/// A serial order of the committed sessions that explains the outcome, if there is one.
pub fn serial_order(case: &Case, outcome: &Outcome) -> Option<Vec<usize>> {
    let count = outcome.committed.len();
    let orders = permutations(count).into_iter();
    let named = |order: Vec<usize>| order.iter().map(|&place| outcome.committed[place]).collect();
    orders.map(named).find(|order: &Vec<usize>| explains(case, order, outcome))
}

/// Whether running the sessions in this order gives the same reads and the same end.
pub fn explains(case: &Case, order: &[usize], outcome: &Outcome) -> bool {
    let mut map = Map(case.init.clone());
    for &session in order {
        let mut program = Program::default();
        let mine = case.steps.iter().filter(|(owner, _)| *owner == session);
        for op in mine.flat_map(|(_, ops)| ops) {
            program.perform(&mut map, op);
        }
        if program.reads != outcome.reads[&case.sessions[session].name] {
            return false;
        }
    }
    map.0 == outcome.finally
}

struct Map(BTreeMap<String, Value>);

impl Store for Map {
    fn get(&mut self, key: &str) -> Option<Value> {
        self.0.get(key).cloned()
    }

    fn scan(&mut self, (lower, upper): (&str, &str), filter: Option<&Value>, limit: usize) -> Rows {
        let rows = self.0.range(lower.to_string()..upper.to_string());
        let wanted =
            |(_, value): &(&String, &Value)| filter.is_none_or(|filter| matches(filter, value));
        rows.filter(wanted).take(limit).map(|(k, v)| (k.clone(), v.clone())).collect()
    }

    fn put(&mut self, key: String, value: Value) {
        self.0.insert(key, value);
    }

    fn delete(&mut self, key: &str) {
        self.0.remove(key);
    }
}

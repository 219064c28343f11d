//! PostgreSQL's isolation specs: every permutation of every spec.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::corpus::case::{Case, Expected, READINGS, Session, list, load, members, text, texts};
use crate::corpus::judge::Report;
use crate::support::summary;

#[test]
fn every_permutation_of_every_postgresql_spec_comes_out_as_an_exact_checker_says() {
    let corpus = load("postgres.json");
    let specs = list(&corpus["specs"]);
    let cases: Vec<Case> = specs.iter().flat_map(cases).collect();
    assert_eq!((specs.len(), cases.len()), (23, 469));
    let report = Report::of(&cases, &[]);
    summary(&report.table("PostgreSQL isolation specs"));
    assert_eq!(report.counts(), (2 * 469, 2 * 469));
    let (refused, sliding) = report.refusals();
    assert!(sliding <= refused, "{sliding} refused with sliding, {refused} without");
}

fn cases(spec: &Value) -> Vec<Case> {
    let mut steps: BTreeMap<String, (usize, Vec<Value>)> = BTreeMap::new();
    let mut sessions = Vec::new();
    for (number, session) in list(&spec["sessions"]).iter().enumerate() {
        for step in list(&session["steps"]) {
            steps.insert(text(&step["step"]), (number, list(&step["ops"]).to_vec()));
        }
        sessions.push(Session {
            name: text(&session["name"]),
            read_only: session["read_only"] == true,
            at_start: session["begin"] == "at-start",
        });
    }
    let case = |permutation: &Value| {
        let name = text(&permutation["steps"]);
        Case {
            spec: text(&spec["name"]),
            init: members(&spec["init"]),
            sessions: sessions.clone(),
            steps: name.split_whitespace().map(|step| steps[step].clone()).collect(),
            expected: expected(permutation),
            name,
        }
    };
    list(&spec["permutations"]).iter().map(case).collect()
}

fn expected(permutation: &Value) -> Expected {
    Expected {
        // The two readings do not differ in any of these specs.
        refused: READINGS.map(|reading| (reading, texts(&permutation["strict_abort"]))).into(),
        gives_up: texts(&permutation["app_fail"]),
        implicit_commit: texts(&permutation["implicit_commit"]),
        serial_order: permutation["serial_order"]
            .is_array()
            .then(|| texts(&permutation["serial_order"])),
        ..Expected::default()
    }
}

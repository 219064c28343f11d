//! Hermitage: one schedule for each anomaly, with the values read.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::corpus::case::{
    Case, Expected, READINGS, Reading, Session, list, load, members, text, texts,
};
use crate::corpus::judge::Report;
use crate::support::summary;

#[test]
fn every_hermitage_scenario_comes_out_as_an_exact_checker_says() {
    let corpus = load("hermitage.json");
    let cases: Vec<Case> = list(&corpus["scenarios"]).iter().map(case).collect();
    assert_eq!(cases.len(), 19);
    let report = Report::of(&cases, &[]);
    summary(&report.table("Hermitage"));
    assert_eq!(report.counts(), (2 * 19, 2 * 19));
    let (refused, sliding) = report.refusals();
    assert!(sliding <= refused, "{sliding} refused with sliding, {refused} without");
}

fn case(scenario: &Value) -> Case {
    let expected = &scenario["expected"];
    // The sessions in the order of their names: T1, T2, …
    let names: Vec<String> = members(&expected["reads"]).into_keys().collect();
    let place = |name: &str| names.iter().position(|known| known == name).expect("a session");
    let step = |step: &Value| (place(&text(&step["session"])), list(&step["ops"]).to_vec());
    let session = |name: &String| Session { name: name.clone(), read_only: false, at_start: false };
    Case {
        spec: text(&scenario["name"]),
        name: text(&scenario["anomaly"]),
        init: members(&scenario["init"]),
        sessions: names.iter().map(session).collect(),
        steps: list(&scenario["schedule"]).iter().map(step).collect(),
        expected: expectation(expected),
    }
}

fn expectation(expected: &Value) -> Expected {
    let of = |reading| match reading {
        Reading::Range => &expected["range"],
        Reading::Predicate => &expected["predicate"],
    };
    let ended = |reading: Reading, how: &str| {
        let outcomes = members(&of(reading)["outcome"]);
        outcomes.into_iter().filter(|(_, outcome)| outcome == how).map(|(name, _)| name).collect()
    };
    let gave_up: Vec<String> = ended(Reading::Range, "abort-requested");
    let serial = &expected["serial_order"];
    Expected {
        refused: READINGS
            .map(|reading| {
                let names: Vec<String> = ended(reading, "serialization");
                (reading, names.into_iter().collect())
            })
            .into(),
        gives_up: gave_up.iter().map(|name| format!("{name}:abort")).collect(),
        reads: Some(reads(&expected["reads"])),
        finally: READINGS.map(|reading| (reading, members(&of(reading)["final"]))).into(),
        serial_order: serial.is_array().then(|| texts(serial)),
        ..Expected::default()
    }
}

fn reads(value: &Value) -> BTreeMap<String, Vec<(String, Value)>> {
    let read = |pair: &Value| (text(&pair[0]), pair[1].clone());
    let session = |(name, reads): (String, Value)| (name, list(&reads).iter().map(read).collect());
    members(value).into_iter().map(session).collect()
}

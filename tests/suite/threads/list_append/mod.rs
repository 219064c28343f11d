//! Lists that only grow, judged by the `adya` crate: an independent checker of isolation
//! that knows nothing of this engine and infers the dependencies from what was read.
//!
//! Transactions read lists and append to them by reading and writing back. No list grows
//! beyond [`traffic::LONGEST`] elements: then its slot goes on with a new key. Every
//! attempt is in the history, also those that were refused or given up; so `adya` sees
//! if anybody reads what was never committed. A certified `Err` counts as a transaction that
//! committed its reads, and as one that failed with its appends.
//!
//! The level is `adya`'s highest, strict serializability: dependencies and real time
//! together must be acyclic. A full run is judged as one history.

mod history;
mod traffic;

use std::time::Instant;

use adya::{Opts, Report, Valid, Workload, check};
use precedent::Isolation;

use super::settings::summary;
use crate::support::scaled;
use history::{Step, adya_history, count};
use traffic::{Setup, forced_skew, run};

/// How many transactions a full run makes.
const TRANSACTIONS: usize = 500_000;

fn judge(title: &str, setup: Setup, steps: &[Step], started: Instant) -> Report {
    let ran = started.elapsed();
    let history = adya_history(steps);
    let report = check(&history, Workload::ListAppend, &Opts::default());
    let judged = started.elapsed() - ran;
    let lines = count(steps).into_iter().chain([
        ("threads", setup.threads as u64),
        ("transactions", setup.transactions as u64),
        ("anomalies", report.anomalies.values().map(|all| all.len() as u64).sum()),
    ]);
    let line = |(name, count): (&str, u64)| format!("  {name:<24}{count:>12}\n");
    let (lines, kinds) = (lines.map(line).collect::<String>(), &report.anomaly_types);
    let verdict =
        format!("  {:?} {kinds:?}; ran {ran:.1?}, judged in {judged:.1?}\n", report.valid);
    summary(title, &(lines + &verdict));
    report
}

/// The beginning of each kind's first explanation.
fn stories(report: &Report) -> String {
    let firsts = report.anomalies.values().filter_map(|all| all.first());
    let story = |anomaly: &adya::Anomaly| {
        anomaly.kind.clone() + ": " + &anomaly.explanation.chars().take(2000).collect::<String>()
    };
    firsts.map(story).collect::<Vec<_>>().join("\n")
}

#[test]
fn adya_finds_no_anomaly_in_lists_that_threads_append_to() {
    let isolation = Isolation::Serializable;
    let setup = Setup { threads: 8, transactions: scaled(TRANSACTIONS), isolation };
    let started = Instant::now();
    let steps = run(setup);
    let report = judge("list-append", setup, &steps, started);
    assert_eq!(report.valid, Valid::True, "\n{}", stories(&report));
}

#[test]
fn adya_finds_the_anomalies_of_snapshot_isolation() {
    let setup = Setup { threads: 4, transactions: 4_000, isolation: Isolation::Snapshot };
    let started = Instant::now();
    let steps = run(setup);
    let report = judge("list-append under snapshot isolation", setup, &steps, started);
    assert_eq!(report.valid, Valid::False);
    assert!(report.anomaly_types.iter().any(|kind| kind.starts_with("G2-item")), "{report:?}");
}

#[test]
fn adya_finds_a_single_write_skew_of_snapshot_isolation_and_none_of_a_serializable_database() {
    let skew = |isolation| {
        let history = adya_history(&forced_skew(isolation));
        check(&history, Workload::ListAppend, &Opts::default())
    };
    assert_eq!(skew(Isolation::Snapshot).anomaly_types, ["G2-item"]);
    let report = skew(Isolation::Serializable);
    assert_eq!(report.valid, Valid::True, "\n{}", stories(&report));
}

//! Many transactions of several threads on few keys, judged by the indexed oracle.

use std::time::Instant;

use precedent::Certifier;

use super::indexed;
use super::record::Record;
use super::settings::summary;
use super::traffic::{Run, Setup, run};
use crate::oracle::{End, FaultKind, Op, Tx, Verdict};
use crate::support::scaled;

/// So many transactions in a full run.
fn setup(sliding: bool, threads: usize, keys: usize, transactions: usize) -> Setup {
    let (transactions, certifier) = (scaled(transactions), Certifier::Exact);
    Setup { threads, keys, transactions, sliding, certifier }
}

/// Counts over a record.
fn counters(setup: Setup, record: &Record, verdict: &Verdict) -> Vec<(&'static str, u64)> {
    let txs = &record.history.txs;
    let ends = |wanted: fn(&End) -> bool| txs.iter().filter(|tx| wanted(&tx.end)).count() as u64;
    let ops = |wanted: fn(&Op) -> bool| {
        txs.iter().flat_map(|tx| &tx.ops).filter(|op| wanted(op)).count() as u64
    };
    let lengths = || {
        txs.iter().filter_map(|tx| match &tx.end {
            End::Aborted { cycle, .. } if !cycle.conservative => Some(cycle.edges.len() as u64),
            _ => None,
        })
    };
    vec![
        ("threads", setup.threads as u64),
        ("keys", setup.keys as u64),
        ("transactions", setup.transactions as u64),
        ("attempts", txs.len() as u64),
        ("commits", verdict.commits),
        ("certified readers", ends(|end| matches!(end, End::Certified { err: false }))),
        ("certified Errs", ends(|end| matches!(end, End::Certified { err: true }))),
        ("safe snapshots", ends(|end| matches!(end, End::Detached { safe: true }))),
        ("rolled back by the user", ends(|end| matches!(end, End::RolledBack))),
        ("aborts", verdict.aborts),
        ("aborts of readers", ends(|end| matches!(end, End::Aborted { as_reader: true, .. }))),
        ("conservative aborts", verdict.conservative),
        ("suspected by a rule", verdict.suspected),
        ("shortest cycle told", lengths().min().unwrap_or(0)),
        ("longest cycle told", lengths().max().unwrap_or(0)),
        ("cycles of three or more", lengths().filter(|length| *length >= 3).count() as u64),
        ("slides", ops(|op| matches!(op, Op::Slide { .. }))),
        ("scans", ops(|op| matches!(op, Op::Open { accepts: None, .. }))),
        ("scans with a predicate", ops(|op| matches!(op, Op::Open { accepts: Some(_), .. }))),
        ("faults", verdict.faults.len() as u64),
    ]
}

fn judge_and_tell(title: &str, setup: Setup, record: &Record, started: Instant) -> Verdict {
    let ran = started.elapsed();
    let verdict = indexed::judge(record);
    let judged = started.elapsed() - ran;
    let line = |(name, count): (&str, u64)| format!("  {name:<24}{count:>12}\n");
    let lines: String = counters(setup, record, &verdict).into_iter().map(line).collect();
    summary(title, &format!("{lines}  ran {ran:.1?}, judged in {judged:.1?}\n"));
    verdict
}

fn is_right(title: &str, setup: Setup) -> Record {
    let started = Instant::now();
    let Run { record, stats } = run(setup);
    let verdict = judge_and_tell(title, setup, &record, started);
    summary("  of them aged", &format!("  {:<24}{:>12}\n", "turns at the gate", stats.aged));
    assert!(stats.aged > 0 || setup.transactions < 2_000, "nobody ran behind the gate");
    let stories: Vec<String> = verdict.faults.iter().take(5).map(ToString::to_string).collect();
    assert!(stories.is_empty(), "{} faults:\n{}", verdict.faults.len(), stories.join("\n\n"));
    let safe = |tx: &Tx| matches!(tx.end, End::Detached { safe: true });
    let looked = record.history.txs.iter().filter(|tx| safe(tx)).count();
    assert!(looked > setup.transactions / 50, "too few safe snapshots: {looked}");
    assert_eq!(verdict.conservative, stats.conservative_aborts, "conservative aborts told");
    assert_eq!(stats.versions, record.history.last_state.len(), "versions after all: {stats:?}");
    assert_eq!(stats.retained_commits, 0, "after all: {stats:?}");
    assert_eq!(stats.active_transactions, 0, "after all: {stats:?}");
    record
}

#[test]
fn threads_on_hot_keys_are_strictly_serializable_when_snapshots_slide() {
    is_right("hot keys, snapshots slide", setup(true, 8, 24, 500_000));
    is_right("hotter keys, snapshots slide", setup(true, 4, 10, 250_000));
}

#[test]
fn threads_on_hot_keys_are_strictly_serializable_when_snapshots_stay() {
    let record = is_right("hot keys, snapshots stay", setup(false, 6, 12, 500_000));
    let slides = |op: &Op| matches!(op, Op::Slide { .. });
    assert!(!record.history.txs.iter().any(|tx| tx.ops.iter().any(slides)));
    is_right("more keys, snapshots stay", setup(false, 8, 40, 250_000));
}

#[test]
fn threads_on_hot_keys_are_strictly_serializable_under_every_serializable_rule() {
    for certifier in Certifier::ALL.iter().copied().filter(|rule| rule.is_serializable()) {
        for sliding in [true, false] {
            let setup = Setup { certifier, ..setup(sliding, 4, 12, 100_000) };
            is_right(&format!("hot keys, {certifier}, sliding {sliding}"), setup);
        }
    }
}

#[test]
fn the_indexed_oracle_finds_the_cycles_of_snapshot_isolation() {
    let transactions = scaled(100_000).max(2_000);
    let certifier = Certifier::FirstCommitterWins;
    let setup = Setup { certifier, transactions, ..setup(true, 4, 12, 0) };
    let started = Instant::now();
    let Run { record, .. } = run(setup);
    let title = "hot keys under snapshot isolation, which must fail";
    let verdict = judge_and_tell(title, setup, &record, started);
    assert!(verdict.finds(FaultKind::MissedCycle), "no cycle was found");
    assert!(!verdict.finds(FaultKind::WrongRead), "snapshots are whole all the same");
}

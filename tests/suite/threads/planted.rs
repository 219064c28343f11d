//! Faults planted in the record of a run that was right: the indexed oracle finds them.

use precedent::Certifier;

use super::indexed;
use super::record::Record;
use super::traffic::{Run, Setup, run};
use crate::oracle::hand::{at, history};
use crate::oracle::history::Ts;
use crate::oracle::{End, FaultKind, Op};

/// A record of a small run that is right.
fn small_run() -> Record {
    let Run { record, .. } = run(Setup {
        threads: 6,
        keys: 10,
        transactions: 2_000,
        sliding: true,
        certifier: Certifier::Exact,
    });
    assert!(indexed::judge(&record).faults.is_empty());
    record
}

fn finds(kind: FaultKind, record: &Record) {
    assert!(indexed::judge(record).finds(kind), "{kind:?} was not found");
}

#[test]
fn a_refused_transaction_that_is_taken_as_committed_closes_a_cycle() {
    let mut record = small_run();
    let txs = &mut record.history.txs;
    let newest: Option<Ts> = txs.iter().filter_map(|tx| tx.c()).max();
    let refused =
        txs.iter_mut().rfind(|tx| matches!(tx.end, End::Aborted { as_reader: false, .. }));
    refused.expect("hot keys lead to refusals").end = End::Committed(newest.unwrap_or(0) + 1);
    finds(FaultKind::MissedCycle, &record);
}

#[test]
fn a_value_that_was_not_there_is_found_in_a_big_record() {
    let mut record = small_run();
    let ops = record.history.txs.iter_mut().flat_map(|tx| &mut tx.ops);
    let reads = ops.filter_map(|op| match op {
        Op::Pull { row: Some((_, value)), .. } => Some(value),
        _ => None,
    });
    let mut rows: Vec<_> = reads.collect();
    let (first, last) = (*rows[0], rows.len() - 1);
    *rows[last] = first;
    finds(FaultKind::WrongRead, &record);
}

#[test]
fn an_edge_that_is_turned_around_makes_a_refusal_unjustified() {
    let mut record = small_run();
    let cycles = record.history.txs.iter_mut().filter_map(|tx| match &mut tx.end {
        End::Aborted { cycle, .. } if !cycle.conservative => Some(&mut cycle.edges),
        _ => None,
    });
    let edges = cycles.last().expect("hot keys lead to refusals");
    let edge = &mut edges[0];
    std::mem::swap(&mut edge.from, &mut edge.to);
    finds(FaultKind::UnjustifiedAbort, &record);
}

#[test]
fn a_snapshot_that_is_called_safe_and_closes_a_cycle_is_found() {
    // The second one read around the first; the snapshot sees the first and not the second.
    let around = |safe| {
        Record::in_order(history(&[
            at(0).writes('a').commits(1),
            at(0).misses('a').writes('b').commits(2),
            at(1).reads('a', 1).misses('b').detached(safe),
        ]))
    };
    finds(FaultKind::MissedCycle, &around(true));
    assert!(indexed::judge(&around(false)).faults.is_empty());
}

#[test]
fn who_begins_below_a_commit_that_had_returned_is_found() {
    let mut record = small_run();
    let late = record.history.txs.iter().position(|tx| tx.began > 100).expect("a late one");
    record.history.txs[late].began = 1;
    finds(FaultKind::WrongTimestamp, &record);
}

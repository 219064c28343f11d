//! The judgement on a record.

use super::chains::Chains;
use super::components::Components;
use super::cycles::short_cycle;
use super::graph::Graph;
use super::reports::Register;
use super::{reads, real_time, replay};
use crate::oracle::footprint::Footprint;
use crate::oracle::history::{End, Ts, Tx};
use crate::oracle::{FaultKind, Key, Keys, Value, Verdict};
use crate::threads::record::Record;

/// Judges a record.
pub fn judge(record: &Record) -> Verdict {
    let mut verdict = Verdict::default();
    for story in &record.stray {
        verdict.accuse(FaultKind::Disagreement, story.as_str());
    }
    let chains = Chains::of(&record.history);
    check_timestamps(record, &mut verdict);
    check_told_versions(record, &chains, &mut verdict);
    for tx in &record.history.txs {
        reads::check(tx, &chains, &mut verdict);
    }
    check_order(record, &chains, &mut verdict);
    check_ends(record, &mut verdict);
    verdict
}

/// Commit timestamps are unique and later than the snapshot; real time is kept.
fn check_timestamps(record: &Record, verdict: &mut Verdict) {
    let mut commits: Vec<(Ts, u64)> = Vec::new();
    for tx in &record.history.txs {
        let Some(c) = tx.c() else { continue };
        commits.push((c, tx.id));
        if c <= tx.s() {
            let story = format!("#{} committed at @{c}, but read at @{}", tx.id, tx.s());
            verdict.accuse(FaultKind::WrongTimestamp, story);
        }
    }
    commits.sort_unstable();
    for pair in commits.windows(2).filter(|pair| pair[0].0 == pair[1].0) {
        let story = format!("#{} and #{} both have @{}", pair[0].1, pair[1].1, pair[0].0);
        verdict.accuse(FaultKind::WrongTimestamp, story);
    }
    if let Err(story) = real_time::check(record) {
        verdict.accuse(FaultKind::WrongTimestamp, story);
    }
}

/// The version that the recorder named is the one whose value the caller saw.
fn check_told_versions(record: &Record, chains: &Chains, verdict: &mut Verdict) {
    for (key, value, c) in &record.told {
        let version = chains.committed_at(*key, *c);
        if version.and_then(|version| version.value) != Some(*value) {
            let story = format!("{value:?} of {key} was told to be of @{c}, which is {version:?}");
            verdict.accuse(FaultKind::Disagreement, story);
        }
    }
}

/// The graph is acyclic, and the serial order that it allows explains everything.
fn check_order(record: &Record, chains: &Chains, verdict: &mut Verdict) {
    let graph = Graph::of(&record.history, chains);
    let components = Components::of(&graph);
    for component in &components.loops {
        let cycle = short_cycle(&graph, component);
        let story = tell(record, &cycle);
        verdict.accuse(FaultKind::MissedCycle, format!("{} on a loop: {story}", component.len()));
    }
    if components.loops.is_empty() {
        let replayed = replay::check(&record.history, &graph, &components.order, chains.used());
        if let Err(story) = replayed {
            verdict.accuse(FaultKind::WrongReplay, story);
        }
    }
}

/// A cycle of transactions: each with its timestamps, what it did, and why it comes
/// before the next.
fn tell(record: &Record, cycle: &[usize]) -> String {
    let nexts = cycle.iter().cycle().skip(1);
    let members = cycle.iter().zip(nexts).map(|(place, next)| {
        let (tx, next) = (&record.history.txs[*place], &record.history.txs[*next]);
        let why = why(tx, next);
        format!("\n    #{} (s @{}, c {:?}) did {:?}; {why} ->", tx.id, tx.s(), tx.c(), tx.ops)
    });
    members.collect()
}

/// Why one certified transaction comes before another.
fn why(from: &Tx, to: &Tx) -> String {
    let (before, after) = (Footprint::of(from, from.c().is_none()), Footprint::of(to, false));
    if from.c().is_some_and(|c| c <= to.s()) {
        return "start".to_owned();
    }
    let overwritten = before.writes & after.writes;
    if from.c().is_some() && from.c() < to.c() && !overwritten.is_empty() {
        return format!("ww on {overwritten:?}");
    }
    let changes = |(key, value): &&(Key, Option<Value>)| before.changed_by(*key, *value);
    let changed: Keys = after.left.iter().filter(changes).map(|(key, _)| *key).collect();
    if to.c().is_some_and(|c| c > from.s()) && !changed.is_empty() {
        return format!("rw on {changed:?}");
    }
    "wr".to_owned()
}

/// Counts the ends, and reviews every refusal.
fn check_ends(record: &Record, verdict: &mut Verdict) {
    let register = Register::of(record);
    for (place, tx) in record.history.txs.iter().enumerate() {
        match &tx.end {
            End::Committed(_) => verdict.commits += 1,
            End::Certified { .. } => verdict.certified += 1,
            End::Aborted { as_reader, cycle } => {
                verdict.aborts += 1;
                verdict.conservative += u64::from(cycle.conservative);
                verdict.suspected += u64::from(cycle.suspected);
                if let Err(story) = register.review(place, *as_reader, cycle) {
                    let story = format!("#{}: {story}; it did {:?}", tx.id, tx.ops);
                    verdict.accuse(FaultKind::UnjustifiedAbort, story);
                }
            }
            End::Detached { .. } => {}
            End::RolledBack => {}
        }
    }
}

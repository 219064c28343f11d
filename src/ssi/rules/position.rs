//! A place in a line for each commit, in the family of the serial safety net.
//!
//! The place of X is a timestamp, pi(X) <= c(X): its own commit, or the earliest place of
//! those that it read around. Every edge then leads to a place no earlier:
//!
//! ```text
//!   X -start-> Y          pi(X) <= c(X) <= s(Y) < pi(Y)       since pi(Y) > s(Y) is asked for
//!   X -rw,ww-> Y  later   pi(X) < pi(Y)                       asked for when Y commits
//!   X -rw-> Y     earlier pi(X) <= pi(Y), c(Y) < c(X)         by the definition of pi(X)
//! ```
//!
//! So in a cycle all places would be the same, and all edges of the last kind, which fall in
//! commit order: there is none. A reader R stands right after s(R), before everything that it
//! does not see: whoever is after it must have a place above s(R).
//!
//! The published rule keeps stamps beside each version, or in a table of fixed size to which
//! keys are hashed, where keys that share a slot refuse one another. Here the log has the
//! footprints of all whom the candidate can meet, so nothing is hashed, and ranges, absences
//! and predicates are compared as exactly as keys. The stamp of an entry is kept where
//! `low(X)` stands otherwise. What the log has forgotten or folded has places at or below
//! the s of everybody who is left.

use std::sync::Arc;

use crate::ssi::certify::{Member, Path, StepKind, Verdict};
use crate::ssi::entries::Entry;
use crate::ssi::footprint::Body;
use crate::ssi::rules::{Before, Rule, around, earlier_readers, through_candidate};
use crate::ssi::view::View;

pub(super) const RULE: Rule = Rule { tracks_reads: true, judges_writes: false, writer, reader };

/// pi(X).
fn place(entry: &Entry) -> u64 {
    entry.overwriter.as_ref().map_or(entry.commit, |earliest| earliest.commit)
}

fn writer(body: &Arc<Body>, view: &View, _: u64) -> Verdict {
    let earliest = view.overwriters().min_by_key(|(entry, _)| place(entry));
    let Some((entry, witness)) = earliest else {
        return Verdict::Clear;
    };
    let own = place(entry);
    if own <= body.snapshot {
        let steps = vec![around(entry, witness)];
        return Verdict::Suspect(Path { from: Member::Candidate, steps });
    }
    let level = |entry: &Entry| place(entry) >= own;
    let before = earlier_readers(body, view, level, own).or_else(|| writer_before(body, view, own));
    match (before, &entry.overwriter) {
        (Some(before), _) => through_candidate(before, (entry, witness)),
        (None, Some(earliest)) => Verdict::Edged(earliest.clone()),
        (None, None) => Verdict::Edged(entry.as_overwriter(witness)),
    }
}

/// Whoever wrote what the candidate writes, and has a place no earlier.
fn writer_before(body: &Body, view: &View, own: u64) -> Option<Before> {
    view.window.entries().filter(|entry| place(entry) >= own).find_map(|entry| {
        let witness = entry.body.footprint.overwritten(&body.footprint)?;
        Some((Member::Committed(entry.commit, Arc::clone(&entry.body)), StepKind::Ww(witness)))
    })
}

fn reader(body: &Arc<Body>, view: &View, _: u64) -> Verdict {
    match view.overwriters().find(|(entry, _)| place(entry) <= body.snapshot) {
        None => Verdict::Clear,
        Some((entry, witness)) => {
            let steps = vec![around(entry, witness)];
            Verdict::Suspect(Path { from: Member::Candidate, steps })
        }
    }
}

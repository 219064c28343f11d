//! Serializable snapshot isolation: no two rw edges in a row, if the last is the first done.
//!
//! ```text
//!   T1 --rw--> T2 --rw--> T3        T3 committed before T2 and not after T1;
//!                                   if T1 only reads, it sees T3
//! ```
//!
//! Every cycle has such a structure. Take the member T3 that committed first. What leads to
//! it in the cycle cannot be wr, ww or a start edge, since those come from earlier commits,
//! so it is T2 -rw-> T3 with s(T2) < c(T3). What leads to T2 comes from somebody T1 who
//! committed no earlier than T3, so T1 was not in the snapshot of T2: no wr and no start
//! edge. Nor is it a ww edge, since of concurrent writers of a key only the first commits. So
//! it is rw too. And if T1 is a reader, then whoever leads to T1 is in its snapshot and no
//! earlier than T3, hence T3 is in it.
//!
//! The last of them to end is refused, T1 or T2; T3 alone cannot know.

use std::sync::Arc;

use crate::ssi::certify::{Member, Path, Step, StepKind, Verdict, first_writer};
use crate::ssi::entries::Entry;
use crate::ssi::footprint::{Body, Witness};
use crate::ssi::rules::{Rule, around, earlier_readers, through_candidate};
use crate::ssi::view::View;

pub(super) const RULE: Rule = Rule { tracks_reads: true, judges_writes: true, writer, reader };

fn writer(body: &Arc<Body>, view: &View, _: u64) -> Verdict {
    if let Some(winner) = first_writer(body, view) {
        return Verdict::LostRace(winner);
    }
    // As T1: some T2 has read around a T3.
    if let Some(structure) = completed(view, |_| true) {
        return structure;
    }
    let Some((third, witness)) = view.overwriters().next() else {
        return Verdict::Clear;
    };
    // As T2, with the earliest T3 there is.
    let from = third.commit;
    match earlier_readers(body, view, |entry| entry.commit >= from, from) {
        Some(first) => through_candidate(first, (third, witness)),
        None => Verdict::Edged(third.as_overwriter(witness)),
    }
}

/// A reader can only be T1, and only if it sees T3.
fn reader(body: &Arc<Body>, view: &View, _: u64) -> Verdict {
    completed(view, |third| third <= body.snapshot).unwrap_or(Verdict::Clear)
}

/// The candidate read around a commit that itself read around another one, if that matters.
fn completed(view: &View, matters: impl Fn(u64) -> bool) -> Option<Verdict> {
    view.overwriters().find_map(|(second, witness): (&Entry, Witness)| {
        let third = second.overwriter.as_ref().filter(|third| matters(third.commit))?;
        let to = Member::Committed(third.commit, Arc::clone(&third.body));
        let steps = vec![around(second, witness), Step { kind: StepKind::Rw(third.witness), to }];
        Some(Verdict::Suspect(Path { from: Member::Candidate, steps }))
    })
}

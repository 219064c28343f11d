//! From the steps of a search to the cycle that a user sees, if somebody asks.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::ssi::certify::{Member, Path, Step, StepKind};
use crate::ssi::conflict::{Conflict, ConflictReason, Edge, EdgeKind, TransactionId};
use crate::ssi::entries::Overwriter;
use crate::ssi::footprint::{Body, Witness};

/// Why a transaction was refused, with what it takes to explain it.
pub(crate) enum Refusal {
    /// Steps that lead from the candidate back to it.
    Cycle(Arc<Body>, Vec<Step>),
    /// The edges that another rule objects to.
    Suspect(Arc<Body>, Path),
    /// Somebody else was quicker to write a key.
    LostRace(Arc<Body>, Overwriter),
    /// A bound was exceeded. Who was refused, and the newest commit that had a part in it.
    Conservative(TransactionId, u64),
}

impl Refusal {
    pub(crate) fn reason(&self) -> ConflictReason {
        match self {
            Self::Cycle(..) => ConflictReason::Cycle,
            Self::Suspect(..) => ConflictReason::Rule,
            Self::LostRace(..) => ConflictReason::FirstCommitterWins,
            Self::Conservative(..) => ConflictReason::Conservative,
        }
    }

    /// The newest commit timestamp in it. A snapshot at or above it cannot meet it again.
    pub(crate) fn newest_commit(&self) -> Option<u64> {
        match self {
            Self::Cycle(_, steps) => steps.iter().filter_map(|step| step.to.commit()).max(),
            Self::Suspect(_, path) => path.commits().max(),
            Self::LostRace(_, winner) => Some(winner.commit),
            Self::Conservative(_, newest) => Some(*newest),
        }
    }

    /// A number that differs between rivals: who met whom, and when.
    pub(crate) fn seed(&self) -> u64 {
        let mix = |seed: u64, more: u64| {
            (seed ^ more).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29)
        };
        match self {
            Self::Cycle(candidate, steps) => {
                let own = mix(u64::from(candidate.id), candidate.snapshot);
                let commits = steps.iter().filter_map(|step| step.to.commit());
                commits.fold(own, mix)
            }
            Self::Suspect(candidate, path) => {
                let own = mix(u64::from(candidate.id), candidate.snapshot);
                path.commits().fold(own, mix)
            }
            Self::LostRace(candidate, winner) => mix(u64::from(candidate.id), winner.commit),
            Self::Conservative(id, newest) => mix(u64::from(*id), *newest),
        }
    }

    /// Names every edge. Runs the `Debug` of keys, unless they are to be redacted.
    pub(crate) fn explain(&self, redact: bool) -> Conflict {
        let cycle = match self {
            Self::Cycle(candidate, steps) => edges(candidate, &Member::Candidate, steps, redact),
            Self::Suspect(candidate, path) => edges(candidate, &path.from, &path.steps, redact),
            Self::LostRace(candidate, winner) => vec![lost_race(candidate, winner, redact)],
            Self::Conservative(..) => Vec::new(),
        };
        Conflict { reason: self.reason(), cycle }
    }
}

impl Member {
    fn commit(&self) -> Option<u64> {
        match self {
            Self::Committed(commit, _) => Some(*commit),
            Self::Reader(_) | Self::Candidate => None,
        }
    }
}

impl Path {
    fn commits(&self) -> impl Iterator<Item = u64> {
        let members = std::iter::once(&self.from).chain(self.steps.iter().map(|step| &step.to));
        members.filter_map(Member::commit)
    }
}

fn edges(candidate: &Arc<Body>, from: &Member, steps: &[Step], redact: bool) -> Vec<Edge> {
    let known = |member: &Member| {
        let body = match member {
            Member::Committed(_, body) | Member::Reader(body) => body,
            Member::Candidate => candidate,
        };
        (Arc::clone(body), member.commit())
    };
    let mut from = known(from);
    let edges = steps.iter().map(|step| {
        let to = known(&step.to);
        let (kind, witness) = match step.kind {
            StepKind::Rw(witness) => (EdgeKind::Rw, Some(witness)),
            StepKind::Ww(witness) => (EdgeKind::Ww, Some(witness)),
            StepKind::Start => (EdgeKind::Start, None),
        };
        let (table, key) = witness.map(|witness| describe(&to.0, witness, redact)).unzip();
        let edge =
            Edge { kind, from: from.0.participant(from.1), to: to.0.participant(to.1), table, key };
        from = to;
        edge
    });
    edges.collect()
}

/// Names the key that somebody else was quicker to write.
fn lost_race(candidate: &Body, winner: &Overwriter, redact: bool) -> Edge {
    let (table, key) = describe(&winner.body, winner.witness, redact);
    Edge {
        kind: EdgeKind::Ww,
        from: winner.body.participant(Some(winner.commit)),
        to: candidate.participant(None),
        table: Some(table),
        key: Some(key),
    }
}

/// What stands for a key that is not to be seen.
const REDACTED: &str = "…";
/// What stands for a key that cannot be told.
const UNTOLD: &str = "(a key whose Debug panicked)";

/// The table and the key of a write.
fn describe(body: &Body, witness: Witness, redact: bool) -> (Arc<str>, String) {
    let (table, key) = body.footprint.describe(witness);
    if redact {
        return (table, REDACTED.to_owned());
    }
    let key = catch_unwind(AssertUnwindSafe(key)).unwrap_or_else(|payload| {
        // A payload can panic in its own Drop; what it held is lost, nothing else.
        std::mem::forget(payload);
        UNTOLD.to_owned()
    });
    (table, key)
}

#[cfg(all(test, not(precedent_loom)))]
mod tests {
    use super::{Refusal, TransactionId};
    use std::sync::Arc;

    use crate::ssi::certify::{Member, Path, Step, StepKind};
    use crate::ssi::footprint::{Body, Footprint};

    #[test]
    fn a_refusal_knows_its_newest_commit_and_rivals_get_different_seeds() {
        let refusal = |id, newest| Refusal::Conservative(TransactionId::from(id), newest);
        assert_eq!(refusal(1, 7).newest_commit(), Some(7));
        // Neighbours, and those of which one has the bits of the other.
        let seeds = [(1, 8), (2, 8), (1, 9), (2, 9), (3, 7), (1, 7), (2, 7)]
            .map(|(id, newest)| refusal(id, newest).seed());
        for (at, seed) in seeds.iter().enumerate() {
            assert!(!seeds[..at].contains(seed), "{seeds:?}");
        }
    }

    #[test]
    fn a_suspicion_is_over_for_who_begins_after_the_newest_commit_in_it() {
        let id = TransactionId::from(7);
        let footprint = Footprint::default();
        let body = Arc::new(Body { id, label: None, snapshot: 3, sharing: 0, footprint });
        let suspect = |from: u64, to: u64| {
            let member = |commit| Member::Committed(commit, Arc::clone(&body));
            let step = |to| Step { kind: StepKind::Start, to };
            let steps = vec![step(Member::Candidate), step(member(to))];
            Refusal::Suspect(Arc::clone(&body), Path { from: member(from), steps })
        };
        assert_eq!(suspect(5, 9).newest_commit(), Some(9));
        assert_eq!(suspect(9, 5).newest_commit(), Some(9));
        assert_ne!(suspect(5, 9).seed(), suspect(5, 8).seed());
        assert_ne!(suspect(5, 9).seed(), suspect(4, 9).seed());
    }
}

//! From the steps of a search to the cycle that a user sees.

use std::sync::Arc;

use crate::ssi::certify::{Member, Step, StepKind};
use crate::ssi::conflict::{Conflict, ConflictReason, Edge, EdgeKind};
use crate::ssi::footprint::Body;
use crate::ssi::log::Overwriter;

/// Names every edge of the steps, which lead from the candidate back to it.
pub(crate) fn cycle(candidate: &Arc<Body>, steps: &[Step]) -> Conflict {
    let mut from = (Arc::clone(candidate), None);
    let cycle = steps.iter().map(|step| {
        let to = match &step.to {
            Member::Committed(commit, body) => (Arc::clone(body), Some(*commit)),
            Member::Reader(body) => (Arc::clone(body), None),
            Member::Candidate => (Arc::clone(candidate), None),
        };
        let (kind, witness) = match step.kind {
            StepKind::Rw(witness) => (EdgeKind::Rw, Some(witness)),
            StepKind::Ww(witness) => (EdgeKind::Ww, Some(witness)),
            StepKind::Start => (EdgeKind::Start, None),
        };
        let place = witness.map(|witness| to.0.footprint.describe(witness));
        let (table, key) = place.unzip();
        let edge =
            Edge { kind, from: from.0.participant(from.1), to: to.0.participant(to.1), table, key };
        from = to;
        edge
    });
    Conflict { reason: ConflictReason::Cycle, cycle: cycle.collect() }
}

/// `Isolation::Snapshot`: names the key that somebody else was quicker to write.
pub(crate) fn lost_race(candidate: &Body, winner: &Overwriter) -> Conflict {
    let (table, key) = winner.body.footprint.describe(winner.witness);
    let edge = Edge {
        kind: EdgeKind::Ww,
        from: winner.body.participant(Some(winner.commit)),
        to: candidate.participant(None),
        table: Some(table),
        key: Some(key),
    };
    Conflict { reason: ConflictReason::FirstCommitterWins, cycle: vec![edge] }
}

/// The search was given up.
pub(crate) fn conservative() -> Conflict {
    Conflict { reason: ConflictReason::Conservative, cycle: Vec::new() }
}

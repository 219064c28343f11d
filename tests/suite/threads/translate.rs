//! A conflict of the engine, in the oracle's words.

use precedent::{Conflict, ConflictReason, Edge, EdgeKind, Participant};

use super::program::{TABLES, oracle_key};
use crate::oracle::{Cycle, CycleEdge, CycleEdgeKind, Key, Member};

/// The cycle that a conflict reports, or what a rule suspects.
pub fn cycle(conflict: &Conflict) -> Result<Cycle, String> {
    let (conservative, suspected) = match conflict.reason() {
        ConflictReason::Cycle => (false, false),
        ConflictReason::Conservative => (true, false),
        ConflictReason::Rule | ConflictReason::FirstCommitterWins => (false, true),
        other => return Err(format!("a refusal for {other:?}")),
    };
    let edges = conflict.cycle().iter().map(edge).collect::<Result<_, _>>()?;
    Ok(Cycle { conservative, suspected, edges })
}

fn edge(edge: &Edge) -> Result<CycleEdge, String> {
    let kind = match edge.kind() {
        EdgeKind::Rw => CycleEdgeKind::Rw,
        EdgeKind::Ww => CycleEdgeKind::Ww,
        EdgeKind::Start => CycleEdgeKind::Start,
        other => return Err(format!("an edge of kind {other:?}")),
    };
    let key = match (edge.table(), edge.key()) {
        (Some(table), Some(key)) => Some(named_key(table, key)?),
        (None, None) => None,
        (table, key) => return Err(format!("an edge on the table {table:?} and the key {key:?}")),
    };
    Ok(CycleEdge { kind, from: member(edge.from()), to: member(edge.to()), key })
}

fn named_key(table: &str, key: &str) -> Result<Key, String> {
    let table = TABLES.iter().position(|name| *name == table);
    match (table, key.parse()) {
        (Some(table), Ok(key)) => Ok(oracle_key(table, key)),
        _ => Err(format!("an edge on the table {table:?} and the key {key:?}")),
    }
}

fn member(participant: &Participant) -> Member {
    Member {
        id: participant.id().into(),
        s: participant.read_timestamp().into(),
        c: participant.commit_timestamp().map(u64::from),
        sharing: participant.sharing(),
    }
}

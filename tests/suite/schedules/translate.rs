//! The engine's words for keys and conflicts, and the oracle's.

use precedent::{Conflict, ConflictReason, EdgeKind, Participant};

use super::listener::UPPER_TABLE;
use super::step::TABLE;
use crate::oracle::{Cycle, CycleEdge, CycleEdgeKind, Key, Member};

/// The key of the oracle that a table's key is.
pub fn oracle_key(upper_table: bool, key: u8) -> Key {
    Key::new(if upper_table { key + TABLE } else { key })
}

/// The key in its table.
pub fn table_key(key: Key) -> u8 {
    key.place() % TABLE
}

/// Whether the key belongs to the upper table.
pub fn in_upper_table(key: Key) -> bool {
    key.place() >= TABLE
}

/// A conflict, in the oracle's words: the cycle, or what a rule suspects.
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

fn edge(edge: &precedent::Edge) -> Result<CycleEdge, String> {
    let kind = match edge.kind() {
        EdgeKind::Rw => CycleEdgeKind::Rw,
        EdgeKind::Ww => CycleEdgeKind::Ww,
        EdgeKind::Start => CycleEdgeKind::Start,
        other => return Err(format!("an edge of kind {other:?}")),
    };
    let key = match (edge.table(), edge.key()) {
        (Some(table), Some(key)) => {
            let key = key.parse::<u8>().ok().filter(|key| *key < TABLE);
            let key = key.ok_or_else(|| format!("an edge on the key {:?}", edge.key()))?;
            Some(oracle_key(table == UPPER_TABLE, key))
        }
        (None, None) => None,
        (table, key) => return Err(format!("an edge on the table {table:?} and the key {key:?}")),
    };
    Ok(CycleEdge { kind, from: member(edge.from()), to: member(edge.to()), key })
}

fn member(participant: &Participant) -> Member {
    Member {
        id: participant.id().into(),
        s: participant.read_timestamp().into(),
        c: participant.commit_timestamp().map(u64::from),
        sharing: participant.sharing(),
    }
}

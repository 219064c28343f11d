//! Conflicts without values: footprints, the commit log, the certifier, danger
//! intervals, the cycle as data. Knows nothing of versions and indexes.

pub(crate) mod certify;
mod conflict;
mod danger;
pub(crate) mod explain;
pub(crate) mod footprint;
pub(crate) mod log;
mod share;

pub use conflict::{Conflict, ConflictReason, Edge, EdgeKind, Participant, TransactionId};

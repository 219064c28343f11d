//! Conflicts without values: footprints, the commit log, the certifier and the rules that
//! can take its place, danger intervals, the cycle as data. Knows nothing of versions and indexes.

pub(crate) mod certify;
mod conflict;
mod danger;
pub(crate) mod entries;
pub(crate) mod explain;
pub(crate) mod footprint;
pub(crate) mod log;
mod reach;
pub(crate) mod rules;
mod share;
pub(crate) mod view;

pub use conflict::{Conflict, ConflictReason, Edge, EdgeKind, Participant, TransactionId};
pub use rules::Certifier;

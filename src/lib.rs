//! `precedent`: an embedded, in-memory, transactional key-value engine.
#![deny(unsafe_code, unsafe_op_in_unsafe_fn, clippy::undocumented_unsafe_blocks)]
#![deny(missing_docs)]

mod bugs;
mod db;
mod error;
mod key_range;
#[cfg(all(test, precedent_loom))]
mod models;
#[cfg(feature = "testkit")]
pub mod record;
mod ssi;
mod store;
mod sync;
mod timestamp;
mod tx;

pub use db::{Builder, Database, Stats};
pub use error::Error;
pub use key_range::KeyRange;
pub use ssi::{Conflict, ConflictReason, Edge, EdgeKind, Participant, TransactionId};
pub use timestamp::Timestamp;
pub use tx::{
    Commit, Isolation, Key, Keys, Range, ReadOnly, ReadTransaction, ReadWrite, Table, Transaction,
    Value, Values,
};

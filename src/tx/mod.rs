//! Transactions: the only place that knows both versions and conflicts.

mod bulk;
mod changes;
mod commit;
mod core;
mod engine;
mod gate;
mod hook;
mod live;
mod open_savepoints;
mod part;
mod pin_guard;
mod pinned;
mod point_read;
mod range;
mod read_set;
mod refusal;
mod safety;
mod savepoint;
mod snapshot;
mod snapshot_range;
mod table;
mod transaction;
mod tx_table;
mod window;
mod write;
mod write_set;

pub(crate) use bulk::ascending;
pub use commit::Commit;
pub(crate) use core::{Core, EngineRef, Origin};
pub use engine::Isolation;
pub(crate) use engine::{Config, Engine};
#[cfg(all(test, precedent_loom))]
pub(crate) use gate::Gate;
pub(crate) use gate::{Shut, this_thread};
pub(crate) use pin_guard::PinGuard;
pub use range::{Keys, Range, Values};
pub(crate) use refusal::{Failure, Refused};
pub use savepoint::Savepoint;
pub use snapshot::{Pin, Snapshot};
pub use snapshot_range::{SnapshotKeys, SnapshotRange, SnapshotValues};
pub(crate) use table::TableInner;
pub use table::{Key, Table, Value};
pub use transaction::{ReadOnly, ReadTransaction, ReadWrite, Transaction};

//! Transactions: the only place that knows both versions and conflicts.

mod commit;
mod core;
mod engine;
mod hook;
mod live;
mod part;
mod pin_guard;
mod point_read;
mod range;
mod read_set;
mod safety;
mod table;
mod transaction;
mod tx_table;
mod write;
mod write_set;

pub use commit::Commit;
pub(crate) use core::EngineRef;
pub use engine::Isolation;
pub(crate) use engine::{Config, Engine};
pub use range::{Keys, Range, Values};
pub(crate) use table::TableInner;
pub use table::{Key, Table, Value};
pub use transaction::{ReadOnly, ReadTransaction, ReadWrite, Transaction};

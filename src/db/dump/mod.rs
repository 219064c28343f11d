//! Dump and load: the tables of one snapshot, written to a stream and read again. With the
//! feature `serde`.

mod error;
mod format;
mod load;
mod probe;
mod write;

pub use error::DumpError;
pub use load::{Load, LoadSummary};
pub use write::{Dump, DumpSummary};

//! The database: its builder, its tables, its retry loops, its snapshots, its statistics.

#[cfg(not(precedent_loom))]
mod background;
mod builder;
mod census;
mod database;
#[cfg(feature = "serde")]
mod dump;
mod retry;
mod snapshots;
mod stats;

#[cfg(not(precedent_loom))]
pub use background::Background;
pub use builder::Builder;
pub use census::TableStats;
pub use database::Database;
#[cfg(feature = "serde")]
pub use dump::{Dump, DumpError, DumpSummary, Load, LoadSummary};
#[cfg(feature = "testkit")]
pub use retry::GateTurn;
pub use stats::{OldestTransaction, Stats};

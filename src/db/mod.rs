//! The database: its builder, its tables, its retry loops, its statistics.

mod builder;
mod database;
mod retry;
mod stats;

pub use builder::Builder;
pub use database::Database;
pub use stats::Stats;

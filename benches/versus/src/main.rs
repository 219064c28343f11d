//! Measures `precedent` against other in-memory engines: the same transactions, in one
//! run, engines interleaved.
//!
//! ```text
//! cargo run --release -p versus
//! cargo run --release -p versus -- --quick
//! ```
//!
//! Before anything is measured every engine runs exactly the same sequence of transactions,
//! and what it read and the state at the end are compared, so that nobody wins by doing
//! less.

mod allocator;
mod commands;
mod compare;
mod engine;
mod engines;
mod goals;
mod grow;
mod harness;
mod host;
mod lab;
mod measure;
mod memory;
mod model;
mod progress;
mod random;
mod results;
mod schema;
mod show;
mod statistics;
mod workload;

use std::process::ExitCode;

fn main() -> ExitCode {
    commands::run()
}

//! Measures `precedent` against other in-memory engines: the same transactions, in one
//! run, engines interleaved.
//!
//! ```text
//! cargo run --release -p versus
//! cargo run --release -p versus -- --quick
//! ```
//!
//! Every engine runs exactly the same sequence of transactions in each repeat, and what
//! it read and the state at the end are compared, so that nobody wins by doing less.

mod commands;
mod engine;
mod engines;
mod lab;
mod measure;
mod random;
mod statistics;
mod workload;

use std::process::ExitCode;

fn main() -> ExitCode {
    commands::run()
}

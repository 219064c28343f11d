//! The laboratory: one engine under different rules.

use std::process::ExitCode;

/// What `versus lab` can be told.
#[derive(clap::Args)]
pub struct Arguments {}

/// Runs the laboratory.
pub fn run(_arguments: &Arguments) -> ExitCode {
    eprintln!("error: the laboratory is not built yet");
    ExitCode::FAILURE
}

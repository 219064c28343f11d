//! The command line: a comparison if nothing else is asked for.

use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::lab;
use crate::measure::{self, Plan};

/// Measures precedent against other in-memory engines.
#[derive(Parser)]
#[command(about, args_conflicts_with_subcommands = true)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    run: Run,
}

#[derive(Subcommand)]
enum Command {
    /// Measure engines against each other (what is done without a command)
    Run(Run),
    /// One engine under several certification rules
    Lab(lab::Arguments),
}

#[derive(Args)]
struct Run {
    /// A short run, to see that it works: 3 repeats of 0.02 seconds
    #[arg(long)]
    quick: bool,
    /// How long one run of the slowest engine should take
    #[arg(long, default_value_t = 0.2, value_parser = positive_seconds)]
    seconds: f64,
    /// Runs of each engine, workload and number of threads
    #[arg(long, default_value_t = 11, value_parser = clap::value_parser!(u32).range(1..=1001))]
    repeats: u32,
    /// Seed of the keys and of the transactions
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Only workloads with this text in their name
    #[arg(long, default_value = "")]
    only: String,
}

/// Does what the command line says.
pub fn run() -> ExitCode {
    let arguments = Arguments::parse();
    match arguments.command.unwrap_or(Command::Run(arguments.run)) {
        Command::Run(run) => compare(run),
        Command::Lab(arguments) => lab::run(&arguments),
    }
}

fn compare(run: Run) -> ExitCode {
    let (seconds, repeats) = if run.quick { (0.02, 3) } else { (run.seconds, run.repeats) };
    let plan = Plan { seconds, repeats, seed: run.seed, only: run.only };
    match measure::run(&plan) {
        Ok(()) => ExitCode::SUCCESS,
        Err(disagreement) => {
            eprintln!("error: {disagreement}");
            ExitCode::FAILURE
        }
    }
}

fn positive_seconds(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(seconds) if (0.001..=60.0).contains(&seconds) => Ok(seconds),
        _ => Err("must be a number from 0.001 to 60".to_owned()),
    }
}

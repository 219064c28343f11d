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

mod engine;
mod engines;
mod measure;
mod random;
mod statistics;
mod workload;

use std::process::ExitCode;

use clap::Parser;

use measure::Plan;

/// Measures precedent against other in-memory engines.
#[derive(Parser)]
#[command(about)]
struct Arguments {
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

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let (seconds, repeats) =
        if arguments.quick { (0.02, 3) } else { (arguments.seconds, arguments.repeats) };
    let plan = Plan { seconds, repeats, seed: arguments.seed, only: arguments.only };
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

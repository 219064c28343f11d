//! The laboratory: one engine under different rules of certification.
//!
//! Sixteen sessions take turns on one thread, a step each, in an order drawn from the seed.
//! So a run is the same each time, on each machine, and the share of refused transactions is
//! a property of the rule and of the workload, not of timing.
//!
//! | module | what it holds |
//! | --- | --- |
//! | [`driver`] | sessions as futures, and who takes the next step |
//! | [`seat`] | one transaction of a session: each operation is a step, and is noted |
//! | [`workloads`] | those of the literature, written as straight code |
//! | [`record`] | what a run did, as its callers saw it |
//! | [`judge`] | whether that is strictly serializable; if not, the cycle |
//! | [`experiment`], [`ruled`] | a workload under a rule, and what came of it |

mod driver;
mod experiment;
mod judge;
mod record;
mod ruled;
mod seat;
mod workloads;

#[cfg(test)]
mod tests;

use std::path::PathBuf;

use precedent::Certifier;

use crate::progress::Progress;
use experiment::{Experiment, Outcome};
use judge::Checked;
pub use ruled::Ruled;
use workloads::Workload;

/// What `versus lab` can be told.
#[derive(clap::Args)]
pub struct Arguments {
    /// Only workloads with one of these texts in their name
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Only these rules: exact, position, backward, pivot, first-committer-wins
    #[arg(long, value_delimiter = ',')]
    rules: Vec<String>,
    /// Sessions that take turns
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u64).range(1..=1000))]
    sessions: u64,
    /// Transactions in each run, refused ones included
    #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    transactions: u64,
    /// Runs with different seeds, added up
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=1000))]
    repeats: u64,
    /// Seed of keys, transactions and turns
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// A session tries again what was refused, until it commits
    #[arg(long)]
    retries: bool,
    /// Record every run and judge it; fail, and draw the cycle, if one is not strictly
    /// serializable. Of the rules, those that promise it, unless others are named
    #[arg(long)]
    check: bool,
    /// Write the cycle that was found there, in the language of Graphviz
    #[arg(long, value_name = "FILE")]
    dot: Option<PathBuf>,
}

impl Arguments {
    /// All workloads under all rules, with few transactions.
    pub fn small(seed: u64) -> Self {
        Self {
            only: Vec::new(),
            rules: Vec::new(),
            sessions: 16,
            transactions: 4_000,
            repeats: 1,
            seed,
            retries: false,
            check: false,
            dot: None,
        }
    }
}

/// Runs the laboratory.
///
/// # Errors
/// A rule or a workload that does not exist, or a violation that a check has found.
pub fn run(arguments: &Arguments) -> Result<Vec<Ruled>, String> {
    let (rules, workloads) = (rules(arguments)?, workloads(&arguments.only)?);
    // Where reads are not tracked, nothing slides.
    let modes =
        |rule: &Certifier| if rule.is_serializable() { &[false, true][..] } else { &[false] };
    let runs: usize = rules.iter().map(|rule| modes(rule).len()).sum();
    let progress = Progress::new((workloads.len() * runs) as u64);
    let (mut all, mut checked) = (Vec::new(), Checked::default());
    for workload in &workloads {
        for rule in &rules {
            for sliding in modes(rule) {
                progress.step(&format!("{}: {rule}", workload.name()));
                let outcome = repeated(arguments, &**workload, *rule, *sliding)?;
                if let Some(violation) = &outcome.violation {
                    progress.finish();
                    if let Some(file) = &arguments.dot {
                        let failed = |error| format!("{}: {error}", file.display());
                        std::fs::write(file, violation.dot()).map_err(failed)?;
                    }
                    return Err(format!("{}\n{violation}", outcome.ruled.title()));
                }
                checked.add(&outcome.checked);
                all.push(outcome.ruled);
            }
        }
    }
    progress.finish();
    if arguments.check {
        println!("{} experiments were judged, {checked}; no violation\n", all.len());
    }
    Ok(all)
}

/// The same experiment with different seeds, added up; the first violation ends it.
fn repeated(
    arguments: &Arguments,
    workload: &dyn Workload,
    rule: Certifier,
    sliding: bool,
) -> Result<Outcome, String> {
    let run = |seed| {
        let Arguments { sessions, transactions, retries, check, .. } = *arguments;
        let experiment = Experiment { rule, sliding, sessions, transactions, seed, retries, check };
        experiment::run(workload, experiment)
    };
    let mut sum = run(arguments.seed)?;
    for repeat in 1..arguments.repeats {
        if sum.violation.is_some() {
            break;
        }
        sum.add(run(arguments.seed.wrapping_add(repeat))?);
    }
    Ok(sum)
}

fn rules(arguments: &Arguments) -> Result<Vec<Certifier>, String> {
    let all = Certifier::ALL.iter().copied();
    if arguments.rules.is_empty() {
        return Ok(all.filter(|rule| !arguments.check || rule.is_serializable()).collect());
    }
    let named = |name: &String| {
        let found = all.clone().find(|rule| rule.to_string() == *name);
        let names = || all.clone().map(|rule| rule.to_string()).collect::<Vec<_>>().join(", ");
        found.ok_or_else(|| format!("no rule is called {name}; there are {}", names()))
    };
    arguments.rules.iter().map(named).collect()
}

fn workloads(only: &[String]) -> Result<Vec<Box<dyn Workload>>, String> {
    let mut all = workloads::all();
    let wanted = |name: &str| only.is_empty() || only.iter().any(|text| name.contains(text));
    all.retain(|workload| wanted(workload.name()));
    if all.is_empty() {
        return Err(format!("no workload is called {}", only.join(" or ")));
    }
    Ok(all)
}

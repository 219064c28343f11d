//! Runs random schedules of a few transactions on a PostgreSQL server at `SERIALIZABLE`, and
//! then on this engine in the order in which the server did them.
//!
//! ```text
//!   schedule --server--> order, reads, who was aborted
//!       |                   |
//!       |                   +--model---> the same reads and state?
//!       |                   +--engine--> the same reads and state, and nobody else aborted?
//!       |                   +--graph---> was the abort needed? is what committed serial?
//!       +--------------------- again without aborts, sliding off and on
//! ```
//!
//! `ci/postgres.sh` starts the server and calls this.

mod count;
mod engine;
mod graph;
mod judge;
mod model;
#[expect(dead_code, reason = "it is the suite's, which also shuffles")]
#[path = "../../../tests/suite/schedules/rng.rs"]
mod rng;
mod schedule;
mod server;
mod session;

use std::time::Instant;

use count::Counts;
use schedule::Schedule;
use server::Server;

/// Transactions of a schedule at most.
const SESSIONS: usize = 6;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [url, numbers @ ..] = &words[..] else {
        eprintln!("usage: against-postgres URL [SCHEDULES] [SEED] [ONLY]; see ci/postgres.sh");
        std::process::exit(2);
    };
    let numbers: Option<Vec<u64>> = numbers.iter().map(|word| word.parse().ok()).collect();
    let Some(numbers) = numbers else {
        eprintln!("SCHEDULES, SEED and ONLY are numbers");
        std::process::exit(2);
    };
    let schedules = numbers.first().copied().unwrap_or(5_000);
    let seed = numbers.get(1).copied().unwrap_or(1);
    let only = numbers.get(2).copied();
    match run(url, schedules, seed, only) {
        Ok(counts) => {
            println!("{}", counts.table());
            if !counts.is_fine() {
                std::process::exit(1);
            }
        }
        Err(error) => {
            eprintln!("against-postgres: {error}");
            std::process::exit(1);
        }
    }
}

fn run(
    url: &str,
    schedules: u64,
    seed: u64,
    only: Option<u64>,
) -> Result<Counts, Box<dyn std::error::Error>> {
    let begun = Instant::now();
    let mut server = Server::connect(url, SESSIONS)?;
    let mut counts = Counts::default();
    let indices = only.map_or(0..schedules, |only| only..only + 1);
    for index in indices {
        let schedule = Schedule::draw(seed, index);
        let played = match server.play(&schedule) {
            Ok(played) => played,
            Err(story) => {
                counts.schedules += 1;
                counts.unplayable += 1;
                println!("schedule {index} of seed {seed} could not be played: {story}");
                server = Server::connect(url, SESSIONS)?;
                continue;
            }
        };
        let faults = judge::judge(&schedule, &played, &mut counts)?;
        for fault in faults {
            counts.contradictions += 1;
            println!("CONTRADICTION in schedule {index} of seed {seed}: {fault}");
            println!("{}", schedule::Told(&schedule, &played.order));
            println!("aborted by the server: {:?}", played.aborted);
            println!("again: ci/postgres.sh 1 {seed} {index}\n");
        }
        if (index + 1) % 1_000 == 0 {
            println!("{} schedules, {} s", index + 1, begun.elapsed().as_secs());
        }
    }
    Ok(counts)
}

//! A soak: rounds of a few seconds, each with a database, bounds, faults and a mix of
//! operations of its own, drawn from a seed. After each window of a round the testkit judges
//! what was recorded; after each round all memory must have been given back.
//!
//! A binary of its own, since the allocator that counts is the process's. `ci/soak.sh` runs
//! it for as long as one likes. It reads
//!
//! | variable | |
//! | --- | --- |
//! | `PRECEDENT_SOAK_SECONDS` | no round begins after so many; 4 if not set |
//! | `PRECEDENT_SEED` | the seed of the soak; 1 if not set |
//! | `PRECEDENT_ROUND` | the seed of a round: only that one runs, for so long |

mod counts;
mod deeds;
mod goods;
mod hazard;
#[path = "../endurance/meter.rs"]
mod meter;
mod plan;
#[expect(dead_code, reason = "it is the suite's, which also shuffles")]
#[path = "../suite/schedules/rng.rs"]
mod rng;
mod round;
mod vault;
mod views;
mod watch;
mod worker;

use std::io::Write;
use std::str::FromStr;
use std::time::{Duration, Instant};

use counts::Counts;
use meter::Meter;
use plan::Plan;
use rng::Rng;
use round::Round;

#[global_allocator]
static METER: Meter = Meter::new();

/// A round may leave so many bytes behind: what the standard library and the locks keep for
/// threads that may come again, which grows with the most threads at a time.
const TOLERANCE: usize = 4 * 1024;

/// Bytes that are allocated at the moment.
fn bytes() -> usize {
    METER.live()
}

/// Past the test harness, which would keep it in memory.
fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    written.expect("somebody listens");
}

/// How to run a round again.
fn repeat(round: u64) -> String {
    format!("to run only this round again: ci/soak.sh 1 1 {round}")
}

fn number<N: FromStr>(name: &str) -> Option<N> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}={text} is not a number")))
}

struct Soak {
    begun: Instant,
    counts: Counts,
    rounds: u64,
    /// Bytes that what was forgotten for ever keeps.
    forgotten: usize,
    /// The most that any other round has left behind.
    left_behind: usize,
}

impl Soak {
    /// What went wrong in the round of this seed, if anything.
    fn round(&mut self, seed: u64) -> Vec<String> {
        let plan = Plan::draw(seed);
        let time = plan.window * u32::try_from(plan.windows).expect("a few");
        watch::expect(self.begun, seed, time);
        let (before, alive) = (bytes(), goods::alive());
        let forgotten = self.counts.forgotten;
        let mut faults = Round::run(plan, &mut self.counts);
        watch::relax();
        self.rounds += 1;
        let left = bytes().saturating_sub(before);
        if self.counts.forgotten > forgotten {
            self.forgotten += left;
            return faults;
        }
        self.left_behind = self.left_behind.max(left);
        if left > TOLERANCE {
            faults.push(format!("{left} bytes were not given back"));
        }
        if goods::alive() != alive {
            faults.push(format!("{} keys and values were not dropped", goods::alive() - alive));
        }
        faults
    }

    fn tell(&self) {
        let counts = &self.counts;
        print(&format!(
            "{:>5} s: {} rounds, {} operations, {} committed, {} judged, {} bytes in use\n",
            self.begun.elapsed().as_secs(),
            self.rounds,
            counts.operations,
            counts.engine.commits,
            counts.judged,
            bytes()
        ));
    }
}

#[test]
fn a_soak_finds_nothing() {
    let seconds = number("PRECEDENT_SOAK_SECONDS").unwrap_or(4);
    let seed: u64 = number("PRECEDENT_SEED").unwrap_or(1);
    let only: Option<u64> = number("PRECEDENT_ROUND");
    let begun = Instant::now();
    watch::start(begun);
    let counts = Counts::default();
    let mut soak = Soak { begun, counts, rounds: 0, forgotten: 0, left_behind: 0 };
    warm_up(&mut soak, seed);
    let baseline = bytes();
    let mut minute = 1;
    let mut seeds = Rng::stream(seed, 1);
    while soak.rounds < 2 || begun.elapsed() < Duration::from_secs(seconds) {
        let round = only.unwrap_or_else(|| seeds.next());
        let faults = soak.round(round);
        if !faults.is_empty() {
            let plan = Plan::draw(round);
            print(&format!("\n{plan:#?}\n{}\n{}\n", faults.join("\n"), repeat(round)));
            panic!("round {round} went wrong, see above");
        }
        if begun.elapsed() >= Duration::from_secs(60 * minute) {
            soak.tell();
            minute = begun.elapsed().as_secs() / 60 + 1;
        }
    }
    tell_all(&soak, baseline, seed);
}

/// What is allocated once and kept is no leak: two rounds that nobody looks at.
fn warm_up(soak: &mut Soak, seed: u64) {
    let mut seeds = Rng::stream(seed, 2);
    for _ in 0..2 {
        let mut plan = Plan::draw(seeds.next());
        plan.threads = 8;
        plan.windows = 1;
        plan.window = Duration::from_millis(200);
        plan.forgets = false;
        let faults = Round::run(plan, &mut soak.counts);
        assert_eq!(faults, [""; 0], "while warming up");
    }
    soak.counts = Counts::default();
}

fn tell_all(soak: &Soak, baseline: usize, seed: u64) {
    let end = bytes().saturating_sub(soak.forgotten);
    print(&format!(
        "\n{} s, {} rounds, seed {seed}\n{}{:<12} {baseline} bytes before, {} at most, {end} at the \
         end; a round left {} behind at most\n{:<12} {} bytes, kept by what was never ended\n\
         violations   0\n",
        soak.begun.elapsed().as_secs(),
        soak.rounds,
        soak.counts.table(),
        "memory",
        watch::peak(),
        soak.left_behind,
        "forgotten",
        soak.forgotten,
    ));
    assert!(end <= baseline + TOLERANCE, "{baseline} bytes became {end}");
}

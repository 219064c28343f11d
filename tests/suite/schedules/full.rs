//! Millions of schedules, judged.
//!
//! `PRECEDENT_SIZE` is the size in percent (1 if not set: some seconds), `PRECEDENT_SEED`
//! the seed of what is random. Both are printed.

use super::campaign::{check, report, run};
use super::exhaustive::Shape;
use super::rng::Rng;
use super::step::{Mode, Schedule};
use super::tally::{Tally, scaled};
use super::{random, rings, sprinkle, stories};
use crate::oracle::Sighting;

/// How many random and directed schedules a full run judges.
const RANDOM_AND_DIRECTED: u64 = 1_000_000;
/// How many of these a full run judges with a log that is folded all the time.
const FOLDED: u64 = 1_000_000;
/// How many transactions that were older than the fold must at least have been certified.
const FOLDED_MEMBERS: u64 = 10_000;
/// Refusals through a footprint that readers share which a full run must at least have seen.
const SHARED_MEMBERS: u64 = 30;
/// How many of these a full run judges with searches that may take hardly any step.
const HURRIED: u64 = 100_000;
/// How many of these a full run judges with danger intervals that are merged into one.
const BLURRED: u64 = 200_000;
/// Of a hundred schedules, so many have detached snapshots strewn in.
const SPRINKLED: usize = 50;

/// A number from the environment.
fn setting<T: std::str::FromStr>(name: &str, default: T) -> T {
    match std::env::var(name) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")),
        Err(_) => default,
    }
}

/// The size of a run, in percent.
pub fn percent() -> f64 {
    setting("PRECEDENT_SIZE", 1.0)
}

/// The seed of what is random.
pub fn seed() -> u64 {
    setting("PRECEDENT_SEED", 1)
}

/// Prints what a run has shown, and fails if something was wrong.
pub fn conclude(title: &str, tally: &Tally, floors: &str) {
    println!("\n{title} (PRECEDENT_SIZE={} PRECEDENT_SEED={})\n{tally}{floors}", percent(), seed());
    assert!(tally.failures.is_empty(), "\n{}", report(tally));
}

/// Runs every schedule of every shape, or one casting of so many.
fn small_schedules(sliding: bool) -> Tally {
    let mut all = Tally::default();
    let stride = (100.0 / percent()).round().max(1.0) as usize;
    for shape in Shape::all() {
        let first = seed() as usize % stride;
        all.add(run(shape.castings().saturating_sub(first).div_ceil(stride), |job, tally| {
            let mode = Mode::roomy(sliding, job % 2 == 0);
            shape.schedules(first + job * stride, |schedule| {
                check(shape.name, schedule, mode, tally);
            });
        }));
    }
    all
}

#[test]
fn every_small_schedule_commits_what_it_can_when_snapshots_slide() {
    conclude("every small schedule, snapshots slide", &small_schedules(true), "");
}

#[test]
fn every_small_schedule_commits_what_it_can_when_snapshots_stay() {
    conclude("every small schedule, snapshots stay", &small_schedules(false), "");
}

/// Runs so many schedules that are drawn at random or directed at cycles, in a mode with
/// these bounds.
pub fn drawn_schedules(count: u64, bounds: Mode) -> Tally {
    run(scaled(count, percent()) as usize, |job, tally| {
        let mut rng = Rng::stream(seed(), job as u64);
        let (kind, mut schedule) = drawn(&mut rng);
        let (sliding, collecting) = (rng.chance(60), bounds.collecting || rng.chance(50));
        let mode = Mode { sliding, collecting, aging: rng.chance(20), ..bounds };
        if rng.chance(SPRINKLED) {
            sprinkle::sprinkle(&mut rng, &mut schedule);
        }
        check(kind, &schedule, mode, tally);
    })
}

/// A schedule of some kind.
pub fn drawn(rng: &mut Rng) -> (&'static str, Schedule) {
    type Generator = fn(&mut Rng) -> Schedule;
    const GENERATORS: [(&str, Generator); 6] = [
        ("random", random::schedule),
        ("sessions", random::sessions),
        ("rings", rings::schedule),
        ("rings", rings::schedule),
        ("varied scripts", stories::schedule),
        ("varied scripts", stories::schedule),
    ];
    let (kind, generator) = rng.pick(&GENERATORS);
    (kind, generator(rng))
}

#[test]
fn random_and_directed_schedules_commit_what_they_can_and_nothing_more() {
    let tally = drawn_schedules(RANDOM_AND_DIRECTED, Mode::roomy(true, false));
    conclude("random and directed schedules", &tally, &tally.floors(percent()));
    let missed = tally.missed_floors(percent());
    assert!(missed.is_empty(), "too little was seen:\n{}", missed.join("\n"));
}

#[test]
fn a_bound_on_the_search_costs_commits_and_nothing_else() {
    let bounds = Mode { hurried: true, ..Mode::roomy(true, false) };
    let tally = drawn_schedules(HURRIED, bounds);
    conclude("random and directed schedules, searches cut short", &tally, "");
    let floor = scaled(HURRIED / 100, percent());
    assert!(tally.conservative >= floor, "too few searches were cut short: {}", tally.conservative);
}

#[test]
fn a_bound_on_the_log_costs_commits_of_those_who_are_older_than_the_fold() {
    let bounds = Mode { folding: true, ..Mode::roomy(true, true) };
    let tally = drawn_schedules(FOLDED, bounds);
    let folded = tally.sighted(Sighting::Folded);
    let shared = [Sighting::Shared, Sighting::SharedMember].map(|what| tally.sighted(what));
    let title = format!(
        "random and directed schedules, {folded} folded members, {} shared footprints, {} of \
         them in a cycle",
        shared[0], shared[1]
    );
    conclude(&title, &tally, "");
    let floor = scaled(FOLDED_MEMBERS, percent());
    assert!(shared[0] >= floor, "too few footprints are shared: {shared:?}");
    let floor_in_cycles = scaled(SHARED_MEMBERS, percent());
    assert!(shared[1] >= floor_in_cycles, "too few are part of a cycle: {shared:?}");
    assert!(folded >= floor, "too few folded members: {folded}, at least {floor} wanted");
    assert!(tally.conservative >= floor, "too few had to fail: {}", tally.conservative);
}

#[test]
fn a_bound_on_danger_intervals_lets_safe_snapshots_lag_and_costs_nothing_else() {
    let bounds = Mode { blurred: true, ..Mode::roomy(true, false) };
    let tally = drawn_schedules(BLURRED, bounds);
    let lagging = tally.sighted(Sighting::DangerLag);
    let title = format!("random and directed schedules, {lagging} safe snapshots below a danger");
    conclude(&title, &tally, "");
    let floor = scaled(BLURRED / 1000, percent());
    assert!(lagging >= floor, "too few lag: {lagging}, at least {floor} wanted");
}

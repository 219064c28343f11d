//! Runs many schedules on all cores.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::driver::run_and_judge;
use super::shrink::shrink;
use super::step::{Mode, Schedule};
use super::tally::Tally;

/// How many jobs a thread takes at a time.
const BATCH: usize = 256;

/// Runs all jobs below `jobs`, each of which may run any number of schedules; stops soon
/// after a schedule has failed.
pub fn run(jobs: usize, job: impl Fn(usize, &mut Tally) + Sync) -> Tally {
    let next = AtomicUsize::new(0);
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let work = || {
        let mut tally = Tally::default();
        loop {
            let first = next.fetch_add(BATCH, Ordering::Relaxed);
            if first >= jobs {
                return tally;
            }
            (first..jobs.min(first + BATCH)).for_each(|index| job(index, &mut tally));
            if !tally.failures.is_empty() {
                next.store(jobs, Ordering::Relaxed);
            }
        }
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let mut all = Tally::default();
        for worker in workers {
            all.add(worker.join().expect("a worker that judges does not panic"));
        }
        all
    })
}

/// Runs one schedule and counts it.
pub fn check(kind: &'static str, schedule: &Schedule, mode: Mode, tally: &mut Tally) {
    let verdict = run_and_judge(schedule, mode);
    tally.note(kind, schedule, mode, verdict);
}

/// The failures of a run, each shrunk to a script.
pub fn report(tally: &Tally) -> String {
    let mut report = String::new();
    for failure in &tally.failures {
        let (small, mode) = shrink(&failure.schedule, failure.mode, failure.fault.kind);
        let faults = run_and_judge(&small, mode).faults;
        let faults: Vec<String> = faults.iter().map(|fault| format!("  {fault}")).collect();
        report += &format!("with {mode}:\n  {small}\n{}\n", faults.join("\n"));
        report += &format!("shrunk from:\n  {}\n  {}\n", failure.schedule, failure.fault);
    }
    report
}

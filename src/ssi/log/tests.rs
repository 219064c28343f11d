//! How long an append takes, as a distribution. `ci/section.sh` runs it in release.

use std::sync::Arc;
use std::thread;
use std::time::Instant;

use super::{Bounds, CommitLog, Horizon, NEVER, Stance};
use crate::bugs::Bugs;
use crate::ssi::conflict::TransactionId;
use crate::ssi::footprint::{Body, Footprint};
use crate::ssi::view::View;

const APPENDS: u64 = if cfg!(debug_assertions) { 20_000 } else { 2_000_000 };

fn log() -> CommitLog {
    CommitLog::new(Bounds { retained: 65_536, dangers: 1_024 }, Bugs::NONE)
}

/// A transaction that read two keys, beyond those of others, and wrote them.
fn body(snapshot: u64, key: usize) -> Arc<Body> {
    let mut footprint = Footprint { observes: true, ..Footprint::default() };
    for key in [key, key + 1] {
        footprint.reads.add_key(key * 64);
        footprint.writes.add_key(key * 64);
    }
    let id = TransactionId::from(key as u64);
    Arc::new(Body { id, label: None, snapshot, sharing: 0, footprint })
}

/// Appends many, and forgets them by and by; returns how long each append took, in
/// nanoseconds, the clock included.
fn appends(log: &CommitLog, count: u64, first_key: usize) -> Vec<u64> {
    let mut last = 0;
    let mut times = Vec::with_capacity(count as usize);
    for n in 0..count {
        let mut view = View::new(last);
        while log.catch_up(&mut view, false).is_err() {
            view = View::new(log.base()); // the other one has forgotten more
        }
        let body = body(view.position(), first_key + (n as usize % 1_000) * 4);
        let view = View::new(view.position());
        let began = Instant::now();
        let appended = log.append(&body, Stance::Clear(&view));
        let time = began.elapsed();
        if let Ok(commit) = appended {
            times.push(u64::try_from(time.as_nanos()).unwrap_or(NEVER));
            last = commit;
        }
        if n % 8 == 0 {
            let all = Horizon { low_water: last, danger: NEVER, published: last };
            drop(log.try_forget(all));
            last = last.max(log.base());
        }
    }
    times.sort_unstable();
    times
}

/// What reading the clock twice takes.
fn clock() -> u64 {
    let mut times = [0; 10_001];
    times.fill_with(|| u64::try_from(Instant::now().elapsed().as_nanos()).unwrap_or(NEVER));
    times.sort_unstable();
    times[times.len() / 2]
}

fn told(times: &[u64], clock: u64) -> String {
    let quantile = |share: f64| {
        let at = (times.len() as f64 * share) as usize;
        times[at.min(times.len() - 1)].saturating_sub(clock)
    };
    let [median, p99, p999] = [0.5, 0.99, 0.999].map(quantile);
    format!("median {median} ns, p99 {p99} ns, p99.9 {p999} ns")
}

#[test]
#[ignore = "a measurement, for ci/section.sh"]
fn how_long_an_append_takes() {
    let clock = clock();
    let alone = appends(&log(), APPENDS, 0);
    assert_eq!(alone.len() as u64, APPENDS, "nobody was in the way");
    println!("an append, alone: {}", told(&alone, clock));
    let log = log();
    let mut beside = thread::scope(|scope| {
        let other = scope.spawn(|| appends(&log, APPENDS, 1_000_000));
        let mut times = appends(&log, APPENDS, 0);
        times.extend(other.join().expect("it counts only"));
        times
    });
    beside.sort_unstable();
    println!("an append, beside another thread's: {}", told(&beside, clock));
    assert!(beside.len() as u64 > APPENDS, "most were appended at once");
}

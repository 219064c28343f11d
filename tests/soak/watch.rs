//! Watches that every round comes to its end, and how much memory is in use.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::plan::DEEDS;
use crate::{bytes, print, repeat};

/// How long a round may take beyond its own time: a wait at every gate, a judge at work.
const GRACE: Duration = Duration::from_secs(120);

/// In milliseconds since the start; 0: no round runs.
static DEADLINE: AtomicU64 = AtomicU64::new(0);
static ROUND: AtomicU64 = AtomicU64::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);
/// What each worker does, by the number of the deed; none of them: nothing.
static DOING: [AtomicUsize; 8] = [const { AtomicUsize::new(usize::MAX) }; 8];

/// Ends the process if a round does not end.
pub fn start(begun: Instant) {
    thread::spawn(move || {
        loop {
            PEAK.fetch_max(bytes(), Ordering::Relaxed);
            let deadline = DEADLINE.load(Ordering::Relaxed);
            if deadline != 0 && begun.elapsed() > Duration::from_millis(deadline) {
                give_up();
            }
            thread::sleep(Duration::from_millis(10));
        }
    });
}

fn give_up() -> ! {
    let round = ROUND.load(Ordering::Relaxed);
    let doing = DOING.iter().map(|deed| DEEDS.get(deed.load(Ordering::Relaxed)));
    let doing: Vec<_> =
        doing.map(|deed| deed.map_or("-".into(), |deed| format!("{deed:?}"))).collect();
    print(&format!(
        "STUCK: round {round}; its workers do: {}\n{}\n",
        doing.join(", "),
        repeat(round)
    ));
    std::process::exit(1);
}

/// A round begins that takes so long.
pub fn expect(begun: Instant, round: u64, takes: Duration) {
    ROUND.store(round, Ordering::Relaxed);
    let deadline = (begun.elapsed() + takes + GRACE).as_millis();
    DEADLINE.store(u64::try_from(deadline).unwrap_or(u64::MAX), Ordering::Relaxed);
}

/// It has ended.
pub fn relax() {
    DEADLINE.store(0, Ordering::Relaxed);
}

/// What a worker does now.
pub fn doing(worker: usize, deed: Option<usize>) {
    DOING[worker].store(deed.unwrap_or(usize::MAX), Ordering::Relaxed);
}

/// The most bytes that were in use so far.
pub fn peak() -> usize {
    PEAK.load(Ordering::Relaxed).max(bytes())
}

//! What short commits notice of one that has to search a long window.

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;

use hdrhistogram::Histogram;
use precedent::{Database, Error, Table};

use super::{Limits, decades, nanoseconds};
use crate::harness::histogram;
use crate::progress::Progress;
use crate::random::Random;
use crate::results::{Curve, Line};
use crate::statistics::median;

/// Keys of the short ones; those of the one that searches lie above.
const KEYS: u64 = 100_000;
const OWN: u64 = KEYS;
/// The shortest window.
const FIRST: u64 = 1_000;
/// Commits that are timed, unless there would be more searches.
const SAMPLES: u64 = 10_000;
const SEARCHES: u32 = 50;

const LINES: [(&str, f64); 4] =
    [("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999), ("the longest", 1.0)];

pub fn beside(limits: &Limits, progress: &Progress) -> Curve {
    let mut lines = vec![Vec::new(); LINES.len()];
    let mut searches = Vec::new();
    for window in decades(FIRST.min(limits.window), limits.window) {
        progress.say(&format!("{window} commits"));
        let (latency, search) = measure(window).expect("nobody else writes what they read");
        for (line, (_, quantile)) in lines.iter_mut().zip(LINES) {
            line.push((window as f64, vec![latency.value_at_quantile(quantile) as f64]));
        }
        searches.push((window as f64, search));
    }
    let named = LINES.iter().zip(lines).map(|((name, _), points)| Line::of(name, points));
    let search = Line::of("the search", searches);
    Curve {
        title: "Short commits beside a search, by commits in its window".to_owned(),
        x: "commits in the window".to_owned(),
        y: "time of a transaction".to_owned(),
        lines: named.chain([search]).collect(),
    }
}

/// How long short transactions took while another one searched, and how long that took.
fn measure(window: u64) -> Result<(Histogram<u64>, Vec<f64>), Error> {
    let db = Database::builder().max_retained_commits(usize::MAX >> 1).build();
    let table = db.table("t")?;
    db.bulk_load(&table, (0..KEYS + 2).map(|key| (key, key)))?;
    let short = Short { db: &db, table: &table };
    let (mut latency, mut searches) = (histogram(), Vec::new());
    let mut random = Random::new(window, 0);
    while searches.len() < SEARCHES as usize && (latency.len() < SAMPLES || searches.is_empty()) {
        searches.push(search(&short, window, &mut random, &mut latency)?);
        db.collect();
    }
    Ok((latency, vec![median(&searches)]))
}

struct Short<'a> {
    db: &'a Database,
    table: &'a Table<u64, u64>,
}

impl Short<'_> {
    /// Reads a key and writes another one.
    fn commit(&self, random: &mut Random) -> Result<(), Error> {
        let (read, written) = (random.below(KEYS), random.below(KEYS));
        self.db.transact(|tx| {
            tx.get(self.table, &read);
            Ok(tx.insert(self.table, written, read))
        })
    }
}

/// One search, with short transactions beside it until it has ended. Its nanoseconds.
fn search(
    short: &Short<'_>,
    window: u64,
    random: &mut Random,
    latency: &mut Histogram<u64>,
) -> Result<f64, Error> {
    let Short { db, table } = *short;
    // What only the one that searches needs is freed when this one ends, off the clock.
    let keeper = db.begin();
    let tx = db.begin();
    tx.get(table, &OWN);
    tx.insert(table, OWN + 1, 0);
    db.transact(|other| Ok(other.insert(table, OWN, window)))?;
    (1..window).try_for_each(|_| short.commit(random))?;
    let (start, done) = (Barrier::new(2), AtomicBool::new(false));
    let search = thread::scope(|scope| {
        let searching = scope.spawn(|| {
            start.wait();
            let begun = Instant::now();
            let committed = tx.commit();
            let taken = nanoseconds(begun);
            done.store(true, Ordering::Release);
            committed.map(|_| taken)
        });
        start.wait();
        // Once at least, however short the search.
        loop {
            let begun = Instant::now();
            short.commit(random)?;
            latency.saturating_record(begun.elapsed().as_nanos() as u64);
            if done.load(Ordering::Acquire) {
                break;
            }
        }
        searching.join().expect("a thread panicked")
    });
    drop(keeper);
    search
}

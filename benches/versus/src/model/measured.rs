//! What this machine does: commits of two writes, on keys of one's own, and an empty loop.

use std::hint::black_box;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use precedent::{Database, Table};

use crate::random::Random;
use crate::statistics::median;

/// Keys of each thread.
const KEYS: u64 = 50_000;
/// Turns of the empty loop that count as one.
const SPINS: u64 = 1_000;

/// So many a second on all threads together, medians.
pub struct Rate {
    pub threads: usize,
    pub commits: f64,
    pub empty: f64,
}

/// Each number of threads in turn, so often.
pub fn rates(threads: &[usize], seconds: f64, repeats: u32) -> Vec<Rate> {
    let mut found: Vec<(Vec<f64>, Vec<f64>)> = vec![Default::default(); threads.len()];
    for _ in 0..repeats {
        for (count, (commits, empty)) in threads.iter().zip(&mut found) {
            empty.push(together(*count, seconds, |_| {
                || black_box((0..SPINS).fold(0, |a, b| a ^ b))
            }));
            commits.push(committing(*count, seconds));
        }
    }
    let rate = |(threads, (commits, empty)): (&usize, &(Vec<f64>, Vec<f64>))| Rate {
        threads: *threads,
        commits: median(commits),
        empty: median(empty),
    };
    threads.iter().zip(&found).map(rate).collect()
}

fn committing(threads: usize, seconds: f64) -> f64 {
    let db = Database::new();
    let table: Table<u64, u64> = db.table("t").expect("nobody else has opened it");
    let rows = (0..KEYS * threads as u64).map(|key| (key, 0));
    db.bulk_load(&table, rows).expect("nobody is there to conflict");
    together(threads, seconds, |thread| {
        let (db, table, first) = (&db, &table, KEYS * thread as u64);
        let mut random = Random::new(1, thread as u64);
        move || {
            let two = [0; 2].map(|_: u64| first + random.below(KEYS));
            let done = db.transact(|tx| Ok(two.iter().for_each(|key| tx.insert(table, *key, 1))));
            done.expect("nobody else has its keys");
            0
        }
    })
}

/// Calls a second of what each thread makes for itself.
fn together<T: FnMut() -> u64>(
    threads: usize,
    seconds: f64,
    make: impl Fn(usize) -> T + Sync,
) -> f64 {
    let (start, stop) = (Barrier::new(threads + 1), AtomicBool::new(false));
    let work = |thread| {
        let mut call = make(thread);
        start.wait();
        let begun = Instant::now();
        let mut count = 0_u64;
        while !stop.load(Ordering::Relaxed) {
            black_box(call());
            count += 1;
        }
        count as f64 / begun.elapsed().as_secs_f64()
    };
    thread::scope(|scope| {
        let work = &work;
        let threads: Vec<_> = (0..threads).map(|one| scope.spawn(move || work(one))).collect();
        start.wait();
        thread::sleep(Duration::from_secs_f64(seconds));
        stop.store(true, Ordering::Relaxed);
        threads.into_iter().map(|one| one.join().expect("a thread panicked")).sum()
    })
}

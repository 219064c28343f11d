//! What is held open, for how long, and what it costs: in bytes, from the allocator.
//!
//! A binary of its own, since the allocator that counts is the process's, and one test at
//! a time. `PRECEDENT_SIZE` is the size in percent (1 if not set); `ci/endurance.sh` runs
//! the full one.

mod crowd;
mod held;
mod meter;
mod said;
mod stuck;
mod turnover;

use std::sync::{Mutex, MutexGuard, PoisonError};

use meter::Meter;
use precedent::{Database, Table};

#[global_allocator]
static METER: Meter = Meter::new();

/// Bytes that are allocated at the moment.
fn bytes() -> usize {
    METER.live()
}

/// One test at a time: the meter counts them all.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The share of `full` that this run is asked for.
fn scaled(full: u64) -> u64 {
    let percent = std::env::var("PRECEDENT_SIZE").map_or(1, |text| {
        text.parse().unwrap_or_else(|_| panic!("PRECEDENT_SIZE={text} is not a number"))
    });
    (full * percent / 100).max(1)
}

fn filled(db: &Database, keys: u64) -> Table<u64, u64> {
    let table = db.table("numbers").expect("a new table");
    for key in 0..keys {
        set(db, &table, key, 0);
    }
    db.collect();
    table
}

fn set(db: &Database, table: &Table<u64, u64>, key: u64, value: u64) {
    db.transact(|tx| Ok(tx.insert(table, key, value))).expect("a blind write");
}

/// The most that was seen in each quarter of a run.
#[derive(Debug, Default)]
struct Quarters([usize; 4]);

impl Quarters {
    fn note(&mut self, at: u64, of: u64, seen: usize) {
        let quarter = usize::try_from(4 * at / of).expect("below four");
        self.0[quarter] = self.0[quarter].max(seen);
    }

    /// Flat after the first quarter: later ones exceed the second by a twentieth at most.
    fn assert_flat(&self, what: &str) {
        let [_, second, third, last] = self.0;
        let most = second + second / 20 + 64 * 1024;
        assert!(third.max(last) <= most, "{what}, by quarter: {:?}", self.0);
    }
}

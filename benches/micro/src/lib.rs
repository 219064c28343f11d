//! What the micro-benchmarks share. Each file beside `src` asks one question:
//!
//! ```text
//! cargo bench -p micro                                        all of them, ten minutes
//! cargo bench -p micro --bench get                            one file
//! cargo bench -p micro --bench get -- "own write"             what has this in its name
//! cargo bench -p micro -- --save-baseline before              to compare two versions of
//! cargo bench -p micro -- --baseline before                   the code
//! ```
//!
//! They run on one thread, and tell where time goes. What transactions cost beside those of
//! other engines, and on several threads, `versus` measures.

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{Bencher, Criterion};
use precedent::{Builder, Database, Table};

/// How many keys a table has if nothing else is said.
pub const KEYS: u64 = 100_000;
/// Rows that are loaded by one transaction.
const BATCH: u64 = 1_000;

/// Two seconds for each figure: enough to see a change of some per cent.
pub fn criterion() -> Criterion {
    let criterion = Criterion::default().warm_up_time(Duration::from_millis(500));
    criterion.measurement_time(Duration::from_secs(2))
}

/// The n-th key, another one for each number. Their order looks random: with a mere
/// multiple, neighbours would be at one of three distances, which processors foresee.
pub fn key(number: u64) -> u64 {
    // The last steps of SplitMix64 (Steele and others, 2014).
    let mixed = (number ^ (number >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

/// Draws keys in an order that caches cannot foresee.
pub struct Keys {
    state: u64,
    count: u64,
}

impl Keys {
    /// From the first `count` of all keys.
    pub fn of(count: u64) -> Self {
        Self { state: 1, count }
    }

    /// Another key.
    pub fn draw(&mut self) -> u64 {
        // Knuth's multiplier; the upper half is random enough to spoil the caches.
        self.state = self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        key((self.state >> 33) % self.count)
    }
}

/// A database with one table of numbers.
pub struct Numbers {
    pub db: Database,
    pub table: Table<u64, u64>,
}

impl Numbers {
    /// With the first `count` keys, which came in random order.
    pub fn loaded(count: u64) -> Self {
        Self::in_database(Database::builder(), count)
    }

    /// The same in a database with other limits.
    pub fn in_database(builder: Builder, count: u64) -> Self {
        let db = builder.build();
        let table = db.table("numbers").expect("nobody else has opened it");
        let numbers = Self { db, table };
        for start in (0..count).step_by(BATCH as usize) {
            numbers.put((start..count.min(start + BATCH)).map(|number| (key(number), number)));
        }
        // Nothing is left to do for those that come.
        numbers.db.collect();
        numbers
    }

    /// Writes all of it in one transaction.
    pub fn put(&self, rows: impl Iterator<Item = (u64, u64)> + Clone) {
        let put = self.db.transact(|tx| {
            rows.clone().for_each(|(key, value)| tx.insert(&self.table, key, value));
            Ok(())
        });
        put.expect("nobody is there to conflict");
    }
}

/// Times what is much quicker than its preparation, with a clock around each call, which
/// takes some 30 ns itself.
///
/// Criterion asks for as many calls as fill its time, whatever it takes to prepare them.
/// `most` are made at a time, and the others are taken to be like them.
pub fn prepared<T, R>(
    bencher: &mut Bencher<'_>,
    most: u64,
    mut prepare: impl FnMut() -> T,
    mut call: impl FnMut(T) -> R,
) {
    bencher.iter_custom(|wanted| {
        let calls = wanted.min(most);
        let mut spent = Duration::ZERO;
        for _ in 0..calls {
            let input = prepare();
            let start = Instant::now();
            let output = black_box(call(black_box(input)));
            spent += start.elapsed();
            // What it takes to drop it does not count.
            drop(output);
        }
        spent.mul_f64(wanted as f64 / calls as f64)
    });
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{Keys, Numbers, key};

    #[test]
    fn no_two_numbers_have_the_same_key() {
        let keys: BTreeSet<_> = (0..10_000).map(key).collect();
        assert_eq!(keys.len(), 10_000);
    }

    #[test]
    fn what_is_drawn_was_loaded() {
        let numbers = Numbers::loaded(2_500);
        let snapshot = numbers.db.safe_snapshot();
        assert_eq!(snapshot.keys(&numbers.table, ..).count(), 2_500);
        let mut keys = Keys::of(2_500);
        assert!((0..100).all(|_| snapshot.contains_key(&numbers.table, &keys.draw())));
    }
}

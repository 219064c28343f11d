//! All rows of a snapshot, beside a plain map whose values have boxes of their own, as
//! versions have.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::Instant;

use precedent::{Database, Error, Snapshot, Table};

use super::{Limits, decades, nanoseconds};
use crate::progress::Progress;
use crate::random::Random;
use crate::results::{Curve, Line};

pub const ROWS: &str = "Scanning a whole snapshot, by its rows";
pub const SNAPSHOT: &str = "a snapshot";
pub const BOXES: &str = "a BTreeMap of boxes";

/// A trial takes so many rows, however often they must be scanned for it.
const SCANNED: u64 = 2_000_000;
/// The most rows, and the fewest.
const MOST: u64 = 1_000_000;
const LEAST: u64 = 100;
const BATCH: usize = 1_000;

/// The same rows, entered in the same random order.
struct Both {
    snapshot: Snapshot,
    table: Table<u64, u64>,
    map: BTreeMap<u64, Box<u64>>,
}

pub fn scans(limits: &Limits, progress: &Progress) -> Curve {
    let sizes = decades(LEAST, limits.keys.min(MOST));
    let (mut ours, mut boxes) = (Vec::new(), Vec::new());
    for size in sizes {
        progress.say(&format!("{size} rows"));
        let (one, other) = trials(size, limits).expect("a load meets nobody");
        ours.push((size as f64, one));
        boxes.push((size as f64, other));
    }
    Curve {
        title: ROWS.to_owned(),
        x: "rows".to_owned(),
        y: "time of a row".to_owned(),
        lines: vec![Line::of(SNAPSHOT, ours), Line::of(BOXES, boxes)],
    }
}

/// Nanoseconds a row, in turn.
fn trials(rows: u64, limits: &Limits) -> Result<(Vec<f64>, Vec<f64>), Error> {
    let both = Both::filled(rows, limits.seed)?;
    let rounds = (SCANNED.min(limits.keys * 2) / rows).max(1);
    let (mut ours, mut boxes) = (Vec::new(), Vec::new());
    // The first turn is for the caches.
    for turn in 0..=limits.trials {
        let one = each(rows, rounds, || sum(both.snapshot.values(&both.table, ..)));
        let other = each(rows, rounds, || sum(both.map.values().map(|value| &**value)));
        if turn > 0 {
            ours.push(one);
            boxes.push(other);
        }
    }
    Ok((ours, boxes))
}

fn each(rows: u64, rounds: u64, scan: impl Fn() -> u64) -> f64 {
    let start = Instant::now();
    for _ in 0..rounds {
        black_box(scan());
    }
    nanoseconds(start) / (rows * rounds) as f64
}

fn sum<'a>(values: impl Iterator<Item = &'a u64>) -> u64 {
    values.fold(0, |sum, value| sum.wrapping_add(*value))
}

impl Both {
    fn filled(rows: u64, seed: u64) -> Result<Self, Error> {
        let mut random = Random::new(seed, 0);
        let keys: Vec<u64> = (0..rows).map(|_| random.next()).collect();
        let db = Database::new();
        let table = db.table("t")?;
        for batch in keys.chunks(BATCH) {
            db.transact(|tx| Ok(batch.iter().for_each(|key| tx.insert(&table, *key, *key))))?;
        }
        let map = keys.iter().map(|key| (*key, *key));
        let mut boxes = BTreeMap::new();
        // One after the other: `collect` would sort them first, and build it denser.
        map.for_each(|(key, value)| _ = boxes.insert(key, Box::new(value)));
        Ok(Self { snapshot: db.safe_snapshot(), table, map: boxes })
    }
}

#[cfg(test)]
mod tests {
    use super::{Both, sum};

    #[test]
    fn both_hold_the_same_rows() {
        let both = Both::filled(2_500, 7).expect("a load meets nobody");
        let boxes = sum(both.map.values().map(|value| &**value));
        assert_eq!(sum(both.snapshot.values(&both.table, ..)), boxes);
        assert_eq!(both.snapshot.keys(&both.table, ..).count(), both.map.len());
    }
}

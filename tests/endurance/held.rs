//! A snapshot that stays open.

use std::time::Instant;

use precedent::{Database, Table};

use crate::{Quarters, alone, bytes, filled, scaled, set};

/// Nanoseconds for one transaction that reads one key, the median of many small runs.
fn read_time(db: &Database, table: &Table<u64, u64>, keys: u64) -> f64 {
    const READS: u64 = 1_000;
    let mut times: Vec<f64> = (0..31_u64)
        .map(|round| {
            let start = Instant::now();
            for n in 0..READS {
                let key = (n * 7_919 + round) % keys;
                db.read(|tx| tx.get(table, &key).copied()).expect("a reader");
            }
            start.elapsed().as_nanos() as f64 / READS as f64
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

#[test]
fn a_snapshot_that_stays_open_costs_one_version_a_key_and_no_more() {
    let _alone = alone();
    let (keys, updates) = (scaled(100_000), scaled(10_000_000));
    let db = Database::new();
    let table = filled(&db, keys);
    let read_before = read_time(&db, &table, keys);
    let held = db.safe_snapshot();
    let (mut in_use, mut versions) = (Quarters::default(), 0);
    for update in 1..=updates {
        // Every key, in an order that jumps about.
        set(&db, &table, update * 7_919 % keys, update);
        if update % (updates / 1_000).max(1) == 0 {
            in_use.note(update - 1, updates, bytes());
        }
        if update % (updates / 20).max(1) == 0 {
            versions = versions.max(db.stats().versions as u64);
        }
    }
    let read_beside = read_time(&db, &table, keys);
    // What is not collected yet comes on top: less than a thousandth.
    assert!(versions <= 2 * keys + 256 + keys / 1_000, "{versions} versions of {keys} keys");
    in_use.assert_flat("bytes in use");
    db.collect();
    assert_eq!(db.stats().versions as u64, 2 * keys);
    assert_eq!(held.values(&table, ..).sum::<u64>(), 0, "the snapshot is what it was");
    drop(held);
    db.collect();
    assert_eq!(db.stats().versions as u64, keys, "closed, and no commit since");
    println!(
        "\na snapshot open over {updates} updates of {keys} keys: at most {versions} versions, \
         bytes by quarter {:?}; a read took {read_before:.0} ns before and {read_beside:.0} ns \
         beside it ({:+.1} %)",
        in_use.0,
        100.0 * (read_beside / read_before - 1.0),
    );
}

#[test]
fn several_snapshots_cost_one_version_a_key_each() {
    let _alone = alone();
    let keys = scaled(10_000);
    let db = Database::new();
    let table = filled(&db, keys);
    let mut held = Vec::new();
    for round in 1..=5_u64 {
        held.push(db.safe_snapshot());
        for update in 0..10 {
            (0..keys).for_each(|key| set(&db, &table, key, 10 * round + update));
        }
    }
    db.collect();
    assert_eq!(db.stats().versions as u64, 6 * keys);
    // The middle ones first: what only they saw goes, and nothing else.
    for (left, at) in [(5, 2), (4, 1), (3, 0), (2, 1), (1, 0)] {
        drop(held.remove(at));
        db.collect();
        assert_eq!(db.stats().versions as u64, left * keys);
    }
}

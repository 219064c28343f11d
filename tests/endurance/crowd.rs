//! Very many snapshots and transactions at the same time.

use std::time::Instant;

use precedent::Database;

use crate::{alone, bytes, filled, scaled, set};

/// Microseconds for one call, the mean of many.
fn micros(calls: u32, mut f: impl FnMut(u64)) -> f64 {
    let start = Instant::now();
    (0..u64::from(calls)).for_each(&mut f);
    start.elapsed().as_secs_f64() * 1e6 / f64::from(calls)
}

#[test]
fn ten_thousand_open_snapshots_at_different_timestamps_get_in_nobodys_way() {
    let _alone = alone();
    let crowd = scaled(10_000).max(1_000);
    let db = Database::new();
    let table = filled(&db, 100);
    let before = bytes();
    let mut snapshots = Vec::new();
    for n in 1..=crowd {
        set(&db, &table, n % 100, n);
        snapshots.push(db.safe_snapshot());
    }
    let each = (bytes() - before) / usize::try_from(crowd).expect("small");
    let begin = micros(1_000, |_| drop(db.begin()));
    let commit = micros(1_000, |n| set(&db, &table, n % 100, n));
    let snapshot = micros(1_000, |_| drop(db.safe_snapshot()));
    let collect = micros(10, |_| db.collect());
    // Each version is seen by somebody: it is there as long as it must be.
    for (snapshot, n) in snapshots.iter().zip(1..) {
        assert_eq!(snapshot.get(&table, &(n % 100)), Some(&n));
    }
    let versions = db.stats().versions as u64;
    assert!(versions <= 100 + crowd + 256, "{versions} versions");
    snapshots.clear();
    db.collect();
    assert_eq!(db.stats().versions, 100);
    println!(
        "\n{crowd} open snapshots, {each} bytes each: begin {begin:.1} us, commit {commit:.1} us, \
         safe_snapshot {snapshot:.1} us, collect {collect:.1} us"
    );
}

#[test]
fn ten_thousand_open_transactions_get_in_nobodys_way() {
    let _alone = alone();
    let crowd = scaled(10_000).max(1_000);
    let db = Database::new();
    let table = filled(&db, 100);
    let before = bytes();
    let open: Vec<_> = (0..crowd)
        .map(|n| {
            let tx = db.begin();
            assert!(tx.contains_key(&table, &(n % 100)));
            tx
        })
        .collect();
    let each = (bytes() - before) / usize::try_from(crowd).expect("small");
    let begin = micros(1_000, |_| drop(db.begin()));
    let commit = micros(1_000, |n| set(&db, &table, n % 100, n));
    let collect = micros(10, |_| db.collect());
    for tx in open {
        tx.commit().expect("it wrote nothing, and its snapshot is a state that there was");
    }
    db.collect();
    assert_eq!(db.stats().versions, 100);
    println!(
        "\n{crowd} open transactions, {each} bytes each: begin {begin:.1} us, commit \
         {commit:.1} us, collect {collect:.1} us"
    );
}

//! What must not abort and does not fit a script: retries, and transactions that stay open
//! over much traffic.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use precedent::{Database, Table};

use crate::support::{assert_at_rest, assert_explains, scaled, summary};

#[test]
fn a_retry_without_new_arrivals_commits() {
    for sliding in [false, true] {
        let db = Database::builder().sliding(sliding).build();
        let table: Table<u64, u64> = db.table("pairs").expect("a new table");
        for round in 0..100 {
            let (one, two) = (2 * round, 2 * round + 1);
            let first = db.begin();
            let second = db.begin();
            assert_eq!((first.get(&table, &one), second.get(&table, &two)), (None, None));
            first.insert(&table, two, 1);
            second.insert(&table, one, 1);
            first.commit().expect("the first of the two");
            assert_explains(&second.commit().expect_err("the second of the two"));
            let again = db.begin();
            assert_eq!(again.get(&table, &two), Some(&1));
            again.insert(&table, one, 1);
            again.commit().expect("nobody came in between");
        }
        assert_at_rest(&db, 200);
    }
}

#[test]
fn a_closure_whose_first_run_conflicts_succeeds_at_the_second() {
    let db = Database::new();
    let table: Table<&str, u64> = db.table("counters").expect("a new table");
    let (value, commit) = db
        .transact_with_commit(|tx| {
            let old = tx.get(&table, &"hits").copied().unwrap_or(0);
            if tx.attempt() == 1 {
                db.transact(|other| Ok(other.insert(&table, "hits", 41)))?;
            }
            tx.insert(&table, "hits", old + 1);
            Ok(old + 1)
        })
        .expect("the second run meets nobody");
    assert_eq!(value, 42);
    let tx = db.begin_read();
    assert!(commit.timestamp() <= tx.read_timestamp());
    assert_eq!(tx.get(&table, &"hits"), Some(&42));
}

#[test]
fn transactions_open_over_much_unrelated_traffic_commit() {
    let commits = scaled(1_000_000) as u64;
    let db = Database::new();
    let mine: Table<u64, u64> = db.table("mine").expect("a new table");
    let theirs: Table<u64, u64> = db.table("theirs").expect("a new table");
    db.transact(|tx| Ok((0..10).for_each(|key| tx.insert(&mine, key, key)))).expect("alone");
    let writer = db.begin();
    let reader = db.begin_read();
    let sum: u64 = writer.values(&mine, ..).sum();
    assert_eq!(reader.values(&mine, 0..5).sum::<u64>(), 10);
    for turn in 0..commits {
        let key = turn % 1_000;
        db.transact(|tx| {
            let old = tx.get(&theirs, &key).copied().unwrap_or(0);
            Ok(tx.insert(&theirs, key, old + 1))
        })
        .expect("nobody else is in this table");
    }
    assert_eq!(reader.values(&mine, 5..).sum::<u64>(), 35);
    writer.insert(&mine, 10, sum);
    writer.commit().expect("nothing that it read has changed");
    reader.finish().expect("it missed one commit, which missed nothing");
    assert_at_rest(&db, 11 + usize::try_from(commits.min(1_000)).expect("small"));
    summary(&format!("transactions open over {commits} unrelated commits"));
}

#[test]
fn a_long_scan_beside_writers_sees_its_snapshot_and_commits() {
    let rows = 1_000;
    let commits = scaled(1_000_000) as u64;
    let db = Database::new();
    let table: Table<u64, u64> = db.table("rows").expect("a new table");
    db.transact(|tx| Ok((0..rows).for_each(|key| tx.insert(&table, 2 * key, 0)))).expect("alone");
    let scanning = AtomicBool::new(true);
    thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for turn in 1..=commits {
                let key = (turn * 7) % (2 * rows);
                db.transact(|tx| Ok(tx.insert(&table, key, turn))).expect("blind writes");
            }
            scanning.store(false, Ordering::Relaxed);
        });
        // Scans while the writer runs, and once more after it; each sees one snapshot.
        let mut last = false;
        while !last {
            last = !scanning.load(Ordering::Relaxed);
            let tx = db.begin_read();
            let first: Vec<(u64, u64)> = tx.range(&table, ..).map(|(k, v)| (*k, *v)).collect();
            thread::yield_now();
            let back = tx.range(&table, ..).rev().map(|(k, v)| (*k, *v));
            assert!(first.iter().copied().rev().eq(back), "a scan saw two states");
            tx.finish().expect("writers that read nothing are in nobody's cycle");
        }
        writer.join().expect("the writer");
    });
    let live = db.read(|tx| tx.count(&table, ..)).expect("nobody else is there");
    assert_at_rest(&db, live);
}

//! Keys that come and go.

use precedent::{Database, Table};

use crate::{Quarters, alone, bytes, filled, scaled, set};

/// Inserts and removes distinct keys; `held` decides what stays open meanwhile.
fn come_and_go<H>(rounds: u64, held: impl FnOnce(&Database, &Table<u64, u64>) -> H) -> Quarters {
    // Small enough for a log that is folded even in a small run.
    let db = Database::builder().max_retained_commits(1_000).build();
    let table: Table<u64, u64> = db.table("numbers").expect("a new table");
    set(&db, &table, u64::MAX, 0);
    let held = held(&db, &table);
    let mut in_use = Quarters::default();
    for key in 0..rounds {
        set(&db, &table, key, key);
        db.transact(|tx| Ok(tx.remove(&table, &key))).expect("a blind removal");
        if key % (rounds / 1_000).max(1) == 0 {
            in_use.note(key, rounds, bytes());
        }
    }
    drop(held);
    db.collect();
    let stats = db.stats();
    assert_eq!((stats.keys, stats.versions, stats.retained_commits), (1, 1, 0), "{stats:?}");
    in_use
}

#[test]
fn a_database_that_is_dropped_gives_everything_back() {
    let _alone = alone();
    let use_up = || {
        let db = Database::new();
        let table = filled(&db, 1_000);
        let snapshot = db.safe_snapshot();
        let open = db.begin_owned();
        for key in 0..2_000 {
            db.transact(|tx| Ok(tx.insert(&table, key, key))).expect("nobody else is there");
            db.transact(|tx| Ok(tx.remove(&table, &(key / 2)))).expect("nobody else is there");
        }
        assert_eq!((snapshot.count(&table, ..), open.count(&table, ..)), (1_000, 1_000));
    };
    // What a thread keeps for itself is there afterwards.
    use_up();
    let before = bytes();
    (0..10).for_each(|_| use_up());
    let left = bytes().saturating_sub(before);
    assert!(left < 1_000, "{left} bytes are left of ten databases");
}

#[test]
fn distinct_keys_that_come_and_go_leave_memory_flat() {
    let _alone = alone();
    let rounds = scaled(10_000_000);
    let in_use = come_and_go(rounds, |_, _| ());
    in_use.assert_flat("bytes in use");
    println!("\n{rounds} keys inserted and removed: bytes by quarter {:?}", in_use.0);
}

#[test]
fn distinct_keys_that_come_and_go_beside_a_snapshot_leave_memory_flat() {
    let _alone = alone();
    let rounds = scaled(1_000_000);
    let in_use = come_and_go(rounds, |db, _| db.safe_snapshot());
    in_use.assert_flat("bytes in use");
    println!("\nthe same {rounds} times beside a snapshot: {:?}", in_use.0);
}

#[test]
fn distinct_keys_that_come_and_go_beside_a_stuck_writer_leave_memory_flat() {
    let _alone = alone();
    let rounds = scaled(1_000_000);
    let in_use = come_and_go(rounds, |db, table| {
        let stuck = db.begin_owned();
        assert_eq!(stuck.get(table, &u64::MAX), Some(&0));
        assert_eq!(stuck.get(table, &1), None);
        stuck.insert(table, u64::MAX, 1);
        stuck
    });
    in_use.assert_flat("bytes in use");
    println!("\nthe same {rounds} times beside a stuck writer: {:?}", in_use.0);
}

//! Versions, readers, memory: what is kept, for whom, and that everything is given back.

use std::mem;

use precedent::{Database, ReadTransaction, Table};

use crate::support::{assert_at_rest, scaled, summary};

fn counters() -> (Database, Table<u64, u64>) {
    let db = Database::new();
    let table = db.table("counters").expect("a new table");
    (db, table)
}

fn set(db: &Database, table: &Table<u64, u64>, key: u64, value: u64) {
    db.transact(|tx| Ok(tx.insert(table, key, value))).expect("a blind write");
}

/// A reader that has looked at key 0 and so holds its snapshot.
fn reader<'db>(db: &'db Database, table: &Table<u64, u64>, value: u64) -> ReadTransaction<'db> {
    let tx = db.begin_read();
    assert_eq!(tx.get(table, &0), Some(&value));
    tx
}

fn versions(db: &Database) -> usize {
    db.collect();
    db.stats().versions
}

#[test]
fn a_version_survives_as_long_as_a_reader_that_sees_it() {
    let (db, table) = counters();
    set(&db, &table, 0, 1);
    let first = reader(&db, &table, 1);
    set(&db, &table, 0, 2);
    let second = reader(&db, &table, 2);
    set(&db, &table, 0, 3);
    for round in 0..50 {
        set(&db, &table, 0, round);
        db.collect();
    }
    assert_eq!(first.get(&table, &0), Some(&1));
    first.finish().expect("blind writes harm nobody");
    db.collect();
    assert_eq!(second.get(&table, &0), Some(&2));
    second.finish().expect("blind writes harm nobody");
    assert_at_rest(&db, 1);
}

#[test]
fn a_version_in_a_gap_survives_exactly_as_long_as_its_reader() {
    let (db, table) = counters();
    set(&db, &table, 0, 1);
    let first = reader(&db, &table, 1);
    set(&db, &table, 0, 2);
    let second = reader(&db, &table, 2);
    set(&db, &table, 0, 3);
    set(&db, &table, 0, 4);
    // 1 and 2 for the readers, 4 as the newest; 3 is seen by nobody.
    assert_eq!(versions(&db), 3);
    set(&db, &table, 0, 5);
    assert_eq!(versions(&db), 3);
    assert_eq!(first.get(&table, &0), Some(&1));
    assert_eq!(second.get(&table, &0), Some(&2));
    second.finish().expect("blind writes harm nobody");
    assert_eq!(versions(&db), 2);
    assert_eq!(first.get(&table, &0), Some(&1));
    first.finish().expect("blind writes harm nobody");
    assert_at_rest(&db, 1);
}

#[test]
fn a_snapshot_shared_by_two_readers_lives_until_the_second_ends() {
    let (db, table) = counters();
    set(&db, &table, 0, 1);
    let first = reader(&db, &table, 1);
    let second = reader(&db, &table, 1);
    set(&db, &table, 0, 2);
    assert_eq!(versions(&db), 2);
    first.finish().expect("blind writes harm nobody");
    assert_eq!(versions(&db), 2);
    assert_eq!(second.get(&table, &0), Some(&1));
    second.rollback();
    assert_at_rest(&db, 1);
}

#[test]
fn one_open_reader_over_many_updates_of_a_key_costs_two_versions() {
    let updates = scaled(1_000_000) as u64;
    let (db, table) = counters();
    set(&db, &table, 0, 0);
    let old = reader(&db, &table, 0);
    let mut most = 0;
    for value in 1..=updates {
        set(&db, &table, 0, value);
        // Without any collection: writing the key prunes it.
        most = most.max(db.stats().versions);
    }
    assert!(most <= 16, "{most} versions of one key");
    assert_eq!(versions(&db), 2);
    assert_eq!(old.get(&table, &0), Some(&0));
    old.finish().expect("blind writes harm nobody");
    assert_at_rest(&db, 1);
    summary(&format!("one reader open over {updates} updates: at most {most} versions"));
}

#[test]
fn an_open_snapshot_costs_one_extra_version_a_key() {
    let keys = scaled(100_000) as u64;
    let (db, table) = counters();
    for key in 0..keys {
        set(&db, &table, key, 0);
    }
    let old = reader(&db, &table, 0);
    for round in 1..=10 {
        for key in 0..keys {
            set(&db, &table, key, round);
        }
    }
    assert_eq!(versions(&db) as u64, 2 * keys);
    assert_eq!(old.values(&table, ..).sum::<u64>(), 0);
    drop(old);
    assert_at_rest(&db, usize::try_from(keys).expect("small"));
}

#[test]
fn an_end_gives_everything_back_without_a_new_commit() {
    let (db, table) = counters();
    set(&db, &table, 0, 0);
    let writer = db.begin();
    assert_eq!(writer.get(&table, &0), Some(&0));
    for value in 1..=100 {
        set(&db, &table, 0, value);
        db.transact(|tx| Ok(tx.remove(&table, &(value % 5 + 1)))).expect("a blind removal");
    }
    let stats = db.stats();
    assert_eq!(stats.active_transactions, 1, "{stats:?}");
    assert!(stats.retained_commits > 0, "the writer may still need them: {stats:?}");
    assert_eq!(stats.oldest_read_timestamp, Some(writer.read_timestamp()));
    drop(writer);
    assert_at_rest(&db, 1);
}

#[test]
fn ordinary_traffic_brings_everything_back_without_a_collection() {
    let (db, table) = counters();
    let commits = scaled(100_000) as u64;
    let writer = db.begin();
    let held = db.begin_read();
    assert_eq!((writer.get(&table, &0), held.get(&table, &0)), (None, None));
    for turn in 0..commits {
        set(&db, &table, turn % 100, turn);
        db.transact(|tx| Ok(tx.remove(&table, &(turn % 7)))).expect("a blind removal");
    }
    drop(writer);
    drop(held);
    let live = db.read(|tx| tx.count(&table, ..)).expect("alone");
    let mut turns = 0;
    loop {
        let stats = db.stats();
        let given_back = stats.versions == live
            && stats.keys == live
            && stats.retained_commits == 0
            && stats.retained_readers == 0
            && stats.danger_intervals == 0;
        if given_back {
            break;
        }
        turns += 1;
        assert!(turns <= 1_000_000, "still not given back: {stats:?}, {live} keys");
        // Reads, and transactions that write nothing: no new commit.
        let tx = db.begin();
        assert!(!tx.contains_key(&table, &1_000));
        tx.commit().expect("a reader");
        db.read(|tx| tx.contains_key(&table, &1_001)).expect("a reader");
    }
    summary(&format!("after {commits} commits, {turns} begins and ends gave everything back"));
}

#[test]
fn insertions_and_removals_of_distinct_keys_leave_memory_flat() {
    let rounds = scaled(10_000_000) as u64;
    let (db, table) = counters();
    let mut most = [0_usize; 4];
    for key in 0..rounds {
        set(&db, &table, key, key);
        db.transact(|tx| Ok(tx.remove(&table, &key))).expect("a blind removal");
        if key % 64 == 0 {
            let stats = db.stats();
            let quarter = usize::try_from(4 * key / rounds).expect("below four");
            let held = stats.keys + stats.versions + stats.retained_commits;
            most[quarter] = most[quarter].max(held);
        }
    }
    assert!(most[3] <= most[0] + 4_096, "keys, versions and commits held, by quarter: {most:?}");
    assert_at_rest(&db, 0);
    summary(&format!("{rounds} distinct keys inserted and removed; held by quarter: {most:?}"));
}

#[test]
fn a_leaked_transaction_shows_in_the_stats() {
    let (db, table) = counters();
    set(&db, &table, 0, 0);
    let leaked = db.begin();
    assert_eq!(leaked.get(&table, &0), Some(&0));
    leaked.insert(&table, 1, 1);
    let at = leaked.read_timestamp();
    mem::forget(leaked);
    for value in 1..=1_000 {
        set(&db, &table, 0, value);
    }
    db.collect();
    let stats = db.stats();
    assert_eq!(stats.active_transactions, 1, "{stats:?}");
    assert_eq!(stats.oldest_read_timestamp, Some(at), "{stats:?}");
    assert!(stats.published > at, "{stats:?}");
    // What it may still need is kept, and can be seen to be kept.
    assert!(stats.retained_commits > 0 && stats.versions >= 2, "{stats:?}");
    assert_eq!(db.read(|tx| tx.get(&table, &0).copied()).expect("certified"), Some(1_000));
    assert_eq!(db.read(|tx| tx.get(&table, &1).copied()).expect("certified"), None);
}

#[test]
fn a_leaked_iterator_harms_nobody() {
    let (db, table) = counters();
    for key in 0..10 {
        set(&db, &table, key, key);
    }
    let tx = db.begin();
    let mut rows = tx.range(&table, ..);
    assert_eq!(rows.next(), Some((&0, &0)));
    mem::forget(rows);
    tx.insert(&table, 10, 10);
    tx.commit().expect("nobody else is there");
    assert_at_rest(&db, 11);
}

#[test]
fn a_database_that_is_dropped_drops_every_value() {
    let witness = std::sync::Arc::new(());
    {
        let db = Database::new();
        let table: Table<u64, std::sync::Arc<()>> = db.table("values").expect("a new table");
        for key in 0..100 {
            db.transact(|tx| Ok(tx.insert(&table, key % 10, witness.clone()))).expect("alone");
        }
        db.transact(|tx| Ok(tx.remove(&table, &3))).expect("alone");
        let open = db.begin();
        open.insert(&table, 3, witness.clone());
        open.rollback();
    }
    assert_eq!(std::sync::Arc::strong_count(&witness), 1);
}

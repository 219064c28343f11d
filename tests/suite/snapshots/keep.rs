//! What a snapshot has lent stays until the last handle goes, whatever happens meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use precedent::{Database, Snapshot, Table};

use crate::support::{assert_at_rest, ignore, panic_message};

/// A value that tells when it is dropped.
struct Counted(u64, Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.1.fetch_add(1, Ordering::Relaxed);
    }
}

fn database() -> (Database, Table<u64, Counted>, Arc<AtomicUsize>) {
    let db = Database::new();
    let table = db.table("counted").expect("a new table");
    let dropped = Arc::new(AtomicUsize::new(0));
    (db, table, dropped)
}

fn put(db: &Database, table: &Table<u64, Counted>, key: u64, value: u64, to: &Arc<AtomicUsize>) {
    db.transact(|tx| Ok(tx.insert(table, key, Counted(value, Arc::clone(to))))).expect("blind");
}

#[test]
fn what_a_snapshot_lent_stays_while_keys_are_removed_overwritten_and_collected() {
    let (db, table, dropped) = database();
    (0..50).for_each(|key| put(&db, &table, key, key, &dropped));
    let snapshot = db.safe_snapshot();
    let lent: Vec<(&u64, &Counted)> = snapshot.range(&table, ..).collect();
    let point = snapshot.get(&table, &7).expect("it is there");
    for round in 1..20 {
        (0..50).step_by(2).for_each(|key| put(&db, &table, key, 1_000 * round, &dropped));
        for key in (1..50).step_by(2) {
            db.transact(|tx| Ok(tx.remove(&table, &key))).expect("blind");
        }
        db.collect();
    }
    assert_eq!(point.0, 7);
    assert!(lent.iter().map(|(key, value)| (**key, value.0)).eq((0..50).map(|key| (key, key))));
    let again = snapshot.range(&table, ..).rev().map(|(key, value)| (*key, value.0));
    assert!(again.eq((0..50).rev().map(|key| (key, key))));
    drop(snapshot);
    assert_at_rest(&db, 25);
    assert_eq!(dropped.load(Ordering::Relaxed), 50 + 19 * 25 - 25);
}

#[test]
fn what_a_snapshot_lent_outlives_the_table_and_the_database() {
    let (db, table, dropped) = database();
    put(&db, &table, 1, 10, &dropped);
    let snapshot = db.safe_snapshot();
    let lent = snapshot.get(&table, &1).expect("it is there");
    drop((db, table));
    assert_eq!((lent.0, dropped.load(Ordering::Relaxed)), (10, 0));
    drop(snapshot);
    assert_eq!(dropped.load(Ordering::Relaxed), 1);
}

#[test]
fn a_clone_goes_on_when_the_handle_that_it_came_from_is_gone() {
    let (db, table, dropped) = database();
    put(&db, &table, 1, 10, &dropped);
    let first = db.safe_snapshot();
    let second = first.clone();
    drop(first);
    put(&db, &table, 1, 11, &dropped);
    db.collect();
    assert_eq!(second.get(&table, &1).map(|value| value.0), Some(10));
    std::thread::spawn(move || drop(second)).join().expect("nothing panics");
    assert_at_rest(&db, 1);
}

#[test]
fn an_iterator_shows_what_was_there_when_its_snapshot_was_taken() {
    let (db, table, dropped) = database();
    (0..10).for_each(|key| put(&db, &table, key, key, &dropped));
    let snapshot = db.safe_snapshot();
    let mut rows = snapshot.range(&table, ..);
    assert_eq!(rows.next().map(|(key, _)| *key), Some(0));
    (0..20).for_each(|key| put(&db, &table, key, 100, &dropped));
    db.transact(|tx| Ok(tx.remove(&table, &5))).expect("blind");
    db.collect();
    assert_eq!(rows.next_back().map(|(key, value)| (*key, value.0)), Some((9, 9)));
    assert!(rows.map(|(key, value)| (*key, value.0)).eq((1..9).map(|key| (key, key))));
}

#[test]
fn a_key_that_comes_back_is_not_mixed_up_with_the_one_that_a_snapshot_sees() {
    let (db, table, dropped) = database();
    put(&db, &table, 1, 10, &dropped);
    let old = db.safe_snapshot();
    db.transact(|tx| Ok(tx.remove(&table, &1))).expect("blind");
    let none = db.safe_snapshot();
    db.collect();
    put(&db, &table, 1, 11, &dropped);
    let new = db.safe_snapshot();
    let seen = |snapshot: &Snapshot| snapshot.get(&table, &1).map(|value| value.0);
    assert_eq!([&old, &none, &new].map(seen), [Some(10), None, Some(11)]);
    drop((old, none, new));
    assert_at_rest(&db, 1);
}

#[test]
fn an_open_snapshot_retains_no_footprints_and_lets_everybody_commit() {
    let (db, table, dropped) = database();
    put(&db, &table, 1, 0, &dropped);
    let snapshot = db.safe_snapshot();
    assert_eq!(snapshot.count(&table, ..), 1);
    for value in 1..100 {
        let tx = db.begin();
        assert!(tx.get(&table, &1).is_some());
        tx.insert(&table, 1, Counted(value, Arc::clone(&dropped)));
        tx.commit().expect("nobody else writes");
    }
    db.collect();
    let stats = db.stats();
    assert_eq!((stats.retained_commits, stats.retained_readers), (0, 0), "{stats:?}");
    assert_eq!(snapshot.get(&table, &1).map(|value| value.0), Some(0));
}

#[test]
fn a_map_of_a_table_keeps_nothing_of_the_database() {
    let db = Database::new();
    let table: Table<u64, String> = db.table("names").expect("a new table");
    let write = |text: &str| {
        let all = |tx: &precedent::Transaction<'_>| {
            Ok((0..100).for_each(|key| tx.insert(&table, key, format!("{text} {key}"))))
        };
        db.transact(all).expect("blind");
    };
    write("old");
    let map = db.safe_snapshot().to_map(&table);
    write("new");
    assert_at_rest(&db, 100);
    assert!(map.iter().map(|(key, _)| *key).eq(0..100));
    assert!(map.iter().all(|(key, name)| *name == format!("old {key}")));
    let other: Table<u64, String> = Database::new().table("other").expect("a new table");
    assert!(panic_message(|| db.safe_snapshot().to_map(&other)).contains("other"));
}

#[test]
fn every_look_up_in_a_table_of_another_database_panics_with_both_names() {
    let home = Database::builder().name("home").build();
    let abroad = Database::builder().name("abroad").build();
    let other: Table<u64, u64> = abroad.table("numbers").expect("a new table");
    let snapshot = home.safe_snapshot();
    type Attempt<'a> = (&'a str, Box<dyn Fn() + 'a>);
    let attempts: Vec<Attempt<'_>> = vec![
        ("get", Box::new(|| ignore(snapshot.get(&other, &1)))),
        ("contains_key", Box::new(|| ignore(snapshot.contains_key(&other, &1)))),
        ("range", Box::new(|| ignore(snapshot.range(&other, ..)))),
        ("keys", Box::new(|| ignore(snapshot.keys(&other, ..)))),
        ("values", Box::new(|| ignore(snapshot.values(&other, ..)))),
        ("first_key_value", Box::new(|| ignore(snapshot.first_key_value(&other)))),
        ("last_key_value", Box::new(|| ignore(snapshot.last_key_value(&other)))),
        ("count", Box::new(|| ignore(snapshot.count(&other, ..)))),
        ("is_empty", Box::new(|| ignore(snapshot.is_empty(&other, ..)))),
    ];
    for (name, attempt) in attempts {
        let message = panic_message(attempt);
        assert!(message.contains("home") && message.contains("abroad"), "{name}: {message}");
    }
}

//! The edges of the API: own writes, odd ranges, odd keys and values, large transactions.

use std::ops::Bound;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use precedent::{Database, Table, Transaction};

use crate::support::{assert_at_rest, scaled, summary};

fn letters() -> (Database, Table<String, u64>) {
    let db = Database::new();
    let table: Table<String, u64> = db.table("letters").expect("a new table");
    let fill = |tx: &Transaction<'_>| {
        let letters = ('a'..='e').zip(1..);
        Ok(letters.for_each(|(letter, place)| tx.insert(&table, letter.to_string(), place)))
    };
    db.transact(fill).expect("alone");
    (db, table)
}

fn all(tx: &Transaction<'_>, table: &Table<String, u64>) -> String {
    tx.keys(table, ..).map(String::as_str).collect()
}

#[test]
fn an_own_removal_is_seen_by_every_call() {
    let (db, table) = letters();
    let tx = db.begin();
    tx.remove(&table, "c");
    assert!(!tx.contains_key(&table, "c"));
    assert_eq!(tx.get(&table, "c"), None);
    assert_eq!(tx.peek(&table, "c"), None);
    assert_eq!(tx.take(&table, "c"), None);
    assert_eq!(tx.update(&table, "c", |value| value + 1), None);
    assert_eq!(all(&tx, &table), "abde");
    assert_eq!(tx.count(&table, ..), 4);
    assert!(tx.is_empty(&table, (Bound::Included("c"), Bound::Excluded("d"))));
    tx.remove(&table, "a");
    tx.remove(&table, "e");
    assert_eq!(tx.first_key_value(&table).map(|(key, _)| key.as_str()), Some("b"));
    assert_eq!(tx.last_key_value(&table).map(|(key, _)| key.as_str()), Some("d"));
    assert_eq!(tx.insert_if_absent(&table, "c".to_string(), 30), None);
    assert_eq!(tx.insert_if_absent(&table, "c".to_string(), 31), Some(&30));
    assert_eq!(all(&tx, &table), "bcd");
    tx.commit().expect("alone");
    assert_at_rest(&db, 3);
}

#[test]
fn a_removal_of_nothing_leaves_nothing() {
    let (db, table) = letters();
    db.transact(|tx| Ok(tx.remove(&table, "zebra"))).expect("alone");
    db.transact(|tx| {
        tx.insert(&table, "yak".to_string(), 1);
        Ok(tx.remove(&table, "yak"))
    })
    .expect("alone");
    assert_at_rest(&db, 5);
}

#[test]
fn a_range_sees_the_own_writes_made_before_it_was_opened_and_no_later_ones() {
    let (db, table) = letters();
    let tx = db.begin();
    tx.insert(&table, "bb".to_string(), 22);
    tx.remove(&table, "d");
    let mut rows = tx.range(&table, ..);
    assert_eq!(rows.next().map(|(key, _)| key.as_str()), Some("a"));
    tx.insert(&table, "cc".to_string(), 33);
    tx.insert(&table, "c".to_string(), 300);
    tx.insert(&table, "d".to_string(), 400);
    tx.remove(&table, "bb");
    let rest: Vec<(&str, u64)> = rows.map(|(key, value)| (key.as_str(), *value)).collect();
    assert_eq!(rest, [("b", 2), ("bb", 22), ("c", 3), ("e", 5)]);
    assert_eq!(tx.keys(&table, ..).collect::<Vec<_>>(), ["a", "b", "c", "cc", "d", "e"]);
    tx.commit().expect("alone");
    assert_at_rest(&db, 6);
}

#[test]
fn a_loop_over_ones_own_insertions_ends() {
    let (db, table) = letters();
    let tx = db.begin();
    let mut turns = 0;
    for (key, value) in tx.range(&table, ..) {
        tx.insert(&table, format!("{key}{key}"), *value);
        turns += 1;
    }
    assert_eq!(turns, 5);
    assert_eq!(tx.count(&table, ..), 10);
    tx.commit().expect("alone");
    assert_at_rest(&db, 10);
}

#[test]
fn a_range_can_be_read_from_both_ends_until_they_meet() {
    let (db, table) = letters();
    let tx = db.begin();
    tx.insert(&table, "cc".to_string(), 33);
    let mut keys = tx.keys(&table, ..).map(String::as_str);
    assert_eq!(keys.next(), Some("a"));
    assert_eq!(keys.next_back(), Some("e"));
    assert_eq!(keys.next_back(), Some("d"));
    assert_eq!(keys.next(), Some("b"));
    assert_eq!(keys.next_back(), Some("cc"));
    assert_eq!(keys.next(), Some("c"));
    for _ in 0..3 {
        assert_eq!(keys.next(), None);
        assert_eq!(keys.next_back(), None);
    }
}

#[test]
fn every_range_is_what_btreemap_says_and_an_inverted_one_is_empty() {
    let (db, table) = letters();
    let model: Vec<String> = ('a'..='e').map(String::from).collect();
    let points = ["", "a", "aa", "c", "cc", "e", "f"];
    let bounds: Vec<Bound<&str>> = points
        .iter()
        .flat_map(|point| [Bound::Included(*point), Bound::Excluded(*point)])
        .chain([Bound::Unbounded])
        .collect();
    let tx = db.begin();
    for &lower in &bounds {
        for &upper in &bounds {
            use std::ops::RangeBounds;
            let inside = |key: &&String| (lower, upper).contains(key.as_str());
            let expected: Vec<&String> = model.iter().filter(inside).collect();
            let found: Vec<&String> = tx.keys(&table, (lower, upper)).collect();
            assert_eq!(found, expected, "{lower:?}, {upper:?}");
            assert!(tx.keys(&table, (lower, upper)).rev().eq(expected.iter().rev().copied()));
            assert_eq!(tx.count(&table, (lower, upper)), expected.len());
            assert_eq!(tx.is_empty(&table, (lower, upper)), expected.is_empty());
        }
    }
    // Somebody writes into all of them, so that the commit looks at each one again.
    db.transact(|other| Ok(other.insert(&table, "b".to_string(), 20))).expect("blind");
    tx.insert(&table, "g".to_string(), 7);
    tx.commit().expect("one antidependency");
    assert_at_rest(&db, 6);
}

#[test]
fn an_exhausted_inclusive_range_is_empty() {
    let db = Database::new();
    let table: Table<u64, u64> = db.table("numbers").expect("a new table");
    let mut range = 3..=3;
    assert_eq!(range.next(), Some(3));
    let tx = db.begin();
    tx.insert(&table, 3, 3);
    assert_eq!(tx.count(&table, 3..=3), 1);
    assert_eq!(tx.count(&table, range), 0);
    assert_eq!(tx.count(&table, u64::MAX..=u64::MAX), 0);
    assert_eq!(tx.count(&table, 0..0), 0);
}

#[test]
fn empty_keys_and_very_long_ones_are_keys() {
    let (db, table) = letters();
    let long = "z".repeat(1_000_000);
    let tx = db.begin();
    assert_eq!(tx.get(&table, ""), None);
    assert_eq!(tx.get(&table, long.as_str()), None);
    tx.insert(&table, String::new(), 0);
    tx.insert(&table, long.clone(), 26);
    tx.commit().expect("alone");
    let tx = db.begin_read();
    assert_eq!(tx.first_key_value(&table).map(|(key, _)| key.len()), Some(0));
    assert_eq!(tx.last_key_value(&table).map(|(key, _)| key.len()), Some(long.len()));
    assert_eq!(tx.get(&table, ""), Some(&0));
    tx.finish().expect("alone");
    assert_at_rest(&db, 7);
}

#[test]
fn keys_and_values_of_no_size_work() {
    let db = Database::new();
    let set: Table<u64, ()> = db.table("set").expect("a new table");
    let cell: Table<(), u64> = db.table("cell").expect("a new table");
    let tx = db.begin();
    (0..100).for_each(|key| tx.insert(&set, key, ()));
    assert_eq!(tx.get(&set, &7), Some(&()));
    tx.insert(&cell, (), 1);
    tx.insert(&cell, (), 2);
    tx.commit().expect("alone");
    let tx = db.begin();
    assert_eq!(tx.values(&set, ..).count(), 100);
    assert_eq!(tx.take(&cell, &()), Some(&2));
    tx.remove(&set, &7);
    tx.commit().expect("alone");
    assert_at_rest(&db, 99);
}

#[test]
fn a_value_stays_where_it_is_while_its_key_is_written() {
    let (db, table) = letters();
    let tx = db.begin();
    let committed = tx.get(&table, "a").expect("there");
    tx.insert(&table, "own".to_string(), 1);
    let own = tx.get(&table, "own").expect("there");
    let replaced = tx.replace(&table, "own".to_string(), 2).expect("there");
    for value in 0..1_000 {
        tx.insert(&table, "a".to_string(), value);
        tx.insert(&table, "own".to_string(), value);
        tx.insert(&table, format!("more {value}"), value);
    }
    tx.remove(&table, "own");
    tx.remove(&table, "a");
    db.transact(|other| Ok(other.insert(&table, "a".to_string(), 9))).expect("blind");
    db.collect();
    assert_eq!((committed, own, replaced), (&1, &1, &1));
}

#[test]
fn large_transactions_commit() {
    let writes = scaled(1_000_000) as u64;
    let (reads, ranges) = (scaled(100_000) as u64, scaled(1_000).max(100) as u64);
    let db = Database::new();
    let table: Table<u64, u64> = db.table("large").expect("a new table");
    db.transact(|tx| Ok((0..writes).for_each(|key| tx.insert(&table, key, key)))).expect("alone");
    let tx = db.begin();
    for key in 0..reads {
        assert_eq!(tx.get(&table, &(key * 7 % writes)), Some(&(key * 7 % writes)));
    }
    for turn in 0..ranges {
        let start = turn * writes / ranges;
        assert_eq!(tx.count(&table, start..start + 20), 20.min(writes - start) as usize);
    }
    // A write that meets none of it, one that meets it, and the large one's own.
    db.transact(|other| Ok(other.insert(&table, writes + 20, 0))).expect("blind");
    db.transact(|other| Ok(other.insert(&table, 0, 1))).expect("blind");
    tx.insert(&table, writes + 30, 1);
    tx.commit().expect("goes before the other two");
    assert_at_rest(&db, usize::try_from(writes).expect("fits") + 2);
    summary(&format!("one transaction of {writes} writes, one of {reads} reads, {ranges} ranges"));
}

/// A value whose drop waits until it is told to go on.
struct Slow(Option<Wait>);

/// Tells that it has begun, and waits for the word to end.
type Wait = (SyncSender<()>, Mutex<Receiver<()>>);

impl Drop for Slow {
    fn drop(&mut self) {
        if let Some((entered, go_on)) = self.0.take() {
            entered.send(()).expect("the test waits");
            go_on.lock().expect("nobody panicked").recv().expect("the test lets go");
        }
    }
}

#[test]
fn a_value_that_takes_long_to_drop_blocks_nobody() {
    let db = Database::new();
    let table: Table<u64, Slow> = db.table("slow").expect("a new table");
    let (entered, is_entered) = sync_channel(1);
    let (let_go, go_on) = sync_channel(1);
    let slow = Slow(Some((entered, Mutex::new(go_on))));
    let tx = db.begin();
    tx.insert(&table, 0, slow);
    tx.commit().expect("alone");
    thread::scope(|scope| {
        scope.spawn(|| {
            db.transact(|tx| Ok(tx.insert(&table, 0, Slow(None)))).expect("blind");
            db.collect();
        });
        is_entered.recv().expect("it is dropped when nobody can see it");
        for key in 1..100 {
            db.transact(|tx| Ok(tx.insert(&table, key, Slow(None)))).expect("blind");
            let there = db.read(|tx| tx.contains_key(&table, &key));
            assert!(there.expect("certified"));
        }
        let_go.send(()).expect("it waits");
    });
    assert_at_rest(&db, 100);
}

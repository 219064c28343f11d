//! Bounds on what one transaction observes, on bytes, on peeked snapshots.

use precedent::{Database, Error, Table};

use crate::support::{assert_at_rest, ignore};

fn numbers(db: &Database, keys: u64) -> Table<u64, u64> {
    let table = db.table("numbers").expect("a new table");
    db.transact(|tx| Ok((0..keys).for_each(|key| tx.insert(&table, key, 0)))).expect("alone");
    table
}

fn limit_of(error: &Error) -> (&'static str, u64) {
    match error {
        Error::LimitExceeded { limit, bound } => (limit, *bound),
        other => panic!("another error: {other}"),
    }
}

#[test]
fn whoever_observes_too_much_reads_on_holds_nothing_back_and_fails() {
    let db = Database::builder().max_footprint(50).build();
    let table = numbers(&db, 100);
    let greedy = db.begin();
    assert_eq!(greedy.range_where(&table, .., |_, _| true).count(), 100);
    assert!(greedy.is_doomed());
    for n in 1..=1_000 {
        db.transact(|tx| Ok(tx.insert(&table, n % 100, n))).expect("blind");
    }
    // It reads its snapshot, and nobody keeps commits for its sake.
    assert_eq!(greedy.values(&table, ..).sum::<u64>(), 0);
    db.collect();
    assert_eq!(db.stats().retained_commits, 0);
    let error = greedy.commit().expect_err("too much was observed");
    assert_eq!(limit_of(&error), ("max_footprint", 50));
    assert_at_rest(&db, 100);
}

#[test]
fn what_is_observed_again_and_again_counts_once() {
    let db = Database::builder().max_footprint(16).build();
    let table = numbers(&db, 4);
    let tx = db.begin();
    for round in 0..10_000 {
        assert_eq!(tx.get(&table, &(round % 4)), Some(&0));
        assert_eq!(tx.get(&table, &(4 + round % 4)), None);
    }
    assert!(!tx.is_doomed());
    tx.insert(&table, 0, 1);
    tx.commit().expect("eight observations");
    assert_at_rest(&db, 4);
}

#[test]
fn a_range_counts_once_however_many_rows_it_has() {
    let db = Database::builder().max_footprint(2).build();
    let table = numbers(&db, 1_000);
    let tx = db.begin();
    assert_eq!(tx.count(&table, ..), 1_000);
    assert_eq!(tx.range(&table, ..).rev().take(500).count(), 500);
    assert!(!tx.is_doomed());
    assert_eq!(tx.range_where(&table, .., |&key, _| key < 3).count(), 3);
    assert!(tx.is_doomed(), "what a predicate selects is remembered row by row");
}

#[test]
fn readers_that_observe_too_much_fail_at_their_end() {
    let db = Database::builder().max_footprint(10).build();
    let table = numbers(&db, 100);
    // Somebody older writes, so that the reader is not known to be safe.
    let older = db.begin();
    older.insert(&table, 0, 1);
    db.transact(|tx| Ok(tx.insert(&table, 1, 1))).expect("blind");
    let sees_much = || db.read(|tx| tx.range_where(&table, .., |_, _| true).count());
    let error = sees_much().expect_err("too much was observed");
    assert_eq!(limit_of(&error), ("max_footprint", 10));
    ignore(older.commit().expect("blind"));
    assert_eq!(sees_much().expect("known to be safe"), 100);
}

#[test]
fn a_large_value_is_counted_once() {
    let db = Database::builder().max_bytes(1 << 20).build();
    let table: Table<u32, [u8; 4096]> = db.table("blocks").expect("a new table");
    let fill = |keys: std::ops::Range<u32>| {
        db.transact(|tx| Ok(keys.clone().for_each(|key| tx.insert(&table, key, [0; 4096]))))
    };
    fill(0..200).expect("200 times four kilobytes");
    fill(200..240).expect("there is room for some more");
    let bytes = db.stats().tables[0].bytes;
    assert!((240 * 4096..1 << 20).contains(&bytes), "{bytes} bytes for 240 blocks");
    fill(240..256).expect_err("a megabyte is full");
}

#[test]
fn bytes_that_are_bounded_are_those_that_the_statistics_tell() {
    let bound = 1_000_000;
    let db = Database::builder().max_bytes(bound).build();
    let table: Table<u64, u64> = db.table("numbers").expect("a new table");
    let insert = |key| db.transact(|tx| Ok(tx.insert(&table, key, 0)));
    let full = (0..bound).find(|&key| insert(key).is_err()).expect("it is full some day");
    let told = db.stats().tables[0].bytes as u64;
    // What the leaves themselves take is told, and not bounded.
    assert!((bound * 98 / 100..bound * 120 / 100).contains(&told), "{full} keys: {told} bytes");
}

#[test]
fn bytes_are_bounded_and_given_back() {
    let db = Database::builder().max_bytes(100_000).build();
    let table: Table<u64, [u8; 100]> = db.table("blocks").expect("a new table");
    let fill = || {
        let full = (0..).find(|&key| {
            let result = db.transact(|tx| Ok(tx.insert(&table, key, [0; 100])));
            result.is_err_and(|error| limit_of(&error) == ("max_bytes", 100_000))
        });
        full.expect("it is full some day")
    };
    let first = fill();
    assert!((200..1_000).contains(&first), "{first} blocks of a hundred bytes and more");
    // Overwriting needs room for one, and not for long: what it overwrites goes.
    db.transact(|tx| Ok(tx.remove(&table, &(first - 1)))).expect("removals only");
    for _ in 0..3 {
        (0..first / 2).for_each(|key| {
            db.transact(|tx| Ok(tx.insert(&table, key, [1; 100]))).expect("room for one");
            db.collect();
        });
    }
    // Removing is always allowed, by whatever means, and gives everything back.
    db.transact(|tx| Ok(tx.clear(&table))).expect("removals only");
    assert_at_rest(&db, 0);
    assert_eq!(fill(), first, "as much as at first");
    db.drop_table("blocks");
    drop(table);
    let table: Table<u64, [u8; 100]> = db.table("blocks").expect("a new table");
    db.transact(|tx| Ok((0..first / 2).for_each(|key| tx.insert(&table, key, [0; 100]))))
        .expect("a dropped table takes no room");
}

#[test]
fn a_transaction_that_has_peeked_at_many_snapshots_slides_no_more() {
    for (bound, slides) in [(0, 0), (1, 1), (2, 2), (9, 2)] {
        let db = Database::builder().max_peeked_snapshots(bound).build();
        let table = numbers(&db, 100);
        let tx = db.begin();
        let begun = u64::from(tx.read_timestamp());
        let mut peeked = Vec::new();
        for key in 0..5 {
            peeked.push(tx.peek(&table, &99).expect("there"));
            db.transact(|other| Ok(other.insert(&table, key, 7))).expect("blind");
            db.transact(|other| Ok(other.insert(&table, 99, key))).expect("blind");
            // A newer version: it slides if it may.
            assert!(tx.contains_key(&table, &key));
            db.collect();
        }
        assert_eq!(u64::from(tx.read_timestamp()), begun + 2 * slides, "bound {bound}");
        let expected: Vec<u64> = (0..5).map(|n: u64| n.min(slides).saturating_sub(1)).collect();
        let seen: Vec<u64> = peeked.into_iter().copied().collect();
        assert_eq!(seen, expected, "bound {bound}: values handed out stay");
        tx.rollback();
        assert_at_rest(&db, 100);
    }
}

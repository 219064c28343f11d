//! Do the statistics say what has happened?

use std::mem;
use std::panic::Location;
use std::thread;
use std::time::Duration;

use precedent::{Database, Isolation, Stats, Table, Transaction};

use crate::support::{Random, assert_at_rest, scaled};

struct Fixture {
    db: Database,
    table: Table<u64, u64>,
}

impl Fixture {
    fn of(db: Database) -> Self {
        let table = db.table("numbers").expect("a new table");
        db.transact(|tx| Ok((0..10).for_each(|key| tx.insert(&table, key, 0)))).expect("alone");
        Self { db, table }
    }

    fn new() -> Self {
        Self::of(Database::new())
    }

    /// A transaction that has read key 1 and writes it.
    fn reader_and_writer(&self) -> Transaction<'_> {
        let tx = self.db.begin();
        let seen = *tx.get(&self.table, &1).expect("there");
        tx.insert(&self.table, 1, seen + 1);
        tx
    }

    fn overwrite(&self) {
        let tx = self.db.begin();
        tx.insert(&self.table, 1, 0);
        tx.commit().expect("blind");
    }
}

/// What has been counted of transactions.
fn counts(stats: &Stats) -> [u64; 9] {
    [
        stats.commits,
        stats.certified_readers,
        stats.rollbacks,
        stats.cycle_aborts,
        stats.first_committer_aborts,
        stats.conservative_aborts,
        stats.own_values_aborts,
        stats.retries,
        stats.slides,
    ]
}

#[test]
fn each_end_of_a_transaction_is_counted_under_its_name() {
    let fixture = Fixture::of(Database::builder().max_own_values(10).build());
    let db = &fixture.db;
    let mut expected = counts(&db.stats());
    assert_eq!(expected, [1, 0, 0, 0, 0, 0, 0, 0, 0]);
    let mut expect = |more: &[usize]| {
        more.iter().for_each(|&place| expected[place] += 1);
        assert_eq!(counts(&db.stats()), expected);
    };
    fixture.overwrite();
    expect(&[0]);
    db.read(|tx| tx.get(&fixture.table, &1).copied()).expect("certified");
    expect(&[1]);
    fixture.reader_and_writer().finish_without_writes().expect("certified");
    expect(&[1]);
    fixture.reader_and_writer().rollback();
    drop(fixture.reader_and_writer());
    expect(&[2, 2]);
    let refused = fixture.reader_and_writer();
    fixture.overwrite();
    assert!(refused.commit().expect_err("overtaken").is_conflict());
    expect(&[0, 3]);
    let large = db.begin();
    (0..11).for_each(|turn| large.insert(&fixture.table, turn % 10, 0));
    assert!(large.commit().expect_err("too many").is_limit());
    expect(&[6]);
    let sliding = db.begin();
    fixture.overwrite();
    assert!(sliding.contains_key(&fixture.table, &1));
    drop(sliding);
    expect(&[0, 8, 2]);
    assert_at_rest(db, 10);
}

#[test]
fn retries_are_counted_after_the_first_run() {
    let fixture = Fixture::new();
    let before = fixture.db.stats();
    let attempts = fixture.db.transact(|tx| {
        let seen = *tx.get(&fixture.table, &1).expect("there");
        if tx.attempt() < 4 {
            fixture.overwrite();
        }
        tx.insert(&fixture.table, 1, seen);
        Ok(tx.attempt())
    });
    assert_eq!(attempts.expect("the fourth attempt"), 4);
    let after = fixture.db.stats();
    assert_eq!((after.retries - before.retries, after.cycle_aborts), (3, 3));
}

#[test]
fn a_lost_race_and_a_bounded_search_have_counters_of_their_own() {
    let fixture = Fixture::of(Database::builder().isolation(Isolation::Snapshot).build());
    let slow = fixture.reader_and_writer();
    fixture.overwrite();
    assert!(slow.commit().is_err());
    assert_eq!(fixture.db.stats().first_committer_aborts, 1);
    let fixture = Fixture::of(Database::builder().max_search_steps(0).build());
    let slow = fixture.reader_and_writer();
    fixture.overwrite();
    assert!(slow.commit().is_err());
    let stats = fixture.db.stats();
    assert_eq!((stats.conservative_aborts, stats.cycle_aborts), (1, 0));
}

#[test]
fn counters_of_many_threads_add_up() {
    const THREADS: u64 = 6;
    let fixture = Fixture::new();
    let commits = scaled(200_000) as u64;
    thread::scope(|scope| {
        for seed in 0..THREADS {
            let fixture = &fixture;
            scope.spawn(move || {
                let mut random = Random::new(seed);
                for turn in 0..commits {
                    let key = random.below(10) as u64;
                    let update = |tx: &Transaction<'_>| {
                        Ok(tx.update(&fixture.table, &key, |value| value + 1).copied())
                    };
                    fixture.db.transact(update).expect("retried");
                    if turn % 4 == 0 {
                        fixture.db.begin().rollback();
                    }
                }
            });
        }
    });
    let stats = fixture.db.stats();
    assert_eq!(stats.commits, THREADS * commits + 1);
    assert_eq!(stats.rollbacks, THREADS * commits.div_ceil(4));
    // Each refused attempt was followed by another one.
    assert_eq!(stats.retries, stats.cycle_aborts);
    assert_at_rest(&fixture.db, 10);
}

#[test]
fn the_oldest_transaction_is_named_with_its_label_its_age_and_its_line() {
    let fixture = Fixture::new();
    let db = &fixture.db;
    assert_eq!(db.stats().oldest, None);
    let (old, line) = (db.begin_owned(), line!());
    old.label(String::from("the ") + "old one");
    thread::sleep(Duration::from_millis(2));
    let young = db.begin_read();
    let oldest = db.stats().oldest.expect("two are open");
    assert_eq!((oldest.id, oldest.label.as_deref()), (old.id(), Some("the old one")));
    assert_eq!(oldest.read_timestamp, old.read_timestamp());
    assert!(oldest.age >= Duration::from_millis(2) && !oldest.doomed);
    let place = oldest.began_at.expect("known");
    assert_eq!((place.file(), place.line()), (Location::caller().file(), line));
    // The next one of the same slot has neither its label nor its age.
    let age = oldest.age;
    drop(old);
    let next = db.begin_owned();
    let oldest = db.stats().oldest.expect("two are open");
    assert_eq!((oldest.id, oldest.label), (young.id(), None));
    drop(young);
    let oldest = db.stats().oldest.expect("one is open");
    assert_eq!((oldest.id, oldest.label), (next.id(), None));
    assert!(oldest.age < age + Duration::from_secs(60));
}

#[test]
fn every_way_to_begin_notes_its_own_line() {
    let fixture = Fixture::new();
    let db = &fixture.db;
    let began_at = || db.stats().oldest.and_then(|oldest| oldest.began_at).map(Location::line);
    let held = (db.begin(), began_at(), line!());
    assert_eq!(held.1, Some(held.2));
    drop(held);
    let held = (db.begin_read(), began_at(), line!());
    assert_eq!(held.1, Some(held.2));
    drop(held);
    let (told, line) = (db.transact(|_| Ok(began_at())), line!());
    assert_eq!(told.expect("alone"), Some(line));
    let told: (Result<_, precedent::Error>, _) = (db.try_transact(|_| Ok(began_at())), line!());
    assert_eq!(told.0.expect("alone"), Some(told.1));
    let (told, line) = (db.transact_with_commit(|_| Ok(began_at())), line!());
    assert_eq!(told.expect("alone").0, Some(line));
    let (told, line) = (db.read(|_| began_at()), line!());
    assert_eq!(told.expect("alone"), Some(line));
}

#[test]
fn a_leaked_transaction_stays_the_oldest() {
    let fixture = Fixture::new();
    let leaked = fixture.db.begin_owned();
    let id = leaked.id();
    leaked.label("leaked");
    mem::forget(leaked);
    for _ in 0..100 {
        fixture.overwrite();
    }
    let oldest = fixture.db.stats().oldest.expect("it never ends");
    assert_eq!((oldest.id, oldest.label.as_deref()), (id, Some("leaked")));
}

#[test]
fn each_table_is_counted_by_itself() {
    let db = Database::new();
    let small: Table<u8, u8> = db.table("b small").expect("new");
    let large: Table<u64, [u64; 32]> = db.table("a large").expect("new");
    db.transact(|tx| {
        (0..100).for_each(|key| tx.insert(&large, key, [key; 32]));
        Ok(tx.insert(&small, 1, 1))
    })
    .expect("alone");
    let keeps_versions = db.begin();
    assert!(keeps_versions.contains_key(&large, &1));
    db.transact(|tx| Ok(tx.remove(&large, &1))).expect("blind");
    let stats = db.stats();
    let told: Vec<_> = stats
        .tables
        .iter()
        .map(|table| (&*table.name, table.keys, table.versions, table.tombstones))
        .collect();
    assert_eq!(told, [("a large", 100, 101, 1), ("b small", 1, 1, 0)]);
    assert_eq!((stats.keys, stats.versions), (101, 102));
    let [large_bytes, small_bytes] = [stats.tables[0].bytes, stats.tables[1].bytes];
    // At least the values themselves, and not more than a few hundred bytes beside each.
    assert!((100 * 256..100 * 1_000).contains(&large_bytes), "{large_bytes} bytes");
    assert!((1..1_000).contains(&small_bytes), "{small_bytes} bytes");
    drop(keeps_versions);
    db.collect();
    let stats = db.stats();
    assert_eq!((stats.tables[0].keys, stats.tables[0].tombstones), (99, 0));
    assert!(stats.tables[0].bytes < large_bytes);
}

#[test]
fn each_limit_has_a_counter_of_its_own() {
    let over = |builder: precedent::Builder| {
        let db = builder.build();
        let table: Table<u64, u64> = db.table("numbers").expect("a new table");
        let tx = db.begin();
        (0..1_000).for_each(|key| assert!(!tx.contains_key(&table, &key)));
        (0..1_000).for_each(|key| tx.insert(&table, key, 0));
        assert!(tx.commit().expect_err("too much").is_limit());
        let stats = db.stats();
        (stats.own_values_aborts, stats.footprint_aborts, stats.bytes_aborts)
    };
    assert_eq!(over(Database::builder().max_own_values(100)), (1, 0, 0));
    assert_eq!(over(Database::builder().max_footprint(100)), (0, 1, 0));
    assert_eq!(over(Database::builder().max_bytes(100)), (0, 0, 1));
}

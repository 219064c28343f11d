//! Very many certified readers of one snapshot beside a writer that stays open: they share
//! one footprint before anything is folded, and it refuses whom each of them would.

use std::sync::atomic::{AtomicBool, Ordering};

use precedent::{Database, Error, Table, Transaction};

use crate::support::{assert_at_rest, assert_explains};

const BOUND: usize = 64;
const ROWS: u64 = 1_000;

type Rows = Table<u64, u64>;

/// A bounded database with even keys below `2 * ROWS`, each its own value.
fn numbers() -> (Database, Rows) {
    let db = Database::builder().max_retained_commits(BOUND).sliding(false).build();
    let table = db.table("numbers").expect("a new table");
    let fill = |tx: &Transaction<'_>| (0..ROWS).for_each(|n| tx.insert(&table, 2 * n, 2 * n));
    db.transact(|tx| Ok(fill(tx))).expect("alone");
    (db, table)
}

/// A writer that has read around a commit, and then a thousand readers who saw that one.
fn crowd<'db>(
    db: &'db Database,
    table: &Rows,
    read: impl Fn(&Transaction<'_>, u64),
) -> Transaction<'db> {
    let writer = db.begin();
    assert_eq!(writer.get(table, &0), Some(&0));
    db.transact(|tx| Ok(tx.insert(table, 0, 1))).expect("blind");
    for n in 0..1_000 {
        let reader = db.begin();
        read(&reader, n);
        reader.commit().expect("nothing that it saw contradicts another");
    }
    db.collect();
    let stats = db.stats();
    assert_eq!(stats.folded_commits, 0, "{stats:?}");
    assert!(stats.shared_readers > 900 && stats.retained_readers <= BOUND, "{stats:?}");
    writer
}

/// Whether the writer may write this key after the readers have read.
fn commits(read: impl Fn(&Transaction<'_>, &Rows, u64), key: u64) -> bool {
    let (db, table) = numbers();
    let writer = crowd(&db, &table, |tx, n| read(tx, &table, n));
    writer.insert(&table, key, 7_000);
    let outcome = writer.commit();
    if let Err(error) = &outcome {
        assert_explains(error);
        let conflict = error.conflict().expect("it explains itself");
        let shared = conflict.cycle().iter().filter(|edge| edge.from().sharing() > 0);
        let told: Vec<String> = shared.map(ToString::to_string).collect();
        assert!(told.len() == 1 && told[0].contains("other readers there"), "{conflict}");
    }
    assert_eq!(db.stats().conservative_aborts, 0);
    assert_at_rest(&db, (ROWS + u64::from(outcome.is_ok() && key % 2 == 1)) as usize);
    outcome.is_ok()
}

#[test]
fn a_crowd_that_shares_its_keys_refuses_whom_one_of_it_would() {
    let read = |tx: &Transaction<'_>, table: &Rows, n: u64| {
        assert_eq!(tx.get(table, &(2 * (n % 10 + 1))), Some(&(2 * (n % 10 + 1))));
    };
    assert!(!commits(read, 2) && !commits(read, 20));
    assert!(commits(read, 22) && commits(read, 1_001));
}

#[test]
fn a_crowd_that_shares_absences_refuses_whom_one_of_it_would() {
    let read = |tx: &Transaction<'_>, table: &Rows, n: u64| {
        assert_eq!(tx.get(table, &(2 * (n % 10) + 1)), None);
    };
    assert!(!commits(read, 1) && !commits(read, 19));
    assert!(commits(read, 21) && commits(read, 2));
}

#[test]
fn a_crowd_that_shares_ranges_refuses_whom_one_of_it_would() {
    let read = |tx: &Transaction<'_>, table: &Rows, n: u64| {
        let from = 100 * (n % 5 + 1);
        assert_eq!(tx.range(table, from..from + 20).count(), 10);
    };
    assert!(!commits(read, 101) && !commits(read, 519));
    assert!(commits(read, 121) && commits(read, 99));
}

#[test]
fn a_crowd_that_shares_predicates_refuses_whom_one_of_it_would() {
    // Predicates cannot be compared, so each counts: only a few readers have one.
    let read = |tx: &Transaction<'_>, table: &Rows, n: u64| {
        if n % 100 == 1 {
            assert_eq!(tx.range_where(table, 100..200, |_, value| *value >= 5_000).count(), 0);
        }
        assert!(tx.contains_key(table, &300));
    };
    assert!(!commits(read, 101) && !commits(read, 198));
    assert!(commits(read, 99) && commits(read, 201));
}

static ARMED: AtomicBool = AtomicBool::new(false);

/// Its clones panic while armed.
#[derive(PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Touchy(u64);

impl Clone for Touchy {
    fn clone(&self) -> Self {
        assert!(!ARMED.load(Ordering::Relaxed), "a clone that panics");
        Self(self.0)
    }
}

#[test]
fn footprints_that_cannot_be_joined_stay_apart_and_nobody_is_let_through() -> Result<(), Error> {
    let db = Database::builder().max_retained_commits(BOUND).sliding(false).build();
    let table: Table<Touchy, u64> = db.table("touchy")?;
    db.transact(|tx| Ok((0..10).for_each(|n| tx.insert(&table, Touchy(n), n))))?;
    let writer = db.begin();
    assert_eq!(writer.get(&table, &Touchy(0)), Some(&0));
    db.transact(|tx| Ok(tx.insert(&table, Touchy(0), 1)))?;
    for _ in 0..BOUND - 1 {
        let reader = db.begin();
        assert_eq!(reader.range(&table, Touchy(1)..Touchy(5)).count(), 4);
        reader.commit()?;
    }
    assert_eq!(db.stats().shared_readers, 0);
    let last = db.begin();
    assert_eq!(last.get(&table, &Touchy(7)), Some(&7));
    ARMED.store(true, Ordering::Relaxed);
    let outcome = last.commit();
    db.collect();
    ARMED.store(false, Ordering::Relaxed);
    outcome?;
    let stats = db.stats();
    assert_eq!((stats.shared_readers, stats.retained_commits), (0, 0), "folded: {stats:?}");
    writer.insert(&table, Touchy(3), 30);
    assert!(writer.commit().is_err_and(|error| error.is_conflict()));
    assert_at_rest(&db, 10);
    Ok(())
}

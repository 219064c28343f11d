//! Histories that once came out wrong, found while the proof was written.
#![allow(clippy::unit_arg, reason = "a closure that only writes returns Ok(())")]

use std::cell::{Cell, RefCell};
use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering as Memory};
use std::sync::mpsc;
use std::time::Duration;

use precedent::{Conflict, ConflictReason, Database, Error, Range, Table, Transaction};

use crate::support::ignore;

type Numbers = Table<u8, u32>;

/// The removed key leaves the index that `tx` holds and comes back as another record; then
/// a slide by way of another table takes the snapshot past its insertion.
#[test]
fn a_slide_takes_every_table_along() -> Result<(), Error> {
    let db = Database::new();
    let (a, b): (Numbers, Numbers) = (db.table("a")?, db.table("b")?);
    let both = |value| {
        db.transact(|tx| {
            tx.insert(&a, 1, value);
            tx.insert(&b, 1, value);
            Ok(())
        })
    };
    both(10)?;
    db.transact(|tx| {
        tx.remove(&b, &1);
        Ok(())
    })?;
    let tx = db.begin();
    assert_eq!(tx.get(&b, &200), None);
    db.collect();
    both(20)?;
    let seen = (tx.get(&a, &1), tx.get(&b, &1), tx.peek(&b, &1));
    assert_eq!(seen, (Some(&20), Some(&20), Some(&20)), "I7: half a commit was seen");
    tx.commit().map(drop)
}

#[test]
fn a_peek_sees_what_the_slid_snapshot_sees() -> Result<(), Error> {
    let db = Database::new();
    let (a, b): (Numbers, Numbers) = (db.table("a")?, db.table("b")?);
    let tx = db.begin();
    assert_eq!(tx.peek(&b, &1), None);
    db.transact(|other| {
        other.insert(&a, 1, 20);
        other.insert(&b, 1, 20);
        Ok(())
    })?;
    assert_eq!((tx.get(&a, &1), tx.peek(&b, &1)), (Some(&20), Some(&20)), "I7");
    Ok(())
}

thread_local! {
    static READ_BY_PREDICATE: Cell<Option<Rc<Transaction<'static>>>> = const { Cell::new(None) };
}

/// The predicate runs while a slide is checked, and reads what was overwritten.
#[test]
fn reads_of_a_predicate_hold_a_slide_back() -> Result<(), Error> {
    let db = Database::new();
    let [b, a, c]: [Numbers; 3] = [db.table("b")?, db.table("a")?, db.table("c")?];
    let write = |value| {
        db.transact(|tx| {
            [&b, &c].into_iter().for_each(|table| tx.insert(table, 1, value));
            tx.insert(&a, 1, 0);
            Ok(())
        })
    };
    write(10)?;
    let tx = Rc::new(db.begin_owned());
    assert_eq!(tx.get(&b, &9), None); // so that b is checked first
    let table = b.clone();
    let nosy = move |_: &u8, _: &u32| {
        READ_BY_PREDICATE.take().is_some_and(|tx| tx.get(&table, &1) != Some(&10))
    };
    assert_eq!(tx.range_where(&a, .., nosy).count(), 0);
    write(20)?;
    READ_BY_PREDICATE.set(Some(Rc::clone(&tx)));
    assert_eq!(tx.get(&c, &1), Some(&10));
    Ok(())
}

/// What a predicate is lent is no observation before it returns, and must stay all the same.
#[test]
fn nothing_slides_while_a_predicate_looks_at_a_row() -> Result<(), Error> {
    let db = Database::new();
    let t: Table<u8, Arc<u32>> = db.table("t")?;
    let write = {
        let (db, t) = (db.clone(), t.clone());
        move |value| {
            let both = |tx: &Transaction<'_>| [1, 2].map(|key| tx.insert(&t, key, Arc::new(value)));
            db.transact(|tx| Ok(both(tx))).map(drop)
        }
    };
    write(10)?;
    let tx = Rc::new(db.begin_owned());
    READ_BY_PREDICATE.set(Some(Rc::clone(&tx)));
    let stayed = Arc::new(AtomicBool::new(false));
    let predicate = {
        let (db, t, stayed) = (db.clone(), t.clone(), Arc::clone(&stayed));
        move |_: &u8, value: &Arc<u32>| {
            let Some(tx) = READ_BY_PREDICATE.take() else { return true };
            let lent = Arc::downgrade(value);
            write(20).expect("blind");
            assert_eq!(tx.get(&t, &2).map(|value| **value), Some(10), "it slid");
            db.collect();
            stayed.store(lent.upgrade().is_some(), Memory::Relaxed);
            true
        }
    };
    let rows = tx.range_where(&t, ..2, predicate).count();
    assert_eq!((rows, stayed.load(Memory::Relaxed)), (1, true));
    Ok(())
}

struct Loud;

impl Drop for Loud {
    fn drop(&mut self) {
        panic!("captures that panic when they are dropped");
    }
}

#[test]
fn a_predicate_whose_captures_panic_in_drop_harms_nobody() -> Result<(), Error> {
    let db = Database::new();
    let t: Numbers = db.table("t")?;
    let keeps_the_log = db.begin();
    let tx = db.begin();
    let loud = Loud;
    let predicate = move |_: &u8, _: &u32| std::mem::size_of_val(&loud) > 0;
    assert_eq!(tx.range_where(&t, .., predicate).count(), 0);
    tx.insert(&t, 1, 1);
    tx.commit()?;
    drop(keeps_the_log);
    let innocent = || (0..20).try_for_each(|n| db.transact(|tx| Ok(tx.insert(&t, 2, n))));
    assert!(catch_unwind(AssertUnwindSafe(innocent)).is_ok());
    Ok(())
}

thread_local! {
    static IN_CLONE: Cell<Option<Box<dyn FnOnce()>>> = const { Cell::new(None) };
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Hooked(u8);

impl Clone for Hooked {
    fn clone(&self) -> Self {
        if let Some(hook) = IN_CLONE.take() {
            hook();
        }
        Self(self.0)
    }
}

/// The collection comes by while a commit that fails in the end has leased the record.
#[test]
fn a_tombstone_that_was_leased_when_it_could_go_goes_with_the_lease() -> Result<(), Error> {
    let db = Database::builder().sliding(false).build();
    let t: Numbers = db.table("t")?;
    let hooked: Table<Hooked, ()> = db.table("hooked")?;
    db.transact(|tx| Ok((1..=2).for_each(|key| tx.insert(&t, key, 0))))?;
    let pin = db.begin();
    db.transact(|tx| {
        tx.remove(&t, &1);
        Ok(())
    })?;
    drop(pin);
    let tx = db.begin();
    assert_eq!(tx.get(&t, &2), Some(&0));
    (1..=2).for_each(|key| tx.insert(&t, key, 1));
    tx.insert(&hooked, Hooked(0), ());
    let (other, table) = (db.clone(), t.clone());
    IN_CLONE.set(Some(Box::new(move || {
        other.transact(|tx| Ok(tx.insert(&table, 2, 2))).expect("alone");
        other.collect();
    })));
    assert!(tx.commit().is_err());
    db.collect();
    assert_eq!((db.stats().keys, db.stats().versions), (1, 1), "I5: a dead record stays");
    Ok(())
}

#[test]
fn a_retry_at_once_never_meets_the_same_conflict() -> Result<(), Error> {
    let db = Database::new();
    let t: Numbers = db.table("t")?;
    let again = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let mut met = BTreeSet::new();
                for _ in 0..20_000 {
                    let tx = db.begin();
                    let n = tx.get(&t, &1).copied().unwrap_or(0);
                    tx.insert(&t, 1, n.wrapping_add(1));
                    if let Err(error) = tx.commit() {
                        let conflict = error.conflict().expect("a conflict");
                        let winner = conflict.cycle()[0].to().commit_timestamp();
                        again.fetch_add(u64::from(!met.insert(winner)), Memory::Relaxed);
                    }
                }
            });
        }
    });
    assert_eq!(again.into_inner(), 0);
    Ok(())
}

thread_local! {
    /// The database and table that busy user code of this thread commits to.
    static ELSEWHERE: Cell<Option<(Database, Table<u8, u64>)>> = const { Cell::new(None) };
}

/// Commits in another table. Takes the way out of the cell, so that it does not recurse.
fn commit_elsewhere() {
    if let Ok(Some((db, t))) = ELSEWHERE.try_with(Cell::take) {
        db.transact(|tx| Ok(tx.insert(&t, 0, 0))).expect("blind writes never fail");
        ELSEWHERE.set(Some((db, t)));
    }
}

/// A key and a value whose every operation commits something.
#[derive(Debug)]
struct Busy(u8);

impl Clone for Busy {
    fn clone(&self) -> Self {
        commit_elsewhere();
        Self(self.0)
    }
}

impl PartialEq for Busy {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Busy {}

impl PartialOrd for Busy {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Busy {
    fn cmp(&self, other: &Self) -> Ordering {
        commit_elsewhere();
        self.0.cmp(&other.0)
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        commit_elsewhere();
    }
}

fn busy_work(db: &Database, t: &Table<Busy, Busy>) {
    for n in 0..60_u8 {
        let all = |_: &Busy, value: &Busy| {
            commit_elsewhere();
            value.0.is_multiple_of(2)
        };
        let outcome = db.transact(|tx| {
            let found = tx.range_where(t, .., all).count();
            tx.get(t, &Busy(n % 5));
            tx.insert(t, Busy(n % 7), Busy(found as u8));
            tx.remove(t, &Busy(n % 3));
            Ok(())
        });
        outcome.expect("ten thousand attempts are enough");
        if n.is_multiple_of(8) {
            db.collect();
        }
    }
}

/// I6: a commit that user code makes between c and publication would wait for that very
/// publication, and never end.
#[test]
fn user_code_never_runs_between_a_timestamp_and_its_publication() -> Result<(), Error> {
    let db = Database::new();
    let t: Table<Busy, Busy> = db.table("busy")?;
    let elsewhere: Table<u8, u64> = db.table("elsewhere")?;
    let (ended, wait) = mpsc::channel();
    for _ in 0..2 {
        let (db, t, elsewhere, ended) = (db.clone(), t.clone(), elsewhere.clone(), ended.clone());
        std::thread::spawn(move || {
            ELSEWHERE.set(Some((db.clone(), elsewhere)));
            busy_work(&db, &t);
            ELSEWHERE.take();
            let _ = ended.send(());
        });
    }
    for _ in 0..2 {
        let end = wait.recv_timeout(Duration::from_secs(60));
        assert!(end.is_ok(), "I6: user code waits for the commit that it runs in");
    }
    Ok(())
}

/// A search asks the predicates of others anew in every round. One that commits each time would
/// go on for ever.
#[test]
fn a_predicate_that_commits_whenever_it_is_asked_ends_in_a_conservative_refusal()
-> Result<(), Error> {
    let db = Database::builder().sliding(false).build();
    let t: Table<u8, u64> = db.table("t")?;
    let elsewhere: Table<u8, u64> = db.table("elsewhere")?;
    db.transact(|tx| Ok(tx.insert(&t, 1, 1)))?;
    let (one, other) = (db.begin(), db.begin());
    let (busy, written) = (db.clone(), elsewhere.clone());
    let commits = move |_: &u8, value: &u64| {
        let outcome = busy.transact(|tx| Ok(tx.insert(&written, 1, *value)));
        outcome.expect("blind");
        *value > 100
    };
    assert_eq!(other.range_where(&t, 10.., commits).count(), 0);
    assert_eq!(one.get(&t, &1), Some(&1));
    other.insert(&t, 1, 2);
    other.commit()?;
    // It comes before the other one, and does not change what that has seen: no circle.
    one.insert(&t, 20, 5);
    let error = one.commit().expect_err("it would be certified for ever");
    assert_eq!(error.conflict().map(Conflict::reason), Some(ConflictReason::Conservative));
    assert_eq!(db.stats().conservative_aborts, 1);
    // Who begins now has nothing to search.
    db.transact(|tx| Ok(tx.insert(&t, 20, tx.get(&t, &1).copied().unwrap_or(0))))?;
    Ok(())
}

#[test]
fn a_row_of_a_range_that_was_overwritten_dooms_whoever_writes_it() -> Result<(), Error> {
    let db = Database::builder().sliding(false).build();
    let table: Table<u8, u8> = db.table("t")?;
    let write = |key, value| db.transact(|tx| Ok(tx.insert(&table, key, value)));
    (1..=3).try_for_each(|key| write(key, 0))?;
    let tx = db.begin();
    assert_eq!(tx.count(&table, ..), 3);
    tx.insert(&table, 2, 20);
    assert!(!tx.is_doomed());
    write(2, 5)?;
    assert!(tx.is_doomed(), "it has seen the row that it writes");
    assert!(tx.commit().is_err_and(|error| error.is_conflict()));
    // An own write comes first: the range does not look at that key.
    let tx = db.begin();
    tx.insert(&table, 2, 20);
    assert_eq!(tx.count(&table, ..), 3);
    write(2, 6)?;
    assert!(!tx.is_doomed());
    ignore(tx.commit()?);
    Ok(())
}

#[test]
fn a_key_that_came_and_went_before_a_fold_has_changed_no_range() -> Result<(), Error> {
    let looks: [fn(&Transaction<'_>, &Table<u8, u8>); 3] = [
        |tx, table| assert_eq!(tx.count(table, ..), 3),
        |tx, table| {
            tx.insert(table, 2, 1);
            assert_eq!(tx.count(table, ..), 3);
        },
        |tx, table| assert_eq!(tx.range_where(table, .., |_, value| *value == 0).count(), 3),
    ];
    for (which, look) in looks.into_iter().enumerate() {
        let db = Database::builder().sliding(false).max_retained_commits(8).build();
        let (table, noise): (Table<u8, u8>, Table<u8, u8>) = (db.table("t")?, db.table("noise")?);
        db.transact(|tx| Ok((1..=3).for_each(|key| tx.insert(&table, key, 0))))?;
        let tx = db.begin();
        look(&tx, &table);
        tx.insert(&noise, 0, 1);
        db.transact(|other| Ok(other.insert(&table, 7, 0)))?;
        // Holds the value of 7, and with it the tombstone.
        let between = db.begin_read();
        db.transact(|other| Ok(ignore(other.remove(&table, &7))))?;
        (1..100).try_for_each(|key| db.transact(|other| Ok(other.insert(&noise, key, key))))?;
        db.collect();
        assert!(db.stats().folded_commits > 0, "nobody folds");
        assert!(tx.commit().is_ok(), "view {which}: nothing that it saw has changed");
        ignore(between.finish());
    }
    Ok(())
}

thread_local! {
    /// How many comparisons are left until one drives the range below.
    static UNTIL: Cell<Option<u32>> = const { Cell::new(None) };
    static DRIVEN: RefCell<Option<Range<'static, Driver, u64>>> = const { RefCell::new(None) };
    static CAME: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// A key whose comparator drives a range, once, and minds no panic.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Driver(u8);

impl PartialOrd for Driver {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Driver {
    fn cmp(&self, other: &Self) -> Ordering {
        let until = UNTIL.get();
        UNTIL.set(until.and_then(|left| left.checked_sub(1)));
        if until == Some(0) {
            let drive = || DRIVEN.with_borrow_mut(|range| range.as_mut().and_then(Iterator::next));
            if let Ok(Some((key, _))) = catch_unwind(AssertUnwindSafe(drive)) {
                CAME.with_borrow_mut(|came| came.push(key.0));
            }
        }
        self.0.cmp(&other.0)
    }
}

#[test]
fn a_range_that_a_comparator_drives_in_vain_loses_no_row() -> Result<(), Error> {
    // The thread keeps the range, so that all it borrows from must stay for ever.
    for until in 0..14 {
        let db: &'static Database = Box::leak(Box::new(Database::new()));
        let table: &'static Table<Driver, u64> = Box::leak(Box::new(db.table("driven")?));
        let keys = [0, 1, 2, 3, 4, 9];
        db.transact(|tx| Ok(keys.iter().for_each(|key| tx.insert(table, Driver(*key), 1))))?;
        let tx: &'static Transaction<'_> = Box::leak(Box::new(db.begin()));
        let mut range = tx.range(table, ..Driver(5));
        assert_eq!(range.next().map(|(key, _)| key.0), Some(0));
        DRIVEN.set(Some(range));
        db.transact(|tx| Ok(tx.insert(table, Driver(9), 2)))?;
        UNTIL.set(Some(until));
        tx.get(table, &Driver(9));
        UNTIL.set(None);
        let mut came = CAME.take();
        came.extend(DRIVEN.take().into_iter().flatten().map(|(key, _)| key.0));
        assert_eq!(came, [1, 2, 3, 4], "driven by comparison {until}");
    }
    Ok(())
}

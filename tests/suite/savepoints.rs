//! Savepoints: what a rollback undoes, and what it leaves alone.

use std::cell::RefCell;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering as Memory};

use precedent::{Database, Error, Isolation, Savepoint, Table, Transaction};

use crate::support::{Random, assert_at_rest, assert_explains, ignore, panic_message, scaled};

/// A table of numbers in a database of its own, with one row: 1 is 10.
fn numbers() -> (Database, Table<u64, i64>) {
    numbers_in(Database::new())
}

fn numbers_in(db: Database) -> (Database, Table<u64, i64>) {
    let table = db.table("numbers").expect("a new table");
    db.transact(|tx| Ok(tx.insert(&table, 1, 10))).expect("alone");
    (db, table)
}

fn rows(tx: &Transaction<'_>, table: &Table<u64, i64>) -> Vec<(u64, i64)> {
    tx.range(table, ..).map(|(key, value)| (*key, *value)).collect()
}

#[test]
fn a_rollback_undoes_every_kind_of_write() {
    let (db, table) = numbers();
    let tx = db.begin();
    tx.insert(&table, 2, 20);
    tx.insert(&table, 3, 30);
    let before = tx.savepoint();
    tx.remove(&table, &1);
    tx.insert(&table, 2, 21);
    tx.insert(&table, 2, 22);
    tx.remove(&table, &3);
    tx.insert(&table, 4, 40);
    tx.rollback_to(&before);
    assert_eq!(rows(&tx, &table), [(1, 10), (2, 20), (3, 30)]);
    tx.commit().expect("alone");
    assert_eq!(rows(&db.begin(), &table), [(1, 10), (2, 20), (3, 30)]);
    assert_at_rest(&db, 3);
}

#[test]
fn a_table_first_touched_after_the_savepoint_is_as_untouched_again() {
    let (db, table) = numbers();
    let late: Table<String, String> = db.table("late").expect("a new table");
    let tx = db.begin();
    let before = tx.savepoint();
    tx.insert(&late, "key".into(), "value".into());
    tx.rollback_to(&before);
    assert_eq!(tx.get(&late, "key"), None);
    tx.insert(&table, 2, 20);
    tx.commit().expect("alone");
    assert!(db.begin().is_empty(&late, ..));
    assert_at_rest(&db, 2);
}

#[test]
fn a_transaction_that_rolled_all_its_writes_back_ends_as_a_reader() {
    let (db, table) = numbers();
    let newest = db.stats().published;
    let tx = db.begin();
    let before = tx.savepoint();
    tx.insert(&table, 1, 11);
    tx.rollback_to(&before);
    assert_eq!(tx.commit().expect("alone").timestamp(), newest);
    assert_at_rest(&db, 1);
}

#[test]
fn a_savepoint_can_be_rolled_back_to_again_and_again() {
    let (db, table) = numbers();
    let tx = db.begin();
    let before = tx.savepoint();
    for turn in 0..100 {
        tx.insert(&table, turn % 7, -1);
        tx.rollback_to(&before);
        assert_eq!(rows(&tx, &table), [(1, 10)]);
    }
    tx.insert(&table, 2, 20);
    tx.commit().expect("alone");
    assert_at_rest(&db, 2);
}

#[test]
fn savepoints_nest_and_those_after_a_rollback_are_gone() {
    let (db, table) = numbers();
    let tx = db.begin();
    let outer = tx.savepoint();
    tx.insert(&table, 1, 11);
    let inner = tx.savepoint();
    tx.insert(&table, 1, 12);
    tx.rollback_to(&inner);
    assert_eq!(tx.get(&table, &1), Some(&11));
    tx.insert(&table, 1, 13);
    tx.rollback_to(&outer);
    assert_eq!(tx.get(&table, &1), Some(&10));
    for message in [panic_message(|| tx.rollback_to(&inner)), panic_message(|| tx.release(inner))] {
        assert!(message.contains("gone"), "{message}");
    }
    tx.rollback_to(&outer);
    tx.release(outer);
    tx.commit().expect("alone");
}

#[test]
fn what_is_released_is_kept_unless_an_outer_one_undoes_it() {
    let (db, table) = numbers();
    let tx = db.begin();
    let outer = tx.savepoint();
    for turn in 0..10 {
        let inner = tx.savepoint();
        tx.insert(&table, 2, turn);
        let innermost = tx.savepoint();
        tx.insert(&table, 3, turn);
        tx.release(inner);
        let message = panic_message(|| tx.rollback_to(&innermost));
        assert!(message.contains("gone"), "{message}");
    }
    let last = tx.savepoint();
    tx.insert(&table, 2, 100);
    tx.rollback_to(&last);
    assert_eq!(rows(&tx, &table), [(1, 10), (2, 9), (3, 9)]);
    tx.rollback_to(&outer);
    assert_eq!(rows(&tx, &table), [(1, 10)]);
    tx.commit().expect("alone");
    assert_at_rest(&db, 1);
}

#[test]
fn a_token_of_another_transaction_is_refused() {
    let (db, table) = numbers();
    let (tx, other) = (db.begin(), db.begin());
    let (elsewhere, _) = numbers();
    let (mine, theirs, foreign) = (tx.savepoint(), other.savepoint(), elsewhere.begin());
    tx.insert(&table, 2, 20);
    for token in [&theirs, &foreign.savepoint()] {
        let message = panic_message(|| tx.rollback_to(token));
        assert!(message.contains("another transaction"), "{message}");
    }
    let message = panic_message(|| tx.release(theirs));
    assert!(message.contains("another transaction"), "{message}");
    assert_eq!(tx.get(&table, &2), Some(&20));
    tx.rollback_to(&mine);
    assert_eq!(tx.get(&table, &2), None);
}

#[test]
fn what_was_read_before_a_rollback_was_read() {
    let (db, table) = numbers();
    let tx = db.begin();
    let before = tx.savepoint();
    let seen = *tx.get(&table, &1).expect("there");
    tx.rollback_to(&before);
    tx.insert(&table, 2, seen);
    db.transact(|other| {
        other.insert(&table, 1, 11);
        Ok(ignore(other.get(&table, &2)))
    })
    .expect("alone");
    assert_explains(&tx.commit().expect_err("it saw 1, which the other one changed"));
}

#[test]
fn what_was_written_and_undone_was_not_written() {
    let (db, table) = numbers();
    let tx = db.begin();
    ignore(tx.get(&table, &3));
    let before = tx.savepoint();
    tx.insert(&table, 2, 20);
    tx.rollback_to(&before);
    tx.insert(&table, 4, 40);
    db.transact(|other| {
        other.insert(&table, 3, 30);
        Ok(ignore(other.get(&table, &2)))
    })
    .expect("alone");
    tx.commit().expect("nobody missed its 4, and its 2 is undone");
}

#[test]
fn a_key_that_was_written_and_undone_is_read_from_the_snapshot() {
    let (db, table) = numbers();
    let tx = db.begin();
    ignore(tx.get(&table, &2));
    let before = tx.savepoint();
    tx.insert(&table, 1, 99);
    tx.rollback_to(&before);
    assert_eq!(tx.get(&table, &1), Some(&10));
    tx.insert(&table, 3, 30);
    db.transact(|other| {
        other.insert(&table, 1, 11);
        Ok(ignore(other.get(&table, &3)))
    })
    .expect("alone");
    assert!(tx.commit().is_err(), "its read of 1 is no longer of its own value");
}

#[test]
fn a_transaction_is_not_doomed_by_what_it_can_undo() {
    let (db, table) = numbers();
    let read_and_write = |tx: &Transaction<'_>| {
        ignore(tx.update(&table, &1, |value| value + 1));
    };
    let overwrite = || db.transact(|tx| Ok(tx.insert(&table, 1, 0))).expect("alone");
    let tx = db.begin();
    let before = tx.savepoint();
    read_and_write(&tx);
    let inner = tx.savepoint();
    overwrite();
    assert!(!tx.is_doomed(), "the write can be undone");
    tx.release(inner);
    assert!(!tx.is_doomed(), "it still can");
    tx.rollback_to(&before);
    assert!(!tx.is_doomed(), "it is");
    tx.commit().expect("it only read");

    let tx = db.begin();
    let before = tx.savepoint();
    read_and_write(&tx);
    overwrite();
    tx.release(before);
    assert!(tx.is_doomed() && tx.commit().is_err());

    let tx = db.begin();
    read_and_write(&tx);
    let after = tx.savepoint();
    overwrite();
    assert!(tx.is_doomed(), "the write came before the savepoint");
    tx.rollback_to(&after);
    assert!(tx.is_doomed() && tx.commit().is_err());
}

#[test]
fn undone_values_count_against_the_limit() {
    let (db, table) = numbers_in(Database::builder().max_own_values(10).build());
    let tx = db.begin();
    let before = tx.savepoint();
    for turn in 0..11 {
        tx.insert(&table, turn, 0);
        tx.rollback_to(&before);
    }
    assert!(tx.is_doomed());
    assert!(tx.commit().is_err_and(|error| error.is_limit()));
    assert_at_rest(&db, 1);
}

#[test]
fn an_open_range_keeps_its_view_over_a_rollback() {
    let (db, table) = numbers();
    let tx = db.begin();
    let before = tx.savepoint();
    (2..6).for_each(|key| tx.insert(&table, key, -1));
    let mut range = tx.range(&table, ..);
    assert_eq!(range.next(), Some((&1, &10)));
    assert_eq!(range.next(), Some((&2, &-1)));
    tx.rollback_to(&before);
    tx.insert(&table, 3, 33);
    assert_eq!(
        range.map(|(key, value)| (*key, *value)).collect::<Vec<_>>(),
        [(3, -1), (4, -1), (5, -1)]
    );
    assert_eq!(rows(&tx, &table), [(1, 10), (3, 33)]);
}

/// Counts its drops.
struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_add(1, Memory::Relaxed);
    }
}

/// A key that counts its drops.
#[derive(Clone)]
struct Noted(String, Arc<AtomicUsize>);

impl Drop for Noted {
    fn drop(&mut self) {
        self.1.fetch_add(1, Memory::Relaxed);
    }
}

impl std::fmt::Debug for Noted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl PartialEq for Noted {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl Eq for Noted {}

impl PartialOrd for Noted {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Noted {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.cmp(&other.0)
    }
}

#[test]
fn undone_keys_and_values_stay_until_the_transaction_ends() -> Result<(), Error> {
    undone_keys_and_values_stay(Isolation::Serializable)?;
    // Nothing is tracked here, and so nothing of the read set holds the keys.
    undone_keys_and_values_stay(Isolation::Snapshot)
}

fn undone_keys_and_values_stay(isolation: Isolation) -> Result<(), Error> {
    let db = Database::builder().isolation(isolation).build();
    let table: Table<Noted, Counted> = db.table("counted")?;
    let (dropped, keys_dropped) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let count = || dropped.load(Memory::Relaxed);
    let put = |tx: &Transaction<'_>, key: usize| {
        let key = Noted(format!("a key that owns memory {key}"), Arc::clone(&keys_dropped));
        tx.insert(&table, key, Counted(Arc::clone(&dropped)));
    };
    let tx = db.begin();
    put(&tx, 0);
    let outer = tx.savepoint();
    (0..3).for_each(|key| put(&tx, key));
    let inner = tx.savepoint();
    (0..5).for_each(|key| put(&tx, key));
    let held: Vec<(&Noted, &Counted)> = tx.range(&table, ..).collect();
    tx.rollback_to(&inner);
    tx.release(inner);
    (3..7).for_each(|key| put(&tx, key));
    let also_held: Vec<(&Noted, &Counted)> = tx.range(&table, ..).rev().collect();
    tx.rollback_to(&outer);
    tx.release(outer);
    assert_eq!(tx.count(&table, ..), 1);
    let again = 4;
    assert_eq!((count(), keys_dropped.load(Memory::Relaxed)), (0, again));
    for (place, (key, value)) in held.iter().chain(also_held.iter().rev()).enumerate() {
        let place = if place < 5 { place } else { place - 5 };
        assert!(key.0.ends_with(&place.to_string()), "{key:?}");
        assert_eq!(Arc::strong_count(&value.0), 14);
    }
    tx.commit()?;
    assert_eq!(count(), 12, "all but the one that was written");
    drop((db, table));
    assert_eq!(count(), 13);
    Ok(())
}

#[test]
fn a_nested_closure_keeps_its_writes_or_undoes_them() {
    let (db, table) = numbers();
    let tx = db.begin();
    let kept: Result<i64, ()> = tx.nested(|tx| {
        tx.insert(&table, 2, 20);
        let undone: Result<(), &str> = tx.nested(|tx| {
            tx.insert(&table, 2, 21);
            tx.insert(&table, 3, 31);
            Err("undone")
        });
        assert_eq!(undone, Err("undone"));
        Ok(*tx.get(&table, &2).expect("as before"))
    });
    assert_eq!(kept, Ok(20));
    assert_eq!(rows(&tx, &table), [(1, 10), (2, 20)]);
    tx.commit().expect("alone");
    assert_at_rest(&db, 2);
}

#[test]
fn a_panic_in_a_nested_closure_undoes_its_writes_only() {
    let (db, table) = numbers();
    let tx = db.begin();
    tx.insert(&table, 2, 20);
    let message = panic_message(|| {
        tx.nested(|tx| -> Result<(), ()> {
            ignore(tx.savepoint());
            tx.insert(&table, 2, 21);
            panic!("in the middle");
        })
    });
    assert_eq!(message, "in the middle");
    assert_eq!(rows(&tx, &table), [(1, 10), (2, 20)]);
    tx.commit().expect("alone");
    assert_at_rest(&db, 2);
}

#[test]
fn a_nested_closure_must_not_end_an_outer_savepoint() {
    let (db, table) = numbers();
    let tx = db.begin();
    tx.insert(&table, 2, 20);
    let outer = tx.savepoint();
    for result in [Ok(()), Err(())] {
        let message = panic_message(|| {
            tx.nested(|tx| {
                tx.rollback_to(&outer);
                result
            })
        });
        assert!(message.contains("taken before it ran"), "{message}");
    }
    tx.rollback_to(&outer);
    assert_eq!(rows(&tx, &table), [(1, 10), (2, 20)]);
}

type Held = Option<(Transaction<'static>, Table<u64, i64>, Savepoint)>;

thread_local! {
    /// What user code finds that is called by a transaction.
    static AROUND: RefCell<Held> = const { RefCell::new(None) };
    static COMPARED: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// A key whose comparator uses savepoints.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Meddling(u64);

impl PartialOrd for Meddling {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Meddling {
    fn cmp(&self, other: &Self) -> Ordering {
        AROUND.with_borrow(|around| {
            let Some((tx, _, savepoint)) = around else { return };
            let calls: [&dyn Fn(); 3] =
                [&|| tx.rollback_to(savepoint), &|| ignore(tx.savepoint()), &|| {
                    ignore(tx.nested(|_| Ok::<(), ()>(())))
                }];
            for call in calls {
                COMPARED.with_borrow_mut(|all| all.push(panic_message(call)));
            }
        });
        self.0.cmp(&other.0)
    }
}

#[test]
fn a_comparator_must_not_use_savepoints() {
    let (db, table) = numbers();
    let meddling: Table<Meddling, ()> = db.table("meddling").expect("a new table");
    db.transact(|tx| Ok(tx.insert(&meddling, Meddling(1), ()))).expect("alone");
    let tx = db.begin_owned();
    let savepoint = tx.savepoint();
    tx.insert(&table, 1, 11);
    AROUND.set(Some((tx, table.clone(), savepoint)));
    AROUND.with_borrow(|around| {
        let Some((tx, ..)) = around else { return };
        assert_eq!(tx.get(&meddling, &Meddling(1)), Some(&()));
    });
    let messages = COMPARED.take();
    assert!(!messages.is_empty());
    for message in messages {
        assert!(message.contains("a comparator must not write"), "{message}");
    }
    let (tx, ..) = AROUND.take().expect("held");
    assert_eq!(tx.get(&table, &1), Some(&11));
    tx.commit().expect("alone");
}

/// A key whose `Drop` uses the transaction that drops it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Reentrant(u64);

impl Drop for Reentrant {
    fn drop(&mut self) {
        AROUND.with_borrow(|around| {
            let Some((tx, table, _)) = around else { return };
            let inner = tx.savepoint();
            tx.insert(table, self.0, -1);
            tx.rollback_to(&inner);
            tx.update(table, &1, |drops| drops + 1);
        });
    }
}

#[test]
fn a_rollback_drops_no_key_and_a_key_that_is_dropped_may_roll_back() {
    let (db, table) = numbers();
    let keys: Table<Reentrant, u64> = db.table("keys").expect("a new table");
    let tx = db.begin_owned();
    let savepoint = tx.savepoint();
    AROUND.set(Some((tx, table.clone(), savepoint)));
    AROUND.with_borrow(|held| {
        let Some((tx, _, savepoint)) = held else { return };
        for turn in 0..20 {
            (0..9).for_each(|key| tx.insert(&keys, Reentrant(key), turn));
            let open = tx.range(&keys, ..);
            let inner = tx.savepoint();
            (9..18).for_each(|key| tx.insert(&keys, Reentrant(key), turn));
            tx.rollback_to(&inner);
            tx.release(inner);
            assert_eq!((open.count(), tx.count(&keys, ..)), (9, 9));
            assert_eq!(tx.get(&table, &1), Some(&10), "no key was dropped");
            drop(Reentrant(turn));
            assert_eq!(rows(tx, &table), [(1, 11)], "one was");
            tx.rollback_to(savepoint);
        }
    });
    let (tx, ..) = AROUND.take().expect("held");
    tx.insert(&table, 1, 11);
    tx.commit().expect("alone");
    assert_at_rest(&db, 1);
}

/// A savepoint and the state to return to.
type Model = Vec<(Savepoint, BTreeMap<u64, i64>)>;

#[test]
fn savepoints_behave_like_a_stack_of_copies() {
    let mut random = Random::new(1);
    for _ in 0..scaled(20_000) {
        let (db, table) = numbers();
        let tx = db.begin();
        let (mut now, mut stack) = (BTreeMap::from([(1, 10)]), Model::new());
        for turn in 0..60 {
            act(&tx, &table, &mut random, turn, &mut now, &mut stack);
            assert!(tx.range(&table, ..).eq(now.iter()));
        }
        tx.commit().expect("alone");
        assert!(db.begin().range(&table, ..).eq(now.iter()));
        assert_at_rest(&db, now.len());
    }
}

fn act(
    tx: &Transaction<'_>,
    table: &Table<u64, i64>,
    random: &mut Random,
    turn: i64,
    now: &mut BTreeMap<u64, i64>,
    stack: &mut Model,
) {
    let key = random.below(8) as u64;
    match random.below(10) {
        0..4 => {
            tx.insert(table, key, turn);
            now.insert(key, turn);
        }
        4..6 => {
            tx.remove(table, &key);
            now.remove(&key);
        }
        6..8 => stack.push((tx.savepoint(), now.clone())),
        8 if !stack.is_empty() => {
            stack.truncate(random.below(stack.len()) + 1);
            let (savepoint, state) = stack.last().expect("one at least is left");
            tx.rollback_to(savepoint);
            now.clone_from(state);
        }
        9 if !stack.is_empty() => {
            let at = random.below(stack.len());
            tx.release(stack.swap_remove(at).0);
            stack.truncate(at);
        }
        _ => {}
    }
}

//! User code that uses the very transaction that called it: closures, update functions,
//! predicates and comparators. Reads work everywhere; writes work everywhere but in a
//! comparator, where they panic.

use std::cell::{Cell, RefCell};
use std::cmp::Ordering;
use std::rc::Rc;
use std::sync::{Arc, Mutex};

use precedent::{Database, Table, Transaction};

use crate::errors::Fixture;
use crate::support::{assert_at_rest, ignore, panic_message};

#[test]
fn an_update_function_may_read_and_write_the_same_transaction() {
    let fixture = Fixture::new();
    let (db, table) = (&fixture.db, &fixture.table);
    db.transact(|tx| {
        let new = tx.update(table, &1, |old| {
            tx.insert(table, 2, 2);
            tx.remove(table, &3);
            // Even the key that is being updated.
            tx.insert(table, 1, 50);
            tx.insert(table, 3, 3);
            old + tx.range(table, ..).map(|(_, value)| *value).sum::<i64>()
        });
        assert_eq!(new, Some(&55));
        Ok(assert_eq!(tx.get(table, &1), Some(&55)))
    })
    .expect("alone");
    fixture.assert_works_and_rests(&[(1, 55), (2, 2), (3, 3)]);
}

#[test]
fn a_default_may_read_and_write_the_same_transaction() {
    let fixture = Fixture::new();
    let (db, table) = (&fixture.db, &fixture.table);
    db.transact(|tx| {
        tx.remove(table, &1);
        let value = tx.get_or_insert_with(table, 1, || {
            tx.insert(table, 2, 2);
            tx.get_or_insert_with(table, 2, || 7) + 5
        });
        assert_eq!(*value, 7);
        // The default of a default: the inner one is first, the outer one is last.
        tx.remove(table, &3);
        let outer = tx.get_or_insert_with(table, 3, || {
            tx.get_or_insert_with(table, 3, || 30);
            31
        });
        Ok(assert!(*outer == 30 || *outer == 31))
    })
    .expect("alone");
    let rows = fixture.rows();
    assert_eq!((rows[1], rows[2]), ((1, 7), (2, 2)));
    assert_at_rest(db, 10);
}

#[test]
fn the_body_of_a_loop_may_write_what_the_loop_reads() {
    let fixture = Fixture::new();
    let (db, table) = (&fixture.db, &fixture.table);
    db.transact(|tx| {
        for (key, value) in tx.range(table, ..) {
            tx.insert(table, *key, value + 1);
            for (inner, _) in tx.range(table, ..).rev().take(2) {
                tx.update(table, inner, |value| value + 10);
            }
        }
        Ok(())
    })
    .expect("alone");
    let rows = fixture.rows();
    assert_eq!(rows[0], (0, 1));
    // 8 and 9 were updated by every turn, and their own turn saw the old value 0.
    assert_eq!((rows[8], rows[9]), ((8, 21), (9, 11)));
    assert_at_rest(db, 10);
}

thread_local! {
    /// The transaction that predicates and comparators of this thread get hold of.
    static CURRENT: RefCell<Option<Rc<Transaction<'static>>>> = const { RefCell::new(None) };
    /// What a [`Nosy`] comparison does, once.
    static HOOK: Cell<Option<fn(&Transaction<'static>)>> = const { Cell::new(None) };
}

/// Runs `f` with `tx` within reach, and hands the transaction back.
fn within_reach<R>(
    tx: Transaction<'static>,
    f: impl FnOnce(&Transaction<'static>) -> R,
) -> (Transaction<'static>, R) {
    let shared = Rc::new(tx);
    CURRENT.set(Some(shared.clone()));
    let result = f(&shared);
    CURRENT.set(None);
    HOOK.set(None);
    (Rc::into_inner(shared).expect("nobody else has it"), result)
}

fn current() -> Option<Rc<Transaction<'static>>> {
    CURRENT.with_borrow(Clone::clone)
}

#[test]
fn a_predicate_may_read_and_write_the_same_transaction() {
    let fixture = Fixture::new();
    let table = fixture.table.clone();
    let predicate = move |key: &u64, _: &i64| {
        let Some(tx) = current() else { return false };
        tx.insert(&table, 9, 9);
        tx.get(&table, key).is_some() && tx.count(&table, ..*key) % 2 == 0
    };
    let (tx, found) = within_reach(fixture.db.begin_owned(), |tx| {
        tx.range_where(&fixture.table, .., predicate).map(|(key, _)| *key).collect::<Vec<_>>()
    });
    assert_eq!(found, [0, 2, 4, 6, 8]);
    tx.commit().expect("alone");
    fixture.assert_works_and_rests(&[(9, 9)]);
}

/// A key whose comparison runs the hook, once.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Nosy(u64);

impl PartialOrd for Nosy {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Nosy {
    fn cmp(&self, other: &Self) -> Ordering {
        if let (Some(hook), Some(tx)) = (HOOK.take(), current()) {
            hook(&tx);
        }
        self.0.cmp(&other.0)
    }
}

/// The table of nosy keys, opened from the database of the fixture.
fn nosy(db: &Database) -> Table<Nosy, u64> {
    let table = db.table("nosy").expect("its own types");
    let fill = |tx: &Transaction<'_>| Ok((0..20).for_each(|k| tx.insert(&table, Nosy(k), k)));
    db.transact(fill).expect("alone");
    table
}

/// The table of the fixture, and the one of nosy keys.
type Tables = (Table<u64, i64>, Table<Nosy, u64>);

thread_local! {
    /// The tables that the hooks use.
    static TABLES: RefCell<Option<Tables>> = const { RefCell::new(None) };
}

fn tables() -> Tables {
    TABLES.with_borrow(Clone::clone).expect("set by the test")
}

fn read_hook(tx: &Transaction<'static>) {
    let (numbers, nosy) = tables();
    assert_eq!(tx.get(&numbers, &1), Some(&0));
    assert_eq!(tx.count(&numbers, ..), 10);
    assert_eq!(tx.get(&nosy, &Nosy(7)), Some(&7));
    assert!(tx.range(&nosy, Nosy(3)..).next().is_some());
}

fn write_hook(tx: &Transaction<'static>) {
    let (numbers, _) = tables();
    tx.insert(&numbers, 1, 100);
}

fn removal_hook(tx: &Transaction<'static>) {
    let (_, nosy) = tables();
    tx.remove(&nosy, &Nosy(3));
}

/// Every way to make the engine compare keys, each by itself.
fn every_call(
    tx: &Transaction<'static>,
    hook: fn(&Transaction<'static>),
    mut each: impl FnMut(&dyn Fn()),
) {
    let (_, nosy) = tables();
    tx.insert(&nosy, Nosy(4), 4);
    tx.insert(&nosy, Nosy(30), 30);
    let calls: [&dyn Fn(); 9] = [
        &|| ignore(tx.get(&nosy, &Nosy(5))),
        &|| ignore(tx.contains_key(&nosy, &Nosy(50))),
        &|| tx.insert(&nosy, Nosy(5), 5),
        &|| tx.remove(&nosy, &Nosy(40)),
        &|| ignore(tx.range(&nosy, Nosy(2)..Nosy(8)).count()),
        &|| ignore(tx.range(&nosy, ..).rev().take(3).count()),
        &|| ignore(tx.replace(&nosy, Nosy(5), 5)),
        &|| ignore(tx.update(&nosy, &Nosy(5), |value| *value)),
        &|| ignore(tx.insert_if_absent(&nosy, Nosy(60), 60)),
    ];
    for call in calls {
        HOOK.set(Some(hook));
        each(call);
        HOOK.set(None);
    }
}

fn set_up() -> Fixture {
    let fixture = Fixture::new();
    let nosy = nosy(&fixture.db);
    TABLES.set(Some((fixture.table.clone(), nosy)));
    fixture
}

#[test]
fn a_comparator_may_read_the_same_transaction() {
    let fixture = set_up();
    let (tx, ()) = within_reach(fixture.db.begin_owned(), |tx| {
        every_call(tx, read_hook, |call| call());
    });
    tx.commit().expect("alone");
    fixture.assert_works(&[]);
    // 0..20 and 30 and 60 in the table of nosy keys.
    assert_at_rest(&fixture.db, 10 + 22);
}

#[test]
fn a_comparator_that_writes_the_same_transaction_panics_with_a_clear_message() {
    let fixture = set_up();
    for hook in [write_hook as fn(&Transaction<'static>), removal_hook] {
        let (tx, panics) = within_reach(fixture.db.begin_owned(), |tx| {
            let mut panics = 0;
            every_call(tx, hook, |call| {
                let message = panic_message(call);
                assert!(
                    message.contains("comparator") || message.contains("comparison"),
                    "{message}"
                );
                panics += 1;
            });
            panics
        });
        assert_eq!(panics, 9);
        // The transaction goes on, without what the comparator wrote.
        assert_eq!(tx.get(&fixture.table, &1), Some(&0));
        tx.rollback();
    }
    fixture.assert_works(&[]);
    assert_at_rest(&fixture.db, 10 + 20);
}

thread_local! {
    /// What the drop of a [`Restless`] key does, once.
    static AT_DROP: Cell<Option<fn(&Transaction<'static>)>> = const { Cell::new(None) };
    /// What it has read.
    static SEEN: Cell<Option<i64>> = const { Cell::new(None) };
}

/// A key that reads in the transaction within reach when it is dropped.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Restless(u64);

impl Drop for Restless {
    fn drop(&mut self) {
        // A thread that ends drops keys too.
        let hook = AT_DROP.try_with(Cell::take).ok().flatten();
        if let (Some(hook), Some(tx)) = (hook, current()) {
            hook(&tx);
        }
    }
}

/// The log is to be folded past the transaction, again and again, while a slide is checked.
#[test]
fn nothing_is_folded_away_from_under_a_slide_that_is_checked() {
    let fixture = Fixture::of(Database::builder().max_retained_commits(4).build());
    let (db, table) = (&fixture.db, &fixture.table);
    let restless: Table<Restless, u8> = db.table("restless").expect("its own types");
    TABLES.set(Some((table.clone(), nosy(db))));
    let fold = {
        let db = db.clone();
        move || {
            let other: Table<u8, u8> = db.table("other").expect("its own types");
            for key in 0..10 {
                db.transact(|tx| Ok(tx.insert(&other, key, 0))).expect("blind");
            }
            db.collect();
            AT_DROP.set(Some(|tx| SEEN.set(tx.get(&tables().0, &7).copied())));
        }
    };
    let folds = Mutex::new(None);
    let folds = Arc::new(folds);
    let armed = Arc::clone(&folds);
    let predicate = move |_: &u64, _: &i64| {
        let fold: Option<Box<dyn Fn() + Send>> = armed.lock().expect("not poisoned").take();
        fold.into_iter().for_each(|fold| fold());
        false
    };
    let (tx, ()) = within_reach(db.begin_owned(), |tx| {
        assert_eq!(tx.range_where(table, .., predicate).count(), 0);
        let absent = |tx: &Transaction<'_>| {
            assert_eq!(tx.get(&restless, &Restless(1)), None);
            tx.insert(table, 5, 50);
            Ok(tx.insert(table, 7, 70))
        };
        db.transact(absent).expect("alone");
        *folds.lock().expect("not poisoned") = Some(Box::new(fold));
        tx.get(table, &5);
        assert_eq!(SEEN.get(), None, "what the check looks at was dropped");
        assert_eq!(tx.get(table, &7), Some(&70), "unseen until now, so the snapshot slides");
        db.collect();
        assert_eq!(SEEN.get(), Some(70), "afterwards it goes");
    });
    drop(tx);
    fixture.assert_works(&[(5, 50), (7, 70)]);
}

/// A range that has looked ahead to a key which leaves the index is the last to have it.
#[test]
fn a_drop_may_drive_ranges_while_one_ends() {
    let db = Database::new();
    let restless: Table<Restless, u8> = db.table("restless").expect("its own types");
    let tables: Tables = (db.table("numbers").expect("new"), db.table("nosy").expect("new"));
    TABLES.set(Some(tables));
    db.transact(|tx| Ok((0..4).for_each(|k| tx.insert(&restless, Restless(k), 0)))).expect("alone");
    thread_local! {
        static RESTLESS: RefCell<Option<Table<Restless, u8>>> = const { RefCell::new(None) };
    }
    RESTLESS.set(Some(restless.clone()));
    let older = db.begin();
    db.transact(|tx| Ok(tx.remove(&restless, &Restless(3)))).expect("blind");
    let (tx, rows) = within_reach(db.begin_owned(), |tx| {
        let mut rows = tx.range(&restless, ..);
        assert_eq!(rows.next(), Some((&Restless(0), &0)));
        drop(older);
        db.collect();
        AT_DROP.set(Some(|tx| {
            let table = RESTLESS.with_borrow(Clone::clone).expect("set by the test");
            (0..3).for_each(|_| assert_eq!(tx.count(&table, ..), 3));
            SEEN.set(Some(3));
        }));
        1 + rows.count()
    });
    assert_eq!((rows, SEEN.take()), (3, Some(3)), "the key was not dropped");
    tx.commit().expect("alone");
    RESTLESS.take();
}

//! Closures that panic, sleep, leak their transaction, or nest one.

use std::mem;
use std::panic::{self, AssertUnwindSafe};
use std::sync::mpsc::sync_channel;
use std::thread;

use precedent::{Database, Transaction};

use crate::errors::Fixture;
use crate::support::{assert_explains, message_of, panic_message};

#[test]
fn a_panic_in_a_closure_comes_out_and_its_writes_do_not() {
    let fixture = Fixture::new();
    let mut runs = 0;
    let message = panic_message(|| {
        fixture.db.transact(|tx| -> Result<(), _> {
            runs += 1;
            assert_eq!(tx.get(&fixture.table, &1), Some(&0));
            tx.insert(&fixture.table, 1, 100);
            panic!("half-way");
        })
    });
    assert_eq!((message.as_str(), runs), ("half-way", 1));
    let message = panic_message(|| fixture.db.read(|_| -> i64 { panic!("in a reader") }));
    assert_eq!(message, "in a reader");
    fixture.assert_works_and_rests(&[]);
}

#[test]
fn the_payload_of_a_panic_arrives_as_it_was() {
    #[derive(Debug, PartialEq)]
    struct Payload(u64);
    let fixture = Fixture::new();
    let result = panic::catch_unwind(AssertUnwindSafe(|| {
        fixture.db.transact(|_| -> Result<(), _> { panic::panic_any(Payload(7)) })
    }));
    let payload = result.expect_err("it panicked");
    assert_eq!(payload.downcast_ref::<Payload>(), Some(&Payload(7)));
    fixture.assert_works_and_rests(&[]);
}

#[test]
fn a_panic_that_rests_on_an_impossible_state_is_run_again() {
    // The read-only anomaly, told by an assertion in the closure.
    let fixture = Fixture::of(Database::builder().sliding(false).build());
    let (db, table) = (&fixture.db, &fixture.table);
    let early = db.begin();
    assert_eq!((early.get(table, &0), early.get(table, &1)), (Some(&0), Some(&0)));
    early.insert(table, 0, -11);
    db.transact(|tx| Ok(tx.insert(table, 1, 20))).expect("blind");
    let mut early = Some(early);
    let mut runs = 0;
    let sum = db.transact(|tx| {
        runs += 1;
        let savings = *tx.get(table, &1).expect("there");
        if let Some(early) = early.take() {
            early.commit().expect("goes before the deposit");
        }
        let checking = *tx.get(table, &0).expect("there");
        assert!(checking < 0 || savings == 0, "a deposit without the withdrawal before it");
        Ok(checking + savings)
    });
    assert_eq!((sum.expect("the second run"), runs), (9, 2));
    fixture.assert_works_and_rests(&[(0, -11), (1, 20)]);
}

#[test]
fn a_panic_that_was_certified_kills_whoever_it_missed() {
    let fixture = Fixture::new();
    let (db, table) = (&fixture.db, &fixture.table);
    let early = db.begin();
    assert_eq!((early.get(table, &0), early.get(table, &1)), (Some(&0), Some(&0)));
    early.insert(table, 0, -11);
    db.transact(|tx| Ok(tx.insert(table, 1, 20))).expect("blind");
    let message = panic_message(|| {
        db.transact(|tx| -> Result<(), _> {
            panic!("{:?} {:?}", tx.get(table, &0), tx.get(table, &1));
        })
    });
    assert_eq!(message, "Some(0) Some(20)");
    assert_explains(&early.commit().expect_err("the panic has been seen"));
    fixture.assert_works_and_rests(&[(1, 20)]);
}

#[test]
fn a_panic_beside_an_open_transaction_rolls_it_back() {
    let fixture = Fixture::new();
    let message = panic_message(|| {
        let tx = fixture.db.begin();
        tx.insert(&fixture.table, 1, 100);
        let mut rows = tx.range(&fixture.table, ..);
        assert_eq!(rows.next(), Some((&0, &0)));
        panic!("between begin and commit");
    });
    assert_eq!(message, "between begin and commit");
    fixture.assert_works_and_rests(&[]);
}

#[test]
fn a_panicking_thread_takes_nobody_with_it() {
    let fixture = Fixture::new();
    thread::scope(|scope| {
        let others: Vec<_> = (0..3_u64)
            .map(|key| {
                let fixture = &fixture;
                scope.spawn(move || {
                    for turn in 1..=200 {
                        let result = panic::catch_unwind(AssertUnwindSafe(|| {
                            fixture.db.transact(|tx| {
                                let old = *tx.get(&fixture.table, &key).expect("there");
                                tx.insert(&fixture.table, key, old + 1);
                                assert!(turn % 3 != 0, "every third");
                                Ok(())
                            })
                        }));
                        match result {
                            Ok(result) => result.expect("nobody else is at this key"),
                            Err(payload) => assert!(message_of(&*payload).contains("every third")),
                        }
                    }
                })
            })
            .collect();
        others.into_iter().for_each(|thread| thread.join().expect("caught its own"));
    });
    fixture.assert_works_and_rests(&[(0, 134), (1, 134), (2, 134)]);
}

#[test]
fn a_sleeping_closure_blocks_nobody() {
    let fixture = Fixture::new();
    let (entered, is_entered) = sync_channel(1);
    let (wake, sleep) = sync_channel::<()>(1);
    let (db, table) = (&fixture.db, &fixture.table);
    thread::scope(|scope| {
        let sleeper = scope.spawn(move || {
            db.transact(|tx| {
                let seen = tx.get(table, &1).copied();
                tx.insert(table, 2, 2);
                if tx.attempt() == 1 {
                    entered.send(()).expect("the test waits");
                    sleep.recv().expect("the test wakes it");
                }
                Ok(seen)
            })
        });
        is_entered.recv().expect("it sleeps in its closure");
        for value in 1..=1_000 {
            db.transact(|tx| Ok(tx.update(table, &3, |old| old + 1).copied())).expect("alone");
            assert_eq!(db.read(|tx| tx.get(table, &3).copied()).expect("certified"), Some(value));
        }
        db.collect();
        wake.send(()).expect("it sleeps");
        let seen = sleeper.join().expect("the sleeper").expect("nobody met it");
        assert_eq!(seen, Some(0));
    });
    fixture.assert_works_and_rests(&[(2, 2), (3, 1_000)]);
}

#[test]
fn a_transaction_nested_in_a_closure_is_a_transaction_of_its_own() {
    let fixture = Fixture::new();
    let (db, table) = (&fixture.db, &fixture.table);
    let outer = db.transact(|outer| {
        outer.insert(table, 1, 1);
        let inner = db.transact(|inner| {
            // The outer one's write is not there yet.
            assert_eq!(inner.get(table, &1), Some(&0));
            inner.insert(table, 2, 2);
            db.read(|tx| tx.get(table, &3).copied())
        })?;
        assert_eq!(inner, Some(0));
        Ok(outer.get(table, &1).copied())
    });
    // The inner one missed the outer one's write, and only that.
    assert_eq!(outer.expect("goes after the inner one"), Some(1));
    fixture.assert_works_and_rests(&[(1, 1), (2, 2)]);
}

#[test]
fn a_nested_transaction_that_fails_leaves_the_outer_one_alone() {
    let fixture = Fixture::new();
    let (db, table) = (&fixture.db, &fixture.table);
    db.transact(|outer| {
        outer.insert(table, 1, 1);
        let message = panic_message(|| {
            db.transact(|inner| -> Result<(), _> {
                inner.insert(table, 2, 2);
                panic!("inside");
            })
        });
        assert_eq!(message, "inside");
        Ok(())
    })
    .expect("alone");
    fixture.assert_works_and_rests(&[(1, 1)]);
}

#[test]
fn a_transaction_leaked_in_the_middle_of_work_costs_only_memory() {
    let fixture = Fixture::new();
    let (db, table) = (&fixture.db, &fixture.table);
    let leaked = db.begin_owned();
    assert_eq!(leaked.count(table, ..), 10);
    leaked.insert(table, 1, 100);
    let mut rows = leaked.range(table, 3..);
    assert_eq!(rows.next(), Some((&3, &0)));
    mem::forget(rows);
    mem::forget(leaked);
    fixture.assert_works(&[]);
    assert_eq!(db.stats().active_transactions, 1);
    // Readers that cannot be known safe while it lives are certified all the same.
    let reader = db.begin_read();
    assert_eq!(reader.get(table, &1), Some(&0));
    db.transact(|tx| Ok(tx.insert(table, 1, 5))).expect("blind");
    reader.finish().expect("one antidependency");
    fixture.assert_works(&[(1, 5)]);
}

#[test]
fn a_transaction_may_be_moved_to_another_thread_and_end_there() {
    let fixture = Fixture::new();
    let tx: Transaction<'static> = fixture.db.begin_owned();
    assert_eq!(tx.get(&fixture.table, &1), Some(&0));
    let table = fixture.table.clone();
    let thread = thread::spawn(move || {
        tx.insert(&table, 1, 7);
        tx.commit().map(|_| ())
    });
    thread.join().expect("the thread").expect("alone");
    fixture.assert_works_and_rests(&[(1, 7)]);
}

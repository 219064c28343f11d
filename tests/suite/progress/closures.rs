//! Closures of aged transactions that nest, join, panic, fail and sleep.

use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::Duration;

use precedent::Error;

use super::{FOREVER, Fixture};
use crate::support::panic_message;

#[test]
fn a_nested_transaction_passes_the_gate_that_its_own_thread_holds() {
    let fixture = Fixture::aged(FOREVER);
    let (db, table) = (&fixture.db, &fixture.table);
    db.transact(|tx| {
        tx.insert(table, 1, 1);
        fixture.set(2, 2);
        // A loop of its own would age too; it is behind the gate already.
        db.transact(|inner| Ok(inner.insert(table, 3, 3)))
    })
    .expect("alone");
    assert_eq!((fixture.value(1), fixture.value(2), fixture.value(3)), (1, 2, 3));
    let stats = db.stats();
    assert_eq!((stats.aged, stats.gate_time_outs), (1, 0));
    fixture.assert_works_and_rests();
}

#[test]
fn a_closure_that_joins_a_committing_thread_goes_on_when_the_time_of_the_gate_is_over() {
    let fixture = Fixture::aged(Duration::from_millis(5));
    let table = &fixture.table;
    let sum = fixture.db.transact(|tx| {
        thread::scope(|scope| scope.spawn(|| fixture.set(1, 5)).join().expect("it commits"));
        tx.insert(table, 2, 7);
        Ok(tx.get(table, &1).copied())
    });
    assert_eq!(sum.expect("blind"), Some(5));
    assert_eq!(fixture.db.stats().gate_time_outs, 1);
    fixture.assert_works_and_rests();
}

#[test]
fn a_closure_that_joins_another_aged_one_goes_on_too() {
    let fixture = Fixture::aged(Duration::from_millis(5));
    let (db, table) = (&fixture.db, &fixture.table);
    db.transact(|tx| {
        let other = || db.transact(|other| Ok(other.insert(table, 1, 1))).expect("blind");
        thread::scope(|scope| scope.spawn(other).join().expect("it commits"));
        Ok(tx.insert(table, 2, 2))
    })
    .expect("blind");
    assert_eq!((fixture.value(1), fixture.value(2)), (1, 2));
    assert_eq!(db.stats().gate_time_outs, 1);
    fixture.assert_works_and_rests();
}

#[test]
fn a_panic_in_an_aged_closure_opens_the_gate() {
    let fixture = Fixture::aged(FOREVER);
    let message = panic_message(|| {
        fixture.db.transact(|tx| -> Result<(), _> {
            tx.insert(&fixture.table, 1, 100);
            panic!("behind the gate");
        })
    });
    assert_eq!(message, "behind the gate");
    let message = panic_message(|| fixture.db.read(|_| -> i64 { panic!("reading") }));
    assert_eq!(message, "reading");
    thread::scope(|scope| scope.spawn(|| fixture.set(2, 2)).join().expect("it commits"));
    assert_eq!((fixture.value(1), fixture.value(2)), (0, 2));
    assert_eq!(fixture.db.stats().gate_time_outs, 0);
    fixture.assert_works_and_rests();
}

#[test]
fn an_error_of_an_aged_closure_opens_the_gate() {
    let fixture = Fixture::aged(FOREVER);
    let mine = || Error::LimitExceeded { limit: "my own", bound: 0 };
    let failed = fixture.db.transact(|_| -> Result<(), _> { Err(mine()) });
    assert!(failed.expect_err("its own").is_limit());
    thread::scope(|scope| scope.spawn(|| fixture.set(2, 2)).join().expect("it commits"));
    assert_eq!(fixture.db.stats().gate_time_outs, 0);
    fixture.assert_works_and_rests();
}

#[test]
fn a_sleeping_closure_holds_others_up_no_longer_than_the_time_of_the_gate() {
    let fixture = Fixture::aged(Duration::from_millis(5));
    let (done, is_done) = sync_channel(1);
    thread::scope(|scope| {
        let fixture = &fixture;
        fixture.db.transact(|tx| {
            tx.insert(&fixture.table, 1, 1);
            let done = done.clone();
            scope.spawn(move || {
                fixture.set(2, 2);
                done.send(()).expect("the sleeper listens");
            });
            // It sleeps until the other one is through.
            Ok(is_done.recv().expect("sent"))
        })
    })
    .expect("blind");
    assert_eq!((fixture.value(1), fixture.value(2)), (1, 2));
    let stats = fixture.db.stats();
    assert_eq!(stats.gate_time_outs, 1);
    assert!(stats.longest_gate_wait > Duration::ZERO);
    fixture.assert_works_and_rests();
}

#[test]
fn whoever_writes_nothing_does_not_wait_at_the_gate() {
    let fixture = Fixture::aged(FOREVER);
    let (db, table) = (&fixture.db, &fixture.table);
    let others = || {
        let seen = db.read(|tx| tx.get(table, &1).copied()).expect("certified");
        assert_eq!(seen, Some(0));
        let reader = db.begin_read();
        assert_eq!(reader.count(table, ..), 10);
        reader.finish().expect("certified");
        let rolled_back = db.begin();
        rolled_back.insert(table, 1, 100);
        rolled_back.rollback();
        let failed = db.begin();
        assert!(failed.contains_key(table, &1));
        failed.insert(table, 1, 100);
        failed.finish_without_writes().expect("certified");
        let empty = db.begin();
        assert!(empty.contains_key(table, &1));
        empty.commit().expect("certified");
        db.collect();
    };
    db.transact(|tx| {
        tx.insert(table, 2, 2);
        Ok(thread::scope(|scope| scope.spawn(others).join().expect("nobody waits")))
    })
    .expect("blind");
    assert_eq!(db.stats().gate_time_outs, 0);
    fixture.assert_works_and_rests();
}

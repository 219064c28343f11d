//! Transactions that are given up because of their age.

use std::mem;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use precedent::{Database, Error, Transaction};

use super::Fixture;
use crate::support::{scaled, summary};

fn fixture() -> Fixture {
    Fixture::of(Database::builder())
}

fn assert_timed_out<T: std::fmt::Debug>(result: Result<T, Error>) {
    let error = result.expect_err("it was given up");
    assert!(matches!(error, Error::TimedOut { .. }) && error.is_timed_out(), "{error}");
    assert!(!error.is_retryable() && !error.is_conflict() && !error.is_limit(), "{error}");
    assert!(error.to_string().contains("given up"), "{error}");
}

#[test]
fn a_leaked_transaction_that_is_given_up_holds_nothing_back_but_what_it_sees() {
    let fixture = fixture();
    let db = &fixture.db;
    let leaked = db.begin_owned();
    assert_eq!(leaked.get(&fixture.table, &1), Some(&0));
    leaked.insert(&fixture.table, 2, 2);
    mem::forget(leaked);
    (1..=500).for_each(|value| fixture.set(1, value));
    let stats = db.stats();
    assert_eq!((stats.retained_commits, stats.safe_lag, stats.doomed), (500, 500, 0));
    assert_eq!(db.doom_older_than(Duration::from_secs(3_600)), 0);
    assert_eq!(db.doom_older_than(Duration::ZERO), 1);
    assert_eq!(db.doom_older_than(Duration::ZERO), 0, "once is enough");
    db.collect();
    let stats = db.stats();
    assert_eq!((stats.retained_commits, stats.safe_lag, stats.doomed), (0, 0, 1));
    assert_eq!((stats.active_transactions, stats.timed_out_aborts), (1, 0));
    assert!(stats.oldest.is_some_and(|oldest| oldest.doomed));
    assert!(stats.versions <= 10 + 1, "{} versions", stats.versions);
    (501..=600).for_each(|value| fixture.set(1, value));
    db.collect();
    let stats = db.stats();
    assert_eq!((stats.retained_commits, stats.safe_lag), (0, 0));
    assert!(stats.versions <= 10 + 1, "{} versions", stats.versions);
    assert_eq!(fixture.value(2), 0);
}

#[test]
fn what_a_given_up_transaction_has_seen_stays_and_its_reads_go_on() {
    let fixture = fixture();
    let (db, table) = (&fixture.db, &fixture.table);
    let tx = db.begin();
    let seen = tx.get(table, &1);
    tx.insert(table, 2, 22);
    let own = tx.get(table, &2);
    assert_eq!(db.doom_older_than(Duration::ZERO), 1);
    assert!(tx.is_doomed());
    for value in 1..=200 {
        (0..10).for_each(|key| fixture.set(key, value));
        db.collect();
    }
    assert_eq!((seen, own), (Some(&0), Some(&22)));
    assert_eq!(tx.values(table, 5..).copied().collect::<Vec<_>>(), [0; 5]);
    tx.insert(table, 3, 33);
    assert_eq!(tx.get(table, &3), Some(&33));
    assert_timed_out(tx.commit());
    assert_eq!((fixture.value(2), fixture.value(3)), (200, 200));
    assert_eq!(db.stats().timed_out_aborts, 1);
    fixture.assert_works_and_rests();
}

#[test]
fn every_end_of_a_given_up_transaction_says_so() {
    let fixture = fixture();
    let (db, table) = (&fixture.db, &fixture.table);
    let reads = |tx: &Transaction<'_>| assert_eq!(tx.get(table, &1), Some(&0));
    let (reader_and_writer, reader, neither) = (db.begin(), db.begin(), db.begin());
    reads(&reader_and_writer);
    reads(&reader);
    reader_and_writer.insert(table, 1, 1);
    let (blind, given_up) = (db.begin(), db.begin());
    blind.insert(table, 1, 1);
    reads(&given_up);
    given_up.insert(table, 1, 1);
    // One that is no safe reader, since all of those are older and may still write.
    fixture.set(9, 9);
    let read_only = db.begin_read();
    assert_eq!(read_only.get(table, &1), Some(&0));
    assert_eq!(db.doom_older_than(Duration::ZERO), 6);
    assert_timed_out(reader_and_writer.commit());
    assert_timed_out(reader.commit());
    assert_timed_out(neither.commit());
    assert_timed_out(blind.commit());
    assert_timed_out(given_up.finish_without_writes());
    assert_timed_out(read_only.finish());
    assert_eq!(db.stats().timed_out_aborts, 6);
    fixture.assert_works_and_rests();
}

#[test]
fn a_given_up_transaction_can_be_rolled_back() {
    let fixture = fixture();
    let tx = fixture.db.begin();
    tx.insert(&fixture.table, 1, 1);
    assert_eq!(fixture.db.doom_older_than(Duration::ZERO), 1);
    tx.rollback();
    let stats = fixture.db.stats();
    assert_eq!((stats.rollbacks, stats.timed_out_aborts, stats.doomed), (1, 0, 1));
    fixture.assert_works_and_rests();
}

#[test]
fn a_closure_whose_transaction_is_given_up_does_not_run_again() {
    let fixture = fixture();
    let (db, table) = (&fixture.db, &fixture.table);
    let mut runs = 0;
    let result = db.transact(|tx| {
        runs += 1;
        tx.insert(table, 1, 1);
        assert_eq!(db.doom_older_than(Duration::ZERO), 1);
        assert!(tx.is_doomed());
        Ok(())
    });
    assert_timed_out(result);
    // What it saw is not certified, so neither is an error that rests on it.
    let result = db.transact(|tx| -> Result<(), _> {
        runs += 1;
        assert_eq!(tx.get(table, &1), Some(&0));
        assert_eq!(db.doom_older_than(Duration::ZERO), 1);
        Err(Error::LimitExceeded { limit: "my own", bound: 0 })
    });
    assert_timed_out(result);
    assert_eq!(runs, 2);
    fixture.assert_works_and_rests();
}

#[test]
fn a_reader_that_holds_nobody_up_is_left_alone() {
    let fixture = fixture();
    let safe = fixture.db.begin_read();
    assert_eq!(safe.get(&fixture.table, &1), Some(&0));
    assert_eq!(fixture.db.doom_older_than(Duration::ZERO), 0);
    assert!(!safe.is_doomed());
    safe.finish().expect("certified");
    fixture.assert_works_and_rests();
}

#[test]
fn a_commit_that_has_begun_is_not_given_up() {
    let fixture = Fixture::of(Database::builder().sliding(false));
    let (db, table) = (fixture.db.clone(), &fixture.table);
    let (asked, doomed) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (asks, dooms) = (Arc::clone(&asked), Arc::clone(&doomed));
    let tx = fixture.db.begin();
    // Asked about the commit of 77, which happens while `tx` is certified.
    let rows = tx.range_where(table, .., move |_, value| {
        if *value == 77 {
            asks.fetch_add(1, Ordering::SeqCst);
            dooms.fetch_add(db.doom_older_than(Duration::ZERO), Ordering::SeqCst);
        }
        false
    });
    assert_eq!(rows.count(), 0);
    tx.insert(table, 2, 2);
    fixture.set(1, 77);
    tx.commit().expect("it was not selected");
    assert!(asked.load(Ordering::SeqCst) > 0);
    assert_eq!(doomed.load(Ordering::SeqCst), 0);
    assert_eq!(fixture.value(2), 2);
}

#[test]
fn of_a_commit_and_whoever_gives_it_up_exactly_one_succeeds() {
    let fixture = fixture();
    let (db, rounds) = (&fixture.db, scaled(100_000));
    let (mut commits, mut given_up) = (0, 0);
    let start = Barrier::new(2);
    for round in 1..=rounds {
        let value = i64::try_from(round).expect("small");
        let tx = db.begin_owned();
        let seen = *tx.get(&fixture.table, &1).expect("there");
        tx.insert(&fixture.table, 1, value);
        let (result, doomed) = thread::scope(|scope| {
            let committer = scope.spawn(|| {
                start.wait();
                tx.commit()
            });
            start.wait();
            let doomed = db.doom_older_than(Duration::ZERO);
            (committer.join().expect("it does not panic"), doomed)
        });
        match result {
            Ok(_) => assert_eq!((doomed, fixture.value(1)), (0, value)),
            Err(error) => {
                assert!(error.is_timed_out(), "{error}");
                assert_eq!((doomed, fixture.value(1)), (1, seen));
            }
        }
        commits += usize::from(doomed == 0);
        given_up += doomed;
    }
    summary(&format!("{rounds} races: {commits} commits, {given_up} given up"));
    fixture.assert_works_and_rests();
}

#[test]
fn a_timeout_is_kept_by_whoever_ends() {
    let timeout = Duration::from_millis(20);
    let fixture = Fixture::of(Database::builder().transaction_timeout(timeout));
    let old = fixture.db.begin_owned();
    assert_eq!(old.get(&fixture.table, &1), Some(&0));
    (0..50).for_each(|value| fixture.set(2, value));
    thread::sleep(timeout);
    (0..50).for_each(|value| fixture.set(2, value));
    assert!(old.is_doomed());
    let stats = fixture.db.stats();
    assert_eq!(stats.doomed, 1);
    assert!(stats.retained_commits <= 8, "{} commits", stats.retained_commits);
    let Err(Error::TimedOut { age }) = old.commit() else { panic!("it was given up") };
    assert!(age >= timeout, "{age:?}");
    fixture.assert_works_and_rests();
}

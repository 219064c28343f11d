//! Predicates that panic: in the read itself the panic comes out; in a certification it
//! counts as a match, and is counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use precedent::{Database, Transaction};

use crate::errors::Fixture;
use crate::support::{assert_explains, panic_message};

/// A predicate that matches nothing, and panics once it is armed.
fn armed_by(trigger: &Arc<AtomicBool>) -> impl Fn(&u64, &i64) -> bool + Send + Sync + 'static {
    let trigger = trigger.clone();
    move |_, _| {
        assert!(!trigger.load(Ordering::Relaxed), "the predicate panicked");
        false
    }
}

fn trigger() -> Arc<AtomicBool> {
    Arc::new(AtomicBool::new(false))
}

#[test]
fn a_predicate_that_panics_in_the_read_leaves_the_transaction_usable() {
    let fixture = Fixture::new();
    let tx = fixture.db.begin();
    tx.insert(&fixture.table, 1, 1);
    let message = panic_message(|| {
        let pick = |key: &u64, _: &i64| {
            assert!(*key != 5, "at five");
            key.is_multiple_of(2)
        };
        tx.range_where(&fixture.table, .., pick).count()
    });
    assert_eq!(message, "at five");
    assert_eq!(tx.get(&fixture.table, &1), Some(&1));
    assert_eq!(tx.range_where(&fixture.table, .., |_, value| *value > 0).count(), 1);
    tx.insert(&fixture.table, 2, 2);
    tx.commit().expect("alone");
    fixture.assert_works_and_rests(&[(1, 1), (2, 2)]);
}

#[test]
fn the_rows_before_the_panic_count_as_read() {
    let fixture = Fixture::of(Database::builder().sliding(false).build());
    let (db, table) = (&fixture.db, &fixture.table);
    let tx = db.begin();
    let mut rows = tx.range_where(table, .., |key, _| {
        assert!(*key != 5, "at five");
        true
    });
    assert_eq!(rows.next(), Some((&0, &0)));
    assert_eq!(rows.next(), Some((&1, &0)));
    assert_eq!(panic_message(|| rows.by_ref().count()), "at five");
    db.transact(|other| {
        assert_eq!(other.get(table, &9), Some(&0));
        Ok(other.insert(table, 1, 10))
    })
    .expect("first");
    tx.insert(table, 9, 1);
    assert_explains(&tx.commit().expect_err("it returned the row of 1, and missed the new one"));
    fixture.assert_works_and_rests(&[(1, 10)]);
}

/// Write skew between a predicate that matches nothing and a writer of one row in its
/// range: no cycle, unless the predicate panics. `first` says who commits first.
fn skew(reader_first: bool, panics: bool) -> (Fixture, Result<(), precedent::Error>) {
    let fixture = Fixture::of(Database::builder().sliding(false).build());
    let armed = trigger();
    let last = {
        let (db, table) = (&fixture.db, &fixture.table);
        let reader = db.begin();
        assert_eq!(reader.range_where(table, 0..5, armed_by(&armed)).count(), 0);
        reader.insert(table, 9, 9);
        let writer = db.begin();
        assert_eq!(writer.get(table, &9), Some(&0));
        writer.insert(table, 2, 2);
        armed.store(panics, Ordering::Relaxed);
        let (first, second): (Transaction<'_>, Transaction<'_>) =
            if reader_first { (reader, writer) } else { (writer, reader) };
        first.commit().expect("nothing is wrong yet");
        second.commit().map(|_| ())
    };
    (fixture, last)
}

#[test]
fn a_predicate_that_panics_in_its_own_certification_counts_as_a_match() {
    let (fixture, last) = skew(false, true);
    assert_explains(&last.expect_err("taken for a match"));
    assert!(fixture.db.stats().panicked_predicates > 0);
    fixture.assert_works_and_rests(&[(2, 2)]);
}

#[test]
fn a_predicate_that_panics_in_anothers_certification_counts_as_a_match() {
    let (fixture, last) = skew(true, true);
    assert_explains(&last.expect_err("taken for a match"));
    assert!(fixture.db.stats().panicked_predicates > 0);
    fixture.assert_works_and_rests(&[(9, 9)]);
}

#[test]
fn a_predicate_that_does_not_panic_and_does_not_match_harms_nobody() {
    for reader_first in [false, true] {
        let (fixture, last) = skew(reader_first, false);
        last.expect("no match, no edge");
        assert_eq!(fixture.db.stats().panicked_predicates, 0);
        fixture.assert_works_and_rests(&[(2, 2), (9, 9)]);
    }
}

#[test]
fn a_predicate_that_panics_while_the_snapshot_would_slide_keeps_it_where_it_is() {
    let fixture = Fixture::new();
    let (db, table) = (&fixture.db, &fixture.table);
    let armed = trigger();
    let tx = db.begin();
    assert_eq!(tx.range_where(table, 0..5, armed_by(&armed)).count(), 0);
    db.transact(|other| {
        other.insert(table, 2, 2);
        Ok(other.insert(table, 7, 7))
    })
    .expect("blind");
    armed.store(true, Ordering::Relaxed);
    assert_eq!(tx.get(table, &7), Some(&0));
    tx.commit().expect("a reader of the past");
    fixture.assert_works_and_rests(&[(2, 2), (7, 7)]);
}

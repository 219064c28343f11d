//! Values whose `Drop` panics: it is swallowed and counted, and the store goes on.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use precedent::{Database, Table};

use crate::errors::Fixture;

/// A value that panics when it is dropped, and tells that it was.
struct Bomb {
    dropped: Arc<AtomicUsize>,
}

impl Drop for Bomb {
    fn drop(&mut self) {
        self.dropped.fetch_add(1, Ordering::Relaxed);
        panic!("dropped");
    }
}

struct Minefield {
    fixture: Fixture,
    bombs: Table<u64, Option<Bomb>>,
    dropped: Arc<AtomicUsize>,
}

impl Minefield {
    fn new() -> Self {
        let fixture = Fixture::new();
        let bombs = fixture.db.table("bombs").expect("a new table");
        Self { fixture, bombs, dropped: Arc::default() }
    }

    fn bomb(&self) -> Option<Bomb> {
        Some(Bomb { dropped: self.dropped.clone() })
    }

    fn db(&self) -> &Database {
        &self.fixture.db
    }

    fn dropped(&self) -> usize {
        self.dropped.load(Ordering::Relaxed)
    }
}

#[test]
fn a_drop_that_panics_in_a_collection_is_swallowed_and_counted() {
    let field = Minefield::new();
    for key in 0..5 {
        field.db().transact(|tx| Ok(tx.insert(&field.bombs, key, field.bomb()))).expect("alone");
    }
    for key in 0..5 {
        field.db().transact(|tx| Ok(tx.remove(&field.bombs, &key))).expect("alone");
    }
    field.db().collect();
    assert_eq!(field.dropped(), 5, "each is dropped once");
    assert_eq!(field.db().stats().panicked_drops, 5);
    field.fixture.assert_works_and_rests(&[]);
}

#[test]
fn an_overwritten_value_whose_drop_panics_stops_nobody() {
    let field = Minefield::new();
    for _ in 0..20 {
        field.db().transact(|tx| Ok(tx.insert(&field.bombs, 1, field.bomb()))).expect("alone");
    }
    field.db().transact(|tx| Ok(tx.insert(&field.bombs, 1, None))).expect("alone");
    field.db().transact(|tx| Ok(tx.remove(&field.bombs, &1))).expect("alone");
    field.db().collect();
    assert_eq!(field.dropped(), 20, "each is dropped once");
    assert_eq!(field.db().stats().panicked_drops, 20);
    field.fixture.assert_works_and_rests(&[]);
}

#[test]
fn own_values_whose_drop_panics_do_not_stop_a_rollback_or_a_refusal() {
    let field = Minefield::new();
    let tx = field.db().begin();
    tx.insert(&field.bombs, 1, field.bomb());
    tx.insert(&field.bombs, 1, field.bomb());
    tx.insert(&field.bombs, 2, field.bomb());
    tx.rollback();
    assert_eq!(field.dropped(), 3);
    drop({
        let tx = field.db().begin();
        tx.insert(&field.bombs, 1, field.bomb());
        tx
    });
    assert_eq!(field.dropped(), 4);
    let loser = field.db().begin();
    let seen = *loser.get(&field.fixture.table, &1).expect("there");
    loser.insert(&field.fixture.table, 1, seen + 1);
    loser.insert(&field.bombs, 1, field.bomb());
    field.db().transact(|tx| Ok(tx.insert(&field.fixture.table, 1, 5))).expect("blind");
    assert!(loser.commit().is_err_and(|error| error.is_conflict()));
    field.db().collect();
    assert_eq!(field.dropped(), 5);
    field.fixture.assert_works_and_rests(&[(1, 5)]);
}

#[test]
fn own_values_that_were_overwritten_before_the_commit_are_dropped_once() {
    let field = Minefield::new();
    let tx = field.db().begin();
    for _ in 0..10 {
        tx.insert(&field.bombs, 1, field.bomb());
    }
    tx.remove(&field.bombs, &1);
    tx.commit().expect("alone");
    field.db().collect();
    assert_eq!(field.dropped(), 10);
    field.fixture.assert_works_and_rests(&[]);
}

#[test]
fn a_database_full_of_values_whose_drop_panics_can_be_dropped() {
    let field = Minefield::new();
    for key in 0..50 {
        field.db().transact(|tx| Ok(tx.insert(&field.bombs, key, field.bomb()))).expect("alone");
    }
    let Minefield { fixture, bombs, dropped } = field;
    drop((fixture, bombs));
    assert_eq!(dropped.load(Ordering::Relaxed), 50);
}

//! What a program that embeds the crate can put into a loom model: a whole database, with
//! transactions, ranges, snapshots and garbage collection. `ci/loom.sh` runs them; without
//! its flag there is nothing here.
#![cfg(precedent_loom)]

// Of std, so that the model does not explore the count.
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use loom::thread;
use precedent::{Database, Error, Table};

/// Runs a model with at most so many preemptions, or fewer if LOOM_MAX_PREEMPTIONS says so,
/// and tells how many executions that were.
fn explore(name: &str, preemptions: usize, model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    let preemptions = builder.preemption_bound.unwrap_or(preemptions).min(preemptions);
    builder.preemption_bound = Some(preemptions);
    // Whole transactions take more steps than loom's thousand.
    builder.max_branches = 20_000;
    let executions = Arc::new(AtomicU64::new(0));
    let counted = executions.clone();
    builder.check(move || {
        counted.fetch_add(1, Ordering::Relaxed);
        model();
    });
    let executions = executions.load(Ordering::Relaxed);
    println!("{name}: {executions} executions with at most {preemptions} preemptions");
}

type Seats = Table<u32, &'static str>;

/// Takes a seat if it is free; true if it was.
fn book(db: &Database, seats: &Seats, guest: &'static str) -> Result<bool, Error> {
    db.transact(|tx| {
        let free = tx.get(seats, &7).is_none();
        if free {
            tx.insert(seats, 7, guest);
        }
        Ok(free)
    })
}

/// The same with a mistake: looks in one transaction, and takes the seat in another.
fn book_carelessly(db: &Database, seats: &Seats, guest: &'static str) -> Result<bool, Error> {
    let free = db.read(|tx| tx.get(seats, &7).is_none())?;
    if free {
        db.transact(|tx| Ok(tx.insert(seats, 7, guest)))?;
    }
    Ok(free)
}

type Booking = fn(&Database, &Seats, &'static str) -> Result<bool, Error>;

/// Two guests want one seat, each on a thread of its own.
fn two_guests(book: Booking) {
    explore("two guests", 2, move || {
        let db = Database::new();
        let seats: Seats = db.table("seats").unwrap();
        let other = {
            let (db, seats) = (db.clone(), seats.clone());
            thread::spawn(move || book(&db, &seats, "bob").unwrap())
        };
        let ada = book(&db, &seats, "ada").unwrap();
        let bob = other.join().unwrap();
        assert!(ada || bob, "nobody got the free seat");
        assert!(!(ada && bob), "double booking");
        let sold_to = db.begin().get(&seats, &7).copied();
        assert_eq!(sold_to, Some(if ada { "ada" } else { "bob" }));
    });
}

#[test]
fn a_seat_is_booked_once_by_one_transaction_each() {
    two_guests(book);
}

#[test]
#[should_panic(expected = "double booking")]
fn a_check_and_an_act_in_two_transactions_are_caught() {
    two_guests(book_carelessly);
}

/// Money moves between two accounts while somebody looks at both by a range, somebody has a
/// snapshot, and what nobody can see any more is collected.
#[test]
fn ranges_and_snapshots_see_the_sum_while_money_moves_and_old_versions_go() {
    explore("accounts", 1, || {
        let db = Database::new();
        let accounts: Table<char, i64> = db.table("accounts").unwrap();
        db.transact(|tx| Ok(['x', 'y'].map(|name| tx.insert(&accounts, name, 50)))).unwrap();
        let moving = {
            let (db, accounts) = (db.clone(), accounts.clone());
            thread::spawn(move || {
                db.transact(|tx| {
                    tx.update(&accounts, &'x', |cents| cents - 10);
                    tx.update(&accounts, &'y', |cents| cents + 10);
                    Ok(())
                })
                .unwrap();
                db.collect();
            })
        };
        let snapshot = db.safe_snapshot();
        let now: i64 = db.read(|tx| tx.values(&accounts, ..).sum()).unwrap();
        let before: i64 = snapshot.values(&accounts, ..).sum();
        moving.join().unwrap();
        let again: i64 = snapshot.values(&accounts, ..).sum();
        assert_eq!((now, before, again), (100, 100, 100));
    });
}

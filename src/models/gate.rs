//! Models of the gate: its turns, those who wait at it, and those who stand in line.

use std::sync::Arc;
use std::time::Duration;

use loom::thread;

use super::explore;
use crate::bugs::{Bug, Bugs};
use crate::sync::{AtomicBool, AtomicUsize, Ordering};
use crate::tx::Gate;

/// A gate, and who is behind it.
struct Behind {
    gate: Gate,
    holders: AtomicUsize,
    /// The first turn has begun; it is over.
    begun: AtomicBool,
    over: AtomicBool,
}

impl Behind {
    fn new(bugs: Bugs) -> Arc<Self> {
        Arc::new(Self {
            gate: Gate::new(Duration::from_secs(1), bugs),
            holders: AtomicUsize::new(0),
            begun: AtomicBool::new(false),
            over: AtomicBool::new(false),
        })
    }

    fn turn(&self, me: u64) {
        let shut = self.gate.close(me);
        assert!(shut.is_some(), "nobody nests here");
        self.begun.store(true, Ordering::Release);
        let others = self.holders.fetch_add(1, Ordering::AcqRel);
        assert_eq!(others, 0, "two aged transactions at once");
        self.holders.fetch_sub(1, Ordering::AcqRel);
        self.over.store(true, Ordering::Release);
    }
}

/// A commit that knows that the gate was shut by another, against the end of that turn.
fn commit_against_turn(bugs: Bugs) {
    explore(move || {
        let behind = Behind::new(bugs);
        let holder = {
            let behind = Arc::clone(&behind);
            thread::spawn(move || behind.turn(1))
        };
        let begun = behind.begun.load(Ordering::Acquire);
        behind.gate.pass(|| 2);
        if begun {
            assert!(behind.over.load(Ordering::Acquire), "a commit passed a shut gate");
        }
        holder.join().unwrap();
        behind.gate.pass(|| 2);
    });
}

#[test]
fn a_commit_waits_while_another_holds_the_gate_and_is_woken() {
    commit_against_turn(Bugs::NONE);
}

#[test]
#[should_panic(expected = "passed a shut gate")]
fn a_commit_that_does_not_wait_is_caught() {
    commit_against_turn(Bugs::with(Bug::PassShutGate));
}

#[test]
#[should_panic(expected = "deadlock")]
fn a_gate_that_opens_without_waking_anybody_is_caught() {
    commit_against_turn(Bugs::with(Bug::OpenSilently));
}

/// Two aged transactions and the turns that they get.
#[test]
fn one_at_a_time_holds_the_gate_and_each_gets_its_turn() {
    explore(|| {
        let behind = Behind::new(Bugs::NONE);
        let others: Vec<_> = (2..4)
            .map(|me| {
                let behind = Arc::clone(&behind);
                thread::spawn(move || behind.turn(me))
            })
            .collect();
        behind.turn(1);
        others.into_iter().for_each(|thread| thread.join().unwrap());
        behind.gate.pass(|| 4);
    });
}

/// The second one stands in line when the third one asks.
fn turns_in_order(bugs: Bugs) {
    explore(move || {
        let behind = Behind::new(bugs);
        let first = behind.gate.close(1);
        let second = {
            let behind = Arc::clone(&behind);
            thread::spawn(move || behind.turn(2))
        };
        // Ends: the second one comes.
        while behind.gate.waiting() == 0 {
            thread::yield_now();
        }
        let third = {
            let behind = Arc::clone(&behind);
            thread::spawn(move || {
                let shut = behind.gate.close(3);
                assert!(behind.over.load(Ordering::Acquire), "a turn out of order");
                drop(shut);
            })
        };
        drop(first);
        second.join().unwrap();
        third.join().unwrap();
    });
}

#[test]
fn turns_come_in_the_order_of_asking() {
    turns_in_order(Bugs::NONE);
}

#[test]
#[should_panic(expected = "out of order")]
fn a_turn_out_of_order_is_caught() {
    turns_in_order(Bugs::with(Bug::OutOfTurn));
}

/// The time of a turn passes while a commit waits and another stands in line.
#[test]
fn a_turn_that_takes_too_long_is_over_for_everybody() {
    explore(|| {
        let behind = Behind::new(Bugs::NONE);
        let first = behind.gate.close(1);
        assert!(behind.gate.close(1).is_none(), "a nested transaction has no turn of its own");
        let second = {
            let behind = Arc::clone(&behind);
            thread::spawn(move || behind.turn(2))
        };
        let clock = {
            let behind = Arc::clone(&behind);
            thread::spawn(move || behind.gate.let_time_pass())
        };
        behind.gate.pass(|| 3);
        clock.join().unwrap();
        second.join().unwrap();
        // The late end of the first turn opens nobody else's.
        let third = behind.gate.try_close(3);
        assert!(third.is_some() && first.as_ref().is_some_and(|first| first.is_over()));
        drop(first);
        assert!(!third.as_ref().is_some_and(|third| third.is_over()));
    });
}

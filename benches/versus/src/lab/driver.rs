//! Sessions are futures. Each [`step`] gives the turn away; a run polls one session after
//! the other, in an order drawn from its seed, until all have ended.

use std::cell::{Cell, RefCell};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use precedent::{Database, Table};

use super::record::{Attempt, End};
use super::seat::Seat;
use super::workloads::{Flow, Workload};
use crate::random::Random;

/// The tables of every workload: numbers to numbers.
pub const TABLES: usize = 8;

/// What the sessions of a run share.
pub struct Lab<'l> {
    pub database: &'l Database,
    pub tables: Vec<Table<u64, u64>>,
    pub workload: &'l dyn Workload,
    /// Transactions that may still begin.
    pub left: Cell<u64>,
    /// What has ended, in that order.
    pub ended: RefCell<Vec<Attempt>>,
    /// The number of the next attempt. 0 is who loaded the rows.
    pub next: Cell<u32>,
    /// Whether a transaction that was refused is tried again.
    pub retries: bool,
    /// Whether what was read is kept, to be judged.
    pub keeps: bool,
}

/// Gives the turn away.
pub async fn step() {
    let mut polled = false;
    std::future::poll_fn(|_| {
        let ready = std::mem::replace(&mut polled, true);
        if ready { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

/// Transactions one after the other. After one that is refused the session goes on with
/// another one, unless it is to try again.
async fn session(lab: &Lab<'_>, number: u64, mut random: Random) {
    while let Some(left) = lab.left.get().checked_sub(1) {
        lab.left.set(left);
        let before = random.clone();
        let plan = lab.workload.plan(&mut random, number);
        step().await;
        let seat = Seat::begin(lab, &plan);
        let flow = lab.workload.transact(&seat, plan, &mut random).await;
        step().await;
        let attempt = match flow {
            Flow::Commit => seat.commit(),
            Flow::GiveUp => seat.give_up(),
        };
        if lab.retries && !attempt.counts() {
            random = before;
        }
        lab.ended.borrow_mut().push(attempt);
    }
}

/// Loads the rows, as attempt 0.
fn load(lab: &Lab<'_>) -> Attempt {
    let mut attempt = Attempt::new(0, "load");
    let done = lab.database.transact_with_commit(|tx| {
        attempt.s = tx.read_timestamp().into();
        attempt.writes.clear();
        lab.workload.load(&mut |table, key, payload| {
            tx.insert(&lab.tables[table], key, u64::from(payload));
            attempt.writes.push((table, key));
        });
        Ok(())
    });
    match done {
        Ok(((), commit)) => attempt.end = End::Committed(commit.timestamp().into()),
        Err(error) => unreachable!("nobody else is there: {error}"),
    }
    attempt
}

/// Runs all sessions to their end.
pub fn run(lab: &Lab<'_>, sessions: u64, seed: u64) -> Vec<Attempt> {
    let loaded = load(lab);
    lab.ended.borrow_mut().push(loaded);
    let mut turns = Random::new(seed, 0);
    let mut waiting: Vec<Pin<Box<dyn Future<Output = ()> + '_>>> = Vec::new();
    for number in 1..=sessions {
        waiting.push(Box::pin(session(lab, number, Random::new(seed, number))));
    }
    let mut context = Context::from_waker(Waker::noop());
    while !waiting.is_empty() {
        let turn = turns.below(waiting.len() as u64) as usize;
        if waiting[turn].as_mut().poll(&mut context).is_ready() {
            drop(waiting.swap_remove(turn));
        }
    }
    drop(waiting);
    lab.ended.take()
}

//! The workloads of the literature, a step at a time.

mod bank;
mod batches;
mod orders;
mod points;
mod rows;

use std::pin::Pin;

use super::seat::Seat;
use crate::random::Random;

/// What a session does next.
pub struct Plan {
    /// Which kind of transaction.
    pub kind: &'static str,
    /// It cannot write.
    pub read_only: bool,
}

impl Plan {
    fn writing(kind: &'static str) -> Self {
        Self { kind, read_only: false }
    }

    fn reading(kind: &'static str) -> Self {
        Self { kind, read_only: true }
    }
}

/// How a transaction wants to end.
pub enum Flow {
    /// With what it wrote.
    Commit,
    /// As one whose closure has failed: without.
    GiveUp,
}

/// A transaction on its way.
pub type Work<'a> = Pin<Box<dyn Future<Output = Flow> + 'a>>;

/// Transactions of some kinds on the same rows.
pub trait Workload {
    /// Its name in the table.
    fn name(&self) -> &'static str;

    /// What it consists of.
    fn about(&self) -> &'static str;

    /// The kind whose refusals are counted, if not all are.
    fn watched(&self) -> Option<&'static str> {
        None
    }

    /// Calls `row` with the table, the key and the number of each row at the start.
    fn load(&self, row: &mut dyn FnMut(usize, u64, u32));

    /// What the session of this number, from 1, does next.
    fn plan(&self, random: &mut Random, session: u64) -> Plan;

    /// Does it.
    fn transact<'a>(&'a self, seat: &'a Seat<'a>, plan: Plan, random: &'a mut Random) -> Work<'a>;
}

/// All of them, in the order of the table.
pub fn all() -> Vec<Box<dyn Workload>> {
    let mut all: Vec<Box<dyn Workload>> = Vec::new();
    all.extend(points::all());
    all.extend(rows::all());
    all.extend(batches::all());
    all.push(Box::new(bank::SmallBank::new()));
    all.push(Box::new(orders::Orders));
    all
}

//! The workloads: each a stream of transactions that is the same for every engine.

mod client;
mod core;
mod counter;
mod ledger;
mod list;
mod mix;
mod queue;
mod receipts;
mod report;
mod sibench;
mod smallbank;
mod tpcc;
mod ycsb;

pub use client::{Client, wait, wait_until};
pub use list::{Knobs, list};

use crate::engine::Store;
use crate::schema::{Key, Value};

/// A workload, written once for all engines.
pub trait Workload: Send + Sync + 'static {
    type Key: Key;
    type Value: Value;
    /// What one thread remembers from one transaction to the next.
    type Session: Send;

    fn spec(&self) -> Spec;

    fn tables(&self) -> u8 {
        1
    }

    /// Hands out the rows before a run.
    fn load(&self, row: &mut dyn FnMut(u8, Self::Key, u64));

    fn session(&self, seat: Seat) -> Self::Session;

    /// Runs one transaction.
    fn transact<S>(&self, client: &mut Client<'_, S>, session: &mut Self::Session) -> Done
    where
        S: Store<Key = Self::Key, Value = Self::Value>;

    /// Whether what must hold after a run does; else what does not. A serializable engine
    /// passes in whichever order the transactions came.
    fn check<S>(&self, _: &mut Client<'_, S>, _: &[Self::Session]) -> Result<(), String>
    where
        S: Store<Key = Self::Key, Value = Self::Value>,
    {
        Ok(())
    }
}

/// What is said of a workload in every result, and how it may be run.
#[derive(Clone)]
pub struct Spec {
    pub group: &'static str,
    pub name: String,
    /// What a transaction does.
    pub about: String,
    /// Whether it scans.
    pub ranges: bool,
    pub order: Order,
    pub least_threads: usize,
    /// So many transactions at most in a run, or the data would be another at its end.
    pub most: u64,
    /// What [`Kind::Side`] transactions are called.
    pub side: &'static str,
}

impl Spec {
    pub fn new(group: &'static str, name: impl Into<String>, about: impl Into<String>) -> Self {
        Self {
            group,
            name: name.into(),
            about: about.into(),
            ranges: false,
            order: Order::Matters,
            least_threads: 1,
            most: u64::MAX,
            side: "",
        }
    }
}

/// What does not depend on the order in which the threads get through.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// What is read, and the state at the end.
    Free,
    /// The state at the end.
    EndFree,
    /// Neither.
    Matters,
}

/// Where a thread sits.
#[derive(Clone, Copy)]
pub struct Seat {
    pub seed: u64,
    pub thread: u64,
    pub repeat: u32,
}

impl Seat {
    /// A number generator of its own.
    pub fn random(self) -> crate::random::Random {
        crate::random::Random::new(self.seed, 1 + self.thread + (u64::from(self.repeat) << 8))
    }
}

/// What came of one transaction.
pub struct Done {
    /// Depends on all that was read.
    pub checksum: u64,
    pub kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It did what it is for.
    Useful,
    /// It committed, but by its own rules there was nothing to do.
    Refused,
    /// It is of the other sort, which is counted apart.
    Side,
}

impl Done {
    pub fn useful(checksum: u64) -> Self {
        Self { checksum, kind: Kind::Useful }
    }
}

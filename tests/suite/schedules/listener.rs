//! What the engine's recorder tells, as plain facts.

use std::ops::Bound;
use std::sync::Mutex;

use precedent::record::{Event, Outcome, RecordedKey, Recorder, Seen};

/// One event, with the transaction that it is about.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Told {
    /// What the engine calls the transaction.
    pub tx: u64,
    /// What it did.
    pub fact: Fact,
}

/// What a transaction did. Keys are those of the table.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fact {
    /// It began.
    Begin { s: u64, read_only: bool },
    /// Its snapshot moved.
    Slide { to: u64 },
    /// It read a key.
    Read { upper_table: bool, key: u8, seen: Seen },
    /// It began a scan.
    Scan { upper_table: bool, scan: u64, lower: Bound<u8>, upper: Bound<u8>, predicate: bool },
    /// A scan returned a row.
    Row { scan: u64, key: u8, seen: Seen, reverse: bool },
    /// A scan ran out.
    ScanEnd { scan: u64 },
    /// It wrote a key.
    Write { upper_table: bool, key: u8, removal: bool },
    /// It took a savepoint.
    Savepoint { number: u64 },
    /// It undid what it wrote since a savepoint.
    RollbackTo { number: u64 },
    /// It ended.
    End(Ended),
}

/// How a transaction ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Ended {
    /// Committed under this timestamp.
    Committed(u64),
    /// Certified as a reader.
    Certified,
    /// Given up.
    RolledBack,
    /// Refused.
    Aborted,
    /// Something that no schedule can meet.
    Other,
}

/// Collects the facts until somebody takes them.
#[derive(Default)]
pub struct Listener {
    told: Mutex<Vec<Told>>,
}

/// The name of the table with the upper half of the oracle's keys.
pub const UPPER_TABLE: &str = "upper";

impl Listener {
    /// Moves all facts that came since the last time to `facts`, which it empties first.
    pub fn take(&self, facts: &mut Vec<Told>) {
        facts.clear();
        std::mem::swap(&mut *self.told.lock().unwrap(), facts);
    }
}

impl Recorder for Listener {
    fn record(&self, event: Event<'_>) {
        let told = told(&event);
        self.told.lock().unwrap().push(told);
    }
}

fn place(key: &dyn RecordedKey) -> u8 {
    *key.as_any().downcast_ref::<u8>().expect("the tables of a schedule have keys of type u8")
}

fn told(event: &Event<'_>) -> Told {
    let (tx, fact) = match *event {
        Event::Begin { tx, timestamp, read_only, .. } => {
            (tx, Fact::Begin { s: timestamp.into(), read_only })
        }
        Event::Slide { tx, timestamp } => (tx, Fact::Slide { to: timestamp.into() }),
        Event::Read { tx, table, key, seen } => {
            (tx, Fact::Read { upper_table: table == UPPER_TABLE, key: place(key), seen })
        }
        Event::Scan { tx, table, scan, lower, upper, predicate } => {
            let (lower, upper) = (lower.map(place), upper.map(place));
            (tx, Fact::Scan { upper_table: table == UPPER_TABLE, scan, lower, upper, predicate })
        }
        Event::Row { tx, scan, key, seen, reverse } => {
            (tx, Fact::Row { scan, key: place(key), seen, reverse })
        }
        Event::ScanEnd { tx, scan } => (tx, Fact::ScanEnd { scan }),
        Event::Write { tx, table, key, removal } => {
            (tx, Fact::Write { upper_table: table == UPPER_TABLE, key: place(key), removal })
        }
        Event::Savepoint { tx, number } => (tx, Fact::Savepoint { number }),
        Event::RollbackTo { tx, number } => (tx, Fact::RollbackTo { number }),
        Event::End { tx, outcome, .. } => (tx, Fact::End(ended(outcome))),
        _ => unreachable!("an event that this listener does not know"),
    };
    Told { tx: tx.into(), fact }
}

fn ended(outcome: Outcome<'_>) -> Ended {
    match outcome {
        Outcome::Committed(c) => Ended::Committed(c.into()),
        Outcome::Certified => Ended::Certified,
        Outcome::RolledBack => Ended::RolledBack,
        Outcome::Aborted(_) => Ended::Aborted,
        _ => Ended::Other,
    }
}

//! What a recording notes until it is taken.

use std::ops::Bound;
use std::sync::Arc;

use crate::record::{RecordedKey, Seen};
use crate::testkit::history::End;

/// What one transaction did.
#[derive(Debug)]
pub(super) struct Recorded {
    pub id: u64,
    pub called: u64,
    pub snapshot: u64,
    pub facts: Vec<Fact>,
    /// None if it is still open.
    pub ending: Option<Ending>,
}

/// The end of a transaction.
#[derive(Debug)]
pub(super) struct Ending {
    pub moment: u64,
    pub outcome: End,
    pub label: Option<Box<str>>,
}

pub(super) type KeyBox = Box<dyn RecordedKey>;

/// What happened between a begin and an end, in order.
#[derive(Debug)]
pub(super) enum Fact {
    Read { table: Arc<str>, key: KeyBox, seen: Seen },
    Write { table: Arc<str>, key: KeyBox, removal: bool },
    Scan { table: Arc<str>, scan: u64, bounds: Box<[Bound<KeyBox>; 2]>, filtered: bool },
    Row { scan: u64, key: KeyBox, seen: Seen, reverse: bool },
    ScanEnd { scan: u64 },
    Savepoint { number: u64 },
    RollbackTo { number: u64 },
}

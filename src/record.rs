//! The recorder hook: what every transaction did, told as it happens.
//!
//! A [`Recorder`] given to [`Builder::recorder`](crate::Builder::recorder) is called on the
//! thread that runs the transaction, after the fact that the event tells, and outside
//! every lock of the engine. It is meant for checkers; it must not use the database.

use std::any::Any;
use std::fmt;
use std::ops::Bound;

use crate::{Conflict, Timestamp, TransactionId};

/// Receives every event of a database.
pub trait Recorder: Send + Sync + 'static {
    /// Takes note of one event.
    fn record(&self, event: Event<'_>);
}

/// A key with its type erased; downcast it with [`RecordedKey::as_any`].
pub trait RecordedKey: fmt::Debug {
    /// The key itself, to be downcast to the table's key type.
    fn as_any(&self) -> &dyn Any;
}

impl<K: Any + fmt::Debug> RecordedKey for K {
    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// What a read found under a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// A write of the transaction itself (or its own removal).
    Own,
    /// The version with this commit timestamp.
    Version(Timestamp),
    /// Nothing: no version, or a tombstone.
    Absent,
}

/// How a transaction ended.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Outcome<'a> {
    /// It wrote, was certified, and has this commit timestamp.
    Committed(Timestamp),
    /// It was certified as a reader at its read timestamp (it wrote nothing, or its
    /// closure returned `Err` or panicked and its writes were dropped).
    Certified,
    /// The user gave it up: what it saw is not certified.
    RolledBack,
    /// The certifier refused it.
    Aborted(&'a Conflict),
    /// A limit was exceeded; nothing is certified.
    Limited,
    /// It had been given up because of its age; nothing is certified.
    TimedOut,
}

/// One event in the life of a transaction.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A transaction began with this read timestamp.
    Begin {
        /// Who.
        tx: TransactionId,
        /// s(T).
        timestamp: Timestamp,
        /// Whether it can write.
        read_only: bool,
    },
    /// The snapshot slid forward to this read timestamp; everything observed so far
    /// is the same there.
    Slide {
        /// Who.
        tx: TransactionId,
        /// The new s(T).
        timestamp: Timestamp,
    },
    /// One key was read (a hit, an absence, or an own write).
    Read {
        /// Who.
        tx: TransactionId,
        /// The table's name.
        table: &'a str,
        /// The key.
        key: &'a dyn RecordedKey,
        /// What was there.
        seen: Seen,
    },
    /// A range read began; nothing is observed until `Row` or `ScanEnd`.
    Scan {
        /// Who.
        tx: TransactionId,
        /// The table's name.
        table: &'a str,
        /// Number of the scan within the transaction.
        scan: u32,
        /// Lower bound.
        lower: Bound<&'a dyn RecordedKey>,
        /// Upper bound.
        upper: Bound<&'a dyn RecordedKey>,
        /// Whether a predicate filters the rows.
        predicate: bool,
    },
    /// A range read returned a row.
    Row {
        /// Who.
        tx: TransactionId,
        /// Number of the scan within the transaction.
        scan: u32,
        /// The key.
        key: &'a dyn RecordedKey,
        /// Which version.
        seen: Seen,
        /// Whether it came from the back.
        reverse: bool,
    },
    /// A range read ran out: the whole range is observed.
    ScanEnd {
        /// Who.
        tx: TransactionId,
        /// Number of the scan within the transaction.
        scan: u32,
    },
    /// A key was written (or removed) in the transaction's write set.
    Write {
        /// Who.
        tx: TransactionId,
        /// The table's name.
        table: &'a str,
        /// The key.
        key: &'a dyn RecordedKey,
        /// Whether it is a removal.
        removal: bool,
    },
    /// A savepoint was taken.
    Savepoint {
        /// Who.
        tx: TransactionId,
        /// Number of the savepoint within the transaction, from 1 on.
        number: u64,
    },
    /// The writes told since a savepoint are undone. What was observed stays observed.
    RollbackTo {
        /// Who.
        tx: TransactionId,
        /// Number of the savepoint within the transaction.
        number: u64,
    },
    /// The transaction ended. The final s(T) is the last one told.
    End {
        /// Who.
        tx: TransactionId,
        /// How.
        outcome: Outcome<'a>,
    },
}

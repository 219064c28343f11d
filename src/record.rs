//! The recorder hook: what every transaction did, told as it happens.
//!
//! A [`Recorder`] given to [`Builder::recorder`](crate::Builder::recorder) is called on the
//! thread that runs the transaction, after the fact that the event tells, and outside
//! every lock of the engine. It is meant for checkers; it must not use the database.

use std::any::Any;
use std::cmp::Ordering;
use std::fmt;
use std::ops::Bound;

use crate::{Conflict, Timestamp, TransactionId};

/// Receives every event of a database.
///
/// ```
/// # use std::sync::{Arc, Mutex};
/// # use precedent::{Database, Table};
/// use precedent::record::{Event, Recorder};
/// #[derive(Default)]
/// struct Kept(Mutex<Vec<String>>);
/// impl Recorder for Kept {
///     fn record(&self, event: Event<'_>) {
///         self.0.lock().unwrap().push(format!("{event:?}"));
///     }
/// }
/// let recorder = Arc::new(Kept::default());
/// let db = Database::builder().recorder(recorder.clone()).build();
/// let t: Table<u8, char> = db.table("t")?;
/// db.transact(|tx| Ok(tx.insert(&t, 1, 'a')))?;
/// let told = recorder.0.lock().unwrap();
/// assert!(told[0].starts_with("Begin") && told.last().unwrap().starts_with("End"));
/// # Ok::<(), precedent::Error>(())
/// ```
pub trait Recorder: Send + Sync + 'static {
    /// Takes note of one event.
    fn record(&self, event: Event<'_>);

    /// What the recorder's clock says. It is asked on the thread that begins a transaction,
    /// before the snapshot is taken, and [`Event::Begin`] brings the answer: whoever ended
    /// before it is certainly in the snapshot, which cannot be said of the moment at which
    /// the event is told.
    fn clock(&self) -> u64 {
        0
    }

    /// Is called before a point read, and may wait. So may [`clock`](Self::clock), which is
    /// asked before a transaction begins, and [`record`](Self::record) of
    /// [`Event::Scan`] and [`Event::Write`], which are told before anything is done.
    fn before_read(&self, _tx: TransactionId) {}

    /// Is called before a transaction ends other than by a rollback, and may wait. What it
    /// returns can make the end fail.
    fn before_end(&self, _tx: TransactionId, _label: Option<&str>) -> Fate {
        Fate::Free
    }

    /// Is called when the user has given a transaction a name. If it returns true, the
    /// transaction [is doomed](crate::Transaction::is_doomed) from now on; that its end
    /// fails is up to [`before_end`](Self::before_end).
    fn dooms(&self, _tx: TransactionId, _label: &str) -> bool {
        false
    }
}

/// What a recorder does to the end of a transaction.
///
/// ```
/// # use std::sync::Arc;
/// # use precedent::{Database, Error, Table, TransactionId};
/// use precedent::record::{Event, Fate, Recorder};
/// struct Spoilsport;
/// impl Recorder for Spoilsport {
///     fn record(&self, _: Event<'_>) {}
///     fn before_end(&self, _: TransactionId, _: Option<&str>) -> Fate {
///         Fate::GivenUp
///     }
/// }
/// let db = Database::builder().recorder(Arc::new(Spoilsport)).build();
/// assert!(matches!(db.begin().commit(), Err(Error::TimedOut { .. })));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fate {
    /// Nothing: the certifier decides.
    #[default]
    Free,
    /// It is aborted as [`Conservative`](crate::ConflictReason::Conservative), and a retry
    /// loop runs it again.
    Refused,
    /// It fails as if it had been given up because of its age.
    GivenUp,
}

/// A key with its type erased; downcast it with [`RecordedKey::as_any`].
///
/// ```
/// use precedent::record::RecordedKey;
/// let key: &dyn RecordedKey = &7_u8;
/// assert_eq!(key.as_any().downcast_ref::<u8>(), Some(&7));
/// assert_eq!(format!("{key:?}"), "7");
/// let kept = key.to_boxed();
/// assert!(kept.compare(&9_u8).unwrap().is_lt());
/// assert_eq!(kept.compare(&"nine"), None);
/// ```
pub trait RecordedKey: fmt::Debug + Send + Sync {
    /// The key itself, to be downcast to the table's key type.
    fn as_any(&self) -> &dyn Any;

    /// A clone of the key.
    fn to_boxed(&self) -> Box<dyn RecordedKey>;

    /// The order of two keys of one type; none if their types differ.
    fn compare(&self, other: &dyn RecordedKey) -> Option<Ordering>;
}

impl<K: Any + fmt::Debug + Ord + Clone + Send + Sync> RecordedKey for K {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn to_boxed(&self) -> Box<dyn RecordedKey> {
        Box::new(self.clone())
    }

    fn compare(&self, other: &dyn RecordedKey) -> Option<Ordering> {
        other.as_any().downcast_ref().map(|other| self.cmp(other))
    }
}

/// What a read found under a key.
///
/// ```
/// # use std::sync::{Arc, Mutex};
/// # use precedent::{Database, Table};
/// use precedent::record::{Event, Recorder, Seen};
/// #[derive(Default)]
/// struct Kept(Mutex<Vec<Seen>>);
/// impl Recorder for Kept {
///     fn record(&self, event: Event<'_>) {
///         if let Event::Read { seen, .. } = event {
///             self.0.lock().unwrap().push(seen);
///         }
///     }
/// }
/// let recorder = Arc::new(Kept::default());
/// let db = Database::builder().recorder(recorder.clone()).build();
/// let t: Table<u8, char> = db.table("t")?;
/// db.transact(|tx| Ok(tx.insert(&t, 1, 'a')))?;
/// db.transact(|tx| Ok(tx.get(&t, &1) == tx.get(&t, &2)))?;
/// let seen = recorder.0.lock().unwrap();
/// assert!(matches!(seen[..], [Seen::Version(_), Seen::Absent]));
/// # Ok::<(), precedent::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Seen {
    /// A write of the transaction itself (or its own removal).
    Own,
    /// The version with this commit timestamp.
    Version(Timestamp),
    /// Nothing: no version, or a tombstone.
    Absent,
}

/// How a transaction ended.
///
/// ```
/// # use std::sync::{Arc, Mutex};
/// # use precedent::{Database, Table};
/// use precedent::record::{Event, Recorder, Outcome};
/// #[derive(Default)]
/// struct Kept(Mutex<Vec<bool>>);
/// impl Recorder for Kept {
///     fn record(&self, event: Event<'_>) {
///         if let Event::End { outcome, .. } = event {
///             self.0.lock().unwrap().push(matches!(outcome, Outcome::Committed(_)));
///         }
///     }
/// }
/// let recorder = Arc::new(Kept::default());
/// let db = Database::builder().recorder(recorder.clone()).build();
/// let t: Table<u8, char> = db.table("t")?;
/// db.transact(|tx| Ok(tx.insert(&t, 1, 'a')))?;
/// db.begin().rollback();
/// assert_eq!(*recorder.0.lock().unwrap(), [true, false]);
/// # Ok::<(), precedent::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
///
/// ```
/// # use std::sync::{Arc, Mutex};
/// # use precedent::{Database, Table};
/// use precedent::record::{Event, Recorder};
/// #[derive(Default)]
/// struct Kept(Mutex<Vec<String>>);
/// impl Recorder for Kept {
///     fn record(&self, event: Event<'_>) {
///         if let Event::Write { table, key, .. } = event {
///             self.0.lock().unwrap().push(format!("{table}[{key:?}]"));
///         }
///     }
/// }
/// let recorder = Arc::new(Kept::default());
/// let db = Database::builder().recorder(recorder.clone()).build();
/// let t: Table<u8, char> = db.table("t")?;
/// db.transact(|tx| Ok(tx.insert(&t, 1, 'a')))?;
/// assert_eq!(*recorder.0.lock().unwrap(), ["t[1]"]);
/// # Ok::<(), precedent::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
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
        /// What [`Recorder::clock`] said before.
        called: u64,
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
        scan: u64,
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
        scan: u64,
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
        scan: u64,
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
        /// What the user called it.
        label: Option<&'a str>,
    },
}

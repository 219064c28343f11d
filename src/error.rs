//! The one error type.

use std::fmt;
use std::time::Duration;

use crate::{Conflict, Timestamp};

/// Why an operation failed. Nothing is lost: the database goes on working.
///
/// ```
/// use precedent::{Database, Table};
/// let db = Database::new();
/// let _numbers: Table<u64, u64> = db.table("numbers")?;
/// let wrong = db.table::<String, u64>("numbers").unwrap_err();
/// assert!(!wrong.is_conflict() && !wrong.is_retryable() && !wrong.is_limit());
/// # Ok::<(), precedent::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// Committing would have closed a cycle in the dependency graph. Run the
    /// transaction again: it cannot meet the same conflict twice.
    Conflict(Box<Conflict>),
    /// `transact` gave up after this many conflicts; the last one is told. Try again
    /// later, raise [`Builder::max_attempts`](crate::Builder::max_attempts), or make the transaction shorter.
    RetriesExhausted {
        /// How often the closure ran.
        attempts: u32,
        /// The conflict of the last attempt.
        last: Box<Conflict>,
    },
    /// A named limit was exceeded; the transaction was rolled back. Split the
    /// transaction, or raise the limit at the builder.
    LimitExceeded {
        /// The limit's name: the builder's method.
        limit: &'static str,
        /// Its value.
        bound: u64,
    },
    /// The transaction was given up because of its age, by
    /// [`Database::doom_older_than`](crate::Database::doom_older_than) or
    /// [`Builder::transaction_timeout`](crate::Builder::transaction_timeout), and was rolled
    /// back. Do less in one transaction, or raise the timeout.
    TimedOut {
        /// For how long it had been open when it ended.
        age: Duration,
    },
    /// No snapshot can be taken at this timestamp: it lies in the future, or versions that
    /// it would see are gone. Keep it available by a [`Pin`](crate::Pin), or take a newer one.
    SnapshotUnavailable {
        /// The timestamp.
        asked_for: Timestamp,
        /// The newest one that there is.
        newest: Timestamp,
    },
    /// Rows to be loaded in bulk were not in strictly ascending order of their keys; nothing
    /// was loaded. Sort them, and leave out what is there twice.
    NotAscending {
        /// The table.
        table: String,
        /// Which row, counted from 0, is not above the one before it.
        position: usize,
    },
    /// The table exists with other types. Open it with its own.
    TableTypes {
        /// The table.
        table: String,
        /// The types that it was created with.
        created_as: &'static str,
        /// The types that were asked for.
        asked_for: &'static str,
    },
    /// A timestamp did not become safe in time. Something older still runs: wait longer,
    /// take an older snapshot, or find the transaction that was left open.
    SafeSnapshotTimeout {
        /// The timestamp that was to become safe.
        asked_for: Timestamp,
        /// The newest safe one when the time was up.
        newest_safe: Timestamp,
    },
}

impl Error {
    /// Whether a conflict was the reason, be it one or one too many.
    ///
    /// ```
    /// # use precedent::{Database, Table};
    /// # let db = Database::new();
    /// # let t: Table<u8, u64> = db.table("t")?;
    /// # let slow = db.begin();
    /// # slow.label("slow");
    /// # slow.get(&t, &1);
    /// # db.transact(|quick| Ok(quick.insert(&t, 1, 7)))?;
    /// # slow.insert(&t, 1, 8);
    /// # let error = slow.commit().unwrap_err();
    /// assert!(error.is_conflict());
    /// # Ok::<(), precedent::Error>(())
    /// ```
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        self.conflict().is_some()
    }

    /// Whether running the transaction again at once makes sense.
    ///
    /// ```
    /// # use precedent::{Database, Table};
    /// # let db = Database::new();
    /// # let t: Table<u8, u64> = db.table("t")?;
    /// # let slow = db.begin();
    /// # slow.label("slow");
    /// # slow.get(&t, &1);
    /// # db.transact(|quick| Ok(quick.insert(&t, 1, 7)))?;
    /// # slow.insert(&t, 1, 8);
    /// # let error = slow.commit().unwrap_err();
    /// assert!(error.is_retryable());
    /// let gone = db.snapshot_at(precedent::Timestamp::from(99)).unwrap_err();
    /// assert!(!gone.is_retryable());
    /// # Ok::<(), precedent::Error>(())
    /// ```
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Conflict(_))
    }

    /// Whether a named limit was exceeded.
    ///
    /// ```
    /// # use precedent::{Database, Table};
    /// let db = Database::builder().max_own_values(1).build();
    /// let t: Table<u8, char> = db.table("t")?;
    /// let error = db.transact(|tx| Ok([1, 2].map(|k| tx.insert(&t, k, 'x')))).unwrap_err();
    /// assert!(error.is_limit());
    /// # Ok::<(), precedent::Error>(())
    /// ```
    #[must_use]
    pub fn is_limit(&self) -> bool {
        matches!(self, Self::LimitExceeded { .. })
    }

    /// Whether the transaction was given up because of its age.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # let db = precedent::Database::new();
    /// let forgotten = db.begin();
    /// db.doom_older_than(Duration::ZERO);
    /// assert!(forgotten.commit().unwrap_err().is_timed_out());
    /// ```
    #[must_use]
    pub fn is_timed_out(&self) -> bool {
        matches!(self, Self::TimedOut { .. })
    }

    /// The conflict behind this error, if one is.
    ///
    /// ```
    /// # use precedent::{Database, Table};
    /// # let db = Database::new();
    /// # let t: Table<u8, u64> = db.table("t")?;
    /// # let slow = db.begin();
    /// # slow.label("slow");
    /// # slow.get(&t, &1);
    /// # db.transact(|quick| Ok(quick.insert(&t, 1, 7)))?;
    /// # slow.insert(&t, 1, 8);
    /// # let error = slow.commit().unwrap_err();
    /// assert_eq!(error.conflict().unwrap().cycle().len(), 2);
    /// # Ok::<(), precedent::Error>(())
    /// ```
    #[must_use]
    pub fn conflict(&self) -> Option<&Conflict> {
        match self {
            Self::Conflict(conflict) | Self::RetriesExhausted { last: conflict, .. } => {
                Some(conflict)
            }
            _ => None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Conflict(conflict) => write!(f, "{conflict}"),
            Self::RetriesExhausted { attempts, last } => {
                write!(f, "gave up after {attempts} attempts; the last conflict: {last}")
            }
            Self::LimitExceeded { limit, bound } => {
                write!(f, "the transaction exceeded {limit} = {bound} and was rolled back")
            }
            Self::SnapshotUnavailable { asked_for, newest } => {
                write!(f, "there is no snapshot at {asked_for}: ")?;
                match asked_for > newest {
                    true => write!(f, "the newest one is at {newest}"),
                    false => f.write_str("its versions are gone"),
                }
            }
            Self::NotAscending { table, position } => {
                write!(
                    f,
                    "row {position} to be loaded into table {table:?} is not above the row before it"
                )
            }
            Self::TimedOut { age } => {
                write!(f, "the transaction was given up after {age:?} and was rolled back")
            }
            Self::TableTypes { table, created_as, asked_for } => {
                write!(f, "table {table:?} holds {created_as}, but was opened as {asked_for}")
            }
            Self::SafeSnapshotTimeout { asked_for, newest_safe } => {
                write!(f, "{asked_for} did not become safe in time; {newest_safe} is")
            }
        }
    }
}

impl std::error::Error for Error {}

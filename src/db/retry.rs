//! The retry loops: `transact`, `try_transact`, `transact_with_commit`, `read`.

use std::panic::{AssertUnwindSafe, Location, catch_unwind, resume_unwind};
use std::time::Duration;

use crate::db::database::Database;
use crate::error::Error;
use crate::sync;
use crate::trace;
use crate::tx::{
    Commit, Core, Engine, Failure, Origin, ReadTransaction, Refused, Shut, Transaction, this_thread,
};

impl Database {
    /// Runs a closure as one transaction and commits it; runs it again on a conflict.
    ///
    /// The closure may run more than once, so it must have no effects but through the
    /// transaction. If it returns `Err`, nothing is written, and what it saw is certified
    /// before the error is returned; a panic in it likewise, before it is resumed. Either
    /// is final: only conflicts lead to another run.
    ///
    /// ```
    /// # use precedent::{Database, Table};
    /// # let db = Database::new();
    /// let hits: Table<&str, u64> = db.table("hits")?;
    /// let now = db.transact(|tx| {
    ///     let next = tx.get(&hits, &"home").copied().unwrap_or(0) + 1;
    ///     tx.insert(&hits, "home", next);
    ///     Ok(next)
    /// })?;
    /// assert_eq!(now, 1);
    /// # Ok::<(), precedent::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::RetriesExhausted`] after too many conflicts, [`Error::LimitExceeded`] if
    /// the transaction is too large, [`Error::TimedOut`] if it was given up because of its
    /// age, or what the closure returned.
    ///
    /// # Panics
    /// If the closure does.
    #[track_caller]
    pub fn transact<R>(
        &self,
        f: impl FnMut(&Transaction<'_>) -> Result<R, Error>,
    ) -> Result<R, Error> {
        self.retry(Location::caller(), f).map(|(result, _)| result)
    }

    /// As [`transact`](Self::transact), for closures with errors of their own. An `Err`
    /// rolls back and is *certified*: it never rests on a state that no serial order has.
    ///
    /// ```
    /// # use precedent::{Database, Error, Table};
    /// #[derive(Debug, PartialEq)]
    /// enum Refused {
    ///     Insufficient { balance: i64 },
    ///     Engine(String),
    /// }
    /// impl From<Error> for Refused {
    ///     fn from(error: Error) -> Self {
    ///         Self::Engine(error.to_string())
    ///     }
    /// }
    /// # let db = Database::new();
    /// let ledger: Table<(u64, u64), i64> = db.table("ledger")?;
    /// let refused = db.try_transact(|tx| -> Result<u64, Refused> {
    ///     let account = (42, 0)..=(42, u64::MAX);
    ///     let balance: i64 = tx.range(&ledger, account.clone()).map(|(_, cents)| cents).sum();
    ///     if balance < 50_00 {
    ///         return Err(Refused::Insufficient { balance });
    ///     }
    ///     let next = tx.range(&ledger, account).next_back().map_or(0, |((_, n), _)| n + 1);
    ///     tx.insert(&ledger, (42, next), -50_00);
    ///     Ok(next)
    /// });
    /// assert_eq!(refused, Err(Refused::Insufficient { balance: 0 }));
    /// # Ok::<(), precedent::Error>(())
    /// ```
    ///
    /// # Errors
    /// As `transact`, through `From`.
    ///
    /// # Panics
    /// If the closure does.
    #[track_caller]
    pub fn try_transact<R, E: From<Error>>(
        &self,
        f: impl FnMut(&Transaction<'_>) -> Result<R, E>,
    ) -> Result<R, E> {
        self.retry(Location::caller(), f).map(|(result, _)| result)
    }

    /// As [`transact`](Self::transact), and returns the [`Commit`] too.
    ///
    /// ```
    /// # use precedent::{Database, Table, Timestamp};
    /// # let db = Database::new();
    /// # let t: Table<u8, char> = db.table("t")?;
    /// let ((), commit) = db.transact_with_commit(|tx| Ok(tx.insert(&t, 1, 'a')))?;
    /// assert_eq!(commit.timestamp(), Timestamp::from(1));
    /// # Ok::<(), precedent::Error>(())
    /// ```
    ///
    /// # Errors
    /// As `transact`.
    ///
    /// # Panics
    /// If the closure does.
    #[track_caller]
    pub fn transact_with_commit<R>(
        &self,
        f: impl FnMut(&Transaction<'_>) -> Result<R, Error>,
    ) -> Result<(R, Commit), Error> {
        self.retry(Location::caller(), f)
    }

    /// As [`try_transact`](Self::try_transact), and returns the [`Commit`] too.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use precedent::{Database, Table};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let db = Database::new();
    /// # let t: Table<u8, char> = db.table("t")?;
    /// let (key, commit) = db.try_transact_with_commit(|tx| {
    ///     let key = "7".parse()?; // an error of somebody else's
    ///     tx.insert(&t, key, 'a');
    ///     Ok::<u8, Box<dyn std::error::Error>>(key)
    /// })?;
    /// let seen = db.safe_snapshot_at_least(commit.timestamp(), Duration::from_secs(1))?;
    /// assert_eq!(seen.get(&t, &key), Some(&'a'));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As `try_transact`.
    ///
    /// # Panics
    /// If the closure does.
    #[track_caller]
    pub fn try_transact_with_commit<R, E: From<Error>>(
        &self,
        f: impl FnMut(&Transaction<'_>) -> Result<R, E>,
    ) -> Result<(R, Commit), E> {
        self.retry(Location::caller(), f)
    }

    /// Runs a closure on the newest snapshot, certifies what it saw, and returns its
    /// result; in the rare case that no serial order has that snapshot, runs it again.
    ///
    /// ```
    /// # use precedent::{Database, Table};
    /// # let db = Database::new();
    /// # let ledger: Table<(u64, u64), i64> = db.table("ledger")?;
    /// let total: i64 = db.read(|tx| tx.range(&ledger, ..).map(|(_, cents)| cents).sum())?;
    /// assert_eq!(total, 0);
    /// # Ok::<(), precedent::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::RetriesExhausted`] after too many conflicts, [`Error::TimedOut`] if the
    /// transaction was given up because of its age.
    ///
    /// # Panics
    /// If the closure does.
    #[track_caller]
    pub fn read<R>(&self, mut f: impl FnMut(&ReadTransaction<'_>) -> R) -> Result<R, Error> {
        let place = Location::caller();
        let mut attempts = Attempts::new(&self.engine, true);
        loop {
            let tx: ReadTransaction<'_> = self.begin_attempt(attempts.origin(place));
            let result = catch_unwind(AssertUnwindSafe(|| f(&tx)));
            match tx.end(Core::finish) {
                Ok(_) => return Ok(result.unwrap_or_else(|panic| resume_unwind(panic))),
                Err(failure) => attempts.next(failure)?,
            }
        }
    }

    /// As `try_transact`, and returns the commit too.
    pub(crate) fn retry<R, E: From<Error>>(
        &self,
        place: &'static Location<'static>,
        mut f: impl FnMut(&Transaction<'_>) -> Result<R, E>,
    ) -> Result<(R, Commit), E> {
        let mut attempts = Attempts::new(&self.engine, false);
        loop {
            let tx: Transaction<'_> = self.begin_attempt(attempts.origin(place));
            let result = catch_unwind(AssertUnwindSafe(|| f(&tx)));
            // Whether to run again is the transaction's verdict, whatever the closure
            // returned: an error or a panic may rest on a state that never was.
            let ended = match &result {
                Ok(Ok(_)) => tx.end(Core::commit),
                _ => tx.end(Core::finish),
            };
            match (ended, result) {
                (Ok(commit), Ok(Ok(result))) => return Ok((result, commit)),
                (Ok(_), Ok(Err(error))) => return Err(error),
                (Ok(_), Err(panic)) => resume_unwind(panic),
                (Err(failure), result) => match (attempts.next(failure), result) {
                    (Ok(()), _) => {}
                    // No further run will tell of the panic.
                    (Err(_), Err(panic)) => resume_unwind(panic),
                    (Err(error), Ok(_)) => return Err(error.into()),
                },
            }
        }
    }
}

/// The attempts of one retry loop. When it goes, the gate opens, be it by a commit, an
/// error or a panic.
struct Attempts<'db> {
    engine: &'db Engine,
    /// Readers shut the gate if it is open, but wait for no turn.
    read_only: bool,
    /// The number of the present attempt, from 1.
    number: u32,
    /// Failures that count for ageing.
    failures: u32,
    turn: Option<Shut<'db>>,
}

impl<'db> Attempts<'db> {
    fn new(engine: &'db Engine, read_only: bool) -> Self {
        let mut attempts = Self { engine, read_only, number: 1, failures: 0, turn: None };
        attempts.age();
        attempts
    }

    /// How the transaction of the present attempt comes about.
    fn origin(&self, place: &'static Location<'static>) -> Origin {
        Origin { read_only: self.read_only, attempt: Some(self.number), place }
    }

    /// Waits before the next attempt, or tells why there is none.
    fn next(&mut self, failure: Failure) -> Result<(), Error> {
        let refused = match failure {
            Failure::Refused(refused) => refused,
            Failure::Final(error) => return Err(error),
        };
        if self.number >= self.engine.config.max_attempts {
            let last = refused.into_conflict();
            return Err(Error::RetriesExhausted { attempts: self.number, last });
        }
        let failed = self.number;
        self.number += 1;
        self.failures = self.failures.saturating_add(1);
        if self.turn.as_ref().is_some_and(Shut::is_over) {
            self.open();
            self.failures = 0;
        }
        if self.turn.is_none() {
            back_off(failed, &refused);
            self.age();
        }
        Ok(())
    }

    /// Shuts the gate if there were failures enough. No transaction of this loop is open,
    /// so that it may take its time.
    fn age(&mut self) {
        if self.failures < self.engine.config.age_after {
            return;
        }
        let gate = &self.engine.gate;
        self.turn = match self.read_only {
            true => gate.try_close(this_thread()),
            false => gate.close(this_thread()),
        };
        if self.turn.is_some() {
            gate.count_aged();
            trace::gate_closed(&self.engine.name, self.number);
        }
    }

    /// Ends the turn at the gate, if this loop has one.
    fn open(&mut self) {
        if let Some(turn) = self.turn.take() {
            let timed_out = turn.is_over();
            drop(turn);
            trace::gate_opened(&self.engine.name, timed_out);
        }
    }
}

impl Drop for Attempts<'_> {
    fn drop(&mut self) {
        if !sync::model_failed() {
            self.open();
        }
    }
}

/// A turn at the gate, without a retry loop; ends when it is dropped. With the feature
/// `testkit`.
///
/// ```
/// use precedent::{Database, GateTurn};
/// let db = Database::new();
/// let turn: Option<GateTurn<'_>> = db.shut_gate();
/// assert!(turn.is_some());
/// ```
#[cfg(feature = "testkit")]
pub struct GateTurn<'db>(#[expect(dead_code, reason = "opens the gate when dropped")] Shut<'db>);

#[cfg(feature = "testkit")]
impl Database {
    /// Shuts the gate for this thread, as an aged transaction does, until the turn is
    /// dropped. None if it is shut already. With the feature `testkit`.
    ///
    /// ```
    /// # let db = precedent::Database::new();
    /// let turn = db.shut_gate();
    /// assert!(turn.is_some() && db.shut_gate().is_none());
    /// drop(turn);
    /// assert!(db.shut_gate().is_some());
    /// ```
    #[must_use]
    pub fn shut_gate(&self) -> Option<GateTurn<'_>> {
        self.engine.gate.try_close(this_thread()).map(GateTurn)
    }
}

#[cfg(feature = "testkit")]
impl std::fmt::Debug for GateTurn<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GateTurn").finish_non_exhaustive()
    }
}

/// Attempts that only give up the time slice before the next one.
const EAGER_ATTEMPTS: u32 = 4;
/// The longest sleep between two attempts is 2^this microseconds.
const MAX_BACK_OFF_LOG2: u32 = 10;

/// An immediate retry cannot meet the same conflict, so the first ones only let others
/// run; later ones sleep for a random part of a growing time.
fn back_off(attempt: u32, refused: &Refused) {
    if attempt <= EAGER_ATTEMPTS {
        sync::yield_now();
        return;
    }
    let bound = 1_u64 << (attempt - EAGER_ATTEMPTS).min(MAX_BACK_OFF_LOG2);
    // Who met whom, and when, differs between rivals: jitter without a generator.
    let seed = refused.seed.rotate_left(attempt);
    sync::sleep(Duration::from_micros(seed % bound + 1));
}

//! What can be settled before a database exists.

use std::sync::Arc;
use std::time::Duration;

use crate::db::database::Database;
use crate::ssi::{Certifier, Conflict};
use crate::tx::{Config, Isolation};

/// Settles what cannot change later; by [`Database::builder`].
///
/// ```
/// use precedent::{Database, Isolation};
/// let db = Database::builder().name("orders").max_attempts(50).build();
/// assert_eq!(db.name(), "orders");
/// ```
#[derive(Clone, Default)]
#[must_use]
pub struct Builder {
    name: Option<String>,
    config: Config,
}

impl Database {
    /// For settings other than the default ones.
    ///
    /// ```
    /// let db = precedent::Database::builder().name("sessions").build();
    /// ```
    pub fn builder() -> Builder {
        Builder::default()
    }
}

impl Builder {
    /// The name that messages use. By default the database's number in the process.
    ///
    /// ```
    /// # use precedent::Database;
    /// assert_eq!(Database::builder().name("orders").build().name(), "orders");
    /// ```
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Which anomalies are ruled out. By default all: [`Isolation::Serializable`]. The same as
    /// choosing [`Certifier::Exact`], or [`Certifier::FirstCommitterWins`] for
    /// [`Isolation::Snapshot`]; of this and [`certifier`](Self::certifier) the last call counts.
    ///
    /// ```
    /// # use precedent::{Database, Isolation};
    /// let unsafe_on_purpose = Database::builder().isolation(Isolation::Snapshot).build();
    /// ```
    pub fn isolation(mut self, isolation: Isolation) -> Self {
        self.config.certifier = match isolation {
            Isolation::Serializable => Certifier::Exact,
            Isolation::Snapshot => Certifier::FirstCommitterWins,
        };
        self
    }

    /// By which rule commits are certified. By default by [`Certifier::Exact`]; the others are
    /// there for comparison, and all but [`Certifier::FirstCommitterWins`] are serializable.
    ///
    /// ```
    /// # use precedent::{Certifier, Database, Error, Table};
    /// // A long job reads what others change meanwhile, and writes what nobody else reads.
    /// let commits_under = |rule| -> Result<bool, Error> {
    ///     let db = Database::builder().certifier(rule).build();
    ///     let t: Table<u32, u64> = db.table("t")?;
    ///     let job = db.begin();
    ///     let sum: u64 = job.range(&t, ..).map(|(_, n)| n).sum();
    ///     db.transact(|other| Ok(other.insert(&t, 7, 1)))?;
    ///     job.insert(&t, 1_000, sum);
    ///     Ok(job.commit().is_ok())
    /// };
    /// assert!(commits_under(Certifier::Exact)?);
    /// assert!(!commits_under(Certifier::Backward)?);
    /// # Ok::<(), Error>(())
    /// ```
    pub fn certifier(mut self, certifier: Certifier) -> Self {
        self.config.certifier = certifier;
        self
    }

    /// Whether a snapshot may slide forward while everything observed stays the same.
    /// By default it may, which spares aborts. For tests and comparisons.
    ///
    /// ```
    /// # use precedent::Database;
    /// let fixed_snapshots = Database::builder().sliding(false).build();
    /// ```
    pub fn sliding(mut self, sliding: bool) -> Self {
        self.config.sliding = sliding;
        self
    }

    /// How often `transact` and its kin run a closure before they give up with
    /// [`Error::RetriesExhausted`](crate::Error::RetriesExhausted). At least 1; by default 10,000.
    ///
    /// ```
    /// # use precedent::Database;
    /// let impatient = Database::builder().max_attempts(3).build();
    /// ```
    pub fn max_attempts(mut self, attempts: u32) -> Self {
        self.config.max_attempts = attempts.max(1);
        self
    }

    /// After how many failed attempts `transact` and its kin run the closure as the *aged*
    /// transaction: they shut a gate before the next attempt and hold it until they return.
    /// Meanwhile every other thread's writers wait at their commit; readers, rollbacks and
    /// transactions that wrote nothing do not. By default 8; 0 ages from the first attempt,
    /// `u32::MAX` never does.
    ///
    /// There is one aged transaction at a time; several take turns in the order in which
    /// they asked. A commit waits for one turn at most. A transaction that the closure
    /// nests on its own thread passes; [`read`](Database::read) shuts the gate only if it is
    /// open, since readers wait for nobody.
    ///
    /// So the number of attempts is bounded: at most `age_after` + 1 + p, where p counts the
    /// transactions that were past the gate already when it was shut, at most one for each
    /// other thread; each of them can fail one attempt. Conflicts with what the closure
    /// itself commits by nested transactions come on top, and so do those after the gate
    /// has opened by itself: see [`max_gate_time`](Self::max_gate_time).
    ///
    /// ```
    /// # use precedent::{Database, Table};
    /// let db = Database::builder().age_after(2).build();
    /// let t: Table<u8, u64> = db.table("t")?;
    /// let attempts = db.transact(|tx| {
    ///     let seen = tx.get(&t, &1).copied().unwrap_or(0);
    ///     if tx.attempt() <= 2 {
    ///         db.transact(|rival| Ok(rival.insert(&t, 1, seen + 1)))?;
    ///     }
    ///     tx.insert(&t, 1, seen + 10);
    ///     Ok(tx.attempt())
    /// })?;
    /// assert_eq!((attempts, db.stats().aged), (3, 1));
    /// # Ok::<(), precedent::Error>(())
    /// ```
    pub fn age_after(mut self, attempts: u32) -> Self {
        self.config.age_after = attempts;
        self
    }

    /// How long an aged transaction may keep the gate shut. By default 100 ms. Then the gate
    /// opens by itself, which [is counted](crate::Stats::gate_time_outs); the transaction
    /// goes on as any other, and has to fail [`age_after`](Self::age_after) times more before
    /// it asks for another turn.
    ///
    /// So no commit waits longer than this at the gate, and whatever a closure waits for (a
    /// lock, a thread that commits) comes in the end. A transaction that takes longer gets
    /// no help from ageing: make it shorter, or the time longer.
    ///
    /// ```
    /// # use precedent::{Database, Table};
    /// use std::time::Duration;
    /// let db = Database::builder().age_after(0).max_gate_time(Duration::from_millis(5)).build();
    /// let t: Table<u8, char> = db.table("t")?;
    /// db.transact(|tx| {
    ///     let write = || db.transact(|other| Ok(other.insert(&t, 1, 'a')));
    ///     // Its commit waits at the gate for us, and we for it: 5 ms long.
    ///     std::thread::scope(|scope| scope.spawn(write).join().unwrap())?;
    ///     Ok(tx.insert(&t, 2, 'b'))
    /// })?;
    /// assert!(db.stats().gate_time_outs > 0);
    /// # Ok::<(), precedent::Error>(())
    /// ```
    pub fn max_gate_time(mut self, time: Duration) -> Self {
        self.config.max_gate_time = time;
        self
    }

    /// How old a transaction that can hold others up may become before it is given up, as by
    /// [`Database::doom_older_than`]. By default none is. Checked by other transactions when
    /// they end and tidy up, so it may take a little longer, and where nothing happens
    /// nothing is given up.
    ///
    /// ```
    /// # use precedent::{Database, Table};
    /// use std::time::Duration;
    /// let db = Database::builder().transaction_timeout(Duration::from_millis(1)).build();
    /// let t: Table<u8, u64> = db.table("t")?;
    /// let forgotten = db.begin_owned();
    /// std::thread::sleep(Duration::from_millis(2));
    /// for n in 0..10 {
    ///     db.transact(|tx| Ok(tx.insert(&t, 1, n)))?;
    /// }
    /// assert!(forgotten.is_doomed());
    /// db.collect();
    /// assert_eq!(db.stats().retained_commits, 0);
    /// # Ok::<(), precedent::Error>(())
    /// ```
    pub fn transaction_timeout(mut self, timeout: Duration) -> Self {
        self.config.transaction_timeout = Some(timeout);
        self
    }

    /// How many values (removals included) one transaction may write, those that it rolls
    /// back to a savepoint included: they live until it ends. By default 2^24.
    /// Beyond it the transaction [is doomed](crate::Transaction::is_doomed): what it writes
    /// is not kept, so that it does not see it either, and its end fails with
    /// [`Error::LimitExceeded`](crate::Error::LimitExceeded). A loop that waits for its own
    /// writes must ask.
    ///
    /// ```
    /// # use precedent::{Database, Table};
    /// let db = Database::builder().max_own_values(1).build();
    /// let t: Table<u8, char> = db.table("t")?;
    /// let error = db.transact(|tx| Ok([1, 2].map(|k| tx.insert(&t, k, 'x')))).unwrap_err();
    /// assert!(error.is_limit());
    /// # Ok::<(), precedent::Error>(())
    /// ```
    pub fn max_own_values(mut self, values: u64) -> Self {
        self.config.max_own_values = values;
        self
    }

    /// How many steps (nodes looked at, edges tested) one search for a cycle may take
    /// before the transaction is aborted as [`Conservative`](crate::ConflictReason::Conservative). By
    /// default 10,000,000.
    ///
    /// ```
    /// # use precedent::Database;
    /// let bounded = Database::builder().max_search_steps(100_000).build();
    /// ```
    pub fn max_search_steps(mut self, steps: u64) -> Self {
        self.config.max_search_steps = steps;
        self
    }

    /// How many keys, absences and ranges one transaction may observe; a range counts once,
    /// and with a predicate also with every row that it returned. (Where keys have an order
    /// of their own, as strings or types of yours, each row that ranges returned takes a word or
    /// two while the snapshot can still move, and is not counted.) By default 2^24. Beyond it
    /// (by a sixteenth at most) the transaction [is doomed](crate::Transaction::is_doomed): it
    /// goes on reading its snapshot, but nothing more is remembered, it holds nothing back,
    /// and its end fails with [`Error::LimitExceeded`](crate::Error::LimitExceeded). For
    /// reading more there are [safe snapshots](Database::safe_snapshot).
    ///
    /// ```
    /// # use precedent::{Database, Table};
    /// let db = Database::builder().max_footprint(1).build();
    /// let t: Table<u8, char> = db.table("t")?;
    /// let error = db.transact(|tx| Ok([1, 2].map(|k| tx.contains_key(&t, &k)))).unwrap_err();
    /// assert!(error.is_limit());
    /// # Ok::<(), precedent::Error>(())
    /// ```
    pub fn max_footprint(mut self, observations: u64) -> Self {
        self.config.max_footprint = observations;
        self
    }

    /// How many bytes versions, keys and indexes may take, without what keys and values own
    /// elsewhere; values that nobody can see and that are not collected yet count too. By
    /// default there is no bound, and nothing is counted. A commit that would exceed it
    /// fails with [`Error::LimitExceeded`](crate::Error::LimitExceeded), unless it only
    /// removes; commits at the same moment do not see each other.
    ///
    /// ```
    /// # use precedent::{Database, Table};
    /// let db = Database::builder().max_bytes(10_000).build();
    /// let t: Table<u32, [u8; 1000]> = db.table("t")?;
    /// let full = (0..).find(|&k| db.transact(|tx| Ok(tx.insert(&t, k, [0; 1000]))).is_err());
    /// assert!(full.is_some_and(|k| k < 10));
    /// db.transact(|tx| Ok(tx.clear(&t)))?;
    /// db.transact(|tx| Ok(tx.insert(&t, 0, [0; 1000])))?;
    /// # Ok::<(), precedent::Error>(())
    /// ```
    pub fn max_bytes(mut self, bytes: u64) -> Self {
        self.config.max_bytes = Some(bytes);
        self
    }

    /// At how many snapshots values handed out by [`peek`](crate::Transaction::peek) are
    /// kept for one transaction while its snapshot slides on. By default 2, which is also
    /// the most. A transaction that has peeked at more stays where it is.
    ///
    /// ```
    /// # use precedent::Database;
    /// let db = Database::builder().max_peeked_snapshots(0).build();
    /// ```
    pub fn max_peeked_snapshots(mut self, snapshots: usize) -> Self {
        self.config.max_peeked_snapshots = snapshots.min(Config::default().max_peeked_snapshots);
        self
    }

    /// How many commits and certified readers are remembered for the certification of those
    /// who are older. By default 65,536, about 10 MB for small transactions. Beyond it,
    /// certified readers of equal snapshots first come to share one footprint, which counts
    /// once and for each absence, range and predicate in it. If that is not enough, the
    /// log is folded: half of them are forgotten. A transaction that began before the fold
    /// can still commit, if everything that it observed is the same at the fold; else it is
    /// aborted as [`Conservative`](crate::ConflictReason::Conservative). Nobody who is
    /// younger notices. It is also the most that the newest [safe
    /// snapshot](Database::safe_snapshot) lags behind before versions in between are freed.
    ///
    /// ```
    /// # use precedent::Database;
    /// let small = Database::builder().max_retained_commits(1_000).build();
    /// ```
    pub fn max_retained_commits(mut self, commits: usize) -> Self {
        self.config.max_retained_commits = commits;
        self
    }

    /// How many intervals of unsafe timestamps are told apart. At least 1; by default 1,024.
    /// Beyond it neighbours are merged: safe snapshots may lag more, nothing else changes.
    ///
    /// ```
    /// # use precedent::Database;
    /// let coarse = Database::builder().max_danger_intervals(16).build();
    /// ```
    pub fn max_danger_intervals(mut self, intervals: usize) -> Self {
        self.config.max_danger_intervals = intervals.max(1);
        self
    }

    /// Calls `hook` for every transaction that a conflict has ended, those included that a
    /// retry loop runs again. It is called on the thread of that transaction, after the
    /// transaction has ended and outside every lock, and may use the database. A panic in it
    /// goes no further; it [is counted](crate::Stats::panicked_hooks).
    ///
    /// Without a hook a conflict within a retry loop is not even put into words; with one,
    /// each costs a `Debug` of the keys in its cycle. Programs that use the crate `tracing`
    /// can turn on the feature of that name instead: conflicts (without their keys), turns
    /// at the gate, folds of the log and transactions that are given up are events of the
    /// target `precedent` then.
    ///
    /// ```
    /// # use precedent::{Database, Table};
    /// use std::sync::{Arc, Mutex};
    /// let stories = Arc::new(Mutex::new(Vec::new()));
    /// let told = Arc::clone(&stories);
    /// let db = Database::builder()
    ///     .on_conflict(move |conflict| told.lock().unwrap().push(conflict.to_string()))
    ///     .build();
    /// let t: Table<u8, u64> = db.table("t")?;
    /// db.transact(|tx| {
    ///     tx.get(&t, &1);
    ///     if tx.attempt() == 1 {
    ///         db.transact(|rival| Ok(rival.insert(&t, 1, 7)))?;
    ///     }
    ///     Ok(tx.insert(&t, 1, 8))
    /// })?;
    /// assert!(stories.lock().unwrap().iter().all(|story| story.contains("t[1]")));
    /// assert_eq!(stories.lock().unwrap().len(), 1);
    /// # Ok::<(), precedent::Error>(())
    /// ```
    pub fn on_conflict(mut self, hook: impl Fn(&Conflict) + Send + Sync + 'static) -> Self {
        self.config.on_conflict = Some(Arc::new(hook));
        self
    }

    /// Whether keys are kept out of conflicts: [`Edge::key`](crate::Edge::key), their stories
    /// and their graphs show `…` instead, and the `Debug` of keys never runs for them. By
    /// default they are shown. Tables and labels always are.
    ///
    /// ```
    /// # use precedent::{Database, Table};
    /// let db = Database::builder().redact_keys(true).build();
    /// let patients: Table<&str, u32> = db.table("patients")?;
    /// let slow = db.begin();
    /// slow.get(&patients, &"Ada");
    /// db.transact(|tx| Ok(tx.insert(&patients, "Ada", 1)))?;
    /// slow.insert(&patients, "Ada", 2);
    /// let story = slow.commit().unwrap_err().to_string();
    /// assert!(story.contains("patients[…]") && !story.contains("Ada"));
    /// # Ok::<(), precedent::Error>(())
    /// ```
    pub fn redact_keys(mut self, redact: bool) -> Self {
        self.config.redact_keys = redact;
        self
    }

    /// Who is told every event. With the feature `testkit`.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use precedent::{Database, record};
    /// struct Nobody;
    /// impl record::Recorder for Nobody {
    ///     fn record(&self, _: record::Event<'_>) {}
    /// }
    /// let db = Database::builder().recorder(Arc::new(Nobody)).build();
    /// ```
    #[cfg(feature = "testkit")]
    pub fn recorder(mut self, recorder: Arc<dyn crate::record::Recorder>) -> Self {
        self.config.recorder = Some(recorder);
        self
    }

    /// The database, empty.
    ///
    /// ```
    /// let db = precedent::Database::builder().build();
    /// ```
    #[must_use]
    pub fn build(self) -> Database {
        Database::with(self.name, self.config, crate::bugs::Bugs::NONE)
    }
}

impl std::fmt::Debug for Builder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Builder")
            .field("name", &self.name)
            .field("certifier", &self.config.certifier)
            .field("sliding", &self.config.sliding)
            .finish_non_exhaustive()
    }
}

#[cfg(all(test, not(precedent_loom)))]
mod tests {
    use super::Builder;

    #[test]
    fn a_bound_with_a_ceiling_can_be_raised_again() {
        let most = Builder::default().config.max_peeked_snapshots;
        let builder = Builder::default().max_peeked_snapshots(0).max_peeked_snapshots(usize::MAX);
        assert_eq!(builder.config.max_peeked_snapshots, most);
        assert_eq!(builder.max_peeked_snapshots(0).config.max_peeked_snapshots, 0);
    }
}

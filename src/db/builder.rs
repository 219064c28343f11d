//! What can be settled before a database exists.

use crate::db::database::Database;
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

    /// Which anomalies are ruled out. By default all: [`Isolation::Serializable`].
    ///
    /// ```
    /// # use precedent::{Database, Isolation};
    /// let unsafe_on_purpose = Database::builder().isolation(Isolation::Snapshot).build();
    /// ```
    pub fn isolation(mut self, isolation: Isolation) -> Self {
        self.config.isolation = isolation;
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

    /// How many values (removals included) one transaction may write. By default 2^24.
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

    /// How many commits and certified readers are remembered for the certification of those
    /// who are older. By default 65,536, about 10 MB for small transactions. Beyond it the
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

    /// Who is told every event. With the feature `testkit`.
    #[cfg(feature = "testkit")]
    pub fn recorder(mut self, recorder: std::sync::Arc<dyn crate::record::Recorder>) -> Self {
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
            .field("isolation", &self.config.isolation)
            .field("sliding", &self.config.sliding)
            .finish_non_exhaustive()
    }
}

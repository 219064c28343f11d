//! Figures about a database.

use std::time::Duration;

use crate::timestamp::Timestamp;
use crate::tx::{Key, TableInner, Value};

/// What a database holds at the moment; by [`Database::stats`](crate::Database::stats).
///
/// ```
/// # use precedent::{Database, Table};
/// # let db = Database::new();
/// # let t: Table<u8, u64> = db.table("t")?;
/// db.transact(|tx| Ok(tx.insert(&t, 1, 1)))?;
/// let stats = db.stats();
/// assert_eq!((stats.keys, stats.versions), (1, 1));
/// # Ok::<(), precedent::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Every commit at or below it is visible.
    pub published: Timestamp,
    /// Transactions that have begun and not ended, leaked ones included.
    pub active_transactions: usize,
    /// The oldest timestamp whose versions an active transaction keeps.
    pub oldest_read_timestamp: Option<Timestamp>,
    /// Keys in the indexes, with those whose removal is not collected yet.
    pub keys: usize,
    /// Versions alive, tombstones included.
    pub versions: usize,
    /// Commits whose footprints are kept for certifications to come.
    pub retained_commits: usize,
    /// Certified readers whose footprints are kept for certifications to come.
    pub retained_readers: usize,
    /// Intervals of timestamps that are no safe snapshots.
    pub danger_intervals: usize,
    /// Commits whose footprints were forgotten though somebody older was active, because
    /// there were more than `max_retained_commits`.
    pub folded_commits: u64,
    /// How often unsafe intervals were merged, because there were more than
    /// `max_danger_intervals`.
    pub merged_intervals: u64,
    /// How many commits the newest safe snapshot lags behind the newest one.
    pub safe_lag: u64,
    /// Predicates that panicked during a certification, each counted as a match.
    pub panicked_predicates: u64,
    /// Conflict hooks ([`Builder::on_conflict`](crate::Builder::on_conflict)) that panicked.
    pub panicked_hooks: u64,
    /// Values and keys whose `Drop` panicked during a collection.
    pub panicked_drops: u64,
    /// Aborts because a search exceeded its bound.
    pub conservative_aborts: u64,
    /// Turns of aged transactions at the gate; see [`Builder::age_after`](crate::Builder::age_after).
    pub aged: u64,
    /// Turns at the gate that ended because their time was over, those of commits
    /// included that shut it because the log moved on too often.
    pub gate_time_outs: u64,
    /// The longest time that a commit has waited at the gate.
    pub longest_gate_wait: Duration,
}

/// A table whose keys and versions can be counted.
pub(crate) trait Census: Send + Sync {
    /// Keys and versions. O(both).
    fn census(&self) -> (usize, usize);
}

impl<K: Key, V: Value> Census for TableInner<K, V> {
    fn census(&self) -> (usize, usize) {
        let root = self.index.root();
        let mut versions = 0;
        root.for_each(|slot| versions += slot.record.versions());
        (root.len(), versions)
    }
}

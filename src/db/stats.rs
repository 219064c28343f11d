//! Figures about a database.

use std::panic::Location;
use std::time::Duration;

use crate::db::census::TableStats;
use crate::db::database::Database;
use crate::ssi::TransactionId;
use crate::store::tally::Count;
use crate::timestamp::Timestamp;
use crate::tx::Engine;

/// What a database holds at the moment, and what its transactions have done since it was
/// made; by [`Database::stats`](crate::Database::stats).
///
/// What transactions have done is counted where nobody else looks while they run, and added
/// up only here. A transaction that ends meanwhile may be counted or not.
///
/// ```
/// # use precedent::{Database, Table};
/// # let db = Database::new();
/// # let t: Table<u8, u64> = db.table("t")?;
/// db.transact(|tx| Ok(tx.insert(&t, 1, 1)))?;
/// let stats = db.stats();
/// assert_eq!((stats.keys, stats.versions, stats.commits), (1, 1, 1));
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
    /// The open transaction that began first, leaked ones included.
    pub oldest: Option<OldestTransaction>,
    /// Each table, in the order of their names.
    pub tables: Vec<TableStats>,
    /// Keys in the indexes, with those whose removal is not collected yet.
    pub keys: usize,
    /// Versions alive, tombstones included.
    pub versions: usize,
    /// Commits whose footprints are kept for certifications to come.
    pub retained_commits: usize,
    /// Footprints of certified readers that are kept for certifications to come.
    pub retained_readers: usize,
    /// Certified readers that have come to share a footprint with others of the same read
    /// timestamp, because there was more than `max_retained_commits`.
    pub shared_readers: u64,
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
    /// Transactions that wrote and committed.
    pub commits: u64,
    /// Transactions that were certified as readers: they wrote nothing, or dropped what
    /// they wrote because their closure failed.
    pub certified_readers: u64,
    /// Transactions that were rolled back or dropped.
    pub rollbacks: u64,
    /// Aborts because the commit would have closed a cycle.
    pub cycle_aborts: u64,
    /// Aborts because somebody else wrote a key first; under `Isolation::Snapshot` and
    /// [`Certifier::Pivot`](crate::Certifier::Pivot) only.
    pub first_committer_aborts: u64,
    /// Aborts because a bound was exceeded, so that a cycle is only suspected.
    pub conservative_aborts: u64,
    /// Aborts because another rule than [`Certifier::Exact`](crate::Certifier::Exact) objected.
    pub rule_aborts: u64,
    /// Transactions that were given up because of their age, those included that never end.
    pub doomed: u64,
    /// Transactions that ended with [`Error::TimedOut`](crate::Error::TimedOut).
    pub timed_out_aborts: u64,
    /// Transactions that wrote more than [`max_own_values`](crate::Builder::max_own_values).
    pub own_values_aborts: u64,
    /// Transactions that observed more than [`max_footprint`](crate::Builder::max_footprint).
    pub footprint_aborts: u64,
    /// Transactions for which [`max_bytes`](crate::Builder::max_bytes) left no room.
    pub bytes_aborts: u64,
    /// Runs of closures after their first one.
    pub retries: u64,
    /// How often a snapshot slid forward.
    pub slides: u64,
    /// Predicates that panicked during a certification, each counted as a match.
    pub panicked_predicates: u64,
    /// Conflict hooks ([`Builder::on_conflict`](crate::Builder::on_conflict)) that panicked.
    pub panicked_hooks: u64,
    /// Values and keys whose `Drop` panicked during a collection.
    pub panicked_drops: u64,
    /// Turns of aged transactions at the gate; see [`Builder::age_after`](crate::Builder::age_after).
    pub aged: u64,
    /// Turns at the gate that ended because their time was over, those of commits
    /// included that shut it because the log moved on too often.
    pub gate_time_outs: u64,
    /// The longest time that a commit has waited at the gate.
    pub longest_gate_wait: Duration,
}

/// A transaction that is open; by [`Stats::oldest`].
///
/// ```
/// # use precedent::Database;
/// # let db = Database::new();
/// let tx = db.begin();
/// tx.label("nightly report");
/// let oldest = db.stats().oldest.unwrap();
/// assert_eq!((oldest.id, oldest.label.as_deref()), (tx.id(), Some("nightly report")));
/// assert_eq!(oldest.began_at.unwrap().line(), line!() - 4);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OldestTransaction {
    /// Which transaction.
    pub id: TransactionId,
    /// What it called itself by [`Transaction::label`](crate::Transaction::label).
    pub label: Option<String>,
    /// For how long it has been open. A run of [`Database::read`](crate::Database::read)
    /// counts from when somebody asked for it first.
    pub age: Duration,
    /// The line that began it: the call of `begin`, `transact` or their kin.
    pub began_at: Option<&'static Location<'static>>,
    /// Its read timestamp.
    pub read_timestamp: Timestamp,
    /// Whether it was given up because of its age: it keeps what it has seen alive, and
    /// nothing else.
    pub doomed: bool,
}

impl Database {
    /// Counts what the database holds and has done. O(keys and versions): not for a hot
    /// loop.
    ///
    /// ```
    /// # let db = precedent::Database::new();
    /// let tx = db.begin();
    /// assert_eq!(db.stats().active_transactions, 1);
    /// ```
    #[must_use]
    pub fn stats(&self) -> Stats {
        let engine = &self.engine;
        let tables: Vec<TableStats> = self.censuses().iter().map(|table| table.census()).collect();
        let (retained_commits, retained_readers, danger_intervals) = engine.log.lengths();
        let (active_transactions, oldest) = engine.registry.census();
        let gate = engine.gate.figures();
        let totals = engine.registry.totals();
        Stats {
            published: Timestamp::from(engine.registry.published()),
            active_transactions,
            oldest_read_timestamp: oldest.map(Timestamp::from),
            oldest: oldest_transaction(engine),
            keys: tables.iter().map(|table| table.keys).sum(),
            versions: tables.iter().map(|table| table.versions).sum(),
            tables,
            retained_commits,
            retained_readers,
            shared_readers: engine.log.shared(),
            danger_intervals,
            folded_commits: engine.log.folded(),
            merged_intervals: engine.log.dangers_merged(),
            safe_lag: engine.safe_lag(),
            commits: totals.of(Count::Committed),
            certified_readers: totals.of(Count::Certified),
            rollbacks: totals.of(Count::RolledBack),
            cycle_aborts: totals.of(Count::Cycle),
            first_committer_aborts: totals.of(Count::FirstCommitter),
            conservative_aborts: totals.of(Count::Conservative),
            rule_aborts: totals.of(Count::Rule),
            doomed: engine.doomed(),
            timed_out_aborts: totals.of(Count::TimedOut),
            own_values_aborts: totals.of(Count::OwnValues),
            footprint_aborts: totals.of(Count::Footprint),
            bytes_aborts: totals.of(Count::Bytes),
            retries: totals.of(Count::Retry),
            slides: totals.of(Count::Slide),
            panicked_predicates: engine.panicked_predicates(),
            panicked_hooks: engine.panicked_hooks(),
            panicked_drops: engine.collector.panicked_drops(),
            aged: gate.aged,
            gate_time_outs: gate.timed_out,
            longest_gate_wait: gate.longest_wait,
        }
    }
}

fn oldest_transaction(engine: &Engine) -> Option<OldestTransaction> {
    let now = engine.now();
    let holder = engine.registry.oldest_holder(now)?;
    Some(OldestTransaction {
        id: TransactionId::from(holder.id),
        label: holder.label.map(String::from),
        age: Duration::from_nanos(now.saturating_sub(holder.begun)),
        began_at: holder.place,
        read_timestamp: Timestamp::from(holder.timestamp),
        doomed: holder.doomed,
    })
}

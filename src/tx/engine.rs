//! What all transactions of one database share.

use std::sync::Arc;
use std::time::Duration;

use crate::bugs::Bugs;
#[cfg(feature = "testkit")]
use crate::record::Recorder;
use crate::ssi::Certifier;
use crate::ssi::log::{Bounds, CommitLog, Horizon};
use crate::store::collector::{Collecting, Collector};
use crate::store::pins::Pins;
use crate::store::publisher::Publisher;
use crate::store::registry::{PEEKED, Registry};
use crate::store::usage::Usage;
use crate::sync::{AtomicU64, AtomicUsize, Clock, Ordering};
use crate::trace;
use crate::tx::gate::Gate;
use crate::tx::refusal::{Ear, OnConflict};
use crate::tx::safety::Safety;

/// Which anomalies a database rules out.
///
/// ```
/// use precedent::{Database, Isolation, Table};
/// // Two doctors go off duty, each because the other one stays.
/// let both_may_go = |isolation| -> Result<bool, precedent::Error> {
///     let db = Database::builder().isolation(isolation).build();
///     let on_call: Table<&str, bool> = db.table("on call")?;
///     let (one, other) = (db.begin(), db.begin());
///     one.get(&on_call, &"Ben");
///     one.insert(&on_call, "Ada", false);
///     other.get(&on_call, &"Ada");
///     other.insert(&on_call, "Ben", false);
///     Ok(one.commit().is_ok() && other.commit().is_ok())
/// };
/// assert!(!both_may_go(Isolation::Serializable)?);
/// assert!(both_may_go(Isolation::Snapshot)?);
/// # Ok::<(), precedent::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Isolation {
    /// All of them: strictly serializable.
    #[default]
    Serializable,
    /// Snapshot isolation with first-committer-wins, for laboratories and demonstrations.
    /// Reads are not tracked, so write skew and phantoms happen. **Not serializable.** What
    /// [`Certifier::FirstCommitterWins`] leaves.
    Snapshot,
}

/// What a transaction can have too much of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Limit {
    OwnValues,
    Footprint,
    Bytes,
}

/// What the builder settled.
#[derive(Clone)]
pub(crate) struct Config {
    pub(crate) certifier: Certifier,
    pub(crate) sliding: bool,
    pub(crate) max_attempts: u32,
    pub(crate) max_own_values: u64,
    pub(crate) max_footprint: u64,
    pub(crate) max_bytes: Option<u64>,
    pub(crate) max_peeked_snapshots: usize,
    pub(crate) max_search_steps: u64,
    pub(crate) max_retained_commits: usize,
    pub(crate) max_danger_intervals: usize,
    pub(crate) age_after: u32,
    pub(crate) max_gate_time: Duration,
    pub(crate) transaction_timeout: Option<Duration>,
    pub(crate) redact_keys: bool,
    pub(crate) on_conflict: Option<OnConflict>,
    #[cfg(feature = "testkit")]
    pub(crate) recorder: Option<Arc<dyn Recorder>>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            certifier: Certifier::Exact,
            sliding: true,
            max_attempts: 10_000,
            max_own_values: 1 << 24,
            max_footprint: 1 << 24,
            max_bytes: None,
            max_peeked_snapshots: PEEKED,
            max_search_steps: 10_000_000,
            max_retained_commits: 65_536,
            max_danger_intervals: 1024,
            age_after: 8,
            max_gate_time: Duration::from_millis(100),
            transaction_timeout: None,
            redact_keys: false,
            on_conflict: None,
            #[cfg(feature = "testkit")]
            recorder: None,
        }
    }
}

impl Config {
    /// What the rule guarantees.
    pub(crate) const fn isolation(&self) -> Isolation {
        match self.certifier.is_serializable() {
            true => Isolation::Serializable,
            false => Isolation::Snapshot,
        }
    }
}

/// The shared state of a database, its tables apart.
pub(crate) struct Engine {
    /// Tells databases apart within the process.
    pub(crate) number: u64,
    pub(crate) name: Arc<str>,
    pub(crate) config: Config,
    pub(crate) registry: Arc<Registry>,
    pub(crate) publisher: Publisher,
    pub(crate) log: CommitLog,
    pub(crate) collector: Arc<Collector>,
    pub(crate) safety: Safety,
    /// Bytes in use, if they are bounded.
    pub(crate) usage: Option<Usage>,
    pub(crate) gate: Gate,
    clock: Clock,
    /// What the last tidying left, if it got nowhere: somebody old holds it up, and to try
    /// again at once would be in vain.
    stuck: AtomicUsize,
    /// Predicates that panicked during a certification; shared with the footprints.
    pub(crate) panicked_predicates: Arc<AtomicU64>,
    /// Conflict hooks that panicked.
    pub(crate) panicked_hooks: Arc<AtomicU64>,
    /// Transactions that were given up because of their age.
    doomed: AtomicU64,
}

/// Entries in the log, or records to collect, beyond what was there in vain, above which every
/// ending transaction tidies up.
const TIDY_ABOVE: usize = 64;
/// Otherwise one ending in so many does.
const TIDY_EVERY: u64 = 8;
/// To tidy up means to look at every slot and at every pin: where there are very many, fewer
/// endings do.
const TIDY_PINS: usize = 64;
/// Records that a tidying transaction looks at, at least. On top comes a share of what is
/// pending, so that what is pending stays within a few times what one commit overwrites.
const TIDY_RECORDS: usize = 256;
const TIDY_SHARE: usize = 8;

impl Engine {
    pub(crate) fn new(number: u64, name: Arc<str>, config: Config, bugs: Bugs) -> Self {
        let usage = config.max_bytes.map(|_| Usage::new());
        let bounds =
            Bounds { retained: config.max_retained_commits, dangers: config.max_danger_intervals };
        Self {
            number,
            name,
            gate: Gate::new(config.max_gate_time, bugs),
            clock: Clock::start(),
            stuck: AtomicUsize::new(0),
            config,
            registry: Arc::new(Registry::new(bugs)),
            publisher: Publisher::new(bugs),
            log: CommitLog::new(bounds, bugs),
            collector: Arc::new(Collector::new()),
            safety: Safety::new(),
            usage,
            panicked_predicates: Arc::new(AtomicU64::new(0)),
            panicked_hooks: Arc::new(AtomicU64::new(0)),
            doomed: AtomicU64::new(0),
        }
    }

    /// What an ending transaction does for all: forgets log entries, frees versions. A
    /// bounded amount of work; `turn` spreads it over the transactions of a slot. `pin` is
    /// the oldest that the transaction had.
    pub(crate) fn tidy(&self, turn: u64, pin: u64) {
        if self.collector.holds_for(pin) {
            self.tidy_now();
            return;
        }
        let waiting = self.waiting();
        // Whoever held up what the log keeps has read no later than that.
        let held_up = pin <= self.log.base();
        let stuck = if held_up { 0 } else { self.stuck.load(Ordering::Relaxed) };
        let news = waiting.saturating_sub(stuck);
        let every = if news > TIDY_ABOVE { 1 } else { TIDY_EVERY };
        let crowd = (self.registry.slots_used() + self.safety.pinned()) / TIDY_PINS;
        if waiting > 0 && turn.is_multiple_of(every.max(crowd as u64)) {
            self.tidy_now();
        }
    }

    /// As `tidy`, whoever's turn it is.
    pub(crate) fn tidy_now(&self) {
        let Some(collecting) = self.collector.try_begin() else { return };
        let found = self.waiting();
        self.keep_timeout();
        let horizon = self.horizon();
        let before = self.log.folded();
        collecting.destroy(|| drop(self.log.share_readers()));
        collecting.destroy(|| drop(self.log.try_forget(horizon)));
        self.tell_folds(before);
        self.collect(&collecting, TIDY_RECORDS + self.collector.pending() / TIDY_SHARE);
        let left = self.waiting();
        // Relaxed: a hint.
        self.stuck.store(if left < found { 0 } else { left }, Ordering::Relaxed);
    }

    /// How much there is to forget or to collect, now or later.
    fn waiting(&self) -> usize {
        let pending = self.collector.pending() + usize::from(self.collector.is_waiting());
        self.log.retained().max(pending)
    }

    /// Forgets and frees everything that no open transaction can need. A value's `Drop`
    /// that calls it while this thread collects changes nothing.
    pub(crate) fn collect_all(&self) {
        let Some(collecting) = self.collector.begin() else { return };
        self.keep_timeout();
        let before = self.log.folded();
        collecting.destroy(|| drop(self.log.share_readers()));
        let mut more = true;
        while more {
            let forgotten = self.log.forget(self.horizon());
            more = forgotten.is_full();
            collecting.destroy(|| drop(forgotten));
        }
        self.tell_folds(before);
        self.collect(&collecting, usize::MAX);
        // Relaxed: a hint.
        self.stuck.store(0, Ordering::Relaxed);
    }

    /// Tidies up until `enough`, or until there is no more to gain.
    pub(crate) fn tidy_until(&self, enough: impl Fn() -> bool) -> bool {
        // Ends: each round but the last one leaves less.
        loop {
            let before = self.waiting();
            self.tidy_now();
            if enough() || self.waiting() >= before {
                return enough();
            }
        }
    }

    fn collect(&self, collecting: &Collecting<'_>, budget: usize) {
        // In this order. What the log's base sees is spared, since the horizon lies at or
        // below it: whoever moves up to it pins it, and asks whether it still is the base. A
        // commit appends its entry, with its snapshot, before it gives up its pins.
        let base = self.log.base();
        let mut pins = Vec::new();
        let max_lag = self.config.max_retained_commits as u64;
        let published = self.registry.published();
        let available = self.safety.settle(published, max_lag, &mut pins);
        let unsettled = self.registry.pins(&mut pins);
        // The newest safe timestamp may lie too far back to be offered by `note`. But nothing
        // is missing where the oldest writer reads.
        let oldest = self.registry.oldest_writer();
        if self.safety.newest() < oldest.min(available) && !self.log.in_danger(oldest) {
            self.safety.adopt(oldest, &pins);
        }
        let horizon = available.min(base).min(unsettled).min(self.log.oldest_snapshot());
        collecting.collect(&self.registry, &Pins::new(pins, horizon), budget);
    }

    /// What the log need not keep.
    fn horizon(&self) -> Horizon {
        let published = self.registry.published();
        self.safety.note(self.safe_candidate());
        let danger = self.safety.settle_danger().min(self.registry.oldest_reader());
        Horizon { low_water: self.registry.low_water(), danger, published }
    }

    /// A timestamp that is safe, as new as possible: not above the oldest writer's
    /// snapshot, and outside every danger interval. O(slots).
    pub(crate) fn safe_candidate(&self) -> u64 {
        if self.config.isolation() == Isolation::Snapshot {
            return self.registry.published();
        }
        // In this order: a writer announces its danger before it gives up its slot.
        let oldest = self.registry.oldest_writer();
        self.log.newest_outside_danger(oldest)
    }

    /// How many commits the newest safe timestamp lags behind the published one.
    pub(crate) fn safe_lag(&self) -> u64 {
        let safe = self.safe_candidate().max(self.safety.newest());
        self.registry.published().saturating_sub(safe)
    }

    /// Whether no commit, past or to come, can make a reader at this timestamp part of a
    /// cycle: no active writer has an older snapshot, and no danger interval contains it.
    pub(crate) fn is_safe(&self, snapshot: u64) -> bool {
        // In this order: as above.
        !self.registry.writer_below(snapshot) && !self.log.in_danger(snapshot)
    }

    /// For whoever has the right to collect: nobody else folds meanwhile.
    fn tell_folds(&self, before: u64) {
        let folded = self.log.folded() - before;
        if folded > 0 {
            trace::folded(&self.name, folded);
        }
    }

    /// Nanoseconds since the database was made; never 0.
    pub(crate) fn now(&self) -> u64 {
        nanos(self.clock.now()).max(1)
    }

    /// Gives up the transactions that are older than that and do not commit yet, but for
    /// readers that are known to be safe: those hold nothing up. Returns how many. O(slots).
    pub(crate) fn doom_older_than(&self, age: Duration) -> usize {
        let now = self.now();
        let Some(before) = now.checked_sub(nanos(age)) else { return 0 };
        let doomed = self.registry.doom_begun_before(before, now);
        // Relaxed: a counter.
        self.doomed.fetch_add(doomed as u64, Ordering::Relaxed);
        if doomed > 0 {
            trace::doomed(&self.name, doomed);
        }
        doomed
    }

    fn keep_timeout(&self) {
        if let Some(timeout) = self.config.transaction_timeout {
            self.doom_older_than(timeout);
        }
    }

    /// Transactions that were given up because of their age.
    pub(crate) fn doomed(&self) -> u64 {
        self.doomed.load(Ordering::Relaxed)
    }

    /// Who wants to hear of conflicts.
    pub(crate) fn ear(&self) -> Option<Ear> {
        let hook = Arc::clone(self.config.on_conflict.as_ref()?);
        Some(Ear { hook, panicked: Arc::clone(&self.panicked_hooks) })
    }

    /// Conflict hooks that panicked.
    pub(crate) fn panicked_hooks(&self) -> u64 {
        self.panicked_hooks.load(Ordering::Relaxed)
    }

    /// Predicates that panicked during a certification.
    pub(crate) fn panicked_predicates(&self) -> u64 {
        self.panicked_predicates.load(Ordering::Relaxed)
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // What is left there keeps tables, which keep the collector.
        if !crate::sync::model_failed() {
            self.collector.clear();
        }
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

//! What all transactions of one database share.

use std::sync::Arc;

use crate::bugs::Bugs;
#[cfg(feature = "testkit")]
use crate::record::Recorder;
use crate::ssi::log::CommitLog;
use crate::store::collector::Collector;
use crate::store::publisher::Publisher;
use crate::store::registry::Registry;
use crate::sync::{AtomicU64, Ordering};

/// Which anomalies a database rules out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Isolation {
    /// All of them: strictly serializable.
    #[default]
    Serializable,
    /// Snapshot isolation with first-committer-wins, for laboratories and demonstrations.
    /// Reads are not tracked, so write skew and phantoms happen. **Not serializable.**
    Snapshot,
}

/// What the builder settled.
#[derive(Clone)]
pub(crate) struct Config {
    pub(crate) isolation: Isolation,
    pub(crate) sliding: bool,
    pub(crate) max_attempts: u32,
    pub(crate) max_own_values: u64,
    pub(crate) max_search_steps: u64,
    #[cfg(feature = "testkit")]
    pub(crate) recorder: Option<Arc<dyn Recorder>>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            isolation: Isolation::Serializable,
            sliding: true,
            max_attempts: 10_000,
            max_own_values: 1 << 24,
            max_search_steps: 10_000_000,
            #[cfg(feature = "testkit")]
            recorder: None,
        }
    }
}

/// The shared state of a database, its tables apart.
pub(crate) struct Engine {
    /// Tells databases apart within the process.
    pub(crate) number: u64,
    pub(crate) name: Arc<str>,
    pub(crate) config: Config,
    pub(crate) registry: Registry,
    pub(crate) publisher: Publisher,
    pub(crate) log: CommitLog,
    pub(crate) collector: Collector,
    /// Predicates that panicked during a certification; shared with the footprints.
    pub(crate) panicked_predicates: Arc<AtomicU64>,
    pub(crate) conservative_aborts: AtomicU64,
}

/// Entries in the log, or records to collect, beyond which every ending transaction
/// tidies up.
const TIDY_ABOVE: usize = 64;
/// Otherwise one ending in so many does.
const TIDY_EVERY: u64 = 8;
/// Records that a tidying transaction looks at, at least. On top comes a share of what is
/// pending, so that what is pending stays within a few times what one commit overwrites.
const TIDY_RECORDS: usize = 256;
const TIDY_SHARE: usize = 8;

impl Engine {
    pub(crate) fn new(number: u64, name: Arc<str>, config: Config, bugs: Bugs) -> Self {
        Self {
            number,
            name,
            config,
            registry: Registry::new(bugs),
            publisher: Publisher::new(bugs),
            log: CommitLog::new(bugs),
            collector: Collector::new(),
            panicked_predicates: Arc::new(AtomicU64::new(0)),
            conservative_aborts: AtomicU64::new(0),
        }
    }

    /// What an ending transaction does for all: forgets log entries, frees versions. A
    /// bounded amount of work; `turn` spreads it over the transactions of a slot.
    pub(crate) fn tidy(&self, turn: u64) {
        let waiting = self.log.retained().max(self.collector.pending());
        if waiting == 0 || (waiting <= TIDY_ABOVE && !turn.is_multiple_of(TIDY_EVERY)) {
            return;
        }
        let Some(collecting) = self.collector.try_begin() else { return };
        let low_water = self.registry.low_water();
        collecting.destroy(|| drop(self.log.try_forget(low_water)));
        let pending = self.collector.pending();
        if pending > 0 {
            collecting.collect(self.horizon(), TIDY_RECORDS + pending / TIDY_SHARE);
        }
    }

    /// Forgets and frees everything that no open transaction can need. A value's `Drop`
    /// that calls it while this thread collects changes nothing.
    pub(crate) fn collect_all(&self) {
        let Some(collecting) = self.collector.begin() else { return };
        let mut more = true;
        while more {
            let forgotten = self.log.forget(self.registry.low_water());
            more = forgotten.is_full();
            collecting.destroy(|| drop(forgotten));
        }
        collecting.collect(self.horizon(), usize::MAX);
    }

    /// What ended at or below it is invisible to every snapshot, and no retained
    /// footprint can still name a record whose tombstone lies at or below it (I4, I5).
    fn horizon(&self) -> u64 {
        // In this order: a commit appends its entry before it gives up its pin.
        let pins = self.registry.oldest_pin();
        pins.min(self.log.oldest_snapshot())
    }

    /// Predicates that panicked during a certification.
    pub(crate) fn panicked_predicates(&self) -> u64 {
        self.panicked_predicates.load(Ordering::Relaxed)
    }

    /// Aborts because a search exceeded its bound.
    pub(crate) fn conservative_aborts(&self) -> u64 {
        self.conservative_aborts.load(Ordering::Relaxed)
    }

    pub(crate) fn count_conservative(&self) {
        // Relaxed: a counter.
        self.conservative_aborts.fetch_add(1, Ordering::Relaxed);
    }
}

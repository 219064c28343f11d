//! One timestamp, kept for as long as somebody holds on to it.

use std::sync::Arc;

use crate::error::Error;
use crate::sync::{AtomicBool, Ordering};
use crate::timestamp::Timestamp;
use crate::tx::engine::Engine;

/// Keeps every version that is visible at one timestamp, without a transaction.
pub(crate) struct PinGuard {
    engine: Arc<Engine>,
    timestamp: u64,
    /// Known to be safe. Only ever set.
    safe: AtomicBool,
}

impl PinGuard {
    /// At the newest safe timestamp. O(slots of the registry).
    pub(crate) fn newest_safe(engine: &Arc<Engine>) -> Self {
        let timestamp = engine.safety.pin_newest(engine.safe_candidate());
        Self { engine: Arc::clone(engine), timestamp, safe: AtomicBool::new(true) }
    }

    /// At any timestamp whose versions are still there.
    ///
    /// # Errors
    /// `SnapshotUnavailable` if it lies in the future or its versions are gone.
    pub(crate) fn at(engine: &Arc<Engine>, timestamp: u64) -> Result<Self, Error> {
        let published = engine.registry.published();
        let known = (timestamp <= published).then(|| engine.safety.pin_at(timestamp)).flatten();
        let Some(safe) = known else {
            let asked_for = Timestamp::from(timestamp);
            return Err(Error::SnapshotUnavailable { asked_for, newest: published.into() });
        };
        Ok(Self { engine: Arc::clone(engine), timestamp, safe: AtomicBool::new(safe) })
    }

    pub(crate) fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    pub(crate) fn timestamp(&self) -> u64 {
        self.timestamp
    }

    /// Whether no commit, past or to come, can make a reader here part of a cycle. It may
    /// become true later, never false again.
    pub(crate) fn is_safe(&self) -> bool {
        // Relaxed: a fact that does not change.
        if !self.safe.load(Ordering::Relaxed) && self.engine.is_safe(self.timestamp) {
            self.engine.safety.note_safe(self.timestamp);
            self.safe.store(true, Ordering::Relaxed);
        }
        self.safe.load(Ordering::Relaxed)
    }
}

impl Drop for PinGuard {
    fn drop(&mut self) {
        if !crate::sync::model_failed() {
            self.engine.safety.unpin(self.timestamp);
            self.engine.tidy_now();
        }
    }
}

//! Bytes that versions, records and indexes take, counted where they are bounded.

use std::sync::Arc;

use crate::sync::{AtomicU64, Ordering};

/// A count of bytes: of a database, or of one of its tables, which counts for both.
pub(crate) struct Usage {
    own: AtomicU64,
    total: Arc<AtomicU64>,
}

impl Usage {
    pub(crate) fn new() -> Self {
        Self { own: AtomicU64::new(0), total: Arc::new(AtomicU64::new(0)) }
    }

    /// A part of it. What it still counts when it is dropped is taken out.
    pub(crate) fn part(&self) -> Self {
        Self { own: AtomicU64::new(0), total: Arc::clone(&self.total) }
    }

    pub(crate) fn total(&self) -> u64 {
        self.total.load(Ordering::Relaxed)
    }

    // Relaxed: counters; nothing is ordered by them.
    pub(crate) fn add(&self, bytes: usize) {
        self.own.fetch_add(bytes as u64, Ordering::Relaxed);
        self.total.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(crate) fn subtract(&self, bytes: usize) {
        self.own.fetch_sub(bytes as u64, Ordering::Relaxed);
        self.total.fetch_sub(bytes as u64, Ordering::Relaxed);
    }
}

impl Drop for Usage {
    fn drop(&mut self) {
        if !crate::sync::model_failed() {
            let own = self.own.load(Ordering::Relaxed);
            self.total.fetch_sub(own, Ordering::Relaxed);
        }
    }
}

//! What becomes of a refused commit: who hears of it, and how much is explained.
//!
//! To explain a conflict costs a `Debug` of every key in its cycle, so that is done only
//! for those who want it: a caller to whom it is returned, a recorder, or the hook of
//! [`Builder::on_conflict`](crate::Builder::on_conflict). A retry loop that runs again
//! needs no more than a seed for its back-off.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::error::Error;
use crate::ssi::{Conflict, ConflictReason};
use crate::sync::{AtomicU64, Ordering};

/// Why a transaction could not commit.
pub(crate) enum Failure {
    /// There was a conflict: run it again.
    Refused(Refused),
    /// Running it again would not help.
    Final(Error),
}

/// A conflict, as far as somebody wanted to know it.
pub(crate) struct Refused {
    pub(crate) reason: ConflictReason,
    /// Differs between rivals.
    pub(crate) seed: u64,
    /// None within a retry loop that goes on, if nobody listens.
    pub(crate) conflict: Option<Box<Conflict>>,
}

impl Refused {
    /// The conflict; bare if nobody had asked for it in time.
    pub(crate) fn into_conflict(self) -> Box<Conflict> {
        self.conflict.unwrap_or_else(|| Box::new(Conflict::bare(self.reason)))
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Refused(refused) => Self::Conflict(refused.into_conflict()),
            Failure::Final(error) => error,
        }
    }
}

/// What the user wants to be called for every conflict.
pub(crate) type OnConflict = Arc<dyn Fn(&Conflict) + Send + Sync>;

/// Tells the user's hook of a conflict, when the transaction and its locks are gone.
pub(crate) struct Ear {
    pub(crate) hook: OnConflict,
    pub(crate) panicked: Arc<AtomicU64>,
}

impl Ear {
    /// A panic in the hook ends here.
    pub(crate) fn tell(&self, conflict: &Conflict) {
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| (self.hook)(conflict))) {
            // A payload can panic in its own Drop; what it held is lost, nothing else.
            std::mem::forget(payload);
            // Relaxed: a counter.
            self.panicked.fetch_add(1, Ordering::Relaxed);
        }
    }
}

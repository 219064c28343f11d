//! Events for [`tracing`](https://docs.rs/tracing), with the feature of that name; without
//! it, nothing at all.
//!
//! Each event is told outside every lock, and only on ways that are slow already: a
//! conflict, a turn at the gate, a fold, a transaction given up. The target is
//! `precedent`; the field `database` names the database.

#[cfg(feature = "tracing")]
mod imp {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use crate::ssi::{ConflictReason, TransactionId};

    /// A subscriber that panics must not stop a transaction half-way.
    fn quietly(event: impl FnOnce()) {
        if let Err(payload) = catch_unwind(AssertUnwindSafe(event)) {
            // A payload can panic in its own Drop; what it held is lost, nothing else.
            std::mem::forget(payload);
        }
    }

    /// A conflict has ended a transaction. `attempt` is 0 outside retry loops.
    pub(crate) fn aborted(
        database: &str,
        id: TransactionId,
        reason: ConflictReason,
        attempt: Option<u32>,
    ) {
        let attempt = attempt.unwrap_or(0);
        quietly(|| {
            tracing::debug!(target: "precedent", database, %id, ?reason, attempt, "aborted");
        });
    }

    /// An aged transaction has shut the gate.
    pub(crate) fn gate_closed(database: &str, attempt: u32) {
        quietly(|| tracing::debug!(target: "precedent", database, attempt, "gate closed"));
    }

    /// The turn of an aged transaction at the gate is over, perhaps because its time was.
    pub(crate) fn gate_opened(database: &str, timed_out: bool) {
        quietly(|| tracing::debug!(target: "precedent", database, timed_out, "gate opened"));
    }

    /// Transactions were given up because of their age.
    pub(crate) fn doomed(database: &str, transactions: usize) {
        quietly(|| tracing::warn!(target: "precedent", database, transactions, "doomed"));
    }

    /// Commits were forgotten though somebody older was active.
    pub(crate) fn folded(database: &str, commits: u64) {
        quietly(|| tracing::info!(target: "precedent", database, commits, "log folded"));
    }
}

#[cfg(not(feature = "tracing"))]
mod imp {
    use crate::ssi::{ConflictReason, TransactionId};

    pub(crate) fn aborted(
        _database: &str,
        _id: TransactionId,
        _reason: ConflictReason,
        _attempt: Option<u32>,
    ) {
    }
    pub(crate) fn gate_closed(_database: &str, _attempt: u32) {}
    pub(crate) fn gate_opened(_database: &str, _timed_out: bool) {}
    pub(crate) fn doomed(_database: &str, _transactions: usize) {}
    pub(crate) fn folded(_database: &str, _commits: u64) {}
}

pub(crate) use imp::{aborted, doomed, folded, gate_closed, gate_opened};

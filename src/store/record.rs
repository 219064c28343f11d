//! A key with its versions, and the lease that keeps it in the index.

use std::sync::Arc;

use std::ptr::NonNull;

use crate::store::quiet::Quiet;
use crate::store::version::{Chain, Severed, Version};
use crate::sync::Mutex;

/// Tells records apart for as long as one of them can still matter to a certification.
///
/// It is an address. A record leaves the index only when its tombstone is at or below
/// every active snapshot and every retained commit's snapshot (I5), so that no footprint
/// that names it is left by then.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct RecordId(pub(crate) usize);

/// A key of a table with its version chain.
///
/// ```text
///   new --lease--> leased --install--> live --collect--> sealed (out of the index)
///        <-release--+                   ^ lease: anew
/// ```
pub(crate) struct Record<K, V> {
    key: Quiet<K>,
    chain: Chain<V>,
    /// The latch: whoever changes the chain holds it. No user code runs under it.
    state: Mutex<State>,
}

struct State {
    /// Commits that have located this record and not installed yet.
    leases: u32,
    /// Out of the index, or on its way out: find or create another.
    sealed: bool,
    /// The newest horizon that a collection has come by with; no snapshot lies below it.
    horizon: u64,
}

impl<K, V> Record<K, V> {
    /// A new record without versions, with one lease.
    pub(crate) fn leased(key: K) -> Arc<Self> {
        Arc::new(Self {
            key: Quiet::new(key),
            chain: Chain::new(),
            state: Mutex::new(State { leases: 1, sealed: false, horizon: 0 }),
        })
    }

    pub(crate) fn key(&self) -> &K {
        &self.key
    }

    pub(crate) fn chain(&self) -> &Chain<V> {
        &self.chain
    }

    pub(crate) fn id(&self) -> RecordId {
        RecordId(std::ptr::from_ref(self).addr())
    }

    /// Keeps the record in the index until `install` or `release`; false if it is gone.
    pub(crate) fn lease(&self) -> bool {
        let mut state = self.state.lock();
        state.leases += u32::from(!state.sealed);
        !state.sealed
    }

    /// Ends a lease without a version; true if the record is of no use to anybody now: it
    /// has no version, or a tombstone that a collection left because of the lease.
    pub(crate) fn release(&self) -> bool {
        let mut state = self.state.lock();
        state.leases -= 1;
        state.sealed = state.leases == 0 && self.chain.is_dead(state.horizon);
        state.sealed
    }

    /// Ends a lease with a version.
    pub(crate) fn install(&self, version: NonNull<Version<V>>, commit: u64) {
        let mut state = self.state.lock();
        assert!(!state.sealed, "I5: a commit installs into a record that left the index");
        self.chain.install(version, commit);
        state.leases -= 1;
    }

    /// Cuts off the versions that ended at or below `horizon`. If only a tombstone at or
    /// below it is left, seals the record (the second result): it must leave the index.
    pub(crate) fn collect(&self, horizon: u64) -> (Severed<V>, bool) {
        let mut state = self.state.lock();
        // Many notes of one key, one walk: what lies below an old horizon is gone already.
        let severed = if horizon > state.horizon {
            state.horizon = horizon;
            self.chain.sever(horizon)
        } else {
            Severed::nothing()
        };
        let dead = !state.sealed && state.leases == 0 && self.chain.is_dead(horizon);
        state.sealed |= dead;
        (severed, dead)
    }

    /// How many versions there are.
    pub(crate) fn versions(&self) -> usize {
        let _state = self.state.lock();
        self.chain.len()
    }
}

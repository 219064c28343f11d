//! What a running transaction remembers by address, because its snapshot keeps it alive.
#![allow(unsafe_code)]

use std::sync::Arc;

use crate::store::Quiet;
use crate::store::record::RecordId;
use crate::store::version::Version;

/// A version that was seen, and lent to the user.
pub(crate) struct Seen<V>(*const Version<V>);

// SAFETY: it is a shared reference to a version without its lifetime.
unsafe impl<V: Sync> Send for Seen<V> {}

impl<V> Seen<V> {
    /// A version that the transaction's snapshot sees. Must be dropped, or asked no more,
    /// before the transaction ends.
    pub(crate) fn new(version: &Version<V>) -> Self {
        Self(version)
    }

    /// Tells it apart from all others that are alive.
    pub(crate) fn address(&self) -> usize {
        self.0.addr()
    }

    /// Whether the version is still the newest one at a published timestamp.
    pub(crate) fn holds_at(&self, timestamp: u64) -> bool {
        // SAFETY: the registered snapshot sees this version, so it is alive (I4).
        unsafe { &*self.0 }.end() > timestamp
    }
}

/// A key that was found, and what was seen of it.
pub(crate) struct Hit<V> {
    pub(crate) record: RecordId,
    seen: Seen<V>,
}

impl<V> Hit<V> {
    /// As [`Seen::new`].
    pub(crate) fn new(record: RecordId, version: &Version<V>) -> Self {
        Self { record, seen: Seen::new(version) }
    }

    /// As [`Seen::holds_at`].
    pub(crate) fn holds_at(&self, timestamp: u64) -> bool {
        self.seen.holds_at(timestamp)
    }
}

/// A key that a footprint keeps; its `Drop` may run on any thread.
pub(crate) type Kept<K> = Arc<Quiet<K>>;

/// How far a range was observed from one of its ends.
pub(crate) enum Reach<K> {
    /// Nothing came from this end.
    Nowhere,
    /// To this key, which it returned. While the transaction runs only.
    Live(Live<K>),
    /// To this key, after the transaction has ended.
    Kept(Quiet<K>),
}

/// A key that a running transaction returned to its user, and so keeps alive.
pub(crate) struct Live<K>(*const K);

// SAFETY: it is a shared reference to a key without its lifetime.
unsafe impl<K: Sync> Send for Live<K> {}
// SAFETY: as above.
unsafe impl<K: Sync> Sync for Live<K> {}

impl<K> Reach<K> {
    /// To a key that the transaction's snapshot or its write set keeps alive (I4).
    /// [`keep`](Self::keep) must be called before the transaction ends.
    pub(crate) fn to(key: &K) -> Self {
        Self::Live(Live(key))
    }

    pub(crate) fn is_nowhere(&self) -> bool {
        matches!(self, Self::Nowhere)
    }

    /// The last key returned from this end.
    pub(crate) fn key(&self) -> Option<&K> {
        match self {
            Self::Nowhere => None,
            // SAFETY: the key was handed out by a transaction that still runs: either a
            // record's, whose version its registered snapshot sees, or an own write's.
            Self::Live(live) => Some(unsafe { &*live.0 }),
            Self::Kept(key) => Some(key),
        }
    }
}

impl<K: Clone> Reach<K> {
    /// The same, independent of the transaction.
    pub(crate) fn keep(&self) -> Self {
        match self.key() {
            None => Self::Nowhere,
            Some(key) => Self::Kept(Quiet::new(key.clone())),
        }
    }
}

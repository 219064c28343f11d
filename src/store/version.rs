//! Versions and the chains that they form.
//!
//! ```text
//!   record -> [begin 9, end inf] -> [begin 4, end 9] -> [begin 1, end 4]
//!              newest                older               oldest
//! ```
//!
//! A version is visible at s iff begin <= s < end. Chains are ordered by commit timestamp,
//! newest first, whatever the order in which commits install them. Readers walk a chain
//! without a latch; whoever changes it holds the record's latch (see `record.rs`).
#![allow(unsafe_code)]

use std::ptr::{self, NonNull};

use crate::store::quiet::Quiet;
use crate::sync::{AtomicPtr, AtomicU64, Ordering, model_failed};

/// The end of a version that nothing has overwritten.
pub(crate) const NEVER: u64 = u64::MAX;

/// One value of a key (or, as a tombstone, its absence) since one commit.
pub(crate) struct Version<V> {
    /// c of the writer. Written once, before the version is linked; the Release store
    /// that links it pairs with the Acquire load that finds it.
    begin: AtomicU64,
    /// c of the first overwriter, else `NEVER`. Written under the record's latch.
    end: AtomicU64,
    /// The next older version. Written under the record's latch.
    older: AtomicPtr<Version<V>>,
    /// None is a tombstone.
    value: Option<Quiet<V>>,
    /// A model keeps what is freed, to catch whoever still looks at it.
    #[cfg(precedent_loom)]
    freed: crate::sync::AtomicBool,
}

impl<V> Version<V> {
    /// A version that belongs to the caller until it is installed.
    pub(crate) fn allocate(value: Option<V>) -> NonNull<Self> {
        let version = Box::new(Self {
            begin: AtomicU64::new(0),
            end: AtomicU64::new(NEVER),
            older: AtomicPtr::new(ptr::null_mut()),
            value: value.map(Quiet::new),
            #[cfg(precedent_loom)]
            freed: crate::sync::AtomicBool::new(false),
        });
        NonNull::from(Box::leak(version))
    }

    /// The value; none for a tombstone.
    pub(crate) fn value(&self) -> Option<&V> {
        self.check_alive();
        self.value.as_deref()
    }

    pub(crate) fn begin(&self) -> u64 {
        self.check_alive();
        // Relaxed: ordered by the Acquire load that found this version.
        self.begin.load(Ordering::Relaxed)
    }

    /// The commit timestamp of the first overwriter, else `NEVER`.
    pub(crate) fn end(&self) -> u64 {
        self.check_alive();
        // Acquire: pairs with the Release store of the overwriter's install.
        self.end.load(Ordering::Acquire)
    }

    /// Whether it overwrote something that is still there.
    pub(crate) fn has_older(&self) -> bool {
        // Relaxed: only whether there is one counts.
        !self.older.load(Ordering::Relaxed).is_null()
    }

    #[cfg(not(precedent_loom))]
    fn check_alive(&self) {}

    #[cfg(precedent_loom)]
    fn check_alive(&self) {
        assert!(!self.freed.load(Ordering::Relaxed), "I4: a version was freed while in use");
    }
}

/// Gives a version, and none of its older ones, back.
///
/// # Safety
/// The version came from [`Version::allocate`], nothing refers to it any more, and it is
/// not freed again.
pub(crate) unsafe fn free<V>(version: NonNull<Version<V>>) {
    #[cfg(not(precedent_loom))]
    {
        // SAFETY: the caller says that this is the only reference left.
        drop(unsafe { Box::from_raw(version.as_ptr()) });
    }
    #[cfg(precedent_loom)]
    {
        // SAFETY: in a model the memory is never given back, so this is always valid.
        let version = unsafe { version.as_ref() };
        assert!(!version.freed.swap(true, Ordering::Relaxed), "I4: a version was freed twice");
    }
}

/// A chain of versions: the part of a record that readers walk.
pub(crate) struct Chain<V> {
    head: AtomicPtr<Version<V>>,
}

/// Versions cut off a chain, freed when dropped: outside every latch.
pub(crate) struct Severed<V>(*mut Version<V>);

// SAFETY: a severed chain owns its versions; moving it moves values of V.
unsafe impl<V: Send> Send for Severed<V> {}

impl<V> Severed<V> {
    /// An empty piece of a chain.
    pub(crate) fn nothing() -> Self {
        Self(ptr::null_mut())
    }
}

impl<V> Chain<V> {
    pub(crate) fn new() -> Self {
        Self { head: AtomicPtr::new(ptr::null_mut()) }
    }

    /// The newest version, if there is any.
    fn newest(&self) -> Option<&Version<V>> {
        // SAFETY: the newest version of a chain is freed only with the chain itself. One
        // that is no longer the newest is freed by `sever`: not while a caller can see it
        // (I4), and not under the latch.
        // Acquire: pairs with the Release store that linked the version.
        unsafe { self.head.load(Ordering::Acquire).as_ref() }
    }

    /// The commit timestamp of the newest version; 0 if there is none.
    pub(crate) fn newest_begin(&self) -> u64 {
        self.newest().map_or(0, Version::begin)
    }

    /// The version visible at `timestamp`, a tombstone included. The caller's snapshot
    /// must be registered at or below it, which keeps the version alive (I4).
    pub(crate) fn visible_at(&self, timestamp: u64) -> Option<&Version<V>> {
        let mut version = self.newest()?;
        while version.begin() > timestamp {
            // SAFETY: `sever` cuts only below the newest version whose begin is at or
            // below every registered snapshot; the walk has not reached it yet.
            version = unsafe { version.older.load(Ordering::Acquire).as_ref() }?;
        }
        Some(version)
    }

    /// Links a version into its place. The caller holds the record's latch.
    pub(crate) fn install(&self, version: NonNull<Version<V>>, commit: u64) {
        // SAFETY: until it is linked below, only the caller knows the version.
        let linked = unsafe { version.as_ref() };
        linked.begin.store(commit, Ordering::Relaxed);
        let mut place = &self.head;
        let mut newer_begin = NEVER;
        let older = loop {
            let next = place.load(Ordering::Relaxed);
            // SAFETY: under the latch nobody else links or cuts.
            match unsafe { next.as_ref() } {
                Some(newer) if newer.begin() > commit => {
                    newer_begin = newer.begin();
                    place = &newer.older;
                }
                _ => break next,
            }
        };
        linked.end.store(newer_begin, Ordering::Relaxed);
        linked.older.store(older, Ordering::Relaxed);
        // Release: pairs with the Acquire loads of readers that walk the chain.
        place.store(version.as_ptr(), Ordering::Release);
        // SAFETY: as above.
        if let Some(older) = unsafe { older.as_ref() } {
            // Release: pairs with the Acquire load in `end`.
            older.end.store(commit, Ordering::Release);
        }
    }

    /// Cuts off every version that ended at or below `horizon`. The caller holds the
    /// record's latch, and no snapshot below `horizon` is or can become registered.
    pub(crate) fn sever(&self, horizon: u64) -> Severed<V> {
        let mut version = self.newest();
        while let Some(kept) = version {
            if kept.begin() <= horizon {
                // Relaxed: nobody walks below a version that it can see.
                return Severed(kept.older.swap(ptr::null_mut(), Ordering::Relaxed));
            }
            // SAFETY: under the latch nobody else cuts.
            version = unsafe { kept.older.load(Ordering::Relaxed).as_ref() };
        }
        Severed::nothing()
    }

    /// Whether the one version that is left is a tombstone at or below `horizon`.
    pub(crate) fn is_dead(&self, horizon: u64) -> bool {
        self.newest().is_none_or(|newest| {
            newest.value().is_none()
                && newest.begin() <= horizon
                && newest.older.load(Ordering::Relaxed).is_null()
        })
    }

    /// How many versions there are. The caller holds the record's latch.
    pub(crate) fn len(&self) -> usize {
        let mut count = 0;
        let mut version = self.newest();
        while let Some(counted) = version {
            count += 1;
            // SAFETY: under the latch nobody cuts.
            version = unsafe { counted.older.load(Ordering::Acquire).as_ref() };
        }
        count
    }
}

impl<V> Drop for Chain<V> {
    fn drop(&mut self) {
        if !model_failed() {
            // AcqRel: nobody else has the chain any more; loom has no cheaper way to ask.
            drop(Severed(self.head.swap(ptr::null_mut(), Ordering::AcqRel)));
        }
    }
}

impl<V> Drop for Severed<V> {
    fn drop(&mut self) {
        if model_failed() {
            return;
        }
        // A loop, not recursion: chains can be long.
        while let Some(version) = NonNull::new(self.0) {
            // SAFETY: a severed chain is the only owner of its versions.
            unsafe {
                self.0 = version.as_ref().older.load(Ordering::Relaxed);
                free(version);
            }
        }
    }
}

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
//!
//! A version that no snapshot can see is unlinked, be it in the middle, and freed when
//! nobody walks any more who may have met it (see `registry.rs`). Two facts keep memory in
//! use alive (I4): a *pin* the version that it sees, and a *walk* everything on its way.
#![allow(unsafe_code)]

use std::ptr::{self, NonNull};

use smallvec::SmallVec;

use crate::store::place::Retired;
use crate::store::prefetch::prefetch;
use crate::store::quiet::Quiet;
use crate::store::registry::Walk;
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

/// Versions that were unlinked, freed when dropped: outside every latch, and not before
/// everybody who may walk over them has left.
pub(crate) struct Unlinked<V>(SmallVec<[NonNull<Version<V>>; 2]>);

// SAFETY: it owns its versions; moving it moves values of V.
unsafe impl<V: Send> Send for Unlinked<V> {}

impl<V> Default for Unlinked<V> {
    fn default() -> Self {
        Self(SmallVec::new())
    }
}

impl<V> Unlinked<V> {
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

impl<V: Send> Unlinked<V> {
    /// Without their type, for whoever frees them later.
    pub(crate) fn retire(mut self, out: &mut Vec<Retired>) {
        unsafe fn free<V>(version: NonNull<()>) {
            // SAFETY: `retire` took it out of those that were unlinked, once.
            unsafe { super::version::free(version.cast::<Version<V>>()) };
        }
        // SAFETY: what was unlinked has no other owner, and V is `Send`.
        let retired =
            |version: NonNull<Version<V>>| unsafe { Retired::freed_by(version.cast(), free::<V>) };
        self.0.drain(..).for_each(|version| out.push(retired(version)));
    }
}

impl<V> Chain<V> {
    pub(crate) fn new() -> Self {
        Self { head: AtomicPtr::new(ptr::null_mut()) }
    }

    /// The newest version, if there is any. The caller walks, or holds the latch.
    fn newest(&self) -> Option<&Version<V>> {
        // SAFETY: what a chain links to is freed only after it was unlinked, under the
        // latch, and after every walk that began before has ended (I4).
        // Acquire: pairs with the Release store that linked the version.
        unsafe { self.head.load(Ordering::Acquire).as_ref() }
    }

    /// The commit timestamp of the newest version; 0 if there is none.
    pub(crate) fn newest_begin(&self, _walk: &Walk<'_>) -> u64 {
        self.newest().map_or(0, Version::begin)
    }

    /// The version visible at `timestamp`, a tombstone included. The timestamp must be
    /// pinned by the caller, which keeps the version alive after the walk (I4).
    pub(crate) fn visible_at(&self, timestamp: u64, walk: &Walk<'_>) -> Option<&Version<V>> {
        self.look(timestamp, walk).1
    }

    /// The commit timestamp of the newest version, and the one visible at `timestamp`, as
    /// [`newest_begin`](Self::newest_begin) and [`visible_at`](Self::visible_at) tell.
    #[inline]
    pub(crate) fn look(&self, timestamp: u64, _walk: &Walk<'_>) -> (u64, Option<&Version<V>>) {
        let Some(mut version) = self.newest() else { return (0, None) };
        let newest = version.begin();
        while version.begin() > timestamp {
            // SAFETY: as in `newest`.
            match unsafe { version.older.load(Ordering::Acquire).as_ref() } {
                Some(older) => version = older,
                None => return (newest, None),
            }
        }
        (newest, Some(version))
    }

    /// Asks for the newest version's lines. Only a hint.
    #[inline]
    pub(crate) fn prefetch(&self) {
        prefetch(self.head.load(Ordering::Relaxed));
    }

    /// Links a version into its place. If that leaves something to collect, an older
    /// version, itself under a newer one, or a tombstone, the commit with which it all has
    /// ended. The caller holds the record's latch.
    pub(crate) fn install(&self, version: NonNull<Version<V>>, commit: u64) -> Option<u64> {
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
        let older = unsafe { older.as_ref() };
        if let Some(older) = older {
            // Release: pairs with the Acquire load in `end`.
            older.end.store(commit, Ordering::Release);
        }
        // A newer commit that was installed first has seen nothing below itself to tell of.
        let overwritten = newer_begin != NEVER;
        let garbage = overwritten || older.is_some() || linked.value.is_none();
        garbage.then_some(if overwritten { newer_begin } else { commit })
    }

    /// Unlinks every version that was overwritten and is not `kept`, asked with its begin
    /// and end. The caller holds the record's latch.
    pub(crate) fn unlink(&self, mut kept: impl FnMut(u64, u64) -> bool, out: &mut Unlinked<V>) {
        let Some(mut newer) = self.newest() else { return };
        loop {
            // Relaxed: under the latch nobody else links or unlinks.
            let next = newer.older.load(Ordering::Relaxed);
            // SAFETY: as in `newest`; it is linked, and we hold the latch.
            let Some(version) = (unsafe { next.as_ref() }) else { return };
            if kept(version.begin(), version.end()) {
                newer = version;
                continue;
            }
            // The unlinked one still leads on, for those who stand on it.
            // Release: pairs with the Acquire loads of walks, which see what it leads to.
            newer.older.store(version.older.load(Ordering::Relaxed), Ordering::Release);
            out.0.push(NonNull::from(version));
        }
    }

    /// Whether the one version that is left is a tombstone at or below `horizon`. The
    /// caller holds the record's latch.
    pub(crate) fn is_dead(&self, horizon: u64) -> bool {
        self.newest().is_none_or(|newest| {
            newest.value().is_none()
                && newest.begin() <= horizon
                && newest.older.load(Ordering::Relaxed).is_null()
        })
    }

    /// How many versions there are, and how many of them are tombstones. The caller holds
    /// the record's latch.
    pub(crate) fn count(&self) -> (usize, usize) {
        let mut count = (0, 0);
        let mut version = self.newest();
        while let Some(counted) = version {
            count = (count.0 + 1, count.1 + usize::from(counted.value.is_none()));
            // SAFETY: under the latch nobody cuts.
            version = unsafe { counted.older.load(Ordering::Acquire).as_ref() };
        }
        count
    }
}

impl<V> Drop for Chain<V> {
    fn drop(&mut self) {
        if model_failed() {
            return;
        }
        // AcqRel: nobody else has the chain any more; loom has no cheaper way to ask.
        let mut next = self.head.swap(ptr::null_mut(), Ordering::AcqRel);
        // A loop, not recursion: chains can be long.
        while let Some(version) = NonNull::new(next) {
            // SAFETY: the chain is the only owner of what it links to.
            unsafe {
                next = version.as_ref().older.load(Ordering::Relaxed);
                free(version);
            }
        }
    }
}

impl<V> Drop for Unlinked<V> {
    fn drop(&mut self) {
        if !model_failed() {
            // SAFETY: what was unlinked has no other owner.
            self.0.drain(..).for_each(|version| unsafe { free(version) });
        }
    }
}

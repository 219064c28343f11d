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
//! use alive (I4): a *pin* the version that it sees, and a *walk* everything on its way. Whoever
//! collects needs neither, since nobody else unlinks or frees.
#![allow(unsafe_code)]

use std::cell::UnsafeCell;
use std::marker::{PhantomData, PhantomPinned};
use std::mem::MaybeUninit;
use std::ptr::{self, NonNull};

use smallvec::SmallVec;

use crate::prefetch::prefetch;
use crate::store::collector::Collecting;
use crate::store::quiet::Quiet;
use crate::store::registry::Walk;
use crate::sync::{AtomicPtr, AtomicU64, Ordering};

/// The end of a version that nothing has overwritten.
pub(crate) const NEVER: u64 = u64::MAX;

/// One value of a key (or, as a tombstone, its absence) since one commit.
pub(crate) struct Version<V> {
    /// c of the writer, doubled, plus one for a tombstone. c is written once, before the
    /// version is linked; the Release store that links it pairs with the Acquire load that
    /// finds it.
    begin: AtomicU64,
    /// c of the first overwriter, else `NEVER`. Written under the record's latch.
    end: AtomicU64,
    /// The next older version. Written under the record's latch.
    older: AtomicPtr<Version<V>>,
    /// Not there in a tombstone.
    value: MaybeUninit<Quiet<V>>,
    /// A model keeps what is freed, to catch whoever still looks at it.
    #[cfg(precedent_loom)]
    freed: crate::sync::AtomicBool,
}

impl<V> Version<V> {
    /// A version that belongs to the caller until it is installed.
    pub(crate) fn allocate(value: Option<V>) -> NonNull<Self> {
        let version = Box::new(Self {
            begin: AtomicU64::new(u64::from(value.is_none())),
            end: AtomicU64::new(NEVER),
            older: AtomicPtr::new(ptr::null_mut()),
            value: value.map_or(MaybeUninit::uninit(), |value| MaybeUninit::new(Quiet::new(value))),
            #[cfg(precedent_loom)]
            freed: crate::sync::AtomicBool::new(false),
        });
        NonNull::from(Box::leak(version))
    }

    /// The value; none for a tombstone.
    pub(crate) fn value(&self) -> Option<&V> {
        self.check_alive();
        if self.is_tombstone() {
            return None;
        }
        // SAFETY: all but a tombstone was made with a value.
        Some(unsafe { self.value.assume_init_ref() })
    }

    fn is_tombstone(&self) -> bool {
        // Relaxed: the bit never changes.
        self.begin.load(Ordering::Relaxed) & 1 == 1
    }

    pub(crate) fn begin(&self) -> u64 {
        self.check_alive();
        // Relaxed: ordered by the Acquire load that found this version.
        self.begin.load(Ordering::Relaxed) >> 1
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

impl<V> Drop for Version<V> {
    fn drop(&mut self) {
        if !self.is_tombstone() {
            // SAFETY: all but a tombstone was made with a value, and `drop` runs once.
            unsafe { self.value.assume_init_drop() };
        }
    }
}

/// Words in a slot: a version whose value is a word. A larger one would be room wasted while
/// another version is the newest.
#[cfg(not(precedent_loom))]
const ROOM: usize = 4;
#[cfg(precedent_loom)]
const ROOM: usize = 32;

/// Where one version of a record can stand without an allocation of its own, if it is small.
/// Whose it is, the record tells.
///
/// It is pinned, so that the chain may lead to it though the record is somebody's alone.
pub(crate) struct Slot<V> {
    room: UnsafeCell<[MaybeUninit<u64>; ROOM]>,
    of: PhantomData<Version<V>>,
    _pinned: PhantomPinned,
}

// SAFETY: it is a place for a version, which is shared like any other.
unsafe impl<V: Send + Sync> Sync for Slot<V> {}

impl<V> Slot<V> {
    /// Whether a version has room here.
    pub(crate) const FITS: bool = size_of::<Version<V>>() <= size_of::<[u64; ROOM]>()
        && align_of::<Version<V>>() <= align_of::<u64>();

    pub(crate) fn new() -> Self {
        let room = UnsafeCell::new([MaybeUninit::uninit(); ROOM]);
        Self { room, of: PhantomData, _pinned: PhantomPinned }
    }

    /// The version that stands here, if one does.
    pub(crate) fn version(&self) -> NonNull<Version<V>> {
        NonNull::from(&self.room).cast()
    }

    /// Whether the version stands here.
    pub(crate) fn holds(&self, version: NonNull<Version<V>>) -> bool {
        self.version() == version
    }

    /// Moves a version here.
    ///
    /// # Safety
    /// It fits. The slot is empty and the caller's. The version came from [`Version::allocate`], and
    /// nobody else refers to it.
    pub(crate) unsafe fn take_in(&self, version: NonNull<Version<V>>) -> NonNull<Version<V>> {
        let here = self.version().as_ptr();
        // SAFETY: the caller says so; what is left is memory without a version.
        unsafe {
            here.copy_from_nonoverlapping(version.as_ptr(), 1);
            drop(Box::from_raw(version.as_ptr().cast::<MaybeUninit<Version<V>>>()));
            NonNull::new_unchecked(here)
        }
    }

    /// Drops the version that stands here.
    ///
    /// # Safety
    /// There is one, nothing refers to it any more, and it is not dropped again.
    pub(crate) unsafe fn clear(&self) {
        let version = self.version().as_ptr();
        #[cfg(not(precedent_loom))]
        {
            // SAFETY: the caller says so.
            unsafe { version.drop_in_place() };
        }
        #[cfg(precedent_loom)]
        {
            // SAFETY: in a model it is never dropped, so this is always valid.
            mark_freed(unsafe { &*version });
        }
    }
}

/// Gives a version, and none of its older ones, back.
///
/// # Safety
/// The version came from [`Version::allocate`] and stands in no slot, nothing refers to it
/// any more, and it is not freed again.
pub(crate) unsafe fn free<V>(version: NonNull<Version<V>>) {
    #[cfg(not(precedent_loom))]
    {
        // SAFETY: the caller says that this is the only reference left.
        drop(unsafe { Box::from_raw(version.as_ptr()) });
    }
    #[cfg(precedent_loom)]
    {
        // SAFETY: in a model the memory is never given back, so this is always valid.
        mark_freed(unsafe { version.as_ref() });
    }
}

#[cfg(precedent_loom)]
fn mark_freed<V>(version: &Version<V>) {
    assert!(!version.freed.swap(true, Ordering::Relaxed), "I4: a version was freed twice");
}

/// Versions that were unlinked: to be retired by their record (see `record.rs`), since
/// somebody may still walk over them.
pub(crate) type Unlinked<V> = SmallVec<[NonNull<Version<V>>; 2]>;

/// The versions of a record.
#[derive(Default)]
pub(crate) struct Count {
    pub(crate) versions: usize,
    pub(crate) tombstones: usize,
    /// Those that do not stand in the record.
    pub(crate) apart: usize,
}

/// A chain of versions: the part of a record that readers walk.
pub(crate) struct Chain<V> {
    head: AtomicPtr<Version<V>>,
}

impl<V> Chain<V> {
    pub(crate) fn new() -> Self {
        Self { head: AtomicPtr::new(ptr::null_mut()) }
    }

    /// The newest version, if there is any. The caller walks, holds the latch, or collects.
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

    /// Asks for the version before the newest one. Only a hint. Whoever collects needs no walk:
    /// nobody else unlinks or frees.
    pub(crate) fn prefetch_overwritten(&self, _collecting: &Collecting<'_>) {
        if let Some(newest) = self.newest() {
            // Relaxed: a hint.
            prefetch(newest.older.load(Ordering::Relaxed));
        }
    }

    /// Links a version into its place. If that leaves something to collect, an older
    /// version, itself under a newer one, or a tombstone, the commit with which it all has
    /// ended. The caller holds the record's latch.
    pub(crate) fn install(&self, version: NonNull<Version<V>>, commit: u64) -> Option<u64> {
        // SAFETY: until it is linked below, only the caller knows the version.
        let linked = unsafe { version.as_ref() };
        linked.begin.store(commit << 1 | u64::from(linked.is_tombstone()), Ordering::Relaxed);
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
        let garbage = overwritten || older.is_some() || linked.is_tombstone();
        garbage.then_some(if overwritten { newer_begin } else { commit })
    }

    /// Unlinks every version that was overwritten and is not `kept`, asked with its begin
    /// and end. It stops at the first that began at or below `known`, since what is older has
    /// ended by then. The caller holds the record's latch.
    pub(crate) fn unlink(
        &self,
        known: u64,
        mut kept: impl FnMut(u64, u64) -> bool,
        out: &mut Unlinked<V>,
    ) {
        let Some(mut newer) = self.newest() else { return };
        loop {
            // Relaxed: under the latch nobody else links or unlinks.
            let next = newer.older.load(Ordering::Relaxed);
            // SAFETY: as in `newest`; it is linked, and we hold the latch.
            let Some(version) = (unsafe { next.as_ref() }) else { return };
            let begin = version.begin();
            if kept(begin, version.end()) {
                newer = version;
            } else {
                // The unlinked one still leads on, for those who stand on it.
                // Release: pairs with the Acquire loads of walks, which see what it leads to.
                newer.older.store(version.older.load(Ordering::Relaxed), Ordering::Release);
                out.push(NonNull::from(version));
            }
            // What is older has ended by then.
            if begin <= known {
                return;
            }
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

    /// Counts the versions. The caller holds the record's latch.
    pub(crate) fn count(&self, is_apart: impl Fn(NonNull<Version<V>>) -> bool) -> Count {
        let mut count = Count::default();
        let mut version = self.newest();
        while let Some(counted) = version {
            count.versions += 1;
            count.tombstones += usize::from(counted.is_tombstone());
            count.apart += usize::from(is_apart(NonNull::from(counted)));
            // SAFETY: under the latch nobody cuts.
            version = unsafe { counted.older.load(Ordering::Acquire).as_ref() };
        }
        count
    }
}

impl<V> Chain<V> {
    /// Takes all versions out. The caller has the chain for itself.
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = NonNull<Version<V>>> {
        // AcqRel: nobody else has the chain any more; loom has no cheaper way to ask.
        let mut next = self.head.swap(ptr::null_mut(), Ordering::AcqRel);
        std::iter::from_fn(move || {
            let version = NonNull::new(next)?;
            // SAFETY: the chain is the only owner of what it links to.
            next = unsafe { version.as_ref() }.older.load(Ordering::Relaxed);
            Some(version)
        })
    }
}

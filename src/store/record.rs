//! A key with its versions, and the lease that keeps it in the index.
//!
//! A record has room for one small version, so that whoever finds a key that was never overwritten
//! has its value at hand. Whoever has a lease may move a version in, if the room is free,
//! before anybody else knows of it; it is free again when that version is.
#![allow(unsafe_code)]

use std::mem::{ManuallyDrop, offset_of};
use std::ops::Deref;
use std::ptr::{self, NonNull};

use smallvec::SmallVec;

use crate::prefetch::prefetch;
use crate::store::pins::Pins;
use crate::store::place::Retired;
use crate::store::quiet::Quiet;
use crate::store::version::{self, Chain, Count, Slot, Unlinked, Version};
use crate::sync::{Mutex, Sharers, model_failed};

/// Tells records apart for as long as one of them can still matter to a certification.
///
/// It is an address. A record leaves the index only when its tombstone is at or below the
/// log's base and every retained commit's snapshot (I5), so that no footprint that names it
/// is compared any more by then.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct RecordId(pub(crate) usize);

impl RecordId {
    /// The record itself.
    ///
    /// # Safety
    /// It is of these types, and there.
    pub(crate) unsafe fn record<'r, K, V>(self) -> &'r Record<K, V> {
        // SAFETY: the caller says so; `leased` has exposed the box that it is in.
        unsafe { &*ptr::with_exposed_provenance(self.0) }
    }

    /// One more count of the record.
    ///
    /// # Safety
    /// As for [`record`](Self::record).
    pub(crate) unsafe fn share<K, V>(self) -> Shared<K, V> {
        // SAFETY: as in `record`; whoever knows that it is there knows of a count.
        unsafe {
            self.record::<K, V>().sharers.add();
            Shared(NonNull::new_unchecked(ptr::with_exposed_provenance_mut(self.0)))
        }
    }
}

/// A key of a table with its version chain.
///
/// ```text
///   new --lease--> leased --install--> live --collect--> sealed (out of the index)
///        <-release--+                   ^ lease: anew
/// ```
pub(crate) struct Record<K, V> {
    chain: Chain<V>,
    key: Quiet<K>,
    slot: Slot<V>,
    /// The latch: whoever changes the chain holds it. No user code runs under it.
    state: Mutex<State>,
    sharers: Sharers,
}

struct State {
    /// Commits that have located this record and not installed yet.
    leases: u32,
    /// Out of the index, or on its way out: find or create another.
    sealed: bool,
    /// Somebody's version stands in the slot, or will.
    occupied: bool,
    horizon: Horizon,
}

/// The newest horizon that a collection has come by with: what ended at or below it is gone, or
/// held by a pin that the collector waits for. In two halves, which take less room.
struct Horizon([u32; 2]);

impl Horizon {
    fn get(&self) -> u64 {
        u64::from(self.0[0]) << 32 | u64::from(self.0[1])
    }

    fn set(&mut self, timestamp: u64) {
        self.0 = [(timestamp >> 32) as u32, timestamp as u32];
    }
}

/// A count of a record. Like an `Arc` that nobody refers to weakly, which takes less room.
pub(crate) struct Shared<K, V>(NonNull<Record<K, V>>);

pub(crate) type Records<K, V> = SmallVec<[Shared<K, V>; 2]>;

// SAFETY: it is a shared reference, and the last one drops the record.
unsafe impl<K: Send + Sync, V: Send + Sync> Send for Shared<K, V> {}
// SAFETY: as above.
unsafe impl<K: Send + Sync, V: Send + Sync> Sync for Shared<K, V> {}

impl<K, V> Shared<K, V> {
    /// Gives the count to somebody who keeps a pointer.
    pub(crate) fn into_raw(self) -> NonNull<Record<K, V>> {
        ManuallyDrop::new(self).0
    }

    /// Takes a count over.
    ///
    /// # Safety
    /// It was left by [`into_raw`](Self::into_raw), and nobody else takes it.
    pub(crate) unsafe fn from_raw(record: NonNull<Record<K, V>>) -> Self {
        Self(record)
    }

    pub(crate) fn as_ptr(&self) -> NonNull<Record<K, V>> {
        self.0
    }

    pub(crate) fn is(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl<K: Send + Sync, V: Send + Sync> Shared<K, V> {
    /// What was unlinked, without its type, for whoever frees it later.
    pub(crate) fn retire(&self, unlinked: Unlinked<V>, out: &mut Vec<Retired>) {
        unsafe fn clear<K, V>(record: NonNull<()>) {
            // SAFETY: `retire` has left a count of the record, and took its version over from
            // whoever unlinked it.
            unsafe {
                let record = Shared::<K, V>::from_raw(record.cast());
                record.free(record.slot.version());
            }
        }
        unsafe fn free<V>(version: NonNull<()>) {
            // SAFETY: as above; it stands in no slot.
            unsafe { version::free(version.cast::<Version<V>>()) };
        }
        for version in unlinked {
            // SAFETY: what was unlinked is freed by nobody else, and keys and values may be
            // dropped on any thread.
            out.push(unsafe {
                match self.slot.holds(version) {
                    true => Retired::freed_by(self.clone().into_raw().cast(), clear::<K, V>),
                    false => Retired::freed_by(version.cast(), free::<V>),
                }
            });
        }
    }

    /// The count that an index had, to be given up later.
    pub(crate) fn retired(self) -> Retired {
        unsafe fn free<K, V>(record: NonNull<()>) {
            // SAFETY: `retired` has left this count.
            drop(unsafe { Shared::<K, V>::from_raw(record.cast()) });
        }
        // SAFETY: a count may be given up on any thread, once.
        unsafe { Retired::freed_by(self.into_raw().cast(), free::<K, V>) }
    }
}

impl<K, V> Deref for Shared<K, V> {
    type Target = Record<K, V>;

    fn deref(&self) -> &Record<K, V> {
        // SAFETY: it has a count of the record.
        unsafe { self.0.as_ref() }
    }
}

impl<K, V> Clone for Shared<K, V> {
    fn clone(&self) -> Self {
        self.sharers.add();
        Self(self.0)
    }
}

impl<K, V> Drop for Shared<K, V> {
    fn drop(&mut self) {
        if self.sharers.remove() {
            // SAFETY: it came from a box, and this was the last count.
            drop(unsafe { Box::from_raw(self.0.as_ptr()) });
        }
    }
}

impl<K, V> Record<K, V> {
    /// A new record without versions, with one lease.
    pub(crate) fn leased(key: K) -> Shared<K, V> {
        let horizon = Horizon([0, 0]);
        let record = Box::new(Self {
            chain: Chain::new(),
            key: Quiet::new(key),
            slot: Slot::new(),
            state: Mutex::new(State { leases: 1, sealed: false, occupied: false, horizon }),
            sharers: Sharers::one(),
        });
        let record = Box::into_raw(record);
        record.expose_provenance();
        // SAFETY: a box is not null.
        Shared(unsafe { NonNull::new_unchecked(record) })
    }

    pub(crate) fn key(&self) -> &K {
        &self.key
    }

    pub(crate) fn chain(&self) -> &Chain<V> {
        &self.chain
    }

    /// Asks for the lines that a reader looks at. Only a hint.
    #[inline]
    pub(crate) fn prefetch(&self) {
        let start = ptr::from_ref(self).cast::<u8>();
        prefetch(start);
        prefetch(start.wrapping_add(offset_of!(Self, state)));
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
        state.sealed = state.leases == 0 && self.chain.is_dead(state.horizon.get());
        state.sealed
    }

    /// Takes a version that nobody else knows of yet into the record, if there is room: where
    /// it stands from now on. For whoever has a lease.
    pub(crate) fn take_in(&self, version: NonNull<Version<V>>) -> NonNull<Version<V>> {
        // A sanitizer sees only what stands in an allocation of its own.
        if !Slot::<V>::FITS || cfg!(precedent_apart) {
            return version;
        }
        let was_occupied = std::mem::replace(&mut self.state.lock().occupied, true);
        if was_occupied {
            return version;
        }
        // SAFETY: nobody else has found the slot free, and the version is the caller's.
        unsafe { self.slot.take_in(version) }
    }

    /// Gives back a version that was not installed, or is in no chain any more.
    ///
    /// # Safety
    /// Nothing refers to it any more, and it is not given back again.
    pub(crate) unsafe fn free(&self, version: NonNull<Version<V>>) {
        if !self.slot.holds(version) {
            // SAFETY: it is in no slot, and the caller says the rest.
            unsafe { version::free(version) };
            return;
        }
        // SAFETY: it stands here, and the caller says the rest.
        unsafe { self.slot.clear() };
        // A model looks at what was freed, so nothing else may come there.
        self.state.lock().occupied = cfg!(precedent_loom);
    }

    /// Ends a lease with a version. If that leaves something to collect, the commit with
    /// which it all has ended; see [`Chain::install`].
    pub(crate) fn install(&self, version: NonNull<Version<V>>, commit: u64) -> Option<u64> {
        let mut state = self.state.lock();
        assert!(!state.sealed, "I5: a commit installs into a record that left the index");
        state.leases -= 1;
        self.chain.install(version, commit)
    }

    /// Unlinks the versions that no pin holds. Those that a pin still holds are told to
    /// `held`, once each: the record must be looked at again when that pin is gone.
    /// `vanished` is such a pin. True if only a tombstone below the horizon is left: the
    /// record is sealed then and must leave the index.
    pub(crate) fn collect(
        &self,
        pins: &Pins,
        vanished: Option<u64>,
        out: &mut Unlinked<V>,
        mut held: impl FnMut(u64),
    ) -> bool {
        let mut state = self.state.lock();
        let before = state.horizon.get();
        // Many notes of one key, one walk: what ended below an old horizon is known.
        if pins.horizon() > before || vanished.is_some() {
            state.horizon.set(before.max(pins.horizon()));
            // What ended below an old horizon is gone, or waits for its pin.
            let known = if vanished.is_some() { 0 } else { before };
            let kept = |begin, end| keep(pins, begin, end, before, vanished, &mut held);
            self.chain.unlink(known, kept, out);
        }
        // By the newest horizon that was here: nobody else would ask again for a tombstone
        // whose last older version has waited for a pin.
        let dead = !state.sealed && state.leases == 0 && self.chain.is_dead(state.horizon.get());
        state.sealed |= dead;
        dead
    }

    /// How many versions there are, how many of them are tombstones, and how many stand apart.
    pub(crate) fn census(&self) -> Count {
        let _state = self.state.lock();
        self.chain.count(|version| !self.slot.holds(version))
    }

    /// How many of these versions stand apart from the record.
    pub(crate) fn apart(&self, versions: &[NonNull<Version<V>>]) -> usize {
        versions.iter().filter(|&&version| !self.slot.holds(version)).count()
    }
}

impl<K, V> Drop for Record<K, V> {
    fn drop(&mut self) {
        if model_failed() {
            return;
        }
        for version in self.chain.drain() {
            // SAFETY: the chain was the only one that led to it.
            unsafe {
                match self.slot.holds(version) {
                    true => self.slot.clear(),
                    false => version::free(version),
                }
            }
        }
    }
}

/// Whether a version is kept, and who must be told.
fn keep(
    pins: &Pins,
    begin: u64,
    end: u64,
    horizon_before: u64,
    vanished: Option<u64>,
    held: &mut impl FnMut(u64),
) -> bool {
    // A version waits for the oldest pin that holds it.
    let waited = vanished.filter(|&gone| begin <= gone && gone < end && end <= horizon_before);
    if end > pins.horizon() {
        // The horizon can go back, while somebody registers who was interrupted. Nobody
        // else would ask again for what waited: it goes on waiting.
        waited.into_iter().for_each(held);
        return true;
    }
    let Some(pin) = pins.first_within(begin, end) else { return false };
    let orphaned = waited.is_some_and(|gone| gone < pin);
    if end > horizon_before || orphaned {
        held(pin);
    }
    true
}

#[cfg(all(test, not(precedent_loom)))]
mod tests {
    use super::{Horizon, Record, keep};
    use crate::store::pins::Pins;
    use crate::store::version::{Unlinked, Version};

    #[test]
    fn a_key_and_a_value_of_a_word_each_take_seven_more_with_their_version() {
        assert_eq!(size_of::<Record<u64, u64>>(), 9 * 8);
    }

    #[test]
    fn a_large_value_has_no_room_in_the_record() {
        assert_eq!(size_of::<Record<u64, [u64; 100]>>(), size_of::<Record<u64, u64>>());
        let record = Record::leased('k');
        let version = record.take_in(Version::allocate(Some([0_u64; 100])));
        assert!(!record.slot.holds(version));
        record.install(version, 1);
    }

    #[test]
    #[cfg(not(precedent_apart))]
    fn one_version_stands_in_the_record_until_it_is_freed() {
        let record = Record::leased('k');
        let take_in = |value| record.take_in(Version::allocate(Some(value)));
        let first = take_in(1);
        record.install(first, 1);
        assert!(record.lease());
        let second = take_in(2);
        record.install(second, 2);
        assert!(record.slot.holds(first) && !record.slot.holds(second));
        let apart = [&[][..], &[first], &[second], &[second, first]].map(|all| record.apart(all));
        assert_eq!(apart, [0, 0, 1, 1]);
        let (mut unlinked, mut retired) = (Unlinked::default(), Vec::new());
        record.collect(&Pins::new(Vec::new(), 2), None, &mut unlinked, |_| {});
        record.retire(unlinked, &mut retired);
        assert!(record.lease());
        let third = take_in(3);
        assert!(!record.slot.holds(third), "somebody may still look at what was unlinked");
        record.install(third, 3);
        drop(retired);
        assert!(record.lease());
        let fourth = take_in(4);
        assert!(record.slot.holds(fourth));
        record.install(fourth, 4);
    }

    #[test]
    #[cfg(not(precedent_apart))]
    fn a_version_that_was_not_installed_leaves_its_room_to_the_next_one() {
        let record = Record::leased(String::from("k"));
        for _ in 0..3 {
            let version = record.take_in(Version::allocate(Some(Box::new('v'))));
            assert!(record.slot.holds(version));
            // SAFETY: nobody else knows of it.
            unsafe { record.free(version) };
        }
    }

    #[test]
    fn a_version_whose_pin_went_while_the_horizon_went_back_is_asked_for_again() {
        let record = Record::leased('k');
        for commit in 1..=3 {
            assert!(commit == 1 || record.lease());
            record.install(Version::allocate(Some(commit)), commit);
        }
        let collect = |pins: &[u64], horizon: u64, vanished: Option<u64>| {
            let (mut unlinked, mut held) = (Unlinked::default(), Vec::new());
            let pins = Pins::new(pins.to_vec(), horizon);
            record.collect(&pins, vanished, &mut unlinked, |pin| held.push(pin));
            (record.census().versions, held)
        };
        assert_eq!(collect(&[2], 9, None), (2, vec![2]));
        assert_eq!(collect(&[], 1, Some(2)), (2, vec![2]), "it still waits");
        assert_eq!(collect(&[], 9, Some(2)), (1, vec![]));
    }

    #[test]
    fn a_version_whose_pin_is_gone_goes_from_below_others_that_are_held() {
        let record = Record::leased('k');
        let install = |commit: u64| {
            assert!(commit == 1 || record.lease());
            record.install(Version::allocate(Some(commit)), commit);
        };
        let collect = |pins: &[u64], horizon: u64, vanished: Option<u64>| {
            let (mut unlinked, mut held) = (Unlinked::default(), Vec::new());
            let pins = Pins::new(pins.to_vec(), horizon);
            record.collect(&pins, vanished, &mut unlinked, |pin| held.push(pin));
            (record.census().versions, held)
        };
        (1..=5).for_each(install);
        assert_eq!(collect(&[1, 2, 3], 5, None), (4, vec![3, 2, 1]));
        install(6);
        assert_eq!(collect(&[1, 2, 3], 6, None), (4, vec![]), "each is told of once");
        assert_eq!(collect(&[2, 3], 6, Some(1)), (3, vec![]));
        install(7);
        // Somebody holds what nobody held before, above what is known to be held.
        assert_eq!(collect(&[2, 3, 6], 7, None), (4, vec![6]));
        assert_eq!(collect(&[3], 7, Some(2)), (2, vec![]));
        assert_eq!(collect(&[], 7, Some(3)), (1, vec![]));
    }

    #[test]
    fn a_removed_key_whose_pin_went_while_the_horizon_went_back_leaves_the_index() {
        let record = Record::leased('k');
        for (commit, value) in [(1, Some(1)), (4, Some(4)), (6, None)] {
            assert!(commit == 1 || record.lease());
            record.install(Version::allocate(value), commit);
        }
        let collect = |pins: &[u64], horizon: u64, vanished: Option<u64>| {
            let pins = Pins::new(pins.to_vec(), horizon);
            record.collect(&pins, vanished, &mut Unlinked::default(), |_| {})
        };
        assert!(!collect(&[2], 9, None));
        assert!(collect(&[], 5, Some(2)), "nobody would ask again");
    }

    #[test]
    fn a_version_that_is_installed_under_a_newer_one_is_told_with_its_end() {
        let record = Record::leased('k');
        assert!(record.lease() && record.lease());
        let told = [7, 5, 3].map(|at| record.install(Version::allocate(Some(at)), at));
        assert_eq!(told, [None, Some(7), Some(5)]);
        let mut unlinked = Unlinked::default();
        record.collect(&Pins::new(Vec::new(), 7), None, &mut unlinked, |_| {});
        assert_eq!((record.census().versions, unlinked.len()), (1, 2));
    }

    #[test]
    fn a_horizon_has_more_than_half_a_word() {
        let mut horizon = Horizon([0, 0]);
        for timestamp in [1, u64::from(u32::MAX), 1 << 32, 0x1234_5678_9ABC_DEF0, u64::MAX] {
            horizon.set(timestamp);
            assert_eq!(horizon.get(), timestamp);
        }
    }

    #[test]
    fn a_record_that_is_dead_is_dead_once_and_lends_itself_no_more() {
        let record = Record::leased('k');
        record.install(Version::allocate(None::<u8>), 1);
        let collect = || {
            let pins = Pins::new(Vec::new(), 1);
            record.collect(&pins, None, &mut Unlinked::default(), |_| {})
        };
        assert!(collect());
        assert!(!record.lease(), "it has left the index");
        assert!(!collect(), "whoever collected it before has taken it out");
        assert!(!record.lease());
    }

    /// What is told of a version from 5 to `end`, of which `before` was the last horizon.
    fn told(pins: &Pins, end: u64, before: u64, vanished: Option<u64>) -> (bool, Vec<u64>) {
        let mut held = Vec::new();
        let kept = keep(pins, 5, end, before, vanished, &mut |pin| held.push(pin));
        (kept, held)
    }

    #[test]
    fn a_version_is_held_for_its_oldest_pin_and_told_of_once() {
        let pins = Pins::new(vec![3, 6, 7], 10);
        assert_eq!(told(&pins, 10, 9, None), (true, vec![6]));
        assert_eq!(told(&pins, 9, 9, None), (true, vec![]), "it was told of before");
        assert_eq!(told(&pins, 9, 9, Some(5)), (true, vec![6]), "it waited for what is gone");
        assert_eq!(told(&pins, 9, 9, Some(4)), (true, vec![]), "not for that one");
        assert_eq!(told(&pins, 9, 9, Some(8)), (true, vec![]), "but for an older one");
        assert_eq!(told(&pins, 6, 9, None), (false, vec![]), "no pin sees it");
        assert_eq!(told(&pins, 11, 9, None), (true, vec![]), "it has not ended for everybody");
    }

    #[test]
    fn what_waited_goes_on_waiting_where_the_horizon_went_back() {
        let pins = Pins::new(Vec::new(), 10);
        assert_eq!(told(&pins, 15, 20, Some(5)), (true, vec![5]));
        assert_eq!(told(&pins, 20, 20, Some(14)), (true, vec![14]));
        assert_eq!(told(&pins, 15, 20, Some(4)), (true, vec![]), "it did not wait for that");
        assert_eq!(told(&pins, 15, 20, Some(15)), (true, vec![]), "nor for that");
        assert_eq!(told(&pins, 21, 20, Some(5)), (true, vec![]), "nobody was told of it yet");
    }
}

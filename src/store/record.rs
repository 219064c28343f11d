//! A key with its versions, and the lease that keeps it in the index.

use std::sync::Arc;

use std::ptr::NonNull;

use crate::store::pins::Pins;
use crate::store::quiet::Quiet;
use crate::store::version::{Chain, Unlinked, Version};
use crate::sync::Mutex;

/// Tells records apart for as long as one of them can still matter to a certification.
///
/// It is an address. A record leaves the index only when its tombstone is at or below the
/// log's base and every retained commit's snapshot (I5), so that no footprint that names it
/// is compared any more by then.
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
    /// The newest horizon that a collection has come by with: what ended at or below it is
    /// gone, or held by a pin that the collector waits for.
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
        let before = state.horizon;
        // Many notes of one key, one walk: what ended below an old horizon is known.
        if pins.horizon() > before || vanished.is_some() {
            state.horizon = before.max(pins.horizon());
            self.chain
                .unlink(|begin, end| keep(pins, begin, end, before, vanished, &mut held), out);
        }
        // By the newest horizon that was here: nobody else would ask again for a tombstone
        // whose last older version has waited for a pin.
        let dead = !state.sealed && state.leases == 0 && self.chain.is_dead(state.horizon);
        state.sealed |= dead;
        dead
    }

    /// How many versions there are, and how many of them are tombstones.
    pub(crate) fn census(&self) -> (usize, usize) {
        let _state = self.state.lock();
        self.chain.count()
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
    use super::Record;
    use crate::store::pins::Pins;
    use crate::store::version::{Unlinked, Version};

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
            (record.census().0, held)
        };
        assert_eq!(collect(&[2], 9, None), (2, vec![2]));
        assert_eq!(collect(&[], 1, Some(2)), (2, vec![2]), "it still waits");
        assert_eq!(collect(&[], 9, Some(2)), (1, vec![]));
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
        assert_eq!((record.census().0, unlinked.len()), (1, 2));
    }
}

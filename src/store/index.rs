//! The index of a table: an ordered set of records behind a latch.
//!
//! The latch guards one pointer. Readers copy the persistent tree out and search their
//! copy; writers change a copy and put it in the place of the one that they started
//! from, or start again if somebody was quicker: each retry is somebody else's success.
//! So no user code (`cmp`, `clone`, `drop`) ever runs under the latch.

use std::cmp::Ordering;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::store::record::Record;
use crate::store::tree::Tree;
use crate::store::usage::Usage;
use crate::store::version::Version;
use crate::sync::{AtomicU64, Ordering as Memory, RwLock};

/// New keys that enter the index in one step, at most.
const BATCH: usize = 32;

/// Keys that are entered in one pass over the whole index, at least, and the largest index
/// for each of them: fewer enter by searches. Tiny where tests want both.
#[cfg(not(any(test, precedent_tiny, precedent_loom, fuzzing)))]
const MERGE_ABOVE: usize = 256;
#[cfg(any(test, precedent_tiny, precedent_loom, fuzzing))]
const MERGE_ABOVE: usize = 6;
const MERGE_SHARE: usize = 8;

/// Passes that others may overtake before keys enter by searches.
const MERGE_TRIES: usize = 3;

/// A frozen index.
pub(crate) type Root<K, V> = Tree<Slot<K, V>>;

/// A record's place in the index. A key that owns nothing stands beside it, so that a
/// search need not visit the records that it passes.
pub(crate) struct Slot<K, V> {
    key: Option<K>,
    pub(crate) record: Arc<Record<K, V>>,
}

impl<K: Clone, V> Slot<K, V> {
    fn new(record: Arc<Record<K, V>>) -> Self {
        let plain = !std::mem::needs_drop::<K>();
        Self { key: plain.then(|| record.key().clone()), record }
    }
}

impl<K: Clone, V> Clone for Slot<K, V> {
    fn clone(&self) -> Self {
        Self { key: self.key.clone(), record: Arc::clone(&self.record) }
    }
}

impl<K, V> Slot<K, V> {
    pub(crate) fn key(&self) -> &K {
        self.key.as_ref().unwrap_or_else(|| self.record.key())
    }
}

/// The records of a table in the order of their keys.
pub(crate) struct Index<K, V> {
    root: RwLock<Root<K, V>>,
    /// How often the root changed. Written under the latch; read by whoever wants to
    /// know whether its copy is the newest (Acquire, pairs with the Release increment).
    changes: AtomicU64,
    /// Bytes in use, if they are bounded.
    usage: Option<Usage>,
}

impl<K: Ord + Clone, V> Index<K, V> {
    pub(crate) fn new(usage: Option<Usage>) -> Self {
        Self { root: RwLock::new(Tree::default()), changes: AtomicU64::new(0), usage }
    }

    /// Counts versions that were installed.
    pub(crate) fn count_installed(&self, versions: usize) {
        if let Some(usage) = &self.usage {
            usage.add(versions * size_of::<Version<V>>());
        }
    }

    /// Counts versions that were unlinked.
    pub(crate) fn count_unlinked(&self, versions: usize) {
        if let Some(usage) = &self.usage {
            usage.subtract(versions * size_of::<Version<V>>());
        }
    }

    fn count_keys(&self, before: usize, after: usize) {
        let Some(usage) = &self.usage else { return };
        let key = size_of::<Record<K, V>>() + size_of::<Slot<K, V>>();
        match after.checked_sub(before) {
            Some(more) => usage.add(more * key),
            None => usage.subtract((before - after) * key),
        }
    }

    /// The index as it is now. Every key that a registered snapshot can see is in it.
    pub(crate) fn root(&self) -> Root<K, V> {
        self.root.read().clone()
    }

    /// Changes whenever the root does.
    pub(crate) fn changes(&self) -> u64 {
        self.changes.load(Memory::Acquire)
    }

    /// A leased record for each key: found, or created. The keys ascend.
    /// O(log n) a key, or O(n + keys) if that is less.
    ///
    /// Many keys enter in one pass, without a search. If others change the index all the
    /// while, they enter like few keys do.
    /// New keys enter in batches, which is as good as all at once, since a record without
    /// versions is invisible. A batch that was overtaken is halved, down to single keys,
    /// so that many keys do not starve beside many small commits.
    pub(crate) fn find_or_create(&self, keys: &[&K]) -> Vec<Arc<Record<K, V>>> {
        let many =
            || keys.len() >= MERGE_ABOVE && keys.len() * MERGE_SHARE >= self.root.read().len();
        for _ in 0..MERGE_TRIES {
            if !many() {
                break;
            }
            if let Some(records) = self.merge(keys) {
                return records;
            }
        }
        let mut all = Leases { index: self, records: Vec::with_capacity(keys.len()) };
        let mut batch = BATCH;
        while all.records.len() < keys.len() {
            let rest = &keys[all.records.len()..];
            match self.find_or_create_batch(&rest[..batch.min(rest.len())]) {
                Some(mut leases) => {
                    all.records.append(&mut leases.records);
                    batch = (batch * 2).min(BATCH);
                }
                None => batch = (batch / 2).max(1),
            }
        }
        std::mem::take(&mut all.records)
    }

    /// Walks over the index and the keys side by side. None if somebody else changed the
    /// index meanwhile. O(n + keys).
    fn merge(&self, keys: &[&K]) -> Option<Vec<Arc<Record<K, V>>>> {
        let before = self.root();
        let mut all = Vec::with_capacity(keys.len());
        let mut merged = Vec::with_capacity(before.len() + keys.len());
        let mut found = Leases { index: self, records: Vec::new() };
        let mut rest = keys;
        let create = |key: &K, merged: &mut Vec<Slot<K, V>>| {
            let created = Record::leased(key.clone());
            merged.push(Slot::new(Arc::clone(&created)));
            created
        };
        before.for_each(|slot| {
            while let [key, after @ ..] = rest {
                let relation = (*key).cmp(slot.key());
                if relation == Ordering::Greater {
                    break;
                }
                rest = after;
                let leased = relation == Ordering::Equal && slot.record.lease();
                if leased {
                    found.records.push(Arc::clone(&slot.record));
                    all.push(Arc::clone(&slot.record));
                    break;
                }
                all.push(create(key, &mut merged));
                if relation == Ordering::Equal {
                    // The new record takes the place of a sealed one.
                    return;
                }
            }
            merged.push(slot.clone());
        });
        all.extend(rest.iter().map(|key| create(key, &mut merged)));
        let changed = found.records.len() < all.len();
        if changed && !self.replace(&before, Tree::from_sorted(merged)) {
            return None;
        }
        // From here on the caller has the leases.
        found.records.clear();
        Some(all)
    }

    /// None if somebody else changed the index meanwhile.
    fn find_or_create_batch(&self, keys: &[&K]) -> Option<Leases<'_, K, V>> {
        let before = self.root();
        let mut leases = Leases { index: self, records: Vec::with_capacity(keys.len()) };
        let mut after = None;
        for key in keys {
            leases.records.push(Self::find_or_create_in(&before, &mut after, key));
        }
        after.is_none_or(|after| self.replace(&before, after)).then_some(leases)
    }

    fn find_or_create_in(
        before: &Root<K, V>,
        after: &mut Option<Root<K, V>>,
        key: &K,
    ) -> Arc<Record<K, V>> {
        let tree = after.as_ref().unwrap_or(before);
        let found = tree.find(|slot| slot.key().cmp(key));
        if let Ok(path) = &found
            && let Some(slot) = tree.item(path)
            && slot.record.lease()
        {
            return Arc::clone(&slot.record);
        }
        let created = Record::leased(key.clone());
        let tree = after.get_or_insert_with(|| before.clone());
        match found {
            Ok(path) => drop(tree.replace_at(&path, Slot::new(Arc::clone(&created)))),
            Err(path) => tree.insert_at(&path, Slot::new(Arc::clone(&created))),
        }
        created
    }

    /// Ends a lease without a version; a record that is of no use any more leaves.
    pub(crate) fn give_up(&self, record: &Arc<Record<K, V>>) {
        if record.release() {
            self.take_out(record);
        }
    }

    /// Takes a sealed record out. A comparator that panics leaves it where it is, for the
    /// next writer of the key to replace.
    pub(crate) fn take_out(&self, sealed: &Arc<Record<K, V>>) {
        if self.usage.is_some() {
            self.count_unlinked(sealed.census().0);
        }
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| self.remove(sealed))) {
            std::mem::forget(payload);
        }
    }

    /// Takes a sealed record out, unless another has taken its place already.
    fn remove(&self, sealed: &Arc<Record<K, V>>) {
        loop {
            let before = self.root();
            let found = before.find(|slot| slot.key().cmp(sealed.key()));
            let path = match found {
                Ok(path)
                    if before.item(&path).is_some_and(|at| Arc::ptr_eq(&at.record, sealed)) =>
                {
                    path
                }
                _ => return,
            };
            let mut after = before.clone();
            drop(after.remove_at(&path));
            if self.replace(&before, after) {
                return;
            }
        }
    }

    /// Puts `after` in the place of `before`, if that is still the root.
    fn replace(&self, before: &Root<K, V>, after: Root<K, V>) -> bool {
        let mut root = self.root.write();
        if !root.same(before) {
            return false;
        }
        let (len, old) = (after.len(), std::mem::replace(&mut *root, after));
        self.changes.fetch_add(1, Memory::Release);
        drop(root);
        self.count_keys(old.len(), len);
        drop(old);
        true
    }
}

/// How a slot's key relates to a sought one.
pub(crate) fn relate<K, V, Q>(slot: &Slot<K, V>, key: &Q) -> Ordering
where
    K: std::borrow::Borrow<Q>,
    Q: Ord + ?Sized,
{
    slot.key().borrow().cmp(key)
}

/// Leases that end again if the search is given up, be it by a panicking comparator.
struct Leases<'i, K: Ord + Clone, V> {
    index: &'i Index<K, V>,
    records: Vec<Arc<Record<K, V>>>,
}

impl<K: Ord + Clone, V> Drop for Leases<'_, K, V> {
    fn drop(&mut self) {
        if crate::sync::model_failed() {
            return;
        }
        self.records.drain(..).for_each(|record| self.index.give_up(&record));
    }
}

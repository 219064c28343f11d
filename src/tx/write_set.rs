//! The write set: a transaction's own values, at addresses that stay until it ends.
//!
//! The tree holds the newest write of each key; a range that is open holds a clone of
//! it, and so sees exactly the writes that were made before the range was created.
//! Overwritten and removed values are retired, not freed: a reference to them may live
//! as long as the transaction. The tree is searched under a shared borrow and changed,
//! without a comparison, under an exclusive one: no user code runs while it is borrowed
//! exclusively.
//!
//! While a savepoint is open, the first write after it leaves a mark, and every write is
//! entered in a journal. At any time each version stands in exactly one place:
//!
//! ```text
//!   written and not undone:   tree, or retired if overwritten since
//!   undone, or beyond limit:  lost
//! ```
//!
//! A rollback puts the tree of a mark back. What was retired since then was either in that
//! tree, or is in the journal since then, and so lost with everything else there.
#![allow(unsafe_code)]

use std::borrow::Borrow;
use std::cell::{Cell, RefCell};
use std::ptr::NonNull;
use std::sync::Arc;

use crate::store::tree::Tree;
use crate::store::version::{self, Version};
use crate::tx::live::Kept;

/// The newest own write of a key.
pub(crate) struct OwnWrite<K, V> {
    pub(crate) key: Kept<K>,
    pub(crate) version: NonNull<Version<V>>,
}

// SAFETY: the pointer is followed only through the write set that owns the version, or
// after the version was installed in a chain, where it is shared like any other.
unsafe impl<K: Send + Sync, V: Send + Sync> Send for OwnWrite<K, V> {}
// SAFETY: as above.
unsafe impl<K: Send + Sync, V: Send + Sync> Sync for OwnWrite<K, V> {}

impl<K, V> Clone for OwnWrite<K, V> {
    fn clone(&self) -> Self {
        Self { key: Arc::clone(&self.key), version: self.version }
    }
}

/// What a transaction will install in one table.
pub(crate) struct WriteSet<K, V> {
    tree: RefCell<Tree<OwnWrite<K, V>>>,
    retired: RefCell<Vec<NonNull<Version<V>>>>,
    /// Versions that will never be installed.
    lost: RefCell<Vec<NonNull<Version<V>>>>,
    /// None before the first write under a savepoint.
    undo: RefCell<Option<Box<Undo<K, V>>>>,
    /// Whether the versions in the tree belong to the part that installs them by now.
    handed_over: Cell<bool>,
}

/// What a rollback to a savepoint needs.
struct Undo<K, V> {
    /// Ascending. The first one at or after an open savepoint is the state to return to;
    /// if there is none, nothing was written since.
    marks: Vec<Mark<K, V>>,
    /// What was written since the first mark and is not undone.
    journal: Vec<OwnWrite<K, V>>,
    /// The keys of what was undone: references to them may live as long as the transaction.
    keys: Vec<Kept<K>>,
}

impl<K, V> Default for Undo<K, V> {
    fn default() -> Self {
        Self { marks: Vec::new(), journal: Vec::new(), keys: Vec::new() }
    }
}

/// The write set as it was before the first write after a savepoint.
struct Mark<K, V> {
    savepoint: u64,
    tree: Tree<OwnWrite<K, V>>,
    /// Lengths.
    retired: usize,
    journal: usize,
}

// SAFETY: the write set owns its versions; moving it moves values of V.
unsafe impl<K: Send + Sync, V: Send + Sync> Send for WriteSet<K, V> {}

impl<K, V> WriteSet<K, V> {
    pub(crate) fn new() -> Self {
        Self {
            tree: RefCell::new(Tree::default()),
            retired: RefCell::new(Vec::new()),
            lost: RefCell::new(Vec::new()),
            undo: RefCell::new(None),
            handed_over: Cell::new(false),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.tree.borrow().is_empty()
    }

    /// The writes as they are now.
    pub(crate) fn frozen(&self) -> Tree<OwnWrite<K, V>> {
        self.tree.borrow().clone()
    }

    /// The writes that no rollback to an open savepoint can undo.
    pub(crate) fn certain(&self) -> Tree<OwnWrite<K, V>> {
        let undo = self.undo.borrow();
        let oldest = undo.as_ref().and_then(|undo| undo.marks.first());
        oldest.map_or_else(|| self.frozen(), |oldest| oldest.tree.clone())
    }

    /// The own value of a key: none if it was not written, a none within if it was
    /// removed. Runs `cmp`; the caller forbids writes meanwhile.
    pub(crate) fn get<Q>(&self, key: &Q) -> Option<Option<&V>>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        let tree = self.tree.borrow();
        let own = tree.get(|own| (**own.key).borrow().cmp(key))?;
        Some(self.value(own))
    }

    /// The value of an own write, for as long as the write set lives.
    pub(crate) fn value(&self, own: &OwnWrite<K, V>) -> Option<&V> {
        // SAFETY: a version that was once in the tree is freed by `Drop` at the
        // earliest, which needs the write set for itself.
        unsafe { own.version.as_ref() }.value()
    }

    /// The key of an own write, for as long as the write set lives.
    pub(crate) fn key(&self, own: &OwnWrite<K, V>) -> &K {
        let key: *const K = &raw const **own.key;
        // SAFETY: the tree, or the list of undone keys, keeps a reference count on the
        // key of everything that was ever in the tree: a later write of an equal key
        // takes the first one's `Arc` over.
        unsafe { &*key }
    }

    /// From now on the versions in the tree belong to the part that installs them. They may be
    /// elsewhere by then: nothing of the tree is asked any more.
    pub(crate) fn hand_over(&self) {
        self.handed_over.set(true);
    }
}

impl<K: Ord + Clone, V> WriteSet<K, V> {
    /// Writes a value, or a tombstone. `savepoint` is the newest one that is open, 0 if
    /// there is none. Runs `cmp`; the caller forbids writes meanwhile.
    pub(crate) fn put(&self, key: K, value: Option<V>, savepoint: u64) -> Option<&V> {
        let found = self.tree.borrow().find(|own| (**own.key).cmp(&key));
        let version = Version::allocate(value);
        if savepoint > 0 {
            self.mark(savepoint);
        }
        let old = found.ok().and_then(|path| self.tree.borrow().item(&path).cloned());
        let write = match &old {
            Some(old) => OwnWrite { key: Arc::clone(&old.key), version },
            None => OwnWrite { key: Kept::new(key.into()), version },
        };
        if savepoint > 0 {
            self.undo.borrow_mut().get_or_insert_default().journal.push(write.clone());
        }
        let mut tree = self.tree.borrow_mut();
        match found {
            Ok(path) => {
                self.retired.borrow_mut().push(tree.replace_at(&path, write).version);
            }
            Err(path) => tree.insert_at(&path, write),
        }
        // SAFETY: as in `value`.
        unsafe { &*version.as_ptr() }.value()
    }

    /// Fills an empty write set with rows whose keys ascend. O(n), no comparison.
    pub(crate) fn load(&self, rows: Vec<(K, V)>) {
        let write = |(key, value): (K, V)| OwnWrite {
            key: Kept::new(key.into()),
            version: Version::allocate(Some(value)),
        };
        let writes = Tree::from_sorted(rows.into_iter().map(write).collect());
        let empty = self.tree.replace(writes);
        assert!(empty.is_empty(), "a write set is loaded before anything is written");
    }

    /// Before a write: remembers the state for a rollback to this savepoint, once.
    fn mark(&self, savepoint: u64) {
        let mut undo = self.undo.borrow_mut();
        let undo = undo.get_or_insert_default();
        if undo.marks.last().is_none_or(|newest| newest.savepoint < savepoint) {
            undo.marks.push(Mark {
                savepoint,
                tree: self.frozen(),
                retired: self.retired.borrow().len(),
                journal: undo.journal.len(),
            });
        }
    }
}

impl<K, V> WriteSet<K, V> {
    /// Keeps a value that will not be written, beyond the limit, for its reference.
    pub(crate) fn set_aside(&self, value: Option<V>) -> Option<&V> {
        let version = Version::allocate(value);
        self.lost.borrow_mut().push(version);
        // SAFETY: as in `value`.
        unsafe { &*version.as_ptr() }.value()
    }

    /// Undoes what was written since a savepoint. Values and keys stay where they are, so
    /// that no user code runs. O(writes since then).
    pub(crate) fn roll_back_to(&self, savepoint: u64) {
        let mut undo = self.undo.borrow_mut();
        let Some(Undo { marks, journal, keys }) = undo.as_deref_mut() else { return };
        let first = marks.partition_point(|mark| mark.savepoint < savepoint);
        let gone = marks.split_off(first);
        let Some(mark) = gone.first() else { return };
        let undone = self.tree.replace(mark.tree.clone());
        self.retired.borrow_mut().truncate(mark.retired);
        let mut lost = self.lost.borrow_mut();
        for write in journal.drain(mark.journal..) {
            lost.push(write.version);
            keys.push(write.key);
        }
        drop((lost, undo));
        drop((undone, gone));
    }

    /// Forgets what only rollbacks to savepoints after `newest` need; all if that is 0.
    pub(crate) fn keep(&self, newest: u64) {
        let mut slot = self.undo.borrow_mut();
        let Some(undo) = slot.as_deref_mut() else { return };
        let needed = match newest {
            0 => 0,
            _ => undo.marks.partition_point(|mark| mark.savepoint < newest) + 1,
        };
        let at = needed.min(undo.marks.len());
        let gone = undo.marks.split_off(at);
        let journal = if at == 0 { std::mem::take(&mut undo.journal) } else { Vec::new() };
        drop(slot);
        drop((gone, journal));
    }
}

impl<K, V> Drop for WriteSet<K, V> {
    fn drop(&mut self) {
        if crate::sync::model_failed() {
            return;
        }
        // SAFETY: each version is in the tree, retired or lost, once; nobody can hold a
        // reference, since those borrow from the transaction.
        let free = |version| unsafe { version::free(version) };
        self.retired.get_mut().drain(..).for_each(free);
        self.lost.get_mut().drain(..).for_each(free);
        if !self.handed_over.get() {
            self.tree.get_mut().for_each(|own| free(own.version));
        }
    }
}

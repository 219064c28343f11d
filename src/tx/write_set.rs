//! The write set: a transaction's own values, at addresses that stay until it ends.
//!
//! The tree holds the newest write of each key; a range that is open holds a clone of
//! it, and so sees exactly the writes that were made before the range was created.
//! Overwritten and removed values are retired, not freed: a reference to them may live
//! as long as the transaction. The tree is searched under a shared borrow and changed,
//! without a comparison, under an exclusive one: no user code runs while it is borrowed
//! exclusively.
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
    /// Whether the versions in the tree belong to the chains by now.
    handed_over: Cell<bool>,
}

// SAFETY: the write set owns its versions; moving it moves values of V.
unsafe impl<K: Send + Sync, V: Send + Sync> Send for WriteSet<K, V> {}

impl<K, V> WriteSet<K, V> {
    pub(crate) fn new() -> Self {
        Self {
            tree: RefCell::new(Tree::default()),
            retired: RefCell::new(Vec::new()),
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
        // SAFETY: the tree keeps a reference count on the key of everything that was
        // ever in it: a later write of an equal key takes the first one's `Arc` over.
        unsafe { &*key }
    }

    /// From now on the versions in the tree belong to the chains.
    pub(crate) fn hand_over(&self) {
        self.handed_over.set(true);
    }
}

impl<K: Ord + Clone, V> WriteSet<K, V> {
    /// Writes a value, or a tombstone. Runs `cmp`; the caller forbids writes meanwhile.
    pub(crate) fn put(&self, key: K, value: Option<V>) -> Option<&V> {
        let found = self.tree.borrow().find(|own| (**own.key).cmp(&key));
        let version = Version::allocate(value);
        let mut tree = self.tree.borrow_mut();
        match found {
            Ok(path) => {
                if let Some(old) = tree.item(&path).cloned() {
                    self.retired.borrow_mut().push(old.version);
                    drop(tree.replace_at(&path, OwnWrite { version, ..old }));
                }
            }
            Err(path) => tree.insert_at(&path, OwnWrite { key: Kept::new(key.into()), version }),
        }
        // SAFETY: as in `value`.
        unsafe { &*version.as_ptr() }.value()
    }
}

impl<K, V> WriteSet<K, V> {
    /// Keeps a value that will not be written, beyond the limit, for its reference.
    pub(crate) fn set_aside(&self, value: Option<V>) -> Option<&V> {
        let version = Version::allocate(value);
        self.retired.borrow_mut().push(version);
        // SAFETY: as in `value`.
        unsafe { &*version.as_ptr() }.value()
    }
}

impl<K, V> Drop for WriteSet<K, V> {
    fn drop(&mut self) {
        if crate::sync::model_failed() {
            return;
        }
        // SAFETY: each version is in the tree or retired, once; nobody can hold a
        // reference, since those borrow from the transaction.
        let free = |version| unsafe { version::free(version) };
        self.retired.get_mut().drain(..).for_each(free);
        if !self.handed_over.get() {
            self.tree.get_mut().for_each(|own| free(own.version));
        }
    }
}

//! Ranges of a detached snapshot: a walk over the index from both ends that skips what
//! the timestamp does not see.

use std::fmt;
use std::iter::FusedIterator;

use crate::key_range::KeyRange;
use crate::store::Quiet;
use crate::store::index::Index;
use crate::timestamp::Timestamp;
use crate::tx::pinned::Pinned;
use crate::tx::read_set::{Bounds, above, below};
use crate::tx::table::{Key, Value};
use crate::tx::window::{End, Look, Window};

/// A double-ended iterator over the rows of a range, by
/// [`Snapshot::range`](crate::Snapshot::range).
///
/// Like the snapshot it can be sent to other threads, and it never fails.
///
/// ```
/// use precedent::{Database, Table};
/// let db = Database::new();
/// let t: Table<u8, char> = db.table("t")?;
/// db.transact(|tx| Ok((1..=4).zip('a'..).for_each(|(k, v)| tx.insert(&t, k, v))))?;
/// let snap = db.safe_snapshot();
/// let mut rows = snap.range(&t, 2..);
/// assert!(format!("{rows:?}").contains("timestamp"));
/// assert_eq!(rows.next(), Some((&2, &'b')));
/// assert_eq!(rows.next_back(), Some((&4, &'d')));
/// assert_eq!(rows.collect::<Vec<_>>(), [(&3, &'c')]);
/// # Ok::<(), precedent::Error>(())
/// ```
///
/// What it lends stays only as long as the handle that it came from:
///
/// ```compile_fail,E0505
/// # use precedent::{Database, Table};
/// # let db = Database::new();
/// # let t: Table<u8, char> = db.table("t")?;
/// let snap = db.safe_snapshot();
/// let row = snap.first_key_value(&t);
/// drop(snap);
/// assert_eq!(row, None);
/// # Ok::<(), precedent::Error>(())
/// ```
#[must_use = "it is lazy"]
pub struct SnapshotRange<'s, K, V> {
    snapshot: &'s Pinned,
    index: &'s Index<K, V>,
    bounds: Bounds<K>,
    window: Window<'s, K, V>,
}

impl<'s, K: Key, V: Value> SnapshotRange<'s, K, V> {
    /// `index` is that of a table that the snapshot keeps.
    pub(crate) fn new(
        snapshot: &'s Pinned,
        index: &'s Index<K, V>,
        range: impl KeyRange<K>,
    ) -> Self {
        let (lower, upper) = range.into_bounds();
        let bounds = Bounds { lower: lower.map(Quiet::new), upper: upper.map(Quiet::new) };
        let window = Window::new(&bounds);
        Self { snapshot, index, bounds, window }
    }

    fn step(&mut self, end: End) -> Option<(&'s K, &'s V)> {
        while self.window.is_short(end) {
            let timestamp = self.snapshot.pin.timestamp();
            let how = Look { index: self.index, timestamp, stop: false };
            let before = |key: &K| !above(&self.bounds.lower, key);
            let within = |key: &K| below(&self.bounds.upper, key);
            self.window.look(end, &how, before, within, &self.snapshot.walk());
        }
        let row = self.window.pop(end)?;
        Some((row.record.key(), row.version.value()?))
    }
}

impl<'s, K: Key, V: Value> Iterator for SnapshotRange<'s, K, V> {
    type Item = (&'s K, &'s V);

    fn next(&mut self) -> Option<Self::Item> {
        self.step(End::Front)
    }
}

impl<K: Key, V: Value> DoubleEndedIterator for SnapshotRange<'_, K, V> {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.step(End::Back)
    }
}

impl<K: Key, V: Value> FusedIterator for SnapshotRange<'_, K, V> {}

/// A double-ended iterator over the keys of a range, by
/// [`Snapshot::keys`](crate::Snapshot::keys).
///
/// ```
/// # use precedent::{Database, Table};
/// # let db = Database::new();
/// # let t: Table<u8, char> = db.table("t")?;
/// # db.transact(|tx| Ok(tx.insert(&t, 1, 'a')))?;
/// assert_eq!(db.safe_snapshot().keys(&t, ..).next_back(), Some(&1));
/// # Ok::<(), precedent::Error>(())
/// ```
#[must_use = "it is lazy"]
pub struct SnapshotKeys<'s, K, V>(pub(crate) SnapshotRange<'s, K, V>);

/// A double-ended iterator over the values of a range, in the order of their keys, by
/// [`Snapshot::values`](crate::Snapshot::values).
///
/// ```
/// # use precedent::{Database, Table};
/// # let db = Database::new();
/// # let t: Table<u8, u32> = db.table("t")?;
/// # db.transact(|tx| Ok(tx.insert(&t, 1, 30)))?;
/// assert_eq!(db.safe_snapshot().values(&t, ..).sum::<u32>(), 30);
/// # Ok::<(), precedent::Error>(())
/// ```
#[must_use = "it is lazy"]
pub struct SnapshotValues<'s, K, V>(pub(crate) SnapshotRange<'s, K, V>);

impl<'s, K: Key, V: Value> Iterator for SnapshotKeys<'s, K, V> {
    type Item = &'s K;

    fn next(&mut self) -> Option<&'s K> {
        self.0.next().map(|(key, _)| key)
    }
}

impl<K: Key, V: Value> DoubleEndedIterator for SnapshotKeys<'_, K, V> {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.0.next_back().map(|(key, _)| key)
    }
}

impl<K: Key, V: Value> FusedIterator for SnapshotKeys<'_, K, V> {}

impl<'s, K: Key, V: Value> Iterator for SnapshotValues<'s, K, V> {
    type Item = &'s V;

    fn next(&mut self) -> Option<&'s V> {
        self.0.next().map(|(_, value)| value)
    }
}

impl<K: Key, V: Value> DoubleEndedIterator for SnapshotValues<'_, K, V> {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.0.next_back().map(|(_, value)| value)
    }
}

impl<K: Key, V: Value> FusedIterator for SnapshotValues<'_, K, V> {}

impl<K, V> fmt::Debug for SnapshotRange<'_, K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let timestamp = Timestamp::from(self.snapshot.pin.timestamp());
        f.debug_struct("SnapshotRange").field("timestamp", &timestamp).finish_non_exhaustive()
    }
}

impl<K, V> fmt::Debug for SnapshotKeys<'_, K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SnapshotKeys").field(&self.0).finish()
    }
}

impl<K, V> fmt::Debug for SnapshotValues<'_, K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SnapshotValues").field(&self.0).finish()
    }
}

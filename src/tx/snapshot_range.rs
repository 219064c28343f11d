//! Ranges of a detached snapshot: a walk over the index from both ends that skips what
//! the timestamp does not see.

use std::collections::VecDeque;
use std::fmt;
use std::iter::FusedIterator;

use crate::key_range::KeyRange;
use crate::store::Quiet;
use crate::store::index::{Root, Slot};
use crate::store::tree::Span;
use crate::timestamp::Timestamp;
use crate::tx::pinned::Pinned;
use crate::tx::read_set::{above, below};
use crate::tx::table::{Key, Value};

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
    /// What was not looked at yet. The index as it was when the range was created: every
    /// key that the snapshot sees is in it.
    rest: Span<Slot<K, V>>,
    /// What was looked at and not returned yet, each with its outermost row first.
    front: Ahead<'s, K, V>,
    back: Ahead<'s, K, V>,
}

/// Rows that one end is ahead of what it was asked for: to begin a walk costs more than a
/// row, and to keep one would hold up everybody who frees.
struct Ahead<'s, K, V> {
    rows: VecDeque<(&'s K, &'s V)>,
    /// How many slots the next walk looks at. It grows, so that a range which is dropped
    /// early has looked at few.
    next: usize,
}

/// Slots that one walk looks at, at most.
const MOST_AHEAD: usize = 64;

impl<K, V> Ahead<'_, K, V> {
    fn nothing() -> Self {
        Self { rows: VecDeque::new(), next: 1 }
    }
}

impl<'s, K: Key, V: Value> SnapshotRange<'s, K, V> {
    /// `root` is the index of a table that the snapshot keeps.
    pub(crate) fn new(snapshot: &'s Pinned, root: Root<K, V>, range: impl KeyRange<K>) -> Self {
        let (lower, upper) = range.into_bounds();
        let (lower, upper) = (lower.map(Quiet::new), upper.map(Quiet::new));
        let before = |slot: &Slot<K, V>| !above(&lower, slot.key());
        let within = |slot: &Slot<K, V>| below(&upper, slot.key());
        let rest = Span::new(root, before, within);
        Self { snapshot, rest, front: Ahead::nothing(), back: Ahead::nothing() }
    }

    /// Looks at some more slots from one end.
    fn look_ahead(
        &mut self,
        ahead: impl Fn(&mut Self) -> &mut Ahead<'s, K, V>,
        slot: impl Fn(&Span<Slot<K, V>>) -> Option<&Slot<K, V>>,
        leave: impl Fn(&mut Span<Slot<K, V>>),
    ) {
        let mut slots = ahead(self).next;
        ahead(self).next = (slots * 2).min(MOST_AHEAD);
        let snapshot = self.snapshot;
        let walk = snapshot.walk();
        while slots > 0
            && let Some(slot) = slot(&self.rest)
        {
            let row = snapshot.row(&slot.record, &walk);
            leave(&mut self.rest);
            ahead(self).rows.extend(row);
            slots -= 1;
        }
    }
}

impl<'s, K: Key, V: Value> Iterator for SnapshotRange<'s, K, V> {
    type Item = (&'s K, &'s V);

    fn next(&mut self) -> Option<Self::Item> {
        while self.front.rows.is_empty() && self.rest.front().is_some() {
            self.look_ahead(|range| &mut range.front, Span::front, Span::advance);
        }
        self.front.rows.pop_front().or_else(|| self.back.rows.pop_back())
    }
}

impl<K: Key, V: Value> DoubleEndedIterator for SnapshotRange<'_, K, V> {
    fn next_back(&mut self) -> Option<Self::Item> {
        while self.back.rows.is_empty() && self.rest.back().is_some() {
            self.look_ahead(|range| &mut range.back, Span::back, Span::retreat);
        }
        self.back.rows.pop_front().or_else(|| self.front.rows.pop_back())
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

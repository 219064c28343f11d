//! The rows of a range that were looked at, from both ends, ahead of being asked for.
//!
//! ```text
//!   asked for   looked at            not yet            looked at   asked for
//!   a  c  f   | h  k  m |  …                        … | t  w      | y
//!                 front ^ at                       at ^ back
//! ```
//!
//! To search costs more than a row, and to walk holds up everybody who frees. So some rows
//! are looked at in one walk; they stay, because a pin sees them. What is looked at is not
//! observed: that is for whoever asks for it.
#![allow(unsafe_code)]

use std::ops::{Bound, ControlFlow};
use std::ptr::NonNull;

use crate::store::index::{Circle, Index};
use crate::store::leaf::Entry;
use crate::store::record::{Record, Shared};
use crate::store::registry::Walk;
use crate::store::version::Version;
use crate::tx::read_set::Bounds;
use crate::tx::table::{Key, Value};

/// Entries that the first walk looks at: a range that is dropped early has looked at few.
#[cfg(not(any(test, precedent_tiny, precedent_loom, fuzzing)))]
const FIRST: usize = 8;
#[cfg(any(test, precedent_tiny, precedent_loom, fuzzing))]
const FIRST: usize = 1;
/// The same, from the front of a range that names both ends: most often all of it is asked for.
const FIRST_BOUNDED: usize = FIRST * 4;
/// How many times more each further walk looks at.
const MORE: usize = 4;
/// Entries that one walk looks at, at most.
const MOST: usize = 64;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Front,
    Back,
}

/// A row that a pinned timestamp sees.
pub(crate) struct Row<'t, K, V> {
    pub(crate) record: &'t Record<K, V>,
    pub(crate) version: &'t Version<V>,
}

impl<K, V> Clone for Row<'_, K, V> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K, V> Copy for Row<'_, K, V> {}

pub(crate) struct Window<'t, K, V> {
    front: Side<'t, K, V>,
    back: Side<'t, K, V>,
    /// There is nothing between the two sides that was not looked at.
    whole: bool,
}

/// Rows that are taken from both ends and added at one.
pub(crate) struct Rows<'t, K, V> {
    /// The outermost first.
    rows: Vec<Row<'t, K, V>>,
    /// Those before it were taken.
    from: usize,
}

impl<'t, K, V> Rows<'t, K, V> {
    #[inline]
    pub(crate) fn outermost(&self) -> Option<Row<'t, K, V>> {
        self.rows.get(self.from).copied()
    }

    fn innermost(&self) -> Option<Row<'t, K, V>> {
        self.rows[self.from.min(self.rows.len())..].last().copied()
    }

    #[inline]
    pub(crate) fn pop_outermost(&mut self) -> Option<Row<'t, K, V>> {
        let row = self.outermost();
        self.from += usize::from(row.is_some());
        row
    }

    fn pop_innermost(&mut self) -> Option<Row<'t, K, V>> {
        let row = self.innermost();
        self.rows.truncate(self.rows.len() - usize::from(row.is_some()));
        row
    }

    /// Makes room for the rows of a look, where rows were taken.
    fn make_room(&mut self) {
        self.rows.drain(..self.from);
        self.from = 0;
        // Of the largest look at once: to grow step by step would copy.
        self.rows.reserve(MOST);
    }
}

struct Side<'t, K, V> {
    rows: Rows<'t, K, V>,
    /// Everything up to this one was looked at.
    at: Option<Shared<K, V>>,
    /// The next record has a version that is newer than the timestamp.
    newer: bool,
    /// How many entries the next walk looks at.
    next: usize,
    /// Of where the walks ended.
    circle: Circle<Shared<K, V>>,
    /// They went round: the order is none.
    astray: bool,
}

/// How to look further.
pub(crate) struct Look<'l, K, V> {
    pub(crate) index: &'l Index<K, V>,
    /// It is pinned for as long as the window's rows are lent.
    pub(crate) timestamp: u64,
    /// Stop in front of a record with something newer than the timestamp.
    pub(crate) stop: bool,
}

impl<'t, K: Key, V: Value> Window<'t, K, V> {
    /// Nothing of a range was looked at.
    pub(crate) fn new(bounds: &Bounds<K>) -> Self {
        let bounded = !matches!(
            (&bounds.lower, &bounds.upper),
            (Bound::Unbounded, _) | (_, Bound::Unbounded)
        );
        let first = if bounded { FIRST_BOUNDED } else { FIRST };
        // Who asks from the back often wants the last row only.
        Self { front: Side::new(first), back: Side::new(FIRST), whole: false }
    }

    /// The next row, if it was looked at.
    pub(crate) fn row(&self, end: End) -> Option<Row<'t, K, V>> {
        let (near, far) = self.sides(end);
        near.rows.outermost().or_else(|| far.rows.innermost().filter(|_| self.whole))
    }

    /// Leaves the next row behind.
    pub(crate) fn pop(&mut self, end: End) -> Option<Row<'t, K, V>> {
        let whole = self.whole;
        let (near, far) = match end {
            End::Front => (&mut self.front, &mut self.back),
            End::Back => (&mut self.back, &mut self.front),
        };
        near.rows.pop_outermost().or_else(|| if whole { far.rows.pop_innermost() } else { None })
    }

    /// The rows that were looked at from one end.
    #[inline]
    pub(crate) fn near(&mut self, end: End) -> &mut Rows<'t, K, V> {
        match end {
            End::Front => &mut self.front.rows,
            End::Back => &mut self.back.rows,
        }
    }

    /// Whether the next row was not looked at yet.
    pub(crate) fn is_short(&self, end: End) -> bool {
        !self.whole && self.sides(end).0.rows.outermost().is_none()
    }

    /// Whether it stopped there in front of something newer.
    pub(crate) fn is_at_newer(&self, end: End) -> bool {
        self.is_short(end) && self.sides(end).0.newer
    }

    fn sides(&self, end: End) -> (&Side<'t, K, V>, &Side<'t, K, V>) {
        match end {
            End::Front => (&self.front, &self.back),
            End::Back => (&self.back, &self.front),
        }
    }

    /// Looks at some more entries from one end of a range. Where it stopped in front of
    /// something newer it passes that. Runs `before` and `within`.
    pub(crate) fn look(
        &mut self,
        end: End,
        how: &Look<'_, K, V>,
        before: impl Fn(&K) -> bool,
        within: impl Fn(&K) -> bool,
        walk: &Walk<'_>,
    ) {
        let (front, back) = (self.front.at.clone(), self.back.at.clone());
        let before = |key: &K| front.as_ref().map_or_else(|| before(key), |at| key <= at.key());
        let within = |key: &K| back.as_ref().map_or_else(|| within(key), |at| key < at.key());
        let side = match end {
            End::Front => &mut self.front,
            End::Back => &mut self.back,
        };
        let mut looking = Looking::new(side, how, walk);
        let looked = match end {
            End::Front => {
                let visit = |entries: &[Entry<K, V>]| looking.at_all(entries.iter());
                how.index.ascend(before, within, walk, visit)
            }
            End::Back => {
                let visit = |entries: &[Entry<K, V>]| looking.at_all(entries.iter().rev());
                how.index.descend(before, within, walk, visit)
            }
        };
        self.whole = looked.is_continue() || self.front.astray || self.back.astray;
    }
}

impl<K, V> Side<'_, K, V> {
    fn new(next: usize) -> Self {
        let (rows, circle) = (Rows { rows: Vec::new(), from: 0 }, Circle::new());
        Self { rows, at: None, newer: false, next, circle, astray: false }
    }
}

/// One look from one end.
struct Looking<'l, 's, 't, K, V> {
    side: &'s mut Side<'t, K, V>,
    how: &'l Look<'l, K, V>,
    walk: &'l Walk<'l>,
    left: usize,
    /// The one that it stopped at before is passed.
    pass: bool,
}

impl<'l, 's, 't, K: Key, V: Value> Looking<'l, 's, 't, K, V> {
    fn new(side: &'s mut Side<'t, K, V>, how: &'l Look<'l, K, V>, walk: &'l Walk<'l>) -> Self {
        let left = side.next;
        side.next = (left * MORE).min(MOST);
        let pass = std::mem::take(&mut side.newer);
        side.rows.make_room();
        Self { side, how, walk, left, pass }
    }

    fn at_all<'e>(
        &mut self,
        entries: impl Iterator<Item = &'e Entry<K, V>> + Clone,
    ) -> ControlFlow<()> {
        let mut last = None;
        let mut looked = ControlFlow::Continue(());
        // All the lines at once, rather than one after the other, and those of the next look.
        let ahead = entries.clone().take(self.left * MORE);
        ahead.for_each(|entry| entry.record().prefetch());
        entries.clone().take(self.left).for_each(|entry| entry.record().chain().prefetch());
        for entry in entries {
            if self.left == 0 || !self.at(entry.record()) {
                looked = ControlFlow::Break(());
                break;
            }
            self.left -= 1;
            last = Some(entry);
        }
        if let Some(last) = last {
            let last = last.share();
            if self.side.circle.is_closed(&last, Shared::is) {
                self.side.astray = true;
                looked = ControlFlow::Break(());
            }
            self.side.at = Some(last);
        }
        looked
    }

    /// False if it stops in front of this one.
    fn at(&mut self, record: &Record<K, V>) -> bool {
        let timestamp = self.how.timestamp;
        let (newest, version) = record.chain().look(timestamp, self.walk);
        if newest > timestamp && self.how.stop && !std::mem::take(&mut self.pass) {
            self.side.newer = true;
            return false;
        }
        if let Some(version) = version.filter(|version| version.value().is_some()) {
            let (record, version) = (NonNull::from(record), NonNull::from(version));
            // SAFETY: the version is visible at a timestamp that is pinned for as long as the
            // window's rows are lent, so it stays in its chain (I4), and since it is no
            // tombstone its record stays in the index (I5).
            let (record, version) = unsafe { (record.as_ref(), version.as_ref()) };
            self.side.rows.rows.push(Row { record, version });
        }
        true
    }
}

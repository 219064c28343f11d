//! Range reads: the index and the write set merged, from both ends, as far as they are
//! driven.
//!
//! ```text
//!   index:   a   c   .   f   h          (at the snapshot; . is invisible)
//!   own:         c'  d   f-             (frozen when the range was created; f- a removal)
//!   yields:  a   c'  d   h              observed from the front: lower bound ..= last key
//! ```
//!
//! What was observed is noted with every row, not when the iterator is dropped: an
//! iterator that is leaked half-way has been noted half-way. While the user's comparator
//! or predicate runs, no borrow of the transaction is held.
#![allow(unsafe_code)]

use std::cmp::Ordering;
use std::fmt;
use std::iter::FusedIterator;
use std::ops::Bound;
use std::sync::Arc;

use crate::key_range::KeyRange;
use crate::store::Quiet;
use crate::store::leaf::is_plain;
use crate::store::record::RecordId;
use crate::store::tree::{Span, Tree};
use crate::store::version::{NEVER, Version};
use crate::tx::core::Core;
use crate::tx::hook::Sight;
use crate::tx::live::{Hit, Reach};
use crate::tx::read_set::{Bounds, Predicate, Scan, above, below};
use crate::tx::table::{Key, Value};
use crate::tx::tx_table::TxTable;
use crate::tx::window::{End, Look, Row, Window};
use crate::tx::write_set::OwnWrite;

/// A double-ended iterator over the rows of a range, by [`Transaction::range`] and
/// [`Transaction::range_where`].
///
/// It reads as it goes: what it has not been asked for is not a dependency. A row costs
/// O(1) amortised, the first one of each end O(log n).
///
/// ```
/// use precedent::{Database, Table};
/// let db = Database::new();
/// let t: Table<u8, char> = db.table("t")?;
/// db.transact(|tx| Ok((1..=4).zip('a'..).for_each(|(k, v)| tx.insert(&t, k, v))))?;
/// let tx = db.begin();
/// let mut rows = tx.range(&t, 2..);
/// assert!(format!("{rows:?}").contains("lower: Included(2)")); // the rows are not read by it
/// assert_eq!(rows.next(), Some((&2, &'b')));
/// assert_eq!(rows.next_back(), Some((&4, &'d')));
/// assert_eq!(rows.collect::<Vec<_>>(), [(&3, &'c')]);
/// # Ok::<(), precedent::Error>(())
/// ```
///
/// It borrows from the transaction, so it cannot outlive the commit:
///
/// ```compile_fail,E0505
/// # use precedent::{Database, Table};
/// # let db = Database::new();
/// # let t: Table<u8, char> = db.table("t")?;
/// let tx = db.begin();
/// let mut rows = tx.range(&t, ..);
/// tx.commit()?;
/// rows.next();
/// # Ok::<(), precedent::Error>(())
/// ```
///
/// [`Transaction::range`]: crate::Transaction::range
/// [`Transaction::range_where`]: crate::Transaction::range_where
#[must_use = "it is lazy: what it is not asked for is neither looked at nor a dependency"]
pub struct Range<'t, K, V> {
    core: &'t Core<'t>,
    table: &'t TxTable<K, V>,
    bounds: Arc<Bounds<K>>,
    own: Tree<OwnWrite<K, V>>,
    predicate: Option<Arc<Predicate<K, V>>>,
    /// The scan in the read set that notes what is observed; none if reads are untracked.
    scan: Option<u64>,
    number: u64,
    /// The last key returned from each end.
    front: Option<&'t K>,
    back: Option<&'t K>,
    /// What is left between them; none before the first row and after a slide.
    rest: Option<Rest<'t, K, V>>,
    slides: u64,
    exhausted: bool,
    /// There is neither a predicate nor an own write.
    plain: bool,
}

struct Rest<'t, K, V> {
    index: Window<'t, K, V>,
    own: Span<OwnWrite<K, V>>,
}

/// A row that may be returned.
struct Found<'t, K, V> {
    key: &'t K,
    version: &'t Version<V>,
    value: &'t V,
    /// None if it is the transaction's own.
    record: Option<RecordId>,
}

/// What to do with the next candidate of an end.
enum Candidate<'t, K, V> {
    Row(Found<'t, K, V>, Source),
    Nothing(Source),
    Slid,
    RanOut,
}

/// Which of the merged sides a candidate came from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Source {
    Index,
    Own,
    Both,
}

impl<'t, K: Key, V: Value> Range<'t, K, V> {
    pub(crate) fn new(
        core: &'t Core<'t>,
        table: &'t TxTable<K, V>,
        range: impl KeyRange<K>,
        predicate: Option<Arc<Predicate<K, V>>>,
    ) -> Self {
        let (lower, upper) = range.into_bounds();
        let bounds = Bounds { lower: lower.map(Quiet::new), upper: upper.map(Quiet::new) };
        let bounds = Arc::new(bounds);
        let inverted = {
            let _comparing = core.comparing();
            is_inverted(&bounds)
        };
        let own = table.writes.frozen();
        let mut range = Self {
            core,
            table,
            bounds,
            plain: predicate.is_none() && own.is_empty(),
            own,
            predicate,
            scan: None,
            number: core.next_scan(),
            front: None,
            back: None,
            rest: None,
            slides: core.slides(),
            exhausted: inverted,
        };
        let bounds = (&range.bounds.lower, &range.bounds.upper);
        let filtered = range.predicate.is_some();
        core.hook().scan(&table.table.name, range.number, bounds, filtered);
        if !inverted {
            range.start();
        }
        range
    }

    /// Enters the scan in the read set; so far it has observed nothing.
    fn start(&mut self) {
        if self.core.is_tracked() {
            self.table.reads.borrow_mut().observed.scans.push(Scan {
                number: self.number,
                bounds: Arc::clone(&self.bounds),
                mask: self.own.clone(),
                predicate: self.predicate.clone(),
                front: Reach::Nowhere,
                back: Reach::Nowhere,
                whole: false,
            });
            self.scan = Some(self.number);
            self.core.count_observation();
        }
    }

    #[inline]
    fn step(&mut self, end: End) -> Option<(&'t K, &'t V)> {
        self.ready(end).or_else(|| self.seek_next(end))
    }

    #[inline(never)]
    fn seek_next(&mut self, end: End) -> Option<(&'t K, &'t V)> {
        if self.core.is_comparing() {
            // What it has looked at may be too old for the slide that is checked.
            self.core.disturb();
        }
        self.core.before_read();
        while !self.exhausted {
            self.seek();
            if !self.look(end) {
                continue;
            }
            match self.candidate(end) {
                Candidate::RanOut => self.run_out(),
                Candidate::Slid => self.rest = None,
                Candidate::Nothing(source) => self.leave(end, source),
                Candidate::Row(row, source) => {
                    let selected = self.predicate.as_ref().is_none_or(|predicate| {
                        let _lending = self.core.lending();
                        predicate.selects(row.key, row.value)
                    });
                    let (key, value) = (row.key, row.value);
                    if selected {
                        // Before it is left: a row that could not be noted is still there.
                        self.note(end, row);
                    }
                    self.leave(end, source);
                    if selected {
                        return Some((key, value));
                    }
                }
            }
        }
        None
    }

    /// The next row, taken and noted, where nothing but the index is asked and it is known
    /// already. Else nothing has changed.
    #[inline]
    fn ready(&mut self, end: End) -> Option<(&'t K, &'t V)> {
        if !self.plain || self.core.is_comparing() || self.slides != self.core.slides() {
            return None;
        }
        self.core.before_read();
        let rows = self.rest.as_mut()?.index.near(end);
        let row = rows.outermost()?;
        // As in `committed`, but that a slide is left to it.
        if row.version.end() != NEVER && self.core.may_slide() {
            return None;
        }
        let value = row.version.value()?;
        rows.pop_outermost();
        let (key, record) = (row.record.key(), Some(row.record.id()));
        self.note(end, Found { key, version: row.version, value, record });
        Some((key, value))
    }

    /// Finds what is left between the keys returned so far, at the present snapshot.
    fn seek(&mut self) {
        if self.rest.is_some() && self.slides == self.core.slides() {
            return;
        }
        self.slides = self.core.slides();
        let _comparing = self.core.comparing();
        let (before, within) = (|key: &K| self.is_before(key), |key: &K| self.is_within(key));
        let own = Span::new(self.own.clone(), |own| before(&own.key), |own| within(&own.key));
        self.rest = Some(Rest { index: Window::new(&self.bounds), own });
    }

    fn is_before(&self, key: &K) -> bool {
        match self.front {
            Some(front) => key <= front,
            None => !above(&self.bounds.lower, key),
        }
    }

    fn is_within(&self, key: &K) -> bool {
        match self.back {
            Some(back) => key < back,
            None => below(&self.bounds.upper, key),
        }
    }

    /// Looks at the index until the next row of an end is known. False if the snapshot slid.
    fn look(&mut self, end: End) -> bool {
        if self.rest.as_ref().is_some_and(|rest| !rest.index.is_short(end)) {
            return true;
        }
        let Some(mut rest) = self.rest.take() else { return false };
        while rest.index.is_short(end) {
            if rest.index.is_at_newer(end) && self.core.slide() {
                return false;
            }
            let how = Look {
                index: &self.table.table.index,
                timestamp: self.core.snapshot(),
                stop: self.core.may_slide(),
            };
            let _comparing = self.core.comparing();
            let (before, within) = (|key: &K| self.is_before(key), |key: &K| self.is_within(key));
            rest.index.look(end, &how, before, within, &self.core.walker().walk());
        }
        self.rest = Some(rest);
        true
    }

    fn candidate(&self, end: End) -> Candidate<'t, K, V> {
        let Some(rest) = &self.rest else {
            return Candidate::Slid;
        };
        let own = match end {
            End::Front => rest.own.front(),
            End::Back => rest.own.back(),
        };
        match (rest.index.row(end), own) {
            (None, None) => Candidate::RanOut,
            (Some(row), None) => self.committed(row),
            (None, Some(own)) => self.own(own, Source::Own),
            (Some(row), Some(own)) => {
                let nearer = {
                    let _comparing = self.core.comparing();
                    nearer(end, row.record.key().cmp(&own.key))
                };
                match nearer {
                    Source::Index => self.committed(row),
                    source => self.own(own, source),
                }
            }
        }
    }

    fn committed(&self, row: Row<'t, K, V>) -> Candidate<'t, K, V> {
        // It was the newest when it was looked at, or nothing could be done about it.
        if row.version.end() != NEVER && self.core.slide() {
            return Candidate::Slid;
        }
        match row.version.value() {
            None => Candidate::Nothing(Source::Index),
            Some(value) => {
                let (key, record) = (row.record.key(), Some(row.record.id()));
                let found = Found { key, version: row.version, value, record };
                Candidate::Row(found, Source::Index)
            }
        }
    }

    fn own(&self, own: &OwnWrite<K, V>, source: Source) -> Candidate<'t, K, V> {
        let key = self.table.writes.key(own);
        // SAFETY: own versions live as long as the write set, whichever tree names them.
        let version: &'t Version<V> = unsafe { &*own.version.as_ptr() };
        match self.table.writes.value(own) {
            None => Candidate::Nothing(source),
            Some(value) => Candidate::Row(Found { key, version, value, record: None }, source),
        }
    }

    fn leave(&mut self, end: End, source: Source) {
        let Some(rest) = &mut self.rest else { return };
        if source != Source::Own {
            rest.index.pop(end);
        }
        if source != Source::Index {
            match end {
                End::Front => rest.own.advance(),
                End::Back => rest.own.retreat(),
            }
        }
    }

    /// Notes that a row was returned. Always inlined, since it is called in two places, and
    /// a call costs as much as it does.
    #[inline(always)]
    fn note(&mut self, end: End, row: Found<'t, K, V>) {
        let back = end == End::Back;
        let noted = self.update(|scan| {
            *(if back { &mut scan.back } else { &mut scan.front }) = Reach::to(row.key);
        });
        if noted && (self.predicate.is_some() || !is_plain::<K>()) {
            self.remember(row.record, row.version);
        }
        // Not before it is noted, which panics if a comparator drives the range: what is not
        // noted may go with a slide.
        *(if back { &mut self.back } else { &mut self.front }) = Some(row.key);
        if self.core.hook().listens() {
            self.tell(end, row.key, row.record.map(|_| row.version));
        }
    }

    /// A row that a predicate has selected is a hit as well: whoever overwrites it changes
    /// the answer, whatever the predicate says of the new value. Of others the scan says all
    /// that was observed; but only a total order answers for what was lent.
    fn remember(&self, record: Option<RecordId>, version: &Version<V>) {
        let Some(record) = record else { return };
        if self.predicate.is_some() {
            self.table.reads.borrow_mut().hit(Hit::new(record, version));
            self.core.count_observation();
        } else if self.core.may_slide() {
            self.table.reads.borrow_mut().lend(version);
        }
    }

    #[cold]
    fn tell(&self, end: End, key: &K, version: Option<&Version<V>>) {
        let sight = version.map_or(Sight::Own, |version| Sight::Version(version.begin()));
        self.core.hook().row(self.number, key, &sight, end == End::Back);
    }

    fn run_out(&mut self) {
        // Before anything is let go: a key's `Drop` may read here, and slide.
        self.update(|scan| scan.whole = true);
        self.exhausted = true;
        self.rest = None;
        self.core.hook().scan_end(self.number);
    }

    /// Notes what was observed, if anything is noted. Always inlined, as what calls it.
    ///
    /// # Panics
    /// If a comparator drives the range that it is comparing for.
    #[inline(always)]
    fn update(&self, change: impl FnOnce(&mut Scan<K, V>)) -> bool {
        // A reader that was found to be safe notes nothing any more.
        let Some(number) = self.scan.filter(|_| self.core.is_tracked()) else { return false };
        let scans = &mut self.table.reads.borrow_mut().observed.scans;
        // Most often it is the newest one.
        let newest = scans.last_mut().filter(|scan| scan.number == number);
        change(match newest {
            Some(scan) => scan,
            None => older(scans, number),
        });
        true
    }
}

#[cold]
fn older<K, V>(scans: &mut [Scan<K, V>], number: u64) -> &mut Scan<K, V> {
    let at = scans.binary_search_by_key(&number, |scan| scan.number);
    let Ok(at) = at else { panic!("a comparator must not drive an open range") };
    &mut scans[at]
}

/// Which side has the key that is nearer to an end.
fn nearer(end: End, index_to_own: Ordering) -> Source {
    match (end, index_to_own) {
        (_, Ordering::Equal) => Source::Both,
        (End::Front, Ordering::Less) | (End::Back, Ordering::Greater) => Source::Index,
        (End::Front, Ordering::Greater) | (End::Back, Ordering::Less) => Source::Own,
    }
}

/// Whether no key at all can lie between the bounds.
fn is_inverted<K: Ord>(bounds: &Bounds<K>) -> bool {
    match (&bounds.lower, &bounds.upper) {
        (Bound::Unbounded, _) | (_, Bound::Unbounded) => false,
        (Bound::Included(lower), Bound::Included(upper)) => **lower > **upper,
        (
            Bound::Included(lower) | Bound::Excluded(lower),
            Bound::Included(upper) | Bound::Excluded(upper),
        ) => **lower >= **upper,
    }
}

impl<'t, K: Key, V: Value> Iterator for Range<'t, K, V> {
    type Item = (&'t K, &'t V);

    fn next(&mut self) -> Option<Self::Item> {
        self.step(End::Front)
    }
}

impl<K: Key, V: Value> DoubleEndedIterator for Range<'_, K, V> {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.step(End::Back)
    }
}

impl<K: Key, V: Value> FusedIterator for Range<'_, K, V> {}

/// A double-ended iterator over the keys of a range, by [`Transaction::keys`](crate::Transaction::keys).
///
/// ```
/// # use precedent::{Database, Table};
/// # let db = Database::new();
/// # let t: Table<u8, char> = db.table("t")?;
/// # db.transact(|tx| Ok(tx.insert(&t, 1, 'a')))?;
/// assert_eq!(db.read(|tx| tx.keys(&t, ..).copied().collect::<Vec<u8>>())?, [1]);
/// # Ok::<(), precedent::Error>(())
/// ```
#[must_use = "it is lazy"]
pub struct Keys<'t, K, V>(pub(crate) Range<'t, K, V>);

/// A double-ended iterator over the values of a range, in the order of their keys, by
/// [`Transaction::values`](crate::Transaction::values).
///
/// ```
/// # use precedent::{Database, Table};
/// # let db = Database::new();
/// # let t: Table<u8, u32> = db.table("t")?;
/// # db.transact(|tx| Ok(tx.insert(&t, 1, 30)))?;
/// assert_eq!(db.read(|tx| tx.values(&t, ..).sum::<u32>())?, 30);
/// # Ok::<(), precedent::Error>(())
/// ```
#[must_use = "it is lazy"]
pub struct Values<'t, K, V>(pub(crate) Range<'t, K, V>);

impl<'t, K: Key, V: Value> Iterator for Keys<'t, K, V> {
    type Item = &'t K;

    fn next(&mut self) -> Option<&'t K> {
        self.0.next().map(|(key, _)| key)
    }
}

impl<K: Key, V: Value> DoubleEndedIterator for Keys<'_, K, V> {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.0.next_back().map(|(key, _)| key)
    }
}

impl<K: Key, V: Value> FusedIterator for Keys<'_, K, V> {}

impl<'t, K: Key, V: Value> Iterator for Values<'t, K, V> {
    type Item = &'t V;

    fn next(&mut self) -> Option<&'t V> {
        self.0.next().map(|(_, value)| value)
    }
}

impl<K: Key, V: Value> DoubleEndedIterator for Values<'_, K, V> {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.0.next_back().map(|(_, value)| value)
    }
}

impl<K: Key, V: Value> FusedIterator for Values<'_, K, V> {}

/// Not the rows: to look at them would be a read.
impl<K: fmt::Debug, V> fmt::Debug for Range<'_, K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (lower, upper) = (self.bounds.lower.as_ref(), self.bounds.upper.as_ref());
        f.debug_struct("Range")
            .field("table", &self.table.table.name)
            .field("lower", &lower.map(|key| &**key))
            .field("upper", &upper.map(|key| &**key))
            .finish_non_exhaustive()
    }
}

impl<K: fmt::Debug, V> fmt::Debug for Keys<'_, K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Keys").field(&self.0).finish()
    }
}

impl<K: fmt::Debug, V> fmt::Debug for Values<'_, K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Values").field(&self.0).finish()
    }
}

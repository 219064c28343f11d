//! What a user may pass as a range of keys.

use std::borrow::Borrow;
use std::ops::{Bound, Range, RangeFrom, RangeFull, RangeInclusive, RangeTo, RangeToInclusive};

/// A range of keys of type `K`, normalised to two owned bounds.
///
/// Implemented for `..`, for the ranges of `std::ops` over `K`, and for a pair of
/// borrowed bounds, so that a table of `String` can be scanned by `&str`:
///
/// ```
/// use std::ops::Bound;
/// use precedent::KeyRange;
///
/// fn bounds<K>(range: impl KeyRange<K>) -> (Bound<K>, Bound<K>) {
///     range.into_bounds()
/// }
/// let _ = bounds::<u64>(..);
/// let _ = bounds::<u64>(3..=9);
/// let _ = bounds::<String>((Bound::Included("a"), Bound::Excluded("b")));
/// ```
///
/// A range whose end lies before its start is empty; it never panics.
///
/// Bounds of two owned keys are lent, and cloned once:
///
/// ```
/// # use std::ops::Bound;
/// # use precedent::{Database, Table};
/// # let db = Database::new();
/// # let t: Table<String, u8> = db.table("t")?;
/// let (after, to) = ("a".to_string(), "b".to_string());
/// assert!(db.begin().is_empty(&t, (Bound::Excluded(&after), Bound::Included(&to))));
/// # Ok::<(), precedent::Error>(())
/// ```
pub trait KeyRange<K> {
    /// The lower and the upper bound.
    fn into_bounds(self) -> (Bound<K>, Bound<K>);
}

impl<K> KeyRange<K> for RangeFull {
    fn into_bounds(self) -> (Bound<K>, Bound<K>) {
        (Bound::Unbounded, Bound::Unbounded)
    }
}

impl<K> KeyRange<K> for Range<K> {
    fn into_bounds(self) -> (Bound<K>, Bound<K>) {
        (Bound::Included(self.start), Bound::Excluded(self.end))
    }
}

impl<K: Clone> KeyRange<K> for RangeInclusive<K> {
    fn into_bounds(self) -> (Bound<K>, Bound<K>) {
        // An exhausted range says so only through its bounds.
        use std::ops::RangeBounds;
        (self.start_bound().cloned(), self.end_bound().cloned())
    }
}

impl<K> KeyRange<K> for RangeFrom<K> {
    fn into_bounds(self) -> (Bound<K>, Bound<K>) {
        (Bound::Included(self.start), Bound::Unbounded)
    }
}

impl<K> KeyRange<K> for RangeTo<K> {
    fn into_bounds(self) -> (Bound<K>, Bound<K>) {
        (Bound::Unbounded, Bound::Excluded(self.end))
    }
}

impl<K> KeyRange<K> for RangeToInclusive<K> {
    fn into_bounds(self) -> (Bound<K>, Bound<K>) {
        (Bound::Unbounded, Bound::Included(self.end))
    }
}

impl<K, Q> KeyRange<K> for (Bound<&Q>, Bound<&Q>)
where
    K: Borrow<Q>,
    Q: ToOwned<Owned = K> + ?Sized,
{
    fn into_bounds(self) -> (Bound<K>, Bound<K>) {
        (self.0.map(Q::to_owned), self.1.map(Q::to_owned))
    }
}

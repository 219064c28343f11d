//! The leaves of an index: each a place for a body that is replaced, not changed.
//!
//! ```text
//!   leaf (low = -inf)        leaf (low = m)          leaf (low = t)
//!     body [a c f] --right-->  body [m p] --right-->   body [t x z]
//! ```
//!
//! The right neighbour's low key is this leaf's upper bound. So whoever comes to a leaf
//! that has been split since finds what it seeks further to the right.
#![allow(unsafe_code)]

use std::alloc::{Layout, alloc, handle_alloc_error};
use std::any::TypeId;
use std::mem::{ManuallyDrop, MaybeUninit};
use std::ptr::{self, NonNull};
use std::sync::Arc;

use crate::store::place::{Place, Seats, Thin, View};
use crate::store::quiet::Quiet;
use crate::store::record::{Record, Shared};
use crate::store::registry::Walk;

/// Entries in a body, at most: with two words of a key each, it is still a small block to an
/// allocator. Tiny where tests want splits.
#[cfg(not(any(test, precedent_tiny, precedent_loom, fuzzing)))]
pub(crate) const ENTRIES: usize = 40;
#[cfg(any(test, precedent_tiny, precedent_loom, fuzzing))]
pub(crate) const ENTRIES: usize = 4;

/// So many lines a processor can wait for at a time.
const MOST_LINES: usize = 12;

/// Whether keys are of a type whose values may be there twice, bit by bit. That they own
/// nothing is not enough: a `Mutex` of a number owns nothing. `Copy` would be, but cannot be
/// asked for here; so these are the types that are known. Their order is that of the standard
/// library, and total. The compiler answers.
#[inline]
pub(crate) fn is_plain<K: 'static>() -> bool {
    macro_rules! is_one_of {
        ($($plain:ty),*) => { $(TypeId::of::<K>() == TypeId::of::<$plain>())||* };
    }
    is_one_of!(u64, u32, usize, i64, i32, u128, (u64, u64), (u32, u32), (u32, u64), (u64, u32))
        || is_one_of!(u8, u16, i8, i16, i128, isize, char, bool, (u64, u64, u64))
        || is_one_of!([u8; 4], [u8; 8], [u8; 12], [u8; 16], [u8; 20], [u8; 32], &'static str)
}

/// A copy of a key of a plain type, beside what leads to the key itself: a search need not
/// follow that. Nothing if the type is another one.
struct Plain<K>(MaybeUninit<K>);

impl<K: Clone + 'static> Plain<K> {
    fn of(key: &K) -> Self {
        let plain = is_plain::<K>();
        Self(if plain { MaybeUninit::new(key.clone()) } else { MaybeUninit::uninit() })
    }
}

impl<K> Plain<K> {
    /// In the place of a key that there is not; it is never asked for.
    fn nothing() -> Self {
        Self(MaybeUninit::uninit())
    }

    fn again(&self) -> Self {
        // SAFETY: a key of a plain type may be there twice, bit by bit; another one is not
        // there at all.
        Self(unsafe { ptr::read(&raw const self.0) })
    }

    #[inline]
    fn or<'k>(&'k self, key: impl FnOnce() -> &'k K) -> &'k K
    where
        K: 'static,
    {
        if !is_plain::<K>() {
            return key();
        }
        // SAFETY: a key of a plain type is there.
        unsafe { self.0.assume_init_ref() }
    }
}

/// A key's place in the index.
pub(crate) struct Entry<K, V> {
    key: Plain<K>,
    /// The index has one count of it, which goes from body to body.
    record: NonNull<Record<K, V>>,
}

impl<K: Clone + 'static, V> Entry<K, V> {
    /// The entry of a record; the caller sees to the count. Runs the key's `clone`.
    pub(crate) fn new(record: &Shared<K, V>) -> Self {
        Self { key: Plain::of(record.key()), record: record.as_ptr() }
    }
}

impl<K, V> Entry<K, V> {
    pub(crate) fn record(&self) -> &Record<K, V> {
        // SAFETY: an entry is found in a body, which is in a leaf, or was when the walk of
        // whoever found it began. The index's count is given up only when the last body
        // with the entry is in no leaf any more, and such walks have ended.
        unsafe { self.record.as_ref() }
    }

    /// One more count of the record.
    pub(crate) fn share(&self) -> Shared<K, V> {
        // SAFETY: as in `record`; the index's own count stays.
        let index_has = ManuallyDrop::new(unsafe { Shared::from_raw(self.record) });
        Shared::clone(&index_has)
    }

    pub(crate) fn key(&self) -> &K
    where
        K: 'static,
    {
        self.key.or(|| self.record().key())
    }

    pub(crate) fn is(&self, record: &Shared<K, V>) -> bool {
        self.record == record.as_ptr()
    }
}

/// The index's count of a record, made from one of the caller's.
pub(crate) fn keep<K, V>(record: &Shared<K, V>) {
    record.clone().into_raw();
}

/// The index's count of a record whose entry is in no leaf any more: to be given up when
/// all walks that may have met the entry have ended.
pub(crate) fn last_count<K, V>(record: &Shared<K, V>) -> Shared<K, V> {
    // SAFETY: `keep` left this count to the entry.
    unsafe { Shared::from_raw(record.as_ptr()) }
}

/// What a leaf holds at a time; one allocation, so that whoever searches has one line less to
/// wait for.
#[repr(C)]
pub(crate) struct Body<K, V, E: ?Sized = [Entry<K, V>]> {
    /// How many entries there are.
    len: usize,
    /// Empty for good: what would belong here belongs to the leaf on the left, as soon as
    /// that one leads past this one.
    pub(crate) dead: bool,
    pub(crate) right: Option<Arc<Leaf<K, V>>>,
    /// The low key of the leaf on the right, if that is plain.
    high: Option<Plain<K>>,
    /// Ascending.
    pub(crate) entries: E,
}

// SAFETY: its entries lead to records that are shared between threads.
unsafe impl<K: Send + Sync, V: Send + Sync> Send for Body<K, V> {}
// SAFETY: as above.
unsafe impl<K: Send + Sync, V: Send + Sync> Sync for Body<K, V> {}

/// A body without its entries: where each of them begins.
type Front<K, V> = Body<K, V, [Entry<K, V>; 0]>;

/// A body whose entries have not been written yet.
type Room<K, V> = Body<K, V, [MaybeUninit<Entry<K, V>>]>;

// SAFETY: `whole` adds the length that the body itself tells.
unsafe impl<K, V> Thin for Body<K, V> {
    unsafe fn whole(thin: NonNull<()>) -> NonNull<Self> {
        // SAFETY: the caller says that a body is there.
        let len = unsafe { (&raw const (*thin.cast::<Front<K, V>>().as_ptr()).len).read() };
        let whole = ptr::slice_from_raw_parts_mut(thin.as_ptr(), len) as *mut Self;
        // SAFETY: `thin` is not null.
        unsafe { NonNull::new_unchecked(whole) }
    }
}

impl<K, V> Body<K, V> {
    /// Of these entries, of which other bodies have the same; there are `len`.
    pub(crate) fn new<'e>(
        len: usize,
        pieces: impl Iterator<Item = &'e [Entry<K, V>]>,
        right: Option<Arc<Leaf<K, V>>>,
    ) -> Box<Self>
    where
        K: 'e,
        V: 'e,
    {
        let mut body = Self::with_room(len);
        body.lead_to(right);
        let mut filled = 0;
        for piece in pieces {
            let (from, room) = (piece.as_ptr(), &mut body.entries[filled..][..piece.len()]);
            // SAFETY: both are as long as the piece. An entry may be there twice, bit by bit: a
            // key of a plain type may, and another one is not there at all.
            unsafe { ptr::copy_nonoverlapping(from, room.as_mut_ptr().cast(), piece.len()) };
            filled += piece.len();
        }
        assert!(filled == len, "a body has as many entries as it was made for");
        let body = NonNull::from(Box::leak(body)).cast::<()>();
        // SAFETY: every entry has been written, and nothing else is different.
        unsafe { Box::from_raw(Self::whole(body).as_ptr()) }
    }

    /// A body without entries.
    pub(crate) fn empty() -> Box<Self> {
        Self::new(0, std::iter::empty(), None)
    }

    /// With room for so many entries.
    fn with_room(len: usize) -> Box<Room<K, V>> {
        let room = Layout::array::<Entry<K, V>>(len).and_then(|entries| {
            let (whole, _) = Layout::new::<Front<K, V>>().extend(entries)?;
            Ok(whole.pad_to_align())
        });
        let Ok(layout) = room else { panic!("a body is small") };
        // SAFETY: the layout is not empty: it has a length.
        let front = unsafe { alloc(layout) }.cast::<Front<K, V>>();
        if front.is_null() {
            handle_alloc_error(layout);
        }
        // SAFETY: it is new memory with the layout of a body of so many entries, as the `repr`
        // says, and all but those is written here.
        unsafe {
            front.write(Body { len, dead: false, right: None, high: None, entries: [] });
            let whole = ptr::slice_from_raw_parts_mut(front.cast::<()>(), len);
            Box::from_raw(whole as *mut Room<K, V>)
        }
    }
}

impl<K, V, E: ?Sized> Body<K, V, E> {
    /// The leaf on the right is another one.
    pub(crate) fn lead_to(&mut self, right: Option<Arc<Leaf<K, V>>>) {
        self.high = right.as_ref().map(|right| right.plain_low.again());
        self.right = right;
    }
}

impl<K, V> Body<K, V> {
    /// No key in the leaf is at or above it.
    pub(crate) fn high(&self) -> Option<&K>
    where
        K: 'static,
    {
        let (high, right) = self.high.as_ref().zip(self.right.as_ref())?;
        Some(high.or(|| right.bound()))
    }

    /// The leaf to the right, if its low key is one that `reaches` says may be sought there.
    pub(crate) fn right_if(&self, reaches: impl Fn(&K) -> bool) -> Option<&Leaf<K, V>>
    where
        K: 'static,
    {
        self.high().is_some_and(reaches).then_some(())?;
        self.right.as_deref()
    }
}

impl<K, V, E: ?Sized> Drop for Body<K, V, E> {
    fn drop(&mut self) {
        // A loop, not recursion: the last reference to a leaf may be the last one to a
        // long row of them.
        let mut next = self.right.take();
        while let Some(leaf) = next.and_then(Arc::into_inner) {
            next = leaf.body.take().and_then(|mut body| body.right.take());
        }
    }
}

/// A range of keys from `low` up to the low key of the leaf on the right.
pub(crate) struct Leaf<K, V> {
    /// None for the first leaf.
    low: Option<Quiet<K>>,
    plain_low: Plain<K>,
    body: Place<Body<K, V>>,
}

impl<K: Clone + 'static, V> Leaf<K, V> {
    /// Without a low key it is the first leaf. Runs the key's `clone`.
    pub(crate) fn new(low: Option<K>, body: Box<Body<K, V>>, seats: &Arc<Seats>) -> Arc<Self> {
        let plain_low = low.as_ref().map_or_else(Plain::nothing, Plain::of);
        Arc::new(Self { low: low.map(Quiet::new), plain_low, body: Place::new(body, seats) })
    }
}

impl<K, V> Leaf<K, V> {
    pub(crate) fn low(&self) -> Option<&K> {
        self.low.as_deref()
    }

    /// The low key of a leaf that is not the first.
    fn bound(&self) -> &K {
        match self.low() {
            Some(low) => low,
            None => unreachable!("nothing leads to the first leaf"),
        }
    }

    pub(crate) fn place(&self) -> &Place<Body<K, V>> {
        &self.body
    }

    pub(crate) fn body<'w>(&self, walk: &'w Walk<'_>) -> &'w Body<K, V> {
        self.body.look(walk)
    }

    /// Gives the index's counts of all records up, in this leaf and all to the right. The
    /// caller has the whole index for itself.
    pub(crate) fn let_go(&self) {
        let mut next = self.body.take();
        // A loop, not recursion: there may be many leaves.
        while let Some(mut body) = next {
            for entry in &body.entries {
                // SAFETY: `keep` left this count to the entry, which nobody looks at again.
                drop(unsafe { Shared::from_raw(entry.record) });
            }
            next = body.right.take().and_then(|right| right.body.take());
        }
    }
}

/// A leaf in the upper level, by its low key. The first leaf is not there.
pub(crate) struct Separator<K, V> {
    low: Plain<K>,
    leaf: Arc<Leaf<K, V>>,
    /// Of the leaf, at which a search need not look.
    body: View<Body<K, V>>,
}

// SAFETY: it is a leaf, and what leads to its body.
unsafe impl<K: Send + Sync, V: Send + Sync> Send for Separator<K, V> {}
// SAFETY: as above.
unsafe impl<K: Send + Sync, V: Send + Sync> Sync for Separator<K, V> {}

impl<K, V> Separator<K, V> {
    /// None for the first leaf.
    pub(crate) fn new(leaf: &Arc<Leaf<K, V>>) -> Option<Self> {
        leaf.low()?;
        let body = leaf.body.view();
        Some(Self { low: leaf.plain_low.again(), leaf: Arc::clone(leaf), body })
    }
}

impl<K, V> Clone for Separator<K, V> {
    fn clone(&self) -> Self {
        Self { low: self.low.again(), leaf: Arc::clone(&self.leaf), body: self.body.clone() }
    }
}

impl<K, V> Separator<K, V> {
    pub(crate) fn leaf(&self) -> &Leaf<K, V> {
        &self.leaf
    }

    /// The leaf's body, with all its lines asked for at once, since a search would wait for
    /// one after the other.
    pub(crate) fn body<'w>(&self, walk: &'w Walk<'_>) -> &'w Body<K, V> {
        let full = size_of::<Front<K, V>>() + ENTRIES * size_of::<Entry<K, V>>();
        // SAFETY: the separator has a count of the leaf.
        unsafe { self.body.look(full.div_ceil(64).min(MOST_LINES), walk) }
    }

    pub(crate) fn low(&self) -> &K
    where
        K: 'static,
    {
        self.low.or(|| self.leaf.bound())
    }
}

#[cfg(all(test, not(precedent_loom)))]
mod tests {
    use super::is_plain;

    /// Whoever locks it behind a `&` must not leave a copy locked for ever.
    #[test]
    fn a_key_that_can_change_is_not_there_twice() {
        assert!(is_plain::<u64>() && is_plain::<(u64, u64)>() && is_plain::<&'static str>());
        assert!(!is_plain::<std::sync::Mutex<u64>>() && !is_plain::<String>());
    }
}

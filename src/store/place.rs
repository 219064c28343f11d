//! A place for an immutable thing that is replaced as a whole, while others look at it.
//!
//! Whoever looks walks (see `registry.rs`); whoever replaces it gets the old thing back as
//! [`Retired`], to be kept until every walk that began before has ended.
#![allow(unsafe_code)]

use std::marker::PhantomData;
use std::ptr::{self, NonNull};
use std::sync::Arc;

use crate::prefetch::prefetch_lines;
use crate::store::registry::Walk;
use crate::sync::{AtomicPtr, Mutex, Ordering, model_failed};

/// What one word can lead to, though it may tell its own size only itself.
///
/// # Safety
/// [`whole`](Self::whole) returns the very pointer that was made thin.
pub(crate) unsafe trait Thin {
    /// The thing itself, from a pointer to where it begins.
    ///
    /// # Safety
    /// It is there.
    unsafe fn whole(thin: NonNull<()>) -> NonNull<Self>;
}

// SAFETY: the size is known anyway.
unsafe impl<T> Thin for T {
    unsafe fn whole(thin: NonNull<()>) -> NonNull<Self> {
        thin.cast()
    }
}

/// Words that lead to things, side by side: those that are looked at often are few lines.
pub(crate) struct Seats {
    state: Mutex<SeatsState>,
}

struct SeatsState {
    free: Vec<NonNull<AtomicPtr<()>>>,
    /// They stay as long as the seats.
    rows: Vec<Box<[AtomicPtr<()>]>>,
}

// SAFETY: the pointers lead to atomic words in the rows.
unsafe impl Send for SeatsState {}

/// How many seats there are in a row.
#[cfg(not(precedent_loom))]
const ROW: usize = 64;
#[cfg(precedent_loom)]
const ROW: usize = 4;

impl Seats {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { state: Mutex::new(SeatsState { free: Vec::new(), rows: Vec::new() }) })
    }

    fn take(self: &Arc<Self>, thing: NonNull<()>) -> Seat {
        let mut state = self.state.lock();
        let word = state.free.pop().unwrap_or_else(|| {
            let state = &mut *state;
            // From where it stays.
            state.rows.push((0..ROW).map(|_| AtomicPtr::new(ptr::null_mut())).collect());
            let row = state.rows.last().into_iter().flatten();
            state.free.extend(row.rev().map(NonNull::from));
            match state.free.pop() {
                Some(word) => word,
                None => unreachable!("a row has seats"),
            }
        });
        drop(state);
        let seat = Seat { word, seats: Arc::clone(self) };
        // Relaxed: whoever hears of the seat hears of it later, by something stronger.
        seat.word().store(thing.as_ptr(), Ordering::Relaxed);
        seat
    }
}

/// A word that belongs to one place.
struct Seat {
    word: NonNull<AtomicPtr<()>>,
    seats: Arc<Seats>,
}

impl Seat {
    fn word(&self) -> &AtomicPtr<()> {
        // SAFETY: rows stay where they are, and as long as the seats.
        unsafe { self.word.as_ref() }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        if !model_failed() {
            self.seats.state.lock().free.push(self.word);
        }
    }
}

/// Leads to what is in a place without a look at the place itself.
pub(crate) struct View<T: Thin + ?Sized> {
    word: NonNull<AtomicPtr<()>>,
    of: PhantomData<fn() -> Box<T>>,
}

impl<T: Thin + ?Sized> Clone for View<T> {
    fn clone(&self) -> Self {
        Self { ..*self }
    }
}

impl<T: Thin + ?Sized> View<T> {
    /// What is there now; it stays as long as the walk. Its first so many lines are asked for.
    ///
    /// # Safety
    /// The place is there.
    pub(crate) unsafe fn look<'w>(&self, lines: usize, _walk: &'w Walk<'_>) -> &'w T {
        // Acquire: pairs with the Release store of `replace`.
        // SAFETY: the caller says that the place is there, and so its word. It is not null
        // while the place is shared, it came from a box, and what was replaced is freed only
        // after every walk that began before has ended.
        unsafe {
            let thing = self.word.as_ref().load(Ordering::Acquire);
            prefetch_lines(thing, lines);
            T::whole(NonNull::new_unchecked(thing)).as_ref()
        }
    }
}

pub(crate) struct Place<T: Thin + ?Sized> {
    /// Null only when nobody shares the place any more. Stored under the latch.
    thing: Seat,
    latch: Mutex<()>,
    owns: PhantomData<Box<T>>,
}

// SAFETY: it owns a `T`, to which it leads by an atomic word.
unsafe impl<T: Thin + Send + Sync + ?Sized> Send for Place<T> {}
// SAFETY: as above.
unsafe impl<T: Thin + Send + Sync + ?Sized> Sync for Place<T> {}

impl<T: Thin + ?Sized> Place<T> {
    pub(crate) fn new(thing: Box<T>, seats: &Arc<Seats>) -> Self {
        let thing = seats.take(NonNull::from(Box::leak(thing)).cast());
        Self { thing, latch: Mutex::new(()), owns: PhantomData }
    }

    /// For whoever keeps the place alive.
    pub(crate) fn view(&self) -> View<T> {
        View { word: self.thing.word, of: PhantomData }
    }

    /// What is there now; it stays as long as the walk.
    pub(crate) fn look<'w>(&self, walk: &'w Walk<'_>) -> &'w T {
        // SAFETY: this is the place.
        unsafe { self.view().look(0, walk) }
    }

    /// Puts `after` in the place of `before`, if that is still there, and returns it. No
    /// user code runs under the latch.
    pub(crate) fn replace(&self, before: &T, after: Box<T>) -> Option<Retired>
    where
        T: Send,
    {
        let latch = self.latch.lock();
        // Relaxed: stored under the latch.
        let old = NonNull::new(self.thing.word().load(Ordering::Relaxed))?;
        if !ptr::addr_eq(old.as_ptr(), before) {
            drop(latch);
            return None;
        }
        // Release: pairs with the Acquire load of `look`.
        self.thing.word().store(Box::into_raw(after).cast(), Ordering::Release);
        // SAFETY: it came from a box, and is in no place any more.
        Some(unsafe { Retired::new::<T>(old) })
    }

    /// Takes the thing out. The caller has the place for itself, and nobody looks.
    pub(crate) fn take(&self) -> Option<Box<T>> {
        // AcqRel: nobody else has the place any more; loom has no cheaper way to ask.
        let thing = NonNull::new(self.thing.word().swap(ptr::null_mut(), Ordering::AcqRel))?;
        // SAFETY: it came from a box, and is in no place any more.
        Some(unsafe { Box::from_raw(T::whole(thing).as_ptr()) })
    }
}

impl<T: Thin + ?Sized> Drop for Place<T> {
    fn drop(&mut self) {
        if !model_failed() {
            drop(self.take());
        }
    }
}

/// What nobody new can find any more and somebody may still look at, without its type. It
/// is freed when this is dropped, so that must wait until all walks from before have ended.
pub(crate) struct Retired {
    thing: NonNull<()>,
    free: unsafe fn(NonNull<()>),
}

// SAFETY: only what may be freed on any thread comes in.
unsafe impl Send for Retired {}

impl Retired {
    /// Takes over what came from a box. It is a pointer since a box claims that nobody else
    /// looks.
    ///
    /// # Safety
    /// It came from a box of a `T`, and nobody else frees it.
    unsafe fn new<T: Thin + Send + ?Sized>(thing: NonNull<()>) -> Self {
        unsafe fn free<T: Thin + ?Sized>(thing: NonNull<()>) {
            // SAFETY: `new` was told that it came from a box, and `drop` runs once.
            drop(unsafe { Box::from_raw(T::whole(thing).as_ptr()) });
        }
        // SAFETY: as the caller says; it may be dropped on any thread.
        unsafe { Self::freed_by(thing, free::<T>) }
    }

    /// Takes over what `free` gives back.
    ///
    /// # Safety
    /// `free` may be called for it once, on any thread, and nobody else frees it.
    pub(crate) unsafe fn freed_by(thing: NonNull<()>, free: unsafe fn(NonNull<()>)) -> Self {
        Self { thing, free }
    }
}

impl Drop for Retired {
    fn drop(&mut self) {
        if !model_failed() {
            // SAFETY: `free` was made for the very type of the thing.
            unsafe { (self.free)(self.thing) };
        }
    }
}

#[cfg(all(test, not(precedent_loom)))]
mod tests {
    use super::{Place, ROW, Seats};

    #[test]
    fn a_seat_that_was_given_back_is_taken_again() {
        let seats = Seats::new();
        let rows = || seats.state.lock().rows.len();
        (0..10 * ROW).for_each(|n| drop(Place::new(Box::new(n), &seats)));
        assert_eq!(rows(), 1);
        let many: Vec<_> = (0..3 * ROW).map(|n| Place::new(Box::new(n), &seats)).collect();
        assert_eq!(rows(), 3);
        drop(many);
        let _again: Vec<_> = (0..3 * ROW).map(|n| Place::new(Box::new(n), &seats)).collect();
        assert_eq!(rows(), 3);
    }
}

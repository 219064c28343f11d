//! A place for an immutable thing that is replaced as a whole, while others look at it.
//!
//! Whoever looks walks (see `registry.rs`); whoever replaces it gets the old thing back as
//! [`Retired`], to be kept until every walk that began before has ended.
#![allow(unsafe_code)]

use std::ptr::{self, NonNull};

use crate::store::registry::Walk;
use crate::sync::{AtomicPtr, Mutex, Ordering, model_failed};

pub(crate) struct Place<T> {
    /// Null only when nobody shares the place any more. Stored under the latch.
    thing: AtomicPtr<T>,
    latch: Mutex<()>,
}

impl<T> Place<T> {
    pub(crate) fn new(thing: T) -> Self {
        Self { thing: AtomicPtr::new(Box::into_raw(Box::new(thing))), latch: Mutex::new(()) }
    }

    /// What is there now; it stays as long as the walk.
    pub(crate) fn look<'w>(&self, _walk: &'w Walk<'_>) -> &'w T {
        // Acquire: pairs with the Release store of `replace`.
        // SAFETY: it is not null while the place is shared, and what was replaced is freed
        // only after every walk that began before has ended.
        unsafe { &*self.thing.load(Ordering::Acquire) }
    }

    /// Puts `after` in the place of `before`, if that is still there, and returns it. No
    /// user code runs under the latch.
    pub(crate) fn replace(&self, before: &T, after: T) -> Option<Retired>
    where
        T: Send,
    {
        let after = Box::new(after);
        let latch = self.latch.lock();
        // Relaxed: stored under the latch.
        let old = NonNull::new(self.thing.load(Ordering::Relaxed))?;
        if !ptr::eq(old.as_ptr(), before) {
            drop(latch);
            return None;
        }
        // Release: pairs with the Acquire load of `look`.
        self.thing.store(Box::into_raw(after), Ordering::Release);
        // SAFETY: it came from a box, and is in no place any more.
        Some(unsafe { Retired::new(old) })
    }

    /// Takes the thing out. The caller has the place for itself, and nobody looks.
    pub(crate) fn take(&self) -> Option<Box<T>> {
        // AcqRel: nobody else has the place any more; loom has no cheaper way to ask.
        let thing = NonNull::new(self.thing.swap(ptr::null_mut(), Ordering::AcqRel))?;
        // SAFETY: it came from a box, and is in no place any more.
        Some(unsafe { Box::from_raw(thing.as_ptr()) })
    }
}

impl<T> Drop for Place<T> {
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

// SAFETY: `new` takes only what may be dropped on any thread.
unsafe impl Send for Retired {}

impl Retired {
    /// Takes over what came from a box. It is a pointer since a box claims that nobody else
    /// looks.
    ///
    /// # Safety
    /// Nobody else frees it.
    unsafe fn new<T: Send>(thing: NonNull<T>) -> Self {
        unsafe fn free<T>(thing: NonNull<()>) {
            // SAFETY: `new` was told that it came from a box, and `drop` runs once.
            drop(unsafe { Box::from_raw(thing.cast::<T>().as_ptr()) });
        }
        Self { thing: thing.cast(), free: free::<T> }
    }

    /// What the caller has for itself, to be dropped later.
    pub(crate) fn owned<T: Send>(thing: T) -> Self {
        let thing = NonNull::from(Box::leak(Box::new(thing)));
        // SAFETY: it has just been boxed.
        unsafe { Self::new(thing) }
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

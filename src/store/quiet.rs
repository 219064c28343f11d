//! A user's value whose `Drop` may panic, dropped so that nobody else hears of it.
#![allow(unsafe_code)]

use std::cell::Cell;
use std::mem::ManuallyDrop;
use std::ops::Deref;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Holds a key or a value of the user's. Its `Drop` runs on whichever thread collects
/// it, on behalf of a transaction that knows nothing of it, so a panic there ends here.
pub(crate) struct Quiet<T>(ManuallyDrop<T>);

thread_local! {
    static PANICKED: Cell<u64> = const { Cell::new(0) };
}

impl<T> Quiet<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(ManuallyDrop::new(value))
    }
}

impl<T> From<T> for Quiet<T> {
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

impl<T> Deref for Quiet<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> Drop for Quiet<T> {
    fn drop(&mut self) {
        if !std::mem::needs_drop::<T>() {
            return;
        }
        // SAFETY: `drop` runs once, and nothing looks at the field afterwards.
        let dropped = catch_unwind(AssertUnwindSafe(|| unsafe { ManuallyDrop::drop(&mut self.0) }));
        if let Err(payload) = dropped {
            // A payload can panic in its own Drop; what it held is lost, nothing else.
            std::mem::forget(payload);
            let _ = PANICKED.try_with(|count| count.set(count.get() + 1));
        }
    }
}

/// How many drops have panicked on this thread while `f` ran.
pub(crate) fn panics_during(f: impl FnOnce()) -> u64 {
    let count = || PANICKED.try_with(Cell::get).unwrap_or(0);
    let before = count();
    f();
    count().saturating_sub(before)
}

#[cfg(all(test, not(precedent_loom)))]
mod tests {
    use super::{Quiet, panics_during};

    struct Loud;

    impl Drop for Loud {
        fn drop(&mut self) {
            panic!("a value that panics when it is dropped");
        }
    }

    #[test]
    fn a_panicking_drop_is_counted_and_goes_no_further() {
        assert_eq!(panics_during(|| drop(Quiet::new(Loud))), 1);
        assert_eq!(panics_during(|| drop(Quiet::new(7))), 0);
    }
}

//! Asks for memory before it is looked at.
#![allow(unsafe_code)]

/// Asks for the line that a pointer leads to. Only a hint: it may lead anywhere.
#[inline]
pub(crate) fn prefetch<T>(pointer: *const T) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    {
        use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a prefetch of any address is no access.
        unsafe { _mm_prefetch(pointer.cast::<i8>(), _MM_HINT_T0) };
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    let _ = pointer;
}

/// Asks for so many lines from a pointer on, all at once.
#[inline]
pub(crate) fn prefetch_lines<T>(start: *const T, lines: usize) {
    let start = start.cast::<u8>();
    (0..lines).for_each(|line| prefetch(start.wrapping_add(line * 64)));
}

//! Panics in user code, where and when a seed wants them: a thread lights a fuse, and the
//! call of user code at which it has burnt down panics.

use std::cell::Cell;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::panicking;

/// What a planned panic carries. It has no size, so that who forgets it leaks nothing.
pub struct Planned;

/// Whose code panics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Site {
    Closure,
    Predicate,
    Compare,
    Clone,
    Drop,
    Hook,
}

pub const SITES: [&str; 6] = ["closure", "predicate", "cmp", "clone", "drop", "hook"];

static FIRED: [AtomicU64; SITES.len()] = [const { AtomicU64::new(0) }; SITES.len()];

thread_local! {
    /// At so many calls of user code from now on this thread panics; 0: it does not.
    static FUSE: Cell<u64> = const { Cell::new(0) };
}

/// Lets the call number `calls` of user code on this thread panic, once.
pub fn light(calls: u64) {
    FUSE.set(calls);
}

pub fn put_out() {
    FUSE.set(0);
}

/// To be called by everything that is the user's.
pub fn touch(site: Site) {
    let left = FUSE.get();
    if left > 1 {
        FUSE.set(left - 1);
    } else if left == 1 && !panicking() {
        FUSE.set(0);
        FIRED[site as usize].fetch_add(1, Ordering::Relaxed);
        // Without the hook that prints: it is planned.
        resume_unwind(Box::new(Planned));
    }
}

/// How many have panicked so far, by site.
pub fn fired() -> [u64; SITES.len()] {
    std::array::from_fn(|site| FIRED[site].load(Ordering::Relaxed))
}

//! The only door to atomics, locks and threads: the real ones, or loom's.
//!
//! Built with `--cfg precedent_loom`, everything that another thread can see goes through
//! [loom](https://docs.rs/loom), so that a model explores every interleaving of the very
//! structs that the engine uses. Both sides export the same names.

#[cfg(not(precedent_loom))]
mod imp {
    pub(crate) use crossbeam_utils::CachePadded;
    pub(crate) use parking_lot::{Mutex, MutexGuard};
    pub(crate) use std::sync::atomic::{
        AtomicBool, AtomicPtr, AtomicU64, AtomicUsize, Ordering, fence,
    };
    use std::time::Duration;

    /// Waits a little for another thread: spins first, then gives up the time slice.
    pub(crate) struct Waiting(crossbeam_utils::Backoff);

    impl Waiting {
        pub(crate) fn new() -> Self {
            Self(crossbeam_utils::Backoff::new())
        }

        pub(crate) fn wait(&self) {
            self.0.snooze();
        }
    }

    /// Wakes threads that wait for a change of what a mutex guards.
    #[derive(Debug, Default)]
    pub(crate) struct Condvar(parking_lot::Condvar);

    impl Condvar {
        /// Gives the mutex up until somebody notifies, or until `timeout` has passed. May
        /// return without a reason.
        pub(crate) fn wait<'m, T>(
            &self,
            mut guard: MutexGuard<'m, T>,
            timeout: Option<Duration>,
        ) -> MutexGuard<'m, T> {
            match timeout {
                Some(timeout) => drop(self.0.wait_for(&mut guard, timeout)),
                None => self.0.wait(&mut guard),
            }
            guard
        }

        pub(crate) fn notify_all(&self) {
            self.0.notify_all();
        }
    }

    /// A clock that only goes forward.
    #[derive(Debug)]
    pub(crate) struct Clock(std::time::Instant);

    impl Clock {
        pub(crate) fn start() -> Self {
            Self(std::time::Instant::now())
        }

        /// The time since the start.
        pub(crate) fn now(&self) -> Duration {
            self.0.elapsed()
        }
    }

    /// A number that differs between running threads, to spread them over slots.
    pub(crate) fn thread_hint() -> usize {
        use std::cell::Cell;
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        thread_local! {
            static HINT: Cell<usize> = const { Cell::new(usize::MAX) };
        }
        HINT.try_with(|hint| {
            if hint.get() == usize::MAX {
                // Relaxed: only the number counts, nothing is ordered by it.
                hint.set(NEXT.fetch_add(1, Ordering::Relaxed));
            }
            hint.get()
        })
        .unwrap_or(0)
    }

    /// Sleeps between two attempts of a retry loop.
    pub(crate) fn sleep(duration: Duration) {
        std::thread::sleep(duration);
    }

    /// Gives up the time slice between two attempts of a retry loop.
    pub(crate) fn yield_now() {
        std::thread::yield_now();
    }

    /// A thread that does the same again and again, until this is dropped.
    pub(crate) struct Periodic {
        /// Dropped first: it wakes the thread.
        stop: Option<std::sync::mpsc::Sender<()>>,
        thread: Option<std::thread::JoinHandle<()>>,
    }

    impl Periodic {
        /// Runs `work` after every interval while it returns true.
        pub(crate) fn start(
            interval: std::time::Duration,
            work: impl Fn() -> bool + Send + 'static,
        ) -> Self {
            let (stop, stopped) = std::sync::mpsc::channel();
            let timeout = std::sync::mpsc::RecvTimeoutError::Timeout;
            let thread = std::thread::spawn(move || {
                while stopped.recv_timeout(interval) == Err(timeout) && work() {}
            });
            Self { stop: Some(stop), thread: Some(thread) }
        }
    }

    impl Drop for Periodic {
        fn drop(&mut self) {
            drop(self.stop.take());
            let Some(thread) = self.thread.take() else { return };
            // The thread itself may drop the last handle; it cannot wait for itself. A
            // panic there was counted where it happened.
            if thread.thread().id() != std::thread::current().id() {
                drop(thread.join());
            }
        }
    }

    /// Threads that may borrow, for what is tried with many of them.
    #[cfg(feature = "testkit")]
    pub(crate) use std::thread::scope;

    /// Whether this is a model that has failed.
    pub(crate) const fn model_failed() -> bool {
        false
    }
}

#[cfg(precedent_loom)]
mod imp {
    pub(crate) use loom::sync::MutexGuard;
    pub(crate) use loom::sync::atomic::{
        AtomicBool, AtomicPtr, AtomicU64, AtomicUsize, Ordering, fence,
    };
    use std::time::Duration;

    /// loom's mutex with the shape of `parking_lot`'s: it cannot be poisoned.
    #[derive(Debug, Default)]
    pub(crate) struct Mutex<T>(loom::sync::Mutex<T>);

    impl<T> Mutex<T> {
        pub(crate) fn new(value: T) -> Self {
            Self(loom::sync::Mutex::new(value))
        }

        pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
            self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
        }

        pub(crate) fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
            self.0.try_lock().ok()
        }
    }

    /// Padding means nothing in a model.
    #[derive(Debug, Default)]
    pub(crate) struct CachePadded<T>(T);

    impl<T> CachePadded<T> {
        pub(crate) fn new(value: T) -> Self {
            Self(value)
        }
    }

    impl<T> std::ops::Deref for CachePadded<T> {
        type Target = T;
        fn deref(&self) -> &T {
            &self.0
        }
    }

    /// Lets another thread of the model run.
    pub(crate) struct Waiting(());

    impl Waiting {
        pub(crate) fn new() -> Self {
            Self(())
        }

        pub(crate) fn wait(&self) {
            loom::thread::yield_now();
        }
    }

    /// loom's condition variable with the shape of ours: time stands still, so that a wait
    /// ends only by a notification.
    #[derive(Debug, Default)]
    pub(crate) struct Condvar(loom::sync::Condvar);

    impl Condvar {
        pub(crate) fn wait<'m, T>(
            &self,
            guard: MutexGuard<'m, T>,
            _timeout: Option<Duration>,
        ) -> MutexGuard<'m, T> {
            self.0.wait(guard).unwrap_or_else(|poisoned| poisoned.into_inner())
        }

        pub(crate) fn notify_all(&self) {
            self.0.notify_all();
        }
    }

    /// Time stands still in a model.
    #[derive(Debug)]
    pub(crate) struct Clock(());

    impl Clock {
        pub(crate) fn start() -> Self {
            Self(())
        }

        pub(crate) fn now(&self) -> Duration {
            Duration::ZERO
        }
    }

    /// Every thread of a model starts at the first slot.
    pub(crate) fn thread_hint() -> usize {
        0
    }

    /// Time stands still in a model.
    pub(crate) fn sleep(_duration: Duration) {
        loom::thread::yield_now();
    }

    /// Lets another thread of the model run.
    pub(crate) fn yield_now() {
        loom::thread::yield_now();
    }

    /// Whether this is a model that has failed: its objects are gone, so that a `Drop`
    /// that runs while the failure unwinds must not touch them.
    pub(crate) fn model_failed() -> bool {
        std::thread::panicking()
    }
}

/// A number that no other caller in the process gets.
pub(crate) fn next_number() -> u64 {
    // Of std even in models: a static outlives them.
    static NEXT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(1);
    // Relaxed: only the number counts, nothing is ordered by it.
    NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed)
}

/// How many share something. Of std even in models, as the counts of std's `Arc` are.
pub(crate) struct Sharers(std::sync::atomic::AtomicU32);

impl Sharers {
    pub(crate) const fn one() -> Self {
        Self(std::sync::atomic::AtomicU32::new(1))
    }

    pub(crate) fn add(&self) {
        // Relaxed: whoever adds one has one, as with `Arc`.
        let before = self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        if before > u32::MAX / 2 {
            // Only if so many are forgotten, since there is no memory for them.
            std::process::abort();
        }
    }

    /// True if it was the last one; then everything that the others did is known.
    pub(crate) fn remove(&self) -> bool {
        use std::sync::atomic::{Ordering, fence};
        // Release: pairs with the Acquire fence of the last one.
        let last = self.0.fetch_sub(1, Ordering::Release) == 1;
        if last {
            fence(Ordering::Acquire);
        }
        last
    }
}

pub(crate) use imp::*;
/// Write-once cells need no model: what they hold never changes once it can be seen.
pub(crate) use std::sync::OnceLock;

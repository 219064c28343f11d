//! A thread's way to the engine: counts attempts, and dwells where that is asked for.

use std::time::{Duration, Instant};

use crate::engine::{Stop, Store};

pub struct Client<'s, S> {
    store: &'s S,
    dwell: Duration,
    /// Transactions that were begun by the workload, and how often they were run.
    pub calls: u64,
    pub attempts: u64,
}

impl<'s, S: Store> Client<'s, S> {
    /// Every attempt waits for `dwell` before it ends.
    pub fn new(store: &'s S, dwell: Duration) -> Self {
        Self { store, dwell, calls: 0, attempts: 0 }
    }

    #[inline]
    pub fn read<R>(&mut self, mut work: impl FnMut(&mut S::Reader<'_>) -> Result<R, Stop>) -> R {
        let (dwell, attempts) = (self.dwell, &mut self.attempts);
        self.calls += 1;
        self.store.read(|tx| {
            *attempts += 1;
            let result = work(tx)?;
            wait(dwell);
            Ok(result)
        })
    }

    #[inline]
    pub fn write<R>(&mut self, mut work: impl FnMut(&mut S::Writer<'_>) -> Result<R, Stop>) -> R {
        let (dwell, attempts) = (self.dwell, &mut self.attempts);
        self.calls += 1;
        self.store.write(|tx| {
            *attempts += 1;
            let result = work(tx)?;
            wait(dwell);
            Ok(result)
        })
    }

    pub fn retries(&self) -> u64 {
        self.attempts - self.calls
    }
}

/// Lets others work for at least so long.
#[inline]
pub fn wait(time: Duration) {
    if !time.is_zero() {
        wait_until(Instant::now() + time);
    }
}

/// Sleeps while it is far off, for a sleep ends late; then gives way.
pub fn wait_until(end: Instant) {
    const LATE: Duration = Duration::from_micros(200);
    loop {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return;
        }
        if left > LATE { std::thread::sleep(left - LATE) } else { std::thread::yield_now() }
    }
}

//! One run of one engine: a fresh database, some time to warm up, some time at full
//! speed, and some time with a clock on every transaction.
//!
//! Threads look at one shared number between transactions, which tells the phase; the
//! harness otherwise costs a thread nothing but its own random numbers. How much that is,
//! the dry engine tells.

use std::sync::Barrier;
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use super::fill;
use crate::engine::{About, Store};
use crate::workload::{Client, Done, Kind, Seat, Workload};

const WARM: u8 = 0;
const FAST: u8 = 1;
const CLOCKED: u8 = 2;

/// How a run is to be done.
#[derive(Clone)]
pub struct Shape {
    pub threads: usize,
    pub repeat: u32,
    pub seed: u64,
    /// At full speed; a fifth of it comes before, to warm up, and half of it after, clocked.
    pub seconds: f64,
    /// In place of `seconds`: so many transactions at full speed on each thread.
    pub transactions: Option<u64>,
    /// Between transactions, and in each before its end.
    pub think: Duration,
    pub dwell: Duration,
    /// Transactions a second of all threads together that arrive whether or not the
    /// engine is ready; latency counts from the arrival. Else the next one begins when
    /// the last one has ended.
    pub rate: Option<f64>,
}

/// What came of a run.
pub struct Run {
    /// At full speed, of each thread by its own seconds, added up.
    pub commits_per_second: f64,
    pub useful_per_second: f64,
    pub side_per_second: f64,
    /// In the whole run.
    pub calls: u64,
    pub retries: u64,
    pub aborts: Vec<(&'static str, u64)>,
    pub versions: Option<u64>,
    pub latency: Histogram<u64>,
    /// What the workload says of the end.
    pub check: Result<(), String>,
}

/// One thread's share.
struct Share<X> {
    commits: u64,
    useful: u64,
    side: u64,
    seconds: f64,
    calls: u64,
    retries: u64,
    latency: Histogram<u64>,
    session: X,
}

/// From a nanosecond to a minute, three digits.
pub fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 60_000_000_000, 3).expect("the bounds are in order")
}

pub fn run<W: Workload, S>(workload: &W, shape: &Shape, about: &About) -> Run
where
    S: Store<Key = W::Key, Value = W::Value>,
{
    let store: S = fill(workload, about.variant);
    let before = store.aborts();
    let phase = AtomicU8::new(WARM);
    let start_line = Barrier::new(shape.threads + 1);
    let conductor = thread::current();
    let work = |thread: usize| {
        let stage = Stage { phase: &phase, conductor: &conductor, shape };
        perform(workload, &store, thread, &stage, &start_line)
    };
    let shares: Vec<_> = thread::scope(|scope| {
        let work = &work;
        let spawn = |thread| scope.spawn(move || work(thread));
        let threads: Vec<_> = (0..shape.threads).map(spawn).collect();
        start_line.wait();
        conduct(&phase, shape);
        threads.into_iter().map(|thread| thread.join().expect("a thread panicked")).collect()
    });
    let after = store.aborts();
    let aborts = after.into_iter().zip(before);
    let aborts = aborts.map(|((reason, after), (_, before))| (reason, after - before)).collect();
    let versions = store.versions();
    sum_up(workload, &store, shares, (aborts, versions), about.keeps)
}

/// Calls out the phases.
fn conduct(phase: &AtomicU8, shape: &Shape) {
    let counted = shape.transactions.is_some();
    for (now, share) in [(WARM, 0.2), (FAST, 1.0), (CLOCKED, 0.5)] {
        let end = Instant::now() + Duration::from_secs_f64(shape.seconds * share);
        while phase.load(Ordering::Relaxed) == now {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() && !(counted && now == FAST) {
                advance(phase, now);
            } else if counted && now == FAST {
                thread::park();
            } else {
                thread::park_timeout(left);
            }
        }
    }
}

fn advance(phase: &AtomicU8, now: u8) {
    // If somebody else was first, that is as good.
    let _ = phase.compare_exchange(now, now + 1, Ordering::Relaxed, Ordering::Relaxed);
}

struct Stage<'a> {
    phase: &'a AtomicU8,
    conductor: &'a Thread,
    shape: &'a Shape,
}

impl Stage<'_> {
    fn is(&self, phase: u8) -> bool {
        self.phase.load(Ordering::Relaxed) == phase
    }

    /// This thread has done all that it may in this phase: on to the next, for everybody.
    fn exhausted(&self, phase: u8) {
        advance(self.phase, phase);
        self.conductor.unpark();
    }

    /// So many transactions may this thread do in a phase.
    fn most(&self, phase: u8, most: u64) -> u64 {
        let share = most / self.shape.threads as u64;
        match phase {
            WARM => share / 8,
            FAST => self.shape.transactions.unwrap_or(u64::MAX).min(share / 8 * 5),
            _ => share / 4,
        }
    }
}

/// When a thread's transactions begin.
struct Pace {
    think: Duration,
    /// Between two arrivals.
    interval: Option<Duration>,
    next: Instant,
}

impl Pace {
    fn new(shape: &Shape) -> Self {
        let interval = shape.rate.map(|rate| Duration::from_secs_f64(shape.threads as f64 / rate));
        Self { think: shape.think, interval, next: Instant::now() }
    }

    fn is_free(&self) -> bool {
        self.think.is_zero() && self.interval.is_none()
    }

    /// Waits for the next turn; when it should have begun.
    fn turn(&mut self) -> Instant {
        if let Some(interval) = self.interval {
            let intended = self.next;
            crate::workload::wait_until(intended);
            self.next = intended + interval;
            return intended;
        }
        crate::workload::wait(self.think);
        Instant::now()
    }
}

fn perform<W: Workload, S>(
    workload: &W,
    store: &S,
    thread: usize,
    stage: &Stage<'_>,
    start_line: &Barrier,
) -> Share<W::Session>
where
    S: Store<Key = W::Key, Value = W::Value>,
{
    let Shape { repeat, seed, dwell, .. } = *stage.shape;
    let seat = Seat { seed, thread: thread as u64, repeat };
    let mut share = Share {
        commits: 0,
        useful: 0,
        side: 0,
        seconds: 0.0,
        calls: 0,
        retries: 0,
        latency: histogram(),
        session: workload.session(seat),
    };
    let most = workload.spec().most;
    let mut client = Client::new(store, dwell);
    start_line.wait();
    let mut pace = Pace::new(stage.shape);
    for phase in [WARM, FAST] {
        (share.commits, share.useful, share.side) = (0, 0, 0);
        let (start, most) = (Instant::now(), stage.most(phase, most));
        fast(workload, &mut client, &mut share, (stage, phase, most), &mut pace);
        share.seconds = start.elapsed().as_secs_f64();
        wait_for_next(stage, phase);
    }
    let most = stage.most(CLOCKED, most);
    clocked(workload, &mut client, &mut share, (stage, most), &mut pace);
    (share.calls, share.retries) = (client.calls, client.retries());
    share
}

/// Everybody enters a phase, even if another thread has ended it before.
fn wait_for_next(stage: &Stage<'_>, phase: u8) {
    while stage.is(phase) {
        thread::yield_now();
    }
}

fn fast<W: Workload, S>(
    workload: &W,
    client: &mut Client<'_, S>,
    share: &mut Share<W::Session>,
    (stage, phase, most): (&Stage<'_>, u8, u64),
    pace: &mut Pace,
) where
    S: Store<Key = W::Key, Value = W::Value>,
{
    let free = pace.is_free();
    let (mut useful, mut refused, mut side) = (0_u64, 0_u64, 0_u64);
    while stage.is(phase) {
        if useful + refused >= most {
            stage.exhausted(phase);
            break;
        }
        if !free {
            pace.turn();
        }
        match workload.transact(client, &mut share.session).kind {
            Kind::Useful => useful += 1,
            Kind::Refused => refused += 1,
            Kind::Side => side += 1,
        }
    }
    (share.commits, share.useful, share.side) = (useful + refused, useful, side);
}

fn clocked<W: Workload, S>(
    workload: &W,
    client: &mut Client<'_, S>,
    share: &mut Share<W::Session>,
    (stage, most): (&Stage<'_>, u64),
    pace: &mut Pace,
) where
    S: Store<Key = W::Key, Value = W::Value>,
{
    let free = pace.is_free();
    let mut count = 0;
    let mut last = Instant::now();
    while stage.is(CLOCKED) {
        if count >= most {
            stage.exhausted(CLOCKED);
            break;
        }
        let start = if free { last } else { pace.turn() };
        let Done { kind, .. } = workload.transact(client, &mut share.session);
        last = Instant::now();
        if kind != Kind::Side {
            share.latency.saturating_record(last.duration_since(start).as_nanos() as u64);
            count += 1;
        }
    }
}

fn sum_up<W: Workload, S>(
    workload: &W,
    store: &S,
    shares: Vec<Share<W::Session>>,
    (aborts, versions): (Vec<(&'static str, u64)>, Option<u64>),
    keeps: bool,
) -> Run
where
    S: Store<Key = W::Key, Value = W::Value>,
{
    let total = |count: fn(&Share<W::Session>) -> u64| shares.iter().map(count).sum::<u64>();
    let rate = |count: fn(&Share<W::Session>) -> u64| {
        shares.iter().map(|share| count(share) as f64 / share.seconds.max(1e-9)).sum::<f64>()
    };
    let mut latency = histogram();
    shares.iter().for_each(|share| latency += &share.latency);
    let mut run = Run {
        commits_per_second: rate(|share| share.commits),
        useful_per_second: rate(|share| share.useful),
        side_per_second: rate(|share| share.side),
        calls: total(|share| share.calls),
        retries: total(|share| share.retries),
        aborts,
        versions,
        latency,
        check: Ok(()),
    };
    if keeps {
        let sessions: Vec<_> = shares.into_iter().map(|share| share.session).collect();
        run.check = workload.check(&mut Client::new(store, Duration::ZERO), &sessions);
    }
    run
}

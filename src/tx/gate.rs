//! The gate: while an aged transaction holds it shut, other writers wait at their commit.
//!
//! ```text
//!   open  --close, in the order of asking-->  shut by one  --open, or max_time over-->  open
//!                                               |
//!   commits:  one load, and past                | wait until this turn is over
//! ```
//!
//! Turns are numbered in the order of asking, and each lasts at most a named time, after
//! which whoever waits opens the gate. A commit waits for the turn in which it came, and
//! for no later one: so it waits at most for that time, however many turns are asked for.
//! A commit that was past the gate when it was shut goes on; it is not waited for.
//!
//! No lock is held, no log entry is kept back and nothing fails because of the gate.

use std::time::Duration;

use crate::bugs::{Bug, Bugs};
use crate::sync::{
    AtomicU64, CachePadded, Clock, Condvar, Mutex, MutexGuard, Ordering, thread_hint,
};

/// Nobody holds the gate shut.
const OPEN: u64 = 0;

pub(crate) struct Gate {
    /// The thread that holds the gate shut, or `OPEN`. Written under the lock of `line`,
    /// read without it by every commit.
    holder: CachePadded<AtomicU64>,
    line: Mutex<Line>,
    /// Notified when the gate opens, and when it is shut while others stand in line.
    moved: Condvar,
    clock: Clock,
    max_time: Duration,
    bugs: Bugs,
}

/// Those who want to shut the gate.
struct Line {
    /// Turns asked for; the next one gets this number.
    asked: u64,
    /// Turns begun; the next one that may begin has this number.
    begun: u64,
    /// When the present turn ends, at the latest.
    deadline: Duration,
    figures: Figures,
}

/// What has happened at the gate.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Figures {
    /// Turns of aged transactions.
    pub(crate) aged: u64,
    /// Turns that ended because their time was over.
    pub(crate) timed_out: u64,
    /// The longest wait of a commit at the gate.
    pub(crate) longest_wait: Duration,
}

/// A turn: the gate is shut until this is dropped, or until the turn's time is over.
#[must_use]
pub(crate) struct Shut<'g> {
    gate: &'g Gate,
    turn: u64,
}

/// Names the calling thread to a gate. A thread whose thread-local storage is gone may
/// share another's name, and then passes where it should wait: that costs a retry.
pub(crate) fn this_thread() -> u64 {
    thread_hint() as u64 + 1
}

impl Gate {
    pub(crate) fn new(max_time: Duration, bugs: Bugs) -> Self {
        Self {
            holder: CachePadded::new(AtomicU64::new(OPEN)),
            line: Mutex::new(Line {
                asked: 0,
                begun: 0,
                deadline: Duration::ZERO,
                figures: Figures::default(),
            }),
            moved: Condvar::default(),
            clock: Clock::start(),
            max_time,
            bugs,
        }
    }

    /// Waits while another thread holds the gate shut, for that one turn at most.
    pub(crate) fn pass(&self, me: impl FnOnce() -> u64) {
        // Acquire: pairs with `open`. A value older than that lets a commit by, which then
        // counts as past the gate. Nobody is so twice in one turn: if an attempt behind the
        // gate has missed a commit of this thread, the fence of that attempt's begin came
        // before the one of this thread's next begin, which therefore sees the gate shut.
        if self.holder.load(Ordering::Acquire) != OPEN && !self.bugs.has(Bug::PassShutGate) {
            self.wait_outside(me());
        }
    }

    #[cold]
    fn wait_outside(&self, me: u64) {
        let mut line = self.line.lock();
        if self.holder() == me {
            return;
        }
        let (turn, from) = (line.begun, self.clock.now());
        // Ends: the turn does, by its holder or by its deadline.
        while line.begun == turn && !self.is_open(&mut line) {
            line = self.wait(line);
        }
        let waited = self.clock.now().saturating_sub(from);
        line.figures.longest_wait = line.figures.longest_wait.max(waited);
    }

    /// Shuts the gate for an aged transaction, after everybody who asked before. None if
    /// this thread holds it shut already.
    pub(crate) fn close(&self, me: u64) -> Option<Shut<'_>> {
        let mut line = self.line.lock();
        if self.holder() == me && !self.is_open(&mut line) {
            return None;
        }
        let turn = line.asked;
        line.asked += 1;
        // Ends: each turn before does, by its holder or by its deadline.
        while !self.is_open(&mut line) || (line.begun != turn && !self.bugs.has(Bug::OutOfTurn)) {
            line = self.wait(line);
        }
        Some(self.shut(line, me))
    }

    /// Shuts the gate if it is open and nobody stands in line.
    pub(crate) fn try_close(&self, me: u64) -> Option<Shut<'_>> {
        let mut line = self.line.lock();
        if line.begun != line.asked || !self.is_open(&mut line) {
            return None;
        }
        line.asked += 1;
        Some(self.shut(line, me))
    }

    fn shut(&self, mut line: MutexGuard<'_, Line>, me: u64) -> Shut<'_> {
        line.begun += 1;
        line.deadline = self.clock.now().saturating_add(self.max_time);
        self.holder.store(me, Ordering::Relaxed);
        if line.asked > line.begun {
            // Who found the gate open, but not its turn come, must learn the deadline.
            self.moved.notify_all();
        }
        Shut { gate: self, turn: line.begun }
    }

    /// The holder, for those who have the lock.
    fn holder(&self) -> u64 {
        self.holder.load(Ordering::Relaxed)
    }

    /// Whether the gate is open; opens it if its time is over.
    fn is_open(&self, line: &mut Line) -> bool {
        if self.holder() != OPEN && self.is_overdue(line) {
            line.figures.timed_out += 1;
            self.open();
        }
        self.holder() == OPEN
    }

    #[cfg(not(precedent_loom))]
    fn is_overdue(&self, line: &Line) -> bool {
        self.clock.now() >= line.deadline
    }

    /// Time stands still, but a model may say that it is over.
    #[cfg(precedent_loom)]
    fn is_overdue(&self, line: &Line) -> bool {
        line.deadline.is_zero() && !self.max_time.is_zero()
    }

    fn open(&self) {
        // Release: a commit that finds the gate open again knows what was done behind it.
        self.holder.store(OPEN, Ordering::Release);
        if !self.bugs.has(Bug::OpenSilently) {
            self.moved.notify_all();
        }
    }

    fn wait<'g>(&self, line: MutexGuard<'g, Line>) -> MutexGuard<'g, Line> {
        let left = line.deadline.saturating_sub(self.clock.now());
        self.moved.wait(line, (self.holder() != OPEN).then_some(left))
    }

    /// A turn that has just begun is that of an aged transaction.
    pub(crate) fn count_aged(&self) {
        self.line.lock().figures.aged += 1;
    }

    pub(crate) fn figures(&self) -> Figures {
        self.line.lock().figures
    }

    /// How many stand in line.
    #[cfg(all(test, precedent_loom))]
    pub(crate) fn waiting(&self) -> u64 {
        let line = self.line.lock();
        line.asked - line.begun
    }

    /// Ends the present turn as if its time were over.
    #[cfg(all(test, precedent_loom))]
    pub(crate) fn let_time_pass(&self) {
        let mut line = self.line.lock();
        line.deadline = Duration::ZERO;
        self.is_open(&mut line);
    }
}

impl Shut<'_> {
    /// Whether the turn is over because its time was.
    pub(crate) fn is_over(&self) -> bool {
        let mut line = self.gate.line.lock();
        line.begun != self.turn || self.gate.is_open(&mut line)
    }
}

impl Drop for Shut<'_> {
    fn drop(&mut self) {
        if crate::sync::model_failed() {
            return;
        }
        let mut line = self.gate.line.lock();
        // After its time it is no longer this turn's to open.
        if line.begun == self.turn && !self.gate.is_open(&mut line) {
            self.gate.open();
        }
    }
}

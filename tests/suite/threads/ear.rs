//! Writes down what a thread does: the engine's recorder tells begins, slides, versions,
//! savepoints, rollbacks and ends; the thread itself tells what it asked for and what it saw.
//!
//! Everything goes into a buffer of the thread, without locks, in the order of the
//! thread's steps. A thread runs one transaction at a time.

use std::cell::RefCell;
use std::sync::LazyLock;
use std::time::Instant;

use precedent::record::{Event, Outcome, Recorder, Seen};

use super::record::{Moments, Record};
use super::translate::cycle;
use crate::oracle::history::Ts;
use crate::oracle::{End, Key, Name, Op, Tx, Value};

/// What detached snapshots are called: the recorder knows nothing of them.
const DETACHED: u64 = u64::MAX;

/// Most contradictions that a thread keeps.
const MOST_STRAY: usize = 20;

static CLOCK: LazyLock<Instant> = LazyLock::new(Instant::now);

thread_local! {
    static LOG: RefCell<Log> = RefCell::default();
}

/// The recorder: hands each event to the buffer of its thread.
pub struct Ear;

impl Recorder for Ear {
    fn record(&self, event: Event<'_>) {
        LOG.with_borrow_mut(|log| log.hear(event));
    }
}

/// What a thread did so far.
#[derive(Default)]
struct Log {
    record: Record,
    /// The transaction that is open.
    open: Option<u64>,
    /// What the recorder told since the last step.
    seen: Vec<Seen>,
    /// What the next transaction will write, if it cannot be told while it does.
    planned: Vec<Op>,
    /// Before the next transaction begins.
    before: u64,
    /// Before the end of the open one is decided, and whether it ends with an `Err`.
    ending: Option<(u64, bool)>,
}

fn now() -> u64 {
    CLOCK.elapsed().as_nanos() as u64
}

/// The thread is about to call something that begins a transaction.
pub fn call() {
    let now = now();
    LOG.with_borrow_mut(|log| log.before = now);
}

/// The next transaction will do this, all at once.
pub fn plan(ops: Vec<Op>) {
    LOG.with_borrow_mut(|log| log.planned = ops);
}

/// The open transaction is about to end, with an `Err` of its own or not.
pub fn ending(err: bool) {
    let now = now();
    LOG.with_borrow_mut(|log| log.ending = Some((now, err)));
}

/// What was called has returned.
pub fn returned() {
    let now = now();
    LOG.with_borrow_mut(|log| {
        if let Some(moments) = log.record.moments.last_mut() {
            moments.returned = now;
        }
    });
}

/// The thread has got a snapshot at this timestamp, which it drops at [`let_go`]. What it
/// notes until then it saw there.
pub fn hold(at: Ts, safe: bool) {
    LOG.with_borrow_mut(|log| {
        log.begin(DETACHED, at);
        log.tx().end = End::Detached { safe };
    });
}

/// The thread drops its snapshot.
pub fn let_go() {
    let now = now();
    LOG.with_borrow_mut(|log| {
        log.open = None;
        log.before = now;
    });
}

/// The open transaction took a step.
pub fn note(op: Op) {
    LOG.with_borrow_mut(|log| match log.open {
        Some(_) => log.tx().ops.push(op),
        None => log.stray(format!("{op:?} outside of a transaction")),
    });
}

/// The step that the thread is about to note showed this under a key: the recorder must
/// have told one read.
pub fn saw(key: Key, value: Option<Value>) {
    LOG.with_borrow_mut(|log| {
        match (log.seen.as_slice(), value) {
            ([Seen::Version(c)], Some(value)) => {
                log.record.told.push((key, value, u64::from(*c)));
            }
            ([Seen::Absent], None) | ([Seen::Own], _) => {}
            _ => log.stray(format!("saw {value:?} under {key}, was told {:?}", log.seen)),
        }
        log.seen.clear();
    });
}

/// The step showed no value: nothing is to be compared.
pub fn saw_no_value() {
    LOG.with_borrow_mut(|log| log.seen.clear());
}

/// The record of this thread so far; it starts anew.
pub fn take() -> Record {
    LOG.take().record
}

impl Log {
    fn stray(&mut self, story: String) {
        if self.record.stray.len() < MOST_STRAY {
            self.record.stray.push(story);
        }
    }

    fn tx(&mut self) -> &mut Tx {
        self.record.history.txs.last_mut().expect("the open transaction is the last one")
    }

    fn hear(&mut self, event: Event<'_>) {
        let tx = match event {
            Event::Begin { tx, timestamp, .. } => return self.begin(tx.into(), timestamp.into()),
            Event::Slide { tx, timestamp } => {
                self.tx().ops.push(Op::Slide { to: timestamp.into() });
                tx
            }
            Event::Read { tx, seen, .. } | Event::Row { tx, seen, .. } => {
                self.seen.push(seen);
                tx
            }
            Event::End { tx, outcome, .. } => {
                self.end(outcome);
                if self.open.take() != Some(tx.into()) {
                    self.stray(format!("{tx} ended, which is not the open one"));
                }
                return;
            }
            Event::Savepoint { tx, number } => {
                self.tx().ops.push(Op::Savepoint { number });
                tx
            }
            Event::RollbackTo { tx, number } => {
                self.tx().ops.push(Op::RollbackTo { number });
                tx
            }
            Event::Scan { tx, .. } | Event::ScanEnd { tx, .. } | Event::Write { tx, .. } => tx,
            _ => return self.stray("an unknown event".to_owned()),
        };
        if self.open != Some(tx.into()) {
            self.stray(format!("an event of {tx}, which is not the open one"));
        }
    }

    fn begin(&mut self, id: u64, s: u64) {
        if let Some(open) = self.open.replace(id) {
            self.stray(format!("#{id} began within #{open}"));
        }
        self.ending = None;
        self.seen.clear();
        self.record.history.txs.push(Tx {
            name: Name::Unrelated,
            id,
            began: s,
            ops: std::mem::take(&mut self.planned),
            end: End::RolledBack,
            collected_through: 0,
        });
        let (called, ended, returned) = (self.before, u64::MAX, u64::MAX);
        self.record.moments.push(Moments { called, ending: called, ended, returned });
    }

    fn end(&mut self, outcome: Outcome<'_>) {
        let (ending, err) = self.ending.take().unwrap_or((self.before, false));
        let wrote = !self.tx().left().is_empty();
        let end = match outcome {
            Outcome::Committed(c) => Ok(End::Committed(c.into())),
            Outcome::Certified => Ok(End::Certified { err }),
            Outcome::RolledBack => Ok(End::RolledBack),
            Outcome::Aborted(conflict) => {
                cycle(conflict).map(|cycle| End::Aborted { as_reader: err || !wrote, cycle })
            }
            other => Err(format!("an end that no transaction here can meet: {other:?}")),
        };
        let ended = now();
        self.before = ended;
        if let Some(moments) = self.record.moments.last_mut() {
            moments.ending = ending;
            moments.ended = ended;
        }
        let as_writer = wrote && !err;
        match end {
            Ok(End::Committed(_)) if !as_writer => self.stray("a reader committed".to_owned()),
            Ok(End::Certified { .. }) if as_writer => self.stray("writes got lost".to_owned()),
            Ok(end) => self.tx().end = end,
            Err(story) => self.stray(story),
        }
    }
}

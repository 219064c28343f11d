//! One open transaction of a running schedule, and what its caller saw.

use std::rc::Rc;

use precedent::record::Seen;
use precedent::{Commit, Error, GateTurn, ReadTransaction, Savepoint, Transaction};

use super::listener::{Fact, Told};
use super::step::{Act, Span};
use super::translate::{in_upper_table, oracle_key, table_key};
use crate::oracle::history::left;
use crate::oracle::{Classes, Key, Keys, Op};

/// The engine's handle of an open transaction.
#[derive(Clone)]
pub enum Handle<'db> {
    /// It can write.
    Write(Rc<Transaction<'db>>),
    /// It cannot.
    Read(Rc<ReadTransaction<'db>>),
    /// It has ended.
    Gone,
}

impl Handle<'_> {
    /// What the engine calls it.
    pub fn id(&self) -> u64 {
        match self {
            Self::Write(tx) => tx.id().into(),
            Self::Read(tx) => tx.id().into(),
            Self::Gone => u64::MAX,
        }
    }

    /// Its read timestamp now.
    pub fn read_timestamp(&self) -> u64 {
        match self {
            Self::Write(tx) => tx.read_timestamp().into(),
            Self::Read(tx) => tx.read_timestamp().into(),
            Self::Gone => u64::MAX,
        }
    }

    /// Ends the transaction. A rollback has no result; it is the method or the drop. Says
    /// also whether the transaction was doomed.
    pub fn end(self, act: Act, by_method: bool) -> (Option<Result<Commit, Error>>, bool) {
        match (self, act) {
            (Self::Gone, _) => unreachable!("a transaction ends once"),
            (Self::Write(tx), Act::Rollback) => {
                if by_method {
                    alone(tx).rollback()
                } else {
                    drop(tx)
                }
                (None, false)
            }
            (Self::Read(tx), Act::Rollback) => {
                if by_method {
                    alone(tx).rollback()
                } else {
                    drop(tx)
                }
                (None, false)
            }
            (Self::Write(tx), Act::Err) => (Some(alone(tx).finish_without_writes()), false),
            (Self::Write(tx), _) => {
                let doomed = tx.is_doomed();
                (Some(alone(tx).commit()), doomed)
            }
            (Self::Read(tx), _) => (Some(alone(tx).finish()), false),
        }
    }
}

fn alone<T>(tx: Rc<T>) -> T {
    Rc::into_inner(tx).expect("nobody else holds a transaction that ends")
}

/// One open transaction.
pub struct Slot<'db> {
    /// Its number in the schedule.
    pub number: u8,
    /// Its place in the history.
    pub place: usize,
    /// The engine's handle.
    pub handle: Handle<'db>,
    /// It holds the gate.
    pub turn: Option<GateTurn<'db>>,
    /// Somebody else committed while it did.
    pub passed: bool,
    /// What the engine calls it.
    pub id: u64,
    /// The read timestamp that the recorder told last.
    pub s: u64,
    /// What it did so far.
    pub ops: Vec<Op>,
    /// Keys that it read by name before it wrote them.
    pub read: Keys,
    /// Keys that it wrote so far.
    pub written: Keys,
    /// Its open savepoints.
    pub savepoints: Vec<SavepointSlot>,
    /// How many it took.
    pub taken: u64,
    scans: Vec<ScanSlot>,
}

/// A savepoint, as its caller knows it.
pub struct SavepointSlot {
    /// The engine's token.
    pub token: Savepoint,
    /// From 1 on within the transaction.
    pub number: u64,
    /// Keys that had been written before it.
    pub written: Keys,
}

/// A scan, as its caller knows it.
struct ScanSlot {
    span: Span,
    predicate: bool,
    /// Keys that had been written before it was opened.
    own: Keys,
    /// The recorder's number for it, once told.
    told: Option<u64>,
}

impl<'db> Slot<'db> {
    /// A transaction that has just begun.
    pub fn new(number: u8, place: usize, handle: Handle<'db>, id: u64, s: u64) -> Self {
        let (ops, scans) = (Vec::with_capacity(16), Vec::new());
        let (read, written) = (Keys::NONE, Keys::NONE);
        let (savepoints, taken) = (Vec::new(), 0);
        let (turn, passed) = (None, false);
        Self {
            number,
            place,
            handle,
            turn,
            passed,
            id,
            s,
            ops,
            read,
            written,
            savepoints,
            taken,
            scans,
        }
    }

    /// Whether it has written anything and not undone it.
    pub fn wrote(&self) -> bool {
        !left(&self.ops).is_empty()
    }

    /// Keys that it wrote and cannot undo.
    pub fn certain(&self) -> Keys {
        self.savepoints.first().map_or(self.written, |oldest| oldest.written)
    }

    /// Notes that a scan was opened; gives its number.
    pub fn open(&mut self, span: Span, accepts: Option<Classes>) -> usize {
        let scan = ScanSlot { span, predicate: accepts.is_some(), own: self.written, told: None };
        self.scans.push(scan);
        self.ops.push(Op::Open { within: span.within(), accepts });
        self.scans.len() - 1
    }

    /// Whether the bounds of this scan say that it is empty.
    pub fn is_void(&self, scan: usize) -> bool {
        self.scans[scan].span.is_void()
    }

    /// Whether this scan has run out.
    pub fn ran_out(&self, scan: usize) -> bool {
        self.ops.iter().any(|op| matches!(op, Op::Pull { scan: of, row: None, .. } if *of == scan))
    }

    /// Whether a row of this scan is one of the transaction's own.
    pub fn is_own_row(&self, scan: usize, key: Key) -> bool {
        self.scans[scan].own.contains(key)
    }

    /// The key of a row that the recorder told.
    pub fn row_key(&self, scan: usize, key: u8) -> Key {
        oracle_key(self.scans[scan].span.in_upper_table(), key)
    }

    /// The recorder's number for a scan that has returned something.
    pub fn told_scan(&self, scan: usize) -> u64 {
        self.scans[scan].told.unwrap_or(u64::MAX)
    }

    /// Takes note of what the recorder told after a call, in order: slides, and the
    /// beginnings of scans. Leaves the rest in `facts`. An event of another transaction,
    /// or the wrong bounds, is an error.
    pub fn absorb(&mut self, facts: &mut Vec<Told>, sliding: bool) -> Result<(), String> {
        if let Some(stray) = facts.iter().find(|told| told.tx != self.id) {
            return Err(format!("a call of #{} led to {stray:?}", self.id));
        }
        let mut trouble = Ok(());
        facts.retain(|told| match told.fact {
            Fact::Slide { to } => {
                if !sliding {
                    trouble = Err(format!("slid to @{to} though sliding is off"));
                }
                self.slide(to);
                false
            }
            Fact::Scan { .. } => {
                if let Err(story) = self.told_of_scan(told.fact) {
                    trouble = Err(story);
                }
                false
            }
            _ => true,
        });
        trouble
    }

    /// Notes that the snapshot moved.
    pub fn slide(&mut self, to: u64) {
        self.s = to;
        self.ops.push(Op::Slide { to });
    }

    fn told_of_scan(&mut self, fact: Fact) -> Result<(), String> {
        let Fact::Scan { upper_table, scan, lower, upper, predicate } = fact else {
            return Err(format!("{fact:?} is no scan"));
        };
        let known = self.scans.iter_mut().find(|known| {
            let bounds = (known.span.lower.map(table_key), known.span.upper.map(table_key));
            let expected = (known.span.in_upper_table(), bounds, known.predicate);
            known.told.is_none() && expected == (upper_table, (lower, upper), predicate)
        });
        let known =
            known.ok_or_else(|| format!("{fact:?} was told, but none like it was opened"))?;
        known.told = Some(scan);
        Ok(())
    }

    /// Notes a read; gives what the recorder should tell of it if it showed `version`.
    pub fn expected_read(&mut self, key: Key, version: Option<u64>) -> Fact {
        let own = self.written.contains(key);
        if !own {
            self.read |= Keys::only(key);
        }
        Fact::Read {
            upper_table: in_upper_table(key),
            key: table_key(key),
            seen: seen(own, version),
        }
    }

    /// What the recorder should tell of a row of a scan.
    pub fn expected_row(&self, scan: usize, key: Key, version: Option<u64>, reverse: bool) -> Fact {
        let seen = seen(self.is_own_row(scan, key), version);
        Fact::Row { scan: self.told_scan(scan), key: table_key(key), seen, reverse }
    }
}

fn seen(own: bool, version: Option<u64>) -> Seen {
    match version {
        _ if own => Seen::Own,
        Some(c) => Seen::Version(c.into()),
        None => Seen::Absent,
    }
}

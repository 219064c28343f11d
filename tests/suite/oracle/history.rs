//! The record of a run, in the oracle's own words.

use std::fmt;

use super::keys::{Classes, Key, Keys, Value};

/// A place in the commit order.
pub type Ts = u64;

/// All that a run did.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// The transactions, in the order in which they began.
    pub txs: Vec<Tx>,
    /// Places in `txs`, in the order in which their ends were decided.
    pub ended: Vec<usize>,
    /// What the database held when all had ended.
    pub last_state: Vec<(Key, Value)>,
    /// What was asked about detached snapshots, in order.
    pub asked: Vec<Asked>,
    /// What the database was built with.
    pub limits: Limits,
}

/// Bounds that decide how far safe snapshots may lag.
#[derive(Clone, Copy, Debug, Default)]
pub struct Limits {
    /// How many commits the database retains at least.
    pub retained: Ts,
    /// Danger intervals may be merged across the gaps between them.
    pub blurred: bool,
}

/// A question about detached snapshots, and what was known when it was asked.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The newest commit.
    pub newest: Ts,
    /// The read timestamps of the open transactions that can write.
    pub writers: Vec<Ts>,
    /// What it was.
    pub question: Question,
}

/// A question about detached snapshots, with the engine's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// Which is the newest safe timestamp?
    Newest {
        /// The one of the snapshot that was given.
        answer: Ts,
    },
    /// Can this timestamp still be told?
    At {
        /// The timestamp.
        asked: Ts,
        /// Whether some handle keeps it.
        kept: bool,
        /// Whether a snapshot was given.
        given: bool,
    },
    /// Is a snapshot at this timestamp safe?
    Safe {
        /// The timestamp.
        at: Ts,
        /// Whether it was said to be.
        answer: bool,
    },
    /// None: everything that nobody needs was collected.
    Collected,
}

/// One transaction, from begin to end.
#[derive(Clone, Debug)]
pub struct Tx {
    /// What it is called in stories.
    pub name: Name,
    /// What the engine calls it.
    pub id: u64,
    /// Its first read timestamp.
    pub began: Ts,
    /// What it did, in program order.
    pub ops: Vec<Op>,
    /// How it ended.
    pub end: End,
    /// The newest timestamp below which everything could be forgotten when last a
    /// collection ran before the end. It feeds a counter, no judgement.
    pub collected_through: Ts,
}

/// What a transaction is called in stories.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Name {
    /// It wrote the rows that the run started with.
    Setup,
    /// It committed something that nobody else looks at.
    Unrelated,
    /// One of the numbered ones.
    Number(u8),
    /// No transaction, but a detached snapshot.
    Snapshot(u8),
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Setup => write!(f, "the setup"),
            Self::Unrelated => write!(f, "an unrelated one"),
            Self::Number(number) => write!(f, "T{number}"),
            Self::Snapshot(number) => write!(f, "snapshot {number}"),
        }
    }
}

/// What a look at one key told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Saw {
    /// The value, or that there is none.
    Value(Option<Value>),
    /// Only whether there is one.
    Presence(bool),
}

/// One step of a transaction.
#[derive(Clone, Copy, Debug)]
pub enum Op {
    /// It looked at a key.
    Read {
        /// Which one.
        key: Key,
        /// What it was told.
        saw: Saw,
    },
    /// It looked at a key without depending on it.
    Peek {
        /// Which one.
        key: Key,
        /// What it was told.
        saw: Option<Value>,
    },
    /// It began a scan; scans are numbered from zero within the transaction.
    Open {
        /// The keys within its bounds.
        within: Keys,
        /// The predicate that filters its rows.
        accepts: Option<Classes>,
    },
    /// It asked a scan for one more row.
    Pull {
        /// Which scan.
        scan: usize,
        /// Whether it asked at the back.
        reverse: bool,
        /// The row, or that the scan has run out.
        row: Option<(Key, Value)>,
    },
    /// It wrote a key (none: removed it).
    Write {
        /// Which one.
        key: Key,
        /// The new value.
        value: Option<Value>,
    },
    /// It took a savepoint.
    Savepoint {
        /// Numbered from 1 on within the transaction.
        number: u64,
    },
    /// It undid what it had written since a savepoint that was still there.
    RollbackTo {
        /// Which one.
        number: u64,
    },
    /// Its read timestamp moved forward.
    Slide {
        /// To here.
        to: Ts,
    },
}

/// How a transaction ended.
#[derive(Clone, Debug)]
pub enum End {
    /// Its writes are in, under this timestamp.
    Committed(Ts),
    /// Certified as a reader.
    Certified {
        /// It had given up its writes and ended with an `Err` of its own.
        err: bool,
    },
    /// The engine refused it.
    Aborted {
        /// It had no writes to commit: none made, or given up.
        as_reader: bool,
        /// What the engine reported.
        cycle: Cycle,
    },
    /// It gave itself up; nothing is promised.
    RolledBack,
    /// A detached snapshot, which nobody certifies.
    Detached {
        /// It was said to be safe, at whatever moment.
        safe: bool,
    },
}

/// The reason that a refusal gave.
#[derive(Clone, Debug, Default)]
pub struct Cycle {
    /// A bound was exceeded; no cycle is claimed.
    pub conservative: bool,
    /// A rule objects to the edges; no cycle is claimed either.
    pub suspected: bool,
    /// The edges of the cycle.
    pub edges: Vec<CycleEdge>,
}

/// One reported edge.
#[derive(Clone, Debug)]
pub struct CycleEdge {
    /// Which dependency is claimed.
    pub kind: CycleEdgeKind,
    /// Who comes first.
    pub from: Member,
    /// Who comes after.
    pub to: Member,
    /// The key in which they met.
    pub key: Option<Key>,
}

/// A transaction as a reported edge names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    /// What the engine calls it.
    pub id: u64,
    /// Its read timestamp, as reported.
    pub s: Ts,
    /// Its commit timestamp, as reported.
    pub c: Option<Ts>,
    /// How many other readers of the same snapshot it may be instead.
    pub sharing: usize,
}

/// The kinds of dependency that a report can claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CycleEdgeKind {
    /// `to` overwrote what `from` observed.
    Rw,
    /// `to` overwrote what `from` wrote.
    Ww,
    /// `from` was already in `to`'s snapshot.
    Start,
}

impl Tx {
    /// Its last read timestamp.
    pub fn s(&self) -> Ts {
        let slid = self.ops.iter().rev().find_map(|op| match op {
            Op::Slide { to } => Some(*to),
            _ => None,
        });
        slid.unwrap_or(self.began)
    }

    /// The value that it left under each key that it wrote, in no order.
    pub fn left(&self) -> Vec<(Key, Option<Value>)> {
        left(&self.ops)
    }

    /// Whether it undid something that it had written.
    pub fn undid(&self) -> bool {
        let mut rerun = OwnWrites::default();
        self.ops.iter().any(|op| rerun.step(op))
    }

    /// Its commit timestamp, if its writes are in.
    pub fn c(&self) -> Option<Ts> {
        match self.end {
            End::Committed(c) => Some(c),
            _ => None,
        }
    }
}

/// The value that these steps leave under each key that they write, in no order.
pub fn left(ops: &[Op]) -> Vec<(Key, Option<Value>)> {
    let mut own = OwnWrites::default();
    for op in ops {
        own.step(op);
    }
    let mut left: Vec<(Key, Option<Value>)> = Vec::new();
    for &(key, value) in own.all() {
        match left.iter_mut().find(|(written, _)| *written == key) {
            Some(slot) => slot.1 = value,
            None => left.push((key, value)),
        }
    }
    left
}

/// What a transaction has written and not undone.
#[derive(Default)]
pub struct OwnWrites {
    writes: Vec<(Key, Option<Value>)>,
    /// How many writes there were at each savepoint.
    savepoints: Vec<(u64, usize)>,
}

impl OwnWrites {
    /// Takes note of a step. True if it undid something.
    pub fn step(&mut self, op: &Op) -> bool {
        match *op {
            Op::Write { key, value } => self.writes.push((key, value)),
            Op::Savepoint { number } => self.savepoints.push((number, self.writes.len())),
            Op::RollbackTo { number } => {
                let known = self.savepoints.iter().find(|(known, _)| *known == number);
                let (_, writes) = *known.expect("a savepoint is taken before it is rolled back to");
                let undoes = writes < self.writes.len();
                self.writes.truncate(writes);
                return undoes;
            }
            _ => {}
        }
        false
    }

    /// All of them, in program order.
    pub fn all(&self) -> &[(Key, Option<Value>)] {
        &self.writes
    }

    /// The keys written.
    pub fn keys(&self) -> Keys {
        self.writes.iter().map(|(key, _)| *key).collect()
    }

    /// The own value under a key; none if it is not written, a none within if it is removed.
    pub fn under(&self, key: Key) -> Option<Option<Value>> {
        let newest = self.writes.iter().rev().find(|(written, _)| *written == key);
        newest.map(|(_, value)| *value)
    }
}

/// The committed writes of a history, in commit order.
pub struct Versions {
    commits: Vec<Commit>,
    used: Keys,
}

/// What one commit wrote.
struct Commit {
    c: Ts,
    keys: Keys,
    left: Vec<(Key, Option<Value>)>,
}

impl Versions {
    /// The committed writes of this history.
    pub fn of(history: &History) -> Self {
        let mut commits: Vec<Commit> = history
            .txs
            .iter()
            .filter_map(|tx| {
                let (c, left) = (tx.c()?, tx.left());
                Some(Commit { c, keys: left.iter().map(|(key, _)| *key).collect(), left })
            })
            .collect();
        commits.sort_by_key(|commit| commit.c);
        let used = history.txs.iter().flat_map(|tx| &tx.ops).filter_map(|op| match op {
            Op::Write { key, .. } => Some(*key),
            _ => None,
        });
        Self { used: used.collect(), commits }
    }

    /// The keys that any transaction wrote, committed or not.
    pub fn used(&self) -> Keys {
        self.used
    }

    /// What a snapshot at `s` shows under `key`.
    pub fn visible(&self, key: Key, s: Ts) -> Option<Value> {
        let mut newest_first = self.commits.iter().rev();
        let commit = newest_first.find(|commit| commit.c <= s && commit.keys.contains(key))?;
        commit.left.iter().find(|(written, _)| *written == key).and_then(|(_, value)| *value)
    }
}

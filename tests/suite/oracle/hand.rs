//! Histories made by hand, for the tests of the oracle itself.
//!
//! Drafts are listed in the order of their ends and are called by their places in that
//! list. A read names the version that it saw by its commit timestamp.

use super::history::{
    Cycle, CycleEdge, CycleEdgeKind, End, History, Member, Name, Op, OwnWrites, Saw, Tx, Versions,
};
use super::keys::{Classes, Key, Keys, Value};

/// A transaction of a history made by hand.
#[derive(Clone)]
pub struct Draft {
    began: u64,
    ops: Vec<DraftOp>,
    scans: usize,
    end: DraftEnd,
}

#[derive(Clone)]
enum DraftOp {
    Read(char, Option<u64>),
    Row { scan: usize, key: char, c: u64, reverse: bool },
    Write(char, Option<u8>),
    Done(Op),
}

#[derive(Clone)]
enum DraftEnd {
    Settled(End),
    Refused { as_reader: bool, edges: Vec<DraftEdge> },
}

/// A reported edge: its kind, from whom, to whom, on which key.
pub type DraftEdge = (CycleEdgeKind, usize, usize, Option<char>);

/// A transaction that begins with this read timestamp.
pub fn at(began: u64) -> Draft {
    Draft { began, ops: Vec::new(), scans: 0, end: DraftEnd::Settled(End::RolledBack) }
}

/// The keys from one to another, both included.
pub fn keys(from: char, to: char) -> Keys {
    Keys::from(key(from)) & Keys::up_to(key(to))
}

pub(super) fn key(letter: char) -> Key {
    Key::named(letter).expect("keys of drafts are letters")
}

impl Draft {
    /// It reads the version of `key` that was committed at `c`.
    pub fn reads(mut self, key: char, c: u64) -> Self {
        self.ops.push(DraftOp::Read(key, Some(c)));
        self
    }

    /// It reads `key` and finds nothing.
    pub fn misses(mut self, key: char) -> Self {
        self.ops.push(DraftOp::Read(key, None));
        self
    }

    /// It scans these keys and finds these rows, as (key, commit timestamp), and the end.
    pub fn scans(self, within: Keys, rows: &[(char, u64)]) -> Self {
        self.takes(within, None, rows, false).runs_out()
    }

    /// As `scans`, but only for rows of class 1.
    pub fn filters(self, within: Keys, rows: &[(char, u64)]) -> Self {
        self.takes(within, Some(Classes::from_bits(2)), rows, false).runs_out()
    }

    /// It scans these keys, and drops the scan after these rows.
    pub fn takes(
        mut self,
        within: Keys,
        accepts: Option<Classes>,
        rows: &[(char, u64)],
        reverse: bool,
    ) -> Self {
        let scan = self.scans;
        self.scans += 1;
        self.ops.push(DraftOp::Done(Op::Open { within, accepts }));
        self.ops.extend(rows.iter().map(|&(key, c)| DraftOp::Row { scan, key, c, reverse }));
        self
    }

    /// The last scan runs out.
    pub fn runs_out(mut self) -> Self {
        let scan = self.scans - 1;
        self.ops.push(DraftOp::Done(Op::Pull { scan, reverse: false, row: None }));
        self
    }

    /// It writes a value of class 0.
    pub fn writes(self, key: char) -> Self {
        self.writes_class(key, 0)
    }

    /// It writes a value of this class.
    pub fn writes_class(mut self, key: char, class: u8) -> Self {
        self.ops.push(DraftOp::Write(key, Some(class)));
        self
    }

    /// It removes a key.
    pub fn removes(mut self, key: char) -> Self {
        self.ops.push(DraftOp::Write(key, None));
        self
    }

    /// Its snapshot slides.
    pub fn slides(mut self, to: u64) -> Self {
        self.ops.push(DraftOp::Done(Op::Slide { to }));
        self
    }

    /// It takes a savepoint.
    pub fn saves(mut self, number: u64) -> Self {
        self.ops.push(DraftOp::Done(Op::Savepoint { number }));
        self
    }

    /// It undoes what it wrote since a savepoint.
    pub fn undoes(mut self, number: u64) -> Self {
        self.ops.push(DraftOp::Done(Op::RollbackTo { number }));
        self
    }

    /// It commits.
    pub fn commits(self, c: u64) -> Self {
        self.ends(End::Committed(c))
    }

    /// It is certified as a reader.
    pub fn certified(self) -> Self {
        self.ends(End::Certified { err: false })
    }

    /// It ends with a certified `Err`.
    pub fn errs(self) -> Self {
        self.ends(End::Certified { err: true })
    }

    /// It is a detached snapshot, said to be safe or not.
    pub fn detached(self, safe: bool) -> Self {
        self.ends(End::Detached { safe })
    }

    /// It is rolled back, or refused without a cycle.
    pub fn ends(mut self, end: End) -> Self {
        self.end = DraftEnd::Settled(end);
        self
    }

    /// It is refused for a bound.
    pub fn refused_for_a_bound(self) -> Self {
        let cycle = Cycle { conservative: true, ..Cycle::default() };
        self.ends(End::Aborted { as_reader: false, cycle })
    }

    /// It is refused, and this cycle is reported.
    pub fn refused(mut self, edges: &[DraftEdge]) -> Self {
        self.end = DraftEnd::Refused { as_reader: false, edges: edges.to_vec() };
        self
    }

    /// It is refused as a reader, and this cycle is reported.
    pub fn refused_as_reader(mut self, edges: &[DraftEdge]) -> Self {
        self.end = DraftEnd::Refused { as_reader: true, edges: edges.to_vec() };
        self
    }

    fn c(&self) -> Option<u64> {
        match self.end {
            DraftEnd::Settled(End::Committed(c)) => Some(c),
            _ => None,
        }
    }

    fn s(&self) -> u64 {
        let slid = self.ops.iter().rev().find_map(|op| match op {
            DraftOp::Done(Op::Slide { to }) => Some(*to),
            _ => None,
        });
        slid.unwrap_or(self.began)
    }
}

/// The history of these drafts; its final state is the right one.
pub fn history(drafts: &[Draft]) -> History {
    let mut next = 0;
    let mut values: Vec<Vec<Option<Value>>> = Vec::new();
    for draft in drafts {
        let written = draft.ops.iter().map(|op| match op {
            DraftOp::Write(_, Some(class)) => {
                next += 1;
                Some(Value::new(next - 1, *class))
            }
            _ => None,
        });
        values.push(written.collect());
    }
    let value_of = |letter: char, c: u64| {
        let place = drafts
            .iter()
            .position(|draft| draft.c() == Some(c))
            .expect("a version of a committed draft");
        let mut own = OwnWrites::default();
        for (op, value) in drafts[place].ops.iter().zip(&values[place]) {
            match op {
                DraftOp::Write(letter, _) => {
                    own.step(&Op::Write { key: key(*letter), value: *value })
                }
                DraftOp::Done(op) => own.step(op),
                _ => false,
            };
        }
        own.under(key(letter)).flatten().expect("a version that was written")
    };
    let txs = drafts.iter().enumerate().map(|(place, draft)| {
        let ops =
            draft.ops.iter().zip(&values[place]).map(|(op, value)| finished(op, *value, &value_of));
        let end = end(&draft.end, drafts);
        let name = Name::Number(place as u8);
        Tx {
            name,
            id: place as u64,
            began: draft.began,
            ops: ops.collect(),
            end,
            collected_through: 0,
        }
    });
    let mut history =
        History { txs: txs.collect(), ended: (0..drafts.len()).collect(), ..History::default() };
    let versions = Versions::of(&history);
    let rows =
        versions.used().iter().filter_map(|key| Some((key, versions.visible(key, u64::MAX)?)));
    history.last_state = rows.collect();
    history
}

fn finished(op: &DraftOp, value: Option<Value>, value_of: &impl Fn(char, u64) -> Value) -> Op {
    match *op {
        DraftOp::Read(letter, c) => {
            Op::Read { key: key(letter), saw: Saw::Value(c.map(|c| value_of(letter, c))) }
        }
        DraftOp::Row { scan, key: letter, c, reverse } => {
            Op::Pull { scan, reverse, row: Some((key(letter), value_of(letter, c))) }
        }
        DraftOp::Write(letter, _) => Op::Write { key: key(letter), value },
        DraftOp::Done(op) => op,
    }
}

fn end(end: &DraftEnd, drafts: &[Draft]) -> End {
    let (as_reader, edges) = match end {
        DraftEnd::Settled(end) => return end.clone(),
        DraftEnd::Refused { as_reader, edges } => (*as_reader, edges),
    };
    let member = |place: usize| Member {
        id: place as u64,
        s: drafts[place].s(),
        c: drafts[place].c(),
        sharing: 0,
    };
    let edges = edges.iter().map(|&(kind, from, to, letter)| CycleEdge {
        kind,
        from: member(from),
        to: member(to),
        key: letter.map(key),
    });
    let cycle = Cycle { edges: edges.collect(), ..Cycle::default() };
    End::Aborted { as_reader, cycle }
}

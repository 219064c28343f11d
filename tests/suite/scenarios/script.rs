//! The language of the history scripts.
//!
//! A file holds one history, or several under `=== name` lines. A history is a story in
//! `#` lines, then one step a line:
//!
//! ```text
//! # Write skew: each doctor sees that the other one is on call and goes off duty.
//! in every order
//! init ada=1 bob=1
//! T1 get bob -> 1
//! T1 insert ada 0
//! T1 commit
//! T2 get ada -> 1
//! T2 insert bob 0
//! T2 commit
//! then the last to commit conflicts
//! ```
//!
//! | line | meaning |
//! |---|---|
//! | `in every order` | run every interleaving of the transactions, not the order written |
//! | `init k=v …` | the first commit |
//! | `setup <step>` | one more transaction of its own before anything begins; or `setup collect` |
//! | `T1 <step>` | a step of a transaction; `-> a` is what it returns without sliding, `-> a \| b` and with it |
//! | `T1 savepoint s`, `T1 rollback_to s`, `T1 release s` | savepoints, by names of the script's own |
//! | `db noise 1000`, `db collect` | unrelated commits in another table; a collection |
//! | `then …` | who conflicts: see [`Verdict`] |
//! | `sliding …` | the same with sliding on, where it differs |
//! | `finally k=v k=none …` | the state at the end, without sliding |
//!
//! Every transaction begins before the first step, in the order of their names, unless it
//! has a `begin` or `begin read` step of its own. Keys are text, or `7/42` in a second
//! table of pairs; `""` is the empty key and `\0` the smallest character. Ranges are
//! written as in Rust, with `a<..b` for an excluded start.

use std::collections::BTreeMap;
use std::ops::Bound;

/// One history.
#[derive(Clone, Debug)]
pub struct History {
    /// The file, and the name under `===` if there is one.
    pub name: String,
    pub story: String,
    pub every_order: bool,
    pub init: Vec<(Key, i64)>,
    pub setup: Vec<Op>,
    /// The names of the transactions, in the order in which they begin.
    pub names: Vec<String>,
    pub steps: Vec<Step>,
    pub verdict: Verdict,
    pub sliding: Option<Verdict>,
    pub finally: Vec<(Key, Option<i64>)>,
}

/// One line that does something.
#[derive(Clone, Debug)]
pub struct Step {
    pub line: usize,
    pub text: String,
    /// Index into [`History::names`]; none for a step of the database.
    pub actor: Option<usize>,
    pub op: Op,
    /// What it returns without sliding.
    pub returns: Option<String>,
    /// What it returns with sliding.
    pub returns_sliding: Option<String>,
}

/// Who must conflict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// `nobody conflicts`, `T2 conflicts`, `T1 T3 conflict`: exactly these.
    Exactly(Vec<usize>),
    /// `exactly one conflicts`.
    One,
    /// `the last to commit conflicts`: it, and nobody else.
    Last,
}

/// How a transaction ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    /// Committed, or certified as a reader.
    Commits,
    Conflicts,
    /// Rolled back or dropped by the script.
    GaveUp,
}

/// A key of one of the two tables.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    Text(String),
    Pair((u64, u64)),
}

/// A range in one of the two tables.
#[derive(Clone, Debug)]
pub enum Span {
    Text(Bound<String>, Bound<String>),
    Pair(Bound<(u64, u64)>, Bound<(u64, u64)>),
}

/// What a range read hands out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rows {
    Pairs,
    Keys,
    Values,
    /// Pairs whose value is greater than this, by a predicate.
    Above(i64),
}

/// A range read: `range a..z rev skip 5 take 1`.
#[derive(Clone, Debug)]
pub struct Scan {
    pub span: Span,
    pub rows: Rows,
    pub reverse: bool,
    pub skip: usize,
    pub take: Option<usize>,
}

/// A step.
#[derive(Clone, Debug)]
pub enum Op {
    Begin {
        read_only: bool,
    },
    Get(Key),
    Peek(Key),
    Has(Key),
    First,
    Last,
    Count(Span),
    IsEmpty(Span),
    Scan(Scan),
    Insert(Key, i64),
    Remove(Key),
    Replace(Key, i64),
    Take(Key),
    InsertIfAbsent(Key, i64),
    /// Adds to the value.
    Update(Key, i64),
    GetOrInsert(Key, i64),
    RemoveRange(Span),
    Savepoint(String),
    RollbackTo(String),
    Release(String),
    Commit,
    /// The closure returned `Err`: no writes, but what it saw is certified.
    Fail,
    Rollback,
    Drop,
    Noise(usize),
    Collect,
}

impl Op {
    /// Whether it ends its transaction.
    pub fn ends(&self) -> bool {
        matches!(self, Self::Commit | Self::Fail | Self::Rollback | Self::Drop)
    }
}

impl History {
    /// Whether a transaction begins by a step of its own.
    pub fn begins_itself(&self, actor: usize) -> bool {
        let begins = |step: &Step| matches!(step.op, Op::Begin { .. });
        self.steps.iter().any(|step| step.actor == Some(actor) && begins(step))
    }

    /// What a verdict means for the transactions that ended, in the order of their ends.
    pub fn expected(&self, verdict: &Verdict, ends: &[(usize, Fate)]) -> BTreeMap<usize, Fate> {
        let asked = |fate: &Fate| *fate != Fate::GaveUp;
        let last = ends.iter().rev().find(|(_, fate)| asked(fate)).map(|(actor, _)| *actor);
        let dies = |actor: usize, fate: Fate| match verdict {
            Verdict::Exactly(dead) => dead.contains(&actor),
            Verdict::Last => Some(actor) == last,
            // Whoever it was, if it was one alone.
            Verdict::One => {
                let dead = ends.iter().filter(|(_, fate)| *fate == Fate::Conflicts).count();
                if dead == 1 { fate == Fate::Conflicts } else { Some(actor) == last }
            }
        };
        let expect = |&(actor, fate): &(usize, Fate)| match (asked(&fate), dies(actor, fate)) {
            (false, _) => (actor, Fate::GaveUp),
            (true, true) => (actor, Fate::Conflicts),
            (true, false) => (actor, Fate::Commits),
        };
        ends.iter().map(expect).collect()
    }
}

//! A script as data.

use std::ops::Bound;

/// One history of a file, to be run against a database.
///
/// ```
/// use precedent::testkit::histories;
/// use precedent::{Builder, Database, Isolation};
/// let scripts = histories::parse(
///     "# Each reads what the other one writes.
///      in every order
///      T1 get x -> none
///      T1 insert y 1
///      T1 commit
///      T2 get y -> none
///      T2 insert x 1
///      T2 commit
///      then the last to commit conflicts",
/// )?;
/// assert_eq!(scripts[0].verify(Database::builder)?, 20);
/// let loose = || Database::builder().isolation(Isolation::Snapshot);
/// assert!(scripts[0].verify(loose).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Script {
    pub(super) name: String,
    pub(super) story: String,
    pub(super) every_order: bool,
    pub(super) init: Vec<(Key, i64)>,
    pub(super) setup: Vec<Op>,
    /// The names of the transactions, in the order in which they begin.
    pub(super) names: Vec<String>,
    pub(super) steps: Vec<Step>,
    pub(super) verdict: Expected,
    pub(super) sliding: Option<Expected>,
    pub(super) finally: Vec<(Key, Option<i64>)>,
}

/// One line that does something.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub line: usize,
    pub text: String,
    /// Index into [`Script::names`]; none for a step of the database.
    pub actor: Option<usize>,
    pub op: Op,
    /// What it returns without sliding.
    pub returns: Option<String>,
    /// What it returns with sliding.
    pub returns_sliding: Option<String>,
}

/// Who must conflict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Expected {
    Exactly(Vec<usize>),
    One,
    Last,
}

/// How a transaction ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// Committed, or certified as a reader.
    Commits,
    Conflicts,
    /// Rolled back or dropped by the script.
    GaveUp,
}

/// A key of one of the two tables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Key {
    Text(String),
    Pair((u64, u64)),
}

/// A range in one of the two tables.
#[derive(Clone, Debug)]
pub(super) enum Span {
    Text(Bound<String>, Bound<String>),
    Pair(Bound<(u64, u64)>, Bound<(u64, u64)>),
}

/// What a range read hands out.
#[derive(Clone, Copy, Debug)]
pub(super) enum Rows {
    Pairs,
    Keys,
    Values,
    /// Pairs whose value is greater than this, by a predicate.
    Above(i64),
}

/// A range read: `range a..z rev skip 5 take 1`.
#[derive(Clone, Debug)]
pub(super) struct Scan {
    pub span: Span,
    pub rows: Rows,
    pub reverse: bool,
    pub skip: usize,
    pub take: Option<usize>,
}

/// A step.
#[derive(Clone, Debug)]
pub(super) enum Op {
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
    pub(super) fn ends(&self) -> bool {
        matches!(self, Self::Commit | Self::Fail | Self::Rollback | Self::Drop)
    }

    /// Whether only a transaction that can write can do it.
    pub(super) fn writes(&self) -> bool {
        matches!(
            self,
            Self::Insert(..)
                | Self::Remove(_)
                | Self::Replace(..)
                | Self::Take(_)
                | Self::InsertIfAbsent(..)
                | Self::Update(..)
                | Self::GetOrInsert(..)
                | Self::RemoveRange(_)
                | Self::Savepoint(_)
                | Self::RollbackTo(_)
                | Self::Release(_)
        )
    }
}

impl Script {
    /// What stands after `===`; empty if nothing does.
    ///
    /// ```
    /// use precedent::testkit::histories;
    /// let text = "=== nothing\n# Nothing happens.\nT1 commit\nthen nobody conflicts";
    /// assert_eq!(histories::parse(text)?[0].name(), "nothing");
    /// # Ok::<(), precedent::testkit::ParseError>(())
    /// ```
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The story at its top.
    ///
    /// ```
    /// use precedent::testkit::histories;
    /// let text = "# Nothing happens.\nT1 commit\nthen nobody conflicts";
    /// assert_eq!(histories::parse(text)?[0].story(), "Nothing happens.\n");
    /// # Ok::<(), precedent::testkit::ParseError>(())
    /// ```
    #[must_use]
    pub fn story(&self) -> &str {
        &self.story
    }

    /// Whether a transaction begins by a step of its own.
    pub(super) fn begins_itself(&self, actor: usize) -> bool {
        let begins = |step: &Step| matches!(step.op, Op::Begin { .. });
        self.steps.iter().any(|step| step.actor == Some(actor) && begins(step))
    }
}

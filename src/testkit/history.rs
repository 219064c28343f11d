//! A history: what transactions did, as data.
//!
//! It says nothing of how it came about: a [`Recording`](super::Recording) of this engine and
//! a file of another one become the same [`History`]. Transactions, keys and versions are
//! small numbers here, so that a million transactions fit; [`Names`] knows what they are
//! called.

use std::fmt;

use crate::testkit::check::AnomalyKind;
use crate::testkit::names::{Name, Names, Span};

/// What transactions did: which versions they read and wrote, when, and how they ended.
///
/// It comes from a [`Recording`](super::Recording) or from a text ([`History::parse`]), and
/// [`check`](super::check()) judges it.
///
/// ```
/// use precedent::testkit::{History, Level, check};
/// // Two transactions that read the same list and append to it: one update is lost.
/// let history = History::parse(
///     r#"{"index":0,"type":"invoke","process":0,"value":[["r","x",null],["append","x",1]]}
///        {"index":1,"type":"invoke","process":1,"value":[["r","x",null],["append","x",2]]}
///        {"index":2,"type":"ok","process":0,"value":[["r","x",[]],["append","x",1]]}
///        {"index":3,"type":"ok","process":1,"value":[["r","x",[]],["append","x",2]]}"#,
/// )?;
/// assert_eq!(history.len(), 2);
/// assert!(!check(&history).holds(Level::Snapshot));
/// # Ok::<(), precedent::testkit::ParseError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct History {
    pub(super) form: Form,
    pub(super) txs: Vec<Tx>,
    /// What all transactions did; each one's share is contiguous.
    pub(super) ops: Vec<Op>,
    pub(super) scans: Vec<Scan>,
    pub(super) names: Names,
    /// What the versions are called, where they are no numbers of their own.
    pub(super) values: Vec<Name>,
    /// Of each key, the versions in order as far as lists have shown it.
    pub(super) orders: Vec<Vec<u64>>,
    /// What was seen to be wrong while the history was read.
    pub(super) flaws: Vec<Flaw>,
    /// Transactions that a recording had no room for.
    pub(super) missed: u64,
}

/// How the order of versions is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Form {
    /// Versions are commit timestamps.
    #[default]
    Timestamps,
    /// Reads show the whole list of versions.
    Lists,
    /// Nothing is known but that the initial state comes first.
    Registers,
}

/// One transaction.
#[derive(Clone, Debug)]
pub(super) struct Tx {
    pub id: u64,
    pub label: Option<Box<str>>,
    pub process: Option<u32>,
    /// It began after this moment, and had ended by that one, if that is known.
    pub called: Option<u64>,
    pub ended: Option<u64>,
    /// s(T), the last one.
    pub snapshot: Option<u64>,
    pub end: End,
    /// Its share of [`History::ops`].
    pub first: u32,
    pub count: u32,
}

/// How a transaction ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// It is certain that it took effect; with its commit timestamp, if there is one.
    Committed(Option<u64>),
    /// What it read is certified; what it wrote was dropped.
    Certified,
    /// It did not take effect, and this is why.
    Aborted(Reason),
    /// Nobody knows.
    Unknown,
}

/// Why a transaction did not take effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    Conflict,
    RolledBack,
    Limit,
    TimeOut,
    /// It is not told.
    Failed,
}

/// One observation or change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Op {
    Read {
        key: u32,
        seen: Seen,
    },
    Write {
        key: u32,
        version: u64,
        removal: bool,
    },
    /// By its place in [`History::scans`].
    Scan(u32),
}

/// What a read found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    Own,
    Absent,
    Version(u64),
}

/// A range read.
#[derive(Clone, Debug, Default)]
pub(super) struct Scan {
    pub table: u32,
    /// What it observed: ranges of keys, as bounds.
    pub spans: Vec<Span>,
    pub rows: Vec<(u32, Seen)>,
    /// Keys that it did not look at, because the transaction had written them.
    pub own: Vec<u32>,
    /// A predicate said which rows count: of the others nothing is known.
    pub filtered: bool,
}

/// Something wrong that needs no graph to be seen.
#[derive(Clone, Debug)]
pub(super) struct Flaw {
    pub kind: AnomalyKind,
    pub story: String,
}

impl History {
    /// How many transactions there are, those that did not commit included.
    ///
    /// ```
    /// assert_eq!(precedent::testkit::Recording::new().take().len(), 0);
    /// ```
    #[must_use]
    pub fn len(&self) -> usize {
        self.txs.len()
    }

    /// Whether there is none.
    ///
    /// ```
    /// assert!(precedent::testkit::Recording::new().take().is_empty());
    /// ```
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.txs.is_empty()
    }

    /// How many transactions took effect: committed ones and certified readers.
    ///
    /// ```
    /// use precedent::testkit::History;
    /// let text = r#"{"tx":1,"end":"committed","ops":[["w","t","x",1]],"commit":1}
    ///               {"tx":2,"end":"rolled back","ops":[["r","t","x",1]]}"#;
    /// assert_eq!(History::parse(text)?.certified(), 1);
    /// # Ok::<(), precedent::testkit::ParseError>(())
    /// ```
    #[must_use]
    pub fn certified(&self) -> usize {
        self.txs.iter().filter(|tx| tx.end.counts()).count()
    }

    /// How many transactions were not recorded because there was no room; see
    /// [`Recording::keeping`](super::Recording::keeping). Then a verdict says less.
    ///
    /// ```
    /// assert_eq!(precedent::testkit::Recording::new().take().missed(), 0);
    /// ```
    #[must_use]
    pub fn missed(&self) -> u64 {
        self.missed
    }

    pub(super) fn ops_of(&self, tx: usize) -> &[Op] {
        let tx = &self.txs[tx];
        &self.ops[tx.first as usize..(tx.first + tx.count) as usize]
    }

    /// What a transaction is called: its label, with its number if others have the same one.
    /// O(n): only witnesses are ever named.
    pub(super) fn name_of(&self, tx: usize) -> String {
        let tx = &self.txs[tx];
        let Some(label) = &tx.label else { return format!("T{}", tx.id) };
        let same = self.txs.iter().filter(|other| other.label.as_ref() == Some(label)).take(2);
        if same.count() > 1 { format!("{label}#{}", tx.id) } else { label.to_string() }
    }

    /// What a version is called.
    pub(super) fn version_name(&self, version: u64) -> String {
        match self.values.get(usize::try_from(version).unwrap_or(usize::MAX)) {
            Some(value) if self.form != Form::Timestamps => value.to_string(),
            _ => version.to_string(),
        }
    }

    /// Appends a transaction whose operations were pushed since `first`.
    pub(super) fn close(&mut self, mut tx: Tx, first: usize) {
        // A history of 2^32 operations would not fit into memory.
        tx.first = u32::try_from(first).unwrap_or(u32::MAX);
        tx.count = u32::try_from(self.ops.len() - first).unwrap_or(u32::MAX);
        self.txs.push(tx);
    }
}

impl Tx {
    pub(super) fn new(id: u64, end: End) -> Self {
        Self {
            id,
            label: None,
            process: None,
            called: None,
            ended: None,
            snapshot: None,
            end,
            first: 0,
            count: 0,
        }
    }

    pub(super) fn commit(&self) -> Option<u64> {
        if let End::Committed(commit) = self.end { commit } else { None }
    }
}

impl End {
    /// Whether it certainly took effect.
    pub(super) fn counts(self) -> bool {
        matches!(self, Self::Committed(_) | Self::Certified)
    }

    /// Whether what it wrote may be seen by others.
    pub(super) fn may_write(self) -> bool {
        matches!(self, Self::Committed(_) | Self::Unknown)
    }

    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Committed(_) => "committed",
            Self::Certified => "certified",
            Self::Aborted(Reason::Conflict) => "conflict",
            Self::Aborted(Reason::RolledBack) => "rolled back",
            Self::Aborted(Reason::Limit) => "limit",
            Self::Aborted(Reason::TimeOut) => "time out",
            Self::Aborted(Reason::Failed) => "failed",
            Self::Unknown => "unknown",
        }
    }

    pub(super) fn from_word(word: &str, commit: Option<u64>) -> Option<Self> {
        Some(match word {
            "committed" => Self::Committed(commit),
            "certified" => Self::Certified,
            "conflict" => Self::Aborted(Reason::Conflict),
            "rolled back" => Self::Aborted(Reason::RolledBack),
            "limit" => Self::Aborted(Reason::Limit),
            "time out" => Self::Aborted(Reason::TimeOut),
            "failed" => Self::Aborted(Reason::Failed),
            "unknown" => Self::Unknown,
            _ => return None,
        })
    }
}

/// Why a text is no history.
///
/// ```
/// use precedent::testkit::History;
/// let error = History::parse("{\"tx\":1,\"end\":\"committed\"}\n{\"tx\":").unwrap_err();
/// assert_eq!(error.line(), 2);
/// assert_eq!(error.to_string(), "line 2: a value is missing");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    line: usize,
    what: String,
}

impl ParseError {
    pub(super) fn new(line: usize, what: impl Into<String>) -> Self {
        Self { line, what: what.into() }
    }

    /// In which line, counted from 1.
    ///
    /// ```
    /// let error = precedent::testkit::History::parse("nonsense").unwrap_err();
    /// assert_eq!(error.line(), 1);
    /// ```
    #[must_use]
    pub fn line(&self) -> usize {
        self.line
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.what)
    }
}

impl std::error::Error for ParseError {}

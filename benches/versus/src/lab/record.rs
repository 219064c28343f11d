//! What a run did, as its callers saw it. Nothing here comes from inside the engine.

use precedent::ConflictReason;

/// A key: of which table, and which.
pub type Cell = (usize, u64);

/// What was seen under a key: the number of the attempt that wrote it, if there was a row.
pub type Seen = Option<u32>;

/// One transaction, from its begin to its end.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// Unique; values name it.
    pub number: u32,
    /// Which kind of transaction.
    pub kind: &'static str,
    /// Its last read timestamp.
    pub s: u64,
    /// Keys that were looked up, before it wrote them itself.
    pub reads: Vec<(Cell, Seen)>,
    /// Ranges that were read, before it wrote into them itself.
    pub ranges: Vec<Range>,
    /// Keys that it wrote or removed.
    pub writes: Vec<Cell>,
    /// Of those, the ones that it removed in the end.
    pub removed: Vec<Cell>,
    /// How it ended.
    pub end: End,
}

/// A part of a table that was looked at as a whole.
#[derive(Clone, Debug)]
pub struct Range {
    pub table: usize,
    /// Both included.
    pub from: u64,
    pub to: u64,
    /// The rows that were there, ascending, and who wrote them.
    pub rows: Vec<(u64, u32)>,
    /// Keys in it that the transaction had written before it looked, ascending.
    pub own: Vec<u64>,
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// With this commit timestamp.
    Committed(u64),
    /// As a reader at its last read timestamp.
    Certified,
    /// By a conflict.
    Refused(ConflictReason),
}

impl Attempt {
    pub fn new(number: u32, kind: &'static str) -> Self {
        Self {
            number,
            kind,
            s: 0,
            reads: Vec::new(),
            ranges: Vec::new(),
            writes: Vec::new(),
            removed: Vec::new(),
            end: End::Certified,
        }
    }

    /// Its commit timestamp, if it has one.
    pub fn c(&self) -> Option<u64> {
        match self.end {
            End::Committed(c) => Some(c),
            _ => None,
        }
    }

    /// Whether it has a place in the serial order.
    pub fn counts(&self) -> bool {
        !matches!(self.end, End::Refused(_))
    }
}

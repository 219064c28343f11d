//! A schedule as data.

use std::ops::Bound;

use precedent::Certifier;

use crate::oracle::{Classes, Key, Keys};

/// The steps of several transactions, in the order in which they are run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Schedule {
    /// The rows that are there at the start, with the classes of their values.
    pub initial: Vec<(Key, u8)>,
    /// The steps. One that makes no sense where it stands is skipped.
    pub steps: Vec<Step>,
}

/// One step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Step {
    /// A transaction does something.
    Tx(u8, Act),
    /// Somebody commits a row that nobody looks at.
    Unrelated,
    /// Somebody loads rows in bulk: the first few keys of a span.
    Load(Span),
    /// The database collects what nobody needs.
    Collect,
    /// Something happens to a detached snapshot.
    Snap(u8, Snap),
}

/// What can happen to a detached snapshot in one step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Snap {
    /// `safe_snapshot`.
    Safe,
    /// `pin`; looks go through `Pin::snapshot`.
    Pin,
    /// `snapshot_at`.
    At(Moment),
    /// A look: one of the acts that are one.
    Look(Act),
    /// `is_safe`.
    IsSafe,
    /// `clone`, of the newest handle.
    Clone,
    /// The oldest handle is dropped.
    Drop,
    /// Rows are lent and held …
    Hold(Span),
    /// … until here. In between, other steps are taken.
    LetGo,
}

/// A timestamp as a schedule names it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Moment {
    /// The newest commit, or so many before it.
    Ago(u8),
    /// So many after the newest commit.
    Ahead(u8),
    /// Before the first commit.
    Zero,
    /// That of another snapshot, still open or not.
    Of(u8),
}

/// What a transaction can do in one step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Act {
    /// It begins.
    Begin {
        /// It cannot write.
        read_only: bool,
    },
    /// `get`.
    Get(Key),
    /// `contains_key`.
    Has(Key),
    /// `peek`.
    Peek(Key),
    /// `first_key_value` of the lower table.
    First,
    /// `last_key_value` of the lower table.
    Last,
    /// `range` or `range_where`, driven and dropped.
    Scan {
        /// Which keys.
        span: Span,
        /// The predicate.
        accepts: Option<Classes>,
        /// How far it is driven.
        pulls: Pulls,
    },
    /// `count`.
    Count(Span),
    /// `is_empty`.
    IsEmpty(Span),
    /// `range` or `range_where`, to be driven by later steps. One can be open at a time.
    Open {
        /// Which keys.
        span: Span,
        /// The predicate.
        accepts: Option<Classes>,
    },
    /// The open scan returns a row.
    Pull {
        /// From the back.
        reverse: bool,
    },
    /// The open scan is dropped.
    Close,
    /// `insert`, of a value of this class.
    Insert(Key, u8),
    /// `remove`.
    Remove(Key),
    /// `replace`.
    Replace(Key, u8),
    /// `take`.
    Take(Key),
    /// `insert_if_absent`.
    InsertIfAbsent(Key, u8),
    /// `update`.
    Update(Key, u8),
    /// `get_or_insert_with`.
    GetOrInsert(Key, u8),
    /// `remove_range`; `clear` if there are no bounds.
    RemoveRange(Span),
    /// `savepoint`.
    Savepoint,
    /// `rollback_to`, of the savepoint that was taken so many before the newest open one.
    RollbackTo(u8),
    /// `release`, of the same.
    Release(u8),
    /// It commits, or finishes if it cannot write.
    Commit,
    /// It ends with an `Err` of its own: its writes are dropped, its reads are certified.
    Err,
    /// It gives itself up.
    Rollback,
}

impl Act {
    /// Whether the transaction is gone afterwards.
    pub fn is_end(self) -> bool {
        matches!(self, Self::Commit | Self::Err | Self::Rollback)
    }

    /// Whether a detached snapshot can do it, too.
    pub fn is_look(self) -> bool {
        use Act::{Count, First, Get, Has, IsEmpty, Last, Scan};
        match self {
            Get(_) | Has(_) | First | Last | Count(_) | IsEmpty(_) => true,
            Scan { accepts, .. } => accepts.is_none(),
            _ => false,
        }
    }

    /// Whether only a transaction that can write can do it.
    pub fn can_write(self) -> bool {
        use Act::{GetOrInsert, Insert, InsertIfAbsent, Remove, Replace, Take, Update};
        use Act::{Release, RemoveRange, RollbackTo, Savepoint};
        matches!(
            self,
            Insert(..)
                | Remove(_)
                | Replace(..)
                | Take(_)
                | InsertIfAbsent(..)
                | Update(..)
                | GetOrInsert(..)
                | RemoveRange(_)
                | Savepoint
                | RollbackTo(_)
                | Release(_)
        )
    }
}

/// The keys between two bounds of one table. Without any bound: the whole lower table.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Span {
    /// The lower bound.
    pub lower: Bound<Key>,
    /// The upper bound.
    pub upper: Bound<Key>,
}

impl Span {
    /// The whole lower table.
    pub const ALL: Self = Self { lower: Bound::Unbounded, upper: Bound::Unbounded };

    /// Both ends included.
    pub fn closed(from: Key, to: Key) -> Self {
        Self { lower: Bound::Included(from), upper: Bound::Included(to) }
    }

    /// Which table: false for the lower half of the keys.
    pub fn in_upper_table(self) -> bool {
        [self.lower, self.upper].iter().any(|bound| match bound {
            Bound::Included(key) | Bound::Excluded(key) => key.place() >= TABLE,
            Bound::Unbounded => false,
        })
    }

    /// Whether its bounds alone say that no key can lie between them.
    pub fn is_void(self) -> bool {
        match (self.lower, self.upper) {
            (Bound::Included(low), Bound::Included(high)) => low > high,
            (Bound::Included(low) | Bound::Excluded(low), Bound::Excluded(high))
            | (Bound::Excluded(low), Bound::Included(high)) => low >= high,
            _ => false,
        }
    }

    /// The keys within.
    pub fn within(self) -> Keys {
        let lower_half = Keys::up_to(Key::new(TABLE - 1));
        let table = if self.in_upper_table() { !lower_half } else { lower_half };
        let from = match self.lower {
            Bound::Included(key) => Keys::from(key),
            Bound::Excluded(key) => Keys::from(key).without(Keys::only(key)),
            Bound::Unbounded => Keys::ALL,
        };
        let to = match self.upper {
            Bound::Included(key) => Keys::up_to(key),
            Bound::Excluded(key) => Keys::up_to(key).without(Keys::only(key)),
            Bound::Unbounded => Keys::ALL,
        };
        table & from & to
    }
}

/// The keys of each of the two tables.
pub const TABLE: u8 = 32;

/// How far a scan is driven: some rows from the front, then some from the back, then
/// perhaps all that are left.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pulls {
    /// Rows from the front.
    pub front: u8,
    /// Then rows from the back.
    pub back: u8,
    /// Then the rest.
    pub rest: Rest,
}

/// What becomes of the rows that a scan has not returned yet.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rest {
    /// They are not asked for.
    Dropped,
    /// They are taken from the front.
    Forward,
    /// They are taken from the back.
    Reverse,
}

impl Pulls {
    /// All rows, from the front.
    pub const ALL: Self = Self { front: 0, back: 0, rest: Rest::Forward };
    /// All rows, from the back.
    pub const REVERSE: Self = Self { front: 0, back: 0, rest: Rest::Reverse };

    /// At most this many, from the front.
    pub fn first(rows: u8) -> Self {
        Self { front: rows, back: 0, rest: Rest::Dropped }
    }

    /// At most this many, from the back.
    pub fn last(rows: u8) -> Self {
        Self { front: 0, back: rows, rest: Rest::Dropped }
    }
}

/// How a schedule is run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mode {
    /// By which rule commits are certified.
    pub certifier: Certifier,
    /// Snapshots may slide forward.
    pub sliding: bool,
    /// The database collects after every end.
    pub collecting: bool,
    /// A certification may take hardly any step before it must refuse.
    pub hurried: bool,
    /// The log keeps hardly any commit before it is folded.
    pub folding: bool,
    /// Some transactions hold the gate while they run, as aged ones do.
    pub aging: bool,
    /// Danger intervals are merged into one.
    pub blurred: bool,
}

impl Mode {
    /// By the exact rule, without any bound that could be exceeded.
    pub fn roomy(sliding: bool, collecting: bool) -> Self {
        let (hurried, folding, aging, blurred) = (false, false, false, false);
        let certifier = Certifier::Exact;
        Self { certifier, sliding, collecting, hurried, folding, aging, blurred }
    }
}

impl Schedule {
    /// The numbers of its transactions, in the order of their first steps.
    pub fn numbers(&self) -> Vec<u8> {
        let mut numbers = Vec::new();
        for step in &self.steps {
            if let Step::Tx(tx, _) = step
                && !numbers.contains(tx)
            {
                numbers.push(*tx);
            }
        }
        numbers
    }

    /// The numbers of its detached snapshots, in the order of their first steps.
    pub fn snapshots(&self) -> Vec<u8> {
        let mut numbers = Vec::new();
        for step in &self.steps {
            if let Step::Snap(snap, _) = step
                && !numbers.contains(snap)
            {
                numbers.push(*snap);
            }
        }
        numbers
    }
}

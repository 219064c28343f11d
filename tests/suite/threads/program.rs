//! What the transactions of a thread do, drawn at random.

use std::ops::Bound;

use crate::oracle::{Classes, Key, Keys};
use crate::schedules::rng::Rng;

/// The tables, each of which holds half of the oracle's keys.
pub const TABLES: [&str; 2] = ["lower", "upper"];

/// How many of the oracle's keys belong to a table.
const TABLE: u8 = 32;

/// How many classes the values have.
const CLASSES: usize = 4;

/// The key of the oracle that a table's key is.
pub fn oracle_key(table: usize, key: u8) -> Key {
    Key::new(TABLE * table as u8 + key)
}

/// The table of a key, and the key in it.
pub fn home(key: Key) -> (usize, u8) {
    (usize::from(key.place() / TABLE), key.place() % TABLE)
}

/// Some keys of one table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Which table.
    pub table: usize,
    /// From here …
    pub lower: Bound<u8>,
    /// … to here.
    pub upper: Bound<u8>,
}

impl Span {
    /// A whole table.
    pub fn all(table: usize) -> Self {
        Self { table, lower: Bound::Unbounded, upper: Bound::Unbounded }
    }

    /// The oracle's keys within.
    pub fn within(self) -> Keys {
        let above = |key: u8| match self.lower {
            Bound::Included(bound) => key >= bound,
            Bound::Excluded(bound) => key > bound,
            Bound::Unbounded => true,
        };
        let below = |key: u8| match self.upper {
            Bound::Included(bound) => key <= bound,
            Bound::Excluded(bound) => key < bound,
            Bound::Unbounded => true,
        };
        let keys = (0..TABLE).filter(|key| above(*key) && below(*key));
        keys.map(|key| oracle_key(self.table, key)).collect()
    }
}

/// From which end a scan takes its rows.
#[derive(Clone, Copy, Debug)]
pub enum Direction {
    Forward,
    Reverse,
    /// From both in turn.
    Pincer,
}

/// One step of a program.
#[derive(Clone, Copy, Debug)]
pub enum Act {
    Get(Key),
    Has(Key),
    Peek(Key),
    First(usize),
    Last(usize),
    Scan {
        span: Span,
        accepts: Option<Classes>,
        direction: Direction,
        most: usize,
    },
    /// Removes or rewrites each row that it meets.
    Sweep {
        span: Span,
        accepts: Option<Classes>,
        rewrite: Option<u8>,
    },
    /// `remove_range`, after a scan that shows what it will meet.
    RemoveRange(Span),
    Insert(Key, u8),
    Remove(Key),
    Replace(Key, u8),
    Take(Key),
    InsertIfAbsent(Key, u8),
    Update(Key, u8),
    GetOrInsert(Key, u8),
    Savepoint,
    /// To the newest savepoint, or to the oldest.
    RollbackTo {
        oldest: bool,
    },
    /// Takes the steps that follow, so many of them, as a nested closure that fails or not.
    Nested {
        acts: usize,
        fails: bool,
    },
    /// Lets other threads run.
    Yield,
    /// Lets other threads run many transactions.
    Sleep,
}

/// How a transaction is run and how it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// By the retry loop, to its commit.
    Transact,
    /// By the retry loop; the closure returns an `Err`.
    Err,
    /// Begun and committed by hand; not run again.
    Begin,
    /// Begun by hand, then given up: by the method or dropped.
    GivenUp { dropped: bool },
    /// A bulk load of these keys, of no other steps.
    Load(Span),
    /// Read-only, by the retry loop.
    Read,
    /// Read-only, begun and finished by hand.
    BeginRead,
    /// Read-only, dropped.
    ReadDropped,
    /// No transaction, but a safe snapshot.
    Snapshot,
}

impl Form {
    fn is_read_only(self) -> bool {
        matches!(self, Self::Read | Self::BeginRead | Self::ReadDropped | Self::Snapshot)
    }
}

/// A transaction to run.
#[derive(Clone, Debug)]
pub struct Program {
    /// How.
    pub form: Form,
    /// Its steps.
    pub acts: Vec<Act>,
}

/// A transaction over so many hot keys.
pub fn program(rng: &mut Rng, keys: usize) -> Program {
    let form = match rng.below(100) {
        0..54 => Form::Transact,
        54..57 => Form::Snapshot,
        57 => Form::Load(span(rng, keys)),
        58..68 => Form::Err,
        68..76 => Form::Begin,
        76..80 => Form::GivenUp { dropped: rng.chance(50) },
        80..92 => Form::Read,
        92..98 => Form::BeginRead,
        _ => Form::ReadDropped,
    };
    let most = if rng.chance(5) { 12 } else { 5 };
    let mut acts = Vec::new();
    for _ in 0..rng.between(1, most) {
        let act = match form.is_read_only() || rng.chance(45) {
            true => look(rng, keys),
            false => change(rng, keys),
        };
        acts.push(act);
        if !form.is_read_only() {
            save_or_undo(rng, &mut acts);
        }
        match rng.below(200) {
            0..30 => acts.push(Act::Yield),
            30 => acts.push(Act::Sleep),
            _ => {}
        }
    }
    Program { form, acts }
}

/// A step with savepoints, now and then.
fn save_or_undo(rng: &mut Rng, acts: &mut Vec<Act>) {
    match rng.below(100) {
        0..6 => acts.push(Act::Savepoint),
        6..10 => acts.push(Act::RollbackTo { oldest: false }),
        10 => acts.push(Act::RollbackTo { oldest: true }),
        11..14 => acts.push(Act::Nested { acts: rng.between(1, 3), fails: rng.chance(60) }),
        _ => {}
    }
}

/// A third of the keys live in the upper table.
fn any_key(rng: &mut Rng, keys: usize) -> Key {
    let upper = keys / 3;
    match rng.below(keys) {
        key if key < upper => oracle_key(1, key as u8),
        key => oracle_key(0, (key - upper) as u8),
    }
}

fn look(rng: &mut Rng, keys: usize) -> Act {
    let key = any_key(rng, keys);
    match rng.below(20) {
        0..9 => Act::Get(key),
        9 => Act::Has(key),
        10 => Act::Peek(key),
        11 => Act::First(home(key).0),
        12 => Act::Last(home(key).0),
        _ => {
            let most = rng.pick(&[1, 2, 3, usize::MAX, usize::MAX]);
            let direction = match rng.below(8) {
                0..4 => Direction::Forward,
                4..7 => Direction::Reverse,
                _ => Direction::Pincer,
            };
            Act::Scan { span: span(rng, keys), accepts: predicate(rng, 50), direction, most }
        }
    }
}

fn change(rng: &mut Rng, keys: usize) -> Act {
    let (key, class) = (any_key(rng, keys), rng.below(CLASSES) as u8);
    match rng.below(20) {
        0..6 => Act::Insert(key, class),
        6..9 => Act::Remove(key),
        9 => Act::Replace(key, class),
        10..12 => Act::Take(key),
        12..14 => Act::InsertIfAbsent(key, class),
        14..18 => Act::Update(key, class),
        18 => Act::GetOrInsert(key, class),
        19 if rng.chance(30) => Act::RemoveRange(span(rng, keys)),
        _ => {
            let rewrite = rng.chance(50).then_some(class);
            Act::Sweep { span: span(rng, keys), accepts: predicate(rng, 80), rewrite }
        }
    }
}

fn predicate(rng: &mut Rng, percent: usize) -> Option<Classes> {
    rng.chance(percent).then(|| Classes::from_bits(rng.pick(&[1, 2, 4, 8, 3, 6, 7])))
}

/// Some neighbours, mostly.
fn span(rng: &mut Rng, keys: usize) -> Span {
    let (table, low) = home(any_key(rng, keys));
    let high = low.saturating_add(rng.below(6) as u8).min(TABLE - 1);
    let mut bound = |key| match rng.below(12) {
        0 => Bound::Unbounded,
        1..3 => Bound::Excluded(key),
        _ => Bound::Included(key),
    };
    Span { table, lower: bound(low), upper: bound(high) }
}

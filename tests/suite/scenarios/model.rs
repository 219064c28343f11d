//! The API against `BTreeMap`: random operations in one transaction and across several,
//! each result compared with a sequential model.
//!
//! The model of a transaction is the committed map as it was at its beginning (nothing
//! slides here) with its own writes applied. A commit applies the writes to the committed
//! map; a conflict throws them away.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;

use precedent::{Database, Range, Table, Transaction};
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use proptest::{collection, option};

use crate::support::{assert_at_rest, scaled, summary};

/// Few keys, so that operations meet.
const KEYS: u8 = 10;
/// How many transactions are open at once.
const SLOTS: usize = 3;

type Map = BTreeMap<u8, i64>;

/// A range in each form that the API takes.
#[derive(Clone, Debug)]
enum Shape {
    Full,
    Exclusive(u8, u8),
    Inclusive(u8, u8),
    From(u8),
    To(u8),
    ToInclusive(u8),
    Bounds(Bound<u8>, Bound<u8>),
}

/// From which end a row is pulled.
#[derive(Clone, Copy, Debug)]
enum Pull {
    Front,
    Back,
}

#[derive(Clone, Debug)]
enum Op {
    Get(u8),
    Peek(u8),
    Contains(u8),
    First,
    Last,
    Count(Shape),
    IsEmpty(Shape),
    Keys(Shape),
    Values(Shape),
    Above(Shape, i64),
    /// Pulls some rows, writes, pulls the others: the write is not seen.
    Range(Shape, Vec<Pull>, Option<Write>, Vec<Pull>),
    Write(Write),
}

#[derive(Clone, Debug)]
enum Write {
    Insert(u8, i64),
    Remove(u8),
    Replace(u8, i64),
    Take(u8),
    InsertIfAbsent(u8, i64),
    Update(u8, i64),
    GetOrInsert(u8, i64),
    RemoveRange(Shape),
}

#[derive(Clone, Debug)]
enum Action {
    Do(usize, Op),
    Commit(usize),
    Rollback(usize),
    Collect,
}

fn keys() -> impl Strategy<Value = u8> {
    0..KEYS
}

fn bounds() -> impl Strategy<Value = Bound<u8>> {
    prop_oneof![
        Just(Bound::Unbounded),
        keys().prop_map(Bound::Included),
        keys().prop_map(Bound::Excluded),
    ]
}

fn shapes() -> impl Strategy<Value = Shape> {
    prop_oneof![
        Just(Shape::Full),
        (keys(), keys()).prop_map(|(a, b)| Shape::Exclusive(a, b)),
        (keys(), keys()).prop_map(|(a, b)| Shape::Inclusive(a, b)),
        keys().prop_map(Shape::From),
        keys().prop_map(Shape::To),
        keys().prop_map(Shape::ToInclusive),
        (bounds(), bounds()).prop_map(|(a, b)| Shape::Bounds(a, b)),
        keys().prop_map(|a| Shape::Bounds(Bound::Excluded(a), Bound::Excluded(a))),
    ]
}

fn writes() -> impl Strategy<Value = Write> {
    let value = || any::<i8>().prop_map(i64::from);
    prop_oneof![
        4 => (keys(), value()).prop_map(|(k, v)| Write::Insert(k, v)),
        4 => keys().prop_map(Write::Remove),
        1 => (keys(), value()).prop_map(|(k, v)| Write::Replace(k, v)),
        1 => keys().prop_map(Write::Take),
        1 => (keys(), value()).prop_map(|(k, v)| Write::InsertIfAbsent(k, v)),
        1 => (keys(), value()).prop_map(|(k, v)| Write::Update(k, v)),
        1 => (keys(), value()).prop_map(|(k, v)| Write::GetOrInsert(k, v)),
        1 => shapes().prop_map(Write::RemoveRange),
    ]
}

fn ops() -> impl Strategy<Value = Op> {
    let pulls =
        || collection::vec(prop_oneof![2 => Just(Pull::Front), 1 => Just(Pull::Back)], 0..8);
    prop_oneof![
        2 => keys().prop_map(Op::Get),
        1 => keys().prop_map(Op::Peek),
        1 => keys().prop_map(Op::Contains),
        1 => Just(Op::First),
        1 => Just(Op::Last),
        1 => shapes().prop_map(Op::Count),
        1 => shapes().prop_map(Op::IsEmpty),
        1 => shapes().prop_map(Op::Keys),
        1 => shapes().prop_map(Op::Values),
        1 => (shapes(), -50..50_i64).prop_map(|(shape, above)| Op::Above(shape, above)),
        6 => (shapes(), pulls(), option::of(writes()), pulls())
            .prop_map(|(shape, some, write, others)| Op::Range(shape, some, write, others)),
        8 => writes().prop_map(Op::Write),
    ]
}

fn actions(slots: usize) -> impl Strategy<Value = Vec<Action>> {
    let action = prop_oneof![
        12 => (0..slots, ops()).prop_map(|(slot, op)| Action::Do(slot, op)),
        2 => (0..slots).prop_map(Action::Commit),
        1 => (0..slots).prop_map(Action::Rollback),
        1 => Just(Action::Collect),
    ];
    collection::vec(action, 1..60)
}

/// One open transaction and its model.
struct Session {
    tx: Transaction<'static>,
    view: Map,
    writes: BTreeMap<u8, Option<i64>>,
}

struct World {
    db: Database,
    table: Table<u8, i64>,
    committed: Map,
    sessions: Vec<Option<Session>>,
    conflicts: usize,
}

#[test]
fn one_transaction_at_a_time_behaves_like_a_btreemap_and_never_conflicts() {
    for sliding in [false, true] {
        let cases = check(1, sliding, |world| {
            assert_eq!(world.conflicts, 0, "a transaction alone met a conflict");
        });
        summary(&format!("model, one at a time, sliding {sliding}: {cases} cases"));
    }
}

#[test]
fn several_transactions_each_behave_like_a_btreemap_of_their_own() {
    let cases = check(SLOTS, false, |_| {});
    summary(&format!("model, {SLOTS} at a time: {cases} cases"));
}

fn check(slots: usize, sliding: bool, also: impl Fn(&World)) -> usize {
    let cases = scaled(50_000);
    let config = Config {
        cases: u32::try_from(cases).expect("few cases"),
        failure_persistence: None,
        ..Config::default()
    };
    let run = |actions: Vec<Action>| -> Result<(), TestCaseError> {
        let mut world = World::new(slots, sliding);
        for action in actions {
            world.act(action);
        }
        world.finish();
        also(&world);
        Ok(())
    };
    if let Err(failure) = TestRunner::new(config).run(&actions(slots), run) {
        panic!("{failure}");
    }
    cases
}

impl World {
    fn new(slots: usize, sliding: bool) -> Self {
        let db = Database::builder().sliding(sliding).build();
        let table = db.table("model").expect("a new table");
        let sessions = (0..slots).map(|_| None).collect();
        Self { db, table, committed: Map::new(), sessions, conflicts: 0 }
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Do(slot, op) => {
                let begin = || Session {
                    tx: self.db.begin_owned(),
                    view: self.committed.clone(),
                    writes: BTreeMap::new(),
                };
                let session = self.sessions[slot].get_or_insert_with(begin);
                session.perform(&self.table, op);
            }
            Action::Commit(slot) => self.commit(slot),
            Action::Rollback(slot) => {
                if let Some(session) = self.sessions[slot].take() {
                    session.tx.rollback();
                }
            }
            Action::Collect => self.db.collect(),
        }
    }

    fn commit(&mut self, slot: usize) {
        let Some(Session { tx, writes, .. }) = self.sessions[slot].take() else { return };
        match tx.commit() {
            Err(error) => {
                assert!(error.is_retryable(), "{error}");
                self.conflicts += 1;
            }
            Ok(_) => {
                for (key, value) in writes {
                    match value {
                        Some(value) => self.committed.insert(key, value),
                        None => self.committed.remove(&key),
                    };
                }
            }
        }
    }

    fn finish(&mut self) {
        for slot in 0..self.sessions.len() {
            self.commit(slot);
        }
        let rows = self.db.read(|tx| tx.range(&self.table, ..).map(|(k, v)| (*k, *v)).collect());
        assert_eq!(rows.map_err(|error| error.to_string()), Ok(self.committed.clone()));
        assert_at_rest(&self.db, self.committed.len());
    }
}

impl Session {
    fn perform(&mut self, table: &Table<u8, i64>, op: Op) {
        let (tx, view) = (&self.tx, &self.view);
        let pair = |row: Option<(&u8, &i64)>| row.map(|(key, value)| (*key, *value));
        match op {
            Op::Get(key) => assert_eq!(tx.get(table, &key), view.get(&key)),
            Op::Peek(key) => assert_eq!(tx.peek(table, &key), view.get(&key)),
            Op::Contains(key) => assert_eq!(tx.contains_key(table, &key), view.contains_key(&key)),
            Op::First => assert_eq!(pair(tx.first_key_value(table)), pair(view.first_key_value())),
            Op::Last => assert_eq!(pair(tx.last_key_value(table)), pair(view.last_key_value())),
            Op::Count(shape) => {
                let (from, to) = shape.bounds();
                let count = tx.count(table, (from.as_ref(), to.as_ref()));
                assert_eq!(count, shape.of(view).len());
            }
            Op::IsEmpty(shape) => {
                let (from, to) = shape.bounds();
                let empty = tx.is_empty(table, (from.as_ref(), to.as_ref()));
                assert_eq!(empty, shape.of(view).is_empty());
            }
            Op::Keys(shape) => {
                let (from, to) = shape.bounds();
                let keys = tx.keys(table, (from.as_ref(), to.as_ref())).copied();
                assert!(keys.eq(shape.of(view).into_iter().map(|(key, _)| key)));
            }
            Op::Values(shape) => {
                let (from, to) = shape.bounds();
                let values = tx.values(table, (from.as_ref(), to.as_ref())).rev().copied();
                assert!(values.eq(shape.of(view).into_iter().rev().map(|(_, value)| value)));
            }
            Op::Above(shape, above) => {
                let (from, to) = shape.bounds();
                let range = (from.as_ref(), to.as_ref());
                let rows = tx.range_where(table, range, move |_, value| *value > above);
                let expected = shape.of(view).into_iter().filter(|(_, value)| *value > above);
                assert!(rows.map(|(key, value)| (*key, *value)).eq(expected));
            }
            Op::Range(shape, some, write, others) => {
                self.range(table, &shape, &some, write, &others);
            }
            Op::Write(write) => self.write(table, &write),
        }
    }

    fn range(
        &mut self,
        table: &Table<u8, i64>,
        shape: &Shape,
        some: &[Pull],
        write: Option<Write>,
        others: &[Pull],
    ) {
        let Self { tx, view, writes } = self;
        let mut expected: VecDeque<(u8, i64)> = shape.of(view).into();
        let mut rows = shape.open(tx, table);
        pull(&mut rows, &mut expected, some);
        if let Some(write) = write {
            apply(tx, view, writes, table, &write);
        }
        pull(&mut rows, &mut expected, others);
    }

    fn write(&mut self, table: &Table<u8, i64>, write: &Write) {
        apply(&self.tx, &mut self.view, &mut self.writes, table, write);
    }
}

fn pull(rows: &mut Range<'_, u8, i64>, expected: &mut VecDeque<(u8, i64)>, pulls: &[Pull]) {
    for end in pulls {
        let (row, model) = match end {
            Pull::Front => (rows.next(), expected.pop_front()),
            Pull::Back => (rows.next_back(), expected.pop_back()),
        };
        assert_eq!(row.map(|(key, value)| (*key, *value)), model);
    }
}

/// Applies a write to the transaction and to its model, and compares what it returns.
fn apply(
    tx: &Transaction<'_>,
    view: &mut Map,
    writes: &mut BTreeMap<u8, Option<i64>>,
    table: &Table<u8, i64>,
    write: &Write,
) {
    match *write {
        Write::RemoveRange(ref shape) => {
            for key in remove_range(tx, view, table, shape) {
                set(view, writes, key, None);
            }
        }
        Write::Insert(key, value) => {
            tx.insert(table, key, value);
            set(view, writes, key, Some(value));
        }
        Write::Remove(key) => {
            tx.remove(table, &key);
            set(view, writes, key, None);
        }
        Write::Replace(key, value) => {
            assert_eq!(tx.replace(table, key, value).copied(), set(view, writes, key, Some(value)));
        }
        Write::Take(key) => {
            let there = view.get(&key).copied();
            assert_eq!(tx.take(table, &key).copied(), there);
            // Taking nothing writes nothing.
            if there.is_some() {
                set(view, writes, key, None);
            }
        }
        Write::InsertIfAbsent(key, value) => {
            let there = view.get(&key).copied();
            assert_eq!(tx.insert_if_absent(table, key, value).copied(), there);
            if there.is_none() {
                set(view, writes, key, Some(value));
            }
        }
        Write::Update(key, more) => {
            let new = view.get(&key).map(|value| value + more);
            assert_eq!(tx.update(table, &key, |value| value + more).copied(), new);
            if new.is_some() {
                set(view, writes, key, new);
            }
        }
        Write::GetOrInsert(key, value) => {
            let there = view.get(&key).copied();
            let got = *tx.get_or_insert_with(table, key, || value);
            assert_eq!(got, there.unwrap_or(value));
            if there.is_none() {
                set(view, writes, key, Some(value));
            }
        }
    }
}

/// Writes to the model; what was there.
fn set(
    view: &mut Map,
    writes: &mut BTreeMap<u8, Option<i64>>,
    key: u8,
    value: Option<i64>,
) -> Option<i64> {
    writes.insert(key, value);
    match value {
        Some(value) => view.insert(key, value),
        None => view.remove(&key),
    }
}

/// Removes a range from the transaction; the keys that this removes from the model.
fn remove_range(
    tx: &Transaction<'_>,
    view: &Map,
    table: &Table<u8, i64>,
    shape: &Shape,
) -> Vec<u8> {
    let keys: Vec<u8> = shape.of(view).into_iter().map(|(key, _)| key).collect();
    let (from, to) = shape.bounds();
    let removed = match shape {
        Shape::Full => tx.clear(table),
        _ => tx.remove_range(table, (from.as_ref(), to.as_ref())),
    };
    assert_eq!(removed, keys.len());
    keys
}

impl Shape {
    fn bounds(&self) -> (Bound<u8>, Bound<u8>) {
        match *self {
            Self::Full => (Bound::Unbounded, Bound::Unbounded),
            Self::Exclusive(a, b) => (Bound::Included(a), Bound::Excluded(b)),
            Self::Inclusive(a, b) => (Bound::Included(a), Bound::Included(b)),
            Self::From(a) => (Bound::Included(a), Bound::Unbounded),
            Self::To(b) => (Bound::Unbounded, Bound::Excluded(b)),
            Self::ToInclusive(b) => (Bound::Unbounded, Bound::Included(b)),
            Self::Bounds(a, b) => (a, b),
        }
    }

    /// The rows of `map` within, by the definition of a range; `BTreeMap` would panic at
    /// an inverted one.
    fn of(&self, map: &Map) -> Vec<(u8, i64)> {
        use std::ops::RangeBounds;
        let bounds = self.bounds();
        map.iter().filter(|(key, _)| bounds.contains(key)).map(|(k, v)| (*k, *v)).collect()
    }

    /// Opens the range in its own form.
    fn open<'t>(&self, tx: &'t Transaction<'_>, table: &Table<u8, i64>) -> Range<'t, u8, i64> {
        match self {
            Self::Full => tx.range(table, ..),
            Self::Exclusive(a, b) => tx.range(table, *a..*b),
            Self::Inclusive(a, b) => tx.range(table, *a..=*b),
            Self::From(a) => tx.range(table, *a..),
            Self::To(b) => tx.range(table, ..*b),
            Self::ToInclusive(b) => tx.range(table, ..=*b),
            Self::Bounds(a, b) => tx.range(table, (a.as_ref(), b.as_ref())),
        }
    }
}

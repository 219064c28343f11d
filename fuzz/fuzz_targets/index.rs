//! The ordered index against `BTreeMap`: runs of many keys come and go, so that leaves split,
//! empty, and are led past, with one or more levels above them (both are tiny here).
//!
//! Keys are numbers, which an index keeps within its leaves, or texts of several lengths,
//! which it does not. Rows are asked for from both ends with a limit; what was read at a
//! snapshot is read again after later runs and a collection.

#![no_main]

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::ops::Bound;

use arbitrary::Arbitrary;
use precedent::{Database, Snapshot, Table, Transaction};

#[derive(Arbitrary, Debug)]
struct Input {
    texts: bool,
    transactions: Vec<Work>,
}

#[derive(Arbitrary, Debug)]
struct Work {
    steps: Vec<Step>,
    commits: bool,
    after: After,
}

/// Every so many-th key from one on.
#[derive(Arbitrary, Clone, Copy, Debug)]
struct Run {
    first: u16,
    count: u8,
    stride: u8,
}

#[derive(Arbitrary, Debug)]
enum Step {
    Insert(Run, u16),
    Remove(Run),
    /// From the last one down.
    InsertDown(Run, u16),
    Get(Run),
    Range(Bound<u16>, Bound<u16>, Limits),
    RemoveRange(Bound<u16>, Bound<u16>),
    FirstAndLast,
}

/// So many rows from the front and so many from the back; and which end comes first.
#[derive(Arbitrary, Clone, Copy, Debug)]
struct Limits {
    front: u8,
    back: u8,
    back_first: bool,
}

/// What happens between two transactions.
#[derive(Arbitrary, Debug)]
enum After {
    Nothing,
    Collect,
    BulkLoad(Run, u16),
    TakeSnapshot,
    LookAtSnapshots,
    DropSnapshots,
}

/// Snapshots kept at the same time.
const MOST_SNAPSHOTS: usize = 3;
/// Where runs begin, and how long they are, so that a run of the fuzzer stays short: four
/// entries fill a leaf here, so this is enough for several levels.
const KEYS: u16 = 1_000;
const MOST: u16 = 64;

impl Run {
    fn keys(self) -> impl DoubleEndedIterator<Item = u16> {
        let stride = u16::from(self.stride % 7) + 1;
        let count = u16::from(self.count) % MOST;
        (0..count).map(move |place| self.first % KEYS + place * stride)
    }
}

trait Name: Ord + Clone + Debug + Send + Sync + 'static {
    fn of(number: u16) -> Self;
}

impl Name for u64 {
    fn of(number: u16) -> Self {
        u64::from(number) << 24
    }
}

impl Name for String {
    // Not in the order of the numbers, and many begin alike.
    fn of(number: u16) -> Self {
        format!("{}/{}", "key".repeat(usize::from(number % 3)), number)
    }
}

type Model<K> = BTreeMap<K, u16>;
type Rows<K> = Vec<(K, u16)>;

struct World<K: Name> {
    db: Database,
    table: Table<K, Box<u16>>,
    committed: Model<K>,
    snapshots: Vec<(Snapshot, Model<K>)>,
}

libfuzzer_sys::fuzz_target!(|input: Input| {
    if input.texts { run::<String>(&input.transactions) } else { run::<u64>(&input.transactions) }
});

fn run<K: Name>(transactions: &[Work]) {
    let db = Database::new();
    let table = db.table("rows").expect("a new table");
    let mut world = World::<K> { db, table, committed: Model::new(), snapshots: Vec::new() };
    for work in transactions {
        world.transact(work);
        world.after(&work.after);
    }
    world.check_end();
}

impl<K: Name> World<K> {
    fn transact(&mut self, work: &Work) {
        let tx = self.db.begin();
        let mut mine = self.committed.clone();
        for step in &work.steps {
            self.step(step, &tx, &mut mine);
        }
        if work.commits {
            tx.commit().expect("nobody else was open");
            self.committed = mine;
        } else {
            tx.rollback();
        }
    }

    fn step(&self, step: &Step, tx: &Transaction<'_>, mine: &mut Model<K>) {
        let table = &self.table;
        let mut insert = |key: u16, value: u16| {
            tx.insert(table, K::of(key), Box::new(value));
            mine.insert(K::of(key), value);
        };
        match step {
            Step::Insert(run, value) => run.keys().for_each(|key| insert(key, *value)),
            Step::InsertDown(run, value) => run.keys().rev().for_each(|key| insert(key, *value)),
            Step::Remove(run) => {
                for key in run.keys().map(K::of) {
                    tx.remove(table, &key);
                    mine.remove(&key);
                }
            }
            Step::Get(run) => {
                for key in run.keys().map(K::of) {
                    assert_eq!(tx.get(table, &key).map(|value| &**value), mine.get(&key));
                }
            }
            Step::Range(lower, upper, limits) => {
                let (lower, upper) = (lower.map(K::of), upper.map(K::of));
                let rows = tx.range(table, (lower.as_ref(), upper.as_ref()));
                let seen = driven(rows.map(|(key, value)| (key.clone(), **value)), *limits);
                let expected = driven(within(mine, &lower, &upper).into_iter(), *limits);
                assert_eq!(seen, expected);
            }
            Step::RemoveRange(lower, upper) => {
                let (lower, upper) = (lower.map(K::of), upper.map(K::of));
                let gone = within(mine, &lower, &upper);
                let removed = tx.remove_range(table, (lower.as_ref(), upper.as_ref()));
                assert_eq!(removed, gone.len());
                for (key, _) in gone {
                    mine.remove(&key);
                }
            }
            Step::FirstAndLast => {
                let first = tx.first_key_value(table).map(|(key, value)| (key, &**value));
                assert_eq!(first, mine.first_key_value());
                let last = tx.last_key_value(table).map(|(key, value)| (key, &**value));
                assert_eq!(last, mine.last_key_value());
            }
        }
    }

    fn after(&mut self, after: &After) {
        match after {
            After::Nothing => {}
            After::Collect => self.db.collect(),
            After::BulkLoad(run, value) => {
                let rows: Model<K> = run.keys().map(|key| (K::of(key), *value)).collect();
                let boxed = rows.iter().map(|(key, value)| (key.clone(), Box::new(*value)));
                self.db.bulk_load(&self.table, boxed).expect("the rows are in order");
                self.committed.extend(rows);
            }
            After::TakeSnapshot if self.snapshots.len() < MOST_SNAPSHOTS => {
                self.snapshots.push((self.db.safe_snapshot(), self.committed.clone()));
            }
            After::TakeSnapshot | After::LookAtSnapshots => {
                self.db.collect();
                self.snapshots.iter().for_each(|(snapshot, model)| self.look_at(snapshot, model));
            }
            After::DropSnapshots => self.snapshots.clear(),
        }
    }

    fn look_at(&self, snapshot: &Snapshot, model: &Model<K>) {
        let rows = snapshot.range(&self.table, ..).map(|(key, value)| (key, &**value));
        assert!(rows.eq(model.iter()));
        let back = snapshot.range(&self.table, ..).rev().map(|(key, value)| (key, &**value));
        assert!(back.eq(model.iter().rev()));
        for key in model.keys().step_by(7) {
            assert_eq!(snapshot.get(&self.table, key).map(|value| &**value), model.get(key));
        }
    }

    /// Everything is there, and nothing else is kept.
    fn check_end(&mut self) {
        self.after(&After::LookAtSnapshots);
        self.snapshots.clear();
        self.look_at(&self.db.safe_snapshot(), &self.committed);
        self.db.collect();
        let stats = self.db.stats();
        assert_eq!(stats.keys, self.committed.len());
        assert_eq!(stats.versions, self.committed.len());
    }
}

/// The model's rows; none if the range is inverted.
fn within<K: Name>(model: &Model<K>, lower: &Bound<K>, upper: &Bound<K>) -> Rows<K> {
    let above = |key: &K| match lower {
        Bound::Included(bound) => bound <= key,
        Bound::Excluded(bound) => bound < key,
        Bound::Unbounded => true,
    };
    let below = |key: &K| match upper {
        Bound::Included(bound) => key <= bound,
        Bound::Excluded(bound) => key < bound,
        Bound::Unbounded => true,
    };
    let rows = model.iter().filter(|(key, _)| above(key) && below(key));
    rows.map(|(key, value)| (key.clone(), *value)).collect()
}

/// What comes from both ends, until they meet.
fn driven<K>(mut rows: impl DoubleEndedIterator<Item = (K, u16)>, limits: Limits) -> Rows<K> {
    let mut seen = Vec::new();
    let (front, back) = (usize::from(limits.front), usize::from(limits.back));
    if limits.back_first {
        seen.extend(rows.by_ref().rev().take(back));
    }
    seen.extend(rows.by_ref().take(front));
    if !limits.back_first {
        seen.extend(rows.by_ref().rev().take(back));
    }
    seen
}

//! Takes the steps of a program in a transaction, and notes what it saw.

use std::cell::{Cell, RefCell};
use std::thread;
use std::time::Duration;

use precedent::{Range, ReadWrite, Savepoint, Snapshot, Table, Transaction};

use super::ear;
use super::program::{Act, Direction, Span, home, oracle_key};
use crate::oracle::{Classes, Key, Op, Saw, Value};

/// How long a transaction stays open while others run.
const NAP: Duration = Duration::from_micros(200);

/// The tables of a run.
pub type Tables = [Table<u8, u64>; 2];

/// Values that nobody else writes: every `step`th number.
pub struct Values {
    next: Cell<u64>,
    step: u64,
}

impl Values {
    /// The values of thread `index` of so many.
    pub fn of_thread(index: usize, threads: usize) -> Self {
        Self { next: Cell::new(index as u64), step: threads as u64 }
    }

    /// The next one, of a class.
    pub fn next(&self, class: u8) -> Value {
        let number = self.next.get();
        self.next.set(number + self.step);
        Value::new(number, class)
    }
}

/// One attempt of a transaction.
pub struct Actor<'a, 'db, M> {
    tx: &'a Transaction<'db, M>,
    tables: &'a Tables,
    scans: Cell<usize>,
    /// Open ones.
    savepoints: RefCell<Vec<Savepoint>>,
}

fn value(word: Option<&u64>) -> Option<Value> {
    word.copied().map(Value::from_word)
}

fn note_read(key: Key, value: Option<Value>) {
    ear::saw(key, value);
    ear::note(Op::Read { key, saw: Saw::Value(value) });
}

impl<'a, 'db, M> Actor<'a, 'db, M> {
    /// For a transaction that has just begun.
    pub fn new(tx: &'a Transaction<'db, M>, tables: &'a Tables) -> Self {
        Self { tx, tables, scans: Cell::new(0), savepoints: RefCell::default() }
    }

    /// Takes a step that only looks. False if it is none.
    pub fn look(&self, act: Act) -> bool {
        match act {
            Act::Get(key) => {
                let (table, own) = home(key);
                note_read(key, value(self.tx.get(&self.tables[table], &own)));
            }
            Act::Has(key) => {
                let (table, own) = home(key);
                let present = self.tx.contains_key(&self.tables[table], &own);
                ear::saw_no_value();
                ear::note(Op::Read { key, saw: Saw::Presence(present) });
            }
            Act::Peek(key) => {
                let (table, own) = home(key);
                let saw = value(self.tx.peek(&self.tables[table], &own));
                ear::note(Op::Peek { key, saw });
            }
            Act::First(table) => {
                let scan = self.open(Span::all(table), None);
                let row = self.tx.first_key_value(&self.tables[table]);
                note_row(scan, table, row, false);
            }
            Act::Last(table) => {
                let scan = self.open(Span::all(table), None);
                let row = self.tx.last_key_value(&self.tables[table]);
                note_row(scan, table, row, true);
            }
            Act::Scan { span, accepts, direction, most } => {
                self.scan(span, accepts, direction, most);
            }
            Act::Yield => thread::yield_now(),
            Act::Sleep => thread::sleep(NAP),
            _ => return false,
        }
        true
    }

    fn open(&self, span: Span, accepts: Option<Classes>) -> usize {
        ear::note(Op::Open { within: span.within(), accepts });
        self.scans.replace(self.scans.get() + 1)
    }

    fn range(&self, span: Span, accepts: Option<Classes>) -> Range<'a, u8, u64> {
        let table = &self.tables[span.table];
        let bounds = (span.lower.as_ref(), span.upper.as_ref());
        match accepts {
            None => self.tx.range(table, bounds),
            Some(accepts) => self.tx.range_where(table, bounds, move |_, word| {
                accepts.accepts(Value::from_word(*word))
            }),
        }
    }

    fn scan(&self, span: Span, accepts: Option<Classes>, direction: Direction, most: usize) {
        let scan = self.open(span, accepts);
        let mut range = self.range(span, accepts);
        for pull in 0..most {
            let reverse = match direction {
                Direction::Forward => false,
                Direction::Reverse => true,
                Direction::Pincer => pull % 2 == 1,
            };
            let row = if reverse { range.next_back() } else { range.next() };
            if note_row(scan, span.table, row, reverse).is_none() {
                break;
            }
        }
    }
}

/// Looks at a snapshot, and in the end at all that is in it.
pub fn look_at(snapshot: &Snapshot, tables: &Tables, acts: &[Act]) {
    let mut scans = 0;
    let mut scan = |span: Span, reverse: bool, most: usize| {
        let bounds = (span.lower.as_ref(), span.upper.as_ref());
        let mut range = snapshot.range(&tables[span.table], bounds);
        ear::note(Op::Open { within: span.within(), accepts: None });
        scans += 1;
        for _ in 0..most {
            let row = if reverse { range.next_back() } else { range.next() };
            let row =
                row.map(|(key, word)| (oracle_key(span.table, *key), Value::from_word(*word)));
            ear::note(Op::Pull { scan: scans - 1, reverse, row });
            if row.is_none() {
                break;
            }
        }
    };
    for act in acts {
        match *act {
            Act::Get(key) | Act::Peek(key) => {
                let (table, own) = home(key);
                let saw = Saw::Value(value(snapshot.get(&tables[table], &own)));
                ear::note(Op::Read { key, saw });
            }
            Act::Has(key) => {
                let (table, own) = home(key);
                let saw = Saw::Presence(snapshot.contains_key(&tables[table], &own));
                ear::note(Op::Read { key, saw });
            }
            Act::First(table) => scan(Span::all(table), false, 1),
            Act::Last(table) => scan(Span::all(table), true, 1),
            Act::Scan { span, direction, most, .. } => {
                scan(span, matches!(direction, Direction::Reverse), most);
            }
            Act::Yield => thread::yield_now(),
            Act::Sleep => thread::sleep(NAP),
            _ => unreachable!("{act:?} does not only look"),
        }
    }
    thread::yield_now();
    (0..tables.len()).for_each(|table| scan(Span::all(table), false, usize::MAX));
}

/// Notes the row that a scan returned, or that it ran out. Gives its key.
fn note_row(scan: usize, table: usize, row: Option<(&u8, &u64)>, reverse: bool) -> Option<Key> {
    let row = row.map(|(key, word)| (oracle_key(table, *key), Value::from_word(*word)));
    if let Some((key, value)) = row {
        ear::saw(key, Some(value));
    }
    ear::note(Op::Pull { scan, reverse, row });
    row.map(|(key, _)| key)
}

impl Actor<'_, '_, ReadWrite> {
    /// Takes all steps.
    pub fn run(&self, mut acts: &[Act], values: &Values) {
        while let [act, rest @ ..] = acts {
            acts = rest;
            let Act::Nested { acts: within, fails } = *act else {
                self.act(*act, values);
                continue;
            };
            let (within, after) = rest.split_at(within.min(rest.len()));
            acts = after;
            // The closure may not end what was taken before it.
            let outer = self.savepoints.take();
            let result = self.tx.nested(|_| {
                self.run(within, values);
                if fails { Err(()) } else { Ok(()) }
            });
            self.savepoints.replace(outer);
            assert_eq!(result.is_err(), fails, "a nested closure's own result");
        }
    }

    /// Takes any step but a nested closure.
    fn act(&self, act: Act, values: &Values) {
        if self.look(act) {
            return;
        }
        match act {
            Act::RemoveRange(span) => self.remove_range(span),
            Act::Savepoint => self.savepoints.borrow_mut().push(self.tx.savepoint()),
            Act::RollbackTo { oldest } => self.roll_back(oldest),
            Act::Insert(key, class) => self.insert(key, values.next(class)),
            Act::Remove(key) => self.remove(key),
            Act::Replace(key, class) => {
                let ((table, own), new) = (home(key), values.next(class));
                note_read(key, value(self.tx.replace(&self.tables[table], own, new.word())));
                ear::note(Op::Write { key, value: Some(new) });
            }
            Act::Take(key) => {
                let (table, own) = home(key);
                let old = value(self.tx.take(&self.tables[table], &own));
                note_read(key, old);
                if old.is_some() {
                    ear::note(Op::Write { key, value: None });
                }
            }
            Act::InsertIfAbsent(key, class) => {
                let ((table, own), new) = (home(key), values.next(class));
                let old = self.tx.insert_if_absent(&self.tables[table], own, new.word());
                note_read_or_write(key, value(old), new);
            }
            Act::GetOrInsert(key, class) => {
                let ((table, own), new) = (home(key), values.next(class));
                let got = self.tx.get_or_insert_with(&self.tables[table], own, || new.word());
                let old = value(Some(got)).filter(|got| *got != new);
                note_read_or_write(key, old, new);
            }
            Act::Update(key, class) => self.update(key, values.next(class)),
            Act::Sweep { span, accepts, rewrite } => self.sweep(span, accepts, rewrite, values),
            _ => unreachable!("{act:?} only looks"),
        }
    }

    fn remove_range(&self, span: Span) {
        let scan = self.open(span, None);
        let mut rows = Vec::new();
        for (key, word) in self.range(span, None) {
            note_row(scan, span.table, Some((key, word)), false);
            rows.push((oracle_key(span.table, *key), Value::from_word(*word)));
        }
        note_row(scan, span.table, None, false);
        let again = self.open(span, None);
        let bounds = (span.lower.as_ref(), span.upper.as_ref());
        let removed = self.tx.remove_range(&self.tables[span.table], bounds);
        ear::saw_no_value();
        assert_eq!(removed, rows.len(), "what a transaction has read stays");
        let pulls = rows.iter().copied().map(Some).chain([None]);
        pulls.for_each(|row| ear::note(Op::Pull { scan: again, reverse: false, row }));
        rows.iter().for_each(|(key, _)| ear::note(Op::Write { key: *key, value: None }));
    }

    fn roll_back(&self, oldest: bool) {
        let mut savepoints = self.savepoints.borrow_mut();
        if oldest {
            savepoints.truncate(1);
        }
        if let Some(savepoint) = savepoints.last() {
            self.tx.rollback_to(savepoint);
        }
    }

    fn insert(&self, key: Key, value: Value) {
        let (table, own) = home(key);
        self.tx.insert(&self.tables[table], own, value.word());
        ear::note(Op::Write { key, value: Some(value) });
    }

    fn remove(&self, key: Key) {
        let (table, own) = home(key);
        self.tx.remove(&self.tables[table], &own);
        ear::note(Op::Write { key, value: None });
    }

    fn update(&self, key: Key, new: Value) {
        let (table, own) = home(key);
        let mut old = None;
        self.tx.update(&self.tables[table], &own, |word| {
            old = value(Some(word));
            new.word()
        });
        note_read(key, old);
        if old.is_some() {
            ear::note(Op::Write { key, value: Some(new) });
        }
    }

    fn sweep(&self, span: Span, accepts: Option<Classes>, rewrite: Option<u8>, values: &Values) {
        let scan = self.open(span, accepts);
        let mut range = self.range(span, accepts);
        while let Some(key) = note_row(scan, span.table, range.next(), false) {
            match rewrite {
                Some(class) => self.insert(key, values.next(class)),
                None => self.remove(key),
            }
        }
    }
}

/// A read of what was there, or a write of a new value where nothing was.
fn note_read_or_write(key: Key, old: Option<Value>, new: Value) {
    note_read(key, old);
    if old.is_none() {
        ear::note(Op::Write { key, value: Some(new) });
    }
}

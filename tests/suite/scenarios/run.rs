//! Runs a history on the real engine, on one thread, in a given order of its steps.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::ops::Bound;

use precedent::{Database, ReadTransaction, Savepoint, Table, Transaction};

use crate::scenarios::script::{Fate, History, Key, Op, Rows, Scan, Span, Step};
use crate::support::{assert_at_rest, assert_explains};

/// What a run came to.
pub struct Run {
    /// How each transaction ended, in the order of their ends.
    pub ends: Vec<(usize, Fate)>,
}

impl Run {
    pub fn conflicts(&self) -> usize {
        self.ends.iter().filter(|(_, fate)| *fate == Fate::Conflicts).count()
    }
}

/// A database with the two tables of the scripts, and one for noise.
struct World {
    db: Database,
    tables: Tables,
    noise: Table<u64, u64>,
}

struct Tables {
    words: Table<String, i64>,
    pairs: Table<(u64, u64), i64>,
}

/// An open transaction of a script.
enum Open<'db> {
    Write(Transaction<'static>),
    Read(ReadTransaction<'db>),
}

/// Runs `history` on a new database, with its steps in `order`.
pub fn run(history: &History, order: &[usize], sliding: bool) -> Run {
    let world = World::new(history, sliding);
    let ends = {
        let mut stage = Stage::new(history, &world);
        for &index in order {
            let step = &history.steps[index];
            stage.play(step, sliding);
        }
        stage.ends
    };
    if !sliding {
        world.check_final_state(history);
    }
    assert_at_rest(&world.db, world.live_keys());
    Run { ends }
}

impl World {
    fn new(history: &History, sliding: bool) -> Self {
        let db = Database::builder().name("history").sliding(sliding).build();
        let words = db.table("words").expect("a new table");
        let pairs = db.table("pairs").expect("a new table");
        let noise = db.table("noise").expect("a new table");
        let world = Self { db, tables: Tables { words, pairs }, noise };
        let init = world.db.begin();
        for (key, value) in &history.init {
            write(&init, &world.tables, &Op::Insert(key.clone(), *value));
        }
        init.commit().expect("nobody else is there");
        for op in &history.setup {
            world.setup(op);
        }
        world
    }

    fn setup(&self, op: &Op) {
        if matches!(op, Op::Collect | Op::Noise(_)) {
            return self.db_step(op);
        }
        let tx = self.db.begin();
        write(&tx, &self.tables, op);
        tx.commit().expect("nobody else is there");
    }

    fn db_step(&self, op: &Op) {
        match op {
            Op::Collect => self.db.collect(),
            Op::Noise(count) => {
                for turn in 0..*count as u64 {
                    let tx = self.db.begin();
                    let old = tx.get(&self.noise, &(turn % 7)).copied().unwrap_or(0);
                    tx.insert(&self.noise, turn % 7, old + 1);
                    tx.commit().expect("noise meets nobody");
                }
            }
            other => panic!("not a step of the database: {other:?}"),
        }
    }

    fn check_final_state(&self, history: &History) {
        for (key, value) in &history.finally {
            let tx = self.db.begin_read();
            let found = match key {
                Key::Text(key) => tx.get(&self.tables.words, key),
                Key::Pair(key) => tx.get(&self.tables.pairs, key),
            };
            assert_eq!(found, value.as_ref(), "{}: finally {key:?}", history.name);
        }
    }

    fn live_keys(&self) -> usize {
        let count = |tx: &ReadTransaction<'_>| {
            tx.count(&self.tables.words, ..)
                + tx.count(&self.tables.pairs, ..)
                + tx.count(&self.noise, ..)
        };
        self.db.read(count).expect("nobody else is there")
    }
}

/// The transactions of one run.
struct Stage<'a> {
    history: &'a History,
    world: &'a World,
    open: Vec<Option<Open<'a>>>,
    /// By the names that the script gives them.
    saved: Vec<BTreeMap<String, Savepoint>>,
    ends: Vec<(usize, Fate)>,
}

impl<'a> Stage<'a> {
    fn new(history: &'a History, world: &'a World) -> Self {
        let begin = |actor| {
            let begins_now = !history.begins_itself(actor);
            begins_now.then(|| Open::Write(world.begin(history, actor)))
        };
        let open = (0..history.names.len()).map(begin).collect();
        let saved = history.names.iter().map(|_| BTreeMap::new()).collect();
        Self { history, world, open, saved, ends: Vec::new() }
    }

    fn play(&mut self, step: &Step, sliding: bool) {
        let Some(actor) = step.actor else { return self.world.db_step(&step.op) };
        let tables = &self.world.tables;
        let returned = match (&step.op, &self.open[actor]) {
            (Op::Begin { read_only }, None) => {
                self.open[actor] = Some(self.world.open(self.history, actor, *read_only));
                None
            }
            (op, Some(_)) if op.ends() => {
                let open = self.open[actor].take().expect("just seen");
                self.ends.push((actor, end(open, op)));
                None
            }
            (op, Some(Open::Write(tx))) if save_or_undo(tx, op, &mut self.saved[actor]) => None,
            (op, Some(Open::Write(tx))) => read(tx, tables, op).or_else(|| write(tx, tables, op)),
            (op, Some(Open::Read(tx))) => read(tx, tables, op),
            (op, None) => panic!("{}, line {}: {op:?}: not open", self.history.name, step.line),
        };
        let expected = if sliding { &step.returns_sliding } else { &step.returns };
        if expected.is_some() {
            let name = &self.history.name;
            assert_eq!(&returned, expected, "{name}, line {}: {}", step.line, step.text);
        }
    }
}

impl World {
    fn begin(&self, history: &History, actor: usize) -> Transaction<'static> {
        let tx = self.db.begin_owned();
        tx.label(history.names[actor].clone());
        tx
    }

    fn open(&self, history: &History, actor: usize, read_only: bool) -> Open<'_> {
        if read_only {
            Open::Read(self.db.begin_read())
        } else {
            Open::Write(self.begin(history, actor))
        }
    }
}

fn end(open: Open<'_>, op: &Op) -> Fate {
    let result = match (open, op) {
        (Open::Write(tx), Op::Commit) => tx.commit(),
        (Open::Write(tx), Op::Fail) => tx.finish_without_writes(),
        (Open::Read(tx), Op::Commit) => tx.finish(),
        (Open::Write(tx), Op::Rollback) => {
            tx.rollback();
            return Fate::GaveUp;
        }
        (Open::Read(tx), Op::Rollback) => {
            tx.rollback();
            return Fate::GaveUp;
        }
        // Dropped here.
        _ => return Fate::GaveUp,
    };
    match result {
        Ok(_) => Fate::Commits,
        Err(error) => {
            assert_explains(&error);
            assert!(error.is_retryable());
            Fate::Conflicts
        }
    }
}

/// A step with savepoints; false if it is none.
fn save_or_undo(tx: &Transaction<'_>, op: &Op, saved: &mut BTreeMap<String, Savepoint>) -> bool {
    let known = |name: &String| format!("{name:?} is an open savepoint");
    match op {
        Op::Savepoint(name) => drop(saved.insert(name.clone(), tx.savepoint())),
        Op::RollbackTo(name) => {
            tx.rollback_to(saved.get(name).unwrap_or_else(|| panic!("{}", known(name))));
        }
        Op::Release(name) => {
            tx.release(saved.remove(name).unwrap_or_else(|| panic!("{}", known(name))));
        }
        _ => return false,
    }
    true
}

/// A read step: what it returned, as text. None if it is not a read.
fn read<M>(tx: &Transaction<'_, M>, tables: &Tables, op: &Op) -> Option<String> {
    let yes = |it: bool| if it { "yes" } else { "no" }.to_string();
    Some(match op {
        Op::Get(Key::Text(key)) => value(tx.get(&tables.words, key.as_str())),
        Op::Get(Key::Pair(key)) => value(tx.get(&tables.pairs, key)),
        Op::Peek(Key::Text(key)) => value(tx.peek(&tables.words, key)),
        Op::Peek(Key::Pair(key)) => value(tx.peek(&tables.pairs, key)),
        Op::Has(Key::Text(key)) => yes(tx.contains_key(&tables.words, key)),
        Op::Has(Key::Pair(key)) => yes(tx.contains_key(&tables.pairs, key)),
        Op::First => rows(tx.first_key_value(&tables.words), Rows::Pairs),
        Op::Last => rows(tx.last_key_value(&tables.words), Rows::Pairs),
        Op::Count(Span::Text(from, to)) => tx.count(&tables.words, bounds(from, to)).to_string(),
        Op::Count(Span::Pair(from, to)) => tx.count(&tables.pairs, bounds(from, to)).to_string(),
        Op::IsEmpty(Span::Text(from, to)) => yes(tx.is_empty(&tables.words, bounds(from, to))),
        Op::IsEmpty(Span::Pair(from, to)) => yes(tx.is_empty(&tables.pairs, bounds(from, to))),
        Op::Scan(scan) => match &scan.span {
            Span::Text(from, to) => scanned(tx, &tables.words, bounds(from, to), scan),
            Span::Pair(from, to) => scanned(tx, &tables.pairs, bounds(from, to), scan),
        },
        _ => return None,
    })
}

/// A write step: what it returned, as text, if it returns something.
fn write(tx: &Transaction<'_>, tables: &Tables, op: &Op) -> Option<String> {
    let key = match op {
        Op::RemoveRange(Span::Text(from, to)) => {
            return Some(tx.remove_range(&tables.words, bounds(from, to)).to_string());
        }
        Op::RemoveRange(Span::Pair(from, to)) => {
            return Some(tx.remove_range(&tables.pairs, bounds(from, to)).to_string());
        }
        Op::Insert(key, _) | Op::Remove(key) | Op::Replace(key, _) | Op::Take(key) => key,
        Op::InsertIfAbsent(key, _) | Op::Update(key, _) | Op::GetOrInsert(key, _) => key,
        other => panic!("a reader cannot {other:?}"),
    };
    match key {
        Key::Text(key) => write_to(tx, &tables.words, key, op),
        Key::Pair(key) => write_to(tx, &tables.pairs, key, op),
    }
}

fn write_to<K: precedent::Key>(
    tx: &Transaction<'_>,
    table: &Table<K, i64>,
    key: &K,
    op: &Op,
) -> Option<String> {
    let owned = key.clone();
    match op {
        Op::Insert(_, new) => tx.insert(table, owned, *new),
        Op::Remove(_) => tx.remove(table, key),
        Op::Replace(_, new) => return Some(value(tx.replace(table, owned, *new))),
        Op::Take(_) => return Some(value(tx.take(table, key))),
        Op::InsertIfAbsent(_, new) => return Some(value(tx.insert_if_absent(table, owned, *new))),
        Op::Update(_, more) => return Some(value(tx.update(table, key, |old| old + more))),
        Op::GetOrInsert(_, new) => {
            return Some(tx.get_or_insert_with(table, owned, || *new).to_string());
        }
        other => panic!("not a write: {other:?}"),
    }
    None
}

fn bounds<'b, K>(from: &'b Bound<K>, to: &'b Bound<K>) -> (Bound<&'b K>, Bound<&'b K>) {
    (from.as_ref(), to.as_ref())
}

fn scanned<M, K: precedent::Key>(
    tx: &Transaction<'_, M>,
    table: &Table<K, i64>,
    range: (Bound<&K>, Bound<&K>),
    scan: &Scan,
) -> String {
    let zero = 0;
    match scan.rows {
        Rows::Pairs => rows(driven(tx.range(table, range), scan), scan.rows),
        Rows::Above(bound) => {
            let above = tx.range_where(table, range, move |_, value| *value > bound);
            rows(driven(above, scan), scan.rows)
        }
        Rows::Keys => {
            let keys = tx.keys(table, range).map(|key| (key, &zero));
            rows(driven(keys, scan), scan.rows)
        }
        Rows::Values => {
            let values = tx.values(table, range).map(|value| ((), value));
            rows(driven(values, scan), scan.rows)
        }
    }
}

/// Drives a range read exactly as far as the script says.
fn driven<'s, T: 's>(
    range: impl DoubleEndedIterator<Item = T> + 's,
    scan: &Scan,
) -> Box<dyn Iterator<Item = T> + 's> {
    let (skip, take) = (scan.skip, scan.take.unwrap_or(usize::MAX));
    if scan.reverse {
        Box::new(range.rev().skip(skip).take(take))
    } else {
        Box::new(range.skip(skip).take(take))
    }
}

fn value(value: Option<&i64>) -> String {
    value.map_or("none".to_string(), ToString::to_string)
}

fn rows<'v, K: Debug>(pairs: impl IntoIterator<Item = (K, &'v i64)>, rows: Rows) -> String {
    let row = |(key, value): (K, &i64)| {
        // Text without its quotes, a pair as the scripts write it.
        let key = format!("{key:?}").replace(['"', '(', ')'], "").replace(", ", "/");
        match rows {
            Rows::Pairs | Rows::Above(_) => format!("{key}={value}"),
            Rows::Keys => key,
            Rows::Values => value.to_string(),
        }
    };
    let texts: Vec<String> = pairs.into_iter().map(row).collect();
    if texts.is_empty() { "none".to_string() } else { texts.join(" ") }
}

//! Runs a script on a database, on one thread, in a given order of its steps.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::ops::Bound;

use crate::testkit::histories::script::{Fate, Key, Op, Rows, Scan, Script, Span, Step};
use crate::{Database, Error, Key as TableKey, ReadTransaction, Savepoint, Table, Transaction};

/// How each transaction ended, in the order of their ends.
pub(super) type Ends = Vec<(usize, Fate)>;

/// A database with the two tables of the scripts, and one for noise.
pub(super) struct World {
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

impl World {
    /// The tables of a database, and what the script says is in them.
    pub(super) fn new(script: &Script, db: Database) -> Result<Self, Error> {
        let tables = Tables { words: db.table("words")?, pairs: db.table("pairs")? };
        let noise = db.table("noise")?;
        let world = Self { db, tables, noise };
        let init = world.db.begin();
        init.label("init");
        for (key, value) in &script.init {
            write(&init, &world.tables, &Op::Insert(key.clone(), *value));
        }
        init.commit()?;
        for op in &script.setup {
            world.set_up(op)?;
        }
        Ok(world)
    }

    fn set_up(&self, op: &Op) -> Result<(), Error> {
        if matches!(op, Op::Collect | Op::Noise(_)) {
            return self.db_step(op);
        }
        let tx = self.db.begin();
        tx.label("setup");
        write(&tx, &self.tables, op);
        tx.commit().map(drop)
    }

    fn db_step(&self, op: &Op) -> Result<(), Error> {
        match op {
            Op::Noise(count) => (0..*count as u64).try_for_each(|turn| {
                self.db.transact(|tx| {
                    tx.label("noise");
                    let old = tx.get(&self.noise, &(turn % 7)).copied().unwrap_or(0);
                    tx.insert(&self.noise, turn % 7, old + 1);
                    Ok(())
                })
            }),
            _ => {
                self.db.collect();
                Ok(())
            }
        }
    }

    /// What is wrong with the state at the end, if something is.
    pub(super) fn final_state(&self, script: &Script) -> Option<String> {
        script.finally.iter().find_map(|(key, expected)| {
            let tx = self.db.begin_read();
            let found = match key {
                Key::Text(key) => tx.get(&self.tables.words, key.as_str()),
                Key::Pair(key) => tx.get(&self.tables.pairs, key),
            };
            (found != expected.as_ref())
                .then(|| format!("finally {key:?} is {found:?}, not {expected:?}"))
        })
    }
}

/// The transactions of one run.
pub(super) struct Stage<'a> {
    script: &'a Script,
    world: &'a World,
    open: Vec<Option<Open<'a>>>,
    /// By the names that the script gives them.
    saved: Vec<BTreeMap<String, Savepoint>>,
    pub ends: Ends,
}

impl<'a> Stage<'a> {
    pub(super) fn new(script: &'a Script, world: &'a World) -> Self {
        let begin = |actor| {
            let begins_now = !script.begins_itself(actor);
            begins_now.then(|| world.begin(script, actor, false))
        };
        let open = (0..script.names.len()).map(begin).collect();
        let saved = script.names.iter().map(|_| BTreeMap::new()).collect();
        Self { script, world, open, saved, ends: Vec::new() }
    }

    /// Takes a step; what it returned.
    pub(super) fn play(&mut self, step: &Step) -> Result<Option<String>, Error> {
        let Some(actor) = step.actor else { return self.world.db_step(&step.op).map(|()| None) };
        let tables = &self.world.tables;
        if let Op::Begin { read_only } = step.op {
            self.open[actor] = Some(self.world.begin(self.script, actor, read_only));
            return Ok(None);
        }
        if step.op.ends() {
            if let Some(open) = self.open[actor].take() {
                self.ends.push((actor, end(open, &step.op)?));
            }
            return Ok(None);
        }
        Ok(match &self.open[actor] {
            Some(Open::Write(tx)) if save_or_undo(tx, &step.op, &mut self.saved[actor]) => None,
            Some(Open::Write(tx)) => {
                read(tx, tables, &step.op).or_else(|| write(tx, tables, &step.op))
            }
            Some(Open::Read(tx)) => read(tx, tables, &step.op),
            None => None,
        })
    }
}

impl World {
    fn begin(&self, script: &Script, actor: usize, read_only: bool) -> Open<'_> {
        let label = script.names[actor].clone();
        if read_only {
            let tx = self.db.begin_read();
            tx.label(label);
            Open::Read(tx)
        } else {
            let tx = self.db.begin_owned();
            tx.label(label);
            Open::Write(tx)
        }
    }
}

fn end(open: Open<'_>, op: &Op) -> Result<Fate, Error> {
    let result = match (open, op) {
        (Open::Write(tx), Op::Commit) => tx.commit(),
        (Open::Write(tx), Op::Fail) => tx.finish_without_writes(),
        (Open::Read(tx), Op::Commit) => tx.finish(),
        (Open::Write(tx), Op::Rollback) => {
            tx.rollback();
            return Ok(Fate::GaveUp);
        }
        (Open::Read(tx), Op::Rollback) => {
            tx.rollback();
            return Ok(Fate::GaveUp);
        }
        // Dropped here.
        _ => return Ok(Fate::GaveUp),
    };
    match result {
        Ok(_) => Ok(Fate::Commits),
        Err(error) if error.is_conflict() => Ok(Fate::Conflicts),
        Err(error) => Err(error),
    }
}

/// A step with savepoints; false if it is none.
fn save_or_undo(tx: &Transaction<'_>, op: &Op, saved: &mut BTreeMap<String, Savepoint>) -> bool {
    match op {
        Op::Savepoint(name) => drop(saved.insert(name.clone(), tx.savepoint())),
        Op::RollbackTo(name) => {
            if let Some(savepoint) = saved.get(name) {
                tx.rollback_to(savepoint);
            }
        }
        Op::Release(name) => {
            if let Some(savepoint) = saved.remove(name) {
                tx.release(savepoint);
            }
        }
        _ => return false,
    }
    true
}

/// A read step: what it returned, as text. None if it is not a read.
fn read<M>(tx: &Transaction<'_, M>, tables: &Tables, op: &Op) -> Option<String> {
    let yes = |it: bool| if it { "yes" } else { "no" }.to_owned();
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
        _ => return None,
    };
    match key {
        Key::Text(key) => write_to(tx, &tables.words, key, op),
        Key::Pair(key) => write_to(tx, &tables.pairs, key, op),
    }
}

fn write_to<K: TableKey>(
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
        Op::Update(_, more) => {
            return Some(value(tx.update(table, key, |old| old.wrapping_add(*more))));
        }
        Op::GetOrInsert(_, new) => {
            return Some(tx.get_or_insert_with(table, owned, || *new).to_string());
        }
        _ => {}
    }
    None
}

fn bounds<'b, K>(from: &'b Bound<K>, to: &'b Bound<K>) -> (Bound<&'b K>, Bound<&'b K>) {
    (from.as_ref(), to.as_ref())
}

fn scanned<M, K: TableKey>(
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
    value.map_or("none".to_owned(), ToString::to_string)
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
    if texts.is_empty() { "none".to_owned() } else { texts.join(" ") }
}

//! Runs a schedule on the engine.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use precedent::{Database, ReadTransaction, Table, Transaction};
use serde_json::Value;

use crate::corpus::case::{Case, Reading};
use crate::corpus::program::{Flow, Program, Rows, Store, matches};
use crate::support::{assert_at_rest, assert_explains};

/// What came of a schedule.
#[derive(Debug, Default)]
pub struct Outcome {
    pub refused: BTreeSet<String>,
    /// Those that gave up by themselves, with the reason.
    pub gave_up: BTreeSet<String>,
    pub implicit_commit: BTreeSet<String>,
    /// The committed sessions.
    pub committed: Vec<usize>,
    pub reads: BTreeMap<String, Vec<(String, Value)>>,
    pub finally: BTreeMap<String, Value>,
}

enum Handle<'db> {
    Write(Transaction<'static>),
    Read(ReadTransaction<'db>),
}

/// A session on the engine.
struct Actor<'db> {
    handle: Option<Handle<'db>>,
    program: Program,
    ended: bool,
}

struct Stage<'a> {
    case: &'a Case,
    reading: Reading,
    db: &'a Database,
    table: &'a Table<String, Value>,
    actors: Vec<Actor<'a>>,
    outcome: Outcome,
}

/// Runs `case` on a new database.
pub fn run(case: &Case, reading: Reading, sliding: bool) -> Outcome {
    let db = Database::builder().name("corpus").sliding(sliding).build();
    let table: Table<String, Value> = db.table("rows").expect("a new table");
    let fill = |tx: &Transaction<'_>| {
        case.init.iter().for_each(|(key, value)| tx.insert(&table, key.clone(), value.clone()));
        Ok(())
    };
    db.transact(fill).expect("nobody else is there");
    let mut stage = Stage::new(case, reading, &db, &table);
    for (session, ops) in &case.steps {
        stage.step(*session, ops);
    }
    let mut outcome = stage.finish();
    let rows = |tx: &ReadTransaction<'_>| {
        tx.range(&table, ..).map(|(key, value)| (key.clone(), value.clone())).collect()
    };
    outcome.finally = db.read(rows).expect("nobody else is there");
    assert_at_rest(&db, outcome.finally.len());
    outcome
}

impl<'a> Stage<'a> {
    fn new(
        case: &'a Case,
        reading: Reading,
        db: &'a Database,
        table: &'a Table<String, Value>,
    ) -> Self {
        let actor = |_| Actor { handle: None, program: Program::default(), ended: false };
        let actors = (0..case.sessions.len()).map(actor).collect();
        let mut stage = Self { case, reading, db, table, actors, outcome: Outcome::default() };
        for session in 0..case.sessions.len() {
            if case.sessions[session].at_start {
                stage.begin(session);
            }
        }
        stage
    }

    fn begin(&mut self, session: usize) {
        let label = self.case.sessions[session].name.clone();
        let handle = if self.case.sessions[session].read_only {
            Handle::Read(self.db.begin_read())
        } else {
            let tx = self.db.begin_owned();
            tx.label(label);
            Handle::Write(tx)
        };
        self.actors[session].handle = Some(handle);
    }

    fn step(&mut self, session: usize, ops: &[Value]) {
        for op in ops {
            if self.actors[session].ended {
                return;
            }
            let works =
                |kind: &Value| !["begin", "noop", "commit", "abort"].iter().any(|no| kind == no);
            let begins = works(&op["op"]);
            if begins && self.actors[session].handle.is_none() {
                self.begin(session);
            }
            match self.perform(session, op) {
                Flow::Goes => {}
                Flow::Commits => self.commit(session),
                Flow::GivesUp(why) => self.give_up(session, &why),
            }
        }
    }

    fn perform(&mut self, session: usize, op: &Value) -> Flow {
        let actor = &mut self.actors[session];
        let (table, reading) = (self.table, self.reading);
        match &actor.handle {
            None => Flow::Goes,
            Some(Handle::Write(tx)) => {
                actor.program.perform(&mut Writes(View { tx, table, reading }), op)
            }
            Some(Handle::Read(tx)) => actor.program.perform(&mut View { tx, table, reading }, op),
        }
    }

    fn commit(&mut self, session: usize) {
        self.actors[session].ended = true;
        let result = match self.actors[session].handle.take() {
            None => return,
            Some(Handle::Write(tx)) => tx.commit(),
            Some(Handle::Read(tx)) => tx.finish(),
        };
        match result {
            Ok(_) => self.outcome.committed.push(session),
            Err(error) => {
                assert_explains(&error);
                self.outcome.refused.insert(self.case.sessions[session].name.clone());
            }
        }
    }

    fn give_up(&mut self, session: usize, why: &str) {
        self.actors[session].ended = true;
        self.actors[session].handle = None;
        let name = &self.case.sessions[session].name;
        self.outcome.gave_up.insert(format!("{name}:{why}"));
    }

    fn finish(mut self) -> Outcome {
        for session in 0..self.actors.len() {
            if !self.actors[session].ended && self.actors[session].handle.is_some() {
                self.outcome.implicit_commit.insert(self.case.sessions[session].name.clone());
                self.commit(session);
            }
        }
        for (actor, session) in self.actors.iter_mut().zip(&self.case.sessions) {
            let reads = std::mem::take(&mut actor.program.reads);
            self.outcome.reads.insert(session.name.clone(), reads);
        }
        self.outcome
    }
}

/// A transaction, as the programs see it.
struct View<'t, 'db, M> {
    tx: &'t Transaction<'db, M>,
    table: &'t Table<String, Value>,
    reading: Reading,
}

impl<M> Store for View<'_, '_, M> {
    fn get(&mut self, key: &str) -> Option<Value> {
        self.tx.get(self.table, key).cloned()
    }

    fn scan(&mut self, range: (&str, &str), filter: Option<&Value>, limit: usize) -> Rows {
        let range = (Bound::Included(range.0), Bound::Excluded(range.1));
        let row = |(key, value): (&String, &Value)| (key.clone(), value.clone());
        let filter = filter.cloned();
        match (self.reading, filter) {
            (Reading::Predicate, Some(filter)) => {
                let predicate = move |_: &String, value: &Value| matches(&filter, value);
                self.tx.range_where(self.table, range, predicate).take(limit).map(row).collect()
            }
            (_, filter) => {
                let wanted = |(_, value): &(&String, &Value)| {
                    filter.as_ref().is_none_or(|filter| matches(filter, value))
                };
                self.tx.range(self.table, range).filter(wanted).take(limit).map(row).collect()
            }
        }
    }

    fn put(&mut self, key: String, _: Value) {
        panic!("a reader puts {key}");
    }

    fn delete(&mut self, key: &str) {
        panic!("a reader deletes {key}");
    }
}

/// A transaction that may write.
struct Writes<'t, 'db>(View<'t, 'db, precedent::ReadWrite>);

impl Store for Writes<'_, '_> {
    fn get(&mut self, key: &str) -> Option<Value> {
        self.0.get(key)
    }

    fn scan(&mut self, range: (&str, &str), filter: Option<&Value>, limit: usize) -> Rows {
        self.0.scan(range, filter, limit)
    }

    fn put(&mut self, key: String, value: Value) {
        self.0.tx.insert(self.0.table, key, value);
    }

    fn delete(&mut self, key: &str) {
        self.0.tx.remove(self.0.table, key);
    }
}

//! Threads that run programs on one database, all recorded.

use std::sync::Arc;
use std::thread;

use precedent::{Certifier, Database, Error, ReadTransaction, Stats, Transaction};

use super::actor::{Actor, Tables, Values, look_at};
use super::ear::{self, Ear};
use super::program::{Act, Form, Program, Span, TABLES, home, oracle_key, program};
use super::record::Record;
use super::settings::seed;
use crate::oracle::{Key, Op, Value};
use crate::schedules::rng::Rng;

/// How often the first thread collects, in transactions.
const COLLECT_EVERY: usize = 500;

/// After so many failures a transaction ages.
const AGE_AFTER: u32 = 2;

/// What a run is like.
#[derive(Clone, Copy, Debug)]
pub struct Setup {
    /// How many threads.
    pub threads: usize,
    /// On how many keys.
    pub keys: usize,
    /// How many transactions in all, attempts not counted.
    pub transactions: usize,
    /// Whether snapshots slide.
    pub sliding: bool,
    /// By which rule commits are certified.
    pub certifier: Certifier,
}

/// The record of a run, and the database's own figures after all had ended and
/// everything was collected.
pub struct Run {
    /// What was done.
    pub record: Record,
    /// Conservative aborts, versions, keys and so on.
    pub stats: Stats,
}

/// What a closure returns instead of a result.
enum Refused {
    OfItsOwn,
    Engine(Error),
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self::Engine(error)
    }
}

/// Runs it.
pub fn run(setup: Setup) -> Run {
    let builder = Database::builder().sliding(setup.sliding).certifier(setup.certifier);
    // So that many a closure runs behind the gate.
    let db = builder.age_after(AGE_AFTER).recorder(Arc::new(Ear)).build();
    let tables = TABLES.map(|name| db.table(name).expect("a new table"));
    ear::take();
    let thread = |index| {
        let (db, tables) = (&db, &tables);
        move || {
            let worker = Worker { db, tables, values: Values::of_thread(index, setup.threads) };
            worker.work(index, setup);
            ear::take()
        }
    };
    let mut record = thread::scope(|scope| {
        let threads: Vec<_> = (0..setup.threads).map(|index| scope.spawn(thread(index))).collect();
        let mut record = Record::default();
        for thread in threads {
            record.absorb(thread.join().expect("no transaction panics"));
        }
        record
    });
    for (at, table) in tables.iter().enumerate() {
        let rows = |tx: &ReadTransaction<'_>| {
            let rows = tx.range(table, ..);
            rows.map(|(key, word)| (oracle_key(at, *key), Value::from_word(*word))).collect()
        };
        let mut rows: Vec<_> = db.read(rows).expect("nobody is in the way");
        record.history.last_state.append(&mut rows);
    }
    ear::take();
    db.collect();
    Run { record, stats: db.stats() }
}

struct Worker<'a> {
    db: &'a Database,
    tables: &'a Tables,
    values: Values,
}

impl Worker<'_> {
    fn work(&self, index: usize, setup: Setup) {
        let share = setup.transactions / setup.threads
            + usize::from(index < setup.transactions % setup.threads);
        let mut rng = Rng::stream(seed(), index as u64);
        for turn in 0..share {
            if index == 0 && turn % COLLECT_EVERY == COLLECT_EVERY - 1 {
                self.db.collect();
            }
            let program = program(&mut rng, setup.keys);
            ear::call();
            self.transaction(&program);
            ear::returned();
        }
    }

    fn write(&self, tx: &Transaction<'_>, program: &Program) {
        let actor = Actor::new(tx, self.tables);
        actor.run(&program.acts, &self.values);
        ear::ending(program.form == Form::Err);
    }

    fn look(&self, tx: &ReadTransaction<'_>, acts: &[Act]) {
        let actor = Actor::new(tx, self.tables);
        for act in acts {
            assert!(actor.look(*act), "{act:?} in a read-only transaction");
        }
        ear::ending(false);
    }

    fn load(&self, span: Span) {
        const MOST: usize = 6;
        let keys: Vec<Key> = span.within().iter().take(MOST).collect();
        let rows: Vec<(Key, Value)> =
            keys.into_iter().map(|key| (key, self.values.next(0))).collect();
        let write = |(key, value): &(Key, Value)| Op::Write { key: *key, value: Some(*value) };
        ear::plan(rows.iter().map(write).collect());
        let words = rows.iter().map(|(key, value)| (home(*key).1, value.word()));
        // Under snapshot isolation somebody else may have been first.
        drop(self.db.bulk_load(&self.tables[span.table], words));
    }

    /// Runs one transaction; conflicts are in the record.
    fn transaction(&self, program: &Program) {
        match program.form {
            Form::Transact => {
                let done = self.db.transact(|tx| {
                    self.write(tx, program);
                    Ok(())
                });
                done.expect("somebody always gets through");
            }
            Form::Err => {
                let done = self.db.try_transact(|tx| {
                    self.write(tx, program);
                    Err::<(), _>(Refused::OfItsOwn)
                });
                match done {
                    Err(Refused::OfItsOwn) => {}
                    Err(Refused::Engine(error)) => panic!("somebody always gets through: {error}"),
                    Ok(()) => unreachable!("the closure returns an Err"),
                }
            }
            Form::Load(span) => self.load(span),
            Form::Begin | Form::GivenUp { .. } => {
                let tx = self.db.begin();
                self.write(&tx, program);
                match program.form {
                    Form::GivenUp { dropped: true } => drop(tx),
                    Form::GivenUp { dropped: false } => tx.rollback(),
                    _ => drop(tx.commit()),
                }
            }
            Form::Read => {
                let done = self.db.read(|tx| self.look(tx, &program.acts));
                done.expect("somebody always gets through");
            }
            Form::Snapshot => {
                let snapshot = self.db.safe_snapshot();
                ear::hold(snapshot.timestamp().into(), snapshot.is_safe());
                look_at(&snapshot, self.tables, &program.acts);
                drop(snapshot);
                ear::let_go();
            }
            Form::BeginRead | Form::ReadDropped => {
                let tx = self.db.begin_read();
                self.look(&tx, &program.acts);
                if program.form == Form::BeginRead {
                    drop(tx.finish());
                }
            }
        }
    }
}

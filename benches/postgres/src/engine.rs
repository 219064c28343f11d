//! The same schedule on this engine, step by step on one thread.

use std::collections::BTreeMap;

use precedent::{Database, Error, Table, Transaction};

use crate::graph::{Node, Read};
use crate::model::{Rows, write};
use crate::schedule::{Action, Event, Schedule, Step};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Committed,
    RolledBack,
    /// By a conflict.
    Refused,
}

/// One transaction, when all is over.
#[derive(Clone, Debug)]
pub struct Ran {
    pub outcome: Outcome,
    pub seen: Vec<Rows>,
    /// With the snapshot to which it slid; who was refused, ends after all others.
    pub node: Node,
    /// At which event it ended.
    pub ended: usize,
    pub story: String,
}

pub struct Run {
    pub txs: Vec<Ran>,
    pub state: BTreeMap<i64, i64>,
}

/// Runs a schedule in this order. Who `gives_up` is rolled back at the end.
pub fn run(
    schedule: &Schedule,
    order: &[Event],
    sliding: bool,
    gives_up: &[bool],
) -> Result<Run, Error> {
    let db = Database::builder().sliding(sliding).build();
    let table: Table<i64, i64> = db.table("kv")?;
    db.bulk_load(&table, schedule.initial.clone())?;
    let count = schedule.programs.len();
    let mut open: Vec<Option<Transaction<'_>>> = (0..count).map(|_| None).collect();
    let nothing = Ran {
        outcome: Outcome::RolledBack,
        seen: Vec::new(),
        node: Node::default(),
        ended: 0,
        story: String::new(),
    };
    let mut txs = vec![nothing; count];
    for (moment, Event { tx, action }) in order.iter().enumerate() {
        let (program, ran) = (&schedule.programs[*tx], &mut txs[*tx]);
        match (action, open[*tx].take()) {
            (Action::Begin, _) => open[*tx] = Some(db.begin()),
            (Action::Step(step), Some(running)) => {
                ran.step(&running, &table, program.steps[*step]);
                open[*tx] = Some(running);
            }
            (Action::End, Some(running)) => {
                ran.ended = moment;
                if program.commits && !gives_up[*tx] {
                    ran.commit(running)?;
                }
            }
            (_, None) => {}
        }
    }
    let state = db.begin().range(&table, ..).map(|(key, value)| (*key, *value)).collect();
    Ok(Run { txs, state })
}

impl Ran {
    fn step(&mut self, tx: &Transaction<'_>, table: &Table<i64, i64>, step: Step) {
        let rows = perform(tx, table, step);
        self.node.reads.extend(Read::of(step, &rows, &self.node.writes));
        write(step, &rows, &mut self.node.writes);
        self.seen.push(rows);
    }

    fn commit(&mut self, tx: Transaction<'_>) -> Result<(), Error> {
        self.node.snapshot = u64::from(tx.read_timestamp());
        match tx.commit() {
            Ok(commit) => {
                // A reader is where its snapshot is, and precedes nobody by having ended.
                let is_reader = self.node.writes.is_empty();
                self.node.end = if is_reader { u64::MAX } else { u64::from(commit.timestamp()) };
                self.outcome = Outcome::Committed;
            }
            Err(Error::Conflict(conflict)) => {
                self.node.end = u64::MAX;
                self.outcome = Outcome::Refused;
                self.story = conflict.to_string();
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

fn perform(tx: &Transaction<'_>, table: &Table<i64, i64>, step: Step) -> Rows {
    let row = |(key, value): (&i64, &i64)| (*key, *value);
    match step {
        Step::Get(key) => tx.get(table, &key).map(|value| (key, *value)).into_iter().collect(),
        Step::Range { from, to, most, backwards: false } => {
            tx.range(table, from..=to).take(most as usize).map(row).collect()
        }
        Step::Range { from, to, most, backwards: true } => {
            tx.range(table, from..=to).rev().take(most as usize).map(row).collect()
        }
        Step::Where { from, to, at_least } => {
            tx.range_where(table, from..=to, move |_, value| *value >= at_least).map(row).collect()
        }
        Step::Put(key, value) => {
            tx.insert(table, key, value);
            Rows::new()
        }
        Step::Remove(key) => {
            let there: Rows = tx.get(table, &key).map(|value| (key, *value)).into_iter().collect();
            if !there.is_empty() {
                tx.remove(table, &key);
            }
            there
        }
    }
}

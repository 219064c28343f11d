//! What a schedule does where every transaction sees the state at its begin: maps, and
//! nothing else.

use std::collections::BTreeMap;

use crate::graph::{Node, Read};
use crate::schedule::{Action, Event, Row, Schedule, Step};

pub type Rows = Vec<Row>;

#[derive(Clone, Debug, Default)]
pub struct Traced {
    pub node: Node,
    /// What each of its steps returned.
    pub seen: Vec<Rows>,
    snapshot: BTreeMap<i64, i64>,
}

impl Traced {
    fn visible(&self) -> BTreeMap<i64, i64> {
        let mut state = self.snapshot.clone();
        apply(&mut state, &self.node.writes);
        state
    }

    fn step(&mut self, step: Step) {
        let visible = self.visible();
        let rows = evaluate(step, &visible);
        self.node.reads.extend(Read::of(step, &rows, &self.node.writes));
        write(step, &rows, &mut self.node.writes);
        self.seen.push(rows);
    }
}

/// What a step returns in a state.
fn evaluate(step: Step, state: &BTreeMap<i64, i64>) -> Rows {
    let rows = |from, to| state.range(from..=to).map(|(key, value)| (*key, *value));
    match step {
        Step::Get(key) | Step::Remove(key) => rows(key, key).collect(),
        Step::Put(..) => Rows::new(),
        Step::Where { from, to, at_least } => {
            rows(from, to).filter(|(_, value)| *value >= at_least).collect()
        }
        Step::Range { from, to, most, backwards: false } => {
            rows(from, to).take(most as usize).collect()
        }
        Step::Range { from, to, most, backwards: true } => {
            rows(from, to).rev().take(most as usize).collect()
        }
    }
}

/// What a step writes that has returned these rows.
pub fn write(step: Step, rows: &[Row], writes: &mut BTreeMap<i64, Option<i64>>) {
    match step {
        Step::Put(key, value) => drop(writes.insert(key, Some(value))),
        Step::Remove(key) if !rows.is_empty() => drop(writes.insert(key, None)),
        _ => {}
    }
}

fn apply(state: &mut BTreeMap<i64, i64>, writes: &BTreeMap<i64, Option<i64>>) {
    for (key, value) in writes {
        match value {
            Some(value) => drop(state.insert(*key, *value)),
            None => drop(state.remove(key)),
        }
    }
}

/// Every transaction of a schedule in this order, where only those take effect that `takes`
/// names; and the final state.
pub fn trace(
    schedule: &Schedule,
    order: &[Event],
    takes: &[bool],
) -> (Vec<Traced>, BTreeMap<i64, i64>) {
    let mut state = schedule.initial.clone();
    let mut txs = vec![Traced::default(); schedule.programs.len()];
    for (moment, Event { tx, action }) in (1..).zip(order) {
        let program = &schedule.programs[*tx];
        let traced = &mut txs[*tx];
        match action {
            Action::Begin => {
                traced.node.snapshot = moment;
                traced.snapshot.clone_from(&state);
            }
            Action::Step(step) => traced.step(program.steps[*step]),
            Action::End => {
                traced.node.end = moment;
                if takes[*tx] {
                    apply(&mut state, &traced.node.writes);
                }
            }
        }
    }
    (txs, state)
}

/// The nodes of those that `takes` names.
pub fn nodes(txs: &[Traced], takes: &[bool]) -> Vec<Option<Node>> {
    txs.iter().zip(takes).map(|(tx, takes)| takes.then(|| tx.node.clone())).collect()
}

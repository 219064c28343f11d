//! Runs the certified transactions one after the other, on a plain map.

use im::OrdMap;

use super::graph::Graph;
use super::history::History;
use super::keys::{Key, Keys, Value};
use super::rerun::Rerun;
use super::verdict::{FaultKind, Verdict};

/// Replays in an order that the graph allows. Every read, every row and every certified
/// `Err` must come out as it did, and so must the final state.
pub fn check(history: &History, graph: &Graph<'_>, used: Keys, verdict: &mut Verdict) {
    let Some(order) = graph.serial_order() else {
        verdict.accuse(FaultKind::MissedCycle, "the graph has no serial order");
        return;
    };
    let mut state: OrdMap<Key, Value> = OrdMap::new();
    for place in order {
        let node = &graph.nodes()[place];
        let tx = &history.txs[node.tx];
        let mut rerun = Rerun::new(used);
        for op in &tx.ops {
            if let Err(story) = rerun.step(op, &|key| state.get(&key).copied()) {
                verdict.accuse(
                    FaultKind::WrongReplay,
                    format!("in serial order, {}: {story}", tx.name),
                );
                return;
            }
        }
        if node.c.is_some() {
            state = leave(state, rerun.own());
        }
    }
    let replayed: Vec<(Key, Value)> = state.into_iter().collect();
    if replayed != history.last_state {
        let story =
            format!("the replay ends with {replayed:?}, the run with {:?}", history.last_state);
        verdict.accuse(FaultKind::WrongReplay, story);
    }
}

fn leave(mut state: OrdMap<Key, Value>, own: &[(Key, Option<Value>)]) -> OrdMap<Key, Value> {
    for (key, value) in own {
        match value {
            Some(value) => state.insert(*key, *value),
            None => state.remove(key),
        };
    }
    state
}

//! Runs the certified transactions one after the other.

use super::graph::Graph;
use crate::oracle::rerun::Rerun;
use crate::oracle::{History, Key, Keys, Value};

/// Replays in this order of the graph's nodes. Every read and every row must come out as
/// it did, and so must the final state.
pub fn check(history: &History, graph: &Graph, order: &[u32], used: Keys) -> Result<(), String> {
    let mut state: [Option<Value>; 64] = [None; 64];
    for place in order.iter().filter_map(|node| graph.tx(*node)) {
        let tx = &history.txs[place];
        let mut rerun = Rerun::new(used);
        for op in &tx.ops {
            rerun
                .step(op, &|key| state[usize::from(key.place())])
                .map_err(|story| format!("in serial order, #{}: {story}", tx.id))?;
        }
        if tx.c().is_some() {
            for (key, value) in rerun.own() {
                state[usize::from(key.place())] = *value;
            }
        }
    }
    let rows = (0..64).filter_map(|place| Some((Key::new(place), state[usize::from(place)]?)));
    let replayed: Vec<(Key, Value)> = rows.collect();
    if replayed == history.last_state {
        return Ok(());
    }
    Err(format!("the replay ends with {replayed:?}, the run with {:?}", history.last_state))
}

//! Every interleaving of several transactions' steps.

use crate::scenarios::script::History;

/// More interleavings than this are a mistake in the script.
const LIMIT: usize = 60_000;

/// Every order of the steps, as indices, that keeps each transaction's own order.
pub fn every_order(history: &History) -> Vec<Vec<usize>> {
    let mut queues: Vec<Vec<usize>> = vec![Vec::new(); history.names.len()];
    for (index, step) in history.steps.iter().enumerate() {
        let actor = step
            .actor
            .unwrap_or_else(|| panic!("{}: no steps of the database in every order", history.name));
        queues[actor].push(index);
    }
    let mut orders = Vec::new();
    let mut taken = vec![0; queues.len()];
    merge(&queues, &mut taken, &mut Vec::new(), &mut orders);
    assert!(orders.len() <= LIMIT, "{}: {} orders", history.name, orders.len());
    orders
}

fn merge(
    queues: &[Vec<usize>],
    taken: &mut [usize],
    prefix: &mut Vec<usize>,
    orders: &mut Vec<Vec<usize>>,
) {
    let mut ended = true;
    for actor in 0..queues.len() {
        let Some(&step) = queues[actor].get(taken[actor]) else { continue };
        ended = false;
        taken[actor] += 1;
        prefix.push(step);
        merge(queues, taken, prefix, orders);
        prefix.pop();
        taken[actor] -= 1;
    }
    if ended {
        orders.push(prefix.clone());
    }
}

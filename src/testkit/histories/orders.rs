//! Every interleaving of several transactions' steps.

use crate::testkit::histories::script::Script;

/// More interleavings than this take too long to be run.
const MOST_ORDERS: usize = 60_000;

/// Whether there are not too many.
pub(super) fn check(script: &Script) -> Result<(), String> {
    // A multinomial, as a product that stays whole.
    let (mut orders, mut steps) = (1_u128, 0_u128);
    for queue in queues(script) {
        for place in 1..=queue.len() as u128 {
            steps += 1;
            orders = orders.saturating_mul(steps) / place;
        }
        if orders > MOST_ORDERS as u128 {
            return Err(format!("more than {MOST_ORDERS} orders"));
        }
    }
    Ok(())
}

/// The steps of each transaction, by their places.
fn queues(script: &Script) -> Vec<Vec<usize>> {
    let mut queues: Vec<Vec<usize>> = vec![Vec::new(); script.names.len()];
    for (place, step) in script.steps.iter().enumerate() {
        if let Some(actor) = step.actor {
            queues[actor].push(place);
        }
    }
    queues
}

/// The orders in which a script is run: every one that keeps each transaction's own order,
/// or the one that is written.
pub(super) fn orders(script: &Script) -> Vec<Vec<usize>> {
    if !script.every_order {
        return vec![(0..script.steps.len()).collect()];
    }
    let queues = queues(script);
    let mut orders = Vec::new();
    merge(&queues, &mut vec![0; queues.len()], &mut Vec::new(), &mut orders);
    orders
}

/// As deep as there are steps, of which there are few.
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

//! Edges from each of many to each of many, without drawing all of them.
//!
//! ```text
//!   sources        to those before         to those from it on
//!                  P1 <- P2 <- P3          S1 -> S2 -> S3
//!                  |     |     |           |     |     |
//!   targets        t1    t2    t3          t1    t2    t3
//! ```
//!
//! A source that is none of the targets enters at S1 and reaches all. Target t2 as a source
//! enters at P1 and S3, and reaches all but itself.

use std::collections::HashMap;

use crate::testkit::check::graph::Plan;

/// So many edges are drawn one by one; more of them share helpers.
const FEW: usize = 32;

/// An edge of this kind from each source to each target but itself. Each node is there once
/// among the targets.
pub(super) fn fan(plan: &mut Plan, sources: &[(u32, u8)], targets: &[u32], key: u32) {
    if sources.len() * targets.len() <= FEW {
        for (source, kind) in sources {
            targets.iter().for_each(|target| plan.link(*source, *target, *kind, key));
        }
        return;
    }
    let onward: Vec<u32> = targets.iter().map(|_| plan.helper()).collect();
    let back: Vec<u32> = targets.iter().map(|_| plan.helper()).collect();
    for (place, target) in targets.iter().enumerate() {
        plan.free(onward[place], *target);
        plan.free(back[place], *target);
        if place > 0 {
            plan.free(onward[place - 1], onward[place]);
            plan.free(back[place], back[place - 1]);
        }
    }
    let places: HashMap<u32, usize> =
        targets.iter().enumerate().map(|(place, target)| (*target, place)).collect();
    for (source, kind) in sources {
        match places.get(source) {
            None => plan.link(*source, onward[0], *kind, key),
            Some(place) => {
                if *place > 0 {
                    plan.link(*source, back[place - 1], *kind, key);
                }
                if place + 1 < targets.len() {
                    plan.link(*source, onward[place + 1], *kind, key);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::fan;
    use crate::testkit::check::graph::{FREE, Graph, Plan, RW};

    fn reached(graph: &Graph, from: u32) -> Vec<u32> {
        let mut stack = vec![from];
        let mut seen = vec![false; graph.nodes() as usize];
        let mut found = Vec::new();
        while let Some(node) = stack.pop() {
            for edge in graph.out(node) {
                // Only one step of those that count.
                let to = graph.target(edge);
                if (node == from || graph.kind(edge) == FREE) && !seen[to as usize] {
                    seen[to as usize] = true;
                    if to < 40 { found.push(to) } else { stack.push(to) }
                }
            }
        }
        found.sort_unstable();
        found
    }

    #[test]
    fn a_fan_leads_from_every_source_to_every_target_but_itself() {
        for targets in [1_u32, 2, 3, 20] {
            let mut plan = Plan::new(40);
            let sources: Vec<(u32, u8)> = (0..40).map(|source| (source, RW)).collect();
            let list: Vec<u32> = (0..targets).map(|target| target * 2).collect();
            fan(&mut plan, &sources, &list, 0);
            let graph = plan.finish();
            for source in 0..40 {
                let others: Vec<u32> = list.iter().copied().filter(|to| *to != source).collect();
                assert_eq!(reached(&graph, source), others, "from {source} to {targets}");
            }
        }
    }
}

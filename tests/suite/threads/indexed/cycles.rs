//! A short cycle of a component.

use std::collections::{HashMap, VecDeque};

use super::graph::Graph;

/// From how many members the search for a short cycle starts.
const MOST_STARTS: usize = 32;

/// The shortest of some cycles of a component, as places in the history.
pub fn short_cycle(graph: &Graph, component: &[u32]) -> Vec<usize> {
    let members = component.iter().filter(|node| graph.tx(**node).is_some());
    let cycles = members.take(MOST_STARTS).map(|start| through(graph, component, *start));
    let shortest = cycles.min_by_key(Vec::len).unwrap_or_default();
    shortest.into_iter().filter_map(|node| graph.tx(node)).collect()
}

/// The shortest cycle through this member of a component.
fn through(graph: &Graph, component: &[u32], start: u32) -> Vec<u32> {
    let mut came_from: HashMap<u32, Option<u32>> =
        component.iter().map(|node| (*node, None)).collect();
    let mut queue = VecDeque::from([start]);
    while let Some(node) = queue.pop_front() {
        for to in graph.out(node) {
            if *to == start {
                return path(&came_from, start, node);
            }
            if let Some(slot @ None) = came_from.get_mut(to) {
                *slot = Some(node);
                queue.push_back(*to);
            }
        }
    }
    unreachable!("every member of a component lies on a cycle")
}

fn path(came_from: &HashMap<u32, Option<u32>>, start: u32, last: u32) -> Vec<u32> {
    let mut path = vec![last];
    while path[path.len() - 1] != start {
        match came_from[&path[path.len() - 1]] {
            Some(before) => path.push(before),
            None => unreachable!("the search started at {start}"),
        }
    }
    path.reverse();
    path
}

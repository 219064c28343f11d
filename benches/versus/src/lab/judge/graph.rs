//! The dependency graph, sparse: ww between neighbours, rw to the first overwriter, and start
//! edges by way of *moments*. Each commit has one; it leads to that of the next commit, and
//! the newest one at or below s(Y) leads to Y.

use std::collections::VecDeque;

use super::super::record::{Attempt, Cell};
use super::versions::Versions;

/// Why one comes before another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// It wrote what the other read.
    Wr(Cell),
    /// The other overwrote what it wrote.
    Ww(Cell),
    /// The other wrote what it had read as it was before.
    Rw(Cell),
    /// It had committed at or below the other's read timestamp.
    Start,
}

/// A cycle: places of certified attempts, each with why it comes before the next one.
pub type Cycle = Vec<(usize, Why)>;

/// Nodes are the certified attempts, then the moments.
pub struct Graph {
    out: Vec<Vec<(usize, Why)>>,
    attempts: usize,
}

impl Graph {
    pub fn of(certified: &[&Attempt], versions: &Versions) -> Self {
        let mut commits: Vec<(u64, usize)> = certified
            .iter()
            .enumerate()
            .filter_map(|(place, attempt)| Some((attempt.c()?, place)))
            .collect();
        commits.sort_unstable();
        let attempts = certified.len();
        let mut graph = Self { out: vec![Vec::new(); attempts + commits.len()], attempts };
        for (at, (_, place)) in commits.iter().enumerate() {
            graph.edge(*place, attempts + at, Why::Start);
            if at + 1 < commits.len() {
                graph.edge(attempts + at, attempts + at + 1, Why::Start);
            }
        }
        for (cell, versions) in versions.all() {
            for pair in versions.windows(2) {
                graph.edge(pair[0].writer, pair[1].writer, Why::Ww(*cell));
            }
        }
        for (place, attempt) in certified.iter().enumerate() {
            let seen = commits.partition_point(|(c, _)| *c <= attempt.s);
            if let Some(moment) = seen.checked_sub(1) {
                graph.edge(attempts + moment, place, Why::Start);
            }
            graph.reads(place, attempt, versions);
        }
        graph
    }

    fn reads(&mut self, place: usize, attempt: &Attempt, versions: &Versions) {
        let points = attempt.reads.iter().map(|(cell, _)| {
            let (before, after) = versions.around(*cell, attempt.s);
            (*cell, before, after)
        });
        let rows = attempt.ranges.iter().flat_map(|range| versions.across(range, attempt.s));
        for (cell, before, after) in points.chain(rows) {
            if let Some(before) = before {
                self.edge(before.writer, place, Why::Wr(cell));
            }
            if let Some(after) = after {
                self.edge(place, after.writer, Why::Rw(cell));
            }
        }
    }

    fn edge(&mut self, from: usize, to: usize, why: Why) {
        if from != to {
            self.out[from].push((to, why));
        }
    }

    pub fn edges(&self) -> u64 {
        self.out.iter().map(|out| out.len() as u64).sum()
    }

    /// The attempts in an order that all edges allow, or a cycle that is short.
    pub fn order(&self) -> Result<Vec<usize>, Cycle> {
        let mut waits = vec![0_usize; self.out.len()];
        self.out.iter().flatten().for_each(|(to, _)| waits[*to] += 1);
        // Last in, first out, so that the order differs from that of commits where it may.
        let mut ready: Vec<usize> = (0..waits.len()).filter(|node| waits[*node] == 0).collect();
        let mut order = Vec::with_capacity(self.attempts);
        while let Some(node) = ready.pop() {
            if node < self.attempts {
                order.push(node);
            }
            for (to, _) in &self.out[node] {
                waits[*to] -= 1;
                if waits[*to] == 0 {
                    ready.push(*to);
                }
            }
        }
        if order.len() == self.attempts {
            return Ok(order);
        }
        let stuck = (0..self.attempts).filter(|node| waits[*node] > 0);
        // Whoever is stuck is on a cycle or after one; some are on one.
        let shortest = stuck.take(TRIES).filter_map(|node| self.cycle_through(node));
        Err(shortest.min_by_key(Vec::len).unwrap_or_default())
    }

    /// The shortest way from a node back to it.
    fn cycle_through(&self, start: usize) -> Option<Cycle> {
        let mut from: Vec<Option<(usize, Why)>> = vec![None; self.out.len()];
        let mut next = VecDeque::from([start]);
        while let Some(node) = next.pop_front() {
            for (to, why) in &self.out[node] {
                if from[*to].is_none() {
                    from[*to] = Some((node, *why));
                    if *to == start {
                        return Some(self.trace(&from, start));
                    }
                    next.push_back(*to);
                }
            }
        }
        None
    }

    /// Back from `start` to itself; ways through moments become one start edge.
    fn trace(&self, from: &[Option<(usize, Why)>], start: usize) -> Cycle {
        let mut cycle = Vec::new();
        let mut node = start;
        while let Some((before, why)) = from[node] {
            if before < self.attempts {
                cycle.push((before, why));
            }
            node = before;
            if node == start {
                break;
            }
        }
        cycle.reverse();
        cycle
    }
}

/// How many of those that have no place are asked for a cycle.
const TRIES: usize = 200;

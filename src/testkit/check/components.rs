//! Strongly connected components, by Tarjan's algorithm with a stack of its own.

/// No component: the node is in no circle.
pub(super) const NONE: u32 = u32::MAX;

/// The components of more than one node.
pub(super) struct Components {
    /// The component of each node, by its number; [`NONE`] if it is alone.
    pub of: Vec<u32>,
    /// The nodes of each.
    pub members: Vec<Vec<u32>>,
}

impl Components {
    pub(super) fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// The components of the nodes from 0 on, those that are reached from `roots`. Node n has
    /// the edges `out(n)`, and `next` says where one leads, if it may be followed.
    pub(super) fn find(
        nodes: usize,
        roots: impl Iterator<Item = u32>,
        out: impl Fn(u32) -> std::ops::Range<u32>,
        next: impl Fn(u32, u32) -> Option<u32>,
    ) -> Self {
        let mut search = Search {
            met: vec![0; nodes],
            low: vec![0; nodes],
            stack: Vec::new(),
            path: Vec::new(),
            clock: 0,
            found: Self { of: vec![NONE; nodes], members: Vec::new() },
        };
        for root in roots {
            if search.met[root as usize] == 0 {
                search.walk(root, &out, &next);
            }
        }
        search.found
    }
}

/// When a node was taken off the stack; no other node can be led back to it.
const DONE: u32 = u32::MAX;

struct Search {
    /// When each node was met, from 1 on; 0 if it was not, [`DONE`] if it is off the stack.
    met: Vec<u32>,
    /// The earliest node on the stack that each one reaches.
    low: Vec<u32>,
    stack: Vec<u32>,
    /// From the root to where the search is: a node, its next edge, and where they end.
    path: Vec<(u32, u32, u32)>,
    clock: u32,
    found: Components,
}

impl Search {
    fn meet(&mut self, node: u32, edges: std::ops::Range<u32>) {
        self.clock += 1;
        self.met[node as usize] = self.clock;
        self.low[node as usize] = self.clock;
        self.stack.push(node);
        self.path.push((node, edges.start, edges.end));
    }

    fn walk(
        &mut self,
        root: u32,
        out: &impl Fn(u32) -> std::ops::Range<u32>,
        next: &impl Fn(u32, u32) -> Option<u32>,
    ) {
        self.meet(root, out(root));
        while let Some((node, edge, end)) = self.path.last_mut() {
            let from = *node;
            if edge < end {
                let followed = *edge;
                *edge += 1;
                let Some(to) = next(from, followed) else { continue };
                match self.met[to as usize] {
                    0 => self.meet(to, out(to)),
                    DONE => {}
                    met => self.low[from as usize] = self.low[from as usize].min(met),
                }
                continue;
            }
            self.path.pop();
            if let Some((parent, ..)) = self.path.last() {
                let parent = *parent as usize;
                self.low[parent] = self.low[parent].min(self.low[from as usize]);
            }
            if self.low[from as usize] == self.met[from as usize] {
                self.close(from);
            }
        }
    }

    /// Takes the component that `root` is the first of off the stack.
    fn close(&mut self, root: u32) {
        let size = self.stack.iter().rev().take_while(|node| **node != root).count() + 1;
        let members = self.stack.split_off(self.stack.len() - size);
        members.iter().for_each(|node| self.met[*node as usize] = DONE);
        if size > 1 {
            let number = crate::testkit::names::small(self.found.members.len());
            members.iter().for_each(|node| self.found.of[*node as usize] = number);
            self.found.members.push(members);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Components, NONE};

    /// By the definition: two nodes that reach one another.
    fn slowly(nodes: u32, edges: &[(u32, u32)]) -> Vec<Vec<bool>> {
        let count = nodes as usize;
        let mut reach = vec![vec![false; count]; count];
        edges.iter().for_each(|(from, to)| reach[*from as usize][*to as usize] = true);
        for over in 0..count {
            for from in 0..count {
                for to in 0..count {
                    reach[from][to] |= reach[from][over] && reach[over][to];
                }
            }
        }
        reach
    }

    #[test]
    fn nodes_that_reach_one_another_are_in_one_component() {
        let mut seed = 1_u64;
        let mut draw = |below: u32| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (seed >> 33) as u32 % below
        };
        for _ in 0..2_000 {
            let nodes = 1 + draw(9);
            let mut edges: Vec<(u32, u32)> =
                (0..draw(20)).map(|_| (draw(nodes), draw(nodes))).filter(|(a, b)| a != b).collect();
            edges.sort_unstable();
            let place = |node: u32| edges.partition_point(|(from, _)| *from < node) as u32;
            let found = Components::find(
                nodes as usize,
                0..nodes,
                |node| place(node)..place(node + 1),
                |_, edge| Some(edges[edge as usize].1),
            );
            let reach = slowly(nodes, &edges);
            for (a, from_a) in reach.iter().enumerate() {
                for (b, from_b) in reach.iter().enumerate() {
                    let together = found.of[a] != NONE && found.of[a] == found.of[b];
                    assert_eq!(together, from_a[b] && from_b[a], "{edges:?}");
                }
            }
        }
    }
}

//! Strongly connected components, by Tarjan's algorithm without recursion.

use super::graph::Graph;

/// The components of a graph.
pub struct Components {
    /// All nodes; in a topological order, if there are no loops.
    pub order: Vec<u32>,
    /// The components of more than one node.
    pub loops: Vec<Vec<u32>>,
}

const UNSEEN: u32 = u32::MAX;

/// The state of the search.
struct Search<'g> {
    graph: &'g Graph,
    /// When each node was met.
    met: Vec<u32>,
    /// The earliest node on the stack that each one reaches.
    low: Vec<u32>,
    on_stack: Vec<bool>,
    stack: Vec<u32>,
    /// The path from the root: a node, and how many of its edges were followed.
    path: Vec<(u32, usize)>,
    next: u32,
    found: Components,
}

impl Components {
    /// The components of this graph.
    pub fn of(graph: &Graph) -> Self {
        let nodes = graph.len();
        let mut search = Search {
            graph,
            met: vec![UNSEEN; nodes],
            low: vec![0; nodes],
            on_stack: vec![false; nodes],
            stack: Vec::new(),
            path: Vec::new(),
            next: 0,
            found: Self { order: Vec::with_capacity(nodes), loops: Vec::new() },
        };
        for root in 0..nodes as u32 {
            if search.met[root as usize] == UNSEEN {
                search.meet(root);
                search.walk();
            }
        }
        search.found.order.reverse();
        search.found
    }
}

impl Search<'_> {
    fn meet(&mut self, node: u32) {
        self.met[node as usize] = self.next;
        self.low[node as usize] = self.next;
        self.next += 1;
        self.on_stack[node as usize] = true;
        self.stack.push(node);
        self.path.push((node, 0));
    }

    /// Follows edges until the path is empty again.
    fn walk(&mut self) {
        while let Some((node, followed)) = self.path.last_mut() {
            let at = *node as usize;
            if let Some(&to) = self.graph.out(*node).get(*followed) {
                *followed += 1;
                if self.met[to as usize] == UNSEEN {
                    self.meet(to);
                } else if self.on_stack[to as usize] {
                    self.low[at] = self.low[at].min(self.met[to as usize]);
                }
                continue;
            }
            self.path.pop();
            if let Some((parent, _)) = self.path.last() {
                let parent = *parent as usize;
                self.low[parent] = self.low[parent].min(self.low[at]);
            }
            if self.low[at] == self.met[at] {
                self.close(at as u32);
            }
        }
    }

    /// Takes the component of `root`, which is complete, off the stack.
    fn close(&mut self, root: u32) {
        let size = self.stack.iter().rev().take_while(|node| **node != root).count() + 1;
        let component = self.stack.split_off(self.stack.len() - size);
        component.iter().for_each(|node| self.on_stack[*node as usize] = false);
        self.found.order.extend(component.iter().rev());
        if size > 1 {
            self.found.loops.push(component);
        }
    }
}

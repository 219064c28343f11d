//! The graph of dependencies, in the smallest form that can be walked.
//!
//! The first nodes are the transactions, by their places in the history. The others help to
//! draw many edges as few: an edge into one of them says what a transaction depends on, and
//! the free edges behind it lead to all on whom it depends so.

use crate::testkit::names::small;

pub(super) const WW: u8 = 1;
pub(super) const WR: u8 = 2;
pub(super) const RW: u8 = 4;
/// An antidependency of a range.
pub(super) const RANGE: u8 = 8;
pub(super) const REAL: u8 = 16;
/// Out of a helping node.
pub(super) const FREE: u8 = 32;

pub(super) const ANTI: u8 = RW | RANGE;
/// What a transaction read or wrote, not when it ran.
pub(super) const DATA: u8 = WW | WR | ANTI;

/// No key.
pub(super) const NO_KEY: u32 = u32::MAX;

/// A graph in the making.
pub(super) struct Plan {
    nodes: u32,
    edges: Vec<Edge>,
}

#[derive(Clone, Copy)]
struct Edge {
    from: u32,
    to: u32,
    key: u32,
    kind: u8,
}

impl Plan {
    pub(super) fn new(txs: usize) -> Self {
        Self { nodes: small(txs), edges: Vec::new() }
    }

    /// A node that is no transaction.
    pub(super) fn helper(&mut self) -> u32 {
        self.nodes += 1;
        self.nodes - 1
    }

    /// Nobody depends on himself.
    pub(super) fn link(&mut self, from: u32, to: u32, kind: u8, key: u32) {
        if from != to {
            self.edges.push(Edge { from, to, key, kind });
        }
    }

    pub(super) fn free(&mut self, from: u32, to: u32) {
        self.link(from, to, FREE, NO_KEY);
    }

    pub(super) fn finish(self) -> Graph {
        let nodes = self.nodes as usize;
        let mut first = vec![0_u32; nodes + 1];
        self.edges.iter().for_each(|edge| first[edge.from as usize + 1] += 1);
        for node in 0..nodes {
            first[node + 1] += first[node];
        }
        let mut next = first.clone();
        let count = self.edges.len();
        let (mut targets, mut keys, mut kinds) =
            (vec![0_u32; count], vec![0_u32; count], vec![0_u8; count]);
        for edge in &self.edges {
            let slot = next[edge.from as usize] as usize;
            next[edge.from as usize] += 1;
            (targets[slot], keys[slot], kinds[slot]) = (edge.to, edge.key, edge.kind);
        }
        Graph { first, targets, keys, kinds }
    }
}

/// A finished graph: the edges of node n are those from `first[n]` to `first[n + 1]`.
pub(super) struct Graph {
    first: Vec<u32>,
    targets: Vec<u32>,
    keys: Vec<u32>,
    kinds: Vec<u8>,
}

impl Graph {
    /// How many nodes there are, helpers included.
    pub(super) fn nodes(&self) -> u32 {
        small(self.first.len() - 1)
    }

    /// The edges that leave a node.
    pub(super) fn out(&self, node: u32) -> std::ops::Range<u32> {
        self.first[node as usize]..self.first[node as usize + 1]
    }

    pub(super) fn target(&self, edge: u32) -> u32 {
        self.targets[edge as usize]
    }

    pub(super) fn kind(&self, edge: u32) -> u8 {
        self.kinds[edge as usize]
    }

    pub(super) fn key(&self, edge: u32) -> u32 {
        self.keys[edge as usize]
    }

    /// How many dependencies were drawn.
    pub(super) fn dependencies(&self) -> usize {
        self.kinds.iter().filter(|kind| **kind != FREE).count()
    }
}

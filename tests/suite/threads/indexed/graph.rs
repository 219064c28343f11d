//! The dependency graph of all that was certified, sparse.

use super::chains::Chains;
use crate::oracle::History;
use crate::oracle::footprint::Footprint;
use crate::oracle::history::{End, Ts};

/// The graph: nodes are numbers. First the committed ones in commit order, then the
/// certified readers and the safe snapshots, then the moments of the commits.
pub struct Graph {
    /// The place in the history of each node that is a transaction.
    txs: Vec<usize>,
    /// The edges of node n are `targets[first[n]..first[n + 1]]`.
    first: Vec<u32>,
    targets: Vec<u32>,
}

impl Graph {
    /// The graph of this history.
    pub fn of(history: &History, chains: &Chains) -> Self {
        let mut plan = Plan::of(history);
        plan.start_edges();
        plan.ww_edges(chains);
        for node in 0..plan.txs.len() {
            plan.rw_and_wr_edges(node, chains);
        }
        plan.finish()
    }

    /// How many nodes there are, moments included.
    pub fn len(&self) -> usize {
        self.first.len() - 1
    }

    /// The nodes to which edges lead from this one.
    pub fn out(&self, node: u32) -> &[u32] {
        let node = node as usize;
        &self.targets[self.first[node] as usize..self.first[node + 1] as usize]
    }

    /// The place in the history of a node that is a transaction; none for a moment.
    pub fn tx(&self, node: u32) -> Option<usize> {
        self.txs.get(node as usize).copied()
    }
}

/// A graph in the making.
struct Plan<'h> {
    history: &'h History,
    txs: Vec<usize>,
    node_of: Vec<u32>,
    /// Of the committed ones, ascending.
    timestamps: Vec<Ts>,
    edges: Vec<(u32, u32)>,
}

impl<'h> Plan<'h> {
    fn of(history: &'h History) -> Self {
        let places = history.txs.iter().enumerate();
        let mut commits: Vec<(Ts, usize)> =
            places.clone().filter_map(|(place, tx)| Some((tx.c()?, place))).collect();
        commits.sort_unstable();
        let (timestamps, mut txs): (Vec<Ts>, Vec<usize>) = commits.into_iter().unzip();
        let reads = |end: &End| matches!(end, End::Certified { .. } | End::Detached { safe: true });
        let readers = places.filter(|(_, tx)| reads(&tx.end));
        txs.extend(readers.map(|(place, _)| place));
        let mut node_of = vec![u32::MAX; history.txs.len()];
        txs.iter().enumerate().for_each(|(node, tx)| node_of[*tx] = node as u32);
        Self { history, txs, node_of, timestamps, edges: Vec::new() }
    }

    fn moment(&self, commit: usize) -> u32 {
        (self.txs.len() + commit) as u32
    }

    fn link(&mut self, from: usize, to: usize) {
        if from != to {
            self.edges.push((self.node_of[from], self.node_of[to]));
        }
    }

    /// X -> its moment -> the next moment; the newest moment with c <= s(Y) -> Y.
    fn start_edges(&mut self) {
        let commits = self.timestamps.len();
        for commit in 0..commits {
            self.edges.push((commit as u32, self.moment(commit)));
            if commit + 1 < commits {
                self.edges.push((self.moment(commit), self.moment(commit + 1)));
            }
        }
        for node in 0..self.txs.len() {
            let s = self.history.txs[self.txs[node]].s();
            let seen = self.timestamps.partition_point(|c| *c <= s);
            if seen > 0 {
                self.edges.push((self.moment(seen - 1), node as u32));
            }
        }
    }

    /// From each version to the next one; the others follow.
    fn ww_edges(&mut self, chains: &Chains) {
        for key in chains.used().iter() {
            for pair in chains.versions(key).windows(2) {
                self.link(pair[0].tx, pair[1].tx);
            }
        }
    }

    /// To the first that changed each thing that was observed (its own change is followed
    /// by the others through ww), and from those whose values were seen.
    fn rw_and_wr_edges(&mut self, node: usize, chains: &Chains) {
        let place = self.txs[node];
        let tx = &self.history.txs[place];
        let footprint = Footprint::of(tx, tx.c().is_none());
        let s = tx.s();
        for key in (footprint.points | footprint.gaps).iter() {
            if let Some(version) = chains.first_after(key, s) {
                self.link(place, version.tx);
            }
        }
        for (keys, accepts) in &footprint.filtered {
            for key in keys.iter() {
                if let Some(version) = chains.first_accepted_after(key, s, *accepts) {
                    self.link(place, version.tx);
                }
            }
        }
        for writer in footprint.saw.iter().filter_map(|value| chains.writer(*value)) {
            self.link(writer, place);
        }
    }

    fn finish(self) -> Graph {
        let nodes = self.txs.len() + self.timestamps.len();
        let mut first = vec![0_u32; nodes + 1];
        self.edges.iter().for_each(|(from, _)| first[*from as usize + 1] += 1);
        for node in 0..nodes {
            first[node + 1] += first[node];
        }
        let mut next = first.clone();
        let mut targets = vec![0; self.edges.len()];
        for (from, to) in self.edges {
            let slot = &mut next[from as usize];
            targets[*slot as usize] = to;
            *slot += 1;
        }
        Graph { txs: self.txs, first, targets }
    }
}

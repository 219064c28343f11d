//! Was a run strictly serializable? Decided from what its callers saw, without the engine.
//!
//! 1. [`versions`]: did every transaction see the state at its read timestamp, as a whole?
//! 2. [`graph`]: is the dependency graph of all that was certified acyclic? Edges are wr, ww,
//!    rw, and start: whoever committed at or below a read timestamp comes before its reader.
//! 3. [`replay`]: run one after the other in an order that the graph allows, do they see the
//!    same again?
//!
//! If not, there is a [`Violation`], with the cycle if that is what it is.

mod draw;
mod graph;
mod replay;
mod versions;

pub use draw::Violation;

use super::record::Attempt;
use graph::Graph;
use versions::Versions;

/// What was judged and found right.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    pub committed: u64,
    pub readers: u64,
    /// Look-ups and ranges.
    pub reads: u64,
    /// Edges of the graph.
    pub edges: u64,
}

impl Checked {
    pub fn add(&mut self, other: &Self) {
        self.committed += other.committed;
        self.readers += other.readers;
        self.reads += other.reads;
        self.edges += other.edges;
    }
}

impl std::fmt::Display for Checked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { committed, readers, reads, edges } = self;
        write!(f, "{committed} commits and {readers} readers, {reads} reads, {edges} edges")
    }
}

/// Judges a run.
pub fn judge(attempts: &[Attempt]) -> Result<Checked, Violation> {
    let certified: Vec<&Attempt> = attempts.iter().filter(|attempt| attempt.counts()).collect();
    let versions = Versions::of(&certified)?;
    certified.iter().try_for_each(|attempt| versions.check(attempt))?;
    let graph = Graph::of(&certified, &versions);
    let order = graph.order().map_err(|cycle| Violation::cycle(&certified, cycle))?;
    replay::check(&certified, &order)?;
    let committed = certified.iter().filter(|attempt| attempt.c().is_some()).count();
    let reads = certified.iter().map(|attempt| attempt.reads.len() + attempt.ranges.len());
    let reads: usize = reads.sum();
    Ok(Checked {
        committed: committed as u64,
        readers: (certified.len() - committed) as u64,
        reads: reads as u64,
        edges: graph.edges(),
    })
}

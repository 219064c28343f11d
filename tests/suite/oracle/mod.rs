//! The judge: decides from what was seen whether the engine kept its promise.
//!
//! It shares no code with the engine and knows none of its structures. From the record of
//! a run, a [`History`], it builds the full dependency graph by brute force: every wr, ww,
//! rw and start edge between committed transactions and certified readers. It then asks
//!
//! 1. [`snapshot`]: was every read right for the read timestamp of its moment, and did
//!    every slide leave all earlier observations as they were?
//! 2. [`judge`]: did every commit keep the graph acyclic, and would every transaction
//!    that was refused have closed a cycle?
//! 3. [`reported`]: is the cycle that a refusal named there, edge by edge?
//! 4. [`detached`]: are snapshots that were said to be safe part of no cycle, and as new as
//!    the rules allow?
//! 5. [`replay`]: does running the certified transactions one after the other, in an
//!    order that the graph allows, give the same reads, rows and final state?
//!
//! Histories are small: at most [`graph::MOST_NODES`] certified transactions over at most
//! 64 keys, so that sets of either are machine words.

pub mod detached;
pub mod footprint;
pub mod graph;
pub mod hand;
pub mod history;
pub mod judge;
pub mod keys;
pub mod replay;
pub mod reported;
pub mod rerun;
pub mod snapshot;
pub mod verdict;

mod tests_accepted;
mod tests_anomalies;
mod tests_detached;
mod tests_graph;
mod tests_records;

pub use history::{
    Asked, Cycle, CycleEdge, CycleEdgeKind, End, History, Limits, Member, Name, Op, Question, Saw,
    Tx,
};
pub use judge::judge;
pub use keys::{Classes, Key, Keys, Value};
pub use verdict::{Fault, FaultKind, Sighting, Verdict};

//! The judge of big records: what the brute-force oracle asks, by indexes.
//!
//! It takes the brute-force oracle's word for what one transaction observed (its
//! footprint) and for what running one again means; that is read off one transaction
//! alone. All that relates transactions is built differently here, in near-linear time:
//!
//! | module | what it holds |
//! | --- | --- |
//! | [`chains`] | the versions of each key in commit order, also by the class of their values |
//! | [`graph`] | the dependency graph, sparse: ww between neighbours, rw to the first overwriter |
//! | [`components`] | strongly connected components, and a topological order |
//! | [`cycles`] | a short cycle of a component, told edge by edge |
//! | [`reads`] | whether reads and slides are right for their read timestamps |
//! | [`reports`] | whether the cycle that a refusal names is in the record |
//! | [`real_time`] | whether who began after a commit had returned saw it |
//! | [`replay`] | the certified transactions one after the other |
//! | [`judge`] | all of it |
//!
//! Start edges, of which there are about n²/2, become a chain: each commit X has a moment,
//! X -> moment(X) -> the moment of the next commit, and the newest moment with
//! c <= s(Y) -> Y. Nothing else touches moments, so a cycle through them is one of start
//! edges.
//!
//! A refusal is justified by the cycle that it names, never by a search: each edge must
//! be in the record, and each member certified no later than the refusal.

mod chains;
mod components;
mod cycles;
mod graph;
mod judge;
mod reads;
mod real_time;
mod replay;
mod reports;

pub use judge::judge;

//! Judges a [`History`](super::History): which level of isolation it keeps, and if it does
//! not keep one, by which anomaly.
//!
//! The judge knows nothing of the engine. It takes the transactions that took effect, draws
//! an edge for each direct dependency, and looks for circles:
//!
//! | edge | from | to |
//! | --- | --- | --- |
//! | ww | who wrote a version | who wrote the next one |
//! | wr | who wrote a version | who read it |
//! | rw | who read a version | who wrote the next one |
//! | rw of a range | who read a range | who first changed a key of it that was not returned |
//! | real time | who had ended | who began afterwards |
//!
//! ```text
//!   versions     per key: which versions, in which order, by whom
//!   edges        all of the above, linear in the history; wide ranges share theirs
//!   components   strongly connected ones; a history without any is strictly serializable
//!   search       in each, the shortest circle of the gravest kind that it has
//! ```
//!
//! All but the search is linear, up to sorting, and there is nothing to search if nothing is
//! wrong.

mod anomaly;
mod components;
mod cycle;
mod draw;
mod edges;
mod fan;
mod graph;
mod judge;
mod links;
mod search;
mod verdict;
mod versions;
mod wide;

pub use anomaly::{Anomaly, AnomalyKind, Level};
pub use cycle::Cycle;
pub use judge::check;
pub use verdict::Verdict;

pub(super) use anomaly::MOST_WITNESSES;
pub(super) use cycle::Kind;
pub(super) use links::{Link, links};
pub(super) use versions::{Place, Versions};

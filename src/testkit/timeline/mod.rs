//! A history as a picture: transactions as bars over time, the versions of each key below
//! them, dependencies as arrows, and the circle, if there is one, in red.
//!
//! Time is the order of commits: a bar begins at the snapshot and ends at the commit. Where a
//! history has no timestamps, it is that of the calls and returns. Of a long history the
//! picture shows the transactions of the first circles and those around them, at most
//! some dozens.

mod page;
mod picture;
mod scene;

pub use page::html;
pub use picture::svg;

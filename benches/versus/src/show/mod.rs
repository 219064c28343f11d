//! The same results in several dresses.

mod table;

pub use table::{markdown, table};

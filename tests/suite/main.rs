//! The integration tests of `precedent`, as one binary.
//!
//! | module | asks |
//! |---|---|
//! | `oracle` | the independent judge: does the dependency graph of a history bear it out? |
//! | `schedules` | does every small schedule pass the judge, and every trap, and a million random ones? |
//! | `lifetimes` | does what was handed out stay? |
//!
//! `PRECEDENT_SIZE` scales the long tests in percent of their full size; plain
//! `cargo test` runs at 1, and the tests print the sizes that they used.

mod lifetimes;
mod oracle;
mod schedules;

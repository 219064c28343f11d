//! The classic histories: what must abort, what must not, real time, memory, and the
//! edges of the API.
//!
//! What fits one thread is a text script in `tests/histories` (see [`script`] for the
//! language) and a named test in [`histories`]. What needs threads, panics, sizes or
//! generators is a test in Rust.
//!
//! A reader that registers while a committer prunes is a model-checked test of its own, and
//! an iterator alive over a commit is a compile-fail doctest.

mod crowds;
mod edges;
mod histories;
mod interleave;
mod memory;
mod model;
mod must_abort;
mod must_commit;
mod parse;
mod real_time;
mod rings;
mod run;
mod script;

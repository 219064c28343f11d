//! The integration tests of `precedent`, as one binary.
//!
//! | module | asks |
//! |---|---|
//! | `oracle` | the independent judge: does the dependency graph of a history bear it out? |
//! | `schedules` | does every small schedule pass the judge, and every trap, and a million random ones? |
//! | `scenarios` | does every classic history come out as it must? |
//! | `corpus` | do PostgreSQL's isolation specs and Hermitage come out as an exact checker says? |
//! | `errors` | does the database survive bad input and hostile user code? |
//! | `progress` | does whoever fails often get through, and what does that cost the others? |
//! | `stats` | do the statistics say what has happened? |
//! | `threads_basic` | do the simplest promises hold on real threads? |
//! | `threads` | is what real threads did on hot keys serial, say an indexed oracle and `adya`? |
//! | `snapshots` | do detached snapshots show what they should, keep it, and hold nobody up? |
//! | `dump` | does a dump come back whole, and is a damaged one refused whole? |
//! | `lifetimes` | does what was handed out stay? |
//! | `bulk` | does a bulk load do what a transaction of all its rows would, and no more? |
//! | `windows` | is whoever ran beside many commits refused for the right ones? |
//! | `savepoints` | does a rollback undo the writes since, and nothing else? |
//!
//! `PRECEDENT_SIZE` scales the long tests in percent of their full size; plain
//! `cargo test` runs at 1, and the tests print the sizes that they used.

#![allow(clippy::type_complexity, clippy::needless_range_loop, reason = "plain in tests")]

mod bulk;
mod corpus;
mod dump;
mod errors;
mod lifetimes;
mod oracle;
mod progress;
mod repairs;
mod savepoints;
mod scenarios;
mod schedules;
mod snapshots;
mod stats;
mod support;
mod threads;
mod threads_basic;
mod windows;

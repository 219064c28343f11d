//! Schedules: the steps of several transactions in one order, run on one thread.
//!
//! A [`Schedule`](step::Schedule) is data: it can be enumerated, drawn at random, shrunk,
//! printed as a script and read back. The [`driver`] runs one on the engine, notes what the
//! caller of the API saw, compares that with what the engine's recorder told, and hands
//! the oracle the [`History`](crate::oracle::History).
//!
//! | module | what it holds |
//! | --- | --- |
//! | [`step`], [`text`] | schedules, and how they are written |
//! | [`driver`], [`acts`], [`snaps`], [`slot`], [`listener`], [`translate`] | running one |
//! | [`exhaustive`] | every schedule of a small shape |
//! | [`random`], [`rings`], [`stories`] | schedules drawn at random, directed at cycles |
//! | [`sprinkle`] | detached snapshots, strewn into all of these |
//! | [`shrink`] | the smallest schedule that still fails |
//! | [`campaign`], [`tally`] | running millions, counters and their floors |
//! | [`full`] | the tests that do so; sized by `PRECEDENT_SIZE`, seeded by `PRECEDENT_SEED` |
//! | [`rules`] | the same under the other rules of certification, and how the rules compare |
//! | [`scripts`], [`traps`], [`lags`] | scripts with their expected outcomes |

mod acts;
mod campaign;
mod driver;
mod exhaustive;
mod full;
mod lags;
mod listener;
mod random;
mod rings;
pub mod rng;
mod rules;
mod scripts;
mod shrink;
mod slot;
mod snaps;
mod sprinkle;
mod step;
mod stories;
mod tally;
mod text;
mod translate;
mod traps;

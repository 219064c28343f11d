//! Real threads on hot keys, and the judges of what they did.
//!
//! | module | what it holds |
//! | --- | --- |
//! | [`indexed`] | the oracle for big records |
//! | [`agreement`], [`generate`], [`report`] | it agrees with the brute-force one on small histories |
//! | [`record`], [`ear`], [`translate`] | what threads did, written down as they do it |
//! | [`program`], [`actor`], [`traffic`] | the transactions that threads run |
//! | [`hot_keys`] | the tests that run many, judged by the indexed oracle |
//! | [`planted`] | … which finds the faults that are planted in such a record |
//! | [`list_append`] | lists that only grow, judged by the `adya` crate |
//!
//! `PRECEDENT_SIZE` is the size in percent, `PRECEDENT_SEED` the seed of what is random;
//! how threads interleave is up to the machine.

mod actor;
mod agreement;
mod ear;
mod generate;
mod hot_keys;
mod indexed;
mod list_append;
mod planted;
mod program;
mod record;
mod report;
mod settings;
mod traffic;
mod translate;

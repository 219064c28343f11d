//! Two corpora that others wrote, as data in `tests/corpus`: PostgreSQL's isolation specs
//! and Hermitage. Sources and licences stand in the files.
//!
//! Each schedule is run on the engine in the order given, with the snapshot taken at the
//! first operation. A `where` in it is run in two readings: as a predicate read, where the
//! filter counts, and as a plain range read that the program filters, where the range
//! counts.

mod case;
mod engine;
mod hermitage;
mod judge;
mod postgres;
mod program;
mod replay;

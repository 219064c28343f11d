//! The testkit: what it records, what it finds, and whether others agree.

mod agreement;
mod anomalies;
mod command;
mod forms;
mod pictures;
mod recorded;
mod scripts;
mod tools;

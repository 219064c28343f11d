//! The testkit: what it records, what it finds, and whether others agree.

mod agreement;
mod anomalies;
mod booking;
mod command;
mod explore;
mod forms;
mod inject;
mod pictures;
mod ranges;
mod recorded;
mod scripts;
mod threaded;
mod tools;

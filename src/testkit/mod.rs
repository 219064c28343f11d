//! Means to check what transactions do, your own included. With the feature `testkit`.
//!
//! | part | what it does |
//! | --- | --- |
//! | [`Recording`] | notes what every transaction of a database reads and writes |
//! | [`History`] | what was noted, as data; from and to text, also that of other checkers |
//! | [`Explore`] | runs transactions in every order in which they can be interleaved |
//! | [`Inject`] | lets commits fail or take long, by a seed or by label |
//! | [`check()`] | judges a history: which level of isolation it keeps, or the anomaly as a circle |
//! | [`timeline`] | draws a history: bars over commit timestamps, versions, dependencies |
//! | [`histories`] | scripts of interleaved transactions, run against a database |
//!
//! ```
//! use precedent::testkit::{Level, Recording, check};
//! use precedent::{Database, Table};
//!
//! let recording = Recording::new();
//! let db = Database::builder().recorder(recording.clone()).build();
//! let seats: Table<u32, &str> = db.table("seats")?;
//! std::thread::scope(|scope| {
//!     for guest in ["ada", "bob", "cleo"] {
//!         scope.spawn(|| {
//!             let booked = db.transact(|tx| {
//!                 let free = (1..=2).find(|seat| tx.get(&seats, seat).is_none());
//!                 Ok(free.map(|seat| tx.insert(&seats, seat, guest)))
//!             });
//!             booked.expect("somebody always gets through");
//!         });
//!     }
//! });
//! let verdict = check(&recording.take());
//! assert!(verdict.holds(Level::StrictSerializable), "{verdict}");
//! # Ok::<(), precedent::Error>(())
//! ```
//!
//! Nothing here is used by the engine, and the judge knows nothing of it: it sees a history,
//! whoever made it.

mod assemble;
mod check;
#[cfg(not(precedent_loom))]
mod explore;
mod facts;
mod forms;
pub mod histories;
mod history;
mod inject;
mod json;
mod names;
mod random;
mod recording;
mod svg;
pub mod timeline;

pub use check::{Anomaly, AnomalyKind, Cycle, Level, Verdict, check};
#[cfg(not(precedent_loom))]
pub use explore::{Explore, Failure, Report, ScriptError, Trial};
pub use history::{History, ParseError};
pub use inject::Inject;
pub use recording::Recording;

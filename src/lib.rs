#![doc = include_str!("../README.md")]
#![deny(unsafe_code, unsafe_op_in_unsafe_fn, clippy::undocumented_unsafe_blocks)]
#![deny(missing_docs, missing_debug_implementations)]

mod bugs;
mod db;
mod error;
mod key_range;
#[cfg(all(test, precedent_loom))]
mod models;
mod prefetch;
#[cfg(feature = "testkit")]
pub mod record;
mod ssi;
mod store;
mod sync;
#[cfg(feature = "testkit")]
pub mod testkit;
mod timestamp;
mod trace;
mod tx;

#[cfg(not(precedent_loom))]
pub use db::Background;
#[cfg(feature = "testkit")]
pub use db::GateTurn;
pub use db::{Builder, Database, OldestTransaction, Stats, TableStats};
#[cfg(feature = "serde")]
pub use db::{Dump, DumpError, DumpSummary, Load, LoadSummary};
pub use error::Error;
/// Persistent maps and more: the crate `imbl`, which goes on with `im`. What
/// [`Snapshot::to_map`] returns is an [`im::OrdMap`]. With the feature `im`, a default one.
///
/// ```
/// use precedent::im::OrdMap;
/// let before: OrdMap<u8, char> = [(1, 'a')].into_iter().collect();
/// let after = before.update(2, 'b'); // shares what is the same
/// assert_eq!((before.len(), after.len()), (1, 2));
/// ```
#[cfg(feature = "im")]
pub use im;
pub use key_range::KeyRange;
pub use ssi::{Certifier, Conflict, ConflictReason, Edge, EdgeKind, Participant, TransactionId};
pub use timestamp::Timestamp;
pub use tx::{
    Commit, Isolation, Key, Keys, Pin, Range, ReadOnly, ReadTransaction, ReadWrite, Savepoint,
    Snapshot, SnapshotKeys, SnapshotRange, SnapshotValues, Table, Transaction, Value, Values,
};

/// The rest of the documentation, whose examples run as doctests.
#[cfg(doctest)]
mod book {
    #![allow(missing_docs)]
    macro_rules! chapters {
        ($($name:ident: $file:literal,)*) => {
            $(#[doc = include_str!(concat!("../", $file))] mod $name {})*
        };
    }
    chapters! {
        architecture: "ARCHITECTURE.md",
        contributing: "CONTRIBUTING.md",
        snapshots: "docs/01-snapshots-and-versions.md",
        footprints: "docs/02-footprints-and-phantoms.md",
        certification: "docs/03-certification.md",
        sliding: "docs/04-sliding.md",
        differences: "docs/05-what-we-do-differently.md",
        simpler: "docs/06-when-something-simpler-is-enough.md",
        safe_snapshots: "docs/07-safe-snapshots.md",
        other_rules: "docs/08-other-rules.md",
        checking: "docs/09-checking-your-own-transactions.md",
        speed: "docs/10-speed.md",
        interleavings: "docs/11-trying-every-interleaving.md",
        judges: "docs/12-outside-judges.md",
        dump_format: "docs/dump-format.md",
        orderings: "docs/orderings.md",
        proof: "docs/proof.md",
    }
}

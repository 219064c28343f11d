//! Versions without conflicts: the index, version chains, the snapshot registry,
//! publication and collection. Knows nothing of footprints and certification.

pub(crate) mod collector;
pub(crate) mod index;
pub(crate) mod leaf;
pub(crate) mod pins;
mod place;
mod plan;
pub(crate) mod publisher;
mod quiet;
pub(crate) mod record;
pub(crate) mod registry;
pub(crate) mod tally;
pub(crate) mod tree;
pub(crate) mod usage;
pub(crate) mod version;

pub(crate) use quiet::Quiet;

//! The contestants.

mod btree;
mod precedent;
mod surrealmx;

use crate::engine::Contestant;

/// All of them; the first is the one that the others are compared with.
pub const CONTESTANTS: [Contestant; 3] = [
    Contestant { name: "precedent", make: precedent::make },
    Contestant { name: "surrealmx", make: surrealmx::make },
    Contestant { name: "RwLock<BTreeMap>", make: btree::make },
];

//! Detached snapshots: what they see, what they keep, what they cost others.
//!
//! | module | asks |
//! |---|---|
//! | `keep` | does what was lent stay, and does everything come back afterwards? |
//! | `safe` | which timestamps are offered, and when is one refused? |
//! | `model` | do snapshots of all ages show what a `BTreeMap` of their time shows? |
//! | `shared` | do threads that share one see the same sums while writers go on? |

mod keep;
mod model;
mod safe;
mod shared;

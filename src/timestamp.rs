//! Places in the commit order.

use std::fmt;

/// A place in the commit order: the commit timestamp of a transaction, or the newest
/// commit timestamp that a snapshot can see.
///
/// Timestamps are consecutive integers that start at [`Timestamp::ZERO`], the empty
/// database. They order commits and versions; they are *not* the serial order.
///
/// ```
/// use precedent::Timestamp;
/// assert!(Timestamp::ZERO < Timestamp::from(1));
/// assert_eq!(u64::from(Timestamp::from(7)), 7);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(u64);

impl Timestamp {
    /// Before the first commit.
    ///
    /// ```
    /// use precedent::{Database, Timestamp};
    /// assert_eq!(Database::new().begin().read_timestamp(), Timestamp::ZERO);
    /// ```
    pub const ZERO: Self = Self(0);
}

impl From<u64> for Timestamp {
    fn from(raw: u64) -> Self {
        Self(raw)
    }
}

impl From<Timestamp> for u64 {
    fn from(timestamp: Timestamp) -> Self {
        timestamp.0
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "@{}", self.0)
    }
}

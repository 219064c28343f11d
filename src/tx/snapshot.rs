//! Snapshots that are no transactions: what was committed at one timestamp, for as long
//! as somebody holds it.
//!
//! A snapshot is a pinned timestamp. It tracks nothing, so there is nothing to certify and
//! nothing that could abort.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use crate::key_range::KeyRange;
use crate::timestamp::Timestamp;
use crate::tx::engine::Isolation;
use crate::tx::pin_guard::PinGuard;
use crate::tx::pinned::Pinned;
use crate::tx::snapshot_range::{SnapshotKeys, SnapshotRange, SnapshotValues};
use crate::tx::table::{Key, Table, Value};

/// The database as it was at one timestamp: read-only, detached from any transaction, and
/// never refused. By [`Database::safe_snapshot`](crate::Database::safe_snapshot) and its kin.
///
/// It may lag: what was committed after [`timestamp`](Self::timestamp) is not in it, the
/// caller's own last commit included. It is part of a serial order if
/// [`is_safe`](Self::is_safe).
///
/// Cheap to clone and to send; all clones are the same snapshot. What it lends stays as
/// long as the handle that lent it, whatever the database does meanwhile. It leaves no
/// marks: nobody waits for it, and nobody aborts because of it. While it lives, the
/// database keeps the versions that it can see, at most one more for each key.
///
/// ```
/// use precedent::{Database, Table};
/// let db = Database::new();
/// let stock: Table<String, u32> = db.table("stock")?;
/// db.transact(|tx| Ok(tx.insert(&stock, "bolts".into(), 100)))?;
///
/// let snap = db.safe_snapshot();
/// db.transact(|tx| Ok(tx.remove(&stock, "bolts")))?;
/// assert_eq!(snap.get(&stock, "bolts"), Some(&100));
///
/// fn detached<T: Clone + Send + Sync + 'static>(_: &T) {}
/// detached(&snap);
/// # Ok::<(), precedent::Error>(())
/// ```
#[derive(Clone)]
pub struct Snapshot {
    pinned: Arc<Pinned>,
}

impl Snapshot {
    pub(crate) fn new(pin: Arc<PinGuard>) -> Self {
        Self { pinned: Arc::new(Pinned::new(pin)) }
    }

    /// The value of a key at this timestamp. O(log n).
    ///
    /// ```
    /// # use precedent::{Database, Table};
    /// # let db = Database::new();
    /// let capitals: Table<String, &str> = db.table("capitals")?;
    /// db.transact(|tx| Ok(tx.insert(&capitals, "Norway".into(), "Oslo")))?;
    /// let snap = db.safe_snapshot();
    /// assert_eq!(snap.get(&capitals, "Norway"), Some(&"Oslo"));
    /// # Ok::<(), precedent::Error>(())
    /// ```
    ///
    /// # Panics
    /// This and every other look-up panics if the table belongs to another database.
    #[must_use]
    pub fn get<'s, K, V, Q>(&'s self, table: &Table<K, V>, key: &Q) -> Option<&'s V>
    where
        K: Key + Borrow<Q>,
        V: Value,
        Q: Ord + ?Sized,
    {
        let walk = self.pinned.walk();
        let record = self.pinned.table(table).index.get(key, &walk)?;
        self.pinned.row(record, &walk).map(|(_, value)| value)
    }

    /// Whether a key is there at this timestamp. O(log n).
    ///
    /// ```
    /// # use precedent::{Database, Table};
    /// # let db = Database::new();
    /// # let t: Table<u8, ()> = db.table("t")?;
    /// assert!(!db.safe_snapshot().contains_key(&t, &7));
    /// # Ok::<(), precedent::Error>(())
    /// ```
    #[must_use]
    pub fn contains_key<K, V, Q>(&self, table: &Table<K, V>, key: &Q) -> bool
    where
        K: Key + Borrow<Q>,
        V: Value,
        Q: Ord + ?Sized,
    {
        self.get(table, key).is_some()
    }

    /// The rows of a range, in the order of keys, lazily and from both ends. An inverted
    /// range is empty. O(log n) to begin, then O(1) amortised a row.
    ///
    /// ```
    /// # use precedent::{Database, Table};
    /// # let db = Database::new();
    /// # let ledger: Table<(u64, u64), i64> = db.table("ledger")?;
    /// # db.transact(|tx| Ok(tx.insert(&ledger, (42, 0), 500)))?;
    /// let snap = db.safe_snapshot();
    /// let account = (42, 0)..=(42, u64::MAX);
    /// assert_eq!(snap.range(&ledger, account).map(|(_, cents)| cents).sum::<i64>(), 500);
    /// # Ok::<(), precedent::Error>(())
    /// ```
    pub fn range<'s, K: Key, V: Value>(
        &'s self,
        table: &Table<K, V>,
        range: impl KeyRange<K>,
    ) -> SnapshotRange<'s, K, V> {
        SnapshotRange::new(&self.pinned, &self.pinned.table(table).index, range)
    }

    /// The keys of a range. As [`range`](Self::range).
    ///
    /// ```
    /// # use precedent::{Database, Table};
    /// # let db = Database::new();
    /// # let t: Table<u8, char> = db.table("t")?;
    /// # db.transact(|tx| Ok([(1, 'a'), (2, 'b')].map(|(k, v)| tx.insert(&t, k, v))))?;
    /// assert!(db.safe_snapshot().keys(&t, 2..).eq([&2]));
    /// # Ok::<(), precedent::Error>(())
    /// ```
    pub fn keys<'s, K: Key, V: Value>(
        &'s self,
        table: &Table<K, V>,
        range: impl KeyRange<K>,
    ) -> SnapshotKeys<'s, K, V> {
        SnapshotKeys(self.range(table, range))
    }

    /// The values of a range, in the order of their keys. As [`range`](Self::range).
    ///
    /// ```
    /// # use precedent::{Database, Table};
    /// # let db = Database::new();
    /// # let t: Table<u8, char> = db.table("t")?;
    /// # db.transact(|tx| Ok([(1, 'a'), (2, 'b')].map(|(k, v)| tx.insert(&t, k, v))))?;
    /// assert!(db.safe_snapshot().values(&t, ..).rev().eq([&'b', &'a']));
    /// # Ok::<(), precedent::Error>(())
    /// ```
    pub fn values<'s, K: Key, V: Value>(
        &'s self,
        table: &Table<K, V>,
        range: impl KeyRange<K>,
    ) -> SnapshotValues<'s, K, V> {
        SnapshotValues(self.range(table, range))
    }

    /// The first key of a table and its value. O(log n), and more where removed keys are
    /// not collected yet.
    ///
    /// ```
    /// # use precedent::{Database, Table};
    /// # let db = Database::new();
    /// # let t: Table<u8, char> = db.table("t")?;
    /// # db.transact(|tx| Ok([(1, 'a'), (2, 'b')].map(|(k, v)| tx.insert(&t, k, v))))?;
    /// assert_eq!(db.safe_snapshot().first_key_value(&t), Some((&1, &'a')));
    /// # Ok::<(), precedent::Error>(())
    /// ```
    #[must_use]
    pub fn first_key_value<'s, K: Key, V: Value>(
        &'s self,
        table: &Table<K, V>,
    ) -> Option<(&'s K, &'s V)> {
        self.range(table, ..).next()
    }

    /// The last key of a table and its value. As
    /// [`first_key_value`](Self::first_key_value).
    ///
    /// ```
    /// # use precedent::{Database, Table};
    /// # let db = Database::new();
    /// # let t: Table<u8, char> = db.table("t")?;
    /// # db.transact(|tx| Ok([(1, 'a'), (2, 'b')].map(|(k, v)| tx.insert(&t, k, v))))?;
    /// assert_eq!(db.safe_snapshot().last_key_value(&t), Some((&2, &'b')));
    /// # Ok::<(), precedent::Error>(())
    /// ```
    #[must_use]
    pub fn last_key_value<'s, K: Key, V: Value>(
        &'s self,
        table: &Table<K, V>,
    ) -> Option<(&'s K, &'s V)> {
        self.range(table, ..).next_back()
    }

    /// How many rows a range has. O(rows).
    ///
    /// ```
    /// # use precedent::{Database, Table};
    /// # let db = Database::new();
    /// # let t: Table<u8, char> = db.table("t")?;
    /// assert_eq!(db.safe_snapshot().count(&t, ..), 0);
    /// # Ok::<(), precedent::Error>(())
    /// ```
    #[must_use]
    pub fn count<K: Key, V: Value>(&self, table: &Table<K, V>, range: impl KeyRange<K>) -> usize {
        self.range(table, range).count()
    }

    /// Whether a range has no rows. As [`first_key_value`](Self::first_key_value).
    ///
    /// ```
    /// # use precedent::{Database, Table};
    /// # let db = Database::new();
    /// let bookings: Table<u64, &str> = db.table("bookings")?;
    /// assert!(db.safe_snapshot().is_empty(&bookings, 900..1_000));
    /// # Ok::<(), precedent::Error>(())
    /// ```
    #[must_use]
    pub fn is_empty<K: Key, V: Value>(&self, table: &Table<K, V>, range: impl KeyRange<K>) -> bool {
        self.range(table, range).next().is_none()
    }

    /// A whole table as a persistent map, which depends on nothing: it can be changed,
    /// compared and cloned in O(1) at will, and keeps no versions. Keys and values are
    /// cloned. O(n log n). With the feature `im`, a default one.
    ///
    /// ```
    /// # use precedent::{Database, Table};
    /// # let db = Database::new();
    /// let prices: Table<&str, u64> = db.table("prices")?;
    /// db.transact(|tx| Ok(tx.insert(&prices, "bolts", 10)))?;
    /// let now = db.safe_snapshot().to_map(&prices);
    /// let what_if = now.update("bolts", 12);
    /// assert_eq!((now.get("bolts"), what_if.get("bolts")), (Some(&10), Some(&12)));
    /// # Ok::<(), precedent::Error>(())
    /// ```
    #[cfg(feature = "im")]
    #[must_use]
    pub fn to_map<K: Key, V: Value + Clone>(&self, table: &Table<K, V>) -> im::OrdMap<K, V> {
        self.range(table, ..).map(|(key, value)| (key.clone(), value.clone())).collect()
    }

    /// The newest commit that it sees.
    ///
    /// ```
    /// # use precedent::{Database, Timestamp};
    /// assert_eq!(Database::new().safe_snapshot().timestamp(), Timestamp::ZERO);
    /// ```
    #[must_use]
    pub fn timestamp(&self) -> Timestamp {
        Timestamp::from(self.pinned.pin.timestamp())
    }

    /// Whether what it shows has a place in the serial order of the certified
    /// transactions, whatever commits from now on. Once true, always true. Under
    /// [`Isolation::Snapshot`] never, since there is no such order.
    ///
    /// ```
    /// # use precedent::Database;
    /// assert!(Database::new().safe_snapshot().is_safe());
    /// ```
    #[must_use]
    pub fn is_safe(&self) -> bool {
        let serializable = self.pinned.pin.engine().config.isolation() == Isolation::Serializable;
        serializable && self.pinned.pin.is_safe()
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot")
            .field("database", &self.pinned.pin.engine().name)
            .field("timestamp", &self.timestamp())
            .finish_non_exhaustive()
    }
}

/// Keeps one timestamp available for snapshots to come; by
/// [`Database::pin`](crate::Database::pin). As long as a clone of it lives, the database
/// keeps what that timestamp sees.
///
/// ```
/// use precedent::{Database, Table};
/// let db = Database::new();
/// let t: Table<u8, char> = db.table("t")?;
/// let before = db.pin();
/// db.transact(|tx| Ok(tx.insert(&t, 1, 'a')))?;
/// assert!(before.snapshot().is_empty(&t, ..));
/// assert!(db.snapshot_at(before.timestamp())?.is_empty(&t, ..));
/// # Ok::<(), precedent::Error>(())
/// ```
#[derive(Clone)]
#[must_use = "a pin keeps its timestamp only as long as it lives"]
pub struct Pin {
    guard: Arc<PinGuard>,
}

impl Pin {
    pub(crate) fn new(guard: Arc<PinGuard>) -> Self {
        Self { guard }
    }

    /// The timestamp that is kept.
    ///
    /// ```
    /// # use precedent::{Database, Timestamp};
    /// assert_eq!(Database::new().pin().timestamp(), Timestamp::ZERO);
    /// ```
    #[must_use]
    pub fn timestamp(&self) -> Timestamp {
        Timestamp::from(self.guard.timestamp())
    }

    /// A snapshot at that timestamp. O(1), never fails.
    ///
    /// ```
    /// # use precedent::{Database, Table};
    /// # let db = Database::new();
    /// let pin = db.pin();
    /// assert_eq!(pin.snapshot().timestamp(), pin.timestamp());
    /// ```
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        Snapshot::new(Arc::clone(&self.guard))
    }
}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pin")
            .field("database", &self.guard.engine().name)
            .field("timestamp", &self.timestamp())
            .finish_non_exhaustive()
    }
}

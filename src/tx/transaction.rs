//! What a user types inside a transaction.

use std::borrow::{Borrow, Cow};
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use crate::error::Error;
use crate::key_range::KeyRange;
use crate::ssi::TransactionId;
use crate::store::version::Version;
use crate::timestamp::Timestamp;
use crate::tx::commit::Commit;
use crate::tx::core::{Core, EngineRef};
use crate::tx::hook::Sight;
use crate::tx::live::Hit;
use crate::tx::range::{Keys, Range, Values};
use crate::tx::read_set::Predicate;
use crate::tx::table::{Key, Table, Value};
use crate::tx::tx_table::TxTable;

/// Marks a transaction that can write.
#[derive(Debug)]
pub enum ReadWrite {}

/// Marks a transaction that cannot.
#[derive(Debug)]
pub enum ReadOnly {}

/// A transaction that only reads, by [`Database::read`](crate::Database::read) and
/// [`Database::begin_read`](crate::Database::begin_read).
pub type ReadTransaction<'db> = Transaction<'db, ReadOnly>;

/// A transaction: a snapshot to read from, and writes that nobody sees before it commits.
///
/// Reads never wait and never fail; the verdict comes at the end, by
/// [`commit`](Transaction::commit) or [`finish`](Transaction::finish). Dropping a
/// transaction rolls it back: its writes are gone, and what it saw is not certified.
///
/// Everything takes `&self`, so a value that was read can be held while writing. Keys and
/// values are borrowed from the transaction; the references live until it ends, also
/// those to own values that were overwritten or removed since.
///
/// A transaction is `Send`, but not `Sync`:
///
/// ```compile_fail,E0277
/// fn shared(_: impl Sync) {}
/// shared(precedent::Database::new().begin());
/// ```
///
/// ```
/// use precedent::{Database, Table};
/// fn sendable<T: Send>(value: T) -> T { value }
/// let db = Database::new();
/// let names: Table<u32, String> = db.table("names")?;
/// let tx = sendable(db.begin());
/// tx.insert(&names, 1, "Ada".to_string());
/// let ada: &String = tx.get(&names, &1).unwrap();
/// tx.remove(&names, &1);
/// assert_eq!(ada, "Ada"); // still valid, though the key is gone
/// assert_eq!(tx.get(&names, &1), None);
/// tx.commit()?;
/// # Ok::<(), precedent::Error>(())
/// ```
pub struct Transaction<'db, M = ReadWrite> {
    core: Core<'db>,
    mode: PhantomData<fn() -> M>,
}

impl<'db, M> Transaction<'db, M> {
    pub(crate) fn new(engine: EngineRef<'db>, read_only: bool, attempt: u32) -> Self {
        Self { core: Core::begin(engine, read_only, attempt), mode: PhantomData }
    }

    /// The value of a key. A read, be the key there or not. O(log n).
    ///
    /// ```
    /// # use precedent::{Database, Table};
    /// # let db = Database::new();
    /// let capitals: Table<String, &str> = db.table("capitals")?;
    /// db.transact(|tx| Ok(tx.insert(&capitals, "Norway".into(), "Oslo")))?;
    /// let tx = db.begin();
    /// assert_eq!(tx.get(&capitals, "Norway"), Some(&"Oslo"));
    /// # Ok::<(), precedent::Error>(())
    /// ```
    ///
    /// # Panics
    /// This and every other operation panics if the table belongs to another database.
    pub fn get<'t, K, V, Q>(&'t self, table: &Table<K, V>, key: &Q) -> Option<&'t V>
    where
        K: Key + Borrow<Q>,
        V: Value,
        Q: Ord + ToOwned<Owned = K> + ?Sized,
    {
        read(&self.core, self.core.table(table), key)
    }

    /// Whether a key is there. A read. O(log n).
    ///
    /// ```
    /// # use precedent::{Database, Table};
    /// # let db = Database::new();
    /// # let t: Table<u8, ()> = db.table("t")?;
    /// assert!(!db.begin().contains_key(&t, &7));
    /// # Ok::<(), precedent::Error>(())
    /// ```
    pub fn contains_key<K, V, Q>(&self, table: &Table<K, V>, key: &Q) -> bool
    where
        K: Key + Borrow<Q>,
        V: Value,
        Q: Ord + ToOwned<Owned = K> + ?Sized,
    {
        self.get(table, key).is_some()
    }

    /// The value of a key, without a dependency: as `get`, but nothing is recorded, the
    /// snapshot does not slide, and no conflict can come of it. What it returns is not
    /// certified: use it for hints and statistics only. O(log n).
    ///
    /// ```
    /// # use precedent::{Database, Table};
    /// # let db = Database::new();
    /// # let t: Table<u8, u64> = db.table("t")?;
    /// let tx = db.begin();
    /// let hint = tx.peek(&t, &1).copied();
    /// db.transact(|other| Ok(other.insert(&t, 1, 9)))?;
    /// tx.insert(&t, 2, hint.unwrap_or(0));
    /// assert!(tx.commit().is_ok());
    /// # Ok::<(), precedent::Error>(())
    /// ```
    pub fn peek<'t, K, V, Q>(&'t self, table: &Table<K, V>, key: &Q) -> Option<&'t V>
    where
        K: Key + Borrow<Q>,
        V: Value,
        Q: Ord + ToOwned<Owned = K> + ?Sized,
    {
        let table = self.core.table(table);
        let _comparing = self.core.comparing();
        if let Some(own) = table.writes.get(key) {
            return own;
        }
        table.look_up(key, self.core.snapshot())?.version?.value()
    }

    /// The first key of a table and its value. A read of everything up to that key.
    ///
    /// ```
    /// # use precedent::{Database, Table};
    /// # let db = Database::new();
    /// # let t: Table<u8, char> = db.table("t")?;
    /// # db.transact(|tx| Ok([(1, 'a'), (2, 'b')].map(|(k, v)| tx.insert(&t, k, v))))?;
    /// assert_eq!(db.begin().first_key_value(&t), Some((&1, &'a')));
    /// # Ok::<(), precedent::Error>(())
    /// ```
    pub fn first_key_value<'t, K: Key, V: Value>(
        &'t self,
        table: &Table<K, V>,
    ) -> Option<(&'t K, &'t V)> {
        self.range(table, ..).next()
    }

    /// The last key of a table and its value. A read of everything from that key on.
    ///
    /// ```
    /// # use precedent::{Database, Table};
    /// # let db = Database::new();
    /// # let t: Table<u8, char> = db.table("t")?;
    /// # db.transact(|tx| Ok([(1, 'a'), (2, 'b')].map(|(k, v)| tx.insert(&t, k, v))))?;
    /// assert_eq!(db.begin().last_key_value(&t), Some((&2, &'b')));
    /// # Ok::<(), precedent::Error>(())
    /// ```
    pub fn last_key_value<'t, K: Key, V: Value>(
        &'t self,
        table: &Table<K, V>,
    ) -> Option<(&'t K, &'t V)> {
        self.range(table, ..).next_back()
    }

    /// The rows of a range, in the order of keys, lazily and from both ends.
    ///
    /// A read of what it was driven over: from its start to the last key returned, or to
    /// its bound when it ran out. It sees the own writes made before it was created, and
    /// never later ones. An inverted range is empty.
    ///
    /// ```
    /// # use precedent::{Database, Table};
    /// # let db = Database::new();
    /// # let ledger: Table<(u64, u64), i64> = db.table("ledger")?;
    /// # db.transact(|tx| Ok(tx.insert(&ledger, (42, 0), 500)))?;
    /// let balance = db.read(|tx| {
    ///     tx.range(&ledger, (42, 0)..=(42, u64::MAX)).map(|(_, cents)| cents).sum::<i64>()
    /// })?;
    /// assert_eq!(balance, 500);
    /// # Ok::<(), precedent::Error>(())
    /// ```
    pub fn range<'t, K: Key, V: Value>(
        &'t self,
        table: &Table<K, V>,
        range: impl KeyRange<K>,
    ) -> Range<'t, K, V> {
        Range::new(&self.core, self.core.table(table), range, None)
    }

    /// The rows of a range that a predicate selects. A read of the rows returned and of
    /// the predicate over the rest: a concurrent write is a dependency only if it touches
    /// a row that was returned, or writes a value that the predicate selects.
    ///
    /// The predicate must be pure. It runs for rows of this snapshot, and again whenever a
    /// concurrent commit has to be compared, on any thread; if it panics there, that
    /// counts as selected.
    ///
    /// ```
    /// # use precedent::{Database, Table};
    /// # let db = Database::new();
    /// let jobs: Table<u64, &str> = db.table("jobs")?;
    /// let tx = db.begin();
    /// assert_eq!(tx.range_where(&jobs, .., |_, state| *state == "failed").count(), 0);
    /// db.transact(|other| Ok(other.insert(&jobs, 1, "queued")))?; // not selected
    /// tx.insert(&jobs, 2, "queued");
    /// assert!(tx.commit().is_ok());
    /// # Ok::<(), precedent::Error>(())
    /// ```
    pub fn range_where<'t, K: Key, V: Value>(
        &'t self,
        table: &Table<K, V>,
        range: impl KeyRange<K>,
        predicate: impl Fn(&K, &V) -> bool + Send + Sync + 'static,
    ) -> Range<'t, K, V> {
        let predicate = Predicate::new(predicate, &self.core.engine.panicked_predicates);
        Range::new(&self.core, self.core.table(table), range, Some(Arc::new(predicate)))
    }

    /// The keys of a range. A read as by [`range`](Self::range).
    ///
    /// ```
    /// # use precedent::{Database, Table};
    /// # let db = Database::new();
    /// # let t: Table<u8, char> = db.table("t")?;
    /// # db.transact(|tx| Ok([(1, 'a'), (2, 'b')].map(|(k, v)| tx.insert(&t, k, v))))?;
    /// assert!(db.begin().keys(&t, 2..).eq([&2]));
    /// # Ok::<(), precedent::Error>(())
    /// ```
    pub fn keys<'t, K: Key, V: Value>(
        &'t self,
        table: &Table<K, V>,
        range: impl KeyRange<K>,
    ) -> Keys<'t, K, V> {
        Keys(self.range(table, range))
    }

    /// The values of a range, in the order of their keys. A read as by [`range`](Self::range).
    ///
    /// ```
    /// # use precedent::{Database, Table};
    /// # let db = Database::new();
    /// # let t: Table<u8, char> = db.table("t")?;
    /// # db.transact(|tx| Ok([(1, 'a'), (2, 'b')].map(|(k, v)| tx.insert(&t, k, v))))?;
    /// assert!(db.begin().values(&t, ..).rev().eq([&'b', &'a']));
    /// # Ok::<(), precedent::Error>(())
    /// ```
    pub fn values<'t, K: Key, V: Value>(
        &'t self,
        table: &Table<K, V>,
        range: impl KeyRange<K>,
    ) -> Values<'t, K, V> {
        Values(self.range(table, range))
    }

    /// How many rows a range has. A read of the whole range. O(rows).
    ///
    /// ```
    /// # use precedent::{Database, Table};
    /// # let db = Database::new();
    /// # let t: Table<u8, char> = db.table("t")?;
    /// assert_eq!(db.begin().count(&t, ..), 0);
    /// # Ok::<(), precedent::Error>(())
    /// ```
    pub fn count<K: Key, V: Value>(&self, table: &Table<K, V>, range: impl KeyRange<K>) -> usize {
        self.range(table, range).count()
    }

    /// Whether a range has no rows. A read of everything up to its first row.
    ///
    /// ```
    /// # use precedent::{Database, Table};
    /// # let db = Database::new();
    /// let bookings: Table<u64, &str> = db.table("bookings")?;
    /// assert!(db.begin().is_empty(&bookings, 900..1_000));
    /// # Ok::<(), precedent::Error>(())
    /// ```
    pub fn is_empty<K: Key, V: Value>(&self, table: &Table<K, V>, range: impl KeyRange<K>) -> bool {
        self.range(table, range).next().is_none()
    }

    /// Names this transaction, as the events and conflicts of its database do.
    ///
    /// ```
    /// let db = precedent::Database::new();
    /// assert_ne!(db.begin().id(), db.begin().id());
    /// ```
    pub fn id(&self) -> TransactionId {
        self.core.id()
    }

    /// Gives the transaction a name that conflicts tell.
    ///
    /// ```
    /// let db = precedent::Database::new();
    /// let tx = db.begin();
    /// tx.label("nightly report");
    /// ```
    pub fn label(&self, label: impl Into<Cow<'static, str>>) {
        let old = self.core.label.replace(Some(label.into()));
        drop(old);
    }

    /// s(T): the newest commit that this transaction can see. It may move forward while
    /// the transaction runs, as long as everything that it has observed stays the same.
    ///
    /// ```
    /// # use precedent::{Database, Table};
    /// # let db = Database::new();
    /// # let t: Table<u8, char> = db.table("t")?;
    /// let tx = db.begin();
    /// let ((), commit) = db.transact_with_commit(|other| Ok(other.insert(&t, 1, 'a')))?;
    /// assert!(tx.read_timestamp() < commit.timestamp());
    /// assert_eq!(tx.get(&t, &1), Some(&'a')); // slides: nothing was observed before
    /// assert_eq!(tx.read_timestamp(), commit.timestamp());
    /// # Ok::<(), precedent::Error>(())
    /// ```
    pub fn read_timestamp(&self) -> Timestamp {
        Timestamp::from(self.core.snapshot())
    }

    /// Which run of a `transact` closure this is: 1 for the first one.
    ///
    /// ```
    /// let db = precedent::Database::new();
    /// assert_eq!(db.begin().attempt(), 1);
    /// ```
    pub fn attempt(&self) -> u32 {
        self.core.attempt
    }

    /// Whether the commit is certain to fail: a key that this transaction has both read
    /// and written was overwritten by another, or a limit was exceeded. Reads go on to
    /// return the snapshot's values. O(own writes) until it is true.
    ///
    /// ```
    /// # use precedent::{Database, Table};
    /// # let db = Database::new();
    /// # let t: Table<u8, u64> = db.table("t")?;
    /// let tx = db.begin();
    /// tx.insert_if_absent(&t, 1, 10);
    /// assert!(!tx.is_doomed());
    /// db.transact(|other| Ok(other.insert(&t, 1, 20)))?;
    /// assert!(tx.is_doomed() && tx.commit().is_err());
    /// # Ok::<(), precedent::Error>(())
    /// ```
    pub fn is_doomed(&self) -> bool {
        self.core.is_doomed()
    }

    /// Gives everything up. The same as dropping the transaction.
    ///
    /// ```
    /// # use precedent::{Database, Table};
    /// # let db = Database::new();
    /// # let t: Table<u8, char> = db.table("t")?;
    /// let tx = db.begin();
    /// tx.insert(&t, 1, 'a');
    /// tx.rollback();
    /// assert!(db.begin().is_empty(&t, ..));
    /// # Ok::<(), precedent::Error>(())
    /// ```
    pub fn rollback(self) {
        drop(self);
    }
}

impl Transaction<'_, ReadWrite> {
    /// Writes a value. Blind: it observes nothing. O(log own writes).
    ///
    /// ```
    /// # use precedent::{Database, Table};
    /// # let db = Database::new();
    /// # let t: Table<u8, char> = db.table("t")?;
    /// db.transact(|tx| Ok(tx.insert(&t, 1, 'a')))?;
    /// # Ok::<(), precedent::Error>(())
    /// ```
    ///
    /// # Panics
    /// This and every other write panics if a comparator calls it.
    pub fn insert<K: Key, V: Value>(&self, table: &Table<K, V>, key: K, value: V) {
        self.put(table, key, Some(value));
    }

    /// Removes a key. Blind: it does not tell whether the key was there. O(log own writes).
    ///
    /// ```
    /// # use precedent::{Database, Table};
    /// # let db = Database::new();
    /// # let t: Table<u8, char> = db.table("t")?;
    /// db.transact(|tx| Ok(tx.remove(&t, &1)))?;
    /// # Ok::<(), precedent::Error>(())
    /// ```
    pub fn remove<K, V, Q>(&self, table: &Table<K, V>, key: &Q)
    where
        K: Key + Borrow<Q>,
        V: Value,
        Q: Ord + ToOwned<Owned = K> + ?Sized,
    {
        self.put(table, key.to_owned(), None);
    }

    /// Writes a value and returns the old one. A read and a write.
    ///
    /// ```
    /// # use precedent::{Database, Table};
    /// # let db = Database::new();
    /// # let t: Table<u8, char> = db.table("t")?;
    /// let tx = db.begin();
    /// assert_eq!(tx.replace(&t, 1, 'a'), None);
    /// assert_eq!(tx.replace(&t, 1, 'b'), Some(&'a'));
    /// # Ok::<(), precedent::Error>(())
    /// ```
    pub fn replace<'t, K: Key, V: Value>(
        &'t self,
        table: &Table<K, V>,
        key: K,
        value: V,
    ) -> Option<&'t V> {
        let old = self.get(table, &key);
        self.put(table, key, Some(value));
        old
    }

    /// Removes a key and returns its value. A read, and a write if the key was there.
    ///
    /// ```
    /// # use precedent::{Database, Table};
    /// # let db = Database::new();
    /// # let t: Table<u8, char> = db.table("t")?;
    /// let tx = db.begin();
    /// tx.insert(&t, 1, 'a');
    /// assert_eq!(tx.take(&t, &1), Some(&'a'));
    /// assert_eq!(tx.take(&t, &1), None);
    /// # Ok::<(), precedent::Error>(())
    /// ```
    pub fn take<'t, K, V, Q>(&'t self, table: &Table<K, V>, key: &Q) -> Option<&'t V>
    where
        K: Key + Borrow<Q>,
        V: Value,
        Q: Ord + ToOwned<Owned = K> + ?Sized,
    {
        let old = self.get(table, key)?;
        self.put(table, key.to_owned(), None);
        Some(old)
    }

    /// Writes a value unless the key is there; returns the value that is. A read, and a
    /// write if the key was absent.
    ///
    /// ```
    /// # use precedent::{Database, Table};
    /// # let db = Database::new();
    /// # let t: Table<u8, char> = db.table("t")?;
    /// let tx = db.begin();
    /// assert_eq!(tx.insert_if_absent(&t, 1, 'a'), None);
    /// assert_eq!(tx.insert_if_absent(&t, 1, 'b'), Some(&'a'));
    /// # Ok::<(), precedent::Error>(())
    /// ```
    pub fn insert_if_absent<'t, K: Key, V: Value>(
        &'t self,
        table: &Table<K, V>,
        key: K,
        value: V,
    ) -> Option<&'t V> {
        let present = self.get(table, &key);
        if present.is_none() {
            self.put(table, key, Some(value));
        }
        present
    }

    /// Replaces the value of a key by what `change` makes of it and returns the new one;
    /// does nothing if the key is absent. A read, and a write if the key was there.
    ///
    /// ```
    /// # use precedent::{Database, Table};
    /// # let db = Database::new();
    /// # let hits: Table<u8, u64> = db.table("hits")?;
    /// let tx = db.begin();
    /// assert_eq!(tx.update(&hits, &1, |n| n + 1), None);
    /// tx.insert(&hits, 1, 41);
    /// assert_eq!(tx.update(&hits, &1, |n| n + 1), Some(&42));
    /// # Ok::<(), precedent::Error>(())
    /// ```
    pub fn update<'t, K, V, Q>(
        &'t self,
        table: &Table<K, V>,
        key: &Q,
        change: impl FnOnce(&V) -> V,
    ) -> Option<&'t V>
    where
        K: Key + Borrow<Q>,
        V: Value,
        Q: Ord + ToOwned<Owned = K> + ?Sized,
    {
        let old = self.get(table, key)?;
        self.write(table, key.to_owned(), Some(change(old)))
    }

    /// The value of a key, written first if the key is absent. A read, and a write if the
    /// key was absent.
    ///
    /// ```
    /// # use precedent::{Database, Table};
    /// # let db = Database::new();
    /// # let t: Table<u8, Vec<u8>> = db.table("t")?;
    /// assert!(db.begin().get_or_insert_with(&t, 1, Vec::new).is_empty());
    /// # Ok::<(), precedent::Error>(())
    /// ```
    pub fn get_or_insert_with<'t, K: Key, V: Value>(
        &'t self,
        table: &Table<K, V>,
        key: K,
        value: impl FnOnce() -> V,
    ) -> &'t V {
        if let Some(present) = self.get(table, &key) {
            return present;
        }
        match self.write(table, key, Some(value())) {
            Some(written) => written,
            None => unreachable!("a value was written, not a removal"),
        }
    }

    /// Commits: certifies what was observed, then publishes the writes, all at once.
    /// When it returns, every transaction that begins from now on sees them.
    ///
    /// ```
    /// # use precedent::{Database, Table};
    /// # let db = Database::new();
    /// # let t: Table<u8, char> = db.table("t")?;
    /// let tx = db.begin();
    /// tx.insert(&t, 1, 'a');
    /// let commit = tx.commit()?;
    /// assert_eq!(db.begin().read_timestamp(), commit.timestamp());
    /// # Ok::<(), precedent::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Conflict`] if the commit would close a cycle, [`Error::LimitExceeded`] if
    /// the transaction was too large. Either way it has been rolled back.
    pub fn commit(self) -> Result<Commit, Error> {
        self.core.commit()
    }

    /// Drops the writes and certifies what was observed, as `try_transact` does when its
    /// closure returns `Err`: if this succeeds, a decision not to write is sound.
    ///
    /// ```
    /// # use precedent::{Database, Table};
    /// # let db = Database::new();
    /// # let stock: Table<u8, u32> = db.table("stock")?;
    /// let tx = db.begin();
    /// tx.insert(&stock, 2, 0);
    /// if tx.get(&stock, &1).is_none() {
    ///     tx.finish_without_writes()?; // it is true that there is none
    /// }
    /// assert!(db.begin().is_empty(&stock, ..));
    /// # Ok::<(), precedent::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Conflict`] if no serial order contains what was observed.
    pub fn finish_without_writes(self) -> Result<Commit, Error> {
        self.core.finish()
    }

    fn write<K: Key, V: Value>(&self, table: &Table<K, V>, key: K, value: Option<V>) -> Option<&V> {
        let table = self.core.table(table);
        self.core.assert_may_write();
        self.core.hook().write(&table.table.name, &key, value.is_none());
        let within_limit = self.core.count_own_value();
        let _comparing = self.core.comparing();
        if within_limit { table.writes.put(key, value) } else { table.writes.set_aside(value) }
    }

    /// As `write`, for those who need no reference: beyond the limit nothing is kept.
    fn put<K: Key, V: Value>(&self, table: &Table<K, V>, key: K, value: Option<V>) {
        if self.core.is_over_limit() {
            self.core.assert_may_write();
            return;
        }
        self.write(table, key, value);
    }
}

impl Transaction<'_, ReadOnly> {
    /// Certifies what was observed. Rarely fails: only if something that was seen must
    /// come after something that was not.
    ///
    /// ```
    /// # use precedent::{Database, Table};
    /// # let db = Database::new();
    /// # let t: Table<u8, u64> = db.table("t")?;
    /// let tx = db.begin_read();
    /// let total: u64 = tx.values(&t, ..).sum();
    /// tx.finish()?;
    /// assert_eq!(total, 0); // sound now, not before
    /// # Ok::<(), precedent::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Conflict`] if no serial order contains what was observed.
    pub fn finish(self) -> Result<Commit, Error> {
        self.core.finish()
    }
}

impl<M> fmt::Debug for Transaction<'_, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transaction")
            .field("id", &self.id())
            .field("label", &self.core.label.borrow())
            .field("read_timestamp", &self.read_timestamp())
            .finish_non_exhaustive()
    }
}

/// A tracked point read.
fn read<'t, K, V, Q>(core: &'t Core<'_>, table: &'t TxTable<K, V>, key: &Q) -> Option<&'t V>
where
    K: Key + Borrow<Q>,
    V: Value,
    Q: Ord + ToOwned<Owned = K> + ?Sized,
{
    let own = {
        let _comparing = core.comparing();
        table.writes.get(key)
    };
    if let Some(own) = own {
        core.hook().read(&table.table.name, || key.to_owned(), &Sight::Own);
        return own;
    }
    let version = visible(core, table, key);
    if version.is_none() && core.is_tracked() {
        remember_absence(core, table, key);
    }
    let sight = version.map_or(Sight::Absent, |version| Sight::Version(version.begin()));
    core.hook().read(&table.table.name, || key.to_owned(), &sight);
    version?.value()
}

/// The version that the snapshot sees, after sliding if something newer is there. A hit
/// is remembered.
fn visible<'t, K, V, Q>(
    core: &'t Core<'_>,
    table: &'t TxTable<K, V>,
    key: &Q,
) -> Option<&'t Version<V>>
where
    K: Key + Borrow<Q>,
    V: Value,
    Q: Ord + ?Sized,
{
    loop {
        let snapshot = core.snapshot();
        let found = {
            let _comparing = core.comparing();
            table.look_up(key, snapshot)
        };
        let refresh = || !core.is_comparing() && table.refresh();
        match found {
            // Ends: the index is fresh then, or somebody else has changed it again.
            None if refresh() => {}
            None => return None,
            // Ends: a slide takes the snapshot to the published timestamp, and each
            // further one is another transaction's commit.
            Some(found) if found.newest > snapshot && core.slide() => {
                table.refresh();
            }
            Some(found) => {
                if let (Some(version), true) = (found.version, core.is_tracked()) {
                    table.reads.borrow_mut().hit(Hit::new(found.record.id(), version));
                }
                return found.version;
            }
        }
    }
}

/// An absence is remembered by its key, once.
fn remember_absence<K, V, Q>(core: &Core<'_>, table: &TxTable<K, V>, key: &Q)
where
    K: Key + Borrow<Q>,
    V: Value,
    Q: Ord + ToOwned<Owned = K> + ?Sized,
{
    loop {
        let absences = table.reads.borrow().observed.absences.clone();
        let found = {
            let _comparing = core.comparing();
            absences.find(|absent| (***absent).borrow().cmp(key))
        };
        let Err(path) = found else { return };
        let kept = Arc::new(key.to_owned().into());
        let known = &mut table.reads.borrow_mut().observed.absences;
        // A comparator may have read something absent in between: look again.
        if known.same(&absences) {
            drop(absences);
            known.insert_at(&path, kept);
            return;
        }
    }
}

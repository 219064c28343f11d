//! What a user types inside a transaction.

use std::borrow::{Borrow, Cow};
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use crate::error::Error;
use crate::key_range::KeyRange;
use crate::ssi::TransactionId;
use crate::timestamp::Timestamp;
use crate::trace;
use crate::tx::commit::Commit;
use crate::tx::core::{Core, EngineRef, Origin};
use crate::tx::point_read::read;
use crate::tx::range::{Keys, Range, Values};
use crate::tx::read_set::Predicate;
use crate::tx::refusal::Failure;
use crate::tx::table::{Key, Table, Value};

/// Marks a transaction that can write.
///
/// ```
/// use precedent::{Database, ReadWrite, Transaction};
/// struct Session {
///     tx: Transaction<'static, ReadWrite>,
/// }
/// let session = Session { tx: Database::new().begin_owned() };
/// session.tx.commit()?;
/// # Ok::<(), precedent::Error>(())
/// ```
#[derive(Debug)]
pub enum ReadWrite {}

/// Marks a transaction that cannot.
///
/// ```
/// use precedent::{Database, Error, ReadOnly, Transaction};
/// fn end(tx: Transaction<'_, ReadOnly>) -> Result<(), Error> {
///     tx.finish().map(drop)
/// }
/// end(Database::new().begin_read())?;
/// # Ok::<(), precedent::Error>(())
/// ```
///
/// ```compile_fail,E0599
/// # use precedent::{Database, Table};
/// # let db = Database::new();
/// # let t: Table<u8, char> = db.table("t")?;
/// db.begin_read().insert(&t, 1, 'a');
/// # Ok::<(), precedent::Error>(())
/// ```
#[derive(Debug)]
pub enum ReadOnly {}

/// A transaction that only reads, by [`Database::read`](crate::Database::read) and
/// [`Database::begin_read`](crate::Database::begin_read).
///
/// ```
/// use precedent::{Database, ReadTransaction, Table};
/// fn total(tx: &ReadTransaction<'_>, stock: &Table<String, u64>) -> u64 {
///     tx.values(stock, ..).sum()
/// }
/// let db = Database::new();
/// let stock = db.table("stock")?;
/// assert_eq!(db.read(|tx| total(tx, &stock))?, 0);
/// # Ok::<(), precedent::Error>(())
/// ```
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
/// The names are those of `BTreeMap`, with the table as first argument, where the meaning is
/// the same; a [`Snapshot`](crate::Snapshot) reads by the same ones. What differs:
///
/// | `BTreeMap` | here |
/// | --- | --- |
/// | `insert`, `remove`, which return the old value | [`replace`](Self::replace), [`take`](Self::take); `insert` and `remove` are blind and return nothing |
/// | `entry` | [`insert_if_absent`](Self::insert_if_absent), [`get_or_insert_with`](Self::get_or_insert_with), [`update`](Self::update) |
/// | `len`, in O(1) | [`count`](Self::count) of a range, in O(rows): a size kept would make every two writers meet |
/// | `iter`, `is_empty`, `keys`, `values` of the whole map | [`range`](Self::range), [`is_empty`](Self::is_empty), [`keys`](Self::keys), [`values`](Self::values) of a range, such as `..` |
/// | `range`, which panics if start lies after end | empty then |
/// | `range_mut`, `get_mut` | none: values that others may see are never changed in place |
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
    pub(crate) core: Core<'db>,
    mode: PhantomData<fn() -> M>,
}

impl<'db, M> Transaction<'db, M> {
    pub(crate) fn new(engine: EngineRef<'db>, origin: Origin) -> Self {
        Self { core: Core::begin(engine, origin), mode: PhantomData }
    }

    /// Ends the transaction. When it is gone, a conflict is told to who wants to hear of it.
    pub(crate) fn end(
        self,
        how: impl FnOnce(&Core<'db>) -> Result<Commit, Failure>,
    ) -> Result<Commit, Failure> {
        let ended = self.core.before_end().and_then(|()| how(&self.core));
        let Err(Failure::Refused(refused)) = &ended else { return ended };
        let (id, attempt, ear) = (self.id(), self.core.attempt, self.core.engine.ear());
        let database = Arc::clone(&self.core.engine.name);
        drop(self);
        trace::aborted(&database, id, refused.reason, attempt);
        if let (Some(conflict), Some(ear)) = (&refused.conflict, ear) {
            ear.tell(conflict);
        }
        ended
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
        {
            self.core.peeks();
            table.look_up(key, self.core.snapshot(), self.core.walker())?.version?.value()
        }
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
    #[must_use]
    pub fn id(&self) -> TransactionId {
        self.core.id()
    }

    /// Gives the transaction a name that conflicts and [statistics](crate::Stats::oldest)
    /// tell.
    ///
    /// ```
    /// let db = precedent::Database::new();
    /// let tx = db.begin();
    /// tx.label("nightly report");
    /// ```
    pub fn label(&self, label: impl Into<Cow<'static, str>>) {
        self.core.set_label(label.into());
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
    #[must_use]
    pub fn read_timestamp(&self) -> Timestamp {
        Timestamp::from(self.core.snapshot())
    }

    /// Which run of a `transact` closure this is: 1 for the first one.
    ///
    /// ```
    /// let db = precedent::Database::new();
    /// assert_eq!(db.begin().attempt(), 1);
    /// ```
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.core.attempt.unwrap_or(1)
    }

    /// Whether the commit is certain to fail: a key that this transaction has both read
    /// and written was overwritten by another, a limit was exceeded, or the transaction was
    /// given up [because of its age](crate::Database::doom_older_than). A write that a
    /// rollback to an open savepoint could still undo dooms nobody. Reads go on to return
    /// what they returned. O(own writes x (log n + reads)) until it is true. Under
    /// `Isolation::Snapshot` a key dooms nobody.
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
    #[must_use]
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
    /// [`Error::Conflict`] if no serial order contains what was observed,
    /// [`Error::TimedOut`] if the transaction was given up because of its age.
    pub fn finish(self) -> Result<Commit, Error> {
        Ok(self.end(Core::finish)?)
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

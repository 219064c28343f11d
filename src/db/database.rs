//! The database and its tables.

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;
use std::time::Duration;

use crate::bugs::Bugs;
use crate::db::census::Census;
use crate::error::Error;
use crate::store::index::Index;
use crate::store::usage::Usage;
use crate::sync::{Mutex, next_number};
use crate::tx::{Commit, EngineRef, Origin, ascending};
use crate::tx::{Config, Engine, Key, ReadTransaction, Table, TableInner, Transaction, Value};

/// An in-memory database of typed tables. Nothing survives the process.
///
/// Cheap to clone; all clones are the same database. It can be used across a
/// [`catch_unwind`](std::panic::catch_unwind): a panic in user code leaves it whole.
///
/// ```
/// use precedent::{Database, Table};
/// let db = Database::new();
/// let ledger: Table<(u64, u64), i64> = db.table("ledger")?; // (account, entry) -> cents
///
/// // Retried on conflict, so the closure may run more than once.
/// db.transact(|tx| {
///     let balance: i64 = tx.range(&ledger, (42, 0)..(43, 0)).map(|(_, cents)| cents).sum();
///     tx.insert(&ledger, (42, 0), 100 - balance);
///     Ok(())
/// })?;
/// assert_eq!(db.read(|tx| tx.get(&ledger, &(42, 0)).copied())?, Some(100));
/// # Ok::<(), precedent::Error>(())
/// ```
#[derive(Clone)]
pub struct Database {
    pub(crate) engine: Arc<Engine>,
    tables: Arc<Mutex<BTreeMap<Arc<str>, AnyTable>>>,
}

/// A table with its types erased, and named.
struct AnyTable {
    table: Arc<dyn Census>,
    any: Arc<dyn Any + Send + Sync>,
    types: &'static str,
}

impl Database {
    /// An empty database with default settings: serializable.
    ///
    /// ```
    /// let db = precedent::Database::new();
    /// ```
    #[must_use]
    pub fn new() -> Self {
        Self::with(None, Config::default(), Bugs::NONE)
    }

    pub(crate) fn with(name: Option<String>, config: Config, bugs: Bugs) -> Self {
        let number = next_number();
        let name = name.unwrap_or_else(|| format!("database {number}"));
        let engine = Engine::new(number, name.into(), config, bugs);
        Self { engine: Arc::new(engine), tables: Arc::new(Mutex::new(BTreeMap::new())) }
    }

    /// The name that the builder was given, or a made-up one.
    ///
    /// ```
    /// assert!(!precedent::Database::new().name().is_empty());
    /// ```
    #[must_use]
    pub fn name(&self) -> &str {
        &self.engine.name
    }

    /// Opens a table, creating it if there is none of this name. O(log tables).
    ///
    /// ```
    /// use precedent::{Database, Table};
    /// let db = Database::new();
    /// let words: Table<String, u64> = db.table("words")?;
    /// assert!(db.table::<u8, u8>("words").is_err());
    /// # Ok::<(), precedent::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::TableTypes`] if the table exists with other types.
    pub fn table<K: Key, V: Value>(&self, name: &str) -> Result<Table<K, V>, Error> {
        let asked_for = std::any::type_name::<Table<K, V>>();
        let mut tables = self.tables.lock();
        if let Some(found) = tables.get(name) {
            let table = Arc::clone(&found.any).downcast::<TableInner<K, V>>();
            return table.map(Table).map_err(|_| Error::TableTypes {
                table: name.to_owned(),
                created_as: found.types,
                asked_for,
            });
        }
        let name: Arc<str> = name.into();
        let table = Arc::new(TableInner::<K, V> {
            name: Arc::clone(&name),
            number: next_number(),
            engine: self.engine.number,
            database: Arc::clone(&self.engine.name),
            index: Index::new(
                &self.engine.registry,
                &self.engine.collector,
                self.engine.usage.as_ref().map(Usage::part),
            ),
        });
        let (census, any) = (Arc::clone(&table), Arc::clone(&table));
        tables.insert(name, AnyTable { table: census, any, types: asked_for });
        Ok(Table(table))
    }

    /// Writes many rows in one commit, in time linear in the rows and the table. Keys that
    /// are there already are overwritten.
    ///
    /// The keys must ascend strictly. As with other blind writes nothing is observed, so
    /// nothing can be in the way; whoever has read what is written here, by a range too,
    /// can conflict with the load as with any other commit. All rows become visible at
    /// once. [`max_own_values`](crate::Builder::max_own_values) does not apply. The rows are
    /// taken from the iterator before a transaction begins.
    ///
    /// Costs O(rows + keys in the table), or O(rows x log keys) if the rows are few.
    ///
    /// ```
    /// # use precedent::{Database, Error, Table};
    /// let db = Database::new();
    /// let squares: Table<u64, u64> = db.table("squares")?;
    /// let commit = db.bulk_load(&squares, (0..1_000).map(|n| (n, n * n)))?;
    ///
    /// let tx = db.begin_read();
    /// assert_eq!(tx.read_timestamp(), commit.timestamp());
    /// assert_eq!(tx.get(&squares, &31), Some(&961));
    ///
    /// let unsorted = db.bulk_load(&squares, [(1, 0), (3, 0), (2, 0)]);
    /// assert!(matches!(unsorted, Err(Error::NotAscending { position: 2, .. })));
    /// # Ok::<(), precedent::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::NotAscending`] if the keys do not ascend strictly. Under
    /// [`Isolation::Snapshot`](crate::Isolation::Snapshot) also [`Error::Conflict`], if
    /// another transaction has committed one of the keys meanwhile. Either way nothing is
    /// loaded.
    ///
    /// # Panics
    /// If the table belongs to another database, or if the iterator or a comparator does;
    /// then nothing is loaded.
    #[track_caller]
    pub fn bulk_load<K: Key, V: Value>(
        &self,
        table: &Table<K, V>,
        rows: impl IntoIterator<Item = (K, V)>,
    ) -> Result<Commit, Error> {
        match ascending(rows) {
            Ok(rows) => self.begin().load(table, rows),
            Err(position) => Err(Error::NotAscending { table: table.name().to_owned(), position }),
        }
    }

    /// Takes a table out of the database; true if there was one of this name, which is
    /// free from now on, for a table of other types too.
    ///
    /// Not a part of any transaction, and nothing is read or written: handles that exist
    /// go on working on the table, which is only detached. Its memory goes with the last
    /// of them, and with the last transaction that has touched it. Events and conflicts
    /// name the old table and a new one of its name alike. O(log tables), and O(rows) for
    /// the last handle.
    ///
    /// ```
    /// use precedent::{Database, Table};
    /// let db = Database::new();
    /// let old: Table<u8, char> = db.table("letters")?;
    /// db.transact(|tx| Ok(tx.insert(&old, 1, 'a')))?;
    /// assert!(db.drop_table("letters") && !db.drop_table("letters"));
    /// let new: Table<char, u8> = db.table("letters")?;
    /// assert!(db.begin().is_empty(&new, ..));
    /// assert_eq!(db.begin().get(&old, &1), Some(&'a'));
    /// # Ok::<(), precedent::Error>(())
    /// ```
    pub fn drop_table(&self, name: &str) -> bool {
        let table = self.tables.lock().remove(name);
        // Dropped here, outside the lock: keys and values are the user's.
        table.is_some()
    }

    /// Begins a transaction that borrows the database. Never waits, never fails.
    ///
    /// ```
    /// # use precedent::{Database, Table};
    /// # let db = Database::new();
    /// # let t: Table<u8, char> = db.table("t")?;
    /// let tx = db.begin();
    /// tx.insert(&t, 1, 'a');
    /// tx.commit()?;
    /// # Ok::<(), precedent::Error>(())
    /// ```
    #[must_use = "a transaction that is dropped is rolled back"]
    #[track_caller]
    pub fn begin(&self) -> Transaction<'_> {
        Transaction::new(EngineRef::Borrowed(&self.engine), Origin::by_hand(false))
    }

    /// Begins a transaction that keeps the database alive by itself.
    ///
    /// ```
    /// use precedent::{Database, Transaction};
    /// let tx: Transaction<'static> = Database::new().begin_owned();
    /// std::thread::spawn(move || tx.commit()).join().unwrap()?;
    /// # Ok::<(), precedent::Error>(())
    /// ```
    #[must_use = "a transaction that is dropped is rolled back"]
    #[track_caller]
    pub fn begin_owned(&self) -> Transaction<'static> {
        Transaction::new(EngineRef::Owned(Arc::clone(&self.engine)), Origin::by_hand(false))
    }

    /// Begins a read-only transaction at the newest timestamp.
    ///
    /// ```
    /// # let db = precedent::Database::new();
    /// let tx = db.begin_read();
    /// tx.finish()?;
    /// # Ok::<(), precedent::Error>(())
    /// ```
    #[must_use = "a transaction that is dropped certifies nothing"]
    #[track_caller]
    pub fn begin_read(&self) -> ReadTransaction<'_> {
        Transaction::new(EngineRef::Borrowed(&self.engine), Origin::by_hand(true))
    }

    /// A run of a retry loop that was called at `place`.
    pub(crate) fn begin_attempt<M>(&self, origin: Origin) -> Transaction<'_, M> {
        Transaction::new(EngineRef::Borrowed(&self.engine), origin)
    }

    /// Frees everything that no open transaction can need. Ordinary traffic does the same
    /// bit by bit; this is for those who cannot wait. O(what there is to free).
    ///
    /// ```
    /// # use precedent::{Database, Table};
    /// # let db = Database::new();
    /// # let t: Table<u8, u64> = db.table("t")?;
    /// for n in 0..10 {
    ///     db.transact(|tx| Ok(tx.insert(&t, 1, n)))?;
    /// }
    /// db.collect();
    /// assert_eq!(db.stats().versions, 1);
    /// # Ok::<(), precedent::Error>(())
    /// ```
    pub fn collect(&self) {
        self.engine.collect_all();
    }

    /// Gives up the transactions that have been open for longer than that, leaked ones
    /// included, and returns how many. From then on they no longer hold back safe snapshots
    /// and the footprints of commits. Their reads go on, at the snapshot that they have, and
    /// what they have seen stays alive; but they
    /// [are doomed](crate::Transaction::is_doomed), and their end fails with
    /// [`Error::TimedOut`].
    ///
    /// Not given up are those whose commit has begun already, and readers whose snapshot is
    /// known to be safe, which hold back nothing but the versions that they can see. The
    /// age of a run of [`read`](Self::read) counts from when somebody asked for it first,
    /// be it this call or [`stats`](Self::stats). O(transactions ever open at a time).
    ///
    /// ```
    /// # use precedent::{Database, Table};
    /// # let db = Database::new();
    /// # let t: Table<u8, char> = db.table("t")?;
    /// use std::time::Duration;
    /// let forgotten = db.begin();
    /// forgotten.insert(&t, 1, 'a');
    /// assert_eq!(db.doom_older_than(Duration::from_secs(60)), 0);
    /// assert_eq!(db.doom_older_than(Duration::ZERO), 1);
    /// assert!(forgotten.is_doomed());
    /// assert_eq!(forgotten.get(&t, &1), Some(&'a'));
    /// assert!(forgotten.commit().unwrap_err().is_timed_out());
    /// # Ok::<(), precedent::Error>(())
    /// ```
    pub fn doom_older_than(&self, age: Duration) -> usize {
        let doomed = self.engine.doom_older_than(age);
        if doomed > 0 {
            self.engine.tidy_now();
        }
        doomed
    }

    /// Every table, to be counted.
    pub(crate) fn censuses(&self) -> Vec<Arc<dyn Census>> {
        self.tables.lock().values().map(|table| Arc::clone(&table.table)).collect()
    }
}

// A panic in user code leaves the database whole: nothing that it holds is ever seen half-way.
impl UnwindSafe for Database {}
impl RefUnwindSafe for Database {}

impl Default for Database {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database").field("name", &self.name()).finish_non_exhaustive()
    }
}

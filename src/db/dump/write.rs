//! Writing a dump.

use std::any::type_name;
use std::fmt;
use std::io::Write;

use serde::Serialize;

use crate::db::dump::error::DumpError;
use crate::db::dump::format::{Head, Kind, TableEnd, TableHead, Writer, encode};
use crate::db::dump::probe;
use crate::timestamp::Timestamp;
use crate::tx::{Key, Snapshot, Table, Value};

/// A block of rows is written as soon as it has so many bytes.
const ROWS_BYTES: usize = 1 << 16;

/// Writes tables of one snapshot to a stream, while others go on writing to the database.
/// With the feature `serde`.
///
/// A database does not know how to write its values, so each table is named once, with its
/// types. [`Load`](crate::Load) reads it again.
///
/// ```
/// use precedent::{Database, Dump, Load, Table};
/// let db = Database::new();
/// let stock: Table<String, u32> = db.table("stock")?;
/// let orders: Table<(u64, u64), Option<String>> = db.table("orders")?;
/// db.transact(|tx| {
///     tx.insert(&stock, "bolts".into(), 100);
///     tx.insert(&orders, (1, 1), Some("bolts".into()));
///     Ok(())
/// })?;
///
/// let mut bytes = Vec::new(); // or a file
/// let summary = Dump::new(&db.safe_snapshot()).table(&stock).table(&orders).write_to(&mut bytes)?;
/// assert_eq!((summary.tables, summary.rows), (2, 2));
///
/// let copy = Database::new();
/// let (stock, orders) = (copy.table("stock")?, copy.table("orders")?);
/// Load::read_from(&bytes[..])?
///     .table::<String, u32>(&stock)
///     .table::<(u64, u64), Option<String>>(&orders)
///     .commit_to(&copy)?;
/// assert_eq!(copy.safe_snapshot().get(&stock, "bolts"), Some(&100));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "a dump is written by `write_to`"]
pub struct Dump<'s> {
    snapshot: &'s Snapshot,
    tables: Vec<Box<dyn Source>>,
}

/// What was dumped; by [`Dump::write_to`].
///
/// ```
/// # use precedent::{Database, Dump};
/// # let db = Database::new();
/// let snapshot = db.safe_snapshot();
/// let dump = Dump::new(&snapshot);
/// let write = || dump.write_to(std::io::sink()); // it can be sent to other threads
/// let summary = std::thread::scope(|scope| scope.spawn(write).join().unwrap())?;
/// assert_eq!(summary.timestamp, snapshot.timestamp());
/// # Ok::<(), precedent::DumpError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct DumpSummary {
    /// The snapshot's: the newest commit that is in the dump.
    pub timestamp: Timestamp,
    /// How many tables.
    pub tables: u64,
    /// How many rows in all of them.
    pub rows: u64,
    /// How many bytes were written.
    pub bytes: u64,
}

/// A table that can be written.
trait Source: Send + Sync {
    fn name(&self) -> &str;
    /// Writes it; how many rows it has.
    fn write(&self, snapshot: &Snapshot, out: &mut Writer<'_>) -> Result<u64, DumpError>;
}

impl<'s> Dump<'s> {
    /// A dump of this snapshot, so far without tables. [`Database::safe_snapshot`] gives
    /// one that has a place in the serial order.
    ///
    /// ```
    /// # use precedent::{Database, Dump};
    /// # let db = Database::new();
    /// let nothing = Dump::new(&db.safe_snapshot()).write_to(std::io::sink())?;
    /// assert_eq!(nothing.tables, 0);
    /// # Ok::<(), precedent::DumpError>(())
    /// ```
    ///
    /// [`Database::safe_snapshot`]: crate::Database::safe_snapshot
    pub fn new(snapshot: &'s Snapshot) -> Self {
        Self { snapshot, tables: Vec::new() }
    }

    /// Adds a table.
    ///
    /// ```
    /// # use precedent::{Database, Dump, Table};
    /// # let db = Database::new();
    /// let stock: Table<String, u32> = db.table("stock")?;
    /// let snapshot = db.safe_snapshot();
    /// let dump = Dump::new(&snapshot).table(&stock);
    /// # dump.write_to(std::io::sink())?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Panics
    /// If the table belongs to another database than the snapshot.
    pub fn table<K: Key + Serialize, V: Value + Serialize>(mut self, table: &Table<K, V>) -> Self {
        // Panics if it is another database's: better here than when half is written.
        let _ = self.snapshot.range(table, ..);
        self.tables.push(Box::new(table.clone()));
        self
    }

    /// Writes it all, in blocks of some 64 KiB, and flushes. Memory does not grow with the
    /// dump. O(rows).
    ///
    /// ```
    /// # use precedent::{Database, Dump};
    /// # let db = Database::new();
    /// let mut bytes = Vec::new();
    /// let summary = Dump::new(&db.safe_snapshot()).write_to(&mut bytes)?;
    /// assert_eq!(summary.bytes, bytes.len() as u64);
    /// # Ok::<(), precedent::DumpError>(())
    /// ```
    ///
    /// # Errors
    /// [`DumpError::Io`] of the stream; [`DumpError::TableTwice`];
    /// [`DumpError::Encode`] if a key or value cannot be written such that it comes back
    /// the same. What was written until then is refused by a load.
    pub fn write_to<W: Write>(&self, mut out: W) -> Result<DumpSummary, DumpError> {
        self.check_names()?;
        let timestamp = self.snapshot.timestamp();
        let tables = self.tables.len() as u64;
        let mut writer = Writer::new(&mut out)?;
        let head: Head = (timestamp.into(), self.snapshot.is_safe(), tables);
        writer.value(Kind::Head, &head)?;
        let mut rows = 0;
        for table in &self.tables {
            rows += table.write(self.snapshot, &mut writer)?;
        }
        let bytes = writer.end()?;
        Ok(DumpSummary { timestamp, tables, rows, bytes })
    }

    fn check_names(&self) -> Result<(), DumpError> {
        for (number, table) in self.tables.iter().enumerate() {
            let before = &self.tables[..number];
            if before.iter().any(|other| other.name() == table.name()) {
                return Err(DumpError::TableTwice { table: table.name().to_owned() });
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Dump<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tables: Vec<_> = self.tables.iter().map(|table| table.name()).collect();
        f.debug_struct("Dump").field("snapshot", self.snapshot).field("tables", &tables).finish()
    }
}

impl<K: Key + Serialize, V: Value + Serialize> Source for Table<K, V> {
    fn name(&self) -> &str {
        Table::name(self)
    }

    fn write(&self, snapshot: &Snapshot, out: &mut Writer<'_>) -> Result<u64, DumpError> {
        let head: TableHead =
            (self.name().to_owned(), type_name::<K>().to_owned(), type_name::<V>().to_owned());
        out.value(Kind::Table, &head)?;
        let mut body = Vec::new();
        let mut rows: TableEnd = 0;
        for (key, value) in snapshot.range(self, ..) {
            let written = append(key, &mut body).and_then(|()| append(value, &mut body));
            written.map_err(|reason| DumpError::Encode {
                table: self.name().to_owned(),
                row: rows,
                reason,
            })?;
            rows += 1;
            if body.len() >= ROWS_BYTES {
                out.block(Kind::Rows, &body)?;
                body.clear();
            }
        }
        if !body.is_empty() {
            out.block(Kind::Rows, &body)?;
        }
        out.value(Kind::TableEnd, &rows)?;
        Ok(rows)
    }
}

fn append<T: Serialize>(value: &T, body: &mut Vec<u8>) -> Result<(), String> {
    probe::check(value)?;
    encode(value, body)
}

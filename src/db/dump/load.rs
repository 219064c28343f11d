//! Reading a dump, and loading it as one commit.

use std::any::type_name;
use std::fmt;
use std::io::Read;
use std::panic::Location;

use serde::de::DeserializeOwned;

use crate::db::database::Database;
use crate::db::dump::error::DumpError;
use crate::db::dump::format::{Block, Head, Kind, Reader, TableEnd, TableHead, decode};
use crate::timestamp::Timestamp;
use crate::tx::{Commit, Key, Table, Transaction, Value};

/// A dump that was read and found to be whole. With the feature `serde`.
///
/// Each of its tables must be named, with types that read what was written: the ones it was
/// dumped with, or others that understand the same data, such as a struct with one more
/// field that has a default. [`commit_to`](Self::commit_to) loads all of them, or nothing.
///
/// ```
/// use precedent::{Database, Dump, Load, Table};
/// # let db = Database::new();
/// # let stock: Table<String, u32> = db.table("stock")?;
/// # let mut bytes = Vec::new();
/// # Dump::new(&db.safe_snapshot()).table(&stock).write_to(&mut bytes)?;
/// let copy = Database::new();
/// let stock: Table<String, u32> = copy.table("stock")?;
/// let load = Load::read_from(&bytes[..])?.table(&stock);
/// std::thread::spawn(move || load.commit_to(&copy)).join().unwrap()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "nothing is loaded before `commit_to`"]
pub struct Load {
    head: Head,
    sections: Vec<Section>,
    targets: Vec<Box<dyn Target>>,
}

/// What was loaded; by [`Load::commit_to`].
///
/// ```
/// # use precedent::{Database, Dump, Load};
/// # let db = Database::new();
/// # let mut bytes = Vec::new();
/// # Dump::new(&db.safe_snapshot()).write_to(&mut bytes)?;
/// let copy = Database::new();
/// let summary = Load::read_from(&bytes[..])?.commit_to(&copy)?;
/// assert_eq!((summary.tables, summary.rows), (0, 0));
/// assert_eq!(summary.commit.timestamp(), copy.stats().published);
/// # Ok::<(), precedent::DumpError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct LoadSummary {
    /// The commit that loaded it.
    pub commit: Commit,
    /// How many tables.
    pub tables: u64,
    /// How many rows in all of them.
    pub rows: u64,
}

/// A table of the dump.
struct Section {
    name: String,
    key: String,
    value: String,
    rows: u64,
    /// Keys and values in turn.
    bytes: Vec<u8>,
}

/// A table to load into.
trait Target: Send + Sync {
    fn name(&self) -> &str;
    /// Puts all rows of the section into the table.
    fn fill(&self, tx: &Transaction<'_>, section: &Section) -> Result<(), DumpError>;
}

impl Load {
    /// Reads a dump to the end of the stream and checks the whole of it: format, lengths,
    /// checksums. Rows are looked at by [`commit_to`](Self::commit_to), which knows their
    /// types. Holds the dump in memory. O(bytes).
    ///
    /// ```
    /// # use precedent::{Database, Dump, DumpError, Load};
    /// # let db = Database::new();
    /// let mut bytes = Vec::new();
    /// Dump::new(&db.safe_snapshot()).write_to(&mut bytes)?;
    /// assert!(Load::read_from(&bytes[..]).is_ok());
    /// bytes.pop();
    /// let error = Load::read_from(&bytes[..]).unwrap_err();
    /// assert!(matches!(error, DumpError::Truncated { .. }));
    /// # Ok::<(), precedent::DumpError>(())
    /// ```
    ///
    /// # Errors
    /// [`DumpError::Io`] of the stream; [`DumpError::NotADump`],
    /// [`DumpError::UnknownFormat`], [`DumpError::Truncated`], [`DumpError::Damaged`] or
    /// [`DumpError::TrailingBytes`] if it is not a whole dump and nothing else.
    pub fn read_from<R: Read>(mut input: R) -> Result<Self, DumpError> {
        let mut reader = Reader::new(&mut input)?;
        let block = reader.block()?;
        let head: Head = expect(&block, Kind::Head)?;
        let mut sections = Vec::new();
        let end = loop {
            let block = reader.block()?;
            if block.kind == Kind::End {
                break block;
            }
            sections.push(Section::read(&mut reader, &block)?);
        };
        reader.end(&end)?;
        if sections.len() as u64 != head.2 {
            return Err(DumpError::Damaged { offset: end.offset });
        }
        Ok(Self { head, sections, targets: Vec::new() })
    }

    /// The newest commit that is in the dump, of the database that it was made from.
    ///
    /// ```
    /// # use precedent::{Database, Dump, Load};
    /// # let db = Database::new();
    /// let (snapshot, mut bytes) = (db.safe_snapshot(), Vec::new());
    /// Dump::new(&snapshot).write_to(&mut bytes)?;
    /// assert_eq!(Load::read_from(&bytes[..])?.timestamp(), snapshot.timestamp());
    /// # Ok::<(), precedent::DumpError>(())
    /// ```
    #[must_use]
    pub fn timestamp(&self) -> Timestamp {
        Timestamp::from(self.head.0)
    }

    /// Whether the snapshot was known to be [safe](crate::Snapshot::is_safe) when it was
    /// dumped.
    ///
    /// ```
    /// # use precedent::{Database, Dump, Load};
    /// # let db = Database::new();
    /// let mut bytes = Vec::new();
    /// Dump::new(&db.safe_snapshot()).write_to(&mut bytes)?;
    /// assert!(Load::read_from(&bytes[..])?.is_safe());
    /// # Ok::<(), precedent::DumpError>(())
    /// ```
    #[must_use]
    pub fn is_safe(&self) -> bool {
        self.head.1
    }

    /// The tables in the dump, each with how many rows it has, in the order of the dump.
    ///
    /// ```
    /// # use precedent::{Database, Dump, Load, Table};
    /// # let db = Database::new();
    /// # let stock: Table<String, u32> = db.table("stock")?;
    /// # let mut bytes = Vec::new();
    /// Dump::new(&db.safe_snapshot()).table(&stock).write_to(&mut bytes)?;
    /// assert!(Load::read_from(&bytes[..])?.tables().eq([("stock", 0)]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn tables(&self) -> impl Iterator<Item = (&str, u64)> {
        self.sections.iter().map(|section| (&*section.name, section.rows))
    }

    /// Names a table to load: it gets what the table of the same name had.
    ///
    /// ```
    /// # use precedent::{Database, Dump, Load, Table};
    /// # let db = Database::new();
    /// # let stock: Table<String, u32> = db.table("stock")?;
    /// # let mut bytes = Vec::new();
    /// # Dump::new(&db.safe_snapshot()).table(&stock).write_to(&mut bytes)?;
    /// # let copy = Database::new();
    /// let stock: Table<String, u32> = copy.table("stock")?;
    /// let load = Load::read_from(&bytes[..])?.table(&stock);
    /// # load.commit_to(&copy)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn table<K, V>(mut self, table: &Table<K, V>) -> Self
    where
        K: Key + DeserializeOwned,
        V: Value + DeserializeOwned,
    {
        self.targets.push(Box::new(table.clone()));
        self
    }

    /// Loads all tables of the dump in one commit, or nothing at all. They must be empty.
    ///
    /// An ordinary transaction: it is run again after a conflict, and it is subject to
    /// [`max_own_values`](crate::Builder::max_own_values). O(rows), more if the order of the keys is
    /// another than in the dump.
    ///
    /// ```
    /// # use precedent::{Database, Dump, Load, Table};
    /// # let db = Database::new();
    /// # let stock: Table<String, u32> = db.table("stock")?;
    /// # db.transact(|tx| Ok(tx.insert(&stock, "bolts".into(), 100)))?;
    /// # let mut bytes = Vec::new();
    /// # Dump::new(&db.safe_snapshot()).table(&stock).write_to(&mut bytes)?;
    /// let copy = Database::new();
    /// let stock: Table<String, u32> = copy.table("stock")?;
    /// let summary = Load::read_from(&bytes[..])?.table(&stock).commit_to(&copy)?;
    /// assert_eq!((summary.tables, summary.rows), (1, 1));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`DumpError::TableTwice`], [`DumpError::TableMissing`] and
    /// [`DumpError::TablesLeftOver`] if the tables named are not those in the dump;
    /// [`DumpError::TableNotEmpty`]; [`DumpError::Decode`] and
    /// [`DumpError::DuplicateKey`] if the rows are not of the tables' types;
    /// [`DumpError::Database`] if the transaction failed.
    ///
    /// # Panics
    /// If a table belongs to another database.
    #[track_caller]
    pub fn commit_to(&self, db: &Database) -> Result<LoadSummary, DumpError> {
        let pairs = self.pairs()?;
        let load = |tx: &Transaction<'_>| {
            pairs.iter().try_for_each(|(target, section)| target.fill(tx, section))
        };
        let ((), commit) = db.retry(Location::caller(), load)?;
        let rows = self.sections.iter().map(|section| section.rows).sum();
        Ok(LoadSummary { commit, tables: pairs.len() as u64, rows })
    }

    /// Each table to load into, with what it gets.
    fn pairs(&self) -> Result<Vec<(&dyn Target, &Section)>, DumpError> {
        let mut left: Vec<&Section> = self.sections.iter().collect();
        let mut pairs: Vec<(&dyn Target, &Section)> = Vec::new();
        for target in &self.targets {
            let table = || target.name().to_owned();
            if pairs.iter().any(|(other, _)| other.name() == target.name()) {
                return Err(DumpError::TableTwice { table: table() });
            }
            let Some(at) = left.iter().position(|section| section.name == target.name()) else {
                return Err(DumpError::TableMissing { table: table() });
            };
            pairs.push((&**target, left.remove(at)));
        }
        if left.is_empty() {
            return Ok(pairs);
        }
        let tables = left.into_iter().map(|section| section.name.clone()).collect();
        Err(DumpError::TablesLeftOver { tables })
    }
}

fn expect<T: DeserializeOwned>(block: &Block, kind: Kind) -> Result<T, DumpError> {
    if block.kind == kind {
        block.value()
    } else {
        Err(DumpError::Damaged { offset: block.offset })
    }
}

impl Section {
    /// Reads a table that begins with this block.
    fn read(reader: &mut Reader<'_>, begin: &Block) -> Result<Self, DumpError> {
        let (name, key, value): TableHead = expect(begin, Kind::Table)?;
        let mut bytes = Vec::new();
        loop {
            let mut block = reader.block()?;
            if block.kind != Kind::Rows {
                let rows: TableEnd = expect(&block, Kind::TableEnd)?;
                return Ok(Self { name, key, value, rows, bytes });
            }
            bytes.append(&mut block.body);
        }
    }

    fn rows<K: DeserializeOwned, V: DeserializeOwned>(&self) -> Result<Vec<(K, V)>, DumpError> {
        let mut bytes = &self.bytes[..];
        let mut rows = Vec::new();
        for row in 0..self.rows {
            let pair = decode(&mut bytes).and_then(|key| Ok((key, decode(&mut bytes)?)));
            rows.push(pair.map_err(|reason| self.wrong::<K, V>(row, reason))?);
        }
        if bytes.is_empty() {
            Ok(rows)
        } else {
            Err(self.wrong::<K, V>(self.rows, "there is more than rows of this type".to_owned()))
        }
    }

    fn wrong<K, V>(&self, row: u64, reason: String) -> DumpError {
        DumpError::Decode {
            table: self.name.clone(),
            row,
            dumped_as: format!("({}, {})", self.key, self.value),
            asked_for: format!("({}, {})", type_name::<K>(), type_name::<V>()),
            reason,
        }
    }
}

impl<K, V> Target for Table<K, V>
where
    K: Key + DeserializeOwned,
    V: Value + DeserializeOwned,
{
    fn name(&self) -> &str {
        Table::name(self)
    }

    fn fill(&self, tx: &Transaction<'_>, section: &Section) -> Result<(), DumpError> {
        let table = || section.name.clone();
        if !tx.is_empty(self, ..) {
            return Err(DumpError::TableNotEmpty { table: table() });
        }
        let mut rows: Vec<(K, V)> = section.rows()?;
        // They are sorted unless the type orders its keys in another way than the dumped one.
        if !rows.is_sorted_by(|(one, _), (next, _)| one < next) {
            rows.sort_by(|(one, _), (other, _)| one.cmp(other));
            if let Some(twice) = rows.windows(2).find(|pair| pair[0].0 == pair[1].0) {
                let key = format!("{:?}", twice[0].0);
                return Err(DumpError::DuplicateKey { table: table(), key });
            }
        }
        rows.into_iter().for_each(|(key, value)| tx.insert(self, key, value));
        Ok(())
    }
}

impl fmt::Debug for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Load")
            .field("timestamp", &self.timestamp())
            .field("tables", &self.tables().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

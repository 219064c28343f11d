//! What an engine must be able to do to take part.
//!
//! A workload is written once, over these traits, and compiled anew for every engine: no
//! dynamic call lies between a transaction and the engine that runs it.

use crate::schema::{Key, Value};

/// This attempt cannot go on: the engine has refused it, and will be asked again. Which
/// refusal it was, the adapter has counted.
#[derive(Debug)]
pub struct Stop;

/// A part of a transaction that reads.
pub trait Read {
    type Key: Key;

    fn get(&mut self, table: u8, key: &Self::Key) -> Result<Option<u64>, Stop>;

    /// The numbers of up to `limit` keys, and their values, from `from` on, up to `to` or
    /// to the end of the table, in order.
    fn scan(
        &mut self,
        table: u8,
        from: &Self::Key,
        to: Option<&Self::Key>,
        limit: usize,
        each: impl FnMut(u64, u64),
    ) -> Result<(), Stop>;
}

/// A transaction that may write.
pub trait Write: Read {
    fn put(&mut self, table: u8, key: Self::Key, value: u64) -> Result<(), Stop>;
    fn remove(&mut self, table: u8, key: &Self::Key) -> Result<(), Stop>;

    /// Adds to a value, 0 if it is not there; the old one.
    fn add(&mut self, table: u8, key: &Self::Key, delta: u64) -> Result<u64, Stop> {
        let old = self.get(table, key)?.unwrap_or_default();
        self.put(table, key.clone(), old.wrapping_add(delta))?;
        Ok(old)
    }
}

/// An open database whose tables all have the same types.
pub trait Store: Send + Sync + Sized {
    type Key: Key;
    type Value: Value;
    type Reader<'a>: Read<Key = Self::Key>
    where
        Self: 'a;
    type Writer<'a>: Write<Key = Self::Key>
    where
        Self: 'a;

    /// `variant` is that of [`About`].
    fn open(tables: u8, variant: u8) -> Self;

    /// A serializable transaction that does not write; again until it has committed.
    fn read<R>(&self, work: impl FnMut(&mut Self::Reader<'_>) -> Result<R, Stop>) -> R;

    /// A serializable transaction; again until it has committed.
    fn write<R>(&self, work: impl FnMut(&mut Self::Writer<'_>) -> Result<R, Stop>) -> R;

    /// How often it refused an attempt, by reason, as far as it tells.
    fn aborts(&self) -> Vec<(&'static str, u64)> {
        Vec::new()
    }

    /// Versions that it holds, if it tells.
    fn versions(&self) -> Option<u64> {
        None
    }

    /// Gives back what it can, before its memory is measured.
    fn settle(&self) {}

    /// Bytes that the allocator does not know of: files.
    fn bytes_outside(&self) -> u64 {
        0
    }
}

/// An engine: its name, what it can do, and a database of it for any types.
pub trait Contestant: 'static {
    const ABOUT: About;
    type Store<K: Key, V: Value>: Store<Key = K, Value = V>;
}

/// What is said of an engine in every result.
#[derive(Clone, Copy)]
pub struct About {
    pub name: &'static str,
    /// The promise under which it runs here.
    pub isolation: &'static str,
    /// What has to be known to read its figures.
    pub note: &'static str,
    /// Whether what it runs are transactions at all.
    pub transactions: bool,
    /// Whether it can scan.
    pub ranges: bool,
    /// Whether a transaction that reads for long lets others write meanwhile.
    pub snapshots: bool,
    /// Whether it keeps data at all; the dry run does not.
    pub keeps: bool,
    /// Which of several ways to open it; 0 for those that take part unasked.
    pub variant: u8,
}

/// What a row contributes to the state of a database.
pub fn row_state(key: u64, value: u64) -> u64 {
    (key ^ value.rotate_left(32)).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(17) ^ value
}

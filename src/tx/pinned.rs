//! What all clones of a snapshot share: a pinned timestamp, and the tables lent from.
//!
//! Nothing else is frozen: a look-up takes the index as it is now and walks the record's
//! chain to the version that the timestamp sees. Both are there, since the pin keeps the
//! version in its chain (I4) and its record in the index (I5).
#![allow(unsafe_code)]

use std::any::Any;
use std::sync::Arc;

use crate::store::record::Record;
use crate::store::registry::Walk;
use crate::sync::OnceLock;
use crate::tx::pin_guard::PinGuard;
use crate::tx::table::{Key, Table, TableInner, Value};

pub(crate) struct Pinned {
    /// Before the pin, so that the values of a table that dies with it go first.
    tables: Tables,
    pub(crate) pin: Arc<PinGuard>,
}

impl Pinned {
    pub(crate) fn new(pin: Arc<PinGuard>) -> Self {
        Self { tables: Tables::default(), pin }
    }

    /// A table of this database, kept from now on.
    ///
    /// # Panics
    /// If the table belongs to another database.
    pub(crate) fn table<K: Key, V: Value>(&self, table: &Table<K, V>) -> &TableInner<K, V> {
        let engine = self.pin.engine();
        assert!(
            table.0.engine == engine.number,
            "table {:?} belongs to database {:?}, but the snapshot to database {:?}",
            table.0.name,
            table.0.database,
            engine.name,
        );
        self.tables.keep(&table.0)
    }

    /// For looking at records; not to be kept while nothing is looked at.
    pub(crate) fn walk(&self) -> Walk<'_> {
        self.pin.engine().registry.walk_anywhere()
    }

    /// A record's key and the value that this timestamp sees. The record must be of a
    /// table that [`table`](Self::table) keeps.
    pub(crate) fn row<'s, K: Key, V: Value>(
        &'s self,
        record: &Record<K, V>,
        walk: &Walk<'_>,
    ) -> Option<(&'s K, &'s V)> {
        let value = record.chain().visible_at(self.pin.timestamp(), walk)?.value()?;
        let (key, value): (*const K, *const V) = (record.key(), value);
        // SAFETY: the version is visible at a timestamp that stays pinned as long as this
        // snapshot, so it stays in its chain after the walk (I4), and since it is no
        // tombstone its record stays in the index (I5), which goes only with the table,
        // which this snapshot keeps.
        Some(unsafe { (&*key, &*value) })
    }
}

/// The tables that a snapshot has lent from: a list that only grows, so that references
/// into it stay while it is shared.
#[derive(Default)]
struct Tables {
    first: OnceLock<Box<Node>>,
}

struct Node {
    number: u64,
    table: Arc<dyn Any + Send + Sync>,
    next: OnceLock<Box<Node>>,
}

impl Tables {
    /// O(tables kept).
    fn keep<K: Key, V: Value>(&self, table: &Arc<TableInner<K, V>>) -> &TableInner<K, V> {
        let mut cell = &self.first;
        loop {
            let node = cell.get_or_init(|| {
                let kept = Arc::clone(table) as Arc<dyn Any + Send + Sync>;
                Box::new(Node { number: table.number, table: kept, next: OnceLock::new() })
            });
            // The types are part of a table's identity: its number has one pair of types.
            if node.number == table.number
                && let Some(found) = node.table.downcast_ref()
            {
                return found;
            }
            cell = &node.next;
        }
    }
}

impl Drop for Tables {
    fn drop(&mut self) {
        // A loop, not recursion: there may be many tables.
        let mut next = self.first.take();
        while let Some(mut node) = next {
            next = node.next.take();
        }
    }
}

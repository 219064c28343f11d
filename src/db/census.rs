//! Counting what one table holds.

use crate::store::record::Record;
use crate::store::version::{Count, Version};
use crate::tx::{Key, TableInner, Value};

/// What one table holds; in [`Stats::tables`](crate::Stats::tables).
///
/// ```
/// # use precedent::{Database, Table};
/// # let db = Database::new();
/// let names: Table<u8, String> = db.table("names")?;
/// db.transact(|tx| Ok([1, 2].map(|key| tx.insert(&names, key, "x".repeat(1_000)))))?;
/// db.transact(|tx| Ok(tx.remove(&names, &2)))?;
/// let table = &db.stats().tables[0];
/// assert_eq!((&*table.name, table.keys), ("names", 2)); // the removal is not collected yet
/// assert_eq!((table.versions, table.tombstones), (3, 1));
/// assert!(table.bytes > 0 && table.bytes < 2_000); // what the strings own is not known
/// # Ok::<(), precedent::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TableStats {
    /// The table's name.
    pub name: String,
    /// Keys in the index, with those whose removal is not collected yet.
    pub keys: usize,
    /// Versions alive, tombstones included.
    pub versions: usize,
    /// Versions that are removals.
    pub tombstones: usize,
    /// What the database itself has allocated for keys, values and their index. Shallow:
    /// what a key or a value owns elsewhere, like the text of a `String`, is not known to
    /// it. Not counted either are the allocator's own overhead, and what was replaced and
    /// waits for those who may still look at it.
    pub bytes: usize,
}

/// A table that can be counted.
pub(crate) trait Census: Send + Sync {
    /// O(keys and versions).
    fn census(&self) -> TableStats;
}

impl<K: Key, V: Value> Census for TableInner<K, V> {
    fn census(&self) -> TableStats {
        let walk = self.index.walk();
        let (mut keys, mut leaves, mut all) = (0, 0, Count::default());
        self.index.for_each_body(&walk, |body| {
            leaves += 1;
            keys += body.entries.len();
            for entry in &body.entries {
                let count = entry.record().census();
                all.versions += count.versions;
                all.tombstones += count.tombstones;
                all.apart += count.apart;
            }
        });
        let index = self.index.bytes(&walk, leaves, keys);
        let bytes = index + keys * size_of::<Record<K, V>>() + all.apart * size_of::<Version<V>>();
        let Count { versions, tombstones, .. } = all;
        TableStats { name: self.name.to_string(), keys, versions, tombstones, bytes }
    }
}

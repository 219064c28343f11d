//! Typed tables.

use std::fmt::{self, Debug};
use std::sync::Arc;

use crate::store::index::Index;

/// What a key must be: ordered, cloneable, printable, shareable between threads.
/// Implemented for every type that is.
///
/// The order must be total and must not change. Nothing unsafe follows if it is not, but
/// keys may be lost or found twice.
pub trait Key: Ord + Clone + Debug + Send + Sync + 'static {}
impl<K: Ord + Clone + Debug + Send + Sync + 'static> Key for K {}

/// What a value must be: shareable between threads. Implemented for every type that is.
pub trait Value: Send + Sync + 'static {}
impl<V: Send + Sync + 'static> Value for V {}

/// A handle to a table of a database: an ordered map from `K` to `V`.
///
/// Cheap to clone. All reading and writing goes through a transaction.
///
/// ```
/// use precedent::{Database, Table};
/// let db = Database::new();
/// let ages: Table<String, u8> = db.table("ages")?;
/// assert_eq!(ages.name(), "ages");
/// db.transact(|tx| Ok(tx.insert(&ages, "Ada".into(), 36)))?;
/// assert_eq!(db.read(|tx| tx.get(&ages, "Ada").copied())?, Some(36));
/// # Ok::<(), precedent::Error>(())
/// ```
pub struct Table<K, V>(pub(crate) Arc<TableInner<K, V>>);

/// A table itself.
pub(crate) struct TableInner<K, V> {
    pub(crate) name: Arc<str>,
    /// Unique within the process.
    pub(crate) number: u64,
    /// Of which database.
    pub(crate) engine: u64,
    pub(crate) database: Arc<str>,
    pub(crate) index: Index<K, V>,
}

impl<K: Key, V: Value> Table<K, V> {
    /// The name by which it was opened.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }
}

impl<K, V> Clone for Table<K, V> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<K, V> Debug for Table<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Table").field(&self.0.name).finish()
    }
}

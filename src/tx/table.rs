//! Typed tables.

use std::fmt::{self, Debug};
use std::sync::Arc;

use crate::store::index::Index;

/// What a key must be: ordered, cloneable, printable, shareable between threads.
/// Implemented for every type that is.
///
/// The order must be total and must not change. Nothing unsafe follows if it is not, but
/// keys may be lost or found twice.
///
/// ```
/// use precedent::{Database, Key, Table, Value};
/// fn swap<K: Key, V: Value + Clone>(db: &Database, table: &Table<K, V>, keys: (&K, &K)) {
///     let swapped = db.transact(|tx| {
///         if let (Some(one), Some(other)) = (tx.get(table, keys.0), tx.get(table, keys.1)) {
///             tx.insert(table, keys.0.clone(), other.clone());
///             tx.insert(table, keys.1.clone(), one.clone());
///         }
///         Ok(())
///     });
///     swapped.expect("two writes exceed no limit");
/// }
/// # let db = Database::new();
/// # let t: Table<u8, char> = db.table("t")?;
/// # db.transact(|tx| Ok([(1, 'a'), (2, 'b')].map(|(k, v)| tx.insert(&t, k, v))))?;
/// swap(&db, &t, (&1, &2));
/// assert!(db.safe_snapshot().values(&t, ..).eq(&['b', 'a']));
/// # Ok::<(), precedent::Error>(())
/// ```
pub trait Key: Ord + Clone + Debug + Send + Sync + 'static {}
impl<K: Ord + Clone + Debug + Send + Sync + 'static> Key for K {}

/// What a value must be: shareable between threads. Implemented for every type that is.
///
/// ```
/// fn value<V: precedent::Value>(_: V) {}
/// value(String::new());
/// value(std::sync::Arc::new([0_u8; 4]));
/// ```
///
/// ```compile_fail,E0277
/// # fn value<V: precedent::Value>(_: V) {}
/// value(std::rc::Rc::new(1)); // cannot be shared
/// ```
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

impl<K, V> Table<K, V> {
    /// The name by which it was opened.
    ///
    /// ```
    /// # use precedent::{Database, Table};
    /// let ages: Table<String, u8> = Database::new().table("ages")?;
    /// assert_eq!(ages.name(), "ages");
    /// # Ok::<(), precedent::Error>(())
    /// ```
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

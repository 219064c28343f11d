//! A thread that collects, for whoever wants one.

use std::fmt;
use std::time::Duration;

use crate::db::database::Database;
use crate::sync::Periodic;

/// Collects in a thread of its own until it is dropped, by [`Database::collect_every`].
///
/// It does not keep the database alive: when the last handle and the last transaction are
/// gone, the thread ends by itself.
///
/// ```
/// # use std::time::Duration;
/// use precedent::{Background, Database};
/// struct Service {
///     db: Database,
///     _collector: Background, // ends with the service
/// }
/// let db = Database::new();
/// let service = Service { _collector: db.collect_every(Duration::from_secs(1)), db };
/// assert_eq!(service.db.stats().versions, 0);
/// ```
#[must_use = "the thread ends when this is dropped"]
pub struct Background {
    _thread: Periodic,
}

impl Database {
    /// Starts a thread that [collects](Self::collect) again and again.
    ///
    /// It is not needed: every transaction that ends does a share of the work. It helps
    /// where bursts are followed by silence, and where values take long to drop, which then
    /// happens there. One is enough; several take turns. Dropping what this returns ends the
    /// thread.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use precedent::{Database, Table};
    /// let db = Database::new();
    /// let collector = db.collect_every(Duration::from_millis(1));
    /// let t: Table<u8, u8> = db.table("t")?;
    /// for n in 0..100 {
    ///     db.transact(|tx| Ok(tx.insert(&t, 1, n)))?;
    /// }
    /// while db.stats().versions > 1 {
    ///     std::thread::yield_now();
    /// }
    /// drop(collector);
    /// # Ok::<(), precedent::Error>(())
    /// ```
    pub fn collect_every(&self, interval: Duration) -> Background {
        let engine = std::sync::Arc::downgrade(&self.engine);
        let collect = move || engine.upgrade().map(|engine| engine.collect_all()).is_some();
        Background { _thread: Periodic::start(interval, collect) }
    }
}

impl fmt::Debug for Background {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Background").finish_non_exhaustive()
    }
}

//! Savepoints: undoing some of a transaction's writes.
//!
//! ```text
//!   insert a | savepoint 1 | insert b | savepoint 2 | insert c     written: a b c
//!                                     rollback_to 2                written: a b      open: 1 2
//!                                     rollback_to 1                written: a        open: 1
//! ```
//!
//! Open savepoints are a stack of numbers. A table learns of a savepoint by the first
//! write after it ([`WriteSet::put`](crate::tx::write_set::WriteSet::put)), so that taking
//! one costs nothing. Only writes are undone: what was observed, by the undone part of the
//! program too, was observed.

use crate::ssi::TransactionId;
use crate::tx::core::Core;
use crate::tx::transaction::{ReadWrite, Transaction};

/// A point in a transaction to which its writes can be rolled back; by
/// [`Transaction::savepoint`].
///
/// A plain token: dropping it does nothing.
///
/// ```
/// let db = precedent::Database::new();
/// let tx = db.begin();
/// let before = tx.savepoint();
/// assert!(format!("{before:?}").contains("Savepoint"));
/// ```
#[derive(Debug)]
#[must_use = "without its token nobody can roll back to it"]
pub struct Savepoint {
    database: u64,
    transaction: TransactionId,
    number: u64,
}

impl Core<'_> {
    fn roll_back_to(&self, number: u64) {
        self.savepoints.close_from(number + 1);
        self.tables.iter().for_each(|table| table.roll_back_to(number));
        self.hook().rollback_to(number);
    }

    fn release(&self, number: u64) {
        self.savepoints.close_from(number);
        let newest = self.savepoints.newest();
        self.tables.iter().for_each(|table| table.keep(newest));
    }
}

impl Transaction<'_, ReadWrite> {
    /// Takes a savepoint: [`rollback_to`](Self::rollback_to) undoes what is written from now
    /// on. Savepoints nest without limit. O(1).
    ///
    /// ```
    /// # use precedent::{Database, Table};
    /// # let db = Database::new();
    /// let seats: Table<u32, &str> = db.table("seats")?;
    /// let tx = db.begin();
    /// tx.insert(&seats, 1, "Ada");
    /// let before = tx.savepoint();
    /// tx.insert(&seats, 2, "Ben");
    /// tx.rollback_to(&before);
    /// tx.commit()?;
    /// assert!(db.begin().keys(&seats, ..).eq([&1]));
    /// # Ok::<(), precedent::Error>(())
    /// ```
    ///
    /// # Panics
    /// If a comparator calls it.
    pub fn savepoint(&self) -> Savepoint {
        self.core.assert_may_write();
        let number = self.core.savepoints.take();
        self.core.hook().savepoint(number);
        Savepoint { database: self.core.engine.number, transaction: self.id(), number }
    }

    /// Undoes the writes made since a savepoint. It stays open and can be rolled back to
    /// again; savepoints taken after it are gone.
    ///
    /// Only writes are undone. What was read since stays a read and can still be the
    /// reason of a conflict. Ranges that are open, and references to undone values, stay
    /// as they are; undone values count against
    /// [`max_own_values`](crate::Builder::max_own_values) until the transaction ends.
    /// O(tables + writes since).
    ///
    /// ```
    /// # use precedent::{Database, Table};
    /// # let db = Database::new();
    /// # let t: Table<u8, char> = db.table("t")?;
    /// let tx = db.begin();
    /// let start = tx.savepoint();
    /// for attempt in 'a'..='c' {
    ///     tx.insert(&t, 1, attempt);
    ///     tx.rollback_to(&start);
    /// }
    /// assert_eq!(tx.get(&t, &1), None);
    /// # Ok::<(), precedent::Error>(())
    /// ```
    ///
    /// # Panics
    /// If the savepoint is another transaction's or gone, or if a comparator calls it.
    pub fn rollback_to(&self, savepoint: &Savepoint) {
        self.core.assert_may_write();
        self.core.roll_back_to(self.number_of(savepoint));
    }

    /// Forgets a savepoint, and those taken after it, and keeps the writes made since.
    /// O(tables).
    ///
    /// ```
    /// # use precedent::{Database, Table};
    /// # let db = Database::new();
    /// # let t: Table<u8, char> = db.table("t")?;
    /// let tx = db.begin();
    /// let outer = tx.savepoint();
    /// let inner = tx.savepoint();
    /// tx.insert(&t, 1, 'a');
    /// tx.release(inner);
    /// assert_eq!(tx.get(&t, &1), Some(&'a'));
    /// tx.rollback_to(&outer); // what was released is undone with what is around it
    /// assert_eq!(tx.get(&t, &1), None);
    /// # Ok::<(), precedent::Error>(())
    /// ```
    ///
    /// # Panics
    /// If the savepoint is another transaction's or gone, or if a comparator calls it.
    #[expect(clippy::needless_pass_by_value, reason = "the token is used up")]
    pub fn release(&self, savepoint: Savepoint) {
        self.core.assert_may_write();
        self.core.release(self.number_of(&savepoint));
    }

    /// Runs a closure whose writes are kept if it returns `Ok`, and undone if it returns
    /// `Err` or panics: a savepoint that cannot be forgotten.
    ///
    /// Only writes are undone; see [`rollback_to`](Self::rollback_to). O(1) beside the
    /// closure if the writes are kept.
    ///
    /// ```
    /// # use precedent::{Database, Table};
    /// # let db = Database::new();
    /// let stock: Table<&str, u32> = db.table("stock")?;
    /// db.transact(|tx| {
    ///     tx.insert(&stock, "bolts", 3);
    ///     let order = tx.nested(|tx| {
    ///         tx.insert(&stock, "bolts", 2);
    ///         tx.take(&stock, &"nuts").copied().ok_or("no nuts")
    ///     });
    ///     assert_eq!(order, Err("no nuts"));
    ///     assert_eq!(tx.get(&stock, &"bolts"), Some(&3));
    ///     Ok(())
    /// })?;
    /// # Ok::<(), precedent::Error>(())
    /// ```
    ///
    /// # Errors
    /// What the closure returned.
    ///
    /// # Panics
    /// If the closure does, if it rolls back to or releases a savepoint that was taken
    /// before it ran, or if a comparator calls it.
    pub fn nested<R, E>(&self, f: impl FnOnce(&Self) -> Result<R, E>) -> Result<R, E> {
        let Savepoint { number, .. } = self.savepoint();
        let undone = Undone { core: &self.core, number };
        let result = f(self);
        assert!(
            self.core.savepoints.is_open(number),
            "a nested closure must not end a savepoint that was taken before it ran"
        );
        if result.is_ok() {
            std::mem::forget(undone);
            self.core.release(number);
        }
        result
    }

    /// # Panics
    /// If it is not an open savepoint of this transaction.
    fn number_of(&self, savepoint: &Savepoint) -> u64 {
        let of = (savepoint.database, savepoint.transaction);
        assert!(
            of == (self.core.engine.number, self.id()),
            "{savepoint:?} belongs to another transaction than {}",
            self.id()
        );
        assert!(
            self.core.savepoints.is_open(savepoint.number),
            "{savepoint:?} is gone: it was released, or an earlier one was rolled back to"
        );
        savepoint.number
    }
}

/// A nested closure that has not succeeded: when dropped, its writes are undone.
struct Undone<'t, 'db> {
    core: &'t Core<'db>,
    number: u64,
}

impl Drop for Undone<'_, '_> {
    fn drop(&mut self) {
        // Not open any more only after the panic that says so.
        if self.core.savepoints.is_open(self.number) {
            self.core.roll_back_to(self.number);
            self.core.release(self.number);
        }
    }
}

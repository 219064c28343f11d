//! What a user types inside a transaction that can write.

use std::borrow::Borrow;

use crate::error::Error;
use crate::key_range::KeyRange;
use crate::tx::commit::Commit;
use crate::tx::core::Core;
use crate::tx::table::{Key, Table, Value};
use crate::tx::transaction::{ReadWrite, Transaction};

impl Transaction<'_, ReadWrite> {
    /// Writes a value. Blind: it observes nothing. O(log own writes).
    ///
    /// ```
    /// # use precedent::{Database, Table};
    /// # let db = Database::new();
    /// # let t: Table<u8, char> = db.table("t")?;
    /// db.transact(|tx| Ok(tx.insert(&t, 1, 'a')))?;
    /// # Ok::<(), precedent::Error>(())
    /// ```
    ///
    /// # Panics
    /// This and every other write panics if a comparator calls it.
    pub fn insert<K: Key, V: Value>(&self, table: &Table<K, V>, key: K, value: V) {
        self.put(table, key, Some(value));
    }

    /// Removes a key. Blind: it does not tell whether the key was there. O(log own writes).
    ///
    /// ```
    /// # use precedent::{Database, Table};
    /// # let db = Database::new();
    /// # let t: Table<u8, char> = db.table("t")?;
    /// db.transact(|tx| Ok(tx.remove(&t, &1)))?;
    /// # Ok::<(), precedent::Error>(())
    /// ```
    pub fn remove<K, V, Q>(&self, table: &Table<K, V>, key: &Q)
    where
        K: Key + Borrow<Q>,
        V: Value,
        Q: Ord + ToOwned<Owned = K> + ?Sized,
    {
        self.put(table, key.to_owned(), None);
    }

    /// Writes a value and returns the old one. A read and a write.
    ///
    /// ```
    /// # use precedent::{Database, Table};
    /// # let db = Database::new();
    /// # let t: Table<u8, char> = db.table("t")?;
    /// let tx = db.begin();
    /// assert_eq!(tx.replace(&t, 1, 'a'), None);
    /// assert_eq!(tx.replace(&t, 1, 'b'), Some(&'a'));
    /// # Ok::<(), precedent::Error>(())
    /// ```
    pub fn replace<'t, K: Key, V: Value>(
        &'t self,
        table: &Table<K, V>,
        key: K,
        value: V,
    ) -> Option<&'t V> {
        let old = self.get(table, &key);
        self.put(table, key, Some(value));
        old
    }

    /// Removes a key and returns its value. A read, and a write if the key was there.
    ///
    /// ```
    /// # use precedent::{Database, Table};
    /// # let db = Database::new();
    /// # let t: Table<u8, char> = db.table("t")?;
    /// let tx = db.begin();
    /// tx.insert(&t, 1, 'a');
    /// assert_eq!(tx.take(&t, &1), Some(&'a'));
    /// assert_eq!(tx.take(&t, &1), None);
    /// # Ok::<(), precedent::Error>(())
    /// ```
    pub fn take<'t, K, V, Q>(&'t self, table: &Table<K, V>, key: &Q) -> Option<&'t V>
    where
        K: Key + Borrow<Q>,
        V: Value,
        Q: Ord + ToOwned<Owned = K> + ?Sized,
    {
        let old = self.get(table, key)?;
        self.put(table, key.to_owned(), None);
        Some(old)
    }

    /// Writes a value unless the key is there; returns the value that is. A read, and a
    /// write if the key was absent.
    ///
    /// ```
    /// # use precedent::{Database, Table};
    /// # let db = Database::new();
    /// # let t: Table<u8, char> = db.table("t")?;
    /// let tx = db.begin();
    /// assert_eq!(tx.insert_if_absent(&t, 1, 'a'), None);
    /// assert_eq!(tx.insert_if_absent(&t, 1, 'b'), Some(&'a'));
    /// # Ok::<(), precedent::Error>(())
    /// ```
    pub fn insert_if_absent<'t, K: Key, V: Value>(
        &'t self,
        table: &Table<K, V>,
        key: K,
        value: V,
    ) -> Option<&'t V> {
        let present = self.get(table, &key);
        if present.is_none() {
            self.put(table, key, Some(value));
        }
        present
    }

    /// Replaces the value of a key by what `change` makes of it and returns the new one;
    /// does nothing if the key is absent. A read, and a write if the key was there.
    ///
    /// ```
    /// # use precedent::{Database, Table};
    /// # let db = Database::new();
    /// # let hits: Table<u8, u64> = db.table("hits")?;
    /// let tx = db.begin();
    /// assert_eq!(tx.update(&hits, &1, |n| n + 1), None);
    /// tx.insert(&hits, 1, 41);
    /// assert_eq!(tx.update(&hits, &1, |n| n + 1), Some(&42));
    /// # Ok::<(), precedent::Error>(())
    /// ```
    pub fn update<'t, K, V, Q>(
        &'t self,
        table: &Table<K, V>,
        key: &Q,
        change: impl FnOnce(&V) -> V,
    ) -> Option<&'t V>
    where
        K: Key + Borrow<Q>,
        V: Value,
        Q: Ord + ToOwned<Owned = K> + ?Sized,
    {
        let old = self.get(table, key)?;
        self.write(table, key.to_owned(), Some(change(old)))
    }

    /// The value of a key, written first if the key is absent. A read, and a write if the
    /// key was absent.
    ///
    /// ```
    /// # use precedent::{Database, Table};
    /// # let db = Database::new();
    /// # let t: Table<u8, Vec<u8>> = db.table("t")?;
    /// assert!(db.begin().get_or_insert_with(&t, 1, Vec::new).is_empty());
    /// # Ok::<(), precedent::Error>(())
    /// ```
    pub fn get_or_insert_with<'t, K: Key, V: Value>(
        &'t self,
        table: &Table<K, V>,
        key: K,
        value: impl FnOnce() -> V,
    ) -> &'t V {
        if let Some(present) = self.get(table, &key) {
            return present;
        }
        match self.write(table, key, Some(value())) {
            Some(written) => written,
            None => unreachable!("a value was written, not a removal"),
        }
    }

    /// Removes the rows of a range; returns how many there were. A read of the whole range
    /// and a write of each of its rows, so it counts them against
    /// [`max_own_values`](crate::Builder::max_own_values).
    /// O(rows x log own writes).
    ///
    /// ```
    /// # use precedent::{Database, Table};
    /// # let db = Database::new();
    /// let log: Table<u64, &str> = db.table("log")?;
    /// db.transact(|tx| Ok((0..10).for_each(|n| tx.insert(&log, n, "entry"))))?;
    /// let removed = db.transact(|tx| Ok(tx.remove_range(&log, ..7)))?;
    /// assert_eq!(removed, 7);
    /// assert!(db.begin().keys(&log, ..).eq([&7, &8, &9]));
    /// # Ok::<(), precedent::Error>(())
    /// ```
    pub fn remove_range<K: Key, V: Value>(
        &self,
        table: &Table<K, V>,
        range: impl KeyRange<K>,
    ) -> usize {
        self.core.assert_may_write();
        // The range sees no removal that was made after it was created.
        let removals = self.keys(table, range).map(|key| self.remove(table, key));
        removals.count()
    }

    /// Removes every row of a table; returns how many there were. It reads the whole table
    /// and writes each row, as [`remove_range`](Self::remove_range) of `..` does.
    /// O(rows x log own writes).
    ///
    /// To be rid of a whole table without looking at it there is
    /// [`Database::drop_table`](crate::Database::drop_table).
    ///
    /// ```
    /// # use precedent::{Database, Table};
    /// # let db = Database::new();
    /// # let t: Table<u8, char> = db.table("t")?;
    /// let tx = db.begin();
    /// tx.insert(&t, 1, 'a');
    /// assert_eq!((tx.clear(&t), tx.clear(&t)), (1, 0));
    /// # Ok::<(), precedent::Error>(())
    /// ```
    pub fn clear<K: Key, V: Value>(&self, table: &Table<K, V>) -> usize {
        self.remove_range(table, ..)
    }

    /// Commits: certifies what was observed, then publishes the writes, all at once.
    /// When it returns, every transaction that begins from now on sees them.
    ///
    /// ```
    /// # use precedent::{Database, Table};
    /// # let db = Database::new();
    /// # let t: Table<u8, char> = db.table("t")?;
    /// let tx = db.begin();
    /// tx.insert(&t, 1, 'a');
    /// let commit = tx.commit()?;
    /// assert_eq!(db.begin().read_timestamp(), commit.timestamp());
    /// # Ok::<(), precedent::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Conflict`] if the commit would close a cycle, [`Error::LimitExceeded`] if
    /// the transaction was too large, [`Error::TimedOut`] if it was given up because of its
    /// age. In any case it has been rolled back.
    pub fn commit(self) -> Result<Commit, Error> {
        Ok(self.end(Core::commit)?)
    }

    /// Drops the writes and certifies what was observed, as `try_transact` does when its
    /// closure returns `Err`: if this succeeds, a decision not to write is sound.
    ///
    /// ```
    /// # use precedent::{Database, Table};
    /// # let db = Database::new();
    /// # let stock: Table<u8, u32> = db.table("stock")?;
    /// let tx = db.begin();
    /// tx.insert(&stock, 2, 0);
    /// if tx.get(&stock, &1).is_none() {
    ///     tx.finish_without_writes()?; // it is true that there is none
    /// }
    /// assert!(db.begin().is_empty(&stock, ..));
    /// # Ok::<(), precedent::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Conflict`] if no serial order contains what was observed;
    /// [`Error::LimitExceeded`] and [`Error::TimedOut`] as for [`commit`](Self::commit).
    pub fn finish_without_writes(self) -> Result<Commit, Error> {
        Ok(self.end(Core::finish)?)
    }

    fn write<K: Key, V: Value>(&self, table: &Table<K, V>, key: K, value: Option<V>) -> Option<&V> {
        let table = self.core.table(table);
        self.core.assert_may_write();
        self.core.hook().write(&table.table.name, &key, value.is_none());
        let within_limit = self.core.count_own_value();
        let _comparing = self.core.comparing();
        if !within_limit {
            return table.writes.set_aside(value);
        }
        table.writes.put(key, value, self.core.savepoints.newest())
    }

    /// As `write`, for those who need no reference: beyond the limit nothing is kept.
    fn put<K: Key, V: Value>(&self, table: &Table<K, V>, key: K, value: Option<V>) {
        if self.core.is_over_limit() {
            self.core.assert_may_write();
            return;
        }
        self.write(table, key, value);
    }
}

//! `skipdb`, its serializable database and serializable transactions.

use std::ops::Bound;
use std::sync::atomic::{AtomicU64, Ordering};

use skipdb::serializable::{SerializableDb, SerializableTransaction};

use crate::engine::{About, Contestant, Read, Stop, Store, Write};
use crate::schema::{Key, Value};

pub struct SkipDb;

impl Contestant for SkipDb {
    const ABOUT: About = About {
        name: "skipdb",
        isolation: "serializable snapshot isolation",
        note: "versions go only when it is told to compact, which nobody does in a run",
        transactions: true,
        ranges: true,
        snapshots: true,
        keeps: true,
        variant: 0,
    };
    type Store<K: Key, V: Value> = Opened<K, V>;
}

pub struct Opened<K, V> {
    db: SerializableDb<K, V>,
    conflicts: AtomicU64,
}

/// It has two kinds of transactions, of two types.
pub struct Reading<K: Key, V: Value>(
    skipdb::ReadTransaction<K, V, SerializableDb<K, V>, txn_core::sync::BTreeCm<K>>,
);
pub struct Writing<K: Key, V: Value>(SerializableTransaction<K, V>);

fn bounds<K: Key>(table: u8, from: &K, to: Option<&K>) -> (Bound<K>, Bound<K>) {
    let last = to.map_or_else(|| K::last_in_table(table), |to| to.clone().in_table(table));
    (Bound::Included(from.clone().in_table(table)), Bound::Included(last))
}

impl<K: Key, V: Value> Read for Reading<K, V> {
    type Key = K;

    fn get(&mut self, table: u8, key: &K) -> Result<Option<u64>, Stop> {
        Ok(self.0.get(&key.clone().in_table(table)).map(|row| row.value().amount()))
    }

    fn scan(
        &mut self,
        table: u8,
        from: &K,
        to: Option<&K>,
        limit: usize,
        mut each: impl FnMut(u64, u64),
    ) -> Result<(), Stop> {
        let rows = self.0.range(bounds(table, from, to)).take(limit);
        rows.for_each(|row| each(row.key().number(), row.value().amount()));
        Ok(())
    }
}

impl<K: Key, V: Value> Read for Writing<K, V> {
    type Key = K;

    fn get(&mut self, table: u8, key: &K) -> Result<Option<u64>, Stop> {
        let key = key.clone().in_table(table);
        let row = self.0.get(&key).map_err(|_| Stop)?;
        Ok(row.map(|row| row.value().amount()))
    }

    fn scan(
        &mut self,
        table: u8,
        from: &K,
        to: Option<&K>,
        limit: usize,
        mut each: impl FnMut(u64, u64),
    ) -> Result<(), Stop> {
        let rows = self.0.range(bounds(table, from, to)).map_err(|_| Stop)?;
        rows.take(limit).for_each(|row| each(row.key().number(), row.value().amount()));
        Ok(())
    }
}

impl<K: Key, V: Value> Write for Writing<K, V> {
    fn put(&mut self, table: u8, key: K, value: u64) -> Result<(), Stop> {
        self.0.insert(key.in_table(table), V::hold(value)).map_err(|_| Stop)
    }

    fn remove(&mut self, table: u8, key: &K) -> Result<(), Stop> {
        self.0.remove(key.clone().in_table(table)).map_err(|_| Stop)
    }
}

impl<K: Key, V: Value> Store for Opened<K, V> {
    type Key = K;
    type Value = V;
    type Reader<'a> = Reading<K, V>;
    type Writer<'a> = Writing<K, V>;

    fn open(_: u8, _: u8) -> Self {
        Self { db: SerializableDb::new(), conflicts: AtomicU64::new(0) }
    }

    fn read<R>(&self, mut work: impl FnMut(&mut Reading<K, V>) -> Result<R, Stop>) -> R {
        work(&mut Reading(self.db.read())).expect("a reader is refused nothing")
    }

    fn write<R>(&self, mut work: impl FnMut(&mut Writing<K, V>) -> Result<R, Stop>) -> R {
        loop {
            let mut writing = Writing(self.db.serializable_write());
            if let Ok(result) = work(&mut writing)
                && writing.0.commit().is_ok()
            {
                return result;
            }
            self.conflicts.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn aborts(&self) -> Vec<(&'static str, u64)> {
        vec![("conflict", self.conflicts.load(Ordering::Relaxed))]
    }

    fn settle(&self) {
        self.db.compact();
    }
}

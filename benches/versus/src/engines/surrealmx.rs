//! `surrealmx`. What writes runs with serializable snapshot isolation. What only reads
//! runs in a read-only transaction: a writer is validated against all that committed
//! before it, so any snapshot is a state of the serial order, and the reads of a
//! transaction that writes nothing are never validated anyway. Keys and values are bytes.

use std::marker::PhantomData;
use std::sync::atomic::{AtomicU64, Ordering};

use surrealmx::{Database, Error, Transaction};

use crate::engine::{About, Contestant, Read, Stop, Store, Write};
use crate::schema::{Key, Value};

pub struct SurrealMx;

impl Contestant for SurrealMx {
    const ABOUT: About = About {
        name: "surrealmx",
        isolation: "serializable snapshot isolation",
        note: "reads in read-only transactions, which it does not track",
        transactions: true,
        ranges: true,
        snapshots: true,
        keeps: true,
        variant: 0,
    };
    type Store<K: Key, V: Value> = Opened<K, V>;
}

pub struct Opened<K, V> {
    db: Database,
    read_conflicts: AtomicU64,
    write_conflicts: AtomicU64,
    types: PhantomData<(K, V)>,
}

pub struct Running<K, V> {
    tx: Transaction,
    types: PhantomData<(K, V)>,
}

impl<K: Key, V: Value> Read for Running<K, V> {
    type Key = K;

    fn get(&mut self, table: u8, key: &K) -> Result<Option<u64>, Stop> {
        let key = key.clone().in_table(table).bytes();
        Ok(self.tx.with_value(key.as_ref(), V::amount_of_bytes).unwrap_or_else(refused))
    }

    fn scan(
        &mut self,
        table: u8,
        from: &K,
        to: Option<&K>,
        limit: usize,
        mut each: impl FnMut(u64, u64),
    ) -> Result<(), Stop> {
        let start = from.clone().in_table(table).bytes();
        let last = to.map_or_else(|| K::last_in_table(table), |to| to.clone().in_table(table));
        let last = last.bytes();
        // The end is excluded: the first key after the last one.
        let (mut end, length) = ([0; 32], last.as_ref().len());
        end[..length].copy_from_slice(last.as_ref());
        let limit = (limit < usize::MAX).then_some(limit);
        let range = start.as_ref()..&end[..=length];
        let scanned = self.tx.scan_with(range, None, limit, |key, value| {
            each(K::number_of_bytes(key), V::amount_of_bytes(value));
            true
        });
        scanned.unwrap_or_else(refused);
        Ok(())
    }
}

impl<K: Key, V: Value> Write for Running<K, V> {
    fn put(&mut self, table: u8, key: K, value: u64) -> Result<(), Stop> {
        let (key, value) = (key.in_table(table).bytes(), V::bytes_of(value));
        self.tx.set(key.as_ref(), value.as_ref()).unwrap_or_else(refused);
        Ok(())
    }

    fn remove(&mut self, table: u8, key: &K) -> Result<(), Stop> {
        let key = key.clone().in_table(table).bytes();
        self.tx.del(key.as_ref()).unwrap_or_else(refused);
        Ok(())
    }
}

/// Calls within a transaction are refused only for mistakes.
fn refused<R>(error: Error) -> R {
    panic!("surrealmx: {error}")
}

impl<K: Key, V: Value> Store for Opened<K, V> {
    type Key = K;
    type Value = V;
    type Reader<'a> = Running<K, V>;
    type Writer<'a> = Running<K, V>;

    fn open(_: u8, _: u8) -> Self {
        Self {
            db: Database::new(),
            read_conflicts: AtomicU64::new(0),
            write_conflicts: AtomicU64::new(0),
            types: PhantomData,
        }
    }

    fn read<R>(&self, mut work: impl FnMut(&mut Running<K, V>) -> Result<R, Stop>) -> R {
        let mut running = Running { tx: self.db.transaction(false), types: PhantomData };
        let result = work(&mut running).expect("no call is refused");
        running.tx.cancel().unwrap_or_else(refused);
        result
    }

    fn write<R>(&self, mut work: impl FnMut(&mut Running<K, V>) -> Result<R, Stop>) -> R {
        loop {
            let tx = self.db.transaction(true).with_serializable_snapshot_isolation();
            let mut running = Running { tx, types: PhantomData };
            let result = work(&mut running).expect("no call is refused");
            match running.tx.commit() {
                Ok(()) => return result,
                Err(Error::KeyReadConflict) => &self.read_conflicts,
                Err(Error::KeyWriteConflict) => &self.write_conflicts,
                Err(error) => refused(error),
            }
            .fetch_add(1, Ordering::Relaxed);
        }
    }

    fn aborts(&self) -> Vec<(&'static str, u64)> {
        let count = |count: &AtomicU64| count.load(Ordering::Relaxed);
        vec![("read", count(&self.read_conflicts)), ("write", count(&self.write_conflicts))]
    }

    fn versions(&self) -> Option<u64> {
        Some(self.db.stats().live_versions as u64)
    }

    fn settle(&self) {
        self.db.run_cleanup();
        self.db.run_gc();
    }
}

//! `txn-db` with its feature `serializable`. It has no ranges. Keys and values are bytes.

use std::marker::PhantomData;
use std::sync::atomic::{AtomicU64, Ordering};

use txn_db::{Db, Snapshot, Transaction};

use crate::engine::{About, Contestant, Read, Stop, Store, Write};
use crate::schema::{Key, Value};

pub struct TxnDb;

impl Contestant for TxnDb {
    const ABOUT: About = About {
        name: "txn-db",
        isolation: "serializable (its feature)",
        note: "points only; versions go only when it is told to, which nobody does in a run",
        transactions: true,
        ranges: false,
        snapshots: true,
        keeps: true,
        variant: 0,
    };
    type Store<K: Key, V: Value> = Opened<K, V>;
}

pub struct Opened<K, V> {
    db: Db,
    conflicts: AtomicU64,
    types: PhantomData<(K, V)>,
}

pub struct Reading<K, V>(Snapshot, PhantomData<(K, V)>);
pub struct Writing<K, V>(Transaction, PhantomData<(K, V)>);

impl<K: Key, V: Value> Read for Reading<K, V> {
    type Key = K;

    fn get(&mut self, table: u8, key: &K) -> Result<Option<u64>, Stop> {
        let value = self.0.get(key.clone().in_table(table).bytes().as_ref());
        Ok(value.map_err(|_| Stop)?.map(|bytes| V::amount_of_bytes(&bytes)))
    }

    fn scan(
        &mut self,
        _: u8,
        _: &K,
        _: Option<&K>,
        _: usize,
        _: impl FnMut(u64, u64),
    ) -> Result<(), Stop> {
        unreachable!("no workload with scans is run on an engine without")
    }
}

impl<K: Key, V: Value> Read for Writing<K, V> {
    type Key = K;

    fn get(&mut self, table: u8, key: &K) -> Result<Option<u64>, Stop> {
        let value = self.0.get(key.clone().in_table(table).bytes().as_ref());
        Ok(value.map_err(|_| Stop)?.map(|bytes| V::amount_of_bytes(&bytes)))
    }

    fn scan(
        &mut self,
        _: u8,
        _: &K,
        _: Option<&K>,
        _: usize,
        _: impl FnMut(u64, u64),
    ) -> Result<(), Stop> {
        unreachable!("no workload with scans is run on an engine without")
    }
}

impl<K: Key, V: Value> Write for Writing<K, V> {
    fn put(&mut self, table: u8, key: K, value: u64) -> Result<(), Stop> {
        let key = key.in_table(table).bytes();
        self.0.put(key.as_ref(), V::bytes_of(value).as_ref());
        Ok(())
    }

    fn remove(&mut self, table: u8, key: &K) -> Result<(), Stop> {
        self.0.delete(key.clone().in_table(table).bytes().as_ref());
        Ok(())
    }
}

impl<K: Key, V: Value> Store for Opened<K, V> {
    type Key = K;
    type Value = V;
    type Reader<'a> = Reading<K, V>;
    type Writer<'a> = Writing<K, V>;

    fn open(_: u8, _: u8) -> Self {
        Self { db: Db::new(), conflicts: AtomicU64::new(0), types: PhantomData }
    }

    fn read<R>(&self, mut work: impl FnMut(&mut Reading<K, V>) -> Result<R, Stop>) -> R {
        work(&mut Reading(self.db.snapshot(), PhantomData)).expect("its memory never fails")
    }

    fn write<R>(&self, mut work: impl FnMut(&mut Writing<K, V>) -> Result<R, Stop>) -> R {
        loop {
            let mut writing = Writing(self.db.begin_serializable(), PhantomData);
            let result = work(&mut writing).expect("its memory never fails");
            match writing.0.commit() {
                Ok(_) => return result,
                Err(error) if error.is_retryable() => {
                    self.conflicts.fetch_add(1, Ordering::Relaxed);
                }
                Err(error) => panic!("txn-db: {error}"),
            }
        }
    }

    fn aborts(&self) -> Vec<(&'static str, u64)> {
        vec![("conflict", self.conflicts.load(Ordering::Relaxed))]
    }

    fn settle(&self) {
        self.db.collect_garbage();
    }
}

//! `fjall`, its optimistic transactions. It is made for disks: here its files lie on the
//! memory file system `/dev/shm` if there is one, else where temporary files do, and its
//! journal is not flushed on every commit.

use std::marker::PhantomData;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use fjall::{
    Guard, KeyspaceCreateOptions, OptimisticTxDatabase, OptimisticTxKeyspace, OptimisticWriteTx,
    Readable, Snapshot,
};

use crate::engine::{About, Contestant, Read, Stop, Store, Write};
use crate::schema::{Key, Value};

pub struct Fjall;

impl Contestant for Fjall {
    const ABOUT: About = About {
        name: "fjall",
        isolation: "serializable, optimistic",
        note: "a store for disks; files on a memory file system, journal not flushed",
        transactions: true,
        ranges: true,
        snapshots: true,
        keeps: true,
        variant: 0,
    };
    type Store<K: Key, V: Value> = Opened<K, V>;
}

pub struct Opened<K, V> {
    db: OptimisticTxDatabase,
    keyspaces: Vec<OptimisticTxKeyspace>,
    conflicts: AtomicU64,
    types: PhantomData<(K, V)>,
}

/// A reader or a writer: both are [`Readable`].
pub struct Running<'a, T, K, V> {
    tx: T,
    keyspaces: &'a [OptimisticTxKeyspace],
    types: PhantomData<(K, V)>,
}

impl<T: Readable, K: Key, V: Value> Read for Running<'_, T, K, V> {
    type Key = K;

    fn get(&mut self, table: u8, key: &K) -> Result<Option<u64>, Stop> {
        let value = self.tx.get(&self.keyspaces[usize::from(table)], key.bytes());
        Ok(works(value).map(|bytes| V::amount_of_bytes(&bytes)))
    }

    fn scan(
        &mut self,
        table: u8,
        from: &K,
        to: Option<&K>,
        limit: usize,
        mut each: impl FnMut(u64, u64),
    ) -> Result<(), Stop> {
        let keyspace = &self.keyspaces[usize::from(table)];
        let rows = match to {
            Some(to) => self.tx.range(keyspace, from.bytes()..=to.bytes()),
            None => self.tx.range(keyspace, from.bytes()..),
        };
        for row in rows.take(limit).map(Guard::into_inner) {
            let (key, value) = works(row);
            each(K::number_of_bytes(&key), V::amount_of_bytes(&value));
        }
        Ok(())
    }
}

impl<K: Key, V: Value> Write for Running<'_, OptimisticWriteTx, K, V> {
    fn put(&mut self, table: u8, key: K, value: u64) -> Result<(), Stop> {
        let (key, value) = (key.bytes(), V::bytes_of(value));
        self.tx.insert(&self.keyspaces[usize::from(table)], key.as_ref(), value.as_ref());
        Ok(())
    }

    fn remove(&mut self, table: u8, key: &K) -> Result<(), Stop> {
        self.tx.remove(&self.keyspaces[usize::from(table)], key.bytes().as_ref());
        Ok(())
    }
}

/// Errors are those of files, and end the run.
fn works<R>(result: fjall::Result<R>) -> R {
    result.unwrap_or_else(|error| panic!("fjall: {error}"))
}

fn folder() -> PathBuf {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let memory = Path::new("/dev/shm");
    let place = if memory.is_dir() { memory.to_path_buf() } else { std::env::temp_dir() };
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    place.join(format!("versus-{}-{number}", std::process::id()))
}

impl<K: Key, V: Value> Store for Opened<K, V> {
    type Key = K;
    type Value = V;
    type Reader<'a> = Running<'a, Snapshot, K, V>;
    type Writer<'a> = Running<'a, OptimisticWriteTx, K, V>;

    fn open(tables: u8, _: u8) -> Self {
        let db = works(OptimisticTxDatabase::builder(folder()).temporary(true).open());
        let keyspace =
            |number| works(db.keyspace(&format!("t{number}"), KeyspaceCreateOptions::default));
        let keyspaces = (0..tables).map(keyspace).collect();
        Self { db, keyspaces, conflicts: AtomicU64::new(0), types: PhantomData }
    }

    fn read<R>(
        &self,
        mut work: impl FnMut(&mut Running<'_, Snapshot, K, V>) -> Result<R, Stop>,
    ) -> R {
        let (tx, keyspaces) = (self.db.read_tx(), &self.keyspaces[..]);
        work(&mut Running { tx, keyspaces, types: PhantomData }).expect("no call is refused")
    }

    fn write<R>(
        &self,
        mut work: impl FnMut(&mut Running<'_, OptimisticWriteTx, K, V>) -> Result<R, Stop>,
    ) -> R {
        loop {
            let (tx, keyspaces) = (works(self.db.write_tx()), &self.keyspaces[..]);
            let mut running = Running { tx, keyspaces, types: PhantomData };
            let result = work(&mut running).expect("no call is refused");
            if works(running.tx.commit()).is_ok() {
                return result;
            }
            self.conflicts.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn aborts(&self) -> Vec<(&'static str, u64)> {
        vec![("conflict", self.conflicts.load(Ordering::Relaxed))]
    }

    fn bytes_outside(&self) -> u64 {
        works(self.db.disk_space())
    }
}

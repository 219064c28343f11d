//! `redb` on its backend in memory, without durability: one writer at a time, readers
//! beside it.

use std::marker::PhantomData;
use std::ops::Bound;

use redb::backends::InMemoryBackend;
use redb::{
    Database, Durability, ReadOnlyTable, ReadTransaction, ReadableDatabase, ReadableTable, Table,
    TableDefinition, Value as _, WriteTransaction,
};

use crate::engine::{About, Contestant, Read, Stop, Store, Write};
use crate::schema::{Key, Value};

pub struct Redb;

impl Contestant for Redb {
    const ABOUT: About = About {
        name: "redb",
        isolation: "serializable: one writer at a time",
        note: "a store for disks; in memory, without durability",
        transactions: true,
        ranges: true,
        snapshots: true,
        keeps: true,
        variant: 0,
    };
    type Store<K: Key, V: Value> = Opened<K, V>;
}

const NAMES: [&str; 8] = ["t0", "t1", "t2", "t3", "t4", "t5", "t6", "t7"];

fn definition<K: Key, V: Value>(table: usize) -> TableDefinition<'static, K::Redb, V::Redb> {
    TableDefinition::new(NAMES[table])
}

pub struct Opened<K, V> {
    db: Database,
    types: PhantomData<(K, V)>,
}

/// A transaction, and the tables that it has opened so far.
pub struct Running<'a, X, T, K, V> {
    tx: &'a X,
    tables: [Option<T>; NAMES.len()],
    types: PhantomData<(K, V)>,
}

impl<'a, X, T, K, V> Running<'a, X, T, K, V> {
    fn new(tx: &'a X) -> Self {
        Self { tx, tables: std::array::from_fn(|_| None), types: PhantomData }
    }
}

type Reading<'a, K, V> =
    Running<'a, ReadTransaction, ReadOnlyTable<<K as Key>::Redb, <V as Value>::Redb>, K, V>;
type Writing<'a, K, V> =
    Running<'a, WriteTransaction, Table<'a, <K as Key>::Redb, <V as Value>::Redb>, K, V>;

impl<K: Key, V: Value> Reading<'_, K, V> {
    fn table(&mut self, number: u8) -> &mut ReadOnlyTable<K::Redb, V::Redb> {
        let (tx, number) = (self.tx, usize::from(number));
        self.tables[number].get_or_insert_with(|| works(tx.open_table(definition::<K, V>(number))))
    }
}

impl<'a, K: Key, V: Value> Writing<'a, K, V> {
    fn table(&mut self, number: u8) -> &mut Table<'a, K::Redb, V::Redb> {
        let (tx, number) = (self.tx, usize::from(number));
        self.tables[number].get_or_insert_with(|| works(tx.open_table(definition::<K, V>(number))))
    }
}

fn get<K: Key, V: Value>(table: &impl ReadableTable<K::Redb, V::Redb>, key: &K) -> Option<u64> {
    let value = works(table.get(K::redb(&key.bytes())));
    value.map(|value| V::amount_of_bytes(V::Redb::as_bytes(&value.value()).as_ref()))
}

fn scan<K: Key, V: Value>(
    table: &impl ReadableTable<K::Redb, V::Redb>,
    from: &K,
    to: Option<&K>,
    limit: usize,
    mut each: impl FnMut(u64, u64),
) {
    let (from, to) = (from.bytes(), to.map(Key::bytes));
    let end = to.as_ref().map_or(Bound::Unbounded, |to| Bound::Included(K::redb(to)));
    for row in works(table.range((Bound::Included(K::redb(&from)), end))).take(limit) {
        let (key, value) = works(row);
        each(
            K::number_of_bytes(K::Redb::as_bytes(&key.value()).as_ref()),
            V::amount_of_bytes(V::Redb::as_bytes(&value.value()).as_ref()),
        );
    }
}

impl<K: Key, V: Value> Read for Reading<'_, K, V> {
    type Key = K;

    fn get(&mut self, table: u8, key: &K) -> Result<Option<u64>, Stop> {
        Ok(get::<K, V>(self.table(table), key))
    }

    fn scan(
        &mut self,
        table: u8,
        from: &K,
        to: Option<&K>,
        limit: usize,
        each: impl FnMut(u64, u64),
    ) -> Result<(), Stop> {
        scan::<K, V>(self.table(table), from, to, limit, each);
        Ok(())
    }
}

impl<K: Key, V: Value> Read for Writing<'_, K, V> {
    type Key = K;

    fn get(&mut self, table: u8, key: &K) -> Result<Option<u64>, Stop> {
        Ok(get::<K, V>(self.table(table), key))
    }

    fn scan(
        &mut self,
        table: u8,
        from: &K,
        to: Option<&K>,
        limit: usize,
        each: impl FnMut(u64, u64),
    ) -> Result<(), Stop> {
        scan::<K, V>(self.table(table), from, to, limit, each);
        Ok(())
    }
}

impl<K: Key, V: Value> Write for Writing<'_, K, V> {
    fn put(&mut self, table: u8, key: K, value: u64) -> Result<(), Stop> {
        let (key, value) = (key.bytes(), V::bytes_of(value));
        works(self.table(table).insert(K::redb(&key), V::redb(&value)));
        Ok(())
    }

    fn remove(&mut self, table: u8, key: &K) -> Result<(), Stop> {
        works(self.table(table).remove(K::redb(&key.bytes())));
        Ok(())
    }
}

/// Errors are those of files, and end the run.
fn works<R, E: std::fmt::Display>(result: Result<R, E>) -> R {
    result.unwrap_or_else(|error| panic!("redb: {error}"))
}

impl<K: Key, V: Value> Opened<K, V> {
    fn begin(&self) -> WriteTransaction {
        let mut tx = works(self.db.begin_write());
        works(tx.set_durability(Durability::None));
        tx
    }
}

impl<K: Key, V: Value> Store for Opened<K, V> {
    type Key = K;
    type Value = V;
    type Reader<'a> = Reading<'a, K, V>;
    type Writer<'a> = Writing<'a, K, V>;

    fn open(tables: u8, _: u8) -> Self {
        let backend = InMemoryBackend::new();
        let opened = Self {
            db: works(Database::builder().create_with_backend(backend)),
            types: PhantomData,
        };
        let tx = opened.begin();
        (0..usize::from(tables)).for_each(|table| {
            works(tx.open_table(definition::<K, V>(table)));
        });
        works(tx.commit());
        opened
    }

    fn read<R>(&self, mut work: impl FnMut(&mut Reading<'_, K, V>) -> Result<R, Stop>) -> R {
        let tx = works(self.db.begin_read());
        work(&mut Running::new(&tx)).expect("no call is refused")
    }

    fn write<R>(&self, mut work: impl FnMut(&mut Writing<'_, K, V>) -> Result<R, Stop>) -> R {
        let tx = self.begin();
        let result = work(&mut Running::new(&tx)).expect("the only writer is refused nothing");
        works(tx.commit());
        result
    }

    fn settle(&self) {
        // Pages are given back by durable commits only.
        works(works(self.db.begin_write()).commit());
    }
}

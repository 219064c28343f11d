//! No engine at all: what the harness itself costs, and the workload with it.

use std::hint::black_box;
use std::marker::PhantomData;

use crate::engine::{About, Contestant, Read, Stop, Store, Write};
use crate::schema::{Key, Value};

/// Rows that a scan without a limit is given.
const ROWS: usize = 20;

pub struct Dry;

impl Contestant for Dry {
    const ABOUT: About = About {
        name: "dry",
        isolation: "none",
        note: "keeps nothing: what the harness and the workload cost by themselves",
        transactions: false,
        ranges: true,
        snapshots: false,
        keeps: false,
        variant: 0,
    };
    type Store<K: Key, V: Value> = Nothing<K, V>;
}

pub struct Nothing<K, V>(PhantomData<(K, V)>);

pub struct Idle<K>(PhantomData<K>);

impl<K: Key> Read for Idle<K> {
    type Key = K;

    fn get(&mut self, _: u8, key: &K) -> Result<Option<u64>, Stop> {
        black_box(key);
        Ok(Some(black_box(1)))
    }

    fn scan(
        &mut self,
        _: u8,
        from: &K,
        _: Option<&K>,
        limit: usize,
        mut each: impl FnMut(u64, u64),
    ) -> Result<(), Stop> {
        black_box(from);
        let rows = if limit == usize::MAX { ROWS } else { limit };
        (0..rows).for_each(|row| each(black_box(row as u64), 1));
        Ok(())
    }
}

impl<K: Key> Write for Idle<K> {
    fn put(&mut self, _: u8, key: K, value: u64) -> Result<(), Stop> {
        black_box((key, value));
        Ok(())
    }

    fn remove(&mut self, _: u8, key: &K) -> Result<(), Stop> {
        black_box(key);
        Ok(())
    }
}

impl<K: Key, V: Value> Store for Nothing<K, V> {
    type Key = K;
    type Value = V;
    type Reader<'a> = Idle<K>;
    type Writer<'a> = Idle<K>;

    fn open(_: u8, _: u8) -> Self {
        Self(PhantomData)
    }

    fn read<R>(&self, mut work: impl FnMut(&mut Idle<K>) -> Result<R, Stop>) -> R {
        work(&mut Idle(PhantomData)).expect("nothing refuses nothing")
    }

    fn write<R>(&self, work: impl FnMut(&mut Idle<K>) -> Result<R, Stop>) -> R {
        self.read(work)
    }
}

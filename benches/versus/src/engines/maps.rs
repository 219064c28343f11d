//! `RwLock<BTreeMap>` and `Mutex<BTreeMap>`: what one writes by hand. No versions; a
//! transaction has the lock for the whole of its work, and so is serializable.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Mutex, PoisonError, RwLock};

use crate::engine::{About, Contestant, Read, Stop, Store, Write};
use crate::schema::{Key, Value};

/// More than any workload has.
const TABLES: usize = 8;

pub struct Maps<K, V>([BTreeMap<K, V>; TABLES]);

impl<K: Key, V: Value> Default for Maps<K, V> {
    fn default() -> Self {
        Self(std::array::from_fn(|_| BTreeMap::new()))
    }
}

impl<K: Key, V: Value> Read for &Maps<K, V> {
    type Key = K;

    fn get(&mut self, table: u8, key: &K) -> Result<Option<u64>, Stop> {
        Ok(self.0[usize::from(table)].get(key).map(V::amount))
    }

    fn scan(
        &mut self,
        table: u8,
        from: &K,
        to: Option<&K>,
        limit: usize,
        mut each: impl FnMut(u64, u64),
    ) -> Result<(), Stop> {
        let to = to.map_or(Bound::Unbounded, Bound::Included);
        let rows = self.0[usize::from(table)].range((Bound::Included(from), to));
        rows.take(limit).for_each(|(key, value)| each(key.number(), value.amount()));
        Ok(())
    }
}

impl<K: Key, V: Value> Read for &mut Maps<K, V> {
    type Key = K;

    fn get(&mut self, table: u8, key: &K) -> Result<Option<u64>, Stop> {
        (&**self).get(table, key)
    }

    fn scan(
        &mut self,
        table: u8,
        from: &K,
        to: Option<&K>,
        limit: usize,
        each: impl FnMut(u64, u64),
    ) -> Result<(), Stop> {
        (&**self).scan(table, from, to, limit, each)
    }
}

impl<K: Key, V: Value> Write for &mut Maps<K, V> {
    fn put(&mut self, table: u8, key: K, value: u64) -> Result<(), Stop> {
        self.0[usize::from(table)].insert(key, V::hold(value));
        Ok(())
    }

    fn remove(&mut self, table: u8, key: &K) -> Result<(), Stop> {
        self.0[usize::from(table)].remove(key);
        Ok(())
    }

    fn add(&mut self, table: u8, key: &K, delta: u64) -> Result<u64, Stop> {
        // One search, as one would by hand.
        let map = &mut self.0[usize::from(table)];
        let Some(value) = map.get_mut(key) else {
            map.insert(key.clone(), V::hold(delta));
            return Ok(0);
        };
        let old = value.amount();
        *value = V::hold(old.wrapping_add(delta));
        Ok(old)
    }
}

pub struct UnderRwLock;

impl Contestant for UnderRwLock {
    const ABOUT: About = About {
        name: "RwLock<BTreeMap>",
        isolation: "serial: writers alone, readers together",
        note: "no transactions: nothing can be undone, a long reader stops all writers",
        transactions: false,
        ranges: true,
        snapshots: false,
        keeps: true,
        variant: 0,
    };
    type Store<K: Key, V: Value> = RwLock<Maps<K, V>>;
}

impl<K: Key, V: Value> Store for RwLock<Maps<K, V>> {
    type Key = K;
    type Value = V;
    type Reader<'a> = &'a Maps<K, V>;
    type Writer<'a> = &'a mut Maps<K, V>;

    fn open(_: u8, _: u8) -> Self {
        Self::default()
    }

    fn read<R>(&self, mut work: impl FnMut(&mut &Maps<K, V>) -> Result<R, Stop>) -> R {
        let maps = RwLock::read(self).unwrap_or_else(PoisonError::into_inner);
        never_stopped(work(&mut &*maps))
    }

    fn write<R>(&self, mut work: impl FnMut(&mut &mut Maps<K, V>) -> Result<R, Stop>) -> R {
        let mut maps = RwLock::write(self).unwrap_or_else(PoisonError::into_inner);
        never_stopped(work(&mut &mut *maps))
    }
}

pub struct UnderMutex;

impl Contestant for UnderMutex {
    const ABOUT: About = About {
        name: "Mutex<BTreeMap>",
        isolation: "serial: one at a time",
        note: "no transactions: nothing can be undone, a long reader stops everybody",
        transactions: false,
        ranges: true,
        snapshots: false,
        keeps: true,
        variant: 0,
    };
    type Store<K: Key, V: Value> = Mutex<Maps<K, V>>;
}

impl<K: Key, V: Value> Store for Mutex<Maps<K, V>> {
    type Key = K;
    type Value = V;
    type Reader<'a> = &'a Maps<K, V>;
    type Writer<'a> = &'a mut Maps<K, V>;

    fn open(_: u8, _: u8) -> Self {
        Self::default()
    }

    fn read<R>(&self, mut work: impl FnMut(&mut &Maps<K, V>) -> Result<R, Stop>) -> R {
        let maps = self.lock().unwrap_or_else(PoisonError::into_inner);
        never_stopped(work(&mut &*maps))
    }

    fn write<R>(&self, mut work: impl FnMut(&mut &mut Maps<K, V>) -> Result<R, Stop>) -> R {
        let mut maps = self.lock().unwrap_or_else(PoisonError::into_inner);
        never_stopped(work(&mut &mut *maps))
    }
}

fn never_stopped<R>(result: Result<R, Stop>) -> R {
    result.expect("who holds the lock is refused nothing")
}

//! `ArcSwap<im::OrdMap>`: a whole state in one pointer, changed by compare-and-swap. The
//! forty lines that one writes who knows persistent maps.

use std::ops::Bound;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::{ArcSwap, Guard};
use im::OrdMap;

use crate::engine::{About, Contestant, Read, Stop, Store, Write};
use crate::schema::{Key, Value};

pub struct Swapped;

impl Contestant for Swapped {
    const ABOUT: About = About {
        name: "ArcSwap<OrdMap>",
        isolation: "serializable: whoever swaps first",
        note: "a commit starts again if any other commit came between",
        transactions: true,
        ranges: true,
        snapshots: true,
        keeps: true,
        variant: 0,
    };
    type Store<K: Key, V: Value> = Opened<K, V>;
}

pub struct Opened<K, V> {
    state: ArcSwap<OrdMap<K, V>>,
    lost: AtomicU64,
}

pub struct Reading<'a, K, V>(&'a OrdMap<K, V>);

/// The map is a copy from the first write on.
pub struct Writing<K, V> {
    map: OrdMap<K, V>,
    changed: bool,
}

fn scan<K: Key, V: Value>(
    map: &OrdMap<K, V>,
    (table, from, to): (u8, &K, Option<&K>),
    limit: usize,
    mut each: impl FnMut(u64, u64),
) {
    let last = to.map_or_else(|| K::last_in_table(table), |to| to.clone().in_table(table));
    let rows = map.range((Bound::Included(from.clone().in_table(table)), Bound::Included(last)));
    rows.take(limit).for_each(|(key, value)| each(key.number(), value.amount()));
}

impl<K: Key, V: Value> Read for Reading<'_, K, V> {
    type Key = K;

    fn get(&mut self, table: u8, key: &K) -> Result<Option<u64>, Stop> {
        Ok(self.0.get(&key.clone().in_table(table)).map(V::amount))
    }

    fn scan(
        &mut self,
        table: u8,
        from: &K,
        to: Option<&K>,
        limit: usize,
        each: impl FnMut(u64, u64),
    ) -> Result<(), Stop> {
        scan(self.0, (table, from, to), limit, each);
        Ok(())
    }
}

impl<K: Key, V: Value> Read for Writing<K, V> {
    type Key = K;

    fn get(&mut self, table: u8, key: &K) -> Result<Option<u64>, Stop> {
        Reading(&self.map).get(table, key)
    }

    fn scan(
        &mut self,
        table: u8,
        from: &K,
        to: Option<&K>,
        limit: usize,
        each: impl FnMut(u64, u64),
    ) -> Result<(), Stop> {
        scan(&self.map, (table, from, to), limit, each);
        Ok(())
    }
}

impl<K: Key, V: Value> Write for Writing<K, V> {
    fn put(&mut self, table: u8, key: K, value: u64) -> Result<(), Stop> {
        self.map.insert(key.in_table(table), V::hold(value));
        self.changed = true;
        Ok(())
    }

    fn remove(&mut self, table: u8, key: &K) -> Result<(), Stop> {
        self.changed |= self.map.remove(&key.clone().in_table(table)).is_some();
        Ok(())
    }
}

impl<K: Key, V: Value> Store for Opened<K, V> {
    type Key = K;
    type Value = V;
    type Reader<'a> = Reading<'a, K, V>;
    type Writer<'a> = Writing<K, V>;

    fn open(_: u8, _: u8) -> Self {
        Self { state: ArcSwap::from_pointee(OrdMap::new()), lost: AtomicU64::new(0) }
    }

    fn read<R>(&self, mut work: impl FnMut(&mut Reading<'_, K, V>) -> Result<R, Stop>) -> R {
        work(&mut Reading(&self.state.load())).expect("no call is refused")
    }

    fn write<R>(&self, mut work: impl FnMut(&mut Writing<K, V>) -> Result<R, Stop>) -> R {
        loop {
            let before = self.state.load();
            let mut writing = Writing { map: OrdMap::clone(&before), changed: false };
            let result = work(&mut writing).expect("no call is refused");
            if !writing.changed {
                return result;
            }
            let found = self.state.compare_and_swap(&*before, Arc::new(writing.map));
            if Arc::ptr_eq(&Guard::into_inner(before), &Guard::into_inner(found)) {
                return result;
            }
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn aborts(&self) -> Vec<(&'static str, u64)> {
        vec![("lost race", self.lost.load(Ordering::Relaxed))]
    }
}

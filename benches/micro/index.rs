//! How does the index compare with other ordered maps that threads can share?
//! `cargo bench -p micro --bench index`
//!
//! Ours is asked through a snapshot, which remembers nothing of what is read; its time
//! includes finding the version. The others keep bare numbers.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::RwLock;

use criterion::measurement::WallTime;
use criterion::{
    BenchmarkGroup, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main,
};
use crossbeam_skiplist::SkipMap;
use micro::{Keys, Numbers, key};
use precedent::Snapshot;
use scc::{Guard, TreeIndex};

const SIZES: [u64; 3] = [10_000, 100_000, 1_000_000];
const SCAN: usize = 100;
/// Keys that come and go at a time.
const BATCH: u64 = 1_000;

/// An ordered map of numbers, shared by reference.
trait Ordered {
    const NAME: &'static str;
    /// With the first `count` keys, which came in random order.
    fn loaded(count: u64) -> Self;
    fn get(&self, key: u64) -> Option<u64>;
    /// The sum of the next values from a key on.
    fn sum(&self, from: u64, count: usize) -> u64;
    /// Adds keys, and then removes them.
    fn come_and_go(&self, keys: impl Iterator<Item = u64> + Clone);
}

struct Ours {
    numbers: Numbers,
    snapshot: Snapshot,
}

impl Ordered for Ours {
    const NAME: &'static str = "precedent";

    fn loaded(count: u64) -> Self {
        let numbers = Numbers::loaded(count);
        let snapshot = numbers.db.safe_snapshot();
        Self { numbers, snapshot }
    }

    fn get(&self, key: u64) -> Option<u64> {
        self.snapshot.get(&self.numbers.table, &key).copied()
    }

    fn sum(&self, from: u64, count: usize) -> u64 {
        let values = self.snapshot.values(&self.numbers.table, from..).take(count);
        values.fold(0, |sum, value| sum.wrapping_add(*value))
    }

    fn come_and_go(&self, keys: impl Iterator<Item = u64> + Clone) {
        self.numbers.put(keys.clone().map(|key| (key, key)));
        let gone = self.numbers.db.transact(|tx| {
            keys.clone().for_each(|key| tx.remove(&self.numbers.table, &key));
            Ok(())
        });
        gone.expect("nobody is there to conflict");
    }
}

impl Ordered for SkipMap<u64, u64> {
    const NAME: &'static str = "crossbeam-skiplist";

    fn loaded(count: u64) -> Self {
        (0..count).map(|number| (key(number), number)).collect()
    }

    fn get(&self, key: u64) -> Option<u64> {
        Self::get(self, &key).map(|entry| *entry.value())
    }

    fn sum(&self, from: u64, count: usize) -> u64 {
        // Entry by entry, since `range` of this version leaks.
        let first = self.lower_bound(std::ops::Bound::Included(&from));
        let entries = std::iter::successors(first, |entry| entry.next()).take(count);
        entries.fold(0, |sum, entry| sum.wrapping_add(*entry.value()))
    }

    fn come_and_go(&self, keys: impl Iterator<Item = u64> + Clone) {
        keys.clone().for_each(|key| drop(self.insert(key, key)));
        keys.for_each(|key| drop(self.remove(&key)));
    }
}

impl Ordered for TreeIndex<u64, u64> {
    const NAME: &'static str = "scc::TreeIndex";

    fn loaded(count: u64) -> Self {
        let index = Self::new();
        (0..count).for_each(|number| index.insert_sync(key(number), number).expect("it is new"));
        index
    }

    fn get(&self, key: u64) -> Option<u64> {
        self.peek_with(&key, |_, value| *value)
    }

    fn sum(&self, from: u64, count: usize) -> u64 {
        let guard = Guard::new();
        let values = self.range(from.., &guard).take(count);
        values.fold(0, |sum, (_, value)| sum.wrapping_add(*value))
    }

    fn come_and_go(&self, keys: impl Iterator<Item = u64> + Clone) {
        keys.clone().for_each(|key| self.insert_sync(key, key).expect("it is new"));
        keys.for_each(|key| assert!(self.remove_sync(&key)));
    }
}

impl Ordered for RwLock<BTreeMap<u64, u64>> {
    const NAME: &'static str = "RwLock<BTreeMap>";

    fn loaded(count: u64) -> Self {
        let mut map = BTreeMap::new();
        // `collect` would sort them first, and build it denser than it stays.
        (0..count).for_each(|number| _ = map.insert(key(number), number));
        Self::new(map)
    }

    fn get(&self, key: u64) -> Option<u64> {
        self.read().expect("nobody panics").get(&key).copied()
    }

    fn sum(&self, from: u64, count: usize) -> u64 {
        let map = self.read().expect("nobody panics");
        map.range(from..).take(count).fold(0, |sum, (_, value)| sum.wrapping_add(*value))
    }

    fn come_and_go(&self, keys: impl Iterator<Item = u64> + Clone) {
        // A lock for each, as writers take turns.
        let map = || self.write().expect("nobody panics");
        keys.clone().for_each(|key| _ = map().insert(key, key));
        keys.for_each(|key| _ = map().remove(&key));
    }
}

type Group<'a> = BenchmarkGroup<'a, WallTime>;

/// All of them in one group, each with every number of keys.
fn all(group: &mut Group<'_>, measure: impl Measure) {
    for size in SIZES {
        one::<Ours>(group, size, &measure);
        one::<SkipMap<u64, u64>>(group, size, &measure);
        one::<TreeIndex<u64, u64>>(group, size, &measure);
        one::<RwLock<BTreeMap<u64, u64>>>(group, size, &measure);
    }
}

fn one<T: Ordered>(group: &mut Group<'_>, size: u64, measure: &impl Measure) {
    group.bench_function(BenchmarkId::new(T::NAME, size), |bencher| {
        let map = T::loaded(size);
        let mut keys = Keys::of(size);
        let mut turn = 0;
        bencher.iter(|| {
            turn += 1;
            measure.once(&map, keys.draw(), size + turn * BATCH)
        });
    });
}

/// What is done with each of them.
trait Measure {
    /// With a key that is there, and the number of the first one that was never there.
    fn once<T: Ordered>(&self, map: &T, key: u64, fresh: u64);
}

struct Get;

impl Measure for Get {
    fn once<T: Ordered>(&self, map: &T, key: u64, _: u64) {
        black_box(map.get(key));
    }
}

struct Scan;

impl Measure for Scan {
    fn once<T: Ordered>(&self, map: &T, key: u64, _: u64) {
        black_box(map.sum(key, SCAN));
    }
}

struct ComeAndGo;

impl Measure for ComeAndGo {
    fn once<T: Ordered>(&self, map: &T, _: u64, fresh: u64) {
        map.come_and_go((fresh..fresh + BATCH).map(key));
    }
}

fn index(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("index: get");
    all(&mut group, Get);
    group.finish();
    let mut group = criterion.benchmark_group("index: scan 100");
    group.throughput(Throughput::Elements(SCAN as u64));
    all(&mut group, Scan);
    group.finish();
    let mut group = criterion.benchmark_group("index: 1000 keys come and go");
    group.throughput(Throughput::Elements(BATCH));
    all(&mut group, ComeAndGo);
    group.finish();
}

criterion_group! { name = benches; config = micro::criterion(); targets = index }
criterion_main!(benches);

//! What does one read cost, by what it finds, how many keys there are, and how many reads
//! the transaction makes?
//! `cargo bench -p micro --bench get`

use std::hint::black_box;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use micro::{KEYS, Keys, Numbers, key};
use precedent::Transaction;

/// The read alone: the transaction is open before it, and is dropped off the clock.
fn by_what_it_finds(criterion: &mut Criterion) {
    let Numbers { db, table } = Numbers::loaded(KEYS);
    let mut keys = Keys::of(KEYS);
    let hot = key(1);
    let read_before = || {
        let tx = db.begin();
        tx.get(&table, &hot);
        tx
    };
    let written_before = || {
        let tx = db.begin();
        tx.insert(&table, hot, 0);
        tx
    };
    let mut group = criterion.benchmark_group("get");
    let mut measure = |name: &str, read: &mut dyn FnMut(&mut Transaction<'_>)| {
        group.bench_function(name, |bencher| {
            bencher.iter_batched_ref(|| db.begin(), &mut *read, BatchSize::SmallInput);
        });
    };
    measure("a key", &mut |tx| _ = black_box(tx.get(&table, &keys.draw())));
    // Between the keys that are there.
    measure("an absence", &mut |tx| {
        black_box(tx.get(&table, &keys.draw().wrapping_add(1)));
    });
    measure("a key, by peek", &mut |tx| _ = black_box(tx.peek(&table, &keys.draw())));
    group.bench_function("a key again", |bencher| {
        let read = |tx: &mut Transaction<'_>| _ = black_box(tx.get(&table, &hot));
        bencher.iter_batched_ref(read_before, read, BatchSize::SmallInput);
    });
    group.bench_function("an own write", |bencher| {
        let read = |tx: &mut Transaction<'_>| _ = black_box(tx.get(&table, &hot));
        bencher.iter_batched_ref(written_before, read, BatchSize::SmallInput);
    });
    let snapshot = db.safe_snapshot();
    group.bench_function("a key, of a snapshot", |bencher| {
        bencher.iter(|| snapshot.get(&table, &keys.draw()));
    });
    group.finish();
}

/// A whole transaction of one read.
fn by_keys(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("read one key, by keys");
    for count in [1_000, 10_000, 100_000, 1_000_000] {
        let Numbers { db, table } = Numbers::loaded(count);
        let mut keys = Keys::of(count);
        group.bench_function(BenchmarkId::from_parameter(count), |bencher| {
            bencher.iter(|| db.read(|tx| tx.get(&table, &keys.draw()).copied()));
        });
    }
    group.finish();
}

/// A whole transaction of many reads, each of them remembered until the end.
fn by_reads(criterion: &mut Criterion) {
    let Numbers { db, table } = Numbers::loaded(KEYS);
    let mut keys = Keys::of(KEYS);
    let mut group = criterion.benchmark_group("read, by reads");
    for reads in [1, 10, 100, 1_000, 10_000] {
        group.throughput(Throughput::Elements(reads));
        group.bench_function(BenchmarkId::from_parameter(reads), |bencher| {
            bencher.iter(|| {
                db.read(|tx| {
                    let values = (0..reads).filter_map(|_| tx.get(&table, &keys.draw()));
                    values.fold(0, |sum: u64, value| sum.wrapping_add(*value))
                })
            });
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = micro::criterion();
    targets = by_what_it_finds, by_keys, by_reads
}
criterion_main!(benches);

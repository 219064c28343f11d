//! What does a range cost, by its length and by who reads it?
//! `cargo bench -p micro --bench range`

use std::collections::BTreeMap;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use micro::{KEYS, Keys, Numbers, key};

const LENGTHS: [usize; 5] = [1, 10, 100, 1_000, 10_000];

fn sum<'a>(values: impl Iterator<Item = &'a u64>) -> u64 {
    values.fold(0, |sum, value| sum.wrapping_add(*value))
}

/// From a random key on, so many rows. The last key is beyond all: a range that comes to the
/// end begins again there.
fn by_length(criterion: &mut Criterion) {
    let Numbers { db, table } = Numbers::loaded(KEYS);
    let snapshot = db.safe_snapshot();
    // What a program would hold that shares its values with others, and has nothing else.
    let mut map = BTreeMap::new();
    (0..KEYS).for_each(|number| _ = map.insert(key(number), Box::new(number)));
    let mut keys = Keys::of(KEYS);
    let mut group = criterion.benchmark_group("range");
    for length in LENGTHS {
        group.throughput(Throughput::Elements(length as u64));
        group.bench_function(BenchmarkId::new("read", length), |bencher| {
            bencher.iter(|| db.read(|tx| sum(tx.values(&table, keys.draw()..).take(length))));
        });
        group.bench_function(BenchmarkId::new("read, with a predicate", length), |bencher| {
            bencher.iter(|| {
                db.read(|tx| {
                    let even = |_: &u64, value: &u64| value.is_multiple_of(2);
                    let rows = tx.range_where(&table, keys.draw().., even).take(length / 2);
                    sum(rows.map(|(_, value)| value))
                })
            });
        });
        group.bench_function(BenchmarkId::new("of a snapshot", length), |bencher| {
            bencher.iter(|| sum(snapshot.values(&table, keys.draw()..).take(length)));
        });
        group.bench_function(BenchmarkId::new("of a BTreeMap of boxes", length), |bencher| {
            bencher.iter(|| sum(map.range(keys.draw()..).take(length).map(|(_, value)| &**value)));
        });
    }
    group.finish();
}

/// Within a transaction that has written among the rows.
fn among_own_writes(criterion: &mut Criterion) {
    let Numbers { db, table } = Numbers::loaded(KEYS);
    let mut keys = Keys::of(KEYS);
    let mut group = criterion.benchmark_group("range of 1000, by own writes");
    for writes in [0, 10, 100, 1_000] {
        let tx = db.begin();
        // All over the table, so that most ranges have few of them.
        (0..writes).for_each(|_| tx.insert(&table, keys.draw(), 0));
        group.bench_function(BenchmarkId::from_parameter(writes), |bencher| {
            bencher.iter(|| sum(tx.values(&table, keys.draw()..).take(1_000)));
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = micro::criterion();
    targets = by_length, among_own_writes
}
criterion_main!(benches);

//! What does a commit cost, by what the transaction has read and written?
//! `cargo bench -p micro --bench commit`
//!
//! The call of `commit` alone, while nobody else commits.

use criterion::{BatchSize, BenchmarkId, Criterion, criterion_group, criterion_main};
use micro::{KEYS, Keys, Numbers};
use precedent::{Table, Transaction};

const SIZES: [u64; 5] = [1, 10, 100, 1_000, 10_000];

type Fill = fn(&Transaction<'_>, &Table<u64, u64>, &mut Keys, u64);

const FOOTPRINTS: [(&str, Fill); 4] = [
    ("writes", |tx, table, keys, size| {
        (0..size).for_each(|value| tx.insert(table, keys.draw(), value));
    }),
    ("new keys", |tx, table, keys, size| {
        // Between those that are there.
        (0..size).for_each(|value| tx.insert(table, keys.draw().wrapping_add(value), value));
    }),
    ("reads, one write", |tx, table, keys, size| {
        for _ in 0..size {
            tx.get(table, &keys.draw());
        }
        tx.insert(table, keys.draw(), size);
    }),
    ("a range, one write", |tx, table, keys, size| {
        tx.keys(table, keys.draw()..).take(size as usize).for_each(drop);
        tx.insert(table, keys.draw(), size);
    }),
];

fn by_footprint(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("commit");
    for (name, fill) in FOOTPRINTS {
        for size in SIZES {
            group.bench_function(BenchmarkId::new(name, size), |bencher| {
                let Numbers { db, table } = Numbers::loaded(KEYS);
                let mut keys = Keys::of(KEYS);
                let begin = || {
                    let tx = db.begin();
                    fill(&tx, &table, &mut keys, size);
                    tx
                };
                bencher.iter_batched(begin, Transaction::commit, BatchSize::PerIteration);
            });
        }
    }
    group.finish();
}

/// Whole transactions, as programs write them.
fn whole(criterion: &mut Criterion) {
    let Numbers { db, table } = Numbers::loaded(KEYS);
    let mut keys = Keys::of(KEYS);
    let mut group = criterion.benchmark_group("transact");
    group.bench_function("write one key", |bencher| {
        bencher.iter(|| {
            let key = keys.draw();
            db.transact(|tx| Ok(tx.insert(&table, key, 0)))
        });
    });
    group.bench_function("read, change, write one key", |bencher| {
        bencher.iter(|| {
            let key = keys.draw();
            db.transact(|tx| Ok(tx.update(&table, &key, |old| old.wrapping_add(1)).copied()))
        });
    });
    group.bench_function("write two keys", |bencher| {
        bencher.iter(|| {
            let two = [keys.draw(), keys.draw()];
            db.transact(|tx| Ok(two.iter().for_each(|key| tx.insert(&table, *key, 0))))
        });
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = micro::criterion();
    targets = by_footprint, whole
}
criterion_main!(benches);

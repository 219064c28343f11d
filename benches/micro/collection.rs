//! What does it cost to free what nobody can see any more?
//! `cargo bench -p micro --bench collection`
//!
//! A snapshot keeps the versions until it is dropped; then `Database::collect` frees them.
//! Both are on the clock.

use criterion::{Bencher, BenchmarkId, Criterion, criterion_group, criterion_main};
use micro::{KEYS, Numbers, key, prepared};
use precedent::{Snapshot, Table, Transaction};

const SIZES: [u64; 5] = [1, 10, 100, 1_000, 10_000];
/// Rows that are written before one call of criterion's is answered.
const PREPARED: u64 = 200_000;

type Change = fn(&Transaction<'_>, &Table<u64, u64>, u64);

/// Lets a transaction do something to the first `count` keys beside a snapshot that keeps
/// what was there.
fn kept(numbers: &Numbers, count: u64, change: Change) -> Snapshot {
    let Numbers { db, table } = numbers;
    let snapshot = db.safe_snapshot();
    let changed = db.transact(|tx| {
        (0..count).for_each(|number| change(tx, table, key(number)));
        Ok(())
    });
    changed.expect("nobody is there to conflict");
    snapshot
}

fn overwrite(tx: &Transaction<'_>, table: &Table<u64, u64>, key: u64) {
    tx.insert(table, key, 1);
}

fn remove(tx: &Transaction<'_>, table: &Table<u64, u64>, key: u64) {
    tx.remove(table, &key);
}

fn overwritten(bencher: &mut Bencher<'_>, count: u64) {
    let numbers = Numbers::loaded(KEYS);
    let prepare = || kept(&numbers, count, overwrite);
    prepared(bencher, PREPARED / count, prepare, |snapshot| {
        drop(snapshot);
        numbers.db.collect();
    });
}

fn removed(bencher: &mut Bencher<'_>, count: u64) {
    let numbers = Numbers::loaded(KEYS);
    let prepare = || {
        // They are gone since the last time.
        numbers.put((0..count).map(|number| (key(number), number)));
        kept(&numbers, count, remove)
    };
    prepared(bencher, PREPARED / count, prepare, |snapshot| {
        drop(snapshot);
        numbers.db.collect();
    });
}

/// Nothing may be freed, since a snapshot needs all of it.
fn in_vain(bencher: &mut Bencher<'_>, count: u64) {
    let numbers = Numbers::loaded(KEYS);
    let _snapshot = kept(&numbers, count, overwrite);
    bencher.iter(|| numbers.db.collect());
}

fn by_what_goes(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("collect");
    type Measure = fn(&mut Bencher<'_>, u64);
    let all: [(&str, Measure); 3] =
        [("versions", overwritten), ("keys", removed), ("in vain", in_vain)];
    for (name, measure) in all {
        for size in SIZES {
            let id = BenchmarkId::new(name, size);
            group.bench_function(id, |bencher| measure(bencher, size));
        }
    }
    group.finish();
}

criterion_group! { name = benches; config = micro::criterion(); targets = by_what_goes }
criterion_main!(benches);

//! What single operations cost on one thread: beginning and ending, one read, one range,
//! commits of few writes. `cargo bench --bench point`; compare two versions of the code
//! with `-- --save-baseline NAME` and `-- --baseline NAME`.

use std::hint::black_box;

use criterion::{BatchSize, BenchmarkId, Criterion, criterion_group, criterion_main};
use precedent::{Database, Error, Table};

const KEYS: u64 = 100_000;
const BATCH: u64 = 1_000;
/// Odd, so that multiplying by it visits the numbers below 2^64 in a scattered order.
const SCATTER: u64 = 0x9E37_79B9_7F4A_7C15;

struct Numbers {
    db: Database,
    table: Table<u64, u64>,
}

impl Numbers {
    fn loaded() -> Result<Self, Error> {
        let db = Database::new();
        let table = db.table("numbers")?;
        for start in (0..KEYS).step_by(BATCH as usize) {
            db.transact(|tx| {
                (start..start + BATCH).for_each(|n| tx.insert(&table, n.wrapping_mul(SCATTER), n));
                Ok(())
            })?;
        }
        Ok(Self { db, table })
    }
}

/// Walks over the loaded keys in an order that caches cannot foresee.
struct Keys(u64);

impl Keys {
    fn next(&mut self) -> u64 {
        // 61,803 and 100,000 have no common factor, so that all keys take their turn.
        self.0 = (self.0 + 61_803) % KEYS;
        self.0.wrapping_mul(SCATTER)
    }
}

fn empty(criterion: &mut Criterion) {
    let numbers = Numbers::loaded().expect("loading meets no conflict");
    criterion.bench_function("begin and commit nothing", |bencher| {
        bencher.iter(|| numbers.db.begin().commit());
    });
}

fn reads(criterion: &mut Criterion) {
    let numbers = Numbers::loaded().expect("loading meets no conflict");
    let mut keys = Keys(0);
    criterion.bench_function("read one key", |bencher| {
        bencher.iter(|| numbers.db.read(|tx| tx.get(&numbers.table, &keys.next()).copied()));
    });
    // The transaction is open already and is not ended: the read alone, remembered.
    criterion.bench_function("get", |bencher| {
        bencher.iter_batched_ref(
            || numbers.db.begin(),
            |tx| black_box(tx.get(&numbers.table, &keys.next()).copied()),
            BatchSize::SmallInput,
        );
    });
    criterion.bench_function("scan 100", |bencher| {
        bencher.iter(|| {
            let from = keys.next();
            numbers.db.read(|tx| tx.values(&numbers.table, from..).take(100).sum::<u64>())
        });
    });
}

fn commits(criterion: &mut Criterion) {
    let numbers = Numbers::loaded().expect("loading meets no conflict");
    let mut keys = Keys(0);
    let mut group = criterion.benchmark_group("blind writes");
    for writes in [1, 2, 8] {
        group.bench_function(BenchmarkId::from_parameter(writes), |bencher| {
            bencher.iter(|| {
                let tx = numbers.db.begin();
                (0..writes).for_each(|n| tx.insert(&numbers.table, keys.next(), n));
                tx.commit()
            });
        });
    }
    group.finish();
    criterion.bench_function("read, change, write one key", |bencher| {
        bencher.iter(|| {
            let key = keys.next();
            numbers.db.transact(|tx| {
                Ok(tx.update(&numbers.table, &key, |old| old.wrapping_add(1)).copied())
            })
        });
    });
}

criterion_group!(benches, empty, reads, commits);
criterion_main!(benches);

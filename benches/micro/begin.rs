//! What does a transaction cost that does nothing?
//! `cargo bench -p micro --bench begin`

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use micro::Numbers;

const FEW: u64 = 100;

fn alone(criterion: &mut Criterion) {
    let Numbers { db, .. } = Numbers::loaded(FEW);
    let mut group = criterion.benchmark_group("begin");
    group.bench_function("and drop", |bencher| bencher.iter(|| drop(db.begin())));
    group.bench_function("and commit", |bencher| bencher.iter(|| db.begin().commit()));
    group.bench_function("owned, and commit", |bencher| {
        bencher.iter(|| db.begin_owned().commit());
    });
    group.bench_function("to read, and finish", |bencher| {
        bencher.iter(|| db.begin_read().finish());
    });
    group.bench_function("read", |bencher| bencher.iter(|| db.read(|_| ())));
    group.bench_function("transact", |bencher| bencher.iter(|| db.transact(|_| Ok(()))));
    group.bench_function("safe snapshot", |bencher| bencher.iter(|| db.safe_snapshot()));
    group.finish();
}

/// While others are open, each at a timestamp of its own.
fn beside_open_ones(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("begin and commit, beside open ones");
    for open in [1, 100, 10_000] {
        let Numbers { db, table } = Numbers::loaded(FEW);
        let others: Vec<_> = (0..open)
            .map(|turn| {
                let other = db.begin();
                db.transact(|tx| Ok(tx.insert(&table, turn, turn))).map(|()| other)
            })
            .collect::<Result<_, _>>()
            .expect("nobody is there to conflict");
        group.bench_function(BenchmarkId::from_parameter(open), |bencher| {
            bencher.iter(|| db.begin().commit());
        });
        drop(others);
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = micro::criterion();
    targets = alone, beside_open_ones
}
criterion_main!(benches);

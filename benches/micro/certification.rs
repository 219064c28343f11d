//! What does a commit cost, by how many others have committed while the transaction ran?
//! `cargo bench -p micro --bench certification`
//!
//! On the fast path nothing that it read was overwritten; on the slow one the first of the
//! others did that, so that all of them are searched for a way back, and none is found.
//! Whoever is the last to need the log and old versions frees some of them when it ends; that
//! is shown apart.

use criterion::{Bencher, BenchmarkId, Criterion, criterion_group, criterion_main};
use micro::{KEYS, Keys, Numbers, key, prepared};
use precedent::{Database, Transaction};

const WINDOWS: [u64; 6] = [1, 10, 100, 1_000, 10_000, 100_000];
/// Others that commit before one call of criterion's is answered.
const PREPARED: u64 = 200_000;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Path {
    Fast,
    Slow,
    /// The fast one, and nobody else needs what the others left behind.
    Last,
}

/// Begins one, and lets so many others commit, each of which reads a key and writes one.
/// The second one keeps what they leave behind.
fn begun<'a>(
    Numbers { db, table }: &'a Numbers,
    others: u64,
    path: Path,
    keys: &mut Keys,
) -> (Transaction<'a>, Option<Transaction<'a>>) {
    // Beyond those that the others draw.
    let (seen, own) = (key(KEYS), key(KEYS + 1));
    let keeper = (path != Path::Last).then(|| db.begin());
    let tx = db.begin();
    tx.get(table, &seen);
    tx.insert(table, own, 0);
    for other in 0..others {
        let (read, written) = (keys.draw(), keys.draw());
        let done = db.transact(|tx| {
            tx.get(table, &read);
            if other == 0 && path == Path::Slow {
                tx.insert(table, seen, other);
            }
            Ok(tx.insert(table, written, other))
        });
        done.expect("what it read is only written by those before it");
    }
    (tx, keeper)
}

fn measure(bencher: &mut Bencher<'_>, window: u64, path: Path) {
    // So long a window would be folded; here it is to be searched.
    let builder = Database::builder().max_retained_commits(usize::MAX >> 1);
    let numbers = Numbers::in_database(builder, KEYS + 2);
    let mut keys = Keys::of(KEYS);
    let begin = || {
        // What is left of the last time goes before another one begins.
        numbers.db.collect();
        begun(&numbers, window, path, &mut keys)
    };
    prepared(bencher, PREPARED / window, begin, |(tx, keeper)| {
        tx.commit().expect("it closes no cycle");
        keeper
    });
}

fn by_window(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("commit, by others since it began");
    group.sample_size(10);
    let paths = [("fast path", Path::Fast), ("slow path", Path::Slow), ("and tidy", Path::Last)];
    for (name, path) in paths {
        for window in WINDOWS {
            let id = BenchmarkId::new(name, window);
            group.bench_function(id, |bencher| measure(bencher, window, path));
        }
    }
    group.finish();
}

criterion_group! { name = benches; config = micro::criterion(); targets = by_window }
criterion_main!(benches);

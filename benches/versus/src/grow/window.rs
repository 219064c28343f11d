//! The commit of a transaction that ran while ever more others committed.

use std::time::Instant;

use precedent::{Database, Error, Table};

use super::{Limits, decades, line, nanoseconds};
use crate::progress::Progress;
use crate::random::Random;
use crate::results::Curve;

/// Keys of the others; those of the transaction lie above.
const KEYS: u64 = 100_000;
const OWN: u64 = KEYS;

pub const CERTIFICATION: &str = "Certification, by commits in its window";
pub const SLOW: &str = "the oldest changed a read";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Path {
    /// Nothing that it read has changed.
    Fast,
    /// It read a range, and others wrote beside it.
    Range,
    /// The first of the others overwrote what it had read, so that the whole window has to be
    /// searched for a way back.
    Slow,
    /// The fast one, by the last transaction that needs the log and the old versions: it
    /// frees some of them when it ends.
    Last,
}

pub fn certification(limits: &Limits, progress: &Progress) -> Curve {
    let sizes = decades(1, limits.window);
    let commit = |path| move |size| commit_after(size, path).expect("it closes no cycle");
    let measure = |name, path| line(name, &sizes, limits.trials, progress, commit(path));
    Curve {
        title: CERTIFICATION.to_owned(),
        x: "commits while it ran".to_owned(),
        y: "time of the commit".to_owned(),
        lines: vec![
            measure("nothing it read changed", Path::Fast),
            measure("nor a range it read", Path::Range),
            measure(SLOW, Path::Slow),
            measure("and it tidies up", Path::Last),
        ],
    }
}

/// Nanoseconds of a commit after so many others, which read one key and write another.
fn commit_after(others: u64, path: Path) -> Result<f64, Error> {
    let db = Database::builder().max_retained_commits(usize::MAX >> 1).build();
    let table: Table<u64, u64> = db.table("t")?;
    for first in (0..KEYS + 2).step_by(1_000) {
        let batch = first..(first + 1_000).min(KEYS + 2);
        db.transact(|tx| Ok(batch.clone().for_each(|key| tx.insert(&table, key, key))))?;
    }
    let _keeper = (path != Path::Last).then(|| db.begin());
    let tx = db.begin();
    if path == Path::Range {
        assert_eq!(tx.range(&table, OWN..).count(), 2, "its own rows");
    } else {
        tx.get(&table, &OWN);
    }
    tx.insert(&table, OWN + 1, 0);
    let mut random = Random::new(others, 0);
    for other in 0..others {
        let (read, written) = (random.below(KEYS), random.below(KEYS));
        db.transact(|tx| {
            tx.get(&table, &read);
            if path == Path::Slow && other == 0 {
                tx.insert(&table, OWN, other);
            }
            Ok(tx.insert(&table, written, other))
        })?;
    }
    let start = Instant::now();
    tx.commit()?;
    Ok(nanoseconds(start))
}

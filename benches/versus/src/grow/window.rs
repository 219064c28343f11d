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

pub fn certification(limits: &Limits, progress: &Progress) -> Curve {
    let sizes = decades(1, limits.window);
    let worst = |around| move |size| commit_after(size, around).expect("it closes no cycle");
    let measure = |name, around| line(name, &sizes, limits.trials, progress, worst(around));
    Curve {
        title: "Certification, by commits in its window".to_owned(),
        x: "commits while it ran".to_owned(),
        y: "time of the commit".to_owned(),
        lines: vec![
            measure("nothing it read changed", false),
            measure("the oldest changed a read", true),
        ],
    }
}

/// Nanoseconds of a commit after so many others, which read one key and write another.
/// `around`: the first of them overwrote what the transaction had read, so that the whole
/// window has to be searched for a way back.
fn commit_after(others: u64, around: bool) -> Result<f64, Error> {
    let db = Database::builder().max_retained_commits(usize::MAX >> 1).build();
    let table: Table<u64, u64> = db.table("t")?;
    for first in (0..KEYS + 2).step_by(1_000) {
        let batch = first..(first + 1_000).min(KEYS + 2);
        db.transact(|tx| Ok(batch.clone().for_each(|key| tx.insert(&table, key, key))))?;
    }
    let tx = db.begin();
    tx.get(&table, &OWN);
    tx.insert(&table, OWN + 1, 0);
    let mut random = Random::new(others, 0);
    for other in 0..others {
        let (read, written) = (random.below(KEYS), random.below(KEYS));
        db.transact(|tx| {
            tx.get(&table, &read);
            if around && other == 0 {
                tx.insert(&table, OWN, other);
            }
            Ok(tx.insert(&table, written, other))
        })?;
    }
    let start = Instant::now();
    tx.commit()?;
    Ok(nanoseconds(start))
}

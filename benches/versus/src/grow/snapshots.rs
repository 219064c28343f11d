//! Short transactions while ever more snapshots are open, each of another state.

use std::hint::black_box;
use std::time::Instant;

use precedent::{Database, Error, Table};

use super::{Limits, decades, line, nanoseconds};
use crate::progress::Progress;
use crate::random::Random;
use crate::results::Curve;

const KEYS: u64 = 10_000;
/// Transactions of one trial.
const COUNT: u32 = 5_000;

pub fn open(limits: &Limits, progress: &Progress) -> Curve {
    let sizes = decades(1, limits.snapshots);
    let measure = |name, write, tracked| {
        let measure = |size| beside(size, write, tracked).expect("nobody conflicts");
        line(name, &sizes, limits.trials, progress, measure)
    };
    Curve {
        title: "Short transactions, by open snapshots".to_owned(),
        x: "open snapshots".to_owned(),
        y: "time of a transaction".to_owned(),
        lines: vec![
            measure("reads, snapshots open", false, false),
            measure("changes, snapshots open", true, false),
            measure("reads, readers open", false, true),
            measure("changes, readers open", true, true),
        ],
    }
}

/// Nanoseconds of a transaction beside so many open snapshots, or tracked read-only
/// transactions.
fn beside(count: u64, write: bool, tracked: bool) -> Result<f64, Error> {
    let db = Database::new();
    let table: Table<u64, u64> = db.table("t")?;
    db.bulk_load(&table, (0..KEYS).map(|key| (key, key)))?;
    let (mut snapshots, mut readers) = (Vec::new(), Vec::new());
    for turn in 0..count {
        db.transact(|tx| Ok(tx.insert(&table, turn % KEYS, turn)))?;
        if tracked {
            let reader = db.begin_read();
            reader.get(&table, &(turn % KEYS));
            readers.push(reader);
        } else {
            snapshots.push(db.safe_snapshot());
        }
    }
    let mut random = Random::new(count, 0);
    let start = Instant::now();
    for turn in 0..COUNT {
        let key = random.below(KEYS);
        if write {
            db.transact(|tx| {
                let old = tx.get(&table, &key).copied().unwrap_or_default();
                Ok(tx.insert(&table, key, old + u64::from(turn)))
            })?;
        } else {
            black_box(db.read(|tx| tx.get(&table, &key).copied())?);
        }
    }
    Ok(nanoseconds(start) / f64::from(COUNT))
}

//! The commit of a transaction that has read or written ever more.

use std::time::Instant;

use precedent::{Database, Error, Table};

use super::{Limits, decades, line, nanoseconds};
use crate::progress::Progress;
use crate::results::Curve;

#[derive(Clone, Copy)]
enum What {
    Points,
    Range,
    Written,
}

pub fn commits(limits: &Limits, progress: &Progress) -> Curve {
    let sizes = decades(1, limits.footprint);
    let db = Database::new();
    let table = filled(&db, limits.footprint).expect("a load meets nobody");
    let measure = |name, what| {
        let measure = |size| commit(&db, &table, size, what).expect("nobody is there to conflict");
        line(name, &sizes, limits.trials, progress, measure)
    };
    Curve {
        title: "A commit, by its footprint".to_owned(),
        x: "keys read or written".to_owned(),
        y: "time of the commit".to_owned(),
        lines: vec![
            measure("points read, one written", What::Points),
            measure("one range read, one written", What::Range),
            measure("keys written", What::Written),
        ],
    }
}

fn filled(db: &Database, keys: u64) -> Result<Table<u64, u64>, Error> {
    let table = db.table("t")?;
    db.bulk_load(&table, (0..keys).map(|key| (key, key)))?;
    Ok(table)
}

/// Nanoseconds of the call of `commit` alone, with a transaction of another before it, so
/// that the log is not empty.
fn commit(db: &Database, table: &Table<u64, u64>, size: u64, what: What) -> Result<f64, Error> {
    let tx = db.begin();
    match what {
        What::Points => (0..size).for_each(|key| {
            tx.get(table, &key);
        }),
        What::Range => {
            tx.range(table, 0..size).count();
        }
        What::Written => (0..size).for_each(|key| tx.insert(table, key, 1)),
    }
    if !matches!(what, What::Written) {
        tx.insert(table, size - 1, 1);
    }
    db.transact(|other| Ok(other.insert(table, u64::MAX, 0)))?;
    let start = Instant::now();
    tx.commit()?;
    Ok(nanoseconds(start))
}

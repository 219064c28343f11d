//! Short transactions beside one that stays open while ever more of them commit.

use std::time::Instant;

use precedent::{Database, Error, Table};

use super::{Limits, decades, nanoseconds};
use crate::progress::Progress;
use crate::random::Random;
use crate::results::{Curve, Line};

pub const LONG: &str = "Changing one key, by commits since a long transaction began";
pub const ALONE: &str = "alone";
pub const BESIDE: [&str; 3] = ["beside a snapshot", "beside a reader", "beside an idle writer"];

const KEYS: u64 = 100_000;
/// Transactions of which each point is the mean.
const COUNT: u64 = 2_000;
/// The point with the fewest commits since the reader began.
const FIRST: u64 = 1_000;

#[derive(Clone, Copy)]
enum Who {
    Nobody,
    Snapshot,
    Reader,
    Writer,
}

pub fn beside(limits: &Limits, progress: &Progress) -> Curve {
    let sizes = decades(FIRST.min(limits.window), limits.window * 10);
    let names = [
        (ALONE, Who::Nobody),
        (BESIDE[0], Who::Snapshot),
        (BESIDE[1], Who::Reader),
        (BESIDE[2], Who::Writer),
    ];
    let mut times = vec![vec![Vec::new(); sizes.len()]; names.len()];
    for trial in 0..limits.trials {
        // A different one first each time.
        for turn in 0..names.len() {
            let place = (turn + trial as usize) % names.len();
            progress.say(names[place].0);
            let run = run(&sizes, names[place].1).expect("nobody conflicts");
            times[place].iter_mut().zip(run).for_each(|(times, time)| times.push(time));
        }
    }
    let lines = names.iter().zip(times);
    Curve {
        title: LONG.to_owned(),
        x: "commits since then".to_owned(),
        y: "time of a transaction".to_owned(),
        lines: lines
            .map(|((name, _), times)| {
                Line::of(name, sizes.iter().map(|size| *size as f64).zip(times).collect())
            })
            .collect(),
    }
}

/// Nanoseconds of a transaction, when so many have committed since the long one began.
fn run(sizes: &[u64], who: Who) -> Result<Vec<f64>, Error> {
    let db = Database::new();
    let table: Table<u64, u64> = db.table("t")?;
    db.bulk_load(&table, (0..KEYS).map(|key| (key, key)))?;
    let snapshot = matches!(who, Who::Snapshot).then(|| db.safe_snapshot());
    let reader = matches!(who, Who::Reader).then(|| db.begin_read());
    let writer = matches!(who, Who::Writer).then(|| db.begin());
    if let Some(reader) = &reader {
        reader.get(&table, &0);
    }
    if let Some(writer) = &writer {
        writer.get(&table, &0);
    }
    let mut random = Random::new(1, 0);
    let mut commits = 0;
    let mut times = Vec::new();
    for size in sizes {
        while commits + COUNT < *size {
            change(&db, &table, &mut random)?;
            commits += 1;
        }
        let start = Instant::now();
        for _ in 0..COUNT {
            change(&db, &table, &mut random)?;
        }
        commits += COUNT;
        times.push(nanoseconds(start) / COUNT as f64);
    }
    drop((snapshot, reader, writer));
    Ok(times)
}

fn change(db: &Database, table: &Table<u64, u64>, random: &mut Random) -> Result<(), Error> {
    let key = random.below(KEYS);
    db.transact(|tx| {
        let old = tx.get(table, &key).copied().unwrap_or_default();
        Ok(tx.insert(table, key, old.wrapping_add(1)))
    })
}

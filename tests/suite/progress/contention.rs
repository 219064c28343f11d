//! Real threads that fight for the same keys, with and without the gate. Figures are
//! printed; what is asserted are counts, never times.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use precedent::{Database, Table};

use super::FOREVER;
use crate::support::{Random, assert_at_rest, scaled, summary};

const AGE_AFTER: u32 = 8;

/// The quantile of sorted times, in thousandths.
fn quantile(times: &[Duration], thousandths: usize) -> Duration {
    let place = times.len() * thousandths / 1000;
    times.get(place.min(times.len().saturating_sub(1))).copied().unwrap_or_default()
}

fn tell(name: &str, mut times: Vec<Duration>) -> String {
    times.sort_unstable();
    format!(
        "  {name}: {} commits, median {:?}, p99.9 {:?}, longest {:?}\n",
        times.len(),
        quantile(&times, 500),
        quantile(&times, 999),
        times.last().copied().unwrap_or_default(),
    )
}

/// How long the short commits took: those that met a shut gate, and the others.
#[derive(Default)]
struct Times {
    shut: Vec<Duration>,
    open: Vec<Duration>,
}

/// Reads and writes one of the keys at a time until it is told to stop.
fn short_writer(
    (db, table): (&Database, &Table<u64, u64>),
    (keys, seed): (usize, usize),
    (shut, stop): (&AtomicBool, &AtomicBool),
) -> Times {
    let (mut random, mut times) = (Random::new(seed as u64), Times::default());
    while !stop.load(Ordering::Relaxed) {
        let key = random.below(keys) as u64;
        let mut met_shut = shut.load(Ordering::Relaxed);
        let begun = Instant::now();
        db.transact(|tx| Ok(tx.update(table, &key, |value| value + 1).copied())).expect("retried");
        let time = begun.elapsed();
        met_shut |= shut.load(Ordering::Relaxed);
        if met_shut { &mut times.shut } else { &mut times.open }.push(time);
    }
    times
}

#[test]
fn a_long_writer_of_200_keys_among_8_threads_of_short_ones_commits_within_the_bound() {
    const KEYS: usize = 200;
    const THREADS: usize = 8;
    let builder = Database::builder().age_after(AGE_AFTER).max_gate_time(FOREVER);
    let db = builder.build();
    let table: Table<u64, u64> = db.table("keys").expect("a new table");
    let fill = |tx: &precedent::Transaction<'_>| {
        Ok((0..KEYS as u64).for_each(|key| tx.insert(&table, key, 0)))
    };
    db.transact(fill).expect("alone");
    let (shut, stop) = (AtomicBool::new(false), AtomicBool::new(false));
    let rounds = scaled(1_000);
    let mut attempts = Vec::new();
    let all: Vec<Times> = thread::scope(|scope| {
        let (place, flags) = ((&db, &table), (&shut, &stop));
        let spawn = |seed| scope.spawn(move || short_writer(place, (KEYS, seed), flags));
        let threads: Vec<_> = (1..=THREADS).map(spawn).collect();
        for _ in 0..rounds {
            attempts.push(long_writer((&db, &table), KEYS as u64, &shut));
        }
        stop.store(true, Ordering::Relaxed);
        threads.into_iter().map(|thread| thread.join().expect("it only commits")).collect()
    });
    let bound = AGE_AFTER + 1 + THREADS as u32;
    let most = attempts.iter().copied().max().unwrap_or_default();
    let (shut, open): (Vec<_>, Vec<_>) = all.into_iter().map(|t| (t.shut, t.open)).unzip();
    let mut text = format!("{rounds} long writers of {KEYS} keys among {THREADS} threads\n");
    text += &format!("  attempts: most {most}, bound {bound}, aged {}\n", db.stats().aged);
    text += &tell("beside a shut gate", shut.concat());
    text += &tell("otherwise", open.concat());
    summary(&text);
    assert!(most <= bound, "{most} attempts");
    assert_eq!(db.stats().gate_time_outs, 0);
    assert_at_rest(&db, KEYS);
}

/// Reads and writes every key; how many attempts it took.
fn long_writer((db, table): (&Database, &Table<u64, u64>), keys: u64, shut: &AtomicBool) -> u32 {
    let attempts = db.transact(|tx| {
        shut.store(tx.attempt() > AGE_AFTER, Ordering::Relaxed);
        for key in 0..keys {
            tx.update(table, &key, |value| value + 1);
            if key % 20 == 0 {
                // As if it took its time: others get the processor.
                thread::yield_now();
            }
        }
        Ok(tx.attempt())
    });
    shut.store(false, Ordering::Relaxed);
    attempts.expect("within the bound")
}

#[test]
fn threads_that_fight_for_one_key_all_get_through_within_the_bound() {
    const THREADS: usize = 6;
    let builder = Database::builder().age_after(AGE_AFTER).max_gate_time(FOREVER);
    let db = builder.build();
    let table: Table<u64, u64> = db.table("keys").expect("a new table");
    db.transact(|tx| Ok(tx.insert(&table, 0, 0))).expect("alone");
    let (most, first) = (AtomicU32::new(0), AtomicBool::new(false));
    let target = scaled(200_000) as u64;
    // Who has come how far when the first one is through.
    let counts: Vec<u64> = thread::scope(|scope| {
        let one = || {
            let mut count = 0;
            for turn in 0..target {
                let attempts = db.transact(|tx| {
                    let seen = *tx.get(&table, &0).expect("there");
                    if turn % 8 == 0 {
                        thread::yield_now();
                    }
                    tx.insert(&table, 0, seen + 1);
                    Ok(tx.attempt())
                });
                most.fetch_max(attempts.expect("within the bound"), Ordering::Relaxed);
                count += u64::from(!first.load(Ordering::Relaxed));
            }
            first.store(true, Ordering::Relaxed);
            count
        };
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(one)).collect();
        threads.into_iter().map(|thread| thread.join().expect("it only commits")).collect()
    });
    let most = most.into_inner();
    let bound = AGE_AFTER + 1 + (THREADS as u32 - 1);
    summary(&format!(
        "{THREADS} threads of {target} commits on one key: {counts:?} when the first was through, \
         most attempts {most}, bound {bound}, aged {}",
        db.stats().aged
    ));
    assert_eq!(db.begin().peek(&table, &0), Some(&(target * THREADS as u64)));
    assert!(most <= bound, "{most} attempts");
    assert_at_rest(&db, 1);
}

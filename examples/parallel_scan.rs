//! A long scan, split over threads, of a database that others go on writing to.
//!
//! Writers move money between accounts; the sum of all accounts never changes. Meanwhile
//! one snapshot after the other is summed up by several threads, each over its own range of
//! keys. The parts fit together, since they are parts of one state; and neither the
//! writers nor the scans wait for each other.
//!
//! ```sh
//! cargo run --release --example parallel_scan
//! ```

use std::error::Error;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use precedent::{Database, Snapshot, Table};

const ACCOUNTS: u64 = 100_000;
const EACH: u64 = 100;
const WRITERS: u64 = 2;
const THREADS: u64 = 4;
const SCANS: usize = 5;

fn main() -> Result<(), Box<dyn Error>> {
    let db = Database::new();
    let accounts: Table<u64, u64> = db.table("accounts")?;
    db.transact(|tx| {
        (0..ACCOUNTS).for_each(|account| tx.insert(&accounts, account, EACH));
        Ok(())
    })?;

    let stop = AtomicBool::new(false);
    let transfers = AtomicU64::new(0);
    let sums = thread::scope(|scope| {
        for writer in 0..WRITERS {
            let (db, accounts, stop, transfers) = (&db, &accounts, &stop, &transfers);
            scope.spawn(move || {
                let mut seed = writer + 1;
                while !stop.load(Ordering::Relaxed) {
                    if transfer(db, accounts, &mut seed).is_ok() {
                        transfers.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
        let sums: Vec<u64> = (0..SCANS).map(|scan| report(&db, &accounts, scan)).collect();
        stop.store(true, Ordering::Relaxed);
        sums
    });

    println!("{} transfers meanwhile", transfers.into_inner());
    if sums.iter().any(|sum| *sum != ACCOUNTS * EACH) {
        return Err("a sum is wrong".into());
    }
    Ok(())
}

fn transfer(
    db: &Database,
    accounts: &Table<u64, u64>,
    seed: &mut u64,
) -> Result<(), precedent::Error> {
    let (from, to, sum) = (random(seed) % ACCOUNTS, random(seed) % ACCOUNTS, random(seed) % 10);
    db.transact(|tx| {
        let has = tx.get(accounts, &from).copied().unwrap_or(0);
        let sum = sum.min(has);
        tx.insert(accounts, from, has - sum);
        tx.update(accounts, &to, |has| has + sum);
        Ok(())
    })
}

/// Sums one snapshot up, in parts, and prints them.
fn report(db: &Database, accounts: &Table<u64, u64>, scan: usize) -> u64 {
    // May lag behind the newest commit a little, but no commit can ever invalidate it.
    let snapshot = db.safe_snapshot();
    let parts: Vec<u64> = thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|part| {
                let snapshot: &Snapshot = &snapshot;
                scope.spawn(move || {
                    let keys = ACCOUNTS * part / THREADS..ACCOUNTS * (part + 1) / THREADS;
                    snapshot.values(accounts, keys).sum()
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("a sum does not panic")).collect()
    });
    let sum = parts.iter().sum();
    println!("scan {scan} at {}: {parts:?}, together {sum}", snapshot.timestamp());
    sum
}

/// A small generator (xorshift), so that the example needs no crate for it.
fn random(seed: &mut u64) -> u64 {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    *seed
}

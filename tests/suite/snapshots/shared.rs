//! One snapshot, many threads, and writers that go on.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use precedent::{Database, Snapshot, Table, Transaction};

use crate::support::{Random, assert_at_rest, scaled, summary};

const ACCOUNTS: u64 = 400;
const EACH: i64 = 1_000;
const WRITERS: usize = 3;
const PARTS: u64 = 4;

/// Moves a random sum between two random accounts: the total stays. An account that has
/// nothing is not there.
fn transfer(tx: &Transaction<'_>, table: &Table<u64, i64>, random: &mut Random) {
    let [from, to] = [(); 2].map(|()| random.below(ACCOUNTS as usize) as u64);
    let has = tx.get(table, &from).copied().unwrap_or(0);
    let sum = if random.below(4) == 0 { has } else { random.below(50) as i64 };
    set(tx, table, from, has - sum);
    let had = tx.get(table, &to).copied().unwrap_or(0);
    set(tx, table, to, had + sum);
}

fn set(tx: &Transaction<'_>, table: &Table<u64, i64>, account: u64, has: i64) {
    match has {
        0 => tx.remove(table, &account),
        has => tx.insert(table, account, has),
    }
}

/// Stops the writers, also when a check fails.
struct Stop<'s>(&'s AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn sum_in_parts(snapshot: &Snapshot, table: &Table<u64, i64>) -> i64 {
    thread::scope(|scope| {
        let part = |part: u64| {
            let keys = ACCOUNTS / PARTS * part..ACCOUNTS / PARTS * (part + 1);
            move || snapshot.values(table, keys).sum::<i64>()
        };
        let sums: Vec<_> = (0..PARTS).map(|number| scope.spawn(part(number))).collect();
        sums.into_iter().map(|sum| sum.join().expect("nothing panics")).sum()
    })
}

#[test]
fn a_scan_split_over_threads_sees_one_state_while_writers_go_on() {
    let db = Database::new();
    let table: Table<u64, i64> = db.table("accounts").expect("a new table");
    let fill = |tx: &Transaction<'_>| Ok((0..ACCOUNTS).for_each(|n| tx.insert(&table, n, EACH)));
    db.transact(fill).expect("alone");
    let scans = scaled(20_000).max(100);
    let (stop, commits) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        for seed in 0..WRITERS as u64 {
            let (db, table, stop, commits) = (&db, &table, &stop, &commits);
            scope.spawn(move || {
                let mut random = Random::new(seed + 1);
                while !stop.load(Ordering::Relaxed) {
                    db.transact(|tx| Ok(transfer(tx, table, &mut random))).expect("retried");
                    commits.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let _stop = Stop(&stop);
        let mut kept: Vec<(Snapshot, Vec<(u64, i64)>)> = Vec::new();
        for scan in 0..scans {
            let snapshot = db.safe_snapshot();
            assert_eq!(sum_in_parts(&snapshot, &table), ACCOUNTS as i64 * EACH);
            if scan % 10 == 0 {
                let rows = snapshot.range(&table, ..).map(|(n, has)| (*n, *has)).collect();
                kept.push((snapshot, rows));
            }
            if kept.len() > 5 {
                let (snapshot, rows) = kept.remove(scan % 5);
                assert!(snapshot.range(&table, ..).eq(rows.iter().map(|(n, has)| (n, has))));
            }
        }
    });
    let accounts = db.read(|tx| tx.count(&table, ..)).expect("alone");
    assert_at_rest(&db, accounts);
    summary(&format!(
        "snapshots: {scans} scans in {PARTS} parts beside {} transfers",
        commits.into_inner()
    ));
}

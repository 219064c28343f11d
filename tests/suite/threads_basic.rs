//! The simplest promises, on real threads.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use precedent::{Database, Table, Timestamp};

use crate::support::{Random, assert_at_rest, scaled, summary};

const THREADS: usize = 4;

#[test]
fn threads_that_increment_one_counter_end_at_the_number_of_acknowledged_commits() {
    let rounds = scaled(200_000) as u64;
    for sliding in [false, true] {
        let db = Database::builder().sliding(sliding).build();
        let table: Table<&str, u64> = db.table("counters").expect("a new table");
        let runs = AtomicU64::new(0);
        thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    for _ in 0..rounds {
                        let increment = |tx: &precedent::Transaction<'_>| {
                            runs.fetch_add(1, Ordering::Relaxed);
                            let old = tx.get(&table, &"hits").copied().unwrap_or(0);
                            Ok(tx.insert(&table, "hits", old + 1))
                        };
                        db.transact(increment).expect("somebody always gets through");
                    }
                });
            }
        });
        let expected = rounds * THREADS as u64;
        assert_eq!(db.read(|tx| tx.get(&table, &"hits").copied()).expect("alone"), Some(expected));
        assert_at_rest(&db, 1);
        let runs = runs.into_inner();
        summary(&format!(
            "{THREADS} threads, {expected} increments, {runs} runs, sliding {sliding}"
        ));
    }
}

#[test]
fn increments_by_hand_count_exactly_what_was_acknowledged() {
    let rounds = scaled(200_000);
    let db = Database::new();
    let table: Table<&str, u64> = db.table("counters").expect("a new table");
    let acknowledged: u64 = thread::scope(|scope| {
        let count = || {
            let mut count = 0;
            for _ in 0..rounds {
                let tx = db.begin();
                let old = tx.get(&table, &"hits").copied().unwrap_or(0);
                thread::yield_now();
                tx.insert(&table, "hits", old + 1);
                count += u64::from(tx.commit().is_ok());
            }
            count
        };
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(count)).collect();
        threads.into_iter().map(|thread| thread.join().expect("a counter")).sum()
    });
    let counted = db.read(|tx| tx.get(&table, &"hits").copied()).expect("alone");
    assert_eq!(counted, Some(acknowledged));
    assert_at_rest(&db, 1);
}

#[test]
fn a_transfer_between_two_keys_is_seen_whole() {
    const ACCOUNTS: u64 = 16;
    const EACH: i64 = 100;
    let rounds = scaled(200_000);
    let db = Database::new();
    let table: Table<u64, i64> = db.table("accounts").expect("a new table");
    db.transact(|tx| Ok((0..ACCOUNTS).for_each(|key| tx.insert(&table, key, EACH))))
        .expect("alone");
    let done = AtomicBool::new(false);
    let scans = thread::scope(|scope| {
        let (db, table, done) = (&db, &table, &done);
        let scanner = scope.spawn(move || {
            let mut scans = 0;
            while !done.load(Ordering::Relaxed) || scans == 0 {
                // Any scan sees one snapshot, certified or not.
                let open = db.begin();
                let (mut front, mut sum) = (true, 0);
                let mut rows = open.range(table, ..);
                while let Some((_, value)) = if front { rows.next() } else { rows.next_back() } {
                    sum += value;
                    front = !front;
                }
                drop(rows);
                assert_eq!(sum, EACH * ACCOUNTS as i64);
                open.rollback();
                let sum: i64 = db.read(|tx| tx.values(table, ..).sum()).expect("certified");
                assert_eq!(sum, EACH * ACCOUNTS as i64);
                scans += 2;
            }
            scans
        });
        let movers: Vec<_> = (1..THREADS as u64)
            .map(|seed| {
                scope.spawn(move || {
                    let mut random = Random::new(seed);
                    for _ in 0..rounds {
                        let from = random.below(ACCOUNTS as usize) as u64;
                        let to = random.below(ACCOUNTS as usize) as u64;
                        db.transact(|tx| {
                            tx.update(table, &from, |balance| balance - 1);
                            tx.update(table, &to, |balance| balance + 1);
                            Ok(())
                        })
                        .expect("somebody always gets through");
                    }
                })
            })
            .collect();
        movers.into_iter().for_each(|mover| mover.join().expect("a mover"));
        done.store(true, Ordering::Relaxed);
        scanner.join().expect("the scanner")
    });
    assert_at_rest(&db, ACCOUNTS as usize);
    summary(&format!("{rounds} transfers by {} threads, {scans} scans", THREADS - 1));
}

#[test]
fn timestamps_never_go_back() {
    let rounds = scaled(200_000);
    let db = Database::new();
    let table: Table<u64, u64> = db.table("numbers").expect("a new table");
    // The newest timestamp that any thread has seen; whoever begins later sees no older one.
    let newest = AtomicU64::new(0);
    thread::scope(|scope| {
        for thread in 0..THREADS as u64 {
            let (db, table, newest) = (&db, &table, &newest);
            scope.spawn(move || {
                let mut last = Timestamp::ZERO;
                for round in 0..rounds as u64 {
                    let floor = Timestamp::from(newest.load(Ordering::SeqCst));
                    let tx = db.begin();
                    let began = tx.read_timestamp();
                    assert!(began >= floor && began >= last, "{began} after {floor} and {last}");
                    let reader = db.begin_read();
                    assert!(reader.read_timestamp() >= began);
                    reader.rollback();
                    tx.insert(table, thread, round);
                    assert!(tx.read_timestamp() >= began);
                    let commit = tx.commit().expect("a blind write").timestamp();
                    assert!(commit > began, "{commit} is not after {began}");
                    assert!(db.stats().published >= commit, "acknowledged before it was published");
                    last = commit;
                    newest.fetch_max(u64::from(commit), Ordering::SeqCst);
                }
            });
        }
    });
    let commits = rounds as u64 * THREADS as u64;
    assert_eq!(u64::from(db.stats().published), commits, "timestamps are consecutive");
    assert_at_rest(&db, THREADS);
}

#[test]
fn every_thread_reads_its_own_commits() {
    let rounds = scaled(200_000) as u64;
    let db = Database::new();
    let table: Table<u64, u64> = db.table("own").expect("a new table");
    thread::scope(|scope| {
        for thread in 0..THREADS as u64 {
            let (db, table) = (&db, &table);
            scope.spawn(move || {
                for round in 1..=rounds {
                    let write = db.transact_with_commit(|tx| Ok(tx.insert(table, thread, round)));
                    let ((), commit) = write.expect("a blind write");
                    let tx = db.begin();
                    assert!(tx.read_timestamp() >= commit.timestamp());
                    assert_eq!(tx.get(table, &thread), Some(&round));
                    tx.rollback();
                    let seen = db.read(|tx| tx.get(table, &thread).copied());
                    assert_eq!(seen.expect("certified"), Some(round));
                }
            });
        }
    });
    assert_at_rest(&db, THREADS);
}

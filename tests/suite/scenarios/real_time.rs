//! Real time and publication: what returned before something else began comes before it,
//! and nobody sees a later commit without an earlier one. Threads, without time limits.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::sync_channel;
use std::thread;

use precedent::{Database, Table, Timestamp};

use crate::support::{scaled, summary};

/// How many rows a reader counts below the last one.
const WINDOW: u64 = 50;

#[test]
fn nobody_sees_a_commit_without_every_earlier_one() {
    // Three writers take turns: number n is written by another thread than n - 1, after
    // the commit of n - 1 returned.
    let numbers = scaled(1_000_000) as u64;
    let db = Database::new();
    let table: Table<u64, u64> = db.table("numbers").expect("a new table");
    let done = AtomicBool::new(false);
    let looks = thread::scope(|scope| {
        let reader = || look_for_gaps(&db, &table, &done);
        let readers: Vec<_> = (0..2).map(|_| scope.spawn(reader)).collect();
        let (turns, mine): (Vec<_>, Vec<_>) = (0..3).map(|_| sync_channel::<u64>(1)).unzip();
        turns[0].send(0).expect("room for one");
        let writers: Vec<_> = (0..3)
            .zip(mine)
            .map(|(writer, mine)| {
                let next = turns[(writer + 1) % 3].clone();
                let (db, table) = (&db, &table);
                scope.spawn(move || {
                    for number in mine.into_iter().take_while(|number| *number < numbers) {
                        db.transact(|tx| Ok(tx.insert(table, number, number))).expect("blind");
                        // The last one finds nobody waiting.
                        let _ = next.send(number + 1);
                    }
                })
            })
            .collect();
        drop(turns);
        writers.into_iter().for_each(|writer| writer.join().expect("a writer"));
        done.store(true, Ordering::Relaxed);
        readers.into_iter().map(|reader| reader.join().expect("a reader")).sum::<u64>()
    });
    assert_eq!(db.read(|tx| tx.count(&table, ..)).expect("certified") as u64, numbers);
    summary(&format!("{numbers} commits by three threads in turn, {looks} looks at them"));
}

fn look_for_gaps(db: &Database, table: &Table<u64, u64>, done: &AtomicBool) -> u64 {
    let mut looks = 0;
    while !done.load(Ordering::Relaxed) {
        let seen = db.read(|tx| {
            let last = tx.last_key_value(table).map_or(0, |(key, _)| key + 1);
            (last, tx.count(table, last.saturating_sub(WINDOW)..))
        });
        let (last, rows) = seen.expect("blind writes conflict with nobody");
        assert_eq!(rows as u64, last.min(WINDOW), "a gap below {last}");
        looks += 1;
        thread::yield_now();
    }
    looks
}

#[test]
fn a_commit_that_returned_is_seen_by_everything_that_begins_later() {
    let rounds = scaled(200_000) as u64;
    let db = Database::new();
    let table: Table<&str, u64> = db.table("messages").expect("a new table");
    let (to_reader, messages) = sync_channel::<(u64, Timestamp)>(4);
    thread::scope(|scope| {
        let (db, table) = (&db, &table);
        scope.spawn(move || {
            for round in 1..=rounds {
                let written = db.transact_with_commit(|tx| Ok(tx.insert(table, "last", round)));
                let ((), commit) = written.expect("nobody else writes");
                to_reader.send((round, commit.timestamp())).expect("the reader waits");
            }
        });
        // Unrelated commits, so that publication has something to wait for.
        scope.spawn(move || {
            for round in 1..=rounds {
                db.transact(|tx| Ok(tx.insert(table, "noise", round))).expect("blind");
            }
        });
        for (round, timestamp) in messages {
            let tx = db.begin();
            assert!(tx.read_timestamp() >= timestamp, "began before a commit that returned");
            assert!(tx.get(table, &"last").is_some_and(|last| *last >= round));
            tx.commit().expect("a reader of what is past");
            let fresh = db.read(|tx| tx.get(table, &"last").copied()).expect("certified");
            assert!(fresh.is_some_and(|last| last >= round));
        }
    });
}

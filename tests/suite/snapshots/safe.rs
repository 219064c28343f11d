//! Which timestamps are safe, which can still be told, and which cannot.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use precedent::{Database, Error, Isolation, Table, Timestamp};

use crate::support::assert_at_rest;

const SOON: Duration = Duration::from_millis(20);
const LATE: Duration = Duration::from_secs(60);

fn database() -> (Database, Table<u64, u64>) {
    let db = Database::new();
    let table = db.table("numbers").expect("a new table");
    (db, table)
}

fn put(db: &Database, table: &Table<u64, u64>, key: u64, value: u64) -> Timestamp {
    let put = db.transact_with_commit(|tx| Ok(tx.insert(table, key, value)));
    put.expect("a blind write").1.timestamp()
}

#[test]
fn a_safe_snapshot_is_the_newest_one_when_nothing_runs() {
    let (db, table) = database();
    for round in 1..100 {
        let commit = put(&db, &table, round % 7, round);
        let snapshot = db.safe_snapshot();
        assert_eq!((snapshot.timestamp(), snapshot.is_safe()), (commit, true));
    }
    assert_at_rest(&db, 7);
}

#[test]
fn a_safe_snapshot_lags_behind_an_open_writer_and_catches_up_when_it_ends() {
    let (db, table) = database();
    let before = put(&db, &table, 1, 1);
    let writer = db.begin();
    assert_eq!(writer.get(&table, &1), Some(&1));
    let commit = put(&db, &table, 1, 2);
    let snapshot = db.safe_snapshot();
    assert_eq!((snapshot.timestamp(), snapshot.is_safe()), (before, true));
    assert_eq!(snapshot.get(&table, &1), Some(&1));
    let error = db.safe_snapshot_at_least(commit, SOON).expect_err("the writer still runs");
    let Error::SafeSnapshotTimeout { asked_for, newest_safe } = error else {
        panic!("another error: {error}");
    };
    assert_eq!((asked_for, newest_safe), (commit, before));
    assert!(!error.is_conflict() && !error.is_retryable() && !error.is_limit());
    drop(writer);
    let snapshot = db.safe_snapshot_at_least(commit, LATE).expect("nobody is in the way");
    assert_eq!(snapshot.get(&table, &1), Some(&2));
    drop(snapshot);
}

#[test]
fn a_leaked_writer_holds_every_safe_snapshot_back() {
    let (db, table) = database();
    let before = put(&db, &table, 1, 1);
    let leaked = db.begin();
    assert_eq!(leaked.get(&table, &1), Some(&1));
    std::mem::forget(leaked);
    (2..50).for_each(|value| _ = put(&db, &table, 1, value));
    db.collect();
    let snapshot = db.safe_snapshot();
    assert_eq!((snapshot.timestamp(), snapshot.get(&table, &1)), (before, Some(&1)));
}

#[test]
fn an_open_reader_does_not_hold_safe_snapshots_back() {
    let (db, table) = database();
    put(&db, &table, 1, 1);
    let reader = db.begin_read();
    assert_eq!(reader.get(&table, &1), Some(&1));
    let commit = put(&db, &table, 1, 2);
    assert_eq!(db.safe_snapshot().timestamp(), commit);
    reader.finish().expect("a reader of a safe snapshot");
}

#[test]
fn who_waits_for_a_safe_point_goes_on_when_the_writer_ends() {
    let (db, table) = database();
    let writer = db.begin_owned();
    assert_eq!(writer.get(&table, &1), None);
    let commit = put(&db, &table, 1, 1);
    let begun = Instant::now();
    let ender = thread::spawn(move || {
        thread::sleep(SOON);
        drop(writer);
    });
    let snapshot = db.safe_snapshot_at_least(commit, LATE).expect("the writer ends");
    assert!(snapshot.timestamp() >= commit && begun.elapsed() < LATE);
    ender.join().expect("it only drops");
}

#[test]
fn a_timeout_that_never_comes_is_no_overflow() {
    let (db, table) = database();
    let commit = put(&db, &table, 1, 1);
    assert!(db.safe_snapshot_at_least(commit, Duration::MAX).is_ok());
    assert!(db.safe_snapshot_at_least(commit, Duration::ZERO).is_ok());
    let future = Timestamp::from(u64::from(commit) + 1);
    assert!(db.safe_snapshot_at_least(future, Duration::ZERO).is_err());
}

/// `late` reads around `early`: whoever sees early and not late sees a state that no
/// serial order has.
#[test]
fn a_timestamp_between_a_writer_and_whom_it_read_around_is_never_safe() {
    let (db, table) = database();
    let before = put(&db, &table, 1, 1);
    let late = db.begin();
    assert_eq!(late.get(&table, &1), Some(&1));
    let early = put(&db, &table, 1, 2);
    let reader = db.begin_read();
    late.insert(&table, 2, 2);
    assert_eq!(db.safe_snapshot().timestamp(), before);
    let commit = late.commit().expect("no cycle").timestamp();
    let between = db.snapshot_at(early).expect("nothing newer is safe yet");
    assert!(!between.is_safe());
    assert_eq!(between.get(&table, &1), Some(&2));
    assert_eq!(between.get(&table, &2), None);
    let newest = db.safe_snapshot();
    assert_eq!((newest.timestamp(), newest.is_safe()), (commit, true));
    drop(reader);
    assert!(!between.is_safe());
}

/// One long writer after the other, each begun before the one before it ends, and each
/// older than all that is kept for timestamps that nobody reads at.
#[test]
fn safe_snapshots_follow_writers_that_overlap_without_end() {
    let db = Database::builder().max_retained_commits(4).build();
    let table: Table<u64, u64> = db.table("numbers").expect("a new table");
    let mut older = db.begin();
    for round in 1..6 {
        for key in 0..10 {
            put(&db, &table, key, round);
        }
        let newer = db.begin();
        for key in 0..10 {
            put(&db, &table, key, 9);
        }
        drop(std::mem::replace(&mut older, newer));
        db.collect();
        let snapshot = db.safe_snapshot();
        assert_eq!((snapshot.timestamp(), snapshot.is_safe()), (older.read_timestamp(), true));
        db.collect();
        assert!(snapshot.values(&table, ..).all(|value| *value == round));
    }
    drop(older);
    assert_at_rest(&db, 10);
}

/// Looks at a timestamp when it is dropped: whoever forgets a commit drops what its
/// predicates hold.
struct Witness {
    db: Database,
    at: Arc<AtomicU64>,
    told: Sender<bool>,
}

impl Drop for Witness {
    fn drop(&mut self) {
        let at = Timestamp::from(self.at.load(Ordering::Relaxed));
        let safe = self.db.snapshot_at(at).is_ok_and(|snapshot| snapshot.is_safe());
        self.told.send(safe).expect("the test waits for it");
    }
}

/// As above, but whoever asks does so while the danger is being forgotten.
#[test]
fn a_timestamp_in_danger_is_not_called_safe_while_its_danger_is_forgotten() {
    let (db, table) = database();
    put(&db, &table, 1, 1);
    let (told, hear) = channel();
    let witness = Witness { db: db.clone(), at: Arc::default(), told };
    let at = Arc::clone(&witness.at);
    let late = db.begin();
    let nothing = move |_: &u64, value: &u64| *value > 9 && witness.at.load(Ordering::Relaxed) == 0;
    assert_eq!(late.range_where(&table, .., nothing).count(), 0);
    assert_eq!(late.get(&table, &1), Some(&1));
    at.store(put(&db, &table, 1, 2).into(), Ordering::Relaxed);
    late.insert(&table, 2, 2);
    late.commit().expect("no cycle");
    db.collect();
    assert_eq!(hear.try_recv(), Ok(false), "a snapshot that sees early and not late");
    assert_at_rest(&db, 2);
}

#[test]
fn a_pinned_timestamp_can_be_looked_at_until_its_last_pin_goes() {
    let (db, table) = database();
    put(&db, &table, 1, 1);
    let pin = db.pin();
    let at = pin.timestamp();
    let clone = pin.clone();
    for value in 2..100 {
        put(&db, &table, 1, value);
        db.collect();
    }
    drop(pin);
    for snapshot in [db.snapshot_at(at).expect("a clone keeps it"), clone.snapshot()] {
        assert_eq!((snapshot.timestamp(), snapshot.is_safe()), (at, true));
        assert_eq!(snapshot.get(&table, &1), Some(&1));
    }
    let snapshot = clone.snapshot();
    drop(clone);
    // A snapshot keeps it just as well.
    assert_eq!(db.snapshot_at(at).expect("still there").get(&table, &1), Some(&1));
    drop(snapshot);
    put(&db, &table, 1, 100);
    db.collect();
    let error = db.snapshot_at(at).expect_err("nobody keeps it");
    assert!(
        matches!(error, Error::SnapshotUnavailable { asked_for, newest }
            if asked_for == at && newest > at),
        "{error}"
    );
    assert_at_rest(&db, 1);
}

#[test]
fn a_snapshot_of_the_future_is_an_error_that_names_both_timestamps() {
    let (db, table) = database();
    let newest = put(&db, &table, 1, 1);
    let future = Timestamp::from(u64::from(newest) + 5);
    let error = db.snapshot_at(future).expect_err("not yet");
    assert!(
        matches!(error, Error::SnapshotUnavailable { asked_for, newest: told }
            if asked_for == future && told == newest),
        "{error}"
    );
    assert!(error.to_string().contains("@6"), "{error}");
    assert_eq!(db.snapshot_at(newest).expect("the newest one").get(&table, &1), Some(&1));
    let far = Timestamp::from(u64::MAX);
    assert!(matches!(db.snapshot_at(far), Err(Error::SnapshotUnavailable { .. })));
}

#[test]
fn under_snapshot_isolation_a_snapshot_is_recent_and_never_called_safe() {
    let db = Database::builder().isolation(Isolation::Snapshot).build();
    let table: Table<u64, u64> = db.table("numbers").expect("a new table");
    let commit = put(&db, &table, 1, 1);
    let snapshot = db.safe_snapshot();
    assert_eq!((snapshot.timestamp(), snapshot.is_safe()), (commit, false));
    assert_eq!(snapshot.get(&table, &1), Some(&1));
}

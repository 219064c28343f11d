//! Models of small whole transactions on a whole database.

use std::time::Duration;

use loom::thread;

use super::{explore, explore_some};
use crate::bugs::{Bug, Bugs};
use crate::db::Database;
use crate::ssi::Certifier;
use crate::tx::{Config, ReadTransaction, Table, Transaction};

/// x = y = 0, both at commit 1.
fn accounts(bugs: Bugs, sliding: bool) -> (Database, Table<char, i64>) {
    let config = Config { sliding, ..Config::default() };
    let db = Database::with(Some("model".to_owned()), config, bugs);
    let table = db.table("accounts").unwrap();
    let tx = db.begin();
    tx.insert(&table, 'x', 0);
    tx.insert(&table, 'y', 0);
    tx.commit().unwrap();
    (db, table)
}

fn skewed(tx: &Transaction<'_>, t: &Table<char, i64>, write: char) {
    let sum: i64 = tx.values(t, ..).sum();
    if sum == 0 {
        tx.insert(t, write, -1);
    }
}

/// Two transactions each read both keys and write one.
fn write_skew(bugs: Bugs) {
    explore(move || {
        let (db, t) = accounts(bugs, false);
        let (first, second) = (db.begin_owned(), db.begin_owned());
        skewed(&first, &t, 'x');
        skewed(&second, &t, 'y');
        let other = thread::spawn(move || first.commit().is_ok());
        let second = second.commit().is_ok();
        let first = other.join().unwrap();
        assert!(first || second, "somebody always commits");
        assert!(!(first && second), "I1: a write skew was committed");
    });
}

#[test]
fn of_two_skewed_writers_exactly_one_commits() {
    write_skew(Bugs::NONE);
}

#[test]
#[should_panic(expected = "I1")]
fn an_append_without_looking_again_is_caught() {
    write_skew(Bugs::with(Bug::NoSecondLook));
}

/// The read-only anomaly: T2 has set y and committed; T1, older, read both and charges
/// x; R, younger than T2, reads both. If R missed T1, then R or T1 must fail.
fn read_only_anomaly(bugs: Bugs) {
    explore(move || {
        let (db, t) = accounts(bugs, false);
        let charge = db.begin_owned();
        let sum: i64 = charge.values(&t, ..).sum();
        charge.insert(&t, 'x', sum - 11);
        let deposit = db.begin();
        deposit.insert(&t, 'y', 20);
        deposit.commit().unwrap();
        let report = db.begin_read();
        let charging = thread::spawn(move || charge.commit().is_ok());
        let look = |tx: &ReadTransaction<'_>, key| tx.get(&t, &key).copied();
        let seen = (look(&report, 'x'), look(&report, 'y'));
        let reported = report.finish().is_ok();
        let charged = charging.join().unwrap();
        assert_eq!(seen, (Some(0), Some(20)));
        assert!(reported || charged, "somebody always commits");
        assert!(!(reported && charged), "a reader saw a state that no serial order has");
    });
}

#[test]
fn of_a_reader_and_an_older_writer_that_contradict_each_other_one_fails() {
    read_only_anomaly(Bugs::NONE);
}

#[test]
#[should_panic(expected = "no serial order")]
fn a_reader_that_checks_before_it_publishes_is_caught() {
    read_only_anomaly(Bugs::with(Bug::CheckBeforePublish));
}

#[test]
#[should_panic(expected = "no serial order")]
fn a_writer_that_does_not_announce_its_danger_is_caught() {
    read_only_anomaly(Bugs::with(Bug::NoAnnouncement));
}

#[test]
#[should_panic(expected = "no serial order")]
fn a_reader_that_never_publishes_is_caught() {
    read_only_anomaly(Bugs::with(Bug::NeverPublish));
}

/// A transaction commits, but for its last read, while somebody gives up all who are old.
fn commit_against_doom(bugs: Bugs) {
    explore(move || {
        let (db, t) = accounts(bugs, false);
        let tx = db.begin_owned();
        let seen = tx.get(&t, &'x').copied();
        tx.insert(&t, 'y', 1);
        let dooming = {
            let db = db.clone();
            thread::spawn(move || db.doom_older_than(Duration::ZERO))
        };
        let committed = tx.commit().is_ok();
        let doomed = dooming.join().unwrap();
        assert_eq!(seen, Some(0));
        assert_ne!(committed, doomed == 1, "given up and committed, or neither");
        assert_eq!(db.begin().get(&t, &'y'), Some(&i64::from(committed)));
    });
}

#[test]
fn a_transaction_commits_or_is_given_up() {
    commit_against_doom(Bugs::NONE);
}

#[test]
#[should_panic(expected = "given up and committed")]
fn a_commit_that_does_not_ask_whether_it_was_given_up_is_caught() {
    commit_against_doom(Bugs::with(Bug::CommitUnasked));
}

#[test]
fn a_slide_keeps_every_value_that_was_handed_out() {
    explore(|| {
        let (db, t) = accounts(Bugs::NONE, true);
        let tx = db.begin_owned();
        let peeked = tx.peek(&t, &'x');
        let writer = {
            let (db, t) = (db.clone(), t.clone());
            thread::spawn(move || {
                let tx = db.begin();
                tx.insert(&t, 'x', 5);
                tx.commit().unwrap();
                db.collect();
            })
        };
        let read = tx.get(&t, &'x').copied();
        writer.join().unwrap();
        let again = tx.get(&t, &'y').copied();
        assert_eq!((peeked, again), (Some(&0), Some(0)), "I4: a value was freed in use");
        assert!(read == Some(0) || read == Some(5));
        assert_eq!(u64::from(tx.read_timestamp()), if read == Some(5) { 2 } else { 1 });
    });
}

#[test]
fn a_key_removed_collected_and_inserted_again_is_there() {
    explore_some(|| {
        let (db, t) = accounts(Bugs::NONE, true);
        let tx = db.begin();
        tx.remove(&t, &'x');
        tx.commit().unwrap();
        let collector = {
            let db = db.clone();
            thread::spawn(move || db.collect())
        };
        let tx = db.begin();
        tx.insert(&t, 'x', 9);
        tx.commit().unwrap();
        collector.join().unwrap();
        assert_eq!(db.begin().get(&t, &'x'), Some(&9), "I5: a write went to a dead record");
        db.collect();
        assert_eq!((db.stats().keys, db.stats().versions), (2, 2));
    });
}

/// Whichever is installed first: the older one may come to lie under the newer one.
#[test]
fn of_two_blind_inserts_of_a_new_key_only_the_newer_stays() {
    explore(|| {
        let (db, t) = accounts(Bugs::NONE, true);
        let insert = |db: &Database, t: &Table<char, i64>, value| {
            let tx = db.begin();
            tx.insert(t, 'z', value);
            tx.commit().unwrap();
        };
        let other = {
            let (db, t) = (db.clone(), t.clone());
            thread::spawn(move || insert(&db, &t, 1))
        };
        insert(&db, &t, 2);
        other.join().unwrap();
        db.collect();
        assert_eq!((db.stats().keys, db.stats().versions), (3, 3));
    });
}

/// The record that is looked at leaves the index meanwhile; its tombstone must stay.
#[test]
fn a_removed_key_can_be_looked_at_while_it_is_collected() {
    explore(|| {
        let (db, t) = accounts(Bugs::NONE, true);
        let tx = db.begin();
        tx.remove(&t, &'x');
        tx.commit().unwrap();
        let tx = db.begin_owned();
        let collector = {
            let db = db.clone();
            thread::spawn(move || db.collect())
        };
        assert_eq!(tx.peek(&t, &'x'), None, "I4: a tombstone was freed in use");
        collector.join().unwrap();
        drop(tx);
        db.collect();
        assert_eq!((db.stats().keys, db.stats().versions), (1, 1));
    });
}

#[test]
fn a_retry_does_not_meet_the_same_conflict() {
    explore(|| {
        let (db, t) = accounts(Bugs::NONE, true);
        let first = db.begin_owned();
        let seen = first.get(&t, &'x').copied().unwrap_or(0);
        let other = {
            let (db, t) = (db.clone(), t.clone());
            thread::spawn(move || {
                let tx = db.begin();
                tx.insert(&t, 'x', 5);
                tx.commit().unwrap();
            })
        };
        first.insert(&t, 'x', seen + 1);
        if first.commit().is_err() {
            let retry = db.begin();
            let seen = retry.get(&t, &'x').copied().unwrap_or(0);
            retry.insert(&t, 'x', seen + 1);
            assert!(retry.commit().is_ok(), "the same conflict twice");
        }
        other.join().unwrap();
    });
}

#[test]
fn under_snapshot_isolation_the_first_committer_wins() {
    explore(|| {
        let config = Config { certifier: Certifier::FirstCommitterWins, ..Config::default() };
        let db = Database::with(None, config, Bugs::NONE);
        let t: Table<char, i64> = db.table("t").unwrap();
        let (first, second) = (db.begin_owned(), db.begin_owned());
        first.insert(&t, 'x', 1);
        second.insert(&t, 'x', 2);
        let other = thread::spawn(move || first.commit().is_ok());
        let second = second.commit().is_ok();
        assert!(second != other.join().unwrap(), "exactly one of two writers of a key commits");
    });
}

//! What the engine does, recorded and judged.

use std::ops::Bound;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread;

use precedent::record::{Event, Recorder};
use precedent::testkit::{AnomalyKind, History, Level, Recording, check};
use precedent::{Database, Isolation, Table, Transaction};

use crate::tools::{Random, summary};

type Keys = Table<u32, u32>;

fn recorded(isolation: Isolation) -> (Arc<Recording>, Database, Keys) {
    let recording = Recording::new();
    let db = Database::builder().isolation(isolation).recorder(recording.clone()).build();
    let table = db.table("t").expect("a new table");
    (recording, db, table)
}

/// Two transactions, both open before either writes.
fn skew(
    isolation: Isolation,
    read: impl Fn(&Transaction<'_>, &Keys, u32),
) -> (bool, precedent::testkit::Verdict) {
    let (recording, db, table) = recorded(isolation);
    db.transact(|tx| Ok((1..=4).for_each(|key| tx.insert(&table, key, 0)))).expect("alone");
    let (one, two) = (db.begin(), db.begin());
    read(&one, &table, 1);
    read(&two, &table, 2);
    one.insert(&table, 2, 1);
    two.insert(&table, 1, 1);
    one.commit().expect("the first one");
    let both = two.commit().is_ok();
    (both, check(&recording.take()))
}

#[test]
fn a_write_skew_is_found_under_snapshot_isolation_and_is_not_there_otherwise() {
    let get = |tx: &Transaction<'_>, table: &Keys, key: u32| {
        let _ = tx.get(table, &key);
    };
    let (both, verdict) = skew(Isolation::Snapshot, get);
    assert!(both && verdict.has(AnomalyKind::WriteSkew), "{verdict}");
    assert_eq!(verdict.strongest(), Some(Level::Snapshot));
    let (both, verdict) = skew(Isolation::Serializable, get);
    assert!(!both && verdict.holds(Level::StrictSerializable), "{verdict}");
}

#[test]
fn a_phantom_is_found_as_an_antidependency_of_a_range() {
    for both_ends in [false, true] {
        let (recording, db, table) = recorded(Isolation::Snapshot);
        let (one, two) = (db.begin(), db.begin());
        if both_ends {
            assert!(one.range(&table, 10..20).next_back().is_none());
            assert!(two.range(&table, 20..30).next_back().is_none());
        } else {
            assert_eq!(one.count(&table, 10..20) + two.count(&table, 20..30), 0);
        }
        one.insert(&table, 25, 1);
        two.insert(&table, 15, 1);
        one.commit().expect("the first one");
        two.commit().expect("under snapshot isolation");
        let verdict = check(&recording.take());
        assert_eq!(verdict.anomalies()[0].kind(), AnomalyKind::G2, "{verdict}");
        assert!(verdict.has(AnomalyKind::WriteSkew), "{verdict}");
    }
}

#[test]
fn what_a_range_did_not_reach_is_no_dependency() {
    for (driven, found) in [(1, false), (2, true)] {
        let (recording, db, table) = recorded(Isolation::Snapshot);
        db.transact(|tx| Ok([10, 20].map(|key| tx.insert(&table, key, 0)))).expect("alone");
        let (one, two) = (db.begin(), db.begin());
        // Key 15 lies before the second row, and behind the first one.
        one.range(&table, ..).take(driven).for_each(drop);
        one.insert(&table, 30, 1);
        assert!(two.get(&table, &30).is_none());
        two.insert(&table, 15, 1);
        one.commit().expect("the first one");
        two.commit().expect("under snapshot isolation");
        let verdict = check(&recording.take());
        assert_eq!(verdict.has(AnomalyKind::WriteSkew), found, "{driven} rows: {verdict}");
    }
}

#[test]
fn an_excluded_bound_is_outside() {
    for (bound, found) in [(Bound::Excluded(&15), false), (Bound::Included(&15), true)] {
        let (recording, db, table) = recorded(Isolation::Snapshot);
        let (one, two) = (db.begin(), db.begin());
        assert_eq!(one.count(&table, (bound, Bound::Unbounded)), 0);
        one.insert(&table, 1, 1);
        assert!(two.get(&table, &1).is_none());
        two.insert(&table, 15, 1);
        one.commit().expect("the first one");
        two.commit().expect("under snapshot isolation");
        let verdict = check(&recording.take());
        assert_eq!(verdict.has(AnomalyKind::WriteSkew), found, "{bound:?}: {verdict}");
    }
}

#[test]
fn an_undone_write_is_none_and_an_undone_read_is_one() {
    let (recording, db, table) = recorded(Isolation::Snapshot);
    let (one, two) = (db.begin(), db.begin());
    let before = one.savepoint();
    assert!(one.get(&table, &1).is_none());
    one.insert(&table, 2, 1);
    one.rollback_to(&before);
    one.insert(&table, 3, 1);
    assert!(two.get(&table, &2).is_none() && two.get(&table, &3).is_none());
    two.insert(&table, 1, 1);
    one.commit().expect("the first one");
    two.commit().expect("under snapshot isolation");
    let text = recording.take().to_json_lines();
    assert!(text.contains(r#"["w","t",3,1]"#) && !text.contains(r#"["w","t",2,"#), "{text}");
    assert!(text.contains(r#"["r","t",1,null]"#), "{text}");
}

#[test]
fn a_removal_is_a_version_that_shows_nothing() {
    let (recording, db, table) = recorded(Isolation::Snapshot);
    db.transact(|tx| Ok(tx.insert(&table, 1, 0))).expect("alone");
    db.transact(|tx| Ok(tx.remove(&table, &1))).expect("alone");
    let (one, two) = (db.begin(), db.begin());
    assert!(one.get(&table, &1).is_none() && two.get(&table, &2).is_none());
    one.insert(&table, 2, 1);
    two.insert(&table, 1, 1);
    one.commit().expect("the first one");
    two.commit().expect("under snapshot isolation");
    let verdict = check(&recording.take());
    assert_eq!(verdict.anomalies().len(), 1, "{verdict}");
    assert!(verdict.has(AnomalyKind::WriteSkew), "{verdict}");
}

#[test]
fn a_reader_that_ended_is_in_the_circle() {
    let (recording, db, table) = recorded(Isolation::Snapshot);
    db.transact(|tx| Ok([1, 2].map(|key| tx.insert(&table, key, 0)))).expect("alone");
    let late = db.begin();
    assert!(late.get(&table, &1).is_some() && late.get(&table, &2).is_some());
    db.transact(|tx| Ok(tx.insert(&table, 2, 1))).expect("nobody writes it");
    db.read(|tx| assert!(tx.get(&table, &1).is_some() && tx.get(&table, &2).is_some()))
        .expect("under snapshot isolation");
    late.insert(&table, 1, 1);
    late.commit().expect("under snapshot isolation");
    let verdict = check(&recording.take());
    assert!(verdict.has(AnomalyKind::ReadOnly), "{verdict}");
    assert_eq!(verdict.strongest(), Some(Level::Snapshot));
}

/// A recorder whose clock commits something, once.
#[derive(Default)]
struct Meddler {
    db: OnceLock<(Database, Keys)>,
    armed: AtomicBool,
    began: Mutex<Vec<u64>>,
}

impl Recorder for Meddler {
    fn record(&self, event: Event<'_>) {
        if let Event::Begin { timestamp, .. } = event {
            self.began.lock().expect("no panic").push(timestamp.into());
        }
    }

    fn clock(&self) -> u64 {
        if self.armed.swap(false, Ordering::SeqCst) {
            let (db, table) = self.db.get().expect("it is set");
            db.transact(|tx| Ok(tx.insert(table, 1, 1))).expect("alone");
        }
        7
    }
}

#[test]
fn the_clock_is_asked_before_the_snapshot_is_taken() {
    let meddler = Arc::new(Meddler::default());
    let db = Database::builder().recorder(meddler.clone()).build();
    let table = db.table("t").expect("a new table");
    assert!(meddler.db.set((db.clone(), table)).is_ok());
    meddler.armed.store(true, Ordering::SeqCst);
    db.begin().rollback();
    // First the one within the clock, then the one that asked it.
    assert_eq!(*meddler.began.lock().expect("no panic"), [0, 1]);
}

#[test]
fn labels_and_reasons_are_recorded() {
    let (recording, db, table) = recorded(Isolation::Serializable);
    let (one, two) = (db.begin(), db.begin());
    one.label("first");
    two.label("second");
    for tx in [&one, &two] {
        assert!(tx.get(&table, &1).is_none());
        tx.insert(&table, 1, 1);
    }
    one.commit().expect("the first one");
    two.commit().expect_err("a lost update");
    db.begin().rollback();
    let text = recording.take().to_json_lines();
    assert!(text.contains(r#""label":"first""#) && text.contains(r#""end":"committed""#), "{text}");
    assert!(text.contains(r#""label":"second""#) && text.contains(r#""end":"conflict""#), "{text}");
    assert!(text.contains(r#""end":"rolled back""#), "{text}");
}

#[test]
fn what_is_not_recorded_has_no_writer_and_hides_no_other() {
    let (recording, db, table) = recorded(Isolation::Snapshot);
    recording.switch(false);
    db.transact(|tx| Ok([1, 2].map(|key| tx.insert(&table, key, 0)))).expect("alone");
    recording.switch(true);
    let (one, two) = (db.begin(), db.begin());
    assert!(one.get(&table, &1).is_some() && two.get(&table, &2).is_some());
    one.insert(&table, 2, 1);
    two.insert(&table, 1, 1);
    one.commit().expect("the first one");
    two.commit().expect("under snapshot isolation");
    let verdict = check(&recording.take());
    assert!(verdict.has(AnomalyKind::WriteSkew), "{verdict}");
}

/// Threads that read, scan, write and remove few keys.
fn traffic(isolation: Isolation, threads: u64, each: usize) -> History {
    let (recording, db, table) = recorded(isolation);
    thread::scope(|scope| {
        for thread in 0..threads {
            let (db, table) = (&db, &table);
            scope.spawn(move || {
                let mut random = Random::new(thread);
                for _ in 0..each {
                    let seed = random.next();
                    let done = db.transact(|tx| Ok(mixed(tx, table, seed)));
                    done.expect("somebody always gets through");
                }
            });
        }
    });
    recording.take()
}

fn mixed(tx: &Transaction<'_>, table: &Keys, seed: u64) {
    let mut random = Random::new(seed);
    for _ in 0..1 + random.below(4) {
        let key = random.below(12) as u32;
        match random.below(6) {
            0 => tx.range(table, key..key + 4).take(random.below(4)).for_each(drop),
            1 => tx.range(table, ..key).rev().take(random.below(4)).for_each(drop),
            2 => tx.remove(table, &key),
            3 => tx.insert(table, key, 1),
            _ => assert!(tx.get(table, &key).is_none_or(|value| *value == 1)),
        }
        if random.below(4) == 0 {
            thread::yield_now();
        }
    }
}

#[test]
fn threads_keep_strict_serializability_and_break_it_under_snapshot_isolation() {
    let verdict = check(&traffic(Isolation::Serializable, 4, 2_000));
    summary(&format!("recorded, serializable: {verdict}"));
    assert!(verdict.holds(Level::StrictSerializable), "{verdict}");
    let verdict = check(&traffic(Isolation::Snapshot, 4, 2_000));
    assert_eq!(verdict.strongest(), Some(Level::Snapshot), "{verdict}");
    assert!(verdict.has(AnomalyKind::G2) || verdict.has(AnomalyKind::G2Item), "{verdict}");
}

#[test]
fn a_recording_that_loses_what_was_committed_first_is_no_strict_history() {
    // What was committed but is shown to nobody: the later ones miss what had ended.
    let (recording, db, table) = recorded(Isolation::Serializable);
    for value in 0..3 {
        db.transact(|tx| Ok(tx.insert(&table, 1, value))).expect("alone");
    }
    db.read(|tx| assert_eq!(tx.get(&table, &1), Some(&2))).expect("alone");
    let text = recording.take().to_json_lines();
    let stale = text.replace(r#"["r","t",1,3]"#, r#"["r","t",1,2]"#);
    assert_ne!(stale, text);
    let judge = |text: &str| check(&History::parse(text).expect("it reads what it wrote"));
    assert_eq!(judge(&text).strongest(), Some(Level::StrictSerializable));
    let verdict = judge(&stale);
    assert_eq!(verdict.strongest(), Some(Level::Serializable), "{verdict}");
    assert!(verdict.has(AnomalyKind::RealTime), "{verdict}");
}

//! Injected mishaps: who meets them, and that nothing else changes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use precedent::testkit::{Inject, Level, Recording, check};
use precedent::{ConflictReason, Database, Error, Table};

fn database(inject: &Arc<Inject>) -> (Database, Table<u8, u32>) {
    let db = Database::builder().recorder(inject.clone()).age_after(u32::MAX).build();
    let t = db.table("t").unwrap();
    (db, t)
}

/// Which of so many commits are refused.
fn refused(seed: u64, commits: u32) -> Vec<u32> {
    let (db, t) = database(&Inject::new(seed).conflicts(300).build());
    let commit = |n| {
        let tx = db.begin();
        tx.insert(&t, 1, n);
        tx.commit().is_err()
    };
    (0..commits).filter(|n| commit(*n)).collect()
}

#[test]
fn a_seed_says_which_ends_are_refused() {
    assert_eq!(refused(1, 200), refused(1, 200));
    assert_ne!(refused(1, 200), refused(2, 200));
    assert!((300..=500).contains(&(refused(1, 1_300).len())), "three in ten");
}

#[test]
fn an_injected_conflict_looks_like_one_of_the_engine_and_leaves_nothing() {
    let (db, t) = database(&Inject::new(1).conflicts(1_000).build());
    let tx = db.begin();
    tx.insert(&t, 1, 1);
    let error = tx.commit().unwrap_err();
    assert_eq!(error.conflict().unwrap().reason(), ConflictReason::Conservative);
    assert_eq!(db.stats().conservative_aborts, 1);
    assert!(db.begin().is_empty(&t, ..));
}

#[test]
fn a_closure_that_fails_meets_conflicts_too() {
    let inject = Inject::new(3).conflicts(500).build();
    let (db, t) = database(&inject);
    let mut runs = 0;
    for _ in 0..50 {
        let told = db.try_transact(|tx| {
            runs += 1;
            tx.insert(&t, 1, 1);
            Err::<(), Error>(Error::TimedOut { age: Duration::ZERO })
        });
        assert!(told.is_err());
    }
    assert_eq!(runs, 50 + inject.injected());
    assert!(inject.injected() > 20, "{inject:?}");
    assert!(db.begin().is_empty(&t, ..));
}

#[test]
fn who_has_a_label_is_doomed_and_nobody_else() {
    let (db, t) = database(&Inject::new(1).doom("report").doom("audit").build());
    for (label, doomed) in [("report", true), ("order", false), ("audit", true)] {
        let tx = db.begin();
        assert!(!tx.is_doomed());
        tx.label(label);
        tx.insert(&t, 1, 1);
        assert_eq!(tx.is_doomed(), doomed, "{label}");
        let ended = tx.commit();
        assert_eq!(matches!(ended, Err(Error::TimedOut { .. })), doomed, "{label}: {ended:?}");
    }
    assert_eq!(db.stats().timed_out_aborts, 2);
}

#[test]
fn only_those_named_meet_mishaps() {
    let inject = Inject::new(1).conflicts(1_000).only("order").build();
    let (db, _) = database(&inject);
    db.transact(|_| Ok(())).unwrap();
    let order = db.begin();
    order.label("order");
    assert!(order.commit().is_err());
    assert_eq!(inject.injected(), 1);
}

#[test]
fn delays_take_time_and_harm_nobody() {
    let inject = Inject::new(1).delays(1_000, Duration::from_millis(2)).build();
    let (db, t) = database(&inject);
    let start = Instant::now();
    (0..20).for_each(|n| db.transact(|tx| Ok(tx.insert(&t, 1, n))).unwrap());
    // On average half of the longest; the least that 20 such draws give is far below.
    assert!(start.elapsed() > Duration::from_millis(8), "{:?}", start.elapsed());
    assert_eq!((inject.delayed(), inject.injected()), (20, 0));
}

#[test]
fn under_mishaps_threads_still_count_right_and_the_history_is_serializable() {
    let recording = Recording::new();
    let inject = Inject::new(9)
        .conflicts(200)
        .delays(200, Duration::from_micros(200))
        .tell(recording.clone())
        .build();
    let (db, t) = database(&inject);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..50 {
                    db.transact(|tx| {
                        let n = tx.get(&t, &1).copied().unwrap_or(0);
                        Ok(tx.insert(&t, 1, n + 1))
                    })
                    .unwrap();
                }
            });
        }
    });
    assert_eq!(db.begin().get(&t, &1), Some(&200));
    assert!(inject.injected() > 10 && inject.delayed() > 10, "{inject:?}");
    let verdict = check(&recording.take());
    assert!(verdict.holds(Level::StrictSerializable), "{verdict}");
}

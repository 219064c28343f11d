//! Who hears of a conflict, what it costs, and what it gives away.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use precedent::{
    Builder, Certifier, Conflict, ConflictReason, Database, Isolation, Table, TransactionId,
};

use crate::errors::Fixture;
use crate::support::{assert_at_rest, assert_explains};

static SHOWN: Mutex<()> = Mutex::new(());
static TIMES_SHOWN: AtomicUsize = AtomicUsize::new(0);

/// A key that counts how often it is shown.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Secret(u64);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        TIMES_SHOWN.fetch_add(1, Ordering::SeqCst);
        assert!(self.0 != 13, "a key that will not be shown");
        write!(f, "secret {}", self.0)
    }
}

/// Runs a transaction on one key that fails `failures` times, and counts the `Debug`s.
fn shown_in(db: &Database, key: u64, failures: u32) -> (usize, Result<(), precedent::Error>) {
    let _alone = SHOWN.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let table: Table<Secret, u64> = db.table("secrets").expect("the same types");
    let before = TIMES_SHOWN.load(Ordering::SeqCst);
    let result = db.transact(|tx| {
        let seen = tx.get(&table, &Secret(key)).copied().unwrap_or(0);
        if tx.attempt() <= failures {
            let rival = db.begin();
            rival.insert(&table, Secret(key), seen + 1);
            rival.commit().expect("blind");
        }
        Ok(tx.insert(&table, Secret(key), seen + 1))
    });
    (TIMES_SHOWN.load(Ordering::SeqCst) - before, result)
}

#[test]
fn a_conflict_that_does_not_leave_the_retry_loop_is_not_put_into_words() {
    let (shown, result) = shown_in(&Database::new(), 1, 7);
    result.expect("the eighth attempt");
    assert_eq!(shown, 0);
}

#[test]
fn of_conflicts_that_exhaust_the_retries_only_the_last_is_put_into_words() {
    let db = Database::builder().max_attempts(5).build();
    let (shown, result) = shown_in(&db, 1, 5);
    let error = result.expect_err("it fails each time");
    assert_explains(&error);
    assert_eq!(shown, 2, "two edges with a key");
    assert!(error.to_string().contains("secrets[secret 1]"), "{error}");
}

#[test]
fn with_a_hook_each_conflict_is_put_into_words_once() {
    let (shown, result) = shown_in(&Database::builder().on_conflict(|_| ()).build(), 1, 4);
    result.expect("the fifth attempt");
    assert_eq!(shown, 4 * 2);
}

#[test]
fn redacted_keys_are_never_shown() {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let hears = Arc::clone(&heard);
    let hook = move |conflict: &Conflict| hears.lock().expect("no panic").push(conflict.clone());
    let db = Database::builder().max_attempts(2).redact_keys(true).on_conflict(hook).build();
    let (shown, result) = shown_in(&db, 13, 2);
    let error = result.expect_err("it fails each time");
    assert_explains(&error);
    assert_eq!(shown, 0);
    let conflict = error.conflict().expect("one").clone();
    assert!(conflict.cycle().iter().all(|edge| edge.key() == Some("…")), "{conflict}");
    for text in [conflict.to_string(), conflict.dot()] {
        assert!(text.contains("secrets[…]") && !text.contains("secret 13"), "{text}");
    }
    assert_eq!(heard.lock().expect("no panic").last(), Some(&conflict));
}

#[test]
fn a_race_for_a_redacted_key_is_told_without_it() {
    let db = Database::builder().isolation(Isolation::Snapshot).redact_keys(true).build();
    let table: Table<u64, u64> = db.table("secrets").expect("a new table");
    let slow = db.begin();
    slow.insert(&table, 1313, 1);
    db.transact(|tx| Ok(tx.insert(&table, 1313, 2))).expect("blind");
    let error = slow.commit().expect_err("somebody was quicker");
    assert_eq!(error.conflict().map(Conflict::reason), Some(ConflictReason::FirstCommitterWins));
    let text = error.to_string();
    assert!(text.contains("secrets[…]") && !text.contains("1313"), "{text}");
    assert!(text.contains("was quicker than"), "{text}");
}

#[test]
fn a_rule_that_suspects_a_cycle_says_that_it_suspects_one() {
    let fixture = Fixture::of(Database::builder().certifier(Certifier::Backward).build());
    let slow = fixture.db.begin();
    assert!(slow.get(&fixture.table, &1).is_some());
    overtake(&fixture, 5);
    slow.insert(&fixture.table, 2, 6);
    let error = slow.commit().expect_err("what it read was overwritten");
    assert_eq!(error.conflict().map(Conflict::reason), Some(ConflictReason::Rule));
    let text = error.to_string();
    assert!(text.contains("there may be a cycle, the rule says, since transaction"), "{text}");
    assert!(text.contains("read numbers[1] as it was before"), "{text}");
}

#[test]
fn a_key_whose_debug_panics_is_told_as_such() {
    let db = Database::builder().max_attempts(1).build();
    let (shown, result) = shown_in(&db, 13, 1);
    let error = result.expect_err("it fails each time");
    assert_explains(&error);
    assert_eq!(shown, 2);
    assert!(error.to_string().contains("Debug panicked"), "{error}");
    assert_at_rest(&db, 1);
}

/// A database whose hook does something, and a transaction of it that fails.
fn fixture(builder: Builder, hook: impl Fn(&Conflict) + Send + Sync + 'static) -> Fixture {
    Fixture::of(builder.on_conflict(hook).build())
}

/// Commits a change of key 1 that whoever has read it must not miss.
fn overtake(fixture: &Fixture, value: i64) {
    let rival = fixture.db.begin();
    rival.insert(&fixture.table, 1, value);
    rival.commit().expect("blind");
}

#[test]
fn the_hook_hears_of_every_conflict_on_the_thread_of_its_transaction() {
    type Heard = Vec<(thread::ThreadId, TransactionId)>;
    let heard: Arc<Mutex<Heard>> = Arc::default();
    let hears = Arc::clone(&heard);
    let fixture = fixture(Database::builder(), move |conflict| {
        let whose = conflict.cycle()[0].from().id();
        hears.lock().expect("no panic").push((thread::current().id(), whose));
    });
    let mut aborted = Vec::new();
    fixture
        .db
        .transact(|tx| {
            let seen = *tx.get(&fixture.table, &1).expect("there");
            if tx.attempt() <= 3 {
                aborted.push((thread::current().id(), tx.id()));
                overtake(&fixture, seen + 1);
            }
            Ok(tx.insert(&fixture.table, 1, seen + 1))
        })
        .expect("the fourth attempt");
    // One that no loop runs again, on another thread.
    let tx = fixture.db.begin_owned();
    let seen = *tx.get(&fixture.table, &1).expect("there");
    overtake(&fixture, seen + 1);
    tx.insert(&fixture.table, 1, seen + 1);
    let id = tx.id();
    let other = thread::spawn(move || (thread::current().id(), tx.commit().is_err()));
    let (other, failed) = other.join().expect("it fails, but does not panic");
    assert!(failed);
    aborted.push((other, id));
    assert_eq!(*heard.lock().expect("no panic"), aborted);
    fixture.assert_works_and_rests(&[(1, 5)]);
}

#[test]
fn the_hook_is_called_when_the_transaction_is_gone_and_may_use_the_database() {
    let handle: Arc<Mutex<Option<Database>>> = Arc::default();
    let (open, found) = (Arc::clone(&handle), Arc::new(Mutex::new(Vec::new())));
    let finds = Arc::clone(&found);
    let fixture = fixture(Database::builder(), move |_| {
        let db = open.lock().expect("no panic").clone().expect("set before");
        finds.lock().expect("no panic").push(db.stats().active_transactions);
        let table: Table<u64, i64> = db.table("numbers").expect("the same types");
        db.transact(|tx| Ok(tx.insert(&table, 2, 2))).expect("blind");
        db.collect();
    });
    *handle.lock().expect("no panic") = Some(fixture.db.clone());
    fixture
        .db
        .transact(|tx| {
            let seen = *tx.get(&fixture.table, &1).expect("there");
            if tx.attempt() == 1 {
                overtake(&fixture, 7);
            }
            Ok(tx.insert(&fixture.table, 1, seen + 1))
        })
        .expect("the second attempt");
    assert_eq!(*found.lock().expect("no panic"), [0]);
    // The hook would keep the database alive for ever.
    handle.lock().expect("no panic").take();
    fixture.assert_works_and_rests(&[(1, 8), (2, 2)]);
}

#[test]
fn a_panic_in_the_hook_goes_no_further_and_is_counted() {
    struct Loud;
    impl Drop for Loud {
        fn drop(&mut self) {
            panic!("a payload that panics too");
        }
    }
    let fixture = fixture(Database::builder(), |_| std::panic::panic_any(Loud));
    fixture
        .db
        .transact(|tx| {
            let seen = *tx.get(&fixture.table, &1).expect("there");
            if tx.attempt() <= 2 {
                overtake(&fixture, seen + 1);
            }
            Ok(tx.insert(&fixture.table, 1, seen + 1))
        })
        .expect("the third attempt");
    assert_eq!(fixture.db.stats().panicked_hooks, 2);
    fixture.assert_works_and_rests(&[(1, 3)]);
}

#[test]
fn the_hook_does_not_hear_of_limits_and_rollbacks() {
    let fixture = fixture(Database::builder().max_own_values(10), |_| {
        panic!("nothing was in conflict");
    });
    let tx = fixture.db.begin();
    (0..11).for_each(|turn| tx.insert(&fixture.table, turn % 10, 1));
    assert!(tx.commit().expect_err("too many").is_limit());
    let tx = fixture.db.begin();
    assert_eq!(tx.get(&fixture.table, &1), Some(&0));
    overtake(&fixture, 5);
    tx.insert(&fixture.table, 1, 6);
    tx.rollback();
    assert_eq!(fixture.db.stats().panicked_hooks, 0);
    fixture.assert_works_and_rests(&[(1, 5)]);
}

//! Who waits for whom at the gate, and how many attempts are enough.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use precedent::Database;

use super::{FOREVER, Fixture};

/// Long enough for a thread to commit if nothing is in its way.
const A_WHILE: Duration = Duration::from_millis(50);

/// A thread that commits a value whenever it is told to.
struct Rival {
    orders: SyncSender<i64>,
    answers: Receiver<()>,
}

impl Rival {
    /// It sets key 1. Ends when the rival is dropped.
    fn start<'s>(scope: &'s thread::Scope<'s, '_>, fixture: &'s Fixture) -> Self {
        let (orders, order) = sync_channel(8);
        let (answer, answers) = sync_channel(8);
        scope.spawn(move || {
            for value in order {
                fixture.set(1, value);
                // The test may have ended.
                let _ = answer.send(());
            }
        });
        Self { orders, answers }
    }

    /// Orders a commit; whether it was there within a while.
    fn commits(&self, value: i64) -> bool {
        self.orders.send(value).expect("it listens");
        self.answers.recv_timeout(A_WHILE).is_ok()
    }
}

#[test]
fn a_writer_at_the_gate_waits_and_is_not_refused() {
    let fixture = Fixture::aged(FOREVER);
    let (committing, done) = (AtomicBool::new(false), AtomicBool::new(false));
    thread::scope(|scope| {
        let aged = fixture.db.transact(|tx| {
            scope.spawn(|| {
                committing.store(true, Ordering::SeqCst);
                fixture.set(2, 2);
                done.store(true, Ordering::SeqCst);
            });
            while !committing.load(Ordering::SeqCst) {
                thread::yield_now();
            }
            thread::sleep(A_WHILE);
            assert!(!done.load(Ordering::SeqCst), "a commit passed the gate");
            Ok(tx.insert(&fixture.table, 1, 1))
        });
        aged.expect("blind");
    });
    assert_eq!((fixture.value(1), fixture.value(2)), (1, 2));
    assert_eq!(fixture.db.stats().gate_time_outs, 0);
    fixture.assert_works_and_rests();
}

#[test]
fn a_transaction_that_failed_often_enough_cannot_be_hindered_any_more() {
    let fixture = Fixture::of(Database::builder().age_after(3).max_gate_time(FOREVER));
    let (db, table) = (&fixture.db, &fixture.table);
    thread::scope(|scope| {
        let rival = Rival::start(scope, &fixture);
        let attempts = db.transact(|tx| {
            let seen = *tx.get(table, &1).expect("there");
            let hindered = rival.commits(seen + 1);
            assert_eq!(hindered, tx.attempt() <= 3, "attempt {}", tx.attempt());
            tx.insert(table, 1, seen + 100);
            Ok(tx.attempt())
        });
        assert_eq!(attempts.expect("it ages"), 4);
        drop(rival);
    });
    assert_eq!(fixture.value(1), 4, "the rival's last commit came after");
    let stats = db.stats();
    assert_eq!((stats.aged, stats.gate_time_outs), (1, 0));
    fixture.assert_works_and_rests();
}

#[test]
fn after_its_time_is_over_a_transaction_has_to_fail_as_often_again() {
    let gate_time = Duration::from_millis(5);
    let fixture = Fixture::of(Database::builder().age_after(2).max_gate_time(gate_time));
    let (db, table) = (&fixture.db, &fixture.table);
    let mut turns = Vec::new();
    let attempts = db.transact(|tx| {
        let seen = *tx.get(table, &1).expect("there");
        turns.push(db.stats().aged);
        if tx.attempt() < 6 {
            let rival = || fixture.set(1, seen + 1);
            thread::scope(|scope| scope.spawn(rival).join().expect("it commits"));
        }
        tx.insert(table, 1, seen + 100);
        Ok(tx.attempt())
    });
    assert_eq!(attempts.expect("at last"), 6);
    assert_eq!(turns, [0, 0, 1, 1, 1, 2]);
    assert_eq!(db.stats().gate_time_outs, 1);
    fixture.assert_works_and_rests();
}

#[test]
fn aged_transactions_take_turns_and_need_one_attempt_each() {
    const THREADS: usize = 4;
    const TURNS: usize = 50;
    let fixture = Fixture::aged(FOREVER);
    let (db, table) = (&fixture.db, &fixture.table);
    let most = AtomicU32::new(0);
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for _ in 0..TURNS {
                    let attempts = db.transact(|tx| {
                        let seen = *tx.get(table, &1).expect("there");
                        thread::yield_now();
                        tx.insert(table, 1, seen + 1);
                        Ok(tx.attempt())
                    });
                    most.fetch_max(attempts.expect("in turn"), Ordering::Relaxed);
                }
            });
        }
    });
    assert_eq!(usize::try_from(fixture.value(1)), Ok(THREADS * TURNS));
    assert_eq!(most.into_inner(), 1, "nobody was past the gate but its holder");
    let stats = db.stats();
    assert_eq!((stats.aged, stats.gate_time_outs), ((THREADS * TURNS) as u64, 0));
    fixture.assert_works_and_rests();
}

#[test]
fn nothing_ages_if_the_builder_says_so() {
    let fixture = Fixture::of(Database::builder().age_after(u32::MAX));
    let (db, table) = (&fixture.db, &fixture.table);
    let attempts = db.transact(|tx| {
        let seen = *tx.get(table, &1).expect("there");
        if tx.attempt() < 20 {
            db.transact(|rival| Ok(rival.insert(table, 1, seen + 1)))?;
        }
        tx.insert(table, 1, seen + 1);
        Ok(tx.attempt())
    });
    assert_eq!((attempts.expect("at last"), db.stats().aged), (20, 0));
    fixture.assert_works_and_rests();
}

#[test]
fn an_aged_reader_holds_writers_up_until_it_is_certified() {
    let fixture = Fixture::aged(FOREVER);
    thread::scope(|scope| {
        let rival = Rival::start(scope, &fixture);
        let hindered = fixture.db.read(|_| rival.commits(1)).expect("certified");
        assert!(!hindered, "a commit passed the gate");
        rival.answers.recv().expect("it goes on");
        drop(rival);
    });
    assert_eq!(fixture.db.stats().aged, 1);
    fixture.assert_works_and_rests();
}

/// A thread that commits, and the one way to tell it so; none when it is to end.
type Line = Option<(SyncSender<i64>, Receiver<()>)>;

/// A predicate that has somebody commit whenever it meets a new value, so that the log has
/// always moved on when the certification is through.
#[test]
fn a_certification_is_not_repeated_for_as_long_as_others_commit() {
    const MOST: i64 = 40;
    let builder = Database::builder().sliding(false).age_after(u32::MAX).max_gate_time(FOREVER);
    let fixture = Fixture::of(builder);
    let (orders, order) = sync_channel(1);
    let (answer, answers) = sync_channel(1);
    let line: Arc<Mutex<Line>> = Arc::new(Mutex::new(Some((orders, answers))));
    let newest = Arc::new(AtomicI64::new(0));
    thread::scope(|scope| {
        scope.spawn(|| {
            for value in order {
                fixture.set(1, value);
                // After the gate nobody listens any more.
                let _ = answer.send(());
            }
        });
        let tx = fixture.db.begin();
        let (asked, seen) = (Arc::clone(&line), Arc::clone(&newest));
        let selected = tx.range_where(&fixture.table, .., move |_, value| {
            let is_new = seen.fetch_max(*value, Ordering::SeqCst) < *value;
            if let Some((orders, answers)) = &*asked.lock().expect("nobody panics")
                && is_new
                && *value < MOST
            {
                orders.send(*value + 1).expect("it listens");
                let _ = answers.recv_timeout(A_WHILE);
            }
            false
        });
        assert_eq!(selected.count(), 0);
        tx.insert(&fixture.table, 2, -1);
        fixture.set(1, 1);
        tx.commit().expect("no value was selected");
        line.lock().expect("nobody panics").take();
    });
    // The commit itself looks twice, and then keeps others out.
    assert_eq!(newest.load(Ordering::SeqCst), 3, "commits that came in between");
    assert_eq!(fixture.value(1), 4, "the last one waited");
    assert_eq!(fixture.db.stats().gate_time_outs, 0);
    fixture.assert_works_and_rests();
}

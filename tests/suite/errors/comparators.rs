//! Keys whose `Ord` panics, or is no order at all. What such a table holds is anybody's
//! guess; memory stays safe, and the other tables know nothing of it.

use std::cell::Cell;
use std::cmp::Ordering;
use std::panic::{AssertUnwindSafe, catch_unwind};

use precedent::{Database, Table, Transaction};

use crate::errors::Fixture;
use crate::support::{Random, ignore, panic_message, scaled, summary};

/// What comparisons of [`Fickle`] keys on this thread do.
#[derive(Clone, Copy)]
enum Mood {
    Sane,
    /// Panics after this many comparisons.
    PanicsIn(u32),
    /// Answers at random.
    Random(u64),
    /// Always answers the same.
    Constant(Ordering),
    /// Each key is above the next few and below the few before, all the way round.
    Ring,
}

thread_local! {
    static MOOD: Cell<Mood> = const { Cell::new(Mood::Sane) };
}

/// A key whose order depends on the mood.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Fickle(u64);

impl PartialOrd for Fickle {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Fickle {
    fn cmp(&self, other: &Self) -> Ordering {
        match MOOD.get() {
            Mood::Sane => self.0.cmp(&other.0),
            Mood::PanicsIn(0) => panic!("the comparator panicked"),
            Mood::PanicsIn(left) => {
                MOOD.set(Mood::PanicsIn(left - 1));
                self.0.cmp(&other.0)
            }
            Mood::Constant(answer) => answer,
            Mood::Ring => (self.0 / 70 % 3).cmp(&((other.0 / 70 + 1) % 3)),
            Mood::Random(seed) => {
                let mut random = Random::new(seed);
                let answer = random.below(3);
                MOOD.set(Mood::Random(seed.wrapping_add(1 + random.below(1 << 20) as u64)));
                [Ordering::Less, Ordering::Equal, Ordering::Greater][answer]
            }
        }
    }
}

struct Strange {
    fixture: Fixture,
    table: Table<Fickle, Box<u64>>,
}

impl Strange {
    fn new() -> Self {
        let fixture = Fixture::of(Database::new());
        let table = fixture.db.table("strange").expect("a new table");
        let strange = Self { fixture, table };
        let fill = |tx: &Transaction<'_>| {
            Ok((0..50).for_each(|key| tx.insert(&strange.table, Fickle(2 * key), Box::new(key))))
        };
        strange.fixture.db.transact(fill).expect("alone");
        strange
    }

    /// The keys, in a sane mood.
    fn keys(&self) -> Vec<u64> {
        MOOD.set(Mood::Sane);
        let keys = self.fixture.db.read(|tx| tx.keys(&self.table, ..).map(|key| key.0).collect());
        keys.expect("certified")
    }
}

/// One of several things to do with a transaction.
fn act(tx: &Transaction<'_>, table: &Table<Fickle, Box<u64>>, what: usize, key: u64) {
    match what {
        0 => ignore(tx.get(table, &Fickle(key))),
        1 => ignore(tx.contains_key(table, &Fickle(key))),
        2 => tx.insert(table, Fickle(key), Box::new(key)),
        3 => tx.remove(table, &Fickle(key)),
        4 => ignore(tx.replace(table, Fickle(key), Box::new(key))),
        5 => ignore(tx.take(table, &Fickle(key))),
        6 => ignore(tx.range(table, Fickle(key)..Fickle(key + 20)).map(|(_, v)| **v).sum::<u64>()),
        7 => ignore(tx.range(table, ..Fickle(key)).rev().take(5).count()),
        8 => ignore(tx.first_key_value(table).is_some()),
        9 => ignore(tx.range_where(table, Fickle(key).., |_, value| **value > 30).count()),
        10 => ignore(tx.insert_if_absent(table, Fickle(key), Box::new(key)).is_some()),
        11 => ignore(tx.update(table, &Fickle(key), |value| Box::new(**value + 1)).is_some()),
        _ => ignore(tx.count(table, ..)),
    }
}

const ACTS: usize = 13;

#[test]
fn a_comparator_that_panics_in_a_call_loses_nothing() {
    let strange = Strange::new();
    for what in 0..ACTS {
        for comparisons in 0..8 {
            MOOD.set(Mood::Sane);
            let tx = strange.fixture.db.begin();
            tx.insert(&strange.fixture.table, 1, 5);
            MOOD.set(Mood::PanicsIn(comparisons));
            // A call may need fewer comparisons than that.
            let _ = catch_unwind(AssertUnwindSafe(|| act(&tx, &strange.table, what, 33)));
            MOOD.set(Mood::Sane);
            assert_eq!(tx.get(&strange.fixture.table, &1), Some(&5));
            assert_eq!(tx.get(&strange.table, &Fickle(34)).map(|value| **value), Some(17));
            tx.rollback();
        }
    }
    assert_eq!(strange.keys(), (0..50).map(|key| 2 * key).collect::<Vec<_>>());
    strange.fixture.assert_works(&[]);
    crate::support::assert_at_rest(&strange.fixture.db, 60);
}

/// I6.
#[test]
fn a_comparator_that_panics_in_a_commit_leaves_no_gap() {
    let strange = Strange::new();
    let (db, numbers) = (&strange.fixture.db, &strange.fixture.table);
    let (mut panicked, mut committed) = (0, 0);
    for comparisons in 0..200 {
        MOOD.set(Mood::Sane);
        let tx = db.begin();
        assert_eq!(tx.range(&strange.table, Fickle(10)..Fickle(30)).count(), 10);
        for key in 0..5 {
            tx.insert(&strange.table, Fickle(21 + 2 * key), Box::new(0));
        }
        tx.insert(numbers, 3, 1);
        // Somebody for the certification to look at.
        db.transact(|other| Ok(other.insert(&strange.table, Fickle(12), Box::new(6))))
            .expect("blind");
        MOOD.set(Mood::PanicsIn(comparisons));
        let result = catch_unwind(AssertUnwindSafe(|| tx.commit()));
        MOOD.set(Mood::Sane);
        // All of it or nothing of it.
        let expected = match result {
            Err(_) => {
                panicked += 1;
                (Some(0), None)
            }
            Ok(result) => {
                result.expect("one antidependency");
                committed += 1;
                (Some(1), Some(0))
            }
        };
        let seen = db.read(|tx| {
            let strange = tx.get(&strange.table, &Fickle(29)).map(|value| **value);
            (tx.get(numbers, &3).copied(), strange)
        });
        assert_eq!(seen.expect("certified"), expected);
        let undo = |tx: &Transaction<'_>| {
            (0..5).for_each(|key| tx.remove(&strange.table, &Fickle(21 + 2 * key)));
            Ok(tx.insert(numbers, 3, 0))
        };
        db.transact(undo).expect("alone");
    }
    assert!(committed > 0, "200 comparisons are enough for this commit");
    summary(&format!("commits with a panicking comparator: {panicked} panicked, {committed} not"));
    strange.fixture.assert_works(&[]);
    crate::support::assert_at_rest(db, 60);
}

#[test]
fn a_comparator_that_panics_in_transact_comes_out() {
    let strange = Strange::new();
    let message = panic_message(|| {
        strange.fixture.db.transact(|tx| {
            tx.insert(&strange.fixture.table, 1, 5);
            MOOD.set(Mood::PanicsIn(1));
            Ok(tx.contains_key(&strange.table, &Fickle(33)))
        })
    });
    MOOD.set(Mood::Sane);
    assert_eq!(message, "the comparator panicked");
    strange.fixture.assert_works(&[]);
}

#[test]
fn a_comparator_that_is_no_order_cannot_break_memory_or_other_tables() {
    let rounds = scaled(20_000);
    let mut random = Random::new(99);
    let (mut committed, mut refused, mut panicked) = (0, 0, 0);
    let mut strange = Strange::new();
    for round in 0..rounds {
        if round % 100 == 99 {
            // A new one, and the old one dropped in this state.
            strange = Strange::new();
        }
        let (db, numbers) = (&strange.fixture.db, &strange.fixture.table);
        let result = catch_unwind(AssertUnwindSafe(|| {
            let (first, second) = (db.begin(), db.begin());
            MOOD.set(Mood::Random(random.below(1 << 40) as u64));
            for _ in 0..10 {
                act(&first, &strange.table, random.below(ACTS), random.below(120) as u64);
                act(&second, &strange.table, random.below(ACTS), random.below(120) as u64);
            }
            first.insert(numbers, 4, 1);
            second.insert(numbers, 4, 1);
            [first.commit().is_ok(), second.commit().is_ok()]
        }));
        MOOD.set(Mood::Sane);
        match result {
            Ok(ends) => {
                committed += ends.iter().filter(|end| **end).count();
                refused += ends.iter().filter(|end| !**end).count();
            }
            Err(_) => panicked += 1,
        }
        db.collect();
        // The other table knows nothing of this.
        let four = db.read(|tx| tx.get(numbers, &4).copied()).expect("certified");
        assert!(four.is_some_and(|value| value <= 1));
        db.transact(|tx| Ok(tx.insert(numbers, 4, 0))).expect("alone");
        assert_eq!(db.stats().active_transactions, 0);
    }
    strange.fixture.assert_works(&[]);
    summary(&format!(
        "{rounds} rounds with a random order: {committed} commits, {refused} conflicts, \
         {panicked} panics"
    ));
}

#[test]
fn a_range_ends_whatever_the_order_is() {
    const ROWS: u64 = 1_000;
    let strange = Strange::new();
    let (db, table) = (&strange.fixture.db, &strange.table);
    let fill = |tx: &Transaction<'_>| {
        Ok((100..ROWS).for_each(|key| tx.insert(table, Fickle(key), Box::new(key))))
    };
    db.transact(fill).expect("alone");
    let constant = [Ordering::Less, Ordering::Equal, Ordering::Greater].map(Mood::Constant);
    for mood in constant.into_iter().chain([Mood::Ring]) {
        let (tx, snap) = (db.begin(), db.safe_snapshot());
        // Some rows may come again and again, but not for ever.
        let bound = 20 * ROWS as usize;
        MOOD.set(mood);
        let counts = [
            tx.range(table, ..).take(bound).count(),
            tx.range(table, ..).rev().take(bound).count(),
            snap.range(table, ..).take(bound).count(),
            snap.range(table, ..).rev().take(bound).count(),
        ];
        MOOD.set(Mood::Sane);
        assert!(counts.iter().all(|&count| count < bound), "{counts:?}");
    }
    assert_eq!(strange.keys().len(), 50 + ROWS as usize - 100);
}

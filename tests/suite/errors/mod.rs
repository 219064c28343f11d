//! Errors and bad input: after each of them the database works and has lost nothing.
//!
//! | module | bad input |
//! |---|---|
//! | `tables` | a table opened with other types, a table of another database |
//! | `limits` | retries exhausted, own values and search steps beyond their limits |
//! | `bounds` | too much observed, too many bytes, too many snapshots peeked at |
//! | `closures` | closures that panic, sleep, leak, nest a transaction |
//! | `predicates` | predicates that panic, in the read and in somebody's certification |
//! | `drops` | values whose `Drop` panics |
//! | `comparators` | keys whose `Ord` panics or is no order |
//! | `conflicts` | who hears of a conflict; keys whose `Debug` panics, hooks that panic |
//! | `reentry` | user code that uses the transaction that called it |
//!
//! Inverted ranges are in `scenarios::edges` and `scenarios::model`, leaked transactions
//! and iterators in `scenarios::memory`.

mod bounds;
mod closures;
mod comparators;
mod conflicts;
mod drops;
mod limits;
mod predicates;
mod reentry;
mod tables;

use precedent::{Database, Table};

/// A database with one table that must survive everything.
struct Fixture {
    db: Database,
    table: Table<u64, i64>,
}

impl Fixture {
    fn new() -> Self {
        Self::of(Database::new())
    }

    fn of(db: Database) -> Self {
        let table = db.table("numbers").expect("a new table");
        let fixture = Self { db, table };
        let fill = |tx: &precedent::Transaction<'_>| {
            Ok((0..10).for_each(|key| tx.insert(&fixture.table, key, 0)))
        };
        fixture.db.transact(fill).expect("alone");
        fixture
    }

    /// What is there now, by a transaction of its own.
    fn rows(&self) -> Vec<(u64, i64)> {
        let rows = |tx: &precedent::ReadTransaction<'_>| {
            tx.range(&self.table, ..).map(|(key, value)| (*key, *value)).collect()
        };
        self.db.read(rows).expect("certified")
    }

    /// Checks that the ten rows are there with the values that `changed` says, else 0, and
    /// that transactions go on as ever.
    fn assert_works(&self, changed: &[(u64, i64)]) {
        let mut expected: Vec<(u64, i64)> = (0..10).map(|key| (key, 0)).collect();
        for &(key, value) in changed {
            expected[usize::try_from(key).expect("small")].1 = value;
        }
        assert_eq!(self.rows(), expected);
        for key in 0..10 {
            let add = |by: i64| {
                let update = |tx: &precedent::Transaction<'_>| {
                    Ok(tx.update(&self.table, &key, |value| value + by).copied())
                };
                self.db.transact(update).expect("alone")
            };
            let old = expected[usize::try_from(key).expect("small")].1;
            assert_eq!(add(1), Some(old + 1));
            assert_eq!(add(-1), Some(old));
        }
        assert_eq!(self.rows(), expected);
    }

    /// The same, and nothing is left over from anybody.
    fn assert_works_and_rests(&self, changed: &[(u64, i64)]) {
        self.assert_works(changed);
        crate::support::assert_at_rest(&self.db, 10);
    }
}

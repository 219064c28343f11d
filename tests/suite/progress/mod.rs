//! Progress: what ageing promises to those who fail, and what it costs the others.
//!
//! | module | asks |
//! |---|---|
//! | `closures` | do nested, joined, panicking and sleeping closures get through the gate? |
//! | `turns` | who waits for whom, and how many attempts are enough? |
//! | `doomed` | who is given up because of its age, and what comes of it? |
//! | `contention` | how does it all come out on real threads that fight for the same keys? |

mod closures;
mod contention;
mod doomed;
mod turns;

use std::time::Duration;

use precedent::{Builder, Database, Table, Transaction};

/// Longer than any test may take: a gate that must not open by itself.
const FOREVER: Duration = Duration::from_secs(600);

/// A database whose gate is the subject, with the keys 0 to 9.
struct Fixture {
    db: Database,
    table: Table<u64, i64>,
}

impl Fixture {
    fn of(builder: Builder) -> Self {
        let db = builder.build();
        let table = db.table("numbers").expect("a new table");
        let tx = db.begin();
        (0..10).for_each(|key| tx.insert(&table, key, 0));
        tx.commit().expect("alone");
        Self { db, table }
    }

    /// Everything ages from its first attempt on.
    fn aged(max_gate_time: Duration) -> Self {
        Self::of(Database::builder().age_after(0).max_gate_time(max_gate_time))
    }

    /// Sets a key, outside every retry loop and without a read.
    fn set(&self, key: u64, value: i64) {
        let tx: Transaction<'_> = self.db.begin();
        tx.insert(&self.table, key, value);
        tx.commit().expect("blind");
    }

    fn value(&self, key: u64) -> i64 {
        self.db.begin().peek(&self.table, &key).copied().expect("there")
    }

    fn assert_works_and_rests(&self) {
        self.set(0, 0);
        crate::support::assert_at_rest(&self.db, 10);
    }
}

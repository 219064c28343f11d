//! Dump and load: everything comes back, or nothing does and the reason is told.
//!
//! | module | asks |
//! |---|---|
//! | `round_trip` | does every kind of key and value come back? |
//! | `damage` | is a dump refused that lacks a byte, has one more, or another one? |
//! | `wrong` | are wrong tables, types and rows told, and is nothing loaded then? |
//! | `busy` | is a dump one state, though threads go on writing? |

mod busy;
mod damage;
mod round_trip;
mod wrong;

use precedent::{Database, Dump, DumpSummary, Load, Snapshot, Table};

/// The tables that most tests dump.
struct Tables {
    stock: Table<String, u32>,
    ledger: Table<(u64, u64), i64>,
    empty: Table<u8, Vec<u8>>,
}

impl Tables {
    fn of(db: &Database) -> Self {
        let new = "tables with these types";
        Self {
            stock: db.table("stock").expect(new),
            ledger: db.table("ledger").expect(new),
            empty: db.table("empty").expect(new),
        }
    }

    fn dump(&self, snapshot: &Snapshot) -> (Vec<u8>, DumpSummary) {
        let mut bytes = Vec::new();
        let dump = Dump::new(snapshot).table(&self.stock).table(&self.ledger).table(&self.empty);
        let summary = dump.write_to(&mut bytes).expect("a vector takes everything");
        assert_eq!(summary.bytes, bytes.len() as u64);
        (bytes, summary)
    }

    /// Names all tables, in another order than the dump's.
    fn name(&self, load: Load) -> Load {
        load.table(&self.empty).table(&self.ledger).table(&self.stock)
    }
}

/// A database with few rows in two tables.
fn small() -> (Database, Tables) {
    let db = Database::new();
    let tables = Tables::of(&db);
    let fill = |tx: &precedent::Transaction<'_>| {
        tx.insert(&tables.stock, "bolts".to_owned(), 100);
        tx.insert(&tables.stock, "nuts".to_owned(), 0);
        (0..3).for_each(|n| tx.insert(&tables.ledger, (42, n), -5 * n as i64));
        Ok(())
    };
    db.transact(fill).expect("alone");
    (db, tables)
}

/// An empty copy of it.
fn fresh() -> (Database, Tables) {
    let db = Database::new();
    let tables = Tables::of(&db);
    (db, tables)
}

fn assert_nothing_loaded(db: &Database) {
    let stats = db.stats();
    assert_eq!((stats.keys, stats.versions), (0, 0), "something was loaded: {stats:?}");
}

//! `precedent`: every transaction serializable, its reads tracked.

use precedent::{Database, Error, Table, Transaction};

use crate::engine::{Data, Engine, ledger_key, ledger_rows, row_state};

/// Rows that are loaded by one transaction.
const BATCH: usize = 1_000;

pub fn make(data: &Data<'_>) -> Box<dyn Engine> {
    let engine = Precedent::new().expect("the tables are opened once");
    match *data {
        Data::Points(keys) => {
            for batch in keys.chunks(BATCH) {
                engine.write(|tx| {
                    batch.iter().for_each(|key| tx.insert(&engine.points, *key, *key));
                });
            }
        }
        Data::Ledger { accounts, entries } => {
            let rows: Vec<_> = ledger_rows(accounts, entries).collect();
            for batch in rows.chunks(BATCH) {
                engine.write(|tx| batch.iter().for_each(|key| tx.insert(&engine.ledger, *key, 1)));
            }
        }
    }
    Box::new(engine)
}

struct Precedent {
    db: Database,
    points: Table<u64, u64>,
    ledger: Table<(u64, u64), u64>,
}

impl Precedent {
    fn new() -> Result<Self, Error> {
        let db = Database::new();
        Ok(Self { points: db.table("points")?, ledger: db.table("ledger")?, db })
    }

    fn write<R>(&self, mut work: impl FnMut(&Transaction<'_>) -> R) -> R {
        self.db.transact(|tx| Ok(work(tx))).expect("it is retried until it commits")
    }

    fn add(&self, tx: &Transaction<'_>, key: u64, delta: u64) -> u64 {
        let old = *tx.get(&self.points, &key).expect("all keys that are changed were loaded");
        tx.insert(&self.points, key, old.wrapping_add(delta));
        old
    }
}

impl Engine for Precedent {
    fn read_one(&self, key: u64) -> u64 {
        let read = self.db.read(|tx| tx.get(&self.points, &key).copied());
        read.ok().flatten().expect("all keys that are read were loaded")
    }

    fn add_to_one(&self, key: u64, delta: u64) -> u64 {
        self.write(|tx| self.add(tx, key, delta))
    }

    fn read_eight_add_to_two(&self, keys: &[u64; 8], delta: u64) -> u64 {
        self.write(|tx| {
            let sum = keys.iter().fold(0_u64, |sum, key| {
                sum.wrapping_add(tx.get(&self.points, key).copied().unwrap_or_default())
            });
            self.add(tx, keys[0], delta);
            self.add(tx, keys[1], delta);
            sum
        })
    }

    fn scan(&self, from: u64, count: usize) -> u64 {
        let read = self.db.read(|tx| {
            let values = tx.values(&self.points, from..).take(count);
            values.fold(0_u64, |sum, value| sum.wrapping_add(*value))
        });
        read.expect("it is retried until it is certified")
    }

    fn insert(&self, key: u64, value: u64) {
        self.write(|tx| tx.insert(&self.points, key, value));
    }

    fn add_ledger_entry(&self, account: u64, entry: u64, cents: u64) -> u64 {
        self.write(|tx| {
            let sum = tx.values(&self.ledger, (account, 0)..=(account, u64::MAX)).sum();
            tx.insert(&self.ledger, (account, entry), cents);
            sum
        })
    }

    fn state(&self) -> u64 {
        let read = self.db.read(|tx| {
            let points = tx.range(&self.points, ..).map(|(key, value)| row_state(*key, *value));
            let ledger = tx
                .range(&self.ledger, ..)
                .map(|((account, entry), value)| row_state(ledger_key(*account, *entry), *value));
            points.chain(ledger).fold(0, u64::wrapping_add)
        });
        read.expect("it is retried until it is certified")
    }
}

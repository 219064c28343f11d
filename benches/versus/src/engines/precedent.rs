//! `precedent`: every transaction serializable, its reads tracked.

use std::ops::Bound;

use precedent::{Certifier, Database, ReadOnly, ReadWrite, Table, Transaction};

use crate::engine::{About, Contestant, Read, Stop, Store, Write};
use crate::schema::{Key, Value};

pub struct Precedent;

impl Contestant for Precedent {
    const ABOUT: About = About {
        name: "precedent",
        isolation: "strictly serializable, exact",
        note: "reads by `read`, writes by `transact`",
        transactions: true,
        ranges: true,
        snapshots: true,
        keeps: true,
        variant: 0,
    };
    type Store<K: Key, V: Value> = Opened<K, V>;
}

/// The same engine under another rule, for comparison: a place in [`RULES`].
pub struct Ruled<const RULE: u8>;

const RULES: [(Certifier, &str, &str); 5] = [
    (Certifier::Exact, "precedent", "serializable"),
    (Certifier::Position, "rule: position", "serializable"),
    (Certifier::Backward, "rule: backward", "serializable"),
    (Certifier::Pivot, "rule: pivot", "serializable"),
    (Certifier::FirstCommitterWins, "rule: first committer", "snapshot isolation"),
];

impl<const RULE: u8> Contestant for Ruled<RULE> {
    const ABOUT: About = About {
        name: RULES[RULE as usize].1,
        isolation: RULES[RULE as usize].2,
        note: "precedent under another rule of certification",
        variant: RULE,
        ..Precedent::ABOUT
    };
    type Store<K: Key, V: Value> = Opened<K, V>;
}

pub struct Opened<K, V> {
    db: Database,
    tables: Vec<Table<K, V>>,
}

/// A transaction and the tables it is used with.
pub struct Running<'a, M, K, V> {
    tx: &'a Transaction<'a, M>,
    tables: &'a [Table<K, V>],
}

impl<M, K: Key, V: Value> Read for Running<'_, M, K, V> {
    type Key = K;

    fn get(&mut self, table: u8, key: &K) -> Result<Option<u64>, Stop> {
        Ok(self.tx.get(&self.tables[usize::from(table)], key).map(V::amount))
    }

    fn scan(
        &mut self,
        table: u8,
        from: &K,
        to: Option<&K>,
        limit: usize,
        mut each: impl FnMut(u64, u64),
    ) -> Result<(), Stop> {
        let to = to.map_or(Bound::Unbounded, Bound::Included);
        let rows = self.tx.range(&self.tables[usize::from(table)], (Bound::Included(from), to));
        rows.take(limit).for_each(|(key, value)| each(key.number(), value.amount()));
        Ok(())
    }
}

impl<K: Key, V: Value> Write for Running<'_, ReadWrite, K, V> {
    fn put(&mut self, table: u8, key: K, value: u64) -> Result<(), Stop> {
        self.tx.insert(&self.tables[usize::from(table)], key, V::hold(value));
        Ok(())
    }

    fn remove(&mut self, table: u8, key: &K) -> Result<(), Stop> {
        self.tx.remove(&self.tables[usize::from(table)], key);
        Ok(())
    }
}

impl<K: Key, V: Value> Store for Opened<K, V> {
    type Key = K;
    type Value = V;
    type Reader<'a> = Running<'a, ReadOnly, K, V>;
    type Writer<'a> = Running<'a, ReadWrite, K, V>;

    fn open(tables: u8, variant: u8) -> Self {
        let db = Database::builder().certifier(RULES[usize::from(variant)].0).build();
        let table = |number| db.table(&format!("t{number}")).expect("it is opened once");
        let tables = (0..tables).map(table).collect();
        Self { db, tables }
    }

    fn read<R>(
        &self,
        mut work: impl FnMut(&mut Running<'_, ReadOnly, K, V>) -> Result<R, Stop>,
    ) -> R {
        let tables = &self.tables[..];
        let read = self.db.read(|tx| work(&mut Running { tx, tables }));
        read.expect("it is retried until it is certified").expect("no call is refused")
    }

    fn write<R>(
        &self,
        mut work: impl FnMut(&mut Running<'_, ReadWrite, K, V>) -> Result<R, Stop>,
    ) -> R {
        let tables = &self.tables[..];
        let written = self.db.transact(|tx| Ok(work(&mut Running { tx, tables })));
        written.expect("it is retried until it commits").expect("no call is refused")
    }

    fn aborts(&self) -> Vec<(&'static str, u64)> {
        let stats = self.db.stats();
        vec![
            ("cycle", stats.cycle_aborts),
            ("rule", stats.rule_aborts),
            ("first committer", stats.first_committer_aborts),
            ("conservative", stats.conservative_aborts),
            ("limit", stats.own_values_aborts + stats.footprint_aborts + stats.bytes_aborts),
        ]
    }

    fn versions(&self) -> Option<u64> {
        Some(self.db.stats().versions as u64)
    }

    fn settle(&self) {
        self.db.collect();
    }
}

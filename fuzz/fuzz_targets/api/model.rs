//! The database as two maps.

use std::collections::BTreeMap;

use precedent::{Database, Savepoint, Snapshot, Table, Transaction};

use crate::operation::Bounds;

/// Keys that are plain, and keys that are looked up by another type than they have.
pub struct Tables {
    pub numbers: Table<u8, Box<u16>>,
    pub words: Table<String, Box<u16>>,
}

#[derive(Clone, Default)]
pub struct World {
    pub numbers: BTreeMap<u8, u16>,
    pub words: BTreeMap<String, u16>,
}

/// What a transaction has lent, and what it was; and its open savepoints.
#[derive(Default)]
pub struct Held<'t> {
    lent: Vec<(&'t Box<u16>, u16)>,
    pub savepoints: Vec<(Savepoint, World)>,
}

impl World {
    pub fn len(&self) -> usize {
        self.numbers.len() + self.words.len()
    }

    /// The rows of a range of `numbers`; none if the range is inverted.
    pub fn rows(&self, bounds: Bounds) -> Vec<(u8, u16)> {
        let rows = self.numbers.iter().map(|(key, value)| (*key, *value));
        rows.filter(|(key, _)| bounds.contain(*key)).collect()
    }
}

impl Tables {
    pub fn open(db: &Database) -> Self {
        let numbers = db.table("numbers").expect("it has these types");
        let words = db.table("words").expect("it has these types");
        Self { numbers, words }
    }

    pub fn compare_range<M>(&self, tx: &Transaction<'_, M>, world: &World, bounds: Bounds) {
        let expected = world.rows(bounds);
        let forward: Vec<_> = tx.range(&self.numbers, bounds.get()).map(number).collect();
        assert_eq!(forward, expected);
        let mut backward: Vec<_> =
            tx.range(&self.numbers, bounds.get()).rev().map(number).collect();
        backward.reverse();
        assert_eq!(backward, expected);
    }

    /// Compares what a snapshot lends, after everything else was collected.
    pub fn compare_snapshot(&self, db: &Database, snapshot: &Snapshot, world: &World) {
        let numbers: Vec<_> = snapshot.range(&self.numbers, ..).rev().collect();
        let words: Vec<_> = snapshot.range(&self.words, ..).collect();
        db.collect();
        let numbers = numbers.into_iter().rev().map(number);
        assert!(numbers.eq(world.numbers.iter().map(|(key, value)| (*key, *value))));
        let words = words.into_iter().map(|(key, value)| (key, **value));
        assert!(words.eq(world.words.iter().map(|(key, value)| (key, *value))));
        for key in 0..16 {
            let expected = world.numbers.get(&key);
            assert_eq!(snapshot.get(&self.numbers, &key).map(|value| &**value), expected);
        }
    }

    pub fn compare_all<M>(&self, tx: &Transaction<'_, M>, world: &World) {
        let numbers = tx.range(&self.numbers, ..).map(number);
        assert!(numbers.eq(world.numbers.iter().map(|(key, value)| (*key, *value))));
        let words = tx.range(&self.words, ..).map(|(key, value)| (key, **value));
        assert!(words.eq(world.words.iter().map(|(key, value)| (key, *value))));
    }
}

pub fn number((key, value): (&u8, &Box<u16>)) -> (u8, u16) {
    (*key, **value)
}

impl<'t> Held<'t> {
    /// Compares a value with the model's, and keeps it.
    pub fn same(&mut self, lent: Option<&'t Box<u16>>, expected: Option<u16>) {
        assert_eq!(lent.map(|value| **value), expected);
        self.lent.extend(lent.zip(expected));
    }

    pub fn look_again(&self) {
        for (lent, expected) in &self.lent {
            assert_eq!(***lent, *expected, "a value changed while it was lent");
        }
    }
}

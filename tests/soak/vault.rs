//! Tables of different types behind one face.

use std::cell::Cell;
use std::ops::Range;

use precedent::{Commit, Database, Error, ReadTransaction, Snapshot, Table, Transaction};

use crate::goods::{Id, Worth};
use crate::hazard::{Site, touch};

thread_local! {
    static OPERATIONS: Cell<u64> = const { Cell::new(0) };
}

/// How many operations this thread has done.
pub fn operations() -> u64 {
    OPERATIONS.get()
}

fn note(operations: usize) {
    OPERATIONS.set(OPERATIONS.get() + operations as u64);
}

/// Numbers and amounts.
pub type Rows = Vec<(u32, i64)>;

/// How a range is driven.
#[derive(Clone, Copy, Debug)]
pub enum Way {
    /// From the front, so many rows at most.
    Front(usize),
    /// From the back.
    Back(usize),
    /// From both ends in turn.
    Both(usize),
}

/// A table of amounts.
pub trait Vault: Send + Sync {
    fn get(&self, tx: &Transaction<'_>, number: u32) -> Option<i64>;
    fn peek(&self, tx: &Transaction<'_>, number: u32) -> Option<i64>;
    fn put(&self, tx: &Transaction<'_>, number: u32, amount: i64);
    fn replace(&self, tx: &Transaction<'_>, number: u32, amount: i64) -> Option<i64>;
    fn add(&self, tx: &Transaction<'_>, number: u32, change: i64) -> Option<i64>;
    fn open(&self, tx: &Transaction<'_>, number: u32) -> bool;
    fn take(&self, tx: &Transaction<'_>, number: u32) -> Option<i64>;
    fn remove(&self, tx: &Transaction<'_>, number: u32);
    fn remove_range(&self, tx: &Transaction<'_>, numbers: Range<u32>) -> usize;
    fn rows(&self, tx: &Transaction<'_>, numbers: Range<u32>, way: Way) -> Rows;
    /// Those of at least so much, by a predicate.
    fn rich(&self, tx: &Transaction<'_>, numbers: Range<u32>, amount: i64) -> Rows;
    fn all(&self, tx: &ReadTransaction<'_>) -> Rows;
    fn all_at(&self, snapshot: &Snapshot) -> Rows;
    fn load(&self, db: &Database, rows: &[(u32, i64)]) -> Result<Commit, Error>;
}

/// A vault of keys and values of these types.
pub struct Of<K, V>(pub Table<K, V>);

fn row<K: Id, V: Worth>((key, value): (&K, &V)) -> (u32, i64) {
    (key.number(), value.amount())
}

fn keys<K: Id>(numbers: Range<u32>) -> Range<K> {
    K::of(numbers.start)..K::of(numbers.end)
}

impl<K: Id, V: Worth> Vault for Of<K, V> {
    fn get(&self, tx: &Transaction<'_>, number: u32) -> Option<i64> {
        note(1);
        tx.get(&self.0, &K::of(number)).map(V::amount)
    }

    fn peek(&self, tx: &Transaction<'_>, number: u32) -> Option<i64> {
        note(1);
        tx.peek(&self.0, &K::of(number)).map(V::amount)
    }

    fn put(&self, tx: &Transaction<'_>, number: u32, amount: i64) {
        note(1);
        tx.insert(&self.0, K::of(number), V::of(amount));
    }

    fn replace(&self, tx: &Transaction<'_>, number: u32, amount: i64) -> Option<i64> {
        note(1);
        tx.replace(&self.0, K::of(number), V::of(amount)).map(V::amount)
    }

    fn add(&self, tx: &Transaction<'_>, number: u32, change: i64) -> Option<i64> {
        note(1);
        let key = K::of(number);
        let new = tx.update(&self.0, &key, |old| {
            touch(Site::Closure);
            V::of(old.amount() + change)
        });
        new.map(V::amount)
    }

    fn open(&self, tx: &Transaction<'_>, number: u32) -> bool {
        note(1);
        tx.insert_if_absent(&self.0, K::of(number), V::of(0)).is_none()
    }

    fn take(&self, tx: &Transaction<'_>, number: u32) -> Option<i64> {
        note(1);
        tx.take(&self.0, &K::of(number)).map(V::amount)
    }

    fn remove(&self, tx: &Transaction<'_>, number: u32) {
        note(1);
        tx.remove(&self.0, &K::of(number));
    }

    fn remove_range(&self, tx: &Transaction<'_>, numbers: Range<u32>) -> usize {
        let removed = tx.remove_range(&self.0, keys::<K>(numbers));
        note(1 + removed);
        removed
    }

    fn rows(&self, tx: &Transaction<'_>, numbers: Range<u32>, way: Way) -> Rows {
        let mut range = tx.range(&self.0, keys::<K>(numbers));
        let rows: Rows = match way {
            Way::Front(most) => range.take(most).map(row).collect(),
            Way::Back(most) => range.rev().take(most).map(row).collect(),
            Way::Both(most) => {
                let mut turn = false;
                let ends = std::iter::from_fn(|| {
                    turn = !turn;
                    if turn { range.next() } else { range.next_back() }
                });
                ends.take(most).map(row).collect()
            }
        };
        note(1 + rows.len());
        rows
    }

    fn rich(&self, tx: &Transaction<'_>, numbers: Range<u32>, amount: i64) -> Rows {
        let is_rich = move |_: &K, value: &V| {
            touch(Site::Predicate);
            value.amount() >= amount
        };
        let rows: Rows = tx.range_where(&self.0, keys::<K>(numbers), is_rich).map(row).collect();
        note(1 + rows.len());
        rows
    }

    fn all(&self, tx: &ReadTransaction<'_>) -> Rows {
        let rows: Rows = tx.range(&self.0, ..).map(row).collect();
        note(1 + rows.len());
        rows
    }

    fn all_at(&self, snapshot: &Snapshot) -> Rows {
        let rows: Rows = snapshot.range(&self.0, ..).map(row).collect();
        note(1 + rows.len());
        rows
    }

    fn load(&self, db: &Database, rows: &[(u32, i64)]) -> Result<Commit, Error> {
        note(rows.len());
        let rows = rows.iter().map(|(number, amount)| {
            touch(Site::Closure);
            (K::of(*number), V::of(*amount))
        });
        db.bulk_load(&self.0, rows)
    }
}

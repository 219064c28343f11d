//! `RwLock<BTreeMap>`: what one writes by hand. No transactions, no versions; a reader
//! shares the lock, a writer has it alone for the whole of its work.

use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::engine::{Data, Engine, ledger_key, ledger_rows, row_state};

pub fn make(data: &Data<'_>) -> Box<dyn Engine> {
    let mut points = BTreeMap::new();
    let mut ledger = BTreeMap::new();
    match *data {
        Data::Points(keys) => points.extend(keys.iter().map(|key| (*key, *key))),
        Data::Ledger { accounts, entries } => {
            ledger.extend(ledger_rows(accounts, entries).map(|key| (key, 1)));
        }
    }
    Box::new(Maps { points: RwLock::new(points), ledger: RwLock::new(ledger) })
}

struct Maps {
    points: RwLock<BTreeMap<u64, u64>>,
    ledger: RwLock<BTreeMap<(u64, u64), u64>>,
}

impl Engine for Maps {
    fn read_one(&self, key: u64) -> u64 {
        read(&self.points)[&key]
    }

    fn add_to_one(&self, key: u64, delta: u64) -> u64 {
        add(&mut write(&self.points), key, delta)
    }

    fn read_eight_add_to_two(&self, keys: &[u64; 8], delta: u64) -> u64 {
        let mut points = write(&self.points);
        let sum = keys.iter().fold(0_u64, |sum, key| sum.wrapping_add(points[key]));
        add(&mut points, keys[0], delta);
        add(&mut points, keys[1], delta);
        sum
    }

    fn scan(&self, from: u64, count: usize) -> u64 {
        let points = read(&self.points);
        let rows = points.range(from..).take(count);
        rows.fold(0, |sum, (_, value)| sum.wrapping_add(*value))
    }

    fn insert(&self, key: u64, value: u64) {
        write(&self.points).insert(key, value);
    }

    fn add_ledger_entry(&self, account: u64, entry: u64, cents: u64) -> u64 {
        let mut ledger = write(&self.ledger);
        let sum = ledger.range((account, 0)..=(account, u64::MAX)).map(|(_, cents)| cents).sum();
        ledger.insert((account, entry), cents);
        sum
    }

    fn state(&self) -> u64 {
        let points = read(&self.points);
        let ledger = read(&self.ledger);
        let of_points = points.iter().map(|(key, value)| row_state(*key, *value));
        let of_ledger = ledger
            .iter()
            .map(|((account, entry), value)| row_state(ledger_key(*account, *entry), *value));
        of_points.chain(of_ledger).fold(0, u64::wrapping_add)
    }
}

fn add(points: &mut BTreeMap<u64, u64>, key: u64, delta: u64) -> u64 {
    let value = points.get_mut(&key).expect("all keys that are changed were loaded");
    let old = *value;
    *value = old.wrapping_add(delta);
    old
}

fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

fn write<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}

//! The workloads: what is read and written, small enough that threads meet.

use std::thread;

use precedent::{Database, ReadTransaction, Table, Transaction};

use crate::tools::Random;

/// A workload on its tables.
pub trait Work: Sync {
    /// What is there before.
    fn fill(&self, _: &Transaction<'_>) {}
    /// A transaction that writes.
    fn step(&self, tx: &Transaction<'_>, random: &mut Random);
    /// One that only reads.
    fn look(&self, tx: &ReadTransaction<'_>, random: &mut Random);
    /// What must be true when all is done.
    fn end(&self, _: &ReadTransaction<'_>) -> Result<(), String> {
        Ok(())
    }
}

/// A workload by its name.
pub struct Kind {
    pub name: &'static str,
    /// Whether snapshot isolation allows anomalies of it.
    pub skews: bool,
    pub make: fn(&Database) -> Box<dyn Work>,
}

pub const KINDS: [Kind; 10] = [
    Kind { name: "registers", skews: true, make: |db| Box::new(Registers(table(db, "cells"))) },
    Kind { name: "counter", skews: false, make: |db| Box::new(Counter(table(db, "counters"))) },
    Kind { name: "transfer", skews: false, make: |db| Box::new(Transfer(table(db, "accounts"))) },
    Kind {
        name: "smallbank",
        skews: true,
        make: |db| {
            Box::new(SmallBank { savings: table(db, "savings"), checking: table(db, "checking") })
        },
    },
    Kind {
        name: "receipts",
        skews: true,
        make: |db| {
            Box::new(Receipts { batch: table(db, "batch"), receipts: table(db, "receipts") })
        },
    },
    Kind { name: "ledger", skews: false, make: |db| Box::new(Ledger(table(db, "ledger"))) },
    Kind { name: "queue", skews: false, make: |db| Box::new(Queue(table(db, "queue"))) },
    Kind { name: "on call", skews: true, make: |db| Box::new(OnCall(table(db, "doctors"))) },
    Kind { name: "predicates", skews: true, make: |db| Box::new(Prices(table(db, "prices"))) },
    Kind { name: "removals", skews: true, make: |db| Box::new(Removals(table(db, "set"))) },
];

fn table<K: precedent::Key, V: precedent::Value>(db: &Database, name: &str) -> Table<K, V> {
    db.table(name).expect("a new table")
}

/// Lets others in between what is read and what is written.
fn pause() {
    thread::yield_now();
}

/// Looks and blind writes.
struct Registers(Table<u8, u64>);
const CELLS: usize = 24;

impl Work for Registers {
    fn step(&self, tx: &Transaction<'_>, random: &mut Random) {
        for _ in 0..2 {
            let _ = tx.get(&self.0, &(random.below(CELLS) as u8));
        }
        pause();
        tx.insert(&self.0, random.below(CELLS) as u8, random.next());
    }

    fn look(&self, tx: &ReadTransaction<'_>, random: &mut Random) {
        for _ in 0..3 {
            let _ = tx.get(&self.0, &(random.below(CELLS) as u8));
        }
    }
}

/// Everybody counts at the same few keys.
struct Counter(Table<u8, u64>);
const COUNTERS: usize = 8;

impl Work for Counter {
    fn step(&self, tx: &Transaction<'_>, random: &mut Random) {
        let key = random.below(COUNTERS) as u8;
        let count = tx.get(&self.0, &key).copied().unwrap_or(0);
        pause();
        tx.insert(&self.0, key, count + 1);
    }

    fn look(&self, tx: &ReadTransaction<'_>, _: &mut Random) {
        let _: u64 = tx.values(&self.0, ..).sum();
    }
}

/// Money moves, and none is made.
struct Transfer(Table<u8, i64>);
const ACCOUNTS: usize = 16;

impl Work for Transfer {
    fn fill(&self, tx: &Transaction<'_>) {
        (0..ACCOUNTS).for_each(|account| tx.insert(&self.0, account as u8, 100));
    }

    fn step(&self, tx: &Transaction<'_>, random: &mut Random) {
        let (from, to) = (random.below(ACCOUNTS) as u8, random.below(ACCOUNTS) as u8);
        let sum = random.below(50) as i64;
        tx.update(&self.0, &from, |left| left - sum);
        pause();
        tx.update(&self.0, &to, |left| left + sum);
    }

    fn look(&self, tx: &ReadTransaction<'_>, random: &mut Random) {
        let from = random.below(ACCOUNTS) as u8;
        let _: i64 = tx.values(&self.0, from..).sum();
    }

    fn end(&self, tx: &ReadTransaction<'_>) -> Result<(), String> {
        let sum: i64 = tx.values(&self.0, ..).sum();
        if sum == 100 * ACCOUNTS as i64 { Ok(()) } else { Err(format!("{sum} in all")) }
    }
}

/// The benchmark of the same name: two balances a customer, five sorts of transactions.
struct SmallBank {
    savings: Table<u8, i64>,
    checking: Table<u8, i64>,
}
const CUSTOMERS: usize = 10;

impl Work for SmallBank {
    fn fill(&self, tx: &Transaction<'_>) {
        for customer in 0..CUSTOMERS {
            tx.insert(&self.savings, customer as u8, 100);
            tx.insert(&self.checking, customer as u8, 100);
        }
    }

    fn step(&self, tx: &Transaction<'_>, random: &mut Random) {
        let (one, other) = (random.below(CUSTOMERS) as u8, random.below(CUSTOMERS) as u8);
        let balance = |table, customer| tx.get(table, &customer).copied().unwrap_or(0);
        match random.below(4) {
            0 => drop(tx.update(&self.checking, &one, |left| left + 5).is_some()),
            1 => drop(tx.update(&self.savings, &one, |left| left + 20).is_some()),
            2 => {
                let all = balance(&self.savings, one) + balance(&self.checking, one);
                pause();
                tx.insert(&self.savings, one, 0);
                tx.insert(&self.checking, one, 0);
                tx.update(&self.checking, &other, |left| left + all);
            }
            _ => {
                // A cheque, with a fine if it is not covered.
                let all = balance(&self.savings, one) + balance(&self.checking, one);
                pause();
                let fine = i64::from(all < 30);
                tx.insert(&self.checking, one, balance(&self.checking, one) - 30 - fine);
            }
        }
    }

    fn look(&self, tx: &ReadTransaction<'_>, random: &mut Random) {
        let customer = random.below(CUSTOMERS) as u8;
        let _ = (tx.get(&self.savings, &customer), tx.get(&self.checking, &customer));
    }
}

/// Receipts go into the newest batch; a report closes it.
struct Receipts {
    batch: Table<(), u32>,
    receipts: Table<(u32, u64), u32>,
}

impl Work for Receipts {
    fn step(&self, tx: &Transaction<'_>, random: &mut Random) {
        let batch = tx.get(&self.batch, &()).copied().unwrap_or(0);
        pause();
        if random.below(8) == 0 {
            tx.insert(&self.batch, (), batch + 1);
        } else {
            tx.insert(&self.receipts, (batch, random.next()), 1);
        }
    }

    fn look(&self, tx: &ReadTransaction<'_>, _: &mut Random) {
        let batch = tx.get(&self.batch, &()).copied().unwrap_or(0);
        if let Some(closed) = batch.checked_sub(1) {
            let _ = tx.count(&self.receipts, (closed, 0)..=(closed, u64::MAX));
        }
    }
}

/// The next entry of an account, if its sum allows it.
struct Ledger(Table<(u8, u32), i64>);

impl Work for Ledger {
    fn step(&self, tx: &Transaction<'_>, random: &mut Random) {
        let account = random.below(40) as u8;
        let entries = (account, 0)..=(account, u32::MAX);
        let sum: i64 = tx.values(&self.0, entries.clone()).sum();
        let next = tx.range(&self.0, entries).next_back().map_or(0, |((_, entry), _)| entry + 1);
        pause();
        tx.insert(&self.0, (account, next), if sum < 50 { 80 } else { -50 });
    }

    fn look(&self, tx: &ReadTransaction<'_>, random: &mut Random) {
        let account = random.below(40) as u8;
        let sum: i64 = tx.values(&self.0, (account, 0)..=(account, u32::MAX)).sum();
        let _ = sum;
    }

    fn end(&self, tx: &ReadTransaction<'_>) -> Result<(), String> {
        for account in 0..40 {
            let sum: i64 = tx.values(&self.0, (account, 0)..=(account, u32::MAX)).sum();
            if sum < 0 {
                return Err(format!("{sum} on account {account}"));
            }
        }
        Ok(())
    }
}

/// Jobs come in at one end and are taken from the other.
struct Queue(Table<u32, u64>);

impl Work for Queue {
    fn step(&self, tx: &Transaction<'_>, random: &mut Random) {
        if random.below(2) == 0 {
            let next = tx.last_key_value(&self.0).map_or(0, |(key, _)| key + 1);
            pause();
            tx.insert(&self.0, next, 1);
        } else if let Some(key) = tx.first_key_value(&self.0).map(|(key, _)| *key) {
            pause();
            tx.remove(&self.0, &key);
        }
    }

    fn look(&self, tx: &ReadTransaction<'_>, _: &mut Random) {
        let _ = tx.range(&self.0, ..).take(3).count();
    }
}

/// Somebody must be on call in every shift.
struct OnCall(Table<(u8, u8), bool>);

impl OnCall {
    fn on_call(&self, tx: &Transaction<'_>, shift: u8) -> usize {
        tx.values(&self.0, (shift, 0)..=(shift, 9)).filter(|on| **on).count()
    }
}

impl Work for OnCall {
    fn fill(&self, tx: &Transaction<'_>) {
        for place in 0..20 {
            tx.insert(&self.0, (place / 4, place % 4), true);
        }
    }

    fn step(&self, tx: &Transaction<'_>, random: &mut Random) {
        let (shift, doctor) = (random.below(5) as u8, random.below(4) as u8);
        let on = tx.get(&self.0, &(shift, doctor)).copied();
        let others = self.on_call(tx, shift);
        pause();
        match on {
            Some(true) if others > 1 => tx.insert(&self.0, (shift, doctor), false),
            Some(false) => tx.insert(&self.0, (shift, doctor), true),
            _ => {}
        }
    }

    fn look(&self, tx: &ReadTransaction<'_>, _: &mut Random) {
        let _ = tx.count(&self.0, ..);
    }

    fn end(&self, tx: &ReadTransaction<'_>) -> Result<(), String> {
        for shift in 0..5 {
            if tx.values(&self.0, (shift, 0)..=(shift, 9)).all(|on| !on) {
                return Err(format!("nobody is on call in shift {shift}"));
            }
        }
        Ok(())
    }
}

/// What is dear becomes cheaper if little else is dear.
struct Prices(Table<u8, u32>);

impl Work for Prices {
    fn fill(&self, tx: &Transaction<'_>) {
        (0..20).for_each(|article| tx.insert(&self.0, article, 50));
    }

    fn step(&self, tx: &Transaction<'_>, random: &mut Random) {
        let from = random.below(15) as u8;
        let dear: Vec<u8> = tx
            .range_where(&self.0, from..from + 5, |_, price| *price > 60)
            .map(|(article, _)| *article)
            .collect();
        pause();
        let article = from + random.below(5) as u8;
        let price = if dear.len() < 2 { 70 } else { 40 } + random.below(10) as u32;
        tx.insert(&self.0, article, price);
    }

    fn look(&self, tx: &ReadTransaction<'_>, _: &mut Random) {
        let _ = tx.range_where(&self.0, .., |_, price| *price > 60).count();
    }
}

/// Keys come and go by who else is there.
struct Removals(Table<u8, u32>);

impl Work for Removals {
    fn step(&self, tx: &Transaction<'_>, random: &mut Random) {
        let (key, other) = (random.below(20) as u8, random.below(20) as u8);
        let there = tx.contains_key(&self.0, &other);
        pause();
        match random.below(6) {
            0 => drop(tx.remove_range(&self.0, key..key + 2)),
            _ if there => tx.remove(&self.0, &key),
            _ => tx.insert(&self.0, key, 1),
        }
    }

    fn look(&self, tx: &ReadTransaction<'_>, random: &mut Random) {
        let _ = tx.is_empty(&self.0, random.below(20) as u8..);
    }
}

//! All workloads, made to the knobs.

use std::marker::PhantomData;
use std::sync::Arc;

use super::core::{Core, Task};
use super::counter::Counter;
use super::ledger::Ledger;
use super::mix::Mix;
use super::queue::Queue;
use super::receipts::Receipts;
use super::report::Report;
use super::sibench::SiBench;
use super::smallbank::SmallBank;
use super::tpcc::Tpcc;
use super::ycsb::{Letter, Ycsb};
use crate::harness::Entry;
use crate::random::{Choice, Random};
use crate::schema::{Kibibyte, Single, Text, Value};

const STRINGS: &str = "strings: ";

/// What changes the workloads themselves.
#[derive(Clone)]
pub struct Knobs {
    /// In the group «core», and in the others.
    pub keys: usize,
    pub keys_elsewhere: usize,
    pub skew: f64,
    pub operations: usize,
    pub read_share: f64,
    pub seed: u64,
    pub warehouses: u64,
}

/// Those whose names are wanted, in the order in which they are shown.
pub fn list(knobs: &Knobs, wanted: &dyn Fn(&str) -> bool) -> Vec<Box<dyn Entry>> {
    let mut all = plain::<u64, u64>(&numbers(knobs.keys, knobs.seed), "core", "", &Task::ALL);
    let accounts = (knobs.keys / 20).clamp(1, 1 << 16) as u64;
    all.push(Box::new(Ledger { accounts }));
    let numbers = numbers(knobs.keys_elsewhere, knobs.seed);
    for skew in [0.0, knobs.skew] {
        all.extend(Letter::ALL.into_iter().map(|letter| ycsb(letter, &numbers, skew)));
    }
    let customers = (knobs.keys_elsewhere as u64).min(18_000);
    all.push(Box::new(SmallBank { customers, choice: Choice::new(customers, knobs.skew) }));
    all.push(Box::new(Tpcc { warehouses: knobs.warehouses, items: 1_000 }));
    all.push(Box::new(SiBench { writing: false }));
    all.push(Box::new(SiBench { writing: true }));
    all.push(Box::new(Receipts));
    all.push(Box::new(Queue));
    all.push(Box::new(Counter));
    all.push(Box::new(Report { keys: Arc::clone(&numbers) }));
    all.push(Box::new(Mix {
        choice: Choice::new(numbers.len() as u64, knobs.skew),
        keys: Arc::clone(&numbers),
        skew: knobs.skew,
        operations: knobs.operations,
        read_share: knobs.read_share,
    }));
    let three = [Task::ReadOne, Task::ReadEightChangeTwo, Task::Scan];
    // Many strings take a while.
    if three.iter().any(|task| wanted(&format!("{STRINGS}{}", task.name()))) {
        all.extend(plain::<Text, u64>(&numbers, "types", STRINGS, &three));
    }
    let three = [Task::ReadOne, Task::ChangeOne, Task::Scan];
    all.extend(plain::<u64, Kibibyte>(&numbers, "types", "1 KiB values: ", &three));
    all.retain(|entry| wanted(&entry.spec().name));
    all
}

/// Random keys, all different or nearly so, in the order in which they are loaded.
fn numbers(count: usize, seed: u64) -> Arc<Vec<u64>> {
    let mut random = Random::new(seed, 0);
    Arc::new((0..count).map(|_| random.next() >> 8).collect())
}

fn plain<K: Single, V: Value>(
    numbers: &[u64],
    group: &'static str,
    prefix: &'static str,
    tasks: &[Task],
) -> Vec<Box<dyn Entry>> {
    let keys = Arc::new(numbers.iter().map(|number| K::of(*number)).collect::<Vec<_>>());
    let entry = |task: &Task| {
        let keys = Arc::clone(&keys);
        Box::new(Core::<K, V> { group, prefix, task: *task, keys, value: PhantomData }) as _
    };
    tasks.iter().map(entry).collect()
}

fn ycsb(letter: Letter, numbers: &Arc<Vec<u64>>, skew: f64) -> Box<dyn Entry> {
    let choice = Choice::new(numbers.len() as u64, skew);
    Box::new(Ycsb { letter, keys: Arc::clone(numbers), skew, choice })
}

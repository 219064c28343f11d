//! The index against a `BTreeMap`, and beside itself on threads. Leaves are tiny here.

use std::cell::{Cell, RefCell};
use std::cmp;
use std::collections::{BTreeMap, BTreeSet};
use std::iter;
use std::ops::ControlFlow;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering as Memory};
use std::thread;

use crate::bugs::Bugs;
use crate::store::collector::Collector;
use crate::store::index::{Circle, Index, Key};
use crate::store::leaf::{Body, ENTRIES, Entry, Leaf};
use crate::store::pins::Pins;
use crate::store::place::Seats;
use crate::store::record::Shared;
use crate::store::registry::Registry;
use crate::store::version::Version;

struct Fixture<K: Number = u64> {
    index: Index<K, u64>,
    registry: Arc<Registry>,
    collector: Arc<Collector>,
}

/// What the keys here are made of.
trait Number: Key + From<u64> + Into<u64> + Copy {}

impl Number for u64 {}

impl<K: Number> Fixture<K> {
    fn new() -> Self {
        let (registry, collector) =
            (Arc::new(Registry::new(Bugs::NONE)), Arc::new(Collector::new()));
        let index = Index::new(&registry, &collector, None);
        Self { index, registry, collector }
    }

    fn insert(&self, key: u64) -> Shared<K, u64> {
        let record = self.index.find_or_create(&[&key.into()], &self.index.walk()).remove(0);
        record.install(Version::allocate(Some(key)), 1);
        record
    }

    /// Removes a key whose record is known, as a collection would.
    fn remove(&self, record: &Shared<K, u64>) {
        assert!(record.lease(), "only whoever removes it seals it");
        record.install(Version::allocate(None), 2);
        let mut unlinked = crate::store::version::Unlinked::default();
        assert!(record.collect(&Pins::new(Vec::new(), 3), None, &mut unlinked, |_| {}));
        assert!(self.index.take_out(record));
        // Whoever walks over the chain of a record that is gone has found it before.
        let mut retired = Vec::new();
        record.retire(unlinked, &mut retired);
        retired.into_iter().for_each(|one| self.collector.retire(one));
        self.free();
    }

    fn free(&self) {
        if let Some(collecting) = self.collector.try_begin() {
            collecting.collect(&self.registry, &Pins::new(Vec::new(), 0), usize::MAX);
        }
    }

    fn keys(&self, from: u64, to: u64) -> (Vec<u64>, Vec<u64>) {
        let walk = self.index.walk();
        let (mut up, mut down) = (Vec::new(), Vec::new());
        let (from, to) = (K::from(from), K::from(to));
        let (before, within) = (|key: &K| *key < from, |key: &K| *key <= to);
        let all = self.index.ascend(before, within, &walk, |entries: &[Entry<K, u64>]| {
            up.extend(entries.iter().map(|entry| (*entry.key()).into()));
            ControlFlow::Continue(())
        });
        assert!(all.is_continue());
        let all = self.index.descend(before, within, &walk, |entries: &[Entry<K, u64>]| {
            down.extend(entries.iter().rev().map(|entry| (*entry.key()).into()));
            ControlFlow::Continue(())
        });
        assert!(all.is_continue());
        down.reverse();
        (up, down)
    }
}

fn random(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state >> 11
}

#[test]
fn an_index_holds_what_a_map_would() {
    for seed in 1..=20 {
        let (fixture, mut state) =
            (Fixture::<u64>::new(), 0x9E37_79B9_7F4A_7C15_u64.wrapping_mul(seed));
        let mut model: BTreeMap<u64, Shared<u64, u64>> = BTreeMap::new();
        for step in 0..2_000 {
            let key = random(&mut state) % 200;
            // It fills, is emptied to the last key, and fills again.
            let grows = (step / 400) % 2 == 0;
            match (model.get(&key).cloned(), random(&mut state) % 8 < 6) {
                (None, often) if often == grows => {
                    let record = fixture.insert(key);
                    model.insert(key, record);
                }
                (Some(record), often) if often != grows => {
                    fixture.remove(&record);
                    model.remove(&key);
                }
                _ => {}
            }
            let sought = random(&mut state) % 200;
            let walk = fixture.index.walk();
            let found = fixture.index.get(&sought, &walk).map(|record| record.id());
            assert_eq!(found, model.get(&sought).map(|record| record.id()), "{sought} at {step}");
            drop(walk);
            if step % 16 == 0 {
                let (from, to) = (sought, sought + random(&mut state) % 100);
                let expected: Vec<u64> = model.range(from..=to).map(|(key, _)| *key).collect();
                let (up, down) = fixture.keys(from, to);
                assert_eq!((&up, &down), (&expected, &expected), "{from}..={to} at {step}");
            }
        }
        model.values().for_each(|record| fixture.remove(record));
        assert_eq!(fixture.keys(0, u64::MAX), (Vec::new(), Vec::new()));
        let mut leaves = 0;
        let walk = fixture.index.walk();
        fixture.index.for_each_body(&walk, |_| leaves += 1);
        assert_eq!(leaves, 1, "leaves that are empty have gone");
        let above = |index: &Index<u64, u64>| index.bytes(&index.walk(), 1, 0);
        let empty = Fixture::<u64>::new();
        assert_eq!(above(&fixture.index), above(&empty.index), "and what led to them");
    }
}

#[test]
fn many_keys_enter_as_one_by_one() {
    let fixture = Fixture::<u64>::new();
    let odd: Vec<u64> = (0..500).map(|n| 2 * n + 1).collect();
    let all: Vec<u64> = (0..1_000).collect();
    for keys in [&odd, &all, &all] {
        let keys: Vec<&u64> = keys.iter().collect();
        let records = fixture.index.find_or_create(&keys, &fixture.index.walk());
        assert!(records.iter().zip(keys).all(|(record, key)| record.key() == key));
        records.iter().for_each(|record| {
            record.install(Version::allocate(Some(1)), 1);
        });
    }
    let (up, down) = fixture.keys(0, u64::MAX);
    assert_eq!((&up, &down), (&all, &all));
}

#[test]
fn many_keys_that_lie_far_apart_enter_each_at_its_place() {
    let fixture = Fixture::<u64>::new();
    (0..500).for_each(|n| drop(fixture.insert(2 * n)));
    let keys = [1, 3, 401, 403, 405, 407, 409, 411, 413, 801, 997, 999];
    let keys: Vec<&u64> = keys.iter().collect();
    let records = fixture.index.find_or_create(&keys, &fixture.index.walk());
    for record in &records {
        record.install(Version::allocate(Some(1)), 1);
    }
    for key in keys {
        let walk = fixture.index.walk();
        assert_eq!(fixture.index.get(key, &walk).map(|record| *record.key()), Some(*key));
    }
    let (up, down) = fixture.keys(0, u64::MAX);
    assert!(up.is_sorted_by(|a, b| a < b) && up == down && up.len() == 512);
}

#[test]
fn keys_that_come_in_their_order_fill_their_leaves() {
    let fixture = Fixture::<u64>::new();
    (0..100 * ENTRIES as u64).for_each(|key| drop(fixture.insert(key)));
    let mut leaves = 0;
    fixture.index.for_each_body(&fixture.index.walk(), |_| leaves += 1);
    assert_eq!(leaves, 100);
}

#[test]
fn a_long_row_of_leaves_is_dropped_on_a_small_stack() {
    let work = || {
        // Such as nothing above leads to any more.
        let (seats, mut row) = (Seats::new(), None);
        for low in (0..20_000).rev() {
            let body = Body::<u64, u64>::new(0, iter::empty(), row);
            row = Some(Leaf::new(Some(low), body, &seats));
        }
        drop(row);
    };
    let small = thread::Builder::new().stack_size(256 << 10);
    small.spawn(work).expect("a thread").join().expect("it does not panic");
}

#[test]
fn a_short_range_is_looked_at_and_not_what_follows_it() {
    let fixture = Fixture::<u64>::new();
    (0..1_000).for_each(|key| drop(fixture.insert(key)));
    let (before, within) = (|key: &u64| *key < 500, |key: &u64| *key <= 510);
    let (walk, mut visits) = (fixture.index.walk(), 0);
    let mut visit = |_: &[Entry<u64, u64>]| {
        visits += 1;
        ControlFlow::Continue(())
    };
    assert!(fixture.index.ascend(before, within, &walk, &mut visit).is_continue());
    assert!(fixture.index.descend(before, within, &walk, &mut visit).is_continue());
    assert!(visits <= 2 * (11 / ENTRIES + 3), "{visits} leaves");
}

#[test]
fn a_circle_is_found_in_a_few_rounds() {
    for (tail, round) in [(0, 1), (3, 7), (100, 1_000), (0, 5_000)] {
        let (mut circle, mut at, mut steps) = (Circle::new(), 0, 0);
        while !circle.is_closed(&at, |one, other| one == other) {
            steps += 1;
            at = if at + 1 == tail + round { tail } else { at + 1 };
        }
        assert!(steps <= 4 * (tail + round), "{steps} steps for {tail} and {round}");
    }
}

/// Keys that stay, among keys that come and go, on threads.
#[test]
fn whatever_is_split_or_emptied_meanwhile_what_is_there_is_found() {
    let fixture = Fixture::<u64>::new();
    (0..40).for_each(|n| drop(fixture.insert(n * 50)));
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        for worker in 1..4_u64 {
            let fixture = &fixture;
            let stop = &stop;
            scope.spawn(move || {
                let mut state = 0x9E37_79B9_7F4A_7C15_u64.wrapping_mul(worker);
                for _ in 0..300 {
                    // Each has its own keys, so that it knows what it may seal.
                    let at = random(&mut state) % 2_000;
                    let keys = (at..at + 30).filter(|key| key % 50 % 4 == worker);
                    let mine: Vec<_> = keys.map(|key| fixture.insert(key)).collect();
                    mine.iter().for_each(|record| fixture.remove(record));
                }
                stop.store(true, Memory::Relaxed);
            });
        }
        let mut state = 7;
        while !stop.load(Memory::Relaxed) {
            let key = random(&mut state) % 40 * 50;
            let found = fixture.index.get(&key, &fixture.index.walk()).map(|record| *record.key());
            assert_eq!(found, Some(key));
            let (up, down) = fixture.keys(0, u64::MAX);
            for seen in [&up, &down] {
                assert!(seen.is_sorted_by(|a, b| a < b), "{seen:?}");
                assert_eq!(seen.iter().filter(|key| **key % 50 == 0).count(), 40);
            }
        }
    });
    fixture.free();
    assert_eq!(fixture.keys(0, u64::MAX).0.len(), 40);
}

thread_local! {
    /// What is done at each comparison of two [`Probing`] keys; not while it is done.
    static PROBE: RefCell<Option<Rc<dyn Fn()>>> = const { RefCell::new(None) };
}

/// A key whose comparisons look at the index, and so at each state in which it is left while
/// something enters or leaves.
#[derive(Clone, Copy)]
struct Probing(u64);

impl Number for Probing {}

impl From<u64> for Probing {
    fn from(key: u64) -> Self {
        Self(key)
    }
}

impl From<Probing> for u64 {
    fn from(key: Probing) -> Self {
        key.0
    }
}

impl Ord for Probing {
    fn cmp(&self, other: &Self) -> cmp::Ordering {
        if let Some(probe) = PROBE.take() {
            probe();
            PROBE.set(Some(probe));
        }
        self.0.cmp(&other.0)
    }
}

impl PartialOrd for Probing {
    fn partial_cmp(&self, other: &Self) -> Option<cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Probing {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Probing {}

/// As above, without chance: whoever splits or empties a leaf is halted at each comparison.
#[test]
fn what_is_there_is_found_while_something_enters_or_leaves_halfway() {
    let fixture = Rc::new(Fixture::<Probing>::new());
    let there: Rc<RefCell<BTreeSet<u64>>> = Rc::default();
    let looks = Rc::new(RefCell::new(0));
    let probe = {
        let (fixture, there, looks) = (fixture.clone(), there.clone(), looks.clone());
        move || {
            *looks.borrow_mut() += 1;
            for key in there.borrow().iter() {
                let walk = fixture.index.walk();
                let found = fixture.index.get(&Probing(*key), &walk).map(|record| record.key().0);
                assert_eq!(found, Some(*key));
            }
            let (up, down) = fixture.keys(0, u64::MAX);
            for seen in [up, down] {
                assert!(seen.is_sorted_by(|a, b| a < b), "{seen:?}");
                let seen: BTreeSet<u64> = seen.into_iter().collect();
                assert!(seen.is_superset(&there.borrow()), "{seen:?} {there:?}");
            }
        }
    };
    PROBE.set(Some(Rc::new(probe)));
    let mut state = 7;
    let mut records: BTreeMap<u64, Shared<Probing, u64>> = BTreeMap::new();
    for step in 0..400 {
        let key = random(&mut state) % 60;
        // It fills, is nearly emptied, and fills again.
        let grows = (step / 100) % 2 == 0;
        if grows && !records.contains_key(&key) {
            records.insert(key, fixture.insert(key));
            there.borrow_mut().insert(key);
        } else if !grows && let Some(record) = records.remove(&key) {
            there.borrow_mut().remove(&key);
            fixture.remove(&record);
        }
    }
    drop(PROBE.take());
    assert!(*looks.borrow() > 1_000);
}

thread_local! {
    /// By what [`Moody`] keys are ordered: by their numbers, or else by nothing.
    static MOOD: Cell<u64> = const { Cell::new(0) };
}

/// A key whose order can become none.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Moody(u64);

impl Number for Moody {}

impl From<u64> for Moody {
    fn from(key: u64) -> Self {
        Self(key)
    }
}

impl From<Moody> for u64 {
    fn from(key: Moody) -> Self {
        key.0
    }
}

impl Ord for Moody {
    fn cmp(&self, other: &Self) -> cmp::Ordering {
        let mood = MOOD.get();
        if mood == 0 || self == other {
            return self.0.cmp(&other.0);
        }
        let (low, high) = (self.0.min(other.0), self.0.max(other.0));
        let mut state = mood ^ low << 20 ^ high;
        for _ in 0..3 {
            random(&mut state);
        }
        let order =
            if random(&mut state).is_multiple_of(3) { self.0 > other.0 } else { self.0 < other.0 };
        if order { cmp::Ordering::Less } else { cmp::Ordering::Greater }
    }
}

impl PartialOrd for Moody {
    fn partial_cmp(&self, other: &Self) -> Option<cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// Nothing is promised of what is found, but that every search ends and nothing is lost.
#[test]
fn searches_end_though_the_order_is_none() {
    let fixture = Fixture::<Moody>::new();
    let records: Vec<_> = (0..200).map(|key| fixture.insert(key)).collect();
    for mood in 1..400_u64 {
        MOOD.set(mood << 40);
        let key = mood % 200;
        fixture.keys(key, key + 20);
        let walk = fixture.index.walk();
        let keys = [Moody(key), Moody(key / 2), Moody(key / 3)];
        let leased = fixture.index.find_or_create(&keys.each_ref(), &walk);
        leased.iter().for_each(|record| fixture.index.give_up(record));
    }
    MOOD.set(0);
    let (up, _) = fixture.keys(0, u64::MAX);
    assert!(records.iter().all(|record| up.contains(&record.key().0)));
}

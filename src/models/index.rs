//! A model of the index: a leaf dies and its range is taken over while somebody searches.

use std::sync::Arc;

use loom::thread;

use super::explore;
use crate::bugs::Bugs;
use crate::store::collector::Collector;
use crate::store::index::Index;
use crate::store::pins::Pins;
use crate::store::record::Shared;
use crate::store::registry::Registry;
use crate::store::version::{Unlinked, Version};
use crate::sync::{AtomicBool, Ordering};

struct Keys {
    registry: Arc<Registry>,
    collector: Arc<Collector>,
    index: Index<u8, u8>,
    entered: AtomicBool,
}

impl Keys {
    /// A full leaf, and one with a single key to its right.
    fn new() -> (Self, Shared<u8, u8>) {
        let (registry, collector) =
            (Arc::new(Registry::new(Bugs::NONE)), Arc::new(Collector::new()));
        let index = Index::new(&registry, &collector, None);
        let keys = Self { registry, collector, index, entered: AtomicBool::new(false) };
        let records: Vec<_> = (1..=5).map(|key| keys.enter(key)).collect();
        (keys, records[4].clone())
    }

    fn enter(&self, key: u8) -> Shared<u8, u8> {
        let record = self.index.find_or_create(&[&key], &self.index.walk()).remove(0);
        record.install(Version::allocate(Some(key)), 1);
        record
    }

    fn find(&self, key: u8) -> Option<u8> {
        self.index.get(&key, &self.index.walk()).map(|record| *record.key())
    }
}

#[test]
fn a_leaf_that_dies_hides_nothing_from_whoever_is_on_the_way() {
    explore(|| {
        let (keys, last) = Keys::new();
        let keys = Arc::new(keys);
        let writer = {
            let keys = Arc::clone(&keys);
            thread::spawn(move || {
                assert!(last.lease());
                last.install(Version::allocate(None), 2);
                let mut unlinked = Unlinked::default();
                assert!(last.collect(&Pins::new(Vec::new(), 3), None, &mut unlinked, |_| {}));
                keys.index.take_out(&last);
                keys.enter(6);
                keys.entered.store(true, Ordering::Release);
                if let Some(collecting) = keys.collector.try_begin() {
                    collecting.collect(&keys.registry, &Pins::new(Vec::new(), 0), 9);
                }
            })
        };
        let entered = keys.entered.load(Ordering::Acquire);
        let found = keys.find(6);
        assert!(found.is_some() || !entered, "I7: a key that had entered was not found");
        assert_eq!(keys.find(4), Some(4), "I7: a key on the left was not found");
        writer.join().unwrap();
        assert_eq!((keys.find(5), keys.find(6)), (None, Some(6)));
    });
}

//! Bytes a key, the same figure for every engine: what it has asked of the allocator and
//! not given back, and its files, after loading, after overwriting, and after overwriting
//! with a reader open from before.

use std::marker::PhantomData;
use std::sync::{Arc, Barrier};
use std::thread;

use crate::allocator::{self, Counter};
use crate::engine::{About, Contestant, Read, Store, Write};
use crate::engines::{CONTESTANTS, Visit, with};
use crate::progress::Progress;
use crate::random::Random;
use crate::results::Memory;
use crate::schema::{Kibibyte, Single, Text, Value};

/// How often every key is overwritten.
const ROUNDS: u64 = 10;
/// Keys that a transaction writes.
const BATCH: usize = 100;

/// All engines with all types, those of 1 KiB with a tenth of the keys.
pub fn measure(engines: &[usize], keys: usize, seed: u64) -> Vec<Memory> {
    let keeping: Vec<_> = engines.iter().copied().filter(|one| CONTESTANTS[*one].keeps).collect();
    let progress = Progress::new(3 * keeping.len() as u64);
    let mut all = Vec::new();
    for types in ["u64 -> u64", "string -> u64", "u64 -> 1 KiB"] {
        for engine in &keeping {
            progress.step(&format!("memory: {}, {types}", CONTESTANTS[*engine].name));
            all.push(match types {
                "u64 -> u64" => with(*engine, Probe::<u64, u64>::new(types, keys, seed)),
                "string -> u64" => with(*engine, Probe::<Text, u64>::new(types, keys, seed)),
                _ => with(*engine, Probe::<u64, Kibibyte>::new(types, keys.div_ceil(10), seed)),
            });
        }
    }
    progress.finish();
    all
}

struct Probe<K, V> {
    types: &'static str,
    keys: Arc<Vec<K>>,
    values: PhantomData<V>,
}

impl<K: Single, V: Value> Probe<K, V> {
    fn new(types: &'static str, count: usize, seed: u64) -> Self {
        let mut random = Random::new(seed, 0);
        let keys = (0..count).map(|_| K::of(random.next() >> 8)).collect();
        Self { types, keys: Arc::new(keys), values: PhantomData }
    }

    /// Bytes a key.
    fn bytes<S: Store<Key = K, Value = V>>(&self, store: &S, before: i64) -> f64 {
        store.settle();
        let bytes = allocator::live() - before + store.bytes_outside().cast_signed();
        bytes as f64 / self.keys.len() as f64
    }

    fn write<S: Store<Key = K, Value = V>>(&self, store: &S, round: u64) {
        for batch in self.keys.chunks(BATCH) {
            store.write(|tx| {
                for key in batch {
                    tx.put(0, key.clone(), round)?;
                }
                Ok(())
            });
        }
    }

    /// With a reader open that saw the keys as they were loaded.
    fn held<S: Store<Key = K, Value = V>>(&self, store: &S, before: i64) -> (f64, Option<f64>) {
        let (begun, done) = (Barrier::new(2), Barrier::new(2));
        thread::scope(|scope| {
            scope.spawn(|| {
                let mut waited = false;
                store.read(|tx| {
                    tx.get(0, &self.keys[0])?;
                    if !std::mem::replace(&mut waited, true) {
                        begun.wait();
                        done.wait();
                    }
                    Ok(())
                });
            });
            begun.wait();
            (0..ROUNDS).for_each(|round| self.write(store, round));
            let bytes = self.bytes(store, before);
            let versions = store.versions();
            done.wait();
            (bytes, versions.map(|versions| versions as f64 / self.keys.len() as f64))
        })
    }
}

impl<K: Single, V: Value> Visit for Probe<K, V> {
    type Output = Memory;

    fn visit<C: Contestant>(self) -> Memory {
        let About { name, snapshots, .. } = C::ABOUT;
        let _counter = Counter::start();
        let before = allocator::live();
        let store = C::Store::<K, V>::open(1);
        self.write(&store, 0);
        let loaded = self.bytes(&store, before);
        (0..ROUNDS).for_each(|round| self.write(&store, round));
        let overwritten = self.bytes(&store, before);
        let (held, held_versions) = if snapshots {
            let (bytes, versions) = self.held(&store, before);
            (Some(bytes), versions)
        } else {
            (None, None)
        };
        Memory {
            engine: name.to_owned(),
            types: self.types.to_owned(),
            keys: self.keys.len(),
            loaded,
            overwritten,
            held,
            held_versions,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::measure;
    use crate::engines::CONTESTANTS;

    #[test]
    fn a_map_of_words_takes_more_than_its_words_and_less_than_ten_times_as_much() {
        let map = CONTESTANTS.iter().position(|one| one.name == "Mutex<BTreeMap>");
        let memory = measure(&[map.expect("it takes part")], 50_000, 1);
        assert_eq!(memory.len(), 3);
        assert!((16.0..160.0).contains(&memory[0].loaded), "{}", memory[0].loaded);
        assert!((memory[0].overwritten - memory[0].loaded).abs() < 20.0);
        assert!(memory[2].loaded > 1_024.0);
        assert_eq!(memory[0].held, None);
    }
}

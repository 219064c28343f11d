//! Bytes a key, the same figure for every engine: what it has asked of the allocator and
//! not given back, and its files, after loading, after overwriting, and after overwriting
//! with a reader open from before.

use std::marker::PhantomData;
use std::process::Command;
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

const TYPES: [&str; 3] = ["u64 -> u64", "string -> u64", "u64 -> 1 KiB"];

/// All engines with all types, or only with words, each in a process of its own: what one engine frees late
/// must not be taken for what the next one gives back.
pub fn measure(
    engines: &[usize],
    keys: usize,
    seed: u64,
    only_words: bool,
) -> Result<Vec<Memory>, String> {
    let keeping: Vec<_> = engines.iter().copied().filter(|one| CONTESTANTS[*one].keeps).collect();
    let count = if only_words { 1 } else { TYPES.len() };
    let progress = Progress::new((count * keeping.len()) as u64);
    let mut all = Vec::new();
    for (types, name) in TYPES.iter().enumerate().take(count) {
        for engine in &keeping {
            progress.step(&format!("memory: {}, {name}", CONTESTANTS[*engine].name));
            all.push(elsewhere([*engine, types, keys, seed as usize])?);
        }
    }
    progress.finish();
    Ok(all)
}

/// Runs [`probe`] in another process, by the hidden command `probe`.
fn elsewhere(numbers: [usize; 4]) -> Result<Memory, String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let numbers = numbers.map(|number| number.to_string());
    let output = Command::new(program).arg("probe").args(numbers).output();
    let output = output.map_err(|error| error.to_string())?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    serde_json::from_slice(&output.stdout).map_err(|error| error.to_string())
}

/// One engine with one of [`TYPES`], those of 1 KiB with a tenth of the keys.
pub fn probe([engine, types, keys, seed]: [usize; 4]) -> Memory {
    let (name, seed) = (TYPES[types], seed as u64);
    match types {
        0 => with(engine, Probe::<u64, u64>::new(name, keys, seed)),
        1 => with(engine, Probe::<Text, u64>::new(name, keys, seed)),
        _ => with(engine, Probe::<u64, Kibibyte>::new(name, keys.div_ceil(10), seed)),
    }
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
        let store = C::Store::<K, V>::open(1, C::ABOUT.variant);
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
    use super::probe;
    use crate::allocator::{Counter, live};
    use crate::engines::CONTESTANTS;

    /// The tests beside this one allocate too, so what counts has a process of its own.
    #[test]
    fn allocations_are_counted_and_a_map_of_words_takes_little_more_than_its_words() {
        let program = std::env::current_exe().expect("a test has a program");
        let arguments = ["--exact", "memory::tests::alone", "--ignored"];
        let output = std::process::Command::new(program).args(arguments).output();
        let output = output.expect("the program can be run again");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }

    #[test]
    #[ignore = "run by the test above"]
    fn alone() {
        let counter = Counter::start();
        let before = live();
        let bytes = std::hint::black_box(vec![1_u8; 1 << 20]);
        assert_eq!(live() - before, 1 << 20);
        drop(bytes);
        assert_eq!(live(), before);
        drop(counter);
        let map = CONTESTANTS.iter().position(|one| one.name == "Mutex<BTreeMap>");
        let map = map.expect("it takes part");
        let words = probe([map, 0, 50_000, 1]);
        assert!((16.0..40.0).contains(&words.loaded), "{}", words.loaded);
        assert!((words.overwritten - words.loaded).abs() < 1.0, "{}", words.overwritten);
        assert_eq!(words.held, None);
        assert!(probe([map, 2, 50_000, 1]).loaded > 1_024.0);
    }
}

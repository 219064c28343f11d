//! Reading one key and scanning 100, of ever more keys.

use std::hint::black_box;
use std::time::Instant;

use super::{Limits, decades, nanoseconds};
use crate::engine::{Contestant, Read, Store, Write};
use crate::engines::{CONTESTANTS, Visit, with};
use crate::progress::Progress;
use crate::random::Random;
use crate::results::{Curve, Line};

/// Transactions of one trial.
const READS: u32 = 20_000;
const SCANS: u32 = 1_000;
/// Keys that are loaded by one transaction.
const BATCH: usize = 1_000;
const SCAN: usize = 100;
/// The smallest number of keys.
const LEAST: u64 = 10_000;

pub fn reads(limits: &Limits, engines: &[usize], progress: &Progress) -> Curve {
    let lines = lines(limits, engines, progress, false);
    Curve {
        title: "Reading one key, by keys".to_owned(),
        x: "keys".to_owned(),
        y: "time of a transaction".to_owned(),
        lines,
    }
}

pub fn scans(limits: &Limits, engines: &[usize], progress: &Progress) -> Curve {
    let able: Vec<_> = engines.iter().copied().filter(|one| CONTESTANTS[*one].ranges).collect();
    Curve {
        title: "Scanning 100 keys, by keys".to_owned(),
        x: "keys".to_owned(),
        y: "time of a transaction".to_owned(),
        lines: lines(limits, &able, progress, true),
    }
}

fn lines(limits: &Limits, engines: &[usize], progress: &Progress, scan: bool) -> Vec<Line> {
    let sizes = decades(LEAST.min(limits.keys), limits.keys);
    let line = |engine: &usize| {
        let name = CONTESTANTS[*engine].name;
        let point = |size: &u64| {
            progress.say(&format!("{name}, {size} keys"));
            let probe = Probe { keys: *size, trials: limits.trials, seed: limits.seed, scan };
            (*size as f64, with(*engine, probe))
        };
        Line::of(name, sizes.iter().map(point).collect())
    };
    engines.iter().map(line).collect()
}

struct Probe {
    keys: u64,
    trials: u32,
    seed: u64,
    scan: bool,
}

impl Probe {
    /// Nanoseconds of a transaction.
    fn trial<S: Store<Key = u64>>(&self, store: &S, keys: &[u64], random: &mut Random) -> f64 {
        let count = if self.scan { SCANS } else { READS };
        let start = Instant::now();
        for _ in 0..count {
            let key = &keys[random.below(keys.len() as u64) as usize];
            let sum = store.read(|tx| {
                if !self.scan {
                    return tx.get(0, key);
                }
                let mut sum = 0_u64;
                tx.scan(0, key, None, SCAN, |_, value| sum = sum.wrapping_add(value))?;
                Ok(Some(sum))
            });
            black_box(sum);
        }
        nanoseconds(start) / f64::from(count)
    }
}

impl Visit for Probe {
    type Output = Vec<f64>;

    fn visit<C: Contestant>(self) -> Vec<f64> {
        let mut random = Random::new(self.seed, 0);
        let keys: Vec<u64> = (0..self.keys).map(|_| random.next() >> 8).collect();
        let store = C::Store::<u64, u64>::open(1, C::ABOUT.variant);
        for batch in keys.chunks(BATCH) {
            store.write(|tx| batch.iter().try_for_each(|key| tx.put(0, *key, *key)));
        }
        self.trial(&store, &keys, &mut random);
        (0..self.trials).map(|_| self.trial(&store, &keys, &mut random)).collect()
    }
}

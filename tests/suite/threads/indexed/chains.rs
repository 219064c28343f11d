//! The versions of each key, in commit order.

use std::collections::HashMap;

use crate::oracle::history::{Op, Ts};
use crate::oracle::{Classes, History, Key, Keys, Value};

/// A committed write.
#[derive(Clone, Copy, Debug)]
pub struct Version {
    /// When.
    pub c: Ts,
    /// By whom, as a place in the history.
    pub tx: usize,
    /// What it left; none: a removal.
    pub value: Option<Value>,
}

/// The versions of one key.
#[derive(Default)]
struct Chain {
    versions: Vec<Version>,
    /// By class of value, the places in `versions`.
    by_class: Vec<Vec<u32>>,
}

/// The versions of all keys.
pub struct Chains {
    chains: Vec<Chain>,
    writers: HashMap<Value, usize>,
    used: Keys,
}

impl Chains {
    /// The committed writes of a history.
    pub fn of(history: &History) -> Self {
        let committed = history.txs.iter().enumerate();
        let mut commits: Vec<(Ts, usize)> =
            committed.filter_map(|(place, tx)| Some((tx.c()?, place))).collect();
        commits.sort_unstable();
        let chains = (0..64).map(|_| Chain::default()).collect();
        let ops = history.txs.iter().flat_map(|tx| &tx.ops);
        let used = ops.filter_map(|op| match op {
            Op::Write { key, .. } => Some(*key),
            _ => None,
        });
        let mut all = Self { chains, writers: HashMap::new(), used: used.collect() };
        for (c, tx) in commits {
            for (key, value) in history.txs[tx].left() {
                all.push(key, Version { c, tx, value });
            }
        }
        all
    }

    fn push(&mut self, key: Key, version: Version) {
        let chain = &mut self.chains[usize::from(key.place())];
        if let Some(value) = version.value {
            self.writers.insert(value, version.tx);
            let class = usize::from(value.class());
            let classes = chain.by_class.len().max(class + 1);
            chain.by_class.resize(classes, Vec::new());
            chain.by_class[class].push(chain.versions.len() as u32);
        }
        chain.versions.push(version);
    }

    fn chain(&self, key: Key) -> &Chain {
        &self.chains[usize::from(key.place())]
    }

    /// The keys that any transaction wrote, committed or not.
    pub fn used(&self) -> Keys {
        self.used
    }

    /// The versions of a key, oldest first.
    pub fn versions(&self, key: Key) -> &[Version] {
        &self.chain(key).versions
    }

    /// What a snapshot at `s` shows under a key.
    pub fn visible(&self, key: Key, s: Ts) -> Option<Value> {
        let versions = self.versions(key);
        let after = versions.partition_point(|version| version.c <= s);
        versions[..after].last()?.value
    }

    /// The version of a key that was committed at `c`.
    pub fn committed_at(&self, key: Key, c: Ts) -> Option<&Version> {
        let versions = self.versions(key);
        versions.binary_search_by_key(&c, |version| version.c).ok().map(|at| &versions[at])
    }

    /// The first version of a key that a snapshot at `s` does not show.
    pub fn first_after(&self, key: Key, s: Ts) -> Option<&Version> {
        let versions = self.versions(key);
        versions.get(versions.partition_point(|version| version.c <= s))
    }

    /// The first such version with a value that a predicate accepts.
    pub fn first_accepted_after(&self, key: Key, s: Ts, accepts: Classes) -> Option<&Version> {
        let chain = self.chain(key);
        let classes = chain.by_class.iter().enumerate();
        let accepted = classes.filter(|(class, _)| accepts.bits() >> class & 1 == 1);
        let firsts = accepted.filter_map(|(_, places)| {
            let version = |place: &u32| &chain.versions[*place as usize];
            let first = places.partition_point(|place| version(place).c <= s);
            places.get(first)
        });
        firsts.min().map(|place| &chain.versions[*place as usize])
    }

    /// Who committed this value.
    pub fn writer(&self, value: Value) -> Option<usize> {
        self.writers.get(&value).copied()
    }
}

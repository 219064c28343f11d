//! Of each key, which versions there were, in which order, and by whom.

use std::collections::HashMap;

use crate::testkit::check::anomaly::{AnomalyKind, MOST_WITNESSES};
use crate::testkit::history::{Flaw, Form, History, Op, Seen};
use crate::testkit::names::small;

/// Nobody wrote it, as far as is known.
pub(super) const NOBODY: u32 = u32::MAX;

/// A version of a key.
#[derive(Clone, Copy, Debug)]
pub(in crate::testkit) struct Version {
    pub token: u64,
    pub writer: u32,
    pub removal: bool,
}

/// Where a version stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::testkit) enum Place {
    /// So many versions of the key's order were there, it being the last of them.
    Order(usize),
    /// It comes after the order, nobody knows where: its place among the loose ones.
    Loose(usize),
    Unknown,
}

/// All versions. Those of a key are first the ones whose order is known, then the others.
pub(in crate::testkit) struct Versions {
    all: Vec<Version>,
    /// Where the versions of each key begin, and where the loose ones among them do.
    first: Vec<u32>,
    loose: Vec<u32>,
    /// Of each key, places by token; empty where the order is that of the tokens.
    by_token: Vec<(u64, u32)>,
    /// Versions by transactions that did not take effect.
    void: HashMap<(u32, u64), u32>,
    /// Versions that their writers themselves overwrote.
    passed: HashMap<(u32, u64), u32>,
    /// Of a list, how many elements there are up to the first void one.
    tainted: HashMap<u32, (usize, u32)>,
    /// What is wrong with the versions themselves.
    pub flaws: Vec<Flaw>,
}

/// A write on its way to its place.
type Write = (u32, Version);

impl Versions {
    pub(in crate::testkit) fn of(history: &History) -> Self {
        let mut versions = Self {
            all: Vec::new(),
            first: Vec::new(),
            loose: Vec::new(),
            by_token: Vec::new(),
            void: HashMap::new(),
            passed: HashMap::new(),
            tainted: HashMap::new(),
            flaws: Vec::new(),
        };
        let mut writes = versions.gather(history);
        writes.sort_unstable_by_key(|(key, version)| (*key, version.token));
        versions.report_twins(history, &writes);
        versions.put_in_order(history, &writes);
        versions.note_taints(history);
        versions
    }

    /// The writes that may have taken effect; the others are noted as void or passed.
    fn gather(&mut self, history: &History) -> Vec<Write> {
        let mut writes: Vec<Write> = Vec::new();
        // Of each key, the last write: whose, and its place if it may have taken effect.
        let mut last: Vec<(u32, u64, Option<u32>)> = vec![(NOBODY, 0, None); history.names.keys()];
        for tx in 0..history.len() {
            let (end, writer) = (history.txs[tx].end, small(tx));
            for op in history.ops_of(tx) {
                let Op::Write { key, version: token, removal } = *op else { continue };
                if token == 0 && history.form == Form::Timestamps {
                    continue;
                }
                let (before, passed, place) = last[key as usize];
                if before == writer && passed != token {
                    self.passed.insert((key, passed), writer);
                    // Lists show every element, also those that were followed by others.
                    if let Some(place) = place.filter(|_| history.form != Form::Lists) {
                        writes[place as usize].1.writer = NOBODY;
                    }
                }
                let stands = end.may_write();
                last[key as usize] = (writer, token, stands.then(|| small(writes.len())));
                if stands {
                    writes.push((key, Version { token, writer, removal }));
                } else {
                    self.void.insert((key, token), writer);
                }
            }
        }
        writes.retain(|(_, version)| version.writer != NOBODY);
        writes
    }

    /// One version by two writers: reads of it say nothing.
    fn report_twins(&mut self, history: &History, writes: &[Write]) {
        for pair in writes.windows(2) {
            let [(key, one), (other_key, other)] = [pair[0], pair[1]];
            let twins = key == other_key && one.token == other.token && one.writer != other.writer;
            if twins && self.flaws.len() < MOST_WITNESSES {
                let names = [one.writer, other.writer].map(|tx| history.name_of(tx as usize));
                let what = history.names.full(key);
                let version = history.version_name(one.token);
                self.flaws.push(Flaw {
                    kind: AnomalyKind::IncompatibleOrder,
                    story: format!(
                        "{} and {} both wrote version {version} of {what}",
                        names[0], names[1]
                    ),
                });
            }
        }
    }

    fn put_in_order(&mut self, history: &History, writes: &[Write]) {
        let mut rest = writes;
        for key in 0..small(history.names.keys()) {
            self.first.push(small(self.all.len()));
            let count = rest.partition_point(|(other, _)| *other <= key);
            let (mine, others) = rest.split_at(count);
            rest = others;
            match history.form {
                Form::Timestamps => {
                    self.all.extend(mine.iter().map(|(_, version)| *version));
                    self.loose.push(small(self.all.len()));
                }
                Form::Registers => {
                    self.loose.push(small(self.all.len()));
                    self.all.extend(mine.iter().map(|(_, version)| *version));
                    self.index(key);
                }
                Form::Lists => self.list(history, key, mine),
            }
        }
        self.first.push(small(self.all.len()));
    }

    /// First the elements in the order in which lists have shown them, then those that no
    /// list has shown.
    fn list(&mut self, history: &History, key: u32, mine: &[Write]) {
        let order = history.orders.get(key as usize).map_or(&[][..], Vec::as_slice);
        let mut shown: Vec<(u64, u32)> = Vec::with_capacity(order.len());
        for (place, token) in order.iter().enumerate() {
            let writer = mine.binary_search_by_key(token, |(_, version)| version.token);
            let nobody = Version { token: *token, writer: NOBODY, removal: false };
            self.all.push(writer.map_or(nobody, |place| mine[place].1));
            shown.push((*token, small(place)));
        }
        shown.sort_unstable();
        let mut unseen: Vec<Version> = mine.iter().map(|(_, version)| *version).collect();
        unseen.retain(|version| shown.binary_search_by_key(&version.token, |(t, _)| *t).is_err());
        // One alone has a place.
        if order.is_empty() && unseen.len() == 1 {
            self.all.append(&mut unseen);
        }
        self.loose.push(small(self.all.len()));
        self.all.append(&mut unseen);
        self.index(key);
    }

    fn index(&mut self, key: u32) {
        let first = self.first[key as usize] as usize;
        let mine = self.all[first..].iter().enumerate();
        self.by_token.extend(mine.map(|(place, version)| (version.token, small(place))));
        self.by_token[first..].sort_unstable();
    }

    fn note_taints(&mut self, history: &History) {
        for (key, order) in history.orders.iter().enumerate() {
            let key = small(key);
            let void = order.iter().enumerate().find_map(|(place, token)| {
                self.void.get(&(key, *token)).map(|writer| (place + 1, *writer))
            });
            if let Some(void) = void {
                self.tainted.insert(key, void);
            }
        }
    }

    /// The versions of a key whose order is known.
    pub(in crate::testkit) fn ordered(&self, key: u32) -> &[Version] {
        let key = key as usize;
        &self.all[self.first[key] as usize..self.loose[key] as usize]
    }

    /// The others.
    pub(in crate::testkit) fn loose(&self, key: u32) -> &[Version] {
        let key = key as usize;
        &self.all[self.loose[key] as usize..self.first[key + 1] as usize]
    }

    /// How many versions of a key a snapshot shows.
    pub(super) fn visible(&self, key: u32, snapshot: u64) -> usize {
        self.ordered(key).partition_point(|version| version.token <= snapshot)
    }

    /// Which version a read saw.
    pub(in crate::testkit) fn place(&self, key: u32, seen: Seen, snapshot: Option<u64>) -> Place {
        match (seen, snapshot) {
            (Seen::Own, _) => Place::Unknown,
            (Seen::Version(token), _) => self.find(key, token),
            (Seen::Absent, Some(snapshot)) => Place::Order(self.visible(key, snapshot)),
            (Seen::Absent, None) => {
                // Without removals only the beginning shows nothing.
                let removed = self.ordered(key).iter().any(|version| version.removal);
                if removed { Place::Unknown } else { Place::Order(0) }
            }
        }
    }

    fn find(&self, key: u32, token: u64) -> Place {
        let (first, end) =
            (self.first[key as usize] as usize, self.first[key as usize + 1] as usize);
        if self.by_token.is_empty() {
            // A version that nobody is known to have written stands between two others.
            return Place::Order(self.visible(key, token));
        }
        let mine = &self.by_token[first..end];
        let Ok(found) = mine.binary_search_by_key(&token, |(other, _)| *other) else {
            return Place::Unknown;
        };
        let place = mine[found].1 as usize;
        let ordered = self.ordered(key).len();
        if place < ordered { Place::Order(place + 1) } else { Place::Loose(place - ordered) }
    }

    /// Who wrote what a reader of this version must not have seen, because he did not take
    /// effect.
    pub(super) fn void(&self, key: u32, token: u64, place: Place) -> Option<u32> {
        let direct = self.void.get(&(key, token)).copied();
        direct.or_else(|| match (self.tainted.get(&key), place) {
            (Some((from, writer)), Place::Order(seen)) if seen >= *from => Some(*writer),
            _ => None,
        })
    }

    /// Who wrote this version and overwrote it himself.
    pub(super) fn passed(&self, key: u32, token: u64) -> Option<u32> {
        self.passed.get(&(key, token)).copied()
    }
}

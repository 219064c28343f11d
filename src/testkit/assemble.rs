//! From what was recorded to a history: keys get names and an order, writes that were undone
//! go, and of each range stays what was observed.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ops::Bound;
use std::sync::Arc;

use crate::record::{self, RecordedKey};
use crate::testkit::facts::{Fact, KeyBox, Recorded};
use crate::testkit::history::{End, History, Op, Scan, Seen, Tx};
use crate::testkit::names::{Name, Span, small};

/// The history of these transactions, in the order in which they ended.
pub(super) fn assemble(mut recorded: Vec<Recorded>) -> History {
    recorded.sort_by_key(|tx| tx.ending.as_ref().map(|ending| ending.moment));
    let mut assembly = Assembly::default();
    for tx in recorded {
        assembly.take(tx);
    }
    assembly.finish()
}

#[derive(Default)]
struct Assembly {
    history: History,
    /// By its text, the first key of each table that has it, and others if `Debug` does not
    /// tell all keys apart.
    known: HashMap<(u32, Box<str>), Vec<u32>>,
    /// A specimen of each key.
    keys: Vec<KeyBox>,
    tables: HashMap<Arc<str>, u32>,
}

/// One transaction on its way.
#[derive(Default)]
struct Progress {
    /// Its writes that still stand, in order: the key, and whether it is a removal.
    writes: Vec<(u32, bool)>,
    /// How many there were at each savepoint.
    savepoints: HashMap<u64, usize>,
    scans: Vec<OpenScan>,
}

/// A range on its way: from each end, the row that was reached.
struct OpenScan {
    number: u64,
    lower: Option<(u32, bool)>,
    upper: Option<(u32, bool)>,
    front: Option<u32>,
    back: Option<u32>,
    ran_out: bool,
    scan: Scan,
}

impl Assembly {
    fn take(&mut self, recorded: Recorded) {
        let Some(ending) = recorded.ending else { return };
        let first = self.history.ops.len();
        let mut progress = Progress::default();
        for fact in recorded.facts {
            self.fact(&mut progress, fact);
        }
        // The engine's numbers are long: they name slots.
        let mut tx = Tx::new(self.history.len() as u64 + 1, ending.outcome);
        tx.label = ending.label;
        tx.called = Some(recorded.called);
        tx.ended = Some(ending.moment);
        tx.snapshot = Some(recorded.snapshot);
        self.push_scans(progress.scans);
        self.push_writes(&progress.writes, ending.outcome);
        self.history.close(tx, first);
    }

    fn fact(&mut self, progress: &mut Progress, fact: Fact) {
        match fact {
            Fact::Read { table, key, seen } => {
                let key = self.key(&table, key);
                self.history.ops.push(Op::Read { key, seen: sight(seen) });
            }
            Fact::Write { table, key, removal } => {
                let key = self.key(&table, key);
                progress.writes.push((key, removal));
            }
            Fact::Scan { table, scan, bounds, filtered } => {
                let open = self.open(progress, &table, scan, *bounds, filtered);
                progress.scans.push(open);
            }
            Fact::Row { scan, key, seen, reverse } => {
                let Some(open) = progress.scans.iter_mut().rev().find(|open| open.number == scan)
                else {
                    return;
                };
                let key = self.key_of(open.scan.table, key);
                open.scan.rows.push((key, sight(seen)));
                *(if reverse { &mut open.back } else { &mut open.front }) = Some(key);
            }
            Fact::ScanEnd { scan } => {
                let open = progress.scans.iter_mut().rev().find(|open| open.number == scan);
                if let Some(open) = open {
                    open.ran_out = true;
                }
            }
            Fact::Savepoint { number } => {
                progress.savepoints.insert(number, progress.writes.len());
            }
            Fact::RollbackTo { number } => {
                let kept = progress.savepoints.get(&number).copied();
                progress.writes.truncate(kept.unwrap_or(progress.writes.len()));
            }
        }
    }

    fn open(
        &mut self,
        progress: &Progress,
        table: &Arc<str>,
        number: u64,
        bounds: [Bound<KeyBox>; 2],
        filtered: bool,
    ) -> OpenScan {
        let table = self.table(table);
        let mut bound = |bound| match bound {
            Bound::Included(key) => Some((self.key_of(table, key), true)),
            Bound::Excluded(key) => Some((self.key_of(table, key), false)),
            Bound::Unbounded => None,
        };
        let [lower, upper] = bounds.map(&mut bound);
        let own = progress.writes.iter().map(|(key, _)| *key);
        let own = own.filter(|key| self.history.names.table_of(*key) == table).collect();
        let scan = Scan { table, own, filtered, ..Scan::default() };
        OpenScan { number, lower, upper, front: None, back: None, ran_out: false, scan }
    }

    fn push_scans(&mut self, open: Vec<OpenScan>) {
        for open in open {
            let spans = open.spans();
            if spans.is_empty() && open.scan.rows.is_empty() {
                continue;
            }
            let scan = Scan { spans, ..open.scan };
            let place = small(self.history.scans.len());
            self.history.scans.push(scan);
            self.history.ops.push(Op::Scan(place));
        }
    }

    /// Of several writes of a key the last one counts; its version is the commit.
    fn push_writes(&mut self, writes: &[(u32, bool)], end: End) {
        let version = if let End::Committed(Some(commit)) = end { commit } else { 0 };
        let mut last: Vec<(u32, bool)> = Vec::with_capacity(writes.len());
        let mut places: HashMap<u32, usize> = HashMap::new();
        for (key, removal) in writes {
            match places.entry(*key) {
                Entry::Occupied(place) => last[*place.get()].1 = *removal,
                Entry::Vacant(place) => {
                    place.insert(last.len());
                    last.push((*key, *removal));
                }
            }
        }
        let ops = last.into_iter().map(|(key, removal)| Op::Write { key, version, removal });
        self.history.ops.extend(ops);
    }

    fn table(&mut self, name: &Arc<str>) -> u32 {
        if let Some(known) = self.tables.get(name) {
            return *known;
        }
        let table = self.history.names.table(name);
        self.tables.insert(name.clone(), table);
        table
    }

    fn key(&mut self, table: &Arc<str>, key: KeyBox) -> u32 {
        let table = self.table(table);
        self.key_of(table, key)
    }

    fn key_of(&mut self, table: u32, key: KeyBox) -> u32 {
        let text = text_of(&*key);
        let same_text = self.known.entry((table, text.as_str().into())).or_default();
        for known in same_text.iter() {
            if self.keys[*known as usize].compare(&*key) == Some(Ordering::Equal) {
                return *known;
            }
        }
        let mut name = Name::of(&text);
        let mut number = same_text.len();
        while self.history.names.knows(table, &name) {
            // `Debug` does not tell them apart, so a number must.
            number += 1;
            name = Name::Text(format!("{text}#{number}").into());
        }
        let id = self.history.names.key(table, name);
        same_text.push(id);
        self.keys.push(key);
        id
    }

    fn finish(mut self) -> History {
        let mut by_table: Vec<Vec<u32>> = vec![Vec::new(); self.history.names.tables()];
        for key in 0..self.history.names.keys() {
            let key = small(key);
            by_table[self.history.names.table_of(key) as usize].push(key);
        }
        for (table, mut keys) in by_table.into_iter().enumerate() {
            keys.sort_by(|a, b| {
                let (a, b) = (&self.keys[*a as usize], &self.keys[*b as usize]);
                // Keys of one table have one type.
                a.compare(&**b).unwrap_or(Ordering::Equal)
            });
            self.history.names.tell_order(small(table), keys);
        }
        self.history.names.arrange();
        self.history
    }
}

/// The text of a key: that of a string without its quotes.
fn text_of(key: &dyn RecordedKey) -> String {
    let any = key.as_any();
    if let Some(text) = any.downcast_ref::<String>() {
        return text.clone();
    }
    match any.downcast_ref::<&str>() {
        Some(text) => (*text).to_owned(),
        None => format!("{key:?}"),
    }
}

fn sight(seen: record::Seen) -> Seen {
    match seen {
        record::Seen::Own => Seen::Own,
        record::Seen::Absent => Seen::Absent,
        record::Seen::Version(commit) => Seen::Version(commit.into()),
    }
}

impl OpenScan {
    /// What was observed: up to the row that was reached from each end, or all.
    fn spans(&self) -> Vec<Span> {
        // Of a predicate's range, nobody knows what else it would have matched.
        if self.scan.filtered {
            return Vec::new();
        }
        if self.ran_out {
            return vec![[self.lower, self.upper]];
        }
        let front = self.front.map(|row| [self.lower, Some((row, true))]);
        let back = self.back.map(|row| [Some((row, true)), self.upper]);
        front.into_iter().chain(back).collect()
    }
}

//! Draws the edges: every direct dependency between transactions that took effect.

use std::collections::HashMap;
use std::ops::Range;

use crate::testkit::check::anomaly::{AnomalyKind, MOST_WITNESSES};
use crate::testkit::check::fan::fan;
use crate::testkit::check::graph::{Graph, NO_KEY, Plan, RANGE, REAL, RW, WR, WW};
use crate::testkit::check::versions::{NOBODY, Place, Version, Versions};
use crate::testkit::check::wide::{Tree, WIDE};
use crate::testkit::history::{Flaw, Form, History, Op, Scan, Seen};
use crate::testkit::names::small;

/// The graph of a history, and what was seen to be wrong while it was drawn.
pub(super) fn draw(history: &History) -> (Graph, Vec<Flaw>) {
    let mut versions = Versions::of(history);
    let flaws = std::mem::take(&mut versions.flaws);
    let plan = Plan::new(history.len());
    let mut edges = Edges {
        history,
        versions,
        plan,
        flaws,
        at_end: Vec::new(),
        updates: Vec::new(),
        trees: HashMap::new(),
    };
    edges.order_of_versions();
    for tx in 0..history.len() {
        if history.txs[tx].end.counts() {
            edges.observations(tx);
        }
    }
    edges.beyond_the_order();
    edges.updates();
    edges.real_time();
    (edges.plan.finish(), edges.flaws)
}

struct Edges<'h> {
    history: &'h History,
    versions: Versions,
    plan: Plan,
    flaws: Vec<Flaw>,
    /// Who saw the end of a key's order, behind which nobody knows the order.
    at_end: Vec<(u32, u32)>,
    /// Who read a version and wrote over it: the key, the version, who.
    updates: Vec<(u32, u64, u32)>,
    /// Of the tables that somebody read a wide range of.
    trees: HashMap<u32, Tree>,
}

/// Stands for the state before the first version.
const NOTHING: u64 = u64::MAX;

impl Edges<'_> {
    fn flaw(&mut self, kind: AnomalyKind, story: impl FnOnce(&History) -> String) {
        if self.flaws.iter().filter(|flaw| flaw.kind == kind).count() < MOST_WITNESSES {
            let story = story(self.history);
            self.flaws.push(Flaw { kind, story });
        }
    }

    fn link(&mut self, from: u32, to: u32, kind: u8, key: u32) {
        if from != NOBODY && to != NOBODY {
            self.plan.link(from, to, kind, key);
        }
    }

    /// From each version's writer to the next one's; the others follow.
    fn order_of_versions(&mut self) {
        for key in 0..small(self.history.names.keys()) {
            for place in 1..self.versions.ordered(key).len() {
                let ordered = self.versions.ordered(key);
                let (before, after) = (ordered[place - 1].writer, ordered[place].writer);
                self.link(before, after, WW, key);
            }
        }
    }

    fn observations(&mut self, tx: usize) {
        let history = self.history;
        let snapshot = history.txs[tx].snapshot;
        let writes_stand = history.txs[tx].end.may_write();
        let (ops, tx) = (history.ops_of(tx), small(tx));
        for op in ops {
            match *op {
                Op::Read { key, seen } => self.read(tx, key, seen, snapshot),
                Op::Scan(place) => self.scan(tx, &history.scans[place as usize], snapshot),
                Op::Write { .. } => {}
            }
        }
        if writes_stand {
            self.note_updates(tx, ops, snapshot);
        }
    }

    /// What it wrote after it had read it. Of several reads of a key the first one counts.
    fn note_updates(&mut self, tx: u32, ops: &[Op], snapshot: Option<u64>) {
        let mut found: HashMap<u32, u64> = HashMap::new();
        for op in ops {
            match *op {
                Op::Read { key, seen } => {
                    if let Some(token) = self.observed(key, seen, snapshot) {
                        found.entry(key).or_insert(token);
                    }
                }
                Op::Write { key, .. } if !found.is_empty() => {
                    let token = found.get(&key);
                    self.updates.extend(token.map(|token| (key, *token, tx)));
                }
                Op::Write { .. } | Op::Scan(_) => {}
            }
        }
    }

    /// The version that was read, an absence being the removal that was seen, or nothing.
    fn observed(&self, key: u32, seen: Seen, snapshot: Option<u64>) -> Option<u64> {
        match (seen, self.versions.place(key, seen, snapshot)) {
            (Seen::Own, _) => None,
            (Seen::Version(token), _) => Some(token),
            (Seen::Absent, Place::Order(seen)) if seen > 0 => {
                Some(self.versions.ordered(key)[seen - 1].token)
            }
            (Seen::Absent, _) => Some(NOTHING),
        }
    }

    fn read(&mut self, tx: u32, key: u32, seen: Seen, snapshot: Option<u64>) {
        let place = self.versions.place(key, seen, snapshot);
        if let Seen::Version(token) = seen {
            self.judge_read(tx, key, token, place);
        }
        match place {
            Place::Unknown => {}
            Place::Loose(place) => {
                let writer = self.versions.loose(key)[place].writer;
                self.link(writer, tx, WR, key);
            }
            Place::Order(count) => {
                if let Some(last) = count.checked_sub(1) {
                    self.saw(tx, key, self.versions.ordered(key)[last], seen);
                }
                self.missed(tx, key, count, RW);
            }
        }
    }

    /// The last version that was there when it looked.
    fn saw(&mut self, tx: u32, key: u32, version: Version, seen: Seen) {
        let is_it = match seen {
            Seen::Version(token) => token == version.token,
            _ => version.removal,
        };
        if is_it {
            self.link(version.writer, tx, WR, key);
        } else if seen == Seen::Absent && version.writer != tx {
            self.flaw(AnomalyKind::Internal, |history| {
                let (who, what) = (history.name_of(tx as usize), history.names.full(key));
                let version = history.version_name(version.token);
                format!("{who} found nothing at {what}, but its snapshot shows version {version}")
            });
        }
    }

    /// Who first changed what it saw.
    fn missed(&mut self, tx: u32, key: u32, seen: usize, kind: u8) {
        match self.versions.ordered(key).get(seen) {
            Some(next) => self.link(tx, next.writer, kind, key),
            None if self.versions.loose(key).is_empty() => {}
            None => self.at_end.push((key, tx)),
        }
    }

    /// Reads of what never was.
    fn judge_read(&mut self, tx: u32, key: u32, token: u64, place: Place) {
        if let Some(writer) = self.versions.void(key, token, place)
            && writer != tx
        {
            self.flaw(AnomalyKind::G1a, |history| {
                let [who, writer] = [tx, writer].map(|tx| history.name_of(tx as usize));
                let (what, version) = (history.names.full(key), history.version_name(token));
                format!(
                    "{who} read {what} as version {version}, which rests on a write of {writer}, \
                     which did not take effect"
                )
            });
        }
        if let Some(writer) = self.versions.passed(key, token)
            && writer != tx
        {
            self.flaw(AnomalyKind::G1b, |history| {
                let [who, writer] = [tx, writer].map(|tx| history.name_of(tx as usize));
                let (what, version) = (history.names.full(key), history.version_name(token));
                format!("{who} read {what} as version {version}, over which {writer} itself wrote")
            });
        }
    }

    fn scan(&mut self, tx: u32, scan: &Scan, snapshot: Option<u64>) {
        for (key, seen) in &scan.rows {
            self.read(tx, *key, *seen, snapshot);
        }
        let mut known: Vec<u32> = scan.rows.iter().map(|(key, _)| *key).collect();
        known.extend(&scan.own);
        known.sort_unstable();
        for span in &scan.spans {
            let places = self.history.names.places(scan.table, *span);
            // What lies between whole nodes of the tree, and what it cannot tell apart, is
            // looked at key by key.
            let narrow = match snapshot {
                Some(snapshot) if places.len() >= WIDE && scan.own.is_empty() => {
                    self.wide(tx, scan.table, snapshot, places)
                }
                _ => [places, 0..0],
            };
            for key in
                narrow.into_iter().flat_map(|part| &self.history.names.sorted(scan.table)[part])
            {
                if !self.versions.ordered(*key).is_empty() && known.binary_search(key).is_err() {
                    self.gap(tx, *key, snapshot);
                }
            }
        }
    }

    fn wide(
        &mut self,
        tx: u32,
        table: u32,
        snapshot: u64,
        places: Range<usize>,
    ) -> [Range<usize>; 2] {
        let (names, versions) = (&self.history.names, &self.versions);
        let tree = self.trees.entry(table).or_insert_with(|| Tree::of(table, names, versions));
        let own = self.history.ops_of(tx as usize).iter().filter_map(|op| match op {
            Op::Write { version, .. } => Some(*version),
            _ => None,
        });
        tree.link(&mut self.plan, tx, [snapshot, own.max().unwrap_or(0)], places)
    }

    /// A key that a range did not return.
    fn gap(&mut self, tx: u32, key: u32, snapshot: Option<u64>) {
        if let Place::Order(seen) = self.versions.place(key, Seen::Absent, snapshot) {
            if let Some(last) = seen.checked_sub(1) {
                self.saw(tx, key, self.versions.ordered(key)[last], Seen::Absent);
            }
            self.missed(tx, key, seen, RANGE);
        }
    }

    /// From the last of an order, and from those who saw it, to all who come after it
    /// somewhere.
    fn beyond_the_order(&mut self) {
        let mut at_end = std::mem::take(&mut self.at_end);
        at_end.sort_unstable();
        at_end.dedup();
        let mut rest = &at_end[..];
        for key in 0..small(self.history.names.keys()) {
            let count = rest.partition_point(|(other, _)| *other <= key);
            let (readers, others) = rest.split_at(count);
            rest = others;
            if self.versions.loose(key).is_empty() {
                continue;
            }
            let mut targets: Vec<u32> =
                self.versions.loose(key).iter().map(|version| version.writer).collect();
            targets.sort_unstable();
            targets.dedup();
            let last = self.versions.ordered(key).last().map(|version| version.writer);
            let last = last.filter(|writer| *writer != NOBODY).map(|writer| (writer, WW));
            let readers = readers.iter().map(|(_, reader)| (*reader, RW));
            let sources: Vec<(u32, u8)> = last.into_iter().chain(readers).collect();
            fan(&mut self.plan, &sources, &targets, key);
        }
    }

    /// Two updates of one version: one of them is lost.
    fn updates(&mut self) {
        let mut updates = std::mem::take(&mut self.updates);
        updates.sort_unstable();
        updates.dedup();
        for same in updates.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)) {
            let [first, second, ..] = same else { continue };
            let (key, token) = (first.0, first.1);
            self.flaw(AnomalyKind::LostUpdate, |history| {
                let [one, other] = [first.2, second.2].map(|tx| history.name_of(tx as usize));
                let what = history.names.full(key);
                let version = match token {
                    NOTHING => "nothing".to_owned(),
                    token => format!("version {}", history.version_name(token)),
                };
                format!("{one} and {other} both found {version} at {what} and wrote over it")
            });
        }
    }

    /// A chain of moments: who has ended leads into it, and it leads to who begins later.
    fn real_time(&mut self) {
        let mut moments: Vec<(u64, bool, u32)> = Vec::new();
        for (place, tx) in self.history.txs.iter().enumerate() {
            let place = small(place);
            if tx.end.counts() {
                moments.extend(tx.ended.map(|ended| (ended, true, place)));
            }
            if tx.end.counts() || (tx.end.may_write() && self.history.form != Form::Registers) {
                moments.extend(tx.called.map(|called| (called, false, place)));
            }
        }
        // At one moment, who begins does not come after who ends.
        moments.sort_unstable();
        let (mut newest, mut begun) = (None, true);
        for (_, is_end, tx) in moments {
            if !is_end {
                if let Some(moment) = newest {
                    self.plan.free(moment, tx);
                }
                begun = true;
                continue;
            }
            // Those who end while nobody begins share a moment.
            if begun {
                let moment = self.plan.helper();
                if let Some(before) = newest.replace(moment) {
                    self.plan.free(before, moment);
                }
                begun = false;
            }
            if let Some(moment) = newest {
                self.plan.link(tx, moment, REAL, NO_KEY);
            }
        }
    }
}

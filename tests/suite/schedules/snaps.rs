//! Detached snapshots of a running schedule.
//!
//! Each is a transaction of the record that nobody certifies. What it showed is judged at
//! its timestamp, what was said about it by what was known when it was said.

use precedent::{Pin, Snapshot, SnapshotRange, Table, Timestamp};

use super::driver::Driver;
use super::slot::Handle;
use super::step::{Act, Moment, Pulls, Rest, Snap, Span, Step};
use super::translate::{in_upper_table, oracle_key, table_key};
use crate::oracle::history::{Ts, Versions};
use crate::oracle::{Asked, End, Fault, FaultKind, Key, Name, Op, Question, Saw, Tx, Value};

/// A detached snapshot that somebody holds.
pub struct SnapSlot {
    number: u8,
    /// Its place in the history.
    place: usize,
    at: Ts,
    /// The oldest first.
    handles: Vec<SnapHandle>,
}

enum SnapHandle {
    Snapshot(Snapshot),
    Pin(Pin),
}

impl SnapHandle {
    fn snapshot(&self) -> Snapshot {
        match self {
            Self::Snapshot(snapshot) => snapshot.clone(),
            Self::Pin(pin) => pin.snapshot(),
        }
    }

    /// A pin is cloned as a pin, and as a snapshot the next time.
    fn again(&self, handles: usize) -> Self {
        match self {
            Self::Pin(pin) if handles % 2 == 1 => Self::Pin(pin.clone()),
            other => Self::Snapshot(other.snapshot()),
        }
    }
}

impl Driver<'_> {
    /// Takes a step of a detached snapshot, but for holding rows and letting them go.
    pub(super) fn snap(&mut self, number: u8, snap: Snap) {
        let open = self.snaps.iter().position(|slot| slot.number == number);
        match (snap, open) {
            (Snap::Safe, None) => {
                let snapshot = self.db.safe_snapshot();
                self.was_given_newest(number, SnapHandle::Snapshot(snapshot));
            }
            (Snap::Pin, None) => {
                let pin = self.db.pin();
                let at = pin.timestamp();
                self.was_given_newest(number, SnapHandle::Pin(pin));
                let shown = self.snaps.last().map(|slot| slot.handles[0].snapshot().timestamp());
                if shown != Some(at) {
                    self.accuse_snap(number, format!("a pin at {at:?} shows {shown:?}"));
                }
            }
            (Snap::At(moment), None) => self.ask_for(number, moment),
            (Snap::Look(act), Some(open)) => {
                let slot = &self.snaps[open];
                let (snapshot, place) = (slot.handles[0].snapshot(), slot.place);
                self.look_at(place, &snapshot, act);
            }
            (Snap::IsSafe, Some(open)) => self.ask_whether_safe(open),
            (Snap::Clone, Some(open)) => {
                let handles = &mut self.snaps[open].handles;
                let again = handles.last().map(|handle| handle.again(handles.len()));
                handles.extend(again);
            }
            (Snap::Drop, Some(open)) => self.drop_handle(open),
            _ => {}
        }
    }

    /// Notes a question and its answer.
    pub(super) fn asked(&mut self, question: Question) {
        let writers = self.slots.iter().filter(|slot| matches!(slot.handle, Handle::Write(_)));
        let writers = writers.map(|slot| slot.s).collect();
        self.history.asked.push(Asked { newest: self.newest, writers, question });
    }

    fn accuse_snap(&mut self, number: u8, story: String) {
        let story = format!("{}: {story}", Name::Snapshot(number));
        self.faults.push(Fault { kind: FaultKind::WrongTimestamp, story });
    }

    fn was_given_newest(&mut self, number: u8, handle: SnapHandle) {
        let answer = self.open_snap(number, handle, true);
        self.asked(Question::Newest { answer });
        self.ask_whether_safe(self.snaps.len() - 1);
    }

    fn open_snap(&mut self, number: u8, handle: SnapHandle, safe: bool) -> Ts {
        let at = u64::from(handle.snapshot().timestamp());
        let place = self.history.txs.len();
        self.history.txs.push(Tx {
            name: Name::Snapshot(number),
            id: u64::MAX,
            began: at,
            ops: Vec::new(),
            end: End::Detached { safe },
            collected_through: 0,
        });
        self.snaps.push(SnapSlot { number, place, at, handles: vec![handle] });
        at
    }

    fn ask_for(&mut self, number: u8, moment: Moment) {
        let at = match moment {
            Moment::Zero => 0,
            Moment::Ago(ago) => self.newest.saturating_sub(u64::from(ago)),
            Moment::Ahead(ahead) => self.newest + u64::from(ahead),
            Moment::Of(other) => {
                let named = |tx: &&Tx| tx.name == Name::Snapshot(other);
                let Some(other) = self.history.txs.iter().rev().find(named) else { return };
                other.began
            }
        };
        let kept = self.is_kept(at);
        let given = self.db.snapshot_at(Timestamp::from(at)).ok();
        self.asked(Question::At { asked: at, kept, given: given.is_some() });
        if let Some(snapshot) = given {
            let shown = self.open_snap(number, SnapHandle::Snapshot(snapshot), false);
            if shown != at {
                self.accuse_snap(number, format!("is at @{shown}, but @{at} was asked for"));
            }
        }
    }

    /// Whether any handle keeps this timestamp.
    fn is_kept(&self, at: Ts) -> bool {
        self.held.contains(&at) || self.snaps.iter().any(|slot| slot.at == at)
    }

    fn ask_whether_safe(&mut self, open: usize) {
        let SnapSlot { number, place, at, .. } = self.snaps[open];
        let answer = self.snaps[open].handles[0].snapshot().is_safe();
        self.asked(Question::Safe { at, answer });
        match (self.history.txs[place].end.clone(), answer) {
            (End::Detached { safe: true }, false) => {
                self.accuse_snap(number, "was safe, and is not any more".to_owned());
            }
            (_, answer) if answer => self.history.txs[place].end = End::Detached { safe: true },
            _ => {}
        }
    }

    fn drop_handle(&mut self, open: usize) {
        let slot = &mut self.snaps[open];
        let handle = slot.handles.remove(0);
        if slot.handles.is_empty() {
            let slot = self.snaps.swap_remove(open);
            self.check_maps(slot.number, &handle.snapshot());
        }
    }

    /// A whole table as a map is the state at the snapshot's timestamp.
    fn check_maps(&mut self, number: u8, snapshot: &Snapshot) {
        #[cfg(feature = "im")]
        {
            let versions = Versions::of(&self.history);
            let at = u64::from(snapshot.timestamp());
            for (upper, table) in [false, true].into_iter().zip(&self.tables) {
                let map = snapshot.to_map(table);
                let rows = map.iter();
                let rows = rows.map(|(key, word)| (oracle_key(upper, *key), *word));
                let keys = (0..super::step::TABLE).map(|key| oracle_key(upper, key));
                let state = keys.filter_map(|key| Some((key, versions.visible(key, at)?.word())));
                if !rows.eq(state) {
                    let name = Name::Snapshot(number);
                    let story = format!("{name} at @{at}: as a map it is {map:?}");
                    self.faults.push(Fault { kind: FaultKind::WrongRead, story });
                    return;
                }
            }
        }
    }

    /// Drops what is still held when all steps are taken.
    pub(super) fn drop_snaps(&mut self) {
        while let Some(last) = self.snaps.len().checked_sub(1) {
            self.drop_handle(last);
        }
    }

    /// Takes the steps up to the one that lets go, and looks at what was lent before.
    pub(super) fn walk_holding(&mut self, number: u8, span: Span, steps: &[Step], at: &mut usize) {
        let Some(slot) = self.snaps.iter().find(|slot| slot.number == number) else { return };
        let (place, snapshot) = (slot.place, slot.handles[0].snapshot());
        self.held.push(slot.at);
        let table = self.tables[usize::from(span.in_upper_table())].clone();
        let mut lent: Vec<(&u8, &u64)> = Vec::new();
        for (key, word) in range(&snapshot, &table, span) {
            lent.push((key, word));
        }
        self.note_lent(place, span, &lent);
        self.walk(steps, at, None, Some(number));
        self.note_lent(place, span, &lent);
        self.held.pop();
        let last = !self.snaps.iter().any(|slot| slot.place == place);
        if last {
            self.check_maps(number, &snapshot);
        }
    }

    fn note_lent(&mut self, place: usize, span: Span, lent: &[(&u8, &u64)]) {
        let scan = self.note_open(place, span);
        for (key, word) in lent {
            self.note_row(place, scan, span, Some((key, word)), false);
        }
        self.note_row(place, scan, span, None, false);
    }

    fn note_open(&mut self, place: usize, span: Span) -> usize {
        let ops = &mut self.history.txs[place].ops;
        let scan = ops.iter().filter(|op| matches!(op, Op::Open { .. })).count();
        ops.push(Op::Open { within: span.within(), accepts: None });
        scan
    }

    fn note_row(
        &mut self,
        place: usize,
        scan: usize,
        span: Span,
        row: Option<(&u8, &u64)>,
        reverse: bool,
    ) {
        let key = |key: u8| oracle_key(span.in_upper_table(), key);
        let row = row.map(|(at, word)| (key(*at), Value::from_word(*word)));
        self.history.txs[place].ops.push(Op::Pull { scan, reverse, row });
    }

    fn look_at(&mut self, place: usize, snapshot: &Snapshot, act: Act) {
        let table = |key: Key| &self.tables[usize::from(in_upper_table(key))];
        match act {
            Act::Get(key) => {
                let saw = snapshot.get(table(key), &table_key(key)).copied();
                let saw = Saw::Value(saw.map(Value::from_word));
                self.history.txs[place].ops.push(Op::Read { key, saw });
            }
            Act::Has(key) => {
                let saw = Saw::Presence(snapshot.contains_key(table(key), &table_key(key)));
                self.history.txs[place].ops.push(Op::Read { key, saw });
            }
            Act::First | Act::Last => {
                let table = self.tables[0].clone();
                let scan = self.note_open(place, Span::ALL);
                let row = match act {
                    Act::First => snapshot.first_key_value(&table),
                    _ => snapshot.last_key_value(&table),
                };
                self.note_row(place, scan, Span::ALL, row, act == Act::Last);
            }
            Act::Scan { span, pulls, .. } => self.scan_at(place, snapshot, span, pulls),
            Act::Count(span) | Act::IsEmpty(span) => self.count_at(place, snapshot, span, act),
            _ => {}
        }
    }

    fn scan_at(&mut self, place: usize, snapshot: &Snapshot, span: Span, pulls: Pulls) {
        let table = self.tables[usize::from(span.in_upper_table())].clone();
        let scan = self.note_open(place, span);
        let mut rows = range(snapshot, &table, span);
        for _ in 0..pulls.front {
            self.note_row(place, scan, span, rows.next(), false);
        }
        for _ in 0..pulls.back {
            self.note_row(place, scan, span, rows.next_back(), true);
        }
        let reverse = pulls.rest == Rest::Reverse;
        let mut done = pulls.rest == Rest::Dropped;
        while !done {
            let row = if reverse { rows.next_back() } else { rows.next() };
            self.note_row(place, scan, span, row, reverse);
            done = row.is_none();
        }
    }

    /// The rows that were counted are those that a range shows.
    fn count_at(&mut self, place: usize, snapshot: &Snapshot, span: Span, act: Act) {
        let table = self.tables[usize::from(span.in_upper_table())].clone();
        let rows: Vec<(&u8, &u64)> = range(snapshot, &table, span).collect();
        let (lower, upper) = (span.lower.map(table_key), span.upper.map(table_key));
        let bounds = (lower.as_ref(), upper.as_ref());
        let agrees = match act {
            Act::Count(_) => snapshot.count(&table, bounds) == rows.len(),
            _ => snapshot.is_empty(&table, bounds) == rows.is_empty(),
        };
        let keys = snapshot.keys(&table, bounds).eq(rows.iter().map(|(key, _)| *key));
        let values = snapshot.values(&table, bounds).eq(rows.iter().map(|(_, word)| *word));
        if !(agrees && keys && values) {
            let name = self.history.txs[place].name;
            let story = format!("{name}: {act:?} disagrees with the rows {rows:?}");
            self.faults.push(Fault { kind: FaultKind::WrongRead, story });
        }
        match (act, rows.first()) {
            (Act::IsEmpty(_), Some(&(key, word))) => {
                let scan = self.note_open(place, span);
                self.note_row(place, scan, span, Some((key, word)), false);
            }
            _ => self.note_lent(place, span, &rows),
        }
    }
}

fn range<'s>(
    snapshot: &'s Snapshot,
    table: &Table<u8, u64>,
    span: Span,
) -> SnapshotRange<'s, u8, u64> {
    let (lower, upper) = (span.lower.map(table_key), span.upper.map(table_key));
    snapshot.range(table, (lower.as_ref(), upper.as_ref()))
}

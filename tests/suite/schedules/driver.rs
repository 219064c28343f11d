//! Runs a schedule on the engine, on one thread, and writes down what its callers saw.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;

use precedent::{Certifier, Database, Error, Range, Table};

use super::listener::{Ended, Fact, Listener, Told, UPPER_TABLE};
use super::slot::{Handle, Slot};
use super::snaps::SnapSlot;
use super::step::{Act, Mode, Schedule, Snap, Span, Step};
use super::translate::{cycle, oracle_key, table_key};
use crate::oracle::{
    CycleEdge, End, Fault, FaultKind, History, Key, Limits, Name, Op, Question, Sighting, Tx,
    Value, Verdict, judge,
};

/// Everything about a run.
pub struct Run {
    /// The record.
    pub history: History,
    /// What was wrong already while it ran.
    pub faults: Vec<Fault>,
    /// An aged transaction was certified though somebody committed beside it.
    pub aged: bool,
    /// Certified readers have come to share footprints.
    pub shared: bool,
}

impl Run {
    /// The numbers of the transactions that were refused.
    pub fn refused(&self) -> Vec<u8> {
        let refused = self.history.txs.iter().filter(|tx| matches!(tx.end, End::Aborted { .. }));
        let number = |tx: &Tx| match tx.name {
            Name::Number(number) => Some(number),
            _ => None,
        };
        let mut numbers: Vec<u8> = refused.filter_map(number).collect();
        numbers.sort_unstable();
        numbers
    }
}

/// The steps that a certification may take in a hurried run.
const HURRIED_STEPS: u64 = 3;

/// The commits and readers that the log keeps in a folding run, before it is folded.
const FOLDED_COMMITS: usize = 2;

/// The commits that it keeps otherwise: the default of the builder.
const RETAINED_COMMITS: usize = 65_536;

/// The danger intervals that a blurred run keeps apart.
const BLURRED_INTERVALS: usize = 1;

/// Runs a schedule on a new database and judges it.
pub fn run_and_judge(schedule: &Schedule, mode: Mode) -> Verdict {
    let run = catch_unwind(AssertUnwindSafe(|| run(schedule, mode)));
    let Ok(run) = run else {
        let mut verdict = Verdict::default();
        verdict.accuse(FaultKind::Panic, "the engine or the driver panicked");
        return verdict;
    };
    let mut verdict = judge(&run.history);
    if !mode.hurried && !mode.folding && verdict.conservative > 0 {
        let story = "so few transactions exceed no bound, and yet one was refused for a bound";
        verdict.accuse(FaultKind::UnjustifiedAbort, story);
    }
    if mode.certifier == Certifier::Exact && verdict.suspected > 0 {
        let story = "the exact rule suspects nobody";
        verdict.accuse(FaultKind::UnjustifiedAbort, story);
    }
    verdict.faults.extend(run.faults);
    if run.aged {
        verdict.sight(Sighting::Aged);
    }
    if run.shared {
        verdict.sight(Sighting::Shared);
    }
    if run.history.txs.iter().any(is_refused_through_shared) {
        verdict.sight(Sighting::SharedMember);
    }
    verdict
}

fn is_refused_through_shared(tx: &Tx) -> bool {
    let shared = |edge: &CycleEdge| edge.from.sharing > 0;
    matches!(&tx.end, End::Aborted { cycle, .. } if cycle.edges.iter().any(shared))
}

/// Runs a schedule on a new database.
pub fn run(schedule: &Schedule, mode: Mode) -> Run {
    let listener = Arc::new(Listener::default());
    let builder = Database::builder().certifier(mode.certifier).sliding(mode.sliding);
    let builder = builder.recorder(Arc::clone(&listener) as _);
    let builder = if mode.hurried { builder.max_search_steps(HURRIED_STEPS) } else { builder };
    let builder = if mode.folding { builder.max_retained_commits(FOLDED_COMMITS) } else { builder };
    let builder =
        if mode.blurred { builder.max_danger_intervals(BLURRED_INTERVALS) } else { builder };
    let db = builder.build();
    let mut driver = Driver::new(&db, listener, mode);
    driver.set_up(&schedule.initial);
    driver.walk(&schedule.steps, &mut 0, None, None);
    driver.finish()
}

/// The scan that later steps drive.
pub(super) type OpenScan<'r> = (u8, usize, Range<'r, u8, u64>);

/// A run on its way.
pub(super) struct Driver<'db> {
    pub(super) db: &'db Database,
    pub(super) tables: [Table<u8, u64>; 2],
    listener: Arc<Listener>,
    pub(super) mode: Mode,
    pub(super) slots: Vec<Slot<'db>>,
    pub(super) snaps: Vec<SnapSlot>,
    /// The timestamps of the snapshots whose rows are held.
    pub(super) held: Vec<u64>,
    pub(super) history: History,
    pub(super) faults: Vec<Fault>,
    aged: bool,
    /// For each value, by its number, the place of the transaction that wrote it.
    pub(super) writers: Vec<usize>,
    pub(super) newest: u64,
    collected_through: u64,
    /// Events that were told and not looked at yet.
    pub(super) facts: Vec<Told>,
}

impl<'db> Driver<'db> {
    fn new(db: &'db Database, listener: Arc<Listener>, mode: Mode) -> Self {
        let retained = if mode.folding { FOLDED_COMMITS } else { RETAINED_COMMITS };
        let limits = Limits { retained: retained as u64, blurred: mode.blurred };
        let table = |name| db.table(name).expect("the table is new, or has these types");
        Self {
            tables: [table("lower"), table(UPPER_TABLE)],
            db,
            listener,
            mode,
            slots: Vec::new(),
            snaps: Vec::new(),
            held: Vec::new(),
            history: History { limits, ..History::default() },
            faults: Vec::new(),
            aged: false,
            writers: Vec::new(),
            newest: 0,
            collected_through: 0,
            facts: Vec::new(),
        }
    }

    /// Commits the rows that are there at the start.
    fn set_up(&mut self, rows: &[(Key, u8)]) {
        if rows.is_empty() {
            return;
        }
        self.begin(0, Name::Setup, false);
        for (key, class) in rows {
            self.act(0, Act::Insert(*key, *class));
        }
        self.end(0, Act::Commit);
    }

    /// Runs the steps from `at` on: with an open scan until it is closed or its
    /// transaction ends, with held rows of a snapshot until they are let go.
    pub(super) fn walk(
        &mut self,
        steps: &[Step],
        at: &mut usize,
        mut open: Option<OpenScan<'_>>,
        held: Option<u8>,
    ) {
        while let Some(step) = steps.get(*at) {
            let holder = open.as_ref().map(|(number, ..)| *number);
            match *step {
                Step::Tx(number, act) if holder == Some(number) && act.is_end() => return,
                Step::Tx(number, Act::Close) if holder == Some(number) => return *at += 1,
                Step::Tx(number, Act::Pull { reverse }) => {
                    if let Some((holder, scan, range)) =
                        open.as_mut().filter(|open| open.0 == number)
                    {
                        self.pull(*holder, *scan, range, reverse);
                    }
                }
                Step::Tx(number, act @ Act::Open { .. }) if open.is_none() => {
                    *at += 1;
                    self.walk_with_scan(number, act, steps, at);
                    continue;
                }
                Step::Tx(number, Act::Begin { read_only }) => {
                    self.begin(number, Name::Number(number), read_only)
                }
                Step::Tx(number, act) if act.is_end() => self.end(number, act),
                Step::Tx(number, act) => self.act(number, act),
                Step::Unrelated => self.unrelated(),
                Step::Load(span) => self.load(span),
                Step::Collect => self.collect(),
                Step::Snap(number, Snap::LetGo) if held == Some(number) => return *at += 1,
                Step::Snap(number, Snap::Hold(span)) if open.is_none() => {
                    *at += 1;
                    self.walk_holding(number, span, steps, at);
                    continue;
                }
                Step::Snap(number, snap) => self.snap(number, snap),
            }
            *at += 1;
        }
    }

    fn walk_with_scan(&mut self, number: u8, act: Act, steps: &[Step], at: &mut usize) {
        let Act::Open { span, accepts } = act else { return };
        let Some(slot) = self.slots.iter_mut().find(|slot| slot.number == number) else { return };
        let scan = slot.open(span, accepts);
        let table = self.tables[usize::from(span.in_upper_table())].clone();
        match slot.handle.clone() {
            Handle::Write(tx) => {
                let range = super::acts::range(&tx, &table, span, accepts);
                self.with_slot(number, |driver, slot| driver.opened(slot));
                self.walk(steps, at, Some((number, scan, range)), None);
            }
            Handle::Read(tx) => {
                let range = super::acts::range(&tx, &table, span, accepts);
                self.with_slot(number, |driver, slot| driver.opened(slot));
                self.walk(steps, at, Some((number, scan, range)), None);
            }
            Handle::Gone => {}
        }
    }

    /// One more row of the open scan.
    fn pull(&mut self, number: u8, scan: usize, range: &mut Range<'_, u8, u64>, reverse: bool) {
        self.with_slot(number, |driver, slot| driver.pull_row(slot, scan, range, reverse));
    }

    fn act(&mut self, number: u8, act: Act) {
        self.with_slot(number, |driver, slot| driver.perform(slot, act));
    }

    /// Lends the slot of a transaction, if it is open, out of the list.
    fn with_slot(
        &mut self,
        number: u8,
        f: impl FnOnce(&mut Self, &mut Slot<'db>) -> Result<(), String>,
    ) {
        let Some(at) = self.slots.iter().position(|slot| slot.number == number) else { return };
        let mut slot = self.slots.swap_remove(at);
        if let Err(story) = f(self, &mut slot) {
            self.accuse(FaultKind::Disagreement, &slot, story);
        }
        let told = slot.handle.read_timestamp();
        if told != slot.s {
            let story = format!("is at @{}, but says that it is at @{told}", slot.s);
            self.accuse(FaultKind::WrongTimestamp, &slot, story);
        }
        self.slots.push(slot);
    }

    fn accuse(&mut self, kind: FaultKind, slot: &Slot<'_>, story: String) {
        let story = format!("{}: {story}", self.history.txs[slot.place].name);
        self.faults.push(Fault { kind, story });
    }

    /// Takes what the recorder told since the last time.
    pub(super) fn hear(&mut self, slot: &mut Slot<'_>) -> Result<(), String> {
        self.listener.take(&mut self.facts);
        // Up to the fold a snapshot moves even where snapshots stay.
        slot.absorb(&mut self.facts, self.mode.sliding || self.mode.folding)
    }

    /// Checks that the recorder told exactly these facts.
    pub(super) fn expect(&self, expected: &[Fact]) -> Result<(), String> {
        if self.facts.iter().map(|told| told.fact).eq(expected.iter().copied()) {
            return Ok(());
        }
        let told: Vec<Fact> = self.facts.iter().map(|told| told.fact).collect();
        Err(format!("the recorder told {told:?}, the caller saw {expected:?}"))
    }

    fn begin(&mut self, number: u8, name: Name, read_only: bool) {
        if self.slots.iter().any(|slot| slot.number == number) {
            return;
        }
        // All are of one thread, so that the others pass.
        let ages = self.mode.aging && !read_only && number.is_multiple_of(3);
        let turn = ages.then(|| self.db.shut_gate()).flatten();
        let handle = match (read_only, number % 2) {
            (true, _) => Handle::Read(Rc::new(self.db.begin_read())),
            (false, 0) => Handle::Write(Rc::new(self.db.begin())),
            (false, _) => Handle::Write(Rc::new(self.db.begin_owned())),
        };
        let (id, s) = (handle.id(), handle.read_timestamp());
        let place = self.history.txs.len();
        let (end, collected_through) = (End::RolledBack, 0);
        self.history.txs.push(Tx { name, id, began: s, ops: Vec::new(), end, collected_through });
        let mut slot = Slot::new(number, place, handle, id, s);
        slot.turn = turn;
        if s != self.newest {
            let story = format!("began at @{s}, but @{} was the newest commit", self.newest);
            self.accuse(FaultKind::WrongTimestamp, &slot, story);
        }
        let told = self.hear(&mut slot).and_then(|()| self.expect(&[Fact::Begin { s, read_only }]));
        if let Err(story) = told {
            self.accuse(FaultKind::Disagreement, &slot, story);
        }
        self.slots.push(slot);
    }

    fn end(&mut self, number: u8, act: Act) {
        let Some(at) = self.slots.iter().position(|slot| slot.number == number) else { return };
        let mut slot = self.slots.swap_remove(at);
        let as_reader = act == Act::Err || !slot.wrote();
        let err = act == Act::Err;
        let handle = std::mem::replace(&mut slot.handle, Handle::Gone);
        let certain = self.must_be_doomed(&slot);
        let (result, doomed) = handle.end(act, number.is_multiple_of(2));
        if certain && !doomed && act == Act::Commit {
            self.accuse(FaultKind::FalseDoom, &slot, "is not doomed, but sure to fail".to_owned());
        }
        let heard = self.hear(&mut slot);
        let (end, fact) = match result {
            None => (Ok(End::RolledBack), Ended::RolledBack),
            Some(Ok(commit)) => {
                let at = u64::from(commit.timestamp());
                self.check_place(&slot, at, as_reader);
                if doomed && !as_reader {
                    self.accuse(
                        FaultKind::FalseDoom,
                        &slot,
                        "was doomed, and committed".to_owned(),
                    );
                }
                match as_reader {
                    true => (Ok(End::Certified { err }), Ended::Certified),
                    false => (Ok(End::Committed(at)), Ended::Committed(at)),
                }
            }
            Some(Err(Error::Conflict(conflict))) => {
                (cycle(&conflict).map(|cycle| End::Aborted { as_reader, cycle }), Ended::Aborted)
            }
            Some(Err(other)) => (Err(format!("failed otherwise: {other}")), Ended::Other),
        };
        let end = heard.and_then(|()| self.expect(&[Fact::End(fact)])).and(end);
        self.close(slot, end);
    }

    /// Whether it read and, beyond undoing, wrote a key that somebody has overwritten since.
    fn must_be_doomed(&self, slot: &Slot<'_>) -> bool {
        if !self.mode.certifier.is_serializable() {
            return false;
        }
        if self.mode.folding {
            // What is absent again at the fold is as good as never written.
            return false;
        }
        let both = slot.read & slot.certain();
        let later = self.history.txs.iter().filter(|tx| tx.c().is_some_and(|c| c > slot.s));
        !both.is_empty() && later.flat_map(Tx::left).any(|(key, _)| both.contains(key))
    }

    /// A commit passes the gate that a transaction of the same thread holds.
    fn note_ages(&mut self, slot: &Slot<'_>) {
        if self.history.txs[slot.place].c().is_none() {
            return;
        }
        self.aged |= slot.turn.is_some() && slot.passed;
        for holder in self.slots.iter_mut().filter(|other| other.turn.is_some()) {
            holder.passed = true;
        }
    }

    /// Checks the timestamp that a commit was given.
    fn check_place(&mut self, slot: &Slot<'_>, at: u64, as_reader: bool) {
        let expected = if as_reader { slot.s } else { self.newest + 1 };
        if at != expected {
            self.accuse(
                FaultKind::WrongTimestamp,
                slot,
                format!("got @{at} instead of @{expected}"),
            );
        }
        if !as_reader {
            self.newest = at;
        }
    }

    /// Moves what a transaction did into the history.
    fn close(&mut self, slot: Slot<'db>, end: Result<End, String>) {
        match end {
            Ok(end) => self.history.txs[slot.place].end = end,
            Err(story) => self.accuse(FaultKind::Disagreement, &slot, story),
        }
        self.note_ages(&slot);
        let tx = &mut self.history.txs[slot.place];
        tx.collected_through = self.collected_through;
        tx.ops = slot.ops;
        self.history.ended.push(slot.place);
        if self.mode.collecting {
            self.collect();
        }
    }

    fn unrelated(&mut self) {
        const NUMBER: u8 = u8::MAX;
        self.begin(NUMBER, Name::Unrelated, false);
        self.act(NUMBER, Act::Insert(oracle_key(true, 25), 0));
        self.end(NUMBER, Act::Commit);
    }

    /// Loads new values in bulk, which is a transaction that only writes.
    fn load(&mut self, span: Span) {
        const MOST: usize = 4;
        let keys: Vec<Key> = span.within().iter().take(MOST).collect();
        if keys.is_empty() {
            return;
        }
        let (place, upper_table) = (self.history.txs.len(), span.in_upper_table());
        let rows: Vec<(Key, Value)> =
            keys.into_iter().map(|key| (key, self.next_value(place, 0))).collect();
        let (began, at) = (self.newest, self.newest + 1);
        let words = rows.iter().map(|(key, value)| (table_key(*key), value.word()));
        let result = self.db.bulk_load(&self.tables[usize::from(upper_table)], words);
        self.newest = at;
        self.listener.take(&mut self.facts);
        let id = self.facts.first().map_or(u64::MAX, |told| told.tx);
        let write = |(key, _): &(Key, Value)| Fact::Write {
            upper_table,
            key: table_key(*key),
            removal: false,
        };
        let expected = [Fact::Begin { s: began, read_only: false }]
            .into_iter()
            .chain(rows.iter().map(write))
            .chain([Fact::End(Ended::Committed(at))]);
        let agrees = self.facts.iter().copied().eq(expected.map(|fact| Told { tx: id, fact }));
        if !agrees || !result.as_ref().is_ok_and(|commit| u64::from(commit.timestamp()) == at) {
            let story = format!("a load came to {result:?}, and {:?} was told", self.facts);
            self.faults.push(Fault { kind: FaultKind::Disagreement, story });
        }
        let write = |(key, value)| Op::Write { key, value: Some(value) };
        let ops = rows.into_iter().map(write).collect();
        let (name, end, collected_through) =
            (Name::Unrelated, End::Committed(at), self.collected_through);
        self.history.txs.push(Tx { name, id, began, ops, end, collected_through });
        self.history.ended.push(place);
    }

    fn collect(&mut self) {
        self.db.collect();
        self.asked(Question::Collected);
        let mark = self.slots.iter().map(|slot| slot.s).min().unwrap_or(self.newest);
        self.collected_through = self.collected_through.max(mark);
    }

    /// Ends whatever is open, and reads the final state.
    fn finish(mut self) -> Run {
        while let Some(slot) = self.slots.last() {
            self.end(slot.number, Act::Rollback);
        }
        self.drop_snaps();
        let tables = self.tables.clone();
        let rows = self.db.read(|tx| {
            let half = |upper: bool| {
                let rows = tx.range(&tables[usize::from(upper)], ..);
                rows.map(move |(key, word)| (oracle_key(upper, *key), Value::from_word(*word)))
            };
            half(false).chain(half(true)).collect()
        });
        self.history.last_state = rows.expect("a reader that is alone is certified");
        self.check_leaks();
        let shared = self.db.stats().shared_readers > 0;
        Run { history: self.history, faults: self.faults, aged: self.aged, shared }
    }

    /// When nobody is active and all is collected, one version a key is left.
    fn check_leaks(&mut self) {
        self.db.collect();
        let stats = self.db.stats();
        let rows = self.history.last_state.len();
        let conservative = self.history.txs.iter().filter(|tx| match &tx.end {
            End::Aborted { cycle, .. } => cycle.conservative,
            _ => false,
        });
        let suspected = self.history.txs.iter().filter(|tx| match &tx.end {
            End::Aborted { cycle, .. } => cycle.suspected,
            _ => false,
        });
        if stats.rule_aborts + stats.first_committer_aborts != suspected.count() as u64 {
            let story = format!("what a rule suspected is miscounted: {stats:?}");
            self.faults.push(Fault { kind: FaultKind::Disagreement, story });
        }
        if stats.conservative_aborts != conservative.count() as u64 {
            let story = format!("conservative aborts are miscounted: {stats:?}");
            self.faults.push(Fault { kind: FaultKind::Disagreement, story });
        }
        let left = (stats.active_transactions, stats.versions, stats.keys, stats.retained_commits);
        if left != (0, rows, rows, 0) || stats.retained_readers != 0 {
            let story = format!("{rows} rows are left, but {stats:?}");
            self.faults.push(Fault { kind: FaultKind::Leak, story });
        }
        if (stats.danger_intervals, stats.safe_lag) != (0, 0) {
            let story = format!("nobody is left, and yet something is not safe: {stats:?}");
            self.faults.push(Fault { kind: FaultKind::Leak, story });
        }
    }

    /// The commit timestamp of the version that this value is.
    pub(super) fn version(&self, value: Value) -> Result<u64, String> {
        let writer = self.writers.get(value.number()).map(|place| &self.history.txs[*place]);
        writer.and_then(Tx::c).ok_or_else(|| format!("saw {value:?}, which nobody committed"))
    }
}

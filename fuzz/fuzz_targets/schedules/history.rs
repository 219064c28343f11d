//! Decodes a schedule, runs it, and writes down what everybody saw.

use std::collections::BTreeMap;

use precedent::{Commit, Database, Error, Pin, Savepoint, Snapshot, Table, Timestamp, Transaction};

/// Longer schedules are cut off.
const MOST_STEPS: usize = 64;
/// Transactions in one schedule, so that the judge can try every serial order.
const MOST_TRANSACTIONS: usize = 7;
/// Safe snapshots likewise.
const MOST_SNAPSHOTS: usize = 2;
/// What the log keeps when it is folded.
const FOLDED: usize = 2;
const SESSIONS: usize = 4;
const KEYS: u8 = 4;
const KINDS: &[u8; 19] = b"brwdstnpcexmvulghkf";

pub type State = BTreeMap<u8, u64>;

/// What to do, in which session, with which key.
#[derive(Clone, Copy)]
pub struct Step {
    kind: u8,
    session: usize,
    key: u8,
}

/// What a transaction did; a read with what it returned.
pub enum Operation {
    Read {
        key: u8,
        saw: Option<u64>,
    },
    Scan {
        scan: Scan,
        saw: Vec<(u8, u64)>,
    },
    Write {
        key: u8,
        value: Option<u64>,
    },
    /// Takes a savepoint.
    Save,
    /// Undoes the writes since the newest savepoint.
    Undo,
}

/// Which rows, and in which order.
#[derive(Clone, Copy)]
pub enum Scan {
    From(u8),
    DownFrom(u8),
    Next(u8),
    Even,
}

impl Scan {
    /// What it returns in this state.
    pub fn rows(self, state: &State) -> Vec<(u8, u64)> {
        let rows = state.iter().map(|(key, value)| (*key, *value));
        match self {
            Self::From(from) => rows.filter(|(key, _)| *key >= from).collect(),
            Self::DownFrom(from) => rows.rev().filter(|(key, _)| *key <= from).collect(),
            Self::Next(from) => rows.filter(|(key, _)| *key >= from).take(1).collect(),
            Self::Even => rows.filter(|(_, value)| value % 2 == 0).collect(),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum End {
    Committed,
    CertifiedWithoutWrites,
    RolledBack,
    Refused,
}

/// One transaction; `began` and `ended` are numbers of steps.
pub struct Record {
    pub began: usize,
    pub ended: usize,
    pub end: End,
    pub operations: Vec<Operation>,
    /// The committed state when it began.
    pub snapshot: State,
}

pub fn decode(bytes: &[u8]) -> Vec<Step> {
    let shown: Vec<_> = bytes.iter().copied().filter(|byte| *byte > b' ').collect();
    let steps = shown.chunks_exact(3).take(MOST_STEPS).map(|step| Step {
        kind: match KINDS.contains(&step[0]) {
            true => step[0],
            false => KINDS[usize::from(step[0]) % KINDS.len()],
        },
        session: usize::from(step[1]) % SESSIONS,
        key: step[2].wrapping_sub(b'a') % KEYS,
    });
    steps.collect()
}

/// Runs the steps in the order given; what is open at the end is rolled back.
pub fn run(steps: &[Step], sliding: bool, folding: bool) -> Vec<Record> {
    let builder = Database::builder().sliding(sliding);
    let builder = if folding { builder.max_retained_commits(FOLDED) } else { builder };
    let db = builder.build();
    let table = db.table("numbers").expect("a new database has no tables");
    let mut run = Run::new(&db, table);
    let mut sessions: [Option<Open<'_>>; SESSIONS] = [const { None }; SESSIONS];
    for step in steps {
        run.now += 1;
        if b"lghkf".contains(&step.kind) {
            run.beside(*step);
            continue;
        }
        let open = sessions[step.session].take();
        sessions[step.session] = run.step(*step, open);
    }
    run.now += 1;
    for open in sessions.into_iter().flatten() {
        run.end(b'x', open);
    }
    for session in 0..SESSIONS {
        run.look_at_pinned(session);
        run.look_at_taken(session);
    }
    db.collect();
    let stats = db.stats();
    assert_eq!(stats.versions, run.committed().len(), "versions after everything ended");
    assert_eq!(stats.retained_commits, 0, "commits retained after everything ended");
    run.records
}

struct Run<'db> {
    db: &'db Database,
    table: Table<u8, u64>,
    now: usize,
    begun: usize,
    /// What the commits add up to, after each of them.
    states: Vec<State>,
    records: Vec<Record>,
    snapshots: usize,
    taken: [Option<(Snapshot, Record)>; SESSIONS],
    pinned: [Option<Pin>; SESSIONS],
}

/// A transaction on its way.
struct Open<'db> {
    tx: Transaction<'db>,
    record: Record,
    savepoints: Vec<Savepoint>,
}

impl<'db> Run<'db> {
    fn new(db: &'db Database, table: Table<u8, u64>) -> Self {
        Self {
            db,
            table,
            now: 0,
            begun: 0,
            states: vec![State::new()],
            records: Vec::new(),
            snapshots: 0,
            taken: [const { None }; SESSIONS],
            pinned: [const { None }; SESSIONS],
        }
    }

    fn committed(&self) -> &State {
        self.states.last().expect("the first one is empty")
    }

    /// Does what no open transaction does.
    fn beside(&mut self, step: Step) {
        match step.kind {
            b'l' => self.load(step.key),
            b'g' => self.db.collect(),
            b'h' if self.taken[step.session].is_some() => self.look_at_taken(step.session),
            b'h' => self.take(step.session),
            b'k' if self.pinned[step.session].is_some() => self.look_at_pinned(step.session),
            b'k' => self.pinned[step.session] = Some(self.db.pin()),
            _ => {
                let at = self.states.len() - 1;
                let at = at.saturating_sub(usize::from(step.key));
                match self.db.snapshot_at(Timestamp::from(at as u64)) {
                    Ok(snapshot) => _ = self.look_at(&snapshot),
                    Err(error) => assert!(step.key > 0, "the newest state: {error}"),
                }
            }
        }
    }

    fn load(&mut self, key: u8) {
        if self.begun == MOST_TRANSACTIONS {
            return;
        }
        self.begun += 1;
        let rows: State = (key..KEYS.min(key + 2)).map(|key| (key, self.now as u64)).collect();
        let write = |(key, value): (&u8, &u64)| Operation::Write { key: *key, value: Some(*value) };
        let mut record = self.begin_record();
        record.operations = rows.iter().map(write).collect();
        record.ended = self.now;
        record.end = End::Committed;
        self.db.bulk_load(&self.table, rows).expect("it reads nothing");
        self.commit(record);
    }

    /// Takes a safe snapshot. It may lag, so it waits for nobody, and nobody for it.
    fn take(&mut self, session: usize) {
        if self.snapshots == MOST_SNAPSHOTS {
            return;
        }
        self.snapshots += 1;
        let snapshot = self.db.safe_snapshot();
        assert!(snapshot.is_safe());
        let saw = self.look_at(&snapshot);
        let record = Record {
            began: 0,
            ended: usize::MAX,
            end: End::CertifiedWithoutWrites,
            snapshot: saw.iter().copied().collect(),
            operations: vec![Operation::Scan { scan: Scan::From(0), saw }],
        };
        self.taken[session] = Some((snapshot, record));
    }

    fn look_at_taken(&mut self, session: usize) {
        if let Some((snapshot, record)) = self.taken[session].take() {
            self.look_at(&snapshot);
            self.records.push(record);
        }
    }

    fn look_at_pinned(&mut self, session: usize) {
        if let Some(pin) = self.pinned[session].take() {
            self.look_at(&pin.snapshot());
            let again = self.db.snapshot_at(pin.timestamp()).expect("it is pinned");
            drop(pin);
            self.db.collect();
            self.look_at(&again);
        }
    }

    /// Every row; they are those of the snapshot's timestamp.
    fn look_at(&self, snapshot: &Snapshot) -> Vec<(u8, u64)> {
        let rows = collect(snapshot.range(&self.table, ..));
        let state = &self.states[u64::from(snapshot.timestamp()) as usize];
        assert!(rows.iter().copied().eq(state.iter().map(|(key, value)| (*key, *value))));
        rows
    }

    fn commit(&mut self, record: Record) {
        let mut state = self.committed().clone();
        let writes = left(&record);
        writes.iter().for_each(|(key, value)| change(&mut state, *key, *value));
        if !writes.is_empty() {
            self.states.push(state);
        }
        self.records.push(record);
    }

    fn step(&mut self, step: Step, open: Option<Open<'db>>) -> Option<Open<'db>> {
        let mut open = match open {
            Some(open) => open,
            None if self.begun == MOST_TRANSACTIONS => return None,
            None => {
                self.begun += 1;
                let (tx, record) = (self.db.begin(), self.begin_record());
                Open { tx, record, savepoints: Vec::new() }
            }
        };
        match step.kind {
            b'b' => {}
            b'c' | b'e' | b'x' => {
                self.end(step.kind, open);
                return None;
            }
            b'm' => self.remove_from(step.key, &mut open),
            b'v' => {
                open.savepoints.push(open.tx.savepoint());
                open.record.operations.push(Operation::Save);
            }
            b'u' => {
                if let Some(savepoint) = open.savepoints.last() {
                    open.tx.rollback_to(savepoint);
                    open.record.operations.push(Operation::Undo);
                }
            }
            _ => open.record.operations.push(self.operate(step, &open.tx)),
        }
        Some(open)
    }

    fn remove_from(&self, key: u8, open: &mut Open<'db>) {
        let saw = collect(open.tx.range(&self.table, key..));
        assert_eq!(open.tx.remove_range(&self.table, key..), saw.len());
        let removals = saw.iter().map(|(key, _)| Operation::Write { key: *key, value: None });
        let removals: Vec<_> = removals.collect();
        open.record.operations.push(Operation::Scan { scan: Scan::From(key), saw });
        open.record.operations.extend(removals);
    }

    fn begin_record(&self) -> Record {
        Record {
            began: self.now,
            ended: 0,
            end: End::RolledBack,
            operations: Vec::new(),
            snapshot: self.committed().clone(),
        }
    }

    fn operate(&self, step: Step, tx: &Transaction<'db>) -> Operation {
        let (table, key) = (&self.table, step.key);
        let scan = match step.kind {
            b'r' => return Operation::Read { key, saw: tx.get(table, &key).copied() },
            b'w' => {
                // The number of the step: no two writes have the same value.
                let value = self.now as u64;
                tx.insert(table, key, value);
                return Operation::Write { key, value: Some(value) };
            }
            b'd' => {
                tx.remove(table, &key);
                return Operation::Write { key, value: None };
            }
            b's' => Scan::From(key),
            b't' => Scan::DownFrom(key),
            b'n' => Scan::Next(key),
            _ => Scan::Even,
        };
        let saw = match scan {
            Scan::From(key) => collect(tx.range(table, key..)),
            Scan::DownFrom(key) => collect(tx.range(table, ..=key).rev()),
            Scan::Next(key) => collect(tx.range(table, key..).take(1)),
            Scan::Even => collect(tx.range_where(table, .., |_, value| value % 2 == 0)),
        };
        Operation::Scan { scan, saw }
    }

    fn end(&mut self, kind: u8, open: Open<'db>) {
        let Open { tx, mut record, .. } = open;
        record.ended = self.now;
        record.end = match kind {
            b'c' => end_of(tx.commit(), End::Committed),
            b'e' => end_of(tx.finish_without_writes(), End::CertifiedWithoutWrites),
            _ => {
                tx.rollback();
                End::RolledBack
            }
        };
        match record.end {
            End::Committed => self.commit(record),
            _ => self.records.push(record),
        }
    }
}

/// What it wrote and did not undo, in order.
pub fn left(record: &Record) -> Vec<(u8, Option<u64>)> {
    let (mut left, mut saved) = (Vec::new(), Vec::new());
    for operation in &record.operations {
        match operation {
            Operation::Write { key, value } => left.push((*key, *value)),
            Operation::Save => saved.push(left.len()),
            Operation::Undo => left.truncate(saved.last().copied().unwrap_or(0)),
            Operation::Read { .. } | Operation::Scan { .. } => {}
        }
    }
    left
}

/// Writes the value, or deletes the key.
pub fn change(state: &mut State, key: u8, value: Option<u64>) {
    match value {
        Some(value) => state.insert(key, value),
        None => state.remove(&key),
    };
}

fn end_of(result: Result<Commit, Error>, certified: End) -> End {
    match result {
        Ok(_) => certified,
        Err(Error::Conflict(conflict)) => {
            // That it can be told, whatever it is.
            assert!(!conflict.to_string().is_empty() && conflict.dot().starts_with("digraph"));
            End::Refused
        }
        Err(error) => panic!("neither committed nor a conflict: {error}"),
    }
}

fn collect<'t>(rows: impl Iterator<Item = (&'t u8, &'t u64)>) -> Vec<(u8, u64)> {
    rows.map(|(key, value)| (*key, *value)).collect()
}

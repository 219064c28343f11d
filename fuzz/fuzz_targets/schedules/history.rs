//! Decodes a schedule, runs it, and writes down what everybody saw.

use std::collections::BTreeMap;

use precedent::{Commit, Database, Error, Table, Transaction};

/// Longer schedules are cut off.
const MOST_STEPS: usize = 64;
/// Transactions in one schedule, so that the judge can try every serial order.
const MOST_TRANSACTIONS: usize = 7;
const SESSIONS: usize = 4;
const KEYS: u8 = 4;
const KINDS: &[u8; 11] = b"brwdstnpcex";

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
    Read { key: u8, saw: Option<u64> },
    Scan { scan: Scan, saw: Vec<(u8, u64)> },
    Write { key: u8, value: Option<u64> },
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
pub fn run(steps: &[Step], sliding: bool) -> Vec<Record> {
    let db = Database::builder().sliding(sliding).build();
    let table = db.table("numbers").expect("a new database has no tables");
    let mut run = Run::new(&db, table);
    let mut sessions: [Option<(Transaction<'_>, Record)>; SESSIONS] = [const { None }; SESSIONS];
    for step in steps {
        run.now += 1;
        let open = sessions[step.session].take();
        sessions[step.session] = run.step(*step, open);
    }
    run.now += 1;
    for (tx, record) in sessions.into_iter().flatten() {
        run.end(b'x', tx, record);
    }
    db.collect();
    let stats = db.stats();
    assert_eq!(stats.versions, run.committed.len(), "versions after everything ended");
    assert_eq!(stats.retained_commits, 0, "commits retained after everything ended");
    run.records
}

struct Run<'db> {
    db: &'db Database,
    table: Table<u8, u64>,
    now: usize,
    begun: usize,
    /// What the commits so far add up to.
    committed: State,
    records: Vec<Record>,
}

impl<'db> Run<'db> {
    fn new(db: &'db Database, table: Table<u8, u64>) -> Self {
        Self { db, table, now: 0, begun: 0, committed: State::new(), records: Vec::new() }
    }

    fn step(
        &mut self,
        step: Step,
        open: Option<(Transaction<'db>, Record)>,
    ) -> Option<(Transaction<'db>, Record)> {
        let (tx, mut record) = match open {
            Some(open) => open,
            None if self.begun == MOST_TRANSACTIONS => return None,
            None => {
                self.begun += 1;
                (self.db.begin(), self.begin_record())
            }
        };
        match step.kind {
            b'b' => {}
            b'c' | b'e' | b'x' => {
                self.end(step.kind, tx, record);
                return None;
            }
            _ => record.operations.push(self.operate(step, &tx)),
        }
        Some((tx, record))
    }

    fn begin_record(&self) -> Record {
        Record {
            began: self.now,
            ended: 0,
            end: End::RolledBack,
            operations: Vec::new(),
            snapshot: self.committed.clone(),
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

    fn end(&mut self, kind: u8, tx: Transaction<'db>, mut record: Record) {
        record.ended = self.now;
        record.end = match kind {
            b'c' => end_of(tx.commit(), End::Committed),
            b'e' => end_of(tx.finish_without_writes(), End::CertifiedWithoutWrites),
            _ => {
                tx.rollback();
                End::RolledBack
            }
        };
        if record.end == End::Committed {
            for operation in &record.operations {
                if let Operation::Write { key, value } = operation {
                    change(&mut self.committed, *key, *value);
                }
            }
        }
        self.records.push(record);
    }
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

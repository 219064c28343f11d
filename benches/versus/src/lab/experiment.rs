//! One workload under one rule, and what came of it.

use std::cell::{Cell, RefCell};

use precedent::{Certifier, Database};

use super::driver::{self, Lab, TABLES};
use super::judge::{self, Checked, Violation};
use super::record::Attempt;
use super::ruled::Ruled;
use super::workloads::Workload;

/// How a workload is run.
#[derive(Clone, Copy)]
pub struct Experiment {
    pub rule: Certifier,
    pub sliding: bool,
    pub sessions: u64,
    pub transactions: u64,
    pub seed: u64,
    /// Whether a transaction that was refused is tried again.
    pub retries: bool,
    /// Whether the run is recorded and judged.
    pub check: bool,
}

/// What came of it.
pub struct Outcome {
    pub ruled: Ruled,
    /// What was judged, if that was asked for.
    pub checked: Checked,
    /// What was found wrong.
    pub violation: Option<Violation>,
}

impl Outcome {
    /// Adds what came of the same with another seed.
    pub fn add(&mut self, other: Self) {
        self.ruled.add(&other.ruled);
        self.checked.add(&other.checked);
        self.violation = self.violation.take().or(other.violation);
    }
}

/// Runs it.
pub fn run(workload: &dyn Workload, experiment: Experiment) -> Result<Outcome, String> {
    let attempts = attempts(workload, experiment)?;
    let Experiment { rule, sliding, sessions, seed, retries, check, .. } = experiment;
    let mut ruled = Ruled {
        workload: workload.name().to_owned(),
        about: workload.about().to_owned(),
        counted: workload.watched().map(str::to_owned),
        rule: rule.to_string(),
        serializable: rule.is_serializable(),
        sliding,
        sessions,
        seed,
        repeats: 1,
        retries,
        checked: check,
        kinds: Vec::new(),
    };
    // The first one is who loaded the rows.
    attempts[1..].iter().for_each(|attempt| ruled.note(attempt.kind, attempt.end));
    let (checked, violation) = match check.then(|| judge::judge(&attempts)) {
        None => (Checked::default(), None),
        Some(Ok(checked)) => (checked, None),
        Some(Err(violation)) => (Checked::default(), Some(violation)),
    };
    Ok(Outcome { ruled, checked, violation })
}

/// All attempts of a run, in the order in which they ended.
pub fn attempts(workload: &dyn Workload, experiment: Experiment) -> Result<Vec<Attempt>, String> {
    let builder = Database::builder().certifier(experiment.rule).sliding(experiment.sliding);
    let database = builder.build();
    let tables = (0..TABLES).map(|table| database.table(&format!("t{table}")));
    let tables = tables.collect::<Result<_, _>>().map_err(|error| error.to_string())?;
    let lab = Lab {
        database: &database,
        tables,
        workload,
        left: Cell::new(experiment.transactions),
        ended: RefCell::default(),
        next: Cell::new(1),
        retries: experiment.retries,
        keeps: experiment.check,
    };
    Ok(driver::run(&lab, experiment.sessions, experiment.seed))
}

//! One workload under one rule, and what came of it.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use precedent::{Certifier, ConflictReason, Database};

use super::driver::{self, Lab, TABLES};
use super::judge::{self, Checked, Violation};
use super::record::{Attempt, End};
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
    pub workload: &'static str,
    pub about: &'static str,
    /// Whose refusals the table shows, if not all.
    pub watched: Option<&'static str>,
    pub rule: Certifier,
    pub sliding: bool,
    /// By kind of transaction.
    pub kinds: BTreeMap<&'static str, Counts>,
    /// What was judged, if that was asked for.
    pub checked: Option<Checked>,
    /// What was found wrong.
    pub violation: Option<Violation>,
}

/// How transactions ended.
#[derive(Clone, Copy, Default)]
pub struct Counts {
    pub committed: u64,
    /// As readers; those that gave up included.
    pub certified: u64,
    /// By reason: a cycle, the rule, a lost race.
    pub refused: [u64; 3],
}

/// What the three reasons are called.
pub const REASONS: [&str; 3] = ["cycle", "rule", "first_committer"];

impl Counts {
    fn note(&mut self, end: End) {
        match end {
            End::Committed(_) => self.committed += 1,
            End::Certified => self.certified += 1,
            End::Refused(ConflictReason::Rule) => self.refused[1] += 1,
            End::Refused(ConflictReason::FirstCommitterWins) => self.refused[2] += 1,
            End::Refused(_) => self.refused[0] += 1,
        }
    }

    pub fn add(&mut self, other: &Self) {
        self.committed += other.committed;
        self.certified += other.certified;
        self.refused.iter_mut().zip(other.refused).for_each(|(mine, theirs)| *mine += theirs);
    }

    pub fn attempts(&self) -> u64 {
        self.committed + self.certified + self.refusals()
    }

    pub fn refusals(&self) -> u64 {
        self.refused.iter().sum()
    }

    /// Of a hundred attempts, how many were refused.
    pub fn percent(&self) -> f64 {
        100.0 * self.refusals() as f64 / self.attempts().max(1) as f64
    }
}

impl Outcome {
    /// The counts that the table shows.
    pub fn counts(&self) -> Counts {
        let mut sum = Counts::default();
        let wanted = |kind: &str| self.watched.is_none_or(|watched| watched == kind);
        self.kinds.iter().filter(|(kind, _)| wanted(kind)).for_each(|(_, one)| sum.add(one));
        sum
    }

    /// Workload and rule.
    pub fn title(&self) -> String {
        let sliding = if self.sliding { "snapshots slide" } else { "snapshots stay" };
        format!("{}: {}, {sliding}", self.workload, self.rule)
    }

    /// Adds what came of the same with another seed.
    pub fn add(&mut self, other: Self) {
        for (kind, counts) in &other.kinds {
            self.kinds.entry(kind).or_default().add(counts);
        }
        if let (Some(mine), Some(theirs)) = (&mut self.checked, &other.checked) {
            mine.add(theirs);
        }
        self.violation = self.violation.take().or(other.violation);
    }
}

/// Runs it.
pub fn run(workload: &dyn Workload, experiment: Experiment) -> Result<Outcome, String> {
    let attempts = attempts(workload, experiment)?;
    let mut kinds: BTreeMap<&'static str, Counts> = BTreeMap::new();
    // The first one is who loaded the rows.
    for attempt in &attempts[1..] {
        kinds.entry(attempt.kind).or_default().note(attempt.end);
    }
    let judged = experiment.check.then(|| judge::judge(&attempts));
    let (checked, violation) = match judged {
        None => (None, None),
        Some(Ok(checked)) => (Some(checked), None),
        Some(Err(violation)) => (None, Some(violation)),
    };
    Ok(Outcome {
        workload: workload.name(),
        about: workload.about(),
        watched: workload.watched(),
        rule: experiment.rule,
        sliding: experiment.sliding,
        kinds,
        checked,
        violation,
    })
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

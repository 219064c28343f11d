//! Counters over many runs, and the floors below which a run proves nothing.

use std::collections::BTreeMap;
use std::fmt;

use super::step::{Mode, Schedule};
use crate::oracle::{Fault, FaultKind, Sighting, Verdict};

/// What a full run of a million random and directed schedules must at least have seen.
pub const FLOORS: [(Sighting, u64); 14] = [
    (Sighting::LongCycle, 10_000),
    (Sighting::PhantomCycle, 10_000),
    (Sighting::PredicateCycle, 10_000),
    (Sighting::ReadOnlyMember, 10_000),
    (Sighting::CertifiedErr, 10_000),
    (Sighting::Slide, 10_000),
    (Sighting::PrunedMember, 1_000),
    (Sighting::ErrMember, 1_000),
    (Sighting::Undone, 10_000),
    (Sighting::Aged, 10_000),
    (Sighting::SafeLag, 10_000),
    (Sighting::DangerLag, 1_000),
    (Sighting::SnapshotAt, 10_000),
    (Sighting::UnsafeCycle, 1_000),
];

/// Most failures that are kept for the report.
const MOST_FAILURES: usize = 5;

/// A schedule that failed.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The schedule.
    pub schedule: Schedule,
    /// How it was run.
    pub mode: Mode,
    /// What was wrong first.
    pub fault: Fault,
}

/// Counters over many runs.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    kinds: BTreeMap<&'static str, u64>,
    commits: u64,
    certified: u64,
    /// Refusals of all kinds.
    pub aborts: u64,
    /// Refusals for a bound.
    pub conservative: u64,
    /// Refusals because a rule suspected something.
    pub suspected: u64,
    /// Of those: without a cycle.
    pub unfounded: u64,
    sightings: [u64; Sighting::ALL.len()],
    faults: BTreeMap<String, u64>,
    /// The first few schedules that failed.
    pub failures: Vec<Failure>,
}

impl Tally {
    /// Counts one run.
    pub fn note(&mut self, kind: &'static str, schedule: &Schedule, mode: Mode, verdict: Verdict) {
        *self.kinds.entry(kind).or_default() += 1;
        self.commits += verdict.commits;
        self.certified += verdict.certified;
        self.aborts += verdict.aborts;
        self.conservative += verdict.conservative;
        self.suspected += verdict.suspected;
        self.unfounded += verdict.unfounded;
        for (count, sighting) in self.sightings.iter_mut().zip(Sighting::ALL) {
            *count += u64::from(verdict.shows(sighting));
        }
        for fault in &verdict.faults {
            *self.faults.entry(format!("{:?}", fault.kind)).or_default() += 1;
        }
        if let Some(fault) = verdict.faults.into_iter().next()
            && self.failures.len() < MOST_FAILURES
        {
            self.failures.push(Failure { schedule: schedule.clone(), mode, fault });
        }
    }

    /// Adds the counters of another tally.
    pub fn add(&mut self, other: Self) {
        for (kind, count) in other.kinds {
            *self.kinds.entry(kind).or_default() += count;
        }
        for (kind, count) in other.faults {
            *self.faults.entry(kind).or_default() += count;
        }
        self.commits += other.commits;
        self.certified += other.certified;
        self.aborts += other.aborts;
        self.conservative += other.conservative;
        self.suspected += other.suspected;
        self.unfounded += other.unfounded;
        for (mine, theirs) in self.sightings.iter_mut().zip(other.sightings) {
            *mine += theirs;
        }
        self.failures.extend(other.failures);
        self.failures.truncate(MOST_FAILURES);
    }

    /// How many schedules showed this.
    pub fn sighted(&self, sighting: Sighting) -> u64 {
        self.sightings[sighting as usize]
    }

    /// How many schedules were run.
    pub fn schedules(&self) -> u64 {
        self.kinds.values().sum()
    }

    /// The floors that were missed, at this size in percent.
    pub fn missed_floors(&self, percent: f64) -> Vec<String> {
        let mut missed = Vec::new();
        for (sighting, floor) in FLOORS {
            let (seen, floor) = (self.sightings[sighting as usize], scaled(floor, percent));
            if seen < floor {
                missed.push(format!(
                    "{}: {seen} schedules, at least {floor} wanted",
                    sighting.name()
                ));
            }
        }
        missed
    }

    /// The lines of the summary that tell the floors.
    pub fn floors(&self, percent: f64) -> String {
        let lines = FLOORS.iter().map(|(sighting, floor)| {
            let (seen, floor) = (self.sightings[*sighting as usize], scaled(*floor, percent));
            let mark = if seen < floor { "MISSED" } else { "ok" };
            format!("  {:<24}{seen:>12}  floor {floor:>8}  {mark}\n", sighting.name())
        });
        lines.collect()
    }

    fn faults_of(&self, kind: FaultKind) -> u64 {
        self.faults.get(&format!("{kind:?}")).copied().unwrap_or(0)
    }
}

/// A number for a full run, at this size in percent.
pub fn scaled(full: u64, percent: f64) -> u64 {
    (full as f64 * percent / 100.0).floor() as u64
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (kind, count) in &self.kinds {
            writeln!(f, "  {kind:<24}{count:>12}  schedules")?;
        }
        let counters = [
            ("schedules in all", self.schedules()),
            ("commits", self.commits),
            ("certified readers", self.certified),
            ("aborts", self.aborts),
            ("conservative aborts", self.conservative),
            ("suspected by a rule", self.suspected),
            ("… without a cycle", self.unfounded),
            ("missed cycles", self.faults_of(FaultKind::MissedCycle)),
            ("unjustified aborts", self.faults_of(FaultKind::UnjustifiedAbort)),
            ("wrong replays", self.faults_of(FaultKind::WrongReplay)),
            ("all faults", self.faults.values().sum()),
        ];
        counters.iter().try_for_each(|(name, count)| writeln!(f, "  {name:<24}{count:>12}"))
    }
}

//! What came of a workload under a rule, as it is written to a file and read back.

use precedent::{Certifier, ConflictReason};
use serde::{Deserialize, Serialize};

use super::record::End;

#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct Ruled {
    pub workload: String,
    pub about: String,
    /// Whose refusals are shown, if not all.
    pub counted: Option<String>,
    pub rule: String,
    pub serializable: bool,
    pub sliding: bool,
    pub sessions: u64,
    /// The first one; there are as many as repeats.
    pub seed: u64,
    pub repeats: u64,
    /// Whether a transaction that was refused was tried again.
    pub retries: bool,
    /// Whether the runs were judged, and found right.
    pub checked: bool,
    pub kinds: Vec<Ends>,
}

/// How transactions of one kind ended.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
pub struct Ends {
    pub kind: String,
    pub committed: u64,
    /// As readers; those that gave up included.
    pub certified: u64,
    /// Because of a cycle.
    pub cycle: u64,
    /// Because of what a rule suspects.
    pub rule: u64,
    /// Because somebody else wrote a key first.
    pub first_committer: u64,
}

impl Ends {
    fn note(&mut self, end: End) {
        match end {
            End::Committed(_) => self.committed += 1,
            End::Certified => self.certified += 1,
            End::Refused(ConflictReason::Rule) => self.rule += 1,
            End::Refused(ConflictReason::FirstCommitterWins) => self.first_committer += 1,
            End::Refused(_) => self.cycle += 1,
        }
    }

    fn add(&mut self, other: &Self) {
        self.committed += other.committed;
        self.certified += other.certified;
        self.cycle += other.cycle;
        self.rule += other.rule;
        self.first_committer += other.first_committer;
    }

    fn refused(&self) -> u64 {
        self.cycle + self.rule + self.first_committer
    }

    fn attempts(&self) -> u64 {
        self.committed + self.certified + self.refused()
    }
}

impl Ruled {
    /// Counts the end of a transaction of this kind.
    pub fn note(&mut self, kind: &str, end: End) {
        self.ends(kind).note(end);
    }

    /// Adds what came of the same with another seed.
    pub fn add(&mut self, other: &Self) {
        self.repeats += other.repeats;
        other.kinds.iter().for_each(|ends| self.ends(&ends.kind).add(ends));
    }

    fn ends(&mut self, kind: &str) -> &mut Ends {
        let at = self.kinds.iter().position(|ends| ends.kind == kind).unwrap_or_else(|| {
            self.kinds.push(Ends { kind: kind.to_owned(), ..Ends::default() });
            self.kinds.len() - 1
        });
        &mut self.kinds[at]
    }

    /// All transactions, of whatever kind.
    #[cfg(test)]
    pub fn attempts(&self) -> u64 {
        self.kinds.iter().map(Ends::attempts).sum()
    }

    /// Of a hundred transactions of the kind that counts, how many were refused.
    pub fn percent(&self) -> f64 {
        let counts = |ends: &&Ends| self.counted.as_ref().is_none_or(|kind| *kind == ends.kind);
        let counted = || self.kinds.iter().filter(counts);
        let (refused, attempts): (u64, u64) =
            (counted().map(Ends::refused).sum(), counted().map(Ends::attempts).sum());
        100.0 * refused as f64 / attempts.max(1) as f64
    }

    /// Whether it is the engine's own rule.
    pub fn is_exact(&self) -> bool {
        self.rule == Certifier::Exact.to_string()
    }

    /// Workload and rule.
    pub fn title(&self) -> String {
        let sliding = if self.sliding { "snapshots slide" } else { "snapshots stay" };
        format!("{}: {}, {sliding}", self.workload, self.rule)
    }
}

//! Publication: commits become visible in the order of their timestamps.
//!
//! ```text
//!   taken:      1 2 3 4 5        installed: 1 2 . 4 .       published: w = 2
//! ```
//!
//! Commits install their versions in parallel and out of order. The published timestamp
//! covers the longest prefix that is installed without a gap, and a commit returns to
//! its caller only when it is covered (I2).

use std::collections::BTreeSet;

use crate::bugs::{Bug, Bugs};
use crate::store::registry::Registry;
use crate::sync::{Mutex, Waiting};

pub(crate) struct Publisher {
    /// Installed, but with a gap below.
    early: Mutex<BTreeSet<u64>>,
    bugs: Bugs,
}

impl Publisher {
    pub(crate) fn new(bugs: Bugs) -> Self {
        Self { early: Mutex::new(BTreeSet::new()), bugs }
    }

    /// Tells that every version of this commit is installed, and publishes what has no
    /// gap below it any more. Called exactly once for every commit timestamp.
    pub(crate) fn installed(&self, registry: &Registry, commit: u64) {
        let mut early = self.early.lock();
        let published = registry.published();
        if commit != published + 1 {
            early.insert(commit);
            return;
        }
        let mut covered = commit;
        while early.remove(&(covered + 1)) {
            covered += 1;
        }
        registry.publish(covered);
    }

    /// Waits until the commit is published. Ends, because each earlier commit has taken
    /// its timestamp and runs no user code until it has installed.
    pub(crate) fn wait_for(&self, registry: &Registry, commit: u64) {
        if self.bugs.has(Bug::EarlyAcknowledge) {
            return;
        }
        let waiting = Waiting::new();
        while registry.published() < commit {
            waiting.wait();
        }
    }
}

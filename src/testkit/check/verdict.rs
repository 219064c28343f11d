//! What came out.

use std::fmt;

use crate::testkit::check::anomaly::{Anomaly, AnomalyKind, Level};

/// What [`check`](super::check()) found in a history.
///
/// Of each kind of anomaly it shows some witnesses, at most one from each strongly connected
/// component, not all there are. A component in which a grave anomaly was found is not
/// searched for lighter ones that it implies.
///
/// ```
/// use precedent::testkit::{AnomalyKind, History, Level, check};
/// let history = History::parse(
///     r#"{"tx":1,"called":1,"ended":2,"ops":[["w","","x",1]],"commit":1}
///        {"tx":2,"called":3,"ended":4,"ops":[["r","","x",null]],"snapshot":0,"end":"certified"}"#,
/// )?;
/// let verdict = check(&history);
/// assert!(verdict.holds(Level::Serializable) && !verdict.holds(Level::StrictSerializable));
/// assert!(verdict.has(AnomalyKind::RealTime));
/// # Ok::<(), precedent::testkit::ParseError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Verdict {
    pub(super) transactions: usize,
    pub(super) certified: usize,
    pub(super) edges: usize,
    pub(super) missed: u64,
    /// The gravest first.
    pub(super) anomalies: Vec<Anomaly>,
}

impl Verdict {
    /// Whether the history keeps this level.
    ///
    /// ```
    /// use precedent::testkit::{Level, Recording, check};
    /// assert!(check(&Recording::new().take()).holds(Level::StrictSerializable));
    /// ```
    #[must_use]
    pub fn holds(&self, level: Level) -> bool {
        self.anomalies.iter().all(|anomaly| anomaly.kind.breaks() > level)
    }

    /// The strongest level that the history keeps, if it keeps any.
    ///
    /// ```
    /// use precedent::testkit::{Level, Recording, check};
    /// let verdict = check(&Recording::new().take());
    /// assert_eq!(verdict.strongest(), Some(Level::StrictSerializable));
    /// ```
    #[must_use]
    pub fn strongest(&self) -> Option<Level> {
        Level::ALL.into_iter().rev().find(|level| self.holds(*level))
    }

    /// What is wrong, the gravest first.
    ///
    /// ```
    /// use precedent::testkit::{Recording, check};
    /// assert!(check(&Recording::new().take()).anomalies().is_empty());
    /// ```
    #[must_use]
    pub fn anomalies(&self) -> &[Anomaly] {
        &self.anomalies
    }

    /// Whether an anomaly of this name was found.
    ///
    /// ```
    /// use precedent::testkit::{AnomalyKind, Recording, check};
    /// assert!(!check(&Recording::new().take()).has(AnomalyKind::WriteSkew));
    /// ```
    #[must_use]
    pub fn has(&self, kind: AnomalyKind) -> bool {
        self.anomalies.iter().any(|found| found.kind == kind || found.textbook == Some(kind))
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (all, certified, edges) = (self.transactions, self.certified, self.edges);
        writeln!(f, "{all} transactions, {certified} of them certified, {edges} dependencies")?;
        if self.missed > 0 {
            writeln!(f, "{} transactions were not recorded: the recording was full", self.missed)?;
        }
        for level in Level::ALL {
            let word = if self.holds(level) { "kept" } else { "broken" };
            writeln!(f, "  {:<24}{word}", level.to_string())?;
        }
        self.anomalies.iter().try_for_each(|anomaly| write!(f, "\n{anomaly}\n"))
    }
}

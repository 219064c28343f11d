//! What an exploration has found.

use std::fmt;

use crate::testkit::explore::failure::Failure;

/// What an exploration has found; its `Display` tells it all.
///
/// ```
/// use precedent::testkit::Explore;
/// let report = Explore::new(|_| Ok(())).transactions(2, "idle", |_, _| Ok(())).prune(false).every();
/// assert_eq!(report.to_string(), "6 schedules, all there are; 0 failed; 0 refusals");
/// ```
#[derive(Clone, Debug, Default)]
pub struct Report {
    pub(super) schedules: u64,
    pub(super) cut_short: u64,
    pub(super) refusals: u64,
    pub(super) failures: u64,
    pub(super) complete: bool,
    pub(super) failure: Option<Failure>,
}

impl Report {
    /// How many schedules were run to their ends.
    ///
    /// ```
    /// use precedent::testkit::Explore;
    /// let idle = Explore::new(|_| Ok(())).transactions(2, "idle", |_, _| Ok(()));
    /// assert_eq!(idle.random(7, 20).schedules(), 20);
    /// ```
    #[must_use]
    pub fn schedules(&self) -> u64 {
        self.schedules
    }

    /// How many more were given up half-way, because nothing new could come of them.
    ///
    /// ```
    /// use precedent::testkit::Explore;
    /// let idle = Explore::new(|_| Ok(())).transactions(2, "idle", |_, _| Ok(())).prune(false);
    /// assert_eq!(idle.every().cut_short(), 0);
    /// ```
    #[must_use]
    pub fn cut_short(&self) -> u64 {
        self.cut_short
    }

    /// How often a transaction was refused, and run again.
    ///
    /// ```
    /// use precedent::testkit::Explore;
    /// let idle = Explore::new(|_| Ok(())).transactions(2, "idle", |_, _| Ok(()));
    /// assert_eq!(idle.every().refusals(), 0);
    /// ```
    #[must_use]
    pub fn refusals(&self) -> u64 {
        self.refusals
    }

    /// After how many schedules the invariant did not hold.
    ///
    /// ```
    /// use precedent::testkit::Explore;
    /// let idle = Explore::new(|_| Ok(())).transactions(2, "idle", |_, _| Ok(()));
    /// let report = idle.invariant(|_| Err("idle".into())).prune(false).every();
    /// assert_eq!(report.failures(), 6);
    /// ```
    #[must_use]
    pub fn failures(&self) -> u64 {
        self.failures
    }

    /// Whether every order was tried, or one that cannot be told from it. Never so after
    /// random exploration, nor beyond the bounds of turns and schedules.
    ///
    /// ```
    /// use precedent::testkit::Explore;
    /// let idle = Explore::new(|_| Ok(())).transactions(2, "idle", |_, _| Ok(()));
    /// assert!(idle.every().is_complete() && !idle.random(1, 1_000).is_complete());
    /// ```
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.complete
    }

    /// The failing schedule of the fewest turns, and among these of the fewest switches, as
    /// far as it was found.
    ///
    /// ```
    /// use precedent::testkit::Explore;
    /// let idle = Explore::new(|_| Ok(())).transactions(2, "idle", |_, _| Ok(()));
    /// assert!(idle.every().failure().is_none());
    /// ```
    #[must_use]
    pub fn failure(&self) -> Option<&Failure> {
        self.failure.as_ref()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} schedules", self.schedules)?;
        if self.cut_short > 0 {
            write!(f, " and {} cut short", self.cut_short)?;
        }
        let all = if self.complete { "all there are" } else { "not all there are" };
        write!(f, ", {all}; {} failed; {} refusals", self.failures, self.refusals)?;
        match &self.failure {
            None => Ok(()),
            Some(failure) => write!(f, "\n\n{failure}"),
        }
    }
}

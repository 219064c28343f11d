//! One run of all transactions over a database of its own.

use std::fmt;
use std::sync::Arc;

use crate::Database;

/// What is left when all transactions of a schedule have ended: what an invariant looks at.
///
/// ```
/// use precedent::Table;
/// use precedent::testkit::{Explore, Trial};
/// fn counted(after: &Trial<Table<u8, u32>, u32>) -> Result<(), String> {
///     let told: Vec<_> = after.results().iter().flatten().collect();
///     let counter = after.database().begin().get(after.state(), &1).copied();
///     match counter == Some(2) && told.contains(&&1) && told.contains(&&2) {
///         true => Ok(()),
///         false => Err(format!("told {told:?}, left {counter:?}")),
///     }
/// }
/// let report = Explore::new(|db| db.table("counter"))
///     .transactions(2, "count", |tx, t: &Table<u8, u32>| {
///         Ok(*tx.update(t, &1, |n| n + 1).unwrap_or_else(|| {
///             tx.insert(t, 1, 1);
///             &1
///         }))
///     })
///     .invariant(counted)
///     .every();
/// assert!(report.failure().is_none(), "{report}");
/// ```
pub struct Trial<S, R = (), E = crate::Error> {
    pub(super) database: Database,
    pub(super) state: Arc<S>,
    pub(super) results: Vec<Result<R, E>>,
}

impl<S, R, E> Trial<S, R, E> {
    /// The database.
    ///
    /// ```
    /// use precedent::testkit::Explore;
    /// let report = Explore::new(|_| Ok(()))
    ///     .transaction("nothing", |_, _| Ok(()))
    ///     .invariant(|after| match after.database().stats().commits {
    ///         0 => Ok(()),
    ///         n => Err(format!("{n} commits")),
    ///     })
    ///     .every();
    /// assert!(report.failure().is_none(), "{report}");
    /// ```
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// What the set-up returned: tables, as a rule.
    ///
    /// ```
    /// use precedent::testkit::Explore;
    /// let report = Explore::new(|_| Ok(7))
    ///     .transaction("nothing", |_, _| Ok(()))
    ///     .invariant(|after| if *after.state() == 7 { Ok(()) } else { Err("not 7".into()) })
    ///     .every();
    /// assert!(report.failure().is_none(), "{report}");
    /// ```
    pub fn state(&self) -> &S {
        &self.state
    }

    /// What the transactions returned, in the order in which they were given to [`Explore`](super::Explore).
    ///
    /// ```
    /// use precedent::testkit::Explore;
    /// let report = Explore::new(|_| Ok(()))
    ///     .transaction("seven", |_, _| Ok(7))
    ///     .invariant(|after| match after.results() {
    ///         [Ok(7)] => Ok(()),
    ///         other => Err(format!("{other:?}")),
    ///     })
    ///     .every();
    /// assert!(report.failure().is_none(), "{report}");
    /// ```
    pub fn results(&self) -> &[Result<R, E>] {
        &self.results
    }
}

impl<S: fmt::Debug, R: fmt::Debug, E: fmt::Debug> fmt::Debug for Trial<S, R, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trial")
            .field("state", &self.state)
            .field("results", &self.results)
            .finish_non_exhaustive()
    }
}

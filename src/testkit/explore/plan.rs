//! What is explored, and how far.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::testkit::explore::trial::Trial;
use crate::{Builder, Database, Error, Transaction};

/// What the set-up does.
type SetUp<'e, S> = Box<dyn Fn(&Database) -> Result<S, Error> + 'e>;
/// What a transaction does.
pub(super) type Act<'e, S, R, E> =
    Arc<dyn Fn(&Transaction<'_>, &S) -> Result<R, E> + Send + Sync + 'e>;
/// What must hold afterwards.
type Check<'e, S, R, E> = Box<dyn Fn(&Trial<S, R, E>) -> Result<(), String> + 'e>;

/// Runs transactions in every order in which their operations can be interleaved, on the
/// real engine, and asks after each order whether an invariant holds.
///
/// Operations are begin, each read, each range, each write, and the end. Every schedule has
/// a new database, on which the set-up runs first. Each transaction has a thread, and of
/// these exactly one runs at a time; a transaction that is refused runs again, as in
/// [`Database::transact`](crate::Database::transact).
///
/// Two bookings of one seat, under snapshot isolation, where each may miss what the other
/// inserts, and serializable:
///
/// ```
/// use precedent::testkit::{Explore, Report};
/// use precedent::{Database, Isolation, Table, Transaction};
///
/// type Seats = Table<(u32, &'static str), ()>; // (seat, guest)
/// fn book(tx: &Transaction<'_>, seats: &Seats, guest: &'static str) -> bool {
///     let free = tx.is_empty(seats, (7, "")..(8, ""));
///     if free {
///         tx.insert(seats, (7, guest), ());
///     }
///     free
/// }
/// fn try_it(isolation: Isolation) -> Report {
///     Explore::new(|db| db.table("seats"))
///         .builder(move || Database::builder().isolation(isolation))
///         .transaction("ada", |tx, seats: &Seats| Ok(book(tx, seats, "ada")))
///         .transaction("bob", |tx, seats| Ok(book(tx, seats, "bob")))
///         .invariant(|after| {
///             let booked = after.results().iter().filter(|told| matches!(told, Ok(true)));
///             if booked.count() == 1 { Ok(()) } else { Err("double booking".into()) }
///         })
///         .every()
/// }
/// let report = try_it(Isolation::Snapshot);
/// let failure = report.failure().expect("there is a double booking");
/// assert_eq!(failure.message(), "double booking");
/// assert!(failure.to_string().contains("write seats[(7, \"bob\")]"));
///
/// let report = try_it(Isolation::Serializable);
/// assert!(report.is_complete() && report.failure().is_none(), "{report}");
/// ```
///
/// Transactions must be deterministic, and must not wait for each other but through the
/// database. [Pruning](Self::prune) moreover assumes that they learn of each other by
/// tracked reads only: not by `peek`, `read_timestamp`, statistics, snapshots, or variables
/// that they share.
///
/// The number of orders grows quickly: two transactions of n turns each have (2n)!/n!² of
/// them, three of five turns 756,756. Pruning leaves few; beyond that there are
/// [`random`](Self::random) and [`priorities`](Self::priorities).
pub struct Explore<'e, S, R = (), E = Error> {
    pub(super) builder: Box<dyn Fn() -> Builder + 'e>,
    pub(super) set_up: SetUp<'e, S>,
    pub(super) acts: Vec<(String, Act<'e, S, R, E>)>,
    pub(super) check: Check<'e, S, R, E>,
    pub(super) prune: bool,
    pub(super) max_schedules: u64,
    pub(super) max_attempts: u32,
    pub(super) max_turns: usize,
    pub(super) patience: Duration,
}

impl<'e, S, R> Explore<'e, S, R, Error> {
    /// With a set-up, which opens tables and fills them. What it returns is lent to every
    /// transaction and to the invariant.
    ///
    /// ```
    /// use precedent::Table;
    /// use precedent::testkit::Explore;
    /// let report = Explore::new(|db| {
    ///     let t: Table<u8, i32> = db.table("t")?;
    ///     db.transact(|tx| Ok(tx.insert(&t, 1, 100)))?;
    ///     Ok(t)
    /// })
    /// .transaction("read", |tx, t| Ok(tx.get(t, &1).copied()))
    /// .invariant(|after| match after.results() {
    ///     [Ok(Some(100))] => Ok(()),
    ///     other => Err(format!("{other:?}")),
    /// })
    /// .every();
    /// assert_eq!(report.schedules(), 1);
    /// ```
    pub fn new(set_up: impl Fn(&Database) -> Result<S, Error> + 'e) -> Self {
        Self::trying(set_up)
    }
}

impl<'e, S, R, E> Explore<'e, S, R, E> {
    /// As [`new`](Explore::new), for transactions with errors of their own, as
    /// [`try_transact`](crate::Database::try_transact) runs them.
    ///
    /// ```
    /// use precedent::{Error, Table};
    /// use precedent::testkit::Explore;
    /// #[derive(Debug)]
    /// enum Refused { SoldOut, Engine(Error) }
    /// impl From<Error> for Refused {
    ///     fn from(error: Error) -> Self { Self::Engine(error) }
    /// }
    /// let report = Explore::trying(|db| db.table("stock"))
    ///     .transactions(2, "order", |tx, stock: &Table<u8, u32>| {
    ///         tx.update(stock, &1, |left| left - 1).map(drop).ok_or(Refused::SoldOut)
    ///     })
    ///     .invariant(|after| match after.results() {
    ///         [Err(Refused::SoldOut), Err(Refused::SoldOut)] => Ok(()),
    ///         other => Err(format!("{other:?}")),
    ///     })
    ///     .every();
    /// assert!(report.failure().is_none(), "{report}");
    /// ```
    pub fn trying(set_up: impl Fn(&Database) -> Result<S, Error> + 'e) -> Self {
        Self {
            builder: Box::new(Database::builder),
            set_up: Box::new(set_up),
            acts: Vec::new(),
            check: Box::new(|_| Ok(())),
            prune: true,
            max_schedules: 1_000_000,
            max_attempts: 100,
            max_turns: 10_000,
            patience: Duration::from_secs(10),
        }
    }

    /// With databases of these settings; by default serializable ones. Of the settings
    /// `recorder`, `max_attempts` and `age_after` are replaced.
    ///
    /// ```
    /// use precedent::testkit::Explore;
    /// use precedent::{Database, Isolation};
    /// let report = Explore::new(|_| Ok(()))
    ///     .builder(|| Database::builder().isolation(Isolation::Snapshot))
    ///     .transaction("nothing", |_, _| Ok(()))
    ///     .every();
    /// assert_eq!(report.schedules(), 1);
    /// ```
    #[must_use]
    pub fn builder(mut self, builder: impl Fn() -> Builder + 'e) -> Self {
        self.builder = Box::new(builder);
        self
    }

    /// With one more transaction; the name stands in tables of failures, and is its label.
    ///
    /// ```
    /// use precedent::testkit::Explore;
    /// // begin, end; begin, end: six orders.
    /// let report = Explore::new(|_| Ok(()))
    ///     .transaction("one", |_, _| Ok(()))
    ///     .transaction("two", |_, _| Ok(()))
    ///     .prune(false)
    ///     .every();
    /// assert_eq!(report.schedules(), 6);
    /// ```
    #[must_use]
    pub fn transaction(
        mut self,
        name: impl Into<String>,
        act: impl Fn(&Transaction<'_>, &S) -> Result<R, E> + Send + Sync + 'e,
    ) -> Self {
        self.acts.push((name.into(), Arc::new(act)));
        self
    }

    /// With several more transactions that do the same, called `name 1`, `name 2`, and so on.
    ///
    /// ```
    /// use precedent::testkit::Explore;
    /// let report =
    ///     Explore::new(|_| Ok(())).transactions(3, "idle", |_, _| Ok(())).prune(false).every();
    /// assert_eq!(report.schedules(), 90); // 6! / (2! 2! 2!)
    /// ```
    #[must_use]
    pub fn transactions(
        mut self,
        count: usize,
        name: &str,
        act: impl Fn(&Transaction<'_>, &S) -> Result<R, E> + Send + Sync + 'e,
    ) -> Self {
        let act: Act<'e, S, R, E> = Arc::new(act);
        self.acts.extend((1..=count).map(|number| (format!("{name} {number}"), act.clone())));
        self
    }

    /// With what must hold when all transactions of a schedule have ended; an `Err` tells
    /// what is wrong. A panic in it, or in a transaction, is a failure too.
    ///
    /// ```
    /// use precedent::testkit::Explore;
    /// let report = Explore::new(|_| Ok(()))
    ///     .transaction("nothing", |_, _| Ok(()))
    ///     .invariant(|_| Err("never content".to_owned()))
    ///     .every();
    /// assert_eq!(report.failures(), 1);
    /// ```
    #[must_use]
    pub fn invariant(mut self, check: impl Fn(&Trial<S, R, E>) -> Result<(), String> + 'e) -> Self {
        self.check = Box::new(check);
        self
    }

    /// Whether [`every`](Self::every) leaves out orders that differ from a tried one only in
    /// the places of operations that do not notice each other. By default it does.
    ///
    /// ```
    /// use precedent::Table;
    /// use precedent::testkit::Explore;
    /// let two_reads = |prune| {
    ///     Explore::new(|db| db.table("t"))
    ///         .transactions(2, "read", |tx, t: &Table<u8, char>| Ok(tx.get(t, &1).copied()))
    ///         .prune(prune)
    ///         .every()
    ///         .schedules()
    /// };
    /// assert_eq!(two_reads(false), 20); // 6! / (3! 3!)
    /// assert!(two_reads(true) < 5);
    /// ```
    #[must_use]
    pub fn prune(mut self, prune: bool) -> Self {
        self.prune = prune;
        self
    }

    /// How many schedules [`every`](Self::every) runs at most, those included that pruning
    /// gives up half-way. By default 1,000,000. If there are more, the report
    /// [is not complete](super::Report::is_complete).
    ///
    /// ```
    /// use precedent::testkit::Explore;
    /// let report = Explore::new(|_| Ok(()))
    ///     .transactions(3, "idle", |_, _| Ok(()))
    ///     .prune(false)
    ///     .max_schedules(50)
    ///     .every();
    /// assert!(report.schedules() == 50 && !report.is_complete());
    /// ```
    #[must_use]
    pub fn max_schedules(mut self, schedules: u64) -> Self {
        self.max_schedules = schedules.max(1);
        self
    }

    /// How often a transaction is run within a schedule at most; by default 100. The last
    /// refusal is its result, an [`Error::RetriesExhausted`].
    ///
    /// ```
    /// use precedent::testkit::Explore;
    /// use precedent::{Error, Table};
    /// let report = Explore::new(|db| db.table("t"))
    ///     .transactions(2, "count", |tx, t: &Table<u8, u32>| {
    ///         let n = tx.get(t, &1).copied().unwrap_or(0);
    ///         Ok(tx.insert(t, 1, n + 1))
    ///     })
    ///     .max_attempts(1)
    ///     .invariant(|after| match after.results() {
    ///         [Ok(()), Ok(())] => Ok(()),
    ///         _ => Err("somebody was refused".into()),
    ///     })
    ///     .every();
    /// assert!(report.failures() > 0);
    /// ```
    #[must_use]
    pub fn max_attempts(mut self, attempts: u32) -> Self {
        self.max_attempts = attempts;
        self
    }

    /// How many turns a schedule has at most; by default 10,000. One that has more is a
    /// failure.
    ///
    /// ```
    /// use precedent::Table;
    /// use precedent::testkit::Explore;
    /// let report = Explore::new(|db| db.table("t"))
    ///     .transaction("long", |tx, t: &Table<u8, char>| Ok((0..100).for_each(|k| drop(tx.get(t, &k)))))
    ///     .max_turns(50)
    ///     .every();
    /// assert!(report.failure().is_some());
    /// ```
    #[must_use]
    pub fn max_turns(mut self, turns: usize) -> Self {
        self.max_turns = turns.max(1);
        self
    }
}

impl<S, R, E> fmt::Debug for Explore<'_, S, R, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Explore")
            .field("transactions", &self.acts.iter().map(|(name, _)| name).collect::<Vec<_>>())
            .field("prune", &self.prune)
            .finish_non_exhaustive()
    }
}

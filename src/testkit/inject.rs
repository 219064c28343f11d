//! Seeded mishaps: conflicts that nobody has caused, commits that take long, transactions
//! that are doomed.
//!
//! An [`Inject`] is the database's recorder, and asked before each end. What happens to the
//! n-th end is a function of the seed, so that one thread meets the same mishaps again.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::TransactionId;
use crate::record::{Event, Fate, Recorder};
use crate::sync::{AtomicU64, Ordering, sleep};
use crate::testkit::random::Random;

/// Lets ends fail or take long, for testing what a program does then: whether a retry loop
/// ends, whether a closure that runs twice has effects twice.
///
/// ```
/// use std::cell::Cell;
/// use precedent::testkit::Inject;
/// use precedent::{Database, Table};
/// let inject = Inject::new(7).conflicts(500).build(); // half of all ends
/// let db = Database::builder().recorder(inject.clone()).build();
/// let orders: Table<u64, &str> = db.table("orders")?;
///
/// let mails = Cell::new(0);
/// for number in 0..100 {
///     db.transact(|tx| {
///         mails.set(mails.get() + 1); // a mistake: an effect outside the database
///         Ok(tx.insert(&orders, number, "bolts"))
///     })?;
/// }
/// assert_eq!(db.begin().count(&orders, ..), 100);
/// assert_eq!(mails.get(), 100 + inject.injected()); // so many mails too many
/// assert!(inject.injected() > 50);
/// # Ok::<(), precedent::Error>(())
/// ```
pub struct Inject {
    seed: u64,
    /// Of a thousand ends, so many are refused.
    conflicts: u64,
    /// Of a thousand ends, so many wait for at most so long.
    delays: (u64, Duration),
    doomed: Vec<String>,
    /// Labels whose ends meet mishaps; everybody's if there are none.
    only: Vec<String>,
    /// Who hears of everything too.
    next: Option<Arc<dyn Recorder>>,
    ends: AtomicU64,
    injected: AtomicU64,
    delayed: AtomicU64,
}

impl Inject {
    /// Without any mishap yet; settle which, then [`build`](Self::build).
    ///
    /// ```
    /// use precedent::Database;
    /// use precedent::testkit::Inject;
    /// let db = Database::builder().recorder(Inject::new(1).build()).build();
    /// assert!(db.begin().commit().is_ok());
    /// ```
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            conflicts: 0,
            delays: (0, Duration::ZERO),
            doomed: Vec::new(),
            only: Vec::new(),
            next: None,
            ends: AtomicU64::new(0),
            injected: AtomicU64::new(0),
            delayed: AtomicU64::new(0),
        }
    }

    /// Of a thousand ends about so many are refused, as
    /// [`Conservative`](crate::ConflictReason::Conservative): a retry loop goes on. With 1,000
    /// of them it ends with [`RetriesExhausted`](crate::Error::RetriesExhausted).
    ///
    /// ```
    /// use precedent::{Database, Error};
    /// use precedent::testkit::Inject;
    /// let always = Inject::new(1).conflicts(1_000).build();
    /// let db = Database::builder().recorder(always).max_attempts(3).build();
    /// let error = db.transact(|_| Ok(())).unwrap_err();
    /// assert!(matches!(error, Error::RetriesExhausted { attempts: 3, .. }));
    /// ```
    #[must_use]
    pub fn conflicts(mut self, per_thousand: u64) -> Self {
        self.conflicts = per_thousand;
        self
    }

    /// Of a thousand ends about so many wait for up to `longest` before they are certified, so
    /// that more happens meanwhile.
    ///
    /// ```
    /// use std::time::Duration;
    /// use precedent::Database;
    /// use precedent::testkit::Inject;
    /// let slow = Inject::new(1).delays(1_000, Duration::from_micros(50)).build();
    /// let db = Database::builder().recorder(slow.clone()).build();
    /// db.transact(|_| Ok(()))?;
    /// assert_eq!(slow.delayed(), 1);
    /// # Ok::<(), precedent::Error>(())
    /// ```
    #[must_use]
    pub fn delays(mut self, per_thousand: u64, longest: Duration) -> Self {
        self.delays = (per_thousand, longest);
        self
    }

    /// Transactions of this label [are doomed](crate::Transaction::is_doomed) as soon as they
    /// have it, and fail with [`TimedOut`](crate::Error::TimedOut), which no retry loop
    /// repeats. Call it for each label.
    ///
    /// ```
    /// use precedent::{Database, Error};
    /// use precedent::testkit::Inject;
    /// let db = Database::builder().recorder(Inject::new(1).doom("report").build()).build();
    /// let told = db.transact(|tx| {
    ///     tx.label("report");
    ///     assert!(tx.is_doomed());
    ///     Ok(())
    /// });
    /// assert!(matches!(told, Err(Error::TimedOut { .. })));
    /// ```
    #[must_use]
    pub fn doom(mut self, label: impl Into<String>) -> Self {
        self.doomed.push(label.into());
        self
    }

    /// Conflicts and delays only for transactions of this label. Call it for each label.
    ///
    /// ```
    /// use precedent::Database;
    /// use precedent::testkit::Inject;
    /// let inject = Inject::new(1).conflicts(1_000).only("order").build();
    /// let db = Database::builder().recorder(inject).build();
    /// assert!(db.begin().commit().is_ok());
    /// let order = db.begin();
    /// order.label("order");
    /// assert!(order.commit().unwrap_err().is_conflict());
    /// ```
    #[must_use]
    pub fn only(mut self, label: impl Into<String>) -> Self {
        self.only.push(label.into());
        self
    }

    /// Tells another recorder everything too, since a database has but one.
    ///
    /// ```
    /// use precedent::Database;
    /// use precedent::testkit::{Inject, Recording};
    /// let recording = Recording::new();
    /// let inject = Inject::new(1).conflicts(1_000).tell(recording.clone()).build();
    /// let db = Database::builder().recorder(inject).build();
    /// assert!(db.begin().commit().is_err());
    /// assert_eq!(recording.take().len(), 1);
    /// ```
    #[must_use]
    pub fn tell(mut self, recorder: Arc<dyn Recorder>) -> Self {
        self.next = Some(recorder);
        self
    }

    /// For [`Builder::recorder`](crate::Builder::recorder).
    ///
    /// ```
    /// use precedent::Database;
    /// use precedent::testkit::Inject;
    /// let inject = Inject::new(1).build();
    /// let db = Database::builder().recorder(inject.clone()).build();
    /// assert_eq!(inject.injected(), 0);
    /// ```
    #[must_use]
    pub fn build(self) -> Arc<Self> {
        Arc::new(self)
    }

    /// How many ends were made to fail.
    ///
    /// ```
    /// use precedent::Database;
    /// use precedent::testkit::Inject;
    /// let inject = Inject::new(1).conflicts(1_000).build();
    /// let db = Database::builder().recorder(inject.clone()).build();
    /// assert!(db.begin().commit().is_err());
    /// assert_eq!(inject.injected(), 1);
    /// ```
    #[must_use]
    pub fn injected(&self) -> u64 {
        self.injected.load(Ordering::Relaxed)
    }

    /// How many ends had to wait.
    ///
    /// ```
    /// assert_eq!(precedent::testkit::Inject::new(1).delayed(), 0);
    /// ```
    #[must_use]
    pub fn delayed(&self) -> u64 {
        self.delayed.load(Ordering::Relaxed)
    }

    /// Whether mishaps happen to a transaction of this label.
    fn concerns(&self, label: Option<&str>) -> bool {
        self.only.is_empty() || label.is_some_and(|label| is_among(label, &self.only))
    }

    /// What happens to the next end but for dooms.
    fn draw(&self) -> Fate {
        // Relaxed, here and below: only the number counts, nothing is ordered by it.
        let number = self.ends.fetch_add(1, Ordering::Relaxed);
        let mut random = Random::new(Random::new(self.seed).next() ^ number);
        let (delays, longest) = self.delays;
        if random.next() % 1_000 < delays {
            self.delayed.fetch_add(1, Ordering::Relaxed);
            // Thousandths of the longest wait, so that a short one is not rounded away.
            let part = u32::try_from(random.next() % 1_001).unwrap_or(1_000);
            sleep(longest.mul_f64(f64::from(part) / 1_000.0));
        }
        match random.next() % 1_000 < self.conflicts {
            true => Fate::Refused,
            false => Fate::Free,
        }
    }
}

fn is_among(label: &str, labels: &[String]) -> bool {
    labels.iter().any(|other| other == label)
}

impl Recorder for Inject {
    fn record(&self, event: Event<'_>) {
        if let Some(next) = &self.next {
            next.record(event);
        }
    }

    fn clock(&self) -> u64 {
        self.next.as_ref().map_or(0, |next| next.clock())
    }

    fn before_read(&self, tx: TransactionId) {
        if let Some(next) = &self.next {
            next.before_read(tx);
        }
    }

    fn before_end(&self, tx: TransactionId, label: Option<&str>) -> Fate {
        let others = self.next.as_ref().map_or(Fate::Free, |next| next.before_end(tx, label));
        let own = match label {
            Some(label) if is_among(label, &self.doomed) => Fate::GivenUp,
            _ if self.concerns(label) => self.draw(),
            _ => Fate::Free,
        };
        if own == Fate::Free {
            return others;
        }
        self.injected.fetch_add(1, Ordering::Relaxed);
        own
    }

    fn dooms(&self, tx: TransactionId, label: &str) -> bool {
        let others = self.next.as_ref().is_some_and(|next| next.dooms(tx, label));
        others || is_among(label, &self.doomed)
    }
}

impl fmt::Debug for Inject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inject")
            .field("seed", &self.seed)
            .field("injected", &self.injected())
            .field("delayed", &self.delayed())
            .finish_non_exhaustive()
    }
}

//! Records what the transactions of a database do.
//!
//! Every event goes into the buffer of its transaction. The buffers are spread over shards
//! by the transactions' numbers, so that threads hardly ever meet at one; what costs time,
//! namely to name keys and to put them in order, waits until [`Recording::take`].

use std::ops::Bound;
use std::sync::Arc;

use crate::record::{Event, Outcome, RecordedKey, Recorder};
use crate::sync::{AtomicBool, AtomicU64, CachePadded, Clock, Mutex, Ordering};
use crate::testkit::assemble::assemble;
use crate::testkit::facts::{Ending, Fact, Recorded};
use crate::testkit::history::{End, History, Reason};

/// Neighbours in time, which have neighbouring numbers, fall into different shards.
const SHARDS: u64 = 64;

/// How many ended transactions a recording keeps unless it is told otherwise.
const MOST_TRANSACTIONS: u64 = 1 << 24;

/// Keeps what every transaction of a database does, as a [`History`].
///
/// It is given to [`Builder::recorder`](crate::Builder::recorder) and notes, of each
/// transaction: when it was called and when it ended, its snapshot, what it read with the
/// versions that it saw, ranges as far as they were driven, what it wrote, how it ended and
/// its label. Values are not recorded: a version is named by its commit timestamp.
///
/// It costs a few allocations a transaction, and no lock that threads fight for. Of a range
/// with a predicate it knows only the rows that were returned, because nobody asks the
/// predicate about versions that came later; and it does not hear of `peek` and of
/// detached snapshots, which are no dependencies.
///
/// ```
/// use precedent::testkit::{Level, Recording, check};
/// use precedent::{Database, Table};
/// let recording = Recording::new();
/// let db = Database::builder().recorder(recording.clone()).build();
/// let stock: Table<&str, u32> = db.table("stock")?;
/// db.transact(|tx| Ok(tx.insert(&stock, "bolts", 7)))?;
/// db.transact(|tx| Ok(tx.update(&stock, &"bolts", |left| left - 1).is_some()))?;
///
/// let history = recording.take();
/// assert_eq!(history.len(), 2);
/// let verdict = check(&history);
/// assert!(verdict.holds(Level::StrictSerializable), "{verdict}");
/// # Ok::<(), precedent::Error>(())
/// ```
#[derive(Debug)]
pub struct Recording {
    shards: Box<[CachePadded<Mutex<Shard>>]>,
    clock: Clock,
    /// Whether transactions that begin are recorded.
    on: AtomicBool,
    /// How many ended transactions each shard keeps at most.
    most: u64,
    /// Transactions for which there was no room.
    missed: AtomicU64,
}

#[derive(Debug, Default)]
struct Shard {
    open: Vec<Recorded>,
    ended: Vec<Recorded>,
    /// The names of the tables, so that nobody allocates one for every event.
    tables: Vec<Arc<str>>,
}

impl Shard {
    fn table(&mut self, name: &str) -> Arc<str> {
        if let Some(known) = self.tables.iter().find(|known| ***known == *name) {
            return known.clone();
        }
        let table: Arc<str> = name.into();
        self.tables.push(table.clone());
        table
    }
}

impl Recording {
    /// A recording that is on, to be shared between a database and whoever looks at it.
    ///
    /// ```
    /// use precedent::{Database, testkit::Recording};
    /// let recording = Recording::new();
    /// let db = Database::builder().recorder(recording.clone()).build();
    /// db.begin().rollback();
    /// assert_eq!(recording.take().len(), 1);
    /// ```
    #[must_use]
    pub fn new() -> Arc<Self> {
        Self::keeping(MOST_TRANSACTIONS)
    }

    /// The same, with room for about this many ended transactions, 2^24 by default. What
    /// begins when it is full is not recorded, but counted by [`History::missed`].
    ///
    /// ```
    /// use precedent::{Database, testkit::Recording};
    /// let recording = Recording::keeping(64);
    /// let db = Database::builder().recorder(recording.clone()).build();
    /// (0..1_000).for_each(|_| db.begin().rollback());
    /// let history = recording.take();
    /// assert_eq!(history.len() as u64 + history.missed(), 1_000);
    /// assert!(history.len() <= 64);
    /// ```
    #[must_use]
    pub fn keeping(transactions: u64) -> Arc<Self> {
        Arc::new(Self {
            shards: (0..SHARDS).map(|_| CachePadded::new(Mutex::new(Shard::default()))).collect(),
            clock: Clock::start(),
            on: AtomicBool::new(true),
            most: transactions.div_ceil(SHARDS),
            missed: AtomicU64::new(0),
        })
    }

    /// Turns it on or off, for transactions that begin from now on. What was written while it
    /// was off has no writer in the history, as if it had always been there.
    ///
    /// ```
    /// use precedent::{Database, testkit::Recording};
    /// let recording = Recording::new();
    /// let db = Database::builder().recorder(recording.clone()).build();
    /// recording.switch(false);
    /// db.begin().rollback();
    /// recording.switch(true);
    /// assert!(recording.take().is_empty());
    /// ```
    pub fn switch(&self, on: bool) {
        // Relaxed: nothing is ordered by it.
        self.on.store(on, Ordering::Relaxed);
    }

    /// What has ended since the last time, as a history. Transactions that are still open
    /// stay, for the next time; to judge all of a run, take when it is over.
    ///
    /// O(n log n) in what was recorded. Keys are named by their `Debug` form.
    ///
    /// ```
    /// use precedent::{Database, testkit::Recording};
    /// let recording = Recording::new();
    /// let db = Database::builder().recorder(recording.clone()).build();
    /// let open = db.begin();
    /// assert_eq!(recording.take().len(), 0);
    /// open.rollback();
    /// assert_eq!(recording.take().len(), 1);
    /// ```
    #[must_use]
    pub fn take(&self) -> History {
        let mut ended = Vec::new();
        for shard in &self.shards {
            ended.append(&mut shard.lock().ended);
        }
        // Relaxed: a count, nothing is ordered by it.
        let missed = self.missed.swap(0, Ordering::Relaxed);
        // The keys are compared and dropped here, under no lock.
        let mut history = assemble(ended);
        history.missed = missed;
        history
    }

    fn now(&self) -> u64 {
        u64::try_from(self.clock.now().as_nanos()).unwrap_or(u64::MAX)
    }

    fn shard(&self, tx: u64) -> &Mutex<Shard> {
        // Less than `SHARDS`, so it fits.
        &self.shards[(tx % SHARDS) as usize]
    }

    fn begin(&self, id: u64, called: u64, snapshot: u64) {
        // Relaxed: nothing is ordered by it.
        if !self.on.load(Ordering::Relaxed) {
            return;
        }
        let mut shard = self.shard(id).lock();
        if shard.ended.len() as u64 >= self.most {
            drop(shard);
            // Relaxed: a count, nothing is ordered by it.
            self.missed.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let facts = Vec::with_capacity(4);
        shard.open.push(Recorded { id, called, snapshot, facts, ending: None });
    }

    /// Keys are cloned before the lock is taken, and if the transaction is not recorded they
    /// are dropped after it was given up: both is the user's code.
    fn note(&self, id: u64, fact: Fact) {
        let mut unwanted = Some(fact);
        let mut shard = self.shard(id).lock();
        if let Some(tx) = shard.open.iter_mut().rev().find(|tx| tx.id == id) {
            tx.facts.extend(unwanted.take());
        }
    }

    /// The same for a fact about a table, which is made from what `fact` already holds.
    fn note_at(&self, id: u64, table: &str, fact: impl FnOnce(Arc<str>) -> Fact) {
        let mut shard = self.shard(id).lock();
        let table = shard.table(table);
        if let Some(tx) = shard.open.iter_mut().rev().find(|tx| tx.id == id) {
            tx.facts.push(fact(table));
        }
    }

    fn slide(&self, id: u64, snapshot: u64) {
        let mut shard = self.shard(id).lock();
        if let Some(tx) = shard.open.iter_mut().rev().find(|tx| tx.id == id) {
            tx.snapshot = snapshot;
        }
    }

    fn end(&self, id: u64, ending: Ending) {
        let mut shard = self.shard(id).lock();
        if let Some(place) = shard.open.iter().rposition(|tx| tx.id == id) {
            let mut tx = shard.open.swap_remove(place);
            tx.ending = Some(ending);
            shard.ended.push(tx);
        }
    }
}

fn outcome(outcome: Outcome<'_>) -> End {
    match outcome {
        Outcome::Committed(commit) => End::Committed(Some(commit.into())),
        Outcome::Certified => End::Certified,
        Outcome::RolledBack => End::Aborted(Reason::RolledBack),
        Outcome::Aborted(_) => End::Aborted(Reason::Conflict),
        Outcome::Limited => End::Aborted(Reason::Limit),
        Outcome::TimedOut => End::Aborted(Reason::TimeOut),
    }
}

impl Recorder for Recording {
    fn record(&self, event: Event<'_>) {
        match event {
            Event::Begin { tx, timestamp, called, .. } => {
                self.begin(tx.into(), called, timestamp.into());
            }
            Event::Slide { tx, timestamp } => self.slide(tx.into(), timestamp.into()),
            Event::Read { tx, table, key, seen } => {
                let key = key.to_boxed();
                self.note_at(tx.into(), table, move |table| Fact::Read { table, key, seen });
            }
            Event::Write { tx, table, key, removal } => {
                let key = key.to_boxed();
                self.note_at(tx.into(), table, move |table| Fact::Write { table, key, removal });
            }
            Event::Scan { tx, table, scan, lower, upper, predicate: filtered } => {
                let boxed = |bound: Bound<&dyn RecordedKey>| bound.map(RecordedKey::to_boxed);
                let bounds = Box::new([boxed(lower), boxed(upper)]);
                let fact = move |table| Fact::Scan { table, scan, bounds, filtered };
                self.note_at(tx.into(), table, fact);
            }
            Event::Row { tx, scan, key, seen, reverse } => {
                self.note(tx.into(), Fact::Row { scan, key: key.to_boxed(), seen, reverse });
            }
            Event::ScanEnd { tx, scan } => self.note(tx.into(), Fact::ScanEnd { scan }),
            Event::Savepoint { tx, number } => self.note(tx.into(), Fact::Savepoint { number }),
            Event::RollbackTo { tx, number } => self.note(tx.into(), Fact::RollbackTo { number }),
            Event::End { tx, outcome: how, label } => {
                let (moment, outcome) = (self.now(), outcome(how));
                self.end(tx.into(), Ending { moment, outcome, label: label.map(Into::into) });
            }
        }
    }

    fn clock(&self) -> u64 {
        self.now()
    }
}

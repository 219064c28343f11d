//! A round: a database of its own, windows in which workers do what they like, and after
//! each window the judge. At the end everything must be at rest and given back.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use precedent::testkit::{Inject, Level, Recording, check};
use precedent::{Commit, Database, Error, Snapshot, Timestamp};

use crate::counts::{Counts, Engine};
use crate::goods::{Coin, Name, broken};
use crate::plan::Plan;
use crate::vault::{Of, Rows, Vault};
use crate::worker::{Lost, Worker};

/// What each account begins with.
const DEPOSIT: i64 = 1_000;

/// So much is told of a round that went wrong.
const MOST_FAULTS: usize = 10;

pub struct Round {
    pub plan: Plan,
    pub db: Database,
    /// The money: what they hold together never changes.
    pub vaults: Vec<Box<dyn Vault>>,
    /// Accounts 2n and 2n + 1 together never owe anything.
    pub pairs: Box<dyn Vault>,
    /// Nobody counts this.
    pub scratch: Box<dyn Vault>,
    /// When everything had been filled.
    pub first: Timestamp,
    money: i64,
    recording: Arc<Recording>,
    inject: Arc<Inject>,
    begun: Instant,
    /// Until when everybody hammers, in microseconds since the beginning.
    burst: AtomicU64,
    shelves: AtomicU64,
    is_broken: AtomicBool,
    faults: Mutex<Vec<String>>,
}

/// What a snapshot shows of the money.
pub fn digest(round: &Round, snapshot: &Snapshot) -> u64 {
    let mut hasher = DefaultHasher::new();
    round.vaults.iter().for_each(|vault| vault.all_at(snapshot).hash(&mut hasher));
    hasher.finish()
}

fn sum(rows: &[(u32, i64)]) -> i64 {
    rows.iter().map(|(_, amount)| amount).sum()
}

impl Round {
    fn new(plan: Plan) -> Self {
        let recording = Recording::new();
        let inject = Inject::new(plan.seed)
            .conflicts(plan.conflicts)
            .delays(plan.delays, plan.longest_delay)
            .doom("doomed")
            .tell(recording.clone())
            .build();
        let db = plan.builder().recorder(inject.clone()).build();
        let vaults = (0..plan.vaults).map(|number| vault(&db, number)).collect();
        let mut round = Self {
            vaults,
            pairs: Box::new(Of::<Name, i64>(db.table("pairs").expect("a new table"))),
            scratch: Box::new(Of::<Name, Coin>(db.table("scratch").expect("a new table"))),
            first: Timestamp::from(0),
            money: 0,
            recording,
            inject,
            begun: Instant::now(),
            burst: AtomicU64::new(0),
            shelves: AtomicU64::new(0),
            is_broken: AtomicBool::new(false),
            faults: Mutex::new(Vec::new()),
            db,
            plan,
        };
        round.fill();
        round
    }

    /// A bound on bytes may leave a vault empty.
    fn fill(&mut self) {
        let deposits: Rows = (0..self.plan.keys).map(|number| (number, DEPOSIT)).collect();
        for vault in &self.vaults {
            if let Some(commit) = self.insist(&**vault, &deposits) {
                self.money += sum(&deposits);
                self.first = commit.timestamp();
            }
        }
        let nothing: Rows = deposits.iter().map(|(number, _)| (*number, 0)).collect();
        if let Some(commit) = self.insist(&*self.pairs, &nothing) {
            self.first = commit.timestamp();
        }
    }

    /// Loads in spite of injected conflicts.
    fn insist(&self, vault: &dyn Vault, rows: &Rows) -> Option<Commit> {
        let tries = (0..1_000).map(|_| vault.load(&self.db, rows));
        tries.take_while(|load| !load.as_ref().is_err_and(Error::is_limit)).find_map(Result::ok)
    }

    pub fn fault(&self, story: String) {
        self.is_broken.store(true, Ordering::Relaxed);
        let mut faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        if faults.len() < MOST_FAULTS {
            faults.push(story);
        }
    }

    pub fn is_broken(&self) -> bool {
        self.is_broken.load(Ordering::Relaxed)
    }

    fn micros(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    pub fn burst(&self, time: Duration) {
        let micros = u64::try_from(time.as_micros()).unwrap_or(0);
        self.burst.store(self.micros() + micros, Ordering::Relaxed);
    }

    pub fn bursting(&self) -> bool {
        self.micros() < self.burst.load(Ordering::Relaxed)
    }

    pub fn new_name(&self) -> String {
        format!("shelf {}", self.shelves.fetch_add(1, Ordering::Relaxed))
    }

    /// The money must all be there, and no pair may owe anything.
    pub fn look_at_money(&self, where_: &str, vaults: &[Rows], pairs: &Rows) {
        let money: i64 = vaults.iter().map(|rows| sum(rows)).sum();
        if money != self.money {
            self.fault(format!("{where_} shows {money} of {}", self.money));
        }
        if !self.plan.serializable() {
            return;
        }
        for pair in pairs.chunk_by(|one, other| one.0 / 2 == other.0 / 2) {
            if sum(pair) < 0 {
                self.fault(format!("{where_} shows a pair that owes: {pair:?}"));
            }
        }
    }

    /// One window: workers for so long, then the judge. Returns what they lost.
    fn window(&self, number: usize, counts: &mut Counts) -> Vec<Lost<'_>> {
        let until = Instant::now() + self.plan.window;
        let mut lost = Vec::new();
        thread::scope(|scope| {
            let workers: Vec<_> = (0..self.plan.threads)
                .map(|worker| scope.spawn(move || Worker::new(self, worker, number).work(until)))
                .collect();
            for worker in workers {
                match worker.join() {
                    Ok((did, left)) => {
                        counts.add(&did);
                        lost.extend(left);
                    }
                    Err(_) => self.fault("a worker has panicked".into()),
                }
            }
        });
        self.judge(counts);
        lost
    }

    fn judge(&self, counts: &mut Counts) {
        let history = self.recording.take();
        let verdict = check(&history);
        counts.windows += 1;
        counts.judged += history.len() as u64;
        let level =
            if self.plan.serializable() { Level::StrictSerializable } else { Level::Snapshot };
        if !verdict.holds(level) {
            let file = format!("precedent-soak-{}.jsonl", self.plan.seed);
            let file = std::env::temp_dir().join(file);
            let kept = std::fs::write(&file, history.to_json_lines()).is_ok();
            let kept = if kept { file.display().to_string() } else { "lost".into() };
            self.fault(format!("VIOLATION: {verdict}\nthe history: {kept}"));
        }
        if history.missed() > 0 {
            self.fault(format!("the recording missed {} transactions", history.missed()));
        }
    }

    /// After the last window, with what was lost still open, and then without it.
    fn audit(&self, lost: Vec<Lost<'_>>, counts: &Counts) {
        self.db.doom_older_than(Duration::ZERO);
        self.db.collect();
        let stats = self.db.stats();
        let snapshots = (counts.lost + 1) as usize;
        if stats.versions > stats.keys * snapshots {
            self.fault(format!(
                "{} versions of {} keys, with {} left open",
                stats.versions, stats.keys, counts.lost
            ));
        }
        if (stats.retained_commits, stats.retained_readers) != (0, 0) {
            self.fault(format!(
                "{} commits and {} readers are retained for transactions that were given up",
                stats.retained_commits, stats.retained_readers
            ));
        }
        let open = stats.active_transactions;
        drop(lost);
        self.db.collect();
        let stats = self.db.stats();
        if counts.forgotten == 0 && stats.active_transactions != 0 {
            self.fault(format!("{} transactions of {open} never end", stats.active_transactions));
        }
        if counts.forgotten == 0 && stats.versions != stats.keys {
            self.fault(format!("{} versions of {} keys at rest", stats.versions, stats.keys));
        }
        if counts.forgotten == 0 && stats.danger_intervals != 0 {
            self.fault(format!("{} danger intervals at rest", stats.danger_intervals));
        }
        let snapshot = self.db.safe_snapshot();
        let vaults: Vec<Rows> = self.vaults.iter().map(|vault| vault.all_at(&snapshot)).collect();
        self.look_at_money("the end", &vaults, &self.pairs.all_at(&snapshot));
        if broken() > 0 {
            self.fault(format!("{} coins were seen after their end", broken()));
        }
    }

    /// Runs a round. What went wrong, if anything.
    pub fn run(plan: Plan, counts: &mut Counts) -> Vec<String> {
        let mut own = Counts::default();
        let round = Self::new(plan);
        let background = round.plan.collect_every().map(|every| round.db.collect_every(every));
        let mut lost = Vec::new();
        for number in 0..round.plan.windows {
            if !round.is_broken() {
                lost.extend(round.window(number, &mut own));
            }
        }
        drop(background);
        round.audit(lost, &own);
        own.engine = Engine::of(&round.db.stats());
        own.injected = round.inject.injected();
        own.delayed = round.inject.delayed();
        counts.add(&own);
        round.faults.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Vaults of different types in turn.
fn vault(db: &Database, number: usize) -> Box<dyn Vault> {
    let name = format!("vault {number}");
    match number % 4 {
        0 => Box::new(Of::<u64, i64>(db.table(&name).expect("a new table"))),
        1 => Box::new(Of::<Name, Coin>(db.table(&name).expect("a new table"))),
        2 => Box::new(Of::<u64, Coin>(db.table(&name).expect("a new table"))),
        _ => Box::new(Of::<Name, i64>(db.table(&name).expect("a new table"))),
    }
}

//! Threads that read lists and append to them.

use std::cell::{Cell, RefCell};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

use precedent::{Database, Error, Isolation, Table, Transaction};

use super::history::{Fate, ListKey, Step, Touch};
use crate::schedules::rng::Rng;
use crate::threads::settings::seed;

/// No list grows longer.
pub const LONGEST: usize = 100;

/// How many lists are hot at a time.
const SLOTS: usize = 10;

/// How many lists one transaction reads at the end.
const LAST_LOOK: usize = 50;

/// What a run is like.
#[derive(Clone, Copy)]
pub struct Setup {
    /// How many threads.
    pub threads: usize,
    /// How many transactions in all.
    pub transactions: usize,
    /// What the database promises.
    pub isolation: Isolation,
}

type Lists = Table<ListKey, Vec<u32>>;

/// What all threads share.
struct Shared {
    db: Database,
    lists: Lists,
    /// Which of its lists each slot is at.
    newest: [AtomicU64; SLOTS],
    clock: Instant,
}

impl Shared {
    fn new(isolation: Isolation) -> Self {
        let db = Database::builder().isolation(isolation).build();
        let lists = db.table("lists").expect("a new table");
        let newest = std::array::from_fn(|_| AtomicU64::new(0));
        Self { db, lists, newest, clock: Instant::now() }
    }

    fn now(&self) -> u64 {
        self.clock.elapsed().as_nanos() as u64
    }
}

/// Runs it, and reads every list at the end.
pub fn run(setup: Setup) -> Vec<Step> {
    let shared = Shared::new(setup.isolation);
    let mut steps = thread::scope(|scope| {
        let threads = (0..setup.threads).map(|index| {
            let shared = &shared;
            scope.spawn(move || {
                let share = setup.transactions / setup.threads
                    + usize::from(index < setup.transactions % setup.threads);
                let worker = Worker::new(shared, index, setup.threads);
                let mut rng = Rng::stream(seed(), 1_000 + index as u64);
                (0..share).for_each(|_| worker.transaction(&mut rng));
                worker.steps.into_inner()
            })
        });
        let threads: Vec<_> = threads.collect();
        let join = |thread: thread::ScopedJoinHandle<'_, Vec<Step>>| {
            thread.join().expect("no transaction panics")
        };
        threads.into_iter().flat_map(join).collect::<Vec<_>>()
    });
    let last = Worker::new(&shared, setup.threads, 1);
    last.read_all();
    steps.append(&mut last.steps.into_inner());
    steps
}

/// Two transactions that each read two lists and append to another one of them, open at
/// the same time; and a look at the result.
pub fn forced_skew(isolation: Isolation) -> Vec<Step> {
    let shared = Shared::new(isolation);
    let workers: [Worker<'_>; 2] = std::array::from_fn(|index| Worker::new(&shared, index, 2));
    let open = workers.each_ref().map(|worker| {
        let tx = shared.db.begin();
        let _ = (worker.called(), worker.read(&tx, (0, 0)), worker.read(&tx, (1, 0)));
        tx
    });
    for (index, (worker, tx)) in workers.iter().zip(open).enumerate() {
        worker.append_to(&tx, (index as u64, 0), Vec::new());
        let fate = if tx.commit().is_ok() { Fate::Done } else { Fate::Failed };
        worker.ended(fate);
    }
    let last = Worker::new(&shared, 2, 1);
    last.read_all();
    workers.into_iter().chain([last]).flat_map(|worker| worker.steps.into_inner()).collect()
}

/// One thread.
struct Worker<'a> {
    shared: &'a Shared,
    thread: usize,
    next_element: Cell<u32>,
    element_step: u32,
    steps: RefCell<Vec<Step>>,
    /// The attempt on its way: it began after `from`; its closure came to its end at
    /// `through`, before it could be refused and the next one begin.
    from: Cell<u64>,
    through: Cell<u64>,
    touches: RefCell<Vec<Touch>>,
}

/// A step of a transaction.
#[derive(Clone, Copy)]
enum Act {
    Read(usize),
    /// The slot's list and the one that will follow it.
    ReadRange(usize),
    Append(usize),
    Yield,
}

enum GivenUp {
    ByClosure,
    Engine(Error),
}

impl From<Error> for GivenUp {
    fn from(error: Error) -> Self {
        Self::Engine(error)
    }
}

impl<'a> Worker<'a> {
    fn new(shared: &'a Shared, thread: usize, threads: usize) -> Self {
        Self {
            shared,
            thread,
            next_element: Cell::new(thread as u32),
            element_step: threads as u32,
            steps: RefCell::default(),
            from: Cell::new(0),
            through: Cell::new(0),
            touches: RefCell::default(),
        }
    }

    /// An attempt is about to begin.
    fn called(&self) {
        self.from.set(self.shared.now());
    }

    /// The attempt on its way has ended, and the caller knows it.
    fn ended(&self, fate: Fate) {
        self.ended_at(self.shared.now(), fate);
    }

    /// If this is not the first attempt, the one before it was refused.
    fn attempt_begun(&self, attempt: u32) {
        if attempt > 1 {
            self.ended_at(self.through.get(), Fate::Failed);
        }
    }

    fn ended_at(&self, to: u64, fate: Fate) {
        let (thread, from) = (self.thread, self.from.get());
        let touches = self.touches.take();
        self.steps.borrow_mut().push(Step { thread, from, to, touches, fate });
        self.from.set(to);
    }

    /// The attempt was certified without its appends.
    fn ended_with_err(&self) {
        let touches = self.touches.take();
        let is_read = |touch: &Touch| matches!(touch, Touch::Read(..));
        // What it read after an append of its own showed that append.
        let before = touches.iter().take_while(|touch| is_read(touch)).cloned().collect();
        let appends = touches.into_iter().filter(|touch| !is_read(touch)).collect();
        self.touches.replace(before);
        self.ended(Fate::Done);
        self.touches.replace(appends);
        self.ended(Fate::Failed);
    }

    fn read<M>(&self, tx: &Transaction<'_, M>, key: ListKey) -> Vec<u32> {
        let list = tx.get(&self.shared.lists, &key).cloned().unwrap_or_default();
        self.touches.borrow_mut().push(Touch::Read(key, list.clone()));
        list
    }

    fn append_to(&self, tx: &Transaction<'_>, key: ListKey, mut list: Vec<u32>) {
        let element = self.next_element.get();
        self.next_element.set(element + self.element_step);
        list.push(element);
        tx.insert(&self.shared.lists, key, list);
        self.touches.borrow_mut().push(Touch::Append(key, element));
    }

    fn newest(&self, slot: usize) -> ListKey {
        (slot as u64, self.shared.newest[slot].load(Ordering::Relaxed))
    }

    fn append(&self, tx: &Transaction<'_>, slot: usize) {
        let mut key = self.newest(slot);
        loop {
            let list = self.read(tx, key);
            if list.len() < LONGEST {
                return self.append_to(tx, key, list);
            }
            key.1 += 1;
            self.shared.newest[slot].fetch_max(key.1, Ordering::Relaxed);
        }
    }

    fn look<M>(&self, tx: &Transaction<'_, M>, act: Act) {
        match act {
            Act::Read(slot) => drop(self.read(tx, self.newest(slot))),
            Act::ReadRange(slot) => {
                let first = self.newest(slot);
                let both = [first, (first.0, first.1 + 1)];
                let mut lists = both.map(|key| (key, Vec::new()));
                for (key, list) in tx.range(&self.shared.lists, both[0]..=both[1]) {
                    lists[usize::from(*key != first)].1.clone_from(list);
                }
                let reads = lists.into_iter().map(|(key, list)| Touch::Read(key, list));
                self.touches.borrow_mut().extend(reads);
            }
            Act::Yield => thread::yield_now(),
            Act::Append(_) => unreachable!("an append is no look"),
        }
    }

    fn attempt(&self, tx: &Transaction<'_>, acts: &[Act]) {
        self.attempt_begun(tx.attempt());
        for act in acts {
            match act {
                Act::Append(slot) => self.append(tx, *slot),
                _ => self.look(tx, *act),
            }
        }
        self.through.set(self.shared.now());
    }

    fn transaction(&self, rng: &mut Rng) {
        let read_only = rng.chance(15);
        let mut acts = Vec::new();
        for _ in 0..rng.between(1, 4) {
            let slot = rng.below(SLOTS);
            acts.push(match rng.below(10) {
                0..5 if !read_only => Act::Append(slot),
                5 => Act::ReadRange(slot),
                _ => Act::Read(slot),
            });
            if rng.chance(15) {
                acts.push(Act::Yield);
            }
        }
        self.called();
        match rng.below(100) {
            _ if read_only => self.read_only(&acts),
            0..80 => {
                let done = self.shared.db.transact(|tx| {
                    self.attempt(tx, &acts);
                    Ok(())
                });
                done.expect("somebody always gets through");
                self.ended(Fate::Done);
            }
            80..92 => self.with_err(&acts),
            _ => {
                let tx = self.shared.db.begin();
                self.attempt(&tx, &acts);
                tx.rollback();
                self.ended(Fate::Failed);
            }
        }
    }

    fn read_only(&self, acts: &[Act]) {
        let done = self.shared.db.read(|tx| {
            self.attempt_begun(tx.attempt());
            acts.iter().for_each(|act| self.look(tx, *act));
            self.through.set(self.shared.now());
        });
        done.expect("somebody always gets through");
        self.ended(Fate::Done);
    }

    fn with_err(&self, acts: &[Act]) {
        let done = self.shared.db.try_transact(|tx| {
            self.attempt(tx, acts);
            Err::<(), _>(GivenUp::ByClosure)
        });
        match done {
            Err(GivenUp::ByClosure) => self.ended_with_err(),
            Err(GivenUp::Engine(error)) => panic!("somebody always gets through: {error}"),
            Ok(()) => unreachable!("the closure returns an Err"),
        }
    }

    fn read_all(&self) {
        let keys = self.shared.db.read(|tx| tx.keys(&self.shared.lists, ..).copied().collect());
        let keys: Vec<ListKey> = keys.expect("nobody is in the way");
        for some in keys.chunks(LAST_LOOK) {
            self.called();
            let done = self.shared.db.read(|tx| {
                some.iter().for_each(|key| drop(self.read(tx, *key)));
            });
            done.expect("nobody is in the way");
            self.ended(Fate::Done);
        }
    }
}

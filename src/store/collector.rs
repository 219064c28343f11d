//! Collection: what no snapshot can see is unlinked, and freed when nobody walks over it.
//!
//! ```text
//!   commit --note--> notes --unlink--> limbo --free-->
//!                      \                ^  nobody walks who began before the unlinking
//!                       held --unlink--/
//!                       under the pin that still sees it
//! ```
//!
//! A commit that overwrote something leaves a note. Once the horizon has passed the commit,
//! what it overwrote is unlinked, unless a pin sees it: then it waits for that pin, and for
//! nothing else, so that a snapshot that stays open costs one version a key at most. Every
//! transaction that ends works off a bounded number of notes, so that no thread of the
//! engine's own is needed; [`Collecting::collect`] without a bound does all.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use crate::prefetch::prefetch_lines;
use crate::store::pins::Pins;
use crate::store::place::Retired;
use crate::store::quiet::panics_during;
use crate::store::registry::Registry;
use crate::sync::{AtomicU64, AtomicUsize, Mutex, Ordering, Waiting, thread_hint};

/// What one commit overwrote, with its types erased.
pub(crate) trait Overwritten: Send + Sync {
    /// How many records there are.
    fn len(&self) -> usize;
    /// Asks for the memory of what [`collect`](Self::collect) will look at. Only a hint.
    fn ask_for(&self, what: Ahead, collecting: &Collecting<'_>);
    /// Unlinks what nobody can see in the records of `round`. Runs the user's `cmp`, and
    /// `Drop` of a key; neither can panic out of it.
    fn collect(&self, round: &Round<'_>, harvest: &mut Harvest);
}

/// What is asked for before it is looked at. Each needs what the one before it has brought.
#[derive(Clone, Copy)]
pub(crate) enum Ahead {
    Records,
    Newest,
    Overwritten,
}

/// Which records are looked at, and why.
pub(crate) struct Round<'p> {
    pub(crate) pins: &'p Pins,
    pub(crate) from: usize,
    pub(crate) to: usize,
    /// The pin that they waited for, which is gone.
    pub(crate) vanished: Option<u64>,
}

/// What a round brought in.
#[derive(Default)]
pub(crate) struct Harvest {
    pub(crate) unlinked: Vec<Retired>,
    /// By the pin that they wait for.
    pub(crate) held: Vec<(u64, Arc<dyn Overwritten>)>,
}

pub(crate) struct Collector {
    notes: Mutex<VecDeque<Note>>,
    /// By the pin that keeps them. Only the one who collects looks at it.
    held: Mutex<BTreeMap<u64, Vec<Note>>>,
    /// What nobody new can find, but not in limbo yet.
    retired: Mutex<Vec<Retired>>,
    /// What was unlinked, by the epoch that must have been reached. As `held`.
    limbo: Mutex<VecDeque<Limbo>>,
    /// Records in `notes`; a hint that spares the lock.
    pending: AtomicUsize,
    /// Below this timestamp a pin may keep something that is in `held`; 0 if nothing is.
    held_below: AtomicU64,
    /// Batches in `limbo`, plus one if the last collection was cut short, plus what was
    /// retired since; a hint that spares the lock, as is `held_below`.
    waiting: AtomicUsize,
    /// Who is collecting: a thread's hint plus one, or nobody. It keeps a `Drop` of the
    /// user's that uses the database from collecting in turn, deeper and deeper.
    collecting: AtomicUsize,
    panicked_drops: AtomicU64,
}

struct Note {
    /// Of a note that is held, nothing.
    ended: u64,
    what: Arc<dyn Overwritten>,
    done: usize,
}

/// What was unlinked.
struct Limbo {
    /// Whoever began to walk in an earlier epoch may still meet it.
    epoch: u64,
    retired: Vec<Retired>,
}

/// Room for so many notes is not given back.
const SPARE: usize = 1024;

/// So many notes before its turn a note itself is asked for; and of its records,
const ITSELF: usize = 20;
/// so many before it, this. Where notes have waited for long, nothing of it is in a cache.
const AHEAD: [(usize, Ahead); 3] =
    [(14, Ahead::Records), (8, Ahead::Newest), (3, Ahead::Overwritten)];
/// Lines of a note.
const LINES: usize = 4;

/// Nobody is collecting.
const NOBODY: usize = 0;

/// The right to collect, given back when dropped.
pub(crate) struct Collecting<'c>(&'c Collector);

impl Drop for Collecting<'_> {
    fn drop(&mut self) {
        // Release: pairs with the Acquire of the next one who collects.
        self.0.collecting.store(NOBODY, Ordering::Release);
    }
}

impl Collector {
    pub(crate) fn new() -> Self {
        Self {
            notes: Mutex::new(VecDeque::new()),
            held: Mutex::new(BTreeMap::new()),
            retired: Mutex::new(Vec::new()),
            limbo: Mutex::new(VecDeque::new()),
            pending: AtomicUsize::new(0),
            held_below: AtomicU64::new(0),
            waiting: AtomicUsize::new(0),
            collecting: AtomicUsize::new(NOBODY),
            panicked_drops: AtomicU64::new(0),
        }
    }

    /// Leaves a note of what a published commit overwrote, or put under a newer one;
    /// `ended` is the commit at which all of it has ended.
    pub(crate) fn note(&self, ended: u64, what: Arc<dyn Overwritten>) {
        // Relaxed: a hint.
        self.pending.fetch_add(what.len(), Ordering::Relaxed);
        self.notes.lock().push_back(Note { ended, what, done: 0 });
    }

    /// Takes what nobody new can find any more, until nobody walks who may have found it.
    pub(crate) fn retire(&self, retired: Retired) {
        self.retired.lock().push(retired);
        // Relaxed: a hint.
        self.waiting.fetch_add(1, Ordering::Relaxed);
    }

    /// Drops everything. There are no transactions any more.
    pub(crate) fn clear(&self) {
        let notes = std::mem::take(&mut *self.notes.lock());
        let held = std::mem::take(&mut *self.held.lock());
        let retired = std::mem::take(&mut *self.retired.lock());
        let limbo = std::mem::take(&mut *self.limbo.lock());
        drop((notes, held, retired, limbo));
    }

    /// How many records there are to look at.
    pub(crate) fn pending(&self) -> usize {
        self.pending.load(Ordering::Relaxed)
    }

    /// Whether something may wait for this pin; a hint.
    pub(crate) fn holds_for(&self, pin: u64) -> bool {
        pin < self.held_below.load(Ordering::Relaxed)
    }

    /// Whether something waits for those who walk, or for the next collection; a hint.
    pub(crate) fn is_waiting(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > 0
    }

    /// How many drops of the user's have panicked during collection.
    pub(crate) fn panicked_drops(&self) -> u64 {
        self.panicked_drops.load(Ordering::Relaxed)
    }

    /// The right to collect, if nobody has it.
    pub(crate) fn try_begin(&self) -> Option<Collecting<'_>> {
        let me = thread_hint() + 1;
        let claim =
            self.collecting.compare_exchange(NOBODY, me, Ordering::Acquire, Ordering::Relaxed);
        // Made only if it is true: its `Drop` gives the right back.
        claim.is_ok().then(|| Collecting(self))
    }

    /// The right to collect, after whoever has it; none if that is this very thread.
    pub(crate) fn begin(&self) -> Option<Collecting<'_>> {
        let waiting = Waiting::new();
        loop {
            if let Some(collecting) = self.try_begin() {
                return Some(collecting);
            }
            // Relaxed: only this thread itself can have written its own number.
            if self.collecting.load(Ordering::Relaxed) == thread_hint() + 1 {
                return None;
            }
            waiting.wait();
        }
    }
}

impl Collecting<'_> {
    /// Runs what drops values of the user's, and counts those that panicked.
    pub(crate) fn destroy(&self, work: impl FnOnce()) {
        let panics = panics_during(work);
        // Relaxed: a counter.
        self.0.panicked_drops.fetch_add(panics, Ordering::Relaxed);
    }

    /// Looks at up to `budget` records: those whose pin is gone first, then those whose
    /// commits lie at or below the horizon. Frees what nobody walks over. Neither the
    /// user's `Drop` nor `cmp` runs under a lock.
    pub(crate) fn collect(&self, registry: &Registry, pins: &Pins, mut budget: usize) {
        self.free(registry);
        let mut harvest = Harvest::default();
        for pin in self.vanished(pins) {
            while budget > 0
                && let Some(mut note) = self.take_orphan(pin)
            {
                self.look(&mut note, pins, Some(pin), &mut budget, &mut harvest);
                let left = note.what.len() - note.done;
                if left > 0 {
                    // Relaxed: a hint. Whoever takes it up again counts it again.
                    self.0.pending.fetch_sub(left, Ordering::Relaxed);
                    self.0.held.lock().entry(pin).or_default().push(note);
                } else {
                    self.destroy(|| drop(note));
                }
            }
        }
        while budget > 0
            && let Some(mut note) = self.take(pins.horizon())
        {
            self.look(&mut note, pins, None, &mut budget, &mut harvest);
            if note.done < note.what.len() {
                self.0.notes.lock().push_front(note);
            } else {
                self.destroy(|| drop(note));
            }
        }
        self.store(registry, harvest);
        let held = self.0.held.lock().last_key_value().map_or(0, |(pin, _)| pin + 1);
        // Relaxed: hints.
        self.0.held_below.store(held, Ordering::Relaxed);
        let unfinished = usize::from(budget == 0);
        self.0.waiting.store(self.0.limbo.lock().len() + unfinished, Ordering::Relaxed);
    }

    fn look(
        &self,
        note: &mut Note,
        pins: &Pins,
        vanished: Option<u64>,
        budget: &mut usize,
        harvest: &mut Harvest,
    ) {
        let to = note.what.len().min(note.done.saturating_add(*budget));
        let round = Round { pins, from: note.done, to, vanished };
        *budget -= to - note.done;
        // Relaxed: a hint.
        self.0.pending.fetch_sub(to - note.done, Ordering::Relaxed);
        self.destroy(|| note.what.collect(&round, harvest));
        note.done = to;
    }

    /// Puts what was unlinked where it waits for those who walk, and what is held where it
    /// waits for its pin.
    fn store(&self, registry: &Registry, harvest: Harvest) {
        if !harvest.held.is_empty() {
            let mut held = self.0.held.lock();
            for (pin, what) in harvest.held {
                held.entry(pin).or_default().push(Note { ended: 0, what, done: 0 });
            }
        }
        let mut retired = harvest.unlinked;
        retired.append(&mut self.0.retired.lock());
        if !retired.is_empty() {
            let epoch = registry.next_epoch();
            self.0.limbo.lock().push_back(Limbo { epoch, retired });
            self.free(registry);
        }
    }

    /// Frees what was unlinked before everybody who walks now began to.
    fn free(&self, registry: &Registry) {
        let mut reached = None;
        loop {
            let batch = {
                let mut limbo = self.0.limbo.lock();
                let Some(epoch) = limbo.front().map(|first| first.epoch) else { return };
                if epoch > *reached.get_or_insert_with(|| registry.oldest_walk()) {
                    return;
                }
                limbo.pop_front()
            };
            self.destroy(|| drop(batch.map(|batch| batch.retired)));
        }
    }

    /// The pins that are gone, though something waits for them. O(pins).
    fn vanished(&self, pins: &Pins) -> Vec<u64> {
        let mut pins = pins.iter().peekable();
        let held = self.0.held.lock();
        let gone = held.keys().copied().filter(|&waits_for| {
            while pins.next_if(|&pin| pin < waits_for).is_some() {}
            pins.peek() != Some(&waits_for)
        });
        gone.collect()
    }

    /// A note that waited for a pin that is gone.
    fn take_orphan(&self, gone: u64) -> Option<Note> {
        let mut held = self.0.held.lock();
        let notes = held.get_mut(&gone)?;
        let note = notes.pop()?;
        if notes.is_empty() {
            held.remove(&gone);
        }
        // Relaxed: a hint.
        self.0.pending.fetch_add(note.what.len() - note.done, Ordering::Relaxed);
        Some(note)
    }

    fn take(&self, horizon: u64) -> Option<Note> {
        let mut notes = self.0.notes.lock();
        if notes.front()?.ended > horizon {
            return None;
        }
        let note = notes.pop_front();
        self.ask_ahead(&notes);
        if notes.len() < notes.capacity() / 4 && notes.capacity() > SPARE {
            let keep = notes.capacity() / 2;
            notes.shrink_to(keep);
        }
        note
    }

    /// Asks for the memory of what comes next, unless it is so little that it must be new. Not
    /// in a model, which has none.
    fn ask_ahead(&self, notes: &VecDeque<Note>) {
        if notes.len() <= AHEAD[1].0 || cfg!(precedent_loom) {
            return;
        }
        if let Some(note) = notes.get(ITSELF) {
            prefetch_lines(Arc::as_ptr(&note.what).cast::<u8>(), LINES);
        }
        for (later, what) in AHEAD {
            if let Some(note) = notes.get(later) {
                note.what.ask_for(what, self);
            }
        }
    }
}

#[cfg(all(test, not(precedent_loom)))]
mod tests {
    use std::sync::{Arc, mpsc};

    use super::{AHEAD, Ahead, Collecting, Collector, Harvest, Overwritten, Round, SPARE};
    use crate::bugs::Bugs;
    use crate::store::pins::Pins;
    use crate::store::registry::Registry;

    /// Records that all wait for pin 3 while there is one.
    struct Waiting(usize);

    impl Overwritten for Waiting {
        fn len(&self) -> usize {
            self.0
        }

        fn ask_for(&self, _: Ahead, _: &Collecting<'_>) {}

        fn collect(&self, round: &Round<'_>, harvest: &mut Harvest) {
            if round.pins.first_within(3, 4).is_some() {
                harvest.held.push((3, Arc::new(Self(round.to - round.from))));
            }
        }
    }

    #[test]
    fn whoever_asks_in_vain_for_the_right_to_collect_takes_it_from_nobody() {
        let collector = Collector::new();
        let collecting = collector.try_begin();
        assert!(collecting.is_some());
        (0..3).for_each(|_| assert!(collector.try_begin().is_none(), "two collect at a time"));
        drop(collecting);
        assert!(collector.try_begin().is_some());
    }

    #[test]
    fn who_has_the_right_to_collect_does_not_wait_for_himself_and_others_wait_for_him() {
        let collector = Collector::new();
        let Some(collecting) = collector.begin() else { panic!("nobody else is there") };
        assert!(collector.begin().is_none());
        let (tell, told) = mpsc::channel();
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| {
                tell.send(()).expect("somebody listens");
                collector.begin().is_some()
            });
            told.recv().expect("it begins");
            // Whoever does not wait has given up by then.
            std::thread::sleep(std::time::Duration::from_millis(20));
            drop(collecting);
            assert!(waiting.join().expect("it does not panic"), "it waited");
        });
    }

    /// Tells what was asked of it, by its number.
    struct Asked(u64, mpsc::Sender<(u64, &'static str)>);

    impl Asked {
        fn tell(&self, what: &'static str) {
            self.1.send((self.0, what)).expect("somebody listens");
        }
    }

    impl Overwritten for Asked {
        fn len(&self) -> usize {
            1
        }

        fn ask_for(&self, what: Ahead, _: &Collecting<'_>) {
            self.tell(match what {
                Ahead::Records => "records",
                Ahead::Newest => "newest",
                Ahead::Overwritten => "overwritten",
            });
        }

        fn collect(&self, _: &Round<'_>, _: &mut Harvest) {
            self.tell("collect");
        }
    }

    #[test]
    fn what_comes_next_is_asked_for_before_its_turn_one_thing_after_the_other() {
        let (tell, told) = mpsc::channel();
        let (collector, registry) = (Collector::new(), Registry::new(Bugs::NONE));
        (0..60).for_each(|at| collector.note(at, Arc::new(Asked(at, tell.clone()))));
        let Some(collecting) = collector.try_begin() else { panic!("nobody else is there") };
        // Also of what the horizon has not passed: its turn will come.
        collecting.collect(&registry, &Pins::new(Vec::new(), 30), usize::MAX);
        let told: Vec<_> = told.try_iter().collect();
        let of = |note: u64| -> Vec<&str> {
            told.iter().filter(|(of, _)| *of == note).map(|(_, what)| *what).collect()
        };
        for note in AHEAD[0].0 as u64 + 1..=30 {
            assert_eq!(of(note), ["records", "newest", "overwritten", "collect"], "{note}");
        }
        assert_eq!(of(32 + AHEAD[1].0 as u64), ["records"], "and not more before its time");
    }

    #[test]
    fn what_waited_for_a_pin_is_pending_only_while_it_is_looked_at() {
        let (collector, registry) = (Collector::new(), Registry::new(Bugs::NONE));
        collector.note(5, Arc::new(Waiting(10)));
        let Some(collecting) = collector.try_begin() else { panic!("nobody else is there") };
        collecting.collect(&registry, &Pins::new(vec![3], 9), usize::MAX);
        assert_eq!((collector.pending(), collector.holds_for(3)), (0, true));
        // The pin is gone, and each collection may look at four.
        for _ in 0..3 {
            collecting.collect(&registry, &Pins::new(Vec::new(), 9), 4);
            assert_eq!(collector.pending(), 0);
        }
        assert!(!collector.holds_for(3));
    }

    #[test]
    fn hints_tell_what_waits() {
        let (collector, registry) = (Collector::new(), Registry::new(Bugs::NONE));
        let hints = || (collector.pending(), collector.is_waiting());
        assert_eq!(hints(), (0, false));
        collector.note(5, Arc::new(Waiting(10)));
        assert_eq!(hints(), (10, false));
        let Some(collecting) = collector.try_begin() else { panic!("nobody else is there") };
        // Cut short, then not.
        collecting.collect(&registry, &Pins::new(vec![3], 9), 4);
        assert_eq!(hints(), (6, true));
        collecting.collect(&registry, &Pins::new(vec![3], 9), usize::MAX);
        assert_eq!(hints(), (0, false));
        assert!(collector.holds_for(3) && !collector.holds_for(4));
    }

    #[test]
    fn room_for_many_notes_is_given_back_by_halves() {
        let (collector, registry) = (Collector::new(), Registry::new(Bugs::NONE));
        (0..8 * SPARE).for_each(|_| collector.note(5, Arc::new(Waiting(1))));
        let Some(collecting) = collector.try_begin() else { panic!("nobody else is there") };
        let room = || collector.notes.lock().capacity();
        let before = room();
        collecting.collect(&registry, &Pins::new(Vec::new(), 9), 1);
        assert_eq!(room(), before, "nearly all of it is in use");
        collecting.collect(&registry, &Pins::new(Vec::new(), 9), usize::MAX);
        assert_eq!(room(), SPARE);
    }
}

//! The snapshot registry: who reads at which timestamp, and who walks a chain just now.
//!
//! Every transaction holds a slot, a cache line of its own; nothing else is written by a
//! transaction that only reads. Slots are never taken back from the list, which grows
//! without limit, so `begin` cannot fail.
//!
//! ```text
//!   register:  pin = w and above;  fence;  s = load w again;  pin = s exactly
//!   pins:      w' = load w;  fence;  scan
//! ```
//!
//! Either the scan sees the slot, or the second load sees a timestamp at or above the
//! scan's: a snapshot that a scan misses is never below what the scan returned (I3).
//!
//! ```text
//!   walk:      walking = epoch;  fence;  follow pointers;  walking = idle
//!   collect:   unlink;  epoch += 1;  fence;  free once nobody walks in an older epoch
//! ```
//!
//! A pin is a fact of a transaction and may last for an hour; a walk lasts for one look-up.
//! So an idle transaction keeps the versions that it can see, and delays nothing else.

use std::borrow::Cow;
use std::panic::Location;

use crate::bugs::{Bug, Bugs};
use crate::store::tally::{Tally, Totals};
use crate::sync::{
    AtomicBool, AtomicU64, AtomicUsize, CachePadded, OnceLock, Ordering, fence, thread_hint,
};

/// Slots in a segment. A model has few threads.
#[cfg(not(precedent_loom))]
const SEGMENT: usize = 64;
#[cfg(precedent_loom)]
const SEGMENT: usize = 3;

/// Snapshots that one transaction can pin at the same time: the one that it reads, the one
/// that it slides to, and those at which `peek` handed something out.
#[cfg(not(precedent_loom))]
pub(crate) const PINS: usize = 5;
#[cfg(precedent_loom)]
pub(crate) const PINS: usize = 3;

/// At how many snapshots `peek` can have handed something out. Beside them there is room for
/// the present one and, though that was peeked at too, for two folds in one certification.
#[cfg(not(precedent_loom))]
pub(crate) const PEEKED: usize = PINS - 3;
#[cfg(precedent_loom)]
pub(crate) const PEEKED: usize = PINS - 2;

/// What a slot says when it holds nothing back.
const NOTHING: u64 = u64::MAX;

/// The phases of a slot's transaction, in the low bits below its turn.
const RUNNING: u64 = 0;
const COMMITTING: u64 = 1;
const DOOMED: u64 = 2;

/// What a registered transaction means to the certifier.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Role {
    /// It may write: commits after its snapshot must be kept for its certification.
    Writer,
    /// A tracked reader whose snapshot is not known to be safe: likewise.
    Reader,
    /// Only its versions must stay.
    Untracked,
}

pub(crate) struct Registry {
    /// The published timestamp w: every commit at or below it is visible.
    published: CachePadded<AtomicU64>,
    /// Counts the batches of versions that were unlinked. Written by whoever collects.
    epoch: CachePadded<AtomicU64>,
    first: Segment,
    /// Slots from this number on were never claimed; scans end there. Only grows.
    used: CachePadded<AtomicUsize>,
    bugs: Bugs,
}

struct Segment {
    slots: [CachePadded<Slot>; SEGMENT],
    next: OnceLock<Box<Segment>>,
}

struct Slot {
    /// Whether a transaction holds the slot. Claimed by compare-and-swap.
    claimed: AtomicBool,
    /// Timestamps whose versions must stay, doubled, plus one while the holder has not
    /// settled yet: then every version visible at or after it. Only the holder writes them.
    pins: [AtomicU64; PINS],
    /// The read timestamp, doubled, plus one for a writer; `NOTHING` for the untracked.
    /// Only the holder writes it.
    mark: AtomicU64,
    /// How many transactions have held the slot, times four, plus the phase of the present
    /// one. Written by the holder, and by compare-and-swap by whoever dooms it.
    phase: AtomicU64,
    /// The epoch in which the holder follows pointers of a chain, else `NOTHING`. Only the
    /// holder writes it.
    walking: AtomicU64,
    /// On lines of its own: scans do not read it.
    tally: CachePadded<Tally>,
}

/// An open transaction, as statistics tell it.
pub(crate) struct Holder {
    pub(crate) id: u64,
    /// When it began, in nanoseconds of the caller's clock.
    pub(crate) begun: u64,
    pub(crate) place: Option<&'static Location<'static>>,
    pub(crate) label: Option<Cow<'static, str>>,
    /// Its read timestamp.
    pub(crate) timestamp: u64,
    pub(crate) doomed: bool,
}

/// A claimed slot with a registered snapshot. Its holder must give it back by
/// [`Registry::release`]; the transaction's `Drop` does.
#[must_use]
#[derive(Debug)]
pub(crate) struct Ticket {
    slot: u64,
    turn: u64,
    timestamp: u64,
}

/// Which of its pins a transaction reads at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Pin(usize);

impl Pin {
    /// The one that `register` settles.
    pub(crate) const FIRST: Self = Self(0);
}

/// Lets a transaction walk.
#[derive(Clone, Copy)]
pub(crate) struct Walker<'r> {
    registry: &'r Registry,
    ticket: &'r Ticket,
}

impl<'r> Walker<'r> {
    /// Announces that the transaction follows pointers of a chain. Walks may be nested; the
    /// outermost counts.
    pub(crate) fn walk(self) -> Walk<'r> {
        let slot = self.registry.slot(self.ticket);
        // Relaxed: only the holder writes it.
        if slot.walking.load(Ordering::Relaxed) != NOTHING {
            return Walk { slot, release: Release::Nothing };
        }
        self.registry.start_walk(slot);
        Walk { slot, release: Release::Walking }
    }
}

/// While it lives, the versions that the holder's chains lead to are not freed.
pub(crate) struct Walk<'r> {
    slot: &'r Slot,
    release: Release,
}

/// What the end of a walk gives back.
enum Release {
    /// A walk around this one goes on.
    Nothing,
    Walking,
    Slot,
}

impl Drop for Walk<'_> {
    fn drop(&mut self) {
        if crate::sync::model_failed() || matches!(self.release, Release::Nothing) {
            return;
        }
        // Release: pairs with the Acquire load of `oldest_walk`.
        self.slot.walking.store(NOTHING, Ordering::Release);
        if matches!(self.release, Release::Slot) {
            self.slot.claimed.store(false, Ordering::Release);
        }
    }
}

impl Registry {
    pub(crate) fn new(bugs: Bugs) -> Self {
        Self {
            published: CachePadded::new(AtomicU64::new(0)),
            epoch: CachePadded::new(AtomicU64::new(1)),
            first: Segment::new(),
            used: CachePadded::new(AtomicUsize::new(0)),
            bugs,
        }
    }

    /// The published timestamp.
    pub(crate) fn published(&self) -> u64 {
        // Acquire: pairs with the Release store of `publish`.
        self.published.load(Ordering::Acquire)
    }

    /// Raises the published timestamp. Only the `Publisher` calls it, under its lock.
    pub(crate) fn publish(&self, timestamp: u64) {
        debug_assert!(timestamp > self.published.load(Ordering::Relaxed), "I2: w only grows");
        // Release: whoever loads this timestamp sees every install at or below it.
        self.published.store(timestamp, Ordering::Release);
    }

    /// Takes a slot and registers the newest snapshot in it. Never fails; waits for nobody.
    pub(crate) fn register(&self, role: Role) -> Ticket {
        let (slot, number) = self.claim();
        // Relaxed: the holder is the only one that counts.
        let turn = (slot.phase.load(Ordering::Relaxed) >> 2) + 1;
        slot.phase.store(turn << 2 | RUNNING, Ordering::Release);
        let first = self.published();
        // Release: whoever reads these knows what the slot's last holder appended.
        slot.pins[0].store(unsettled(first), Ordering::Release);
        slot.mark.store(mark(role, first), Ordering::Release);
        // Pairs with the fence of `scan`: the scan sees the slot, or we see its w.
        fence(Ordering::SeqCst);
        let timestamp = if self.bugs.has(Bug::NoSecondLoad) { first } else { self.published() };
        slot.pins[0].store(settled(timestamp), Ordering::Release);
        if timestamp != first {
            slot.mark.store(mark(role, timestamp), Ordering::Release);
        }
        Ticket { slot: number, turn, timestamp }
    }

    fn claim(&self) -> (&Slot, u64) {
        let hint = thread_hint();
        let mut segment = &self.first;
        let mut base = 0;
        loop {
            for probe in 0..SEGMENT {
                let at = (hint + probe) % SEGMENT;
                let slot = &*segment.slots[at];
                // Acquire: pairs with the Release store that gave the slot back.
                let claim = || {
                    slot.claimed.compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed)
                };
                if !slot.claimed.load(Ordering::Relaxed) && claim().is_ok() {
                    let number = base + at;
                    // Before any fence of the holder's: a scan that must see the slot goes
                    // far enough.
                    if number >= self.used.load(Ordering::Relaxed) {
                        self.used.fetch_max(number + 1, Ordering::AcqRel);
                    }
                    return (slot, number as u64);
                }
            }
            segment = segment.next.get_or_init(|| Box::new(Segment::new()));
            base += SEGMENT;
        }
    }

    fn slots(&self) -> impl Iterator<Item = &Slot> {
        let mut segment = Some(&self.first);
        std::iter::from_fn(move || {
            let this = segment?;
            segment = this.next.get().map(|next| &**next);
            Some(this.slots.iter().map(|slot| &**slot))
        })
        .flatten()
        // Relaxed: each scan has its fence before; see `register`.
        .take(self.used.load(Ordering::Relaxed))
    }

    /// Adds the snapshots that are registered to `pins`. No snapshot that it misses, be it
    /// registered now or later, lies below the result, which is published (I3). O(slots).
    pub(crate) fn pins(&self, pins: &mut Vec<u64>) -> u64 {
        let mut floor = self.published();
        // Pairs with the fence of `register`.
        fence(Ordering::SeqCst);
        for slot in self.slots() {
            for pin in &slot.pins {
                // Acquire: pairs with the Release stores of the holder.
                match pin.load(Ordering::Acquire) {
                    NOTHING => {}
                    pin if pin & 1 == 1 => floor = floor.min(pin >> 1),
                    pin => pins.push(pin >> 1),
                }
            }
        }
        floor
    }

    /// The low-water mark: the smallest read timestamp of active writers and of readers
    /// not known to be safe, else the published timestamp (I3). O(slots).
    pub(crate) fn low_water(&self) -> u64 {
        self.oldest(|_| true)
    }

    /// The smallest read timestamp of an active writer, else the published timestamp. O(slots).
    pub(crate) fn oldest_writer(&self) -> u64 {
        self.oldest(|mark| mark & 1 == 1)
    }

    /// The smallest read timestamp of a reader not known to be safe. O(slots).
    pub(crate) fn oldest_reader(&self) -> u64 {
        self.oldest(|mark| mark & 1 == 0)
    }

    fn oldest(&self, counts: impl Fn(u64) -> bool) -> u64 {
        let published = self.published();
        self.marks().filter(|&mark| counts(mark)).fold(published, |w, mark| w.min(mark >> 1))
    }

    /// The marks of the transactions that hold something back.
    fn marks(&self) -> impl Iterator<Item = u64> {
        // Pairs with the fence of `register`.
        fence(Ordering::SeqCst);
        self.slots().filter_map(|slot| {
            // In this order: a phase that is newer than the mark says that it runs.
            let mark = slot.mark.load(Ordering::Acquire);
            (mark != NOTHING && slot.phase.load(Ordering::Acquire) & 3 != DOOMED).then_some(mark)
        })
    }

    /// Whether an active writer's read timestamp lies below `timestamp`, which was
    /// published already. Once false, always false. O(slots).
    pub(crate) fn writer_below(&self, timestamp: u64) -> bool {
        self.marks().any(|mark| mark & 1 == 1 && mark >> 1 < timestamp)
    }

    fn slot(&self, ticket: &Ticket) -> &Slot {
        let number = ticket.slot as usize;
        let mut segment = &self.first;
        for _ in 0..number / SEGMENT {
            // A ticket's segment exists already.
            segment = segment.next.get_or_init(|| Box::new(Segment::new()));
        }
        &segment.slots[number % SEGMENT]
    }

    /// Registers one more snapshot for a transaction, the newest one, by the protocol of
    /// `register`. None if it has no pin left.
    pub(crate) fn pin_newest(&self, ticket: &Ticket) -> Option<(Pin, u64)> {
        let slot = self.slot(ticket);
        let pin = free_pin(slot)?;
        slot.pins[pin.0].store(unsettled(self.published()), Ordering::Release);
        // Pairs with the fence of `pins`.
        fence(Ordering::SeqCst);
        let timestamp = self.published();
        slot.pins[pin.0].store(settled(timestamp), Ordering::Release);
        Some((pin, timestamp))
    }

    /// Registers one more snapshot for a transaction, at a timestamp that the caller knows
    /// to be kept by somebody until now, and asks again after the fence. None if not, or if
    /// the transaction has no pin left.
    pub(crate) fn pin_kept(
        &self,
        ticket: &Ticket,
        timestamp: u64,
        still_kept: impl FnOnce() -> bool,
    ) -> Option<Pin> {
        let slot = self.slot(ticket);
        let pin = free_pin(slot)?;
        // Unsettled, since it may be too late: nothing is to wait for a pin that never was.
        slot.pins[pin.0].store(unsettled(timestamp), Ordering::Release);
        // Pairs with the fence of `pins`: that scan sees the pin, or we see what came first.
        fence(Ordering::SeqCst);
        if still_kept() {
            slot.pins[pin.0].store(settled(timestamp), Ordering::Release);
            return Some(pin);
        }
        self.unpin(ticket, pin);
        None
    }

    /// Gives one snapshot of a transaction up.
    pub(crate) fn unpin(&self, ticket: &Ticket, pin: Pin) {
        self.slot(ticket).pins[pin.0].store(NOTHING, Ordering::Release);
    }

    /// Tells the new read timestamp of a transaction that slid; it has pinned it already.
    pub(crate) fn slide(&self, ticket: &Ticket, role: Role, timestamp: u64) {
        self.slot(ticket).mark.store(mark(role, timestamp), Ordering::Release);
    }

    /// From now on only the versions are held: the snapshot is known to be safe.
    pub(crate) fn stop_tracking(&self, ticket: &Ticket) {
        self.slot(ticket).mark.store(NOTHING, Ordering::Release);
    }

    /// A transaction starts to commit; false if it was doomed before. From now on it
    /// cannot be.
    pub(crate) fn start_commit(&self, ticket: &Ticket) -> bool {
        let (running, committing) = (ticket.turn << 2 | RUNNING, ticket.turn << 2 | COMMITTING);
        self.slot(ticket).swap_phase(running, committing) || self.bugs.has(Bug::CommitUnasked)
    }

    /// Whether somebody else has doomed the transaction.
    pub(crate) fn is_doomed(&self, ticket: &Ticket) -> bool {
        self.slot(ticket).phase.load(Ordering::Acquire) == ticket.turn << 2 | DOOMED
    }

    /// Dooms the transactions that hold something of others back, do not commit yet and
    /// began at or before `before`; returns how many. `now` is by the same clock. From then
    /// on they keep only the versions that they can see. O(slots).
    pub(crate) fn doom_begun_before(&self, before: u64, now: u64) -> usize {
        self.slots().filter(|slot| slot.doom_begun_before(before, now)).count()
    }

    /// Gives the slot back; the ticket is void from now on.
    pub(crate) fn release(&self, ticket: &Ticket) {
        let slot = self.slot(ticket);
        // Release: pairs with the Acquire loads of scans, which then see what the
        // transaction appended to the log before it ended.
        slot.mark.store(NOTHING, Ordering::Release);
        slot.tally.end();
        slot.pins.iter().for_each(|pin| pin.store(NOTHING, Ordering::Release));
        slot.claimed.store(false, Ordering::Release);
    }

    /// For the holder of a ticket.
    pub(crate) fn walker<'r>(&'r self, ticket: &'r Ticket) -> Walker<'r> {
        Walker { registry: self, ticket }
    }

    /// As [`Walker::walk`], for those who hold no slot: a slot is claimed for as long as the walk.
    pub(crate) fn walk_anywhere(&self) -> Walk<'_> {
        let (slot, _) = self.claim();
        self.start_walk(slot);
        Walk { slot, release: Release::Slot }
    }

    fn start_walk(&self, slot: &Slot) {
        // Acquire: pairs with the increment of `next_epoch`: what was unlinked before it
        // is out of reach.
        slot.walking.store(self.epoch.load(Ordering::Acquire), Ordering::Release);
        // Pairs with the fence of `next_epoch`: it sees the walk, or the walk what it unlinked.
        if !self.bugs.has(Bug::WalkUnannounced) {
            fence(Ordering::SeqCst);
        }
    }

    /// Begins a new epoch after something was unlinked: it can be freed as soon as
    /// `oldest_walk` has reached the result.
    pub(crate) fn next_epoch(&self) -> u64 {
        let epoch = self.epoch.fetch_add(1, Ordering::AcqRel) + 1;
        // Pairs with the fence of `start_walk`.
        fence(Ordering::SeqCst);
        epoch
    }

    /// The oldest epoch in which somebody walks; `u64::MAX` if nobody does. O(slots).
    pub(crate) fn oldest_walk(&self) -> u64 {
        // Acquire: pairs with the Release store that ends a walk.
        self.slots().map(|slot| slot.walking.load(Ordering::Acquire)).fold(NOTHING, u64::min)
    }

    /// What the transactions of the ticket's slot have done. Only its holder counts.
    pub(crate) fn tally(&self, ticket: &Ticket) -> &Tally {
        &self.slot(ticket).tally
    }

    /// What all transactions have done. O(slots).
    pub(crate) fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        self.slots().for_each(|slot| totals.add(&slot.tally));
        totals
    }

    /// The open transaction that began first; `now` by the clock that `Tally::begin` was
    /// told of. O(slots).
    pub(crate) fn oldest_holder(&self, now: u64) -> Option<Holder> {
        let open = (0..).zip(self.slots()).filter_map(|(number, slot)| slot.holder(number, now));
        open.min_by_key(|holder| holder.begun)
    }

    /// How many slots a scan looks at.
    pub(crate) fn slots_used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// How many transactions are open, and the smallest read timestamp that one pins.
    pub(crate) fn census(&self) -> (usize, Option<u64>) {
        // A transaction pins something from its registration to its end.
        let pins = self.slots().filter_map(|slot| {
            let pins = slot.pins.iter().map(|pin| pin.load(Ordering::Acquire));
            pins.filter(|&pin| pin != NOTHING).map(|pin| pin >> 1).min()
        });
        pins.fold((0, None), |(count, oldest), pin| {
            (count + 1, Some(oldest.map_or(pin, |oldest: u64| oldest.min(pin))))
        })
    }
}

/// A pin that holds nothing.
fn free_pin(slot: &Slot) -> Option<Pin> {
    // Relaxed: only the holder writes them.
    let free = |at: &usize| slot.pins[*at].load(Ordering::Relaxed) == NOTHING;
    (0..PINS).find(free).map(Pin)
}

fn settled(timestamp: u64) -> u64 {
    timestamp << 1
}

fn unsettled(timestamp: u64) -> u64 {
    timestamp << 1 | 1
}

fn mark(role: Role, timestamp: u64) -> u64 {
    match role {
        Role::Writer => timestamp << 1 | 1,
        Role::Reader => timestamp << 1,
        Role::Untracked => NOTHING,
    }
}

impl Segment {
    fn new() -> Self {
        Self {
            slots: std::array::from_fn(|_| CachePadded::new(Slot::new())),
            next: OnceLock::new(),
        }
    }
}

impl Slot {
    fn new() -> Self {
        Self {
            claimed: AtomicBool::new(false),
            pins: std::array::from_fn(|_| AtomicU64::new(NOTHING)),
            mark: AtomicU64::new(NOTHING),
            phase: AtomicU64::new(0),
            walking: AtomicU64::new(NOTHING),
            tally: CachePadded::new(Tally::new()),
        }
    }

    fn doom_begun_before(&self, before: u64, now: u64) -> bool {
        // Acquire: what is read below is at least as new as the turn. If it is newer, the
        // turn is over and the compare-and-swap fails.
        let phase = self.phase.load(Ordering::Acquire);
        let running = phase & 3 == RUNNING && self.mark.load(Ordering::Acquire) != NOTHING;
        running && self.tally.begun(now) <= before && self.swap_phase(phase, phase | DOOMED)
    }

    /// Release: whoever sees the new phase knows what its writer did before.
    fn swap_phase(&self, from: u64, to: u64) -> bool {
        self.phase.compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// The transaction that holds the slot; none if it ends while we look.
    fn holder(&self, number: u64, now: u64) -> Option<Holder> {
        // Acquire: what is read of the tally is at least as new as the turn.
        let phase = self.phase.load(Ordering::Acquire);
        let pins = self.pins.iter().map(|pin| pin.load(Ordering::Acquire));
        let pinned = pins.filter(|&pin| pin != NOTHING).max()?;
        let mark = self.mark.load(Ordering::Acquire);
        let turn = phase >> 2;
        let holder = Holder {
            id: ticket_id(number, turn),
            begun: self.tally.begun(now),
            place: self.tally.place(),
            label: self.tally.label(turn),
            timestamp: if mark == NOTHING { pinned } else { mark } >> 1,
            doomed: phase & 3 == DOOMED,
        };
        let still_open = self.claimed.load(Ordering::Acquire);
        (still_open && self.phase.load(Ordering::Acquire) >> 2 == turn).then_some(holder)
    }
}

/// Names the transaction: the slot and the turn, unique in the registry.
fn ticket_id(slot: u64, turn: u64) -> u64 {
    slot << 40 | turn
}

impl Ticket {
    /// s(T) as it was registered.
    pub(crate) fn timestamp(&self) -> u64 {
        self.timestamp
    }

    /// Names the transaction: the slot and the turn, unique in the registry.
    pub(crate) fn id(&self) -> u64 {
        ticket_id(self.slot, self.turn)
    }

    /// How many transactions this slot has seen.
    pub(crate) fn turn(&self) -> u64 {
        self.turn
    }
}

#[cfg(all(test, not(precedent_loom)))]
mod tests;

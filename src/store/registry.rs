//! The snapshot registry: who reads at which timestamp.
//!
//! Every transaction holds a slot, a cache line of its own; nothing else is written by a
//! transaction that only reads. Slots are never taken back from the list, which grows
//! without limit, so `begin` cannot fail.
//!
//! ```text
//!   register:  slot = w;  fence;  s = load w again      oldest:  w' = load w;  fence;  scan
//! ```
//!
//! Either the scan sees the slot, or the second load sees a timestamp at or above the
//! scan's: a snapshot that a scan misses is never below what the scan returned (I3).

use crate::bugs::{Bug, Bugs};
use crate::sync::{
    AtomicBool, AtomicU64, AtomicUsize, CachePadded, OnceLock, Ordering, fence, thread_hint,
};

/// Slots in a segment. A model has few threads.
#[cfg(not(precedent_loom))]
const SEGMENT: usize = 64;
#[cfg(precedent_loom)]
const SEGMENT: usize = 3;

/// What a slot says when it holds nothing back.
const NOTHING: u64 = u64::MAX;

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
    /// No version visible at or after this timestamp may go. Only the holder writes it.
    pin: AtomicU64,
    /// The read timestamp, doubled, plus one for a writer; `NOTHING` for the untracked.
    /// Only the holder writes it.
    mark: AtomicU64,
    /// How many transactions have held the slot. Only the holder writes it.
    turns: AtomicU64,
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

impl Registry {
    pub(crate) fn new(bugs: Bugs) -> Self {
        Self {
            published: CachePadded::new(AtomicU64::new(0)),
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
        // Before the fence, so that a scan that must see the slot goes far enough.
        if number as usize >= self.used.load(Ordering::Relaxed) {
            self.used.fetch_max(number as usize + 1, Ordering::AcqRel);
        }
        // Relaxed: the holder is the only one that counts.
        let turn = slot.turns.load(Ordering::Relaxed) + 1;
        slot.turns.store(turn, Ordering::Relaxed);
        let first = self.published();
        // Release: whoever reads these knows what the slot's last holder appended.
        slot.pin.store(first, Ordering::Release);
        slot.mark.store(mark(role, first), Ordering::Release);
        // Pairs with the fence of `oldest`: the scan sees the slot, or we see its w.
        fence(Ordering::SeqCst);
        let timestamp = if self.bugs.has(Bug::NoSecondLoad) { first } else { self.published() };
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
                    return (slot, base + at as u64);
                }
            }
            segment = segment.next.get_or_init(|| Box::new(Segment::new()));
            base += SEGMENT as u64;
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

    /// A timestamp such that no version visible at or after it may be collected: no
    /// registered snapshot, now or later, lies below it (I3). O(slots).
    pub(crate) fn oldest_pin(&self) -> u64 {
        self.oldest(|slot| slot.pin.load(Ordering::Acquire))
    }

    /// The low-water mark: the smallest read timestamp of active writers and of readers
    /// not known to be safe, else the published timestamp (I3). O(slots).
    pub(crate) fn low_water(&self) -> u64 {
        self.oldest(|slot| slot.mark.load(Ordering::Acquire) >> 1)
    }

    fn oldest(&self, field: impl Fn(&Slot) -> u64) -> u64 {
        let published = self.published();
        // Pairs with the fence of `register`.
        fence(Ordering::SeqCst);
        self.slots().map(field).fold(published, u64::min)
    }

    /// Whether an active writer's read timestamp lies below `timestamp`, which was
    /// published already. Once false, always false. O(slots).
    pub(crate) fn writer_below(&self, timestamp: u64) -> bool {
        // Pairs with the fence of `register`.
        fence(Ordering::SeqCst);
        self.slots().any(|slot| {
            let mark = slot.mark.load(Ordering::Acquire);
            mark != NOTHING && mark & 1 == 1 && mark >> 1 < timestamp
        })
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

    /// Tells the new read timestamp of a snapshot that slid forward. The pin of the
    /// first one stays: values that were handed out there must live (I4), and since
    /// collection spares everything above the oldest pin, it covers the new one too.
    pub(crate) fn slide(&self, ticket: &Ticket, role: Role, timestamp: u64) {
        self.slot(ticket).mark.store(mark(role, timestamp), Ordering::Release);
    }

    /// From now on only the versions are held: the snapshot is known to be safe.
    pub(crate) fn stop_tracking(&self, ticket: &Ticket) {
        self.slot(ticket).mark.store(NOTHING, Ordering::Release);
    }

    /// Gives the slot back; the ticket is void from now on.
    pub(crate) fn release(&self, ticket: &Ticket) {
        let slot = self.slot(ticket);
        // Release: pairs with the Acquire loads of scans, which then see what the
        // transaction appended to the log before it ended.
        slot.mark.store(NOTHING, Ordering::Release);
        slot.pin.store(NOTHING, Ordering::Release);
        slot.claimed.store(false, Ordering::Release);
    }

    /// How many transactions are open, and the smallest read timestamp that one pins.
    pub(crate) fn census(&self) -> (usize, Option<u64>) {
        // A claimed slot pins something from its registration to its end.
        let pins = self.slots().map(|slot| slot.pin.load(Ordering::Acquire));
        let open = pins.filter(|&pin| pin != NOTHING);
        open.fold((0, None), |(count, oldest), pin| {
            (count + 1, Some(oldest.map_or(pin, |oldest: u64| oldest.min(pin))))
        })
    }
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
            pin: AtomicU64::new(NOTHING),
            mark: AtomicU64::new(NOTHING),
            turns: AtomicU64::new(0),
        }
    }
}

impl Ticket {
    /// s(T) as it was registered.
    pub(crate) fn timestamp(&self) -> u64 {
        self.timestamp
    }

    /// Names the transaction: the slot and the turn, unique in the registry.
    pub(crate) fn id(&self) -> u64 {
        self.slot << 40 | self.turn
    }

    /// How many transactions this slot has seen.
    pub(crate) fn turn(&self) -> u64 {
        self.turn
    }
}

//! The retained commits: blocks that only grow, which whoever looks at them shares.
//!
//! ```text
//!   block       256 places: an entry each, and beside the entries, in rows of their own,
//!               what the search asks first: s, digests and signatures of reads and writes
//!   Entries     the blocks, behind the log's lock
//!   Window      some of the same blocks, up to a position: read without any lock
//! ```
//!
//! A place is written once, under the log's lock, before its commit timestamp is told to
//! anybody. So whoever learns a position under that lock may look at all places up to it for
//! as long as the block is shared. Entries are taken out only of a block that nobody else has.
#![allow(unsafe_code)]

use std::cell::UnsafeCell;
use std::collections::VecDeque;
use std::sync::Arc;

use smallvec::SmallVec;

use crate::prefetch::prefetch_lines;
use crate::ssi::footprint::{Body, Footprint, Signature, Witness, digests_meet};
use crate::ssi::reach::bits_where;

/// Places of a block; few in models, so that blocks are left.
const PLACES: usize = if cfg!(precedent_loom) { 4 } else { 256 };

/// A committed read-write transaction.
pub(crate) struct Entry {
    /// c(X).
    pub(crate) commit: u64,
    pub(crate) body: Arc<Body>,
    /// The first commit that X read around: `low(X)`, fixed at commit, never transitive. A
    /// rule other than the exact one may keep an earlier one here.
    pub(crate) overwriter: Option<Overwriter>,
}

impl Entry {
    /// As what overwrote something that another transaction observed or wrote.
    pub(crate) fn as_overwriter(&self, witness: Witness) -> Overwriter {
        Overwriter { commit: self.commit, body: Arc::clone(&self.body), witness }
    }
}

/// The first commit that overwrote something that another transaction observed.
#[derive(Clone)]
pub(crate) struct Overwriter {
    pub(crate) commit: u64,
    pub(crate) body: Arc<Body>,
    pub(crate) witness: Witness,
}

/// What a first test asks of a commit; made before the log is locked.
#[derive(Clone, Copy)]
pub(super) struct Digests {
    read: u64,
    /// Of keys alone: nearly every commit writes to one of few tables.
    written: u64,
}

impl Digests {
    pub(super) fn of(footprint: &Footprint) -> Self {
        Self { read: footprint.reads.digest(), written: footprint.writes.of_keys().digest() }
    }
}

/// In the order in which it is asked.
#[repr(C)]
struct Block {
    /// The commit timestamp of the first place.
    first: u64,
    entries: Row<Option<Entry>>,
    /// s, and digests: all that is asked of most. Each in a row of its own, so that a search
    /// fetches no more of them than it asks.
    snapshots: Row<u64>,
    read: Row<u64>,
    written: Row<u64>,
    reads: Row<Signature>,
    writes: Row<Signature>,
}

/// One thing of each place, side by side.
struct Row<T>([UnsafeCell<T>; PLACES]);

// SAFETY: a place is written by whoever has the log's lock, at most once while the block is
// shared; it is read by those who learned under that lock that it was written. See the head.
unsafe impl Sync for Block {}

impl<T: Default> Row<T> {
    fn new() -> Self {
        Self(std::array::from_fn(|_| UnsafeCell::default()))
    }
}

impl<T> Row<T> {
    /// Fills a place.
    ///
    /// # Safety
    /// The caller has the log's lock, and nobody was told of the place.
    unsafe fn fill(&self, place: usize, value: T) {
        // SAFETY: nobody looks at it, says the caller.
        unsafe { *self.0[place].get() = value };
    }

    /// # Safety
    /// The places before `filled` were filled, and the caller learned it under the lock.
    unsafe fn filled(&self, filled: usize) -> &[T] {
        let places = &self.0[..filled];
        // SAFETY: an UnsafeCell is laid out as what is in it, and nobody writes to these.
        unsafe { std::slice::from_raw_parts(places.as_ptr().cast(), places.len()) }
    }
}

impl Block {
    fn new(first: u64) -> Self {
        Self {
            first,
            entries: Row::new(),
            snapshots: Row::new(),
            read: Row::new(),
            written: Row::new(),
            reads: Row::new(),
            writes: Row::new(),
        }
    }

    /// The commit timestamp of the last place.
    fn last(&self) -> u64 {
        self.first + PLACES as u64 - 1
    }

    /// How many of its places hold commits up to `position`.
    fn filled(&self, position: u64) -> usize {
        ((position + 1).saturating_sub(self.first) as usize).min(PLACES)
    }
}

/// The retained commits; in the log, behind its lock.
pub(super) struct Entries {
    blocks: VecDeque<Arc<Block>>,
    /// A block that is used again.
    spare: Option<Arc<Block>>,
    /// The newest commit that was taken out.
    base: u64,
    /// The newest commit.
    last: u64,
}

impl Entries {
    pub(super) fn new() -> Self {
        Self { blocks: VecDeque::new(), spare: None, base: 0, last: 0 }
    }

    pub(super) fn base(&self) -> u64 {
        self.base
    }

    pub(super) fn last(&self) -> u64 {
        self.last
    }

    pub(super) fn len(&self) -> usize {
        (self.last - self.base) as usize
    }

    /// Takes the next commit, which has the next timestamp.
    pub(super) fn push(&mut self, entry: Entry, digests: Digests) {
        debug_assert_eq!(entry.commit, self.last + 1, "commits are numbered without a gap");
        let next = entry.commit;
        let full = self.blocks.back().is_none_or(|block| block.last() < next);
        if full {
            self.add_block(next);
        }
        if let Some(block) = self.blocks.back() {
            let place = (next - block.first) as usize;
            let Body { snapshot, footprint, .. } = &*entry.body;
            // SAFETY: `&mut self` is had under the log's lock; `last` says of nobody's place
            // that it is filled before it is.
            unsafe {
                block.snapshots.fill(place, *snapshot);
                block.read.fill(place, digests.read);
                block.written.fill(place, digests.written);
                block.reads.fill(place, footprint.reads);
                block.writes.fill(place, footprint.writes);
                block.entries.fill(place, Some(entry));
            }
        }
        self.last = next;
    }

    #[cold]
    fn add_block(&mut self, first: u64) {
        let mut block = self.spare.take().unwrap_or_else(|| Arc::new(Block::new(first)));
        match Arc::get_mut(&mut block) {
            Some(own) => own.first = first,
            None => block = Arc::new(Block::new(first)),
        }
        self.blocks.push_back(block);
    }

    /// Takes the oldest entries out, up to a commit, but at most so many, and none that
    /// somebody is looking at.
    pub(super) fn take_out(&mut self, upto: u64, most: usize) -> Vec<Entry> {
        let upto = upto.min(self.last).min(self.base.saturating_add(most as u64));
        let mut out = Vec::with_capacity(upto.saturating_sub(self.base) as usize);
        while self.base < upto {
            let Some(block) = self.blocks.front_mut() else { break };
            let first = block.first;
            let Some(own) = Arc::get_mut(block) else { break };
            let from = (self.base + 1 - first) as usize;
            let to = ((upto + 1 - first) as usize).min(PLACES);
            let places = &mut own.entries.0[from..to];
            out.extend(places.iter_mut().filter_map(|place| place.get_mut().take()));
            self.base = first + to as u64 - 1;
            if to == PLACES {
                self.spare = self.blocks.pop_front();
            }
        }
        out
    }

    /// The signatures of what the commits after `position` wrote.
    pub(super) fn writes_after(&self, position: u64) -> impl Iterator<Item = &Signature> {
        let from = position.max(self.base);
        let skip = self.blocks.partition_point(|block| block.last() <= from);
        self.blocks.range(skip..).flat_map(move |block| {
            // SAFETY: the log's lock is had by whoever has `&self`; up to `last` they are.
            let writes = unsafe { block.writes.filled(block.filled(self.last)) };
            &writes[(from + 1).saturating_sub(block.first) as usize..]
        })
    }

    /// Lets a window share what has come since it last looked.
    pub(super) fn extend(&self, window: &mut Window) {
        debug_assert!(self.base <= window.after, "what a window starts with is retained");
        let known = window.blocks.last().map_or(window.after, |block| block.last());
        let skip = self.blocks.partition_point(|block| block.last() <= known);
        if window.position < self.last {
            window.blocks.extend(self.blocks.range(skip..).map(Arc::clone));
        }
        window.position = self.last.max(window.position);
    }
}

/// The commits after a snapshot, up to a position. Shares the blocks they are in: nothing of
/// them is taken out before it is dropped.
pub(crate) struct Window {
    blocks: SmallVec<[Arc<Block>; 2]>,
    after: u64,
    position: u64,
}

/// A stretch of commits in a row.
pub(crate) struct Stretch<'w> {
    /// The commit timestamp of the first one.
    pub(crate) first: u64,
    pub(crate) snapshots: &'w [u64],
    read: &'w [u64],
    written: &'w [u64],
    reads: &'w [Signature],
    writes: &'w [Signature],
}

impl<'w> Stretch<'w> {
    /// The commits that may have read something that is in a signature, ascending.
    pub(crate) fn readers_of(&self, written: &Signature) -> impl Iterator<Item = u64> + use<'w> {
        let (first, reads, written) = (self.first, self.reads, *written);
        let digest = written.digest();
        let places = found(self.read, move |read| digests_meet(read, digest));
        let may_meet = move |&at: &usize| written.may_meet(&reads[at]);
        places.filter(may_meet).map(move |at| first + at as u64)
    }

    /// The commits that may have written something that is in a signature, ascending.
    pub(crate) fn writers_of(&self, seen: &Signature) -> impl Iterator<Item = u64> + use<'w> {
        let (first, writes, seen) = (self.first, self.writes, *seen);
        let digest = if seen.has_tables() { ALL } else { seen.digest() };
        let places =
            found(self.written, move |written| digests_meet(written, digest) | (digest == ALL));
        let may_meet = move |&at: &usize| seen.may_meet(&writes[at]);
        places.filter(may_meet).map(move |at| first + at as u64)
    }

    /// s of a commit of it.
    pub(crate) fn snapshot_of(&self, commit: u64) -> u64 {
        self.snapshots[(commit - self.first) as usize]
    }

    /// What a commit of it read.
    pub(crate) fn reads_of(&self, commit: u64) -> &'w Signature {
        &self.reads[(commit - self.first) as usize]
    }
}

/// A digest that meets every other.
const ALL: u64 = u64::MAX;

/// The places that pass a test, ascending. Without a branch for each.
fn found<'m>(
    digests: &'m [u64],
    test: impl Fn(u64) -> bool + 'm,
) -> impl Iterator<Item = usize> + 'm {
    let mut groups = digests.chunks(GROUP).enumerate();
    let (mut first, mut passing) = (0, 0_u64);
    std::iter::from_fn(move || {
        while passing == 0 {
            let (at, group) = groups.next()?;
            first = at * GROUP;
            // Nearly always none.
            if group.iter().fold(false, |any, one| any | test(*one)) {
                passing = bits_where(group, |one| test(*one));
            }
        }
        let place = passing.trailing_zeros() as usize;
        passing &= passing - 1;
        Some(first + place)
    })
}

/// Digests that are tested in a row: as many as a word has bits.
const GROUP: usize = u64::BITS as usize;

impl Window {
    /// Nothing yet.
    pub(crate) fn after(snapshot: u64) -> Self {
        Self { blocks: SmallVec::new(), after: snapshot, position: snapshot }
    }

    /// All that it holds come after it.
    pub(crate) fn start(&self) -> u64 {
        self.after
    }

    /// The newest commit that it holds.
    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    pub(crate) fn len(&self) -> usize {
        (self.position - self.after) as usize
    }

    /// The entry of a commit.
    ///
    /// # Panics
    /// If it is not in the window.
    pub(crate) fn entry(&self, commit: u64) -> &Entry {
        let block = self.block(commit);
        // SAFETY: it is at or below the position, which was learned under the lock.
        let entries = unsafe { block.entries.filled(block.filled(self.position)) };
        match &entries[(commit - block.first) as usize] {
            Some(entry) => entry,
            None => unreachable!("nothing is taken out of a shared block"),
        }
    }

    /// The entries, ascending.
    pub(crate) fn entries(&self) -> impl Iterator<Item = &Entry> {
        (self.after + 1..=self.position).map(|commit| self.entry(commit))
    }

    fn block(&self, commit: u64) -> &Block {
        assert!(self.after < commit && commit <= self.position, "the window has it");
        &self.blocks[((commit - self.blocks[0].first) / PLACES as u64) as usize]
    }

    /// What stands beside the entries of the commits above `commit`, ascending.
    pub(crate) fn above(&self, commit: u64) -> impl Iterator<Item = Stretch<'_>> {
        let after = commit.max(self.after);
        let skip = self.blocks.partition_point(|block| block.last() <= after);
        let blocks = &self.blocks[skip..];
        blocks.iter().enumerate().map(move |(at, block)| {
            if let Some(next) = blocks.get(at + 1) {
                // The rows of words, which follow one another.
                prefetch_lines(next.snapshots.0.as_ptr(), 3 * PLACES * size_of::<u64>() / 64);
            }
            let filled = block.filled(self.position);
            let from = ((after + 1).saturating_sub(block.first) as usize).min(filled);
            // SAFETY: they are at or below the position, which was learned under the lock.
            unsafe {
                Stretch {
                    first: block.first + from as u64,
                    snapshots: &block.snapshots.filled(filled)[from..],
                    read: &block.read.filled(filled)[from..],
                    written: &block.written.filled(filled)[from..],
                    reads: &block.reads.filled(filled)[from..],
                    writes: &block.writes.filled(filled)[from..],
                }
            }
        })
    }
}

#[cfg(all(test, not(precedent_loom)))]
mod tests {
    use super::{Digests, Entries, Entry, PLACES, Window};
    use std::sync::Arc;

    use crate::ssi::conflict::TransactionId;
    use crate::ssi::footprint::{Body, Footprint, Signature};

    /// Every second reads a few keys, every seventh a range, most write something.
    fn footprint(commit: u64) -> Footprint {
        let mut footprint = Footprint::default();
        let keys = |from: u64, count: u64| (from..from + count).map(|key| key as usize * 8);
        if commit.is_multiple_of(2) {
            keys(commit, commit % 5).for_each(|key| footprint.reads.add_key(key));
        }
        if commit.is_multiple_of(7) {
            footprint.reads.add_table(commit % 64);
        }
        keys(commit * 2, commit % 4).for_each(|key| footprint.writes.add_key(key));
        footprint.writes.add_table(commit % 11);
        footprint
    }

    fn entry(commit: u64) -> Entry {
        let footprint = footprint(commit);
        let id = TransactionId::from(commit);
        let body = Body { id, label: None, snapshot: commit - 1, sharing: 0, footprint };
        Entry { commit, body: Arc::new(body), overwriter: None }
    }

    fn push(entries: &mut Entries, commit: u64) {
        entries.push(entry(commit), Digests::of(&footprint(commit)));
    }

    fn filled(upto: u64) -> Entries {
        let mut entries = Entries::new();
        (1..=upto).for_each(|commit| push(&mut entries, commit));
        entries
    }

    fn commits(window: &Window) -> Vec<u64> {
        window.entries().map(|entry| entry.commit).collect()
    }

    #[test]
    fn a_window_holds_the_commits_after_its_snapshot_and_follows() {
        let places = PLACES as u64;
        for start in [0, 1, places - 1, places, places + 1, 2 * places] {
            let mut entries = filled(2 * places + 3);
            let mut window = Window::after(start);
            entries.extend(&mut window);
            assert_eq!(commits(&window), Vec::from_iter(start + 1..=2 * places + 3));
            (2 * places + 4..=4 * places).for_each(|commit| push(&mut entries, commit));
            assert_eq!(window.len() as u64, 2 * places + 3 - start, "it stays as it was");
            entries.extend(&mut window);
            entries.extend(&mut window);
            assert_eq!(commits(&window), Vec::from_iter(start + 1..=4 * places));
            let snapshots = |above| -> Vec<u64> {
                window.above(above).flat_map(|stretch| stretch.snapshots).copied().collect()
            };
            assert_eq!(snapshots(start), Vec::from_iter(start..4 * places));
            assert_eq!(snapshots(3 * places), Vec::from_iter(3 * places..4 * places));
        }
    }

    #[test]
    fn those_are_found_whose_signatures_meet() {
        let entries = filled(3 * PLACES as u64 + 17);
        let mut window = Window::after(10);
        entries.extend(&mut window);
        for commit in 1..=window.position() {
            let (reads, writes) = (footprint(commit).reads, footprint(commit * 3).writes);
            for asked in [reads, writes, reads.of_keys(), writes.of_keys(), Signature::default()] {
                let meeting = |side: fn(&Footprint) -> &Signature| {
                    let meets = |entry: &&Entry| side(&entry.body.footprint).may_meet(&asked);
                    let found = window.entries().filter(meets);
                    found.map(|entry| entry.commit).collect::<Vec<_>>()
                };
                let readers = window.above(0).flat_map(|stretch| stretch.readers_of(&asked));
                assert!(readers.eq(meeting(|footprint| &footprint.reads)), "{commit}");
                let writers = window.above(0).flat_map(|stretch| stretch.writers_of(&asked));
                assert!(writers.eq(meeting(|footprint| &footprint.writes)), "{commit}");
            }
        }
    }

    #[test]
    fn nothing_is_taken_out_of_a_block_that_somebody_looks_at() {
        let places = PLACES as u64;
        let mut entries = filled(3 * places);
        let mut window = Window::after(places + 1);
        entries.extend(&mut window);
        assert_eq!(entries.take_out(3 * places, usize::MAX).len() as u64, places);
        assert_eq!(entries.base(), places);
        assert_eq!(commits(&window), Vec::from_iter(places + 2..=3 * places));
        drop(window);
        assert_eq!(entries.take_out(3 * places, 5).len(), 5);
        assert_eq!(entries.take_out(3 * places, usize::MAX).len() as u64, 2 * places - 5);
        assert_eq!((entries.len(), entries.base()), (0, 3 * places));
    }

    #[test]
    fn a_block_that_is_used_again_holds_only_what_is_new() {
        let places = PLACES as u64;
        let mut entries = filled(places + 1);
        entries.take_out(places + 1, usize::MAX);
        (places + 2..=3 * places).for_each(|commit| push(&mut entries, commit));
        let mut window = Window::after(places + 1);
        entries.extend(&mut window);
        assert_eq!(commits(&window), Vec::from_iter(places + 2..=3 * places));
        let behind = entries.writes_after(3 * places - 2).count();
        assert_eq!((behind, entries.writes_after(3 * places).count()), (2, 0));
    }
}

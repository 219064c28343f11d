//! The index of a table: an ordered set of records that is searched without a latch.
//!
//! ```text
//!   upper:   a persistent tree of leaves by their low keys; it may lag behind
//!              |            |               |
//!   leaves:  [a c f] ---> [m p] --------> [t x z]          see `leaf.rs`
//! ```
//!
//! It is a B-link tree (Lehman and Yao, 1981) whose upper level is a tree of its own. A
//! search takes a leaf from the upper level, and goes right from there if the leaf has been
//! split since. Whoever adds or removes a key searches, builds another body for the leaf,
//! and puts it there if nobody was quicker; else it starts again: each retry is somebody
//! else's success. So no user code (`cmp`, `clone`, `drop`) ever runs under a latch.
//!
//! A leaf that becomes empty *dies*: it takes no key any more, and then the leaf on its left
//! leads past it and takes its keys over. Whoever comes to a dead leaf from the upper level
//! goes back to the left. Whoever comes from the left has looked there while that leaf did
//! not lead past it, so that no snapshot of theirs can see a key that has come since.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::{iter, ptr, slice};

use crate::prefetch::prefetch;
use crate::store::collector::Collector;
use crate::store::leaf::{Body, Entry, Leaf, Separator, keep, last_count};
use crate::store::place::{Place, Seats, Thin};
use crate::store::plan::Plan;
use crate::store::record::{Record, RecordId, Records, Shared};
use crate::store::registry::{Registry, Walk};
use crate::store::tree::{Tree, shared_bytes};
use crate::store::usage::Usage;
use crate::store::version::Version;

/// New keys that enter in one step, at most: what is prepared for it is lost if somebody
/// else was quicker.
const BATCH: usize = 1024;

/// So many keys are sought one by one, before a body is looked through for all of them.
const FEW: usize = 8;

/// How often a search goes back to the left before it starts at the first leaf: an order
/// that is none must not keep it for ever.
const TURNS: usize = 64;

/// Notices that a way leads round in a circle, as only an order that is none can make it
/// (Brent, 1980).
pub(crate) struct Circle<T> {
    /// One that was met. It stays, so that no other can be taken for it.
    met: Option<T>,
    steps: usize,
    /// After so many steps another one is kept.
    until: usize,
}

impl<T: Clone> Circle<T> {
    pub(crate) fn new() -> Self {
        Self { met: None, steps: 0, until: 1 }
    }

    /// One step further; true, after a few rounds at the latest, if it goes round.
    pub(crate) fn is_closed(&mut self, at: &T, same: impl Fn(&T, &T) -> bool) -> bool {
        if self.met.as_ref().is_some_and(|met| same(met, at)) {
            return true;
        }
        self.steps += 1;
        if self.steps == self.until {
            (self.steps, self.until) = (0, 2 * self.until);
            self.met = Some(at.clone());
        }
        false
    }
}

/// A leaf, and the body that it had when it was found.
type Found<'w, K, V> = (&'w Leaf<K, V>, &'w Body<K, V>);

type Upper<K, V> = Tree<Separator<K, V>>;

/// What the index asks of a key, and of a value.
pub(crate) trait Key: Ord + Clone + Send + Sync + 'static {}
impl<K: Ord + Clone + Send + Sync + 'static> Key for K {}
pub(crate) trait Value: Send + Sync + 'static {}
impl<V: Send + Sync + 'static> Value for V {}

/// The records of a table in the order of their keys.
pub(crate) struct Index<K, V> {
    upper: Place<Upper<K, V>>,
    first: Arc<Leaf<K, V>>,
    seats: Arc<Seats>,
    registry: Arc<Registry>,
    /// Takes what is of no use any more.
    collector: Arc<Collector>,
    /// Bytes in use, if they are bounded.
    usage: Option<Usage>,
}

impl<K, V> Drop for Index<K, V> {
    fn drop(&mut self) {
        if !crate::sync::model_failed() {
            self.first.let_go();
        }
    }
}

impl<K: Key, V: Value> Index<K, V> {
    pub(crate) fn new(
        registry: &Arc<Registry>,
        collector: &Arc<Collector>,
        usage: Option<Usage>,
    ) -> Self {
        let seats = Seats::new();
        Self {
            upper: Place::new(Box::default(), &seats),
            first: Leaf::new(None, Body::empty(), &seats),
            seats,
            registry: Arc::clone(registry),
            collector: Arc::clone(collector),
            usage,
        }
    }

    /// Counts versions that were installed apart from their records.
    pub(crate) fn count_installed(&self, versions: usize) {
        if let Some(usage) = &self.usage {
            usage.add(versions * size_of::<Version<V>>());
        }
    }

    /// Counts those of them that were unlinked.
    pub(crate) fn count_unlinked(&self, versions: usize) {
        if let Some(usage) = &self.usage {
            usage.subtract(versions * size_of::<Version<V>>());
        }
    }

    const KEY_BYTES: usize = size_of::<Record<K, V>>() + size_of::<Entry<K, V>>();

    /// The record of a key. Every key that a registered snapshot can see is there (I7). Runs
    /// `cmp`. O(log n).
    pub(crate) fn get<'w, Q>(&'w self, key: &Q, walk: &'w Walk<'_>) -> Option<&'w Record<K, V>>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        Some(self.entry(key, walk)?.record())
    }

    fn entry<'w, Q>(&'w self, key: &Q, walk: &'w Walk<'_>) -> Option<&'w Entry<K, V>>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        let (_, body) = self.leaf_of(|low| low.borrow() <= key, walk);
        let at = body.entries.binary_search_by(|entry| entry.key().borrow().cmp(key)).ok()?;
        Some(&body.entries[at])
    }

    /// Visits the entries from the first that is not `before` to the last that is `within`,
    /// some at a time, ascending, until `visit` breaks. Tells whether it did. O(log n), and
    /// a comparison or two for each leaf.
    pub(crate) fn ascend<'w>(
        &'w self,
        before: impl Fn(&K) -> bool,
        within: impl Fn(&K) -> bool,
        walk: &'w Walk<'_>,
        mut visit: impl FnMut(&'w [Entry<K, V>]) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let (_, mut body) = self.leaf_of(&before, walk);
        let mut begun = false;
        loop {
            let entries = &body.entries;
            if let Some(right) = &body.right {
                prefetch(Arc::as_ptr(right));
            }
            // The first leaf may lie before the range altogether.
            let from = if begun { 0 } else { entries.partition_point(|e| before(e.key())) };
            begun |= from < entries.len();
            let rest = &entries[from..];
            let all = rest.last().is_none_or(|last| within(last.key()));
            let to = if all { rest.len() } else { rest.partition_point(|e| within(e.key())) };
            visit(&rest[..to])?;
            match &body.right {
                Some(right) if all => body = right.body(walk),
                _ => return ControlFlow::Continue(()),
            }
        }
    }

    /// As [`ascend`](Self::ascend), but from the last entry to the first: what `visit` gets
    /// ascends, and comes before what it got earlier.
    pub(crate) fn descend<'w>(
        &'w self,
        before: impl Fn(&K) -> bool,
        within: impl Fn(&K) -> bool,
        walk: &'w Walk<'_>,
        mut visit: impl FnMut(&'w [Entry<K, V>]) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let (mut leaf, mut body) = self.leaf_of(&within, walk);
        let mut circle = Circle::new();
        let mut to = body.entries.partition_point(|entry| within(entry.key()));
        loop {
            let rest = &body.entries[..to];
            let all = rest.first().is_none_or(|first| !before(first.key()));
            let from = if all { 0 } else { rest.partition_point(|entry| before(entry.key())) };
            visit(&rest[from..])?;
            let Some(low) = leaf.low().filter(|_| all) else { return ControlFlow::Continue(()) };
            let (left, on_left) = self.leaf_of(|key| key < low, walk);
            if circle.is_closed(&leaf, |one, other| ptr::eq(*one, *other)) || ptr::eq(left, leaf) {
                // The order is none.
                return ControlFlow::Continue(());
            }
            (leaf, body) = (left, on_left);
            to = body.entries.partition_point(|entry| entry.key() < low);
        }
    }

    /// Visits every leaf, ascending. O(n).
    pub(crate) fn for_each_body<'w>(
        &'w self,
        walk: &'w Walk<'_>,
        mut visit: impl FnMut(&'w Body<K, V>),
    ) {
        let mut leaf = &*self.first;
        loop {
            let body = leaf.body(walk);
            visit(body);
            let Some(right) = &body.right else { return };
            leaf = right;
        }
    }

    /// For those who look at the index and have no transaction; not to be kept for long.
    pub(crate) fn walk(&self) -> Walk<'_> {
        self.registry.walk_anywhere()
    }

    /// What the index takes beside the records, with so many leaves and keys.
    pub(crate) fn bytes(&self, walk: &Walk<'_>, leaves: usize, keys: usize) -> usize {
        let leaf = shared_bytes::<Leaf<K, V>>() + size_of::<Body<K, V, [Entry<K, V>; 0]>>();
        self.upper.look(walk).bytes() + leaves * leaf + keys * size_of::<Entry<K, V>>()
    }

    /// Puts `after` in the place of `before`, which goes when nobody walks any more who may
    /// look at it. False if somebody else was quicker.
    fn swap<T>(&self, place: &Place<T>, before: &T, after: Box<T>) -> bool
    where
        T: Thin + Send + ?Sized,
    {
        let old = place.replace(before, after);
        let swapped = old.is_some();
        old.into_iter().for_each(|old| self.collector.retire(old));
        swapped
    }

    /// The last leaf whose low key `reaches`, which holds for keys up to some point; and
    /// its body.
    fn leaf_of<'w>(&'w self, reaches: impl Fn(&K) -> bool, walk: &'w Walk<'_>) -> Found<'w, K, V> {
        let (mut leaf, mut body) = self.by_upper(&reaches, walk);
        let mut turns = 0;
        while body.dead {
            turns += 1;
            let low = leaf.low().filter(|_| turns < TURNS);
            (leaf, body) = match low {
                Some(low) => self.by_upper(|key| key < low, walk),
                None => self.first(walk),
            };
        }
        while let Some(right) = body.right_if(&reaches) {
            leaf = right;
            body = leaf.body(walk);
        }
        (leaf, body)
    }

    fn by_upper<'w>(&'w self, reaches: impl Fn(&K) -> bool, walk: &'w Walk<'_>) -> Found<'w, K, V> {
        match self.upper.look(walk).floor(|separator| reaches(separator.low())) {
            Some(separator) => (separator.leaf(), separator.body(walk)),
            None => self.first(walk),
        }
    }

    fn first<'w>(&'w self, walk: &'w Walk<'_>) -> Found<'w, K, V> {
        (&self.first, self.first.body(walk))
    }

    /// A leased record for each key: found, or created. The keys ascend. O(log n) a key, and
    /// O(1) a key where many belong to one leaf.
    ///
    /// New keys enter some at a time, which is as good as all at once, since a record
    /// without versions is invisible.
    pub(crate) fn find_or_create(&self, keys: &[&K], walk: &Walk<'_>) -> Records<K, V> {
        let mut all = Leases { index: self, records: Records::with_capacity(keys.len()) };
        let mut near = None;
        while let rest = &keys[all.records.len()..]
            && !rest.is_empty()
        {
            if keys.len() <= FEW
                && let Some(found) = self.entry(rest[0], walk)
                && all.add(found.record(), || found.share())
            {
                continue;
            }
            // Ends: where nothing entered, somebody else was quicker.
            if let Some((mut some, right)) = self.enter(&rest[..rest.len().min(BATCH)], near, walk)
            {
                all.records.append(&mut some.records);
                near = right;
            }
        }
        all.keep()
    }

    /// Enters as many of the keys, of which there is one at least, as belong to one leaf, which
    /// may be `near`. The leaf on its right is where the next key may belong. None if somebody
    /// else changed that meanwhile.
    fn enter<'w>(
        &'w self,
        keys: &[&K],
        near: Option<&'w Leaf<K, V>>,
        walk: &'w Walk<'_>,
    ) -> Option<Entered<'w, K, V>> {
        let reaches = |low: &K| low <= keys[0];
        let near = near.filter(|near| near.low().is_none_or(reaches));
        let near = near.map(|near| (near, near.body(walk)));
        let here = near.filter(|(_, body)| !body.dead && body.right_if(reaches).is_none());
        let (leaf, body) = here.unwrap_or_else(|| self.leaf_of(reaches, walk));
        if body.dead {
            self.lead_past(leaf, walk);
            return None;
        }
        let mut leases = Leases::new(self);
        let plan = Plan::make(body, keys, &mut leases.records);
        let right = body.right.as_deref();
        if plan.news.is_empty() {
            return Some((leases, right));
        }
        let (after, leaves) = plan.bodies(body, &self.seats);
        if !self.swap(leaf.place(), body, after) {
            return None;
        }
        plan.news.iter().for_each(|new| keep(&leases.records[new.leased]));
        plan.replaced.iter().for_each(|record| self.leaves(record));
        if let Some(usage) = &self.usage {
            usage.add(plan.news.len() * Self::KEY_BYTES);
        }
        self.enter_above(&leaves, walk);
        Some((leases, right))
    }

    /// Enters new leaves in the upper level.
    fn enter_above(&self, leaves: &[Arc<Leaf<K, V>>], walk: &Walk<'_>) {
        if leaves.is_empty() {
            return;
        }
        loop {
            let before = self.upper.look(walk);
            let mut after = before.clone();
            for separator in leaves.iter().filter_map(Separator::new) {
                let compare = |other: &Separator<K, V>| other.low().cmp(separator.low());
                // Keys that come in their order come at the end.
                let (last, end) = after.end();
                let appends = last.is_none_or(|last| compare(last).is_lt());
                match if appends { Err(end) } else { after.find(compare) } {
                    Ok(path) => drop(after.replace_at(&path, separator)),
                    Err(path) => after.insert_at(&path, separator),
                }
            }
            if self.swap(&self.upper, before, Box::new(after)) {
                break;
            }
        }
        // Whoever took its separator out may have come too early.
        let dead = leaves.iter().filter(|leaf| leaf.body(walk).dead);
        dead.for_each(|leaf| self.leave_above(leaf, walk));
    }

    /// Takes a dead leaf out of the upper level.
    fn leave_above(&self, dead: &Leaf<K, V>, walk: &Walk<'_>) {
        let Some(low) = dead.low() else { return };
        loop {
            let before = self.upper.look(walk);
            let Ok(path) = before.find(|separator| separator.low().cmp(low)) else { return };
            if !before.item(&path).is_some_and(|there| ptr::eq(there.leaf(), dead)) {
                return;
            }
            let mut after = before.clone();
            drop(after.remove_at(&path));
            if self.swap(&self.upper, before, Box::new(after)) {
                return;
            }
        }
    }

    /// Lets the leaf on the left of a dead one lead past it, and take its keys over.
    fn lead_past(&self, dead: &Leaf<K, V>, walk: &Walk<'_>) {
        let mut next = dead;
        // Ends: each round takes a leaf out, goes further to the left, or somebody else was
        // quicker.
        loop {
            if let Some((left, body)) = self.left_of(next, walk) {
                if body.dead {
                    next = left;
                    continue;
                }
                let right = next.body(walk).right.clone();
                let after = Body::new(body.entries.len(), iter::once(&body.entries), right);
                if !self.swap(left.place(), body, after) {
                    continue;
                }
            }
            self.leave_above(next, walk);
            if ptr::eq(next, dead) {
                return;
            }
            next = dead;
        }
    }

    /// The leaf that leads to this one; none if it has been led past.
    fn left_of<'w>(&'w self, leaf: &Leaf<K, V>, walk: &'w Walk<'_>) -> Option<Found<'w, K, V>> {
        let leads = |body: &Body<K, V>| {
            body.right.as_ref().is_some_and(|right| ptr::eq(Arc::as_ptr(right), leaf))
        };
        let low = leaf.low()?;
        let found = self.leaf_of(|key| key < low, walk);
        if leads(found.1) {
            return Some(found);
        }
        // It is out already, or the order is none: then only looking at all of them tells.
        let mut left = &*self.first;
        loop {
            let body = left.body(walk);
            if leads(body) {
                return Some((left, body));
            }
            left = body.right.as_ref()?;
        }
    }

    /// Ends a lease without a version; a record that is of no use any more leaves.
    pub(crate) fn give_up(&self, record: &Shared<K, V>) {
        if record.release() {
            self.take_out(record);
        }
    }

    /// Takes a sealed record out. A comparator that panics leaves it where it is, for the
    /// next writer of the key to replace; false then.
    pub(crate) fn take_out(&self, sealed: &Shared<K, V>) -> bool {
        if self.usage.is_some() {
            self.count_unlinked(sealed.census().apart);
        }
        let walk = self.walk();
        // Ends: where nothing was removed, somebody else was quicker.
        let work = || while self.remove(sealed, &walk).is_continue() {};
        catch_unwind(AssertUnwindSafe(work)).map_err(std::mem::forget).is_ok()
    }

    /// Takes sealed records out without a comparison. O(n).
    fn sweep(&self, sealed: &[Shared<K, V>]) {
        let walk = self.walk();
        let sealed: BTreeMap<RecordId, _> = sealed.iter().map(|one| (one.id(), one)).collect();
        let mut leaf = &*self.first;
        // Ends: a leaf is looked at again only if somebody else was quicker.
        loop {
            let body = leaf.body(&walk);
            let stays = |entry: &Entry<K, V>| !sealed.contains_key(&entry.record().id());
            let left = body.entries.iter().filter(|entry| stays(entry)).count();
            if left < body.entries.len() {
                // It may be empty and goes on living: the next keys will come here.
                let staying = body.entries.iter().filter(|entry| stays(entry));
                let after = Body::new(left, staying.map(slice::from_ref), body.right.clone());
                if !self.swap(leaf.place(), body, after) {
                    continue;
                }
                let ids = body.entries.iter().map(|entry| entry.record().id());
                ids.filter_map(|id| sealed.get(&id)).for_each(|record| self.leaves(record));
            }
            let Some(right) = &body.right else { return };
            leaf = right;
        }
    }

    /// A record has left the index: gives the index's count of it up.
    fn leaves(&self, record: &Shared<K, V>) {
        self.collector.retire(last_count(record).retired());
        if let Some(usage) = &self.usage {
            usage.subtract(Self::KEY_BYTES);
        }
    }

    /// Takes a sealed record out, unless another has taken its place already.
    fn remove(&self, sealed: &Shared<K, V>, walk: &Walk<'_>) -> ControlFlow<()> {
        let (leaf, body) = self.leaf_of(|low| low <= sealed.key(), walk);
        let found = body.entries.binary_search_by(|entry| entry.key().cmp(sealed.key()));
        let Some(at) = found.ok().filter(|&at| body.entries[at].is(sealed)) else {
            return ControlFlow::Break(());
        };
        let left = [&body.entries[..at], &body.entries[at + 1..]];
        let len = body.entries.len() - 1;
        let mut after = Body::new(len, left.into_iter(), body.right.clone());
        let dies = after.entries.is_empty() && leaf.low().is_some();
        after.dead = dies;
        if !self.swap(leaf.place(), body, after) {
            return ControlFlow::Continue(());
        }
        self.leaves(sealed);
        if dies {
            self.lead_past(leaf, walk);
        }
        ControlFlow::Break(())
    }
}

/// What entered, and the leaf on the right.
type Entered<'w, K, V> = (Leases<'w, K, V>, Option<&'w Leaf<K, V>>);

/// Leases that end again if the search is given up, be it by a panicking comparator.
pub(crate) struct Leases<'i, K: Key, V: Value> {
    index: &'i Index<K, V>,
    records: Records<K, V>,
}

impl<'i, K: Key, V: Value> Leases<'i, K, V> {
    pub(crate) fn new(index: &'i Index<K, V>) -> Self {
        Self { index, records: Records::new() }
    }

    /// Leases a record; false if it is about to leave the index.
    pub(crate) fn add(
        &mut self,
        record: &Record<K, V>,
        share: impl FnOnce() -> Shared<K, V>,
    ) -> bool {
        let leased = record.lease();
        if leased {
            self.records.push(share());
        }
        leased
    }

    /// What was leased, for the caller to give up.
    pub(crate) fn keep(mut self) -> Records<K, V> {
        std::mem::take(&mut self.records)
    }
}

impl<K: Key, V: Value> Drop for Leases<'_, K, V> {
    fn drop(&mut self) {
        if self.records.is_empty() || crate::sync::model_failed() {
            return;
        }
        let gone = self.records.drain(..).filter(|record| record.release());
        let left: Vec<_> = gone.filter(|record| !self.index.take_out(record)).collect();
        if !left.is_empty() {
            self.index.sweep(&left);
        }
    }
}

#[cfg(all(test, not(precedent_loom)))]
mod tests;

//! What becomes of a leaf of an index that some keys enter: the records that are leased, and
//! the bodies that take the place of the one before.

use std::cmp::Ordering;
use std::sync::Arc;
use std::{iter, slice};

use smallvec::SmallVec;

use crate::store::leaf::{Body, ENTRIES, Entry, Leaf};
use crate::store::place::Seats;
use crate::store::record::{Record, Records, Shared};

/// New leaves, ascending.
pub(crate) type Leaves<K, V> = Vec<Arc<Leaf<K, V>>>;

/// What is to become of a leaf that some keys enter.
pub(crate) struct Plan<K, V> {
    /// Ascending.
    pub(crate) news: SmallVec<[New; 1]>,
    entries: SmallVec<[Entry<K, V>; 1]>,
    /// Sealed records in whose place others stand.
    pub(crate) replaced: Vec<Shared<K, V>>,
    /// The last key is new.
    appended: bool,
}

/// A record that enters.
pub(crate) struct New {
    /// In front of this entry of the leaf, or in its place.
    at: usize,
    replaces: bool,
    /// Which of the leased records it is.
    pub(crate) leased: usize,
}

impl<K: Ord + Clone + 'static, V> Plan<K, V> {
    /// Leases the record of each key that belongs to the leaf, found or created, into
    /// `leased`. The first key does. Runs `cmp` and `clone`.
    pub(crate) fn make(body: &Body<K, V>, keys: &[&K], leased: &mut Records<K, V>) -> Self {
        let end = body.high();
        let (news, entries) = (SmallVec::new(), SmallVec::new());
        let mut plan = Self { news, entries, replaced: Vec::new(), appended: false };
        let mut done = 0;
        for &key in keys {
            let rest = &body.entries[done..];
            // What is at or below an entry belongs here without a question.
            let beyond = |key: &K| end.is_some_and(|end| key >= end);
            let found = gallop(rest, key);
            if let Ok(at) = found
                && rest[at].record().lease()
            {
                leased.push(rest[at].share());
                continue;
            }
            let (Ok(at) | Err(at)) = found;
            let (at, replaces) = (done + at, found.is_ok());
            if at == body.entries.len() && !leased.is_empty() && beyond(key) {
                break;
            }
            let record = Record::leased(key.clone());
            plan.entries.push(Entry::new(&record));
            plan.news.push(New { at, replaces, leased: leased.len() });
            plan.replaced.extend(replaces.then(|| body.entries[at].share()));
            done = at + usize::from(replaces);
            leased.push(record);
        }
        plan.appended = done == body.entries.len();
        plan
    }

    /// One body for all entries, or for the first of them, with new leaves for the others.
    /// Keys that come at the end leave full leaves behind. Runs the key's `clone`.
    pub(crate) fn bodies(
        &self,
        before: &Body<K, V>,
        seats: &Arc<Seats>,
    ) -> (Box<Body<K, V>>, Leaves<K, V>) {
        let total = before.entries.len() + self.news.len() - self.replaced.len();
        let pieces = total.div_ceil(ENTRIES).max(1);
        let size = if self.appended { ENTRIES } else { total.div_ceil(pieces) };
        let mut pieces = Pieces { pieces: self.merged(before), rest: &[] };
        let mut bodies: SmallVec<[_; 2]> = SmallVec::new();
        let mut left = total;
        loop {
            let len = left.min(size);
            bodies.push(Body::new(len, pieces.take_entries(len), None));
            left -= len;
            if left == 0 {
                break;
            }
        }
        let mut right = before.right.clone();
        let mut leaves = Leaves::new();
        while let Some(mut body) = bodies.pop() {
            body.lead_to(right);
            if bodies.is_empty() {
                leaves.reverse();
                return (body, leaves);
            }
            let leaf = Leaf::new(Some(body.entries[0].key().clone()), body, seats);
            right = Some(Arc::clone(&leaf));
            leaves.push(leaf);
        }
        unreachable!("there is a first body")
    }

    /// The entries of the leaf, and the new ones among them.
    fn merged<'p>(&'p self, before: &'p Body<K, V>) -> impl Iterator<Item = &'p [Entry<K, V>]> {
        let mut from = 0;
        let pieces = self.news.iter().zip(&self.entries).flat_map(move |(new, entry)| {
            let old = &before.entries[from..new.at];
            from = new.at + usize::from(new.replaces);
            [old, slice::from_ref(entry)]
        });
        let rest = self.news.last().map_or(0, |new| new.at + usize::from(new.replaces));
        pieces.chain([&before.entries[rest..]])
    }
}

/// Entries in pieces, to be cut into others.
struct Pieces<'p, K, V, I> {
    pieces: I,
    /// Of the last piece, what was not taken yet.
    rest: &'p [Entry<K, V>],
}

impl<'p, K, V, I: Iterator<Item = &'p [Entry<K, V>]>> Pieces<'p, K, V, I> {
    /// The next so many entries; there are as many.
    fn take_entries(&mut self, mut left: usize) -> impl Iterator<Item = &'p [Entry<K, V>]> {
        iter::from_fn(move || {
            while left > 0 && self.rest.is_empty() {
                self.rest = self.pieces.next()?;
            }
            let (piece, rest) = self.rest.split_at(left.min(self.rest.len()));
            self.rest = rest;
            left -= piece.len();
            (!piece.is_empty()).then_some(piece)
        })
    }
}

/// Where a key stands, or would: near the front rather than anywhere, as when many keys in
/// a row are sought.
fn gallop<K: Ord + 'static, V>(entries: &[Entry<K, V>], key: &K) -> Result<usize, usize> {
    let (mut from, mut to, mut width) = (0, entries.len(), 1);
    while from + width <= to {
        let probe = from + width - 1;
        match entries[probe].key().cmp(key) {
            Ordering::Less => (from, width) = (probe + 1, from + width),
            Ordering::Equal => return Ok(probe),
            Ordering::Greater => to = probe,
        }
    }
    let found = entries[from..to].binary_search_by(|entry| entry.key().cmp(key));
    found.map(|at| from + at).map_err(|at| from + at)
}

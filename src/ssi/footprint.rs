//! Footprints: what a transaction observed and what it writes, with the types erased.
//!
//! A footprint has one [`Part`] for each table that the transaction touched. Parts of the
//! same table know how to meet each other; nothing here knows keys or values.

use std::any::Any;
use std::borrow::Cow;
use std::sync::Arc;

use smallvec::SmallVec;

use crate::ssi::conflict::{Participant, TransactionId};
use crate::timestamp::Timestamp;

/// One table's share of a footprint.
pub(crate) trait Part: Send + Sync + 'static {
    /// The part itself, for a part of the same table to downcast.
    fn as_any(&self) -> &dyn Any;

    /// The table's name.
    fn table(&self) -> &Arc<str>;

    /// Which write of `writer` changes something that this part observed: a key, an
    /// absence, a range or a predicate. Runs the user's comparators and predicates.
    fn observed(&self, writer: &dyn Part) -> Option<usize>;

    /// Which write of `other` is to a key that this part writes too.
    fn overwritten(&self, other: &dyn Part) -> Option<usize>;

    /// The key of a write, in its `Debug` form.
    fn key(&self, write: usize) -> String;

    /// What this part or any of the others, of the same table, observed; and how much of it
    /// is not bounded by the rows of the table. Runs the user's `cmp` and `clone`.
    fn joined(&self, others: &[&dyn Part]) -> (Arc<dyn Part>, usize);
}

/// A small summary of keys and tables. Only ever a filter before the exact test.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Signature {
    keys: [u64; 4],
    tables: u64,
}

impl Signature {
    /// Adds one key by its record's number.
    pub(crate) fn add_key(&mut self, record: usize) {
        // Fibonacci hashing: the high bits of the product are well mixed.
        let bit = (record as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56;
        self.keys[(bit >> 6) as usize] |= 1 << (bit & 63);
    }

    /// Adds a whole table.
    pub(crate) fn add_table(&mut self, table: u64) {
        self.tables |= 1 << (table & 63);
    }

    /// Whether nothing was added.
    pub(crate) fn is_empty(&self) -> bool {
        self.keys == [0; 4] && self.tables == 0
    }

    /// Adds all that another one has.
    pub(crate) fn add_all(&mut self, other: &Self) {
        self.keys.iter_mut().zip(&other.keys).for_each(|(mine, theirs)| *mine |= theirs);
        self.tables |= other.tables;
    }

    /// False only if nothing in one can be in the other.
    pub(crate) fn may_meet(&self, other: &Self) -> bool {
        self.may_share_key(other) || self.tables & other.tables != 0
    }

    /// False only if they have no key in common.
    pub(crate) fn may_share_key(&self, other: &Self) -> bool {
        self.keys.iter().zip(&other.keys).any(|(mine, theirs)| mine & theirs != 0)
    }
}

/// Everything that a transaction observed and wrote.
#[derive(Default)]
pub(crate) struct Footprint {
    /// By table number, ascending.
    pub(crate) parts: SmallVec<[(u64, Arc<dyn Part>); 2]>,
    /// The keys read, and the tables in which an absence, a range or a predicate was.
    pub(crate) reads: Signature,
    /// The keys and the tables written.
    pub(crate) writes: Signature,
    /// Whether anything was observed at all.
    pub(crate) observes: bool,
}

/// Where two footprints met: a write of the later transaction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Witness {
    part: usize,
    write: usize,
}

impl Footprint {
    /// A write of `later` that changes something observed here: an rw edge to it.
    pub(crate) fn observed(&self, later: &Self) -> Option<Witness> {
        if !self.observes || !self.reads.may_meet(&later.writes) {
            return None;
        }
        self.meet(later, |mine, theirs| mine.observed(theirs))
    }

    /// A write of `later` to a key written here too: a ww edge to it.
    pub(crate) fn overwritten(&self, later: &Self) -> Option<Witness> {
        if !self.writes.may_share_key(&later.writes) {
            return None;
        }
        self.meet(later, |mine, theirs| mine.overwritten(theirs))
    }

    fn meet(
        &self,
        later: &Self,
        test: impl Fn(&dyn Part, &dyn Part) -> Option<usize>,
    ) -> Option<Witness> {
        self.parts.iter().find_map(|(table, mine)| {
            let part = later.parts.binary_search_by_key(table, |(table, _)| *table).ok()?;
            let write = test(&**mine, &*later.parts[part].1)?;
            Some(Witness { part, write })
        })
    }

    /// The table of a write, and what tells its key.
    pub(crate) fn describe(&self, witness: Witness) -> (Arc<str>, impl FnOnce() -> String) {
        let part = &self.parts[witness.part].1;
        (Arc::clone(part.table()), move || part.key(witness.write))
    }
}

/// A transaction as the certifier sees it.
pub(crate) struct Body {
    pub(crate) id: TransactionId,
    pub(crate) label: Option<Cow<'static, str>>,
    /// The final, slid, read timestamp.
    pub(crate) snapshot: u64,
    /// Of a published reader: how many others share its footprint.
    pub(crate) sharing: usize,
    pub(crate) footprint: Footprint,
}

impl Body {
    /// How the cycle names this transaction.
    pub(crate) fn participant(&self, commit: Option<u64>) -> Participant {
        Participant {
            id: self.id,
            label: self.label.clone(),
            read_timestamp: Timestamp::from(self.snapshot),
            commit_timestamp: commit.map(Timestamp::from),
            sharing: self.sharing,
        }
    }
}

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
    /// A bit for each key.
    keys: [u64; KEYS],
    /// Another one, by other bits of its hash: of two that share the first, most differ here.
    check: u64,
    tables: u64,
}

const KEYS: usize = 2;

impl Signature {
    /// Adds one key by its record's number.
    pub(crate) fn add_key(&mut self, record: usize) {
        // Fibonacci hashing: the high bits of the product are well mixed.
        let hash = (record as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        self.keys[(hash >> 63) as usize] |= 1 << (hash >> 57 & 63);
        self.check |= 1 << (hash >> 51 & 63);
    }

    /// Adds a whole table.
    pub(crate) fn add_table(&mut self, table: u64) {
        self.tables |= 1 << (table & 63);
    }

    /// Whether nothing was added.
    pub(crate) fn is_empty(&self) -> bool {
        self.keys == [0; KEYS] && !self.has_tables()
    }

    /// Whether a table was added.
    pub(crate) fn has_tables(&self) -> bool {
        self.tables != 0
    }

    /// The keys alone.
    pub(crate) fn of_keys(self) -> Self {
        Self { tables: 0, ..self }
    }

    /// Adds all that another one has.
    pub(crate) fn add_all(&mut self, other: &Self) {
        self.keys.iter_mut().zip(&other.keys).for_each(|(mine, theirs)| *mine |= theirs);
        self.check |= other.check;
        self.tables |= other.tables;
    }

    /// False only if nothing in one can be in the other.
    pub(crate) fn may_meet(&self, other: &Self) -> bool {
        self.may_share_key(other) || self.tables & other.tables != 0
    }

    /// False only if they have no key in common.
    pub(crate) fn may_share_key(&self, other: &Self) -> bool {
        let keys =
            self.keys.iter().zip(&other.keys).fold(0, |all, (mine, theirs)| all | mine & theirs);
        keys != 0 && self.check & other.check != 0
    }

    /// A word that stands for it in a first test, [`digests_meet`].
    pub(crate) fn digest(&self) -> u64 {
        let half = |word: u64| (word | word >> 32) & HALF;
        let tables = half(self.tables.rotate_left(TURN));
        let keys = self.keys.iter().fold(0, |all, word| all | word);
        half(keys) | tables | (half(self.check) | tables) << 32
    }
}

/// False only if the signatures of which these are the digests cannot meet.
pub(crate) fn digests_meet(one: u64, other: u64) -> bool {
    let common = one & other;
    (common & HALF != 0) & (common >> 32 != 0)
}

const HALF: u64 = u32::MAX as u64;
/// The first tables have the lowest numbers.
const TURN: u32 = 13;

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
#[cfg_attr(test, derive(Default))]
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

#[cfg(all(test, not(precedent_loom)))]
mod tests {
    use super::{Signature, digests_meet};

    fn of(
        keys: impl IntoIterator<Item = usize>,
        tables: impl IntoIterator<Item = u64>,
    ) -> Signature {
        let mut signature = Signature::default();
        keys.into_iter().for_each(|key| signature.add_key(key));
        tables.into_iter().for_each(|table| signature.add_table(table));
        signature
    }

    fn keys(records: impl IntoIterator<Item = usize>) -> Signature {
        of(records, [])
    }

    fn tables(numbers: &[u64]) -> Signature {
        of([], numbers.iter().copied())
    }

    #[test]
    fn the_digests_of_two_that_meet_meet() {
        for n in 0..1_000 {
            let one = of(n..n + n % 4, (n % 9 == 0).then_some(n as u64));
            for m in 0..100 {
                let other = of(m..m + m % 7, (m % 5 == 0).then_some(m as u64));
                let met = digests_meet(one.digest(), other.digest());
                assert!(met || !one.may_meet(&other), "{n} {m}");
            }
        }
    }

    #[test]
    fn the_digest_of_much_meets_that_of_each_part_of_it() {
        for n in 1..300 {
            let all = of((0..n).map(|key| key * 64), 0..n as u64 / 4).digest();
            for part in 0..n {
                assert!(digests_meet(all, keys([part * 64]).digest()), "{part} of {n}");
            }
            for table in 0..n as u64 / 4 {
                assert!(digests_meet(all, tables(&[table]).digest()), "table {table} of {n}");
            }
        }
    }

    #[test]
    fn few_of_those_that_do_not_meet_meet_by_their_digests() {
        let one = keys([64]).digest();
        let met = (1..4_000).filter(|&n| digests_meet(one, keys([(n + 1) * 64]).digest())).count();
        assert!(met <= 20, "{met} of 4,000, where one in 1,024 should");
        let two = of([64], [1]).digest();
        assert!(!digests_meet(two, tables(&[2]).digest()) && !digests_meet(one, 0));
    }

    #[test]
    fn few_of_the_keys_that_differ_look_the_same() {
        let met = (0..1_000).filter(|&n| keys([n * 64]).may_meet(&keys([(n + 1) * 64]))).count();
        let any = (1..4_000).filter(|&n| keys([64]).may_meet(&keys([(n + 1) * 64]))).count();
        assert!(met <= 10 && any <= 10, "{met} neighbours, {any} others");
        assert!(!tables(&[1]).may_share_key(&tables(&[1])));
        assert!(!keys([1]).may_meet(&tables(&[1])));
    }

    #[test]
    fn a_signature_never_hides_a_key_that_two_have_in_common() {
        // All words are full, hardly any is, or none.
        for count in [1, 2, 20, 1_000] {
            for shared in [0, 7, count / 2] {
                let one = keys((0..count).chain([shared]));
                let other = keys((count..2 * count).chain([shared]));
                assert!(one.may_share_key(&other) && one.may_meet(&other), "{count} {shared}");
            }
        }
    }

    #[test]
    fn a_signature_keeps_tables_that_share_a_bit_or_come_twice() {
        for numbers in [[3, 3], [3, 67], [67, 3]] {
            assert!(tables(&numbers).may_meet(&tables(&[3])), "{numbers:?}");
        }
        assert!(!tables(&[3]).may_meet(&tables(&[4])));
    }

    #[test]
    fn a_signature_has_all_that_was_added() {
        let mut both = keys([5]);
        both.add_all(&tables(&[5]));
        both.add_all(&keys([5, 6]));
        both.add_all(&tables(&[5]));
        assert!(both.may_share_key(&keys([5])) && both.may_share_key(&keys([6])));
        assert!(both.has_tables() && both.may_meet(&tables(&[5])) && !both.may_meet(&tables(&[6])));
        assert!(!both.of_keys().has_tables() && both.of_keys().may_share_key(&keys([6])));
        assert!(!Signature::default().has_tables() && Signature::default().is_empty());
        assert!(!keys([5]).is_empty() && !tables(&[5]).is_empty());
    }
}

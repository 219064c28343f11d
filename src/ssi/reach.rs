//! Which commits of a window a search has reached: a bit each.

use std::ops::RangeInclusive;

use smallvec::SmallVec;

const BITS: u64 = u64::BITS as u64;

/// The places of at most 64 things that pass a test, as bits, the first lowest.
pub(super) fn bits_where<T>(row: &[T], test: impl Fn(&T) -> bool) -> u64 {
    row.iter().rev().fold(0, |bits, one| bits << 1 | u64::from(test(one)))
}

/// A set of the commits after a snapshot.
pub(super) struct Commits {
    after: u64,
    words: SmallVec<[u64; 4]>,
}

impl Commits {
    /// None of so many commits after `after`.
    pub(super) fn none(after: u64, len: usize) -> Self {
        Self { after, words: SmallVec::from_elem(0, len.div_ceil(BITS as usize)) }
    }

    fn place(&self, commit: u64) -> (usize, u64) {
        let at = commit - self.after - 1;
        ((at / BITS) as usize, at % BITS)
    }

    pub(super) fn has(&self, commit: u64) -> bool {
        let (word, bit) = self.place(commit);
        self.words[word] >> bit & 1 == 1
    }

    /// True if it was not there before.
    pub(super) fn add(&mut self, commit: u64) -> bool {
        let (word, bit) = self.place(commit);
        let before = self.words[word];
        self.words[word] = before | 1 << bit;
        before != self.words[word]
    }

    /// Adds those of the commits from `first` on of which `test` is true. O(n), and little for
    /// each.
    pub(super) fn add_where<T>(&mut self, first: u64, row: &[T], test: impl Fn(&T) -> bool) {
        let mut row = row;
        let (mut word, mut bit) = self.place(first);
        while !row.is_empty() {
            let (group, rest) = row.split_at(row.len().min((BITS - bit) as usize));
            // Nearly always all.
            let bits = match group.iter().all(&test) {
                true => u64::MAX >> (BITS - group.len() as u64),
                false => bits_where(group, &test),
            };
            self.words[word] |= bits << bit;
            (row, word, bit) = (rest, word + 1, 0);
        }
    }

    /// Those of a range that are not there, ascending. O(n / 64) beside what it yields.
    pub(super) fn missing(&self, range: RangeInclusive<u64>) -> impl Iterator<Item = u64> {
        let (from, to) = range.into_inner();
        let mut next = from;
        std::iter::from_fn(move || {
            while next <= to {
                let (word, bit) = self.place(next);
                let left = !self.words[word] >> bit;
                if left == 0 {
                    next += BITS - bit;
                    continue;
                }
                let found = next + u64::from(left.trailing_zeros());
                next = found + 1;
                return (found <= to).then_some(found);
            }
            None
        })
    }
}

#[cfg(all(test, not(precedent_loom)))]
mod tests {
    use super::Commits;

    #[test]
    fn what_was_not_added_is_missing() {
        let mut commits = Commits::none(1_000, 300);
        for commit in 1_001..=1_300 {
            if commit % 97 != 0 && commit != 1_300 {
                assert!(commits.add(commit));
                assert!(!commits.add(commit));
            }
        }
        let missing = |range| Vec::from_iter(commits.missing(range));
        assert_eq!(missing(1_001..=1_300), [1_067, 1_164, 1_261, 1_300]);
        assert_eq!(missing(1_067..=1_260), [1_067, 1_164]);
        assert_eq!(missing(1_165..=1_260), []);
        assert!(commits.has(1_001) && !commits.has(1_300));
    }

    #[test]
    fn those_of_a_row_are_added_that_pass() {
        for first in [1, 2, 60, 64, 65, 129] {
            let mut commits = Commits::none(0, 400);
            let row: Vec<u64> = (first..=390).collect();
            commits.add_where(first, &row, |commit| commit % 3 == 0);
            let expected =
                (1..=400).filter(|commit| commit % 3 != 0 || *commit < first || *commit > 390);
            assert!(commits.missing(1..=400).eq(expected), "from {first}");
        }
    }
}

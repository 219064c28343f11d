//! Danger intervals: which snapshots a committed backward edge makes unsafe.

/// The union of intervals [low(Z), c(Z)) of commits Z with a backward edge: a snapshot
/// inside one does not see Z, but sees something that must come after Z.
///
/// Where there are too many, the two that are nearest to each other become one, with the
/// gap between them: fewer snapshots are known to be safe, and nothing else changes.
#[derive(Debug)]
pub(crate) struct Danger {
    /// Ascending, neither overlapping nor touching.
    intervals: Vec<(u64, u64)>,
    /// How many there may be. At least 1.
    bound: usize,
    merged: u64,
}

impl Danger {
    pub(crate) fn new(bound: usize) -> Self {
        Self { intervals: Vec::new(), bound: bound.max(1), merged: 0 }
    }

    /// Announces [low, commit). Commits come in order, so it joins a suffix of the list.
    pub(crate) fn announce(&mut self, mut low: u64, mut commit: u64) {
        while let Some(&(last_low, last_commit)) = self.intervals.last() {
            if last_commit < low {
                break;
            }
            low = low.min(last_low);
            commit = commit.max(last_commit);
            self.intervals.pop();
        }
        self.intervals.push((low, commit));
        if self.intervals.len() > self.bound {
            self.merge_nearest();
        }
    }

    /// O(n): only where the bound is exceeded.
    fn merge_nearest(&mut self) {
        let gap = |at: &usize| self.intervals[at + 1].0 - self.intervals[*at].1;
        if let Some(at) = (0..self.intervals.len().saturating_sub(1)).min_by_key(gap) {
            let (_, commit) = self.intervals.remove(at + 1);
            self.intervals[at].1 = commit;
            self.merged += 1;
        }
    }

    /// The newest timestamp at or below this one that lies outside all intervals. O(log n).
    pub(crate) fn newest_outside(&self, timestamp: u64) -> u64 {
        let after = self.intervals.partition_point(|&(low, _)| low <= timestamp);
        match after.checked_sub(1).map(|at| self.intervals[at]) {
            // The one before it does not touch it.
            Some((low, commit)) if timestamp < commit => low.saturating_sub(1),
            _ => timestamp,
        }
    }

    /// How often two intervals were merged across a gap, because there were too many.
    pub(crate) fn merged(&self) -> u64 {
        self.merged
    }

    /// Whether a snapshot at this timestamp lies inside an interval. O(log n).
    pub(crate) fn contains(&self, timestamp: u64) -> bool {
        let after = self.intervals.partition_point(|&(low, _)| low <= timestamp);
        after > 0 && timestamp < self.intervals[after - 1].1
    }

    /// Forgets the intervals that end at or below a timestamp that no unsafe reader is below.
    pub(crate) fn forget(&mut self, horizon: u64) {
        let gone = self.intervals.partition_point(|&(_, commit)| commit <= horizon);
        self.intervals.drain(..gone);
    }

    pub(crate) fn len(&self) -> usize {
        self.intervals.len()
    }
}

#[cfg(all(test, not(precedent_loom)))]
mod tests {
    use super::Danger;

    #[test]
    fn an_interval_holds_its_low_end_and_not_its_commit() {
        let mut danger = Danger::new(9);
        danger.announce(3, 5);
        let inside: Vec<u64> = (0..8).filter(|&at| danger.contains(at)).collect();
        assert_eq!(inside, [3, 4]);
    }

    #[test]
    fn intervals_that_touch_or_overlap_become_one_and_others_stay_apart() {
        let mut danger = Danger::new(9);
        for (low, commit) in [(1, 3), (6, 8), (8, 9), (7, 12)] {
            danger.announce(low, commit);
        }
        assert_eq!(danger.len(), 2);
        let inside: Vec<u64> = (0..14).filter(|&at| danger.contains(at)).collect();
        assert_eq!(inside, [1, 2, 6, 7, 8, 9, 10, 11]);
        danger.forget(3);
        assert!(!danger.contains(2) && danger.contains(6));
    }

    #[test]
    fn the_newest_timestamp_outside_lies_below_the_interval() {
        let mut danger = Danger::new(9);
        for (low, commit) in [(2, 4), (6, 9)] {
            danger.announce(low, commit);
        }
        let outside: Vec<u64> = (0..11).map(|at| danger.newest_outside(at)).collect();
        assert_eq!(outside, [0, 1, 1, 1, 4, 5, 5, 5, 5, 9, 10]);
    }

    #[test]
    fn beyond_the_bound_the_nearest_neighbours_become_one() {
        let mut danger = Danger::new(2);
        for (low, commit) in [(1, 2), (10, 12), (13, 15)] {
            danger.announce(low, commit);
        }
        assert_eq!((danger.len(), danger.merged()), (2, 1));
        let inside: Vec<u64> = (0..17).filter(|&at| danger.contains(at)).collect();
        assert_eq!(inside, [1, 10, 11, 12, 13, 14]);
        // 3 is a smaller gap than 8, though not in proportion.
        let mut danger = Danger::new(2);
        for (low, commit) in [(1, 2), (5, 100), (108, 109), (200, 201)] {
            danger.announce(low, commit);
        }
        assert_eq!((danger.len(), danger.merged()), (2, 2));
        assert!(danger.contains(3) && danger.contains(104) && !danger.contains(150));
    }
}

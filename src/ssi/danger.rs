//! Danger intervals: which snapshots a committed backward edge makes unsafe.

/// The union of intervals [low(Z), c(Z)) of commits Z with a backward edge: a snapshot
/// inside one does not see Z, but sees something that must come after Z.
#[derive(Default, Debug)]
pub(crate) struct Danger {
    /// Ascending, neither overlapping nor touching.
    intervals: Vec<(u64, u64)>,
}

impl Danger {
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
        let mut danger = Danger::default();
        danger.announce(3, 5);
        let inside: Vec<u64> = (0..8).filter(|&at| danger.contains(at)).collect();
        assert_eq!(inside, [3, 4]);
    }

    #[test]
    fn intervals_that_touch_or_overlap_become_one_and_others_stay_apart() {
        let mut danger = Danger::default();
        for (low, commit) in [(1, 3), (6, 8), (8, 9), (7, 12)] {
            danger.announce(low, commit);
        }
        assert_eq!(danger.len(), 2);
        let inside: Vec<u64> = (0..14).filter(|&at| danger.contains(at)).collect();
        assert_eq!(inside, [1, 2, 6, 7, 8, 9, 10, 11]);
        danger.forget(3);
        assert!(!danger.contains(2) && danger.contains(6));
    }
}

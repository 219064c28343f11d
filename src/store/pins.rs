//! What a collection must spare.

/// The snapshots that may still be read, as one collection knows them.
///
/// A version that lives from `begin` to `end` is seen by a snapshot at s if
/// begin <= s < end. It can go if it ended at or below the horizon and no pin lies in
/// between: snapshots that are taken from now on lie at or above the horizon, or at a pin.
pub(crate) struct Pins {
    /// Ascending, each once.
    pins: Vec<u64>,
    horizon: u64,
}

impl Pins {
    /// Of timestamps in any order.
    pub(crate) fn new(mut pins: Vec<u64>, horizon: u64) -> Self {
        pins.sort_unstable();
        pins.dedup();
        Self { pins, horizon }
    }

    /// No snapshot that is not a pin lies below it, now or later.
    pub(crate) fn horizon(&self) -> u64 {
        self.horizon
    }

    /// The oldest pin that sees a version. O(log n).
    pub(crate) fn first_within(&self, begin: u64, end: u64) -> Option<u64> {
        let at = self.pins.partition_point(|&pin| pin < begin);
        self.pins.get(at).copied().filter(|&pin| pin < end)
    }

    /// Every pin, ascending.
    pub(crate) fn iter(&self) -> impl Iterator<Item = u64> {
        self.pins.iter().copied()
    }
}

#[cfg(all(test, not(precedent_loom)))]
mod tests {
    use super::Pins;

    #[test]
    fn a_pin_sees_a_version_from_its_begin_to_before_its_end() {
        let pins = Pins::new(vec![7, 3, 7], 9);
        for (begin, end, seen) in [
            (1, 3, None),
            (1, 4, Some(3)),
            (3, 4, Some(3)),
            (4, 7, None),
            (4, 8, Some(7)),
            (2, 9, Some(3)),
            (8, 9, None),
        ] {
            assert_eq!(pins.first_within(begin, end), seen, "{begin}..{end}");
        }
        assert_eq!(pins.iter().collect::<Vec<_>>(), [3, 7]);
    }
}

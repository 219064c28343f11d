//! A small generator of numbers, the same ones for the same seed.

/// Mixes a counter (splitmix).
#[derive(Debug)]
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Any number.
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`, which is not 0.
    #[cfg(not(precedent_loom))]
    pub(super) fn below(&mut self, bound: usize) -> usize {
        // The remainder is below a `usize`.
        (self.next() % bound as u64) as usize
    }
}

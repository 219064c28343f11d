//! The universal scalability law (Gunther, 1993):
//!
//! ```text
//!   X(n) = rate n / (1 + contention (n - 1) + coherence n (n - 1))
//! ```
//!
//! Contention is the share of a transaction for which all others wait; coherence is what
//! each pays for every other one, such as fetching lines that the other has written.

/// What was fitted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Law {
    /// Of one thread.
    pub rate: f64,
    pub contention: f64,
    pub coherence: f64,
}

impl Law {
    pub fn at(&self, threads: f64) -> f64 {
        let others = threads - 1.0;
        let slower = 1.0 + self.contention * others + self.coherence * threads * others;
        self.rate * threads / slower
    }

    /// All that is lost on two threads is contention, or all of it is coherence: the truth
    /// lies between, and two points cannot tell where.
    pub fn between(one: f64, two: f64) -> [Self; 2] {
        let lost = (2.0 * one / two - 1.0).max(0.0);
        let law = |contention, coherence| Self { rate: one, contention, coherence };
        [law(lost, 0.0), law(0.0, lost / 2.0)]
    }

    /// Through one thread exactly, and as near as can be to at least two more points. None if
    /// there are fewer.
    pub fn fitted(points: &[(f64, f64)]) -> Option<Self> {
        let rate = points.iter().find(|point| point.0 == 1.0)?.1;
        // rate n / X(n) - 1, over n - 1, is contention + coherence n: a straight line.
        let straight = |(threads, found): &(f64, f64)| {
            (*threads, (rate * threads / found - 1.0) / (threads - 1.0))
        };
        let line: Vec<_> = points.iter().filter(|point| point.0 > 1.0).map(straight).collect();
        if line.len() < 2 {
            return None;
        }
        let count = line.len() as f64;
        let mean = |of: fn(&(f64, f64)) -> f64| line.iter().map(of).sum::<f64>() / count;
        let (x, y) = (mean(|point| point.0), mean(|point| point.1));
        let above: f64 = line.iter().map(|point| (point.0 - x) * (point.1 - y)).sum();
        let below: f64 = line.iter().map(|point| (point.0 - x).powi(2)).sum();
        let coherence = (above / below).max(0.0);
        Some(Self { rate, contention: (y - coherence * x).max(0.0), coherence })
    }
}

#[cfg(test)]
mod tests {
    use super::Law;

    fn near(one: f64, other: f64) -> bool {
        (one - other).abs() < 1e-9 * other.abs().max(1.0)
    }

    #[test]
    fn both_extremes_go_through_both_points() {
        for law in Law::between(1e6, 1.6e6) {
            assert!(near(law.at(1.0), 1e6) && near(law.at(2.0), 1.6e6), "{law:?}");
        }
        let [contention, coherence] = Law::between(1e6, 1.6e6);
        assert!(contention.at(64.0) > 4.0 * coherence.at(64.0));
    }

    #[test]
    fn what_scales_better_than_it_can_is_taken_as_perfect() {
        assert!(Law::between(1.0, 2.2).iter().all(|law| near(law.at(64.0), 64.0)));
    }

    #[test]
    fn a_law_is_found_again_from_its_points() {
        let law = Law { rate: 5e5, contention: 0.03, coherence: 0.001 };
        let points: Vec<_> = [1.0, 2.0, 8.0, 32.0].map(|threads| (threads, law.at(threads))).into();
        let found = Law::fitted(&points).expect("there are enough");
        assert!(near(found.contention, 0.03) && near(found.coherence, 0.001), "{found:?}");
        assert_eq!(Law::fitted(&points[..2]), None);
    }
}

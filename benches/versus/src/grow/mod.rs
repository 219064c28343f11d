//! How costs grow: a curve each, against the number of keys, the window of commits, the
//! footprint, the open snapshots, the rows of a snapshot, and beside a long reader or a long
//! search.

mod footprint;
mod keys;
mod long;
mod rows;
mod search;
mod snapshots;
mod window;

use std::time::Instant;

use crate::progress::Progress;
use crate::results::{Curve, Line};

pub use long::{ALONE, BESIDE, LONG};
pub use rows::{BOXES, ROWS, SNAPSHOT};
pub use window::{CERTIFICATION, SLOW};

/// How far to go.
pub struct Limits {
    pub keys: u64,
    pub window: u64,
    pub footprint: u64,
    pub snapshots: u64,
    /// Trials for each point, of which the median is taken.
    pub trials: u32,
    pub seed: u64,
}

/// All curves whose titles have this text; engines take part where keys are counted.
pub fn grow(limits: &Limits, engines: &[usize], only: &str) -> Vec<Curve> {
    type Make = fn(&Limits, &[usize], &Progress) -> Curve;
    let all: [(&str, Make); 8] = [
        ("reading one key", keys::reads),
        ("scanning 100 keys", keys::scans),
        ("certification", |limits, _, progress| window::certification(limits, progress)),
        ("search", |limits, _, progress| search::beside(limits, progress)),
        ("footprint", |limits, _, progress| footprint::commits(limits, progress)),
        ("open snapshots", |limits, _, progress| snapshots::open(limits, progress)),
        ("long reader", |limits, _, progress| long::beside(limits, progress)),
        ("rows of a snapshot", |limits, _, progress| rows::scans(limits, progress)),
    ];
    let chosen = all.into_iter().filter(|(name, _)| name.contains(only));
    let progress = Progress::new(chosen.clone().count() as u64);
    let curves = chosen.map(|(name, make)| {
        progress.step(name);
        make(limits, engines, &progress)
    });
    let curves = curves.collect();
    progress.finish();
    curves
}

/// 1, 10, 100, up to the largest power of ten that is not above the limit.
fn decades(from: u64, limit: u64) -> Vec<u64> {
    std::iter::successors(Some(from), |size| size.checked_mul(10))
        .take_while(|size| *size <= limit)
        .collect()
}

/// A line of medians, the first measurement not counted: `measure` gives nanoseconds for a size.
fn line(
    name: &str,
    sizes: &[u64],
    trials: u32,
    progress: &Progress,
    mut measure: impl FnMut(u64) -> f64,
) -> Line {
    // The first one of all is for the caches.
    sizes.first().map(|size| measure(*size));
    let point = |size: &u64| {
        progress.say(&format!("{name}, {size}"));
        (*size as f64, (0..trials).map(|_| measure(*size)).collect())
    };
    Line::of(name, sizes.iter().map(point).collect())
}

fn nanoseconds(since: Instant) -> f64 {
    since.elapsed().as_nanos() as f64
}

#[cfg(test)]
mod tests {
    use super::{Limits, decades, grow};

    #[test]
    fn decades_go_up_to_the_limit() {
        assert_eq!(decades(10, 1_000), [10, 100, 1_000]);
        assert_eq!(decades(1, 9), [1]);
        assert!(decades(10, 1).is_empty());
    }

    #[test]
    fn every_curve_has_a_point_for_every_size() {
        let limits =
            Limits { keys: 1_000, window: 100, footprint: 100, snapshots: 100, trials: 1, seed: 1 };
        let curves = grow(&limits, &[0, 7], "");
        assert_eq!(curves.len(), 8);
        for curve in curves {
            for line in &curve.lines {
                assert!(!line.points.is_empty(), "{}: {}", curve.title, line.name);
                assert!(line.points.iter().all(|point| point.1 > 0.0), "{}", curve.title);
                assert!(line.trials.iter().all(|trials| trials.len() == 1), "{}", curve.title);
            }
        }
    }
}

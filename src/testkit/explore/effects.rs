//! What a turn does that other transactions may notice, and which turns can change places.
//!
//! Two neighbouring turns are *independent* if both orders lead to the same state. A write
//! stays in its transaction until the end, so it is independent of everything; so is a read
//! of a snapshot that cannot slide. What is left:
//!
//! | turn | depends on |
//! | --- | --- |
//! | begin | ends that publish something |
//! | read | ends that publish what it reads; all that publish, if it may slide |
//! | end | all ends; under snapshot isolation those that write the same |

use std::cmp::Ordering;
use std::ops::Bound;
use std::sync::Arc;

use crate::Certifier;
use crate::record::RecordedKey;

/// A key, or a range of keys.
#[derive(Debug)]
pub(super) struct Touched {
    pub(super) table: Box<str>,
    pub(super) lower: Bound<Box<dyn RecordedKey>>,
    pub(super) upper: Bound<Box<dyn RecordedKey>>,
}

impl Touched {
    pub(super) fn key(table: &str, key: &dyn RecordedKey) -> Self {
        let (lower, upper) = (Bound::Included(key.to_boxed()), Bound::Included(key.to_boxed()));
        Self { table: table.into(), lower, upper }
    }

    pub(super) fn range(
        table: &str,
        lower: Bound<&dyn RecordedKey>,
        upper: Bound<&dyn RecordedKey>,
    ) -> Self {
        let (lower, upper) = (lower.map(RecordedKey::to_boxed), upper.map(RecordedKey::to_boxed));
        Self { table: table.into(), lower, upper }
    }

    fn meets(&self, other: &Self) -> bool {
        self.table == other.table
            && !is_below(&self.upper, &other.lower)
            && !is_below(&other.upper, &self.lower)
    }
}

/// Whether a range that ends here has nothing in common with one that starts there.
fn is_below(upper: &Bound<Box<dyn RecordedKey>>, lower: &Bound<Box<dyn RecordedKey>>) -> bool {
    let (Bound::Included(end) | Bound::Excluded(end)) = upper else { return false };
    let (Bound::Included(start) | Bound::Excluded(start)) = lower else { return false };
    let both = matches!((upper, lower), (Bound::Included(_), Bound::Included(_)));
    match end.compare(&**start) {
        Some(Ordering::Less) => true,
        Some(Ordering::Equal) => !both,
        Some(Ordering::Greater) | None => false,
    }
}

/// Keys and ranges, shared because sleeping turns are remembered at many points.
pub(super) type Keys = Arc<Vec<Touched>>;

pub(super) fn meet(some: &[Touched], others: &[Touched]) -> bool {
    some.iter().any(|one| others.iter().any(|other| one.meets(other)))
}

/// How a transaction ended, within a turn.
#[derive(Debug)]
pub(super) struct Ended {
    /// What it wanted to write.
    pub(super) writes: Keys,
    /// Whether others can see that now.
    pub(super) published: bool,
}

/// What a turn did.
#[derive(Debug, Default)]
pub(super) struct Effects {
    pub(super) begins: bool,
    pub(super) reads: Vec<Touched>,
    /// It read something that is newer than its snapshot, so that the snapshot slid to the
    /// newest commit or tried to.
    pub(super) slides: bool,
    pub(super) ends: Vec<Ended>,
}

impl Effects {
    /// Whether it is independent of everything that others may ever do.
    pub(super) fn is_private(&self, rule: Certifier) -> bool {
        !self.begins && self.ends.is_empty() && (self.reads.is_empty() || !tracks(rule))
    }

    /// Whether two neighbouring turns must not change places.
    pub(super) fn depends_on(&self, other: &Self, rule: Certifier) -> bool {
        self.notices(other, rule) || other.notices(self, rule)
    }

    fn notices(&self, other: &Self, rule: Certifier) -> bool {
        other.ends.iter().any(|end| {
            let by_begin = self.begins && (end.published || !knows_no_clock(rule));
            let by_read = tracks(rule) && end.published && self.sees(&end.writes);
            let by_end = self.ends.iter().any(|own| tracks(rule) || meet(&own.writes, &end.writes));
            by_begin || by_read || by_end
        })
    }

    fn sees(&self, writes: &[Touched]) -> bool {
        self.slides || meet(&self.reads, writes)
    }
}

/// Whether reads are observed under the rule, and may slide.
fn tracks(rule: Certifier) -> bool {
    rule != Certifier::FirstCommitterWins
}

/// Rules to which the end of somebody who publishes nothing is no event in time.
fn knows_no_clock(rule: Certifier) -> bool {
    matches!(rule, Certifier::Exact | Certifier::FirstCommitterWins)
}

#[cfg(all(test, not(precedent_loom)))]
mod tests {
    use super::{Effects, Ended, Keys, Touched};
    use crate::Certifier;
    use std::ops::Bound;

    fn begin() -> Effects {
        Effects { begins: true, ..Effects::default() }
    }

    fn read(key: u8) -> Effects {
        Effects { reads: vec![Touched::key("t", &key)], ..Effects::default() }
    }

    fn range(from: u8, below: u8) -> Effects {
        let touched = Touched::range("t", Bound::Included(&from), Bound::Excluded(&below));
        Effects { reads: vec![touched], ..Effects::default() }
    }

    fn sliding_read(key: u8) -> Effects {
        Effects { slides: true, ..read(key) }
    }

    fn end(writes: u8, published: bool) -> Effects {
        let writes = Keys::new(vec![Touched::key("t", &writes)]);
        Effects { ends: vec![Ended { writes, published }], ..Effects::default() }
    }

    #[test]
    fn turns_that_notice_each_other_are_dependent_and_no_others_are() {
        let (exact, snapshot) = (Certifier::Exact, Certifier::FirstCommitterWins);
        let table = [
            (begin(), begin(), exact, false),
            (begin(), end(1, true), exact, true),
            (begin(), end(1, true), snapshot, true),
            (begin(), end(1, false), exact, false),
            (begin(), end(1, false), Certifier::Pivot, true),
            (begin(), read(1), exact, false),
            (read(1), end(1, true), exact, true),
            (read(1), end(1, true), snapshot, false),
            (read(1), end(1, false), exact, false),
            (read(1), end(2, true), exact, false),
            (sliding_read(1), end(2, true), exact, true),
            (range(1, 3), end(2, true), exact, true),
            (range(1, 3), end(3, true), exact, false),
            (range(3, 5), end(2, true), exact, false),
            (read(1), sliding_read(1), exact, false),
            (end(1, true), end(2, true), exact, true),
            (end(1, true), end(2, true), snapshot, false),
            (end(1, true), end(1, false), snapshot, true),
            (Effects::default(), end(1, true), exact, false),
        ];
        for (number, (one, other, rule, expected)) in table.into_iter().enumerate() {
            assert_eq!(one.depends_on(&other, rule), expected, "row {number}");
            assert_eq!(other.depends_on(&one, rule), expected, "row {number}, turned round");
        }
    }
}

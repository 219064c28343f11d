//! What a turn did, in words.

use std::ops::Bound;

use crate::record::{Outcome, RecordedKey};

pub(super) fn range(lower: Bound<&dyn RecordedKey>, upper: Bound<&dyn RecordedKey>) -> String {
    let from = match lower {
        Bound::Included(key) => format!("{key:?}"),
        Bound::Excluded(key) => format!("above {key:?} "),
        Bound::Unbounded => String::new(),
    };
    match upper {
        Bound::Included(key) => format!("{from}..={key:?}"),
        Bound::Excluded(key) => format!("{from}..{key:?}"),
        Bound::Unbounded => format!("{from}.."),
    }
}

pub(super) fn end(outcome: &Outcome<'_>) -> String {
    match outcome {
        Outcome::Committed(_) => "commit".to_owned(),
        Outcome::Certified => "end, nothing written".to_owned(),
        Outcome::RolledBack => "roll back".to_owned(),
        Outcome::Aborted(conflict) => format!("refused: {:?}", conflict.reason()),
        Outcome::Limited => "fail: too large".to_owned(),
        Outcome::TimedOut => "fail: too old".to_owned(),
    }
}

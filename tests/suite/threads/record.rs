//! The record of a run on several threads.

use crate::oracle::history::Ts;
use crate::oracle::{History, Key, Value};

/// All that a run did, as far as can be known without a common clock for its steps.
///
/// `history.ended` and `collected_through` are of no use here: in which order ends were
/// decided is known from the [`Moments`] only.
#[derive(Clone, Debug, Default)]
pub struct Record {
    /// Every attempt, and the final state.
    pub history: History,
    /// When each of `history.txs` was on its way.
    pub moments: Vec<Moments>,
    /// The version that the recorder named for each value that a caller saw.
    pub told: Vec<(Key, Value, Ts)>,
    /// What the recorder told otherwise than the caller saw.
    pub stray: Vec<String>,
}

/// When a transaction was on its way, on a clock that all threads share.
#[derive(Clone, Copy, Debug)]
pub struct Moments {
    /// It began after this.
    pub called: u64,
    /// Its end was decided after this …
    pub ending: u64,
    /// … and before this.
    pub ended: u64,
    /// Its caller knew of the end by then.
    pub returned: u64,
}

impl Moments {
    /// Of a transaction whose end was decided at this place in the order of all ends, and
    /// of which nothing else is known.
    pub fn decided_at(place: u64) -> Self {
        Self { called: 0, ending: place, ended: place, returned: u64::MAX }
    }
}

impl Record {
    /// A history made step by step: the order of its ends is known, real time is not.
    pub fn in_order(history: History) -> Self {
        let mut moments = vec![Moments::decided_at(u64::MAX); history.txs.len()];
        for (place, tx) in history.ended.iter().enumerate() {
            moments[*tx] = Moments::decided_at(place as u64);
        }
        Self { history, moments, ..Self::default() }
    }

    /// Adds what another thread did.
    pub fn absorb(&mut self, mut other: Self) {
        self.history.txs.append(&mut other.history.txs);
        self.moments.append(&mut other.moments);
        self.told.append(&mut other.told);
        self.stray.append(&mut other.stray);
    }
}

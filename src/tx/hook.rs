//! Where the recorder is told; nothing at all without the feature `testkit`.

use std::ops::Bound;

use crate::ssi::{Conflict, ConflictReason, TransactionId};
use crate::store::Quiet;
use crate::store::tally::Count;
use crate::tx::engine::{Engine, Limit};
use crate::tx::table::Key;

/// What a read found, for the recorder.
#[cfg_attr(not(feature = "testkit"), expect(dead_code, reason = "nobody listens"))]
pub(crate) enum Sight {
    Own,
    Version(u64),
    Absent,
}

/// How a transaction ended, for the recorder.
#[cfg_attr(not(feature = "testkit"), expect(dead_code, reason = "nobody listens"))]
pub(crate) enum Ending<'a> {
    Committed(u64),
    Certified,
    RolledBack,
    /// The conflict is there if somebody listens.
    Aborted(ConflictReason, Option<&'a Conflict>),
    Limited(Limit),
    TimedOut,
}

impl Ending<'_> {
    /// Which counter it belongs to.
    pub(crate) fn count(&self) -> Count {
        match self {
            Self::Committed(_) => Count::Committed,
            Self::Certified => Count::Certified,
            Self::RolledBack => Count::RolledBack,
            Self::Aborted(ConflictReason::Cycle, _) => Count::Cycle,
            Self::Aborted(ConflictReason::FirstCommitterWins, _) => Count::FirstCommitter,
            Self::Aborted(ConflictReason::Conservative, _) => Count::Conservative,
            Self::Aborted(ConflictReason::Rule, _) => Count::Rule,
            Self::Limited(Limit::OwnValues) => Count::OwnValues,
            Self::Limited(Limit::Footprint) => Count::Footprint,
            Self::Limited(Limit::Bytes) => Count::Bytes,
            Self::TimedOut => Count::TimedOut,
        }
    }
}

/// What the recorder wants the end of a transaction to be.
#[cfg_attr(not(feature = "testkit"), expect(dead_code, reason = "nobody wants anything"))]
pub(crate) enum Wish {
    Free,
    Refused,
    GivenUp,
}

#[cfg(feature = "testkit")]
mod imp {
    use super::{Bound, Conflict, Ending, Engine, Key, Quiet, Sight, TransactionId, Wish};
    use crate::record::{Event, Fate, Outcome, RecordedKey, Seen};
    use crate::timestamp::Timestamp;

    /// Tells the recorder, if there is one.
    #[derive(Clone, Copy)]
    pub(crate) struct Hook<'e>(pub(super) &'e Engine, pub(super) TransactionId);

    fn seen(sight: &Sight) -> Seen {
        match sight {
            Sight::Own => Seen::Own,
            Sight::Version(commit) => Seen::Version(Timestamp::from(*commit)),
            Sight::Absent => Seen::Absent,
        }
    }

    fn erased<K: Key>(bound: &Bound<Quiet<K>>) -> Bound<&dyn RecordedKey> {
        bound.as_ref().map(|key| &**key as &dyn RecordedKey)
    }

    impl Hook<'_> {
        fn tell<'a>(self, event: impl FnOnce(TransactionId) -> Event<'a>) {
            if let Some(recorder) = &self.0.config.recorder {
                recorder.record(event(self.1));
            }
        }

        /// What the recorder's clock says.
        pub(crate) fn clock(engine: &Engine) -> u64 {
            engine.config.recorder.as_ref().map_or(0, |recorder| recorder.clock())
        }

        /// Before a point read: the recorder may wait.
        pub(crate) fn before_read(self) {
            if let Some(recorder) = &self.0.config.recorder {
                recorder.before_read(self.1);
            }
        }

        /// Before an end: the recorder may wait, or spoil it.
        pub(crate) fn before_end(self, label: Option<&str>) -> Wish {
            let recorder = self.0.config.recorder.as_ref();
            match recorder.map_or(Fate::Free, |recorder| recorder.before_end(self.1, label)) {
                Fate::Free => Wish::Free,
                Fate::Refused => Wish::Refused,
                Fate::GivenUp => Wish::GivenUp,
            }
        }

        /// Whether the recorder dooms whoever has this name.
        pub(crate) fn dooms(self, label: &str) -> bool {
            self.0.config.recorder.as_ref().is_some_and(|recorder| recorder.dooms(self.1, label))
        }

        pub(crate) fn begin(self, timestamp: u64, read_only: bool, called: u64) {
            let timestamp = Timestamp::from(timestamp);
            self.tell(|tx| Event::Begin { tx, timestamp, read_only, called });
        }

        pub(crate) fn slide(self, timestamp: u64) {
            self.tell(|tx| Event::Slide { tx, timestamp: Timestamp::from(timestamp) });
        }

        pub(crate) fn read<K: Key>(self, table: &str, key: impl FnOnce() -> K, sight: &Sight) {
            if self.0.config.recorder.is_some() {
                let key = &key();
                self.tell(|tx| Event::Read { tx, table, key, seen: seen(sight) });
            }
        }

        pub(crate) fn scan<K: Key>(
            self,
            table: &str,
            scan: u64,
            bounds: (&Bound<Quiet<K>>, &Bound<Quiet<K>>),
            predicate: bool,
        ) {
            let (lower, upper) = (erased(bounds.0), erased(bounds.1));
            self.tell(|tx| Event::Scan { tx, table, scan, lower, upper, predicate });
        }

        pub(crate) fn row<K: Key>(self, scan: u64, key: &K, sight: &Sight, reverse: bool) {
            self.tell(|tx| Event::Row { tx, scan, key, seen: seen(sight), reverse });
        }

        pub(crate) fn scan_end(self, scan: u64) {
            self.tell(|tx| Event::ScanEnd { tx, scan });
        }

        pub(crate) fn write<K: Key>(self, table: &str, key: &K, removal: bool) {
            self.tell(|tx| Event::Write { tx, table, key, removal });
        }

        /// Whether anybody does.
        pub(crate) fn listens(self) -> bool {
            self.0.config.recorder.is_some()
        }

        pub(crate) fn savepoint(self, number: u64) {
            self.tell(|tx| Event::Savepoint { tx, number });
        }

        pub(crate) fn rollback_to(self, number: u64) {
            self.tell(|tx| Event::RollbackTo { tx, number });
        }

        pub(crate) fn end(self, ending: &Ending<'_>, label: Option<&str>) {
            let outcome = match ending {
                Ending::Committed(commit) => Outcome::Committed(Timestamp::from(*commit)),
                Ending::Certified => Outcome::Certified,
                Ending::RolledBack => Outcome::RolledBack,
                Ending::Aborted(_, Some(conflict)) => Outcome::Aborted(*conflict as &Conflict),
                Ending::Aborted(_, None) => return,
                Ending::Limited(_) => Outcome::Limited,
                Ending::TimedOut => Outcome::TimedOut,
            };
            self.tell(|tx| Event::End { tx, outcome, label });
        }
    }
}

#[cfg(not(feature = "testkit"))]
mod imp {
    use super::{Bound, Ending, Engine, Key, Quiet, Sight, TransactionId, Wish};
    use std::marker::PhantomData;

    /// Nobody listens.
    #[derive(Clone, Copy)]
    pub(crate) struct Hook<'e>(PhantomData<&'e Engine>);

    impl<'e> Hook<'e> {
        pub(super) fn silent(_engine: &'e Engine, _id: TransactionId) -> Self {
            Self(PhantomData)
        }

        pub(crate) fn clock(_engine: &Engine) -> u64 {
            0
        }

        pub(crate) fn before_read(self) {}
        pub(crate) fn before_end(self, _label: Option<&str>) -> Wish {
            Wish::Free
        }
        pub(crate) fn dooms(self, _label: &str) -> bool {
            false
        }
        pub(crate) fn begin(self, _timestamp: u64, _read_only: bool, _called: u64) {}
        pub(crate) fn slide(self, _timestamp: u64) {}
        pub(crate) fn read<K: Key>(self, _table: &str, _key: impl FnOnce() -> K, _sight: &Sight) {}
        pub(crate) fn scan<K: Key>(
            self,
            _table: &str,
            _scan: u64,
            _bounds: (&Bound<Quiet<K>>, &Bound<Quiet<K>>),
            _predicate: bool,
        ) {
        }
        pub(crate) fn row<K: Key>(self, _scan: u64, _key: &K, _sight: &Sight, _reverse: bool) {}
        pub(crate) fn scan_end(self, _scan: u64) {}
        pub(crate) fn write<K: Key>(self, _table: &str, _key: &K, _removal: bool) {}
        pub(crate) fn listens(self) -> bool {
            false
        }
        pub(crate) fn savepoint(self, _number: u64) {}
        pub(crate) fn rollback_to(self, _number: u64) {}
        pub(crate) fn end(self, _ending: &Ending<'_>, _label: Option<&str>) {}
    }
}

pub(crate) use imp::Hook;

impl<'e> Hook<'e> {
    /// The recorder's ear for one transaction.
    pub(crate) fn new(engine: &'e Engine, id: TransactionId) -> Self {
        #[cfg(feature = "testkit")]
        return Self(engine, id);
        #[cfg(not(feature = "testkit"))]
        return Self::silent(engine, id);
    }
}

//! What has changed since a snapshot, by the index rather than by the log: a look at what was
//! observed costs its size, a look at the log that of everybody else's commits.
//!
//! Whatever was written after s(T) is the newest version of its key or lies below one, and
//! stays so: a tombstone above the log's base leaves no chain (I5). So a key whose newest
//! version is not above s(T) was not written since, by anybody who is installed.

use std::ops::{Bound, ControlFlow};

use crate::ssi::footprint::Signature;
use crate::store::index::Index;
use crate::store::leaf::Entry;
use crate::store::record::{Record, RecordId};
use crate::store::registry::Walker;
use crate::tx::read_set::{Bounds, Observed, Scan, above, below};
use crate::tx::table::{Key, Value};

/// Collects the keys that were observed and written after a snapshot. Good as long as the log
/// was not folded past the snapshot; whoever uses it asks that afterwards.
pub(crate) struct Changes<'c> {
    pub(crate) walker: Walker<'c>,
    /// The snapshot.
    pub(crate) since: u64,
    /// Every commit up to here is installed: what has not changed by then was not written by
    /// one of them.
    pub(crate) upto: u64,
    /// How many rows may still be looked at. Beyond them what was observed counts as changed.
    pub(crate) rows: usize,
    /// The keys, and the tables of which not everything was looked at.
    pub(crate) changed: Signature,
}

/// To seek a key costs as much as so many rows.
const SOUGHT: usize = 4;

/// Some keys in a row, by their bounds.
type Piece<'p, K> = (Bound<&'p K>, Bound<&'p K>);

impl Changes<'_> {
    /// Adds a key by its record's address.
    pub(crate) fn add(&mut self, record: RecordId) {
        self.changed.add_key(record.0);
    }

    /// Whether so many rows may be looked at; then they are counted.
    pub(crate) fn take(&mut self, rows: usize) -> bool {
        let left = self.rows.checked_sub(rows);
        self.rows = left.unwrap_or(self.rows);
        left.is_some()
    }

    fn ask<K: Key, V: Value>(&mut self, record: &Record<K, V>) {
        if record.chain().newest_begin(&self.walker.walk()) > self.since {
            self.add(record.id());
        }
    }

    /// Asks absences, ranges and predicates. Runs the user's `cmp`.
    pub(crate) fn ask_observed<K: Key, V: Value>(
        &mut self,
        table: u64,
        index: &Index<K, V>,
        observed: &Observed<K, V>,
    ) {
        if !self.take(observed.absences.len() * SOUGHT) {
            self.changed.add_table(table);
            return;
        }
        observed.absences.for_each(|absent| {
            let walk = self.walker.walk();
            if let Some(record) = index.get::<K>(absent, &walk) {
                self.ask(record);
            }
        });
        for scan in &observed.scans {
            pieces(scan).for_each(|piece| self.ask_piece(table, index, piece));
        }
    }

    /// Asks plain ranges. Runs the user's `cmp`.
    pub(crate) fn ask_ranges<K: Key, V: Value>(
        &mut self,
        table: u64,
        index: &Index<K, V>,
        ranges: &[Bounds<K>],
    ) {
        for range in ranges {
            self.ask_piece(table, index, piece_of(range));
        }
    }

    fn ask_piece<K: Key, V: Value>(
        &mut self,
        table: u64,
        index: &Index<K, V>,
        (lower, upper): Piece<'_, K>,
    ) {
        let walk = self.walker.walk();
        let look = |entries: &[Entry<K, V>]| {
            if !self.take(entries.len()) {
                self.changed.add_table(table);
                return ControlFlow::Break(());
            }
            entries.iter().for_each(|entry| self.ask(entry.record()));
            ControlFlow::Continue(())
        };
        let _ = index.ascend(|key| !above(&lower, key), |key| below(&upper, key), &walk, look);
    }
}

fn piece_of<K>(bounds: &Bounds<K>) -> Piece<'_, K> {
    (bounds.lower.as_ref().map(|key| &**key), bounds.upper.as_ref().map(|key| &**key))
}

/// What of a range was observed: from its ends inwards, or all of it.
fn pieces<K, V>(scan: &Scan<K, V>) -> impl Iterator<Item = Piece<'_, K>> {
    let (lower, upper) = piece_of(&scan.bounds);
    let partial = !scan.whole;
    let front = scan.front.key().filter(|_| partial).map(|last| (lower, Bound::Included(last)));
    let back = scan.back.key().filter(|_| partial).map(|last| (Bound::Included(last), upper));
    let whole = scan.whole.then_some((lower, upper));
    whole.into_iter().chain(front).chain(back)
}

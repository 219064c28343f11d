//! What has changed since a snapshot, by the index rather than by the log: a look at what was
//! observed costs its size, a look at the log that of everybody else's commits.
//!
//! Whatever was written after s(T) is the newest version of its key or lies below one, and
//! stays so: a tombstone above the log's base leaves no chain (I5). So a key whose newest
//! version is not above s(T) was not written since, by anybody who is installed.

use std::ops::ControlFlow;

use crate::ssi::footprint::Signature;
use crate::store::index::Index;
use crate::store::leaf::Entry;
use crate::store::record::{Record, RecordId};
use crate::store::registry::{Walk, Walker};
use crate::tx::read_set::{Bounds, Observed, Piece, above, below};
use crate::tx::table::{Key, Value};

/// Collects the keys that were observed and written after a snapshot. The log must not be
/// folded past the snapshot meanwhile: a view that holds a commit after it sees to that.
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

    fn ask<K: Key, V: Value>(&mut self, record: &Record<K, V>, walk: &Walk<'_>) {
        if record.chain().newest_begin(walk) > self.since {
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
        let walk = self.walker.walk();
        observed.absences.for_each(|absent| {
            if let Some(record) = index.get::<K>(absent, &walk) {
                self.ask(record, &walk);
            }
        });
        for scan in &observed.scans {
            scan.pieces().for_each(|piece| self.ask_piece(table, index, piece));
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
            self.ask_piece(table, index, range.piece());
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
            entries.iter().for_each(|entry| self.ask(entry.record(), &walk));
            ControlFlow::Continue(())
        };
        let _ = index.ascend(|key| !above(&lower, key), |key| below(&upper, key), &walk, look);
    }
}

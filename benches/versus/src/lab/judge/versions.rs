//! The versions of each key in commit order, and whether reads fit them.

use std::collections::BTreeMap;

use super::super::record::{Attempt, Cell, Range, Seen};
use super::Violation;

/// A version: when, by which certified attempt (its place), and what a reader sees of it.
#[derive(Clone, Copy)]
pub struct Version {
    pub c: u64,
    pub writer: usize,
    seen: Seen,
}

/// Everything that was written.
pub struct Versions {
    of: BTreeMap<Cell, Vec<Version>>,
}

impl Versions {
    /// The versions that these left.
    pub fn of(certified: &[&Attempt]) -> Result<Self, Violation> {
        let mut of: BTreeMap<Cell, Vec<Version>> = BTreeMap::new();
        let mut commits: Vec<(u64, usize)> = Vec::new();
        for (writer, attempt) in certified.iter().enumerate() {
            let Some(c) = attempt.c() else { continue };
            commits.push((c, writer));
            if c <= attempt.s {
                return Err(Violation::because(attempt, format!("committed at {c}, below its s")));
            }
            for cell in &attempt.writes {
                let seen = (!attempt.removed.contains(cell)).then_some(attempt.number);
                of.entry(*cell).or_default().push(Version { c, writer, seen });
            }
        }
        commits.sort_unstable();
        if let Some(pair) = commits.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            let what = format!("has the commit timestamp {} of another one", pair[0].0);
            return Err(Violation::because(certified[pair[1].1], what));
        }
        of.values_mut().for_each(|versions| versions.sort_unstable_by_key(|version| version.c));
        Ok(Self { of })
    }

    /// All versions of all keys.
    pub fn all(&self) -> impl Iterator<Item = (&Cell, &[Version])> {
        self.of.iter().map(|(cell, versions)| (cell, &versions[..]))
    }

    /// The version that a snapshot shows, and the first one that it does not.
    pub fn around(&self, cell: Cell, s: u64) -> (Option<Version>, Option<Version>) {
        self.of.get(&cell).map_or((None, None), |versions| split(versions, s))
    }

    /// The same for each key of a range that the reader had not written itself.
    pub fn across(
        &self,
        range: &Range,
        s: u64,
    ) -> impl Iterator<Item = (Cell, Option<Version>, Option<Version>)> {
        let cells = self.of.range((range.table, range.from)..=(range.table, range.to));
        let foreign =
            |((_, key), _): &(&Cell, &Vec<Version>)| range.own.binary_search(key).is_err();
        cells.filter(foreign).map(move |(cell, versions)| {
            let (before, after) = split(versions, s);
            (*cell, before, after)
        })
    }

    /// Whether everything that was read is what its snapshot shows.
    pub fn check(&self, attempt: &Attempt) -> Result<(), Violation> {
        let s = attempt.s;
        for (cell, seen) in &attempt.reads {
            let shown = self.around(*cell, s).0.and_then(|version| version.seen);
            if shown != *seen {
                let what = format!("read {seen:?} under {cell:?}, but at {s} there is {shown:?}");
                return Err(Violation::because(attempt, what));
            }
        }
        for range in &attempt.ranges {
            let rows = self.across(range, s);
            let rows = rows.filter_map(|(cell, before, _)| Some((cell.1, before?.seen?)));
            let rows: Vec<(u64, u32)> = rows.collect();
            if rows != range.rows {
                let what = format!("read {range:?}, but at {s} there is {rows:?}");
                return Err(Violation::because(attempt, what));
            }
        }
        Ok(())
    }
}

fn split(versions: &[Version], s: u64) -> (Option<Version>, Option<Version>) {
    let after = versions.partition_point(|version| version.c <= s);
    (after.checked_sub(1).map(|before| versions[before]), versions.get(after).copied())
}

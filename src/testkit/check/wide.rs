//! Antidependencies of wide ranges, without looking at each of their keys.
//!
//! The keys of a table are the leaves of a tree with sixteen branches each. Every node of it
//! knows the writes below it in the order of their commits, and a chain of helpers, each with
//! a free edge to one writer and to the next helper. A range is a few nodes; in each of them
//! one edge leads to the first helper after the reader's snapshot, and so to all who wrote
//! there later.
//!
//! ```text
//!   reader at s --rw--> h3 -> h4 -> h5          writes of a node: c1 c2 | c3 c4 c5
//!                       |     |     |                              s here
//!                       w3    w4    w5
//! ```
//!
//! To all, not only to the first of each key: the others come after it by ww, so nothing is
//! added that would not follow. Who writes there himself must not come upon himself: he is
//! linked one by one to those who committed before him, and by a helper to those after him.
//! Removals lead the other way: who removed a key, to those who missed it.

use std::ops::Range;

use crate::testkit::check::graph::{NO_KEY, Plan, RANGE, WR};
use crate::testkit::check::versions::{NOBODY, Versions};
use crate::testkit::names::{Names, small};

/// Branches of a node.
const BRANCHES: usize = 16;

/// Ranges over fewer keys are looked at key by key.
pub(super) const WIDE: usize = 4 * BRANCHES;

/// The tree of a table: of each level, the nodes, the lowest first.
pub(super) struct Tree {
    levels: Vec<Vec<Node>>,
}

#[derive(Clone, Default)]
struct Node {
    writes: Vec<Write>,
    removals: Vec<Write>,
    /// The first helper of each chain, once somebody has needed it.
    onward: Option<u32>,
    back: Option<u32>,
}

#[derive(Clone, Copy)]
struct Write {
    token: u64,
    writer: u32,
    key: u32,
}

impl Tree {
    pub(super) fn of(table: u32, names: &Names, versions: &Versions) -> Self {
        let keys = names.sorted(table);
        let mut writes: Vec<(Write, usize, bool)> = Vec::new();
        for (rank, key) in keys.iter().enumerate() {
            let known = versions.ordered(*key).iter().filter(|version| version.writer != NOBODY);
            writes.extend(known.map(|version| {
                let write = Write { token: version.token, writer: version.writer, key: *key };
                (write, rank, version.removal)
            }));
        }
        writes.sort_unstable_by_key(|(write, ..)| (write.token, write.key));
        let mut levels = Vec::new();
        let mut width = BRANCHES;
        loop {
            let mut nodes = vec![Node::default(); keys.len().div_ceil(width)];
            for (write, rank, removal) in &writes {
                let node = &mut nodes[rank / width];
                node.writes.push(*write);
                if *removal {
                    node.removals.push(*write);
                }
            }
            let is_root = nodes.len() <= 1;
            levels.push(nodes);
            if is_root {
                return Self { levels };
            }
            width *= BRANCHES;
        }
    }

    /// Links a reader of these places to whoever wrote there, before its snapshot by
    /// removals, and after it; its own newest version is `own`. Returns the places at both
    /// ends that make no whole node.
    pub(super) fn link(
        &mut self,
        plan: &mut Plan,
        reader: u32,
        [snapshot, own]: [u64; 2],
        places: Range<usize>,
    ) -> [Range<usize>; 2] {
        let (from, to) =
            (places.start.next_multiple_of(BRANCHES), places.end / BRANCHES * BRANCHES);
        if from >= to {
            return [places, 0..0];
        }
        let (mut low, mut high) = (from / BRANCHES, to / BRANCHES);
        for level in &mut self.levels {
            while low < high && low % BRANCHES != 0 {
                level[low].link(plan, reader, [snapshot, own]);
                low += 1;
            }
            while low < high && high % BRANCHES != 0 {
                high -= 1;
                level[high].link(plan, reader, [snapshot, own]);
            }
            (low, high) = (low / BRANCHES, high / BRANCHES);
        }
        [places.start..from, to..places.end]
    }
}

impl Node {
    fn link(&mut self, plan: &mut Plan, reader: u32, [snapshot, own]: [u64; 2]) {
        let after = |token: u64| self.writes.partition_point(|write| write.token <= token);
        let (first, later) = (after(snapshot), after(own.max(snapshot)));
        for write in &self.writes[first..later] {
            plan.link(reader, write.writer, RANGE, write.key);
        }
        if later < self.writes.len() {
            let onward = *self.onward.get_or_insert_with(|| {
                let helpers = chain(plan, self.writes.len());
                for (write, helper) in self.writes.iter().zip(helpers..) {
                    plan.free(helper, write.writer);
                }
                helpers
            });
            plan.link(reader, onward + small(later), RANGE, NO_KEY);
        }
        let missing = self.removals.partition_point(|write| write.token <= snapshot);
        if missing > 0 {
            let back = *self.back.get_or_insert_with(|| {
                let helpers = chain(plan, self.removals.len());
                for (write, helper) in self.removals.iter().zip(helpers..) {
                    plan.link(write.writer, helper, WR, write.key);
                }
                helpers
            });
            plan.free(back + small(missing - 1), reader);
        }
    }
}

/// Helpers, each with an edge to the next one; the first of them.
fn chain(plan: &mut Plan, count: usize) -> u32 {
    let first = plan.helper();
    let mut last = first;
    for _ in 1..count {
        let next = plan.helper();
        plan.free(last, next);
        last = next;
    }
    first
}

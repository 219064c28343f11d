//! Published readers of equal snapshots share one footprint when the log is crowded.
//!
//! A published reader has only two kinds of edges, and both depend on its snapshot and on
//! what it observed alone. So a path that leads through one of several readers at s leads
//! through a node at s that observed what any of them did, and the other way round.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::ssi::footprint::{Body, Footprint, Part};

/// A published reader, or several of one snapshot.
#[derive(Clone)]
pub(crate) struct Reader {
    /// Its place among all that were ever published, from 1 on; of several, the last one's.
    pub(crate) number: u64,
    /// What it counts against the bound.
    pub(crate) weight: usize,
    pub(crate) body: Arc<Body>,
}

impl Reader {
    pub(crate) fn new(number: u64, body: Arc<Body>) -> Self {
        Self { number, weight: 1, body }
    }
}

/// Which readers share a footprint from now on. Both ascending by number.
#[derive(Default)]
pub(crate) struct Sharing {
    /// One for each snapshot that had several. Its number is that of the last it replaces.
    pub(crate) joined: Vec<Reader>,
    pub(crate) replaced: Vec<Reader>,
}

/// Joins the footprints of readers with equal snapshots. Runs the user's `cmp` and `clone`;
/// where they panic, the readers stay as they are.
pub(crate) fn share(readers: Vec<Reader>) -> Sharing {
    let mut by_snapshot: BTreeMap<u64, Vec<Reader>> = BTreeMap::new();
    for reader in readers {
        by_snapshot.entry(reader.body.snapshot).or_default().push(reader);
    }
    let mut sharing = Sharing::default();
    for group in by_snapshot.into_values().filter(|group| group.len() > 1) {
        let joined = catch_unwind(AssertUnwindSafe(|| join(&group)));
        match joined {
            Ok(joined) => {
                sharing.joined.push(joined);
                sharing.replaced.extend(group);
            }
            // A payload can panic in its own Drop; what it held is lost, nothing else.
            Err(payload) => std::mem::forget(payload),
        }
    }
    sharing.joined.sort_unstable_by_key(|reader| reader.number);
    sharing.replaced.sort_unstable_by_key(|reader| reader.number);
    sharing
}

/// One reader for all of a group, which is not empty.
fn join(group: &[Reader]) -> Reader {
    let mut parts: BTreeMap<u64, Vec<&dyn Part>> = BTreeMap::new();
    let mut footprint = Footprint { observes: true, ..Footprint::default() };
    for member in group.iter().map(|reader| &reader.body.footprint) {
        footprint.reads.add_all(&member.reads);
        for (table, part) in &member.parts {
            parts.entry(*table).or_default().push(&**part);
        }
    }
    let mut size = 1;
    for (table, parts) in parts {
        let (part, apart) = parts[0].joined(&parts[1..]);
        footprint.parts.push((table, part));
        size += apart;
    }
    let first = &group[0].body;
    let sharing = group.iter().map(|reader| reader.body.sharing + 1).sum::<usize>() - 1;
    let body = Body {
        id: first.id,
        label: first.label.clone(),
        snapshot: first.snapshot,
        sharing,
        footprint,
    };
    // What could not be joined counts as before.
    let weight = size.min(group.iter().map(|reader| reader.weight).sum());
    let number = group.iter().map(|reader| reader.number).max().unwrap_or_default();
    Reader { number, weight, body: Arc::new(body) }
}

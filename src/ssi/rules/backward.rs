//! Backward validation: what was observed is still so at the commit.
//!
//! Then T may as well have run at the moment of its commit, and commit order is a serial
//! order. No commit has a backward edge, so there is no danger, every snapshot is safe, and a
//! reader, which sees one, stands right after it.
//!
//! Kung and Robinson (1981) validate readers too, because those read whatever is newest. In
//! engines with snapshots they are not validated (Badger, fjall, surrealmx), nor here.

use std::sync::Arc;

use crate::ssi::certify::{Member, Path, Verdict};
use crate::ssi::footprint::Body;
use crate::ssi::rules::{Rule, around};
use crate::ssi::view::View;

pub(super) const RULE: Rule =
    Rule { tracks_reads: true, judges_writes: false, writer, reader: |_, _, _| Verdict::Clear };

fn writer(_: &Arc<Body>, view: &View, _: u64) -> Verdict {
    match view.overwriters().next() {
        None => Verdict::Clear,
        Some((entry, witness)) => {
            let steps = vec![around(entry, witness)];
            Verdict::Suspect(Path { from: Member::Candidate, steps })
        }
    }
}

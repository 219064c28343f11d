//! Plain snapshot isolation: of two concurrent writers of a key, the first to commit wins.
//!
//! Reads are not tracked. So nobody has a backward edge that anybody knew of, readers are not
//! certified, and write skew, phantoms and the read-only anomaly happen.

use std::sync::Arc;

use crate::ssi::certify::{Verdict, first_writer};
use crate::ssi::footprint::Body;
use crate::ssi::rules::Rule;
use crate::ssi::view::View;

pub(super) const RULE: Rule =
    Rule { tracks_reads: false, judges_writes: true, writer, reader: |_, _, _| Verdict::Clear };

fn writer(body: &Arc<Body>, view: &View, _: u64) -> Verdict {
    first_writer(body, view).map_or(Verdict::Clear, Verdict::LostRace)
}

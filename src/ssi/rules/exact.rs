//! The engine's own rule: a cycle, or none. [`crate::ssi::certify`] is the search.

use crate::ssi::certify;
use crate::ssi::rules::Rule;

pub(super) const RULE: Rule = Rule {
    tracks_reads: true,
    judges_writes: false,
    writer: certify::certify_writer,
    reader: certify::certify_reader,
};

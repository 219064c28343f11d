//! Entries of the commit log, and what a transaction has looked at of them, to be certified
//! outside its lock.

use std::sync::Arc;

use crate::ssi::footprint::{Body, Witness};

/// A committed read-write transaction.
#[derive(Clone)]
pub(crate) struct Entry {
    /// c(X).
    pub(crate) commit: u64,
    pub(crate) body: Arc<Body>,
    /// The first commit that X read around: `low(X)`, fixed at commit, never transitive. A
    /// rule other than the exact one may keep an earlier one here.
    pub(crate) overwriter: Option<Overwriter>,
}

/// The first commit that overwrote something that another transaction observed.
#[derive(Clone)]
pub(crate) struct Overwriter {
    pub(crate) commit: u64,
    pub(crate) body: Arc<Body>,
    pub(crate) witness: Witness,
}

/// What a transaction has looked at so far.
pub(crate) struct View {
    /// Every entry with c in (s(T), position], ascending.
    pub(crate) entries: Vec<Entry>,
    /// The newest c that was looked at.
    pub(crate) position: u64,
    /// Those entries after s(T) whose writes may meet what the transaction observed, as far as
    /// the log was glanced at.
    pub(crate) candidates: Vec<Entry>,
    /// The newest c that was glanced at.
    pub(super) glanced: u64,
    /// One of the candidates did overwrite something that was observed.
    pub(crate) overwritten: bool,
    /// Published readers with s > s(T), once they were asked for.
    pub(crate) readers: Vec<Arc<Body>>,
    pub(super) readers_position: u64,
    pub(super) snapshot: u64,
}

impl View {
    /// Nothing is new to a transaction that has just taken its snapshot.
    pub(crate) fn new(snapshot: u64) -> Self {
        Self {
            entries: Vec::new(),
            position: snapshot,
            candidates: Vec::new(),
            glanced: snapshot,
            overwritten: false,
            readers: Vec::new(),
            readers_position: 0,
            snapshot,
        }
    }

    /// The newest c that was looked at, be it at a glance.
    pub(crate) fn seen(&self) -> u64 {
        self.position.max(self.glanced)
    }
}

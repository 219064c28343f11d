//! What a transaction has looked at of the commit log, to be certified outside its lock.

use std::sync::Arc;

use crate::ssi::entries::{Entry, Overwriter, Window};
use crate::ssi::footprint::{Body, Signature, Witness};

/// What a transaction has looked at so far.
pub(crate) struct View {
    /// The commits after s(T), up to the newest that was looked at.
    pub(crate) window: Window,
    /// Those of them that wrote something which the transaction observed, ascending.
    pub(crate) overwriters: Vec<(u64, Witness)>,
    /// Up to where they are complete.
    pub(crate) judged: u64,
    /// Published readers with s > s(T), once they were asked for.
    pub(crate) readers: Vec<Arc<Body>>,
    pub(super) readers_position: u64,
}

impl View {
    /// Nothing is new to a transaction that has just taken its snapshot.
    pub(crate) fn new(snapshot: u64) -> Self {
        Self {
            window: Window::after(snapshot),
            overwriters: Vec::new(),
            judged: snapshot,
            readers: Vec::new(),
            readers_position: 0,
        }
    }

    /// Gives back what it shares with the log, which has it still: nothing is dropped.
    pub(crate) fn let_go(&mut self) {
        self.window = Window::after(self.position());
    }

    /// The newest c that was looked at.
    pub(crate) fn position(&self) -> u64 {
        self.window.position()
    }

    /// The commits that changed something which the transaction observed, ascending.
    pub(crate) fn overwriters(&self) -> impl Iterator<Item = (&Entry, Witness)> {
        self.overwriters.iter().map(|&(commit, witness)| (self.window.entry(commit), witness))
    }

    /// The first of them.
    pub(crate) fn first_overwriter(&self) -> Option<Overwriter> {
        self.overwriters().next().map(|(entry, witness)| entry.as_overwriter(witness))
    }

    /// The commits up to `upto` whose writes may meet a signature.
    pub(crate) fn writers_of(
        &self,
        changed: &Signature,
        upto: u64,
    ) -> impl Iterator<Item = &Entry> {
        let changed = *changed;
        let stretches = self.window.above(0);
        let commits = stretches.flat_map(move |stretch| stretch.writers_of(&changed));
        commits.take_while(move |&commit| commit <= upto).map(|commit| self.window.entry(commit))
    }

    /// Finds the overwriters among the commits that are new since it was last called, and up
    /// to `upto`. Only those are tested whose writes may meet `reads`, which has all that the
    /// transaction observed, or all of it that has changed by then. Runs the user's
    /// comparators and predicates.
    pub(crate) fn judge(&mut self, body: &Body, reads: &Signature, upto: u64) {
        let window = &self.window;
        // A long window need not be fetched for nothing.
        let from = if reads.is_empty() { upto } else { self.judged };
        for stretch in window.above(from).take_while(|stretch| stretch.first <= upto) {
            for commit in stretch.writers_of(reads).take_while(|&commit| commit <= upto) {
                let witness = body.footprint.observed(&window.entry(commit).body.footprint);
                self.overwriters.extend(witness.map(|witness| (commit, witness)));
            }
        }
        self.judged = self.judged.max(upto);
    }
}

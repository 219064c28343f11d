//! The commit protocol.
//!
//! ```text
//!   outside the lock   gate      wait while another thread's aged transaction runs
//!                      seal      footprint closed, records leased, versions allocated
//!                      certify   against everything appended so far
//!   under the lock     append    look again, take c, announce danger
//!   outside            install   in c order per record, no user code
//!                      publish   w covers every commit without a gap
//!                      wait      until w >= c; only then does the caller hear of it
//! ```
//!
//! Every failure leaves before `append`, by one path: the leases end, and the versions go
//! with them.

use std::sync::Arc;

use smallvec::SmallVec;

use crate::error::Error;
use crate::ssi::certify::Verdict;
use crate::ssi::entries::Overwriter;
use crate::ssi::explain::Refusal;
use crate::ssi::footprint::{Body, Footprint};
use crate::ssi::log::{Moved, Stance};
use crate::ssi::rules::Rule;
use crate::ssi::view::View;
use crate::store::collector::Overwritten;
use crate::timestamp::Timestamp;
use crate::tx::core::Core;
use crate::tx::engine::Limit;
use crate::tx::gate::{Gate, Shut, this_thread};
use crate::tx::hook::{Ending, Wish};
use crate::tx::part::CommitPart;
use crate::tx::refusal::{Failure, Refused};

/// What a certified transaction gets back.
///
/// ```
/// use precedent::{Database, Table};
/// let db = Database::new();
/// let log: Table<u64, &str> = db.table("log")?;
/// let ((), first) = db.transact_with_commit(|tx| Ok(tx.insert(&log, 1, "begun")))?;
/// let ((), second) = db.transact_with_commit(|tx| Ok(tx.insert(&log, 2, "done")))?;
/// assert!(first.timestamp() < second.timestamp());
/// # Ok::<(), precedent::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Commit {
    timestamp: Timestamp,
}

impl Commit {
    /// The commit timestamp; for a transaction that wrote nothing, the read timestamp at
    /// which it was certified.
    ///
    /// ```
    /// # use precedent::{Database, Table};
    /// # let db = Database::new();
    /// # let t: Table<u8, char> = db.table("t")?;
    /// let ((), commit) = db.transact_with_commit(|tx| Ok(tx.insert(&t, 1, 'a')))?;
    /// assert_eq!(db.begin_read().finish()?.timestamp(), commit.timestamp());
    /// # Ok::<(), precedent::Error>(())
    /// ```
    #[must_use]
    pub fn timestamp(&self) -> Timestamp {
        self.timestamp
    }
}

impl Core<'_> {
    /// Asks the recorder, which may want the end to fail.
    #[inline]
    pub(crate) fn before_end(&self) -> Result<(), Failure> {
        let failed = match self.hook().before_end(self.label.borrow().as_deref()) {
            Wish::Free => return Ok(()),
            Wish::Refused => self.aborted(&self.conservative(self.engine.log.base())),
            Wish::GivenUp => self.timed_out(),
        };
        failed.map(drop)
    }

    /// Ends the transaction: as a writer if it wrote anything, else as a reader.
    pub(crate) fn commit(&self) -> Result<Commit, Failure> {
        if self.is_over_limit() {
            return self.limited();
        }
        if !self.tables.iter().any(|table| table.has_writes()) {
            return self.finish();
        }
        self.engine.gate.pass(this_thread);
        if !self.fits() && !self.engine.tidy_until(|| self.fits()) {
            self.exceed(Limit::Bytes);
            return self.limited();
        }
        if !self.start_commit() {
            return self.timed_out();
        }
        let mut sealed = Sealed::new(self);
        // Dropped at the end: once it has c, what was folded meanwhile is only here.
        let mut view = View::new(sealed.body.snapshot);
        let commit = match self.certify_and_append(&mut sealed.body, &mut view) {
            Ok(commit) => commit,
            Err(refusal) => return self.aborted(&refusal),
        };
        // What others want to forget meanwhile they may. The log itself has all of it still.
        view.let_go();
        // From here on nothing of the user's runs and nothing can fail (I6).
        let overwritten = sealed.install(commit);
        self.engine.publisher.installed(&self.engine.registry, commit);
        self.engine.publisher.wait_for(&self.engine.registry, commit);
        for (ended, what) in overwritten {
            self.engine.collector.note(ended, what);
        }
        self.end(&Ending::Committed(commit));
        Ok(Commit { timestamp: Timestamp::from(commit) })
    }

    /// Ends the transaction as a reader at its snapshot; its writes are dropped.
    pub(crate) fn finish(&self) -> Result<Commit, Failure> {
        if self.is_over_limit() {
            return self.limited();
        }
        let observed = self.is_tracked() && self.tables.iter().any(|table| table.has_reads());
        // What is certified needs the log from its snapshot on.
        let given_up = if observed { !self.start_commit() } else { self.was_given_up() };
        if given_up {
            return self.timed_out();
        }
        let certified = if observed { self.certify_reader() } else { Ok(()) };
        match certified {
            Ok(()) => {
                self.end(&Ending::Certified);
                Ok(Commit { timestamp: Timestamp::from(self.snapshot()) })
            }
            Err(refusal) => self.aborted(&refusal),
        }
    }

    /// Before the caller hears of it, everything in the cycle is published, so that an
    /// immediate retry sees it and cannot meet the same conflict.
    fn aborted(&self, refusal: &Refusal) -> Result<Commit, Failure> {
        if let Some(newest) = refusal.newest_commit() {
            self.engine.publisher.wait_for(&self.engine.registry, newest);
        }
        let redact = self.engine.config.redact_keys;
        let conflict = self.must_explain().then(|| Box::new(refusal.explain(redact)));
        self.end(&Ending::Aborted(refusal.reason(), conflict.as_deref()));
        Err(Failure::Refused(Refused { reason: refusal.reason(), seed: refusal.seed(), conflict }))
    }

    /// Whether a conflict will be seen by anybody.
    fn must_explain(&self) -> bool {
        let config = &self.engine.config;
        let leaves_the_loop = self.attempt.is_none_or(|attempt| attempt >= config.max_attempts);
        leaves_the_loop || config.on_conflict.is_some() || self.hook().listens()
    }

    fn limited(&self) -> Result<Commit, Failure> {
        let config = &self.engine.config;
        let exceeded = self.exceeded().unwrap_or(Limit::OwnValues);
        self.end(&Ending::Limited(exceeded));
        let (limit, bound) = match exceeded {
            Limit::OwnValues => ("max_own_values", config.max_own_values),
            Limit::Footprint => ("max_footprint", config.max_footprint),
            Limit::Bytes => ("max_bytes", config.max_bytes.unwrap_or(u64::MAX)),
        };
        Err(Failure::Final(Error::LimitExceeded { limit, bound }))
    }

    /// Whether there is room for what the transaction wrote. Removals need none.
    fn fits(&self) -> bool {
        let Some((usage, max)) = self.engine.usage.as_ref().zip(self.engine.config.max_bytes)
        else {
            return true;
        };
        let own: u64 = self.tables.iter().map(|table| table.own_bytes()).sum();
        own == 0 || usage.total().saturating_add(own) <= max
    }

    fn timed_out(&self) -> Result<Commit, Failure> {
        self.end(&Ending::TimedOut);
        Err(Failure::Final(Error::TimedOut { age: self.age() }))
    }

    /// Certifies and appends; certifies anew whenever the log has moved on in between.
    /// Each further round is another transaction's commit. After some of them others are
    /// kept out by the gate, if it can be had: then only those come who were past it.
    /// The view is the caller's to drop, after the publication (I6).
    fn certify_and_append(&self, body: &mut Arc<Body>, view: &mut View) -> Result<u64, Refusal> {
        let log = &self.engine.log;
        let rule = self.engine.config.certifier.rule();
        let blind = !body.footprint.observes && !rule.judges_writes;
        // What the view names stays while we walk.
        let mut walk = None;
        let mut overwriter = None;
        let mut patience = Patience::new(self);
        loop {
            let stance = match overwriter.take() {
                _ if blind => Stance::Blind,
                Some(overwriter) => Stance::Edged(view, overwriter),
                None if rule.judges_writes => Stance::Exactly(view),
                None => Stance::Clear(view),
            };
            let moved = match log.append(body, stance) {
                Ok(commit) => return Ok(commit),
                Err(moved) => moved,
            };
            if !patience.lasts() {
                return Err(self.conservative(view.position()));
            }
            walk.get_or_insert_with(|| self.walker().walk());
            let looked = match moved {
                Moved::On => self.look(rule, body, view, true),
                Moved::Folded => Err(moved),
            };
            overwriter = match looked {
                Ok(Look::Clear) => None,
                Ok(Look::Overwritten) => {
                    let steps = self.engine.config.max_search_steps;
                    self.heed((rule.writer)(body, view, steps), body, view)?
                }
                Err(_) => {
                    self.renew(body)?;
                    *view = View::new(body.snapshot);
                    None
                }
            };
        }
    }

    /// The log was folded past the snapshot: moves the closed footprint up to the fold.
    fn renew(&self, body: &mut Arc<Body>) -> Result<(), Refusal> {
        // Whether what was not tracked is the same there, nobody knows.
        let tracks = self.engine.config.certifier.rule().tracks_reads;
        let same = tracks && self.move_past_fold(&body.footprint);
        // Nobody else has it before it is appended.
        match Arc::get_mut(body).filter(|_| same) {
            Some(body) => body.snapshot = self.snapshot(),
            None => return Err(self.conservative(self.engine.log.base())),
        }
        Ok(())
    }

    /// Looks at what the log holds by now; at the published readers, if they are asked for,
    /// only if something may speak against the transaction.
    fn look(
        &self,
        rule: &Rule,
        body: &Body,
        view: &mut View,
        readers: bool,
    ) -> Result<Look, Moved> {
        let log = &self.engine.log;
        log.catch_up(view, false)?;
        self.judge(body, view);
        if !rule.judges_writes && view.overwriters.is_empty() {
            return Ok(Look::Clear);
        }
        if readers {
            log.catch_up(view, true)?;
            self.judge(body, view);
        }
        Ok(Look::Overwritten)
    }

    /// Finds out which of the new commits in the view overwrote something that was observed.
    /// If there are many, the index knows sooner than they what has changed at all.
    fn judge(&self, body: &Body, view: &mut View) {
        let reads = &body.footprint.reads;
        let news = (view.position() - view.judged) as usize;
        let many = if reads.has_tables() { MANY_FOR_RANGES } else { MANY };
        // Only in the first round: what comes while a large footprint is asked is little.
        let first = view.judged == view.window.start();
        if body.footprint.observes && first && news >= many {
            let mut changes = self.changes(news);
            let upto = changes.upto.min(view.position());
            self.ask_closed(&body.footprint, &mut changes);
            view.judge(body, &changes.changed, upto);
        }
        view.judge(body, reads, view.position());
    }

    /// The commit that a certified transaction read around, if there is one.
    fn heed(
        &self,
        verdict: Verdict,
        body: &Arc<Body>,
        view: &View,
    ) -> Result<Option<Overwriter>, Refusal> {
        let body = || Arc::clone(body);
        match verdict {
            Verdict::Clear => Ok(None),
            Verdict::Edged(overwriter) => Ok(Some(overwriter)),
            Verdict::Cycle(steps) => Err(Refusal::Cycle(body(), steps)),
            Verdict::Suspect(path) => Err(Refusal::Suspect(body(), path)),
            Verdict::LostRace(winner) => Err(Refusal::LostRace(body(), winner)),
            Verdict::TooLong => Err(self.conservative(view.position())),
        }
    }

    fn conservative(&self, newest: u64) -> Refusal {
        Refusal::Conservative(self.id(), newest)
    }

    /// A reader fails only if something that it saw must come after something that it
    /// did not see; while an older writer runs, it stays behind as a published reader.
    fn certify_reader(&self) -> Result<(), Refusal> {
        if self.is_safe() {
            return Ok(());
        }
        let mut body = self.seal(false).0;
        // In this order: a writer that has ended by now has announced its danger.
        let publish = self.engine.registry.writer_below(body.snapshot);
        let mut view = View::new(body.snapshot);
        let mut patience = Patience::new(self);
        let _walk = self.walker().walk();
        // Ends: each further round is another transaction's commit, or a fold, and counted.
        while let Err(moved) = self.engine.log.end_reader(&body, view.position(), publish) {
            if !patience.lasts() {
                return Err(self.conservative(view.position()));
            }
            let rule = self.engine.config.certifier.rule();
            let looked = match moved {
                Moved::On => self.look(rule, &body, &mut view, false),
                Moved::Folded => Err(moved),
            };
            match looked {
                Ok(Look::Clear) => {}
                Ok(Look::Overwritten) => {
                    let verdict = (rule.reader)(&body, &view, self.engine.config.max_search_steps);
                    self.heed(verdict, &body, &view)?;
                }
                Err(_) => {
                    self.renew(&mut body)?;
                    view = View::new(body.snapshot);
                }
            }
        }
        Ok(())
    }

    /// Closes the footprint. Runs `cmp` and `clone`.
    fn seal(&self, writes: bool) -> (Arc<Body>, Parts) {
        let _comparing = self.comparing();
        let mut footprint = Footprint::default();
        let mut leases = Leases(SmallVec::new());
        for table in self.tables.iter() {
            if let Some(part) = table.seal(&mut footprint, writes, self.walker()) {
                leases.0.push(part);
            }
        }
        footprint.parts.sort_by_key(|(table, _)| *table);
        let body = Arc::new(Body {
            id: self.id(),
            label: self.label.borrow().clone(),
            snapshot: self.snapshot(),
            sharing: 0,
            footprint,
        });
        (body, std::mem::take(&mut leases.0))
    }
}

/// What a look at the log found.
enum Look {
    /// Nothing has overwritten what the transaction observed, and the rule asks no more.
    Clear,
    /// Something may have; the view is complete.
    Overwritten,
}

/// So many new commits are looked at one by one, if only keys were read.
const MANY: usize = 64;
/// The same if absences, ranges or predicates were observed: then the signatures say little.
const MANY_FOR_RANGES: usize = 2;

/// Rounds in which the log may move on before others are kept out.
const OPEN_ROUNDS: u32 = 3;
/// Rounds after which a commit is refused as conservative. Behind the gate there are few; but
/// a predicate that commits whenever it is asked makes a round by every round.
const MOST_ROUNDS: u32 = 1_000;

/// Counts the rounds of a certification, and shuts the gate when they are too many.
struct Patience<'c> {
    gate: &'c Gate,
    rounds: u32,
    shut: Option<Shut<'c>>,
}

impl<'c> Patience<'c> {
    fn new(core: &'c Core<'_>) -> Self {
        Self { gate: &core.engine.gate, rounds: 0, shut: None }
    }

    /// The log has moved on once more; false if that was too often.
    fn lasts(&mut self) -> bool {
        self.rounds += 1;
        let is_shut = self.shut.as_ref().is_some_and(|shut| !shut.is_over());
        if self.rounds >= OPEN_ROUNDS && !is_shut {
            self.shut = self.gate.try_close(this_thread());
        }
        self.rounds < MOST_ROUNDS
    }
}

/// The parts of a commit that hold leases. Dropping it gives them up.
struct Leases(Parts);

type Parts = SmallVec<[Arc<dyn CommitPart>; 2]>;

impl Drop for Leases {
    fn drop(&mut self) {
        if crate::sync::model_failed() {
            return;
        }
        self.0.iter().for_each(|part| part.release());
    }
}

/// A closed footprint with leased records: either it is installed, or the leases end.
struct Sealed {
    body: Arc<Body>,
    leases: Leases,
}

impl Sealed {
    fn new(core: &Core<'_>) -> Self {
        let (body, parts) = core.seal(true);
        Self { body, leases: Leases(parts) }
    }

    /// Installs every write; returns what is to be collected some day, with the commit at
    /// which it has ended.
    fn install(mut self, commit: u64) -> SmallVec<[(u64, Arc<dyn Overwritten>); 2]> {
        let mut overwritten = SmallVec::new();
        for part in std::mem::take(&mut self.leases.0) {
            if let Some(what) = part.install(commit) {
                overwritten.push(what);
            }
        }
        overwritten
    }
}

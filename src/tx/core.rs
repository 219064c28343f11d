//! A running transaction, whatever it may do: its snapshot, and how that slides.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use smallvec::SmallVec;

use crate::ssi::TransactionId;
use crate::ssi::entries::Entry;
use crate::ssi::footprint::{Footprint, Signature};
use crate::ssi::view::View;
use crate::store::registry::{Pin, Role, Ticket, Walker};
use crate::store::tally::{Count, Tally};
use crate::tx::changes::Changes;
use crate::tx::engine::{Engine, Isolation, Limit};
use crate::tx::hook::{Ending, Hook};
use crate::tx::open_savepoints::OpenSavepoints;
use crate::tx::table::{Key, Table, Value};
use crate::tx::tx_table::{TxTable, TxTables};

/// Rows of the index that may be looked at in place of one commit.
const ROWS: usize = 4;

/// The database that a transaction belongs to: borrowed, or kept alive by it.
pub(crate) enum EngineRef<'db> {
    Borrowed(&'db Engine),
    Owned(Arc<Engine>),
}

impl std::ops::Deref for EngineRef<'_> {
    type Target = Engine;

    fn deref(&self) -> &Engine {
        match self {
            Self::Borrowed(engine) => engine,
            Self::Owned(engine) => engine,
        }
    }
}

pub(crate) struct Core<'db> {
    /// Before the engine, so that own values and read sets go first.
    pub(crate) tables: TxTables,
    pub(crate) engine: EngineRef<'db>,
    ticket: Ticket,
    role: Role,
    /// s(T).
    snapshot: Cell<u64>,
    /// Which pin holds it.
    pin: Cell<Pin>,
    /// `peek` has handed something out that only the present pin keeps.
    peeked: Cell<bool>,
    /// Older pins that stay for what `peek` handed out.
    kept_pins: Cell<usize>,
    /// Whether reads are recorded: not under `Isolation::Snapshot`, not on a snapshot
    /// that is known to be safe.
    tracked: Cell<bool>,
    /// Reads since a reader last asked whether it is safe by now.
    reads: Cell<u32>,
    /// How often the snapshot slid; open ranges compare it.
    slides: Cell<u64>,
    /// Something observed has changed, so that the snapshot can never slide again.
    stuck: Cell<bool>,
    /// User code that runs for a comparison has read something that a newer commit wrote.
    /// If that happens while a slide is checked, the check has missed it.
    disturbed: Cell<bool>,
    /// Comparators that are running: meanwhile nothing may be written and nothing slides.
    comparing: Cell<u32>,
    /// Predicates that are running: what they were lent is no observation yet, so that the
    /// present pin must stay.
    lending: Cell<u32>,
    scans: Cell<u64>,
    pub(crate) savepoints: OpenSavepoints,
    own_values: Cell<u64>,
    /// So many more observations there may be before they are counted exactly.
    observable: Cell<u64>,
    /// The limit that was exceeded first: its end is certain to fail.
    exceeded: Cell<Option<Limit>>,
    doomed: Cell<bool>,
    pub(crate) label: RefCell<Option<Cow<'static, str>>>,
    /// Which run of a retry loop this is; none outside one.
    pub(crate) attempt: Option<u32>,
    /// Whether the end was told to the recorder.
    ended: Cell<bool>,
}

/// How many reads of a tracked reader lie between two questions whether it is safe.
const ASK_EVERY: u32 = 64;

/// How a transaction came about.
#[derive(Clone, Copy)]
pub(crate) struct Origin {
    pub(crate) read_only: bool,
    /// Which run of a retry loop it is; none outside one.
    pub(crate) attempt: Option<u32>,
    /// The caller's line.
    pub(crate) place: &'static Location<'static>,
}

impl Origin {
    /// By the caller of the caller, outside every retry loop.
    #[track_caller]
    pub(crate) fn by_hand(read_only: bool) -> Self {
        Self { read_only, attempt: None, place: Location::caller() }
    }
}

/// While it lives, a user's comparator or predicate may run.
pub(crate) struct Comparing<'c>(&'c Cell<u32>);

impl Drop for Comparing<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

impl<'db> Core<'db> {
    pub(crate) fn begin(engine: EngineRef<'db>, origin: Origin) -> Self {
        let Origin { read_only, attempt, .. } = origin;
        let serializable = engine.config.isolation() == Isolation::Serializable;
        let role = match (serializable, read_only) {
            (_, false) => Role::Writer,
            (true, true) => Role::Reader,
            (false, true) => Role::Untracked,
        };
        let called = Hook::clock(&engine);
        let ticket = engine.registry.register(role);
        let snapshot = ticket.timestamp();
        let safe = serializable && read_only && engine.is_safe(snapshot);
        if safe {
            engine.registry.stop_tracking(&ticket);
        }
        let observable = Cell::new(engine.config.max_footprint);
        let core = Self {
            tables: TxTables::default(),
            engine,
            ticket,
            role,
            snapshot: Cell::new(snapshot),
            pin: Cell::new(Pin::FIRST),
            peeked: Cell::new(false),
            kept_pins: Cell::new(0),
            tracked: Cell::new(serializable && !safe),
            reads: Cell::new(0),
            slides: Cell::new(0),
            stuck: Cell::new(false),
            disturbed: Cell::new(false),
            comparing: Cell::new(0),
            lending: Cell::new(0),
            scans: Cell::new(0),
            savepoints: OpenSavepoints::default(),
            own_values: Cell::new(0),
            observable,
            exceeded: Cell::new(None),
            doomed: Cell::new(false),
            label: RefCell::new(None),
            attempt,
            ended: Cell::new(false),
        };
        core.note_origin(origin);
        core.hook().begin(snapshot, read_only, called);
        core
    }

    /// For statistics, and for those who look for old transactions.
    fn note_origin(&self, origin: Origin) {
        // To look at the clock costs as much as a tenth of a short reader, which holds next
        // to nothing up. Its time counts from when somebody asks for it first.
        let timed = !(origin.read_only && origin.attempt.is_some());
        self.tally().begin(timed.then(|| self.engine.now()), origin.place);
        if origin.attempt.is_some_and(|attempt| attempt > 1) {
            self.tally().count(Count::Retry);
        }
    }

    fn tally(&self) -> &Tally {
        self.engine.registry.tally(&self.ticket)
    }

    /// Gives the transaction a name.
    pub(crate) fn set_label(&self, label: Cow<'static, str>) {
        self.tally().set_label(self.ticket.turn(), label.clone());
        if self.hook().dooms(&label) {
            self.doomed.set(true);
        }
        drop(self.label.replace(Some(label)));
    }

    pub(crate) fn id(&self) -> TransactionId {
        TransactionId::from(self.ticket.id())
    }

    pub(crate) fn hook(&self) -> Hook<'_> {
        Hook::new(&self.engine, self.id())
    }

    pub(crate) fn snapshot(&self) -> u64 {
        self.snapshot.get()
    }

    pub(crate) fn slides(&self) -> u64 {
        self.slides.get()
    }

    pub(crate) fn is_tracked(&self) -> bool {
        self.tracked.get()
    }

    /// Follows chains.
    pub(crate) fn walker(&self) -> Walker<'_> {
        self.engine.registry.walker(&self.ticket)
    }

    /// `peek` hands out what only the present pin keeps: it must stay.
    pub(crate) fn peeks(&self) {
        self.peeked.set(true);
    }

    /// Before a read: a reader that was not known to be safe asks now and then whether it
    /// is by now. Then it is certain to be certified, and need not remember what it saw.
    #[inline]
    pub(crate) fn before_read(&self) {
        let asks = self.role == Role::Reader || self.is_over_limit();
        if asks && self.tracked.get() && !self.is_comparing() {
            self.ask();
        }
    }

    fn ask(&self) {
        if self.is_over_limit() {
            // Its end fails: what it sees from now on matters to nobody.
            self.stop_tracking();
            return;
        }
        let reads = self.reads.get().wrapping_add(1);
        self.reads.set(reads);
        let perhaps =
            reads.is_multiple_of(ASK_EVERY) && self.engine.safety.newest() >= self.snapshot();
        if perhaps && self.engine.is_safe(self.snapshot()) {
            self.stop_tracking();
        }
    }

    fn stop_tracking(&self) {
        self.tracked.set(false);
        self.engine.registry.stop_tracking(&self.ticket);
        self.tables.iter().for_each(|table| table.forget_reads());
    }

    /// A number that no other range of this transaction has.
    pub(crate) fn next_scan(&self) -> u64 {
        let scan = self.scans.get();
        self.scans.set(scan + 1);
        scan
    }

    /// This transaction's side of a table.
    ///
    /// # Panics
    /// If the table belongs to another database.
    pub(crate) fn table<K: Key, V: Value>(&self, table: &Table<K, V>) -> &TxTable<K, V> {
        assert!(
            table.0.engine == self.engine.number,
            "table {:?} belongs to database {:?}, but the transaction to database {:?}",
            table.0.name,
            table.0.database,
            self.engine.name,
        );
        self.tables.of(table)
    }

    /// Announces that a user's comparator is about to run.
    pub(crate) fn comparing(&self) -> Comparing<'_> {
        self.comparing.set(self.comparing.get() + 1);
        Comparing(&self.comparing)
    }

    /// Announces that a predicate is about to run.
    pub(crate) fn lending(&self) -> Comparing<'_> {
        self.lending.set(self.lending.get() + 1);
        Comparing(&self.lending)
    }

    /// Tells a slide that is being checked that its check has missed something.
    pub(crate) fn disturb(&self) {
        self.disturbed.set(true);
    }

    pub(crate) fn is_comparing(&self) -> bool {
        self.comparing.get() > 0
    }

    /// # Panics
    /// If a comparator is running.
    pub(crate) fn assert_may_write(&self) {
        assert!(
            !self.is_comparing(),
            "a comparator must not write in the transaction that uses it"
        );
    }

    /// Counts one more own value; false if there are too many.
    pub(crate) fn count_own_value(&self) -> bool {
        let count = self.own_values.get() + 1;
        self.own_values.set(count);
        if count > self.engine.config.max_own_values {
            self.exceed(Limit::OwnValues);
        }
        !self.is_over_limit()
    }

    #[inline]
    pub(crate) fn is_over_limit(&self) -> bool {
        self.exceeded.get().is_some()
    }

    /// The limit that was exceeded first.
    pub(crate) fn exceeded(&self) -> Option<Limit> {
        self.exceeded.get()
    }

    pub(crate) fn exceed(&self, limit: Limit) {
        self.exceeded.set(self.exceeded.get().or(Some(limit)));
    }

    /// Counts one more observation. Where the count passes the limit, repetitions are
    /// taken out before it is believed.
    #[inline]
    pub(crate) fn count_observation(&self) {
        match self.observable.get().checked_sub(1) {
            Some(left) => self.observable.set(left),
            None => self.count_exactly(),
        }
    }

    #[cold]
    fn count_exactly(&self) {
        let max = self.engine.config.max_footprint;
        let exact: u64 = self.tables.iter().map(|table| table.observations()).sum();
        if exact > max {
            self.exceed(Limit::Footprint);
        }
        // Not again for every further one.
        self.observable.set(max - exact.min(max - max / 16));
    }

    /// Whether the commit is certain to fail. O(own writes) until it is.
    pub(crate) fn is_doomed(&self) -> bool {
        if !self.doomed.get() && self.was_given_up() {
            self.doomed.set(true);
        }
        if !self.doomed.get() {
            let _comparing = self.comparing();
            let certain = self.tracked.get()
                && self.tables.iter().any(|table| table.is_doomed(self.snapshot(), self.walker()));
            self.doomed.set(self.is_over_limit() || certain);
        }
        self.doomed.get()
    }

    /// Whether a slide is possible at all, now or later.
    #[inline]
    pub(crate) fn may_slide(&self) -> bool {
        self.engine.config.sliding && self.tracked.get() && !self.stuck.get()
    }

    /// Moves the snapshot to the published timestamp if everything that was observed is
    /// the same there; true if it moved. Once something has changed it never will again.
    pub(crate) fn slide(&self) -> bool {
        if !self.may_slide() {
            return false;
        }
        if self.is_comparing() {
            self.disturb();
            return false;
        }
        if self.lending.get() > 0 || self.engine.registry.published() <= self.snapshot() {
            return false;
        }
        let kept = self.kept_pins.get() + usize::from(self.peeked.get());
        if kept > self.engine.config.max_peeked_snapshots {
            return false;
        }
        let Some((pin, to)) = self.engine.registry.pin_newest(&self.ticket) else {
            return false;
        };
        self.disturbed.set(false);
        let unchanged = self.unchanged_at(to) && !self.disturbed.get();
        if unchanged {
            self.move_to(pin, to);
        } else {
            self.engine.registry.unpin(&self.ticket, pin);
        }
        if !unchanged {
            self.stuck.set(true);
            self.tables.iter().for_each(|table| table.forget_lent());
        }
        unchanged
    }

    /// The snapshot is at another pin from now on. What was observed is the same there, so
    /// the old pin keeps nothing that the new one does not, but for what `peek` handed out.
    fn move_to(&self, pin: Pin, to: u64) {
        let old = self.pin.replace(pin);
        self.engine.registry.slide(&self.ticket, self.role, to);
        if self.peeked.replace(false) {
            self.kept_pins.set(self.kept_pins.get() + 1);
        } else {
            self.engine.registry.unpin(&self.ticket, old);
        }
        self.snapshot.set(to);
        self.slides.set(self.slides.get() + 1);
        self.tally().count(Count::Slide);
        self.hook().slide(to);
    }

    fn unchanged_at(&self, to: u64) -> bool {
        let _comparing = self.comparing();
        // What the view names stays while we walk.
        let _walk = self.walker().walk();
        let by_key = || self.tables.iter().filter(|table| table.asks_by_key());
        let mut view = View::new(self.snapshot());
        let mut candidates = SmallVec::<[&Entry; 4]>::new();
        if by_key().next().is_some() {
            if self.engine.log.catch_up(&mut view, false).is_err() {
                return false;
            }
            // From here on the view keeps the log from being folded past the snapshot.
            let mut changes = self.changes(view.window.len());
            by_key().for_each(|table| table.ask(&mut changes));
            candidates.extend(view.writers_of(&changes.changed, to));
        }
        self.tables.iter().all(|table| table.unchanged(&candidates, to))
    }

    /// To ask the index what has changed, as long as that costs less than to look at so many
    /// commits.
    pub(crate) fn changes(&self, commits: usize) -> Changes<'_> {
        Changes {
            walker: self.walker(),
            since: self.snapshot(),
            upto: self.engine.registry.published(),
            rows: commits * ROWS,
            changed: Signature::default(),
        }
    }

    /// Asks the index what has changed of what a closed footprint observed. Runs `cmp`.
    pub(crate) fn ask_closed(&self, footprint: &Footprint, changes: &mut Changes<'_>) {
        let _comparing = self.comparing();
        self.tables.iter().for_each(|table| table.ask_closed(footprint, changes));
    }

    /// The log was folded past the snapshot: moves up to the fold point if everything in
    /// the closed footprint is the same there. False if not: what the transaction must be
    /// certified against is forgotten.
    pub(crate) fn move_past_fold(&self, footprint: &Footprint) -> bool {
        let log = &self.engine.log;
        if self.doomed.get() {
            return false; // it was told so
        }
        // Ends: each further round is somebody else's fold.
        while log.base() > self.snapshot() {
            let fold = log.base();
            let kept = || log.base() == fold;
            let Some(pin) = self.engine.registry.pin_kept(&self.ticket, fold, kept) else {
                if kept() {
                    return false; // no pin is left
                }
                continue;
            };
            let _comparing = self.comparing();
            let (walker, seen) = (self.walker(), self.snapshot());
            if !self.tables.iter().all(|table| table.same_at(footprint, walker, seen, fold)) {
                self.engine.registry.unpin(&self.ticket, pin);
                return false;
            }
            self.move_to(pin, fold);
        }
        true
    }

    /// Whether somebody has given it up because of its age.
    pub(crate) fn was_given_up(&self) -> bool {
        self.engine.registry.is_doomed(&self.ticket)
    }

    /// From now on nobody can give it up any more; false if somebody has.
    pub(crate) fn start_commit(&self) -> bool {
        self.engine.registry.start_commit(&self.ticket)
    }

    /// For how long it has been open.
    pub(crate) fn age(&self) -> Duration {
        let now = self.engine.now();
        Duration::from_nanos(now.saturating_sub(self.tally().begun(now)))
    }

    /// Counts how it ended and tells the recorder, once.
    pub(crate) fn end(&self, ending: &Ending<'_>) {
        if !self.ended.replace(true) {
            self.tally().count(ending.count());
            self.hook().end(ending, self.label.borrow().as_deref());
        }
    }
}

impl Core<'_> {
    /// Whether a reader at the final snapshot is certain to be certified.
    pub(crate) fn is_safe(&self) -> bool {
        self.engine.is_safe(self.snapshot())
    }
}

impl Drop for Core<'_> {
    fn drop(&mut self) {
        if crate::sync::model_failed() {
            return;
        }
        self.end(&Ending::RolledBack);
        let turn = self.ticket.turn();
        self.engine.registry.release(&self.ticket);
        self.engine.tidy(turn, self.ticket.timestamp());
    }
}

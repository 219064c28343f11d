//! Runs schedules, and keeps the shortest one that fails.

use std::any::Any;
use std::fmt::Debug;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::sync::{self, Mutex};
use crate::testkit::explore::failure::{Failure, ScriptError, parse};
use crate::testkit::explore::plan::{Act, Explore};
use crate::testkit::explore::report::Report;
use crate::testkit::explore::shrink::{length, shrink};
use crate::testkit::explore::stage::{Curtain, Run, Stage};
use crate::testkit::explore::strategy::{Anybody, Priorities, Scripted, Search, Strategy};
use crate::testkit::explore::trial::Trial;
use crate::{Database, Error};

/// What a transaction returned, or the message of its panic.
type Told<R, E> = Result<Result<R, E>, String>;

/// What the threads of a stage share.
struct Slot<S, R, E> {
    /// The database of the present run, and what its set-up returned.
    scene: Mutex<Option<(Database, Arc<S>)>>,
    told: Mutex<Vec<Option<Told<R, E>>>>,
}

/// What came of one schedule.
struct Played {
    run: Run,
    /// What is wrong; none if all is well, or if it was given up.
    message: Option<String>,
    results: Vec<String>,
}

impl Played {
    fn turns(&self) -> Vec<usize> {
        self.run.steps.iter().map(|step| step.who).collect()
    }
}

impl<S, R, E> Explore<'_, S, R, E>
where
    S: Send + Sync,
    R: Debug + Send,
    E: From<Error> + Debug + Send,
{
    /// Runs every schedule, or [as many as allowed](Self::max_schedules).
    ///
    /// ```
    /// use precedent::testkit::Explore;
    /// let idle = Explore::new(|_| Ok(())).transactions(3, "idle", |_, _| Ok(())).prune(false);
    /// assert_eq!(idle.every().schedules(), 90);
    /// ```
    ///
    /// # Panics
    /// If the set-up fails, or if a transaction turns out not to be deterministic.
    pub fn every(&self) -> Report {
        let rule = (self.builder)().build().engine.config.certifier;
        self.explore(Box::new(Search::new(self.prune.then_some(rule))), true)
    }

    /// Runs so many schedules, each chosen at random; the same ones for the same seed.
    ///
    /// ```
    /// use precedent::testkit::Explore;
    /// let idle = Explore::new(|_| Ok(())).transactions(3, "idle", |_, _| Ok(()));
    /// assert_eq!(idle.random(1, 10).schedules(), 10);
    /// ```
    ///
    /// # Panics
    /// If the set-up fails.
    pub fn random(&self, seed: u64, schedules: u64) -> Report {
        self.explore(Box::new(Anybody::new(seed, schedules)), false)
    }

    /// Runs so many schedules, each by random priorities: whoever has the highest one runs
    /// alone, but for `changes` random moments at which he falls behind all others. What needs
    /// only a few switches at the right moments is found sooner than at random (the
    /// literature's PCT: with a probability of at least 1 / (transactions x turns^changes)).
    ///
    /// ```
    /// use precedent::testkit::Explore;
    /// let idle = Explore::new(|_| Ok(())).transactions(3, "idle", |_, _| Ok(()));
    /// assert_eq!(idle.priorities(1, 10, 2).schedules(), 10);
    /// ```
    ///
    /// # Panics
    /// If the set-up fails.
    pub fn priorities(&self, seed: u64, schedules: u64, changes: usize) -> Report {
        let strategy = Priorities::new(seed, schedules, changes, self.acts.len());
        self.explore(Box::new(strategy), false)
    }

    /// Runs the one schedule that a [script](Failure::script) says. Turns of transactions
    /// that are done are passed over; what the script leaves open runs one after another.
    ///
    /// ```
    /// use precedent::testkit::Explore;
    /// let idle = Explore::new(|_| Ok(())).transactions(2, "idle", |_, _| Ok(()));
    /// assert_eq!(idle.replay("1: begin\n2: begin\n")?.schedules(), 1);
    /// # Ok::<(), precedent::testkit::ScriptError>(())
    /// ```
    ///
    /// # Errors
    /// [`ScriptError`] if it has a line that does not begin with a transaction's number.
    ///
    /// # Panics
    /// If the set-up fails.
    pub fn replay(&self, script: &str) -> Result<Report, ScriptError> {
        let turns = parse(script, self.acts.len())?;
        let slot = self.slot();
        Ok(self.on_stage(&slot, |stage| {
            let played = self.play(stage, &slot, Box::new(Scripted::new(turns)), true).0;
            let mut report = Report { schedules: 1, ..Report::default() };
            report.refusals = played.run.refused;
            report.failures = u64::from(played.message.is_some());
            report.failure = self.failure(played);
            report
        }))
    }

    fn explore(&self, strategy: Box<dyn Strategy>, all: bool) -> Report {
        let slot = self.slot();
        self.on_stage(&slot, |stage| {
            let (mut report, worst) = self.sweep(stage, &slot, strategy, all);
            report.failure = worst.and_then(|worst| self.shortest(stage, &slot, worst));
            report
        })
    }

    /// Runs schedules until the strategy has no more; returns the turns of the shortest one
    /// that failed, too.
    fn sweep(
        &self,
        stage: &Arc<Stage>,
        slot: &Slot<S, R, E>,
        mut strategy: Box<dyn Strategy>,
        all: bool,
    ) -> (Report, Option<Vec<usize>>) {
        let mut report = Report { complete: all, ..Report::default() };
        let mut worst: Option<Vec<usize>> = None;
        loop {
            let (played, used) = self.play(stage, slot, strategy, false);
            strategy = used;
            assert!(
                !strategy.is_lost(),
                "the same turns led to another state: a transaction or the set-up is not \
                 deterministic"
            );
            match played.run.curtain {
                Curtain::GivenUp => report.cut_short += 1,
                Curtain::Done => report.schedules += 1,
                Curtain::TooLong | Curtain::Stuck => {
                    report.schedules += 1;
                    report.complete = false;
                }
            }
            report.refusals += played.run.refused;
            if played.message.is_some() {
                report.failures += 1;
                let turns = played.turns();
                if worst.as_ref().is_none_or(|worst| length(&turns) < length(worst)) {
                    worst = Some(turns);
                }
            }
            // A thread that hangs may hang in every schedule.
            if !strategy.next_run() || played.run.curtain == Curtain::Stuck {
                return (report, worst);
            }
            if all && report.schedules + report.cut_short >= self.max_schedules {
                report.complete = false;
                return (report, worst);
            }
        }
    }

    /// Makes a failing schedule as short as may be, and puts it into words.
    fn shortest(
        &self,
        stage: &Arc<Stage>,
        slot: &Slot<S, R, E>,
        turns: Vec<usize>,
    ) -> Option<Failure> {
        let again = |turns, wordy| self.play(stage, slot, Box::new(Scripted::new(turns)), wordy).0;
        let shrunk = shrink(turns, |turns| {
            let played = again(turns, false);
            (played.run.curtain == Curtain::Done && played.message.is_some())
                .then(|| played.turns())
        });
        self.failure(again(shrunk, true))
    }

    fn failure(&self, played: Played) -> Option<Failure> {
        let message = played.message?;
        Some(Failure::new(message, self.names(), played.run.steps, played.results))
    }

    fn names(&self) -> Vec<String> {
        self.acts.iter().map(|(name, _)| name.clone()).collect()
    }

    fn slot(&self) -> Slot<S, R, E> {
        Slot { scene: Mutex::new(None), told: Mutex::new(Vec::new()) }
    }

    /// Starts a thread for each transaction, which are gone when this returns.
    fn on_stage<T>(&self, slot: &Slot<S, R, E>, run: impl FnOnce(&Arc<Stage>) -> T) -> T {
        let stage = Stage::new(self.names(), self.max_turns, self.patience);
        sync::scope(|scope| {
            // Also if the invariant panics in a way that nobody catches.
            let _closing = Closing(&stage);
            for (who, (name, act)) in self.acts.iter().enumerate() {
                let stage = &stage;
                scope.spawn(move || attend(stage, slot, who, name, act));
            }
            run(&stage)
        })
    }

    /// Runs one schedule on a database of its own, and asks whether the invariant holds.
    fn play(
        &self,
        stage: &Arc<Stage>,
        slot: &Slot<S, R, E>,
        strategy: Box<dyn Strategy>,
        wordy: bool,
    ) -> (Played, Box<dyn Strategy>) {
        let builder = (self.builder)().recorder(stage.clone()).max_attempts(self.max_attempts);
        // The gate waits for time, and the others' turns do not come meanwhile.
        let database = builder.age_after(u32::MAX).build();
        let state = match (self.set_up)(&database) {
            Ok(state) => Arc::new(state),
            Err(error) => panic!("the set-up failed: {error}"),
        };
        *slot.told.lock() = self.acts.iter().map(|_| None).collect();
        *slot.scene.lock() = Some((database.clone(), state.clone()));
        let (run, strategy) = stage.run(strategy, wordy);
        drop(slot.scene.lock().take());
        let told = std::mem::take(&mut *slot.told.lock());
        let results = if wordy { told.iter().map(in_words).collect() } else { Vec::new() };
        let message = match run.curtain {
            Curtain::GivenUp => None,
            Curtain::TooLong => Some(format!("more than {} turns", self.max_turns)),
            Curtain::Stuck => Some(format!("a turn took more than {:?}", self.patience)),
            Curtain::Done => self.judge(database, state, told),
        };
        (Played { run, message, results }, strategy)
    }

    /// What is wrong at the end of a schedule.
    fn judge(
        &self,
        database: Database,
        state: Arc<S>,
        told: Vec<Option<Told<R, E>>>,
    ) -> Option<String> {
        let mut results = Vec::new();
        for (told, (name, _)) in told.into_iter().flatten().zip(&self.acts) {
            match told {
                Ok(result) => results.push(result),
                Err(panic) => return Some(format!("{name} panicked: {panic}")),
            }
        }
        let trial = Trial { database, state, results };
        match catch_unwind(AssertUnwindSafe(|| (self.check)(&trial))) {
            Ok(Ok(())) => None,
            Ok(Err(message)) => Some(message),
            Err(panic) => Some(format!("the invariant panicked: {}", message_of(&*panic))),
        }
    }
}

/// Sends the threads home when dropped.
struct Closing<'s>(&'s Stage);

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// The thread of one transaction: runs it once in every schedule.
fn attend<S, R, E: From<Error>>(
    stage: &Stage,
    slot: &Slot<S, R, E>,
    who: usize,
    name: &str,
    act: &Act<'_, S, R, E>,
) {
    while stage.enter(who) {
        let scene = slot.scene.lock().clone();
        if let Some((database, state)) = scene {
            let run = || {
                database.try_transact(|tx| {
                    tx.label(name.to_owned());
                    act(tx, &state)
                })
            };
            let told = catch_unwind(AssertUnwindSafe(run)).map_err(|panic| message_of(&*panic));
            slot.told.lock()[who] = Some(told);
        }
        stage.leave();
    }
}

fn in_words<R: Debug, E: Debug>(told: &Option<Told<R, E>>) -> String {
    match told {
        None => "nothing".to_owned(),
        Some(Ok(result)) => format!("{result:?}"),
        Some(Err(panic)) => format!("by a panic: {panic}"),
    }
}

fn message_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "?".to_owned())
}

//! Where transactions take turns: of their threads exactly one runs, until it is about to do
//! the next thing to the database.
//!
//! ```text
//!   thread 1   begin ---|                       |-- read x ---|
//!   thread 2            |-- begin --- read x ---|             |-- write x, ...
//! ```
//!
//! The stage is the database's recorder. A turn ends where the recorder may wait: before a
//! begin, a read, a range, a write and an end. The thread whose turn is over itself asks the
//! strategy who is next and wakes him, so that a turn costs one switch, or none.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;

use crate::record::{Event, Fate, Outcome, Recorder, Seen};
use crate::sync::{Condvar, Mutex, MutexGuard};
use crate::testkit::explore::effects::{Effects, Ended, Keys, Touched, meet};
use crate::testkit::explore::strategy::{Point, Strategy};
use crate::testkit::explore::words;
use crate::{Timestamp, TransactionId};

/// Whose turn it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    Nobody,
    Of(usize),
    /// The run was given up: all run to their ends, and nobody looks.
    Everybody,
    /// The threads go home.
    Closed,
}

/// A turn that is over.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) who: usize,
    /// What was done; empty unless it was asked for.
    pub(super) what: String,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Curtain {
    /// Everybody is done.
    Done,
    /// The strategy gave it up.
    GivenUp,
    /// There were too many turns.
    TooLong,
    /// A turn took too much time.
    Stuck,
}

/// What happened in a run.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) steps: Vec<Step>,
    pub(super) refused: u64,
    pub(super) curtain: Curtain,
}

struct Board {
    turn: Turn,
    ready: Vec<usize>,
    /// Threads that have not come to their end yet.
    running: usize,
    steps: Vec<Step>,
    refused: u64,
    curtain: Curtain,
    strategy: Option<Box<dyn Strategy>>,
    /// What was published in this run: timestamp, by whom, which keys.
    commits: Vec<(Timestamp, usize, Keys)>,
    /// Whether what is done is put into words.
    wordy: bool,
    /// Whether the strategy wants to know what is done.
    curious: bool,
}

pub(super) struct Stage {
    board: Mutex<Board>,
    /// Each wakes one thread.
    seats: Vec<Condvar>,
    /// Wakes whoever waits for the end of a run.
    over: Condvar,
    names: Vec<String>,
    max_turns: usize,
    patience: Duration,
}

/// What a thread of the stage does in its present turn.
#[derive(Default)]
struct Actor {
    who: usize,
    /// Whether it has done anything yet in this run.
    begun: bool,
    wordy: bool,
    curious: bool,
    snapshot: Option<Timestamp>,
    writes: Vec<Touched>,
    effects: Effects,
    words: Vec<String>,
}

thread_local! {
    static ACTOR: RefCell<Option<Actor>> = const { RefCell::new(None) };
}

fn with_actor<R>(f: impl FnOnce(&mut Actor) -> R) -> Option<R> {
    ACTOR.with_borrow_mut(|actor| actor.as_mut().map(f))
}

/// Whether somebody wants to know what this thread does.
fn is_watched() -> bool {
    with_actor(|actor| actor.curious) == Some(true)
}

impl Stage {
    pub(super) fn new(names: Vec<String>, max_turns: usize, patience: Duration) -> Arc<Self> {
        let board = Board {
            turn: Turn::Nobody,
            ready: Vec::new(),
            running: 0,
            steps: Vec::new(),
            refused: 0,
            curtain: Curtain::Done,
            strategy: None,
            commits: Vec::new(),
            wordy: false,
            curious: false,
        };
        let seats = names.iter().map(|_| Condvar::default()).collect();
        let over = Condvar::default();
        Arc::new(Self { board: Mutex::new(board), seats, over, names, max_turns, patience })
    }

    /// Lets everybody run once, in the order that the strategy says.
    pub(super) fn run(&self, strategy: Box<dyn Strategy>, wordy: bool) -> (Run, Box<dyn Strategy>) {
        let everybody: Vec<_> = (0..self.names.len()).collect();
        {
            let mut board = self.board.lock();
            board.ready.clone_from(&everybody);
            board.running = everybody.len();
            board.steps.clear();
            board.refused = 0;
            board.curtain = Curtain::Done;
            board.wordy = wordy;
            board.curious = strategy.is_curious();
            board.strategy = Some(strategy);
        }
        self.pass_on(None, Effects::default());
        let mut board = self.board.lock();
        while board.running > 0 {
            let turns = board.steps.len();
            board = self.over.wait(board, Some(self.patience));
            if board.running > 0 && board.steps.len() == turns && board.turn != Turn::Everybody {
                board.curtain = Curtain::Stuck;
                self.let_go(&mut board);
            }
        }
        board.turn = Turn::Nobody;
        let (steps, refused, curtain) =
            (std::mem::take(&mut board.steps), board.refused, board.curtain);
        let commits = std::mem::take(&mut board.commits);
        let strategy = board.strategy.take();
        drop(board);
        drop(commits); // keys of the user's, whose `Drop` runs under no lock
        let strategy = strategy.expect("whoever takes the strategy brings it back");
        (Run { steps, refused, curtain }, strategy)
    }

    /// Sends the threads home.
    pub(super) fn close(&self) {
        let mut board = self.board.lock();
        board.turn = Turn::Closed;
        self.seats.iter().for_each(Condvar::notify_all);
    }

    /// Waits, on a thread of the stage, for the next run; false if there is none.
    pub(super) fn enter(&self, who: usize) -> bool {
        let mut board = self.board.lock();
        loop {
            match board.turn {
                Turn::Closed => return false,
                Turn::Of(other) if other == who => break,
                Turn::Everybody if board.ready.contains(&who) => break,
                _ => board = self.seats[who].wait(board, None),
            }
        }
        let (wordy, curious) = (board.wordy, board.curious);
        drop(board);
        ACTOR.set(Some(Actor { who, wordy, curious, ..Actor::default() }));
        true
    }

    /// The transaction of a thread is done; so is its last turn.
    pub(super) fn leave(&self) {
        let Some(actor) = ACTOR.take() else { return };
        self.end_turn(actor.who, actor.effects, &actor.words, true);
        let mut board = self.board.lock();
        board.running -= 1;
        if board.running == 0 {
            self.over.notify_all();
        }
    }

    /// Ends the turn of a thread that wants to go on, and waits for its next one.
    fn stop(&self) {
        let over = with_actor(|actor| {
            let words = std::mem::take(&mut actor.words);
            (actor.who, std::mem::take(&mut actor.effects), words)
        });
        let Some((who, effects, words)) = over else { return };
        self.end_turn(who, effects, &words, false);
        let mut board = self.board.lock();
        while !matches!(board.turn, Turn::Everybody | Turn::Closed) && board.turn != Turn::Of(who) {
            board = self.seats[who].wait(board, None);
        }
    }

    fn end_turn(&self, who: usize, effects: Effects, words: &[String], done: bool) {
        {
            let mut board = self.board.lock();
            if done {
                board.ready.retain(|ready| *ready != who);
            }
            if board.turn != Turn::Of(who) {
                return;
            }
            board.steps.push(Step { who, what: words.join(", ") });
            if board.steps.len() >= self.max_turns {
                board.curtain = Curtain::TooLong;
                self.let_go(&mut board);
                return;
            }
        }
        self.pass_on(Some(who), effects);
    }

    /// Asks the strategy, under no lock since it compares keys, who is next.
    fn pass_on(&self, last: Option<usize>, effects: Effects) {
        let (strategy, ready) = {
            let mut board = self.board.lock();
            (board.strategy.take(), board.ready.clone())
        };
        let Some(mut strategy) = strategy else { return };
        if last.is_some() {
            strategy.turn_is_over(effects);
        }
        let next = match ready[..] {
            [] => None,
            _ => strategy.choose(&Point { ready: &ready, last }),
        };
        let mut board = self.board.lock();
        board.strategy = Some(strategy);
        match next {
            _ if board.turn == Turn::Everybody => {}
            Some(next) => {
                board.turn = Turn::Of(next);
                if last != Some(next) {
                    self.seats[next].notify_all();
                }
            }
            None if ready.is_empty() => board.turn = Turn::Nobody,
            None => {
                board.curtain = Curtain::GivenUp;
                self.let_go(&mut board);
            }
        }
    }

    fn let_go(&self, board: &mut MutexGuard<'_, Board>) {
        board.turn = Turn::Everybody;
        self.seats.iter().for_each(Condvar::notify_all);
    }

    /// Puts into words what is done, if somebody wants to read it.
    fn say(&self, words: impl FnOnce(&dyn Fn(Seen) -> String) -> String) {
        if with_actor(|actor| actor.wordy) != Some(true) {
            return;
        }
        let said = words(&|seen| self.version(seen));
        with_actor(|actor| actor.words.push(said));
    }

    /// More of what was said last.
    fn add(&self, word: impl FnOnce() -> String) {
        if with_actor(|actor| actor.wordy) != Some(true) {
            return;
        }
        let word = word();
        with_actor(|actor| match actor.words.last_mut() {
            Some(last) => last.push_str(&word),
            None => actor.words.push(word),
        });
    }

    /// Names a version by whoever wrote it.
    fn version(&self, seen: Seen) -> String {
        match seen {
            Seen::Own => "its own".to_owned(),
            Seen::Absent => "absent".to_owned(),
            Seen::Version(timestamp) => {
                let board = self.board.lock();
                let writer = board.commits.iter().find(|(commit, ..)| *commit == timestamp);
                match writer {
                    Some((_, who, _)) => format!("by {}", self.names[*who]),
                    None => "as set up".to_owned(),
                }
            }
        }
    }

    /// Whether somebody has written this in this run who is not in the snapshot.
    fn is_behind(&self, touched: &Touched) -> bool {
        let Some(Some(snapshot)) = with_actor(|actor| actor.snapshot) else { return false };
        let newer: Vec<Keys> = {
            let board = self.board.lock();
            let newer = board.commits.iter().filter(|(commit, ..)| *commit > snapshot);
            newer.map(|(.., keys)| keys.clone()).collect()
        };
        newer.iter().any(|keys| meet(keys, std::slice::from_ref(touched)))
    }

    fn reads(&self, touched: impl FnOnce() -> Touched) {
        if !is_watched() {
            return;
        }
        let touched = touched();
        let slides = self.is_behind(&touched);
        with_actor(|actor| {
            actor.effects.slides |= slides;
            actor.effects.reads.push(touched);
        });
    }

    fn ends(&self, outcome: &Outcome<'_>) {
        let taken = with_actor(|actor| (actor.who, std::mem::take(&mut actor.writes)));
        let Some((who, writes)) = taken else { return };
        let writes = Keys::new(writes);
        let published = matches!(outcome, Outcome::Committed(_));
        {
            let mut board = self.board.lock();
            if let Outcome::Committed(timestamp) = outcome {
                board.commits.push((*timestamp, who, writes.clone()));
            }
            board.refused += u64::from(matches!(outcome, Outcome::Aborted(_)));
        }
        with_actor(|actor| actor.effects.ends.push(Ended { writes, published }));
        self.say(|_| words::end(outcome));
    }
}

impl Recorder for Stage {
    fn record(&self, event: Event<'_>) {
        if ACTOR.with_borrow(Option::is_none) {
            return; // the set-up, or the invariant
        }
        match event {
            Event::Begin { timestamp, .. } => {
                with_actor(|actor| {
                    actor.snapshot = Some(timestamp);
                    actor.effects.begins = true;
                });
                self.say(|_| "begin".to_owned());
            }
            Event::Slide { timestamp, .. } => {
                with_actor(|actor| {
                    actor.snapshot = Some(timestamp);
                    actor.effects.slides = true;
                });
            }
            Event::Read { table, key, seen, .. } => {
                self.reads(|| Touched::key(table, key));
                self.say(|version| format!("read {table}[{key:?}]: {}", version(seen)));
            }
            Event::Scan { table, lower, upper, .. } => {
                self.stop();
                self.reads(|| Touched::range(table, lower, upper));
                self.say(|_| format!("read {table}[{}]:", words::range(lower, upper)));
            }
            Event::Row { key, .. } => self.add(|| format!(" {key:?}")),
            Event::ScanEnd { .. } => self.add(|| " no more".to_owned()),
            Event::Write { table, key, removal, .. } => {
                self.stop();
                if is_watched() {
                    let touched = Touched::key(table, key);
                    with_actor(|actor| actor.writes.push(touched));
                }
                let verb = if removal { "remove" } else { "write" };
                self.say(|_| format!("{verb} {table}[{key:?}]"));
            }
            Event::Savepoint { .. } => self.say(|_| "savepoint".to_owned()),
            Event::RollbackTo { .. } => self.say(|_| "roll back to savepoint".to_owned()),
            Event::End { outcome, .. } => self.ends(&outcome),
        }
    }

    fn clock(&self) -> u64 {
        // Whoever has just been woken has his turn already.
        let begun = with_actor(|actor| std::mem::replace(&mut actor.begun, true));
        if begun == Some(true) {
            self.stop();
        }
        0
    }

    fn before_read(&self, _tx: TransactionId) {
        self.stop();
    }

    fn before_end(&self, _tx: TransactionId, _label: Option<&str>) -> Fate {
        self.stop();
        Fate::Free
    }
}

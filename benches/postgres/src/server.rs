//! Plays a schedule on the server: a session for each transaction, steps in turn. Where one
//! waits for a lock the others go on, and what it has yet to do is put off until it is free.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use postgres::{Client, Error, NoTls, Statement};

use crate::model::Rows;
use crate::schedule::{Action, Event, GAP, Schedule};
use crate::session::{Answer, Command, Reason, Session};

/// So long an answer is waited for before somebody asks whether it waits for a lock.
const SOON: Duration = Duration::from_micros(500);
/// So often that is asked, before the schedule is given up.
const PATIENCE: usize = 5_000;
/// Rows beside those that transactions touch, in the table where keys are spread.
const FILLERS: i64 = GAP * 10;

/// What the server made of a schedule.
pub struct Played {
    /// Everything in the order in which it took effect; who was aborted goes on in it as if
    /// it had not been.
    pub order: Vec<Event>,
    pub seen: Vec<Vec<Rows>>,
    pub aborted: Vec<Option<Reason>>,
    pub state: BTreeMap<i64, i64>,
    /// How often a step had to wait.
    pub waits: u64,
}

pub struct Server {
    admin: Client,
    waiting: Statement,
    sessions: Vec<Session>,
    answers: Receiver<(usize, Answer)>,
    played: u64,
}

impl Server {
    /// Connects, and makes the tables.
    pub fn connect(url: &str, sessions: usize) -> Result<Self, Error> {
        let mut admin = Client::connect(url, NoTls)?;
        // What an earlier attempt may have left open.
        admin.batch_execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
             WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()",
        )?;
        admin.batch_execute(&format!(
            "DROP TABLE IF EXISTS close; DROP TABLE IF EXISTS spread;
             CREATE TABLE close (k bigint PRIMARY KEY, v bigint NOT NULL);
             CREATE TABLE spread (k bigint NOT NULL, v bigint NOT NULL, pad text NOT NULL
                 DEFAULT repeat('x', 200));
             INSERT INTO spread SELECT k, 0 FROM generate_series(0, {FILLERS}) k WHERE k % {GAP} <> 0;
             CREATE UNIQUE INDEX spread_k ON spread (k) WITH (fillfactor = 10);
             ANALYZE"
        ))?;
        let waiting = admin.prepare("SELECT pid FROM pg_locks WHERE NOT granted")?;
        let (answer, answers) = channel();
        let sessions = (0..sessions)
            .map(|number| Session::open(url, number, answer.clone()))
            .collect::<Result<_, _>>()?;
        Ok(Self { admin, waiting, sessions, answers, played: 0 })
    }

    /// Why it cannot be played, if it cannot.
    pub fn play(&mut self, schedule: &Schedule) -> Result<Played, String> {
        self.reset(schedule).map_err(|error| error.to_string())?;
        let mut game = Game::new(self, schedule);
        for tx in &schedule.turns {
            game.turn(*tx)?;
        }
        game.finish()?;
        let Game { order, seen, aborted, waits, .. } = game;
        let state = self.state(schedule).map_err(|error| error.to_string())?;
        Ok(Played { order, seen, aborted, state, waits })
    }

    fn reset(&mut self, schedule: &Schedule) -> Result<(), Error> {
        let table = name(schedule);
        let mut sql = format!("DELETE FROM {table} WHERE k % {GAP} = 0;");
        for (key, value) in &schedule.initial {
            // Writing to a string does not fail.
            let _ = write!(sql, "INSERT INTO {table} (k, v) VALUES ({key}, {value});");
        }
        self.admin.batch_execute(&sql)?;
        self.played += 1;
        if self.played.is_multiple_of(50) {
            self.admin.batch_execute("VACUUM close")?;
            self.admin.batch_execute("VACUUM spread")?;
        }
        Ok(())
    }

    fn state(&mut self, schedule: &Schedule) -> Result<BTreeMap<i64, i64>, Error> {
        let sql = format!("SELECT k, v FROM {} WHERE k % {GAP} = 0", name(schedule));
        let rows = self.admin.query(&sql, &[])?;
        Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
    }

    /// Whose steps wait for a lock at this moment.
    fn waiting(&mut self) -> Result<Vec<i32>, String> {
        let rows = self.admin.query(&self.waiting, &[]).map_err(|error| error.to_string())?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }
}

fn name(schedule: &Schedule) -> &'static str {
    if schedule.spread { "spread" } else { "close" }
}

/// One schedule being played.
struct Game<'s> {
    server: &'s mut Server,
    schedule: &'s Schedule,
    /// What each session is doing.
    busy: Vec<Option<Action>>,
    /// Whether it is told to roll back after an abort.
    recovers: Vec<bool>,
    /// Turns that came while it was doing something.
    put_off: Vec<VecDeque<Action>>,
    /// How many turns each has had.
    had: Vec<usize>,
    order: Vec<Event>,
    seen: Vec<Vec<Rows>>,
    aborted: Vec<Option<Reason>>,
    waits: u64,
}

impl<'s> Game<'s> {
    fn new(server: &'s mut Server, schedule: &'s Schedule) -> Self {
        let count = schedule.programs.len();
        Self {
            server,
            schedule,
            busy: vec![None; count],
            recovers: vec![false; count],
            put_off: vec![VecDeque::new(); count],
            had: vec![0; count],
            order: Vec::new(),
            seen: vec![Vec::new(); count],
            aborted: vec![None; count],
            waits: 0,
        }
    }

    /// Sessions that have not answered yet.
    fn engaged(&self) -> impl Iterator<Item = usize> {
        (0..self.busy.len()).filter(|tx| self.busy[*tx].is_some() || self.recovers[*tx])
    }

    fn turn(&mut self, tx: usize) -> Result<(), String> {
        let steps = self.schedule.programs[tx].steps.len();
        let action = match self.had[tx] {
            0 => Action::Begin,
            past if past > steps => Action::End,
            step => Action::Step(step - 1),
        };
        self.had[tx] += 1;
        self.put_off[tx].push_back(action);
        self.catch_up()
    }

    /// Does what is due, one step at a time, so that the order is known.
    fn catch_up(&mut self) -> Result<(), String> {
        loop {
            let mut all = 0..self.busy.len();
            let free = all.find(|tx| self.busy[*tx].is_none() && !self.put_off[*tx].is_empty());
            let Some(tx) = free else { return Ok(()) };
            let Some(action) = self.put_off[tx].pop_front() else { return Ok(()) };
            if self.aborted[tx].is_some() {
                self.order.push(Event { tx, action });
                continue;
            }
            let program = &self.schedule.programs[tx];
            let command = match action {
                Action::Begin => Command::Begin {
                    read_only: program.is_read_only(),
                    spread: self.schedule.spread,
                },
                Action::Step(step) => Command::Step(program.steps[step]),
                Action::End if program.commits => Command::Commit,
                Action::End => Command::Rollback,
            };
            self.busy[tx] = Some(action);
            self.server.sessions[tx].send(command)?;
            self.settle()?;
            self.waits += u64::from(self.busy[tx].is_some());
        }
    }

    /// Returns when everybody who is busy waits for a lock.
    fn settle(&mut self) -> Result<(), String> {
        for _ in 0..PATIENCE {
            if self.engaged().next().is_none() {
                return Ok(());
            }
            match self.server.answers.recv_timeout(SOON) {
                Ok((tx, answer)) => self.take(tx, answer)?,
                Err(RecvTimeoutError::Timeout) => {
                    let waiting = self.server.waiting()?;
                    let sessions = &self.server.sessions;
                    let waits = |tx: usize| waiting.contains(&sessions[tx].pid);
                    if self.engaged().all(waits) {
                        return Ok(());
                    }
                }
                Err(RecvTimeoutError::Disconnected) => return Err("all sessions have ended".into()),
            }
        }
        Err("a step neither ends nor waits for a lock".into())
    }

    fn take(&mut self, tx: usize, answer: Answer) -> Result<(), String> {
        if std::mem::take(&mut self.recovers[tx]) {
            return match answer {
                Answer::Rows(_) => Ok(()),
                answer => Err(format!("a rollback failed: {answer:?}")),
            };
        }
        let action = self.busy[tx].take().ok_or("an answer that nobody asked for")?;
        match answer {
            Answer::Rows(rows) => {
                if let Action::Step(_) = action {
                    self.seen[tx].push(rows);
                }
            }
            Answer::Aborted(reason) => {
                self.aborted[tx] = Some(reason);
                // It has to be told to go on.
                self.recovers[tx] = true;
                self.server.sessions[tx].send(Command::Rollback)?;
            }
            Answer::Failed(story) => return Err(story),
        }
        self.order.push(Event { tx, action });
        Ok(())
    }

    /// Waits for those who wait for each other: the server ends one of them.
    fn finish(&mut self) -> Result<(), String> {
        for _ in 0..PATIENCE {
            self.catch_up()?;
            if self.engaged().next().is_none() {
                return Ok(());
            }
            if let Ok((tx, answer)) = self.server.answers.recv_timeout(SOON) {
                self.take(tx, answer)?;
                self.settle()?;
            }
        }
        Err("a deadlock that nobody ends".into())
    }
}

//! A connection to the server in a thread of its own, so that a step that waits for a lock
//! holds nobody else up.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use postgres::error::SqlState;
use postgres::types::ToSql;
use postgres::{Client, Error, NoTls, Statement};

use crate::model::Rows;
use crate::schedule::Step;

#[derive(Clone, Copy, Debug)]
pub enum Command {
    Begin { read_only: bool, spread: bool },
    Step(Step),
    Commit,
    Rollback,
}

/// Why the server aborted a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// By its rule about dependencies.
    Dependencies,
    /// Because somebody else had changed a row first.
    Update,
    Deadlock,
}

/// What came of a command.
#[derive(Debug)]
pub enum Answer {
    Rows(Rows),
    Aborted(Reason),
    /// Neither: the driver is wrong.
    Failed(String),
}

pub struct Session {
    /// Of the server's process.
    pub pid: i32,
    commands: Sender<Command>,
}

impl Session {
    /// Connects; answers go to `answers`, with this number.
    pub fn open(url: &str, number: usize, answers: Sender<(usize, Answer)>) -> Result<Self, Error> {
        let mut client = Client::connect(url, NoTls)?;
        let pid = client.query_one("SELECT pg_backend_pid()", &[])?.get(0);
        let mut worker = Worker::new(client)?;
        let (commands, todo): (_, Receiver<Command>) = channel();
        thread::spawn(move || {
            for command in todo {
                let answer = match worker.perform(command) {
                    Ok(rows) => Answer::Rows(rows),
                    Err(error) => classify(&error),
                };
                if answers.send((number, answer)).is_err() {
                    break;
                }
            }
        });
        Ok(Self { pid, commands })
    }

    pub fn send(&self, command: Command) -> Result<(), String> {
        self.commands.send(command).map_err(|_| "a session has ended".to_owned())
    }
}

fn classify(error: &Error) -> Answer {
    let Some(told) = error.as_db_error() else { return Answer::Failed(error.to_string()) };
    if *told.code() == SqlState::T_R_DEADLOCK_DETECTED {
        Answer::Aborted(Reason::Deadlock)
    } else if *told.code() != SqlState::T_R_SERIALIZATION_FAILURE {
        Answer::Failed(format!("{told}"))
    } else if told.message().contains("read/write dependencies") {
        Answer::Aborted(Reason::Dependencies)
    } else {
        Answer::Aborted(Reason::Update)
    }
}

struct Worker {
    client: Client,
    /// For keys that are close together, and for those that are spread.
    statements: [Statements; 2],
    spread: bool,
}

struct Statements {
    get: Statement,
    range: Statement,
    backwards: Statement,
    selected: Statement,
    put: Statement,
    remove: Statement,
}

impl Statements {
    fn new(client: &mut Client, table: &str) -> Result<Self, Error> {
        let range = |order: &str| {
            format!(
                "SELECT k, v FROM {table} WHERE k BETWEEN $1 AND $2 AND k % 100 = 0 \
                 ORDER BY k {order} LIMIT $3"
            )
        };
        Ok(Self {
            get: client.prepare(&format!("SELECT k, v FROM {table} WHERE k = $1"))?,
            range: client.prepare(&range("ASC"))?,
            backwards: client.prepare(&range("DESC"))?,
            selected: client.prepare(&format!(
                "SELECT k, v FROM {table} WHERE k BETWEEN $1 AND $2 AND k % 100 = 0 AND v >= $3 \
                 ORDER BY k"
            ))?,
            put: client.prepare(&format!(
                "INSERT INTO {table} VALUES ($1, $2) ON CONFLICT (k) DO UPDATE SET v = excluded.v"
            ))?,
            remove: client.prepare(&format!("DELETE FROM {table} WHERE k = $1 RETURNING k, v"))?,
        })
    }
}

impl Worker {
    fn new(mut client: Client) -> Result<Self, Error> {
        let statements =
            [Statements::new(&mut client, "close")?, Statements::new(&mut client, "spread")?];
        Ok(Self { client, statements, spread: false })
    }

    fn perform(&mut self, command: Command) -> Result<Rows, Error> {
        match command {
            Command::Begin { read_only, spread } => {
                self.spread = spread;
                let mode = if read_only { "READ ONLY" } else { "READ WRITE" };
                // The snapshot is taken by the first statement.
                let begin = format!("BEGIN ISOLATION LEVEL SERIALIZABLE {mode}; SELECT 1");
                self.client.batch_execute(&begin)?;
                Ok(Rows::new())
            }
            Command::Step(step) => self.step(step),
            Command::Commit => self.client.batch_execute("COMMIT").map(|()| Rows::new()),
            Command::Rollback => self.client.batch_execute("ROLLBACK").map(|()| Rows::new()),
        }
    }

    fn step(&mut self, step: Step) -> Result<Rows, Error> {
        let all = &self.statements[usize::from(self.spread)];
        let (statement, values): (_, Vec<i64>) = match step {
            Step::Get(key) => (&all.get, vec![key]),
            Step::Range { from, to, most, backwards } => {
                (if backwards { &all.backwards } else { &all.range }, vec![from, to, most])
            }
            Step::Where { from, to, at_least } => (&all.selected, vec![from, to, at_least]),
            Step::Put(key, value) => (&all.put, vec![key, value]),
            Step::Remove(key) => (&all.remove, vec![key]),
        };
        let values: Vec<_> = values.iter().map(|value| value as &(dyn ToSql + Sync)).collect();
        let rows = self.client.query(statement, &values)?;
        Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
    }
}

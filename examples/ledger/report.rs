//! What happened: counts, receipts, the audit, and how they are shown.

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::time::Duration;

use precedent::{Commit, Error, Timestamp};

use crate::bank::Entry;

/// A run at least this long shows its progress.
const LONG_RUN: Duration = Duration::from_secs(5);

/// An acknowledged entry and where it stands in the commit order.
pub struct Receipt {
    at: Timestamp,
    entry: Entry,
}

impl Receipt {
    pub fn new(commit: Commit, entry: Entry) -> Self {
        Self { at: commit.timestamp(), entry }
    }
}

/// The counts of one thread, one slice or one whole bank.
#[derive(Default)]
pub struct Report {
    /// Of commits that the audit has not replayed yet.
    pub receipts: Vec<Receipt>,
    pub elapsed: Duration,
    pub refused: u64,
    pub carried_forward: u64,
    pub forced_overdrafts: u64,
    pub free_overdrafts: u64,
    /// Whether the table at the end holds what the receipts add up to.
    pub books_balance: bool,
    paid: u64,
    deposits: u64,
    aborts: u64,
    retries: u64,
    most_retries: u64,
    story: Option<String>,
}

impl Report {
    pub fn overdrafts(&self) -> u64 {
        self.forced_overdrafts + self.free_overdrafts
    }

    pub fn paid(&mut self, receipt: Receipt) {
        self.paid += 1;
        self.receipts.push(receipt);
    }

    pub fn deposited(&mut self, receipt: Receipt) {
        self.deposits += 1;
        self.receipts.push(receipt);
    }

    /// Takes note of a conflict; any other error is returned.
    pub fn aborted(&mut self, error: Error) -> Result<(), Error> {
        let Some(conflict) = error.conflict() else {
            return Err(error);
        };
        self.aborts += 1;
        self.story.get_or_insert_with(|| conflict.to_string());
        Ok(())
    }

    /// One transaction was retried this often.
    pub fn retried(&mut self, times: u32) {
        self.retries += u64::from(times);
        self.most_retries = self.most_retries.max(u64::from(times));
    }

    /// The same where `transact` took care of it and kept the conflicts to itself.
    pub fn aborted_and_retried(&mut self, times: u32) {
        self.aborts += u64::from(times);
        self.retried(times);
    }

    pub fn add(&mut self, other: Self) {
        self.receipts.extend(other.receipts);
        self.refused += other.refused;
        self.carried_forward += other.carried_forward;
        self.paid += other.paid;
        self.deposits += other.deposits;
        self.aborts += other.aborts;
        self.retries += other.retries;
        self.most_retries = self.most_retries.max(other.most_retries);
        self.story = self.story.take().or(other.story);
    }

    fn transactions(&self) -> u64 {
        self.paid + self.refused + self.deposits + self.carried_forward
    }

    fn per_second(&self) -> u64 {
        (self.transactions() as f64 / self.elapsed.as_secs_f64().max(1e-9)) as u64
    }
}

/// Replays receipts in commit order.
///
/// A withdrawal is an overdraft if its account is below zero once it and every entry
/// committed before it are counted. (Commit order need not be the serial order, but two
/// withdrawals from one account have the same order in both, and a deposit that moves
/// forward can only raise the balance: a serial execution has no overdraft here either.)
#[derive(Default)]
pub struct Audit {
    pub balances: BTreeMap<u64, i64>,
    pub overdrafts: u64,
}

impl Audit {
    pub fn replay(&mut self, receipts: &mut Vec<Receipt>) {
        receipts.sort_unstable_by_key(|receipt| receipt.at);
        for Receipt { entry, .. } in receipts.drain(..) {
            let balance = self.balances.entry(entry.account).or_default();
            *balance += entry.cents;
            self.overdrafts += u64::from(entry.cents < 0 && *balance < 0);
        }
    }
}

/// A name, and where its value comes from.
type Row = (&'static str, fn(&Report) -> u64);

pub fn table(snapshot: &Report, serializable: &Report) -> String {
    let rows: [Row; 11] = [
        ("overdrafts in the forced overlap", |report| report.forced_overdrafts),
        ("overdrafts in the free run", |report| report.free_overdrafts),
        ("withdrawals paid", |report| report.paid),
        ("withdrawals refused for lack of money", |report| report.refused),
        ("deposits", |report| report.deposits),
        ("statements carried forward", |report| report.carried_forward),
        ("aborts", |report| report.aborts),
        ("retries", |report| report.retries),
        ("most retries of one transaction", |report| report.most_retries),
        ("transactions", Report::transactions),
        ("transactions a second", Report::per_second),
    ];
    let line = |name: &str, left: &str, right: &str| format!("{name:<42} {left:>14} {right:>14}\n");
    let mut table = line("", "snapshot", "serializable");
    for (name, value) in rows {
        let (left, right) = (value(snapshot).to_string(), value(serializable).to_string());
        table.push_str(&line(name, &left, &right));
    }
    table
}

pub fn story(bank: &str, report: &Report) -> String {
    let Some(conflict) = &report.story else {
        return format!("\nThe bank under {bank} refused no commit.\n");
    };
    let indented: String = conflict.lines().map(|line| format!("  {line}\n")).collect();
    format!("\nThe first conflict of the bank under {bank}:\n{indented}")
}

/// A line on the terminal that is rewritten after each slice of a long run.
pub struct Progress {
    run: Duration,
    shown: bool,
}

impl Progress {
    pub fn new(run: Duration) -> Self {
        Self { run, shown: run >= LONG_RUN && std::io::stderr().is_terminal() }
    }

    pub fn show(&mut self, report: &Report, audit: &Audit) {
        if self.shown {
            // A terminal that is gone is no reason to stop.
            let _ = write!(
                std::io::stderr(),
                "\r{:>4} of {} s, {} transactions, {} overdrafts ",
                report.elapsed.as_secs(),
                self.run.as_secs(),
                report.transactions(),
                audit.overdrafts
            );
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown {
            let _ = write!(std::io::stderr(), "\r{:70}\r", "");
        }
    }
}

//! One transaction of a session. Each operation waits for its turn first, and is noted.
//!
//! A value is two numbers: the attempt that wrote it, which tells versions apart, and what
//! it is to the workload.

use std::cell::RefCell;
use std::ops::RangeInclusive;

use precedent::{Error, ReadTransaction, Transaction};

use super::driver::{Lab, step};
use super::record::{Attempt, End, Range};
use super::workloads::Plan;

/// Rows that a range read returns in one step.
const ROWS_A_STEP: usize = 10;

pub struct Seat<'l> {
    lab: &'l Lab<'l>,
    handle: Handle<'l>,
    attempt: RefCell<Attempt>,
    /// What it wrote itself is no observation.
    own: RefCell<std::collections::BTreeSet<(usize, u64)>>,
}

enum Handle<'l> {
    Write(Transaction<'l>),
    Read(ReadTransaction<'l>),
}

fn writer(value: u64) -> u32 {
    (value >> 32) as u32
}

fn payload(value: u64) -> u32 {
    value as u32
}

impl<'l> Seat<'l> {
    pub fn begin(lab: &'l Lab<'l>, plan: &Plan) -> Self {
        let number = lab.next.replace(lab.next.get() + 1);
        let handle = match plan.read_only {
            true => Handle::Read(lab.database.begin_read()),
            false => Handle::Write(lab.database.begin()),
        };
        let attempt = RefCell::new(Attempt::new(number, plan.kind));
        Self { lab, handle, attempt, own: RefCell::default() }
    }

    /// A look-up by key.
    pub async fn get(&self, table: usize, key: u64) -> Option<u32> {
        step().await;
        let rows = &self.lab.tables[table];
        let found = match &self.handle {
            Handle::Write(tx) => tx.get(rows, &key),
            Handle::Read(tx) => tx.get(rows, &key),
        };
        let found = found.copied();
        if self.lab.keeps && !self.own.borrow().contains(&(table, key)) {
            self.attempt.borrow_mut().reads.push(((table, key), found.map(writer)));
        }
        found.map(payload)
    }

    /// The number under a key, 0 if there is none.
    pub async fn number(&self, table: usize, key: u64) -> u32 {
        self.get(table, key).await.unwrap_or(0)
    }

    /// All rows of a range, some in each step.
    pub async fn range(&self, table: usize, keys: RangeInclusive<u64>) -> Vec<(u64, u32)> {
        self.first(table, keys, usize::MAX).await
    }

    /// The first rows of a range, some in each step.
    pub async fn first(
        &self,
        table: usize,
        keys: RangeInclusive<u64>,
        most: usize,
    ) -> Vec<(u64, u32)> {
        step().await;
        let own = self
            .own
            .borrow()
            .range((table, *keys.start())..=(table, *keys.end()))
            .copied()
            .map(|(_, key)| key)
            .collect::<Vec<u64>>();
        let rows = &self.lab.tables[table];
        let mut range = match &self.handle {
            Handle::Write(tx) => tx.range(rows, keys.clone()),
            Handle::Read(tx) => tx.range(rows, keys.clone()),
        };
        let mut found: Vec<(u64, u64)> = Vec::new();
        let mut to = *keys.end();
        while found.len() < most {
            match range.next() {
                Some((key, value)) => found.push((*key, *value)),
                None => break,
            }
            if found.len() == most {
                to = found.last().map_or(to, |(key, _)| *key);
            } else if found.len().is_multiple_of(ROWS_A_STEP) {
                step().await;
            }
        }
        if self.lab.keeps && most > 0 {
            let foreign = |(key, _): &&(u64, u64)| own.binary_search(key).is_err();
            let rows = found.iter().filter(foreign).map(|(key, value)| (*key, writer(*value)));
            let rows = rows.collect();
            let range = Range { table, from: *keys.start(), to, rows, own };
            self.attempt.borrow_mut().ranges.push(range);
        }
        found.into_iter().map(|(key, value)| (key, payload(value))).collect()
    }

    /// Writes without looking.
    pub async fn put(&self, table: usize, key: u64, payload: u32) {
        step().await;
        let value = u64::from(self.attempt.borrow().number) << 32 | u64::from(payload);
        self.writer().insert(&self.lab.tables[table], key, value);
        self.wrote(table, key, false);
    }

    /// Removes without looking.
    pub async fn remove(&self, table: usize, key: u64) {
        step().await;
        self.writer().remove(&self.lab.tables[table], &key);
        self.wrote(table, key, true);
    }

    /// Reads a number and writes it changed; what it was.
    pub async fn add(&self, table: usize, key: u64, more: u32) -> u32 {
        let old = self.number(table, key).await;
        self.put(table, key, old.wrapping_add(more)).await;
        old
    }

    fn writer(&self) -> &Transaction<'l> {
        match &self.handle {
            Handle::Write(tx) => tx,
            Handle::Read(_) => unreachable!("a plan that only reads does not write"),
        }
    }

    fn wrote(&self, table: usize, key: u64, removed: bool) {
        let mut attempt = self.attempt.borrow_mut();
        if self.own.borrow_mut().insert((table, key)) {
            attempt.writes.push((table, key));
        }
        attempt.removed.retain(|cell| *cell != (table, key));
        if removed {
            attempt.removed.push((table, key));
        }
    }

    /// Ends it, with what it wrote.
    pub fn commit(self) -> Attempt {
        let mut attempt = self.attempt.into_inner();
        let ended = match self.handle {
            Handle::Write(tx) => {
                attempt.s = tx.read_timestamp().into();
                tx.commit()
            }
            Handle::Read(tx) => {
                attempt.s = tx.read_timestamp().into();
                tx.finish()
            }
        };
        let wrote = !attempt.writes.is_empty();
        attempt.end = match ended {
            Ok(commit) if wrote => End::Committed(commit.timestamp().into()),
            Ok(_) => End::Certified,
            Err(error) => refused(&error),
        };
        attempt
    }

    /// Ends it as a closure that returns an `Err`: without its writes, certified as a reader.
    pub fn give_up(self) -> Attempt {
        match self.handle {
            Handle::Read(_) => self.commit(),
            Handle::Write(tx) => {
                let mut attempt = self.attempt.into_inner();
                attempt.s = tx.read_timestamp().into();
                attempt.writes.clear();
                attempt.removed.clear();
                attempt.end = match tx.finish_without_writes() {
                    Ok(_) => End::Certified,
                    Err(error) => refused(&error),
                };
                attempt
            }
        }
    }
}

fn refused(error: &Error) -> End {
    match error.conflict() {
        Some(conflict) => End::Refused(conflict.reason()),
        None => unreachable!("no limit is set that could be met: {error}"),
    }
}

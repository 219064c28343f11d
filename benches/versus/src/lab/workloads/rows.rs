//! Workloads that read ranges: SIBENCH, a ledger, a queue.

use super::{Flow, Plan, Seat, Work, Workload};
use crate::random::Random;

/// The workloads of this file.
pub fn all() -> Vec<Box<dyn Workload>> {
    vec![
        Box::new(SiBench { writing: false }),
        Box::new(SiBench { writing: true }),
        Box::new(Ledger),
        Box::new(Queue),
    ]
}

/// Cahill's: updates of one row, and queries for the smallest of all.
struct SiBench {
    writing: bool,
}

const ROWS: u64 = 100;

impl Workload for SiBench {
    fn name(&self) -> &'static str {
        match self.writing {
            false => "SIBENCH, reading queries",
            true => "SIBENCH, writing queries",
        }
    }

    fn about(&self) -> &'static str {
        match self.writing {
            false => "half add to one of 100 rows, half look for the smallest",
            true => "half add to one of 100 rows, half look for the smallest and note it",
        }
    }

    fn load(&self, row: &mut dyn FnMut(usize, u64, u32)) {
        (0..ROWS).for_each(|key| row(0, key, 0));
    }

    fn plan(&self, random: &mut Random, _: u64) -> Plan {
        match (random.percent(50), self.writing) {
            (true, _) => Plan::writing("update"),
            (false, true) => Plan::writing("query"),
            (false, false) => Plan::reading("query"),
        }
    }

    fn transact<'a>(&'a self, seat: &'a Seat<'a>, plan: Plan, random: &'a mut Random) -> Work<'a> {
        Box::pin(async move {
            if plan.kind == "update" {
                seat.add(0, random.below(ROWS), 1).await;
                return Flow::Commit;
            }
            let rows = seat.range(0, 0..=ROWS - 1).await;
            let smallest = rows.iter().map(|(_, number)| *number).min();
            if self.writing {
                seat.put(1, random.below(1_000), smallest.unwrap_or(0)).await;
            }
            Flow::Commit
        })
    }
}

/// Accounts whose balance is the sum of their entries.
struct Ledger;

const ACCOUNTS: u64 = 50;

/// All entries of an account.
fn account(account: u64) -> std::ops::RangeInclusive<u64> {
    account << 32..=(account << 32 | 0xffff_ffff)
}

impl Workload for Ledger {
    fn name(&self) -> &'static str {
        "ledger"
    }

    fn about(&self) -> &'static str {
        "the last 20 entries of one of 50 accounts are added up, and one is put after them"
    }

    fn load(&self, row: &mut dyn FnMut(usize, u64, u32)) {
        for entries in (0..ACCOUNTS).map(account) {
            (0..20).for_each(|entry| row(0, entries.start() + 1_000_000 - entry, 100));
        }
    }

    fn plan(&self, _: &mut Random, _: u64) -> Plan {
        Plan::writing("entry")
    }

    fn transact<'a>(&'a self, seat: &'a Seat<'a>, _: Plan, random: &'a mut Random) -> Work<'a> {
        Box::pin(async move {
            // Entries are numbered downwards, so that the last ones come first.
            let (entries, amount) = (account(random.below(ACCOUNTS)), random.below(200) as u32);
            let last = seat.first(0, entries.clone(), 20).await;
            let balance: u32 = last.iter().fold(0, |sum, (_, cents)| sum.wrapping_add(*cents));
            if balance < amount {
                return Flow::GiveUp;
            }
            let next = last.first().map_or(*entries.end(), |(key, _)| key - 1);
            seat.put(0, next, amount).await;
            Flow::Commit
        })
    }
}

/// A queue: what comes is put under a key of its own, what goes is the smallest key.
struct Queue;

impl Workload for Queue {
    fn name(&self) -> &'static str {
        "queue"
    }

    fn about(&self) -> &'static str {
        "half put a job into one queue, half take the first one out"
    }

    fn load(&self, row: &mut dyn FnMut(usize, u64, u32)) {
        (0..100).for_each(|job| row(0, job, 0));
    }

    fn plan(&self, random: &mut Random, _: u64) -> Plan {
        Plan::writing(if random.percent(50) { "put" } else { "take" })
    }

    fn transact<'a>(&'a self, seat: &'a Seat<'a>, plan: Plan, random: &'a mut Random) -> Work<'a> {
        Box::pin(async move {
            if plan.kind == "put" {
                seat.put(0, 1_000 + random.below(1 << 32), 1).await;
                return Flow::Commit;
            }
            match seat.first(0, 0..=u64::MAX, 1).await.first() {
                Some((job, _)) => {
                    seat.remove(0, *job).await;
                    Flow::Commit
                }
                None => Flow::GiveUp,
            }
        })
    }
}

//! The free run: threads that deposit and withdraw as fast as they can.

use std::sync::atomic::{AtomicI64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use precedent::Error;

use crate::BoxError;
use crate::bank::{Bank, Entry, Reply};
use crate::forced;
use crate::options::Options;
use crate::report::{Audit, Progress, Receipt, Report};

/// A longer statement is replaced by one entry, so that accounts stay short however long
/// the run is.
const LONGEST_STATEMENT: usize = 32;
/// The threads meet this often, so that the receipts can be audited and forgotten.
const SLICE: Duration = Duration::from_secs(1);
/// Deposits and withdrawals are up to this large.
const LARGEST_DEPOSIT_CENTS: u64 = 4_000;
const LARGEST_WITHDRAWAL_CENTS: u64 = 10_000;
/// What there is for each account, in the bank and in the customers' pockets together.
const MONEY_CENTS: i64 = 10_000;

pub fn run(
    bank: &Bank,
    options: &Options,
    audit: &mut Audit,
    report: &mut Report,
) -> Result<(), BoxError> {
    let mut tellers: Vec<_> = (0..options.threads).map(|id| Teller::new(id, options)).collect();
    let town = Town { bank, pockets: Pockets::new(MONEY_CENTS * options.accounts as i64) };
    let mut progress = Progress::new(options.run);
    while report.elapsed < options.run {
        let start = Instant::now();
        let end = start + SLICE.min(options.run - report.elapsed);
        for result in run_slice(&mut tellers, &town, end) {
            report.add(result?);
        }
        report.elapsed += start.elapsed();
        audit.replay(&mut report.receipts);
        progress.show(report, audit);
    }
    Ok(())
}

fn run_slice(tellers: &mut [Teller], town: &Town<'_>, end: Instant) -> Vec<Result<Report, Error>> {
    thread::scope(|scope| {
        let tellers = tellers.iter_mut();
        let threads: Vec<_> =
            tellers.map(|teller| scope.spawn(move || teller.work(town, end))).collect();
        threads.into_iter().map(|thread| thread.join().expect("a teller panicked")).collect()
    })
}

/// What the tellers share.
struct Town<'a> {
    bank: &'a Bank,
    pockets: Pockets,
}

/// One thread, and what it remembers from slice to slice.
struct Teller {
    random: Random,
    deposits: bool,
    accounts: u64,
    /// Distinct in all tellers, see [`Teller::entry`].
    next_number: u64,
}

impl Teller {
    fn new(id: u64, options: &Options) -> Self {
        Self {
            random: Random(options.seed ^ (id << 56)),
            // Every fourth teller deposits, and in every bank there is one.
            deposits: id % 4 == 1,
            accounts: options.accounts,
            next_number: id << 48,
        }
    }

    fn work(&mut self, town: &Town<'_>, end: Instant) -> Result<Report, Error> {
        let mut report = Report::default();
        while Instant::now() < end {
            let account = forced::ACCOUNT + 1 + self.random.below(self.accounts);
            if self.deposits {
                self.deposit(town, account, &mut report)?;
            } else {
                self.withdraw(town, account, &mut report)?;
            }
        }
        Ok(report)
    }

    fn deposit(&mut self, town: &Town<'_>, account: u64, report: &mut Report) -> Result<(), Error> {
        let cents = 1 + self.random.below(LARGEST_DEPOSIT_CENTS) as i64;
        if town.pockets.take(cents) {
            let entry = self.entry(account, cents);
            report.deposited(Receipt::new(town.bank.deposit(entry)?, entry));
        } else {
            // All the money is in the bank: let somebody withdraw.
            thread::yield_now();
        }
        Ok(())
    }

    fn withdraw(
        &mut self,
        town: &Town<'_>,
        account: u64,
        report: &mut Report,
    ) -> Result<(), Error> {
        let cents = -1 - self.random.below(LARGEST_WITHDRAWAL_CENTS) as i64;
        let entry = self.entry(account, cents);
        let mut attempts = 1;
        let answer = town.bank.withdraw(entry, &mut attempts);
        report.aborted_and_retried(attempts - 1);
        match answer {
            Ok((Reply::Insufficient, _)) => {
                report.refused += 1;
                // Let somebody deposit.
                thread::yield_now();
            }
            Ok((Reply::Paid { statement_length }, commit)) => {
                report.paid(Receipt::new(commit, entry));
                town.pockets.put(-cents);
                if statement_length > LONGEST_STATEMENT {
                    let number = self.entry(account, 0).number;
                    match town.bank.carry_forward(account, number) {
                        Ok(_) => report.carried_forward += 1,
                        Err(error) => report.aborted(error)?,
                    }
                }
            }
            Err(error) => report.aborted(error)?,
        }
        Ok(())
    }

    fn entry(&mut self, account: u64, cents: i64) -> Entry {
        self.next_number += 1;
        Entry { account, number: self.next_number, cents }
    }
}

/// The customers' cash. What is withdrawn goes there and what is deposited comes from
/// there, so that balances stay low and an overlap finds something to overdraw, however
/// fast deposits are.
struct Pockets(AtomicI64);

impl Pockets {
    fn new(cents: i64) -> Self {
        Self(AtomicI64::new(cents))
    }

    fn put(&self, cents: i64) {
        self.0.fetch_add(cents, Ordering::Relaxed);
    }

    /// Whether there was so much.
    fn take(&self, cents: i64) -> bool {
        let rest = |cash: i64| (cash >= cents).then(|| cash - cents);
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, rest).is_ok()
    }
}

/// SplitMix64.
struct Random(u64);

impl Random {
    /// Below `bound`, evenly enough for amounts and accounts.
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % bound
    }
}

//! One overlap that is certain: two withdrawals that both counted the same money.

use std::sync::Barrier;
use std::thread;

use precedent::Error;

use crate::BoxError;
use crate::bank::{Bank, Entry, Reply};
use crate::report::{Receipt, Report};

/// The account that only the forced overlap uses.
pub const ACCOUNT: u64 = 0;

/// The account holds 100.00; two threads withdraw 80.00 each, and both have counted the
/// 100.00 before either goes on.
pub fn overlap(bank: &Bank) -> Result<Report, BoxError> {
    let mut report = Report::default();
    let deposit = Entry { account: ACCOUNT, number: 0, cents: 10_000 };
    report.deposited(Receipt::new(bank.deposit(deposit)?, deposit));

    let both_have_counted = Barrier::new(2);
    let results = thread::scope(|scope| {
        let threads = [1, 2].map(|number| {
            let both_have_counted = &both_have_counted;
            scope.spawn(move || withdraw(bank, number, both_have_counted))
        });
        threads.map(|thread| thread.join().expect("a withdrawing thread panicked"))
    });
    for result in results {
        report.add(result?);
    }
    Ok(report)
}

/// Does by hand what `transact` does, so that the first attempt can wait for the other
/// thread. Later attempts wait for nobody: the other thread may be done.
fn withdraw(bank: &Bank, number: u64, both_have_counted: &Barrier) -> Result<Report, Error> {
    let mut report = Report::default();
    let entry = Entry { account: ACCOUNT, number, cents: -8_000 };
    for retries in 0.. {
        let tx = bank.begin();
        let reply = bank.try_withdraw(&tx, entry);
        if retries == 0 {
            both_have_counted.wait();
        }
        match (tx.commit(), reply) {
            (Ok(commit), Reply::Paid { .. }) => report.paid(Receipt::new(commit, entry)),
            (Ok(_), Reply::Insufficient) => report.refused += 1,
            (Err(error), _) => {
                report.aborted(error)?;
                continue;
            }
        }
        report.retried(retries);
        break;
    }
    Ok(report)
}

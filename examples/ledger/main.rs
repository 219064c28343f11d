//! The same bank on two databases: one with snapshot isolation, one serializable.
//!
//! An account is a run of ledger entries. A withdrawal sums them, and if there is enough
//! it inserts one more entry; a deposit inserts its entry blindly. No two of them ever
//! write the same key, so snapshot isolation sees nothing wrong with two withdrawals that
//! both counted the same money: a write skew through a phantom. The serializable database
//! lets one of the two commit and makes the other look again.
//!
//! For each database a barrier first forces one such overlap; then the threads run freely
//! for a few seconds. Afterwards an audit replays the receipts of all commits.
//!
//! ```text
//! cargo run --release --example ledger -- --seconds 3 --threads 4 --accounts 8 --seed 1
//! ```
//!
//! Read `bank.rs` first: it is what a program that uses the crate would hold.

mod bank;
mod forced;
mod free;
mod options;
mod report;

use std::io::{ErrorKind, Write};
use std::process::ExitCode;

use precedent::Isolation;

use bank::Bank;
use options::{HELP, Options};
use report::{Audit, Report};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

fn main() -> ExitCode {
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(Some(options)) => options,
        Ok(None) => {
            println!("{HELP}");
            return ExitCode::SUCCESS;
        }
        Err(message) => {
            eprintln!("error: {message}\n\n{HELP}");
            return ExitCode::from(2);
        }
    };
    match compare(&options) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Runs both banks, prints what happened, and tells whether it is what was promised.
fn compare(options: &Options) -> Result<bool, BoxError> {
    print(&format!("{options}\n\n"))?;
    let snapshot = run(Isolation::Snapshot, options)?;
    let serializable = run(Isolation::Serializable, options)?;
    print(&report::table(&snapshot, &serializable))?;
    print(&report::story("snapshot isolation", &snapshot))?;
    print(&report::story("serializable", &serializable))?;

    let promises = [
        (snapshot.forced_overdrafts > 0, "snapshot isolation did not show the forced overdraft"),
        (serializable.overdrafts() == 0, "the serializable database let an account be overdrawn"),
        (snapshot.books_balance, "snapshot isolation lost or invented an entry"),
        (serializable.books_balance, "the serializable database lost or invented an entry"),
    ];
    for (_, broken) in promises.iter().filter(|(kept, _)| !kept) {
        eprintln!("FAILED: {broken}");
    }
    Ok(promises.iter().all(|(kept, _)| *kept))
}

/// Prints; that nobody reads any more (`| head`) is no failure.
fn print(text: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

fn run(isolation: Isolation, options: &Options) -> Result<Report, BoxError> {
    let bank = Bank::open(isolation)?;
    let mut audit = Audit::default();
    let mut report = forced::overlap(&bank)?;
    audit.replay(&mut report.receipts);
    report.forced_overdrafts = audit.overdrafts;
    free::run(&bank, options, &mut audit, &mut report)?;
    report.free_overdrafts = audit.overdrafts - report.forced_overdrafts;
    report.books_balance = bank.balances()? == audit.balances;
    Ok(report)
}

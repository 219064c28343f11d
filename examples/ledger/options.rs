//! The command line.

use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

pub const HELP: &str = "\
One bank under snapshot isolation and under serializable isolation.

usage: cargo run --release --example ledger -- [options]
  --seconds N    how long the threads run freely, for each bank (default 3, 1 to 3600)
  --threads N    threads; every fourth deposits, the others withdraw (default 4, 2 to 255)
  --accounts N   accounts; fewer means more conflicts (default 8, 1 to 1000000)
  --seed N       seed of the amounts and the accounts (default 1)
  --help         this text";

pub struct Options {
    pub run: Duration,
    pub threads: u64,
    pub accounts: u64,
    pub seed: u64,
}

impl Options {
    /// `None` if help was asked for.
    pub fn parse(mut args: impl Iterator<Item = String>) -> Result<Option<Self>, String> {
        let mut options = Self { run: Duration::from_secs(3), threads: 4, accounts: 8, seed: 1 };
        while let Some(flag) = args.next() {
            match flag.as_str() {
                "--seconds" => {
                    options.run = Duration::from_secs(number(&flag, args.next(), 1..=3600)?);
                }
                "--threads" => options.threads = number(&flag, args.next(), 2..=255)?,
                "--accounts" => options.accounts = number(&flag, args.next(), 1..=1_000_000)?,
                "--seed" => options.seed = number(&flag, args.next(), 0..=u64::MAX)?,
                "--help" | "-h" => return Ok(None),
                _ => return Err(format!("unknown option {flag}")),
            }
        }
        Ok(Some(options))
    }
}

impl fmt::Display for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} threads, {} accounts, {} s for each bank, seed {}",
            self.threads,
            self.accounts,
            self.run.as_secs(),
            self.seed
        )
    }
}

fn number(flag: &str, value: Option<String>, allowed: RangeInclusive<u64>) -> Result<u64, String> {
    let value = value.ok_or_else(|| format!("{flag} needs a number"))?;
    match value.parse() {
        Ok(number) if allowed.contains(&number) => Ok(number),
        _ => Err(format!(
            "{flag} must be a whole number from {} to {}, not {value:?}",
            allowed.start(),
            allowed.end()
        )),
    }
}

//! Hot paths for an instruction counter: one workload, so many transactions, on one thread.
//!
//! `ci/instructions.sh` runs it under callgrind at two lengths and divides the difference,
//! so that neither the set-up nor a noisy machine counts. It measures no time itself.
//!
//! ```text
//! cargo bench --bench instructions -- read 1000
//! ```

use std::hint::black_box;
use std::process::ExitCode;

use precedent::{Database, Error, Table, Transaction};

const KEYS: u64 = 10_000;
const ACCOUNTS: u64 = 500;
const ENTRIES: u64 = 20;

/// A small random number generator (xorshift), the same in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// One of the keys that are there, spread over the whole range.
    fn key(&mut self) -> u64 {
        (self.next() >> 20) % KEYS * 0x9E37_79B9
    }
}

struct Fixture {
    db: Database,
    points: Table<u64, u64>,
    ledger: Table<(u64, u64), i64>,
    random: Random,
    entry: u64,
}

impl Fixture {
    fn new() -> Result<Self, Error> {
        let db = Database::new();
        let (points, ledger) = (db.table("points")?, db.table("ledger")?);
        db.bulk_load(&points, (0..KEYS).map(|n| (n * 0x9E37_79B9, n)))?;
        let entries = |account| (0..ENTRIES).map(move |entry| ((account, entry), 1));
        db.bulk_load(&ledger, (0..ACCOUNTS).flat_map(entries))?;
        Ok(Self { db, points, ledger, random: Random(88_172_645_463_325_252), entry: ENTRIES })
    }

    fn change(&self, tx: &Transaction<'_>, key: u64) {
        let value = tx.get(&self.points, &key).copied().unwrap_or(0);
        tx.insert(&self.points, key, value + 1);
    }

    fn run(&mut self, workload: &str) -> Result<(), Error> {
        let (db, points, key) = (&self.db, &self.points, self.random.key());
        match workload {
            "nothing" => db.read(|_| ()),
            "read" => db.read(|tx| {
                black_box(tx.get(points, &key));
            }),
            "change" => db.transact(|tx| Ok(self.change(tx, key))),
            "write" => db.transact(|tx| Ok(tx.insert(points, key, 1))),
            "write two" => {
                let two = [key, self.random.key()];
                self.db
                    .transact(|tx| Ok(two.iter().for_each(|key| tx.insert(&self.points, *key, 1))))
            }
            "read 8, change 2" => {
                let keys: [u64; 8] = std::array::from_fn(|_| self.random.key());
                self.db.transact(|tx| {
                    for key in &keys[2..] {
                        black_box(tx.get(points, key));
                    }
                    Ok(keys[..2].iter().for_each(|&key| self.change(tx, key)))
                })
            }
            "scan 100" => {
                let sum = |tx: &precedent::ReadTransaction<'_>| {
                    let rows = tx.range(points, key..).take(100);
                    rows.fold(0_u64, |sum, (_, value)| sum.wrapping_add(*value))
                };
                db.read(|tx| {
                    black_box(sum(tx));
                })
            }
            "insert" => {
                // Between two keys that are there.
                let new = key + 1 + self.random.next() % 0x9E37_0000;
                self.db.transact(|tx| Ok(tx.insert(points, new, new)))
            }
            "ledger" => {
                let account = self.random.next() % ACCOUNTS;
                self.entry += 1;
                let (ledger, entry) = (&self.ledger, self.entry);
                self.db.transact(|tx| {
                    let rows = tx.range(ledger, (account, 0)..=(account, u64::MAX));
                    let balance: i64 = rows.map(|(_, cents)| cents).sum();
                    Ok(tx.insert(ledger, (account, entry), -balance.signum()))
                })
            }
            "abort" => {
                // A lost update.
                let slow = db.begin();
                self.change(&slow, key);
                db.transact(|quick| Ok(self.change(quick, key)))?;
                black_box(slow.commit().is_err());
                Ok(())
            }
            other => panic!("there is no workload {other:?}"),
        }
    }
}

fn main() -> ExitCode {
    // `cargo bench` adds a flag of its own; `cargo test` runs it without a word.
    let mut words = std::env::args().skip(1).filter(|word| !word.starts_with("--"));
    let Some(workload) = words.next() else { return ExitCode::SUCCESS };
    let count = words.next().and_then(|word| word.parse().ok()).unwrap_or(1_000);
    let run = || {
        let mut fixture = Fixture::new()?;
        (0..count).try_for_each(|_: u64| fixture.run(&workload))
    };
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

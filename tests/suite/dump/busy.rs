//! A dump is one state, though threads go on writing.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use precedent::{Database, Dump, Load, Snapshot, Table, Timestamp, Transaction};

use crate::support::{Random, assert_at_rest, scaled, summary};

const ACCOUNTS: usize = 300;
const EACH: i64 = 1_000;
const WRITERS: u64 = 4;
/// Entries of an account, at most, so that long runs do not grow.
const ENTRIES: u64 = 50;

/// Accounts, and a journal that says of each account what its balance must be.
struct Bank {
    db: Database,
    accounts: Table<u64, i64>,
    journal: Table<(String, u64), i64>,
}

impl Bank {
    fn new() -> Self {
        let db = Database::new();
        let new = "a new table";
        let (accounts, journal) =
            (db.table("accounts").expect(new), db.table("journal").expect(new));
        Self { db, accounts, journal }
    }

    /// Moves money and writes it down in the other table.
    fn transfer(&self, tx: &Transaction<'_>, random: &mut Random, number: u64) {
        let [from, to] = [(); 2].map(|()| random.below(ACCOUNTS) as u64);
        let sum = random.below(100) as i64;
        for (account, sum) in [(from, -sum), (to, sum)] {
            tx.update(&self.accounts, &account, |has| has + sum);
        }
        for (account, sum) in [(from, -sum), (to, sum)] {
            let key = (format!("account {account}"), number % ENTRIES);
            let had = tx.get(&self.journal, &key).copied().unwrap_or(0);
            tx.insert(&self.journal, key, had + sum);
        }
    }

    fn dump(&self, snapshot: &Snapshot) -> Vec<u8> {
        let mut bytes = Vec::new();
        let dump = Dump::new(snapshot).table(&self.accounts).table(&self.journal);
        dump.write_to(&mut bytes).expect("a vector takes everything");
        bytes
    }

    fn load(bytes: &[u8]) -> (Self, Timestamp) {
        let bank = Self::new();
        let load = Load::read_from(bytes).expect("it is whole");
        let load = load.table(&bank.accounts).table(&bank.journal);
        load.commit_to(&bank.db).expect("the tables are empty");
        let timestamp = load.timestamp();
        (bank, timestamp)
    }

    /// Checks that both tables are of one state.
    fn check(&self) {
        let snapshot = self.db.safe_snapshot();
        let total: i64 = snapshot.values(&self.accounts, ..).sum();
        assert_eq!(total, ACCOUNTS as i64 * EACH);
        for (account, has) in snapshot.range(&self.accounts, ..) {
            let name = format!("account {account}");
            let entries = (name.clone(), 0)..=(name, u64::MAX);
            assert_eq!(EACH + snapshot.values(&self.journal, entries).sum::<i64>(), *has);
        }
    }
}

#[test]
fn a_dump_beside_writers_loads_as_the_state_of_its_timestamp() {
    let bank = Bank::new();
    let fill = |tx: &Transaction<'_>| {
        Ok((0..ACCOUNTS as u64).for_each(|account| tx.insert(&bank.accounts, account, EACH)))
    };
    bank.db.transact(fill).expect("alone");
    let dumps = scaled(1_000);
    let (stop, commits) = (AtomicBool::new(false), AtomicU64::new(0));
    thread::scope(|scope| {
        for seed in 0..WRITERS {
            let (bank, stop, commits) = (&bank, &stop, &commits);
            scope.spawn(move || {
                let mut random = Random::new(seed + 1);
                while !stop.load(Ordering::Relaxed) {
                    let number = commits.fetch_add(1, Ordering::Relaxed);
                    let transfer = |tx: &Transaction<'_>| {
                        bank.transfer(tx, &mut random, number);
                        Ok(())
                    };
                    bank.db.transact(transfer).expect("retried");
                }
            });
        }
        let _stop = Stop(&stop);
        let mut last = 0;
        for _ in 0..dumps {
            let snapshot = next_snapshot(&bank.db, &commits, &mut last);
            let bytes = bank.dump(&snapshot);
            let (copy, timestamp) = Bank::load(&bytes);
            assert_eq!(timestamp, snapshot.timestamp());
            copy.check();
            let loaded = copy.db.safe_snapshot();
            assert!(loaded.range(&copy.accounts, ..).eq(snapshot.range(&bank.accounts, ..)));
            assert!(loaded.range(&copy.journal, ..).eq(snapshot.range(&bank.journal, ..)));
            // The snapshot has not moved while it was dumped.
            assert_eq!(bank.dump(&snapshot), bytes);
        }
    });
    bank.check();
    let rows = bank.db.read(|tx| tx.count(&bank.accounts, ..) + tx.count(&bank.journal, ..));
    assert_at_rest(&bank.db, rows.expect("alone"));
    summary(&format!("dump: {dumps} dumps beside {} transfers", commits.into_inner()));
}

/// A safe snapshot, after some more commits.
fn next_snapshot(db: &Database, commits: &AtomicU64, last: &mut u64) -> Snapshot {
    while commits.load(Ordering::Relaxed) < *last + 20 {
        thread::yield_now();
    }
    *last = commits.load(Ordering::Relaxed);
    db.safe_snapshot()
}

/// Stops the writers, also when a check fails.
struct Stop<'s>(&'s AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

//! `surrealmx`, every transaction with serializable snapshot isolation and opened for
//! writing, since it tracks the reads of those only. Keys and values are bytes there:
//! keys big-endian, so that they sort as numbers.

use surrealmx::{Database, Error, Transaction};

use crate::engine::{Data, Engine, ledger_key, ledger_rows, row_state};

/// Rows that are loaded by one transaction.
const BATCH: usize = 1_000;

pub fn make(data: &Data<'_>) -> Box<dyn Engine> {
    let engine = SurrealMx { db: Database::new() };
    match *data {
        Data::Points(keys) => {
            for batch in keys.chunks(BATCH) {
                engine.transact(|tx| {
                    batch.iter().try_for_each(|key| tx.set(key.to_be_bytes(), key.to_le_bytes()))
                });
            }
        }
        Data::Ledger { accounts, entries } => {
            let rows: Vec<_> = ledger_rows(accounts, entries).collect();
            for batch in rows.chunks(BATCH) {
                engine.transact(|tx| {
                    let mut rows = batch.iter();
                    rows.try_for_each(|key| tx.set(ledger_bytes(*key), 1_u64.to_le_bytes()))
                });
            }
        }
    }
    Box::new(engine)
}

struct SurrealMx {
    db: Database,
}

impl SurrealMx {
    /// Runs it again until it has committed, as one has to do by hand there.
    fn transact<R>(&self, mut work: impl FnMut(&mut Transaction) -> Result<R, Error>) -> R {
        loop {
            let mut tx = self.db.transaction(true).with_serializable_snapshot_isolation();
            let result = work(&mut tx).and_then(|result| tx.commit().map(|()| result));
            match result {
                Ok(result) => return result,
                Err(Error::KeyReadConflict | Error::KeyWriteConflict) => {
                    // It may fail on a transaction that its conflict has closed already.
                    let _ = tx.cancel();
                }
                Err(error) => panic!("surrealmx: {error}"),
            }
        }
    }
}

impl Engine for SurrealMx {
    fn read_one(&self, key: u64) -> u64 {
        self.transact(|tx| get(tx, key))
    }

    fn add_to_one(&self, key: u64, delta: u64) -> u64 {
        self.transact(|tx| add(tx, key, delta))
    }

    fn read_eight_add_to_two(&self, keys: &[u64; 8], delta: u64) -> u64 {
        self.transact(|tx| {
            let mut sum = 0_u64;
            for key in keys {
                sum = sum.wrapping_add(get(tx, *key)?);
            }
            add(tx, keys[0], delta)?;
            add(tx, keys[1], delta)?;
            Ok(sum)
        })
    }

    fn scan(&self, from: u64, count: usize) -> u64 {
        let (start, end) = (from.to_be_bytes(), [0xFF; 9]);
        self.transact(|tx| {
            let mut sum = 0_u64;
            tx.scan_with(&start[..]..&end[..], None, Some(count), |_, value| {
                sum = sum.wrapping_add(number(value));
                true
            })?;
            Ok(sum)
        })
    }

    fn insert(&self, key: u64, value: u64) {
        self.transact(|tx| tx.set(key.to_be_bytes(), value.to_le_bytes()));
    }

    fn add_ledger_entry(&self, account: u64, entry: u64, cents: u64) -> u64 {
        let (start, end) = (ledger_bytes((account, 0)), ledger_bytes((account + 1, 0)));
        self.transact(|tx| {
            let mut sum = 0_u64;
            tx.scan_with(&start[..]..&end[..], None, None, |_, value| {
                sum += number(value);
                true
            })?;
            tx.set(ledger_bytes((account, entry)), cents.to_le_bytes())?;
            Ok(sum)
        })
    }

    fn state(&self) -> u64 {
        let (start, end): (&[u8], &[u8]) = (&[], &[0xFF; 17]);
        self.transact(|tx| {
            let mut state = 0_u64;
            tx.scan_with(start..end, None, None, |key, value| {
                state = state.wrapping_add(row_state(key_number(key), number(value)));
                true
            })?;
            Ok(state)
        })
    }
}

fn get(tx: &Transaction, key: u64) -> Result<u64, Error> {
    Ok(tx.with_value(key.to_be_bytes(), number)?.unwrap_or_default())
}

fn add(tx: &mut Transaction, key: u64, delta: u64) -> Result<u64, Error> {
    let old = get(tx, key)?;
    tx.set(key.to_be_bytes(), old.wrapping_add(delta).to_le_bytes())?;
    Ok(old)
}

fn ledger_bytes((account, entry): (u64, u64)) -> [u8; 16] {
    ((u128::from(account) << 64) | u128::from(entry)).to_be_bytes()
}

fn key_number(key: &[u8]) -> u64 {
    let big_endian = |bytes: &[u8]| bytes.iter().fold(0, |sum, byte| (sum << 8) | u64::from(*byte));
    match key.split_at_checked(8) {
        Some((account, entry)) if !entry.is_empty() => {
            ledger_key(big_endian(account), big_endian(entry))
        }
        _ => big_endian(key),
    }
}

fn number(value: &[u8]) -> u64 {
    u64::from_le_bytes(value.try_into().expect("every value has eight bytes"))
}

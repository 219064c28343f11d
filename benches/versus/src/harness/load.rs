//! What a database holds before a run and after it.

use crate::engine::{Read, Store, Write, row_state};
use crate::schema::Key;
use crate::workload::Workload;

/// Rows that are loaded by one transaction.
const BATCH: usize = 1_000;

/// A database with the rows of a workload, put there by transactions of 1,000 rows.
pub fn fill<W: Workload, S>(workload: &W, variant: u8) -> S
where
    S: Store<Key = W::Key, Value = W::Value>,
{
    let store = S::open(workload.tables(), variant);
    let mut batch = Vec::with_capacity(BATCH);
    workload.load(&mut |table, key, value| {
        batch.push((table, key, value));
        if batch.len() == BATCH {
            put(&store, &batch);
            batch.clear();
        }
    });
    put(&store, &batch);
    store
}

fn put<S: Store>(store: &S, rows: &[(u8, S::Key, u64)]) {
    store.write(|tx| {
        for (table, key, value) in rows {
            tx.put(*table, key.clone(), *value)?;
        }
        Ok(())
    });
}

/// A number that depends on every row, however they came about.
pub fn state<S: Store>(store: &S, tables: u8) -> u64 {
    store.read(|tx| {
        let mut state = 0_u64;
        for table in 0..tables {
            // Tables differ.
            let mark = u64::from(table) << 60;
            let mut add = |key, value| state = state.wrapping_add(row_state(mark ^ key, value));
            tx.scan(table, &S::Key::first(), None, usize::MAX, &mut add)?;
        }
        Ok(state)
    })
}

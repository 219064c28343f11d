//! Bulk load: many rows in order, one blind commit, no searches.
//!
//! ```text
//!   ascending    rows out of the user's iterator, order checked       n comparisons
//!   load         write set built bottom-up                            none
//!   seal         records found or created, a leaf at a time           n + their leaves
//!   append …     as every commit
//! ```
//!
//! Nothing is shared before `seal`, and what `seal` shares is leased records without
//! versions: whatever of the user's panics on the way, nothing is loaded.

use std::cmp::Ordering;

use crate::error::Error;
use crate::tx::commit::Commit;
use crate::tx::table::{Key, Table, Value};
use crate::tx::transaction::{ReadWrite, Transaction};

/// The rows, if their keys ascend strictly.
///
/// # Errors
/// The place of the first row that is not above the one before it.
pub(crate) fn ascending<K: Key, V: Value>(
    rows: impl IntoIterator<Item = (K, V)>,
) -> Result<Vec<(K, V)>, usize> {
    let mut checked: Vec<(K, V)> = Vec::new();
    for (key, value) in rows {
        if checked.last().is_some_and(|(last, _)| last.cmp(&key) != Ordering::Less) {
            return Err(checked.len());
        }
        checked.push((key, value));
    }
    Ok(checked)
}

impl Transaction<'_, ReadWrite> {
    /// Commits rows whose keys ascend, as all that this transaction does.
    pub(crate) fn load<K: Key, V: Value>(
        self,
        table: &Table<K, V>,
        rows: Vec<(K, V)>,
    ) -> Result<Commit, Error> {
        self.label("bulk load");
        let loaded = self.core.table(table);
        let hook = self.core.hook();
        rows.iter().for_each(|(key, _)| hook.write(table.name(), key, false));
        loaded.writes.load(rows);
        self.commit()
    }
}

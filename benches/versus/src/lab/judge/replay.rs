//! The certified transactions once more, one after the other.

use std::collections::BTreeMap;

use super::super::record::{Attempt, Cell};
use super::Violation;

/// Each must read what it read, in this order.
pub fn check(certified: &[&Attempt], order: &[usize]) -> Result<(), Violation> {
    let mut state: BTreeMap<Cell, u32> = BTreeMap::new();
    for place in order {
        let attempt = certified[*place];
        for (cell, seen) in &attempt.reads {
            if state.get(cell).copied() != *seen {
                let what = format!("would not read {seen:?} under {cell:?} in the serial order");
                return Err(Violation::because(attempt, what));
            }
        }
        for range in &attempt.ranges {
            let cells = state.range((range.table, range.from)..=(range.table, range.to));
            let rows = cells.map(|((_, key), writer)| (*key, *writer));
            let rows = rows.filter(|(key, _)| range.own.binary_search(key).is_err());
            if !rows.eq(range.rows.iter().copied()) {
                let what = format!("would not read {range:?} in the serial order");
                return Err(Violation::because(attempt, what));
            }
        }
        if attempt.c().is_some() {
            for cell in &attempt.writes {
                if attempt.removed.contains(cell) {
                    state.remove(cell);
                } else {
                    state.insert(*cell, attempt.number);
                }
            }
        }
    }
    Ok(())
}

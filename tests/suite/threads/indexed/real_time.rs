//! Real time: who began after a commit had returned has it in its first snapshot, but for
//! detached snapshots, which may lag.

use crate::oracle::history::{End, Ts};
use crate::threads::record::Record;

/// Checks all transactions, certified or not. Gives the first that began too low.
pub fn check(record: &Record) -> Result<(), String> {
    let txs = || record.history.txs.iter().zip(&record.moments);
    let mut returns: Vec<(u64, Ts)> =
        txs().filter_map(|(tx, moments)| Some((moments.returned, tx.c()?))).collect();
    returns.sort_unstable();
    let mut begins: Vec<(u64, usize)> =
        txs().enumerate().map(|(place, (_, moments))| (moments.called, place)).collect();
    begins.sort_unstable();
    let mut returns = returns.into_iter().peekable();
    let mut newest = 0;
    for (called, place) in begins {
        while let Some((_, c)) = returns.next_if(|(returned, _)| *returned < called) {
            newest = newest.max(c);
        }
        let tx = &record.history.txs[place];
        let may_lag = matches!(tx.end, End::Detached { .. });
        if tx.began < newest && !may_lag {
            let story = format!("#{} began at @{}, though @{newest} had returned", tx.id, tx.began);
            return Err(story);
        }
    }
    Ok(())
}

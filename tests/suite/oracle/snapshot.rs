//! Was every read right for its read timestamp, and did slides change nothing?

use super::history::{History, Op, Tx, Versions};
use super::rerun::Rerun;
use super::verdict::{FaultKind, Sighting, Verdict};

/// Checks every transaction, certified or not: nobody may see a torn snapshot.
pub fn check(history: &History, versions: &Versions, verdict: &mut Verdict) {
    for tx in &history.txs {
        if let Err(story) = reads(tx, versions) {
            verdict.accuse(FaultKind::WrongRead, format!("{}: {story}", tx.name));
        }
        for (place, op) in tx.ops.iter().enumerate() {
            if let Op::Slide { to } = *op {
                verdict.sight(Sighting::Slide);
                if let Err(story) = slide(tx, place, to, versions) {
                    verdict.accuse(FaultKind::IllegalSlide, format!("{}: {story}", tx.name));
                }
            }
        }
    }
}

/// Each read shows the snapshot at the read timestamp of its moment.
fn reads(tx: &Tx, versions: &Versions) -> Result<(), String> {
    let mut s = tx.began;
    let mut rerun = Rerun::new(versions.used());
    for op in &tx.ops {
        let state = |key| versions.visible(key, s);
        let step = match *op {
            Op::Peek { key, saw } => rerun.peek(key, saw, &state),
            _ => rerun.step(op, &state),
        };
        step.map_err(|story| format!("at @{s}, {story}"))?;
        if let Op::Slide { to } = *op {
            s = to;
        }
    }
    Ok(())
}

/// All that was observed before the slide is the same after it.
fn slide(tx: &Tx, place: usize, to: u64, versions: &Versions) -> Result<(), String> {
    let earlier = &tx.ops[..place];
    let from = earlier.iter().rev().find_map(|op| match op {
        Op::Slide { to } => Some(*to),
        _ => None,
    });
    let from = from.unwrap_or(tx.began);
    if to <= from {
        return Err(format!("slid from @{from} to @{to}"));
    }
    let mut rerun = Rerun::new(versions.used());
    for op in earlier {
        rerun
            .step(op, &|key| versions.visible(key, to))
            .map_err(|story| format!("slid from @{from} to @{to}, where {story}"))?;
    }
    Ok(())
}

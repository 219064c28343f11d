//! Were the reads and slides of a transaction right for its read timestamps?

use super::chains::Chains;
use crate::oracle::history::{Op, Ts, Tx};
use crate::oracle::rerun::Rerun;
use crate::oracle::{FaultKind, Verdict};

/// Checks a transaction, certified or not: nobody may see a torn snapshot. Every read
/// must show exactly the newest versions with c <= s at its moment, and, after each slide,
/// at the new s too.
pub fn check(tx: &Tx, chains: &Chains, verdict: &mut Verdict) {
    let mut s = tx.began;
    let mut rerun = Rerun::new(chains.used());
    let mut right = true;
    for (place, op) in tx.ops.iter().enumerate() {
        let state = |key| chains.visible(key, s);
        let step = match *op {
            _ if !right => Ok(()),
            Op::Peek { key, saw } => rerun.peek(key, saw, &state),
            _ => rerun.step(op, &state),
        };
        if let Err(story) = step {
            right = false;
            verdict.accuse(FaultKind::WrongRead, format!("#{}: at @{s}, {story}", tx.id));
        }
        if let Op::Slide { to } = *op {
            if let Err(story) = slide(tx, place, s, to, chains) {
                let story = format!("#{} slid from @{s} to @{to}: {story}", tx.id);
                verdict.accuse(FaultKind::IllegalSlide, story);
            }
            s = to;
        }
    }
}

/// All that was observed before the slide is the same after it.
fn slide(tx: &Tx, place: usize, from: Ts, to: Ts, chains: &Chains) -> Result<(), String> {
    if to <= from {
        return Err("that is not forward".to_owned());
    }
    let mut rerun = Rerun::new(chains.used());
    tx.ops[..place].iter().try_for_each(|op| rerun.step(op, &|key| chains.visible(key, to)))
}

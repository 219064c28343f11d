//! Judges by values alone, and knows nothing of how the engine decides.

use crate::history::{End, Operation, Record, State, change, left};

pub fn judge(records: &[Record], sliding: bool) {
    if !sliding {
        for record in records {
            assert!(
                after(record, &record.snapshot).is_some(),
                "a transaction saw something else than the state at its begin"
            );
        }
    }
    let certified: Vec<_> = records
        .iter()
        .filter(|record| matches!(record.end, End::Committed | End::CertifiedWithoutWrites))
        .collect();
    let mut placed = vec![false; certified.len()];
    assert!(
        has_serial_order(&certified, &mut placed, &State::new()),
        "no serial order explains what the certified transactions saw"
    );
    for record in records.iter().filter(|record| record.end == End::Refused) {
        assert!(
            records.iter().any(|other| overwrote(other, record)),
            "a transaction was refused although nothing that it saw was overwritten"
        );
    }
}

/// Whether those not yet placed can follow, in some order, on this state.
fn has_serial_order(records: &[&Record], placed: &mut [bool], state: &State) -> bool {
    if placed.iter().all(|placed| *placed) {
        return true;
    }
    for next in 0..records.len() {
        let must_wait = |other: usize| !placed[other] && records[other].ended < records[next].began;
        if placed[next] || (0..records.len()).any(must_wait) {
            continue;
        }
        let Some(state) = after(records[next], state) else { continue };
        placed[next] = true;
        if has_serial_order(records, placed, &state) {
            return true;
        }
        placed[next] = false;
    }
    false
}

/// The state that it leaves behind; none if it would have seen something else.
fn after(record: &Record, before: &State) -> Option<State> {
    let mut state = before.clone();
    let mut saved = Vec::new();
    for operation in &record.operations {
        match operation {
            Operation::Read { key, saw } if state.get(key) != saw.as_ref() => return None,
            Operation::Scan { scan, saw } if scan.rows(&state) != *saw => return None,
            Operation::Write { key, value } => change(&mut state, *key, *value),
            Operation::Save => saved.push(state.clone()),
            Operation::Undo => state.clone_from(saved.last()?),
            Operation::Read { .. } | Operation::Scan { .. } => {}
        }
    }
    Some(if record.end == End::Committed { state } else { before.clone() })
}

/// Whether `other` committed, after `record` began and before it ended, a write of a key
/// that `record` may have seen: one that it read, or any if it scanned.
fn overwrote(other: &Record, record: &Record) -> bool {
    let in_time = record.began < other.ended && other.ended < record.ended;
    let wrote = |wanted: Option<u8>| {
        left(other).iter().any(|(key, _)| wanted.is_none_or(|wanted| wanted == *key))
    };
    in_time
        && other.end == End::Committed
        && record.operations.iter().any(|operation| match operation {
            Operation::Read { key, .. } => wrote(Some(*key)),
            Operation::Scan { .. } => wrote(None),
            Operation::Write { .. } | Operation::Save | Operation::Undo => false,
        })
}

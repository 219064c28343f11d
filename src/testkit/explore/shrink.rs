//! From a failing schedule to a shorter one: fewer turns, then fewer switches.

/// How many schedules are tried to find a shorter one.
const MOST_TRIES: usize = 2_000;

/// Shorter is smaller: turns, then changes from one transaction to another.
pub(super) fn length(turns: &[usize]) -> (usize, usize) {
    (turns.len(), turns.windows(2).filter(|pair| pair[0] != pair[1]).count())
}

/// Moves turns next to others of the same transaction as long as it fails. `fails` runs a
/// schedule and returns the turns that it really took if it fails.
pub(super) fn shrink(
    mut best: Vec<usize>,
    mut fails: impl FnMut(Vec<usize>) -> Option<Vec<usize>>,
) -> Vec<usize> {
    let mut tries = 0;
    // Ends: each round but the last finds a shorter one.
    'again: loop {
        for candidate in neighbours(&best) {
            tries += 1;
            if tries > MOST_TRIES {
                return best;
            }
            if let Some(turns) = fails(candidate).filter(|turns| length(turns) < length(&best)) {
                best = turns;
                continue 'again;
            }
        }
        return best;
    }
}

/// Schedules of fewer switches that differ by the place of one block.
fn neighbours(turns: &[usize]) -> Vec<Vec<usize>> {
    let blocks: Vec<&[usize]> = turns.chunk_by(|one, other| one == other).collect();
    let mut found = Vec::new();
    for from in 0..blocks.len() {
        for to in 0..blocks.len() {
            let mut moved = blocks.clone();
            let block = moved.remove(from);
            moved.insert(to, block);
            let moved = moved.concat();
            if length(&moved) < length(turns) {
                found.push(moved);
            }
        }
    }
    // A part of a block, to the neighbouring block of the same transaction.
    for place in 0..turns.len() {
        let mut rest = turns.to_vec();
        let who = rest.remove(place);
        let next = rest[place..].iter().position(|other| *other == who).map(|ahead| place + ahead);
        let previous = rest[..place].iter().rposition(|other| *other == who);
        for target in [next, previous.map(|before| before + 1)].into_iter().flatten() {
            let mut moved = rest.clone();
            moved.insert(target, who);
            if length(&moved) < length(turns) {
                found.push(moved);
            }
        }
    }
    found.sort_by_key(|candidate| length(candidate));
    found.dedup();
    found
}

#[cfg(all(test, not(precedent_loom)))]
mod tests {
    use super::{length, shrink};

    #[test]
    fn a_schedule_shrinks_to_the_fewest_switches_that_still_fail() {
        // It fails if 1 comes between the first and the last turn of 0.
        let fails = |turns: Vec<usize>| {
            let first = turns.iter().position(|who| *who == 0)?;
            let last = turns.iter().rposition(|who| *who == 0)?;
            turns[first..last].contains(&1).then_some(turns)
        };
        let shrunk = shrink(vec![1, 0, 2, 0, 1, 2, 0, 1, 2, 0, 2], fails);
        assert_eq!(length(&shrunk), (11, 3), "{shrunk:?}");
    }
}

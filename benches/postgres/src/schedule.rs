//! A schedule: what each of a few transactions does, and whose turn it is. From a seed.

use std::collections::BTreeMap;
use std::fmt;

use crate::rng::Rng;

/// Between two keys there is room for rows that nobody ever touches.
pub const GAP: i64 = 100;

pub type Row = (i64, i64);

/// One operation. Keys are multiples of [`GAP`]; no two writes write the same value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Get(i64),
    /// Of the keys from here to there, so many of the first ones, or of the last ones.
    Range {
        from: i64,
        to: i64,
        most: i64,
        backwards: bool,
    },
    /// Those with a value of at least so much.
    Where {
        from: i64,
        to: i64,
        at_least: i64,
    },
    Put(i64, i64),
    /// Looks, and removes what is there.
    Remove(i64),
}

impl Step {
    pub fn writes(self) -> bool {
        matches!(self, Self::Put(..) | Self::Remove(_))
    }
}

/// A transaction.
#[derive(Clone, Debug)]
pub struct Program {
    pub steps: Vec<Step>,
    /// Whether it wants to commit in the end.
    pub commits: bool,
}

impl Program {
    pub fn is_read_only(&self) -> bool {
        !self.steps.iter().any(|step| step.writes())
    }
}

/// What a transaction does at one turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    Begin,
    Step(usize),
    End,
}

#[derive(Clone, Debug)]
pub struct Schedule {
    /// Whether every key stands on a page of the server's index of its own.
    pub spread: bool,
    pub initial: BTreeMap<i64, i64>,
    pub programs: Vec<Program>,
    /// Whose turn it is, as often as somebody has something to do.
    pub turns: Vec<usize>,
}

/// More than this nobody writes and nothing is there at first.
const MOST_INITIAL: i64 = 10;

impl Schedule {
    /// The number `index` of this seed.
    pub fn draw(seed: u64, index: u64) -> Self {
        let rng = &mut Rng::stream(seed, index);
        let keys = rng.between(2, 8) as i64;
        let present = rng.pick(&[40, 70, 100]);
        let initial = (1..=keys)
            .filter(|_| rng.chance(present))
            .map(|key| (key * GAP, key % MOST_INITIAL))
            .collect();
        let writes = rng.pick(&[20, 40, 60]);
        let ranges = rng.pick(&[0, 30, 60]);
        let longest = rng.between(2, 5);
        let mut value = MOST_INITIAL;
        let programs: Vec<_> = (0..rng.between(2, 6))
            .map(|_| {
                let writes = if rng.chance(15) { 0 } else { writes };
                let steps: Vec<_> = (0..rng.between(1, longest))
                    .map(|_| {
                        value += 1;
                        step(rng, keys, value, [writes, ranges])
                    })
                    .collect();
                Program { steps, commits: !rng.chance(4) }
            })
            .collect();
        let turns = turns(rng, &programs);
        Self { spread: index % 2 == 1, initial, programs, turns }
    }
}

fn step(rng: &mut Rng, keys: i64, value: i64, [writes, ranges]: [usize; 2]) -> Step {
    let key = |rng: &mut Rng| GAP * rng.between(1, keys as usize) as i64;
    let (from, to) = (key(rng), key(rng));
    if rng.chance(writes) {
        return if rng.chance(25) { Step::Remove(from) } else { Step::Put(from, value) };
    }
    if !rng.chance(ranges) {
        return Step::Get(from);
    }
    let (from, to) = (from.min(to), from.max(to));
    match rng.below(3) {
        0 => Step::Where { from, to, at_least: rng.pick(&[3, 11, 15]) },
        1 => Step::Range { from, to, most: 1, backwards: rng.chance(50) },
        _ => Step::Range { from, to, most: 100, backwards: false },
    }
}

/// Any interleaving; in some schedules everybody likes to stay at it for a while.
fn turns(rng: &mut Rng, programs: &[Program]) -> Vec<usize> {
    let mut left: Vec<usize> = programs.iter().map(|program| program.steps.len() + 2).collect();
    let stays = rng.pick(&[0, 0, 50]);
    let mut turns: Vec<usize> = Vec::new();
    loop {
        let open: Vec<usize> = (0..left.len()).filter(|tx| left[*tx] > 0).collect();
        if open.is_empty() {
            return turns;
        }
        let next = match turns.last() {
            Some(last) if left[*last] > 0 && rng.chance(stays) => *last,
            _ => rng.pick(&open),
        };
        left[next] -= 1;
        turns.push(next);
    }
}

/// What became of a turn, in the order in which it took effect.
#[derive(Clone, Copy, Debug)]
pub struct Event {
    pub tx: usize,
    pub action: Action,
}

/// The events with what they do, a line each.
pub struct Told<'s>(pub &'s Schedule, pub &'s [Event]);

impl fmt::Display for Told<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(schedule, order) = self;
        writeln!(f, "at first {:?}, spread: {}", schedule.initial, schedule.spread)?;
        for Event { tx, action } in *order {
            let program = &schedule.programs[*tx];
            match action {
                Action::Begin => writeln!(f, "  T{tx} begin")?,
                Action::Step(step) => writeln!(f, "  T{tx} {:?}", program.steps[*step])?,
                Action::End if program.commits => writeln!(f, "  T{tx} commit")?,
                Action::End => writeln!(f, "  T{tx} rollback")?,
            }
        }
        Ok(())
    }
}

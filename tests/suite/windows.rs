//! Long windows: many commits between a snapshot and its transaction's end.
//!
//! Then the engine asks its index, and looks at most commits in rows only. Here the answer is
//! known from the start: a transaction T observes something, many others write, one of them, U,
//! also reads a key that T writes at last. That is a cycle if and only if U changed what T
//! observed.

use std::collections::BTreeMap;
use std::fmt;

use precedent::{Database, Table, Transaction};

use crate::support::{Random, assert_explains, ignore, scaled};

/// Even keys are there from the start, with their own number as value.
const KEYS: u64 = 60;
/// What T writes.
const OWN: u64 = 1_000;
/// What others write for no purpose.
const NOISE: u64 = 2_000;

/// What T observes.
#[derive(Clone, Copy, Debug)]
enum Look {
    Key(u64),
    Range(u64, u64),
    /// The first rows of a range, and the last ones.
    Ends(u64, u64, usize, usize),
    /// Rows with a value that 3 divides.
    Where(u64, u64),
    /// Of those the first.
    FirstWhere(u64, u64),
    /// Of those the last.
    LastWhere(u64, u64),
    /// Of those the first and the last.
    EndsWhere(u64, u64),
}

impl Look {
    fn draw(random: &mut Random) -> Self {
        let bound = KEYS as usize;
        let (a, b) = (random.below(bound) as u64, random.below(bound) as u64);
        let (lower, upper) = (a.min(b), a.max(b));
        let (front, back) = (random.below(4), random.below(4));
        match random.below(7) {
            0 => Self::Key(a),
            1 => Self::Range(lower, upper),
            2 => Self::Ends(lower, upper, front, back),
            3 => Self::Where(lower, upper),
            4 => Self::FirstWhere(lower, upper),
            5 => Self::EndsWhere(lower, upper),
            _ => Self::LastWhere(lower, upper),
        }
    }

    fn at(self, tx: &Transaction<'_>, table: &Table<u64, u64>) {
        let threes = |_: &u64, value: &u64| value.is_multiple_of(3);
        match self {
            Self::Key(key) => ignore(tx.get(table, &key)),
            Self::Range(lower, upper) => ignore(tx.range(table, lower..=upper).count()),
            Self::Ends(lower, upper, front, back) => {
                let mut range = tx.range(table, lower..=upper);
                (0..front).for_each(|_| ignore(range.next()));
                (0..back).for_each(|_| ignore(range.next_back()));
            }
            Self::Where(lower, upper) => {
                ignore(tx.range_where(table, lower..=upper, threes).count());
            }
            Self::FirstWhere(lower, upper) => {
                ignore(tx.range_where(table, lower..=upper, threes).next());
            }
            Self::LastWhere(lower, upper) => {
                ignore(tx.range_where(table, lower..=upper, threes).next_back());
            }
            Self::EndsWhere(lower, upper) => {
                let mut range = tx.range_where(table, lower..=upper, threes);
                ignore((range.next(), range.next_back()));
            }
        }
    }

    /// A key at an end of it, or beside one.
    fn near(self, random: &mut Random) -> u64 {
        let (lower, upper) = match self {
            Self::Key(key) => return key,
            Self::Range(lower, upper)
            | Self::Ends(lower, upper, ..)
            | Self::Where(lower, upper)
            | Self::FirstWhere(lower, upper)
            | Self::LastWhere(lower, upper)
            | Self::EndsWhere(lower, upper) => (lower, upper),
        };
        [lower, upper][random.below(2)].saturating_add_signed(random.below(9) as i64 - 4)
    }

    /// Whether writing this (none: removing) changes what was seen of `rows`.
    fn is_changed(self, rows: &BTreeMap<u64, u64>, key: u64, value: Option<u64>) -> bool {
        let is_selected = |(_, value): &(&u64, &u64)| value.is_multiple_of(3);
        let matters = |lower: u64, upper: u64| {
            let was_selected = rows.get(&key).is_some_and(|value| value.is_multiple_of(3));
            (lower..=upper).contains(&key)
                && (was_selected || value.is_some_and(|value| value.is_multiple_of(3)))
        };
        match self {
            Self::Key(seen) => seen == key,
            Self::Range(lower, upper) => (lower..=upper).contains(&key),
            Self::Ends(lower, upper, front, back) => {
                let seen: Vec<u64> = rows.range(lower..=upper).map(|(key, _)| *key).collect();
                // Whoever asks for more than there is has seen that there is no more.
                let whole = front + back > seen.len();
                let first = front.checked_sub(1).map(|last| (lower, seen.get(last)));
                let last = back.checked_sub(1).map(|last| (seen.iter().rev().nth(last), upper));
                (lower..=upper).contains(&key)
                    && (whole
                        || first.is_some_and(|(_, to)| to.is_some_and(|to| key <= *to))
                        || last.is_some_and(|(from, _)| from.is_some_and(|from| key >= *from)))
            }
            Self::Where(lower, upper) => matters(lower, upper),
            Self::FirstWhere(lower, upper) => {
                let mut selected = rows.range(lower..=upper).filter(is_selected);
                matters(lower, selected.next().map_or(upper, |(key, _)| *key))
            }
            Self::LastWhere(lower, upper) => {
                let mut selected = rows.range(lower..=upper).filter(is_selected);
                matters(selected.next_back().map_or(lower, |(key, _)| *key), upper)
            }
            Self::EndsWhere(lower, upper) => {
                let mut selected = rows.range(lower..=upper).filter(is_selected);
                match (selected.next(), selected.next_back()) {
                    (Some((first, _)), Some((last, _))) => {
                        matters(lower, *first) || matters(*last, upper)
                    }
                    // It was asked for one more than there is.
                    _ => matters(lower, upper),
                }
            }
        }
    }
}

/// One case, for the message of a failure.
struct Case {
    look: Look,
    others: usize,
    place: usize,
    key: u64,
    value: Option<u64>,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { look, others, place, key, value } = self;
        write!(f, "T {look:?}; of {others} others number {place} writes {key}: {value:?}")
    }
}

impl Case {
    fn draw(random: &mut Random) -> Self {
        // Few are not worth asking the index, or not for everything.
        let most = [8, 8, 100, 700][random.below(4)];
        let others = 1 + random.below(most);
        let look = Look::draw(random);
        let anywhere = random.below(KEYS as usize) as u64;
        let key = if random.below(2) == 0 { look.near(random) } else { anywhere };
        let value = (random.below(3) > 0).then(|| random.below(9) as u64);
        Self { look, others, place: random.below(others), key, value }
    }

    /// Whether T is refused.
    fn run(&self) -> bool {
        let db = Database::builder().sliding(false).build();
        let table: Table<u64, u64> = db.table("t").expect("new");
        let rows = (0..KEYS).step_by(2).chain(OWN..=OWN).map(|key| (key, key));
        db.bulk_load(&table, rows).expect("empty");
        let tx = db.begin();
        self.look.at(&tx, &table);
        for other in 0..self.others {
            let committed = db.transact(|tx| {
                if other == self.place {
                    tx.get(&table, &OWN);
                    match self.value {
                        Some(value) => tx.insert(&table, self.key, value),
                        None => tx.remove(&table, &self.key),
                    }
                } else {
                    // Beyond what T observes, on both sides of it by turns.
                    tx.insert(&table, NOISE + other as u64 % 50, 0);
                }
                Ok(())
            });
            committed.expect("alone");
        }
        tx.insert(&table, OWN, 0);
        let ended = tx.commit();
        if let Err(error) = &ended {
            assert_explains(error);
        }
        ended.is_err()
    }
}

/// Attacks `Changes` and the rows of signatures.
#[test]
fn what_the_index_knows_is_what_the_log_says() {
    let mut random = Random::new(7);
    let (mut refused, cases) = (0, scaled(100_000));
    let rows: BTreeMap<u64, u64> = (0..KEYS).step_by(2).map(|key| (key, key)).collect();
    for _ in 0..cases {
        let case = Case::draw(&mut random);
        let expected = case.look.is_changed(&rows, case.key, case.value);
        assert_eq!(case.run(), expected, "{case}");
        refused += usize::from(expected);
    }
    assert!(refused * 10 > cases && refused * 2 < cases, "{refused} of {cases} are refused");
}

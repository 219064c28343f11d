//! Variations on the scripts: a few steps changed, swapped, added or dropped.
//!
//! Most of what is subtle lies near a known story, not in the open.

use std::sync::OnceLock;

use super::random::Palette;
use super::rng::Rng;
use super::scripts::SCRIPTS;
use super::step::{Act, Pulls, Schedule, Span, Step};
use super::text::parse;
use crate::oracle::{Classes, Key};

/// A script with one to six changes.
pub fn schedule(rng: &mut Rng) -> Schedule {
    static PARSED: OnceLock<Vec<Schedule>> = OnceLock::new();
    let scripts = PARSED.get_or_init(|| {
        let parsed =
            SCRIPTS.iter().map(|script| parse(script.text).expect("scripts are well formed"));
        parsed.map(|script| script.schedule).collect()
    });
    let mut schedule = scripts[rng.below(scripts.len())].clone();
    if rng.chance(30) {
        let other = &scripts[rng.below(scripts.len())];
        graft(rng, &mut schedule, other);
    }
    let palette = Palette::draw(rng);
    for _ in 0..rng.between(1, 6) {
        vary(rng, &palette, &mut schedule);
    }
    schedule
}

/// Mixes a second script in, as transactions of its own over the same keys.
fn graft(rng: &mut Rng, schedule: &mut Schedule, other: &Schedule) {
    let shift = schedule.numbers().into_iter().max().map_or(0, |highest| highest + 1);
    let snap_shift = schedule.snapshots().into_iter().max().map_or(0, |highest| highest + 1);
    let mut rest = schedule.steps.drain(..).collect::<Vec<_>>().into_iter().peekable();
    let mut grafted = other.steps.iter().peekable();
    while rest.peek().is_some() || grafted.peek().is_some() {
        if grafted.peek().is_none() || rest.peek().is_some() && rng.chance(50) {
            schedule.steps.extend(rest.next());
        } else {
            schedule.steps.extend(grafted.next().map(|step| match *step {
                Step::Tx(tx, act) => Step::Tx(tx + shift, act),
                Step::Snap(number, snap) => Step::Snap(number + snap_shift, snap),
                other => other,
            }));
        }
    }
    for row in &other.initial {
        if !schedule.initial.iter().any(|(key, _)| *key == row.0) {
            schedule.initial.push(*row);
        }
    }
}

fn vary(rng: &mut Rng, palette: &Palette, schedule: &mut Schedule) {
    let at = rng.below(schedule.steps.len());
    match rng.below(12) {
        0..4 => swap_forward(schedule, at),
        4..7 => replace(rng, &mut schedule.steps[at]),
        7..9 => {
            let tx = rng.pick(&schedule.numbers());
            let act = palette.act(rng, false);
            schedule.steps.insert(at, Step::Tx(tx, act));
        }
        9 if rng.chance(50) => schedule.steps.insert(at, Step::Collect),
        9 => {
            let tx = rng.pick(&schedule.numbers());
            let later = rng.between(at, schedule.steps.len());
            schedule.steps.insert(later, Step::Tx(tx, Act::RollbackTo(0)));
            schedule.steps.insert(at, Step::Tx(tx, Act::Savepoint));
        }
        10 if rng.chance(30) => schedule.steps.insert(at, Step::Load(palette.span(rng))),
        10 => schedule.steps.insert(at, Step::Unrelated),
        _ => drop(schedule.steps.remove(at)),
    }
    if schedule.steps.is_empty() {
        schedule.steps.push(Step::Collect);
    }
}

/// Moves a step one place on, past a step of somebody else.
fn swap_forward(schedule: &mut Schedule, at: usize) {
    let Some(pair) = schedule.steps.get_mut(at..at + 2) else { return };
    let same = matches!(pair, [Step::Tx(one, _), Step::Tx(other, _)] if one == other);
    if !same {
        pair.swap(0, 1);
    }
}

/// Does the same in another way, or something like it.
fn replace(rng: &mut Rng, step: &mut Step) {
    let Step::Tx(_, act) = step else { return };
    let around = |key: Key| {
        let next = Key::new(if key.place() % 32 == 31 { key.place() } else { key.place() + 1 });
        Span::closed(key, next)
    };
    let pulls = rng.pick(&[Pulls::ALL, Pulls::REVERSE, Pulls::first(1), Pulls::last(1)]);
    let accepts = Some(Classes::from_bits(rng.between(1, 3) as u64));
    *act = match *act {
        Act::Get(key) | Act::Has(key) => rng.pick(&[
            Act::Get(key),
            Act::Has(key),
            Act::Scan { span: around(key), accepts: None, pulls },
            Act::Scan { span: around(key), accepts, pulls },
            Act::IsEmpty(around(key)),
            Act::Update(key, 1),
        ]),
        Act::Scan { span, accepts: None, .. } => rng.pick(&[
            Act::Scan { span, accepts: None, pulls },
            Act::Scan { span, accepts, pulls },
            Act::Count(span),
        ]),
        Act::Insert(key, class) => rng.pick(&[
            Act::Insert(key, 1 - class.min(1)),
            Act::Remove(key),
            Act::Replace(key, class),
            Act::InsertIfAbsent(key, class),
            Act::Take(key),
        ]),
        Act::Remove(key) => {
            rng.pick(&[Act::Insert(key, 1), Act::Take(key), Act::RemoveRange(around(key))])
        }
        Act::Commit => rng.pick(&[Act::Commit, Act::Err, Act::Err, Act::Rollback]),
        Act::Err => Act::Commit,
        Act::Begin { read_only } => Act::Begin { read_only: !read_only },
        other => other,
    };
}

//! Detached snapshots, strewn into schedules that are drawn without them.

use super::rng::Rng;
use super::step::{Act, Moment, Pulls, Rest, Schedule, Snap, Span, Step};
use crate::oracle::Key;

/// The most snapshots that are strewn in.
const MOST: usize = 3;

/// Makes snapshots of some read-only transactions, and adds a few of its own.
pub fn sprinkle(rng: &mut Rng, schedule: &mut Schedule) {
    let mut next = schedule.snapshots().into_iter().max().map_or(0, |highest| highest + 1);
    if rng.chance(50) {
        for number in read_only(schedule) {
            if rng.chance(50) {
                detach(rng, schedule, number, next);
                next += 1;
            }
        }
    }
    let keys = keys(schedule);
    let own = if next == 0 { rng.between(1, MOST) } else { rng.below(MOST) };
    for number in next..next + own as u8 {
        let program = program(rng, &keys, next + own as u8);
        merge(rng, schedule, program.into_iter().map(|snap| Step::Snap(number, snap)));
    }
}

fn read_only(schedule: &Schedule) -> Vec<u8> {
    let begins = schedule.steps.iter().filter_map(|step| match step {
        Step::Tx(tx, Act::Begin { read_only: true }) => Some(*tx),
        _ => None,
    });
    begins.collect()
}

/// What a read-only transaction does becomes what a snapshot does.
fn detach(rng: &mut Rng, schedule: &mut Schedule, tx: u8, number: u8) {
    let take = rng.pick(&[
        Snap::Safe,
        Snap::Safe,
        Snap::Pin,
        Snap::At(Moment::Ago(0)),
        Snap::At(Moment::Ago(0)),
        Snap::At(Moment::Ago(1)),
    ]);
    let ask = rng.chance(50);
    let steps = std::mem::take(&mut schedule.steps).into_iter();
    schedule.steps = steps
        .flat_map(|step| {
            match step {
                Step::Tx(of, Act::Begin { .. }) if of == tx => vec![take],
                Step::Tx(of, act) if of == tx && act.is_end() => match ask {
                    true => vec![Snap::IsSafe, Snap::Drop],
                    false => vec![Snap::Drop],
                },
                Step::Tx(of, act) if of == tx && act.is_look() => vec![Snap::Look(act)],
                Step::Tx(of, _) if of == tx => Vec::new(),
                other => return vec![other],
            }
            .into_iter()
            .map(|snap| Step::Snap(number, snap))
            .collect()
        })
        .collect();
}

/// What happens to one snapshot, from the first handle to the last.
fn program(rng: &mut Rng, keys: &[Key], snapshots: u8) -> Vec<Snap> {
    let mut snaps = vec![match rng.below(20) {
        0..7 => Snap::Safe,
        7..10 => Snap::Pin,
        10..14 => Snap::At(Moment::Ago(0)),
        14..17 => Snap::At(Moment::Ago(rng.between(1, 4) as u8)),
        17 => Snap::At(Moment::Of(rng.below(usize::from(snapshots)) as u8)),
        18 => Snap::At(Moment::Zero),
        _ => Snap::At(Moment::Ahead(rng.between(1, 2) as u8)),
    }];
    for _ in 0..rng.between(1, 5) {
        match rng.below(12) {
            0..7 => snaps.push(Snap::Look(look(rng, keys))),
            7..9 => snaps.push(Snap::IsSafe),
            9 => snaps.push(Snap::Hold(span(rng, keys))),
            10 => snaps.push(Snap::LetGo),
            _ => snaps.extend([Snap::Clone, Snap::Drop]),
        }
    }
    if rng.chance(70) {
        snaps.push(Snap::Drop);
    }
    snaps
}

fn look(rng: &mut Rng, keys: &[Key]) -> Act {
    let key = rng.pick(keys);
    match rng.below(12) {
        0..3 => Act::Get(key),
        3 => Act::Has(key),
        4 => rng.pick(&[Act::First, Act::Last]),
        5 => Act::Count(span(rng, keys)),
        6 => Act::IsEmpty(span(rng, keys)),
        7..10 => Act::Scan { span: Span::ALL, accepts: None, pulls: Pulls::ALL },
        _ => {
            let pulls = rng.pick(&[
                Pulls::ALL,
                Pulls::REVERSE,
                Pulls::first(1),
                Pulls { front: 1, back: 1, rest: Rest::Dropped },
            ]);
            Act::Scan { span: span(rng, keys), accepts: None, pulls }
        }
    }
}

fn span(rng: &mut Rng, keys: &[Key]) -> Span {
    let (one, other) = (rng.pick(keys), rng.pick(keys));
    if rng.chance(30) || one.place() / 32 != other.place() / 32 {
        return Span::ALL;
    }
    Span::closed(one.min(other), one.max(other))
}

/// The keys that a schedule names.
fn keys(schedule: &Schedule) -> Vec<Key> {
    let named = schedule.steps.iter().filter_map(|step| match step {
        Step::Tx(_, act) => key_of(*act),
        _ => None,
    });
    let mut keys: Vec<Key> = schedule.initial.iter().map(|(key, _)| *key).chain(named).collect();
    keys.sort_unstable();
    keys.dedup();
    if keys.is_empty() { vec![Key::new(0)] } else { keys }
}

fn key_of(act: Act) -> Option<Key> {
    use Act::{Get, GetOrInsert, Has, Insert, InsertIfAbsent, Remove, Replace, Take, Update};
    match act {
        Get(key) | Has(key) | Insert(key, _) | Remove(key) | Replace(key, _) | Take(key) => {
            Some(key)
        }
        InsertIfAbsent(key, _) | Update(key, _) | GetOrInsert(key, _) => Some(key),
        _ => None,
    }
}

/// Puts steps in anywhere, in their order.
fn merge(rng: &mut Rng, schedule: &mut Schedule, steps: impl Iterator<Item = Step>) {
    let mut at = rng.below(schedule.steps.len() + 1);
    for step in steps {
        schedule.steps.insert(at, step);
        at += 1 + rng.below(schedule.steps.len() - at).min(rng.below(6));
    }
}

//! Makes a failing schedule small.

use super::driver::run_and_judge;
use super::step::{Act, Mode, Moment, Pulls, Schedule, Snap, Step};
use crate::oracle::FaultKind;

/// The most schedules that are tried on the way.
const MOST_TRIES: usize = 20_000;

/// The smallest schedule found that still fails in the same way, and its mode.
pub fn shrink(schedule: &Schedule, mode: Mode, kind: FaultKind) -> (Schedule, Mode) {
    let fails = |schedule: &Schedule, mode: Mode| run_and_judge(schedule, mode).finds(kind);
    let mut mode = mode;
    let calmer = Mode { collecting: false, ..mode };
    if mode.collecting && fails(schedule, calmer) {
        mode = calmer;
    }
    (shrink_by(schedule, |schedule| fails(schedule, mode)), mode)
}

/// The smallest schedule found for which `fails` still holds.
pub fn shrink_by(schedule: &Schedule, fails: impl Fn(&Schedule) -> bool) -> Schedule {
    let mut best = schedule.clone();
    let mut tries = 0;
    loop {
        let smaller = candidates(&best).find(|candidate| {
            tries += 1;
            tries <= MOST_TRIES && fails(candidate)
        });
        match smaller {
            Some(smaller) => best = smaller,
            None => return best,
        }
    }
}

/// Schedules that are a little smaller, the boldest first.
fn candidates(schedule: &Schedule) -> impl Iterator<Item = Schedule> + '_ {
    let without_tx = schedule
        .numbers()
        .into_iter()
        .map(|number| keep(schedule, |_, step| !matches!(step, Step::Tx(tx, _) if *tx == number)));
    let without_snapshot = schedule
        .snapshots()
        .into_iter()
        .map(|number| keep(schedule, |_, step| !matches!(step, Step::Snap(n, _) if *n == number)));
    let halves = [4, 2].into_iter().flat_map(move |parts| {
        let size = schedule.steps.len() / parts;
        let starts = if size > 1 { parts } else { 0 };
        (0..starts).map(move |part| keep(schedule, |at, _| at / size != part))
    });
    let without_step = (0..schedule.steps.len()).map(|gone| keep(schedule, |at, _| at != gone));
    let without_row = (0..schedule.initial.len()).map(|gone| {
        let mut smaller = schedule.clone();
        smaller.initial.remove(gone);
        smaller
    });
    let simpler = (0..schedule.steps.len()).flat_map(move |at| {
        simpler(schedule.steps[at]).into_iter().map(move |step| {
            let mut simpler = schedule.clone();
            simpler.steps[at] = step;
            simpler
        })
    });
    without_tx
        .chain(without_snapshot)
        .chain(halves)
        .chain(without_step)
        .chain(without_row)
        .chain(simpler)
}

fn keep(schedule: &Schedule, wanted: impl Fn(usize, &Step) -> bool) -> Schedule {
    let steps = schedule.steps.iter().enumerate().filter(|(at, step)| wanted(*at, step));
    Schedule { initial: schedule.initial.clone(), steps: steps.map(|(_, step)| *step).collect() }
}

/// The step in a plainer form, if it has one. Each form is plainer than the one before, so
/// that this ends.
fn simpler(step: Step) -> Vec<Step> {
    match step {
        Step::Tx(tx, act) => simpler_acts(act).into_iter().map(|act| Step::Tx(tx, act)).collect(),
        Step::Snap(number, snap) => {
            simpler_snaps(snap).into_iter().map(|snap| Step::Snap(number, snap)).collect()
        }
        _ => Vec::new(),
    }
}

fn simpler_snaps(snap: Snap) -> Vec<Snap> {
    match snap {
        Snap::Look(act) => {
            let looks = simpler_acts(act).into_iter().filter(|act| act.is_look());
            looks.map(Snap::Look).collect()
        }
        Snap::Pin => vec![Snap::Safe],
        Snap::At(Moment::Ago(ago)) if ago > 0 => vec![Snap::At(Moment::Ago(ago - 1))],
        Snap::At(Moment::Of(_)) => vec![Snap::At(Moment::Ago(1)), Snap::At(Moment::Ago(0))],
        Snap::At(Moment::Ahead(ahead)) if ahead > 1 => vec![Snap::At(Moment::Ahead(1))],
        _ => Vec::new(),
    }
}

fn simpler_acts(act: Act) -> Vec<Act> {
    match act {
        Act::Scan { span, accepts: Some(_), pulls } => {
            vec![Act::Scan { span, accepts: None, pulls }]
        }
        Act::Scan { span, accepts: None, pulls } if pulls != Pulls::ALL => {
            vec![Act::Scan { span, accepts: None, pulls: Pulls::ALL }]
        }
        Act::Scan { span, accepts: None, .. } | Act::Count(span) | Act::IsEmpty(span) => {
            span.within().iter().take(4).map(Act::Get).collect()
        }
        Act::Has(key) => vec![Act::Get(key)],
        Act::Replace(key, class)
        | Act::GetOrInsert(key, class)
        | Act::InsertIfAbsent(key, class) => {
            vec![Act::Insert(key, class), Act::Get(key)]
        }
        Act::Update(key, class) => vec![Act::Insert(key, class), Act::Get(key)],
        Act::RemoveRange(span) => {
            let keys = span.within().iter().take(4);
            [Act::Count(span)].into_iter().chain(keys.map(Act::Remove)).collect()
        }
        Act::Take(key) => vec![Act::Remove(key), Act::Get(key)],
        Act::Insert(key, class) if class > 0 => vec![Act::Insert(key, 0)],
        Act::RollbackTo(depth) if depth > 0 => vec![Act::RollbackTo(0)],
        Act::Release(depth) if depth > 0 => vec![Act::Release(0)],
        Act::Err => vec![Act::Commit],
        Act::Begin { read_only: true } => vec![Act::Begin { read_only: false }],
        _ => Vec::new(),
    }
}

#[test]
fn a_failure_shrinks_to_the_steps_that_it_needs() {
    let text = "{a b} b0 b1 r0[a..c] u w1[b] gc r1[b] w0[a] b2 w2[c] c2 c1 c0";
    let schedule = super::text::parse(text).unwrap().schedule;
    let fails = |schedule: &Schedule| {
        let text = schedule.to_string();
        text.contains("b1") && text.contains("w1[b]") && text.contains("c1")
    };
    assert_eq!(shrink_by(&schedule, fails).to_string(), "b1 w1[b] c1");
}

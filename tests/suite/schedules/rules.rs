//! The other rules of certification: right under the same schedules, and how they compare.

use precedent::Certifier;

use super::campaign::run as campaign;
use super::driver::{run, run_and_judge};
use super::full::{conclude, drawn, drawn_schedules, percent, seed};
use super::rng::Rng;
use super::step::{Mode, Schedule, Step};
use super::tally::{Tally, scaled};
use super::text::parse;
use crate::oracle::{End, FaultKind, History, Keys, Tx};
use crate::support::summary;

/// How many schedules a full run judges under each rule, and again with a folded log.
const PER_RULE: u64 = 500_000;
/// How many of them it runs under every rule, to compare whom they let through.
const COMPARED: u64 = 200_000;

fn serializable() -> impl Iterator<Item = Certifier> {
    Certifier::ALL.iter().copied().filter(|rule| rule.is_serializable())
}

/// Short histories, and who is refused by which rule: `Exact`, `Position`, `Backward`,
/// `Pivot`, `FirstCommitterWins`. Snapshots stay.
const STORIES: [(&str, &str, [&[u8]; 5]); 10] = [
    ("write skew", "b0 b1 r0[a] r1[b] w0[b] w1[a] c0 c1", [&[1], &[1], &[1], &[1], &[]]),
    ("lost update", "{a} b0 b1 r0[a] r1[a] w0[a] w1[a] c0 c1", [&[1], &[1], &[1], &[1], &[1]]),
    ("blind writes", "b0 b1 w0[a] w1[a] c0 c1", [&[], &[], &[], &[1], &[1]]),
    ("read around one", "b0 r0[a] b1 w1[a] c1 w0[b] c0", [&[], &[], &[0], &[], &[]]),
    (
        "two in a row, the last one first",
        "b0 b1 r0[b] w0[c] r1[a] w1[b] b2 w2[a] c2 c1 c0",
        [&[], &[], &[1], &[0], &[]],
    ),
    (
        "two in a row, the first one first",
        "b0 b1 b2 r0[b] w0[c] r1[a] w1[b] w2[a] c0 c2 c1",
        [&[], &[], &[1], &[], &[]],
    ),
    (
        "no cycle, but no place either",
        "b0 b1 b2 r0[a] w0[b] w1[a] r2[b] w2[c] c1 c2 c0",
        [&[], &[0], &[0], &[0], &[]],
    ),
    (
        "the past through a commit in between",
        "b1 b2 r1[b] w2[b] c2 b0 r0[a] w1[a] c1 w0[c] c0",
        [&[0], &[0], &[1], &[0], &[]],
    ),
    (
        "the read-only anomaly",
        "{a b} b1 r1[a] r1[b] b2 r2[b] w2[b] c2 b3ro r3[a] r3[b] c3 w1[a] c1",
        [&[1], &[1], &[1], &[1], &[]],
    ),
    ("a phantom", "b0 b1 r0[a..c] r1[a..c] w0[a] w1[b] c0 c1", [&[1], &[1], &[1], &[1], &[]]),
];

#[test]
fn each_rule_refuses_whom_it_says() {
    let mut trouble = Vec::new();
    for (name, text, refused) in STORIES {
        let schedule = parse(text).unwrap().schedule;
        for (certifier, expected) in Certifier::ALL.iter().copied().zip(refused) {
            let mode = Mode { certifier, ..Mode::roomy(false, false) };
            let refused = run(&schedule, mode).refused();
            if refused != expected {
                trouble.push(format!("{name}, {certifier}: refused {refused:?}"));
            }
            let faults = run_and_judge(&schedule, mode).faults;
            if certifier.is_serializable() && !faults.is_empty() {
                trouble.push(format!("{name}, {certifier}: {faults:?}"));
            }
        }
    }
    assert!(trouble.is_empty(), "{}", trouble.join("\n"));
}

/// Nobody is certified who closes a cycle; some are refused who would not have.
fn judged(certifier: Certifier, title: &str, bounds: Mode) -> Tally {
    let tally = drawn_schedules(PER_RULE, Mode { certifier, ..bounds });
    conclude(&format!("{certifier}, {title}"), &tally, "");
    let floor = scaled(PER_RULE / 20, percent());
    assert!(tally.aborts >= floor, "{certifier} refuses too few: {}", tally.aborts);
    tally
}

#[test]
fn every_serializable_rule_lets_no_cycle_through() {
    for certifier in serializable() {
        let tally = judged(certifier, "random and directed schedules", Mode::roomy(true, false));
        let exact = certifier == Certifier::Exact;
        assert_eq!(tally.suspected > 0, !exact, "{certifier}: {} suspected", tally.suspected);
        assert_eq!(tally.unfounded > 0, !exact, "{certifier}: {} unfounded", tally.unfounded);
    }
}

#[test]
fn every_serializable_rule_lets_no_cycle_through_when_the_log_is_folded() {
    for certifier in serializable() {
        let bounds = Mode { folding: true, ..Mode::roomy(true, true) };
        judged(certifier, "random and directed schedules, folded", bounds);
    }
}

/// Whether nobody was refused.
fn lets_through_whole(certifier: Certifier, schedule: &Schedule) -> bool {
    let history = run(schedule, Mode { certifier, ..Mode::roomy(false, false) }).history;
    !history.txs.iter().any(|tx| matches!(tx.end, End::Aborted { .. }))
}

/// What one rule lets through whole, another does, too. Any sound rule is narrower than the
/// exact one: a history without a cycle has none in any part of it. Where nobody reads around
/// anybody, everybody's place is its own commit. And where nobody reads around somebody who
/// did, and nobody writes what a concurrent one wrote, a place is the commit that was read
/// around first, and those who come before have smaller ones.
const NARROWER: [(Certifier, Certifier); 4] = [
    (Certifier::Position, Certifier::Exact),
    (Certifier::Backward, Certifier::Position),
    (Certifier::Pivot, Certifier::Position),
    (Certifier::Pivot, Certifier::FirstCommitterWins),
];

#[test]
fn what_a_narrower_rule_lets_through_whole_a_wider_one_does_too() {
    let count = scaled(COMPARED, percent()) as usize;
    let differ = [const { std::sync::atomic::AtomicU64::new(0) }; NARROWER.len()];
    campaign(count, |job, _| {
        let (_, schedule) = drawn(&mut Rng::stream(seed(), job as u64));
        for ((narrow, wide), differ) in NARROWER.into_iter().zip(&differ) {
            let through = [narrow, wide].map(|rule| lets_through_whole(rule, &schedule));
            assert_ne!(through, [true, false], "{narrow} lets through, {wide} not: {schedule}");
            let only_wide = u64::from(through == [false, true]);
            differ.fetch_add(only_wide, std::sync::atomic::Ordering::Relaxed);
        }
    });
    for ((narrow, wide), differ) in NARROWER.into_iter().zip(differ) {
        let differ = differ.into_inner();
        summary(&format!("{differ} of {count} schedules pass whole by {wide}, not by {narrow}"));
        assert!(differ > 0, "{narrow} and {wide} never differ");
    }
}

/// Two committed writers of a key, neither of whom sees the other.
fn unseen_writers(history: &History) -> Option<(&Tx, &Tx)> {
    let keys = |tx: &Tx| tx.left().into_iter().map(|(key, _)| key).collect::<Keys>();
    let committed = || history.txs.iter().filter_map(|tx| Some((tx, tx.c()?)));
    committed().find_map(|(first, c)| {
        let later = committed().find(|(second, d)| {
            c < *d && c > second.s() && !(keys(first) & keys(second)).is_empty()
        });
        later.map(|(second, _)| (first, second))
    })
}

#[test]
fn first_committer_wins_lets_cycles_through_and_no_two_writers() {
    let certifier = Certifier::FirstCommitterWins;
    let count = scaled(PER_RULE, percent()) as usize;
    let cycles = std::sync::atomic::AtomicU64::new(0);
    campaign(count, |job, _| {
        let mut rng = Rng::stream(seed(), job as u64);
        let (_, mut schedule) = drawn(&mut rng);
        // There is no serial order in which a snapshot could have a place.
        schedule.steps.retain(|step| !matches!(step, Step::Snap(..)));
        let mode = Mode { certifier, ..Mode::roomy(rng.chance(50), rng.chance(50)) };
        let pair = unseen_writers(&run(&schedule, mode).history).map(|(a, b)| (a.name, b.name));
        assert_eq!(pair, None, "{schedule}");
        let faults = run_and_judge(&schedule, mode).faults;
        let missed =
            |kind| faults.iter().any(|fault| (fault.kind == FaultKind::MissedCycle) == kind);
        assert!(!missed(false), "{schedule}: {faults:?}");
        cycles.fetch_add(u64::from(missed(true)), std::sync::atomic::Ordering::Relaxed);
    });
    let cycles = cycles.into_inner();
    summary(&format!("{certifier}: a cycle in {cycles} of {count} schedules"));
    let floor = scaled(PER_RULE / 50, percent());
    assert!(cycles >= floor, "the oracle found only {cycles}, at least {floor} wanted");
}

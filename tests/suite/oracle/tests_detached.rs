//! What the judge thinks of detached snapshots.

use super::hand::{Draft, at, history};
use super::history::Ts;
use super::{Asked, FaultKind, History, Limits, Question, Sighting, judge};

/// The second one read around the first: a snapshot between them sees what no order has.
fn around() -> Vec<Draft> {
    vec![at(0).writes('a').commits(1), at(0).misses('a').writes('b').commits(2)]
}

fn with(snapshot: Draft) -> History {
    history(&[around(), vec![snapshot]].concat())
}

/// That history, in which these questions were asked when all had ended, but for writers.
fn asked(limits: Limits, questions: &[(&[Ts], Question)]) -> History {
    let mut history = history(&around());
    history.limits = limits;
    history.asked = questions
        .iter()
        .map(|(writers, question)| Asked {
            newest: 2,
            writers: writers.to_vec(),
            question: *question,
        })
        .collect();
    history
}

const ROOMY: Limits = Limits { retained: 100, blurred: false };
const NARROW: Limits = Limits { retained: 0, blurred: false };
const BLURRED: Limits = Limits { retained: 100, blurred: true };

fn newest(answer: Ts) -> Question {
    Question::Newest { answer }
}

fn told(asked: Ts, kept: bool, given: bool) -> Question {
    Question::At { asked, kept, given }
}

#[test]
fn a_snapshot_that_is_called_safe_may_close_no_cycle() {
    let verdict = judge(&with(at(1).reads('a', 1).misses('b').detached(true)));
    assert!(verdict.finds(FaultKind::UnsafeSnapshot), "{:?}", verdict.faults);
}

#[test]
fn a_snapshot_that_is_not_called_safe_may_close_a_cycle() {
    let verdict = judge(&with(at(1).reads('a', 1).misses('b').detached(false)));
    assert!(verdict.faults.is_empty(), "{:?}", verdict.faults);
    assert!(verdict.shows(Sighting::UnsafeCycle));
}

#[test]
fn a_snapshot_that_did_not_look_is_part_of_no_cycle() {
    for place in [at(1).reads('a', 1), at(0).misses('a').misses('b'), at(2).reads('b', 2)] {
        let verdict = judge(&with(place.detached(true)));
        assert!(verdict.faults.is_empty(), "{:?}", verdict.faults);
    }
}

#[test]
fn a_commit_after_it_can_make_a_snapshot_part_of_a_cycle() {
    let drafts = [
        at(0).writes('a').commits(1),
        at(1).reads('a', 1).misses('b').detached(true),
        at(0).misses('a').writes('b').commits(2),
    ];
    assert!(judge(&history(&drafts)).finds(FaultKind::UnsafeSnapshot));
}

#[test]
fn even_a_snapshot_that_is_not_called_safe_shows_one_state() {
    let verdict = judge(&with(at(1).misses('a').detached(false)));
    assert!(verdict.finds(FaultKind::WrongRead));
}

#[test]
fn the_newest_safe_timestamp_follows_from_writers_and_dangers() {
    for (writers, answer) in [(&[] as &[Ts], 2), (&[2], 2), (&[1], 0), (&[0], 0), (&[2, 0], 0)] {
        for wrong in 0..=2 {
            let verdict = judge(&asked(ROOMY, &[(writers, newest(wrong))]));
            let found = verdict.finds(FaultKind::WrongTimestamp);
            assert_eq!(found, wrong != answer, "@{wrong} beside {writers:?}");
        }
    }
}

#[test]
fn what_may_be_gone_need_not_be_offered() {
    assert!(judge(&asked(NARROW, &[(&[1], newest(0))])).faults.is_empty());
    assert!(judge(&asked(NARROW, &[(&[], newest(0))])).finds(FaultKind::WrongTimestamp));
    assert!(judge(&asked(NARROW, &[(&[1], newest(1))])).finds(FaultKind::WrongTimestamp));
}

#[test]
fn the_newest_safe_timestamp_never_goes_back() {
    let verdict = judge(&asked(NARROW, &[(&[], newest(2)), (&[1], newest(0))]));
    assert!(verdict.finds(FaultKind::WrongTimestamp));
    let verdict = judge(&asked(NARROW, &[(&[], Question::Collected), (&[1], newest(0))]));
    assert!(verdict.finds(FaultKind::WrongTimestamp));
}

#[test]
fn where_a_writer_reads_a_safe_snapshot_can_be_taken_after_a_collection() {
    let later = |writers: &'static [Ts], answer| {
        let questions = [(writers, Question::Collected), (writers, newest(answer))];
        judge(&asked(NARROW, &questions)).finds(FaultKind::WrongTimestamp)
    };
    assert!(!later(&[2], 2) && later(&[2], 0));
    // Not if that is in danger: then what lies below it may be gone.
    assert!(!later(&[1], 0));
}

#[test]
fn a_timestamp_is_called_safe_exactly_if_it_is() {
    let safe = |at, answer| Question::Safe { at, answer };
    for (at, truth) in [(0, true), (1, false), (2, true)] {
        for answer in [false, true] {
            let verdict = judge(&asked(ROOMY, &[(&[], safe(at, answer))]));
            assert_eq!(verdict.finds(FaultKind::UnsafeSnapshot), answer != truth, "@{at}");
        }
    }
    assert!(judge(&asked(ROOMY, &[(&[0], safe(2, true))])).finds(FaultKind::UnsafeSnapshot));
    // Where dangers may be merged, fewer are known to be.
    assert!(judge(&asked(BLURRED, &[(&[], safe(2, false))])).faults.is_empty());
    assert!(judge(&asked(BLURRED, &[(&[], safe(1, true))])).finds(FaultKind::UnsafeSnapshot));
}

#[test]
fn a_timestamp_can_be_told_if_it_is_kept_or_cannot_be_gone() {
    let wrong = |limits, writers: &[Ts], question| {
        judge(&asked(limits, &[(writers, question)])).finds(FaultKind::WrongTimestamp)
    };
    assert!(wrong(ROOMY, &[], told(3, false, true)), "it has not come");
    assert!(!wrong(ROOMY, &[], told(3, true, false)), "nor can it be kept");
    assert!(wrong(ROOMY, &[], told(2, false, false)), "it is the newest");
    assert!(!wrong(ROOMY, &[], told(1, false, false)), "it is older than the newest safe one");
    assert!(wrong(ROOMY, &[0], told(1, false, false)), "the newest safe one is older");
    assert!(!wrong(NARROW, &[0], told(1, false, false)), "but it is not retained");
    assert!(wrong(NARROW, &[0], told(1, true, false)), "but kept");
    assert!(!wrong(NARROW, &[], told(0, false, true)), "by chance it is there");
}

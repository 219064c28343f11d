//! The oracle finds refusals, reports, reads, slides and states that are wrong.

use super::hand::{Draft, DraftEdge, at, history, key, keys};
use super::history::{CycleEdgeKind, End, History, Op, Saw};
use super::keys::Value;
use super::{FaultKind, judge};

fn finds(kind: FaultKind, history: &History) {
    let faults = judge(history).faults;
    assert!(faults.iter().any(|fault| fault.kind == kind), "{faults:?}");
}

fn setup(keys: &str) -> Draft {
    keys.chars().fold(at(0), |draft, key| draft.writes(key)).commits(1)
}

const RW: CycleEdgeKind = CycleEdgeKind::Rw;

/// Two write skewers, the second of which is refused with this report.
fn skew(report: &[DraftEdge]) -> History {
    history(&[
        setup("xy"),
        at(1).reads('x', 1).reads('y', 1).writes('x').commits(2),
        at(1).reads('x', 1).reads('y', 1).writes('y').refused(report),
    ])
}

#[test]
fn a_refusal_without_a_cycle_is_unjustified() {
    finds(
        FaultKind::UnjustifiedAbort,
        &history(&[
            setup("xy"),
            at(1).writes('x').commits(2),
            at(1).reads('x', 1).writes('y').refused(&[(RW, 2, 1, Some('x'))]),
        ]),
    );
}

#[test]
fn a_refusal_because_of_one_that_was_refused_is_unjustified() {
    let report = [(RW, 2, 1, Some('x')), (RW, 1, 2, Some('y'))];
    let loser = |draft: Draft| draft.reads('x', 1).reads('y', 1);
    finds(
        FaultKind::UnjustifiedAbort,
        &history(&[
            setup("xy"),
            loser(at(1)).writes('x').refused_for_a_bound(),
            loser(at(1)).writes('y').refused(&report),
        ]),
    );
}

#[test]
fn a_refusal_as_if_it_wrote_is_unjustified_for_a_reader() {
    let report = [(RW, 2, 1, Some('x')), (RW, 1, 2, Some('y'))];
    finds(
        FaultKind::UnjustifiedAbort,
        &history(&[
            setup("xy"),
            at(1).reads('x', 1).reads('y', 1).writes('x').commits(2),
            at(1).reads('x', 1).reads('y', 1).writes('y').refused_as_reader(&report),
        ]),
    );
}

#[test]
fn who_observed_nothing_may_not_be_refused_for_a_bound() {
    finds(
        FaultKind::UnjustifiedAbort,
        &history(&[setup("x"), at(1).writes('x').refused_for_a_bound()]),
    );
}

#[test]
fn a_report_needs_real_edges_in_a_closed_chain() {
    let right = [(RW, 2, 1, Some('x')), (RW, 1, 2, Some('y'))];
    assert!(judge(&skew(&right)).faults.is_empty());
    let wrong: [&[DraftEdge]; 7] = [
        &[],
        &right[..1],
        &[(RW, 2, 1, Some('y')), right[1]],
        &[(CycleEdgeKind::Ww, 2, 1, Some('x')), right[1]],
        &[right[0], (CycleEdgeKind::Start, 1, 2, None)],
        &[right[1], right[0]],
        &[right[0], (RW, 0, 2, Some('y'))],
    ];
    for report in wrong {
        finds(FaultKind::FalseReport, &skew(report));
    }
}

#[test]
fn a_report_names_the_timestamps_of_its_members() {
    let mut history = skew(&[(RW, 2, 1, Some('x')), (RW, 1, 2, Some('y'))]);
    let End::Aborted { cycle, .. } = &mut history.txs[2].end else {
        unreachable!("it was refused")
    };
    cycle.edges[0].to.s = 0;
    cycle.edges[1].from.s = 0;
    finds(FaultKind::FalseReport, &history);
}

#[test]
fn a_read_shows_its_snapshot_and_nothing_else() {
    let stale = at(2).reads('x', 1).certified();
    let early = at(1).reads('x', 2).certified();
    let blind = at(2).misses('x').certified();
    for wrong in [stale, early, blind] {
        finds(FaultKind::WrongRead, &history(&[setup("x"), at(1).writes('x').commits(2), wrong]));
    }
}

#[test]
fn nobody_may_see_what_was_not_committed() {
    let mut history = history(&[
        setup("x"),
        at(1).writes('x').ends(End::RolledBack),
        at(1).reads('x', 1).certified(),
    ]);
    history.txs[2].ops = vec![Op::Read { key: key('x'), saw: Saw::Value(Some(Value::new(1, 0))) }];
    finds(FaultKind::WrongRead, &history);
}

#[test]
fn a_scan_shows_every_row_of_its_snapshot_in_order() {
    let whole = keys('a', 'd');
    let missing = at(1).scans(whole, &[('a', 1)]).certified();
    let swapped = at(1).scans(whole, &[('b', 1), ('a', 1)]).certified();
    let reversed = at(1).takes(whole, None, &[('a', 1)], true).certified();
    let unfiltered = at(1).filters(whole, &[('a', 1)]).certified();
    for wrong in [missing, swapped, reversed, unfiltered] {
        finds(FaultKind::WrongRead, &history(&[setup("ab"), wrong]));
    }
}

#[test]
fn even_what_is_rolled_back_may_not_see_a_torn_snapshot() {
    let torn = at(2).reads('x', 2).reads('y', 1).ends(End::RolledBack);
    finds(
        FaultKind::WrongRead,
        &history(&[setup("xy"), at(1).writes('x').writes('y').commits(2), torn]),
    );
}

#[test]
fn a_slide_may_not_pass_a_change_of_what_was_observed() {
    let other = at(1).writes('x').commits(2);
    let key = at(1).reads('x', 1).slides(2).certified();
    let gap = at(1).scans(keys('w', 'y'), &[]).slides(2).certified();
    finds(FaultKind::IllegalSlide, &history(&[setup("x"), other.clone(), key]));
    finds(FaultKind::IllegalSlide, &history(&[setup("z"), other, gap]));
}

#[test]
fn a_slide_goes_forward() {
    finds(FaultKind::IllegalSlide, &history(&[setup("x"), at(1).slides(1).certified()]));
}

#[test]
fn the_final_state_is_that_of_the_replay() {
    let mut history = history(&[setup("x"), at(1).removes('x').writes('y').commits(2)]);
    assert!(judge(&history).faults.is_empty());
    history.last_state.clear();
    finds(FaultKind::WrongReplay, &history);
}

#[test]
fn commit_timestamps_grow() {
    finds(
        FaultKind::WrongTimestamp,
        &history(&[at(0).writes('x').commits(2), at(0).writes('y').commits(1)]),
    );
}

#[test]
fn a_key_whose_own_write_was_undone_is_observed() {
    finds(
        FaultKind::MissedCycle,
        &history(&[
            setup("xy"),
            at(1).reads('y', 1).writes('x').commits(2),
            at(1).saves(1).writes('x').undoes(1).reads('x', 1).writes('y').commits(3),
        ]),
    );
}

#[test]
fn a_read_that_shows_an_undone_write_is_wrong() {
    let mut history =
        history(&[setup("x"), at(1).saves(1).writes('x').undoes(1).reads('x', 1).certified()]);
    let value = history.txs[1].ops.iter().find_map(|op| match op {
        Op::Write { value, .. } => Some(*value),
        _ => None,
    });
    let saw = Saw::Value(value.expect("it wrote"));
    *history.txs[1].ops.last_mut().expect("it read") = Op::Read { key: key('x'), saw };
    finds(FaultKind::WrongRead, &history);
}

#[test]
fn a_refusal_for_a_write_that_was_undone_is_unjustified() {
    let report = [(RW, 2, 1, Some('x')), (RW, 1, 2, Some('y'))];
    finds(
        FaultKind::UnjustifiedAbort,
        &history(&[
            setup("xy"),
            at(1).reads('y', 1).writes('x').commits(2),
            at(1).reads('x', 1).saves(1).writes('y').undoes(1).writes('a').refused(&report),
        ]),
    );
}

//! The oracle accepts what is serializable, however odd it looks.

use super::hand::{Draft, at, history, keys};
use super::{CycleEdgeKind, FaultKind, Sighting, Verdict, judge};

fn accepts(drafts: &[Draft]) -> Verdict {
    let verdict = judge(&history(drafts));
    assert!(verdict.faults.is_empty(), "{:?}", verdict.faults);
    verdict
}

fn setup(keys: &str) -> Draft {
    keys.chars().fold(at(0), |draft, key| draft.writes(key)).commits(1)
}

#[test]
fn a_history_without_transactions_is_fine() {
    accepts(&[]);
}

#[test]
fn one_antidependency_is_no_cycle() {
    accepts(&[
        setup("xy"),
        at(1).writes('x').commits(2),
        at(1).reads('x', 1).writes('y').commits(3),
    ]);
}

#[test]
fn a_pivot_is_no_cycle() {
    accepts(&[
        setup("xy"),
        at(1).writes('y').commits(2),
        at(1).reads('y', 1).writes('x').commits(3),
        at(1).reads('x', 1).writes('a').commits(4),
    ]);
}

#[test]
fn blind_writes_are_ordered_by_their_commits() {
    accepts(&[setup("k"), at(1).writes('k').commits(2), at(1).writes('k').commits(3)]);
}

#[test]
fn what_a_transaction_wrote_before_it_looked_is_no_observation() {
    let first = |draft: Draft| draft.misses('z').writes('b').commits(2);
    accepts(&[
        setup("d"),
        first(at(1)),
        at(1).writes('b').scans(keys('c', 'e'), &[('d', 1)]).writes('z').commits(3),
    ]);
}

#[test]
fn a_limit_frees_what_lies_beyond_it() {
    accepts(&[
        setup("b"),
        at(1).misses('z').writes('c').commits(2),
        at(1).takes(keys('a', 'y'), None, &[('b', 1)], false).writes('z').commits(3),
    ]);
    accepts(&[
        setup("b"),
        at(1).misses('z').writes('a').commits(2),
        at(1).takes(keys('a', 'y'), None, &[('b', 1)], true).writes('z').commits(3),
    ]);
}

#[test]
fn a_row_that_never_matches_leaves_a_predicate_as_it_was() {
    accepts(&[
        setup("ab"),
        at(1).misses('z').writes_class('b', 2).removes('a').commits(2),
        at(1).filters(keys('a', 'c'), &[]).writes('z').commits(3),
    ]);
}

#[test]
fn what_was_rolled_back_is_no_part_of_the_graph() {
    accepts(&[
        setup("xy"),
        at(1).reads('x', 1).writes('y').ends(super::End::RolledBack),
        at(1).reads('y', 1).writes('x').commits(2),
    ]);
}

#[test]
fn a_certified_err_leaves_no_writes() {
    let verdict = accepts(&[
        setup("xy"),
        at(1).reads('x', 1).writes('y').errs(),
        at(1).reads('y', 1).writes('x').commits(2),
    ]);
    assert_eq!((verdict.commits, verdict.certified), (2, 1));
}

#[test]
fn a_slide_may_skip_what_was_not_observed() {
    let verdict = accepts(&[
        setup("xy"),
        at(1).writes('y').commits(2),
        at(1).reads('x', 1).slides(2).reads('y', 2).writes('x').commits(3),
    ]);
    assert!(verdict.shows(Sighting::Slide));
}

#[test]
fn a_refusal_with_its_cycle_is_justified() {
    let verdict = accepts(&[
        setup("xy"),
        at(1).reads('x', 1).reads('y', 1).writes('x').commits(2),
        at(1)
            .reads('x', 1)
            .reads('y', 1)
            .writes('y')
            .refused(&[(CycleEdgeKind::Rw, 2, 1, Some('x')), (CycleEdgeKind::Rw, 1, 2, Some('y'))]),
    ]);
    assert_eq!(verdict.aborts, 1);
    assert!(!verdict.shows(Sighting::LongCycle));
}

#[test]
fn a_refused_reader_is_judged_as_a_reader() {
    let verdict = accepts(&[
        setup("xy"),
        at(1).reads('y', 1).writes('y').commits(2),
        at(1).reads('x', 1).reads('y', 1).writes('x').commits(3),
        at(2).reads('x', 1).reads('y', 2).refused_as_reader(&[
            (CycleEdgeKind::Rw, 3, 2, Some('x')),
            (CycleEdgeKind::Rw, 2, 1, Some('y')),
            (CycleEdgeKind::Start, 1, 3, None),
        ]),
    ]);
    assert!(verdict.shows(Sighting::LongCycle) && verdict.shows(Sighting::ReadOnlyMember));
}

#[test]
fn a_phantom_cycle_and_a_predicate_cycle_are_told_apart() {
    let refused = |draft: Draft| {
        draft
            .writes('z')
            .refused(&[(CycleEdgeKind::Rw, 2, 1, Some('a')), (CycleEdgeKind::Rw, 1, 2, Some('z'))])
    };
    let other = at(1).misses('z').writes_class('a', 1).commits(2);
    let phantom =
        accepts(&[setup("b"), other.clone(), refused(at(1).scans(keys('a', 'c'), &[('b', 1)]))]);
    assert!(phantom.shows(Sighting::PhantomCycle) && !phantom.shows(Sighting::PredicateCycle));
    let predicate = accepts(&[setup("b"), other, refused(at(1).filters(keys('a', 'c'), &[]))]);
    assert!(predicate.shows(Sighting::PredicateCycle) && !predicate.shows(Sighting::PhantomCycle));
}

#[test]
fn a_refusal_for_a_bound_is_counted_apart() {
    let late = at(1).reads('x', 1).writes('y').refused_for_a_bound();
    let verdict = accepts(&[setup("x"), at(1).writes('x').commits(2), late]);
    assert_eq!((verdict.aborts, verdict.conservative), (1, 1));
}

#[test]
fn a_refusal_for_a_bound_needs_something_to_look_at() {
    let verdict =
        judge(&history(&[setup("x"), at(1).reads('x', 1).writes('y').refused_for_a_bound()]));
    assert!(verdict.finds(FaultKind::UnjustifiedAbort), "{:?}", verdict.faults);
}

#[test]
fn what_was_undone_was_not_written() {
    let verdict = accepts(&[
        setup("xy"),
        at(1).reads('x', 1).saves(1).writes('x').writes('y').undoes(1).writes('a').commits(2),
        at(1).reads('y', 1).writes('x').commits(3),
        at(3).reads('x', 3).reads('y', 1).certified(),
    ]);
    assert!(verdict.shows(Sighting::Undone));
}

#[test]
fn what_was_written_before_a_savepoint_is_an_own_write_after_a_rollback() {
    let (x, y) = (keys('x', 'x'), keys('y', 'y'));
    accepts(&[
        setup("xy"),
        at(1).misses('z').writes('x').commits(2),
        at(1)
            .writes('x')
            .saves(1)
            .writes('y')
            .undoes(1)
            .scans(y, &[('y', 1)])
            .writes('z')
            .commits(3),
        at(3).scans(x, &[('x', 3)]).certified(),
    ]);
}

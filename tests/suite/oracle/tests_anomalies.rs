//! The oracle finds every textbook anomaly.

use super::hand::{Draft, at, history, keys};
use super::{FaultKind, judge};

/// The fault must be found, and blamed on the last one that was certified.
fn finds_a_cycle_closed_by(closer: &str, drafts: &[Draft]) {
    let faults = judge(&history(drafts)).faults;
    assert!(
        matches!(faults[..], [ref fault] if fault.kind == FaultKind::MissedCycle),
        "{faults:?}"
    );
    assert!(faults[0].story.starts_with(closer), "{}", faults[0]);
}

fn setup(keys: &str) -> Draft {
    keys.chars().fold(at(0), |draft, key| draft.writes(key)).commits(1)
}

#[test]
fn a_write_skew_is_a_cycle() {
    finds_a_cycle_closed_by(
        "T2",
        &[
            setup("xy"),
            at(1).reads('x', 1).reads('y', 1).writes('x').commits(2),
            at(1).reads('x', 1).reads('y', 1).writes('y').commits(3),
        ],
    );
}

#[test]
fn a_write_skew_on_absent_keys_is_a_cycle() {
    finds_a_cycle_closed_by(
        "T1",
        &[at(0).misses('x').writes('y').commits(1), at(0).misses('y').writes('x').commits(2)],
    );
}

#[test]
fn a_lost_update_is_a_cycle() {
    finds_a_cycle_closed_by(
        "T2",
        &[
            setup("k"),
            at(1).reads('k', 1).writes('k').commits(2),
            at(1).reads('k', 1).writes('k').commits(3),
        ],
    );
}

#[test]
fn the_read_only_anomaly_is_a_cycle() {
    finds_a_cycle_closed_by(
        "T3",
        &[
            setup("xy"),
            at(1).reads('y', 1).writes('y').commits(2),
            at(2).reads('x', 1).reads('y', 2).certified(),
            at(1).reads('x', 1).reads('y', 1).writes('x').commits(3),
        ],
    );
}

#[test]
fn the_read_only_anomaly_of_a_certified_err_is_a_cycle() {
    finds_a_cycle_closed_by(
        "T3",
        &[
            setup("xy"),
            at(1).reads('y', 1).writes('y').commits(2),
            at(2).reads('x', 1).reads('y', 2).writes('x').errs(),
            at(1).reads('x', 1).reads('y', 1).writes('x').commits(3),
        ],
    );
}

#[test]
fn a_reader_that_ends_last_closes_the_read_only_anomaly() {
    finds_a_cycle_closed_by(
        "T3",
        &[
            setup("xy"),
            at(1).reads('y', 1).writes('y').commits(2),
            at(1).reads('y', 1).writes('x').commits(3),
            at(2).reads('x', 1).reads('y', 2).certified(),
        ],
    );
}

#[test]
fn a_phantom_is_a_change_of_what_a_scan_saw() {
    finds_a_cycle_closed_by(
        "T2",
        &[
            setup("b"),
            at(1).misses('z').writes('a').commits(2),
            at(1).scans(keys('a', 'c'), &[('b', 1)]).writes('z').commits(3),
        ],
    );
}

#[test]
fn a_removed_row_is_a_change_of_what_a_scan_saw() {
    finds_a_cycle_closed_by(
        "T2",
        &[
            setup("b"),
            at(1).misses('z').removes('b').commits(2),
            at(1).scans(keys('a', 'c'), &[('b', 1)]).writes('z').commits(3),
        ],
    );
}

#[test]
fn a_scan_that_was_dropped_saw_what_it_passed() {
    finds_a_cycle_closed_by(
        "T2",
        &[
            setup("b"),
            at(1).misses('z').writes('a').commits(2),
            at(1).takes(keys('a', 'y'), None, &[('b', 1)], false).writes('z').commits(3),
        ],
    );
    finds_a_cycle_closed_by(
        "T2",
        &[
            setup("b"),
            at(1).misses('z').writes('c').commits(2),
            at(1).takes(keys('a', 'y'), None, &[('b', 1)], true).writes('z').commits(3),
        ],
    );
}

#[test]
fn a_row_that_moves_into_a_predicate_changes_it() {
    finds_a_cycle_closed_by(
        "T2",
        &[
            setup("b"),
            at(1).misses('z').writes_class('b', 1).commits(2),
            at(1).filters(keys('a', 'c'), &[]).writes('z').commits(3),
        ],
    );
}

#[test]
fn a_row_that_moves_out_of_a_predicate_changes_it() {
    finds_a_cycle_closed_by(
        "T2",
        &[
            at(0).writes_class('b', 1).commits(1),
            at(1).misses('z').writes('b').commits(2),
            at(1).filters(keys('a', 'c'), &[('b', 1)]).writes('z').commits(3),
        ],
    );
}

#[test]
fn a_row_that_enters_and_leaves_changes_a_predicate() {
    finds_a_cycle_closed_by(
        "T3",
        &[
            setup("b"),
            at(1).misses('z').writes_class('b', 1).commits(2),
            at(2).writes('b').commits(3),
            at(1).filters(keys('a', 'c'), &[]).writes('z').commits(4),
        ],
    );
}

#[test]
fn real_time_is_part_of_the_order() {
    finds_a_cycle_closed_by(
        "T3",
        &[
            setup("xy"),
            at(1).writes('y').commits(2),
            at(2).reads('x', 1).writes('q').commits(3),
            at(1).reads('y', 1).writes('x').commits(4),
        ],
    );
}

#[test]
fn a_slid_snapshot_adds_start_edges() {
    let late = |draft: Draft| draft.misses('q').writes('b').commits(2);
    let drafts = |first| {
        [at(0).removes('c').commits(1), late(first), at(0).misses('c').writes('b').commits(3)]
    };
    assert!(judge(&history(&drafts(at(0)))).faults.is_empty());
    finds_a_cycle_closed_by("T2", &drafts(at(0).slides(1)));
}

#[test]
fn a_blind_write_beside_an_antidependency_is_a_cycle() {
    finds_a_cycle_closed_by(
        "T2",
        &[
            setup("x"),
            at(1).writes('x').writes('k').commits(2),
            at(1).reads('x', 1).writes('k').commits(3),
        ],
    );
}

#[test]
fn a_ring_is_closed_by_its_last_member() {
    let letters: Vec<char> = ('a'..='l').collect();
    let ring = letters.iter().enumerate().map(|(place, key)| {
        at(0).misses(*key).writes(letters[(place + 1) % 12]).commits(place as u64 + 1)
    });
    finds_a_cycle_closed_by("T11", &ring.collect::<Vec<_>>());
}

//! Where safe snapshots lie, story by story.

use super::driver::{run, run_and_judge};
use super::scripts::SCRIPTS;
use super::step::Mode;
use super::text::parse;
use crate::oracle::Question;

/// Runs a story, whose snapshots must be right, in every mode of these. The newest safe
/// timestamps that were told must be these.
fn tells(name: &str, folding: bool, newest: &[u64]) {
    let story = SCRIPTS.iter().find(|story| story.name == name).expect("a checked-in story");
    let schedule = parse(story.text).expect("a script").schedule;
    for collecting in [false, true] {
        let mode = Mode { folding, ..Mode::roomy(false, collecting) };
        let faults = run_and_judge(&schedule, mode).faults;
        assert!(faults.is_empty(), "{name} ({mode}): {faults:?}");
        let asked = run(&schedule, mode).history.asked;
        let told = asked.iter().filter_map(|asked| match asked.question {
            Question::Newest { answer } => Some(answer),
            _ => None,
        });
        assert_eq!(told.collect::<Vec<_>>(), newest, "{name} ({mode})");
    }
}

#[test]
fn a_safe_snapshot_lags_as_far_as_the_oldest_open_writer() {
    tells("a writer that lags", false, &[1]);
}

#[test]
fn an_open_reader_lets_safe_snapshots_go_on() {
    tells("a reader holds nothing up", false, &[2]);
}

#[test]
fn a_safe_snapshot_lies_below_a_danger_until_no_writer_is_older() {
    tells("a danger below a writer", false, &[1, 1, 3]);
}

#[test]
fn dangers_that_touch_are_passed_together() {
    tells("a danger that leads to a danger", false, &[1]);
}

#[test]
fn a_safe_snapshot_lies_in_the_gap_between_two_dangers() {
    tells("a gap between two dangers", false, &[3]);
}

#[test]
fn a_snapshot_in_the_middle_of_a_danger_is_not_said_to_be_safe() {
    tells("in the middle of a danger", false, &[]);
}

#[test]
fn a_pin_keeps_the_versions_of_its_timestamp() {
    tells("a pin keeps what it sees", false, &[1]);
}

#[test]
fn a_timestamp_is_kept_until_the_last_of_its_handles_goes() {
    tells("two handles of one timestamp", false, &[1, 1]);
}

#[test]
fn a_safe_snapshot_lies_where_the_oldest_writer_reads_however_far_behind() {
    tells("a writer far behind the fold", true, &[3]);
}

#[test]
fn the_newest_safe_timestamp_can_be_read_though_the_log_was_folded_past_it() {
    tells("what is safe outlives the fold", true, &[1]);
}

//! Every history script, under its own name.
//!
//! Without sliding the outcome must be the one that the script states. With sliding a
//! transaction may be spared, or another one may be the victim; more may die only where
//! the script says so in its `sliding` line.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::{Path, PathBuf};

use crate::scenarios::interleave::every_order;
use crate::scenarios::parse::parse;
use crate::scenarios::run::{Run, run};
use crate::scenarios::script::{Fate, History, Verdict};
use crate::support::summary;

/// One test per file, and the list of all files.
macro_rules! histories {
    ($($name:ident: $file:literal,)*) => {
        $(#[test] fn $name() { check($file); })*
        const FILES: &[&str] = &[$($file),*];
    };
}

histories! {
    one_of_a_write_skew_dies: "write-skew",
    a_read_that_comes_after_the_write_counts: "late-read",
    a_lost_update_dies_even_if_read_late: "late-lost-update",
    a_lost_update_dies: "lost-update",
    an_absence_is_a_read: "absent-keys",
    an_empty_range_is_a_read: "empty-ranges",
    sums_that_cross_die: "intersecting-sums",
    two_tellers_do_not_overdraw_one_account: "ledger",
    an_iterator_dropped_early_observed_its_prefix: "iterator-dropped-early",
    a_reverse_read_observes_the_gap_above_its_row: "reverse-with-limit",
    skipped_keys_are_observed: "skipped-keys",
    a_key_that_comes_back_is_a_phantom: "delete-then-insert-again",
    every_call_that_reads_is_a_read: "every-read-like-call",
    a_failed_conditional_write_is_a_read: "failed-conditional",
    the_read_only_anomaly_is_refused: "read-only-anomaly",
    a_reader_that_came_too_late_is_refused: "late-read-only",
    a_blind_write_after_a_missed_one_dies: "blind-write-in-a-reader",
    a_predicate_read_observes_what_matches: "predicate-moves",
    rings_of_mixed_edges_die_at_their_closer: "mixed-rings",
    the_traps_of_certifiers_are_avoided: "certifier-traps",
    real_time_is_respected: "strict-real-time",
    one_antidependency_harms_nobody: "one-antidependency",
    a_pivot_is_no_cycle: "pivot-without-cycle",
    blind_writes_harm_nobody: "blind-writes",
    an_own_write_is_no_read: "own-write-read",
    a_limit_is_precise: "limit-is-precise",
    a_range_ends_at_its_bound: "outside-the-range",
    a_loser_harms_nobody: "conflict-with-a-loser",
    the_dead_leave_no_marks: "marks-of-the-dead",
    unrelated_traffic_harms_nobody: "unrelated-traffic",
    a_peek_is_no_read: "peek",
    an_undone_write_is_no_write: "undone-writes",
    an_undone_read_is_a_read: "undone-reads",
    a_removed_range_is_read_and_written: "remove-range",
    savepoints_nest: "nested-savepoints",
    a_snapshot_slides_where_nothing_observed_changed: "slides",
}

#[test]
fn every_history_file_is_run() {
    let files = std::fs::read_dir(directory()).expect("the directory of the histories");
    let stem = |path: PathBuf| path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    let found: BTreeSet<String> =
        files.filter_map(|file| stem(file.expect("an entry").path())).collect();
    let listed: BTreeSet<String> = FILES.iter().map(ToString::to_string).collect();
    assert_eq!(found, listed);
}

#[test]
fn the_table_of_histories() {
    let mut table = String::from("history: orders run as stated | what sliding changes\n");
    let (mut histories, mut runs) = (0, 0);
    for file in FILES {
        for history in load(file) {
            let tally = judge(&history);
            histories += 1;
            runs += tally.orders;
            let _ = writeln!(table, "  {:<58} {:>5} | {}", history.name, tally.orders, tally);
        }
    }
    let _ = writeln!(table, "{histories} histories, {runs} orders, all as stated without sliding");
    summary(&table);
}

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/histories")
}

fn load(file: &str) -> Vec<History> {
    let path = directory().join(format!("{file}.txt"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|why| panic!("{path:?}: {why}"));
    parse(file, &text)
}

fn check(file: &str) {
    for history in load(file) {
        judge(&history);
    }
}

/// What sliding changed, over all orders of one history.
#[derive(Default)]
struct Tally {
    orders: usize,
    spared: usize,
    other_victim: usize,
    more: usize,
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let counts = [
            (self.spared, "with fewer aborts"),
            (self.other_victim, "with another victim"),
            (self.more, "with more aborts, as the script says"),
        ];
        let parts: Vec<String> = counts
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| format!("{count} {what}"))
            .collect();
        f.write_str(if parts.is_empty() { "nothing" } else { "" })?;
        f.write_str(&parts.join(", "))
    }
}

/// Runs a history in all its orders, without sliding and with it.
fn judge(history: &History) -> Tally {
    let orders = if history.every_order {
        every_order(history)
    } else {
        vec![(0..history.steps.len()).collect()]
    };
    let mut tally = Tally { orders: orders.len(), ..Tally::default() };
    for order in &orders {
        let still = run(history, order, false);
        assert_verdict(history, order, &history.verdict, &still, "without sliding");
        let sliding = run(history, order, true);
        compare(history, order, &still, &sliding, &mut tally);
    }
    tally
}

fn assert_verdict(history: &History, order: &[usize], verdict: &Verdict, run: &Run, how: &str) {
    let got: BTreeMap<usize, Fate> = run.ends.iter().copied().collect();
    let expected = history.expected(verdict, &run.ends);
    assert!(got == expected, "{}", explain(history, order, &expected, &got, how));
}

fn compare(history: &History, order: &[usize], still: &Run, sliding: &Run, tally: &mut Tally) {
    if let Some(verdict) = &history.sliding {
        assert_verdict(history, order, verdict, sliding, "with sliding");
    }
    let (before, after) = (still.conflicts(), sliding.conflicts());
    let stated = history.sliding.is_some();
    assert!(
        after <= before || stated,
        "{}: sliding aborts {after} instead of {before}: {:?}\n{}",
        history.name,
        sliding.ends,
        steps_of(history, order)
    );
    tally.spared += usize::from(after < before);
    tally.more += usize::from(after > before);
    tally.other_victim += usize::from(after == before && still.ends != sliding.ends);
}

fn explain(
    history: &History,
    order: &[usize],
    expected: &BTreeMap<usize, Fate>,
    got: &BTreeMap<usize, Fate>,
    how: &str,
) -> String {
    let mut text = format!("{} {how}:\n", history.name);
    for (actor, fate) in expected {
        let name = &history.names[*actor];
        let _ = writeln!(text, "  {name}: expected {fate:?}, got {:?}", got[actor]);
    }
    text + &steps_of(history, order)
}

fn steps_of(history: &History, order: &[usize]) -> String {
    let lines: Vec<&str> = order.iter().map(|&index| history.steps[index].text.as_str()).collect();
    format!("{}the steps were:\n  {}", history.story, lines.join("\n  "))
}

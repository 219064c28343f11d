//! Compares what the engine did with what the corpus says.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use crate::corpus::case::{Case, READINGS, Reading};
use crate::corpus::engine::{Outcome, run};
use crate::corpus::replay::{explains, serial_order};

/// The counts of one spec.
#[derive(Clone, Copy, Debug, Default)]
struct Row {
    cases: usize,
    as_stated: usize,
    other_victim: usize,
    refused: usize,
    refused_sliding: usize,
    sliding_differs: usize,
}

/// What is printed at the end.
#[derive(Debug, Default)]
pub struct Report {
    rows: BTreeMap<(String, Reading), Row>,
    differences: String,
}

impl Report {
    /// Runs every case in both readings, without sliding and with it. A case where sliding
    /// aborts more must be named in `more_with_sliding`.
    pub fn of(cases: &[Case], more_with_sliding: &[(&str, &str)]) -> Self {
        let mut report = Self::default();
        for case in cases {
            for reading in READINGS {
                report.judge(case, reading, more_with_sliding);
            }
        }
        report
    }

    fn judge(&mut self, case: &Case, reading: Reading, more_with_sliding: &[(&str, &str)]) {
        let expected = &case.expected.refused[&reading];
        let outcome = run(case, reading, false);
        check(case, reading, &outcome);
        let sliding = run(case, reading, true);
        check_sliding(case, &sliding);
        let row = self.rows.entry((case.spec.clone(), reading)).or_default();
        row.cases += 1;
        row.as_stated += usize::from(outcome.refused == *expected);
        row.other_victim += usize::from(outcome.refused != *expected);
        row.refused += expected.len();
        row.refused_sliding += sliding.refused.len();
        if sliding.refused != *expected {
            row.sliding_differs += 1;
            let (spec, name, with) = (&case.spec, &case.name, &sliding.refused);
            let line = format!("  {spec}: {name} ({reading:?}): {expected:?} -> {with:?}");
            let named = more_with_sliding.contains(&(spec, name));
            assert!(with.len() <= expected.len() || named, "sliding aborts more: {line}");
            let _ = writeln!(self.differences, "{line}");
        }
    }

    /// How many cases there are, and how many came out as stated, in both readings.
    pub fn counts(&self) -> (usize, usize) {
        let sum = |count: fn(&Row) -> usize| self.rows.values().map(count).sum();
        (sum(|row| row.cases), sum(|row| row.as_stated))
    }

    /// How many transactions had to be refused, and how many were with sliding.
    pub fn refusals(&self) -> (usize, usize) {
        let sum = |count: fn(&Row) -> usize| self.rows.values().map(count).sum();
        (sum(|row| row.refused), sum(|row| row.refused_sliding))
    }

    pub fn table(&self, title: &str) -> String {
        let mut text = format!(
            "{title:<40} {:>6} {:>9} {:>7} {:>8} {:>8} {:>8}\n",
            "cases", "as stated", "victim", "refused", "sliding", "differs"
        );
        for ((spec, reading), row) in &self.rows {
            let name = format!("{spec} ({reading:?})");
            let _ = writeln!(
                text,
                "  {name:<38} {:>6} {:>9} {:>7} {:>8} {:>8} {:>8}",
                row.cases,
                row.as_stated,
                row.other_victim,
                row.refused,
                row.refused_sliding,
                row.sliding_differs
            );
        }
        let (cases, stated) = self.counts();
        let (refused, with) = self.refusals();
        let _ = writeln!(
            text,
            "  {cases} runs, {stated} as stated; {refused} refused, {with} with sliding"
        );
        if !self.differences.is_empty() {
            let _ = write!(text, "with sliding other outcomes:\n{}", self.differences);
        }
        text
    }
}

/// Without sliding: who is refused, who gives up, what was read, and the end.
fn check(case: &Case, reading: Reading, outcome: &Outcome) {
    let what = format!("{}: {} ({reading:?}): {outcome:#?}", case.spec, case.name);
    let expected = &case.expected;
    let refused = &expected.refused[&reading];
    // Where exactly one must die, it may be another one.
    let one_each = refused.len() == 1 && outcome.refused.len() == 1;
    assert!(outcome.refused == *refused || one_each, "refused {refused:?} expected in {what}");
    assert_eq!(outcome.gave_up, expected.gives_up, "{what}");
    if outcome.refused == *refused {
        assert_eq!(outcome.implicit_commit, expected.implicit_commit, "{what}");
        if let Some(finally) = expected.finally.get(&reading) {
            assert_eq!(outcome.finally, *finally, "{what}");
        }
    }
    if let Some(reads) = &expected.reads {
        assert_eq!(outcome.reads, *reads, "{what}");
    }
    if outcome.refused.is_empty() {
        if let Some(order) = &expected.serial_order {
            let by_name: BTreeMap<&str, usize> =
                case.sessions.iter().map(|session| session.name.as_str()).zip(0..).collect();
            let order: Vec<usize> = order.iter().map(|name| by_name[name.as_str()]).collect();
            let named: BTreeSet<usize> = order.iter().copied().collect();
            assert_eq!(named, outcome.committed.iter().copied().collect(), "{what}");
            assert!(explains(case, &order, outcome), "not by the order given: {what}");
        }
    } else {
        assert!(
            expected.serial_order.is_none() || !refused.is_empty(),
            "nobody had to die: {what}"
        );
    }
    assert!(serial_order(case, outcome).is_some(), "no serial order at all: {what}");
}

/// With sliding: some serial order of the committed ones explains everything.
fn check_sliding(case: &Case, outcome: &Outcome) {
    let what = format!("{}: {} with sliding: {outcome:#?}", case.spec, case.name);
    assert!(serial_order(case, outcome).is_some(), "no serial order at all: {what}");
}

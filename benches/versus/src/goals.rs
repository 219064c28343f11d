//! What was set as a goal, and what came out. Every goal is a ratio within one run.

use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{CellAlignment, Table};

use crate::grow::{ALONE, BESIDE, BOXES, CERTIFICATION, LONG, ROWS, SLOW, SNAPSHOT};
use crate::results::{Curve, Line, Middle, Results};
use crate::show::three_digits;

const OURS: &str = "precedent";
const LOCKED: &str = "RwLock<BTreeMap>";
const SWAPPED: &str = "ArcSwap<OrdMap>";

const READ: &str = "read one key";
const CHANGE: &str = "read, change, write one key";
const MIXED: &str = "read 8, change 2";
const SCAN: &str = "scan 100";
const INSERT: &str = "insert a new key";
const LEDGER: &str = "ledger: sum 20 entries, insert one";

/// A goal, and how it was met.
pub struct Goal {
    pub what: String,
    pub found: Middle,
    /// At least so much, or at most.
    pub limit: f64,
    pub at_least: bool,
}

impl Goal {
    pub fn is_met(&self) -> bool {
        if self.at_least {
            self.found.median >= self.limit
        } else {
            self.found.median <= self.limit
        }
    }
}

/// All goals that these results can judge.
pub fn goals(results: &Results) -> Vec<Goal> {
    let mut goals = Vec::new();
    for threads in [1, 2] {
        for (workload, times) in
            [(READ, 3.0), (CHANGE, 3.0), (MIXED, 3.0), (SCAN, 8.0), (INSERT, 4.0), (LEDGER, 3.0)]
        {
            goals.extend(faster(results, "surrealmx", (workload, threads), times));
        }
        for workload in [READ, CHANGE, MIXED, INSERT] {
            goals.extend(faster(results, "txn-db", (workload, threads), 2.0));
        }
    }
    for (workload, alone, two) in [
        (READ, 1.0, 1.0),
        (CHANGE, 1.5, 1.0),
        (MIXED, 1.5, 1.0),
        (SCAN, 2.0, 1.5),
        (INSERT, 1.0, 1.0),
        (LEDGER, 2.0, 1.0),
    ] {
        goals.extend(within(results, LOCKED, (workload, 1), alone));
        goals.extend(within(results, LOCKED, (workload, 2), two));
    }
    for threads in [1, 2] {
        for (workload, limit) in
            [(READ, 1.2), (SCAN, 1.2), (CHANGE, 1.0), (MIXED, 1.0), (INSERT, 1.0), (LEDGER, 1.0)]
        {
            goals.extend(within(results, SWAPPED, (workload, threads), limit));
        }
    }
    goals.extend(
        [READ, CHANGE, "YCSB B, uniform"].map(|one| scaling(results, one)).into_iter().flatten(),
    );
    goals.extend(memory(results));
    goals.extend(held_versions(results));
    goals.extend(growth(results));
    goals
}

/// So many times as fast as another engine.
fn faster(results: &Results, other: &str, at: (&str, usize), times: f64) -> Option<Goal> {
    let (ours, theirs) = pair(results, other, at)?;
    let what = format!("{}, {} threads: times as fast as {other}", at.0, at.1);
    Some(Goal { what, found: theirs.times_as_long_as(ours), limit: times, at_least: true })
}

/// At most so many times the time of another engine.
fn within(results: &Results, other: &str, at: (&str, usize), limit: f64) -> Option<Goal> {
    let (ours, theirs) = pair(results, other, at)?;
    let what = format!("{}, {} threads: times as long as {other}", at.0, at.1);
    Some(Goal { what, found: ours.times_as_long_as(theirs), limit, at_least: false })
}

type Pair<'a> = (&'a crate::results::Measured, &'a crate::results::Measured);

fn pair<'a>(
    results: &'a Results,
    other: &str,
    (workload, threads): (&str, usize),
) -> Option<Pair<'a>> {
    let ours = results.measured(workload, OURS, threads)?;
    Some((ours, results.measured(workload, other, threads)?))
}

/// Two threads against one, over the same ratio of the dry run: what the machine gives.
fn scaling(results: &Results, workload: &str) -> Option<Goal> {
    let rates =
        |engine, threads| Some(&results.measured(workload, engine, threads)?.commits_per_second);
    let (ours, dry) = ((rates(OURS, 2)?, rates(OURS, 1)?), (rates("dry", 2)?, rates("dry", 1)?));
    let own = ours.0.iter().zip(ours.1).map(|(two, one)| two / one);
    let machine = dry.0.iter().zip(dry.1).map(|(two, one)| two / one);
    let ratios: Vec<_> = own.zip(machine).map(|(own, machine)| own / machine).collect();
    let what = format!("{workload}: two threads against one, over the same of the dry run");
    Some(Goal { what, found: Middle::of(&ratios), limit: 0.9, at_least: true })
}

fn memory(results: &Results) -> Option<Goal> {
    let words = |row: &&crate::results::Memory| row.engine == OURS && row.types == "u64 -> u64";
    let loaded = results.memory.iter().find(words)?.loaded;
    let found = Middle { median: loaded, low: loaded, high: loaded };
    Some(Goal { what: "u64 -> u64: bytes a key".to_owned(), found, limit: 96.0, at_least: false })
}

/// A reader that stays open costs one version a key.
fn held_versions(results: &Results) -> Option<Goal> {
    let words = |row: &&crate::results::Memory| row.engine == OURS && row.types == "u64 -> u64";
    let held = results.memory.iter().find(words)?.held_versions?;
    let found = Middle { median: held, low: held, high: held };
    let what = "versions a key, every key overwritten beside a reader".to_owned();
    Some(Goal { what, found, limit: 2.0, at_least: false })
}

/// Those that curves tell of.
fn growth(results: &Results) -> Vec<Goal> {
    let goal = |what, found, limit| Goal { what, found, limit, at_least: false };
    let mut goals = Vec::new();
    let ratio = |one: Option<&Line>, other: Option<&Line>, size| {
        let (one, other) = (one?.at(size)?, other?.at(size)?);
        let ratios: Vec<_> = one.iter().zip(other).map(|(one, other)| one / other).collect();
        (!ratios.is_empty()).then(|| Middle::of(&ratios))
    };
    let line = |title, name| results.line(title, name);
    let found = ratio(line(ROWS, SNAPSHOT), line(ROWS, BOXES), 1e5);
    goals.extend(found.map(|found| {
        goal("scanning a snapshot: times as long as a BTreeMap of boxes".to_owned(), found, 2.0)
    }));
    let slow = line(CERTIFICATION, SLOW).and_then(|line| line.at(1e5)).map(|trials| {
        Middle::of(&trials.iter().map(|nanoseconds| nanoseconds / 1e6).collect::<Vec<_>>())
    });
    goals.extend(slow.map(|found| {
        goal("certification over 100000 commits, slow path: milliseconds".to_owned(), found, 1.0)
    }));
    let last = |curve: &Curve| curve.lines.first()?.points.last().map(|point| point.0);
    let size = results.curves.iter().find(|curve| curve.title == LONG).and_then(last);
    for name in BESIDE {
        let found = size.and_then(|size| ratio(line(LONG, name), line(LONG, ALONE), size));
        let what = format!("changing one key {name}: times as long as alone");
        goals.extend(found.map(|found| goal(what, found, 1.1)));
    }
    goals
}

pub fn table(goals: &[Goal]) -> String {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED);
    table.set_header(["goal", "", "found", "interval", ""]);
    for goal in goals {
        let Middle { median, low, high } = goal.found;
        let limit = if goal.at_least { "≥" } else { "≤" };
        table.add_row([
            goal.what.clone(),
            format!("{limit} {}", goal.limit),
            three_digits(median),
            format!("{}–{}", three_digits(low), three_digits(high)),
            if goal.is_met() { "met" } else { "MISSED" }.to_owned(),
        ]);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let met = goals.iter().filter(|goal| goal.is_met()).count();
    format!("{table}\n{met} of {} goals met\n", goals.len())
}

#[cfg(test)]
mod tests {
    use super::{goals, table};
    use crate::grow::{ALONE, BESIDE, BOXES, CERTIFICATION, LONG, ROWS, SLOW, SNAPSHOT};
    use crate::results::tests::results;
    use crate::results::{Curve, Line};

    #[test]
    fn goals_are_judged_by_ratios_of_the_same_run() {
        let mut results = results(&[
            ("precedent", &[300.0, 300.0, 310.0]),
            ("surrealmx", &[100.0, 100.0, 100.0]),
            ("RwLock<BTreeMap>", &[400.0, 400.0, 400.0]),
        ]);
        for cell in &mut results.cells {
            cell.workload = "read one key".to_owned();
        }
        let goals = goals(&results);
        let met: Vec<_> = goals.iter().map(super::Goal::is_met).collect();
        assert_eq!(met, [true, false], "{}", table(&goals));
        assert!(table(&goals).contains("1 of 2 goals met"));
    }

    #[test]
    fn curves_are_judged_where_they_end_and_by_trials_of_the_same_turn() {
        let mut results = results(&[]);
        let mut curve = |title: &str, lines: &[(&str, f64, [f64; 3])]| {
            let line = |(name, size, trials): &(&str, f64, [f64; 3])| {
                Line::of(name, vec![(*size, trials.to_vec())])
            };
            let lines = lines.iter().map(line).collect();
            let (x, y) = ("x".to_owned(), "time".to_owned());
            results.curves.push(Curve { title: title.to_owned(), x, y, lines });
        };
        curve(ROWS, &[(SNAPSHOT, 1e5, [3.0, 6.0, 9.0]), (BOXES, 1e5, [1.0, 4.0, 6.0])]);
        curve(CERTIFICATION, &[(SLOW, 1e5, [4e6, 5e6, 6e6])]);
        curve(LONG, &[(ALONE, 1e3, [10.0; 3]), (BESIDE[1], 1e3, [10.5; 3])]);
        let goals = goals(&results);
        let found: Vec<_> = goals.iter().map(|goal| (goal.found.median, goal.is_met())).collect();
        assert_eq!(found, [(1.5, true), (5.0, false), (1.05, true)], "{}", table(&goals));
    }
}

//! What was set as a goal, and what came out. Every goal is a ratio within one run.

use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{CellAlignment, Table};

use crate::results::{Middle, Results};
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
    use crate::results::tests::results;

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
}

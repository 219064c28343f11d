//! Two results of the same plan: what has become faster, and what slower.

use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{CellAlignment, Table};

use crate::results::{Measured, Middle, Results};
use crate::show::time;

/// What has become of one cell.
#[derive(Debug, PartialEq)]
pub struct Change {
    pub workload: String,
    pub threads: usize,
    pub engine: String,
    pub before: Middle,
    pub after: Middle,
    pub verdict: Verdict,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Same,
    Better,
    /// The median is worse by more than the limit, but the intervals overlap.
    Unsure,
    Worse,
    /// It was measured before, and is not any more.
    Gone,
}

impl Change {
    /// Commits a second, after over before.
    pub fn ratio(&self) -> f64 {
        self.after.median / self.before.median.max(1e-9)
    }
}

/// Every cell of `before`, of these engines (of all if none is named), against `after`.
/// `limit` is a share: 0.1 for a tenth.
pub fn changes(before: &Results, after: &Results, engines: &[String], limit: f64) -> Vec<Change> {
    let chosen = |name: &String| engines.is_empty() || engines.contains(name);
    let measured = before.cells.iter().filter(|cell| chosen(&cell.engine));
    let change = |cell: &crate::results::Cell| {
        let old = cell.measured.as_ref()?.commits();
        let found = after.measured(&cell.workload, &cell.engine, cell.threads);
        let new = found.map(Measured::commits);
        Some(Change {
            workload: cell.workload.clone(),
            threads: cell.threads,
            engine: cell.engine.clone(),
            before: old,
            after: new.unwrap_or(Middle { median: 0.0, low: 0.0, high: 0.0 }),
            verdict: new.map_or(Verdict::Gone, |new| verdict(old, new, limit)),
        })
    };
    measured.filter_map(change).collect()
}

fn verdict(before: Middle, after: Middle, limit: f64) -> Verdict {
    if after.median < before.median * (1.0 - limit) {
        if after.high < before.low { Verdict::Worse } else { Verdict::Unsure }
    } else if after.median > before.median * (1.0 + limit) && after.low > before.high {
        Verdict::Better
    } else {
        Verdict::Same
    }
}

/// Whether nothing is worse or gone.
pub fn passes(changes: &[Change]) -> bool {
    !changes.iter().any(|one| matches!(one.verdict, Verdict::Worse | Verdict::Gone))
}

pub fn table(changes: &[Change]) -> String {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED);
    table.set_header(["workload", "threads", "engine", "before", "after", "speed", ""]);
    for change in changes {
        let each = |at: Middle| time(change.threads as f64 * 1e9 / at.median.max(1e-9));
        table.add_row([
            change.workload.clone(),
            change.threads.to_string(),
            change.engine.clone(),
            each(change.before),
            if change.verdict == Verdict::Gone { "–".to_owned() } else { each(change.after) },
            format!("{:+.1} %", (change.ratio() - 1.0) * 100.0),
            match change.verdict {
                Verdict::Same => "",
                Verdict::Better => "better",
                Verdict::Unsure => "perhaps worse",
                Verdict::Worse => "WORSE",
                Verdict::Gone => "GONE",
            }
            .to_owned(),
        ]);
    }
    for column in table.column_iter_mut().skip(3) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    format!("{table}\n")
}

/// `10%` or `0.1`.
pub fn share(text: &str) -> Result<f64, String> {
    let (number, unit) = text.strip_suffix('%').map_or((text, 1.0), |number| (number, 100.0));
    match number.trim().parse::<f64>() {
        Ok(number) if (0.0..1.0).contains(&(number / unit)) => Ok(number / unit),
        _ => Err("must be a share such as 10%".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::{Verdict, changes, passes, share, table};
    use crate::results::tests::results;

    const BEFORE: &[f64] = &[100.0, 101.0, 102.0];

    fn verdict(after: &[f64]) -> Verdict {
        let (before, after) = (results(&[("ours", BEFORE)]), results(&[("ours", after)]));
        changes(&before, &after, &[], 0.1)[0].verdict
    }

    #[test]
    fn a_tenth_slower_is_worse_only_beyond_the_noise() {
        assert_eq!(verdict(&[95.0, 96.0, 97.0]), Verdict::Same);
        assert_eq!(verdict(&[80.0, 81.0, 82.0]), Verdict::Worse);
        assert_eq!(verdict(&[80.0, 81.0, 100.5]), Verdict::Unsure);
        assert_eq!(verdict(&[180.0, 181.0, 182.0]), Verdict::Better);
        assert_eq!(verdict(&[]), Verdict::Gone);
    }

    #[test]
    fn only_named_engines_decide() {
        let before = results(&[("ours", BEFORE), ("theirs", BEFORE)]);
        let after = results(&[("ours", BEFORE), ("theirs", &[1.0, 1.0, 1.0])]);
        assert!(!passes(&changes(&before, &after, &[], 0.1)));
        let ours = changes(&before, &after, &["ours".to_owned()], 0.1);
        assert!(passes(&ours));
        assert!(table(&ours).contains("+0.0 %"));
    }

    #[test]
    fn a_limit_is_a_percentage_or_a_share() {
        assert_eq!(share("10%"), Ok(0.1));
        assert_eq!(share("0.25"), Ok(0.25));
        assert!(share("ten").is_err() && share("150%").is_err());
    }
}

//! Tables for the terminal and for Markdown.

use comfy_table::presets::{ASCII_MARKDOWN, UTF8_FULL_CONDENSED};
use comfy_table::{CellAlignment, ContentArrangement, Table, TableStyle};

use super::{rules, thousands, three_digits, time};
use crate::results::{Cell, Curve, Latency, Line, Measured, Results};
use crate::statistics::median;

/// For the terminal: times and memory, and everything else if `details`.
pub fn table(results: &Results, details: bool) -> String {
    let style = UTF8_FULL_CONDENSED;
    let mut text = String::new();
    if !results.cells.is_empty() {
        text = format!("{}\n\n{}\n", legend(results), times(results, style, false));
    }
    text += &ahead(results);
    if details {
        text += &format!("\n{}\n", particulars(results, style));
    }
    if !results.memory.is_empty() {
        text += &format!("\nBytes a key.\n\n{}\n", memory(results, style));
    }
    text + &warnings(results)
}

/// For a page: all of it, with intervals.
pub fn markdown(results: &Results) -> String {
    let style = ASCII_MARKDOWN;
    let host = &results.host;
    let mut text = format!(
        "`{}` on {}, {} cores, {} GiB, {}, {}, commit {}.\n\n{}\n\n{}\n\n{}\n",
        host.command,
        host.processor,
        host.cores,
        host.memory_gib,
        host.system,
        host.compiler,
        host.commit,
        legend(results),
        times(results, style, true),
        particulars(results, style),
    );
    text += &ahead(results);
    if !results.memory.is_empty() {
        text += &format!("\nBytes a key.\n\n{}\n", memory(results, style));
    }
    for curve in &results.curves {
        text += &format!("\n{}: {}\n\n{}\n", curve.title, curve.y, points(curve, style));
    }
    if !results.rules.is_empty() {
        text += &format!("\n{}\n", rules::table(&results.rules, style));
    }
    text + &warnings(results)
}

/// What was measured of costs against sizes.
pub fn curves(results: &Results) -> String {
    let text =
        |curve: &Curve| format!("{}\n{}\n\n", curve.title, points(curve, UTF8_FULL_CONDENSED));
    results.curves.iter().map(text).collect()
}

fn legend(results: &Results) -> String {
    let first = results.engines.first().map_or("", |engine| &engine.name);
    format!(
        "Time of a transaction on each thread: medians of {} runs of {} s, {} keys ({} \
         outside «core»). In brackets: \
         times as long as {first}. «no»: the engine lacks what it takes.",
        results.plan.repeats, results.plan.seconds, results.plan.keys, results.plan.keys_elsewhere,
    )
}

/// Engines with transactions that are ahead of the first one, beyond the noise.
fn ahead(results: &Results) -> String {
    let ahead = results.ahead();
    let Some(first) = results.engines.first().filter(|_| !ahead.is_empty()) else {
        return String::new();
    };
    let line = |(cell, ratio): &(&Cell, crate::results::Middle)| {
        let Cell { engine, workload, threads, .. } = cell;
        let (times, low, high) =
            (three_digits(ratio.median), three_digits(ratio.low), three_digits(ratio.high));
        format!("- {engine}, «{workload}», {threads} threads: {times} of its time ({low}–{high})\n")
    };
    format!("\nAhead of {}:\n\n{}", first.name, ahead.iter().map(line).collect::<String>())
}

fn warnings(results: &Results) -> String {
    let wrong = |cell: &Cell| {
        let violation = cell.measured.as_ref()?.violation.as_ref()?;
        let Cell { engine, workload, threads, .. } = cell;
        Some(format!("\nWRONG: {engine}, «{workload}», {threads} threads: {violation}\n"))
    };
    results.cells.iter().filter_map(wrong).collect()
}

pub fn blank(style: TableStyle) -> Table {
    let mut table = Table::new();
    table.load_style(style).set_content_arrangement(ContentArrangement::Disabled);
    table
}

/// Right-aligns all but the first columns.
pub fn align(table: &mut Table, left: usize) {
    for column in table.column_iter_mut().skip(left) {
        column.set_cell_alignment(CellAlignment::Right);
    }
}

fn times(results: &Results, style: TableStyle, intervals: bool) -> Table {
    let mut table = blank(style);
    let engines = results.engines.iter().map(|engine| engine.name.clone());
    table.set_header(["workload".to_owned(), "threads".to_owned()].into_iter().chain(engines));
    for workload in &results.workloads {
        for threads in results.threads_of(&workload.name) {
            let mut row = vec![workload.name.clone(), threads.to_string()];
            for engine in &results.engines {
                let cell = results.cell(&workload.name, &engine.name, threads);
                row.push(cell.map_or_else(String::new, |cell| of(results, cell, intervals)));
            }
            table.add_row(row);
        }
    }
    align(&mut table, 1);
    table
}

fn of(results: &Results, cell: &Cell, intervals: bool) -> String {
    let Some(measured) = &cell.measured else { return "no".to_owned() };
    let own = time(measured.nanoseconds(cell.threads));
    let wrong = if measured.violation.is_some() { " WRONG" } else { "" };
    let first = results.engines.first().map_or("", |engine| &engine.name);
    match results.measured(&cell.workload, first, cell.threads) {
        Some(ours) if cell.engine != first => {
            let ratio = measured.times_as_long_as(ours);
            let times = three_digits(ratio.median);
            if intervals {
                let (low, high) = (three_digits(ratio.low), three_digits(ratio.high));
                format!("{own} ({times}: {low}–{high}){wrong}")
            } else {
                format!("{own} ({times}){wrong}")
            }
        }
        _ => format!("{own}{wrong}"),
    }
}

fn particulars(results: &Results, style: TableStyle) -> Table {
    let mut table = blank(style);
    table.set_header([
        "workload",
        "threads",
        "engine",
        "commits/s",
        "goodput",
        "retries a commit",
        "aborts in 1000",
        "p50",
        "p90",
        "p99",
        "p99.9",
        "p99.99",
        "max",
        "versions",
        "besides",
    ]);
    for cell in &results.cells {
        let mut row = vec![cell.workload.clone(), cell.threads.to_string(), cell.engine.clone()];
        match &cell.measured {
            Some(measured) => row.extend(particular(results, cell, measured)),
            None => row.push(format!("no {}", cell.lacks)),
        }
        table.add_row(row);
    }
    align(&mut table, 3);
    table
}

fn particular(results: &Results, cell: &Cell, measured: &Measured) -> Vec<String> {
    let Latency { p50, p90, p99, p999, p9999, max, .. } = measured.latency;
    let workload = results.workloads.iter().find(|one| one.name == cell.workload);
    let side = workload.map(|one| one.side.as_str()).filter(|side| !side.is_empty());
    let mut row = vec![
        thousands(measured.commits().median),
        thousands(median(&measured.useful_per_second)),
        three_digits(measured.retries_per_commit),
        reasons(measured),
    ];
    row.extend([p50, p90, p99, p999, p9999, max].map(|at| time(at as f64)));
    row.push(measured.versions.map_or_else(|| "–".to_owned(), |count| count.to_string()));
    let besides = |side| format!("{} {side}/s", thousands(median(&measured.side_per_second)));
    row.push(side.map_or_else(String::new, besides));
    row
}

/// Why attempts ended, as far as the engine tells.
pub fn reasons(measured: &Measured) -> String {
    let some = measured.aborts_per_thousand.iter().filter(|(_, count)| *count > 0.0);
    let texts: Vec<_> =
        some.map(|(reason, count)| format!("{reason} {}", three_digits(*count))).collect();
    if texts.is_empty() { "–".to_owned() } else { texts.join(", ") }
}

fn memory(results: &Results, style: TableStyle) -> Table {
    let mut table = blank(style);
    table.set_header([
        "types",
        "keys",
        "engine",
        "loaded",
        "overwritten 10 times",
        "the same beside a reader",
        "versions then",
    ]);
    for row in &results.memory {
        let number = |number: Option<f64>| number.map_or_else(|| "no".to_owned(), three_digits);
        table.add_row([
            row.types.clone(),
            row.keys.to_string(),
            row.engine.clone(),
            three_digits(row.loaded),
            three_digits(row.overwritten),
            number(row.held),
            row.held_versions.map_or_else(|| "–".to_owned(), three_digits),
        ]);
    }
    align(&mut table, 3);
    table
}

fn points(curve: &Curve, style: TableStyle) -> Table {
    let mut table = blank(style);
    let names = curve.lines.iter().map(|line| line.name.clone());
    table.set_header(std::iter::once(curve.x.clone()).chain(names));
    let mut places: Vec<_> =
        curve.lines.iter().flat_map(|line| &line.points).map(|at| at.0).collect();
    places.sort_by(f64::total_cmp);
    places.dedup();
    for place in places {
        let at = |line: &Line| {
            let point = line.points.iter().find(|point| point.0 == place);
            point.map_or_else(String::new, |point| super::on_axis(curve, point.1))
        };
        let row = curve.lines.iter().map(at);
        table.add_row(std::iter::once(thousands(place)).chain(row));
    }
    align(&mut table, 0);
    table
}

#[cfg(test)]
mod tests {
    use super::{markdown, table};
    use crate::results::tests::results;

    #[test]
    fn an_engine_that_lacks_something_is_shown_as_no() {
        let results = results(&[("ours", &[1e6, 2e6, 3e6]), ("theirs", &[])]);
        let row =
            table(&results, false).lines().find(|line| line.contains("│ read")).map(String::from);
        let row = row.expect("the workload has a row");
        assert!(row.contains("500 ns") && row.contains("no"), "{row}");
    }

    #[test]
    fn markdown_has_ratios_with_intervals_and_a_wrong_end_stands_out() {
        let mut results = results(&[("ours", &[1e6, 2e6, 3e6]), ("theirs", &[1e6, 1e6, 1e6])]);
        let measured = results.cells[1].measured.as_mut().expect("it was measured");
        measured.violation = Some("a batch grew".to_owned());
        let text = markdown(&results);
        assert!(text.contains("1.00 µs (2.00: 1.00–3.00) WRONG"), "{text}");
        assert!(text.contains("a batch grew"));
    }
}

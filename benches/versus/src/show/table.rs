//! Tables for the terminal and for Markdown.

use comfy_table::presets::{ASCII_MARKDOWN, UTF8_FULL_CONDENSED};
use comfy_table::{CellAlignment, ContentArrangement, Table, TableStyle};

use crate::results::{Cell, Results};

/// For the terminal.
pub fn table(results: &Results) -> String {
    text(results, UTF8_FULL_CONDENSED)
}

/// For a page.
pub fn markdown(results: &Results) -> String {
    text(results, ASCII_MARKDOWN)
}

fn text(results: &Results, style: TableStyle) -> String {
    let first = results.engines.first().map_or("", |engine| &engine.name);
    format!(
        "Nanoseconds a transaction, on each thread: medians of {} runs. In brackets: times as \
         long as {first}, with an interval (95 %). «no»: the engine lacks what it takes.\n\n{}\n",
        results.plan.repeats,
        times(results, style),
    )
}

fn blank(style: TableStyle) -> Table {
    let mut table = Table::new();
    table.load_style(style).set_content_arrangement(ContentArrangement::Disabled);
    table
}

/// Right-aligns all but the first columns.
fn align(table: &mut Table, left: usize) {
    for column in table.column_iter_mut().skip(left) {
        column.set_cell_alignment(CellAlignment::Right);
    }
}

fn times(results: &Results, style: TableStyle) -> Table {
    let mut table = blank(style);
    let engines = results.engines.iter().map(|engine| engine.name.clone());
    table.set_header(["workload".to_owned(), "threads".to_owned()].into_iter().chain(engines));
    for workload in &results.workloads {
        for threads in results.threads_of(&workload.name) {
            let mut row = vec![workload.name.clone(), threads.to_string()];
            for engine in &results.engines {
                let cell = results.cell(&workload.name, &engine.name, threads);
                row.push(cell.map_or_else(String::new, |cell| time(results, cell)));
            }
            table.add_row(row);
        }
    }
    align(&mut table, 1);
    table
}

fn time(results: &Results, cell: &Cell) -> String {
    let Some(measured) = &cell.measured else { return "no".to_owned() };
    let own = format!("{:.0}", measured.nanoseconds(cell.threads));
    let wrong = if measured.violation.is_some() { " WRONG" } else { "" };
    let first = results.engines.first().map_or("", |engine| &engine.name);
    match results.measured(&cell.workload, first, cell.threads) {
        Some(ours) if cell.engine != first => {
            let ratio = measured.times_as_long_as(ours);
            let (low, high) = (ratio.low, ratio.high);
            format!("{own} ({:.2}: {low:.2}–{high:.2}){wrong}", ratio.median)
        }
        _ => format!("{own}{wrong}"),
    }
}

//! The plots: dots for throughput and latency, bars for aborts and memory, lines for
//! costs against sizes.

use super::svg::{Anchor, Scale, Svg};
use super::{thousands, three_digits, time};
use crate::results::{Cell, Curve, Line, Measured, Results};

const NAMES: f64 = 150.0;
const PANEL: f64 = 430.0;
const GAP: f64 = 76.0;
const WIDTH: f64 = NAMES + 2.0 * PANEL + GAP + 30.0;
const HEAD: f64 = 42.0;
const ROW: f64 = 26.0;

/// Throughput and latency of a workload, a row for each engine, a colour for each number
/// of threads.
pub fn dots(results: &Results, workload: &str) -> String {
    let threads = results.threads_of(workload);
    let height = HEAD + ROW * results.engines.len() as f64 + 6.0;
    let mut svg = Svg::new(WIDTH, height);
    let cells: Vec<_> = results.cells.iter().filter(|cell| cell.workload == workload).collect();
    let some: Vec<_> = cells.iter().filter_map(|cell| cell.measured.as_ref()).collect();
    let rates: Vec<_> =
        some.iter().map(|one| one.commits()).flat_map(|at| [at.low, at.high]).collect();
    let times: Vec<_> = some
        .iter()
        .filter(|one| one.latency.count > 0)
        .flat_map(|one| [one.latency.p50 as f64, one.latency.p9999 as f64])
        .collect();
    let rate = Scale::around(&rates, true, NAMES, NAMES + PANEL);
    let latency = Scale::around(&times, true, NAMES + PANEL + GAP, NAMES + 2.0 * PANEL + GAP);
    axis(&mut svg, "commits a second, all threads", &rate, height, thousands);
    axis(&mut svg, "latency: p50, p90, p99, p99.9, p99.99", &latency, height, time);
    for (row, engine) in results.engines.iter().enumerate() {
        let top = HEAD + ROW * row as f64;
        name(&mut svg, top, &engine.name, row == 0);
        for (turn, count) in threads.iter().enumerate() {
            let Some(cell) = results.cell(workload, &engine.name, *count) else { continue };
            let y = top + ROW * (turn as f64 + 1.0) / (threads.len() as f64 + 1.0);
            match &cell.measured {
                Some(measured) => {
                    throughput_dot(&mut svg, cell, measured, (&rate, y, turn));
                    latency_dots(&mut svg, cell, measured, (&latency, y, turn));
                }
                None if turn == 0 => {
                    let says = format!("no {}", cell.lacks);
                    let at = (NAMES + 8.0, top + ROW * 0.68);
                    svg.text("lacks", at, Anchor::Start, &says);
                }
                None => {}
            }
        }
    }
    svg.finish(&format!("throughput and latency of {workload}"))
}

fn axis(svg: &mut Svg, title: &str, scale: &Scale, height: f64, label: fn(f64) -> String) {
    let ticks = scale.ticks();
    if let Some(first) = ticks.first() {
        svg.text("title", (scale.place(*first), 14.0), Anchor::Start, title);
    }
    for tick in ticks {
        let x = scale.place(tick);
        svg.line("grid", (x, HEAD - 6.0), (x, height - 4.0));
        svg.text("tick", (x, HEAD - 12.0), Anchor::Middle, &round(&label(tick)));
    }
}

/// Round numbers need no decimals.
fn round(label: &str) -> String {
    label.replace(".00", "").replace(".0", "")
}

fn name(svg: &mut Svg, top: f64, name: &str, ours: bool) {
    if ours {
        svg.bar("ours", (0.0, top), (WIDTH, ROW), "");
    }
    let class = if ours { "name first" } else { "name" };
    svg.text(class, (NAMES - 12.0, top + ROW * 0.68), Anchor::End, name);
}

fn throughput_dot(
    svg: &mut Svg,
    cell: &Cell,
    measured: &Measured,
    (scale, y, turn): (&Scale, f64, usize),
) {
    let at = measured.commits();
    let says = format!(
        "{}, {} threads: {} commits/s ({}–{}), {} each",
        cell.engine,
        cell.threads,
        thousands(at.median),
        thousands(at.low),
        thousands(at.high),
        time(measured.nanoseconds(cell.threads)),
    );
    svg.line(&format!("whisker t{turn}"), (scale.place(at.low), y), (scale.place(at.high), y));
    svg.dot(&format!("dot t{turn}"), (scale.place(at.median), y), 4.5, &says);
}

fn latency_dots(
    svg: &mut Svg,
    cell: &Cell,
    measured: &Measured,
    (scale, y, turn): (&Scale, f64, usize),
) {
    let latency = measured.latency;
    if latency.count == 0 {
        return;
    }
    let places = [
        ("p50", latency.p50, 4.5),
        ("p90", latency.p90, 3.5),
        ("p99", latency.p99, 3.0),
        ("p99.9", latency.p999, 2.5),
        ("p99.99", latency.p9999, 2.0),
    ];
    let (from, to) = (scale.place(latency.p50 as f64), scale.place(latency.p9999 as f64));
    svg.line(&format!("thin t{turn}"), (from, y), (to, y));
    for (which, at, radius) in places {
        let says =
            format!("{}, {} threads: {which} {}", cell.engine, cell.threads, time(at as f64));
        svg.dot(&format!("dot t{turn}"), (scale.place(at as f64), y), radius, &says);
    }
}

/// What refused attempts, for each engine and number of threads; nothing if hardly any
/// were refused.
pub fn aborts(results: &Results, workload: &str) -> Option<String> {
    let total = |measured: &Measured| {
        measured.aborts_per_thousand.iter().map(|(_, count)| *count).sum::<f64>()
    };
    let cells = results.cells.iter().filter(|cell| cell.workload == workload);
    let rows: Vec<_> = cells
        .filter_map(|cell| Some((cell, cell.measured.as_ref()?)))
        .filter(|(_, measured)| total(measured) >= 1.0)
        .collect();
    if rows.is_empty() {
        return None;
    }
    let reasons = reasons(results);
    let height = HEAD + 20.0 * rows.len() as f64 + 10.0;
    let mut svg = Svg::new(WIDTH, height);
    let totals: Vec<_> = rows.iter().map(|(_, measured)| total(measured)).collect();
    let scale = Scale::around(&totals, false, NAMES + 40.0, NAMES + 1.2 * PANEL);
    axis(&mut svg, "refused attempts in 1000 commits, by reason", &scale, height, |at| {
        thousands(at)
    });
    for (row, (cell, measured)) in rows.iter().enumerate() {
        let y = HEAD + 20.0 * row as f64;
        svg.text("name", (NAMES - 12.0, y + 14.0), Anchor::End, &cell.engine);
        let count = format!("{} thr.", cell.threads);
        svg.text("tick", (NAMES + 34.0, y + 14.0), Anchor::End, &count);
        let mut sum = 0.0;
        for (reason, count) in measured.aborts_per_thousand.iter().filter(|one| one.1 > 0.0) {
            let (from, to) = (scale.place(sum), scale.place(sum + count));
            let colour = reasons.iter().position(|one| one == reason).unwrap_or_default();
            let says = format!("{}: {reason} {}", cell.engine, three_digits(*count));
            svg.bar(&format!("r{colour}"), (from, y + 3.0), (to - from, 14.0), &says);
            sum += count;
        }
        let says = super::table::reasons(measured);
        svg.text("value", (scale.place(sum) + 8.0, y + 14.0), Anchor::Start, &says);
    }
    Some(svg.finish(&format!("refused attempts of {workload}")))
}

/// All reasons that occur, in the order of the engines.
fn reasons(results: &Results) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for measured in results.cells.iter().filter_map(|cell| cell.measured.as_ref()) {
        for (reason, _) in &measured.aborts_per_thousand {
            if !all.contains(reason) {
                all.push(reason.clone());
            }
        }
    }
    all
}

/// Bytes a key, for keys and values of these types.
pub fn memory(results: &Results, types: &str) -> String {
    let rows: Vec<_> = results.memory.iter().filter(|row| row.types == types).collect();
    let height = HEAD + ROW * rows.len() as f64 + 6.0;
    let mut svg = Svg::new(WIDTH, height);
    let values = rows.iter().flat_map(|row| [Some(row.loaded), Some(row.overwritten), row.held]);
    let values: Vec<_> = values.flatten().collect();
    let scale = Scale::around(&values, true, NAMES, NAMES + 1.6 * PANEL);
    axis(&mut svg, "bytes a key", &scale, height, thousands);
    for (row, memory) in rows.iter().enumerate() {
        let top = HEAD + ROW * row as f64;
        name(&mut svg, top, &memory.engine, row == 0);
        let places = [
            ("m0", "loaded", Some(memory.loaded)),
            ("m1", "overwritten ten times", Some(memory.overwritten)),
            ("m2", "overwritten beside a reader", memory.held),
        ];
        for (class, what, at) in places {
            let Some(at) = at else { continue };
            let says = format!("{}, {what}: {} bytes a key", memory.engine, three_digits(at));
            svg.dot(&format!("dot {class}"), (scale.place(at), top + ROW / 2.0), 5.0, &says);
        }
        let says = format!("{} loaded", three_digits(memory.loaded));
        let at = (NAMES + 1.6 * PANEL + 16.0, top + ROW * 0.68);
        svg.text("value", at, Anchor::Start, &says);
    }
    svg.finish(&format!("memory of {types}"))
}

/// At the ends of the lines, from the top down, moved apart where they meet.
fn names_of_lines(svg: &mut Svg, curve: &Curve, x: f64, scale: &Scale) {
    let end = |line: &Line| line.points.last().map(|point| scale.place(point.1) + 4.0);
    let lines = curve.lines.iter().enumerate();
    let mut ends: Vec<_> =
        lines.filter_map(|(place, line)| Some((end(line)?, place, &line.name))).collect();
    ends.sort_by(|one, other| one.0.total_cmp(&other.0));
    let mut free = 0.0;
    for (y, place, name) in ends {
        let y = y.max(free);
        free = y + 13.0;
        svg.text(&format!("label l{}", place % 10), (x + 9.0, y), Anchor::Start, name);
    }
}

/// Lines of costs against sizes, both logarithmic.
pub fn curve(curve: &Curve) -> String {
    let (width, height, left, bottom) = (625.0, 300.0, 70.0, 254.0);
    let right = width - 175.0;
    let mut svg = Svg::new(width, height);
    let points = || curve.lines.iter().flat_map(|line| &line.points);
    let x = Scale::around(&points().map(|at| at.0).collect::<Vec<_>>(), true, left, right);
    let y = Scale::around(&points().map(|at| at.1).collect::<Vec<_>>(), true, bottom, 26.0);
    let label = |at: f64| super::on_axis(curve, at);
    for tick in y.ticks() {
        svg.line("grid", (left, y.place(tick)), (right, y.place(tick)));
        let at = (left - 8.0, y.place(tick) + 4.0);
        svg.text("tick", at, Anchor::End, &round(&label(tick)));
    }
    for tick in x.ticks() {
        svg.line("grid", (x.place(tick), 26.0), (x.place(tick), bottom));
        let at = (x.place(tick), bottom + 16.0);
        svg.text("tick", at, Anchor::Middle, &round(&thousands(tick)));
    }
    svg.text("title", (left, 14.0), Anchor::Start, &curve.y);
    svg.text("title", ((left + right) / 2.0, bottom + 36.0), Anchor::Middle, &curve.x);
    for (place, line) in curve.lines.iter().enumerate() {
        let at: Vec<_> = line.points.iter().map(|(a, b)| (x.place(*a), y.place(*b))).collect();
        svg.path(&format!("curve c{}", place % 10), &at);
        for (point, at) in line.points.iter().zip(&at) {
            let says = format!("{}: {} at {}", line.name, label(point.1), thousands(point.0));
            svg.dot(&format!("dot c{}", place % 10), *at, 3.5, &says);
        }
    }
    names_of_lines(&mut svg, curve, right, &y);
    svg.finish(&curve.title)
}

//! What rules of certification refuse: workloads by rule, without sliding and with it.

use comfy_table::TableStyle;
use comfy_table::presets::UTF8_FULL_CONDENSED;

use super::svg::{Anchor, Scale, Svg, escaped};
use super::table::{align, blank};
use crate::lab::Ruled;
use crate::results::Results;

/// For the terminal; nothing if no rule was tried.
pub fn refusals(results: &Results) -> String {
    if results.rules.is_empty() {
        String::new()
    } else {
        format!("\n{}", table(&results.rules, UTF8_FULL_CONDENSED))
    }
}

/// `snapshots stay → snapshots slide`, each of a hundred attempts.
pub fn table(all: &[Ruled], style: TableStyle) -> String {
    let rules = distinct(all, |one| &one.rule);
    let mut table = blank(style);
    let mark = |rule: &&str| {
        let serializable = all.iter().any(|one| one.rule == *rule && one.serializable);
        if serializable { (*rule).to_owned() } else { format!("{rule} *") }
    };
    table.set_header(std::iter::once("refused, in %".to_owned()).chain(rules.iter().map(mark)));
    for workload in distinct(all, |one| &one.workload) {
        let cell = |rule: &&str| {
            let percent = |sliding| Some(find(all, workload, rule, sliding)?.percent());
            match (percent(false), percent(true)) {
                (Some(stay), Some(slide)) => format!("{stay:.1} → {slide:.1}"),
                (Some(stay), None) => format!("{stay:.1}"),
                _ => String::new(),
            }
        };
        table.add_row(std::iter::once(workload.to_owned()).chain(rules.iter().map(cell)));
    }
    align(&mut table, 1);
    format!("{table}\n{LEGEND}{}", beaten(all))
}

const LEGEND: &str = "Left of the arrow snapshots stay where they were taken, right of it they \
                      slide.\n* not serializable, and nothing to slide: reads are not tracked.\n";

/// Differences below are chance: half the last digit that is shown.
const NOTHING: f64 = 0.05;

/// Where another serializable rule refuses fewer than the exact one.
fn beaten(all: &[Ruled]) -> String {
    let ahead = |other: &&Ruled| {
        let exact = all.iter().find(|one| one.is_exact() && is_same(one, other))?;
        let points = exact.percent() - other.percent();
        (points > NOTHING).then(|| {
            format!("{} refuses {points:.1} points fewer than the exact rule.\n", other.title())
        })
    };
    all.iter().filter(|one| one.serializable).filter_map(|one| ahead(&one)).collect()
}

fn is_same(one: &Ruled, other: &Ruled) -> bool {
    (&one.workload, one.sliding) == (&other.workload, other.sliding)
}

fn find<'r>(all: &'r [Ruled], workload: &str, rule: &str, sliding: bool) -> Option<&'r Ruled> {
    let wanted =
        |one: &&Ruled| (&*one.workload, &*one.rule, one.sliding) == (workload, rule, sliding);
    all.iter().find(wanted)
}

fn distinct(all: &[Ruled], of: fn(&Ruled) -> &String) -> Vec<&str> {
    let mut seen: Vec<&str> = Vec::new();
    for one in all {
        if !seen.contains(&of(one).as_str()) {
            seen.push(of(one));
        }
    }
    seen
}

const WIDTH: f64 = 400.0;
const NAMES: f64 = 140.0;
const ROW: f64 = 18.0;
/// What numbers beside the bars need.
const NUMBERS: f64 = 82.0;

/// A part of the page: a plot for each workload.
pub fn section(all: &[Ruled]) -> String {
    if all.is_empty() {
        return String::new();
    }
    let plot = |workload: &str| {
        let about = all.iter().find(|one| one.workload == workload).map_or("", |one| &one.about);
        format!(
            "<div style=\"width:{WIDTH}px\"><h3>{}</h3>\n<p class=\"about\">{}</p>\n{}</div>\n",
            escaped(workload),
            escaped(about),
            bars(all, workload)
        )
    };
    let plots: String = distinct(all, |one| &one.workload).into_iter().map(plot).collect();
    format!(
        "<h2 id=\"rules\">rules</h2>\n<p class=\"about\">precedent under other rules of certification: \
         of a hundred transactions of {} interleaved sessions, so many were refused. Pale: snapshots \
         stay; full: they slide. First-committer-wins is not serializable.</p>\n\
         <div class=\"curves\">{plots}</div>\n",
        all[0].sessions,
    )
}

fn bars(all: &[Ruled], workload: &str) -> String {
    let rules = distinct(all, |one| &one.rule);
    let mut svg = Svg::new(WIDTH, ROW * rules.len() as f64 + 6.0);
    let of = |rule: &str, sliding| Some(find(all, workload, rule, sliding)?.percent());
    let values = rules.iter().filter_map(|rule| of(rule, false)).collect::<Vec<f64>>();
    let scale = Scale::around(&values, false, NAMES, WIDTH - NUMBERS);
    for (row, rule) in rules.iter().enumerate() {
        let top = ROW * row as f64;
        let class = if row == 0 { "name first" } else { "name" };
        svg.text(class, (NAMES - 8.0, top + ROW * 0.72), Anchor::End, rule);
        let (stay, slide) = (of(rule, false), of(rule, true));
        let marks = [("pale", "snapshots stay", stay), ("full", "snapshots slide", slide)];
        for (shade, what, percent) in marks {
            let Some(percent) = percent else { continue };
            let says = format!("{workload}, {rule}, {what}: {percent:.2} %");
            let size = (scale.place(percent) - NAMES, ROW - 5.0);
            svg.bar(&format!("r{row} {shade}"), (NAMES, top + 2.5), size, &says);
        }
        let text = match (stay, slide) {
            (Some(stay), Some(slide)) => format!("{stay:.1} → {slide:.1}"),
            (Some(stay), None) => format!("{stay:.1}"),
            _ => String::new(),
        };
        let most = [stay, slide].into_iter().flatten().fold(0.0, f64::max);
        svg.text("value", (scale.place(most) + 5.0, top + ROW * 0.72), Anchor::Start, &text);
    }
    svg.finish(&format!("refused, {workload}"))
}

#[cfg(test)]
mod tests {
    use comfy_table::presets::ASCII_MARKDOWN;

    use super::{section, table};
    use crate::lab::{Arguments, Ruled, run};

    fn all() -> Vec<Ruled> {
        let mut all = run(&Arguments::small(1)).expect("all workloads and rules are there");
        all.retain(|one| ["queue", "blind writes"].contains(&one.workload.as_str()));
        all
    }

    #[test]
    fn tables_and_plots_tell_every_workload_and_every_rule() {
        let all = all();
        // Four rules with sliding and without, and one that does not slide.
        assert_eq!(all.len(), 2 * 9);
        let table = table(&all, ASCII_MARKDOWN);
        assert_eq!(table.lines().filter(|line| line.starts_with('|')).count(), 4, "{table}");
        assert_eq!(table.matches(" → ").count(), 2 * 4, "{table}");
        let section = section(&all);
        assert_eq!(section.matches("<svg").count(), 2);
        assert_eq!(section.matches("<rect").count(), 2 * 9);
        assert!(section.contains("queue, exact, snapshots slide: "));
    }

    #[test]
    fn a_rule_that_refuses_fewer_than_the_exact_one_is_named() {
        let mut all = all();
        assert!(!table(&all, ASCII_MARKDOWN).contains("fewer than the exact rule"));
        let backward = all.iter_mut().find(|one| one.rule == "backward");
        let kinds = &mut backward.expect("there is one").kinds;
        kinds.iter_mut().for_each(|ends| ends.rule = 0);
        let table = table(&all, ASCII_MARKDOWN);
        assert!(table.contains("backward, snapshots stay refuses"), "{table}");
    }
}

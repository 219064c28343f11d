//! One page with all plots and tables, which needs nothing but itself.

use super::svg::escaped;
use super::{page, plot, rules, thousands, three_digits, time};
use crate::results::{Cell, Curve, Engine, Measured, Middle, Results, Workload};
use crate::statistics::median;

pub fn html(results: &Results) -> String {
    let mut body = head(results);
    if !results.cells.is_empty() {
        body += &overview(results);
        for group in groups(results) {
            body += &format!("<h2 id=\"{0}\">{0}</h2>\n", escaped(&group));
            let of_group = results.workloads.iter().filter(|one| one.group == group);
            body += &of_group.map(|workload| section(results, workload)).collect::<String>();
        }
    }
    body += &memory(results);
    body += &curves(results);
    body += &rules::section(&results.rules);
    if !results.cells.is_empty() {
        body += &all_figures(results);
    }
    page::page("versus", &body)
}

fn groups(results: &Results) -> Vec<String> {
    let mut groups: Vec<String> = Vec::new();
    for workload in &results.workloads {
        if !groups.contains(&workload.group) {
            groups.push(workload.group.clone());
        }
    }
    groups
}

fn head(results: &Results) -> String {
    let host = &results.host;
    let mut names = groups(results);
    names.extend((!results.memory.is_empty()).then(|| "memory".to_owned()));
    names.extend((!results.curves.is_empty()).then(|| "growth".to_owned()));
    names.extend((!results.rules.is_empty()).then(|| "rules".to_owned()));
    let link = |name: &String| format!("<a href=\"#{0}\">{0}</a>", escaped(name));
    let first = results.engines.first().map_or("precedent", |engine| &engine.name);
    format!(
        "<h1>{} beside other engines</h1>\n<p class=\"soft\">{} · {} cores · {} GiB · {} · {} · \
         commit {} · load {:.1} when it began</p>\n<p><code>{}</code></p>\n{}<nav>{}</nav>\n",
        escaped(first),
        escaped(&host.processor),
        host.cores,
        host.memory_gib,
        escaped(&host.system),
        escaped(&host.compiler),
        escaped(&host.commit),
        host.load,
        escaped(&host.command),
        if results.cells.is_empty() { String::new() } else { manner(results) },
        names.iter().map(link).collect::<String>(),
    )
}

/// How the dots came about.
fn manner(results: &Results) -> String {
    let plan = &results.plan;
    let mut pace = match plan.rate {
        Some(rate) => format!("open loop of {} transactions a second", thousands(rate)),
        None => "closed loop".to_owned(),
    };
    if plan.think_us + plan.dwell_us > 0 {
        pace += &format!(", {} µs between, {} µs within", plan.think_us, plan.dwell_us);
    }
    let length = match plan.transactions {
        Some(count) => format!("{count} transactions on each thread"),
        None => format!("{} s", plan.seconds),
    };
    format!(
        "<p class=\"soft\">{} keys in «core», {} elsewhere; {} runs of {length} for each dot, engines taking turns; {pace}. \
         Dots are medians, lines are 95 % intervals.</p>\n",
        plan.keys, plan.keys_elsewhere, plan.repeats,
    )
}

/// All workloads and engines at one glance, and what the engines are.
fn overview(results: &Results) -> String {
    let mut rows = String::new();
    for workload in &results.workloads {
        let counts = results.threads_of(&workload.name);
        for (turn, threads) in counts.iter().enumerate() {
            let span = if turn == 0 { counts.len() } else { 0 };
            rows += &overview_row(results, workload, *threads, span);
        }
    }
    // A name may break where its types begin.
    let name = |one: &Engine| escaped(&one.name).replace("&lt;", "<wbr>&lt;");
    let heads: String =
        results.engines.iter().map(|one| format!("<th>{}</th>", name(one))).collect();
    let about = |one: &Engine| {
        let cells = [&one.name, &one.isolation, &one.note].map(|text| escaped(text));
        format!(
            "<tr><td>{}</td><td class=\"left\">{}</td><td class=\"left\">{}</td></tr>\n",
            cells[0], cells[1], cells[2]
        )
    };
    let engines: String = results.engines.iter().map(about).collect();
    let first = results.engines.first().map_or("", |engine| &engine.name);
    format!(
        "<h2>Overview</h2>\n<p class=\"about\">Time of a transaction on each thread, and how many times \
         as long it takes as {0}: green where {0} is faster.</p>\n<div class=\"wide\"><table \
         class=\"heat\">\n<tr><th>workload</th><th>threads</th>{heads}</tr>\n{rows}</table></div>\n\
         <details><summary>The engines</summary><table>\n<tr><th>engine</th><th class=\"left\">runs \
         as</th><th class=\"left\">note</th></tr>\n{engines}</table></details>\n",
        escaped(first)
    )
}

/// The name of the workload spans so many rows, if this is the first of them.
fn overview_row(results: &Results, workload: &Workload, threads: usize, span: usize) -> String {
    let first = results.engines.first().map_or("", |engine| &engine.name);
    let ours = results.measured(&workload.name, first, threads);
    let cell = |engine: &Engine| {
        let cell = results.cell(&workload.name, &engine.name, threads);
        let Some(cell) = cell else { return "<td></td>".to_owned() };
        let Some(measured) = &cell.measured else {
            return format!("<td class=\"no\" title=\"no {}\">no</td>", escaped(&cell.lacks));
        };
        let own = time(measured.nanoseconds(threads));
        let wrong = wrong(measured);
        match ours {
            Some(ours) if engine.name != first => {
                let ratio = measured.times_as_long_as(ours);
                let colour = if engine.keeps { heat(ratio.median) } else { String::new() };
                let Middle { low, high, .. } = ratio;
                format!(
                    "<td style=\"{colour}\" title=\"{}–{}\">{own}<small>×{}</small>{wrong}</td>",
                    three_digits(low),
                    three_digits(high),
                    three_digits(ratio.median)
                )
            }
            _ => format!("<td class=\"first\">{own}{wrong}</td>"),
        }
    };
    let cells: String = results.engines.iter().map(cell).collect();
    let name = match span {
        0 => String::new(),
        _ => format!("<td rowspan=\"{span}\">{}</td>", escaped(&workload.name)),
    };
    format!("<tr>{name}<td class=\"threads\">{threads}</td>{cells}</tr>\n")
}

fn wrong(measured: &Measured) -> String {
    let Some(violation) = &measured.violation else { return String::new() };
    format!(" <span class=\"wrong\" title=\"{}\">wrong</span>", escaped(violation))
}

/// The further from one, the stronger.
fn heat(ratio: f64) -> String {
    let strength = (ratio.max(1e-3).log2().abs() / 6.0).min(1.0) * 0.45;
    let colour = if ratio >= 1.0 { "good" } else { "bad" };
    format!("background:rgba(var(--{colour}),{strength:.2})")
}

fn section(results: &Results, workload: &Workload) -> String {
    let threads = results.threads_of(&workload.name);
    let key = |(turn, count): (usize, &usize)| {
        let plural = if *count == 1 { "" } else { "s" };
        format!("<i style=\"background:var(--t{})\"></i>{count} thread{plural}", turn.min(3))
    };
    let keys: String = threads.iter().enumerate().map(key).collect();
    let aborts = plot::aborts(results, &workload.name).unwrap_or_default();
    format!(
        "<h3>{}</h3>\n<p class=\"about\">{}</p>\n<div class=\"wide\">{}</div>\n<p class=\"key\">{keys}{}</p>\n{aborts}",
        escaped(&workload.name),
        escaped(&workload.about),
        plot::dots(results, &workload.name),
        side(results, workload),
    )
}

/// What was counted apart, at the largest number of threads.
fn side(results: &Results, workload: &Workload) -> String {
    let (Some(threads), false) =
        (results.threads_of(&workload.name).last().copied(), workload.side.is_empty())
    else {
        return String::new();
    };
    let of = |engine: &Engine| {
        let measured = results.measured(&workload.name, &engine.name, threads)?;
        let rate = thousands(median(&measured.side_per_second));
        Some(format!("{} {rate}", escaped(&engine.name)))
    };
    let rates: Vec<_> = results.engines.iter().filter(|one| one.keeps).filter_map(of).collect();
    format!(" · {} a second beside {threads} threads: {}", workload.side, rates.join(", "))
}

fn memory(results: &Results) -> String {
    if results.memory.is_empty() {
        return String::new();
    }
    let mut types: Vec<_> = results.memory.iter().map(|row| (&row.types, row.keys)).collect();
    types.dedup();
    let plot = |(types, keys): &(&String, usize)| {
        format!(
            "<h3>{}, {} keys</h3>\n<div class=\"wide\">{}</div>\n",
            escaped(types),
            thousands(*keys as f64),
            plot::memory(results, types)
        )
    };
    let plots: String = types.iter().map(plot).collect();
    format!(
        "<h2 id=\"memory\">memory</h2>\n<p class=\"about\">Bytes asked of the allocator and not given \
         back, and bytes in files.</p>\n<p class=\"key\"><i style=\"background:var(--t1)\"></i>loaded\
         <i style=\"background:var(--t0)\"></i>every key overwritten ten times<i \
         style=\"background:var(--t3)\"></i>the same beside a reader that is open from before</p>\n{plots}"
    )
}

fn curves(results: &Results) -> String {
    if results.curves.is_empty() {
        return String::new();
    }
    let titled = |curve: &Curve| {
        format!("<div><h3>{}</h3>{}</div>\n", escaped(&curve.title), plot::curve(curve))
    };
    let plots: String = results.curves.iter().map(titled).collect();
    format!("<h2 id=\"growth\">growth</h2>\n<div class=\"curves\">{plots}</div>\n")
}

fn all_figures(results: &Results) -> String {
    const HEADS: [&str; 12] = [
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
        "versions",
    ];
    let heads: String = HEADS.iter().map(|head| format!("<th>{head}</th>")).collect();
    let rows: String = results.cells.iter().map(figures).collect();
    format!(
        "<details><summary>All figures</summary><div class=\"wide\"><table>\n<tr><th>workload</th>\
         {heads}</tr>\n{rows}</table></div></details>\n"
    )
}

fn figures(cell: &Cell) -> String {
    let mut fields = vec![cell.workload.clone(), cell.threads.to_string(), cell.engine.clone()];
    match &cell.measured {
        None => fields.push(format!("no {}", cell.lacks)),
        Some(measured) => {
            let latency = measured.latency;
            fields.push(thousands(measured.commits().median));
            fields.push(thousands(median(&measured.useful_per_second)));
            fields.push(three_digits(measured.retries_per_commit));
            fields.push(super::table::reasons(measured));
            let at = [latency.p50, latency.p90, latency.p99, latency.p999, latency.p9999];
            fields.extend(at.map(|at| time(at as f64)));
            fields.push(measured.versions.map_or_else(|| "–".to_owned(), |one| one.to_string()));
        }
    }
    let fields: String = fields.iter().map(|text| format!("<td>{}</td>", escaped(text))).collect();
    format!("<tr>{fields}</tr>\n")
}

#[cfg(test)]
mod tests {
    use super::html;
    use crate::results::tests::results;
    use crate::results::{Curve, Line, Memory};

    #[test]
    fn the_page_stands_alone_and_is_well_formed() {
        let mut results =
            results(&[("ours", &[1e6, 2e6, 3e6]), ("RwLock<Map>", &[1e6; 3]), ("none", &[])]);
        results.memory.push(Memory {
            engine: "ours".to_owned(),
            types: "u64 -> u64".to_owned(),
            keys: 10,
            loaded: 80.0,
            overwritten: 90.0,
            held: None,
            held_versions: None,
        });
        let line = Line::of("ours", vec![(10.0, vec![1.0]), (100.0, vec![2.0])]);
        results.curves.push(Curve {
            title: "growth".to_owned(),
            x: "keys".to_owned(),
            y: "time".to_owned(),
            lines: vec![line],
        });
        let page = html(&results);
        assert!(!page.contains("http:") && !page.contains("https:") && !page.contains("<script"));
        assert!(page.contains("RwLock&lt;Map&gt;") && !page.contains("RwLock<Map>"));
        for tag in ["svg", "table", "div", "tr", "td", "text", "details"] {
            let (open, close) = (format!("<{tag}"), format!("</{tag}>"));
            let opened = page.matches(&open).count() - page.matches(&format!("{open}itle")).count();
            assert_eq!(opened, page.matches(&close).count(), "{tag}");
        }
        assert!(page.contains("no ranges"));
        assert!(page.contains("cycle 250"));
        assert!(!page.contains("NaN"));
    }
}

//! The table: workloads by rule, without sliding and with it. And all of it as JSON.

use precedent::Certifier;
use serde_json::{Value, json};

use super::Arguments;
use super::experiment::{Outcome, REASONS};

/// The layout of the JSON.
const VERSION: u32 = 1;

/// Of a hundred attempts, how many were refused: `snapshots stay -> snapshots slide`.
pub fn table(outcomes: &[Outcome], markdown: bool) -> String {
    let rules = distinct(outcomes.iter().map(|outcome| outcome.rule));
    let header = rules.iter().map(|rule| match rule.is_serializable() {
        true => rule.to_string(),
        false => format!("{rule} *"),
    });
    let mut rows: Vec<Vec<String>> =
        vec![std::iter::once("refused, in %".to_owned()).chain(header).collect()];
    for workload in distinct(outcomes.iter().map(|outcome| outcome.workload)) {
        let percent = |rule, sliding| percent(outcomes, workload, rule, sliding);
        let cell = |rule: &Certifier| match (percent(*rule, false), percent(*rule, true)) {
            (Some(stay), Some(slide)) => format!("{stay:.1} → {slide:.1}"),
            (Some(stay), None) => format!("{stay:.1}"),
            _ => String::new(),
        };
        rows.push(std::iter::once(workload.to_owned()).chain(rules.iter().map(cell)).collect());
    }
    let text = if markdown { as_markdown(&rows) } else { aligned(&rows) };
    format!("{text}\n{}{}", beaten(outcomes), LEGEND)
}

const LEGEND: &str = "Left of the arrow snapshots stay where they were taken, right of it they \
                      slide.\n* not serializable, and nothing to slide: reads are not tracked.\n";

fn percent(outcomes: &[Outcome], workload: &str, rule: Certifier, sliding: bool) -> Option<f64> {
    let same = |outcome: &&Outcome| {
        (outcome.workload, outcome.rule, outcome.sliding) == (workload, rule, sliding)
    };
    outcomes.iter().find(same).map(|outcome| outcome.counts().percent())
}

/// Where another serializable rule refuses fewer than the exact one.
fn beaten(outcomes: &[Outcome]) -> String {
    let mut lines = String::new();
    for other in outcomes.iter().filter(|other| other.rule.is_serializable()) {
        let (theirs, sliding) = (other.counts().percent(), other.sliding);
        let exact = percent(outcomes, other.workload, Certifier::Exact, sliding);
        if let Some(exact) = exact.filter(|exact| theirs + 0.05 < *exact) {
            let ahead = exact - theirs;
            lines += &format!("{} refuses {ahead:.1} points fewer than exact.\n", other.title());
        }
    }
    lines
}

fn distinct<T: PartialEq>(all: impl Iterator<Item = T>) -> Vec<T> {
    let mut seen = Vec::new();
    all.for_each(|one| {
        if !seen.contains(&one) {
            seen.push(one);
        }
    });
    seen
}

fn aligned(rows: &[Vec<String>]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: Vec<usize> = (0..rows[0].len()).map(|column| width(column).unwrap_or(0)).collect();
    let mut text = String::new();
    for row in rows {
        for (at, (cell, width)) in row.iter().zip(&widths).enumerate() {
            text += &match at {
                0 => format!("{cell:<width$}"),
                _ => format!("  {cell:>width$}"),
            };
        }
        text.push('\n');
    }
    text
}

fn as_markdown(rows: &[Vec<String>]) -> String {
    let line = |row: &[String]| format!("| {} |\n", row.join(" | "));
    let rule = format!("| --- |{}\n", " --: |".repeat(rows[0].len() - 1));
    let body: String = rows[1..].iter().map(|row| line(row)).collect();
    format!("{}{rule}{body}", line(&rows[0]))
}

/// What was judged.
pub fn checked(outcomes: &[Outcome]) -> String {
    let mut sum = super::judge::Checked::default();
    let runs = outcomes.iter().filter_map(|outcome| outcome.checked.as_ref());
    runs.clone().for_each(|checked| sum.add(checked));
    format!(
        "{} runs judged: {} commits and {} readers with {} reads, {} edges; no violation",
        runs.count(),
        sum.committed,
        sum.readers,
        sum.reads,
        sum.edges,
    )
}

/// Everything, for programs.
pub fn json(outcomes: &[Outcome], arguments: &Arguments) -> String {
    let kinds = |outcome: &Outcome| -> Value {
        let kinds = outcome.kinds.iter().map(|(kind, counts)| {
            let refused = REASONS.iter().zip(counts.refused);
            let refused: serde_json::Map<String, Value> =
                refused.map(|(reason, count)| ((*reason).to_owned(), json!(count))).collect();
            let counts = json!({
                "committed": counts.committed,
                "certified": counts.certified,
                "refused": refused,
            });
            ((*kind).to_owned(), counts)
        });
        Value::Object(kinds.collect())
    };
    let cells: Vec<Value> = outcomes
        .iter()
        .map(|outcome| {
            json!({
                "workload": outcome.workload,
                "about": outcome.about,
                "rule": outcome.rule.to_string(),
                "serializable": outcome.rule.is_serializable(),
                "sliding": outcome.sliding,
                "counted": outcome.watched,
                "refused_percent": outcome.counts().percent(),
                "kinds": kinds(outcome),
                "checked": outcome.checked.is_some(),
            })
        })
        .collect();
    let all = json!({
        "laboratory": VERSION,
        "seed": arguments.seed,
        "repeats": arguments.repeats,
        "sessions": arguments.sessions,
        "transactions": arguments.transactions,
        "retries": arguments.retries,
        "cells": cells,
    });
    format!("{all:#}\n")
}

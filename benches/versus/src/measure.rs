//! Runs the engines in turn, workload by workload, and gathers what came out.

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use crate::engines::CONTESTANTS;
use crate::harness::{Entry, Run, Shape, agree};
use crate::host;
use crate::progress::Progress;
use crate::results::{Cell, Engine, FORMAT, Latency, Measured, Plan, Results, VERSION, Workload};
use crate::workload::{Knobs, Spec, list};

/// Transactions of each thread before anything is measured, for the judge, and the keys
/// that they find.
const JUDGED: u64 = 1_000;
const JUDGED_KEYS: usize = 5_000;

/// What is measured: places in the lists.
pub struct Chosen {
    pub engines: Vec<usize>,
    pub workloads: Vec<String>,
    /// After so long what is left is run once only.
    pub budget: Option<Duration>,
}

/// Which of all workloads have a text in their name or group.
pub fn matching(plan: &Plan, texts: &[String]) -> Vec<String> {
    let small = Plan { keys: 100, keys_elsewhere: 100, ..plan.clone() };
    let named = |spec: &Spec| {
        let found = |text: &String| spec.name.contains(text) || spec.group == text;
        texts.is_empty() || texts.iter().any(found)
    };
    list(&knobs(&small), &|_| true)
        .iter()
        .map(|one| one.spec())
        .filter(named)
        .map(|spec| spec.name)
        .collect()
}

/// Results without any.
pub fn empty(plan: &Plan, engines: &[usize]) -> Results {
    Results {
        format: FORMAT.to_owned(),
        version: VERSION,
        host: host::host(),
        plan: plan.clone(),
        engines: engines.iter().map(|engine| described(*engine)).collect(),
        workloads: Vec::new(),
        cells: Vec::new(),
        memory: Vec::new(),
        curves: Vec::new(),
        rules: Vec::new(),
    }
}

/// Measures all that was chosen; an error if two engines read or hold different things.
pub fn run(plan: &Plan, chosen: &Chosen) -> Result<Results, String> {
    let mut results = empty(plan, &chosen.engines);
    let entries = made_to(plan, chosen);
    let (keys, keys_elsewhere) = (plan.keys.min(JUDGED_KEYS), plan.keys_elsewhere.min(JUDGED_KEYS));
    let judged = made_to(&Plan { keys, keys_elsewhere, ..plan.clone() }, chosen);
    let progress = Progress::new(steps(plan, chosen, &entries));
    let deadline = chosen.budget.map(|budget| Instant::now() + budget);
    let mut plan = plan.clone();
    for (entry, small) in entries.iter().zip(&judged) {
        let spec = entry.spec();
        if plan.repeats > 1 && deadline.is_some_and(|deadline| Instant::now() > deadline) {
            progress.warn(&format!("slow machine: from «{}» on one run of each", spec.name));
            plan.repeats = 1;
        }
        results.workloads.push(Workload {
            group: spec.group.to_owned(),
            name: spec.name.clone(),
            about: spec.about.clone(),
            side: spec.side.to_owned(),
        });
        for threads in threads_for(&plan, &spec) {
            judge(&**small, &plan, chosen, threads, &progress)?;
            results.cells.extend(measure(&**entry, &plan, chosen, threads, &progress));
        }
    }
    progress.finish();
    Ok(results)
}

fn made_to(plan: &Plan, chosen: &Chosen) -> Vec<Box<dyn Entry>> {
    list(&knobs(plan), &|name| chosen.workloads.iter().any(|one| one == name))
}

fn knobs(plan: &Plan) -> Knobs {
    Knobs {
        keys: plan.keys,
        keys_elsewhere: plan.keys_elsewhere,
        skew: plan.skew,
        operations: plan.operations,
        read_share: plan.read_share,
        seed: plan.seed,
        warehouses: plan.warehouses,
    }
}

fn described(engine: usize) -> Engine {
    let about = &CONTESTANTS[engine];
    Engine {
        name: about.name.to_owned(),
        isolation: about.isolation.to_owned(),
        note: about.note.to_owned(),
        keeps: about.keeps,
        // Variants of ours do not count as others.
        transactions: about.transactions && about.variant == 0,
    }
}

fn threads_for(plan: &Plan, spec: &Spec) -> Vec<usize> {
    plan.threads.iter().copied().filter(|threads| *threads >= spec.least_threads).collect()
}

fn can(engine: usize, spec: &Spec) -> bool {
    CONTESTANTS[engine].ranges || !spec.ranges
}

fn steps(plan: &Plan, chosen: &Chosen, entries: &[Box<dyn Entry>]) -> u64 {
    let cells = |spec: Spec| {
        let engines = chosen.engines.iter().filter(|engine| can(**engine, &spec)).count();
        threads_for(plan, &spec).len() * engines
    };
    entries.iter().map(|entry| cells(entry.spec())).sum::<usize>() as u64 * u64::from(plan.repeats)
}

/// All engines run the same transactions; what they read and leave must be the same.
fn judge(
    entry: &dyn Entry,
    plan: &Plan,
    chosen: &Chosen,
    threads: usize,
    progress: &Progress,
) -> Result<(), String> {
    let spec = entry.spec();
    let able = |engine: &&usize| CONTESTANTS[**engine].keeps && can(**engine, &spec);
    let mut first = None;
    for engine in chosen.engines.iter().filter(able) {
        let name = CONTESTANTS[*engine].name;
        progress.say(&format!("{}: judging {name}, {threads} threads", spec.name));
        let judged = entry.judge(*engine, threads, JUDGED, plan.seed);
        let at = format!("after «{}» on {threads} threads", spec.name);
        if let Err(violation) = &judged.check {
            // Worth a row in the table, not the end: it is the engine that is wrong.
            progress.warn(&format!("{name} is not serializable {at}: {violation}"));
        }
        let Some((other, before)) = &first else {
            first = Some((name, judged));
            continue;
        };
        agree(before, &judged, spec.order, threads)
            .map_err(|what| format!("{name} and {other} {what} {at}"))?;
    }
    Ok(())
}

/// All repeats of a workload, each engine once in each, a different one first each time.
fn measure(
    entry: &dyn Entry,
    plan: &Plan,
    chosen: &Chosen,
    threads: usize,
    progress: &Progress,
) -> Vec<Cell> {
    let spec = entry.spec();
    let count = chosen.engines.len();
    let mut runs: Vec<Vec<Run>> = chosen.engines.iter().map(|_| Vec::new()).collect();
    for repeat in 0..plan.repeats {
        for turn in 0..count {
            let place = (turn + repeat as usize) % count;
            let engine = chosen.engines[place];
            if can(engine, &spec) {
                let name = CONTESTANTS[engine].name;
                progress.step(&format!("{}: {name}, {threads} threads", spec.name));
                runs[place].push(entry.run(engine, &shape(plan, threads, repeat)));
            }
        }
    }
    let cell = |(engine, runs): (&usize, Vec<Run>)| Cell {
        workload: spec.name.clone(),
        engine: CONTESTANTS[*engine].name.to_owned(),
        threads,
        lacks: if can(*engine, &spec) { String::new() } else { "ranges".to_owned() },
        measured: (!runs.is_empty()).then(|| gather(&runs)),
    };
    chosen.engines.iter().zip(runs).map(cell).collect()
}

fn shape(plan: &Plan, threads: usize, repeat: u32) -> Shape {
    Shape {
        threads,
        repeat,
        seed: plan.seed,
        seconds: plan.seconds,
        transactions: plan.transactions,
        think: Duration::from_micros(plan.think_us),
        dwell: Duration::from_micros(plan.dwell_us),
        rate: plan.rate,
    }
}

fn gather(runs: &[Run]) -> Measured {
    let calls: u64 = runs.iter().map(|run| run.calls).sum();
    let retries: u64 = runs.iter().map(|run| run.retries).sum();
    let mut latency = crate::harness::histogram();
    runs.iter().for_each(|run| latency += &run.latency);
    let reasons = runs.first().map(|run| run.aborts.iter().map(|(reason, _)| *reason).collect());
    let per_thousand = |(place, reason): (usize, &'static str)| {
        let aborts: u64 = runs.iter().map(|run| run.aborts[place].1).sum();
        (reason.to_owned(), aborts as f64 * 1_000.0 / calls.max(1) as f64)
    };
    let reasons: Vec<&'static str> = reasons.unwrap_or_default();
    Measured {
        commits_per_second: runs.iter().map(|run| run.commits_per_second).collect(),
        useful_per_second: runs.iter().map(|run| run.useful_per_second).collect(),
        side_per_second: runs.iter().map(|run| run.side_per_second).collect(),
        retries_per_commit: retries as f64 / calls.max(1) as f64,
        aborts_per_thousand: reasons.into_iter().enumerate().map(per_thousand).collect(),
        latency: percentiles(&latency),
        versions: runs.last().and_then(|run| run.versions),
        violation: runs.iter().find_map(|run| run.check.clone().err()),
    }
}

fn percentiles(histogram: &Histogram<u64>) -> Latency {
    let at = |quantile| histogram.value_at_quantile(quantile);
    Latency {
        count: histogram.len(),
        mean: histogram.mean(),
        p50: at(0.5),
        p90: at(0.9),
        p99: at(0.99),
        p999: at(0.999),
        p9999: at(0.9999),
        max: histogram.max(),
    }
}

//! The command line: a comparison if nothing else is asked for.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use crate::engines::CONTESTANTS;
use crate::grow::Limits;
use crate::measure::{self, Chosen};
use crate::results::{Plan, Results};
use crate::{compare, goals, grow, lab, memory, model, show};

/// So long a short run takes its repeats, so that it ends within ten minutes anywhere.
const QUICK: Duration = Duration::from_secs(270);

/// Measures precedent against other in-memory engines.
#[derive(Parser)]
#[command(about, args_conflicts_with_subcommands = true)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    run: Run,
}

#[derive(Subcommand)]
enum Command {
    /// Measure engines against each other (what is done without a command)
    Run(Run),
    /// Bytes a key of every engine
    Memory(Memory),
    /// How costs grow with keys, window, footprint, open snapshots, beside a long reader
    Grow(Grow),
    #[command(hide = true)]
    Probe { numbers: Vec<usize> },
    /// Two files of results: what has become faster, and what slower
    Compare(Compare),
    /// Which of the goals that were set files of results meet
    Goals {
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Dress results of a file anew
    Show(Show),
    /// One engine under several certification rules
    Lab(Lab),
    /// How commits would scale to more cores: a law, and a simulation
    Model(Model),
}

#[derive(Args)]
struct Memory {
    /// Only these engines, by name
    #[arg(long, value_delimiter = ',')]
    engines: Vec<String>,
    #[arg(long, default_value_t = 100_000)]
    keys: usize,
    #[arg(long, default_value_t = 1)]
    seed: u64,
    #[command(flatten)]
    files: Files,
}

#[derive(Args)]
struct Grow {
    /// Up to so many keys
    #[arg(long, default_value_t = 10_000_000)]
    keys: u64,
    /// Up to so many commits in a window, and ten times as many beside a long reader
    #[arg(long, default_value_t = 100_000)]
    window: u64,
    /// Up to so many keys in a footprint
    #[arg(long, default_value_t = 1_000_000)]
    footprint: u64,
    /// Up to so many open snapshots
    #[arg(long, default_value_t = 10_000)]
    snapshots: u64,
    /// Trials of each point, of which the median counts
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1001))]
    trials: u32,
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Engines that are read from, by name
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "precedent,surrealmx,txn-db,ArcSwap<OrdMap>,RwLock<BTreeMap>"
    )]
    engines: Vec<String>,
    /// Only one of: reading one key, scanning 100 keys, certification, search, footprint,
    /// open snapshots, long reader, rows of a snapshot
    #[arg(long, default_value = "")]
    only: String,
    #[command(flatten)]
    files: Files,
}

#[derive(Args)]
struct Compare {
    before: PathBuf,
    after: PathBuf,
    /// End with an error if an engine is slower by more than this share, beyond the noise
    #[arg(long, value_parser = compare::share)]
    fail_if_worse: Option<f64>,
    /// Only these engines
    #[arg(long, value_delimiter = ',', default_value = "precedent")]
    engines: Vec<String>,
}

#[derive(Args)]
struct Lab {
    #[command(flatten)]
    arguments: lab::Arguments,
    #[command(flatten)]
    files: Files,
}

#[derive(Args)]
struct Model {
    #[command(flatten)]
    arguments: model::Arguments,
    #[command(flatten)]
    files: Files,
}

#[derive(Args)]
struct Show {
    /// Several are joined: what the first one lacks comes from the next
    #[arg(required = true)]
    from: Vec<PathBuf>,
    /// A second table, with everything
    #[arg(long)]
    details: bool,
    #[command(flatten)]
    files: Files,
}

/// Where results go, besides the table.
#[derive(Args)]
struct Files {
    /// Write them as JSON, which `compare` and `show` read
    #[arg(long)]
    json: Option<PathBuf>,
    /// Write them as CSV
    #[arg(long)]
    csv: Option<PathBuf>,
    /// Write them as Markdown
    #[arg(long)]
    markdown: Option<PathBuf>,
    /// Write them as one page with plots
    #[arg(long)]
    html: Option<PathBuf>,
}

impl Files {
    fn write(&self, results: &Results) -> Result<(), String> {
        type Dress = fn(&Results) -> String;
        let dresses: [(&Option<PathBuf>, Dress); 4] = [
            (&self.json, Results::to_json),
            (&self.csv, show::csv),
            (&self.markdown, show::markdown),
            (&self.html, show::html),
        ];
        for (path, dress) in dresses {
            if let Some(path) = path {
                let failed = |error| format!("{}: {error}", path.display());
                std::fs::write(path, dress(results)).map_err(failed)?;
            }
        }
        Ok(())
    }
}

#[derive(Args)]
struct Run {
    /// A short run: 3 repeats of 0.03 seconds; 20,000 keys except in «core»
    #[arg(long)]
    quick: bool,
    /// Only these engines, by name
    #[arg(long, value_delimiter = ',')]
    engines: Vec<String>,
    /// precedent under its other rules of certification too, and whom they refuse
    #[arg(long)]
    rules: bool,
    /// Only workloads with one of these texts in their name, or of this group: core, ycsb,
    /// applications, contended, long, mix, types
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Numbers of threads
    #[arg(long, value_delimiter = ',', default_value = "1,2")]
    threads: Vec<usize>,
    /// Keys before the run [default: 100000]
    #[arg(long)]
    keys: Option<usize>,
    /// Skew of zipf keys, 0 for uniform ones
    #[arg(long, default_value_t = 0.99)]
    skew: f64,
    /// Operations of a transaction, in «mix»
    #[arg(long, default_value_t = 8)]
    operations: usize,
    /// Share of reads among them, in «mix»
    #[arg(long, default_value_t = 0.75)]
    read_share: f64,
    /// Warehouses of «TPC-C-like»
    #[arg(long, default_value_t = 2)]
    warehouses: u64,
    /// Microseconds between two transactions of a thread
    #[arg(long, default_value_t = 0)]
    think: u64,
    /// Microseconds that a transaction stays open before it ends
    #[arg(long, default_value_t = 0)]
    dwell: u64,
    /// Open loop: so many transactions arrive in a second, on all threads together, and
    /// their latency counts from their arrival
    #[arg(long)]
    rate: Option<f64>,
    /// How long each run is at full speed [default: 0.2]
    #[arg(long, value_parser = positive_seconds)]
    seconds: Option<f64>,
    /// Transactions of each thread, in place of seconds
    #[arg(long)]
    transactions: Option<u64>,
    /// Runs of each engine, workload and number of threads [default: 11]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1001))]
    repeats: Option<u32>,
    /// Seed of the keys and of the transactions
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Measure bytes a key too
    #[arg(long)]
    memory: bool,
    /// A second table, with everything
    #[arg(long)]
    details: bool,
    #[command(flatten)]
    files: Files,
}

/// Does what the command line says.
pub fn run() -> ExitCode {
    let arguments = Arguments::parse();
    let done = match arguments.command.unwrap_or(Command::Run(arguments.run)) {
        Command::Run(run) => measure_all(&run),
        Command::Memory(memory) => measure_memory(&memory),
        Command::Grow(grow) => measure_growth(&grow),
        Command::Probe { numbers } => probe(&numbers),
        Command::Compare(two) => compare_two(&two),
        Command::Goals { files } => show_goals(&files),
        Command::Show(one) => show_one(&one),
        Command::Lab(lab) => experiment(&lab),
        Command::Model(model) => show_model(&model),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(what) => {
            eprintln!("error: {what}");
            ExitCode::FAILURE
        }
    }
}

fn measure_all(run: &Run) -> Result<(), String> {
    let plan = plan(run)?;
    let mut chosen = Chosen {
        engines: engines(&run.engines)?,
        workloads: measure::matching(&plan, &run.only),
        budget: run.quick.then_some(QUICK),
    };
    if run.rules {
        chosen.engines.extend((0..CONTESTANTS.len()).filter(|one| CONTESTANTS[*one].variant > 0));
    }
    if chosen.workloads.is_empty() {
        return Err(format!("no workload is called {}", run.only.join(" or ")));
    }
    let mut results = measure::run(&plan, &chosen)?;
    if run.memory || run.quick && run.only.is_empty() {
        results.memory =
            memory::measure(&chosen.engines, plan.keys.max(100_000), plan.seed, !run.memory)?;
    }
    if run.rules || run.quick && run.only.is_empty() {
        results.rules = lab::run(&lab::Arguments::small(plan.seed))?;
    }
    print!("{}{}", show::table(&results, run.details), show::refusals(&results));
    run.files.write(&results)
}

fn measure_memory(arguments: &Memory) -> Result<(), String> {
    let engines = engines(&arguments.engines)?;
    let mut results = measure::empty(&usual_plan(arguments.keys, arguments.seed)?, &engines);
    results.memory = memory::measure(&engines, arguments.keys, arguments.seed, false)?;
    print!("{}", show::table(&results, false));
    arguments.files.write(&results)
}

fn measure_growth(arguments: &Grow) -> Result<(), String> {
    let engines = engines(&arguments.engines)?;
    let Grow { keys, window, footprint, snapshots, trials, seed, .. } = *arguments;
    let limits = Limits { keys, window, footprint, snapshots, trials, seed };
    let mut results = measure::empty(&usual_plan(100_000, seed)?, &engines);
    results.curves = grow::grow(&limits, &engines, &arguments.only);
    print!("{}", show::curves(&results));
    arguments.files.write(&results)
}

fn experiment(lab: &Lab) -> Result<(), String> {
    let rules = lab::run(&lab.arguments)?;
    let mut results = measure::empty(&usual_plan(100_000, 1)?, &[]);
    results.rules = rules;
    print!("{}", show::refusals(&results));
    lab.files.write(&results)
}

fn show_model(arguments: &Model) -> Result<(), String> {
    let model::Model { curve, text } = model::model(&arguments.arguments)?;
    let mut results = measure::empty(&usual_plan(100_000, 1)?, &[]);
    results.curves.push(curve);
    print!("{text}\n{}", show::curves(&results));
    arguments.files.write(&results)
}

/// For `memory::measure`, which asks for it.
fn probe(numbers: &[usize]) -> Result<(), String> {
    let numbers = numbers.try_into().map_err(|_| "engine, types, keys, seed".to_owned())?;
    let memory = memory::probe(numbers);
    println!("{}", serde_json::to_string(&memory).map_err(|error| error.to_string())?);
    Ok(())
}

fn read(path: &Path) -> Result<Results, String> {
    let failed = |error: String| format!("{}: {error}", path.display());
    let text = std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
    Results::from_json(&text).map_err(failed)
}

fn show_goals(files: &[PathBuf]) -> Result<(), String> {
    let mut all = Vec::new();
    for file in files {
        let results = read(file)?;
        let Plan { keys, repeats, .. } = results.plan;
        if !results.cells.is_empty() && (keys != 100_000 || repeats < 11) {
            eprintln!(
                "warning: the goals are set for 100000 keys and 11 runs, not {keys} and {repeats}"
            );
        }
        all.extend(goals::goals(&results));
    }
    print!("{}", goals::table(&all));
    Ok(())
}

fn compare_two(two: &Compare) -> Result<(), String> {
    let (before, after) = (read(&two.before)?, read(&two.after)?);
    if before.plan != after.plan {
        eprintln!("warning: they were not measured in the same way");
    }
    if before.host.processor != after.host.processor {
        eprintln!("warning: they were not measured on the same machine");
    }
    let changes = compare::changes(&before, &after, &two.engines, two.fail_if_worse.unwrap_or(0.1));
    print!("{}", compare::table(&changes));
    if two.fail_if_worse.is_some() && !compare::passes(&changes) {
        return Err("something is worse".to_owned());
    }
    Ok(())
}

fn show_one(one: &Show) -> Result<(), String> {
    let mut all = one.from.iter().map(|file| read(file));
    let mut results = all.next().ok_or("no file")??;
    for other in all {
        results.join(other?);
    }
    print!("{}{}", show::table(&results, one.details), show::curves(&results));
    print!("{}", show::refusals(&results));
    one.files.write(&results)
}

/// For what has fewer knobs.
fn usual_plan(keys: usize, seed: u64) -> Result<Plan, String> {
    let usual = Arguments::parse_from(["versus"]).run;
    plan(&Run { keys: Some(keys), seed, ..usual })
}

fn plan(run: &Run) -> Result<Plan, String> {
    let (seconds, repeats, elsewhere) =
        if run.quick { (0.03, 3, 20_000) } else { (0.2, 11, 100_000) };
    let plan = Plan {
        seconds: run.seconds.unwrap_or(seconds),
        transactions: run.transactions,
        repeats: run.repeats.unwrap_or(repeats),
        seed: run.seed,
        threads: run.threads.clone(),
        keys: run.keys.unwrap_or(100_000),
        keys_elsewhere: run.keys.unwrap_or(elsewhere),
        skew: run.skew,
        operations: run.operations,
        read_share: run.read_share,
        warehouses: run.warehouses,
        think_us: run.think,
        dwell_us: run.dwell,
        rate: run.rate,
    };
    let within = |ok: bool, what: &str| if ok { Ok(()) } else { Err(what.to_owned()) };
    within((100..=100_000_000).contains(&plan.keys), "--keys must be from 100 to 100000000")?;
    within(plan.threads.iter().all(|one| (1..=64).contains(one)), "--threads: 1 to 64 each")?;
    within((0.0..=5.0).contains(&plan.skew), "--skew must be from 0 to 5")?;
    within((1..=10_000).contains(&plan.operations), "--operations must be from 1 to 10000")?;
    within((0.0..=1.0).contains(&plan.read_share), "--read-share must be from 0 to 1")?;
    within((1..=1_000).contains(&plan.warehouses), "--warehouses must be from 1 to 1000")?;
    within(plan.rate.is_none_or(|rate| rate > 0.0), "--rate must be above 0")?;
    within(plan.transactions != Some(0), "--transactions must be above 0")?;
    Ok(plan)
}

fn engines(names: &[String]) -> Result<Vec<usize>, String> {
    let place = |name: &String| {
        let same = |about: &crate::engine::About| about.name.eq_ignore_ascii_case(name);
        let all = || CONTESTANTS.map(|about| about.name).join(", ");
        let found = CONTESTANTS.iter().position(same);
        found.ok_or_else(|| format!("no engine is called {name}; there are {}", all()))
    };
    if names.is_empty() {
        let unasked = |engine: &usize| CONTESTANTS[*engine].variant == 0;
        return Ok((0..CONTESTANTS.len()).filter(unasked).collect());
    }
    names.iter().map(place).collect()
}

fn positive_seconds(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(seconds) if (0.001..=60.0).contains(&seconds) => Ok(seconds),
        _ => Err("must be a number from 0.001 to 60".to_owned()),
    }
}

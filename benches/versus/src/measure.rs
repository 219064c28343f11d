//! Runs the contestants in turn and prints what came out.

use std::io::{IsTerminal, Write};
use std::sync::Barrier;
use std::thread;
use std::time::Instant;

use crate::engine::{Contestant, Engine};
use crate::engines::CONTESTANTS;
use crate::statistics::{interval, median};
use crate::workload::{self, Stream, Workload};

/// Transactions of each thread before the clock starts.
const WARM_UP: usize = 1_000;
const THREADS: [usize; 2] = [1, 2];

pub struct Plan {
    pub seconds: f64,
    pub repeats: u32,
    pub seed: u64,
    pub only: String,
}

/// One run of one engine.
struct Run {
    nanoseconds: f64,
    checksum: u64,
    state: u64,
}

/// Measures and prints all rows; an error if two engines read or hold different things.
pub fn run(plan: &Plan) -> Result<(), String> {
    let keys = workload::keys(plan.seed);
    println!("Nanoseconds a transaction, on each thread: medians of {} runs.", plan.repeats);
    println!("In brackets: times as long as {}, with an interval (95 %).\n", CONTESTANTS[0].name);
    print_head();
    for workload in Workload::ALL.into_iter().filter(|one| one.name().contains(&plan.only)) {
        for threads in THREADS {
            let count = calibrate(workload, &keys, threads, plan);
            let mut times = vec![Vec::new(); CONTESTANTS.len()];
            for repeat in 0..plan.repeats {
                progress(workload, threads, repeat, plan.repeats);
                measure_once(workload, &keys, (threads, count, repeat), plan, &mut times)?;
            }
            clear_progress();
            print_row(workload, threads, &times);
        }
    }
    Ok(())
}

/// How many transactions on each thread make the slowest engine run for the planned time.
fn calibrate(workload: Workload, keys: &[u64], threads: usize, plan: &Plan) -> usize {
    let pilot = 2_000;
    let time = |contestant: &Contestant| {
        run_one(contestant, workload, keys, (threads, pilot, u32::MAX), plan.seed).nanoseconds
    };
    let slowest = CONTESTANTS.iter().map(time).fold(1.0, f64::max);
    let count = (plan.seconds * 1e9 / slowest) as usize;
    count.clamp(WARM_UP, workload.most_transactions() / threads - WARM_UP)
}

/// One repeat: each engine once, a different one first each time.
fn measure_once(
    workload: Workload,
    keys: &[u64],
    (threads, count, repeat): (usize, usize, u32),
    plan: &Plan,
    times: &mut [Vec<f64>],
) -> Result<(), String> {
    let mut first: Option<(&str, Run)> = None;
    for turn in 0..CONTESTANTS.len() {
        let number = (turn + repeat as usize) % CONTESTANTS.len();
        let name = CONTESTANTS[number].name;
        let run =
            run_one(&CONTESTANTS[number], workload, keys, (threads, count, repeat), plan.seed);
        times[number].push(run.nanoseconds);
        let Some((other, before)) = &first else {
            first = Some((name, run));
            continue;
        };
        let same_reads = before.checksum == run.checksum
            || (threads > 1 && !workload.reads_do_not_depend_on_order());
        if !same_reads || before.state != run.state {
            let what = if same_reads { "hold" } else { "read" };
            return Err(format!(
                "{name} and {other} {what} different things after «{}» on {threads} threads",
                workload.name()
            ));
        }
    }
    Ok(())
}

/// Loads a fresh engine, warms it up, and times it.
fn run_one(
    contestant: &Contestant,
    workload: Workload,
    keys: &[u64],
    (threads, count, repeat): (usize, usize, u32),
    seed: u64,
) -> Run {
    let engine = (contestant.make)(&workload.data(keys));
    let engine: &dyn Engine = &*engine;
    let start_line = Barrier::new(threads);
    let work = |thread: usize| {
        let mut stream = Stream::new(seed, thread as u64, repeat);
        let warm = workload.run(engine, keys, &mut stream, WARM_UP);
        start_line.wait();
        let start = Instant::now();
        let checksum = workload.run(engine, keys, &mut stream, count);
        let elapsed = start.elapsed();
        (elapsed.as_nanos() as f64 / count as f64, warm.wrapping_add(checksum))
    };
    let results: Vec<_> = thread::scope(|scope| {
        let work = &work;
        let others: Vec<_> = (1..threads).map(|thread| scope.spawn(move || work(thread))).collect();
        let own = work(0);
        let joined = others.into_iter().map(|thread| thread.join().expect("a thread panicked"));
        std::iter::once(own).chain(joined).collect()
    });
    let nanoseconds = results.iter().map(|(time, _)| time).sum::<f64>() / threads as f64;
    let checksum = results.iter().fold(0, |sum: u64, (_, one)| sum.wrapping_add(*one));
    Run { nanoseconds, checksum, state: engine.state() }
}

fn print_head() {
    print!("| workload | threads |");
    CONTESTANTS.iter().for_each(|contestant| print!(" {} |", contestant.name));
    print!("\n| --- | --: |");
    CONTESTANTS.iter().for_each(|_| print!(" --: |"));
    println!();
}

fn print_row(workload: Workload, threads: usize, times: &[Vec<f64>]) {
    print!("| {} | {threads} | {:.0} |", workload.name(), median(&times[0]));
    for theirs in &times[1..] {
        let pairs = theirs.iter().zip(&times[0]);
        let ratios: Vec<_> = pairs.map(|(theirs, ours)| theirs / ours).collect();
        let (low, high) = interval(&ratios);
        print!(" {:.0} ({:.2}: {low:.2}–{high:.2}) |", median(theirs), median(&ratios));
    }
    println!();
}

fn progress(workload: Workload, threads: usize, repeat: u32, repeats: u32) {
    if std::io::stderr().is_terminal() {
        // A terminal that is gone is no reason to stop.
        let _ = write!(
            std::io::stderr(),
            "\r{}, {threads} threads, run {} of {repeats} ",
            workload.name(),
            repeat + 1
        );
    }
}

fn clear_progress() {
    if std::io::stderr().is_terminal() {
        let _ = write!(std::io::stderr(), "\r{:78}\r", "");
    }
}

//! How long it takes to record, write, read and judge a million transactions.
//!
//! ```sh
//! cargo run --release --features testkit --example million -- [TRANSACTIONS [FILE]]
//! ```
//!
//! Four threads read and write 100,000 keys of this engine, some of them hot; now and then
//! one reads a range. Once under snapshot isolation, so that something is wrong; then as it
//! should be, as JSON lines and back; then lists. With FILE, the history is left there for
//! `precedent-check`.

use std::error::Error;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use precedent::testkit::{History, Level, Recording, check};
use precedent::{Database, Isolation, Table, Transaction};

const THREADS: u64 = 4;
const KEYS: u64 = 100_000;
const HOT: u64 = 50;

fn main() -> Result<(), Box<dyn Error>> {
    let mut words = std::env::args().skip(1);
    let transactions: u64 = words.next().map_or(Ok(1_000_000), |word| word.parse())?;
    let file = words.next();

    let recording = Recording::new();
    run(transactions, Isolation::Snapshot, Some(&recording))?;
    let verdict = timed("judge snapshot isolation", || check(&recording.take()));
    println!("{} anomalies are shown", verdict.anomalies().len());
    assert!(verdict.holds(Level::Snapshot));

    let isolation = Isolation::Serializable;
    let plain = timed("run without a recording", || run(transactions, isolation, None))?;
    let recorded =
        timed("run with a recording", || run(transactions, isolation, Some(&recording)))?;
    assert_eq!(plain, recorded);
    let history = timed("take the history", || recording.take());
    judge(&history);

    let lines = timed("write JSON lines", || history.to_json_lines());
    if let Some(file) = file {
        std::fs::write(&file, &lines)?;
        println!("  {file}: {} MB", lines.len() / 1_000_000);
    }
    drop(history);
    judge(&timed("read JSON lines", || History::parse(&lines))?);
    drop(lines);

    let lists = list_append(transactions);
    println!("  lists: {} MB", lists.len() / 1_000_000);
    judge(&timed("read lists", || History::parse(&lists))?);
    Ok(())
}

fn judge(history: &History) {
    let verdict = timed("judge it", || check(history));
    print!("{verdict}");
    assert!(verdict.holds(Level::StrictSerializable));
}

fn timed<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = work();
    println!("{what:<28}{:>8.2} s", start.elapsed().as_secs_f64());
    result
}

/// How many transactions were certified.
fn run(
    transactions: u64,
    isolation: Isolation,
    recording: Option<&Arc<Recording>>,
) -> Result<u64, precedent::Error> {
    let builder = Database::builder().isolation(isolation);
    let db = match recording {
        Some(recording) => builder.recorder(recording.clone()).build(),
        None => builder.build(),
    };
    let table: Table<u64, u64> = db.table("t")?;
    thread::scope(|scope| {
        let threads = (0..THREADS).map(|thread| {
            let (db, table) = (&db, &table);
            scope.spawn(move || {
                let mut random = Random(thread);
                for _ in 0..transactions / THREADS {
                    let seed = random.next();
                    db.transact(|tx| {
                        transaction(tx, table, seed);
                        Ok(())
                    })?;
                }
                Ok(transactions / THREADS)
            })
        });
        let threads: Vec<_> = threads.collect();
        threads.into_iter().map(|thread| thread.join().expect("no thread panics")).sum()
    })
}

fn transaction(tx: &Transaction<'_>, table: &Table<u64, u64>, seed: u64) {
    let mut random = Random(seed);
    if random.below(100) == 0 {
        let from = random.below(KEYS);
        tx.range(table, from..from + 100).take(10).for_each(drop);
    }
    let draw = |random: &mut Random| {
        let within = if random.below(10) == 0 { HOT } else { KEYS };
        random.below(within)
    };
    for _ in 0..1 + random.below(3) {
        let value = tx.get(table, &draw(&mut random)).copied().unwrap_or(0);
        if random.below(50) == 0 {
            // So that transactions overlap even where there are few cores.
            thread::yield_now();
        }
        if random.below(2) == 0 {
            tx.insert(table, draw(&mut random), value + 1);
        }
    }
}

/// Transactions of 50 processes on lists of at most 50 elements, one after the other at the
/// moment of their ends.
fn list_append(transactions: u64) -> String {
    const PROCESSES: usize = 50;
    let mut random = Random(1);
    let mut lists: Vec<(u64, Vec<u64>)> = (0..20).map(|key| (key, Vec::new())).collect();
    let mut newest = lists.len() as u64;
    let mut open: Vec<bool> = vec![false; PROCESSES];
    let mut out = String::new();
    let (mut element, mut ended) = (0, 0);
    while ended < transactions {
        let process = random.below(PROCESSES as u64) as usize;
        let line = |kind, ops: &str| {
            format!("{{\"type\":\"{kind}\",\"process\":{process},\"value\":[{ops}]}}\n")
        };
        if !open[process] {
            open[process] = true;
            out += &line("invoke", "");
            continue;
        }
        let mut ops: Vec<String> = Vec::new();
        for _ in 0..1 + random.below(4) {
            let at = random.below(20) as usize;
            let (key, list) = &mut lists[at];
            if random.below(2) == 0 {
                element += 1;
                list.push(element);
                ops.push(format!("[\"append\",{key},{element}]"));
            } else {
                ops.push(format!("[\"r\",{key},{list:?}]"));
            }
            if list.len() == 50 {
                lists[at] = (newest, Vec::new());
                newest += 1;
            }
        }
        out += &line("ok", &ops.join(","));
        open[process] = false;
        ended += 1;
    }
    out
}

/// A small random number generator (splitmix).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}

//! Runs the tests once for each mutant.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use crate::Outcome;
use crate::mutant::Mutant;

/// Of the suite, what takes four fifths of the time;
const SLOW: [&str; 2] = ["schedules::full::", "schedules::rules::"];
/// and of the rest.
const LONG: [&str; 10] = [
    "corpus::",
    "dump::busy::",
    "progress::contention::",
    "scenarios::memory::insertions",
    "scenarios::rings::",
    "snapshots::model::",
    "threads::",
    "threads_basic::",
    "windows::what_the_index",
    "bulk::loads",
];
/// Mutants at a time.
const JOBS: usize = 2;
/// So long after the last test that ended, a run hangs; no test of the units and of the quick part
/// of the suite takes more than a second.
const PATIENCE: Duration = Duration::from_secs(60);
const LITTLE_PATIENCE: Duration = Duration::from_secs(15);
/// How often a failed test is run again before it is held to be the mutant's fault.
const AGAIN: usize = 3;
/// Kilobytes of memory for a run.
const MEMORY: &str = "6000000";

/// Some of the tests of a binary.
struct Part<'b> {
    binary: &'b Path,
    words: Vec<&'static str>,
    patience: Duration,
}

/// How a run ended.
enum End {
    Passed,
    /// With the first test that failed.
    Failed(String),
    TimedOut,
}

/// One line a verdict: mutant, word, the test that caught it, seconds. The last one counts.
pub struct Report {
    file: File,
    known: BTreeMap<String, String>,
}

impl Report {
    pub fn open(path: &Path) -> Outcome<Self> {
        let text = if path.exists() { fs::read_to_string(path)? } else { String::new() };
        let line = |line: &str| {
            let mut words = line.split('\t');
            Some((words.next()?.to_owned(), words.next()?.to_owned()))
        };
        let known = text.lines().filter_map(line).collect();
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        Ok(Self { file, known })
    }

    /// What is known of a mutant.
    pub fn word(&self, name: &str) -> Option<&str> {
        self.known.get(name).map(String::as_str)
    }

    pub fn add(&mut self, name: &str, word: &str, by: &str, seconds: f64) -> Outcome<()> {
        if self.word(name) != Some(word) {
            writeln!(self.file, "{name}\t{word}\t{by}\t{seconds:.1}")?;
            self.known.insert(name.to_owned(), word.to_owned());
        }
        Ok(())
    }
}

/// Runs every mutant that the report does not know.
pub fn all(
    mutants: &[Mutant],
    live: &BTreeSet<usize>,
    binaries: &[PathBuf],
    report: Report,
) -> Outcome<()> {
    let part = |at: usize, words: Vec<_>| Part { binary: &binaries[at], words, patience: PATIENCE };
    let short = |at, words| Part { patience: LITTLE_PATIENCE, ..part(at, words) };
    let units = [short(0, Vec::new())];
    let without = SLOW.iter().chain(&LONG).flat_map(|tests| ["--skip", *tests]);
    let quick = [short(1, without.collect())];
    let long = [part(1, LONG.to_vec())];
    let others = [part(3, Vec::new()), part(2, Vec::new())];
    let slow = [part(1, SLOW.to_vec())];
    for part in units.iter().chain(&quick).chain(&long).chain(&others).chain(&slow) {
        let began = Instant::now();
        match run(part, None, None)? {
            End::Passed => {}
            End::Failed(test) => return Err(format!("without a mutant, {test} fails").into()),
            End::TimedOut => return Err("without a mutant, it hangs".into()),
        }
        eprintln!("{}: {:.1} s", part.binary.display(), began.elapsed().as_secs_f64());
    }
    let report = Mutex::new(report);
    // What takes long catches few: it is for those that the others let pass.
    stage(mutants, live, &units, &report, None, "past the units")?;
    stage(mutants, live, &quick, &report, Some("past the units"), "past the quick")?;
    stage(mutants, live, &long, &report, Some("past the quick"), "past the suite")?;
    stage(mutants, live, &others, &report, Some("past the suite"), "survived")?;
    stage(mutants, live, &slow, &report, Some("survived"), "missed")
}

/// Runs those mutants of which the report says no more than `known`.
fn stage(
    mutants: &[Mutant],
    live: &BTreeSet<usize>,
    parts: &[Part<'_>],
    report: &Mutex<Report>,
    known: Option<&str>,
    otherwise: &'static str,
) -> Outcome<()> {
    let is_open =
        |id: &usize| report.lock().is_ok_and(|report| report.word(&mutants[*id].name) == known);
    let todo: Vec<usize> = live.iter().copied().filter(is_open).collect();
    let next = AtomicUsize::new(0);
    let work = || -> Result<(), String> {
        while let Some(id) = todo.get(next.fetch_add(1, Ordering::Relaxed)) {
            let began = Instant::now();
            let (word, by) = verdict(*id, parts, otherwise).map_err(|why| why.to_string())?;
            let seconds = began.elapsed().as_secs_f64();
            let mut report = report.lock().map_err(|why| why.to_string())?;
            report.add(&mutants[*id].name, word, &by, seconds).map_err(|why| why.to_string())?;
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..JOBS).map(|_| scope.spawn(work)).collect();
        threads.into_iter().try_for_each(|thread| thread.join().expect("it does not panic"))
    })?;
    Ok(())
}

/// What the tests say of a mutant: `caught`, `timeout`, `doubtful` where a test failed once
/// and then no more, or `otherwise`.
fn verdict(
    id: usize,
    parts: &[Part<'_>],
    otherwise: &'static str,
) -> Outcome<(&'static str, String)> {
    let mut doubtful = None;
    for part in parts {
        match run(part, Some(id), None)? {
            End::Passed => {}
            End::TimedOut => return Ok(("timeout", String::new())),
            End::Failed(test) if test.starts_with('(') => return Ok(("caught", test)),
            End::Failed(test) => {
                for _ in 0..AGAIN {
                    if !matches!(run(part, Some(id), Some(&test))?, End::Passed) {
                        return Ok(("caught", test));
                    }
                }
                doubtful = Some(test);
            }
        }
    }
    Ok(doubtful.map_or((otherwise, String::new()), |test| ("doubtful", test)))
}

/// Runs some tests, or one alone, until the first failure.
fn run(part: &Part<'_>, mutant: Option<usize>, test: Option<&str>) -> Outcome<End> {
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -v \"$1\"; ulimit -c 0; shift; exec \"$@\"", "sh", MEMORY]);
    command.arg(part.binary).arg("--test-threads=2");
    match test {
        Some(test) => command.args(["--exact", test]),
        None => command.args(&part.words),
    };
    command.env_remove("PRECEDENT_MUTANT").stdin(Stdio::null());
    if let Some(id) = mutant {
        command.env("PRECEDENT_MUTANT", id.to_string());
    }
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    let end = watch(&mut child, part.patience)?;
    // Harmless if it has ended.
    let _ = child.kill();
    let status = child.wait()?;
    Ok(match end {
        End::Passed if !status.success() => End::Failed(format!("({status})")),
        end => end,
    })
}

/// Reads along until a failure, the end, or silence.
fn watch(child: &mut Child, patience: Duration) -> Outcome<End> {
    let stdout = child.stdout.take().ok_or("no output")?;
    let (tell, told) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            if tell.send(line).is_err() {
                return;
            }
        }
    });
    loop {
        match told.recv_timeout(patience) {
            Ok(line) => {
                let failed = line.strip_suffix(" ... FAILED");
                if let Some(test) = failed.and_then(|line| line.strip_prefix("test ")) {
                    return Ok(End::Failed(test.to_owned()));
                }
            }
            Err(RecvTimeoutError::Timeout) => return Ok(End::TimedOut),
            Err(RecvTimeoutError::Disconnected) => return Ok(End::Passed),
        }
    }
}

//! Judges a recorded history from a file: `precedent-check FILE`.
//!
//! It ends with 0 if the history keeps the level, 1 if it does not, 2 if it cannot be read.

use std::io::{Read, Write};
use std::process::ExitCode;

use precedent::testkit::{History, Level, Verdict, check, histories, timeline};
use precedent::{Builder, Database, Isolation};

const HELP: &str = "\
precedent-check [OPTIONS] FILE

Judges a history of transactions: whether it is strictly serializable, or which anomaly it has.

FILE, or `-` for the standard input, has one JSON object a line: as `History::to_json_lines`
writes it, or as Elle and adya do (list-append, rw-register). Or it is a script (see
`precedent::testkit::histories`): then it is run on this engine, in every order that it asks for,
compared with what it says, and what happened is judged.

  --level LEVEL   what it must keep: read-committed, snapshot, serializable, strict (the default)
  --snapshot      runs a script under snapshot isolation, and only judges what happens
  --dot FILE      writes the first circle for Graphviz
  --svg FILE      writes the first circle as a picture
  --html FILE     writes the history as a page with a time line
  --quiet         prints nothing but mistakes
  --help          prints this

Ends with 0 if the history keeps the level, 1 if it does not, 2 if it cannot be read.
";

struct Options {
    file: String,
    level: Level,
    dot: Option<String>,
    svg: Option<String>,
    html: Option<String>,
    snapshot: bool,
    quiet: bool,
}

fn main() -> ExitCode {
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(Some(options)) => options,
        Ok(None) => {
            tell(HELP);
            return ExitCode::SUCCESS;
        }
        Err(mistake) => {
            complain(&format!("{mistake}\n\n{HELP}"));
            return ExitCode::from(2);
        }
    };
    match run(&options) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(mistake) => {
            complain(&mistake);
            ExitCode::from(2)
        }
    }
}

/// Whether the level is kept.
fn run(options: &Options) -> Result<bool, String> {
    let text = read(&options.file)?;
    let first = text.lines().map(str::trim).find(|line| !line.is_empty());
    if first.is_some_and(|line| !line.starts_with(['{', '['])) {
        return run_scripts(options, &text);
    }
    let history = History::parse(&text).map_err(|error| format!("{}: {error}", options.file))?;
    let verdict = check(&history);
    draw(options, &history, &verdict)?;
    if !options.quiet {
        tell(&verdict.to_string());
    }
    Ok(verdict.holds(options.level))
}

fn builder(options: &Options) -> Builder {
    let isolation = if options.snapshot { Isolation::Snapshot } else { Isolation::Serializable };
    Database::builder().isolation(isolation)
}

/// Whether all scripts are kept, and the level in all orders.
fn run_scripts(options: &Options, text: &str) -> Result<bool, String> {
    let scripts = histories::parse(text).map_err(|error| format!("{}: {error}", options.file))?;
    let mut all_kept = true;
    for script in scripts {
        let mut story = String::new();
        let recorded = script.record(|| builder(options)).map_err(|error| error.to_string())?;
        let orders = recorded.len();
        let judged = recorded.iter().map(|history| (history, check(history)));
        let broken: Vec<(&History, Verdict)> =
            judged.filter(|(_, verdict)| !verdict.holds(options.level)).collect();
        if let Some((history, verdict)) = broken.first() {
            draw(options, history, verdict)?;
            story =
                format!("{} of {orders} orders break it; the first one:\n{verdict}", broken.len());
        } else if !options.snapshot
            && let Err(failure) = script.verify(|| builder(options))
        {
            story = failure.to_string();
        }
        all_kept &= story.is_empty();
        if !options.quiet {
            let result = if story.is_empty() { "kept" } else { "BROKEN" };
            tell(&format!("{:<60}{orders:>6} orders  {result}\n{story}", script.name()));
        }
    }
    Ok(all_kept)
}

fn draw(options: &Options, history: &History, verdict: &Verdict) -> Result<(), String> {
    let cycle = verdict.anomalies().iter().find_map(|anomaly| anomaly.cycle());
    let dot = options.dot.as_ref().zip(cycle.map(|cycle| cycle.dot()));
    let svg = options.svg.as_ref().zip(cycle.map(|cycle| cycle.svg()));
    let html = options.html.as_ref().map(|file| (file, timeline::html(history, verdict)));
    for (file, text) in dot.into_iter().chain(svg).chain(html) {
        std::fs::write(file, text).map_err(|error| format!("{file}: {error}"))?;
    }
    Ok(())
}

fn read(file: &str) -> Result<String, String> {
    let mut text = String::new();
    let read = match file {
        "-" => std::io::stdin().read_to_string(&mut text).map(drop),
        file => std::fs::read_to_string(file).map(|read| text = read),
    };
    read.map_err(|error| format!("{file}: {error}"))?;
    Ok(text)
}

impl Options {
    /// None if somebody asks for help.
    fn parse(mut words: impl Iterator<Item = String>) -> Result<Option<Self>, String> {
        let mut options = Self {
            file: String::new(),
            level: Level::StrictSerializable,
            dot: None,
            svg: None,
            html: None,
            snapshot: false,
            quiet: false,
        };
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or_else(|| format!("`{word}` needs a value"));
            match word.as_str() {
                "--help" | "-h" => return Ok(None),
                "--snapshot" => options.snapshot = true,
                "--quiet" => options.quiet = true,
                "--level" => options.level = level(&value()?)?,
                "--dot" => options.dot = Some(value()?),
                "--html" => options.html = Some(value()?),
                "--svg" => options.svg = Some(value()?),
                flag if flag.starts_with('-') && flag != "-" => {
                    return Err(format!("no such option: `{flag}`"));
                }
                file if options.file.is_empty() => options.file = file.to_owned(),
                file => return Err(format!("one file at a time, not also `{file}`")),
            }
        }
        if options.file.is_empty() {
            return Err("which file?".to_owned());
        }
        Ok(Some(options))
    }
}

fn level(word: &str) -> Result<Level, String> {
    match word {
        "read-committed" => Ok(Level::ReadCommitted),
        "snapshot" => Ok(Level::Snapshot),
        "serializable" => Ok(Level::Serializable),
        "strict" => Ok(Level::StrictSerializable),
        other => Err(format!("no such level: `{other}`")),
    }
}

fn tell(text: &str) {
    // A closed pipe is the reader's choice.
    let _ = std::io::stdout().write_all(text.as_bytes());
}

fn complain(text: &str) {
    let _ = writeln!(std::io::stderr(), "precedent-check: {text}");
}

//! Texts of histories: none makes a parser panic, and what is read, written and read again
//! stays the same and is judged alike.
//!
//! A text is tried in every form: JSON lines of our own, lists and registers of Elle and
//! `adya`, and scripts. A script that is short enough is also run.

#![no_main]

use std::fmt::Write as _;

use precedent::testkit::{History, Level, check, histories, timeline};
use precedent::{Database, Isolation};

/// Steps of a script that is run: in every order there are at most 8! / 2!⁴ of them.
const MOST_STEPS: usize = 8;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match History::parse(text) {
        Ok(history) => judged(&history),
        Err(error) => assert!((1..=text.lines().count()).contains(&error.line()), "{error}"),
    }
    match histories::parse(text) {
        Ok(_) if too_long(text) => {}
        Ok(scripts) => scripts.iter().for_each(run),
        Err(error) => assert!(error.line() <= text.lines().count().max(1), "{error}"),
    }
});

fn judged(history: &History) {
    let verdict = check(history);
    // Whatever was found can be told.
    let mut told = verdict.to_string();
    for anomaly in verdict.anomalies() {
        let _ = write!(told, "{anomaly}{:?}", anomaly.kind());
        if let Some(cycle) = anomaly.cycle() {
            assert!(cycle.len() >= 2 && cycle.dot().starts_with("digraph"));
            assert!(cycle.svg().ends_with("</svg>\n") || cycle.svg().ends_with("</svg>"));
        }
    }
    assert!(timeline::html(history, &verdict).contains("</html>"));
    // A weaker level is kept wherever a stronger one is.
    let kept = Level::ALL.map(|level| verdict.holds(level));
    assert!(kept.is_sorted_by(|weaker, stronger| weaker >= stronger), "{verdict}");

    let text = history.to_json_lines();
    let again = History::parse(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    assert_eq!(again.to_json_lines(), text);
    assert_eq!(again.len(), history.len());
    assert_eq!(again.certified(), history.certified());
    for other in [history.to_list_append(), history.to_registers()] {
        let read = History::parse(&other).unwrap_or_else(|error| panic!("{error}\n{other}"));
        let _ = check(&read);
    }
    if let Some(script) = history.to_script() {
        histories::parse(&script).unwrap_or_else(|error| panic!("{error}\n{script}"));
    }
}

/// `noise` and orders can take as long as the text says.
fn too_long(text: &str) -> bool {
    let steps = text.lines().filter(|line| line.trim_start().starts_with('T')).count();
    steps > MOST_STEPS || text.contains("noise")
}

fn run(script: &histories::Script) {
    let _ = script.verify(Database::builder);
    let loose = || Database::builder().isolation(Isolation::Snapshot);
    let _ = script.verify(loose);
    for recorded in script.record(Database::builder).expect("no limit is met") {
        assert!(check(&recorded).holds(Level::StrictSerializable));
        judged(&recorded);
    }
}

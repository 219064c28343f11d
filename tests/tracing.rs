//! The feature `tracing`: who subscribes hears what has happened, and cannot break it.

use std::fmt::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use precedent::{Builder, Database, Error, Table};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// Writes every event of ours down as a line; panics afterwards if it is told to.
#[derive(Clone, Default)]
struct Lines {
    lines: Arc<Mutex<Vec<String>>>,
    panics: bool,
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        write!(self.0, " {}={value:?}", field.name()).expect("a string takes everything");
    }
}

impl Subscriber for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "precedent"
    }

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(event.metadata().level().to_string());
        event.record(&mut line);
        self.lines.lock().expect("no panic under it").push(line.0);
        assert!(!self.panics, "a subscriber that panics");
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

/// What is told while `f` runs on a database.
fn told(
    panics: bool,
    builder: Builder,
    f: impl FnOnce(&Database, &Table<u8, u64>) -> Result<(), Error>,
) -> Vec<String> {
    let subscriber = Lines { panics, ..Lines::default() };
    let lines = Arc::clone(&subscriber.lines);
    tracing::subscriber::with_default(subscriber, || {
        let db = builder.name("traced").build();
        let table = db.table("t").expect("a new table");
        f(&db, &table).expect("it goes well");
    });
    let lines = lines.lock().expect("no panic under it");
    lines.clone()
}

/// A closure that fails twice.
fn fail_twice(db: &Database, table: &Table<u8, u64>) -> Result<(), Error> {
    db.transact(|tx| {
        let seen = tx.get(table, &1).copied().unwrap_or(0);
        if tx.attempt() <= 2 {
            let rival = db.begin();
            rival.insert(table, 1, seen + 1);
            rival.commit()?;
        }
        Ok(tx.insert(table, 1, seen + 1))
    })
}

fn assert_told(lines: &[String], expected: &[&[&str]]) {
    assert_eq!(lines.len(), expected.len(), "{lines:#?}");
    for (line, words) in lines.iter().zip(expected) {
        assert!(words.iter().all(|word| line.contains(word)), "{words:?} in {line:?}");
    }
}

#[test]
fn conflicts_and_turns_at_the_gate_are_told() {
    let lines = told(false, Database::builder().age_after(2), fail_twice);
    let aborted = |attempt| ["DEBUG", "aborted", "reason=Cycle", "database=\"traced\"", attempt];
    let expected: [&[&str]; 4] = [
        &aborted("attempt=1"),
        &aborted("attempt=2"),
        &["DEBUG", "gate closed", "attempt=3"],
        &["DEBUG", "gate opened", "timed_out=false"],
    ];
    assert_told(&lines, &expected);
}

#[test]
fn a_turn_that_takes_too_long_is_told_as_such() {
    let builder = Database::builder().age_after(0).max_gate_time(Duration::ZERO);
    let lines = told(false, builder, |db, table| db.transact(|tx| Ok(tx.insert(table, 1, 1))));
    assert_told(&lines, &[&["gate closed", "attempt=1"], &["gate opened", "timed_out=true"]]);
}

#[test]
fn transactions_that_are_given_up_are_told() {
    let lines = told(false, Database::builder(), |db, _| {
        let (_one, _other) = (db.begin(), db.begin());
        assert_eq!(db.doom_older_than(Duration::ZERO), 2);
        assert_eq!(db.doom_older_than(Duration::ZERO), 0);
        Ok(())
    });
    assert_told(&lines, &[&["WARN", "doomed", "transactions=2"]]);
}

#[test]
fn a_fold_of_the_log_is_told() {
    let builder = Database::builder().max_retained_commits(10);
    let lines = told(false, builder, |db, table| {
        let old = db.begin();
        assert_eq!(old.get(table, &1), None);
        (0..200).try_for_each(|n| db.transact(|tx| Ok(tx.insert(table, 2, n))))
    });
    assert!(!lines.is_empty());
    assert!(lines.iter().all(|line| line.contains("INFO") && line.contains("log folded")));
}

#[test]
fn a_subscriber_that_panics_stops_nobody() {
    let builder = Database::builder().age_after(2).max_retained_commits(10);
    let lines = told(true, builder, |db, table| {
        fail_twice(db, table)?;
        let old = db.begin();
        assert_eq!(old.get(table, &2), None);
        (0..200).try_for_each(|n| db.transact(|tx| Ok(tx.insert(table, 1, n))))?;
        assert_eq!(db.doom_older_than(Duration::ZERO), 1);
        assert_eq!(db.begin().get(table, &1), Some(&199));
        Ok(())
    });
    assert!(lines.len() > 5, "{lines:#?}");
}

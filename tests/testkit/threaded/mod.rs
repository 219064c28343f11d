//! Threads that run every kind of workload, recorded, and judged by `adya` and by this judge.
//!
//! A [`Recording`] listens, its history goes out as appends to lists (of a range, as reads of
//! every key in it that there ever was), and `adya` must find it strictly serializable. As a
//! list is written out at every read, a run is many histories, each from an empty database.
//! Under snapshot isolation the kinds that allow it must be found out: a judge that is content
//! with anything judges nothing.

mod kinds;

use std::thread;

use adya::{Opts, Valid, Workload};
use precedent::testkit::{History, Level, Recording, check};
use precedent::{Database, Error, Isolation};

use crate::tools::{Random, scaled, summary};
use kinds::{KINDS, Kind};

/// How many transactions of each kind a full run makes.
const TRANSACTIONS: usize = 100_000;
/// … of which so many are one history.
const AT_A_TIME: usize = 2_500;
const THREADS: usize = 8;
/// Transactions of a history under snapshot isolation, and how many histories there may be
/// until an anomaly shows.
const LOOSE: usize = 1_000;
const MOST_LOOSE: u64 = 20;

/// Why a closure gives up.
enum GivenUp {
    ByItself,
    Engine(Error),
}

impl From<Error> for GivenUp {
    fn from(error: Error) -> Self {
        Self::Engine(error)
    }
}

/// Runs so many transactions of a kind on a new database.
fn traffic(kind: &Kind, isolation: Isolation, transactions: usize, seed: u64) -> History {
    let recording = Recording::new();
    let db = Database::builder().isolation(isolation).recorder(recording.clone()).build();
    let work = (kind.make)(&db);
    db.transact(|tx| Ok(work.fill(tx))).expect("nobody else is there");
    thread::scope(|scope| {
        for index in 0..THREADS {
            let (db, work) = (&db, &*work);
            let mut random = Random::new(seed * 100 + index as u64);
            scope.spawn(move || {
                for _ in 0..transactions / THREADS {
                    transaction(db, work, &mut random);
                }
            });
        }
    });
    let end = db.read(|tx| work.end(tx)).expect("nobody else is there");
    if isolation == Isolation::Serializable {
        end.unwrap_or_else(|what| panic!("{}: {what}", kind.name));
    }
    recording.take()
}

fn transaction(db: &Database, work: &dyn kinds::Work, random: &mut Random) {
    let (chance, seed) = (random.below(10), random.next());
    // Every attempt does the same.
    let again = || Random::new(seed);
    match chance {
        0 | 1 => db.read(|tx| work.look(tx, &mut again())).expect("somebody gets through"),
        2 => {
            let tx = db.begin();
            work.step(&tx, &mut again());
            tx.rollback();
        }
        3 => {
            let gave_up = db.try_transact(|tx| {
                work.step(tx, &mut again());
                Err::<(), _>(GivenUp::ByItself)
            });
            match gave_up {
                Err(GivenUp::ByItself) => {}
                Err(GivenUp::Engine(error)) => panic!("somebody gets through: {error}"),
                Ok(()) => unreachable!("the closure gives up"),
            }
        }
        _ => db.transact(|tx| Ok(work.step(tx, &mut again()))).expect("somebody gets through"),
    }
}

/// What `adya` says of it.
fn judged(history: &History) -> adya::Report {
    let theirs = adya::History::from_json(&history.to_list_append()).expect("it reads our form");
    adya::check(&theirs, Workload::ListAppend, &Opts::default())
}

#[test]
fn adya_finds_every_kind_of_workload_strictly_serializable() {
    let wanted = scaled(TRANSACTIONS);
    let mut lines = String::new();
    for kind in &KINDS {
        let (mut ran, mut attempts, mut certified, mut seed) = (0, 0, 0, 0);
        while ran < wanted {
            let history = traffic(kind, Isolation::Serializable, AT_A_TIME.min(wanted), seed);
            let report = judged(&history);
            assert_eq!(report.valid, Valid::True, "{}: {:?}", kind.name, report.anomalies);
            let verdict = check(&history);
            assert!(verdict.holds(Level::StrictSerializable), "{}: {verdict}", kind.name);
            (ran, seed) = (ran + AT_A_TIME.min(wanted), seed + 1);
            (attempts, certified) = (attempts + history.len(), certified + history.certified());
        }
        lines += &format!(
            "  {:<12}{seed:>4} histories{attempts:>9} attempts{certified:>9} certified\n",
            kind.name
        );
    }
    summary(&format!("every kind on {THREADS} threads, strictly serializable says adya\n{lines}"));
}

#[test]
fn adya_finds_the_anomalies_of_every_kind_that_allows_them_under_snapshot_isolation() {
    let mut lines = String::new();
    for kind in KINDS.iter().filter(|kind| kind.skews) {
        let found = (0..MOST_LOOSE).find_map(|seed| {
            let history = traffic(kind, Isolation::Snapshot, LOOSE, seed);
            let report = judged(&history);
            let holds = check(&history).holds(Level::StrictSerializable);
            assert_eq!(holds, report.valid == Valid::True, "{}: {report:?}", kind.name);
            (report.valid == Valid::False).then_some((seed, report.anomaly_types))
        });
        let (seed, names) = found.unwrap_or_else(|| panic!("{}: nothing was found", kind.name));
        lines += &format!("  {:<12}in history {seed}: {}\n", kind.name, names.join(", "));
    }
    summary(&format!("the same under snapshot isolation\n{lines}"));
}

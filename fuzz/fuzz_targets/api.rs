//! The API against `BTreeMap`: transactions one after the other, each operation compared
//! with the same one on a map; reads stay open across later commits.
//!
//! Values are boxes, so that AddressSanitizer sees a value that is freed too early. What
//! a transaction has lent is looked at again just before it ends. Detached snapshots and pins
//! stay open likewise, and must show the state at their timestamps.

#![no_main]

#[path = "api/model.rs"]
mod model;
#[path = "api/operation.rs"]
mod operation;

use arbitrary::Arbitrary;
use precedent::{Database, Pin, ReadTransaction, Snapshot, Timestamp};

use model::{Held, Tables, World};
use operation::{Bounds, Operation};

#[derive(Arbitrary, Debug)]
struct Input {
    sliding: bool,
    /// The log keeps hardly any commit.
    folding: bool,
    transactions: Vec<Work>,
}

#[derive(Arbitrary, Debug)]
struct Work {
    operations: Vec<Operation>,
    end: End,
    after: After,
}

#[derive(Arbitrary, Debug)]
enum End {
    Commit,
    Rollback,
    Drop,
    FinishWithoutWrites,
}

/// What happens between two transactions.
#[derive(Arbitrary, Debug)]
enum After {
    Nothing,
    Collect,
    OpenReader,
    CloseOldestReader,
    /// Reads in the oldest reader.
    Look(Bounds),
    BulkLoad(Vec<(u8, u16)>),
    TakeSnapshot,
    Pin,
    /// So many commits ago.
    SnapshotAt(u8),
    CloneOldest,
    DropOldest,
    LookAtSnapshots,
}

/// Readers open at the same time; snapshots likewise.
const MOST_READERS: usize = 4;
/// What the log keeps when it is folded.
const FOLDED: usize = 2;

libfuzzer_sys::fuzz_target!(|input: Input| {
    let builder = Database::builder().sliding(input.sliding);
    let builder = if input.folding { builder.max_retained_commits(FOLDED) } else { builder };
    let db = builder.build();
    let tables = Tables::open(&db);
    let mut worlds = vec![World::default()];
    let mut kept: Vec<(Kept, usize)> = Vec::new();
    let mut readers: Vec<(ReadTransaction<'_>, World)> = Vec::new();
    for work in &input.transactions {
        run(&db, &tables, &mut worlds, work);
        let world = worlds.last().expect("the first one");
        match &work.after {
            After::Nothing => {}
            After::Collect => db.collect(),
            After::OpenReader if readers.len() < MOST_READERS => {
                readers.push((db.begin_read(), world.clone()));
            }
            After::CloseOldestReader if !readers.is_empty() => close(&tables, readers.remove(0)),
            After::Look(bounds) if !input.sliding => {
                if let Some((reader, snapshot)) = readers.first() {
                    tables.compare_range(reader, snapshot, *bounds);
                }
            }
            After::BulkLoad(rows) => load(&db, &tables, &mut worlds, rows),
            After::LookAtSnapshots => {
                for (kept, at) in &kept {
                    tables.compare_snapshot(&db, &kept.snapshot(), &worlds[*at]);
                }
            }
            other => keep(&db, &tables, &worlds, &mut kept, other),
        }
    }
    finish(&tables, readers, input.sliding);
    for (kept, at) in &kept {
        tables.compare_snapshot(&db, &kept.snapshot(), &worlds[*at]);
    }
    drop(kept);
    check_end(&db, &tables, worlds.last().expect("the first one"));
});
/// A handle that keeps a timestamp.
enum Kept {
    Snapshot(Snapshot),
    Pin(Pin),
}

impl Kept {
    fn snapshot(&self) -> Snapshot {
        match self {
            Self::Snapshot(snapshot) => snapshot.clone(),
            Self::Pin(pin) => pin.snapshot(),
        }
    }
}

/// Takes and drops handles; each is kept with the number of the commit that it sees.
fn keep(
    db: &Database,
    tables: &Tables,
    worlds: &[World],
    kept: &mut Vec<(Kept, usize)>,
    after: &After,
) {
    let newest = worlds.len() - 1;
    let room = kept.len() < MOST_READERS;
    match after {
        After::TakeSnapshot if room => {
            let snapshot = db.safe_snapshot();
            // Nobody is open for writing.
            assert_eq!(u64::from(snapshot.timestamp()), newest as u64);
            kept.push((Kept::Snapshot(snapshot), newest));
        }
        After::Pin if room => kept.push((Kept::Pin(db.pin()), newest)),
        After::SnapshotAt(ago) => {
            let at = newest.saturating_sub(usize::from(*ago % 8));
            let still_kept = kept.iter().any(|(_, kept)| *kept == at);
            match db.snapshot_at(Timestamp::from(at as u64)) {
                Ok(snapshot) => tables.compare_snapshot(db, &snapshot, &worlds[at]),
                Err(error) => assert!(at < newest && !still_kept, "{error}"),
            }
            assert!(db.snapshot_at(Timestamp::from(newest as u64 + 1)).is_err());
        }
        After::CloneOldest if room && !kept.is_empty() => {
            let (oldest, at) = &kept[0];
            let clone = match oldest {
                Kept::Snapshot(snapshot) => Kept::Snapshot(snapshot.clone()),
                Kept::Pin(pin) => Kept::Pin(pin.clone()),
            };
            kept.push((clone, *at));
        }
        After::DropOldest if !kept.is_empty() => drop(kept.remove(0)),
        _ => {}
    }
}

fn load(db: &Database, tables: &Tables, worlds: &mut Vec<World>, rows: &[(u8, u16)]) {
    let rows: std::collections::BTreeMap<u8, u16> = rows.iter().copied().collect();
    let boxed = rows.iter().map(|(key, value)| (*key, Box::new(*value)));
    db.bulk_load(&tables.numbers, boxed).expect("the rows are in order");
    if !rows.is_empty() {
        let mut world = worlds.last().expect("the first one").clone();
        world.numbers.extend(rows);
        worlds.push(world);
    }
}

/// A reader whose snapshot may slide can see a later state, but only one state.
fn finish(tables: &Tables, readers: Vec<(ReadTransaction<'_>, World)>, sliding: bool) {
    for (reader, snapshot) in readers {
        if sliding {
            reader.finish().expect("nobody it could conflict with was open");
        } else {
            close(tables, (reader, snapshot));
        }
    }
}

fn run(db: &Database, tables: &Tables, worlds: &mut Vec<World>, work: &Work) {
    let tx = db.begin();
    let mut mine = worlds.last().expect("the first one").clone();
    let mut held = Held::default();
    for operation in &work.operations {
        operation::apply(operation, &tx, tables, &mut mine, &mut held);
    }
    held.look_again();
    drop(held);
    match work.end {
        End::Commit => {
            let commit = tx.commit().expect("nobody else was open for writing");
            // One that wrote nothing has no place of its own.
            if u64::from(commit.timestamp()) == worlds.len() as u64 {
                worlds.push(mine);
            }
        }
        End::Rollback => tx.rollback(),
        End::Drop => drop(tx),
        End::FinishWithoutWrites => {
            tx.finish_without_writes().expect("nobody else was open for writing");
        }
    }
}

fn close(tables: &Tables, (reader, snapshot): (ReadTransaction<'_>, World)) {
    tables.compare_all(&reader, &snapshot);
    reader.finish().expect("nobody it could conflict with was open");
}

/// Everything is there, and nothing else is kept.
fn check_end(db: &Database, tables: &Tables, world: &World) {
    db.read(|tx| tables.compare_all(tx, world)).expect("nobody else is open");
    db.collect();
    let stats = db.stats();
    assert_eq!(stats.active_transactions, 0);
    assert_eq!(stats.retained_commits, 0);
    assert_eq!(stats.keys, world.len());
    assert_eq!(stats.versions, world.len());
}

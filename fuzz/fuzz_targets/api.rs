//! The API against `BTreeMap`: transactions one after the other, each operation compared
//! with the same one on a map; reads stay open across later commits.
//!
//! Values are boxes, so that AddressSanitizer sees a value that is freed too early. What
//! a transaction has lent is looked at again just before it ends.

#![no_main]

#[path = "api/model.rs"]
mod model;
#[path = "api/operation.rs"]
mod operation;

use arbitrary::Arbitrary;
use precedent::{Database, ReadTransaction};

use model::{Held, Tables, World};
use operation::{Bounds, Operation};

#[derive(Arbitrary, Debug)]
struct Input {
    sliding: bool,
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
}

/// Readers open at the same time.
const MOST_READERS: usize = 4;

libfuzzer_sys::fuzz_target!(|input: Input| {
    let db = Database::builder().sliding(input.sliding).build();
    let tables = Tables::open(&db);
    let mut world = World::default();
    let mut readers: Vec<(ReadTransaction<'_>, World)> = Vec::new();
    for work in &input.transactions {
        run(&db, &tables, &mut world, work);
        match work.after {
            After::Nothing => {}
            After::Collect => db.collect(),
            After::OpenReader if readers.len() < MOST_READERS => {
                readers.push((db.begin_read(), world.clone()));
            }
            After::CloseOldestReader if !readers.is_empty() => close(&tables, readers.remove(0)),
            After::Look(bounds) if !input.sliding => {
                if let Some((reader, snapshot)) = readers.first() {
                    tables.compare_range(reader, snapshot, bounds);
                }
            }
            After::OpenReader | After::CloseOldestReader | After::Look(_) => {}
        }
    }
    // A reader whose snapshot may slide can see a later state, but only one state.
    for (reader, snapshot) in readers {
        if input.sliding {
            reader.finish().expect("nobody it could conflict with was open");
        } else {
            close(&tables, (reader, snapshot));
        }
    }
    check_end(&db, &tables, &world);
});

fn run(db: &Database, tables: &Tables, world: &mut World, work: &Work) {
    let tx = db.begin();
    let mut mine = world.clone();
    let mut held = Held::default();
    for operation in &work.operations {
        operation::apply(operation, &tx, tables, &mut mine, &mut held);
    }
    held.look_again();
    drop(held);
    match work.end {
        End::Commit => {
            tx.commit().expect("nobody else was open for writing");
            *world = mine;
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

//! Snapshots of all ages against a `BTreeMap` of their time.

use std::collections::BTreeMap;
use std::ops::Bound;

use precedent::{Database, Snapshot, Table};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseResult};

use crate::support::assert_at_rest;

const KEYS: u8 = 24;

#[derive(Clone, Debug)]
enum Step {
    /// One commit: a value, or a removal, for each key.
    Commit(Vec<(u8, Option<u16>)>),
    Take,
    Drop(usize),
    Collect,
}

fn step() -> impl Strategy<Value = Step> {
    let write = (0..KEYS, proptest::option::weighted(0.6, any::<u16>()));
    prop_oneof![
        6 => proptest::collection::vec(write, 1..6).prop_map(Step::Commit),
        2 => Just(Step::Take),
        1 => any::<usize>().prop_map(Step::Drop),
        1 => Just(Step::Collect),
    ]
}

fn bound() -> impl Strategy<Value = Bound<u8>> {
    prop_oneof![
        (0..KEYS).prop_map(Bound::Included),
        (0..KEYS).prop_map(Bound::Excluded),
        Just(Bound::Unbounded),
    ]
}

type Model = BTreeMap<u8, u16>;

fn check(
    snapshot: &Snapshot,
    table: &Table<u8, u16>,
    model: &Model,
    range: (Bound<u8>, Bound<u8>),
    from_back: u32,
) -> TestCaseResult {
    let inside = |key: &u8| {
        let above = match range.0 {
            Bound::Included(bound) => *key >= bound,
            Bound::Excluded(bound) => *key > bound,
            Bound::Unbounded => true,
        };
        above
            && match range.1 {
                Bound::Included(bound) => *key <= bound,
                Bound::Excluded(bound) => *key < bound,
                Bound::Unbounded => true,
            }
    };
    let bounds = || (range.0.as_ref(), range.1.as_ref());
    // Both sides are driven from the ends that the bits of `from_back` say.
    let mut expected = model.iter().filter(|(key, _)| inside(key));
    let mut rows = snapshot.range(table, bounds());
    for turn in 0..=model.len() {
        let (row, wanted) = match from_back >> (turn % 32) & 1 {
            0 => (rows.next(), expected.next()),
            _ => (rows.next_back(), expected.next_back()),
        };
        prop_assert_eq!(row, wanted);
    }
    prop_assert_eq!(rows.next(), None);
    let inside_count = model.keys().filter(|key| inside(key)).count();
    prop_assert_eq!(snapshot.count(table, bounds()), inside_count);
    prop_assert_eq!(snapshot.is_empty(table, bounds()), inside_count == 0);
    prop_assert!(snapshot.keys(table, ..).eq(model.keys()));
    prop_assert!(snapshot.values(table, ..).rev().eq(model.values().rev()));
    prop_assert_eq!(snapshot.first_key_value(table), model.first_key_value());
    prop_assert_eq!(snapshot.last_key_value(table), model.last_key_value());
    for key in 0..KEYS {
        prop_assert_eq!(snapshot.get(table, &key), model.get(&key));
        prop_assert_eq!(snapshot.contains_key(table, &key), model.contains_key(&key));
    }
    Ok(())
}

proptest! {
    #![proptest_config(Config { cases: 300, failure_persistence: None, ..Config::default() })]

    #[test]
    fn a_snapshot_shows_the_state_of_its_timestamp_however_much_is_written_after_it(
        steps in proptest::collection::vec(step(), 1..60),
        range in (bound(), bound()),
        from_back in any::<u32>(),
    ) {
        let db = Database::new();
        let table: Table<u8, u16> = db.table("numbers").expect("a new table");
        let mut model = Model::new();
        let mut open: Vec<(Snapshot, Model)> = Vec::new();
        for step in steps {
            match step {
                Step::Commit(writes) => {
                    let commit = |tx: &precedent::Transaction<'_>| {
                        Ok(writes.iter().for_each(|(key, value)| match value {
                            Some(value) => tx.insert(&table, *key, *value),
                            None => tx.remove(&table, key),
                        }))
                    };
                    db.transact(commit).expect("alone");
                    for (key, value) in writes {
                        match value {
                            Some(value) => _ = model.insert(key, value),
                            None => _ = model.remove(&key),
                        }
                    }
                }
                Step::Take => open.push((db.safe_snapshot(), model.clone())),
                Step::Drop(which) if !open.is_empty() => {
                    let which = which % open.len();
                    drop(open.swap_remove(which));
                }
                Step::Drop(_) => {}
                Step::Collect => db.collect(),
            }
            if let Some((snapshot, then)) = open.first() {
                check(snapshot, &table, then, range, from_back)?;
            }
        }
        for (snapshot, then) in &open {
            check(snapshot, &table, then, range, from_back)?;
        }
        open.clear();
        assert_at_rest(&db, model.len());
    }
}

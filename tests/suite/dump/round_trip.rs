//! Every kind of key and value comes back.

use std::collections::{BTreeMap, BTreeSet};

use precedent::{Database, Dump, Key, Load, Table, Timestamp, Value};
use proptest::prelude::*;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::dump::{fresh, small};
use crate::support::assert_at_rest;

/// Dumps rows and loads them again.
fn there_and_back<K, V>(rows: &BTreeMap<K, V>) -> BTreeMap<K, V>
where
    K: Key + Serialize + DeserializeOwned,
    V: Value + Clone + Serialize + DeserializeOwned,
{
    let (db, copy) = (Database::new(), Database::new());
    let [from, to] = [&db, &copy].map(|db| db.table::<K, V>("rows").expect("a new table"));
    let fill = |tx: &precedent::Transaction<'_>| {
        Ok(rows.iter().for_each(|(key, value)| tx.insert(&from, key.clone(), value.clone())))
    };
    db.transact(fill).expect("alone");
    let mut bytes = Vec::new();
    let dump = Dump::new(&db.safe_snapshot()).table(&from).write_to(&mut bytes);
    assert_eq!(dump.expect("a vector takes everything").rows, rows.len() as u64);
    let load = Load::read_from(&bytes[..]).expect("it is whole").table(&to).commit_to(&copy);
    assert_eq!(load.expect("the table is empty").rows, rows.len() as u64);
    let snapshot = copy.safe_snapshot();
    let back = snapshot.range(&to, ..).map(|(key, value)| (key.clone(), value.clone())).collect();
    drop(snapshot);
    assert_at_rest(&copy, rows.len());
    back
}

#[test]
fn several_tables_come_back_in_one_commit_and_the_summaries_count_them() {
    let (db, tables) = small();
    let snapshot = db.safe_snapshot();
    let (bytes, dumped) = tables.dump(&snapshot);
    assert_eq!((dumped.timestamp, dumped.tables, dumped.rows), (Timestamp::from(1), 3, 5));
    let (copy, targets) = fresh();
    let load = targets.name(Load::read_from(&bytes[..]).expect("it is whole"));
    assert_eq!((load.timestamp(), load.is_safe()), (snapshot.timestamp(), true));
    assert!(load.tables().eq([("stock", 2), ("ledger", 3), ("empty", 0)]));
    let loaded = load.commit_to(&copy).expect("the tables are empty");
    assert_eq!((loaded.commit.timestamp(), loaded.tables, loaded.rows), (Timestamp::from(1), 3, 5));
    let there = copy.safe_snapshot();
    assert!(there.range(&targets.stock, ..).eq(snapshot.range(&tables.stock, ..)));
    assert!(there.range(&targets.ledger, ..).eq(snapshot.range(&tables.ledger, ..)));
    assert!(there.is_empty(&targets.empty, ..));
    // What is loaded is dumped again byte for byte.
    assert_eq!(targets.dump(&there).0, bytes);
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
enum Name {
    Nobody,
    Known(String),
    Pair(u8, i128),
    Titled { title: Option<char>, name: Box<Name> },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Person {
    name: Name,
    unit: (),
    weights: Vec<f64>,
    friends: BTreeMap<(u8, bool), BTreeSet<Option<i64>>>,
    result: Result<u128, String>,
}

#[test]
fn every_kind_of_value_comes_back() {
    let titled = Name::Titled { title: Some('Ä'), name: Box::new(Name::Pair(7, i128::MIN)) };
    let person = |name: &Name| Person {
        name: name.clone(),
        unit: (),
        weights: vec![0.1, -0.0, f64::INFINITY, f64::MIN_POSITIVE, 1e300],
        friends: [((1, true), [None, Some(i64::MIN)].into())].into(),
        result: if *name == Name::Nobody { Ok(u128::MAX) } else { Err(String::new()) },
    };
    let names = [Name::Nobody, Name::Known("\u{1F980}".repeat(100_000)), titled];
    let rows: BTreeMap<Name, Person> = names.iter().map(|n| (n.clone(), person(n))).collect();
    assert_eq!(there_and_back(&rows), rows);
    let units: BTreeMap<(), ()> = [((), ())].into();
    assert_eq!(there_and_back(&units), units);
}

#[test]
fn rows_of_many_blocks_come_back() {
    let rows: BTreeMap<u64, Vec<u8>> =
        (0..3_000).map(|n| (n, vec![n as u8; (n % 300) as usize])).collect();
    assert_eq!(there_and_back(&rows), rows);
}

/// A list as deep as it may be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum List {
    End,
    Cons(Box<List>),
}

fn list(depth: u32) -> List {
    (0..depth).fold(List::End, |list, _| List::Cons(Box::new(list)))
}

#[test]
fn what_can_be_dumped_can_be_loaded_however_deep_it_is() {
    let deep: BTreeMap<u8, List> = [(0, list(120))].into();
    assert_eq!(there_and_back(&deep), deep);
    let db = Database::new();
    let table: Table<u8, List> = db.table("deep").expect("a new table");
    db.transact(|tx| Ok(tx.insert(&table, 0, list(121)))).expect("blind");
    let error = Dump::new(&db.safe_snapshot()).table(&table).write_to(std::io::sink());
    assert!(error.expect_err("too deep").to_string().contains("too deeply"));
}

/// What a later version of a program makes of [`Old`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct New {
    name: String,
    #[serde(default)]
    age: Option<u32>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Old {
    name: String,
}

#[test]
fn a_type_that_gained_a_field_with_a_default_reads_an_old_dump() {
    let (db, copy) = (Database::new(), Database::new());
    let old: Table<u8, Old> = db.table("people").expect("a new table");
    db.transact(|tx| Ok(tx.insert(&old, 1, Old { name: "Ada".to_owned() }))).expect("blind");
    let mut bytes = Vec::new();
    Dump::new(&db.safe_snapshot()).table(&old).write_to(&mut bytes).expect("a vector");
    let new: Table<u8, New> = copy.table("people").expect("a new table");
    Load::read_from(&bytes[..]).expect("whole").table(&new).commit_to(&copy).expect("readable");
    let ada = New { name: "Ada".to_owned(), age: None };
    assert_eq!(copy.safe_snapshot().get(&new, &1), Some(&ada));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_in_a_table_comes_back(
        words in proptest::collection::btree_map(any::<(String, i64)>(), any::<Option<Vec<u16>>>(), 0..40),
        numbers in proptest::collection::btree_map(any::<u128>(), any::<(char, Result<i8, bool>)>(), 0..40),
    ) {
        prop_assert_eq!(there_and_back(&words), words);
        prop_assert_eq!(there_and_back(&numbers), numbers);
    }
}

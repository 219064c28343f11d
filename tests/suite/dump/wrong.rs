//! Wrong tables, wrong types, rows that are no rows: told, and nothing loaded.

use std::cmp::Ordering;

use precedent::{Database, Dump, DumpError, Error, Load, Table};
use serde::{Deserialize, Serialize};

use crate::dump::{Tables, assert_nothing_loaded, fresh, small};
use crate::support::panic_message;

fn read(bytes: &[u8]) -> Load {
    Load::read_from(bytes).expect("it is whole")
}

fn dump() -> Vec<u8> {
    let (db, tables) = small();
    tables.dump(&db.safe_snapshot()).0
}

#[test]
fn tables_that_are_missing_left_over_or_named_twice_are_told_by_name() {
    let bytes = dump();
    let (copy, tables) = fresh();
    let extra: Table<u8, u8> = copy.table("extra").expect("a new table");
    let error = tables.name(read(&bytes)).table(&extra).commit_to(&copy).expect_err("missing");
    assert!(matches!(&error, DumpError::TableMissing { table } if table == "extra"), "{error}");
    let error = read(&bytes).table(&tables.empty).commit_to(&copy).expect_err("left over");
    assert!(
        matches!(&error, DumpError::TablesLeftOver { tables } if *tables == ["stock", "ledger"]),
        "{error}"
    );
    let twice = tables.name(read(&bytes)).table(&tables.stock).commit_to(&copy);
    let error = twice.expect_err("twice");
    assert!(matches!(&error, DumpError::TableTwice { table } if table == "stock"), "{error}");
    assert_nothing_loaded(&copy);

    let (db, tables) = small();
    let snapshot = db.safe_snapshot();
    let twice = Dump::new(&snapshot).table(&tables.stock).table(&tables.stock);
    let error = twice.write_to(std::io::sink()).expect_err("twice");
    assert!(matches!(&error, DumpError::TableTwice { table } if table == "stock"), "{error}");
}

#[test]
fn wrong_types_are_told_with_the_row_and_both_types_and_nothing_is_loaded() {
    let bytes = dump();
    let copy = Database::new();
    let new = "a new table";
    let stock: Table<String, u32> = copy.table("stock").expect(new);
    let empty: Table<u8, Vec<u8>> = copy.table("empty").expect(new);
    let ledger: Table<(u64, u64), String> = copy.table("ledger").expect(new);
    // The first table would fit.
    let load = read(&bytes).table(&stock).table(&empty).table(&ledger);
    let error = load.commit_to(&copy).expect_err("strings are no numbers");
    let DumpError::Decode { table, row, dumped_as, asked_for, .. } = &error else {
        panic!("another error: {error}");
    };
    assert_eq!((table.as_str(), *row), ("ledger", 0));
    assert_eq!(dumped_as, "((u64, u64), i64)");
    assert!(asked_for.contains("String"), "{error}");
    assert_nothing_loaded(&copy);
}

/// Loads the table `ledger` of the small database, i64 by (u64, u64), with other types.
fn load_ledger<K, V>() -> Result<u64, DumpError>
where
    K: precedent::Key + serde::de::DeserializeOwned,
    V: precedent::Value + serde::de::DeserializeOwned,
{
    let (db, tables) = small();
    let mut bytes = Vec::new();
    Dump::new(&db.safe_snapshot()).table(&tables.ledger).write_to(&mut bytes).expect("a vector");
    let copy = Database::new();
    let table: Table<K, V> = copy.table("ledger").expect("a new table");
    let result = read(&bytes).table(&table).commit_to(&copy);
    if result.is_err() {
        assert_nothing_loaded(&copy);
    }
    result.map(|summary| summary.rows)
}

/// A key that only looks at the account: all entries of an account are the same key.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Account(u64, u64);

impl PartialEq for Account {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl Eq for Account {}

impl PartialOrd for Account {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Account {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.cmp(&other.0)
    }
}

#[test]
fn types_that_do_not_fit_are_refused_and_those_that_read_the_same_data_are_not() {
    assert!(matches!(load_ledger::<u64, i64>(), Err(DumpError::Decode { .. })));
    assert!(matches!(load_ledger::<(u64, u64, u64), i64>(), Err(DumpError::Decode { .. })));
    assert!(matches!(load_ledger::<(u64, u64), u64>(), Err(DumpError::Decode { row: 1, .. })));
    assert!(matches!(load_ledger::<(u64, u64), (i64, i64)>(), Err(DumpError::Decode { .. })));
    assert!(matches!(load_ledger::<Account, i64>(), Err(DumpError::DuplicateKey { .. })));
    assert_eq!(load_ledger::<(u8, u128), i8>().expect("the numbers are small"), 3);
    let backwards = load_ledger::<(u64, std::cmp::Reverse<u64>), i64>();
    assert_eq!(backwards.expect("another order"), 3);
}

#[test]
fn a_table_that_has_rows_is_not_loaded_into_and_keeps_them() {
    let bytes = dump();
    let (copy, tables) = fresh();
    copy.transact(|tx| Ok(tx.insert(&tables.stock, "mine".to_owned(), 1))).expect("blind");
    let error = tables.name(read(&bytes)).commit_to(&copy).expect_err("not empty");
    assert!(matches!(&error, DumpError::TableNotEmpty { table } if table == "stock"), "{error}");
    let snapshot = copy.safe_snapshot();
    assert!(snapshot.keys(&tables.stock, ..).eq(["mine"]));
    assert!(snapshot.is_empty(&tables.ledger, ..));
}

#[test]
fn a_load_beyond_a_limit_of_the_database_loads_nothing() {
    let copy = Database::builder().max_own_values(4).build();
    let tables = Tables::of(&copy);
    let error = tables.name(read(&dump())).commit_to(&copy).expect_err("five rows");
    assert!(matches!(&error, DumpError::Database(Error::LimitExceeded { .. })), "{error}");
    assert_nothing_loaded(&copy);
}

#[test]
fn a_value_that_would_come_back_as_another_is_refused_when_it_is_dumped() {
    let db = Database::new();
    let table: Table<u8, Option<Option<u8>>> = db.table("nested").expect("a new table");
    db.transact(|tx| Ok(tx.insert(&table, 1, Some(Some(1))))).expect("blind");
    let dump = |db: &Database| Dump::new(&db.safe_snapshot()).table(&table).write_to(Vec::new());
    assert!(dump(&db).is_ok());
    db.transact(|tx| Ok(tx.insert(&table, 2, Some(None)))).expect("blind");
    let error = dump(&db).expect_err("it would come back as None");
    assert!(matches!(&error, DumpError::Encode { row: 1, .. }), "{error}");
}

#[test]
fn tables_of_another_database_are_refused_with_both_names() {
    let home = Database::builder().name("home").build();
    let abroad = Database::builder().name("abroad").build();
    let snapshot = home.safe_snapshot();
    let other = Tables::of(&abroad);
    let message = panic_message(|| Dump::new(&snapshot).table(&other.stock).write_to(Vec::new()));
    assert!(message.contains("home") && message.contains("abroad"), "{message}");
    let message = panic_message(|| other.name(read(&dump())).commit_to(&home));
    assert!(message.contains("home") && message.contains("abroad"), "{message}");
    assert_nothing_loaded(&home);
    assert_nothing_loaded(&abroad);
}

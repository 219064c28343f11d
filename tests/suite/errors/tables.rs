//! Tables: the wrong types, and the wrong database.

use std::ops::Bound;
use std::sync::Arc;

use precedent::{Database, Error, Table};

use crate::errors::Fixture;
use crate::support::{ignore, panic_message};

#[test]
fn a_table_opened_with_other_types_is_an_error_that_names_both() {
    let fixture = Fixture::new();
    let wrong = [
        fixture.db.table::<String, i64>("numbers").err(),
        fixture.db.table::<u64, String>("numbers").err(),
        fixture.db.table::<String, String>("numbers").err(),
    ];
    for error in wrong {
        let error = error.expect("other types");
        let Error::TableTypes { table, created_as, asked_for } = &error else {
            panic!("another error: {error:?}");
        };
        assert_eq!(table, "numbers");
        assert!(created_as.contains("u64") && created_as.contains("i64"), "{error}");
        assert!(asked_for.contains("String"), "{error}");
        assert!(error.to_string().contains("numbers"), "{error}");
        assert!(!error.is_conflict() && !error.is_retryable() && !error.is_limit());
        assert!(error.conflict().is_none());
    }
    fixture.assert_works_and_rests(&[]);
}

#[test]
fn a_table_opened_again_with_its_own_types_is_the_same_table() {
    let fixture = Fixture::new();
    let again: Table<u64, i64> = fixture.db.table("numbers").expect("its own types");
    assert_eq!(again.name(), "numbers");
    let clone = again.clone();
    fixture.db.transact(|tx| Ok(tx.insert(&clone, 3, 30))).expect("alone");
    fixture.assert_works_and_rests(&[(3, 30)]);
}

#[test]
fn a_table_can_be_opened_while_transactions_are_open() {
    let fixture = Fixture::new();
    let tx = fixture.db.begin();
    assert_eq!(tx.get(&fixture.table, &1), Some(&0));
    let late: Table<&str, &str> = fixture.db.table("late").expect("a new table");
    assert_eq!(tx.get(&late, &"key"), None);
    tx.insert(&late, "key", "value");
    tx.commit().expect("alone");
    let seen = fixture.db.read(|tx| tx.get(&late, &"key").copied()).expect("certified");
    assert_eq!(seen, Some("value"));
    fixture.assert_works(&[]);
}

#[test]
fn every_operation_on_a_table_of_another_database_panics_with_both_names() {
    let fixture = Fixture::of(Database::builder().name("home").build());
    let foreign = Fixture::of(Database::builder().name("abroad").build());
    let other = &foreign.table;
    let tx = fixture.db.begin();
    tx.insert(&fixture.table, 1, 11);
    let all = (Bound::Unbounded::<&u64>, Bound::Unbounded::<&u64>);
    type Attempt<'a> = (&'a str, Box<dyn Fn() + 'a>);
    let attempts: Vec<Attempt<'_>> = vec![
        ("get", Box::new(|| ignore(tx.get(other, &1)))),
        ("contains_key", Box::new(|| ignore(tx.contains_key(other, &1)))),
        ("peek", Box::new(|| ignore(tx.peek(other, &1)))),
        ("first_key_value", Box::new(|| ignore(tx.first_key_value(other)))),
        ("last_key_value", Box::new(|| ignore(tx.last_key_value(other)))),
        ("range", Box::new(|| ignore(tx.range(other, ..).next()))),
        ("range_where", Box::new(|| ignore(tx.range_where(other, .., |_, _| true).next()))),
        ("keys", Box::new(|| ignore(tx.keys(other, 1..).next()))),
        ("values", Box::new(|| ignore(tx.values(other, all).next()))),
        ("count", Box::new(|| ignore(tx.count(other, ..)))),
        ("is_empty", Box::new(|| ignore(tx.is_empty(other, ..)))),
        ("remove_range", Box::new(|| ignore(tx.remove_range(other, 1..)))),
        ("clear", Box::new(|| ignore(tx.clear(other)))),
        ("insert", Box::new(|| tx.insert(other, 1, 1))),
        ("remove", Box::new(|| tx.remove(other, &1))),
        ("replace", Box::new(|| ignore(tx.replace(other, 1, 1)))),
        ("take", Box::new(|| ignore(tx.take(other, &1)))),
        ("insert_if_absent", Box::new(|| ignore(tx.insert_if_absent(other, 1, 1)))),
        ("update", Box::new(|| ignore(tx.update(other, &1, |value| *value)))),
        ("get_or_insert_with", Box::new(|| ignore(tx.get_or_insert_with(other, 1, || 1)))),
    ];
    for (name, attempt) in attempts {
        let message = panic_message(attempt);
        assert!(message.contains("home") && message.contains("abroad"), "{name}: {message}");
    }
    // The transaction is as it was.
    assert_eq!(tx.get(&fixture.table, &1), Some(&11));
    tx.commit().expect("alone");
    fixture.assert_works_and_rests(&[(1, 11)]);
    foreign.assert_works_and_rests(&[]);
}

#[test]
fn a_reader_refuses_a_table_of_another_database_too() {
    let fixture = Fixture::of(Database::builder().name("home").build());
    let foreign = Fixture::of(Database::builder().name("abroad").build());
    let message = panic_message(|| fixture.db.read(|tx| tx.get(&foreign.table, &1).copied()));
    assert!(message.contains("home") && message.contains("abroad"), "{message}");
    fixture.assert_works_and_rests(&[]);
}

#[test]
fn a_table_outlives_the_last_handle_of_its_database() {
    let fixture = Fixture::new();
    let tx = fixture.db.begin_owned();
    let Fixture { db, table } = fixture;
    drop(db);
    assert_eq!(tx.get(&table, &1), Some(&0));
    tx.insert(&table, 1, 1);
    tx.commit().expect("alone");
    assert_eq!(table.name(), "numbers");
}

#[test]
fn a_dropped_table_works_for_those_who_hold_it_and_its_name_is_free() {
    let fixture = Fixture::new();
    let before = fixture.db.begin();
    assert_eq!(before.get(&fixture.table, &1), Some(&0));
    assert!(fixture.db.drop_table("numbers"));
    assert!(!fixture.db.drop_table("numbers") && !fixture.db.drop_table("never"));
    let other: Table<String, String> = fixture.db.table("numbers").expect("the name is free");
    fixture.db.transact(|tx| Ok(tx.insert(&other, "a".into(), "b".into()))).expect("alone");
    // Somebody overwrites what `before` read; its own write meets that one's read.
    let overwrite = |tx: &precedent::Transaction<'_>| {
        ignore(tx.get(&fixture.table, &2));
        Ok(tx.insert(&fixture.table, 1, 1))
    };
    fixture.db.transact(overwrite).expect("alone");
    before.insert(&fixture.table, 2, 2);
    let error = before.commit().expect_err("the detached table has conflicts as ever");
    crate::support::assert_explains(&error);
    fixture.assert_works(&[(1, 1)]);
    assert_eq!(fixture.db.stats().keys, 1, "the detached table is not counted");
    let seen = fixture.db.read(|tx| tx.get(&other, "a").cloned()).expect("certified");
    assert_eq!(seen.as_deref(), Some("b"));
}

#[test]
fn the_memory_of_a_dropped_table_goes_with_its_last_handle() {
    let fixture = Fixture::new();
    let value = Arc::new(());
    let table: Table<u8, Arc<()>> = fixture.db.table("values").expect("a new table");
    fixture
        .db
        .transact(|tx| Ok((0..9).for_each(|key| tx.insert(&table, key, Arc::clone(&value)))))
        .expect("alone");
    let tx = fixture.db.begin();
    tx.insert(&table, 0, Arc::clone(&value));
    let old: Table<u8, Arc<()>> = fixture.db.table("values").expect("its own types");
    assert!(fixture.db.drop_table("values"));
    drop((table, old));
    assert_eq!(tx.count(&fixture.table, ..), 10);
    assert_eq!(Arc::strong_count(&value), 11, "the transaction holds the table");
    drop(tx);
    fixture.db.collect();
    assert_eq!(Arc::strong_count(&value), 1);
    fixture.assert_works_and_rests(&[]);
}

/// A value whose `Drop` uses the database that it is in.
struct Reentrant(Option<Database>);

impl Drop for Reentrant {
    fn drop(&mut self) {
        if let Some(db) = self.0.take() {
            let table: Table<u64, i64> = db.table("numbers").expect("its own types");
            db.transact(|tx| Ok(tx.update(&table, &1, |drops| drops + 1).is_some()))
                .expect("alone");
        }
    }
}

#[test]
fn no_lock_is_held_while_a_dropped_table_drops_its_values() {
    let fixture = Fixture::new();
    let table: Table<u8, Reentrant> = fixture.db.table("reentrant").expect("a new table");
    let fill = |tx: &precedent::Transaction<'_>| {
        Ok((0..3).for_each(|key| tx.insert(&table, key, Reentrant(Some(fixture.db.clone())))))
    };
    fixture.db.transact(fill).expect("alone");
    fixture.db.collect();
    drop(table);
    assert!(fixture.db.drop_table("reentrant"));
    fixture.assert_works_and_rests(&[(1, 3)]);
}

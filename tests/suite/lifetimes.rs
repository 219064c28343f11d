//! What a transaction has handed out stays until it ends, wherever its snapshot goes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use precedent::{Database, Error, Table};

/// Counts its drops.
struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn a_peeked_value_lives_until_its_transaction_ends() -> Result<(), Error> {
    let db = Database::new();
    let table: Table<u8, Counted> = db.table("counted")?;
    let drops = [(); 4].map(|()| Arc::new(AtomicUsize::new(0)));
    let write = |keys: &[u8], which: usize| {
        db.transact(|tx| {
            keys.iter().for_each(|key| tx.insert(&table, *key, Counted(Arc::clone(&drops[which]))));
            Ok(())
        })
    };
    write(&[1, 2], 0)?;
    let tx = db.begin();
    let first = tx.peek(&table, &1);
    write(&[1, 2], 1)?;
    let second = tx.get(&table, &2);
    assert_eq!(u64::from(tx.read_timestamp()), 2, "it slid");
    write(&[1], 2)?;
    db.collect();
    let dropped = || drops.each_ref().map(|count| count.load(Ordering::Relaxed));
    assert_eq!(dropped(), [0; 4], "{} and {}", first.is_some(), second.is_some());
    drop(tx);
    db.collect();
    assert_eq!(dropped(), [2, 1, 0, 0]);
    Ok(())
}

#[test]
fn a_safe_reader_stays_at_its_snapshot() -> Result<(), Error> {
    let db = Database::new();
    let table: Table<char, i64> = db.table("accounts")?;
    let write = |x: i64| {
        db.transact(|tx| {
            tx.insert(&table, 'x', x);
            tx.insert(&table, 'y', -x);
            Ok(())
        })
    };
    write(1)?;
    let reader = db.begin_read();
    let x = reader.get(&table, &'x').copied();
    write(2)?;
    assert_eq!((x, reader.get(&table, &'y').copied()), (Some(1), Some(-1)));
    reader.finish()?;
    Ok(())
}

#[test]
fn values_of_the_same_transaction_are_written_while_they_are_held() -> Result<(), Error> {
    let db = Database::new();
    let table: Table<u8, String> = db.table("strings")?;
    let tx = db.begin();
    tx.insert(&table, 1, "one".to_owned());
    let held = tx.get(&table, &1);
    for turn in 0..100 {
        tx.insert(&table, 1, turn.to_string());
        tx.remove(&table, &1);
    }
    assert_eq!(held.map(String::as_str), Some("one"));
    assert_eq!(tx.get(&table, &1), None);
    tx.commit()?;
    Ok(())
}

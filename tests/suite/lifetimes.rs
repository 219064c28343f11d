//! What a transaction has handed out stays until it ends, wherever its snapshot goes.

use std::cell::Cell;
use std::cmp;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use precedent::{Database, Error, Table, Transaction};

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

thread_local! {
    /// The key that is above itself, for now.
    static ODD: Cell<Option<u8>> = const { Cell::new(None) };
}

/// A key of the user's, whose order is none while one is odd.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Key(u8);

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> cmp::Ordering {
        if self == other && ODD.get() == Some(self.0) {
            return cmp::Ordering::Greater;
        }
        self.0.cmp(&other.0)
    }
}

/// What lends the value of a row.
type Lend = for<'t> fn(&'t Transaction<'_>, &Table<Key, Counted>) -> Option<&'t Counted>;

#[test]
fn what_a_range_has_lent_outlives_a_slide_that_an_odd_order_lets_pass() -> Result<(), Error> {
    let lends: [(u8, Lend); 6] = [
        (0, |tx, table| tx.range(table, ..Key(5)).next().map(|(_, value)| value)),
        (4, |tx, table| tx.range(table, ..Key(5)).next_back().map(|(_, value)| value)),
        (0, |tx, table| tx.first_key_value(table).map(|(_, value)| value)),
        (0, |tx, table| tx.values(table, Key(0)..=Key(0)).next()),
        (1, |tx, table| tx.range(table, ..Key(5)).nth(1).map(|(_, value)| value)),
        (2, |tx, table| {
            tx.insert(table, Key(3), Counted(Arc::default()));
            tx.values(table, ..Key(5)).nth(2)
        }),
    ];
    for (key, lend) in lends {
        let db = Database::new();
        let table: Table<Key, Counted> = db.table("counted")?;
        let drops = [(); 2].map(|()| Arc::new(AtomicUsize::new(0)));
        let write = |keys: &[u8], which: usize| {
            let value = || Counted(Arc::clone(&drops[which]));
            db.transact(|tx| Ok(keys.iter().for_each(|key| tx.insert(&table, Key(*key), value()))))
        };
        write(&[0, 1, 2, 3, 4, 9], 0)?;
        let tx = db.begin();
        let lent = lend(&tx, &table);
        write(&[key, 9], 1)?;
        ODD.set(Some(key));
        let nine = tx.get(&table, &Key(9));
        ODD.set(None);
        db.collect();
        let dropped = drops[0].load(Ordering::Relaxed);
        let held = (lent.is_some(), nine.is_some());
        assert_eq!((held, dropped), ((true, true), 0), "key {key}");
        drop(tx);
        db.collect();
        assert_eq!(drops[0].load(Ordering::Relaxed), 2);
    }
    Ok(())
}

#[test]
fn what_ranges_have_lent_again_and_again_is_all_remembered_after_a_slide_too() -> Result<(), Error>
{
    for target in [0, 50] {
        let db = Database::new();
        let table: Table<Key, Counted> = db.table("counted")?;
        let drops = [(); 2].map(|()| Arc::new(AtomicUsize::new(0)));
        let write = |keys: &[u8], which: usize| {
            let value = || Counted(Arc::clone(&drops[which]));
            db.transact(|tx| Ok(keys.iter().for_each(|key| tx.insert(&table, Key(*key), value()))))
        };
        write(&(0..=255).collect::<Vec<_>>(), 0)?;
        let tx = db.begin();
        // The one row that the order will deny.
        let mut lent = tx.range(&table, Key(target)..);
        assert!(lent.next().is_some());
        // Often enough that what was lent twice is forgotten once, more than once.
        (0..100).for_each(|_| assert_eq!(tx.count(&table, Key(60)..Key(100)), 40));
        write(&[200], 1)?;
        let at = tx.read_timestamp();
        tx.get(&table, &Key(200));
        assert!(tx.read_timestamp() > at, "nothing that it has seen was changed");
        write(&[target, 201], 1)?;
        ODD.set(Some(target));
        tx.get(&table, &Key(201));
        ODD.set(None);
        db.collect();
        assert_eq!(drops[0].load(Ordering::Relaxed), 1, "key {target}");
        drop(lent);
    }
    Ok(())
}

#[test]
#[allow(clippy::reversed_empty_ranges)]
fn a_range_that_is_driven_after_very_many_others_were_made_keeps_what_it_lends() -> Result<(), Error>
{
    let db = Database::new();
    let table: Table<u64, Counted> = db.table("counted")?;
    let drops = [(); 2].map(|()| Arc::new(AtomicUsize::new(0)));
    let write = |keys: &[u64], which: usize| {
        let value = || Counted(Arc::clone(&drops[which]));
        db.transact(|tx| Ok(keys.iter().for_each(|key| tx.insert(&table, *key, value()))))
    };
    write(&[0, 1, 9], 0)?;
    let tx = db.begin();
    let mut first = tx.range(&table, ..5);
    // No key lies in any of them, so they are not observed.
    (0..u16::MAX).for_each(|_| drop(tx.range(&table, 5..3)));
    let last = tx.range(&table, 100..200);
    let lent = first.next();
    write(&[0, 9], 1)?;
    let nine = tx.get(&table, &9);
    db.collect();
    assert_eq!((lent.is_some(), nine.is_some()), (true, true));
    assert_eq!(drops[0].load(Ordering::Relaxed), 0);
    drop((first, last));
    assert_eq!(tx.get(&table, &9).map(|nine| Arc::as_ptr(&nine.0)), Some(Arc::as_ptr(&drops[0])));
    Ok(())
}

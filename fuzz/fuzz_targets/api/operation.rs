//! One operation on a transaction and on the model.

use std::ops::Bound;

use arbitrary::Arbitrary;
use precedent::Transaction;

use crate::model::{Held, Tables, World, number};

#[derive(Arbitrary, Debug)]
pub enum Operation {
    Get(u8),
    Contains(u8),
    Peek(u8),
    FirstAndLast,
    Count(Bounds),
    Range(Bounds),
    /// Odd or even values.
    RangeWhere(Bounds, bool),
    /// Drives a range from both ends while it writes.
    RangeWhileWriting(Bounds, Vec<Drive>),
    Insert(u8, u16),
    Remove(u8),
    Replace(u8, u16),
    Take(u8),
    InsertIfAbsent(u8, u16),
    Update(u8, u16),
    GetOrInsert(u8, u16),
    RemoveRange(Bounds),
    Clear,
    Savepoint,
    /// Rolls back to one of the open savepoints.
    RollbackTo(u8),
    Release(u8),
    Word(Word, u8),
}

/// On the table whose keys are looked up by `&str`.
#[derive(Arbitrary, Debug)]
pub enum Word {
    Get,
    Insert(u16),
    Remove,
    Take,
    From,
}

#[derive(Arbitrary, Debug)]
pub enum Drive {
    Front,
    Back,
    Insert(u8, u16),
    Remove(u8),
}

/// Two bounds, inverted ones included.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub struct Bounds(Bound<u8>, Bound<u8>);

impl Bounds {
    pub fn get(&self) -> (Bound<&u8>, Bound<&u8>) {
        (self.0.as_ref(), self.1.as_ref())
    }

    pub fn contain(&self, key: u8) -> bool {
        let above = match self.0 {
            Bound::Included(lower) => lower <= key,
            Bound::Excluded(lower) => lower < key,
            Bound::Unbounded => true,
        };
        above
            && match self.1 {
                Bound::Included(upper) => key <= upper,
                Bound::Excluded(upper) => key < upper,
                Bound::Unbounded => true,
            }
    }
}

/// Does it on both, and compares what they return.
pub fn apply<'t>(
    operation: &Operation,
    tx: &'t Transaction<'_>,
    tables: &Tables,
    world: &mut World,
    held: &mut Held<'t>,
) {
    match operation {
        Operation::Word(word, key) => apply_word(word, *key, tx, tables, world, held),
        Operation::RangeWhileWriting(bounds, drives) => {
            drive(*bounds, drives, tx, tables, world, held);
        }
        Operation::Get(_)
        | Operation::Contains(_)
        | Operation::Peek(_)
        | Operation::FirstAndLast
        | Operation::Count(_)
        | Operation::Range(_)
        | Operation::RangeWhere(..) => apply_read(operation, tx, tables, world, held),
        Operation::Savepoint | Operation::RollbackTo(_) | Operation::Release(_) => {
            save_or_undo(operation, tx, world, held);
        }
        _ => apply_write(operation, tx, tables, world, held),
    }
}

fn apply_read<'t>(
    operation: &Operation,
    tx: &'t Transaction<'_>,
    tables: &Tables,
    world: &World,
    held: &mut Held<'t>,
) {
    let numbers = &tables.numbers;
    match operation {
        Operation::Get(key) => held.same(tx.get(numbers, key), world.numbers.get(key).copied()),
        Operation::Contains(key) => {
            assert_eq!(tx.contains_key(numbers, key), world.numbers.contains_key(key));
        }
        Operation::Peek(key) => held.same(tx.peek(numbers, key), world.numbers.get(key).copied()),
        Operation::FirstAndLast => {
            let first = world.numbers.first_key_value().map(|(key, value)| (*key, *value));
            assert_eq!(tx.first_key_value(numbers).map(number), first);
            let last = world.numbers.last_key_value().map(|(key, value)| (*key, *value));
            assert_eq!(tx.last_key_value(numbers).map(number), last);
        }
        Operation::Count(bounds) => {
            let rows = world.rows(*bounds).len();
            assert_eq!(tx.count(numbers, bounds.get()), rows);
            assert_eq!(tx.is_empty(numbers, bounds.get()), rows == 0);
        }
        Operation::RangeWhere(bounds, odd) => {
            let odd = *odd;
            let rows =
                tx.range_where(numbers, bounds.get(), move |_, value| (**value % 2 == 1) == odd);
            let expected = world.rows(*bounds).into_iter();
            assert!(rows.map(number).eq(expected.filter(|(_, value)| (value % 2 == 1) == odd)));
        }
        Operation::Range(bounds) => tables.compare_range(tx, world, *bounds),
        _ => unreachable!("not a read"),
    }
}

fn apply_write<'t>(
    operation: &Operation,
    tx: &'t Transaction<'_>,
    tables: &Tables,
    world: &mut World,
    held: &mut Held<'t>,
) {
    let (numbers, model) = (&tables.numbers, &mut world.numbers);
    match *operation {
        Operation::Insert(key, value) => {
            tx.insert(numbers, key, Box::new(value));
            model.insert(key, value);
        }
        Operation::Remove(key) => {
            tx.remove(numbers, &key);
            model.remove(&key);
        }
        Operation::Replace(key, value) => {
            let old = model.insert(key, value);
            held.same(tx.replace(numbers, key, Box::new(value)), old);
        }
        Operation::Take(key) => held.same(tx.take(numbers, &key), model.remove(&key)),
        Operation::InsertIfAbsent(key, value) => {
            let there = model.get(&key).copied();
            model.entry(key).or_insert(value);
            held.same(tx.insert_if_absent(numbers, key, Box::new(value)), there);
        }
        Operation::Update(key, value) => {
            let new = model.get_mut(&key).map(|old| {
                *old = old.wrapping_add(value);
                *old
            });
            let update = |old: &Box<u16>| Box::new(old.wrapping_add(value));
            held.same(tx.update(numbers, &key, update), new);
        }
        Operation::GetOrInsert(key, value) => {
            let expected = *model.entry(key).or_insert(value);
            held.same(
                Some(tx.get_or_insert_with(numbers, key, || Box::new(value))),
                Some(expected),
            );
        }
        Operation::RemoveRange(bounds) => {
            let before = model.len();
            model.retain(|key, _| !bounds.contain(*key));
            assert_eq!(tx.remove_range(numbers, bounds.get()), before - model.len());
        }
        Operation::Clear => {
            assert_eq!(tx.clear(numbers), model.len());
            model.clear();
        }
        _ => unreachable!("not a write"),
    }
}

fn save_or_undo(
    operation: &Operation,
    tx: &Transaction<'_>,
    world: &mut World,
    held: &mut Held<'_>,
) {
    let open = &mut held.savepoints;
    let at = |number: u8, open: usize| usize::from(number) % open;
    match *operation {
        Operation::Savepoint => open.push((tx.savepoint(), world.clone())),
        Operation::RollbackTo(number) if !open.is_empty() => {
            open.truncate(at(number, open.len()) + 1);
            if let Some((savepoint, then)) = open.last() {
                tx.rollback_to(savepoint);
                *world = then.clone();
            }
        }
        Operation::Release(number) if !open.is_empty() => {
            // With it go the later ones.
            let released = open.drain(at(number, open.len())..).next();
            tx.release(released.expect("it is open").0);
        }
        _ => {}
    }
}

fn apply_word<'t>(
    word: &Word,
    key: u8,
    tx: &'t Transaction<'_>,
    tables: &Tables,
    world: &mut World,
    held: &mut Held<'t>,
) {
    // Few words, one of them empty, some the beginning of others.
    let key = "abababab"[..usize::from(key % 8)].to_owned();
    let (words, model) = (&tables.words, &mut world.words);
    match word {
        Word::Get => held.same(tx.get(words, key.as_str()), model.get(&key).copied()),
        Word::Insert(value) => {
            tx.insert(words, key.clone(), Box::new(*value));
            model.insert(key, *value);
        }
        Word::Remove => {
            tx.remove(words, key.as_str());
            model.remove(&key);
        }
        Word::Take => held.same(tx.take(words, key.as_str()), model.remove(&key)),
        Word::From => {
            let range = (Bound::Excluded(key.as_str()), Bound::Unbounded);
            let rows = tx.range(words, range).map(|(key, value)| (key, **value));
            let expected = model.iter().filter(|(other, _)| **other > key);
            assert!(rows.eq(expected.map(|(key, value)| (key, *value))));
        }
    }
}

/// A range shows what was written before it was made, and nothing that came later.
fn drive<'t>(
    bounds: Bounds,
    drives: &[Drive],
    tx: &'t Transaction<'_>,
    tables: &Tables,
    world: &mut World,
    held: &mut Held<'t>,
) {
    let mut rows = tx.range(&tables.numbers, bounds.get());
    let mut expected = world.rows(bounds).into_iter();
    for drive in drives {
        let (row, expected) = match *drive {
            Drive::Front => (rows.next(), expected.next()),
            Drive::Back => (rows.next_back(), expected.next_back()),
            Drive::Insert(key, value) => {
                tx.insert(&tables.numbers, key, Box::new(value));
                world.numbers.insert(key, value);
                continue;
            }
            Drive::Remove(key) => {
                tx.remove(&tables.numbers, &key);
                world.numbers.remove(&key);
                continue;
            }
        };
        assert_eq!(row.map(|(key, _)| *key), expected.map(|(key, _)| key));
        held.same(row.map(|(_, value)| value), expected.map(|(_, value)| value));
    }
}

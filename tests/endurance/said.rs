//! What the statistics say of memory, against the allocator.

use precedent::Database;

use crate::{alone, bytes, filled, set};

/// What a database with so many keys has allocated, what its table is said to take, and how much
/// more it is said to take for an older version of each key.
fn of(keys: u64) -> [usize; 3] {
    let before = bytes();
    let db = Database::new();
    let table = filled(&db, keys);
    let said = || db.stats().tables[0].bytes;
    let (all, now) = (bytes() - before, said());
    let snapshot = db.safe_snapshot();
    (0..keys).for_each(|key| set(&db, &table, key, 1));
    let older = said() - now;
    drop(snapshot);
    // The next one finds room in its record, once the first has left it.
    db.collect();
    (0..keys).for_each(|key| set(&db, &table, key, 2));
    db.collect();
    assert_eq!(said(), now, "what nobody can see is given back");
    [all, now, older]
}

#[test]
fn a_table_takes_as_much_as_the_statistics_say() {
    let _alone = alone();
    // What a database takes at any rate is in both.
    let [[least, least_said, _], [all, said, older]] = [of(1), of(20_000)];
    let (all, said) = (all - least, said - least_said);
    println!("\n20,000 keys: {all} bytes allocated, {said} said; {older} for older versions");
    assert!(all.abs_diff(said) < all / 250, "{all} bytes allocated, {said} said");
    // A version has a begin, an end, and a place for the one before it.
    assert_eq!(older, 20_000 * 4 * size_of::<u64>());
}

//! Bulk loads: many rows, one blind commit, linear.

use std::cell::Cell;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering as Memory};
use std::thread;

use precedent::{Database, Error, Isolation, Table, Transaction};

use crate::support::{Random, assert_at_rest, assert_explains, ignore, panic_message, scaled};

fn numbers() -> (Database, Table<u64, i64>) {
    let db = Database::new();
    let table = db.table("numbers").expect("a new table");
    (db, table)
}

fn assert_holds(db: &Database, table: &Table<u64, i64>, model: &BTreeMap<u64, i64>) {
    let tx = db.begin_read();
    assert!(tx.range(table, ..).eq(model.iter()));
    assert!(tx.range(table, ..).rev().eq(model.iter().rev()));
    for (key, value) in model {
        assert_eq!(tx.get(table, key), Some(value));
    }
    tx.finish().expect("alone");
    assert_at_rest(db, model.len());
}

#[test]
fn loads_and_transactions_together_make_the_same_table_as_a_btreemap() {
    let mut random = Random::new(2);
    for _ in 0..scaled(3_000) {
        let ((db, table), mut model) = (numbers(), BTreeMap::new());
        for turn in 0..random.below(6) as i64 {
            let size = random.pick_size();
            let bound = 2 * size + 10;
            let rows: BTreeMap<u64, i64> =
                (0..size).map(|_| (random.below(bound) as u64, turn)).collect();
            db.bulk_load(&table, rows.clone()).expect("in order");
            model.extend(rows);
            let mut change = |tx: &Transaction<'_>| {
                for _ in 0..random.below(20) {
                    let key = random.below(bound) as u64;
                    if random.below(2) == 0 {
                        tx.insert(&table, key, -turn);
                        model.insert(key, -turn);
                    } else {
                        tx.remove(&table, &key);
                        model.remove(&key);
                    }
                }
            };
            let tx = db.begin();
            change(&tx);
            tx.commit().expect("alone");
        }
        assert_holds(&db, &table, &model);
    }
}

trait Sizes {
    fn pick_size(&mut self) -> usize;
}

impl Sizes for Random {
    /// Few, some, or so many that they enter the index in one pass.
    fn pick_size(&mut self) -> usize {
        let bound = [3, 60, 1_500][self.below(3)];
        self.below(bound)
    }
}

#[test]
fn a_load_of_nothing_commits_nothing() {
    let (db, table) = numbers();
    let commit = db.bulk_load(&table, []).expect("in order");
    assert_eq!(commit.timestamp(), db.stats().published);
    assert_holds(&db, &table, &BTreeMap::new());
}

#[test]
fn rows_out_of_order_are_refused_by_their_place_and_nothing_is_loaded() {
    let (db, table) = numbers();
    for (rows, place) in [(vec![1, 2, 2], 2), (vec![5, 4], 1), (vec![1, 2, 3, 0, 9], 3)] {
        let error = db.bulk_load(&table, rows.into_iter().map(|key| (key, 0))).expect_err("order");
        let Error::NotAscending { table: name, position } = &error else { panic!("{error:?}") };
        assert_eq!((name.as_str(), *position), ("numbers", place));
        assert!(error.to_string().contains("numbers"), "{error}");
        assert!(!error.is_conflict() && !error.is_retryable() && !error.is_limit());
    }
    assert_holds(&db, &table, &BTreeMap::new());
}

#[test]
fn a_load_is_one_commit_that_no_limit_of_transactions_stops() {
    let db = Database::builder().max_own_values(10).build();
    let table: Table<u64, i64> = db.table("numbers").expect("a new table");
    let before = db.begin_read();
    let commit = db.bulk_load(&table, (0..1_000).map(|key| (key, 1))).expect("in order");
    assert_eq!(u64::from(commit.timestamp()), 1);
    assert_eq!(db.begin().read_timestamp(), commit.timestamp());
    assert!(before.is_empty(&table, ..) || before.count(&table, ..) == 1_000);
    drop(before);
    assert_holds(&db, &table, &(0..1_000).map(|key| (key, 1)).collect());
}

#[test]
fn a_table_of_another_database_is_refused() {
    let ((db, _), (_, foreign)) = (numbers(), numbers());
    let message = panic_message(|| db.bulk_load(&foreign, [(1, 1)]));
    assert!(message.contains("belongs to database"), "{message}");
    assert_at_rest(&db, 0);
}

#[test]
fn whoever_scanned_a_table_conflicts_with_a_load_into_it() {
    for rows in [1, 2_000] {
        let (db, table) = numbers();
        let tx = db.begin();
        assert!(tx.is_empty(&table, 5..10));
        // Misses what `tx` writes, so that the other side of the cycle is there too.
        let reader = db.begin();
        assert_eq!(reader.get(&table, &100_000), None);
        db.bulk_load(&table, (0..rows).map(|key| (key + 7, 1))).expect("blind");
        assert_eq!(reader.get(&table, &7), Some(&1), "it slid");
        reader.insert(&table, 200_000, 0);
        reader.commit().expect("after the load");
        tx.insert(&table, 100_000, 1);
        assert_explains(&tx.commit().expect_err("the load is a phantom"));
        assert_at_rest(&db, rows as usize + 1);
    }
}

#[test]
fn a_load_conflicts_with_nobody_and_nobody_with_it_who_read_elsewhere() {
    let (db, table) = numbers();
    let reader = db.begin();
    assert!(reader.is_empty(&table, 10_000..));
    let writer = db.begin();
    writer.insert(&table, 3, -1);
    db.bulk_load(&table, (0..2_000).map(|key| (key, 1))).expect("blind");
    writer.commit().expect("blind too, and later");
    reader.insert(&table, 4, -2);
    reader.commit().expect("its read is not touched");
    let mut model: BTreeMap<u64, i64> = (0..2_000).map(|key| (key, 1)).collect();
    model.extend([(3, -1), (4, -2)]);
    assert_holds(&db, &table, &model);
}

#[test]
fn under_snapshot_isolation_the_first_committer_wins_over_a_transaction_too() {
    let db = Database::builder().isolation(Isolation::Snapshot).build();
    let table: Table<u64, i64> = db.table("numbers").expect("a new table");
    let tx = db.begin();
    tx.insert(&table, 500, -1);
    db.bulk_load(&table, (0..1_000).map(|key| (key, 1))).expect("it is first");
    assert!(tx.commit().is_err_and(|error| error.is_conflict()));
    assert_holds(&db, &table, &(0..1_000).map(|key| (key, 1)).collect());
}

thread_local! {
    static COMPARISONS: Cell<u64> = const { Cell::new(0) };
    /// After so many comparisons one panics.
    static FUSE: Cell<u64> = const { Cell::new(u64::MAX) };
}

/// A key that counts comparisons, and drops of itself.
#[derive(Clone, Debug)]
struct Probe(u64, #[expect(dead_code, reason = "its count tells how many keys are alive")] Arc<()>);

impl PartialEq for Probe {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Probe {}

impl PartialOrd for Probe {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Probe {
    fn cmp(&self, other: &Self) -> Ordering {
        COMPARISONS.set(COMPARISONS.get() + 1);
        let left = FUSE.get();
        assert!(left > 0, "the comparator gives up");
        FUSE.set(left - 1);
        self.0.cmp(&other.0)
    }
}

/// How many comparisons a load of so many rows takes into a table of so many others.
fn comparisons(rows: u64, there: u64) -> u64 {
    let db = Database::new();
    let table: Table<Probe, u64> = db.table("probes").expect("a new table");
    let alive = Arc::new(());
    let odd = (0..there).map(|n| (Probe(2 * n + 1, Arc::clone(&alive)), n));
    db.bulk_load(&table, odd).expect("in order");
    COMPARISONS.set(0);
    let even = (0..rows).map(|n| (Probe(2 * n, Arc::clone(&alive)), n));
    db.bulk_load(&table, even).expect("in order");
    let taken = COMPARISONS.get();
    assert_at_rest(&db, (rows + there) as usize);
    taken
}

#[test]
fn a_load_takes_one_comparison_a_row_and_one_more_for_what_it_is_merged_with() {
    for rows in [1_000, 2_000, 20_000] {
        let alone = comparisons(rows, 0);
        // That they ascend, and for each thousand where it goes.
        assert!(alone < rows + rows / 6, "{alone} for {rows} into an empty table");
        let merged = comparisons(rows, rows);
        assert!(merged <= 3 * rows + rows / 2, "{merged} for {rows} into as many");
    }
    let few = comparisons(10, 20_000);
    assert!(few < 400, "{few} for 10 into 20,000");
}

#[test]
fn a_load_in_which_something_of_the_users_panics_loads_nothing_and_keeps_nothing() {
    let db = Database::new();
    let table: Table<Probe, Arc<()>> = db.table("probes").expect("a new table");
    let alive = Arc::new(());
    let rows = |step: u64| {
        let alive = Arc::clone(&alive);
        (0..1_000).map(move |n| (Probe(n * step, Arc::clone(&alive)), Arc::clone(&alive)))
    };
    db.bulk_load(&table, rows(2)).expect("in order");
    db.collect();
    let before = Arc::strong_count(&alive);
    let message = panic_message(|| {
        let rows = rows(3).inspect(|(key, _)| assert!(key.0 < 1_500, "the iterator gives up"));
        db.bulk_load(&table, rows)
    });
    assert!(message.contains("the iterator gives up"), "{message}");
    // The first thousand are those of the check; what follows are those of the merge.
    for fuse in [0, 10, 998, 999, 1_000, 1_500, 2_300] {
        FUSE.set(fuse);
        let message = panic_message(|| db.bulk_load(&table, rows(3)));
        FUSE.set(u64::MAX);
        assert!(message.contains("the comparator gives up"), "{message}");
    }
    db.collect();
    // Of the keys that are gone a copy may be left, as the bound of a leaf of the index.
    let kept = Arc::strong_count(&alive) - before;
    assert!(kept <= 1_000 / 32, "{kept} are kept");
    assert_at_rest(&db, 1_000);
    db.bulk_load(&table, rows(3)).expect("in order");
    assert_at_rest(&db, 1_000 + 666);
}

#[test]
fn a_load_takes_the_place_of_keys_that_could_not_leave_the_index() {
    let db = Database::new();
    let table: Table<Probe, u64> = db.table("probes").expect("a new table");
    let probe = |n| Probe(n, Arc::new(()));
    db.bulk_load(&table, (0..1_000).map(|n| (probe(n), n))).expect("in order");
    let stuck = [0, 1, 500, 999];
    db.transact(|tx| Ok(stuck.iter().for_each(|n| tx.remove(&table, &probe(*n))))).expect("blind");
    // Their removal is complete, but whoever takes them out of the index cannot find them.
    FUSE.set(0);
    db.collect();
    FUSE.set(u64::MAX);
    assert_eq!((db.stats().keys, db.stats().versions), (1_000, 1_000));
    db.bulk_load(&table, (0..1_000).map(|n| (probe(n), n + 1))).expect("in order");
    let tx = db.begin_read();
    let (keys, values) = (tx.keys(&table, ..).map(|key| key.0), tx.values(&table, ..).copied());
    assert!(keys.eq(0..1_000) && values.eq(1..1_001));
    drop(tx);
    assert_at_rest(&db, 1_000);
}

thread_local! {
    /// How many more comparisons put a new key into the table that they compare for.
    static MEDDLE: Cell<u64> = const { Cell::new(0) };
    static PLACE: std::cell::RefCell<Option<(Database, Table<Meddling, u64>)>> =
        const { std::cell::RefCell::new(None) };
}

/// A key whose comparator lets another transaction commit a key in between.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Meddling(u64);

impl PartialOrd for Meddling {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Meddling {
    fn cmp(&self, other: &Self) -> Ordering {
        let left = MEDDLE.get();
        // Only in the merge, and once a pass: keys of different kinds meet there first.
        if left > 0 && self.0 % 2 != other.0 % 2 && self.0 < 10 {
            MEDDLE.set(0);
            PLACE.with_borrow(|place| {
                let Some((db, table)) = place else { return };
                db.transact(|tx| Ok(tx.insert(table, Meddling(1_000_000 + left), left)))
                    .expect("blind");
            });
            MEDDLE.set(left - 1);
        }
        self.0.cmp(&other.0)
    }
}

#[test]
fn a_load_that_is_overtaken_again_and_again_gets_through() {
    for times in [1, 2, 3, 4, 10, 40] {
        let db = Database::new();
        let table: Table<Meddling, u64> = db.table("meddling").expect("a new table");
        db.bulk_load(&table, (0..500).map(|n| (Meddling(2 * n + 1), 0))).expect("in order");
        PLACE.set(Some((db.clone(), table.clone())));
        MEDDLE.set(times);
        db.bulk_load(&table, (0..500).map(|n| (Meddling(2 * n), 1))).expect("in order");
        let left = MEDDLE.take();
        PLACE.set(None);
        assert!(left < times, "nobody came in between");
        let met = (times - left) as usize;
        let tx = db.begin_read();
        assert_eq!(tx.count(&table, ..Meddling(1_000_000)), 1_000);
        assert_eq!(tx.count(&table, Meddling(1_000_000)..), met);
        assert!((0..1_000).all(|n| tx.get(&table, &Meddling(n)) == Some(&((n + 1) % 2))));
        drop(tx);
        assert_at_rest(&db, 1_000 + met);
    }
}

#[test]
fn loads_beside_threads_that_insert_and_remove_lose_nothing() {
    let (db, table) = numbers();
    let (loads, size) = (20, 1_000);
    let running = AtomicUsize::new(loads);
    thread::scope(|scope| {
        for thread in 0..3_u64 {
            let (db, table, running) = (&db, &table, &running);
            scope.spawn(move || {
                let mut turn = 0;
                // Keys of its own, between those of the loads; each goes again.
                while running.load(Memory::Relaxed) > 0 {
                    turn += 1;
                    let key = turn % 5_000 * 4 + thread + 1;
                    db.transact(|tx| Ok(tx.insert(table, key, -1))).expect("blind");
                    db.transact(|tx| Ok(tx.remove(table, &key))).expect("blind");
                }
            });
        }
        for load in 0..loads as u64 {
            let rows = (0..size).map(|n| ((n * 20 + load) * 4, load as i64));
            db.bulk_load(&table, rows).expect("in order");
            ignore(running.fetch_sub(1, Memory::Relaxed));
        }
    });
    let all = (0..size * 20).map(|n| (n * 4, (n % 20) as i64)).collect();
    assert_holds(&db, &table, &all);
}

//! A read-write transaction that stays open.

use precedent::{ConflictReason, Database, Table};

use crate::{Quarters, alone, bytes, filled, scaled, set};

const BOUND: usize = 65_536;

/// One writer stays open over many commits. `conflicting`: of these, some overwrite what it
/// has read. Returns what it ended with.
fn stay_open(conflicting: bool) -> Result<(), ConflictReason> {
    let commits = scaled(1_000_000);
    let bound = usize::try_from(scaled(BOUND as u64)).expect("small");
    let db = Database::builder().max_retained_commits(bound).build();
    let keys = 1_000;
    let table = filled(&db, keys);
    let stuck = db.begin();
    let seen: u64 = stuck.values(&table, ..10).sum();
    stuck.insert(&table, keys, seen);
    let (mut in_use, mut retained) = (Quarters::default(), 0);
    for n in 1..=commits {
        let key = if conflicting { n * 7 % keys } else { 10 + n * 7 % (keys - 10) };
        // Nobody younger notices: not one of them is refused.
        let tx = db.begin();
        let old = tx.get(&table, &key).copied().expect("there");
        tx.insert(&table, key, old + 1);
        tx.commit().expect("nobody else writes");
        if n % (commits / 1_000).max(1) == 0 {
            in_use.note(n - 1, commits, bytes());
            let stats = db.stats();
            retained = retained.max(stats.retained_commits + stats.retained_readers);
        }
    }
    in_use.assert_flat("bytes in use");
    assert!(retained <= bound + 64, "{retained} commits are retained, the bound is {bound}");
    let stats = db.stats();
    assert!(stats.folded_commits > 0, "{stats:?}");
    assert_eq!(stuck.values(&table, ..10).sum::<u64>(), 0, "it still sees its snapshot");
    let ended = stuck
        .commit()
        .map(|_| ())
        .map_err(|error| error.conflict().expect("a conflict, if anything").reason());
    assert_eq!(db.stats().conservative_aborts, u64::from(conflicting));
    db.collect();
    let stats = db.stats();
    assert_eq!(stats.versions, stats.keys, "closed, and no commit since: {stats:?}");
    assert_eq!(stats.retained_commits, 0, "{stats:?}");
    println!(
        "\na writer open over {commits} commits, conflicting: {conflicting}: at most {retained} \
         retained of {bound}, bytes by quarter {:?}; ended with {ended:?}",
        in_use.0
    );
    ended
}

#[test]
fn a_writer_open_over_unrelated_commits_costs_bounded_memory_and_commits() {
    let _alone = alone();
    assert_eq!(stay_open(false), Ok(()));
}

#[test]
fn a_writer_open_over_conflicting_commits_costs_bounded_memory_and_fails_as_conservative() {
    let _alone = alone();
    assert_eq!(stay_open(true), Err(ConflictReason::Conservative));
}

#[test]
fn a_range_that_is_driven_again_and_again_remembers_once_what_it_has_lent() {
    let _alone = alone();
    let db = Database::new();
    // Keys with an order that the engine does not know: what is lent stays by its address.
    let table: Table<String, u64> = db.table("texts").expect("a new table");
    let keys = (0..1_000).map(|key| (format!("{key:04}"), key));
    db.bulk_load(&table, keys).expect("an empty table");
    let tx = db.begin();
    let before = bytes();
    for _ in 0..500 {
        assert_eq!(tx.range(&table, ..).count(), 1_000);
    }
    let grown = bytes() - before;
    assert!(grown < 512 * 1024, "{grown} bytes for 1,000 rows and 500 ranges");
}

#[test]
fn a_stuck_writer_delays_safe_snapshots_by_a_bounded_number_of_versions() {
    let _alone = alone();
    let bound = 100;
    let db = Database::builder().max_retained_commits(bound).build();
    let table = filled(&db, 1);
    let stuck = db.begin();
    assert_eq!(stuck.get(&table, &0), Some(&0));
    let at = stuck.read_timestamp();
    for n in 1..=10_000 {
        set(&db, &table, 0, n);
    }
    let stats = db.stats();
    assert!(stats.safe_lag >= 10_000, "{stats:?}");
    assert!(stats.versions <= 2 * bound, "{stats:?}");
    // The newest safe snapshot has stayed where the stuck one is.
    assert_eq!(db.safe_snapshot().timestamp(), at);
    drop(stuck);
    let newest = db.safe_snapshot();
    assert_eq!(newest.get(&table, &0), Some(&10_000));
    assert_eq!(db.stats().safe_lag, 0);
}

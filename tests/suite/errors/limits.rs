//! Limits: retries, own values, search steps.

use precedent::{ConflictReason, Database, Error, Transaction};

use crate::errors::Fixture;
use crate::support::{Random, assert_explains, summary};

#[test]
fn retries_exhausted_tell_how_many_and_the_last_conflict() {
    let fixture = Fixture::of(Database::builder().max_attempts(3).build());
    let mut runs = 0;
    let error = fixture
        .db
        .transact(|tx| {
            runs += 1;
            assert_eq!(tx.attempt(), runs);
            let old = *tx.get(&fixture.table, &1).expect("there");
            // Somebody always comes in between.
            fixture.db.transact(|other| {
                other.update(&fixture.table, &1, |value| value + 1);
                Ok(())
            })?;
            tx.insert(&fixture.table, 1, old + 100);
            Ok(())
        })
        .expect_err("it never gets through");
    let Error::RetriesExhausted { attempts, .. } = &error else {
        panic!("another error: {error:?}");
    };
    assert_eq!((*attempts, runs), (3, 3));
    assert!(error.is_conflict() && !error.is_retryable() && !error.is_limit());
    assert_explains(&error);
    assert!(error.to_string().contains('3'), "{error}");
    fixture.assert_works_and_rests(&[(1, 3)]);
}

#[test]
fn one_attempt_means_no_retry() {
    let fixture = Fixture::of(Database::builder().max_attempts(1).build());
    let mut runs = 0;
    let result = fixture.db.transact(|tx| {
        runs += 1;
        let old = *tx.get(&fixture.table, &1).expect("there");
        fixture.db.transact(|other| Ok(other.insert(&fixture.table, 1, 7)))?;
        Ok(tx.insert(&fixture.table, 1, old + 100))
    });
    assert!(matches!(result, Err(Error::RetriesExhausted { attempts: 1, .. })));
    assert_eq!(runs, 1);
    fixture.assert_works_and_rests(&[(1, 7)]);
}

#[test]
fn a_users_own_error_is_not_retried() {
    #[derive(Debug)]
    enum Mine {
        Wrong,
        Database,
    }
    impl From<Error> for Mine {
        fn from(_: Error) -> Self {
            Self::Database
        }
    }
    let fixture = Fixture::new();
    let mut runs = 0;
    let result = fixture.db.try_transact(|tx| -> Result<(), Mine> {
        runs += 1;
        tx.insert(&fixture.table, 1, 100);
        if runs > 1 { Err(Mine::Database) } else { Err(Mine::Wrong) }
    });
    assert!(matches!(result, Err(Mine::Wrong)));
    assert_eq!(runs, 1);
    fixture.assert_works_and_rests(&[]);
}

#[test]
fn too_many_own_values_are_refused_by_name_and_not_retried() {
    let fixture = Fixture::of(Database::builder().max_own_values(10).build());
    let mut runs = 0;
    let error = fixture
        .db
        .transact(|tx| {
            runs += 1;
            (0..11).for_each(|turn| tx.insert(&fixture.table, turn % 10, 1));
            Ok(())
        })
        .expect_err("eleven are too many");
    let Error::LimitExceeded { limit, bound } = &error else { panic!("another error: {error:?}") };
    assert_eq!((*limit, *bound), ("max_own_values", 10));
    assert!(error.is_limit() && !error.is_retryable() && !error.is_conflict());
    assert!(error.to_string().contains("max_own_values"), "{error}");
    assert_eq!(runs, 1);
    fixture.assert_works_and_rests(&[]);
}

#[test]
fn as_many_own_values_as_the_limit_are_accepted() {
    let fixture = Fixture::of(Database::builder().max_own_values(10).build());
    let tx = fixture.db.begin();
    (0..10).for_each(|key| tx.insert(&fixture.table, key, 1));
    tx.commit().expect("ten are not too many");
    let ones: Vec<(u64, i64)> = (0..10).map(|key| (key, 1)).collect();
    fixture.assert_works_and_rests(&ones);
}

#[test]
fn overwritten_and_removed_own_values_count_against_the_limit() {
    let fixture = Fixture::of(Database::builder().max_own_values(10).build());
    let tx = fixture.db.begin();
    let mut seen = Vec::new();
    for turn in 0..10 {
        tx.insert(&fixture.table, 1, turn);
        seen.extend(tx.get(&fixture.table, &1));
    }
    assert!(!tx.is_doomed());
    // Beyond the limit the transaction is doomed; what it holds stays as it is.
    (0..100).for_each(|_| tx.insert(&fixture.table, 1, 100));
    tx.remove(&fixture.table, &1);
    assert!(tx.is_doomed());
    assert!(seen.into_iter().copied().eq(0..10));
    assert!(tx.commit().expect_err("a hundred values").is_limit());
    fixture.assert_works_and_rests(&[]);
}

#[test]
fn a_closure_that_fails_beyond_the_limit_is_told_of_the_limit() {
    let fixture = Fixture::of(Database::builder().max_own_values(10).build());
    let mut runs = 0;
    let error = fixture.db.transact(|tx| -> Result<(), Error> {
        runs += 1;
        (0..11).for_each(|turn| tx.insert(&fixture.table, turn % 10, 1));
        // What it read back may be missing writes, so its own error rests on nothing.
        assert!(tx.is_doomed());
        Err(Error::LimitExceeded { limit: "my own", bound: 0 })
    });
    let error = error.expect_err("eleven are too many");
    assert!(error.to_string().contains("max_own_values"), "{error}");
    assert_eq!(runs, 1);
    fixture.assert_works_and_rests(&[]);
}

/// Whether a search among so many commits ends within so many steps.
fn is_enough(steps: u64, commits: u64) -> bool {
    let fixture = Fixture::of(Database::builder().sliding(false).max_search_steps(steps).build());
    let insert = |tx: &Transaction<'_>, key| tx.insert(&fixture.table, key, 0);
    let blind = |key| {
        let tx = fixture.db.begin();
        insert(&tx, key);
        tx.commit().expect("blind");
    };
    let [searcher, before] = [fixture.db.begin(), fixture.db.begin()];
    // One that must come before the searcher, and one that must come after it.
    before.get(&fixture.table, &2);
    insert(&before, 3);
    before.commit().expect("nobody else");
    searcher.get(&fixture.table, &1);
    insert(&searcher, 2);
    (100..100 + commits).for_each(blind);
    blind(1);
    match searcher.commit() {
        Ok(_) => true,
        Err(error) => {
            let reason = error.conflict().map(precedent::Conflict::reason);
            assert_eq!(reason, Some(ConflictReason::Conservative));
            false
        }
    }
}

#[test]
fn a_search_looks_at_a_window_twice_and_passes_it_once_in_rows_of_sixteen() {
    let steps = 2 * 1_600 + 1_600 / 16;
    assert!(is_enough(steps + 20, 1_600));
    assert!(!is_enough(steps - 20, 1_600));
}

#[test]
fn a_search_beyond_its_steps_is_refused_as_conservative_and_counted() {
    let fixture = Fixture::of(Database::builder().sliding(false).max_search_steps(1).build());
    let mut random = Random::new(3);
    let (mut commits, mut conservative) = (0, 0);
    for _ in 0..300 {
        let open: Vec<Transaction<'_>> = (0..6).map(|_| fixture.db.begin()).collect();
        for tx in &open {
            for _ in 0..2 {
                let key = random.below(10) as u64;
                assert!(tx.get(&fixture.table, &key).is_some());
            }
            tx.insert(&fixture.table, random.below(10) as u64, 0);
        }
        let mut committed = 0;
        for tx in open {
            match tx.commit() {
                Ok(_) => committed += 1,
                Err(error) => {
                    assert!(error.is_retryable(), "{error}");
                    let reason = error.conflict().map(precedent::Conflict::reason);
                    if reason == Some(ConflictReason::Conservative) {
                        assert!(!error.to_string().is_empty());
                        conservative += 1;
                    } else {
                        assert_explains(&error);
                    }
                }
            }
        }
        assert!(committed > 0, "somebody always commits");
        commits += committed;
    }
    assert!(conservative > 0, "one step is never enough for these");
    assert_eq!(fixture.db.stats().conservative_aborts, conservative);
    summary(&format!("one search step: {commits} commits, {conservative} conservative aborts"));
    fixture.assert_works_and_rests(&[]);
}

#[test]
fn without_a_bound_nothing_is_conservative() {
    let fixture = Fixture::new();
    for round in 0..100 {
        let open: Vec<Transaction<'_>> = (0..8).map(|_| fixture.db.begin()).collect();
        for (place, tx) in (0_u64..).zip(&open) {
            assert!(tx.get(&fixture.table, &((place + round) % 8)).is_some());
            tx.insert(&fixture.table, (place + round + 1) % 8, 0);
        }
        let refused = open.into_iter().filter_map(|tx| tx.commit().err()).inspect(assert_explains);
        assert_eq!(refused.count(), 1, "a ring of eight");
    }
    assert_eq!(fixture.db.stats().conservative_aborts, 0);
    fixture.assert_works_and_rests(&[]);
}

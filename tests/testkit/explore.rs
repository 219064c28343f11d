//! Exploring: as many orders as there are, none lost by pruning, failures that replay.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::time::Instant;

use precedent::testkit::{Explore, Report, Trial};
use precedent::{Certifier, Database, Error, Isolation, Table, Transaction};

use crate::tools::{Random, summary};

type Numbers = Table<u8, u32>;

fn numbers(db: &Database) -> Result<Numbers, Error> {
    let t = db.table("t")?;
    db.transact(|tx| Ok((0..4).for_each(|key| tx.insert(&t, key, 0))))?;
    Ok(t)
}

/// Who never meet: their keys differ.
fn strangers<'e>(operations: u8) -> Explore<'e, Numbers> {
    let mut explore = Explore::new(|db| db.table("t"));
    for who in 0..3_u8 {
        explore = explore.transaction(format!("stranger {who}"), move |tx, t: &Numbers| {
            tx.get(t, &(10 * who));
            (1..operations).for_each(|key| tx.insert(t, 10 * who + key, 1));
            Ok(())
        });
    }
    explore
}

#[test]
fn three_transactions_of_three_turns_have_1680_orders() {
    let report = strangers(1).prune(false).every(); // begin, a read, end
    assert_eq!(report.schedules(), 1680, "{report}"); // 9! / (3! 3! 3!)
    assert!(report.is_complete() && report.cut_short() == 0);
}

#[test]
fn three_transactions_that_begin_do_two_things_and_end_have_34650_orders() {
    let report = strangers(2).prune(false).every();
    assert_eq!(report.schedules(), 34_650, "{report}"); // 12! / (4! 4! 4!)
    assert!(report.is_complete());
    let pruned = strangers(2).every();
    assert!(pruned.is_complete() && pruned.schedules() < 100, "{pruned}");
}

#[test]
#[ignore = "takes 47 s of processor time"]
fn three_transactions_that_begin_do_three_things_and_end_have_756756_orders() {
    let start = Instant::now();
    let report = strangers(3).prune(false).every();
    summary(&format!("explore: {report} in {:.1?}", start.elapsed()));
    assert_eq!(report.schedules(), 756_756); // 15! / (5! 5! 5!)
    assert!(report.is_complete());
}

/// What a made-up transaction does, step by step.
#[derive(Clone, Copy, Debug)]
enum Act {
    Read(u8),
    Sum(u8, u8),
    Write(u8),
    Insert(u8),
    /// Writes if something that was read is odd.
    WriteIfOdd(u8),
    Remove(u8),
}

fn program(random: &mut Random) -> Vec<Act> {
    let acts = 2 + random.below(2);
    let act = |random: &mut Random| {
        let key = random.below(3) as u8;
        match random.below(8) {
            0..3 => Act::Read(key),
            3 => Act::Sum(key, key + 2),
            4 => Act::Insert(key + 3),
            5 => Act::WriteIfOdd(key),
            6 => Act::Remove(key),
            _ => Act::Write(key),
        }
    };
    (0..acts).map(|_| act(random)).collect()
}

fn follow(tx: &Transaction<'_>, t: &Numbers, who: usize, program: &[Act]) -> Vec<u32> {
    let mut seen = Vec::new();
    for (number, act) in program.iter().enumerate() {
        let value = (100 * (who + 1) + number) as u32 * 2 + seen.iter().sum::<u32>() % 2;
        match *act {
            Act::Read(key) => seen.push(tx.get(t, &key).copied().unwrap_or(7)),
            Act::Sum(from, to) => seen.push(tx.values(t, from..=to).sum()),
            Act::Write(key) | Act::Insert(key) => tx.insert(t, key, value + 1),
            Act::WriteIfOdd(key) if seen.iter().sum::<u32>() % 2 == 1 => tx.insert(t, key, value),
            Act::WriteIfOdd(_) => {}
            Act::Remove(key) => tx.remove(t, &key),
        }
    }
    seen
}

type Outcome = (Vec<Vec<u32>>, Vec<(u8, u32)>);

/// All that can come of these programs: what was returned, and what is left.
fn outcomes(
    programs: &[Vec<Act>],
    rule: Certifier,
    sliding: bool,
    prune: bool,
) -> (BTreeSet<Outcome>, Report) {
    let found = Mutex::new(BTreeSet::new());
    let mut explore = Explore::new(numbers)
        .builder(move || Database::builder().certifier(rule).sliding(sliding))
        .prune(prune)
        .invariant(|after: &Trial<Numbers, Vec<u32>>| {
            let told = after.results().iter().map(|told| told.clone().expect("it commits"));
            let left = after.database().begin();
            let left = left.range(after.state(), ..).map(|(key, value)| (*key, *value)).collect();
            found.lock().unwrap().insert((told.collect(), left));
            Ok(())
        });
    for (who, program) in programs.iter().enumerate() {
        explore =
            explore.transaction(format!("{who}"), move |tx, t| Ok(follow(tx, t, who, program)));
    }
    let report = explore.every();
    drop(explore);
    (found.into_inner().unwrap(), report)
}

#[test]
fn pruning_loses_no_outcome() {
    let mut random = Random::new(5);
    let (mut all, mut pruned) = (0, 0);
    for round in 0..60 {
        let transactions = if round % 6 == 0 { 3 } else { 2 };
        let programs: Vec<_> = (0..transactions)
            .map(|_| {
                program(&mut random)
                    .into_iter()
                    .take(if transactions == 3 { 1 } else { 3 })
                    .collect()
            })
            .collect();
        for rule in [Certifier::Exact, Certifier::FirstCommitterWins, Certifier::Pivot] {
            let sliding = round % 2 == 0;
            let (expected, whole) = outcomes(&programs, rule, sliding, false);
            let (found, fewer) = outcomes(&programs, rule, sliding, true);
            assert_eq!(
                found, expected,
                "{programs:?} {rule:?} sliding {sliding}\n{whole}\n{fewer}"
            );
            all += whole.schedules();
            pruned += fewer.schedules() + fewer.cut_short();
        }
    }
    summary(&format!("explore: {all} schedules in all, {pruned} when pruned, the same outcomes"));
    assert!(pruned * 4 < all);
}

fn skew<'e>(isolation: Isolation) -> Explore<'e, Numbers> {
    let withdraw = |tx: &Transaction<'_>, t: &Numbers, from: u8| {
        let sum: u32 = [0, 1].iter().filter_map(|key| tx.get(t, key)).sum();
        if sum == 0 {
            tx.insert(t, from, 1);
        }
        Ok(())
    };
    Explore::new(numbers)
        .builder(move || Database::builder().isolation(isolation))
        .transaction("ada", move |tx, t| withdraw(tx, t, 0))
        .transaction("bob", move |tx, t| withdraw(tx, t, 1))
        .transaction("a bystander", move |tx, t| Ok(tx.insert(t, 3, 9)))
        .invariant(|after| {
            let sum: u32 = after.database().begin().values(after.state(), ..3).sum();
            if sum == 1 { Ok(()) } else { Err(format!("{sum} withdrawals")) }
        })
}

#[test]
fn a_write_skew_is_found_under_snapshot_isolation_only() {
    let report = skew(Isolation::Serializable).every();
    assert!(report.is_complete() && report.failure().is_none(), "{report}");
    assert!(report.refusals() > 0, "{report}");
    let report = skew(Isolation::Snapshot).every();
    assert!(report.is_complete() && report.failures() > 0, "{report}");
    assert_eq!(report.failure().unwrap().message(), "2 withdrawals");
}

#[test]
fn the_shortest_failure_has_the_fewest_switches_and_replays() {
    let explore = skew(Isolation::Snapshot);
    for report in [explore.every(), explore.random(3, 200), explore.priorities(3, 200, 1)] {
        let failure = report.failure().unwrap_or_else(|| panic!("{report}"));
        // Ada, bob, ada, and the bystander last or first.
        let script = failure.script();
        let turns: Vec<_> = script.lines().skip(1).map(|line| &line[..1]).collect();
        let switches = turns.windows(2).filter(|pair| pair[0] != pair[1]).count();
        assert_eq!(switches, 3, "{failure}");
        let again = explore.replay(&script).unwrap();
        assert_eq!(again.failure().unwrap().to_string(), failure.to_string());
    }
}

#[test]
fn the_same_seed_finds_the_same() {
    let explore = skew(Isolation::Snapshot);
    let random = |seed| explore.random(seed, 100).to_string();
    let priorities = |seed| explore.priorities(seed, 100, 2).to_string();
    for run in [&random as &dyn Fn(u64) -> String, &priorities] {
        assert_eq!(run(7), run(7));
        // Of some seeds, not all fail equally often.
        assert!((8..12).any(|other| run(other) != run(7)));
    }
}

#[test]
fn a_panic_is_a_failure_with_its_schedule() {
    let report = Explore::new(numbers)
        .transaction("writer", |tx, t| Ok(tx.insert(t, 0, 1)))
        .transaction("reader", |tx, t| {
            assert_eq!(tx.get(t, &0), Some(&0), "somebody wrote it");
            Ok(())
        })
        .every();
    let failure = report.failure().unwrap_or_else(|| panic!("{report}"));
    assert!(failure.message().contains("reader panicked"), "{failure}");
    assert!(failure.message().contains("somebody wrote it"), "{failure}");
    assert!(failure.to_string().contains("read t[0]: by writer"), "{failure}");
}

#[test]
fn a_transaction_that_is_not_deterministic_is_told() {
    let calls = Mutex::new(0);
    let explore = Explore::new(numbers)
        .transactions(2, "moody", |tx, t| {
            let mut calls = calls.lock().unwrap();
            *calls += 1;
            let reads = *calls;
            drop(calls);
            Ok((0..reads % 3).for_each(|_| assert!(tx.contains_key(t, &0))))
        })
        .prune(false);
    let told = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| explore.every()));
    let told = told.unwrap_err();
    assert!(
        told.downcast_ref::<String>().is_some_and(|told| told.contains("deterministic"))
            || told.downcast_ref::<&str>().is_some_and(|told| told.contains("deterministic"))
    );
}

#[test]
fn an_endless_transaction_fails_and_ends() {
    // Each waits for a write that the other would make after it.
    let wait = |tx: &Transaction<'_>, t: &Numbers, key| {
        let mut patience = 5_000;
        while tx.get(t, &key) == Some(&0) && patience > 0 {
            patience -= 1;
        }
        Ok(())
    };
    let report = Explore::new(numbers)
        .transaction("waiting", move |tx, t| wait(tx, t, 1))
        .max_turns(100)
        .every();
    let failure = report.failure().unwrap_or_else(|| panic!("{report}"));
    assert_eq!(failure.message(), "more than 100 turns");
    assert!(!report.is_complete());
}

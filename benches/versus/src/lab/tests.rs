//! The laboratory itself, put to the test.

use precedent::Certifier;

use super::experiment::{self, Experiment, Outcome};
use super::judge::{self, Violation};
use super::record::{Attempt, End};
use super::workloads::{self, Workload};

const SMALL: Experiment = Experiment {
    rule: Certifier::Exact,
    sliding: false,
    sessions: 16,
    transactions: 800,
    seed: 1,
    retries: false,
    check: true,
};

fn workload(name: &str) -> Box<dyn Workload> {
    let mut all = workloads::all();
    all.retain(|workload| workload.name() == name);
    all.pop().expect("a workload of that name")
}

fn attempts(name: &str, experiment: Experiment) -> Vec<Attempt> {
    experiment::attempts(&*workload(name), experiment).expect("tables are new")
}

fn outcome(name: &str, experiment: Experiment) -> Outcome {
    experiment::run(&*workload(name), experiment).expect("tables are new")
}

fn violation(attempts: &[Attempt]) -> Violation {
    judge::judge(attempts).expect_err("something was planted")
}

#[test]
fn a_run_is_the_same_each_time_and_another_one_with_another_seed() {
    let tell = |seed| format!("{:?}", attempts("TPC-C-like", Experiment { seed, ..SMALL }));
    assert_eq!(tell(1), tell(1));
    assert_ne!(tell(1), tell(2));
}

#[test]
fn every_workload_is_right_under_every_serializable_rule() {
    for workload in workloads::all() {
        for &rule in Certifier::ALL.iter().filter(|rule| rule.is_serializable()) {
            for (sliding, retries) in [(false, false), (true, false), (true, true)] {
                let experiment = Experiment { rule, sliding, retries, ..SMALL };
                let outcome = experiment::run(&*workload, experiment).expect("tables are new");
                let title = outcome.ruled.title();
                assert!(outcome.violation.is_none(), "{title}: {:?}", outcome.violation);
                assert_eq!(outcome.ruled.attempts(), SMALL.transactions, "{title}");
                let checked = outcome.checked;
                let done = outcome.ruled.kinds.iter().map(|ends| ends.committed + ends.certified);
                // Whoever loaded the rows committed, too.
                assert_eq!(checked.committed + checked.readers, done.sum::<u64>() + 1, "{title}");
            }
        }
    }
}

#[test]
fn first_committer_wins_is_found_out_and_the_cycle_is_drawn() {
    let rule = Certifier::FirstCommitterWins;
    for name in ["write skew pairs", "receipts", "SIBENCH, writing queries"] {
        let outcome = outcome(name, Experiment { rule, ..SMALL });
        // Queries note what they find where nobody looks, so that there is no harm in it.
        let found = outcome.violation.map(|violation| violation.members());
        assert_eq!(found.is_some(), !name.starts_with("SIBENCH"), "{name}: {found:?}");
    }
    let violation = violation(&attempts("write skew pairs", Experiment { rule, ..SMALL }));
    assert_eq!(violation.members(), 2);
    let (story, dot) = (violation.to_string(), violation.dot());
    assert_eq!(story.matches("as it was before").count(), 2, "{story}");
    assert_eq!(dot.matches("->").count(), 2, "{dot}");
}

#[test]
fn the_read_only_anomaly_is_a_cycle_through_a_reader() {
    let rule = Certifier::FirstCommitterWins;
    let violation = violation(&attempts("receipts", Experiment { rule, ..SMALL }));
    assert!(violation.to_string().contains("\"report\""), "{violation}");
}

#[test]
fn a_refused_transaction_that_is_taken_as_committed_closes_a_cycle() {
    let mut attempts = attempts("zipf 0.8, 20 % writes", SMALL);
    let newest = attempts.iter().filter_map(Attempt::c).max().unwrap_or(0);
    let refused = attempts.iter_mut().rfind(|attempt| !attempt.counts());
    refused.expect("some are refused").end = End::Committed(newest + 1);
    assert!(violation(&attempts).members() >= 2);
}

#[test]
fn a_read_that_is_not_of_its_snapshot_is_found() {
    let mut attempts = attempts("zipf 0.8, 20 % writes", SMALL);
    let certified = attempts.iter_mut().filter(|attempt| attempt.counts());
    let reads = certified.flat_map(|attempt| &mut attempt.reads);
    reads.last().expect("somebody reads").1 = None;
    assert_eq!(violation(&attempts).members(), 0);
}

#[test]
fn a_row_that_a_range_leaves_out_is_found() {
    let mut attempts = attempts("SIBENCH, writing queries", SMALL);
    let certified = attempts.iter_mut().filter(|attempt| attempt.counts());
    let mut ranges = certified.flat_map(|attempt| &mut attempt.ranges);
    ranges.next().expect("somebody scans").rows.remove(50);
    assert_eq!(violation(&attempts).members(), 0);
}

#[test]
fn a_snapshot_that_was_taken_after_a_commit_comes_after_it_though_it_reads_nothing_of_it() {
    let attempt = |number, s, reads: &[u64], writes: &[u64], end| {
        let reads = reads.iter().map(|key| ((0, *key), None)).collect();
        let writes = writes.iter().map(|key| (0, *key)).collect();
        Attempt { s, reads, writes, end, ..Attempt::new(number, "by hand") }
    };
    // The first one read around the second, and the third around the first.
    let first = attempt(1, 0, &[2], &[1], End::Committed(2));
    let second = attempt(2, 0, &[], &[2], End::Committed(1));
    let third = |s| attempt(3, s, &[1], &[], End::Certified);
    assert!(judge::judge(&[second.clone(), first.clone(), third(0)]).is_ok());
    let violation = violation(&[second, first, third(1)]);
    assert_eq!(violation.members(), 3);
    assert!(violation.to_string().contains("had committed before the snapshot of #3"));
}

#[test]
fn rules_differ_where_the_literature_says_so() {
    let percent = |name, rule, sliding| {
        let experiment = Experiment { rule, sliding, check: false, transactions: 4_000, ..SMALL };
        outcome(name, experiment).ruled.percent()
    };
    for sliding in [false, true] {
        let exact = |name| percent(name, Certifier::Exact, sliding);
        let backward = |name| percent(name, Certifier::Backward, sliding);
        let pivot = |name| percent(name, Certifier::Pivot, sliding);
        assert!(exact("SIBENCH, writing queries") < 3.0);
        assert!(backward("SIBENCH, writing queries") > 40.0);
        assert!(pivot("blind writes") > exact("blind writes") + 20.0);
        let zipf = "zipf 0.8, 20 % writes";
        assert!(exact(zipf) + 3.0 < pivot(zipf) && pivot(zipf) + 3.0 < backward(zipf));
    }
    let zipf = |sliding| percent("zipf 0.8, 20 % writes", Certifier::Exact, sliding);
    assert!(zipf(true) + 5.0 < zipf(false));
}

#[test]
fn long_transactions_get_through_and_twice_as_easily_if_the_short_ones_slide() {
    let percent = |rule, sliding| {
        let experiment = Experiment { rule, sliding, check: false, transactions: 60_000, ..SMALL };
        outcome("long: 200 hot reads", experiment).ruled.percent()
    };
    let (stay, slide) = (percent(Certifier::Exact, false), percent(Certifier::Exact, true));
    assert!(slide * 1.5 < stay && stay < 8.0, "{stay} → {slide}");
    assert!(percent(Certifier::Backward, true) > 99.0);
    assert!(percent(Certifier::Pivot, true) > 80.0);
}

#[test]
fn receipts_are_late_for_one_report_in_four_and_sliding_saves_half_of_these() {
    let percent = |sliding| {
        let experiment = Experiment { sliding, check: false, transactions: 20_000, ..SMALL };
        outcome("receipts", experiment).ruled.percent()
    };
    let (stay, slide) = (percent(false), percent(true));
    assert!((6.0..8.5).contains(&stay) && (3.5..5.5).contains(&slide), "{stay} → {slide}");
}

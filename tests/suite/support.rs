//! What the tests of this binary share: sizes, summaries, and the checks that every
//! conflict and every finished database must pass.

use std::any::Any;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};

use precedent::{ConflictReason, Database, Edge, EdgeKind, Error};

/// The share of `full` that this run is asked for: `PRECEDENT_SIZE` percent, 1 unless set.
pub fn scaled(full: usize) -> usize {
    let percent = std::env::var("PRECEDENT_SIZE").map_or(1, |text| {
        text.parse().unwrap_or_else(|_| panic!("PRECEDENT_SIZE={text} is not a number"))
    });
    (full * percent / 100).max(1)
}

/// Prints a summary table, whole and past the capture of passing tests.
pub fn summary(text: &str) {
    let mut out = std::io::stdout().lock();
    // A closed pipe is the reader's choice, not the test's failure.
    let _ = writeln!(out, "\n{}", text.trim_end());
}

/// Ends an expression whose value nobody wants, without a semicolon.
pub fn ignore<T>(_: T) {}

/// Runs `f`, which must panic, and returns the message.
pub fn panic_message<R>(f: impl FnOnce() -> R) -> String {
    let Err(payload) = catch_unwind(AssertUnwindSafe(f)) else {
        panic!("expected a panic, but there was none");
    };
    message_of(&*payload)
}

/// The text of a panic's payload.
pub fn message_of(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_default()
}

/// Checks that `error` is a conflict that explains itself: a closed walk of edges that
/// starts and ends at the aborted transaction.
pub fn assert_explains(error: &Error) {
    let conflict = error.conflict().unwrap_or_else(|| panic!("not a conflict: {error}"));
    assert_eq!(conflict.reason(), ConflictReason::Cycle, "{conflict}");
    let cycle = conflict.cycle();
    assert!(cycle.len() >= 2, "a cycle of {} edges: {conflict}", cycle.len());
    for (edge, next) in cycle.iter().zip(cycle.iter().cycle().skip(1)) {
        assert_eq!(edge.to().id(), next.from().id(), "the cycle is broken: {conflict}");
        assert_edge(edge);
    }
    assert!(cycle[0].from().commit_timestamp().is_none(), "starts elsewhere: {conflict}");
    assert!(!conflict.to_string().is_empty());
    assert!(conflict.dot().starts_with("digraph"), "{}", conflict.dot());
}

fn assert_edge(edge: &Edge) {
    match edge.kind() {
        EdgeKind::Start => {
            let earlier = edge.from().commit_timestamp().expect("a start edge leaves a commit");
            assert!(earlier <= edge.to().read_timestamp(), "not a start edge: {edge:?}");
            assert!(edge.table().is_none() && edge.key().is_none(), "{edge:?}");
        }
        EdgeKind::Rw | EdgeKind::Ww => {
            assert!(edge.table().is_some(), "no table: {edge:?}");
            assert!(edge.key().is_some(), "no key: {edge:?}");
        }
        other => panic!("an unknown kind of edge: {other:?}"),
    }
}

/// Checks that a database whose transactions have all ended gives everything back:
/// after a collection one version per key that is there, and nothing retained.
pub fn assert_at_rest(db: &Database, live_keys: usize) {
    db.collect();
    let stats = db.stats();
    assert_eq!(stats.active_transactions, 0, "{stats:?}");
    assert_eq!(stats.oldest_read_timestamp, None, "{stats:?}");
    assert_eq!(stats.keys, live_keys, "keys: {stats:?}");
    assert_eq!(stats.versions, live_keys, "versions: {stats:?}");
    assert_eq!(stats.retained_commits, 0, "{stats:?}");
    assert_eq!(stats.retained_readers, 0, "{stats:?}");
    assert_eq!(stats.danger_intervals, 0, "{stats:?}");
}

/// Every order of the numbers below `count`, for small counts.
pub fn permutations(count: usize) -> Vec<Vec<usize>> {
    let mut orders = vec![Vec::new()];
    for item in 0..count {
        let mut longer = Vec::new();
        for order in &orders {
            for place in 0..=order.len() {
                let mut next: Vec<usize> = order.clone();
                next.insert(place, item);
                longer.push(next);
            }
        }
        orders = longer;
    }
    orders
}

/// A small random number generator (xorshift), so that tests need no crate for it.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % bound as u64).expect("below bound")
    }

    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}

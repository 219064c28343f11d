//! The judge: draws the dependencies between a few transactions from what they read and
//! wrote, and looks for a circle. It shares nothing with the engine.

use std::collections::BTreeMap;

use crate::schedule::{Row, Step};

/// What a transaction observed by one step.
#[derive(Clone, Debug)]
pub struct Read {
    from: i64,
    to: i64,
    at_least: Option<i64>,
    rows: Vec<i64>,
    /// Keys that it had written itself, so that it did not look.
    own: Vec<i64>,
}

impl Read {
    /// What a step has observed that returned these rows.
    pub fn of(step: Step, rows: &[Row], own: &BTreeMap<i64, Option<i64>>) -> Option<Self> {
        let (from, to, at_least) = match step {
            Step::Get(key) | Step::Remove(key) => (key, key, None),
            Step::Where { from, to, at_least } => (from, to, Some(at_least)),
            Step::Range { from, to, most, backwards } => {
                let full = rows.len() as i64 == most;
                match rows.last() {
                    // It stopped there, and has not seen what lies beyond.
                    Some((last, _)) if full && backwards => (*last, to, None),
                    Some((last, _)) if full => (from, *last, None),
                    _ => (from, to, None),
                }
            }
            Step::Put(..) => return None,
        };
        let rows = rows.iter().map(|(key, _)| *key).collect();
        Some(Self { from, to, at_least, rows, own: own.keys().copied().collect() })
    }

    /// Whether what was read would have been another thing after this write.
    fn meets(&self, key: i64, value: Option<i64>) -> bool {
        let selected = match (self.at_least, value) {
            _ if self.rows.contains(&key) => true,
            (None, _) => true,
            (Some(at_least), Some(value)) => value >= at_least,
            (Some(_), None) => false,
        };
        (self.from..=self.to).contains(&key) && !self.own.contains(&key) && selected
    }
}

/// A transaction as the judge sees it.
#[derive(Clone, Debug, Default)]
pub struct Node {
    /// The moment of its snapshot, and that of its end.
    pub snapshot: u64,
    pub end: u64,
    pub reads: Vec<Read>,
    pub writes: BTreeMap<i64, Option<i64>>,
}

impl Node {
    /// Whether it had ended when the other one took its snapshot.
    pub fn starts(&self, other: &Self) -> bool {
        self.end <= other.snapshot
    }

    /// Whether it read what the other one overwrote later.
    pub fn read_around(&self, other: &Self) -> bool {
        let meets = |read: &Read| other.writes.iter().any(|(key, value)| read.meets(*key, *value));
        other.end > self.snapshot && self.reads.iter().any(meets)
    }

    fn overwritten_by(&self, other: &Self) -> bool {
        self.end < other.end && self.writes.keys().any(|key| other.writes.contains_key(key))
    }
}

/// For each transaction, whom it comes before, as bits.
pub fn edges(nodes: &[Option<Node>]) -> Vec<u32> {
    let after = |from: usize, node: &Node| {
        let others = nodes.iter().enumerate().filter_map(|(to, other)| Some((to, other.as_ref()?)));
        others
            .filter(|(to, other)| {
                *to != from
                    && (node.starts(other) || node.overwritten_by(other) || node.read_around(other))
            })
            .fold(0, |bits, (to, _)| bits | 1 << to)
    };
    nodes
        .iter()
        .enumerate()
        .map(|(from, node)| node.as_ref().map_or(0, |node| after(from, node)))
        .collect()
}

/// Whether they close a circle: by Warshall's closure.
pub fn has_circle(edges: &[u32]) -> bool {
    let mut reach = edges.to_vec();
    for middle in 0..reach.len() {
        let beyond = reach[middle];
        for from in &mut reach {
            if *from & 1 << middle != 0 {
                *from |= beyond;
            }
        }
    }
    reach.iter().enumerate().any(|(node, reached)| reached & 1 << node != 0)
}

pub fn is_serial(nodes: &[Option<Node>]) -> bool {
    !has_circle(&edges(nodes))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{Node, Read, is_serial};
    use crate::schedule::Step;

    fn node(snapshot: u64, end: u64, reads: &[i64], writes: &[i64]) -> Option<Node> {
        let own = BTreeMap::new();
        let reads = reads.iter().filter_map(|key| Read::of(Step::Get(*key), &[], &own)).collect();
        let writes = writes.iter().map(|key| (*key, Some(7))).collect();
        Some(Node { snapshot, end, reads, writes })
    }

    #[test]
    fn write_skew_is_a_circle_and_a_single_antidependency_is_none() {
        assert!(!is_serial(&[node(0, 2, &[1], &[2]), node(1, 3, &[2], &[1])]));
        assert!(is_serial(&[node(0, 2, &[1], &[2]), node(1, 3, &[3], &[1])]));
    }

    #[test]
    fn a_transaction_that_had_ended_comes_first() {
        // 0 reads around 2, and 1 reads what 0 wrote around 0; 2 had ended before 1 began.
        let nodes = [node(0, 4, &[1], &[2]), node(3, 5, &[2], &[]), node(1, 2, &[], &[1])];
        assert!(!is_serial(&nodes));
        let later = [node(0, 4, &[1], &[2]), node(1, 5, &[2], &[]), node(1, 2, &[], &[1])];
        assert!(is_serial(&later));
    }

    #[test]
    fn a_predicate_is_met_by_what_it_selects_only() {
        let step = Step::Where { from: 1, to: 9, at_least: 5 };
        let read = Read::of(step, &[(3, 8)], &BTreeMap::new()).expect("a read");
        assert!(read.meets(4, Some(5)) && read.meets(3, Some(1)) && read.meets(3, None));
        assert!(!read.meets(4, Some(4)) && !read.meets(4, None) && !read.meets(10, Some(9)));
    }
}

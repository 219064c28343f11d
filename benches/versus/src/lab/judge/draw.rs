//! What is wrong, for people.

use std::fmt;

use super::super::record::Attempt;
use super::graph::{Cycle, Why};

/// Why a run was not strictly serializable.
#[derive(Clone, Debug)]
pub struct Violation {
    story: String,
    /// Who is in the cycle, and why each comes before the next one.
    cycle: Vec<(String, String)>,
}

impl Violation {
    /// One transaction saw or got something that is wrong by itself.
    pub fn because(attempt: &Attempt, what: String) -> Self {
        Self { story: format!("{} {what}", name(attempt)), cycle: Vec::new() }
    }

    /// All reads are right, but no serial order explains them.
    pub fn cycle(certified: &[&Attempt], cycle: Cycle) -> Self {
        let places: Vec<usize> = cycle.iter().map(|(place, _)| *place).collect();
        let members = cycle.iter().enumerate().map(|(at, (place, why))| {
            let next = certified[places[(at + 1) % places.len()]];
            (name(certified[*place]), tell(*why, next))
        });
        let cycle: Vec<(String, String)> = members.collect();
        let story = format!("{} transactions, each of which comes before the next", cycle.len());
        Self { story, cycle }
    }

    /// How many are in the cycle.
    #[cfg(test)]
    pub fn members(&self) -> usize {
        self.cycle.len()
    }

    /// The cycle in the language of Graphviz.
    pub fn dot(&self) -> String {
        let mut dot = String::from("digraph violation {\n");
        for (at, (from, why)) in self.cycle.iter().enumerate() {
            let to = &self.cycle[(at + 1) % self.cycle.len()].0;
            dot.push_str(&format!("  {from:?} -> {to:?} [label={why:?}];\n"));
        }
        dot.push_str("}\n");
        dot
    }
}

fn name(attempt: &Attempt) -> String {
    let at = match attempt.c() {
        Some(c) => format!("snapshot {}, commit {c}", attempt.s),
        None => format!("snapshot {}, a reader", attempt.s),
    };
    format!("#{} {:?} ({at})", attempt.number, attempt.kind)
}

fn tell(why: Why, next: &Attempt) -> String {
    let next = next.number;
    match why {
        Why::Wr((table, key)) => format!("wrote t{table}[{key}], which #{next} read"),
        Why::Ww((table, key)) => format!("wrote t{table}[{key}], which #{next} overwrote"),
        Why::Rw((table, key)) => format!("read t{table}[{key}] as it was before #{next} wrote it"),
        Why::Start => format!("had committed before the snapshot of #{next}"),
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "not strictly serializable: {}", self.story)?;
        for (at, (member, why)) in self.cycle.iter().enumerate() {
            let (above, arrow) = if at == 0 { ("", "+->") } else { ("  |", "|-->") };
            writeln!(f, "{above}\n  {arrow} {member}\n  |      {why}")?;
        }
        if self.cycle.is_empty() {
            Ok(())
        } else {
            writeln!(f, "  |\n  +-- which leads back to the first")
        }
    }
}

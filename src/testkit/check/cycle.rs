//! A circle of dependencies, in words and as a graph.

use std::fmt::{self, Write as _};

use crate::testkit::check::graph::{RANGE, REAL, RW, WR, WW};

/// A circle of dependencies: each transaction must come before the next one, and the last
/// one before the first.
///
/// ```
/// use precedent::testkit::{History, check};
/// let history = History::parse(
///     r#"{"tx":1,"ops":[["r","","x",null],["w","","y",1]],"snapshot":0,"commit":1}
///        {"tx":2,"ops":[["r","","y",null],["w","","x",2]],"snapshot":0,"commit":2}"#,
/// )?;
/// let verdict = check(&history);
/// let cycle = verdict.anomalies()[0].cycle().unwrap();
/// assert_eq!(
///     cycle.to_string(),
///     "T1 -> T2 -> T1\n  \
///      T1 read x before T2 wrote version 2 (rw)\n  \
///      T2 read y before T1 wrote version 1 (rw)",
/// );
/// # Ok::<(), precedent::testkit::ParseError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Cycle {
    pub(super) steps: Vec<Step>,
}

/// One dependency of a circle, on the next step's transaction.
#[derive(Clone, Debug)]
pub(super) struct Step {
    /// The place of the transaction in the history.
    pub tx: u32,
    pub name: String,
    pub kind: Kind,
    /// Table and key where the two met.
    pub what: String,
    pub story: String,
}

/// The kind of a dependency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::testkit) enum Kind {
    Ww,
    Wr,
    Rw,
    /// An antidependency of a range.
    RwRange,
    RealTime,
}

impl Kind {
    pub(in crate::testkit) fn word(self) -> &'static str {
        match self {
            Self::Ww => "ww",
            Self::Wr => "wr",
            Self::Rw => "rw",
            Self::RwRange => "rw of a range",
            Self::RealTime => "real time",
        }
    }

    /// That of an edge; none if it only helps.
    pub(super) fn of(edge: u8) -> Option<Self> {
        Some(match edge {
            WW => Self::Ww,
            WR => Self::Wr,
            RW => Self::Rw,
            RANGE => Self::RwRange,
            REAL => Self::RealTime,
            _ => return None,
        })
    }

    pub(super) fn is_rw(self) -> bool {
        matches!(self, Self::Rw | Self::RwRange)
    }
}

impl Cycle {
    /// How many transactions it leads through.
    ///
    /// ```
    /// # use precedent::testkit::{History, check};
    /// # let history = History::parse(
    /// #     r#"{"type":"ok","process":0,"value":[["r","x",[]],["append","y",1]]}
    /// #        {"type":"ok","process":1,"value":[["r","y",[]],["append","x",1]]}"#,
    /// # )?;
    /// let verdict = check(&history);
    /// assert!(verdict.anomalies().iter().all(|found| found.cycle().unwrap().len() == 2));
    /// # Ok::<(), precedent::testkit::ParseError>(())
    /// ```
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "there is no empty circle")]
    pub fn len(&self) -> usize {
        self.steps.len()
    }

    /// The circle in the language of Graphviz.
    ///
    /// ```
    /// # use precedent::testkit::{History, check};
    /// # let history = History::parse(
    /// #     r#"{"type":"ok","process":0,"value":[["r","x",[]],["append","y",1]]}
    /// #        {"type":"ok","process":1,"value":[["r","y",[]],["append","x",1]]}"#,
    /// # )?;
    /// let verdict = check(&history);
    /// let dot = verdict.anomalies()[0].cycle().unwrap().dot();
    /// assert!(dot.starts_with("digraph") && dot.contains("\"T0\" -> \"T1\" [label=\"rw x\"]"));
    /// # Ok::<(), precedent::testkit::ParseError>(())
    /// ```
    #[must_use]
    pub fn dot(&self) -> String {
        let mut out = String::from("digraph cycle {\n");
        for (step, next) in self.pairs() {
            let quoted = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"");
            let label = [step.kind.word(), &step.what].join(" ");
            let (from, to, label) = (quoted(&step.name), quoted(&next.name), quoted(label.trim()));
            // Writing into a String cannot fail.
            let _ = writeln!(out, "  \"{from}\" -> \"{to}\" [label=\"{label}\"];");
        }
        out + "}\n"
    }

    /// Each step with the one that follows it.
    pub(super) fn pairs(&self) -> impl Iterator<Item = (&Step, &Step)> {
        self.steps.iter().zip(self.steps.iter().cycle().skip(1))
    }

    /// The transactions, by their places, and how each one depends on the next.
    pub(in crate::testkit) fn links(&self) -> impl Iterator<Item = (u32, Kind, u32)> {
        self.pairs().map(|(step, next)| (step.tx, step.kind, next.tx))
    }
}

impl fmt::Display for Cycle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for step in &self.steps {
            write!(f, "{} -> ", step.name)?;
        }
        f.write_str(self.steps.first().map_or("", |first| &first.name))?;
        self.steps
            .iter()
            .try_for_each(|step| write!(f, "\n  {} ({})", step.story, step.kind.word()))
    }
}

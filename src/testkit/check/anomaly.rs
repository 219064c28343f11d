//! What can be wrong, and with what it is at odds.

use std::fmt;

use crate::testkit::check::cycle::Cycle;

/// Of each kind of anomaly so many are shown.
pub(in crate::testkit) const MOST_WITNESSES: usize = 8;

/// A level of isolation. Each one includes those before it.
///
/// ```
/// use precedent::testkit::Level;
/// assert!(Level::Snapshot < Level::Serializable);
/// assert_eq!(Level::StrictSerializable.to_string(), "strict serializability");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Level {
    /// Nobody reads what never was, and writes do not interleave: no G0, G1a, G1b and G1c.
    ReadCommitted,
    /// Besides, every circle of dependencies has two antidependencies in a row (Cerone's
    /// characterization of snapshot isolation), and no update is lost.
    Snapshot,
    /// There is no circle of dependencies.
    Serializable,
    /// Nor is there one of dependencies and real time.
    StrictSerializable,
}

impl Level {
    /// All of them, the weakest first.
    ///
    /// ```
    /// use precedent::testkit::Level;
    /// assert!(Level::ALL.is_sorted());
    /// ```
    pub const ALL: [Self; 4] =
        [Self::ReadCommitted, Self::Snapshot, Self::Serializable, Self::StrictSerializable];
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ReadCommitted => "read committed",
            Self::Snapshot => "snapshot isolation",
            Self::Serializable => "serializability",
            Self::StrictSerializable => "strict serializability",
        })
    }
}

/// An anomaly by its name. The first ones are Adya's; the last three are names of the
/// textbooks for some of them, which an [`Anomaly`] bears besides.
///
/// ```
/// use precedent::testkit::{AnomalyKind, Level};
/// assert_eq!(AnomalyKind::GSingle.to_string(), "G-single");
/// assert_eq!(AnomalyKind::G2Item.breaks(), Level::Serializable);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum AnomalyKind {
    /// A circle of writes over writes.
    G0,
    /// A read of what was written by a transaction that did not take effect.
    G1a,
    /// A read of a version that its writer itself overwrote.
    G1b,
    /// A circle of writes over writes and reads of writes.
    G1c,
    /// Two reads showed versions that no one order contains.
    IncompatibleOrder,
    /// A transaction contradicts itself: a second read differs from the first, or one does
    /// not show its own write or its own snapshot.
    Internal,
    /// Two transactions read the same version and both wrote over it.
    LostUpdate,
    /// A circle with exactly one antidependency.
    GSingle,
    /// A circle in which no two antidependencies follow one another.
    GNonadjacent,
    /// A circle with two antidependencies in a row, all of them of keys that were read.
    G2Item,
    /// The same, with an antidependency of a range.
    G2,
    /// No circle but with the help of real time: somebody missed what had ended before he
    /// began.
    RealTime,
    /// Two transactions that each read what the other one wrote, before it did.
    WriteSkew,
    /// A circle that leads through a transaction which only reads.
    ReadOnly,
}

impl AnomalyKind {
    /// The weakest level that excludes it.
    ///
    /// ```
    /// use precedent::testkit::{AnomalyKind, Level};
    /// assert_eq!(AnomalyKind::LostUpdate.breaks(), Level::Snapshot);
    /// ```
    #[must_use]
    pub fn breaks(self) -> Level {
        match self {
            Self::G0 | Self::G1a | Self::G1b | Self::G1c | Self::IncompatibleOrder => {
                Level::ReadCommitted
            }
            Self::Internal | Self::LostUpdate | Self::GSingle | Self::GNonadjacent => {
                Level::Snapshot
            }
            Self::G2Item | Self::G2 | Self::WriteSkew | Self::ReadOnly => Level::Serializable,
            Self::RealTime => Level::StrictSerializable,
        }
    }
}

impl fmt::Display for AnomalyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::G0 => "G0",
            Self::G1a => "G1a",
            Self::G1b => "G1b",
            Self::G1c => "G1c",
            Self::IncompatibleOrder => "incompatible order",
            Self::Internal => "internal",
            Self::LostUpdate => "lost update",
            Self::GSingle => "G-single",
            Self::GNonadjacent => "G-nonadjacent",
            Self::G2Item => "G2-item",
            Self::G2 => "G2",
            Self::RealTime => "real-time violation",
            Self::WriteSkew => "write skew",
            Self::ReadOnly => "read-only anomaly",
        })
    }
}

/// One thing that is wrong, with the evidence.
///
/// ```
/// use precedent::testkit::{AnomalyKind, History, check};
/// let history = History::parse(
///     r#"{"tx":1,"ops":[["r","","x",null],["w","","y",1]],"snapshot":0,"commit":1}
///        {"tx":2,"ops":[["r","","y",null],["w","","x",2]],"snapshot":0,"commit":2}"#,
/// )?;
/// let verdict = check(&history);
/// let anomaly = &verdict.anomalies()[0];
/// assert_eq!(anomaly.kind(), AnomalyKind::G2Item);
/// assert_eq!(anomaly.textbook(), Some(AnomalyKind::WriteSkew));
/// assert!(anomaly.to_string().starts_with("G2-item (write skew): T"));
/// # Ok::<(), precedent::testkit::ParseError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Anomaly {
    pub(super) kind: AnomalyKind,
    pub(super) textbook: Option<AnomalyKind>,
    pub(super) cycle: Option<Cycle>,
    pub(super) story: String,
}

impl Anomaly {
    /// Its name.
    ///
    /// ```
    /// # use precedent::testkit::{AnomalyKind, History, check};
    /// let history = History::parse(
    ///     r#"{"type":"fail","process":0,"value":[["append","x",1]]}
    ///        {"type":"ok","process":1,"value":[["r","x",[1]]]}"#,
    /// )?;
    /// assert_eq!(check(&history).anomalies()[0].kind(), AnomalyKind::G1a);
    /// # Ok::<(), precedent::testkit::ParseError>(())
    /// ```
    #[must_use]
    pub fn kind(&self) -> AnomalyKind {
        self.kind
    }

    /// What textbooks call it besides, if they have a name for it.
    ///
    /// ```
    /// # use precedent::testkit::{AnomalyKind, History, check};
    /// let history = History::parse(
    ///     r#"{"type":"ok","process":0,"value":[["r","x",[]],["append","y",1]]}
    ///        {"type":"ok","process":1,"value":[["r","y",[]],["append","x",1]]}"#,
    /// )?;
    /// let verdict = check(&history);
    /// assert_eq!(verdict.anomalies()[0].textbook(), Some(AnomalyKind::WriteSkew));
    /// # Ok::<(), precedent::testkit::ParseError>(())
    /// ```
    #[must_use]
    pub fn textbook(&self) -> Option<AnomalyKind> {
        self.textbook
    }

    /// The circle, if it is one.
    ///
    /// ```
    /// # use precedent::testkit::{History, check};
    /// let history = History::parse(
    ///     r#"{"type":"ok","process":0,"value":[["r","x",[]],["append","y",1]]}
    ///        {"type":"ok","process":1,"value":[["r","y",[]],["append","x",1]]}"#,
    /// )?;
    /// let verdict = check(&history);
    /// assert_eq!(verdict.anomalies()[0].cycle().map(|cycle| cycle.len()), Some(2));
    /// # Ok::<(), precedent::testkit::ParseError>(())
    /// ```
    #[must_use]
    pub fn cycle(&self) -> Option<&Cycle> {
        self.cycle.as_ref()
    }
}

impl fmt::Display for Anomaly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.kind)?;
        if let Some(name) = self.textbook {
            write!(f, " ({name})")?;
        }
        match &self.cycle {
            Some(cycle) => write!(f, ": {cycle}"),
            None => write!(f, ": {}", self.story),
        }
    }
}

//! The cycle as data: why a transaction could not commit.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use crate::Timestamp;

/// Names one transaction for as long as its database lives.
///
/// ```
/// use precedent::{Database, TransactionId};
/// let db = Database::new();
/// let tx = db.begin();
/// let id: TransactionId = tx.id();
/// assert_eq!(TransactionId::from(u64::from(id)), id);
/// assert!(id.to_string().starts_with('#'));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TransactionId(u64);

impl From<u64> for TransactionId {
    fn from(raw: u64) -> Self {
        Self(raw)
    }
}

impl From<TransactionId> for u64 {
    fn from(id: TransactionId) -> Self {
        id.0
    }
}

impl fmt::Display for TransactionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The slot in the high half, the turn in the low one.
        write!(f, "#{}.{}", self.0 >> 40, self.0 & ((1 << 40) - 1))
    }
}

/// A transaction that takes part in a cycle.
///
/// ```
/// # use precedent::{Database, Table};
/// # let db = Database::new();
/// # let t: Table<u8, u64> = db.table("t")?;
/// # let slow = db.begin();
/// # slow.label("slow");
/// # slow.get(&t, &1);
/// # db.transact(|quick| Ok(quick.insert(&t, 1, 7)))?;
/// # slow.insert(&t, 1, 8);
/// # let error = slow.commit().unwrap_err();
/// let edge = &error.conflict().unwrap().cycle()[0];
/// assert!(edge.from().to_string().contains("slow"));
/// # Ok::<(), precedent::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Participant {
    pub(crate) id: TransactionId,
    pub(crate) label: Option<Cow<'static, str>>,
    pub(crate) read_timestamp: Timestamp,
    pub(crate) commit_timestamp: Option<Timestamp>,
    pub(crate) sharing: usize,
}

impl Participant {
    /// Which transaction.
    ///
    /// ```
    /// # use precedent::{Database, Table};
    /// # let db = Database::new();
    /// # let t: Table<u8, u64> = db.table("t")?;
    /// # let slow = db.begin();
    /// # slow.label("slow");
    /// # slow.get(&t, &1);
    /// # db.transact(|quick| Ok(quick.insert(&t, 1, 7)))?;
    /// # slow.insert(&t, 1, 8);
    /// # let error = slow.commit().unwrap_err();
    /// let cycle = error.conflict().unwrap().cycle();
    /// assert_eq!(cycle[0].from().id(), cycle[1].to().id());
    /// # Ok::<(), precedent::Error>(())
    /// ```
    #[must_use]
    pub fn id(&self) -> TransactionId {
        self.id
    }

    /// What the transaction called itself by [`Transaction::label`](crate::Transaction::label).
    ///
    /// ```
    /// # use precedent::{Database, Table};
    /// # let db = Database::new();
    /// # let t: Table<u8, u64> = db.table("t")?;
    /// # let slow = db.begin();
    /// # slow.label("slow");
    /// # slow.get(&t, &1);
    /// # db.transact(|quick| Ok(quick.insert(&t, 1, 7)))?;
    /// # slow.insert(&t, 1, 8);
    /// # let error = slow.commit().unwrap_err();
    /// let edge = &error.conflict().unwrap().cycle()[0];
    /// assert_eq!((edge.from().label(), edge.to().label()), (Some("slow"), None));
    /// # Ok::<(), precedent::Error>(())
    /// ```
    #[must_use]
    pub fn label(&self) -> Option<&str> {
        self.label.as_deref()
    }

    /// Its final read timestamp.
    ///
    /// ```
    /// # use precedent::{Database, Table};
    /// # let db = Database::new();
    /// # let t: Table<u8, u64> = db.table("t")?;
    /// # let slow = db.begin();
    /// # slow.label("slow");
    /// # slow.get(&t, &1);
    /// # db.transact(|quick| Ok(quick.insert(&t, 1, 7)))?;
    /// # slow.insert(&t, 1, 8);
    /// # let error = slow.commit().unwrap_err();
    /// let edge = &error.conflict().unwrap().cycle()[0];
    /// assert!(edge.from().read_timestamp() < edge.to().commit_timestamp().unwrap());
    /// # Ok::<(), precedent::Error>(())
    /// ```
    #[must_use]
    pub fn read_timestamp(&self) -> Timestamp {
        self.read_timestamp
    }

    /// Its commit timestamp; none for a certified reader and for the transaction that
    /// was aborted.
    ///
    /// ```
    /// # use precedent::{Database, Table};
    /// # let db = Database::new();
    /// # let t: Table<u8, u64> = db.table("t")?;
    /// # let slow = db.begin();
    /// # slow.label("slow");
    /// # slow.get(&t, &1);
    /// # db.transact(|quick| Ok(quick.insert(&t, 1, 7)))?;
    /// # slow.insert(&t, 1, 8);
    /// # let error = slow.commit().unwrap_err();
    /// let edge = &error.conflict().unwrap().cycle()[0];
    /// assert_eq!(edge.from().commit_timestamp(), None); // aborted
    /// assert_eq!(edge.to().commit_timestamp(), Some(db.stats().published));
    /// # Ok::<(), precedent::Error>(())
    /// ```
    #[must_use]
    pub fn commit_timestamp(&self) -> Option<Timestamp> {
        self.commit_timestamp
    }

    /// Of a certified reader: how many others at the same read timestamp share its
    /// footprint, because the log was crowded. It may be one of them that the edge is from.
    ///
    /// ```
    /// # use precedent::{Database, Table};
    /// # let db = Database::new();
    /// # let t: Table<u8, u64> = db.table("t")?;
    /// # let slow = db.begin();
    /// # slow.get(&t, &1);
    /// # db.transact(|quick| Ok(quick.insert(&t, 1, 7)))?;
    /// # slow.insert(&t, 1, 8);
    /// # let error = slow.commit().unwrap_err();
    /// let edge = &error.conflict().unwrap().cycle()[0];
    /// assert_eq!(edge.from().sharing(), 0);
    /// # Ok::<(), precedent::Error>(())
    /// ```
    #[must_use]
    pub fn sharing(&self) -> usize {
        self.sharing
    }
}

/// Which kind of dependency an edge X -> Y is.
///
/// ```
/// # use precedent::{Database, Table};
/// # let db = Database::new();
/// # let t: Table<u8, u64> = db.table("t")?;
/// # let slow = db.begin();
/// # slow.label("slow");
/// # slow.get(&t, &1);
/// # db.transact(|quick| Ok(quick.insert(&t, 1, 7)))?;
/// # slow.insert(&t, 1, 8);
/// # let error = slow.commit().unwrap_err();
/// use precedent::EdgeKind;
/// let conflict = error.conflict().unwrap(); // a lost update
/// let kinds: Vec<_> = conflict.cycle().iter().map(|edge| edge.kind()).collect();
/// assert_eq!(kinds, [EdgeKind::Rw, EdgeKind::Ww]);
/// # Ok::<(), precedent::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EdgeKind {
    /// Y overwrote something that X observed (an antidependency).
    Rw,
    /// Y overwrote what X wrote.
    Ww,
    /// X was already in Y's snapshot: c(X) <= s(Y). Covers wr and real time.
    Start,
}

/// One edge of the cycle: `from` must come before `to` in every serial order.
///
/// ```
/// # use precedent::{Database, Table};
/// # let db = Database::new();
/// # let t: Table<u8, u64> = db.table("t")?;
/// # let slow = db.begin();
/// # slow.label("slow");
/// # slow.get(&t, &1);
/// # db.transact(|quick| Ok(quick.insert(&t, 1, 7)))?;
/// # slow.insert(&t, 1, 8);
/// # let error = slow.commit().unwrap_err();
/// let edge = &error.conflict().unwrap().cycle()[0];
/// assert!(edge.to_string().contains("read t[1] as it was before"));
/// # Ok::<(), precedent::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Edge {
    pub(crate) kind: EdgeKind,
    pub(crate) from: Participant,
    pub(crate) to: Participant,
    pub(crate) table: Option<Arc<str>>,
    pub(crate) key: Option<String>,
}

impl Edge {
    /// The kind of dependency.
    ///
    /// ```
    /// # use precedent::{Database, Table};
    /// # let db = Database::new();
    /// # let t: Table<u8, u64> = db.table("t")?;
    /// # let slow = db.begin();
    /// # slow.label("slow");
    /// # slow.get(&t, &1);
    /// # db.transact(|quick| Ok(quick.insert(&t, 1, 7)))?;
    /// # slow.insert(&t, 1, 8);
    /// # let error = slow.commit().unwrap_err();
    /// let edge = &error.conflict().unwrap().cycle()[0];
    /// assert_eq!(edge.kind(), precedent::EdgeKind::Rw);
    /// # Ok::<(), precedent::Error>(())
    /// ```
    #[must_use]
    pub fn kind(&self) -> EdgeKind {
        self.kind
    }

    /// Who comes first.
    ///
    /// ```
    /// # use precedent::{Database, Table};
    /// # let db = Database::new();
    /// # let t: Table<u8, u64> = db.table("t")?;
    /// # let slow = db.begin();
    /// # slow.label("slow");
    /// # slow.get(&t, &1);
    /// # db.transact(|quick| Ok(quick.insert(&t, 1, 7)))?;
    /// # slow.insert(&t, 1, 8);
    /// # let error = slow.commit().unwrap_err();
    /// let edge = &error.conflict().unwrap().cycle()[0];
    /// assert_eq!(edge.from().label(), Some("slow"));
    /// # Ok::<(), precedent::Error>(())
    /// ```
    #[must_use]
    pub fn from(&self) -> &Participant {
        &self.from
    }

    /// Who comes after.
    ///
    /// ```
    /// # use precedent::{Database, Table};
    /// # let db = Database::new();
    /// # let t: Table<u8, u64> = db.table("t")?;
    /// # let slow = db.begin();
    /// # slow.label("slow");
    /// # slow.get(&t, &1);
    /// # db.transact(|quick| Ok(quick.insert(&t, 1, 7)))?;
    /// # slow.insert(&t, 1, 8);
    /// # let error = slow.commit().unwrap_err();
    /// let edge = &error.conflict().unwrap().cycle()[0];
    /// assert_eq!(edge.to(), error.conflict().unwrap().cycle()[1].from());
    /// # Ok::<(), precedent::Error>(())
    /// ```
    #[must_use]
    pub fn to(&self) -> &Participant {
        &self.to
    }

    /// The table in which they met; none for a start edge.
    ///
    /// ```
    /// # use precedent::{Database, Table};
    /// # let db = Database::new();
    /// # let t: Table<u8, u64> = db.table("t")?;
    /// # let slow = db.begin();
    /// # slow.label("slow");
    /// # slow.get(&t, &1);
    /// # db.transact(|quick| Ok(quick.insert(&t, 1, 7)))?;
    /// # slow.insert(&t, 1, 8);
    /// # let error = slow.commit().unwrap_err();
    /// let edge = &error.conflict().unwrap().cycle()[0];
    /// assert_eq!(edge.table(), Some("t"));
    /// # Ok::<(), precedent::Error>(())
    /// ```
    #[must_use]
    pub fn table(&self) -> Option<&str> {
        self.table.as_deref()
    }

    /// The key that `to` wrote, in its `Debug` form, or `…` if
    /// [keys are redacted](crate::Builder::redact_keys); none for a start edge.
    ///
    /// ```
    /// # use precedent::{Database, Table};
    /// # let db = Database::new();
    /// # let t: Table<u8, u64> = db.table("t")?;
    /// # let slow = db.begin();
    /// # slow.label("slow");
    /// # slow.get(&t, &1);
    /// # db.transact(|quick| Ok(quick.insert(&t, 1, 7)))?;
    /// # slow.insert(&t, 1, 8);
    /// # let error = slow.commit().unwrap_err();
    /// let edge = &error.conflict().unwrap().cycle()[0];
    /// assert_eq!(edge.key(), Some("1"));
    /// # Ok::<(), precedent::Error>(())
    /// ```
    #[must_use]
    pub fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }
}

/// Which rule refused the commit.
///
/// ```
/// # use precedent::{Database, Table};
/// # let db = Database::new();
/// # let t: Table<u8, u64> = db.table("t")?;
/// # let slow = db.begin();
/// # slow.label("slow");
/// # slow.get(&t, &1);
/// # db.transact(|quick| Ok(quick.insert(&t, 1, 7)))?;
/// # slow.insert(&t, 1, 8);
/// # let error = slow.commit().unwrap_err();
/// use precedent::ConflictReason;
/// let conflict = error.conflict().unwrap(); // a lost update
/// assert_eq!(conflict.reason(), ConflictReason::Cycle);
/// # Ok::<(), precedent::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ConflictReason {
    /// Committing would have closed the cycle that [`Conflict::cycle`] returns.
    Cycle,
    /// Another transaction wrote the same key first; under `Isolation::Snapshot` and
    /// [`Certifier::Pivot`](crate::Certifier::Pivot) only. `Conflict::cycle` holds the one
    /// ww edge.
    FirstCommitterWins,
    /// The search exceeded its bound; the cycle is only suspected.
    Conservative,
    /// A rule other than [`Certifier::Exact`](crate::Certifier::Exact) objects to the edges
    /// that [`Conflict::cycle`] returns, a path with the aborted transaction on it. There
    /// may be a cycle or not.
    Rule,
}

/// Why a transaction could not commit, edge by edge.
///
/// ```
/// use precedent::{Database, Table};
/// let db = Database::new();
/// let stock: Table<&str, u32> = db.table("stock")?;
/// let slow = db.begin();
/// slow.label("restock");
/// let seen = slow.get(&stock, &"bolts").copied().unwrap_or(0);
/// db.transact(|tx| Ok(tx.insert(&stock, "bolts", 7)))?;
/// slow.insert(&stock, "bolts", seen + 1);
/// let error = slow.commit().unwrap_err();
/// let conflict = error.conflict().unwrap();
/// assert_eq!(conflict.cycle().len(), 2);
/// assert!(conflict.to_string().contains("restock"));
/// assert!(conflict.dot().starts_with("digraph"));
/// # Ok::<(), precedent::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Conflict {
    pub(crate) reason: ConflictReason,
    pub(crate) cycle: Vec<Edge>,
}

impl Conflict {
    /// Which rule refused the commit.
    ///
    /// ```
    /// # use precedent::{Database, Table};
    /// # let db = Database::new();
    /// # let t: Table<u8, u64> = db.table("t")?;
    /// # let slow = db.begin();
    /// # slow.label("slow");
    /// # slow.get(&t, &1);
    /// # db.transact(|quick| Ok(quick.insert(&t, 1, 7)))?;
    /// # slow.insert(&t, 1, 8);
    /// # let error = slow.commit().unwrap_err();
    /// let conflict = error.conflict().unwrap(); // a lost update
    /// assert_eq!(conflict.reason(), precedent::ConflictReason::Cycle);
    /// # Ok::<(), precedent::Error>(())
    /// ```
    #[must_use]
    pub fn reason(&self) -> ConflictReason {
        self.reason
    }

    /// A conflict without its cycle.
    pub(crate) fn bare(reason: ConflictReason) -> Self {
        Self { reason, cycle: Vec::new() }
    }

    /// The edges, each starting where the one before it ended; the first one leaves the
    /// aborted transaction and the last one returns to it, but for the reasons
    /// [`Rule`](ConflictReason::Rule) and [`FirstCommitterWins`](ConflictReason::FirstCommitterWins).
    ///
    /// ```
    /// # use precedent::{Database, Table};
    /// # let db = Database::new();
    /// # let t: Table<u8, u64> = db.table("t")?;
    /// # let slow = db.begin();
    /// # slow.label("slow");
    /// # slow.get(&t, &1);
    /// # db.transact(|quick| Ok(quick.insert(&t, 1, 7)))?;
    /// # slow.insert(&t, 1, 8);
    /// # let error = slow.commit().unwrap_err();
    /// let cycle = error.conflict().unwrap().cycle();
    /// assert_eq!(cycle[0].from(), cycle[1].to()); // it returns to where it began
    /// # Ok::<(), precedent::Error>(())
    /// ```
    #[must_use]
    pub fn cycle(&self) -> &[Edge] {
        &self.cycle
    }
}

impl Conflict {
    /// The cycle as a graph in the DOT language of Graphviz.
    ///
    /// ```
    /// # use precedent::{Database, Table};
    /// # let db = Database::new();
    /// # let t: Table<u8, u64> = db.table("t")?;
    /// # let slow = db.begin();
    /// # slow.label("slow");
    /// # slow.get(&t, &1);
    /// # db.transact(|quick| Ok(quick.insert(&t, 1, 7)))?;
    /// # slow.insert(&t, 1, 8);
    /// # let error = slow.commit().unwrap_err();
    /// let conflict = error.conflict().unwrap(); // a lost update
    /// assert!(conflict.dot().contains("[label=\"rw t[1]\"]"));
    /// # Ok::<(), precedent::Error>(())
    /// ```
    #[must_use]
    pub fn dot(&self) -> String {
        let mut dot = String::from("digraph conflict {\n");
        for edge in &self.cycle {
            let node = |participant: &Participant| quoted(&participant.to_string());
            let mut label = edge.kind.to_string();
            if let (Some(table), Some(key)) = (edge.table(), edge.key()) {
                label = format!("{label} {table}[{key}]");
            }
            let (from, to) = (node(&edge.from), node(&edge.to));
            dot.push_str(&format!("  {from} -> {to} [label={}];\n", quoted(&label)));
        }
        dot.push_str("}\n");
        dot
    }

    fn tell_cycle(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(first) = self.cycle.first() else {
            return Ok(());
        };
        write!(f, "{} cannot commit, it would have to come before itself: ", first.from)?;
        self.tell_edges(f)
    }

    fn tell_edges(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, edge) in self.cycle.iter().enumerate() {
            write!(f, "{}{edge}", if at == 0 { "" } else { "; " })?;
        }
        Ok(())
    }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.reason, self.cycle.first()) {
            (ConflictReason::FirstCommitterWins, Some(edge)) => {
                let key = edge.key().unwrap_or_default();
                let table = edge.table().unwrap_or_default();
                write!(f, "{} was quicker than {} to write {table}[{key}]", edge.from, edge.to)
            }
            (ConflictReason::Conservative, _) => {
                f.write_str("the search for a cycle exceeded its bound, so there may be one")
            }
            (ConflictReason::Rule, _) => {
                f.write_str("there may be a cycle, the rule says, since ")?;
                self.tell_edges(f)
            }
            _ => self.tell_cycle(f),
        }
    }
}

impl fmt::Display for Edge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (from, to) = (&self.from, &self.to);
        let table = self.table.as_deref().unwrap_or_default();
        let key = self.key.as_deref().unwrap_or_default();
        match self.kind {
            EdgeKind::Rw => write!(f, "{from} read {table}[{key}] as it was before {to} wrote it"),
            EdgeKind::Ww => write!(f, "{to} overwrote {table}[{key}] of {from}"),
            EdgeKind::Start => write!(f, "{from} had committed before the snapshot of {to}"),
        }
    }
}

impl fmt::Display for EdgeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rw => "rw",
            Self::Ww => "ww",
            Self::Start => "start",
        })
    }
}

impl fmt::Display for Participant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.label {
            Some(label) => write!(f, "{label:?}")?,
            None => write!(f, "transaction {}", self.id)?,
        }
        match self.commit_timestamp {
            Some(commit) => write!(f, " (commit {commit})"),
            None => write!(f, " (snapshot {})", self.read_timestamp),
        }?;
        match self.sharing {
            0 => Ok(()),
            1 => f.write_str(" or another reader there"),
            others => write!(f, " or one of {others} other readers there"),
        }
    }
}

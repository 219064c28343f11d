//! The rules by which commits are certified: the engine's own, and others to compare it with.
//!
//! A [`Rule`] is two facts and two decisions, each a function of plain values: the candidate
//! and a [`View`] of the commits that it does not see. What surrounds a decision is the same
//! for all: footprints, the log, folding, sliding, published readers, danger intervals.
//!
//! | module | refuses a writer |
//! | --- | --- |
//! | [`exact`] | that closes a cycle |
//! | [`position`] | that finds no place in a line in which every commit has its number |
//! | [`backward`] | that observed something which is overwritten |
//! | [`pivot`] | that completes two rw edges in a row, the last of which was committed first |
//! | [`first_committer_wins`] | that writes what somebody else has written |
//!
//! A further rule is a file here, and its lines in this one: `mod`, a variant of
//! [`Certifier`] with its rule, and its place in [`Certifier::ALL`]. Tests and the laboratory
//! of `benches/versus` take the rules from that list.
//!
//! Two things make a rule sound whatever it decides. If it admits a writer with a backward
//! edge, it must say so (`Verdict::Edged`), with a commit no later than the first one that
//! was read around: safe snapshots and readers rest on the danger interval from there. And
//! what it decides on must be in the view: all commits after s(T), and the readers that were
//! certified above s(T) while a writer below them ran.

use std::fmt;
use std::sync::Arc;

use crate::ssi::certify::{Member, Path, Step, StepKind, Verdict};
use crate::ssi::entries::Entry;
use crate::ssi::footprint::{Body, Witness};
use crate::ssi::view::View;

mod backward;
mod exact;
mod first_committer_wins;
mod pivot;
mod position;

/// By which rule a database certifies commits.
///
/// [`Exact`](Self::Exact) is the rule of this crate. The others are those of the literature
/// and of other engines, on the same tables, snapshots and log, for those who compare them:
/// tests, courses, papers. All but the last keep the database strictly serializable; they
/// differ in whom they refuse. [`Builder::certifier`](crate::Builder::certifier) chooses one
/// for a whole database.
///
/// ```
/// use precedent::{Certifier, Database, Table};
/// // A report reads the stock, somebody sells a bolt meanwhile, the report is filed.
/// let refused = |certifier: &Certifier| {
///     let db = Database::builder().certifier(*certifier).build();
///     let stock: Table<&str, u32> = db.table("stock").unwrap();
///     let report = db.begin();
///     report.get(&stock, &"bolts");
///     db.transact(|sale| Ok(sale.insert(&stock, "bolts", 7))).unwrap();
///     report.insert(&stock, "reports", 1);
///     report.commit().is_err()
/// };
/// // It comes before the sale. Only backward validation does not see that.
/// let refusing: Vec<_> = Certifier::ALL.iter().filter(|rule| refused(rule)).collect();
/// assert_eq!(refusing, [&Certifier::Backward]);
/// assert_eq!(refusing[0].to_string(), "backward");
/// ```
///
/// Under [`Position`](Self::Position), [`Backward`](Self::Backward) and
/// [`Pivot`](Self::Pivot) a refusal need not have a cycle behind it; then its reason is
/// [`ConflictReason::Rule`](crate::ConflictReason::Rule), and the conflict holds the edges
/// that the rule objects to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Certifier {
    /// The whole dependency graph: a commit is refused if and only if it would close a cycle.
    ///
    /// ```
    /// use precedent::Certifier;
    /// assert_eq!(Certifier::default(), Certifier::Exact);
    /// ```
    #[default]
    Exact,
    /// A number for each commit, its place in a line, and no graph: in the family of the
    /// serial safety net (Wang, Johnson, Fekete and Pandis 2017). A commit stands where it
    /// was committed, or at the earliest place of those that it read around. It is refused
    /// if that place is already in its own snapshot, or not after everybody who read or
    /// wrote what it writes. A reader stands right after its snapshot.
    ///
    /// Refuses a little more than [`Exact`](Self::Exact), and looks at each commit once.
    ///
    /// ```
    /// use precedent::{Certifier, Database, Error, Table};
    /// let db = Database::builder().certifier(Certifier::Position).build();
    /// let t: Table<char, u8> = db.table("t")?;
    /// let (early, late) = (db.begin(), db.begin());
    /// early.get(&t, &'a');
    /// early.insert(&t, 'b', 1);
    /// late.insert(&t, 'a', 2); // so early comes before it
    /// late.commit()?;
    /// early.commit()?; // and may: it stands where late stands, and nobody is in between
    /// # Ok::<(), Error>(())
    /// ```
    Position,
    /// Backward validation: a writer is refused if anything that it observed has been
    /// overwritten since its snapshot (Kung and Robinson 1981; Härder 1984 has the name).
    /// This is what most optimistic engines do, among them Badger, fjall and surrealmx. As
    /// there, a reader is never refused: it sees one snapshot, and commits are in serial
    /// order already.
    ///
    /// ```
    /// use precedent::{Certifier, Database, Error, Table};
    /// let db = Database::builder().certifier(Certifier::Backward).build();
    /// let t: Table<char, u8> = db.table("t")?;
    /// let late = db.begin();
    /// late.get(&t, &'a');
    /// db.transact(|quick| Ok(quick.insert(&t, 'a', 1)))?;
    /// late.insert(&t, 'b', 2);
    /// let error = late.commit().unwrap_err();
    /// assert!(error.to_string().contains("read t['a'] as it was before"));
    /// # Ok::<(), Error>(())
    /// ```
    Backward,
    /// Two rw edges in a row: serializable snapshot isolation (Cahill, Röhm and Fekete 2008)
    /// with the commit-order and read-only refinements of PostgreSQL (Ports and Grittner
    /// 2012), on top of first-committer-wins. Whoever completes T1 -rw-> T2 -rw-> T3 is
    /// refused if T3 was the first of them to commit, and, should T1 only read, if it sees
    /// T3. PostgreSQL itself refuses somewhat more: its marks are coarser, and may be
    /// summarized.
    ///
    /// ```
    /// use precedent::{Certifier, Database, Error, Table};
    /// let db = Database::builder().certifier(Certifier::Pivot).sliding(false).build();
    /// let t: Table<char, u8> = db.table("t")?;
    /// let (one, two) = (db.begin(), db.begin());
    /// one.get(&t, &'b');
    /// one.insert(&t, 'c', 1);
    /// two.get(&t, &'a');
    /// two.insert(&t, 'b', 2);
    /// db.transact(|three| Ok(three.insert(&t, 'a', 3)))?;
    /// two.commit()?; // reads around three
    /// let error = one.commit().unwrap_err(); // reads around two
    /// assert_eq!(error.conflict().unwrap().cycle().len(), 2); // and there is no way back
    /// # Ok::<(), Error>(())
    /// ```
    Pivot,
    /// Plain snapshot isolation: of two concurrent writers of a key the first one commits.
    /// Reads are not tracked, so snapshots do not slide either. **Not serializable**, and the
    /// same as [`Isolation::Snapshot`](crate::Isolation::Snapshot).
    ///
    /// ```
    /// use precedent::{Certifier, ConflictReason, Database, Error, Table};
    /// let db = Database::builder().certifier(Certifier::FirstCommitterWins).build();
    /// let t: Table<char, u8> = db.table("t")?;
    /// let late = db.begin();
    /// db.transact(|quick| Ok(quick.insert(&t, 'a', 1)))?;
    /// late.insert(&t, 'a', 2);
    /// let error = late.commit().unwrap_err();
    /// assert_eq!(error.conflict().unwrap().reason(), ConflictReason::FirstCommitterWins);
    /// # Ok::<(), Error>(())
    /// ```
    FirstCommitterWins,
}

impl Certifier {
    /// Every rule.
    ///
    /// ```
    /// use precedent::Certifier;
    /// let by_name = |name| Certifier::ALL.iter().find(|rule| rule.to_string() == name);
    /// assert_eq!(by_name("pivot"), Some(&Certifier::Pivot));
    /// ```
    pub const ALL: &'static [Self] =
        &[Self::Exact, Self::Position, Self::Backward, Self::Pivot, Self::FirstCommitterWins];

    const fn rule_and_name(self) -> (&'static Rule, &'static str) {
        match self {
            Self::Exact => (&exact::RULE, "exact"),
            Self::Position => (&position::RULE, "position"),
            Self::Backward => (&backward::RULE, "backward"),
            Self::Pivot => (&pivot::RULE, "pivot"),
            Self::FirstCommitterWins => (&first_committer_wins::RULE, "first-committer-wins"),
        }
    }

    /// Whether the rule leaves only serializable histories.
    ///
    /// ```
    /// use precedent::Certifier;
    /// let weak: Vec<_> = Certifier::ALL.iter().filter(|rule| !rule.is_serializable()).collect();
    /// assert_eq!(weak, [&Certifier::FirstCommitterWins]);
    /// ```
    #[must_use]
    pub const fn is_serializable(self) -> bool {
        self.rule().tracks_reads
    }

    /// What it decides.
    pub(crate) const fn rule(self) -> &'static Rule {
        self.rule_and_name().0
    }
}

impl fmt::Display for Certifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.rule_and_name().1)
    }
}

/// A decision on a candidate that is not in the log: everything in the view was certified.
pub(crate) type Decision = fn(&Arc<Body>, &View, max_steps: u64) -> Verdict;

/// A rule, as the commit protocol sees it.
pub(crate) struct Rule {
    /// Whether reads are recorded. Without them readers are not certified, snapshots do not
    /// slide, and the database is not serializable.
    pub(crate) tracks_reads: bool,
    /// Whether a commit can be refused for what it writes alone. If not, it is admitted
    /// unseen as long as nothing that it observed has changed.
    pub(crate) judges_writes: bool,
    /// Decides on a transaction that wrote.
    pub(crate) writer: Decision,
    /// Decides on one that ends as a reader at its snapshot.
    pub(crate) reader: Decision,
}

/// Somebody who must come before the candidate: who, and by which edge.
type Before = (Member, StepKind);

/// Whoever read what the candidate writes: commits that `matter`, and published readers at
/// or above a timestamp.
fn earlier_readers(
    body: &Body,
    view: &View,
    matter: impl Fn(&Entry) -> bool,
    from: u64,
) -> Option<Before> {
    let mine = &body.footprint;
    let commit = view.window.entries().filter(|entry| matter(entry)).find_map(|entry| {
        let witness = entry.body.footprint.observed(mine)?;
        Some((Member::Committed(entry.commit, Arc::clone(&entry.body)), StepKind::Rw(witness)))
    });
    commit.or_else(|| {
        view.readers.iter().filter(|reader| reader.snapshot >= from).find_map(|reader| {
            let witness = reader.footprint.observed(mine)?;
            Some((Member::Reader(Arc::clone(reader)), StepKind::Rw(witness)))
        })
    })
}

/// `before -> candidate -rw-> entry`.
fn through_candidate((before, kind): Before, (entry, witness): (&Entry, Witness)) -> Verdict {
    let steps = vec![Step { kind, to: Member::Candidate }, around(entry, witness)];
    Verdict::Suspect(Path { from: before, steps })
}

/// The step to a commit that was read around.
fn around(entry: &Entry, witness: Witness) -> Step {
    let to = Member::Committed(entry.commit, Arc::clone(&entry.body));
    Step { kind: StepKind::Rw(witness), to }
}

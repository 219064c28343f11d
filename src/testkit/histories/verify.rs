//! Compares what happens with what a script says.

use std::fmt::{self, Write as _};
use std::sync::Arc;

use crate::testkit::histories::orders::orders;
use crate::testkit::histories::play::{Ends, Stage, World};
use crate::testkit::histories::script::{Expected, Fate, Script};
use crate::testkit::history::History;
use crate::testkit::recording::Recording;
use crate::{Builder, Error};

/// How a script was not kept.
///
/// ```
/// use precedent::{Database, testkit::histories};
/// let text = "# Nobody is in the way.\nT1 get x -> 7\nT1 commit\nthen nobody conflicts";
/// let failure = histories::parse(text)?[0].verify(Database::builder).unwrap_err();
/// assert!(failure.to_string().contains("line 2: T1 get x -> 7: it returned none"));
/// # Ok::<(), precedent::testkit::ParseError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    story: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.story)
    }
}

impl std::error::Error for Failure {}

impl Script {
    /// Runs the script against databases that `builder` describes, a new one for each order,
    /// without sliding and with it, and compares what every step returns, who conflicts, and
    /// the state at the end with what is written. With sliding there may be fewer conflicts,
    /// unless a line says otherwise. Returns in how many orders it was run.
    ///
    /// # Errors
    /// The first difference, with the steps that led to it.
    ///
    /// ```
    /// use precedent::{Database, testkit::histories};
    /// let text = "# A blind write meets nobody.
    ///     T1 insert x 1
    ///     T2 insert x 2
    ///     T2 commit
    ///     T1 commit
    ///     then nobody conflicts
    ///     finally x=1";
    /// assert_eq!(histories::parse(text)?[0].verify(Database::builder)?, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn verify(&self, builder: impl Fn() -> Builder) -> Result<usize, Failure> {
        let orders = orders(self);
        for order in &orders {
            let still = self.verify_order(builder().sliding(false), order, false)?;
            self.must_be(&self.verdict, &still, order, "without sliding")?;
            let sliding = self.verify_order(builder().sliding(true), order, true)?;
            match &self.sliding {
                Some(expected) => self.must_be(expected, &sliding, order, "with sliding")?,
                None if conflicts(&sliding) > conflicts(&still) => {
                    return Err(self.failure(order, "with sliding more conflict".to_owned()));
                }
                None => {}
            }
        }
        Ok(orders.len())
    }

    /// Runs the script in each of its orders against databases that `builder` describes, and
    /// returns what happened. What the script expects does not matter.
    ///
    /// # Errors
    /// If something fails by another reason than a conflict: a limit of the builder's, or a
    /// table of another type.
    ///
    /// ```
    /// use precedent::testkit::{AnomalyKind, check, histories};
    /// use precedent::{Database, Isolation};
    /// let text = "# Each reads what the other one writes.
    ///     T1 get x
    ///     T2 get y
    ///     T1 insert y 1
    ///     T2 insert x 1
    ///     T1 commit
    ///     T2 commit
    ///     then T2 conflicts";
    /// let loose = || Database::builder().isolation(Isolation::Snapshot);
    /// let history = &histories::parse(text)?[0].record(loose)?[0];
    /// assert!(check(history).has(AnomalyKind::WriteSkew));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn record(&self, builder: impl Fn() -> Builder) -> Result<Vec<History>, Error> {
        let record = |order: Vec<usize>| {
            let recording: Arc<Recording> = Recording::new();
            let db = builder().recorder(recording.clone()).build();
            let world = World::new(self, db)?;
            let mut stage = Stage::new(self, &world);
            for place in order {
                stage.play(&self.steps[place])?;
            }
            Ok(recording.take())
        };
        orders(self).into_iter().map(record).collect()
    }

    fn verify_order(
        &self,
        builder: Builder,
        order: &[usize],
        sliding: bool,
    ) -> Result<Ends, Failure> {
        let fail = |error: Error| self.failure(order, error.to_string());
        let world = World::new(self, builder.build()).map_err(fail)?;
        let mut stage = Stage::new(self, &world);
        for place in order {
            let step = &self.steps[*place];
            let returned = stage.play(step).map_err(fail)?;
            let expected = if sliding { &step.returns_sliding } else { &step.returns };
            if expected.is_some() && returned != *expected {
                let how = if sliding { " with sliding" } else { "" };
                let returned = returned.unwrap_or_else(|| "nothing".to_owned());
                let (line, text) = (step.line, &step.text);
                let what = format!("line {line}: {text}: it returned {returned}{how}");
                return Err(self.failure(order, what));
            }
        }
        let ends = stage.ends;
        match world.final_state(self).filter(|_| !sliding) {
            Some(wrong) => Err(self.failure(order, wrong)),
            None => Ok(ends),
        }
    }

    fn must_be(
        &self,
        expected: &Expected,
        ends: &Ends,
        order: &[usize],
        how: &str,
    ) -> Result<(), Failure> {
        let mut what = String::new();
        for (actor, fate) in ends {
            let must = must_conflict(expected, *actor, *fate, ends);
            if *fate != Fate::GaveUp && must != (*fate == Fate::Conflicts) {
                let word = if must { "commits" } else { "conflicts" };
                // Writing into a String cannot fail.
                let _ = writeln!(what, "{} {word} {how}, and should not", self.names[*actor]);
            }
        }
        if what.is_empty() { Ok(()) } else { Err(self.failure(order, what)) }
    }

    fn failure(&self, order: &[usize], what: String) -> Failure {
        let steps: Vec<&str> = order.iter().map(|place| self.steps[*place].text.as_str()).collect();
        let name = if self.name.is_empty() { String::new() } else { format!("{}: ", self.name) };
        let story = format!(
            "{name}{}\n{}the steps were:\n  {}",
            what.trim_end(),
            self.story,
            steps.join("\n  ")
        );
        Failure { story }
    }
}

fn conflicts(ends: &Ends) -> usize {
    ends.iter().filter(|(_, fate)| *fate == Fate::Conflicts).count()
}

/// Whether a transaction that ended so must have conflicted.
fn must_conflict(expected: &Expected, actor: usize, fate: Fate, ends: &Ends) -> bool {
    let last = ends.iter().rev().find(|(_, fate)| *fate != Fate::GaveUp).map(|(actor, _)| *actor);
    match expected {
        Expected::Exactly(actors) => actors.contains(&actor),
        Expected::Last => last == Some(actor),
        // Whoever it was, if it was one alone.
        Expected::One if conflicts(ends) == 1 => fate == Fate::Conflicts,
        Expected::One => last == Some(actor),
    }
}

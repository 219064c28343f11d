//! A schedule after which the invariant does not hold, as a table and as a script.

use std::fmt;

use crate::testkit::explore::stage::Step;

/// The shortest failing schedule that was found; by [`Report::failure`](super::Report::failure).
///
/// Its `Display` is a table, a column a transaction and a row a turn, with the script below.
///
/// ```
/// use precedent::Table;
/// use precedent::testkit::Explore;
/// let counter = Explore::new(|db| db.table("t"))
///     .transactions(2, "count", |tx, t: &Table<u8, u32>| {
///         let n = tx.peek(t, &1).copied().unwrap_or(0); // should be `get`
///         Ok(tx.insert(t, 1, n + 1))
///     })
///     .prune(false)
///     .invariant(|after| match after.database().begin().get(after.state(), &1) {
///         Some(2) => Ok(()),
///         other => Err(format!("counted {other:?}")),
///     });
/// let report = counter.every();
/// let failure = report.failure().unwrap();
/// assert_eq!(failure.message(), "counted Some(1)");
/// let again = counter.replay(&failure.script())?;
/// assert_eq!(again.failure().unwrap().to_string(), failure.to_string());
/// # Ok::<(), precedent::testkit::ScriptError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Failure {
    message: String,
    names: Vec<String>,
    steps: Vec<Step>,
    results: Vec<String>,
}

impl Failure {
    pub(super) fn new(
        message: String,
        names: Vec<String>,
        steps: Vec<Step>,
        results: Vec<String>,
    ) -> Self {
        Self { message, names, steps, results }
    }

    /// What is wrong.
    ///
    /// ```
    /// use precedent::testkit::Explore;
    /// let report = Explore::new(|_| Ok(()))
    ///     .transaction("nothing", |_, _| Ok(()))
    ///     .invariant(|_| Err("not good enough".into()))
    ///     .every();
    /// assert_eq!(report.failure().unwrap().message(), "not good enough");
    /// ```
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The schedule as text, a turn a line: the transaction's number, and for the reader what
    /// it does. [`Explore::replay`](super::Explore::replay) runs it.
    ///
    /// ```
    /// use precedent::testkit::Explore;
    /// let report = Explore::new(|_| Ok(()))
    ///     .transaction("nothing", |_, _| Ok(()))
    ///     .invariant(|_| Err("not good enough".into()))
    ///     .every();
    /// let script = report.failure().unwrap().script();
    /// assert_eq!(script, "# 1 = nothing\n1: begin\n1: end, nothing written\n");
    /// ```
    #[must_use]
    pub fn script(&self) -> String {
        let mut script = String::from("#");
        for (number, name) in self.names.iter().enumerate() {
            let comma = if number == 0 { "" } else { "," };
            script += &format!("{comma} {} = {}", number + 1, one_line(name));
        }
        script.push('\n');
        for step in &self.steps {
            script += &format!("{}: {}\n", step.who + 1, one_line(&step.what));
        }
        script
    }
}

fn one_line(text: &str) -> String {
    text.replace(['\n', '\r'], " ")
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widest = |who: usize| {
            let cells = self.steps.iter().filter(|step| step.who == who);
            let cells = cells.map(|step| step.what.chars().count());
            cells.chain([self.names[who].chars().count()]).max().unwrap_or(0)
        };
        let widths: Vec<_> = (0..self.names.len()).map(widest).collect();
        let row = |f: &mut fmt::Formatter<'_>, first: &str, cell: &dyn Fn(usize) -> String| {
            let mut line = format!("{first:>4}");
            for (who, width) in widths.iter().enumerate() {
                line += &format!("  {:width$}", one_line(&cell(who)));
            }
            writeln!(f, "{}", line.trim_end())
        };
        writeln!(f, "{}\n", self.message)?;
        row(f, "", &|who| self.names[who].clone())?;
        for (number, step) in self.steps.iter().enumerate() {
            let cell = |who| if who == step.who { step.what.clone() } else { String::new() };
            row(f, &(number + 1).to_string(), &cell)?;
        }
        for (name, result) in self.names.iter().zip(&self.results) {
            writeln!(f, "{name} returned {result}")?;
        }
        write!(f, "\nto replay it:\n\n{}", self.script())
    }
}

/// A script that cannot be replayed; by [`Explore::replay`](super::Explore::replay).
///
/// ```
/// use precedent::testkit::Explore;
/// let one = Explore::new(|_| Ok(())).transaction("one", |_, _| Ok(()));
/// let error = one.replay("1: begin\n2: begin\n").unwrap_err();
/// assert_eq!(error.to_string(), "line 2: no transaction has the number \"2\"");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptError {
    line: usize,
    found: String,
}

impl fmt::Display for ScriptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: no transaction has the number {:?}", self.line, self.found)
    }
}

impl std::error::Error for ScriptError {}

/// Whose turns a script says, for this many transactions.
pub(super) fn parse(script: &str, transactions: usize) -> Result<Vec<usize>, ScriptError> {
    let mut turns = Vec::new();
    for (number, line) in script.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let found = line.split(':').next().unwrap_or_default().trim();
        match found.parse::<usize>() {
            Ok(who) if (1..=transactions).contains(&who) => turns.push(who - 1),
            _ => return Err(ScriptError { line: number + 1, found: found.to_owned() }),
        }
    }
    Ok(turns)
}

//! From a history to a script that does the same again.
//!
//! Every transaction begins where its snapshot is and does everything there; it ends at its
//! commit, or, if it did not commit, after those that had ended before it. That is another
//! order of the steps than the recorded one, but the same snapshots, the same versions and
//! the same order of ends, so that the same dependencies come about.

use std::collections::HashMap;
use std::fmt::Write as _;

use crate::testkit::check::{Place, Versions};
use crate::testkit::history::{End, Form, History, Op, Reason, Scan, Seen, Tx};
use crate::testkit::names::{Name, Span, small};

impl History {
    /// The history as a script for [`histories`](crate::testkit::histories), whose values are
    /// the versions. None if it does not say which snapshots the transactions had and when
    /// they committed, or if a commit is no newer than its snapshot. Reads of own writes are left
    /// out; of a range with a predicate, the rows that it returned are read.
    ///
    /// ```
    /// use precedent::testkit::{Recording, histories};
    /// use precedent::{Database, Table};
    /// let recording = Recording::new();
    /// let db = Database::builder().recorder(recording.clone()).build();
    /// let stock: Table<String, u32> = db.table("stock")?;
    /// let (one, other) = (db.begin(), db.begin());
    /// for tx in [&one, &other] {
    ///     assert!(tx.get(&stock, "bolts").is_none());
    ///     tx.insert(&stock, "bolts".into(), 7);
    /// }
    /// one.commit()?;
    /// other.commit().unwrap_err();
    /// let script = recording.take().to_script().ok_or("it has timestamps")?;
    /// assert!(script.contains("T1 get bolts -> none") && script.contains("then T2 conflict"));
    /// histories::parse(&script)?[0].verify(Database::builder)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn to_script(&self) -> Option<String> {
        let timed = self.form == Form::Timestamps && self.txs.iter().all(Tx::is_timed);
        (timed && self.has_small_versions()).then(|| Teller::new(self).tell())
    }

    /// Whether its versions, and some more, are values of a script.
    fn has_small_versions(&self) -> bool {
        let times = self.txs.iter().flat_map(|tx| [tx.snapshot, tx.commit()]).flatten();
        let ops = self.ops.iter().map(|op| match *op {
            Op::Read { seen, .. } => seen,
            Op::Write { version, .. } => Seen::Version(version),
            Op::Scan(_) => Seen::Absent,
        });
        let rows = self.scans.iter().flat_map(|scan| &scan.rows).map(|row| row.1);
        let seen = ops.chain(rows).filter_map(|seen| match seen {
            Seen::Version(version) => Some(version),
            Seen::Own | Seen::Absent => None,
        });
        times.chain(seen).all(|version| version <= MOST_VERSION)
    }
}

impl Tx {
    /// Whether it is told when it began, and when it committed, if it did: later.
    fn is_timed(&self) -> bool {
        match self.end {
            End::Committed(commit) => self.snapshot.is_some() && commit > self.snapshot,
            _ => self.snapshot.is_some(),
        }
    }
}

/// Values of scripts go to 2^63.
const MOST_VERSION: u64 = 1 << 62;

struct Teller<'h> {
    history: &'h History,
    versions: Versions,
    /// What the keys are called in the script.
    words: Vec<String>,
    /// Whether those are not their names.
    renamed: bool,
    /// The next value for what was never committed.
    next_value: u64,
    out: String,
}

/// Where a step stands: after which commit, and whether as that commit, behind it, or as an
/// end behind what follows it.
type Moment = (u64, u8, usize);

impl<'h> Teller<'h> {
    fn new(history: &'h History) -> Self {
        let (words, renamed) = words(history);
        let newest = history.txs.iter().filter_map(|tx| tx.commit().or(tx.snapshot)).max();
        let (versions, next_value) = (Versions::of(history), newest.unwrap_or(0) + 1);
        Self { history, versions, words, renamed, next_value, out: String::new() }
    }

    fn tell(mut self) -> String {
        self.out.push_str("# A recorded history.\n");
        if self.renamed {
            for (key, word) in self.words.iter().enumerate() {
                let _ = writeln!(self.out, "# {word} is {}", self.history.names.full(small(key)));
            }
        }
        self.tell_init();
        let mut refused = Vec::new();
        for (tx, is_end) in self.order() {
            let end = self.history.txs[tx].end;
            let name = format!("T{}", tx + 1);
            if !is_end {
                self.tell_steps(tx, &name);
                continue;
            }
            let drops_writes =
                || self.history.ops_of(tx).iter().any(|op| matches!(op, Op::Write { .. }));
            let verb = match end {
                End::Certified if drops_writes() => "fail",
                End::Committed(_) | End::Certified | End::Aborted(Reason::Conflict) => "commit",
                End::Aborted(_) | End::Unknown => "rollback",
            };
            if end == End::Aborted(Reason::Conflict) {
                refused.push(name.clone());
            }
            let _ = writeln!(self.out, "{name} {verb}");
        }
        let who = if refused.is_empty() {
            "nobody conflicts".to_owned()
        } else {
            refused.join(" ") + " conflict"
        };
        let _ = writeln!(self.out, "then {who}");
        self.out
    }

    /// Steps and ends of the transactions, in order.
    fn order(&self) -> Vec<(usize, bool)> {
        let mut ends: Vec<(u64, u64)> = Vec::new();
        for tx in &self.history.txs {
            ends.extend(tx.ended.zip(tx.commit()));
        }
        ends.sort_unstable();
        // The newest commit of all that had ended by then.
        let mut newest = 0;
        for (_, commit) in &mut ends {
            newest = newest.max(*commit);
            *commit = newest;
        }
        let mut moments: Vec<(Moment, usize, bool)> = Vec::new();
        for (place, tx) in self.history.txs.iter().enumerate() {
            let snapshot = tx.snapshot.unwrap_or(0);
            moments.push(((snapshot, 1, place), place, false));
            let end = tx.commit().map_or_else(
                || {
                    let before = ends.partition_point(|(ended, _)| Some(*ended) < tx.ended);
                    let newest = before.checked_sub(1).map_or(0, |last| ends[last].1);
                    (newest.max(snapshot), 2, place)
                },
                |commit| (commit, 0, place),
            );
            moments.push((end, place, true));
        }
        moments.sort_unstable();
        moments.into_iter().map(|(_, tx, is_end)| (tx, is_end)).collect()
    }

    /// What was there before, as far as anybody saw it.
    fn tell_init(&mut self) {
        let mut there: HashMap<u32, u64> = HashMap::new();
        let mut see = |key: u32, seen: Seen| {
            if let Seen::Version(version) = seen
                && !self.versions.ordered(key).iter().any(|known| known.token == version)
            {
                there.insert(key, version);
            }
        };
        for op in &self.history.ops {
            if let Op::Read { key, seen } = *op {
                see(key, seen);
            }
        }
        self.history.scans.iter().flat_map(|scan| &scan.rows).for_each(|row| see(row.0, row.1));
        let mut there: Vec<(u32, u64)> = there.into_iter().collect();
        there.sort_unstable();
        if !there.is_empty() {
            let words = there
                .iter()
                .map(|(key, version)| format!(" {}={version}", self.words[*key as usize]));
            let line: String = words.collect();
            let _ = writeln!(self.out, "init{line}");
        }
    }

    fn tell_steps(&mut self, tx: usize, name: &str) {
        let history = self.history;
        let _ = writeln!(self.out, "{name} begin");
        let mut late: Vec<&Scan> = Vec::new();
        for op in history.ops_of(tx) {
            match *op {
                Op::Read { key, seen } => self.tell_read(name, key, seen),
                Op::Scan(place) => {
                    let scan = &history.scans[place as usize];
                    if scan.own.is_empty() { self.tell_scan(name, scan) } else { late.push(scan) }
                }
                Op::Write { .. } => {}
            }
        }
        // What a range did not look at, because it was the transaction's own, is written
        // before it.
        for (number, scan) in late.into_iter().enumerate() {
            let _ = writeln!(self.out, "{name} savepoint s{number}");
            for key in &scan.own {
                self.tell_write(name, *key, 0, false);
            }
            self.tell_scan(name, scan);
            let _ = writeln!(self.out, "{name} rollback_to s{number}");
        }
        for op in history.ops_of(tx) {
            if let Op::Write { key, version, removal } = *op {
                self.tell_write(name, key, version, removal);
            }
        }
    }

    fn tell_read(&mut self, name: &str, key: u32, seen: Seen) {
        let value = match seen {
            Seen::Own => return,
            Seen::Absent => "none".to_owned(),
            Seen::Version(version) => match self.versions.place(key, seen, None) {
                Place::Order(count) if count > 0 && self.is_removal(key, count, version) => {
                    "none".to_owned()
                }
                _ => version.to_string(),
            },
        };
        let _ = writeln!(self.out, "{name} get {} -> {value}", self.words[key as usize]);
    }

    fn is_removal(&self, key: u32, count: usize, version: u64) -> bool {
        let found = self.versions.ordered(key)[count - 1];
        found.token == version && found.removal
    }

    fn tell_scan(&mut self, name: &str, scan: &Scan) {
        for span in &scan.spans {
            if let Some(range) = self.range(scan.table, *span) {
                let _ = writeln!(self.out, "{name} range {range}");
            }
        }
        if scan.spans.is_empty() {
            scan.rows.iter().for_each(|(key, seen)| self.tell_read(name, *key, *seen));
        }
    }

    /// A range in the words of the script, which has one table for all.
    fn range(&self, table: u32, span: Span) -> Option<String> {
        let keys = self.history.names.covered(table, span);
        let [lower, upper] = span;
        let (first, last) = (keys.first()?, keys.last()?);
        let word = |key: u32| &self.words[key as usize];
        let lower = match lower {
            Some((key, true)) => word(key).clone(),
            Some((key, false)) => format!("{}<", word(key)),
            None => word(*first).clone(),
        };
        let upper = match upper {
            Some((key, true)) => format!("={}", word(key)),
            Some((key, false)) => word(key).clone(),
            None => format!("={}", word(*last)),
        };
        Some(format!("{lower}..{upper}"))
    }

    fn tell_write(&mut self, name: &str, key: u32, version: u64, removal: bool) {
        let word = &self.words[key as usize];
        if removal {
            let _ = writeln!(self.out, "{name} remove {word}");
            return;
        }
        let value = if version == 0 { self.next_value } else { version };
        self.next_value += u64::from(version == 0);
        let _ = writeln!(self.out, "{name} insert {word} {value}");
    }
}

/// What the keys are called in a script: their names, if those are words in the right order,
/// else their places.
fn words(history: &History) -> (Vec<String>, bool) {
    let names = &history.names;
    let plain = |name: &Name| {
        let Name::Text(text) = name else { return false };
        !text.is_empty() && text.chars().all(|char| char.is_alphanumeric() || char == '_')
    };
    let tables = small(names.tables());
    let one_table = (0..tables).filter(|table| !names.sorted(*table).is_empty()).count() <= 1;
    let in_order = (0..tables).all(|table| !names.is_told(table));
    let all: Vec<u32> = (0..small(names.keys())).collect();
    if one_table && in_order && all.iter().all(|key| plain(names.key_name(*key))) {
        return (all.iter().map(|key| names.key_name(*key).to_string()).collect(), false);
    }
    let word = |key: &u32| format!("t{}k{:06}", names.table_of(*key), names.rank(*key));
    (all.iter().map(word).collect(), true)
}

//! Writes histories in the forms of Elle and `adya`.
//!
//! A version becomes an element, or the value of a register. So does a removal, which is a
//! version like others: what must be judged is who saw which version, not what was in it. A
//! range becomes a read of each key in it of which there ever was a version. The judges then
//! see the same dependencies, but none as one of a range.

use crate::testkit::check::{Place, Versions};
use crate::testkit::forms::lines_out::{write_list, write_name};
use crate::testkit::history::{Form, History, Op, Seen};
use crate::testkit::json::write_text;
use crate::testkit::names::Name;

impl History {
    /// The history as appends to lists, one JSON object a line, as Elle and `adya` read it:
    /// each version is an element. Each transaction is a process of its own. Reads of a
    /// transaction's own writes are left out.
    ///
    /// O(n) in the lists, that is, quadratic in the versions of a key if all of them are read.
    ///
    /// ```
    /// use precedent::testkit::Recording;
    /// use precedent::{Database, Table};
    /// let recording = Recording::new();
    /// let db = Database::builder().recorder(recording.clone()).build();
    /// let stock: Table<&str, u32> = db.table("stock")?;
    /// db.transact(|tx| Ok(tx.insert(&stock, "bolts", 7)))?;
    /// db.transact(|tx| Ok(tx.remove(&stock, &"bolts")))?;
    /// db.read(|tx| assert!(tx.get(&stock, &"bolts").is_none()))?;
    /// let text = recording.take().to_list_append();
    /// let last = text.lines().last().unwrap();
    /// assert!(last.ends_with(r#""value":[["r","stock[bolts]",[1,2]]]}"#), "{text}");
    /// # Ok::<(), precedent::Error>(())
    /// ```
    #[must_use]
    pub fn to_list_append(&self) -> String {
        Writer::new(self, true).write()
    }

    /// The history as writes of registers, one JSON object a line, as Elle and `adya` read
    /// it: each version is a value. For the rest see [`History::to_list_append`].
    ///
    /// ```
    /// use precedent::testkit::Recording;
    /// use precedent::{Database, Table};
    /// let recording = Recording::new();
    /// let db = Database::builder().recorder(recording.clone()).build();
    /// let stock: Table<&str, u32> = db.table("stock")?;
    /// db.transact(|tx| Ok(tx.insert(&stock, "bolts", 7)))?;
    /// db.read(|tx| assert!(tx.get(&stock, &"bolts").is_some()))?;
    /// let text = recording.take().to_registers();
    /// let last = text.lines().last().unwrap();
    /// assert!(last.ends_with(r#""value":[["r","stock[bolts]",1]]}"#), "{text}");
    /// # Ok::<(), precedent::Error>(())
    /// ```
    #[must_use]
    pub fn to_registers(&self) -> String {
        Writer::new(self, false).write()
    }
}

struct Writer<'h> {
    history: &'h History,
    versions: Versions,
    lists: bool,
}

impl<'h> Writer<'h> {
    fn new(history: &'h History, lists: bool) -> Self {
        Self { history, versions: Versions::of(history), lists }
    }

    fn write(&self) -> String {
        let mut moments: Vec<(u64, bool, usize)> = Vec::new();
        for (place, tx) in self.history.txs.iter().enumerate() {
            moments.push((tx.called.unwrap_or(0), false, place));
            moments.push((tx.ended.unwrap_or(u64::MAX), true, place));
        }
        moments.sort_unstable();
        let mut out = String::new();
        for (index, (_, is_end, tx)) in moments.into_iter().enumerate() {
            let end = self.history.txs[tx].end;
            let kind = match () {
                () if !is_end => "invoke",
                () if end.counts() => "ok",
                () if end.may_write() => "info",
                () => "fail",
            };
            out.push_str(&format!(
                "{{\"index\":{index},\"type\":\"{kind}\",\"process\":{tx},\"value\":"
            ));
            let ops = self.ops(tx, is_end && end.counts());
            write_list(&mut out, ops.iter(), |out, op| out.push_str(op));
            out.push_str("}\n");
        }
        out
    }

    fn ops(&self, tx: usize, told: bool) -> Vec<String> {
        let snapshot = self.history.txs[tx].snapshot;
        // What is dropped without having been refused is no write.
        let writes_stand = self.history.txs[tx].end != crate::testkit::history::End::Certified;
        let mut texts = Vec::new();
        for op in self.history.ops_of(tx) {
            match *op {
                Op::Read { key, seen } => texts.extend(self.read(key, seen, snapshot, told)),
                Op::Write { key, version, .. } if writes_stand => {
                    texts.push(self.op(if self.lists { "append" } else { "w" }, key, |out| {
                        self.write_version(out, version, tx);
                    }));
                }
                Op::Write { .. } => {}
                Op::Scan(place) => {
                    let scan = &self.history.scans[place as usize];
                    for (key, seen) in &scan.rows {
                        texts.extend(self.read(*key, *seen, snapshot, told));
                    }
                    for key in self.gaps(scan) {
                        texts.extend(self.read(key, Seen::Absent, snapshot, told));
                    }
                }
            }
        }
        texts
    }

    /// The keys that a range did not return, of those of which there ever was a version.
    fn gaps(&self, scan: &'h crate::testkit::history::Scan) -> impl Iterator<Item = u32> {
        let keys = scan.spans.iter().flat_map(|span| self.history.names.covered(scan.table, *span));
        keys.copied().filter(|key| {
            let known = scan.rows.iter().any(|(row, _)| row == key) || scan.own.contains(key);
            !known && !self.versions.ordered(*key).is_empty()
        })
    }

    fn read(&self, key: u32, seen: Seen, snapshot: Option<u64>, told: bool) -> Option<String> {
        let place = self.versions.place(key, seen, snapshot);
        let ordered = self.versions.ordered(key);
        let tokens: Vec<u64> = match place {
            Place::Unknown => return None,
            Place::Order(count) => ordered[..count].iter().map(|version| version.token).collect(),
            Place::Loose(place) => {
                let own = self.versions.loose(key)[place].token;
                ordered.iter().map(|version| version.token).chain([own]).collect()
            }
        };
        Some(self.op("r", key, |out| match (told, self.lists) {
            (false, _) => out.push_str("null"),
            (true, true) => write_list(out, tokens.iter(), |out, token| {
                self.write_version(out, *token, 0);
            }),
            (true, false) => match tokens.last() {
                None => out.push_str("null"),
                Some(token) => self.write_version(out, *token, 0),
            },
        }))
    }

    fn op(&self, verb: &str, key: u32, value: impl FnOnce(&mut String)) -> String {
        let names = &self.history.names;
        let mut out = format!("[\"{verb}\",");
        if names.table_name(names.table_of(key)).is_empty() {
            write_name(&mut out, names.key_name(key));
        } else {
            write_text(&mut out, &names.full(key));
        }
        out.push(',');
        value(&mut out);
        out.push(']');
        out
    }

    fn write_version(&self, out: &mut String, version: u64, tx: usize) {
        let known = usize::try_from(version).ok().and_then(|place| self.history.values.get(place));
        match known {
            Some(name) if self.history.form != Form::Timestamps => write_name(out, name),
            // Who never got a timestamp needs a value of its own all the same.
            _ if version == 0 => {
                write_name(out, &Name::Text(format!("T{}", self.history.txs[tx].id).into()));
            }
            _ => out.push_str(&version.to_string()),
        }
    }
}

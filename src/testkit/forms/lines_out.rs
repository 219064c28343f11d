//! Writes histories as JSON lines.

use std::fmt::Write as _;

use crate::testkit::history::{History, Op, Scan, Seen, Tx};
use crate::testkit::json::write_text;
use crate::testkit::names::{Name, Span, small};

impl History {
    /// The history as JSON lines: all that is known, in the form that [`History::parse`]
    /// reads.
    ///
    /// ```
    /// use precedent::testkit::{History, Recording};
    /// use precedent::{Database, Table};
    /// let recording = Recording::new();
    /// let db = Database::builder().recorder(recording.clone()).build();
    /// let stock: Table<&str, u32> = db.table("stock")?;
    /// db.transact(|tx| Ok(tx.insert(&stock, "bolts", 7)))?;
    /// let text = recording.take().to_json_lines();
    /// assert!(text.contains(r#""commit":1,"ops":[["w","stock","bolts",1]]"#), "{text}");
    /// assert_eq!(History::parse(&text)?.to_json_lines(), text);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn to_json_lines(&self) -> String {
        let mut out = String::new();
        for table in 0..small(self.names.tables()) {
            if self.names.is_told(table) {
                self.write_order(&mut out, table);
            }
        }
        for tx in 0..self.len() {
            self.write_tx(&mut out, tx);
        }
        out
    }

    fn write_order(&self, out: &mut String, table: u32) {
        out.push_str("{\"table\":");
        write_text(out, self.names.table_name(table));
        out.push_str(",\"keys\":");
        write_list(out, self.names.sorted(table).iter(), |out, key| {
            write_name(out, self.names.key_name(*key));
        });
        out.push_str("}\n");
    }

    fn write_tx(&self, out: &mut String, place: usize) {
        let tx = &self.txs[place];
        // Writing into a String cannot fail.
        let _ = write!(out, "{{\"tx\":{}", tx.id);
        if let Some(label) = &tx.label {
            out.push_str(",\"label\":");
            write_text(out, label);
        }
        write_numbers(out, tx);
        let _ = write!(out, ",\"end\":\"{}\"", tx.end.word());
        if let Some(commit) = tx.commit() {
            let _ = write!(out, ",\"commit\":{commit}");
        }
        out.push_str(",\"ops\":");
        let ops: Vec<String> =
            self.ops_of(place).iter().flat_map(|op| self.op_texts(*op)).collect();
        write_list(out, ops.iter(), |out, op| out.push_str(op));
        out.push_str("}\n");
    }

    fn op_texts(&self, op: Op) -> Vec<String> {
        let mut out = String::new();
        match op {
            Op::Read { key, seen } => {
                self.write_key(&mut out, "r", key);
                write_seen(&mut out, seen);
                out.push(']');
            }
            Op::Write { key, version, removal } => {
                self.write_key(&mut out, if removal { "d" } else { "w" }, key);
                let seen = if version == 0 { Seen::Absent } else { Seen::Version(version) };
                write_seen(&mut out, seen);
                out.push(']');
            }
            Op::Scan(place) => return self.scan_texts(&self.scans[place as usize]),
        }
        vec![out]
    }

    fn write_key(&self, out: &mut String, verb: &str, key: u32) {
        let _ = write!(out, "[\"{verb}\",");
        write_text(out, self.names.table_name(self.names.table_of(key)));
        out.push(',');
        write_name(out, self.names.key_name(key));
        out.push(',');
    }

    /// A range that was driven from both ends is two.
    fn scan_texts(&self, scan: &Scan) -> Vec<String> {
        let table = self.names.table_name(scan.table);
        if scan.spans.is_empty() {
            let mut out = String::from("[\"rows\",");
            write_text(&mut out, table);
            out.push(',');
            self.write_rows(&mut out, scan.rows.iter());
            return vec![out + "]"];
        }
        let text = |span: &Span| {
            let mut out = String::from("[\"scan\",");
            write_text(&mut out, table);
            self.write_bound(&mut out, span[0]);
            self.write_bound(&mut out, span[1]);
            out.push(',');
            self.write_rows(&mut out, scan.rows.iter().filter(|row| self.lies_in(row.0, *span)));
            if !scan.own.is_empty() {
                out.push(',');
                write_list(&mut out, scan.own.iter(), |out, key| {
                    write_name(out, self.names.key_name(*key));
                });
            }
            out + "]"
        };
        scan.spans.iter().map(text).collect()
    }

    fn lies_in(&self, key: u32, [lower, upper]: Span) -> bool {
        let rank = self.names.rank(key);
        let above = lower.is_none_or(|(bound, inside)| {
            let bound = self.names.rank(bound);
            rank > bound || (inside && rank == bound)
        });
        let below = upper.is_none_or(|(bound, inside)| {
            let bound = self.names.rank(bound);
            rank < bound || (inside && rank == bound)
        });
        above && below
    }

    fn write_bound(&self, out: &mut String, bound: Option<(u32, bool)>) {
        match bound {
            None => out.push_str(",null"),
            Some((key, inside)) => {
                out.push_str(if inside { ",[\"=\"," } else { ",[\"<\"," });
                write_name(out, self.names.key_name(key));
                out.push(']');
            }
        }
    }

    fn write_rows<'r>(&self, out: &mut String, rows: impl Iterator<Item = &'r (u32, Seen)>) {
        write_list(out, rows, |out, (key, seen)| {
            out.push('[');
            write_name(out, self.names.key_name(*key));
            out.push(',');
            write_seen(out, *seen);
            out.push(']');
        });
    }
}

fn write_numbers(out: &mut String, tx: &Tx) {
    let process = tx.process.map(u64::from);
    let fields = [
        ("process", process),
        ("called", tx.called),
        ("ended", tx.ended),
        ("snapshot", tx.snapshot),
    ];
    for (name, value) in fields {
        if let Some(value) = value {
            let _ = write!(out, ",\"{name}\":{value}");
        }
    }
}

fn write_seen(out: &mut String, seen: Seen) {
    match seen {
        Seen::Own => out.push_str("\"own\""),
        Seen::Absent => out.push_str("null"),
        Seen::Version(version) => {
            let _ = write!(out, "{version}");
        }
    }
}

pub(super) fn write_name(out: &mut String, name: &Name) {
    match name {
        Name::Int(number) => {
            let _ = write!(out, "{number}");
        }
        Name::Text(text) => write_text(out, text),
    }
}

/// `[` items with commas between them `]`.
pub(super) fn write_list<T>(
    out: &mut String,
    items: impl Iterator<Item = T>,
    mut write: impl FnMut(&mut String, T),
) {
    out.push('[');
    for (number, item) in items.enumerate() {
        if number > 0 {
            out.push(',');
        }
        write(out, item);
    }
    out.push(']');
}

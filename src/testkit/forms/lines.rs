//! Reads histories as JSON lines of this crate's own.
//!
//! ```text
//! {"table":"ledger","keys":["(1, 9)","(1, 10)"]}
//! {"tx":7,"label":"pay","called":120,"ended":310,"snapshot":5,"end":"committed","commit":6,
//!  "ops":[["r","ledger","(1, 9)",5],["w","ledger","(1, 10)",6]]}
//! ```
//!
//! | field | meaning |
//! | --- | --- |
//! | `tx`, `label`, `process` | a number; a name; who ran it |
//! | `called`, `ended` | moments on any clock: it began after the one and had ended by the other |
//! | `snapshot` | the newest commit that it could see |
//! | `end` | `committed` (also said by `commit`), `certified` (it read; nothing was written), `unknown`, or why it failed: `conflict`, `rolled back`, `limit`, `time out`, `failed` |
//! | `commit` | its commit timestamp |
//! | `ops` | what it did |
//!
//! | operation | meaning |
//! | --- | --- |
//! | `["r",table,key,version]` | read; `null` for nothing, `"own"` for its own write |
//! | `["w",table,key,version]` | write, of a version that no other transaction writes |
//! | `["d",table,key,version]` | removal |
//! | `["scan",table,lower,upper,rows]` | range read: bounds as `["=",key]`, `["<",key]` or `null`; rows as `[key,version]` |
//! | `["scan",table,lower,upper,rows,own]` | the same beside keys that it had itself written |
//! | `["rows",table,rows]` | what a range with a predicate returned |
//!
//! Versions are numbers, ordered as such: commit timestamps. A `table` line says in which
//! order the keys of a table are, where it is not that of their names.

use crate::testkit::history::{End, Form, History, Op, ParseError, Scan, Seen, Tx};
use crate::testkit::json::Json;
use crate::testkit::names::{Name, Span, small};

/// Reads a history in this form.
pub(super) fn parse(text: &str) -> Result<History, ParseError> {
    let mut history = History { form: Form::Timestamps, ..History::default() };
    for (number, line) in text.lines().enumerate() {
        if line.trim().is_empty() {
            continue;
        }
        let read = Json::parse(line).and_then(|value| {
            if value.field("table").is_some() {
                table(&mut history, &value)
            } else {
                transaction(&mut history, &value)
            }
        });
        read.map_err(|what| ParseError::new(number + 1, what))?;
    }
    history.names.arrange();
    Ok(history)
}

fn table(history: &mut History, value: &Json<'_>) -> Result<(), String> {
    let name = value.field("table").and_then(Json::as_text).ok_or("`table` is no text")?;
    let keys = value.field("keys").and_then(Json::as_array).ok_or("`keys` is no array")?;
    let table = history.names.table(name);
    let keys: Result<Vec<u32>, String> =
        keys.iter().map(|key| Ok(history.names.key(table, name_of(key)?))).collect();
    history.names.tell_order(table, keys?);
    Ok(())
}

/// A key or a value.
pub(super) fn name_of(value: &Json<'_>) -> Result<Name, String> {
    match value {
        Json::Int(number) => Ok(Name::Int(*number)),
        Json::Text(text) => Ok(Name::Text((&**text).into())),
        other => Err(format!("a key is a text or a number, not {other:?}")),
    }
}

fn transaction(history: &mut History, value: &Json<'_>) -> Result<(), String> {
    let number = |field: &str| match value.field(field) {
        None | Some(Json::Null) => Ok(None),
        Some(value) => {
            value.as_u64().map(Some).ok_or_else(|| format!("`{field}` is no number from 0 on"))
        }
    };
    let id = number("tx")?.ok_or("`tx` is missing")?;
    let commit = number("commit")?;
    let end = match value.field("end") {
        None if commit.is_some() => End::Committed(commit),
        None => return Err("neither `end` nor `commit` says how it ended".to_owned()),
        Some(word) => {
            let word = word.as_text().ok_or("`end` is no text")?;
            End::from_word(word, commit).ok_or_else(|| format!("no such end: `{word}`"))?
        }
    };
    let mut tx = Tx::new(id, end);
    tx.label = value.field("label").and_then(Json::as_text).map(Into::into);
    tx.process = number("process")?.and_then(|process| u32::try_from(process).ok());
    (tx.called, tx.ended, tx.snapshot) = (number("called")?, number("ended")?, number("snapshot")?);
    if tx.called.zip(tx.ended).is_some_and(|(called, ended)| ended < called) {
        return Err("`ended` is before `called`".to_owned());
    }
    let first = history.ops.len();
    if let Some(ops) = value.field("ops") {
        for op in ops.as_array().ok_or("`ops` is no array")? {
            operation(history, op)?;
        }
    }
    history.close(tx, first);
    Ok(())
}

fn operation(history: &mut History, op: &Json<'_>) -> Result<(), String> {
    let parts = op.as_array().ok_or("an operation is an array")?;
    let [verb, table, rest @ ..] = parts else {
        return Err("an operation has a verb and a table".to_owned());
    };
    let verb = verb.as_text().ok_or("an operation begins with its verb")?;
    let table = table.as_text().ok_or("the name of a table is a text")?;
    let table = history.names.table(table);
    let op = match (verb, rest) {
        ("r", [key, seen]) => {
            Op::Read { key: history.names.key(table, name_of(key)?), seen: sight(seen)? }
        }
        ("w" | "d", [key, version]) => Op::Write {
            key: history.names.key(table, name_of(key)?),
            version: match version {
                Json::Null => 0,
                version => version.as_u64().ok_or("a version is a number from 0 on")?,
            },
            removal: verb == "d",
        },
        ("scan", [lower, upper, rows, own @ ..]) if own.len() <= 1 => {
            let span = [bound(history, table, lower)?, bound(history, table, upper)?];
            let own = own.first().map_or(Ok(&[][..]), |own| own.as_array().ok_or("no keys"))?;
            let own: Result<Vec<u32>, String> =
                own.iter().map(|key| Ok(history.names.key(table, name_of(key)?))).collect();
            push_scan(history, table, vec![span], rows, own?)?
        }
        ("rows", [rows]) => push_scan(history, table, Vec::new(), rows, Vec::new())?,
        ("r" | "w" | "d" | "scan" | "rows", _) => {
            return Err(format!("`{verb}` does not have {} parts", parts.len()));
        }
        _ => return Err(format!("no such operation: `{verb}`")),
    };
    history.ops.push(op);
    Ok(())
}

fn push_scan(
    history: &mut History,
    table: u32,
    spans: Vec<Span>,
    rows: &Json<'_>,
    own: Vec<u32>,
) -> Result<Op, String> {
    let rows = rows.as_array().ok_or("the rows of a range are an array")?;
    let row = |row: &Json<'_>| {
        let Some([key, seen]) = row.as_array() else {
            return Err("a row has a key and a version".to_owned());
        };
        Ok((history.names.key(table, name_of(key)?), sight(seen)?))
    };
    let rows = rows.iter().map(row).collect::<Result<Vec<_>, String>>()?;
    let filtered = spans.is_empty();
    let place = small(history.scans.len());
    history.scans.push(Scan { table, spans, rows, own, filtered });
    Ok(Op::Scan(place))
}

fn sight(value: &Json<'_>) -> Result<Seen, String> {
    match value {
        Json::Null => Ok(Seen::Absent),
        Json::Text(own) if own == "own" => Ok(Seen::Own),
        version => {
            let version = version.as_u64();
            version.map(Seen::Version).ok_or_else(|| {
                "what was read is a version, `null` for nothing, or `\"own\"`".to_owned()
            })
        }
    }
}

fn bound(
    history: &mut History,
    table: u32,
    value: &Json<'_>,
) -> Result<Option<(u32, bool)>, String> {
    let wrong = || "a bound is `[\"=\",key]`, `[\"<\",key]` or `null`".to_owned();
    match value {
        Json::Null => Ok(None),
        Json::Array(parts) => {
            let [kind, key] = &parts[..] else { return Err(wrong()) };
            let inside = match kind.as_text() {
                Some("=") => true,
                Some("<") => false,
                _ => return Err(wrong()),
            };
            Ok(Some((history.names.key(table, name_of(key)?), inside)))
        }
        _ => Err(wrong()),
    }
}

//! Reads histories in the forms of Elle and `adya`: what clients asked for, and what they got.
//!
//! ```text
//! {"index":0,"type":"invoke","process":0,"value":[["append","x",1],["r","y",null]]}
//! {"index":1,"type":"ok","process":0,"value":[["append","x",1],["r","y",[3,7]]]}
//! ```
//!
//! A list shows the order of what was appended to it, so only the order of each key is kept,
//! and of each read its last element. Time is the order of the lines.

use std::collections::HashMap;

use crate::testkit::check::{AnomalyKind, MOST_WITNESSES};
use crate::testkit::forms::lines::name_of;
use crate::testkit::history::{End, Flaw, Form, History, Op, ParseError, Reason, Seen, Tx};
use crate::testkit::json::Json;
use crate::testkit::names::{Name, small};

/// Reads a history of appends or of registers.
pub(super) fn parse(text: &str) -> Result<History, ParseError> {
    let mut reader = Reader::default();
    reader.history.form = Form::Registers;
    reader.history.names.table("");
    for (number, line) in text.lines().enumerate() {
        if line.trim().is_empty() {
            continue;
        }
        reader.line = number + 1;
        let read = Json::parse(line).and_then(|value| reader.take(value));
        read.map_err(|what| ParseError::new(number + 1, what))?;
    }
    reader.finish()
}

#[derive(Default)]
struct Reader<'t> {
    history: History,
    /// What the versions are called.
    tokens: HashMap<Name, u64>,
    /// Who is on its way, by process: when it was called, and what it asked for.
    open: HashMap<i64, (u64, u64, Json<'t>)>,
    line: usize,
    /// How many operations there were.
    moment: u64,
    /// Whether the history is known to be one of lists, or of registers, and since when.
    form: Option<(Form, usize)>,
}

/// What a transaction must find at a key, after what it did so far.
#[derive(Default)]
struct Expected<'j, 't> {
    /// What it read, if it has.
    base: Option<&'j Json<'t>>,
    /// What it wrote since.
    tail: Vec<&'j Json<'t>>,
}

impl<'t> Reader<'t> {
    fn take(&mut self, value: Json<'t>) -> Result<(), String> {
        let kind = value.field("type").and_then(Json::as_text).ok_or("`type` is missing")?;
        let end = match kind {
            "invoke" => None,
            "ok" => Some(End::Committed(None)),
            "fail" => Some(End::Aborted(Reason::Failed)),
            "info" => Some(End::Unknown),
            other => return Err(format!("no such type: `{other}`")),
        };
        let function = value.field("f").and_then(Json::as_text);
        // What is not a client does no transactions.
        let process = match value.field("process") {
            None | Some(Json::Null) => Some(0),
            Some(process) => process.as_i64(),
        };
        let (Some(process), "txn") = (process, function.unwrap_or("txn")) else { return Ok(()) };
        let moment = self.moment;
        self.moment += 1;
        let index = value.field("index").and_then(Json::as_u64).unwrap_or(moment);
        let Some(end) = end else {
            self.open.insert(process, (moment, index, value));
            return Ok(());
        };
        let called = self.open.remove(&process).map(|(moment, ..)| moment);
        let mut tx = Tx::new(index, end);
        tx.process = u32::try_from(process).ok();
        tx.called = called;
        tx.ended = end.counts().then_some(moment);
        self.transaction(tx, &value)
    }

    fn transaction(&mut self, tx: Tx, value: &Json<'t>) -> Result<(), String> {
        let first = self.history.ops.len();
        let ops = match value.field("value") {
            None | Some(Json::Null) => &[],
            Some(ops) => ops.as_array().ok_or("`value` is no array")?,
        };
        let mut expected: Vec<(u32, Expected<'_, 't>)> = Vec::new();
        for op in ops {
            let Some([verb, key, value]) = op.as_array() else {
                return Err("an operation is `[verb,key,value]`".to_owned());
            };
            let key = self.history.names.key(0, name_of(key)?);
            let place = expected.iter().position(|(known, _)| *known == key);
            let place = place.unwrap_or_else(|| {
                expected.push((key, Expected::default()));
                expected.len() - 1
            });
            let state = &mut expected[place].1;
            match verb.as_text() {
                Some("append") => {
                    self.must_be(Form::Lists)?;
                    self.append(&tx, key, value, state)?;
                }
                Some("w") => {
                    self.must_be(Form::Registers)?;
                    let version = self.token(value)?;
                    self.history.ops.push(Op::Write { key, version, removal: false });
                    state.base = Some(value);
                    state.tail = vec![value];
                }
                // Who failed, or whose answer was lost, has not told what it read.
                Some("r") if !tx.end.counts() => {}
                Some("r") => self.read(&tx, key, value, state)?,
                _ => return Err(format!("no such operation: {verb:?}")),
            }
        }
        self.history.close(tx, first);
        Ok(())
    }

    fn must_be(&mut self, form: Form) -> Result<(), String> {
        let (known, since) = *self.form.get_or_insert((form, self.line));
        self.history.form = known;
        if known == form {
            return Ok(());
        }
        let name = |form| if form == Form::Lists { "lists" } else { "registers" };
        Err(format!(
            "a history is of lists or of registers; it was of {} in line {since}, and is of {} here",
            name(known),
            name(form)
        ))
    }

    fn token(&mut self, value: &Json<'_>) -> Result<u64, String> {
        let name = name_of(value)?;
        if let Some(known) = self.tokens.get(&name) {
            return Ok(*known);
        }
        let token = self.history.values.len() as u64;
        self.history.values.push(name.clone());
        self.tokens.insert(name, token);
        Ok(token)
    }

    fn append<'j>(
        &mut self,
        tx: &Tx,
        key: u32,
        value: &'j Json<'t>,
        state: &mut Expected<'j, 't>,
    ) -> Result<(), String> {
        let version = self.token(value)?;
        self.history.ops.push(Op::Write { key, version, removal: false });
        state.tail.push(value);
        let seen = state.base.and_then(Json::as_array);
        if tx.end.counts() && seen.is_some_and(|seen| seen.contains(value)) {
            let story = format!(
                "T{} read element {} of {} before it appended it itself",
                tx.id,
                self.history.version_name(version),
                self.history.names.full(key)
            );
            self.flaw(AnomalyKind::G1c, story);
        }
        Ok(())
    }

    fn read<'j>(
        &mut self,
        tx: &Tx,
        key: u32,
        value: &'j Json<'t>,
        state: &mut Expected<'j, 't>,
    ) -> Result<(), String> {
        match value {
            Json::Array(list) => {
                self.must_be(Form::Lists)?;
                self.read_list(tx, key, list, state)?;
                state.base = Some(value);
                state.tail.clear();
                Ok(())
            }
            Json::Null if self.form.is_none_or(|(form, _)| form == Form::Lists) => {
                // Also of registers nothing but the beginning is read as nothing.
                self.read_list(tx, key, &[], state)?;
                state.base = Some(value);
                state.tail.clear();
                Ok(())
            }
            value => {
                if *value != Json::Null {
                    self.must_be(Form::Registers)?;
                }
                self.read_register(tx, key, value, state)
            }
        }
    }

    fn read_list(
        &mut self,
        tx: &Tx,
        key: u32,
        list: &[Json<'t>],
        state: &Expected<'_, 't>,
    ) -> Result<(), String> {
        let (base, tail) = (state.base.map(|base| base.as_array().unwrap_or(&[])), &state.tail);
        let ends_well = list.len() >= tail.len()
            && list[list.len() - tail.len()..].iter().eq(tail.iter().copied());
        let as_before = base.is_none_or(|base| {
            list.len() == base.len() + tail.len() && list[..base.len()] == *base
        });
        if !ends_well || !as_before {
            let what = self.history.names.full(key);
            let story = format!("T{} read {what} otherwise than it had read and appended", tx.id);
            self.flaw(AnomalyKind::Internal, story);
        }
        self.merge(tx, key, list)?;
        let seen = match list.last() {
            None => Seen::Absent,
            Some(last) => Seen::Version(self.token(last)?),
        };
        self.history.ops.push(Op::Read { key, seen });
        Ok(())
    }

    /// Compares a list with the longest one of its key so far, and keeps the longer one.
    fn merge(&mut self, tx: &Tx, key: u32, list: &[Json<'t>]) -> Result<(), String> {
        let needed = key as usize + 1;
        if self.history.orders.len() < needed {
            self.history.orders.resize(needed, Vec::new());
        }
        let order = std::mem::take(&mut self.history.orders[key as usize]);
        let is_at = |token: u64, element: &Json<'_>| match (
            &self.history.values[usize::try_from(token).unwrap_or(usize::MAX)],
            element,
        ) {
            (Name::Int(known), Json::Int(element)) => known == element,
            (Name::Text(known), Json::Text(element)) => **known == **element,
            _ => false,
        };
        let same = order.iter().zip(list).all(|(token, element)| is_at(*token, element));
        let mut longer = order;
        if list.len() > longer.len() {
            let from = if same { longer.len() } else { 0 };
            longer.truncate(from);
            for element in &list[from..] {
                longer.push(self.token(element)?);
            }
        } else if list.iter().any(|element| name_of(element).is_err()) {
            return Err("an element is a text or a number".to_owned());
        }
        self.history.orders[key as usize] = longer;
        if !same {
            let what = self.history.names.full(key);
            let story = format!(
                "T{} read elements of {what} that do not begin as those that others read",
                tx.id
            );
            self.flaw(AnomalyKind::IncompatibleOrder, story);
        }
        Ok(())
    }

    fn read_register<'j>(
        &mut self,
        tx: &Tx,
        key: u32,
        value: &'j Json<'t>,
        state: &mut Expected<'j, 't>,
    ) -> Result<(), String> {
        let seen = match value {
            Json::Null => Seen::Absent,
            value => Seen::Version(self.token(value)?),
        };
        self.history.ops.push(Op::Read { key, seen });
        if state.base.is_some_and(|base| base != value) {
            let what = self.history.names.full(key);
            let story = format!("T{} read {what} otherwise than it had read or written", tx.id);
            self.flaw(AnomalyKind::Internal, story);
        }
        state.base = Some(value);
        Ok(())
    }

    fn flaw(&mut self, kind: AnomalyKind, story: String) {
        if self.history.flaws.iter().filter(|flaw| flaw.kind == kind).count() < MOST_WITNESSES {
            self.history.flaws.push(Flaw { kind, story });
        }
    }

    fn finish(mut self) -> Result<History, ParseError> {
        // Whoever did not come back may have taken effect.
        let mut lost: Vec<(u64, u64, Json<'t>)> = self.open.drain().map(|(_, call)| call).collect();
        lost.sort_unstable_by_key(|(moment, ..)| *moment);
        for (moment, index, value) in lost {
            let mut tx = Tx::new(index, End::Unknown);
            tx.called = Some(moment);
            let line = self.line;
            self.transaction(tx, &value).map_err(|what| ParseError::new(line, what))?;
        }
        for key in 0..self.history.orders.len() {
            self.dedup(key);
        }
        self.history.names.arrange();
        Ok(self.history)
    }

    /// No element is twice in a list.
    fn dedup(&mut self, key: usize) {
        let mut order = std::mem::take(&mut self.history.orders[key]);
        let before = order.len();
        let mut seen = std::collections::HashSet::with_capacity(before);
        order.retain(|token| seen.insert(*token));
        let twice = order.len() < before;
        self.history.orders[key] = order;
        if twice {
            let what = self.history.names.full(small(key));
            self.flaw(AnomalyKind::IncompatibleOrder, format!("an element is twice in {what}"));
        }
    }
}

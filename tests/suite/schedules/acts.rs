//! What one step of a transaction does to the engine, and to the record.

use std::ops::Bound;

use precedent::{Range, Table, Transaction};

use super::driver::Driver;
use super::listener::Fact;
use super::slot::{Handle, SavepointSlot, Slot};
use super::step::{Act, Pulls, Rest, Span};
use super::translate::{in_upper_table, oracle_key, table_key};
use crate::oracle::history::left;
use crate::oracle::{Classes, Key, Keys, Op, Saw, Value};

/// A range of the engine over this span, filtered if there is a predicate.
pub fn range<'t, M>(
    tx: &'t Transaction<'_, M>,
    table: &Table<u8, u64>,
    span: Span,
    accepts: Option<Classes>,
) -> Range<'t, u8, u64> {
    let (lower, upper) = (span.lower.map(table_key), span.upper.map(table_key));
    match (accepts, lower, upper) {
        (Some(accepts), _, _) => {
            tx.range_where(table, (lower.as_ref(), upper.as_ref()), move |_, word| {
                accepts.accepts(Value::from_word(*word))
            })
        }
        (None, Bound::Unbounded, Bound::Unbounded) => tx.range(table, ..),
        (None, Bound::Included(from), Bound::Included(to)) => tx.range(table, from..=to),
        (None, Bound::Included(from), Bound::Excluded(to)) => tx.range(table, from..to),
        (None, lower, upper) => tx.range(table, (lower.as_ref(), upper.as_ref())),
    }
}

/// The outcome of a step: what was told and what was seen agree, or they do not.
type Agreement = Result<(), String>;

impl Driver<'_> {
    fn table(&self, key: Key) -> Table<u8, u64> {
        self.tables[usize::from(in_upper_table(key))].clone()
    }

    /// Takes one step of an open transaction.
    pub(super) fn perform(&mut self, slot: &mut Slot<'_>, act: Act) -> Agreement {
        match slot.handle.clone() {
            Handle::Write(tx) if act.can_write() => self.change(slot, &tx, act),
            Handle::Write(tx) => self.look(slot, &tx, act),
            Handle::Read(tx) => self.look(slot, &tx, act),
            Handle::Gone => Ok(()),
        }
    }

    /// A step that only looks.
    fn look<M>(&mut self, slot: &mut Slot<'_>, tx: &Transaction<'_, M>, act: Act) -> Agreement {
        match act {
            Act::Get(key) => {
                let saw = tx.get(&self.table(key), &table_key(key)).copied().map(Value::from_word);
                self.saw(slot, key, saw).and_then(|read| self.expect(&[read]))
            }
            Act::Has(key) => {
                let present = tx.contains_key(&self.table(key), &table_key(key));
                self.saw_presence(slot, key, present)
            }
            Act::Peek(key) => {
                let saw = tx.peek(&self.table(key), &table_key(key)).copied().map(Value::from_word);
                self.hear(slot)?;
                slot.ops.push(Op::Peek { key, saw });
                self.expect(&[])
            }
            Act::First => {
                let scan = slot.open(Span::ALL, None);
                let row = tx.first_key_value(&self.tables[0]).map(|(key, word)| (*key, *word));
                self.saw_row(slot, scan, row, false)
            }
            Act::Last => {
                let scan = slot.open(Span::ALL, None);
                let row = tx.last_key_value(&self.tables[0]).map(|(key, word)| (*key, *word));
                self.saw_row(slot, scan, row, true)
            }
            Act::Scan { span, accepts, pulls } => {
                let scan = slot.open(span, accepts);
                let mut rows =
                    range(tx, &self.tables[usize::from(span.in_upper_table())], span, accepts);
                self.drive(slot, scan, &mut rows, pulls)
            }
            Act::Count(span) => {
                let scan = slot.open(span, None);
                let counted =
                    tx.count(&self.tables[usize::from(span.in_upper_table())], bounds(span));
                self.saw_count(slot, scan, Some(counted))
            }
            Act::IsEmpty(span) => {
                let scan = slot.open(span, None);
                let empty =
                    tx.is_empty(&self.tables[usize::from(span.in_upper_table())], bounds(span));
                self.saw_count(slot, scan, empty.then_some(0))
            }
            _ => Ok(()),
        }
    }

    /// A step that may write.
    fn change(&mut self, slot: &mut Slot<'_>, tx: &Transaction<'_>, act: Act) -> Agreement {
        let value = |driver: &mut Self, class| driver.next_value(slot.place, class);
        let word = |saw: Option<&u64>| saw.copied().map(Value::from_word);
        match act {
            Act::Insert(key, class) => {
                let value = value(self, class);
                tx.insert(&self.table(key), table_key(key), value.word());
                self.wrote(slot, key, None, Some(value))
            }
            Act::Remove(key) => {
                tx.remove(&self.table(key), &table_key(key));
                self.wrote(slot, key, None, None)
            }
            Act::Replace(key, class) => {
                let value = value(self, class);
                let saw = word(tx.replace(&self.table(key), table_key(key), value.word()));
                self.wrote(slot, key, Some(saw), Some(value))
            }
            Act::Take(key) => {
                let saw = word(tx.take(&self.table(key), &table_key(key)));
                self.took(slot, key, saw)
            }
            Act::InsertIfAbsent(key, class) => {
                let value = value(self, class);
                let saw = word(tx.insert_if_absent(&self.table(key), table_key(key), value.word()));
                self.wrote_if(slot, key, saw, saw.is_none(), value)
            }
            Act::Update(key, class) => {
                let value = value(self, class);
                let mut saw = None;
                let now = tx.update(&self.table(key), &table_key(key), |old| {
                    saw = Some(Value::from_word(*old));
                    value.word()
                });
                agree(word(now), saw.map(|_| value), "update")?;
                self.wrote_if(slot, key, saw, saw.is_some(), value)
            }
            Act::GetOrInsert(key, class) => {
                let value = value(self, class);
                let now = tx.get_or_insert_with(&self.table(key), table_key(key), || value.word());
                let saw = word(Some(now)).filter(|now| *now != value);
                self.wrote_if(slot, key, saw, saw.is_none(), value)
            }
            Act::RemoveRange(span) => self.wipe(slot, tx, span),
            _ => self.save_or_undo(slot, tx, act),
        }
    }

    /// Removes a range. Each row is told, then its removal; the end of the scan last.
    fn wipe(&mut self, slot: &mut Slot<'_>, tx: &Transaction<'_>, span: Span) -> Agreement {
        let scan = slot.open(span, None);
        let upper = span.in_upper_table();
        let table = &self.tables[usize::from(upper)];
        let removed = match span == Span::ALL {
            true => tx.clear(table),
            false => tx.remove_range(table, bounds(span)),
        };
        self.hear(slot)?;
        let mut removals = Vec::new();
        self.facts.retain(|told| match told.fact {
            Fact::Write { upper_table, key, removal: true } => {
                removals.push(oracle_key(upper_table, key));
                false
            }
            _ => true,
        });
        self.count_rows(slot, scan, Some(removed))?;
        let row = |op: &Op| match *op {
            Op::Pull { scan: of, row, .. } if of == scan => row.map(|(key, _)| key),
            _ => None,
        };
        let rows: Vec<Key> = slot.ops.iter().filter_map(row).collect();
        slot.written |= rows.iter().copied().collect();
        slot.ops.extend(rows.iter().map(|key| Op::Write { key: *key, value: None }));
        agree(removals, rows, "remove_range")
    }

    /// A step with savepoints; one that is not there is left alone.
    fn save_or_undo(&mut self, slot: &mut Slot<'_>, tx: &Transaction<'_>, act: Act) -> Agreement {
        let depth = match act {
            Act::RollbackTo(depth) | Act::Release(depth) => usize::from(depth),
            _ => 0,
        };
        let at = slot.savepoints.len().checked_sub(depth + 1);
        match (act, at) {
            (Act::Savepoint, _) => {
                let token = tx.savepoint();
                slot.taken += 1;
                let (number, written) = (slot.taken, slot.written);
                slot.savepoints.push(SavepointSlot { token, number, written });
                slot.ops.push(Op::Savepoint { number });
                self.hear(slot)?;
                self.expect(&[Fact::Savepoint { number }])
            }
            (Act::RollbackTo(_), Some(at)) => {
                slot.savepoints.truncate(at + 1);
                let SavepointSlot { token, number, written } = &slot.savepoints[at];
                tx.rollback_to(token);
                let number = *number;
                slot.written = *written;
                slot.ops.push(Op::RollbackTo { number });
                self.hear(slot)?;
                self.expect(&[Fact::RollbackTo { number }])
            }
            (Act::Release(_), Some(at)) => {
                let released = slot.savepoints.drain(at..).next();
                tx.release(released.expect("one at least is left").token);
                self.hear(slot)?;
                self.expect(&[])
            }
            _ => Ok(()),
        }
    }

    /// A new value, not written before.
    pub(super) fn next_value(&mut self, place: usize, class: u8) -> Value {
        self.writers.push(place);
        Value::new(self.writers.len() as u64 - 1, class)
    }

    /// Notes a read; gives what the recorder should tell of it.
    fn saw(&mut self, slot: &mut Slot<'_>, key: Key, saw: Option<Value>) -> Result<Fact, String> {
        self.hear(slot)?;
        slot.ops.push(Op::Read { key, saw: Saw::Value(saw) });
        let version = match saw {
            Some(value) if !slot.written.contains(key) => Some(self.version(value)?),
            _ => None,
        };
        Ok(slot.expected_read(key, version))
    }

    /// Notes a read that told only whether the key is there.
    fn saw_presence(&mut self, slot: &mut Slot<'_>, key: Key, present: bool) -> Agreement {
        self.hear(slot)?;
        slot.ops.push(Op::Read { key, saw: Saw::Presence(present) });
        let told = self.facts.first().map(|told| told.fact);
        let version = match told {
            Some(Fact::Read { seen: precedent::record::Seen::Version(c), .. }) if present => {
                Some(c.into())
            }
            _ => None,
        };
        self.expect(&[slot.expected_read(key, version)])
    }

    /// Notes a write, after a read if there was one.
    fn wrote(
        &mut self,
        slot: &mut Slot<'_>,
        key: Key,
        read: Option<Option<Value>>,
        value: Option<Value>,
    ) -> Agreement {
        let write = Fact::Write {
            upper_table: in_upper_table(key),
            key: table_key(key),
            removal: value.is_none(),
        };
        let agreement = match read {
            Some(saw) => self.saw(slot, key, saw).and_then(|read| self.expect(&[read, write])),
            None => self.hear(slot).and_then(|()| self.expect(&[write])),
        };
        slot.written |= Keys::only(key);
        slot.ops.push(Op::Write { key, value });
        agreement
    }

    /// Notes a read, and a write if there was one.
    fn wrote_if(
        &mut self,
        slot: &mut Slot<'_>,
        key: Key,
        saw: Option<Value>,
        written: bool,
        value: Value,
    ) -> Agreement {
        if written {
            return self.wrote(slot, key, Some(saw), Some(value));
        }
        self.saw(slot, key, saw).and_then(|read| self.expect(&[read]))
    }

    /// Notes a `take`: whether it removes what is not there is the engine's to say.
    fn took(&mut self, slot: &mut Slot<'_>, key: Key, saw: Option<Value>) -> Agreement {
        let read = self.saw(slot, key, saw)?;
        let write =
            Fact::Write { upper_table: in_upper_table(key), key: table_key(key), removal: true };
        let wrote = saw.is_some() || self.facts.iter().any(|told| told.fact == write);
        if wrote {
            slot.written |= Keys::only(key);
            slot.ops.push(Op::Write { key, value: None });
        }
        self.expect(&[read, write][..1 + usize::from(wrote)])
    }

    /// Drives a scan as far as it is to go.
    fn drive(
        &mut self,
        slot: &mut Slot<'_>,
        scan: usize,
        rows: &mut Range<'_, u8, u64>,
        pulls: Pulls,
    ) -> Agreement {
        self.opened(slot)?;
        for _ in 0..pulls.front {
            self.pull_row(slot, scan, rows, false)?;
        }
        for _ in 0..pulls.back {
            self.pull_row(slot, scan, rows, true)?;
        }
        let reverse = pulls.rest == Rest::Reverse;
        let ended = |slot: &Slot<'_>| matches!(slot.ops.last(), Some(Op::Pull { row: None, .. }));
        while pulls.rest != Rest::Dropped && !ended(slot) {
            self.pull_row(slot, scan, rows, reverse)?;
        }
        Ok(())
    }

    /// Notes that a scan was opened, which observes nothing yet.
    pub(super) fn opened(&mut self, slot: &mut Slot<'_>) -> Agreement {
        self.hear(slot)?;
        self.expect(&[])
    }

    /// One more row of a scan.
    pub(super) fn pull_row(
        &mut self,
        slot: &mut Slot<'_>,
        scan: usize,
        rows: &mut Range<'_, u8, u64>,
        reverse: bool,
    ) -> Agreement {
        let row = if reverse { rows.next_back() } else { rows.next() };
        self.saw_row(slot, scan, row.map(|(key, word)| (*key, *word)), reverse)
    }

    /// Notes a row of a scan, or that it has run out.
    fn saw_row(
        &mut self,
        slot: &mut Slot<'_>,
        scan: usize,
        row: Option<(u8, u64)>,
        reverse: bool,
    ) -> Agreement {
        self.hear(slot)?;
        let row = row.map(|(key, word)| (slot.row_key(scan, key), Value::from_word(word)));
        let again = slot.ran_out(scan);
        slot.ops.push(Op::Pull { scan, reverse, row });
        let Some((key, value)) = row else {
            let ends = Fact::ScanEnd { scan: slot.told_scan(scan) };
            // A scan that has run out says so once. One whose bounds say that it is empty
            // observes nothing, and need not say so.
            let silent = again || slot.is_void(scan) && self.facts.is_empty();
            return self.expect(if silent { &[] } else { std::slice::from_ref(&ends) });
        };
        let version = if slot.is_own_row(scan, key) { None } else { Some(self.version(value)?) };
        self.expect(&[slot.expected_row(scan, key, version, reverse)])
    }

    /// Notes a scan whose rows only the recorder has seen: all of them if their number is
    /// known, else the first one.
    fn saw_count(&mut self, slot: &mut Slot<'_>, scan: usize, count: Option<usize>) -> Agreement {
        self.hear(slot)?;
        self.count_rows(slot, scan, count)
    }

    fn count_rows(&mut self, slot: &mut Slot<'_>, scan: usize, count: Option<usize>) -> Agreement {
        let mut rows = 0;
        let mut ended = false;
        for told in std::mem::take(&mut self.facts) {
            match told.fact {
                Fact::Row { key, reverse: false, .. } if !ended => {
                    let key = slot.row_key(scan, key);
                    let row =
                        self.told_value(slot, scan, key, told.fact).map(|value| (key, value))?;
                    slot.ops.push(Op::Pull { scan, reverse: false, row: Some(row) });
                    rows += 1;
                }
                Fact::ScanEnd { .. } if !ended => {
                    slot.ops.push(Op::Pull { scan, reverse: false, row: None });
                    ended = true;
                }
                other => return Err(format!("{other:?} was told of a scan that counts")),
            }
        }
        ended |= slot.is_void(scan);
        match count {
            Some(count) => agree((rows, ended), (count, true), "count"),
            None => agree((rows, ended), (1, false), "is_empty"),
        }
    }

    /// The value of a row that only the recorder has seen.
    fn told_value(
        &self,
        slot: &Slot<'_>,
        scan: usize,
        key: Key,
        row: Fact,
    ) -> Result<Value, String> {
        let Fact::Row { seen, .. } = row else { return Err(format!("{row:?} is no row")) };
        let left = match seen {
            precedent::record::Seen::Own if slot.is_own_row(scan, key) => own(&slot.ops, key),
            precedent::record::Seen::Version(c) if !slot.is_own_row(scan, key) => {
                let writer = self.history.txs.iter().find(|tx| tx.c() == Some(c.into()));
                writer.and_then(|tx| own(&tx.ops, key))
            }
            _ => None,
        };
        left.flatten().ok_or_else(|| format!("{row:?} was told, but {key} was not written so"))
    }
}

/// What these steps leave under this key, if they write it.
fn own(ops: &[Op], key: Key) -> Option<Option<Value>> {
    left(ops).into_iter().find(|(written, _)| *written == key).map(|(_, value)| value)
}

fn bounds(span: Span) -> OwnedBounds {
    OwnedBounds(span.lower.map(table_key), span.upper.map(table_key))
}

/// Bounds that own their keys.
struct OwnedBounds(Bound<u8>, Bound<u8>);

impl precedent::KeyRange<u8> for OwnedBounds {
    fn into_bounds(self) -> (Bound<u8>, Bound<u8>) {
        (self.0, self.1)
    }
}

fn agree<T: PartialEq + std::fmt::Debug>(told: T, saw: T, what: &str) -> Agreement {
    if told == saw { Ok(()) } else { Err(format!("{what}: {told:?} against {saw:?}")) }
}

//! What a transaction observed and what it wrote.
//!
//! A key that the transaction wrote before it looked is no observation; a scan is split
//! around such keys. A key whose own write is undone is observed again. A scan observes from its start to the last key that it returned, to
//! its bound when it ran out, at either end.

use super::history::{Op, OwnWrites, Tx};
use super::keys::{Classes, Key, Keys, Value};

/// What a transaction observed and wrote.
#[derive(Clone, Debug, Default)]
pub struct Footprint {
    /// Keys read by name (found or absent), and keys of rows that a scan returned.
    pub points: Keys,
    /// Keys that a scan without a predicate passed and found absent.
    pub gaps: Keys,
    /// Keys that a scan with a predicate passed and did not return.
    pub filtered: Vec<(Keys, Classes)>,
    /// The values of others that were seen.
    pub saw: Vec<Value>,
    /// Keys written.
    pub writes: Keys,
    /// The value left under each of them.
    pub left: Vec<(Key, Option<Value>)>,
}

impl Footprint {
    /// The footprint of this transaction; without its writes if it ends as a reader.
    pub fn of(tx: &Tx, as_reader: bool) -> Self {
        let mut walk = Walk::default();
        for op in &tx.ops {
            walk.step(op);
        }
        let mut footprint = walk.finish();
        if !as_reader {
            footprint.left = tx.left();
            footprint.writes = footprint.left.iter().map(|(key, _)| *key).collect();
        }
        footprint
    }

    /// Whether nothing of others was observed.
    pub fn observed_nothing(&self) -> bool {
        (self.points | self.gaps).is_empty()
            && self.filtered.iter().all(|(keys, _)| keys.is_empty())
    }

    /// Whether a write of this value under this key changes what was observed.
    pub fn changed_by(&self, key: Key, value: Option<Value>) -> bool {
        (self.points | self.gaps).contains(key)
            || self.filtered.iter().any(|(keys, accepts)| {
                keys.contains(key) && value.is_some_and(|value| accepts.accepts(value))
            })
    }
}

/// A scan on its way.
struct Scan {
    /// Within its bounds and not written by the transaction itself before.
    foreign: Keys,
    accepts: Option<Classes>,
    passed: Keys,
    returned: Keys,
}

#[derive(Default)]
struct Walk {
    own: OwnWrites,
    scans: Vec<Scan>,
    footprint: Footprint,
}

impl Walk {
    fn step(&mut self, op: &Op) {
        match *op {
            Op::Read { key, saw } => {
                if self.own.under(key).is_none() {
                    self.footprint.points |= Keys::only(key);
                    if let super::Saw::Value(Some(value)) = saw {
                        self.footprint.saw.push(value);
                    }
                }
            }
            Op::Open { within, accepts } => self.scans.push(Scan {
                foreign: within.without(self.own.keys()),
                accepts,
                passed: Keys::NONE,
                returned: Keys::NONE,
            }),
            Op::Pull { scan, reverse, row } => self.pull(scan, reverse, row),
            Op::Write { .. } | Op::Savepoint { .. } | Op::RollbackTo { .. } => {
                self.own.step(op);
            }
            Op::Peek { .. } | Op::Slide { .. } => {}
        }
    }

    fn pull(&mut self, scan: usize, reverse: bool, row: Option<(Key, Value)>) {
        let scan = &mut self.scans[scan];
        let Some((key, value)) = row else {
            scan.passed = Keys::ALL;
            return;
        };
        scan.passed |= if reverse { Keys::from(key) } else { Keys::up_to(key) };
        if scan.foreign.contains(key) {
            scan.returned |= Keys::only(key);
            self.footprint.saw.push(value);
        }
    }

    fn finish(self) -> Footprint {
        let mut footprint = self.footprint;
        for scan in &self.scans {
            footprint.points |= scan.returned;
            let rest = (scan.foreign & scan.passed).without(scan.returned);
            match scan.accepts {
                None => footprint.gaps |= rest,
                Some(accepts) if !rest.is_empty() => footprint.filtered.push((rest, accepts)),
                Some(_) => {}
            }
        }
        footprint
    }
}

//! Runs a transaction's steps again, against any state.

use super::history::{Op, OwnWrites, Saw};
use super::keys::{Classes, Key, Keys, Value};

/// A transaction that is being run again.
pub struct Rerun {
    /// Keys that can hold anything at all.
    used: Keys,
    own: OwnWrites,
    scans: Vec<Scan>,
}

struct Scan {
    left: Keys,
    accepts: Option<Classes>,
    /// Own writes made before the scan was opened; later ones are not seen.
    own: Vec<(Key, Option<Value>)>,
}

fn under(own: &[(Key, Option<Value>)], key: Key) -> Option<Option<Value>> {
    own.iter().rev().find(|(written, _)| *written == key).map(|(_, value)| *value)
}

impl Rerun {
    /// Starts from the first step; no key outside `used` ever holds anything.
    pub fn new(used: Keys) -> Self {
        Self { used, own: OwnWrites::default(), scans: Vec::new() }
    }

    /// What the transaction would leave under the keys that it wrote, in program order.
    pub fn own(&self) -> &[(Key, Option<Value>)] {
        self.own.all()
    }

    /// Takes one step on the state that `state` shows. Says so if it goes otherwise than
    /// the record says. Peeks promise nothing here, and are skipped.
    pub fn step(&mut self, op: &Op, state: &impl Fn(Key) -> Option<Value>) -> Result<(), String> {
        match *op {
            Op::Read { key, saw } => self.read(key, saw, state),
            Op::Open { within, accepts } => {
                let own = self.own.all().to_vec();
                self.scans.push(Scan { left: within & self.used, accepts, own });
                Ok(())
            }
            Op::Pull { scan, reverse, row } => {
                let now = self.scans[scan].pull(reverse, state);
                if now == row {
                    return Ok(());
                }
                let end = if reverse { "back" } else { "front" };
                Err(format!("scan {scan} returned {row:?} at the {end}, but there is {now:?}"))
            }
            Op::Write { .. } | Op::Savepoint { .. } | Op::RollbackTo { .. } => {
                self.own.step(op);
                Ok(())
            }
            Op::Peek { .. } | Op::Slide { .. } => Ok(()),
        }
    }

    /// Takes a peek, at the state that `state` shows.
    pub fn peek(
        &self,
        key: Key,
        saw: Option<Value>,
        state: &impl Fn(Key) -> Option<Value>,
    ) -> Result<(), String> {
        self.read(key, Saw::Value(saw), state)
    }

    fn read(
        &self,
        key: Key,
        saw: Saw,
        state: &impl Fn(Key) -> Option<Value>,
    ) -> Result<(), String> {
        let now = self.own.under(key).unwrap_or_else(|| state(key));
        let same = match saw {
            Saw::Value(value) => value == now,
            Saw::Presence(present) => present == now.is_some(),
        };
        if same { Ok(()) } else { Err(format!("{key} showed {saw:?}, but there is {now:?}")) }
    }
}

impl Scan {
    fn pull(
        &mut self,
        reverse: bool,
        state: &impl Fn(Key) -> Option<Value>,
    ) -> Option<(Key, Value)> {
        loop {
            let key = if reverse { self.left.last() } else { self.left.first() }?;
            self.left = self.left.without(Keys::only(key));
            let value = under(&self.own, key).unwrap_or_else(|| state(key));
            match value {
                Some(value) if self.accepts.is_none_or(|accepts| accepts.accepts(value)) => {
                    return Some((key, value));
                }
                _ => {}
            }
        }
    }
}

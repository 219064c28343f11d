//! Small histories, good and bad, for the two oracles to disagree about.
//!
//! A simulated database runs a few transactions step by step. What each of them reads is
//! right, unless a slip makes it wrong; how each of them ends is decided by the
//! textbook search in the full graph, or against it.

use super::report::{closing_cycle, mangle, report_of, retell};
use crate::oracle::history::{Ts, Versions};
use crate::oracle::{Classes, Cycle, End, History, Key, Keys, Name, Op, Saw, Tx, Value};
use crate::schedules::rng::Rng;

const CLASSES: usize = 3;

/// How a history goes wrong: how often, of a hundred times.
#[derive(Clone, Copy, Default)]
struct Vices {
    /// A cycle is let through.
    rash: usize,
    /// Somebody is refused without a cycle.
    timid: usize,
    /// The report of a cycle is mangled.
    liar: usize,
    /// A read shows something else.
    blurred: usize,
    /// A slide is made though it changes what was seen.
    slippery: usize,
}

/// A history of a few transactions over a few keys.
pub fn history(rng: &mut Rng) -> History {
    let vices = match rng.below(8) {
        0..2 => Vices::default(),
        2..4 => Vices { rash: 80, ..Vices::default() },
        4 => Vices { timid: 25, ..Vices::default() },
        5 => Vices { liar: 50, ..Vices::default() },
        6 => Vices { blurred: 1, slippery: 100, ..Vices::default() },
        _ => Vices { rash: 10, timid: 10, liar: 20, blurred: 1, slippery: 50 },
    };
    let keys = rng.between(1, 5) as u8;
    let mut simulation =
        Simulation { rng, vices, keys, next_value: 0, newest: 0, h: History::default() };
    simulation.set_up();
    simulation.run();
    simulation.finish()
}

struct Simulation<'r> {
    rng: &'r mut Rng,
    vices: Vices,
    keys: u8,
    next_value: u64,
    newest: Ts,
    h: History,
}

impl Simulation<'_> {
    fn set_up(&mut self) {
        let tx = self.begin();
        for place in 0..self.keys {
            if self.rng.chance(60) {
                let value = Some(self.value());
                self.h.txs[tx].ops.push(Op::Write { key: Key::new(place), value });
            }
        }
        self.commit(tx);
    }

    fn run(&mut self) {
        let mut waiting = self.rng.between(2, 9);
        let most_active = self.rng.between(2, 4);
        let mut active: Vec<(usize, usize)> = Vec::new();
        while waiting > 0 || !active.is_empty() {
            if waiting > 0 && active.len() < most_active && self.rng.chance(50) {
                waiting -= 1;
                active.push((self.begin(), self.rng.between(1, 4)));
                continue;
            }
            if active.is_empty() {
                continue;
            }
            let at = self.rng.below(active.len());
            let (tx, steps) = &mut active[at];
            if *steps == 0 {
                self.end(*tx);
                active.swap_remove(at);
            } else {
                *steps -= 1;
                self.step(*tx);
            }
        }
    }

    fn finish(mut self) -> History {
        let versions = Versions::of(&self.h);
        let keys = (0..self.keys).map(Key::new);
        let rows = keys.filter_map(|key| Some((key, versions.visible(key, Ts::MAX)?)));
        self.h.last_state = rows.collect();
        if self.rng.chance(self.vices.liar) {
            retell(self.rng, &mut self.h);
        }
        if self.vices.blurred > 0 && self.rng.chance(5) {
            self.h.last_state.pop();
        }
        self.h
    }

    fn value(&mut self) -> Value {
        self.next_value += 1;
        Value::new(self.next_value - 1, self.rng.below(CLASSES) as u8)
    }

    fn key(&mut self) -> Key {
        Key::new(self.rng.below(usize::from(self.keys)) as u8)
    }

    fn begin(&mut self) -> usize {
        let place = self.h.txs.len();
        let lag = if self.rng.chance(10) { self.rng.below(3) as Ts } else { 0 };
        self.h.txs.push(Tx {
            name: Name::Number(place as u8),
            id: 1000 + place as u64,
            began: self.newest.saturating_sub(lag),
            ops: Vec::new(),
            end: End::RolledBack,
            collected_through: 0,
        });
        place
    }

    /// What the transaction sees under a key now, or what a slip makes of it.
    fn sight(&mut self, tx: usize, own: &[(Key, Option<Value>)], key: Key) -> Option<Value> {
        let own = own.iter().find(|(written, _)| *written == key).map(|(_, value)| *value);
        let s = self.h.txs[tx].s();
        let now = own.unwrap_or_else(|| Versions::of(&self.h).visible(key, s));
        if self.rng.chance(self.vices.blurred) {
            let other = self.rng.below(self.next_value as usize + 1) as u64;
            return self.rng.chance(70).then(|| Value::new(other, 0));
        }
        now
    }

    fn step(&mut self, tx: usize) {
        let key = self.key();
        match self.rng.below(14) {
            0..3 => {
                let own = self.h.txs[tx].left();
                let value = self.sight(tx, &own, key);
                let presence = self.rng.chance(20);
                let saw = if presence { Saw::Presence(value.is_some()) } else { Saw::Value(value) };
                self.h.txs[tx].ops.push(Op::Read { key, saw });
            }
            3..6 => self.scan(tx),
            6..9 => {
                let value = self.rng.chance(75).then(|| self.value());
                self.h.txs[tx].ops.push(Op::Write { key, value });
            }
            9..12 => self.slide(tx),
            _ => self.save_or_undo(tx),
        }
    }

    /// Takes a savepoint, or rolls back to one that was taken and not undone itself.
    fn save_or_undo(&mut self, tx: usize) {
        let mut open: Vec<u64> = Vec::new();
        let mut taken = 0;
        for op in &self.h.txs[tx].ops {
            match *op {
                Op::Savepoint { number } => {
                    taken = number;
                    open.push(number);
                }
                Op::RollbackTo { number } => open.retain(|earlier| *earlier <= number),
                _ => {}
            }
        }
        let op = match open.is_empty() || self.rng.chance(40) {
            true => Op::Savepoint { number: taken + 1 },
            false => Op::RollbackTo { number: self.rng.pick(&open) },
        };
        self.h.txs[tx].ops.push(op);
    }

    /// Opens a scan and drives it, from one or both ends, to its end or not so far.
    fn scan(&mut self, tx: usize) {
        let (one, other) = (self.key(), self.key());
        let mut left = Keys::from(one.min(other)) & Keys::up_to(one.max(other));
        let accepts =
            self.rng.chance(50).then(|| Classes::from_bits(self.rng.between(1, 6) as u64));
        let own = self.h.txs[tx].left();
        let opened = |op: &&Op| matches!(op, Op::Open { .. });
        let scan = self.h.txs[tx].ops.iter().filter(opened).count();
        self.h.txs[tx].ops.push(Op::Open { within: left, accepts });
        let mut pulls = self.rng.pick(&[1, 2, usize::MAX, usize::MAX]);
        let backward = self.rng.pick(&[0, 0, 40, 100]);
        while pulls > 0 {
            pulls -= 1;
            let reverse = self.rng.chance(backward);
            let row = loop {
                let Some(key) = (if reverse { left.last() } else { left.first() }) else {
                    break None;
                };
                left = left.without(Keys::only(key));
                if let Some(value) = self.sight(tx, &own, key)
                    && accepts.is_none_or(|accepts| accepts.accepts(value))
                {
                    break Some((key, value));
                }
            };
            self.h.txs[tx].ops.push(Op::Pull { scan, reverse, row });
            if row.is_none() {
                return;
            }
        }
    }

    /// Slides to the newest commit, if that changes nothing or by a slip.
    fn slide(&mut self, tx: usize) {
        let to = self.newest;
        let old = &self.h.txs[tx];
        let versions = Versions::of(&self.h);
        let mut rerun = crate::oracle::rerun::Rerun::new(versions.used());
        let same =
            old.ops.iter().all(|op| rerun.step(op, &|key| versions.visible(key, to)).is_ok());
        if to > old.s() && (same || self.rng.chance(self.vices.slippery)) {
            self.h.txs[tx].ops.push(Op::Slide { to });
        }
    }

    fn commit(&mut self, tx: usize) {
        self.newest += 1;
        self.h.txs[tx].end = End::Committed(self.newest);
        self.h.ended.push(tx);
    }

    fn end(&mut self, tx: usize) {
        if self.rng.chance(5) {
            self.h.ended.push(tx);
            return;
        }
        let err = self.rng.chance(12);
        let as_reader = err || self.h.txs[tx].left().is_empty();
        let cycle = closing_cycle(&self.h, tx, as_reader);
        let refuse = match &cycle {
            Some(_) => !self.rng.chance(self.vices.rash),
            None => self.rng.chance(self.vices.timid),
        };
        if !refuse && as_reader {
            self.h.txs[tx].end = End::Certified { err };
            self.h.ended.push(tx);
        } else if !refuse {
            self.commit(tx);
        } else {
            self.refuse(tx, as_reader, cycle);
        }
    }

    fn refuse(&mut self, tx: usize, as_reader: bool, cycle: Option<Vec<usize>>) {
        let made_up = cycle.is_none();
        let members = cycle.unwrap_or_else(|| {
            let others: Vec<usize> = (0..self.h.txs.len()).filter(|other| *other != tx).collect();
            (0..self.rng.between(1, 3)).map(|_| self.rng.pick(&others)).collect()
        });
        let mut edges = report_of(&self.h, tx, as_reader, &members);
        if self.rng.chance(self.vices.liar) || made_up && self.rng.chance(50) {
            mangle(self.rng, &self.h, &mut edges);
        }
        let conservative = self.vices.timid > 0 && self.rng.chance(10);
        let cycle = Cycle { conservative, suspected: false, edges };
        self.h.txs[tx].end = End::Aborted { as_reader, cycle };
        self.h.ended.push(tx);
    }
}

//! YCSB A to F: one operation a transaction.

use std::sync::Arc;

use super::{Client, Done, Order, Seat, Spec, Workload};
use crate::engine::{Read, Store, Write};
use crate::random::{Choice, Random};

/// The longest scan of E.
const LONGEST: u64 = 100;

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Letter {
    A,
    B,
    C,
    D,
    E,
    F,
}

impl Letter {
    pub const ALL: [Self; 6] = [Self::A, Self::B, Self::C, Self::D, Self::E, Self::F];

    fn about(self) -> (&'static str, &'static str) {
        match self {
            Self::A => ("A", "50 % reads, 50 % overwrites"),
            Self::B => ("B", "95 % reads, 5 % overwrites"),
            Self::C => ("C", "reads"),
            Self::D => ("D", "95 % reads of what was inserted lately, 5 % inserts"),
            Self::E => ("E", "95 % scans of up to 100 keys, 5 % inserts"),
            Self::F => ("F", "50 % reads, 50 % changes"),
        }
    }
}

pub struct Ycsb {
    pub letter: Letter,
    pub keys: Arc<Vec<u64>>,
    pub skew: f64,
    pub choice: Choice,
}

pub struct Session {
    random: Random,
    /// What this thread has inserted.
    inserted: Vec<u64>,
}

enum Step {
    Read,
    Scan,
    Insert,
    Overwrite,
    Change,
}

impl Ycsb {
    fn step(&self, random: &mut Random) -> Step {
        let first = |percent| random.below(100) < percent;
        let mut first = first;
        match self.letter {
            Letter::A if first(50) => Step::Overwrite,
            Letter::B if first(5) => Step::Overwrite,
            Letter::D | Letter::E if first(5) => Step::Insert,
            Letter::E => Step::Scan,
            Letter::F if first(50) => Step::Change,
            _ => Step::Read,
        }
    }

    fn key(&self, session: &mut Session) -> u64 {
        let place = self.choice.draw(&mut session.random);
        if self.letter != Letter::D {
            return self.keys[place];
        }
        // The newest first, those loaded after those inserted.
        match session.inserted.len().checked_sub(place + 1) {
            Some(newest) => session.inserted[newest],
            None => self.keys[place - session.inserted.len()],
        }
    }
}

impl Workload for Ycsb {
    type Key = u64;
    type Value = u64;
    type Session = Session;

    fn spec(&self) -> Spec {
        let (letter, about) = self.letter.about();
        let keys =
            if self.skew == 0.0 { "uniform".to_owned() } else { format!("zipf {}", self.skew) };
        let mut spec = Spec::new("ycsb", format!("YCSB {letter}, {keys}"), about);
        spec.ranges = self.letter == Letter::E;
        if matches!(self.letter, Letter::D | Letter::E) {
            // One in twenty inserts.
            spec.most = self.keys.len() as u64 * 10;
        }
        spec.order = match self.letter {
            Letter::C => Order::Free,
            Letter::F => Order::EndFree,
            _ => Order::Matters,
        };
        spec
    }

    fn load(&self, row: &mut dyn FnMut(u8, u64, u64)) {
        self.keys.iter().for_each(|key| row(0, *key, *key));
    }

    fn session(&self, seat: Seat) -> Session {
        Session { random: seat.random(), inserted: Vec::new() }
    }

    fn transact<S>(&self, client: &mut Client<'_, S>, session: &mut Session) -> Done
    where
        S: Store<Key = u64, Value = u64>,
    {
        let sum = match self.step(&mut session.random) {
            Step::Read => {
                let key = self.key(session);
                client.read(|tx| tx.get(0, &key)).unwrap_or_default()
            }
            Step::Scan => {
                let (from, rows) = (self.key(session), 1 + session.random.below(LONGEST));
                client.read(|tx| {
                    let mut sum = 0_u64;
                    let add = |_, value| sum = sum.wrapping_add(value);
                    tx.scan(0, &from, None, rows as usize, add)?;
                    Ok(sum)
                })
            }
            Step::Insert => {
                let key = session.random.next() >> 8;
                client.write(|tx| tx.put(0, key, key));
                session.inserted.push(key);
                0
            }
            Step::Overwrite => {
                let (key, value) = (self.key(session), session.random.next());
                client.write(|tx| tx.put(0, key, value));
                0
            }
            Step::Change => {
                let key = self.key(session);
                client.write(|tx| tx.add(0, &key, 1))
            }
        };
        Done::useful(sum)
    }
}

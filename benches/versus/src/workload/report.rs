//! A long report beside writers: the first thread sums the whole table again and again
//! while the others move amounts from key to key, so that the sum never changes.

use std::sync::Arc;

use super::{Client, Done, Kind, Order, Seat, Spec, Workload};
use crate::engine::{Read, Store, Write};
use crate::random::Random;

/// On every key before the run.
const AMOUNT: u64 = 1_000;

pub struct Report {
    pub keys: Arc<Vec<u64>>,
}

pub struct Session {
    random: Random,
    reports: bool,
    /// A report that was wrong.
    wrong: Option<u64>,
}

impl Report {
    fn total(&self) -> u64 {
        self.keys.len() as u64 * AMOUNT
    }

    fn sum<S>(client: &mut Client<'_, S>) -> u64
    where
        S: Store<Key = u64, Value = u64>,
    {
        client.read(|tx| {
            let mut sum = 0_u64;
            tx.scan(0, &0, None, usize::MAX, |_, amount| sum = sum.wrapping_add(amount))?;
            Ok(sum)
        })
    }
}

impl Workload for Report {
    type Key = u64;
    type Value = u64;
    type Session = Session;

    fn spec(&self) -> Spec {
        let about = "one thread sums all keys, the others move amounts between two; \
                     the writers' transactions are counted";
        let mut spec = Spec::new("long", "writers beside a long report", about);
        spec.ranges = true;
        spec.order = Order::EndFree;
        spec.least_threads = 2;
        spec.side = "reports";
        spec
    }

    fn load(&self, row: &mut dyn FnMut(u8, u64, u64)) {
        self.keys.iter().for_each(|key| row(0, *key, AMOUNT));
    }

    fn session(&self, seat: Seat) -> Session {
        Session { random: seat.random(), reports: seat.thread == 0, wrong: None }
    }

    fn transact<S>(&self, client: &mut Client<'_, S>, session: &mut Session) -> Done
    where
        S: Store<Key = u64, Value = u64>,
    {
        if session.reports {
            let sum = Self::sum(client);
            if sum != self.total() {
                session.wrong = Some(sum);
            }
            return Done { checksum: sum, kind: Kind::Side };
        }
        let mut key = || &self.keys[session.random.below(self.keys.len() as u64) as usize];
        let (from, to) = (key(), key());
        Done::useful(client.write(|tx| {
            let moved = tx.add(0, from, u64::MAX)?;
            tx.add(0, to, 1)?;
            Ok(moved)
        }))
    }

    fn check<S>(&self, client: &mut Client<'_, S>, sessions: &[Session]) -> Result<(), String>
    where
        S: Store<Key = u64, Value = u64>,
    {
        let wrong = sessions.iter().find_map(|session| session.wrong);
        let last = Some(Self::sum(client)).filter(|sum| *sum != self.total());
        match wrong.or(last) {
            Some(sum) => Err(format!("a report found {sum} in place of {}", self.total())),
            None => Ok(()),
        }
    }
}

//! A queue in a table: half of the transactions put one at the end, the others take the
//! first one. Whoever takes meets all others who take.

use super::{Client, Done, Kind, Seat, Spec, Workload};
use crate::engine::{Read, Store, Write};

/// In the queue before the run.
const WAITING: u64 = 100;
/// Threads, at most, that have numbers of their own.
const SEATS: u64 = 256;

pub struct Queue;

pub struct Session {
    seat: u64,
    turn: u64,
    put: u64,
    taken: u64,
}

impl Workload for Queue {
    type Key = u64;
    type Value = u64;
    type Session = Session;

    fn spec(&self) -> Spec {
        let about = "half put an item at the end, half take the first one";
        let mut spec = Spec::new("contended", "queue", about);
        spec.ranges = true;
        spec
    }

    fn load(&self, row: &mut dyn FnMut(u8, u64, u64)) {
        (0..WAITING).for_each(|item| row(0, item, item));
    }

    fn session(&self, seat: Seat) -> Session {
        Session { seat: seat.thread, turn: 0, put: 0, taken: 0 }
    }

    fn transact<S>(&self, client: &mut Client<'_, S>, session: &mut Session) -> Done
    where
        S: Store<Key = u64, Value = u64>,
    {
        session.turn += 1;
        if session.turn % 2 == 1 {
            let item = (WAITING + session.turn) * SEATS + session.seat;
            client.write(|tx| tx.put(0, item, item));
            session.put = session.put.wrapping_add(item);
            return Done::useful(0);
        }
        let taken = client.write(|tx| {
            let mut first = None;
            tx.scan(0, &0, None, 1, |item, _| first = Some(item))?;
            if let Some(item) = first {
                tx.remove(0, &item)?;
            }
            Ok(first)
        });
        let Some(item) = taken else { return Done { checksum: 1, kind: Kind::Refused } };
        session.taken = session.taken.wrapping_add(item);
        Done::useful(item)
    }

    fn check<S>(&self, client: &mut Client<'_, S>, sessions: &[Session]) -> Result<(), String>
    where
        S: Store<Key = u64, Value = u64>,
    {
        let left = client.read(|tx| {
            let mut sum = 0_u64;
            tx.scan(0, &0, None, usize::MAX, |item, _| sum = sum.wrapping_add(item))?;
            Ok(sum)
        });
        let loaded: u64 = (0..WAITING).sum();
        let put = sessions.iter().fold(loaded, |sum, one| sum.wrapping_add(one.put));
        let gone = sessions.iter().fold(left, |sum, one| sum.wrapping_add(one.taken));
        if put == gone { Ok(()) } else { Err("an item was lost or taken twice".to_owned()) }
    }
}

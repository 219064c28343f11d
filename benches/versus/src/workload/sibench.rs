//! SIBENCH: half of the transactions change one row, the others look for the smallest of
//! all rows; these only read, or write down what they found.

use super::{Client, Done, Order, Seat, Spec, Workload};
use crate::engine::{Read, Store, Write};
use crate::random::Random;

const ROWS: u64 = 100;
/// The table of what was found, a row for each thread.
const FOUND: u8 = 1;

pub struct SiBench {
    pub writing: bool,
}

pub struct Session {
    random: Random,
    seat: u64,
}

impl Workload for SiBench {
    type Key = u64;
    type Value = u64;
    type Session = Session;

    fn spec(&self) -> Spec {
        let (name, about) = if self.writing {
            ("SIBENCH, writing queries", "half look for the smallest of 100 rows and note it")
        } else {
            ("SIBENCH, reading queries", "half look for the smallest of 100 rows")
        };
        let mut spec = Spec::new("contended", name, format!("{about}, half add one to a row"));
        spec.ranges = true;
        spec.order = if self.writing { Order::Matters } else { Order::EndFree };
        spec
    }

    fn tables(&self) -> u8 {
        2
    }

    fn load(&self, row: &mut dyn FnMut(u8, u64, u64)) {
        (0..ROWS).for_each(|key| row(0, key, 0));
    }

    fn session(&self, seat: Seat) -> Session {
        Session { random: seat.random(), seat: seat.thread }
    }

    fn transact<S>(&self, client: &mut Client<'_, S>, session: &mut Session) -> Done
    where
        S: Store<Key = u64, Value = u64>,
    {
        let key = session.random.below(ROWS);
        let seat = session.seat;
        Done::useful(if session.random.percent(50) {
            client.write(|tx| tx.add(0, &key, 1))
        } else if self.writing {
            client.write(|tx| {
                let found = smallest(tx)?;
                tx.put(FOUND, seat, found)?;
                Ok(found)
            })
        } else {
            client.read(|tx| smallest(tx))
        })
    }
}

fn smallest<T: Read<Key = u64>>(tx: &mut T) -> Result<u64, crate::engine::Stop> {
    let mut smallest = u64::MAX;
    tx.scan(0, &0, Some(&(ROWS - 1)), usize::MAX, |_, value| smallest = smallest.min(value))?;
    Ok(smallest)
}

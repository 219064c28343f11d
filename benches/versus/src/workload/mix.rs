//! The one with knobs: so many operations a transaction, this share of them reads, the
//! others changes, on keys of this skew.

use std::sync::Arc;

use super::{Client, Done, Order, Seat, Spec, Workload};
use crate::engine::{Read, Store, Write};
use crate::random::{Choice, Random};

pub struct Mix {
    pub keys: Arc<Vec<u64>>,
    pub skew: f64,
    pub operations: usize,
    pub read_share: f64,
    pub choice: Choice,
}

pub struct Session {
    random: Random,
    /// Which key, and whether it is changed.
    plan: Vec<(u64, bool)>,
}

impl Workload for Mix {
    type Key = u64;
    type Value = u64;
    type Session = Session;

    fn spec(&self) -> Spec {
        let Self { skew, operations, .. } = self;
        let percent = self.read_share * 100.0;
        let about = format!("{operations} operations, {percent:.0} % of them reads, zipf {skew}");
        let mut spec = Spec::new("mix", "mix", about);
        spec.order = Order::EndFree;
        spec
    }

    fn load(&self, row: &mut dyn FnMut(u8, u64, u64)) {
        self.keys.iter().for_each(|key| row(0, *key, *key));
    }

    fn session(&self, seat: Seat) -> Session {
        Session { random: seat.random(), plan: Vec::new() }
    }

    fn transact<S>(&self, client: &mut Client<'_, S>, session: &mut Session) -> Done
    where
        S: Store<Key = u64, Value = u64>,
    {
        let Session { random, plan } = session;
        plan.clear();
        plan.extend(
            (0..self.operations)
                .map(|_| (self.keys[self.choice.draw(random)], random.unit() >= self.read_share)),
        );
        let sum = if plan.iter().any(|(_, change)| *change) {
            client.write(|tx| {
                let mut sum = 0_u64;
                for (key, change) in plan.iter() {
                    let value =
                        if *change { tx.add(0, key, 1)? } else { tx.get(0, key)?.unwrap_or(0) };
                    sum = sum.wrapping_add(value);
                }
                Ok(sum)
            })
        } else {
            client.read(|tx| {
                let mut sum = 0_u64;
                for (key, _) in plan.iter() {
                    sum = sum.wrapping_add(tx.get(0, key)?.unwrap_or_default());
                }
                Ok(sum)
            })
        };
        Done::useful(sum)
    }
}

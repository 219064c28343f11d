//! One counter that everybody changes.

use super::{Client, Done, Order, Seat, Spec, Workload};
use crate::engine::{Read, Store, Write};

pub struct Counter;

const KEY: u64 = 1;

impl Workload for Counter {
    type Key = u64;
    type Value = u64;
    /// How often this thread has counted.
    type Session = u64;

    fn spec(&self) -> Spec {
        let mut spec = Spec::new("contended", "one hot counter", "every transaction adds one");
        spec.order = Order::EndFree;
        spec
    }

    fn load(&self, row: &mut dyn FnMut(u8, u64, u64)) {
        row(0, KEY, 0);
    }

    fn session(&self, _: Seat) -> u64 {
        0
    }

    fn transact<S>(&self, client: &mut Client<'_, S>, counted: &mut u64) -> Done
    where
        S: Store<Key = u64, Value = u64>,
    {
        *counted += 1;
        Done::useful(client.write(|tx| tx.add(0, &KEY, 1)))
    }

    fn check<S>(&self, client: &mut Client<'_, S>, counted: &[u64]) -> Result<(), String>
    where
        S: Store<Key = u64, Value = u64>,
    {
        let found = client.read(|tx| tx.get(0, &KEY)).unwrap_or_default();
        let counted: u64 = counted.iter().sum();
        if found == counted { Ok(()) } else { Err(format!("counted {counted}, found {found}")) }
    }
}

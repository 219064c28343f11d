//! The plain ones: a transaction on random keys of one table, over any types.

use std::marker::PhantomData;
use std::sync::Arc;

use super::{Client, Done, Order, Seat, Spec, Workload};
use crate::engine::{Read, Store, Write};
use crate::random::Random;
use crate::schema::{Single, Value};

const SCAN: usize = 100;

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Task {
    ReadOne,
    ChangeOne,
    ReadEightChangeTwo,
    Scan,
    Insert,
}

impl Task {
    pub const ALL: [Self; 5] =
        [Self::ReadOne, Self::ChangeOne, Self::ReadEightChangeTwo, Self::Scan, Self::Insert];

    pub fn name(self) -> &'static str {
        match self {
            Self::ReadOne => "read one key",
            Self::ChangeOne => "read, change, write one key",
            Self::ReadEightChangeTwo => "read 8, change 2",
            Self::Scan => "scan 100",
            Self::Insert => "insert a new key",
        }
    }
}

pub struct Core<K, V> {
    pub group: &'static str,
    pub prefix: &'static str,
    pub task: Task,
    pub keys: Arc<Vec<K>>,
    pub value: PhantomData<V>,
}

impl<K: Single, V: Value> Workload for Core<K, V> {
    type Key = K;
    type Value = V;
    type Session = Random;

    fn spec(&self) -> Spec {
        let name = format!("{}{}", self.prefix, self.task.name());
        let mut spec = Spec::new(self.group, name, "uniformly random keys");
        spec.ranges = self.task == Task::Scan;
        spec.order = match self.task {
            Task::ChangeOne | Task::ReadEightChangeTwo => Order::EndFree,
            _ => Order::Free,
        };
        if self.task == Task::Insert {
            spec.most = (self.keys.len() / 2) as u64;
        }
        spec
    }

    fn load(&self, row: &mut dyn FnMut(u8, K, u64)) {
        self.keys.iter().for_each(|key| row(0, key.clone(), key.number()));
    }

    fn session(&self, seat: Seat) -> Random {
        seat.random()
    }

    fn transact<S>(&self, client: &mut Client<'_, S>, random: &mut Random) -> Done
    where
        S: Store<Key = K, Value = V>,
    {
        let mut key = || &self.keys[random.below(self.keys.len() as u64) as usize];
        let sum = match self.task {
            Task::ReadOne => {
                let key = key();
                client.read(|tx| tx.get(0, key)).unwrap_or_default()
            }
            Task::ChangeOne => {
                let key = key();
                client.write(|tx| tx.add(0, key, 1))
            }
            Task::ReadEightChangeTwo => {
                let keys: [&K; 8] = std::array::from_fn(|_| key());
                client.write(|tx| {
                    let mut sum = 0_u64;
                    for key in keys {
                        sum = sum.wrapping_add(tx.get(0, key)?.unwrap_or_default());
                    }
                    tx.add(0, keys[0], 1)?;
                    tx.add(0, keys[1], 1)?;
                    Ok(sum)
                })
            }
            Task::Scan => {
                let from = key();
                client.read(|tx| {
                    let mut sum = 0_u64;
                    tx.scan(0, from, None, SCAN, |_, value| sum = sum.wrapping_add(value))?;
                    Ok(sum)
                })
            }
            Task::Insert => {
                // Random, so it is hardly ever there; and if it is, then for every engine.
                let number = random.next() >> 8;
                let key = K::of(number);
                client.write(|tx| tx.put(0, key.clone(), number));
                0
            }
        };
        Done::useful(sum)
    }
}

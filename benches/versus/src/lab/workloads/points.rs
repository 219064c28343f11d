//! Workloads that look up and write single keys.

use super::{Flow, Plan, Seat, Work, Workload};
use crate::random::{Choice, Random};

/// The workloads of this file.
pub fn all() -> Vec<Box<dyn Workload>> {
    vec![
        Box::new(Mix::new("zipf 0.8, 20 % writes", Shape { writes: 20, readers: 0 })),
        Box::new(Mix::new("zipf 0.8, half readers", Shape { writes: 40, readers: 50 })),
        Box::new(Long { hot: Choice::new(KEYS, SKEW) }),
        Box::new(Blind),
        Box::new(Counter),
        Box::new(Pairs),
    ]
}

const KEYS: u64 = 1_000;
const SKEW: f64 = 0.8;
/// Of a transaction of [`Mix`].
const OPERATIONS: u64 = 8;

fn load(keys: u64, row: &mut dyn FnMut(usize, u64, u32)) {
    (0..keys).for_each(|key| row(0, key, 0));
}

/// Operations on keys by zipf, each a look-up or a write, half of which look first.
struct Mix {
    name: &'static str,
    shape: Shape,
    choice: Choice,
}

struct Shape {
    /// Of a hundred operations of those that write.
    writes: u64,
    /// Of a hundred transactions.
    readers: u64,
}

impl Mix {
    fn new(name: &'static str, shape: Shape) -> Self {
        Self { name, shape, choice: Choice::new(KEYS, SKEW) }
    }
}

impl Workload for Mix {
    fn name(&self) -> &'static str {
        self.name
    }

    fn about(&self) -> &'static str {
        match self.shape.readers {
            0 => {
                "8 operations on 1,000 keys, each a look-up or, one in five, a write; half of these look first"
            }
            _ => "the same, but half of the transactions only read, the others write two in five",
        }
    }

    fn load(&self, row: &mut dyn FnMut(usize, u64, u32)) {
        load(KEYS, row);
    }

    fn plan(&self, random: &mut Random, _: u64) -> Plan {
        match random.percent(self.shape.readers) {
            true => Plan::reading("reader"),
            false => Plan::writing("writer"),
        }
    }

    fn transact<'a>(&'a self, seat: &'a Seat<'a>, plan: Plan, random: &'a mut Random) -> Work<'a> {
        Box::pin(async move {
            for _ in 0..OPERATIONS {
                let key = self.choice.draw(random) as u64;
                if !plan.read_only && random.percent(self.shape.writes) {
                    if random.percent(50) {
                        seat.get(0, key).await;
                    }
                    seat.put(0, key, 0).await;
                } else {
                    seat.get(0, key).await;
                }
            }
            Flow::Commit
        })
    }
}

/// Long transactions over what short ones change all the time.
struct Long {
    hot: Choice,
}

const LONG: &str = "long";
/// Of a long transaction.
const LOOK_UPS: u64 = 200;
/// Rows that only they write.
const RESULTS: u64 = 1_000;

impl Workload for Long {
    fn name(&self) -> &'static str {
        "long: 200 hot reads"
    }

    fn about(&self) -> &'static str {
        "every fourth session looks 200 of 1,000 keys up, by zipf, and writes two of 1,000 results; the \
         others twice look one of the same keys up or, every other time, add to it; counted are the \
         long ones"
    }

    fn watched(&self) -> Option<&'static str> {
        Some(LONG)
    }

    fn load(&self, row: &mut dyn FnMut(usize, u64, u32)) {
        load(KEYS, row);
    }

    fn plan(&self, _: &mut Random, session: u64) -> Plan {
        Plan::writing(if session % 4 == 1 { LONG } else { "short" })
    }

    fn transact<'a>(&'a self, seat: &'a Seat<'a>, plan: Plan, random: &'a mut Random) -> Work<'a> {
        Box::pin(async move {
            if plan.kind == LONG {
                for _ in 0..LOOK_UPS {
                    seat.get(0, self.hot.draw(random) as u64).await;
                }
                for _ in 0..2 {
                    seat.put(1, random.below(RESULTS), 0).await;
                }
            } else {
                for _ in 0..2 {
                    let key = self.hot.draw(random) as u64;
                    if random.percent(50) {
                        seat.add(0, key, 1).await;
                    } else {
                        seat.get(0, key).await;
                    }
                }
            }
            Flow::Commit
        })
    }
}

/// Writes that do not look at what they overwrite.
struct Blind;

impl Workload for Blind {
    fn name(&self) -> &'static str {
        "blind writes"
    }

    fn about(&self) -> &'static str {
        "two look-ups and four blind writes on 100 keys"
    }

    fn load(&self, row: &mut dyn FnMut(usize, u64, u32)) {
        load(100, row);
    }

    fn plan(&self, _: &mut Random, _: u64) -> Plan {
        Plan::writing("writer")
    }

    fn transact<'a>(&'a self, seat: &'a Seat<'a>, _: Plan, random: &'a mut Random) -> Work<'a> {
        Box::pin(async move {
            for _ in 0..2 {
                seat.get(0, random.below(100)).await;
            }
            for _ in 0..4 {
                seat.put(0, random.below(100), 0).await;
            }
            Flow::Commit
        })
    }
}

/// One row that everybody adds to.
struct Counter;

impl Workload for Counter {
    fn name(&self) -> &'static str {
        "hot counter"
    }

    fn about(&self) -> &'static str {
        "three look-ups on 1,000 keys, then one is added to the only counter"
    }

    fn load(&self, row: &mut dyn FnMut(usize, u64, u32)) {
        load(KEYS, row);
        row(1, 0, 0);
    }

    fn plan(&self, _: &mut Random, _: u64) -> Plan {
        Plan::writing("add")
    }

    fn transact<'a>(&'a self, seat: &'a Seat<'a>, _: Plan, random: &'a mut Random) -> Work<'a> {
        Box::pin(async move {
            for _ in 0..3 {
                seat.get(0, random.below(KEYS)).await;
            }
            seat.add(1, 0, 1).await;
            Flow::Commit
        })
    }
}

/// The textbook's write skew.
struct Pairs;

impl Workload for Pairs {
    fn name(&self) -> &'static str {
        "write skew pairs"
    }

    fn about(&self) -> &'static str {
        "both keys of one of 20 pairs are looked up, one of them is written"
    }

    fn load(&self, row: &mut dyn FnMut(usize, u64, u32)) {
        load(40, row);
    }

    fn plan(&self, _: &mut Random, _: u64) -> Plan {
        Plan::writing("go off duty")
    }

    fn transact<'a>(&'a self, seat: &'a Seat<'a>, _: Plan, random: &'a mut Random) -> Work<'a> {
        Box::pin(async move {
            let pair = random.below(20) * 2;
            seat.get(0, pair).await;
            seat.get(0, pair + 1).await;
            seat.put(0, pair + random.below(2), 0).await;
            Flow::Commit
        })
    }
}

//! SmallBank (Alomari, Cahill, Fekete and Röhm 2008).

use super::{Flow, Plan, Seat, Work, Workload};
use crate::random::Random;

const SAVINGS: usize = 0;
const CHECKING: usize = 1;
const CUSTOMERS: u64 = 1_000;
/// Nine in ten transactions are about one of these.
const HOT: u64 = 20;
const BALANCE: u32 = 10_000;

pub struct SmallBank;

impl SmallBank {
    pub fn new() -> Self {
        Self
    }
}

fn customer(random: &mut Random) -> u64 {
    if random.percent(90) { random.below(HOT) } else { random.below(CUSTOMERS) }
}

async fn balance(seat: &Seat<'_>, customer: u64) -> u32 {
    let savings = seat.number(SAVINGS, customer).await;
    savings.wrapping_add(seat.number(CHECKING, customer).await)
}

impl Workload for SmallBank {
    fn name(&self) -> &'static str {
        "SmallBank"
    }

    fn about(&self) -> &'static str {
        "five kinds of transactions, each as often, 90 % on 20 of 1,000 customers"
    }

    fn load(&self, row: &mut dyn FnMut(usize, u64, u32)) {
        for customer in 0..CUSTOMERS {
            row(SAVINGS, customer, BALANCE);
            row(CHECKING, customer, BALANCE);
        }
    }

    fn plan(&self, random: &mut Random, _: u64) -> Plan {
        match random.below(5) {
            0 => Plan::reading("balance"),
            1 => Plan::writing("deposit"),
            2 => Plan::writing("savings"),
            3 => Plan::writing("amalgamate"),
            _ => Plan::writing("cheque"),
        }
    }

    fn transact<'a>(&'a self, seat: &'a Seat<'a>, plan: Plan, random: &'a mut Random) -> Work<'a> {
        Box::pin(async move {
            let (who, amount) = (customer(random), 1 + random.below(50) as u32);
            match plan.kind {
                "balance" => _ = balance(seat, who).await,
                "deposit" => _ = seat.add(CHECKING, who, amount).await,
                "savings" => {
                    let saved = seat.number(SAVINGS, who).await;
                    if saved < amount {
                        return Flow::GiveUp;
                    }
                    seat.put(SAVINGS, who, saved - amount).await;
                }
                "amalgamate" => {
                    let all = balance(seat, who).await;
                    seat.put(SAVINGS, who, 0).await;
                    seat.put(CHECKING, who, 0).await;
                    seat.add(CHECKING, customer(random), all).await;
                }
                _ => {
                    // One more is taken off if the cheque is not covered.
                    let fine = u32::from(balance(seat, who).await < amount);
                    let checking = seat.number(CHECKING, who).await;
                    seat.put(CHECKING, who, checking.wrapping_sub(amount + fine)).await;
                }
            }
            Flow::Commit
        })
    }
}

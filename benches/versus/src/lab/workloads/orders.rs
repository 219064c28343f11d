//! After TPC-C, with numbers for rows.

use std::ops::RangeInclusive;

use super::{Flow, Plan, Seat, Work, Workload};
use crate::random::Random;

const WAREHOUSE: usize = 0;
const DISTRICT: usize = 1;
/// The next order of a district.
const NEXT: usize = 2;
const CUSTOMER: usize = 3;
const STOCK: usize = 4;
const ORDER: usize = 5;
const LINE: usize = 6;
/// Orders that were not delivered yet.
const NEW: usize = 7;

const WAREHOUSES: u64 = 4;
const DISTRICTS: u64 = 10;
const CUSTOMERS: u64 = 300;
const ITEMS: u64 = 1_000;

pub struct Orders;

/// One of the districts of all warehouses.
fn district(random: &mut Random, warehouse: u64) -> u64 {
    warehouse * DISTRICTS + random.below(DISTRICTS)
}

/// Whatever a district has orders under.
fn of_district(district: u64) -> RangeInclusive<u64> {
    district << 40..=(district << 40 | 0xff_ffff_ffff)
}

fn order_key(district: u64, order: u32) -> u64 {
    district << 40 | u64::from(order) << 8
}

fn stock_key(warehouse: u64, item: u64) -> u64 {
    warehouse * ITEMS + item
}

async fn new_order(seat: &Seat<'_>, warehouse: u64, random: &mut Random) -> Flow {
    let district = district(random, warehouse);
    seat.get(WAREHOUSE, warehouse).await;
    let order = seat.add(NEXT, district, 1).await;
    let customer = random.below(CUSTOMERS);
    seat.get(CUSTOMER, district * CUSTOMERS + customer).await;
    seat.put(ORDER, order_key(district, order), customer as u32).await;
    seat.put(NEW, order_key(district, order), 0).await;
    for line in 0..5 + random.below(11) {
        // One in a hundred items comes from another warehouse.
        let from = if random.percent(1) { random.below(WAREHOUSES) } else { warehouse };
        let item = random.below(ITEMS);
        let left = seat.number(STOCK, stock_key(from, item)).await;
        let left = if left < 10 { left + 91 } else { left - 1 };
        seat.put(STOCK, stock_key(from, item), left).await;
        seat.put(LINE, order_key(district, order) + line, item as u32).await;
    }
    // One in a hundred names an item that nobody sells.
    if random.percent(1) { Flow::GiveUp } else { Flow::Commit }
}

async fn payment(seat: &Seat<'_>, warehouse: u64, random: &mut Random) -> Flow {
    let amount = 1 + random.below(5_000) as u32;
    seat.add(WAREHOUSE, warehouse, amount).await;
    seat.add(DISTRICT, district(random, warehouse), amount).await;
    let home = if random.percent(15) { random.below(WAREHOUSES) } else { warehouse };
    let customer = district(random, home) * CUSTOMERS + random.below(CUSTOMERS);
    seat.add(CUSTOMER, customer, amount.wrapping_neg()).await;
    Flow::Commit
}

async fn order_status(seat: &Seat<'_>, warehouse: u64, random: &mut Random) -> Flow {
    let district = district(random, warehouse);
    seat.get(CUSTOMER, district * CUSTOMERS + random.below(CUSTOMERS)).await;
    let next = seat.number(NEXT, district).await;
    let order = order_key(district, next.saturating_sub(1));
    seat.get(ORDER, order).await;
    seat.range(LINE, order..=order + 0xff).await;
    Flow::Commit
}

async fn delivery(seat: &Seat<'_>, warehouse: u64, random: &mut Random) -> Flow {
    let district = district(random, warehouse);
    let Some(&(order, _)) = seat.first(NEW, of_district(district), 1).await.first() else {
        return Flow::GiveUp;
    };
    seat.remove(NEW, order).await;
    let customer = u64::from(seat.number(ORDER, order).await);
    let lines = seat.range(LINE, order..=order + 0xff).await;
    seat.add(CUSTOMER, district * CUSTOMERS + customer, lines.len() as u32).await;
    Flow::Commit
}

async fn stock_level(seat: &Seat<'_>, warehouse: u64, random: &mut Random) -> Flow {
    let district = district(random, warehouse);
    let next = seat.number(NEXT, district).await;
    let first = order_key(district, next.saturating_sub(20));
    let lines = seat.range(LINE, first..=order_key(district, next)).await;
    let mut items: Vec<u64> = lines.into_iter().map(|(_, item)| u64::from(item)).collect();
    items.sort_unstable();
    items.dedup();
    for item in items {
        seat.get(STOCK, stock_key(warehouse, item)).await;
    }
    Flow::Commit
}

impl Workload for Orders {
    fn name(&self) -> &'static str {
        "TPC-C-like"
    }

    fn about(&self) -> &'static str {
        "45 % new orders, 43 % payments, 4 % each of order status, delivery and stock level; 4 \
         warehouses"
    }

    fn load(&self, row: &mut dyn FnMut(usize, u64, u32)) {
        for warehouse in 0..WAREHOUSES {
            row(WAREHOUSE, warehouse, 0);
            (0..ITEMS).for_each(|item| row(STOCK, stock_key(warehouse, item), 100));
            for district in warehouse * DISTRICTS..(warehouse + 1) * DISTRICTS {
                row(DISTRICT, district, 0);
                row(NEXT, district, 0);
                (0..CUSTOMERS).for_each(|one| row(CUSTOMER, district * CUSTOMERS + one, 0));
            }
        }
    }

    fn plan(&self, random: &mut Random, _: u64) -> Plan {
        match random.below(100) {
            0..45 => Plan::writing("new order"),
            45..88 => Plan::writing("payment"),
            88..92 => Plan::reading("order status"),
            92..96 => Plan::writing("delivery"),
            _ => Plan::reading("stock level"),
        }
    }

    fn transact<'a>(&'a self, seat: &'a Seat<'a>, plan: Plan, random: &'a mut Random) -> Work<'a> {
        Box::pin(async move {
            let warehouse = random.below(WAREHOUSES);
            match plan.kind {
                "new order" => new_order(seat, warehouse, random).await,
                "payment" => payment(seat, warehouse, random).await,
                "order status" => order_status(seat, warehouse, random).await,
                "delivery" => delivery(seat, warehouse, random).await,
                _ => stock_level(seat, warehouse, random).await,
            }
        })
    }
}

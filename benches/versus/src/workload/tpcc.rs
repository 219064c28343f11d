//! After TPC-C: new orders, payments and stock levels, with numbers for rows.

use super::{Client, Done, Kind, Seat, Spec, Workload};
use crate::engine::{Read, Stop, Store, Write};
use crate::random::Random;

const WAREHOUSE: u8 = 0;
/// The next order of a district.
const NEXT: u8 = 1;
const DISTRICT: u8 = 2;
const CUSTOMER: u8 = 3;
const STOCK: u8 = 4;
const ORDER: u8 = 5;
const LINE: u8 = 6;

const DISTRICTS: u64 = 10;
const CUSTOMERS: u64 = 300;
/// Lines that an order has room for.
const LINES: u64 = 16;
/// A stock level looks at so many orders.
const ORDERS: u64 = 20;
/// Each item is there so many times.
const STOCKED: u64 = 100;

pub struct Tpcc {
    pub warehouses: u64,
    pub items: u64,
}

pub struct Session {
    random: Random,
    home: u64,
    paid: u64,
}

/// A district of a warehouse, as the first part of a key.
fn place(warehouse: u64, district: u64) -> u64 {
    warehouse * DISTRICTS + district
}

impl Tpcc {
    fn new_order<S>(&self, client: &mut Client<'_, S>, session: &mut Session) -> Done
    where
        S: Store<Key = (u64, u64), Value = u64>,
    {
        let random = &mut session.random;
        let home = session.home;
        let district = place(home, random.below(DISTRICTS));
        let customer = random.below(CUSTOMERS);
        let count = 5 + random.below(11) as usize;
        let items: [u64; LINES as usize] = std::array::from_fn(|_| random.below(self.items));
        // One in a hundred names an item that nobody sells.
        let valid = !random.percent(1);
        let order = client.write(|tx| {
            tx.get(CUSTOMER, &(district, customer))?;
            if !valid {
                return Ok(None);
            }
            let order = tx.add(NEXT, &(district, 0), 1)?;
            tx.put(ORDER, (district, order), (customer << 8) | count as u64)?;
            for (line, item) in items[..count].iter().enumerate() {
                let left = tx.get(STOCK, &(home, *item))?.unwrap_or_default();
                let left = if left < 10 { left + 91 } else { left - 1 };
                tx.put(STOCK, (home, *item), left)?;
                tx.put(LINE, (district, order * LINES + line as u64), *item)?;
            }
            Ok(Some(order))
        });
        match order {
            Some(order) => Done::useful(order),
            None => Done { checksum: 0, kind: Kind::Refused },
        }
    }

    fn payment<S>(&self, client: &mut Client<'_, S>, session: &mut Session) -> Done
    where
        S: Store<Key = (u64, u64), Value = u64>,
    {
        let random = &mut session.random;
        let home = session.home;
        let district = place(home, random.below(DISTRICTS));
        // One in seven pays elsewhere.
        let warehouse =
            if random.percent(15) { random.below(self.warehouses) } else { session.home };
        let customer = (place(warehouse, random.below(DISTRICTS)), random.below(CUSTOMERS));
        let amount = 1 + random.below(5_000);
        session.paid += amount;
        Done::useful(client.write(|tx| {
            tx.add(WAREHOUSE, &(home, 0), amount)?;
            tx.add(DISTRICT, &(district, 0), amount)?;
            tx.add(CUSTOMER, &customer, amount.wrapping_neg())
        }))
    }

    fn stock_level<S>(&self, client: &mut Client<'_, S>, session: &mut Session) -> Done
    where
        S: Store<Key = (u64, u64), Value = u64>,
    {
        let home = session.home;
        let district = place(home, session.random.below(DISTRICTS));
        let threshold = 10 + session.random.below(11);
        Done::useful(client.read(|tx| {
            let next = tx.get(NEXT, &(district, 0))?.unwrap_or_default();
            let first = (district, next.saturating_sub(ORDERS) * LINES);
            let last = (district, next * LINES);
            let mut items = Vec::with_capacity((ORDERS * LINES) as usize);
            tx.scan(LINE, &first, Some(&last), usize::MAX, |_, item| items.push(item))?;
            items.sort_unstable();
            items.dedup();
            let mut low = 0;
            for item in items {
                low += u64::from(tx.get(STOCK, &(home, item))?.unwrap_or(STOCKED) < threshold);
            }
            Ok(low)
        }))
    }
}

fn sum<T: Read<Key = (u64, u64)>>(tx: &mut T, table: u8, places: u64) -> Result<u64, Stop> {
    let mut sum = 0_u64;
    for place in 0..places {
        sum = sum.wrapping_add(tx.get(table, &(place, 0))?.unwrap_or_default());
    }
    Ok(sum)
}

impl Workload for Tpcc {
    type Key = (u64, u64);
    type Value = u64;
    type Session = Session;

    fn spec(&self) -> Spec {
        let about = format!(
            "45 % new orders, 43 % payments, 12 % stock levels; warehouses: {}",
            self.warehouses
        );
        let mut spec = Spec::new("applications", "TPC-C-like", about);
        spec.ranges = true;
        // The tables grow with every order.
        spec.most = 500_000;
        spec
    }

    fn tables(&self) -> u8 {
        7
    }

    fn load(&self, row: &mut dyn FnMut(u8, (u64, u64), u64)) {
        for warehouse in 0..self.warehouses {
            row(WAREHOUSE, (warehouse, 0), 0);
            (0..self.items).for_each(|item| row(STOCK, (warehouse, item), STOCKED));
            for district in (0..DISTRICTS).map(|district| place(warehouse, district)) {
                row(NEXT, (district, 0), 0);
                row(DISTRICT, (district, 0), 0);
                (0..CUSTOMERS).for_each(|customer| row(CUSTOMER, (district, customer), 0));
            }
        }
    }

    fn session(&self, seat: Seat) -> Session {
        Session { random: seat.random(), home: seat.thread % self.warehouses, paid: 0 }
    }

    fn transact<S>(&self, client: &mut Client<'_, S>, session: &mut Session) -> Done
    where
        S: Store<Key = (u64, u64), Value = u64>,
    {
        match session.random.below(100) {
            0..45 => self.new_order(client, session),
            45..88 => self.payment(client, session),
            _ => self.stock_level(client, session),
        }
    }

    /// What warehouses and districts took is what was paid, and as many orders are there
    /// as districts have counted.
    fn check<S>(&self, client: &mut Client<'_, S>, sessions: &[Session]) -> Result<(), String>
    where
        S: Store<Key = (u64, u64), Value = u64>,
    {
        let places = self.warehouses * DISTRICTS;
        let (warehouses, districts, next, orders) = client.read(|tx| {
            let mut orders = 0;
            tx.scan(ORDER, &(0, 0), None, usize::MAX, |_, _| orders += 1)?;
            let warehouses = sum(tx, WAREHOUSE, self.warehouses)?;
            Ok((warehouses, sum(tx, DISTRICT, places)?, sum(tx, NEXT, places)?, orders))
        });
        let paid: u64 = sessions.iter().map(|session| session.paid).sum();
        if warehouses != paid || districts != paid {
            return Err(format!("paid {paid}, warehouses {warehouses}, districts {districts}"));
        }
        if next == orders { Ok(()) } else { Err(format!("{next} counted, {orders} orders there")) }
    }
}

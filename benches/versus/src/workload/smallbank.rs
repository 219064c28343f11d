//! SmallBank: a checking and a savings account for every customer, six short transactions.

use super::{Client, Done, Kind, Order, Seat, Spec, Workload};
use crate::engine::{Read, Stop, Store, Write};
use crate::random::{Choice, Random};

const CHECKING: u8 = 0;
const SAVINGS: u8 = 1;
/// In every account before the run.
const BALANCE: u64 = 10_000;

pub struct SmallBank {
    pub customers: u64,
    pub choice: Choice,
}

pub struct Session {
    random: Random,
    /// What was paid in, less what was paid out.
    paid: u64,
}

fn balance<T: Read<Key = u64>>(tx: &mut T, customer: &u64) -> Result<u64, Stop> {
    let checking = tx.get(CHECKING, customer)?.unwrap_or_default();
    Ok(checking.wrapping_add(tx.get(SAVINGS, customer)?.unwrap_or_default()))
}

/// Negative balances are large numbers here.
fn less(balance: u64, amount: u64) -> bool {
    balance.cast_signed() < amount.cast_signed()
}

impl SmallBank {
    fn pay<S>(&self, client: &mut Client<'_, S>, session: &mut Session) -> Done
    where
        S: Store<Key = u64, Value = u64>,
    {
        let from = self.choice.draw(&mut session.random) as u64;
        let to = self.choice.draw(&mut session.random) as u64;
        let amount = 1 + session.random.below(50);
        let paid = client.write(|tx| {
            let old = tx.get(CHECKING, &from)?.unwrap_or_default();
            if less(old, amount) {
                return Ok(None);
            }
            tx.put(CHECKING, from, old.wrapping_sub(amount))?;
            tx.add(CHECKING, &to, amount)?;
            Ok(Some(old))
        });
        outcome(paid)
    }

    fn amalgamate<S>(&self, client: &mut Client<'_, S>, session: &mut Session) -> Done
    where
        S: Store<Key = u64, Value = u64>,
    {
        let from = self.choice.draw(&mut session.random) as u64;
        let to = self.choice.draw(&mut session.random) as u64;
        Done::useful(client.write(|tx| {
            let total = balance(tx, &from)?;
            tx.put(CHECKING, from, 0)?;
            tx.put(SAVINGS, from, 0)?;
            tx.add(CHECKING, &to, total)?;
            Ok(total)
        }))
    }
}

fn outcome(read: Option<u64>) -> Done {
    match read {
        Some(checksum) => Done::useful(checksum),
        None => Done { checksum: 1, kind: Kind::Refused },
    }
}

impl Workload for SmallBank {
    type Key = u64;
    type Value = u64;
    type Session = Session;

    fn spec(&self) -> Spec {
        let about = format!("six transactions on two accounts of {} customers", self.customers);
        let mut spec = Spec::new("applications", "SmallBank", about);
        spec.order = Order::Matters;
        spec
    }

    fn tables(&self) -> u8 {
        2
    }

    fn load(&self, row: &mut dyn FnMut(u8, u64, u64)) {
        for customer in 0..self.customers {
            row(CHECKING, customer, BALANCE);
            row(SAVINGS, customer, BALANCE);
        }
    }

    fn session(&self, seat: Seat) -> Session {
        Session { random: seat.random(), paid: 0 }
    }

    fn transact<S>(&self, client: &mut Client<'_, S>, session: &mut Session) -> Done
    where
        S: Store<Key = u64, Value = u64>,
    {
        let step = session.random.below(100);
        if step < 25 {
            return self.pay(client, session);
        }
        if step < 40 {
            return self.amalgamate(client, session);
        }
        let customer = self.choice.draw(&mut session.random) as u64;
        let amount = 1 + session.random.below(50);
        match step {
            40..55 => Done::useful(client.read(|tx| balance(tx, &customer))),
            55..70 => {
                session.paid = session.paid.wrapping_add(amount);
                Done::useful(client.write(|tx| tx.add(CHECKING, &customer, amount)))
            }
            70..85 => {
                let saved = client.write(|tx| {
                    let old = tx.get(SAVINGS, &customer)?.unwrap_or_default();
                    if less(old, amount) {
                        return Ok(None);
                    }
                    tx.put(SAVINGS, customer, old.wrapping_sub(amount))?;
                    Ok(Some(old))
                });
                if saved.is_some() {
                    session.paid = session.paid.wrapping_sub(amount);
                }
                outcome(saved)
            }
            _ => {
                // A cheque; one more is taken off if it is not covered.
                let taken = client.write(|tx| {
                    let fine = u64::from(less(balance(tx, &customer)?, amount));
                    tx.add(CHECKING, &customer, (amount + fine).wrapping_neg())?;
                    Ok(amount + fine)
                });
                session.paid = session.paid.wrapping_sub(taken);
                Done::useful(taken)
            }
        }
    }

    fn check<S>(&self, client: &mut Client<'_, S>, sessions: &[Session]) -> Result<(), String>
    where
        S: Store<Key = u64, Value = u64>,
    {
        let loaded = self.customers * BALANCE * 2;
        let expected = sessions.iter().fold(loaded, |sum, one| sum.wrapping_add(one.paid));
        let found = client.read(|tx| {
            let mut sum = 0_u64;
            for customer in 0..self.customers {
                sum = sum.wrapping_add(balance(tx, &customer)?);
            }
            Ok(sum)
        });
        if found == expected { Ok(()) } else { Err(format!("{expected} became {found}")) }
    }
}

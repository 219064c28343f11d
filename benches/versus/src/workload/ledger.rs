//! A ledger: the sum of an account's entries, and one entry more.

use super::{Client, Done, Order, Seat, Spec, Workload};
use crate::engine::{Read, Store, Write};
use crate::random::Random;

const ENTRIES: u64 = 20;
/// Above the entries that were loaded, and those of other threads.
const SHARE: u64 = 32;

pub struct Ledger {
    pub accounts: u64,
}

pub struct Session {
    random: Random,
    entry: u64,
}

impl Workload for Ledger {
    type Key = (u64, u64);
    type Value = u64;
    type Session = Session;

    fn spec(&self) -> Spec {
        let about = "sums the 20 entries of an account, or a few more, and inserts one";
        let mut spec = Spec::new("core", "ledger: sum 20 entries, insert one", about);
        spec.ranges = true;
        spec.order = Order::EndFree;
        // The ledger grows by a fifth.
        spec.most = self.accounts * ENTRIES / 5;
        spec
    }

    fn load(&self, row: &mut dyn FnMut(u8, (u64, u64), u64)) {
        for account in 0..self.accounts {
            (0..ENTRIES).for_each(|entry| row(0, (account, entry), 1));
        }
    }

    fn session(&self, seat: Seat) -> Session {
        Session { random: seat.random(), entry: (seat.thread + 1) << SHARE }
    }

    fn transact<S>(&self, client: &mut Client<'_, S>, session: &mut Session) -> Done
    where
        S: Store<Key = (u64, u64), Value = u64>,
    {
        let account = session.random.below(self.accounts);
        session.entry += 1;
        let entry = session.entry;
        Done::useful(client.write(|tx| {
            let mut sum = 0;
            let last = (account, u64::MAX);
            tx.scan(0, &(account, 0), Some(&last), usize::MAX, |_, cents| sum += cents)?;
            tx.put(0, (account, entry), 1)?;
            Ok(sum)
        }))
    }
}

//! Receipts: the read-only anomaly. Receipts go into the batch that is open; now and then
//! the batch is closed; a report reads the batch before the open one, which by then must
//! not grow any more. Under snapshot isolation it does.

use super::{Client, Done, Seat, Spec, Workload};
use crate::engine::{Read, Stop, Store, Write};
use crate::random::Random;

const RECEIPTS: u8 = 1;
/// Of the row that names the open batch.
const OPEN: (u64, u64) = (0, 0);
/// Reports that a thread remembers for the check.
const REMEMBERED: usize = 10_000;
/// Batches have 16 bits in a key.
const BATCHES: u64 = 1 << 16;

pub struct Receipts;

pub struct Session {
    random: Random,
    receipt: u64,
    /// Batch, and how many receipts it had.
    reports: Vec<(u64, u64)>,
}

fn open_batch<T: Read<Key = (u64, u64)>>(tx: &mut T) -> Result<u64, Stop> {
    Ok(tx.get(0, &OPEN)?.unwrap_or_default())
}

fn count<T: Read<Key = (u64, u64)>>(tx: &mut T, batch: u64) -> Result<u64, Stop> {
    let mut receipts = 0;
    let last = (batch, u64::MAX >> 24);
    tx.scan(RECEIPTS, &(batch, 0), Some(&last), usize::MAX, |_, _| receipts += 1)?;
    Ok(receipts)
}

impl Workload for Receipts {
    type Key = (u64, u64);
    type Value = u64;
    type Session = Session;

    fn spec(&self) -> Spec {
        let about = "60 % put a receipt into the open batch, 20 % close it, 20 % read the last one";
        let mut spec = Spec::new("contended", "receipts", about);
        spec.ranges = true;
        // One in five closes a batch.
        spec.most = BATCHES * 4;
        spec
    }

    fn tables(&self) -> u8 {
        2
    }

    fn load(&self, row: &mut dyn FnMut(u8, (u64, u64), u64)) {
        row(0, OPEN, 1);
    }

    fn session(&self, seat: Seat) -> Session {
        Session { random: seat.random(), receipt: seat.thread << 32, reports: Vec::new() }
    }

    fn transact<S>(&self, client: &mut Client<'_, S>, session: &mut Session) -> Done
    where
        S: Store<Key = (u64, u64), Value = u64>,
    {
        let step = session.random.below(5);
        if step < 3 {
            session.receipt += 1;
            let receipt = session.receipt;
            return Done::useful(client.write(|tx| {
                let batch = open_batch(tx)?;
                tx.put(RECEIPTS, (batch, receipt), 1)?;
                Ok(batch)
            }));
        }
        if step == 3 {
            return Done::useful(client.write(|tx| tx.add(0, &OPEN, 1)));
        }
        let (batch, receipts) = client.read(|tx| {
            let batch = open_batch(tx)? - 1;
            Ok((batch, count(tx, batch)?))
        });
        if session.reports.len() < REMEMBERED {
            session.reports.push((batch, receipts));
        }
        Done::useful(receipts)
    }

    fn check<S>(&self, client: &mut Client<'_, S>, sessions: &[Session]) -> Result<(), String>
    where
        S: Store<Key = (u64, u64), Value = u64>,
    {
        for (batch, reported) in sessions.iter().flat_map(|session| &session.reports) {
            let found = client.read(|tx| count(tx, *batch));
            if found != *reported {
                return Err(format!("batch {batch} grew from {reported} to {found} once reported"));
            }
        }
        Ok(())
    }
}

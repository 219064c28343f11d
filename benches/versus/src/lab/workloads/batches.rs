//! Receipts: the read-only anomaly of Fekete, O'Neil and O'Neil as a program.

use super::{Flow, Plan, Seat, Work, Workload};
use crate::random::Random;

/// The workload of this file.
pub fn all() -> Vec<Box<dyn Workload>> {
    vec![Box::new(Receipts)]
}

/// Receipts go into the open batch; it is closed; one of the two before it is reported.
struct Receipts;

const CONTROL: usize = 0;
const RECEIPTS: usize = 1;

/// All receipts of a batch.
fn batch(number: u32) -> std::ops::RangeInclusive<u64> {
    let first = u64::from(number) << 32;
    first..=first | 0xffff_ffff
}

impl Workload for Receipts {
    fn name(&self) -> &'static str {
        "receipts"
    }

    fn about(&self) -> &'static str {
        "75 % put a receipt into the open batch, 5 % close it, 20 % read one of the two before"
    }

    fn load(&self, row: &mut dyn FnMut(usize, u64, u32)) {
        row(CONTROL, 0, 2);
    }

    fn plan(&self, random: &mut Random, _: u64) -> Plan {
        match random.below(20) {
            0..15 => Plan::writing("receipt"),
            15 => Plan::writing("close"),
            _ => Plan::reading("report"),
        }
    }

    fn transact<'a>(&'a self, seat: &'a Seat<'a>, plan: Plan, random: &'a mut Random) -> Work<'a> {
        Box::pin(async move {
            match plan.kind {
                "close" => _ = seat.add(CONTROL, 0, 1).await,
                "receipt" => {
                    let open = seat.number(CONTROL, 0).await;
                    let receipt = batch(open).start() + random.below(1 << 32);
                    seat.put(RECEIPTS, receipt, 1).await;
                }
                _ => {
                    let open = seat.number(CONTROL, 0).await;
                    let before = 1 + random.below(2) as u32;
                    seat.range(RECEIPTS, batch(open - before)).await;
                }
            }
            Flow::Commit
        })
    }
}

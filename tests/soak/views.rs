//! What workers look at, and what they leave behind.

use std::mem::forget;
use std::time::Duration;

use precedent::{ReadTransaction, Snapshot, Table, Timestamp};

use crate::goods::{Coin, Id, Name, Worth};
use crate::hazard::{Site, touch};
use crate::round::digest;
use crate::vault::Rows;
use crate::worker::{Lost, Worker};

impl Worker<'_> {
    /// All the money at once, certified.
    pub fn total(&mut self) {
        self.counts.totals += 1;
        let round = self.round;
        let read = |tx: &ReadTransaction<'_>| {
            touch(Site::Closure);
            let vaults: Vec<Rows> = round.vaults.iter().map(|vault| vault.all(tx)).collect();
            (vaults, round.pairs.all(tx))
        };
        let seen = if self.rng.chance(50) {
            round.db.read(read)
        } else {
            let tx = round.db.begin_read();
            let seen = read(&tx);
            tx.finish().map(|_| seen)
        };
        if let Some((vaults, pairs)) = self.settle(seen) {
            round.look_at_money("a certified read", &vaults, &pairs);
        }
    }

    /// All the money at once, in a snapshot of one kind or another.
    pub fn report(&mut self) {
        self.counts.snapshots += 1;
        let Some(snapshot) = self.snapshot() else { return };
        let vaults: Vec<Rows> =
            self.round.vaults.iter().map(|vault| vault.all_at(&snapshot)).collect();
        let pairs = self.round.pairs.all_at(&snapshot);
        self.round.look_at_money("a snapshot", &vaults, &pairs);
    }

    /// A snapshot that is kept, and looked at again when it is given back.
    pub fn hold(&mut self) {
        let Some(snapshot) = self.snapshot() else { return };
        let shown = digest(self.round, &snapshot);
        self.held.push((snapshot, shown));
        if self.held.len() > 3 {
            let next = self.rng.below(self.held.len());
            let (snapshot, shown) = self.held.swap_remove(next);
            self.look_again(&snapshot, shown);
        }
    }

    fn snapshot(&mut self) -> Option<Snapshot> {
        let round = self.round;
        let snapshot = match self.rng.below(4) {
            0 => round.db.pin().snapshot(),
            1 => {
                let newest = self.newest.unwrap_or(round.first);
                let wait = Duration::from_millis(self.rng.pick(&[0, 1]));
                let snapshot = round.db.safe_snapshot_at_least(newest, wait).ok()?;
                if snapshot.timestamp() < newest {
                    round.fault("a snapshot is older than it was asked to be".into());
                }
                snapshot
            }
            2 => {
                // Any moment in the recent past: not safe, but money is never on the way.
                let newest = u64::from(round.db.begin_read().read_timestamp());
                let wanted = newest.saturating_sub(self.rng.below(20) as u64);
                let wanted = wanted.max(u64::from(round.first));
                return round.db.snapshot_at(Timestamp::from(wanted)).ok();
            }
            _ => round.db.safe_snapshot(),
        };
        if round.plan.serializable() && !snapshot.is_safe() {
            round.fault(format!("a safe snapshot at {} is not safe", snapshot.timestamp()));
        }
        Some(snapshot)
    }

    /// Begins something and never ends it.
    pub fn lose(&mut self) {
        // So that what is forgotten for ever stays little.
        if self.lost.len() as u64 + self.counts.forgotten >= 8 {
            return;
        }
        let (round, place) = (self.round, self.place());
        let lost = match self.rng.below(4) {
            0 => Lost::Snapshot(round.db.safe_snapshot()),
            1 => Lost::Pin(round.db.pin()),
            2 => {
                let tx = round.db.begin_read();
                place.vault.all(&tx);
                Lost::Reader(tx)
            }
            _ => {
                let tx = round.db.begin();
                if let Some(amount) = place.vault.get(&tx, place.number) {
                    place.vault.put(&tx, place.number, amount + 1);
                }
                Lost::Writer(tx)
            }
        };
        self.counts.lost += 1;
        if round.plan.forgets {
            forget(lost);
            self.counts.forgotten += 1;
        } else {
            self.lost.push(lost);
        }
    }

    /// What a program does now and then beside its transactions.
    pub fn tidy(&mut self) {
        let db = &self.round.db;
        match self.rng.below(4) {
            0 => db.collect(),
            1 => drop(db.doom_older_than(Duration::from_millis(5))),
            _ => {
                let stats = db.stats();
                if stats.versions < stats.keys.saturating_sub(1_000) {
                    self.round.fault(format!("{} keys, {} versions", stats.keys, stats.versions));
                }
            }
        }
    }

    /// A table that comes and goes.
    pub fn shelf(&mut self) {
        let round = self.round;
        // Never the same name twice: histories could not tell the tables apart.
        let name = self.shelf.take().unwrap_or_else(|| round.new_name());
        let shelf: Table<Name, Coin> = match round.db.table(&name) {
            Ok(shelf) => shelf,
            Err(error) => return round.fault(format!("no shelf: {error}")),
        };
        let count = self.rng.between(0, 50) as u32;
        let filled = round.db.transact(|tx| {
            touch(Site::Closure);
            for number in 0..count {
                tx.insert(&shelf, Name::of(number), Coin::of(1));
            }
            Ok(tx.count(&shelf, ..))
        });
        if let Some(there) = self.settle(filled)
            && there < count as usize
        {
            round.fault(format!("{there} of {count} on a shelf"));
        }
        if self.rng.chance(80) {
            round.db.drop_table(&name);
        } else {
            self.shelf = Some(name);
        }
    }
}

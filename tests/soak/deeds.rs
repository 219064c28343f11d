//! What workers write. Money is moved, never made: each of these keeps the total, and takes
//! from a pair only what is there.

use std::thread::sleep;
use std::time::Duration;

use precedent::{Error, Transaction};

use crate::hazard::{Site, touch};
use crate::rng::Rng;
use crate::round::Round;
use crate::vault::Way;
use crate::worker::{Place, Worker, skewed};

/// A user's own error.
enum Stop {
    /// With what it saw of a pair.
    Refused(i64),
    Engine(Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Engine(error)
    }
}

impl Place<'_> {
    fn get(self, tx: &Transaction<'_>) -> Option<i64> {
        self.vault.get(tx, self.number)
    }

    /// Adds to an account that is there, in one of the ways in which that can be said.
    fn change(self, tx: &Transaction<'_>, by: i64, rng: &mut Rng, round: &Round) {
        let Self { vault, number } = self;
        let now = match rng.below(4) {
            0 => vault.add(tx, number, by),
            1 => vault.take(tx, number).map(|old| {
                vault.put(tx, number, old + by);
                old + by
            }),
            2 => vault.get(tx, number).map(|old| {
                let replaced = vault.replace(tx, number, old + by);
                if replaced != Some(old) && !tx.is_doomed() {
                    round.fault(format!("a replace returned {replaced:?} after {old}"));
                }
                old + by
            }),
            _ => vault.get(tx, number).map(|old| {
                vault.put(tx, number, old + by);
                old + by
            }),
        };
        let seen = vault.peek(tx, number);
        if (now.is_none() || seen != now) && !tx.is_doomed() {
            round.fault(format!("wrote {now:?} to an account, and read {seen:?}"));
        }
    }
}

/// Moves money between two accounts, if the first one is there.
fn shift(tx: &Transaction<'_>, ends: [Place<'_>; 2], by: i64, rng: &mut Rng, round: &Round) {
    let [from, to] = ends;
    if from.get(tx).is_some() {
        if to.get(tx).is_none() {
            to.vault.open(tx, to.number);
        }
        from.change(tx, -by, rng, round);
        touch(Site::Closure);
        to.change(tx, by, rng, round);
    }
}

impl Worker<'_> {
    /// Runs a transaction, in the loop that retries.
    fn transact<R>(&mut self, mut f: impl FnMut(&Transaction<'_>, &mut Rng) -> R) -> Option<R> {
        let (round, rng) = (self.round, &mut self.rng);
        let ended = round.db.transact_with_commit(|tx| {
            touch(Site::Closure);
            Ok(f(tx, rng))
        });
        let (result, commit) = self.settle(ended)?;
        self.newest = Some(commit.timestamp());
        Some(result)
    }

    pub fn transfer(&mut self) {
        let (round, ends) = (self.round, [self.place(), self.place()]);
        let by = self.rng.between(0, 100) as i64;
        self.transact(|tx, rng| shift(tx, ends, by, rng, round));
    }

    /// Everybody wants the same two accounts.
    pub fn hammer(&mut self) {
        let round = self.round;
        let ends = [0, 1].map(|number| Place { vault: &*round.vaults[0], number });
        self.transact(|tx, rng| {
            ends[0].vault.open(tx, ends[0].number);
            shift(tx, ends, 1, rng, round);
        });
    }

    /// Reads a range, from one end or both, and moves money between what it returned.
    pub fn sweep(&mut self) {
        let (round, numbers, place) = (self.round, self.numbers(), self.place());
        let most = self.rng.pick(&[1, 2, 7, 50, 10_000]);
        let way = self.rng.pick(&[Way::Front(most), Way::Back(most), Way::Both(most)]);
        let only_looks = self.rng.chance(30);
        self.transact(|tx, rng| {
            let rows = place.vault.rows(tx, numbers.clone(), way);
            let (Some(first), Some(last)) = (rows.first(), rows.last()) else { return };
            let ends = [first.0, last.0].map(|number| Place { number, ..place });
            if !only_looks {
                shift(tx, ends, first.1 / 2, rng, round);
            }
        });
    }

    /// Takes from one of those that a predicate selects.
    pub fn choose(&mut self) {
        let (round, numbers, place, to) = (self.round, self.numbers(), self.place(), self.place());
        let at_least = self.rng.pick(&[-500, 0, 1_000, 1_500, 5_000]);
        self.transact(|tx, rng| {
            let rich = place.vault.rich(tx, numbers.clone(), at_least);
            if rich.iter().any(|(_, amount)| *amount < at_least) {
                round.fault("a predicate has returned what it does not select".into());
            }
            if let Some((number, amount)) = rich.first() {
                shift(tx, [Place { number: *number, ..place }, to], amount / 3, rng, round);
            }
        });
    }

    /// Closes an account and moves all that it has to another one, which may be a new one.
    pub fn turn_over(&mut self) {
        let (round, from) = (self.round, self.place());
        let (old, keys) = (from.number, round.plan.keys);
        let other = skewed(&mut self.rng, keys, round.plan.skew);
        let new = if old < keys { keys + other } else { other };
        self.transact(|tx, rng| {
            let Some(all) = from.vault.take(tx, old) else { return };
            touch(Site::Closure);
            from.vault.open(tx, new);
            Place { number: new, ..from }.change(tx, all, rng, round);
        });
    }

    /// Two accounts that together may not owe anything: whoever takes from one of them has
    /// looked at both.
    pub fn withdraw(&mut self) {
        let (round, x, y) = (self.round, self.pair(), self.rng.below(2) as u32);
        let by = self.rng.between(1, 150) as i64;
        self.transact(|tx, rng| {
            let both = [x, x + 1].map(|one| round.pairs.get(tx, one));
            // A bound on bytes may have left no room for pairs.
            let [Some(one), Some(other)] = both else { return None };
            let sum = one + other;
            if round.plan.serializable() && sum < 0 && !tx.is_doomed() {
                // What it saw may still be refused, but then it was no snapshot's state.
                return Some(sum);
            }
            let by = if sum >= by { -by } else { 100 };
            Place { vault: &*round.pairs, number: x + y }.change(tx, by, rng, round);
            None
        })
        .flatten()
        .into_iter()
        .for_each(|sum| round.fault(format!("a pair owes {sum}, in a certified read")));
    }

    /// The first one of a pair.
    fn pair(&mut self) -> u32 {
        2 * skewed(&mut self.rng, self.round.plan.keys.div_ceil(2), self.round.plan.skew)
    }

    /// Does things that it undoes, in savepoints within savepoints.
    pub fn savepoints(&mut self) {
        let (round, ends, by) = (self.round, [self.place(), self.place()], 7);
        let scratch = skewed(&mut self.rng, round.plan.keys, 1);
        self.transact(|tx, rng| {
            let start = tx.savepoint();
            ends[0].vault.remove(tx, ends[0].number);
            round.scratch.put(tx, scratch, 1);
            let inner = tx.savepoint();
            ends[1].vault.put(tx, ends[1].number, -1);
            if rng.chance(50) {
                tx.release(inner);
            }
            touch(Site::Closure);
            tx.rollback_to(&start);
            let refused = tx.nested(|tx| {
                shift(tx, ends, by, rng, round);
                if rng.chance(50) { Err(()) } else { Ok(()) }
            });
            if refused.is_err() && rng.chance(50) {
                shift(tx, ends, -by, rng, round);
            }
        });
    }

    /// Returns an error of its own, for a reason that it has read.
    pub fn refuse(&mut self) {
        let (round, x, ends) = (self.round, self.pair(), [self.place(), self.place()]);
        let rng = &mut self.rng;
        let refused = round.db.try_transact(|tx| -> Result<(), Stop> {
            touch(Site::Closure);
            shift(tx, ends, 1_000, rng, round);
            let sum = [x, x + 1].iter().filter_map(|one| round.pairs.get(tx, *one)).sum();
            Err(Stop::Refused(sum))
        });
        match refused {
            Err(Stop::Refused(sum)) if sum < 0 && round.plan.serializable() => {
                round.fault(format!("a pair owes {sum}, in a certified refusal"));
            }
            Err(Stop::Engine(error)) => drop(self.settle::<()>(Err(error))),
            Err(Stop::Refused(_)) | Ok(()) => {}
        }
    }

    /// A transaction by hand, with any end.
    pub fn manual(&mut self) {
        let (round, ends) = (self.round, [self.place(), self.place()]);
        let owned = self.rng.chance(20);
        let tx = if owned { round.db.begin_owned() } else { round.db.begin() };
        shift(&tx, ends, 3, &mut self.rng, round);
        touch(Site::Closure);
        match self.rng.below(10) {
            0 => tx.rollback(),
            1 => drop(tx),
            2 => drop(self.settle(tx.finish_without_writes())),
            _ => drop(self.settle(tx.commit())),
        }
    }

    /// Writes what nobody counts, without looking.
    pub fn blind(&mut self) {
        let (round, numbers) = (self.round, self.numbers());
        let how = self.rng.below(10);
        self.transact(|tx, rng| match how {
            0 => drop(round.scratch.remove_range(tx, numbers.clone())),
            1..4 => round.scratch.remove(tx, numbers.start),
            4..8 => round.scratch.put(tx, numbers.start, rng.below(1_000) as i64),
            _ => (0..rng.between(2, 40) as u32)
                .for_each(|next| round.scratch.put(tx, numbers.start + next, 0)),
        });
    }

    /// Loads rows in bulk; now and then they are in disorder.
    pub fn load(&mut self) {
        let round = self.round;
        let from = skewed(&mut self.rng, 2 * round.plan.keys, 1);
        let count = self.rng.pick(&[1, 5, 100, 1_000]);
        let mut rows: Vec<_> = (from..from + count).map(|number| (number, 1)).collect();
        if self.rng.chance(10) {
            rows.push((from, 2));
            if !matches!(round.scratch.load(&round.db, &rows), Err(Error::NotAscending { .. })) {
                round.fault("rows in disorder were loaded".into());
            }
        } else {
            self.settle(round.scratch.load(&round.db, &rows));
        }
    }

    /// Reads, waits, looks again without leaving a mark, writes.
    pub fn linger(&mut self) {
        let (round, ends, numbers) = (self.round, [self.place(), self.place()], self.numbers());
        let micros = self.rng.pick(&[100, 1_000, 10_000]);
        self.transact(|tx, rng| {
            let rows = ends[0].vault.rows(tx, numbers.clone(), Way::Front(20));
            sleep(Duration::from_micros(micros));
            for (number, amount) in rows {
                if ends[0].vault.peek(tx, number) != Some(amount) {
                    round.fault("a row that was read looks different later".into());
                }
            }
            ends[1].vault.peek(tx, ends[1].number);
            shift(tx, ends, 1, rng, round);
        });
    }

    /// A transaction that is doomed by its label.
    pub fn doom(&mut self) {
        let (round, ends) = (self.round, [self.place(), self.place()]);
        let rng = &mut self.rng;
        let ended = round.db.transact(|tx| {
            tx.label("doomed");
            shift(tx, ends, 1, rng, round);
            Ok(())
        });
        if !ended.is_err_and(|error| error.is_timed_out() || error.is_limit()) {
            round.fault("a doomed transaction did not fail as one".into());
        }
    }
}

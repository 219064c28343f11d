//! Nobody wins by doing less: before anything is measured, every engine runs the same
//! transactions, and what they read and what they leave is compared.

use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use super::{fill, state};
use crate::engine::{About, Store};
use crate::workload::{Client, Order, Seat, Workload};

/// What an engine made of a workload.
#[derive(Debug, PartialEq, Eq)]
pub struct Judged {
    /// Depends on all that was read.
    pub checksum: u64,
    /// Depends on all that was left, if the engine can be asked.
    pub state: Option<u64>,
    /// What the workload itself says.
    pub check: Result<(), String>,
}

pub fn judge<W: Workload, S>(
    workload: &W,
    (threads, count): (usize, u64),
    seed: u64,
    about: &About,
) -> Judged
where
    S: Store<Key = W::Key, Value = W::Value>,
{
    let store: S = fill(workload, about.variant);
    let start_line = Barrier::new(threads);
    let work = |thread: usize| {
        let seat = Seat { seed, thread: thread as u64, repeat: u32::MAX };
        let mut session = workload.session(seat);
        let mut client = Client::new(&store, Duration::ZERO);
        start_line.wait();
        let checksum = (0..count).fold(0_u64, |sum, _| {
            sum.wrapping_add(workload.transact(&mut client, &mut session).checksum)
        });
        (checksum, session)
    };
    let (checksums, sessions): (Vec<_>, Vec<_>) = thread::scope(|scope| {
        let work = &work;
        let spawn = |thread| scope.spawn(move || work(thread));
        let threads: Vec<_> = (0..threads).map(spawn).collect();
        threads.into_iter().map(|thread| thread.join().expect("a thread panicked")).unzip()
    });
    Judged {
        checksum: checksums.into_iter().fold(0, u64::wrapping_add),
        state: about.ranges.then(|| state(&store, workload.tables())),
        check: workload.check(&mut Client::new(&store, Duration::ZERO), &sessions),
    }
}

/// Whether two engines agree, else what they differ in.
pub fn agree(one: &Judged, other: &Judged, order: Order, threads: usize) -> Result<(), String> {
    let alone = threads == 1;
    if (alone || order == Order::Free) && one.checksum != other.checksum {
        return Err("read different things".to_owned());
    }
    let states = one.state.zip(other.state);
    if (alone || order != Order::Matters) && states.is_some_and(|(one, other)| one != other) {
        return Err("hold different things".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Judged, agree};
    use crate::engines::CONTESTANTS;
    use crate::workload::{Knobs, Order, list};

    fn judged(checksum: u64, state: Option<u64>) -> Judged {
        Judged { checksum, state, check: Ok(()) }
    }

    #[test]
    fn engines_agree_as_far_as_the_order_of_threads_allows() {
        let (one, read) = (judged(1, Some(1)), judged(2, Some(1)));
        assert!(agree(&one, &read, Order::EndFree, 1).is_err());
        assert!(agree(&one, &read, Order::EndFree, 2).is_ok());
        assert!(agree(&one, &read, Order::Free, 2).is_err());
        let left = judged(1, Some(2));
        assert!(agree(&one, &left, Order::EndFree, 2).is_err());
        assert!(agree(&one, &left, Order::Matters, 2).is_ok());
        assert!(agree(&one, &left, Order::Matters, 1).is_err());
        assert!(agree(&one, &judged(1, None), Order::Free, 2).is_ok());
    }

    const KNOBS: Knobs = Knobs {
        keys: 300,
        keys_elsewhere: 300,
        skew: 0.9,
        operations: 6,
        read_share: 0.5,
        seed: 3,
        warehouses: 1,
    };

    #[test]
    fn all_engines_do_the_same_work_in_every_workload() {
        for entry in list(&KNOBS, &|_| true) {
            let spec = entry.spec();
            let threads = spec.least_threads;
            let can = |engine: &usize| {
                let about = &CONTESTANTS[*engine];
                let serializable = about.variant != 4;
                about.keeps && serializable && (about.ranges || !spec.ranges)
            };
            let mut engines = (0..CONTESTANTS.len()).filter(can);
            let first = entry.judge(engines.next().expect("ours can"), threads, 60, 5);
            assert_eq!(first.check, Ok(()), "{}", spec.name);
            for engine in engines {
                let judged = entry.judge(engine, threads, 60, 5);
                let name = CONTESTANTS[engine].name;
                assert_eq!(judged.check, Ok(()), "{} on {name}", spec.name);
                let agreed = agree(&first, &judged, spec.order, threads);
                assert_eq!(agreed, Ok(()), "{} on {name}", spec.name);
            }
        }
    }

    #[test]
    fn an_engine_that_does_nothing_is_found_out() {
        let dry = CONTESTANTS.iter().position(|one| !one.keeps).expect("there is a dry one");
        for entry in list(&KNOBS, &|_| true) {
            let spec = entry.spec();
            let (ours, dry) = (
                entry.judge(0, spec.least_threads, 40, 5),
                entry.judge(dry, spec.least_threads, 40, 5),
            );
            let found = agree(&ours, &dry, spec.order, spec.least_threads).is_err();
            assert!(found || dry.check.is_err(), "{}", spec.name);
        }
    }
}

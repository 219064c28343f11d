//! Cores that do nothing but commit, an event at a time.
//!
//! ```text
//!   begin   fetch w's line, if somebody has published since
//!   work    outside, alone
//!   append  first come, first served: the section, and its lines if another core had them
//!   work    install, alone, but for counters that every commit writes
//!   publish likewise, under a lock of its own
//!   wait    until every earlier commit has published too; then begin again
//! ```
//!
//! What is left out makes a real machine slower: waiting cores take lines from the one that
//! holds the lock, a core may be stopped while it holds it, sockets are further apart.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::random::Random;

/// What all do one after the other.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Station {
    /// Nanoseconds, with every line at hand.
    pub section: f64,
    /// Lines that must be fetched if another core was here last.
    pub lines: f64,
}

/// A commit, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Costs {
    /// Before the append.
    pub before: f64,
    pub append: Station,
    /// From there to the publication.
    pub install: f64,
    pub publish: Station,
    /// Lines that every commit writes besides, without a lock: counters, queues. They cost
    /// time, but no queue forms at them, since it does where more is fetched at once.
    pub elsewhere: f64,
    /// To fetch a line from another core.
    pub transfer: f64,
}

/// Times as whole picoseconds, so that they can be ordered.
fn ticks(nanoseconds: f64) -> u64 {
    (nanoseconds * 1e3) as u64
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Begin,
    Append,
    /// With its place in the order of commits.
    Publish(u64),
}

#[derive(Default)]
struct Line {
    free: u64,
    owner: usize,
}

impl Line {
    /// When a core that comes at a time is through.
    fn pass(&mut self, now: u64, core: usize, station: &Station, transfer: f64) -> u64 {
        let fetched = if self.owner == core { 0.0 } else { station.lines * transfer };
        self.owner = core;
        self.free = self.free.max(now) + ticks(station.section + fetched);
        self.free
    }
}

struct Machine<'c> {
    costs: &'c Costs,
    cores: usize,
    events: BinaryHeap<Reverse<(u64, usize, Step)>>,
    log: Line,
    publisher: Line,
    /// Timestamps taken.
    last: u64,
    /// w, and who has raised it.
    published: u64,
    raised_by: usize,
    /// Installed above a gap.
    early: Vec<u64>,
    /// Who waits for which commit.
    waiting: Vec<(u64, usize)>,
    random: Random,
}

/// Commits a second on so many cores.
pub fn simulate(costs: &Costs, cores: usize, commits: u64) -> f64 {
    let mut machine = Machine {
        costs,
        cores,
        events: BinaryHeap::new(),
        log: Line::default(),
        publisher: Line::default(),
        last: 0,
        published: 0,
        raised_by: 0,
        early: Vec::new(),
        waiting: Vec::new(),
        random: Random::new(1, cores as u64),
    };
    machine.events.extend((0..cores).map(|core| Reverse((0, core, Step::Begin))));
    // The first ones come all at once.
    let warm = commits / 10;
    let mut begun = 0;
    let mut now = 0;
    while machine.published < commits {
        let Some(Reverse((at, core, step))) = machine.events.pop() else { break };
        now = at;
        machine.step(now, core, step);
        if begun == 0 && machine.published >= warm {
            begun = now;
        }
    }
    (commits - warm) as f64 / (now - begun) as f64 * 1e12
}

impl Machine<'_> {
    fn step(&mut self, now: u64, core: usize, step: Step) {
        let Costs { before, append, install, publish, elsewhere, transfer } = *self.costs;
        match step {
            Step::Begin => {
                let fetched = if self.raised_by == core { 0.0 } else { transfer };
                let at = now + ticks(fetched) + self.some(before);
                self.events.push(Reverse((at, core, Step::Append)));
            }
            Step::Append => {
                let through = self.log.pass(now, core, &append, transfer);
                self.last += 1;
                let fetched = if self.cores == 1 { 0.0 } else { elsewhere * transfer };
                let at = through + ticks(fetched) + self.some(install);
                self.events.push(Reverse((at, core, Step::Publish(self.last))));
            }
            Step::Publish(commit) => {
                let through = self.publisher.pass(now, core, &publish, transfer);
                self.early.push(commit);
                self.waiting.push((commit, core));
                self.raise(core);
                self.wake(through);
            }
        }
    }

    /// Work of this length on average: from half of it to one and a half.
    fn some(&mut self, nanoseconds: f64) -> u64 {
        ticks(nanoseconds * (0.5 + self.random.unit()))
    }

    /// w covers what has no gap below it.
    fn raise(&mut self, core: usize) {
        while let Some(place) = self.early.iter().position(|early| *early == self.published + 1) {
            self.early.swap_remove(place);
            self.published += 1;
            self.raised_by = core;
        }
    }

    /// Who is covered begins again.
    fn wake(&mut self, now: u64) {
        let published = self.published;
        let covered = self.waiting.extract_if(.., |(commit, _)| *commit <= published);
        self.events.extend(covered.map(|(_, core)| Reverse((now, core, Step::Begin))));
    }
}

#[cfg(test)]
mod tests {
    use super::{Costs, Station, simulate};

    const COSTS: Costs = Costs {
        before: 700.0,
        append: Station { section: 40.0, lines: 5.0 },
        install: 200.0,
        publish: Station { section: 20.0, lines: 2.0 },
        elsewhere: 0.0,
        transfer: 100.0,
    };
    const FREE: Station = Station { section: 0.0, lines: 0.0 };

    fn near(found: f64, expected: f64) -> bool {
        (found / expected - 1.0).abs() < 0.02
    }

    #[test]
    fn one_core_pays_for_its_work_and_for_no_line() {
        assert!(near(simulate(&COSTS, 1, 20_000), 1e9 / 960.0));
    }

    #[test]
    fn many_cores_go_as_fast_as_the_slower_station() {
        // 40 + 5 times 100, for each.
        assert!(near(simulate(&COSTS, 64, 20_000), 1e9 / 540.0));
        let append = Station { section: 0.0, lines: 1.0 };
        assert!(near(simulate(&Costs { append, ..COSTS }, 64, 20_000), 1e9 / 220.0));
    }

    #[test]
    fn lines_elsewhere_cost_time_but_no_queue() {
        let costs = Costs { elsewhere: 20.0, ..COSTS };
        assert!(simulate(&costs, 2, 20_000) < 0.7 * simulate(&COSTS, 2, 20_000));
        assert!(near(simulate(&costs, 64, 20_000), simulate(&COSTS, 64, 20_000)));
        assert!(near(simulate(&costs, 1, 20_000), simulate(&COSTS, 1, 20_000)));
    }

    #[test]
    fn without_anything_shared_cores_add_up() {
        let costs = Costs { append: FREE, publish: FREE, transfer: 0.0, ..COSTS };
        let found = simulate(&costs, 8, 20_000);
        // Commits still wait for earlier ones: those that took longer to install.
        assert!((6.5e9 / 900.0..8.0e9 / 900.0).contains(&found), "{found}");
    }
}

//! Who has the next turn: everybody in turn, at random, by priorities, or by a script.

use std::sync::Arc;

use crate::Certifier;
use crate::testkit::explore::effects::Effects;
use crate::testkit::random::Random;

/// Decides who has the next turn. It is asked between turns, by one thread at a time.
pub(super) trait Strategy: Send {
    /// The next one of those who are not done yet; none to give this run up.
    fn choose(&mut self, point: &Point<'_>) -> Option<usize>;

    /// Whether it wants to know what turns do.
    fn is_curious(&self) -> bool {
        false
    }

    /// What the turn did that was chosen last; nothing if it does not want to know.
    fn turn_is_over(&mut self, _effects: Effects) {}

    /// Prepares the next run; false if there is none.
    fn next_run(&mut self) -> bool;

    /// Whether the same turns have led to another state than before.
    fn is_lost(&self) -> bool {
        false
    }
}

/// A moment between two turns.
pub(super) struct Point<'p> {
    /// Who is not done yet; never empty.
    pub(super) ready: &'p [usize],
    /// Who had the last turn.
    pub(super) last: Option<usize>,
}

impl Point<'_> {
    /// Whoever had the last turn, if he is not done, so that schedules begin with few
    /// switches; else the first.
    fn natural(&self) -> usize {
        self.last.filter(|last| self.ready.contains(last)).unwrap_or(self.ready[0])
    }
}

/// Every order, or of those that differ only in the places of independent turns at least
/// one, by *sleep sets*: what was tried at a point need not be tried again after something
/// independent of it.
pub(super) struct Search {
    /// By which rule ends are certified; none if nothing is to be left out.
    prune: Option<Certifier>,
    /// The path to the present point.
    path: Vec<Node>,
    depth: usize,
    lost: bool,
}

/// A turn that need not be tried: who would have it, and what it did when it was tried.
type Asleep = (usize, Arc<Effects>);

struct Node {
    ready: Vec<usize>,
    chosen: usize,
    effects: Arc<Effects>,
    /// What was tried elsewhere.
    asleep: Vec<Asleep>,
    /// What was tried here before.
    tried: Vec<Asleep>,
}

impl Search {
    pub(super) fn new(prune: Option<Certifier>) -> Self {
        Self { prune, path: Vec::new(), depth: 0, lost: false }
    }

    /// What need not be tried after the last turn.
    fn still_asleep(&self) -> Vec<Asleep> {
        let (Some(rule), Some(node)) = (self.prune, self.path.last()) else { return Vec::new() };
        let all = node.asleep.iter().chain(&node.tried);
        let still = all.filter(|(who, effects)| {
            *who != node.chosen && !effects.depends_on(&node.effects, rule)
        });
        still.cloned().collect()
    }
}

impl Strategy for Search {
    fn choose(&mut self, point: &Point<'_>) -> Option<usize> {
        if self.depth == self.path.len() {
            let asleep = self.still_asleep();
            let free = |who: &usize| !asleep.iter().any(|(sleeper, _)| sleeper == who);
            let natural = Some(point.natural()).filter(free);
            let chosen = natural.or_else(|| point.ready.iter().copied().find(free))?;
            self.path.push(Node {
                ready: point.ready.to_vec(),
                chosen,
                effects: Arc::default(),
                asleep,
                tried: Vec::new(),
            });
        }
        let node = &self.path[self.depth];
        if node.ready != point.ready {
            self.lost = true;
            return None;
        }
        self.depth += 1;
        Some(node.chosen)
    }

    fn is_curious(&self) -> bool {
        self.prune.is_some()
    }

    fn turn_is_over(&mut self, effects: Effects) {
        if self.depth == self.path.len()
            && let Some(node) = self.path.last_mut()
        {
            node.effects = Arc::new(effects);
        }
    }

    fn next_run(&mut self) -> bool {
        self.depth = 0;
        while let Some(node) = self.path.last_mut() {
            // Nobody notices a private turn, so that nothing is gained by another before it.
            if !self.prune.is_some_and(|rule| node.effects.is_private(rule)) {
                node.tried.push((node.chosen, std::mem::take(&mut node.effects)));
                let known = || node.asleep.iter().chain(&node.tried).map(|(who, _)| *who);
                let next = node.ready.iter().find(|who| !known().any(|other| other == **who));
                if let Some(next) = next {
                    node.chosen = *next;
                    return true;
                }
            }
            self.path.pop();
        }
        false
    }

    fn is_lost(&self) -> bool {
        self.lost
    }
}

/// Anybody, with equal chances.
pub(super) struct Anybody {
    random: Random,
    runs: u64,
}

impl Anybody {
    pub(super) fn new(seed: u64, runs: u64) -> Self {
        Self { random: Random::new(seed), runs }
    }
}

impl Strategy for Anybody {
    fn choose(&mut self, point: &Point<'_>) -> Option<usize> {
        Some(point.ready[self.random.below(point.ready.len())])
    }

    fn next_run(&mut self) -> bool {
        self.runs = self.runs.saturating_sub(1);
        self.runs > 0
    }
}

/// Whoever has the highest priority. Priorities are random; at `changes` random moments
/// whoever is in front falls behind all others. A mistake that needs n such moments is found
/// with a probability that is known beforehand: at least 1 / (transactions x turns^n).
pub(super) struct Priorities {
    random: Random,
    runs: u64,
    changes: usize,
    /// Higher is sooner; one a transaction.
    priorities: Vec<u64>,
    /// At which turns the one in front falls behind.
    moments: Vec<usize>,
    turn: usize,
    /// The most turns that a run has taken.
    most: usize,
}

impl Priorities {
    pub(super) fn new(seed: u64, runs: u64, changes: usize, transactions: usize) -> Self {
        let mut new = Self {
            random: Random::new(seed),
            runs,
            changes,
            priorities: vec![0; transactions],
            moments: Vec::new(),
            turn: 0,
            // Begin, a read, a write, end: if it is more, the first run tells.
            most: transactions * 4,
        };
        new.draw();
        new
    }

    fn draw(&mut self) {
        // Above all to which somebody may fall.
        let floor = self.changes as u64;
        for priority in &mut self.priorities {
            *priority = self.random.next().saturating_add(floor);
        }
        self.moments = (0..self.changes).map(|_| self.random.below(self.most)).collect();
        self.turn = 0;
    }
}

impl Strategy for Priorities {
    fn choose(&mut self, point: &Point<'_>) -> Option<usize> {
        let front =
            |priorities: &[u64]| point.ready.iter().copied().max_by_key(|&who| priorities[who]);
        for (number, _) in self.moments.iter().enumerate().filter(|(_, at)| **at == self.turn) {
            if let Some(who) = front(&self.priorities) {
                self.priorities[who] = number as u64;
            }
        }
        self.turn += 1;
        self.most = self.most.max(self.turn);
        front(&self.priorities)
    }

    fn next_run(&mut self) -> bool {
        self.draw();
        self.runs = self.runs.saturating_sub(1);
        self.runs > 0
    }
}

/// In the order of a script, passing over those who are done; what is left in the natural
/// order.
pub(super) struct Scripted {
    turns: std::vec::IntoIter<usize>,
}

impl Scripted {
    pub(super) fn new(turns: Vec<usize>) -> Self {
        Self { turns: turns.into_iter() }
    }
}

impl Strategy for Scripted {
    fn choose(&mut self, point: &Point<'_>) -> Option<usize> {
        let scripted = self.turns.find(|who| point.ready.contains(who));
        Some(scripted.unwrap_or_else(|| point.natural()))
    }

    fn next_run(&mut self) -> bool {
        false
    }
}

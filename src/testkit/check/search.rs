//! Circles within a component.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};

use crate::testkit::check::graph::{ANTI, FREE, Graph};

/// How many edges may be looked at in all. Where that is not enough, a circle of a graver
/// kind may be missed, never that there is one.
const MOST_STEPS: u64 = 50_000_000;

/// After so many circles of a kind in one component the shortest of them is taken.
const MOST_TRIES: usize = 256;

pub(super) struct Search<'g> {
    graph: &'g Graph,
    steps_left: u64,
}

/// Which circles are looked for: one edge of `anchor`, then a way back over `back`.
#[derive(Clone, Copy)]
pub(super) struct Wanted {
    pub anchor: u8,
    pub back: u8,
    /// No two antidependencies may follow one another.
    pub apart: bool,
    /// All anchors are tried, not only some.
    pub all: bool,
}

/// A node and whether the last edge that counts was an antidependency, in one number.
type State = u64;

fn state(node: u32, after_anti: bool) -> State {
    u64::from(node) << 1 | u64::from(after_anti)
}

fn node_of(state: State) -> u32 {
    // The upper half of what was put together from a node.
    (state >> 1) as u32
}

impl<'g> Search<'g> {
    pub(super) fn new(graph: &'g Graph) -> Self {
        Self { graph, steps_left: MOST_STEPS }
    }

    /// A short circle among these nodes, as edges; it stays where `inside` says so.
    pub(super) fn circle(
        &mut self,
        members: &[u32],
        wanted: Wanted,
        inside: impl Fn(u32) -> bool,
    ) -> Option<Vec<u32>> {
        let mut best: Option<(usize, Vec<u32>)> = None;
        let mut tries = 0;
        for node in members {
            for edge in self.graph.out(*node) {
                let to = self.graph.target(edge);
                if self.graph.kind(edge) & wanted.anchor == 0 || !inside(to) {
                    continue;
                }
                let most = best.as_ref().map_or(usize::MAX, |(length, _)| *length);
                if let Some((length, way)) = self.way(to, *node, wanted, &inside, most) {
                    best = Some((length, std::iter::once(edge).chain(way).collect()));
                }
                tries += 1;
                let found_short = best.as_ref().is_some_and(|(length, _)| *length <= 1);
                let tired = tries >= MOST_TRIES && (best.is_some() || !wanted.all);
                if found_short || tired || self.steps_left == 0 {
                    return best.map(|(_, circle)| circle);
                }
            }
        }
        best.map(|(_, circle)| circle)
    }

    /// The shortest way, if it is shorter than `most`: edges out of helpers cost nothing.
    fn way(
        &mut self,
        from: u32,
        to: u32,
        wanted: Wanted,
        inside: &impl Fn(u32) -> bool,
        most: usize,
    ) -> Option<(usize, Vec<u32>)> {
        // After an anchor that is an antidependency none may follow, nor end at it.
        let anti_anchor = wanted.apart && wanted.anchor & ANTI != 0;
        let start = state(from, anti_anchor);
        let mut reached: HashMap<State, (usize, State, u32)> = HashMap::new();
        reached.insert(start, (0, start, u32::MAX));
        let mut queue = VecDeque::from([(0_usize, start)]);
        while let Some((length, at)) = queue.pop_front() {
            if length >= most || reached[&at].0 < length {
                continue;
            }
            if node_of(at) == to && !(anti_anchor && at & 1 == 1) {
                return Some((length, unwound(&reached, start, at)));
            }
            for edge in self.graph.out(node_of(at)) {
                self.steps_left = self.steps_left.saturating_sub(1);
                if self.steps_left == 0 {
                    return None;
                }
                let Some((next, cost)) = self.follow(edge, at, wanted) else { continue };
                if !inside(node_of(next)) {
                    continue;
                }
                let longer = length + cost;
                match reached.entry(next) {
                    Entry::Occupied(known) if known.get().0 <= longer => continue,
                    Entry::Occupied(mut known) => drop(known.insert((longer, at, edge))),
                    Entry::Vacant(place) => drop(place.insert((longer, at, edge))),
                }
                if cost == 0 {
                    queue.push_front((longer, next));
                } else {
                    queue.push_back((longer, next));
                }
            }
        }
        None
    }

    /// Where an edge leads, and what it costs.
    fn follow(&self, edge: u32, at: State, wanted: Wanted) -> Option<(State, usize)> {
        let (to, kind) = (self.graph.target(edge), self.graph.kind(edge));
        if kind == FREE {
            return Some((state(to, at & 1 == 1), 0));
        }
        let anti = kind & ANTI != 0;
        let allowed = kind & wanted.back != 0 && !(wanted.apart && anti && at & 1 == 1);
        allowed.then(|| (state(to, wanted.apart && anti), 1))
    }
}

fn unwound(reached: &HashMap<State, (usize, State, u32)>, start: State, end: State) -> Vec<u32> {
    let mut way = Vec::new();
    let mut at = end;
    while at != start {
        let (_, before, edge) = reached[&at];
        way.push(edge);
        at = before;
    }
    way.reverse();
    way
}

//! The full dependency graph, edge by edge as it is defined.
//!
//! X -> Y if Y read X's version (wr); both wrote a key and X committed first (ww); Y was
//! the first to change a key, absence, range or predicate that X observed (rw); or X was
//! already in Y's snapshot, c(X) <= s(Y) (start).
//!
//! Nodes are added in the order in which their ends were decided, committed ones in
//! commit order. So a new node changes no edge between older ones: it never comes
//! before the first overwriter of anything.

use std::fmt;

use super::footprint::Footprint;
use super::history::Ts;
use super::keys::{Key, Keys, Value};

/// The most nodes that a graph can have.
pub const MOST_NODES: usize = 128;

/// A set of nodes.
pub type Nodes = u128;

/// The kinds of dependency that an edge stands for.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Kinds(u8);

impl Kinds {
    /// No dependency.
    pub const NONE: Self = Self(0);
    /// c(X) <= s(Y).
    pub const START: Self = Self(1);
    /// Y read X's version.
    pub const WR: Self = Self(2);
    /// Both wrote a key, X first.
    pub const WW: Self = Self(4);
    /// Y changed a key that X read by name, or a row that X scanned.
    pub const RW: Self = Self(8);
    /// Y wrote a key that X's scan had passed without finding it.
    pub const PHANTOM: Self = Self(16);
    /// Y changed the answer of a predicate that X evaluated.
    pub const PREDICATE: Self = Self(32);
    /// All of them.
    pub const ALL: Self = Self(63);

    /// Both together.
    pub fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether any kind is in both.
    pub fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// All kinds but these.
    pub fn but(other: Self) -> Self {
        Self(!other.0)
    }
}

impl fmt::Debug for Kinds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = ["start", "wr", "ww", "rw", "rw phantom", "rw predicate"];
        let held = names.iter().enumerate().filter(|(bit, _)| self.0 >> bit & 1 == 1);
        f.write_str(&held.map(|(_, name)| *name).collect::<Vec<_>>().join("+"))
    }
}

/// A transaction as the graph sees it.
#[derive(Clone, Debug)]
pub struct Node<'h> {
    /// Its place in the history.
    pub tx: usize,
    /// Its last read timestamp.
    pub s: Ts,
    /// Its commit timestamp; none for a reader.
    pub c: Option<Ts>,
    /// What it observed and wrote.
    pub footprint: &'h Footprint,
}

impl Node<'_> {
    /// Whether this one was already in the snapshot of the other.
    fn started(&self, other: &Self) -> bool {
        self.c.is_some_and(|c| c <= other.s)
    }

    /// Whether the other read a version of this one.
    fn was_read_by(&self, other: &Self) -> bool {
        let left = &self.footprint.left;
        self.c.is_some()
            && other
                .footprint
                .saw
                .iter()
                .any(|saw| left.iter().any(|(_, value)| *value == Some(*saw)))
    }

    /// Whether both wrote a key, and this one first.
    fn overwritten_by(&self, other: &Self) -> bool {
        let first = matches!((self.c, other.c), (Some(mine), Some(theirs)) if mine < theirs);
        first && !(self.footprint.writes & other.footprint.writes).is_empty()
    }
}

/// What a node observed that nobody has changed since.
#[derive(Clone)]
struct Standing {
    points: Keys,
    gaps: Keys,
    filtered: Vec<(Keys, super::Classes)>,
}

impl Standing {
    fn of(footprint: &Footprint) -> Self {
        let Footprint { points, gaps, filtered, .. } = footprint;
        Self { points: *points, gaps: *gaps, filtered: filtered.clone() }
    }

    /// The kinds of rw edge to `writer`, if it is the next in commit order.
    fn changed_by(&self, writer: &Footprint) -> Kinds {
        let mut kinds = Kinds::NONE;
        if !(self.points & writer.writes).is_empty() {
            kinds = kinds.and(Kinds::RW);
        }
        if !(self.gaps & writer.writes).is_empty() {
            kinds = kinds.and(Kinds::PHANTOM);
        }
        let predicate = self.filtered.iter().any(|(keys, accepts)| {
            !(*keys & writer.writes & matching(writer, *accepts)).is_empty()
        });
        if predicate { kinds.and(Kinds::PREDICATE) } else { kinds }
    }

    /// Forgets what `writer` has changed: it was the first.
    fn strike(&mut self, writer: &Footprint) {
        self.points = self.points.without(writer.writes);
        self.gaps = self.gaps.without(writer.writes);
        for (keys, accepts) in &mut self.filtered {
            *keys = keys.without(matching(writer, *accepts));
        }
    }
}

/// The keys under which this one left a value that the predicate accepts.
fn matching(writer: &Footprint, accepts: super::Classes) -> Keys {
    let matches = |value: &Option<Value>| value.is_some_and(|value| accepts.accepts(value));
    writer.left.iter().filter(|(_, value)| matches(value)).map(|(key, _)| *key).collect()
}

/// The edges between one node and the graph.
#[derive(Clone, Default)]
pub struct Links {
    out: Vec<(usize, Kinds)>,
    into: Vec<(usize, Kinds)>,
}

impl Links {
    /// Whether any rw edge leaves the node.
    pub fn has_rw_out(&self) -> bool {
        self.rw_out().next().is_some()
    }

    /// The nodes that changed something which this one observed.
    pub fn rw_out(&self) -> impl Iterator<Item = usize> {
        let rw = Kinds::RW.and(Kinds::PHANTOM).and(Kinds::PREDICATE);
        self.out.iter().filter(move |(_, kinds)| kinds.meets(rw)).map(|(place, _)| *place)
    }
}

/// The dependency graph of what has been certified so far.
#[derive(Default)]
pub struct Graph<'h> {
    nodes: Vec<Node<'h>>,
    standing: Vec<Standing>,
    out: Vec<Vec<(usize, Kinds)>>,
}

impl<'h> Graph<'h> {
    /// The nodes, in the order in which they were added.
    pub fn nodes(&self) -> &[Node<'h>] {
        &self.nodes
    }

    /// The edges that leave a node.
    pub fn out(&self, node: usize) -> &[(usize, Kinds)] {
        &self.out[node]
    }

    /// The edges that `new` has with every node, were it added now. A committed one must
    /// have a later commit timestamp than all others.
    pub fn links(&self, new: &Node<'h>) -> Links {
        let mut links = Links::default();
        let mut standing = Standing::of(new.footprint);
        for (place, old) in self.nodes.iter().enumerate() {
            let mut out = Kinds::NONE;
            if new.started(old) {
                out = out.and(Kinds::START);
            }
            if new.was_read_by(old) {
                out = out.and(Kinds::WR);
            }
            if old.c.is_some_and(|c| c > new.s) {
                out = out.and(standing.changed_by(old.footprint));
                standing.strike(old.footprint);
            }
            if out != Kinds::NONE {
                links.out.push((place, out));
            }
            let into = self.kinds_into(place, new);
            if into != Kinds::NONE {
                links.into.push((place, into));
            }
        }
        links
    }

    fn kinds_into(&self, place: usize, new: &Node<'h>) -> Kinds {
        let old = &self.nodes[place];
        let mut kinds = Kinds::NONE;
        if old.started(new) {
            kinds = kinds.and(Kinds::START);
        }
        if old.was_read_by(new) {
            kinds = kinds.and(Kinds::WR);
        }
        if old.overwritten_by(new) {
            kinds = kinds.and(Kinds::WW);
        }
        if new.c.is_some() {
            kinds = kinds.and(self.standing[place].changed_by(new.footprint));
        }
        kinds
    }

    /// Adds a node with the links that [`links`](Self::links) gave it.
    pub fn add(&mut self, new: Node<'h>, links: Links) {
        assert!(self.nodes.len() < MOST_NODES, "the history is too long for this oracle");
        let mut standing = Standing::of(new.footprint);
        for old in self.nodes.iter().filter(|old| old.c.is_some_and(|c| c > new.s)) {
            standing.strike(old.footprint);
        }
        if new.c.is_some() {
            self.standing.iter_mut().for_each(|old| old.strike(new.footprint));
            standing.strike(new.footprint);
        }
        let place = self.nodes.len();
        for (from, kinds) in links.into {
            self.out[from].push((place, kinds));
        }
        self.out.push(links.out);
        self.standing.push(standing);
        self.nodes.push(new);
    }

    /// The shortest cycle that a node with these links closes, as the other members in
    /// order, if only edges of `kinds` and nodes outside `barred` count.
    pub fn closes(&self, links: &Links, kinds: Kinds, barred: Nodes) -> Option<Vec<usize>> {
        let counts = |(place, edge): &(usize, Kinds)| edge.meets(kinds) && barred >> place & 1 == 0;
        let set = |edges: &[(usize, Kinds)]| {
            edges
                .iter()
                .filter(|edge| counts(edge))
                .fold(0, |all: Nodes, (place, _)| all | 1 << place)
        };
        let targets = set(&links.into);
        let mut rounds = vec![set(&links.out)];
        let mut seen = rounds[0];
        loop {
            let round = *rounds.last()?;
            if round & targets != 0 {
                return Some(self.trace(&rounds, round & targets, kinds));
            }
            let next = members(round).fold(0, |all, place| all | set(&self.out[place])) & !seen;
            if next == 0 {
                return None;
            }
            seen |= next;
            rounds.push(next);
        }
    }

    /// One path through the rounds of a search, to some node of `last`.
    fn trace(&self, rounds: &[Nodes], last: Nodes, kinds: Kinds) -> Vec<usize> {
        let mut place = last.trailing_zeros() as usize;
        let mut path = vec![place];
        for round in rounds.iter().rev().skip(1) {
            let before = members(*round).find(|&before| {
                self.out[before].iter().any(|(to, edge)| *to == place && edge.meets(kinds))
            });
            place = before.expect("a node of a later round has a predecessor in the one before");
            path.push(place);
        }
        path.reverse();
        path
    }

    /// A serial order that the graph allows: of the nodes that could come next, always the
    /// last added one, so that the order differs from the commit order where it may.
    pub fn serial_order(&self) -> Option<Vec<usize>> {
        let mut waits = vec![0; self.nodes.len()];
        self.out.iter().flatten().for_each(|(to, _)| waits[*to] += 1);
        let mut order = Vec::with_capacity(waits.len());
        let mut ready: Nodes = 0;
        for (place, _) in waits.iter().enumerate().filter(|(_, waits)| **waits == 0) {
            ready |= 1 << place;
        }
        while ready != 0 {
            let place = 127 - ready.leading_zeros() as usize;
            ready &= !(1 << place);
            order.push(place);
            for (to, _) in &self.out[place] {
                waits[*to] -= 1;
                if waits[*to] == 0 {
                    ready |= 1 << to;
                }
            }
        }
        (order.len() == waits.len()).then_some(order)
    }
}

/// The members of a set of nodes.
pub fn members(set: Nodes) -> impl Iterator<Item = usize> {
    let mut left = set;
    std::iter::from_fn(move || {
        let place = (left != 0).then(|| left.trailing_zeros() as usize)?;
        left &= left - 1;
        Some(place)
    })
}

/// Whether `key` is one that some write of `writer` changes for the observer.
pub fn changes(observer: &Footprint, writer: &Footprint, key: Key) -> bool {
    let left = writer.left.iter().find(|(written, _)| *written == key);
    left.is_some_and(|(_, value)| observer.changed_by(key, *value))
}

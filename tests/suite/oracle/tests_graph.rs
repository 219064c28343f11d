//! The graph that grows node by node is the one that the definition gives.

use super::Key;
use super::footprint::Footprint;
use super::graph::{Graph, Kinds, Node};
use super::keys::{Classes, Keys, Value};

/// Numbers that are random enough.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }

    fn keys(&mut self) -> Keys {
        (0..5).map(Key::new).filter(|_| self.below(4) == 0).collect()
    }

    fn footprint(&mut self, reader: bool) -> Footprint {
        let (points, gaps) = (self.keys(), self.keys());
        let filtered =
            (0..self.below(3)).map(|_| (self.keys(), Classes::from_bits(1 + self.below(3))));
        let filtered = filtered.collect();
        let writes = if reader { Keys::NONE } else { self.keys() };
        let left = writes.iter().map(|key| {
            let number = self.0 >> 20;
            (key, (self.below(4) > 0).then(|| Value::new(number, self.below(3) as u8)))
        });
        let left = left.collect();
        Footprint { points, gaps, filtered, saw: Vec::new(), writes, left }
    }
}

/// The kinds of edge from `x` to `y`, read off the definition.
fn defined(x: &Node<'_>, y: &Node<'_>, all: &[Node<'_>]) -> Kinds {
    let mut kinds = Kinds::NONE;
    let mut add = |kind, holds| {
        if holds {
            kinds = kinds.and(kind);
        }
    };
    let changes = |z: &Node<'_>, key: Key, accepts: Option<Classes>| {
        let left = z.footprint.left.iter().find(|(written, _)| *written == key);
        left.is_some_and(|(_, value)| match accepts {
            None => true,
            Some(accepts) => value.is_some_and(|value| accepts.accepts(value)),
        })
    };
    // Y was the first to do so after X's snapshot.
    let first = |key: Key, accepts: Option<Classes>| {
        let later = all.iter().filter(|z| z.c.is_some_and(|c| c > x.s) && changes(z, key, accepts));
        later.min_by_key(|z| z.c).is_some_and(|z| z.tx == y.tx)
    };
    add(Kinds::START, x.c.is_some_and(|c| c <= y.s));
    let both_wrote = !(x.footprint.writes & y.footprint.writes).is_empty();
    add(Kinds::WW, both_wrote && x.c.is_some() && x.c < y.c);
    add(Kinds::RW, x.footprint.points.iter().any(|key| first(key, None)));
    add(Kinds::PHANTOM, x.footprint.gaps.iter().any(|key| first(key, None)));
    let mut filtered = x.footprint.filtered.iter();
    add(
        Kinds::PREDICATE,
        filtered.any(|(keys, accepts)| keys.iter().any(|key| first(key, Some(*accepts)))),
    );
    kinds
}

#[test]
fn edges_are_those_of_the_definition() {
    let mut dice = Dice(1);
    for _ in 0..2_000 {
        let size = 2 + dice.below(7);
        let reader: Vec<bool> = (0..size).map(|_| dice.below(4) == 0).collect();
        let footprints: Vec<Footprint> =
            reader.iter().map(|reader| dice.footprint(*reader)).collect();
        let mut newest = 0;
        let mut graph = Graph::default();
        for (tx, footprint) in footprints.iter().enumerate() {
            let s = dice.below(newest + 1);
            newest += u64::from(!reader[tx]);
            let c = (!reader[tx]).then_some(newest);
            let node = Node { tx, s, c, footprint };
            let links = graph.links(&node);
            graph.add(node, links);
        }
        let nodes = graph.nodes();
        for (from, x) in nodes.iter().enumerate() {
            for (to, y) in nodes.iter().enumerate().filter(|(to, _)| *to != from) {
                let built = graph.out(from).iter().find(|(place, _)| *place == to);
                let built = built.map_or(Kinds::NONE, |(_, kinds)| *kinds);
                assert_eq!(built, defined(x, y, nodes), "{x:?} -> {y:?}");
            }
        }
    }
}

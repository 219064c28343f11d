//! Reports of cycles for generated histories, right ones and mangled ones.

use crate::oracle::footprint::Footprint;
use crate::oracle::graph::{Graph, Kinds, Node, changes};
use crate::oracle::history::Ts;
use crate::oracle::{Cycle, CycleEdge, CycleEdgeKind, End, History, Key, Member};
use crate::schedules::rng::Rng;

/// The cycle that the transaction would close if it ended now: its other members.
pub fn closing_cycle(history: &History, tx: usize, as_reader: bool) -> Option<Vec<usize>> {
    let certified =
        |tx: &&usize| matches!(history.txs[**tx].end, End::Committed(_) | End::Certified { .. });
    let places: Vec<usize> = history.ended.iter().filter(certified).copied().collect();
    let footprint = |tx: &usize| Footprint::of(&history.txs[*tx], history.txs[*tx].c().is_none());
    let footprints: Vec<Footprint> = places.iter().map(footprint).collect();
    let own = Footprint::of(&history.txs[tx], as_reader);
    let mut graph = Graph::default();
    for (tx, footprint) in places.iter().zip(&footprints) {
        let (s, c) = (history.txs[*tx].s(), history.txs[*tx].c());
        let node = Node { tx: *tx, s, c, footprint };
        let links = graph.links(&node);
        graph.add(node, links);
    }
    let c = (!as_reader).then_some(Ts::MAX);
    let links = graph.links(&Node { tx, s: history.txs[tx].s(), c, footprint: &own });
    let cycle = graph.closes(&links, Kinds::ALL, 0)?;
    Some(cycle.into_iter().map(|place| graph.nodes()[place].tx).collect())
}

/// The report of a cycle through these members; edges that are none come out wrong.
pub fn report_of(
    history: &History,
    tx: usize,
    as_reader: bool,
    members: &[usize],
) -> Vec<CycleEdge> {
    let ring: Vec<usize> = [&[tx], members, &[tx]].concat();
    let last = ring.len() - 2;
    let edges = ring.windows(2).enumerate().map(|(place, pair)| {
        let c = if place == last && !as_reader { Some(Ts::MAX) } else { history.txs[pair[1]].c() };
        edge(history, pair[0], pair[1], c)
    });
    edges.collect()
}

/// The edge between two transactions, the second of which commits at `c`.
fn edge(history: &History, from: usize, to: usize, c: Option<Ts>) -> CycleEdge {
    let (before, after) = (&history.txs[from], &history.txs[to]);
    let left = Footprint::of(after, c.is_none());
    let footprint = Footprint::of(before, false);
    let rw = left.writes.iter().find(|key| changes(&footprint, &left, *key));
    let rw = rw.filter(|_| c.is_some_and(|c| c > before.s()));
    let (kind, key) = match (before.c(), rw) {
        (Some(started), _) if started <= after.s() => (CycleEdgeKind::Start, None),
        (_, Some(key)) => (CycleEdgeKind::Rw, Some(key)),
        _ => (CycleEdgeKind::Ww, (footprint.writes & left.writes).first()),
    };
    CycleEdge { kind, from: member(history, from), to: member(history, to), key }
}

fn member(history: &History, tx: usize) -> Member {
    let tx = &history.txs[tx];
    Member { id: tx.id, s: tx.s(), c: tx.c(), sharing: 0 }
}

/// Makes one thing of a report wrong, mostly.
pub fn mangle(rng: &mut Rng, history: &History, edges: &mut Vec<CycleEdge>) {
    use CycleEdgeKind::{Rw, Start, Ww};
    let at = rng.below(edges.len());
    let other = member(history, rng.below(history.txs.len()));
    let key = Some(Key::new(rng.below(5) as u8));
    match rng.below(9) {
        0 => drop(edges.remove(at)),
        1 => edges[at].key = key.filter(|_| rng.chance(70)),
        2 => edges[at].kind = rng.pick(&[Rw, Ww, Start]),
        3 => edges[at].to = other,
        4 => edges[at].from.s += 1,
        5 => edges[at].to.c = rng.chance(50).then_some(3),
        6 => edges.rotate_left(at),
        7 => {
            // Whom it read from, it is said to precede.
            let refused = edges[0].from;
            *edges = vec![
                CycleEdge { kind: Rw, from: refused, to: other, key },
                CycleEdge { kind: Start, from: other, to: refused, key: None },
            ];
        }
        _ => {
            // One member becomes another, consistently.
            let next = (at + 1) % edges.len();
            edges[at].to = other;
            edges[next].from = other;
        }
    }
}

/// How many rings are tried until one fits.
const TRIES: usize = 20;

/// Lets a refusal name another ring whose every edge is right, be its members certified or
/// not, and be it later.
pub fn retell(rng: &mut Rng, history: &mut History) {
    let refused = |tx: &usize| match history.txs[*tx].end {
        End::Aborted { as_reader, .. } => Some((*tx, as_reader)),
        _ => None,
    };
    let refused: Vec<(usize, bool)> = history.ended.iter().filter_map(refused).collect();
    if refused.is_empty() {
        return;
    }
    let (tx, as_reader) = rng.pick(&refused);
    let others: Vec<usize> = (0..history.txs.len()).filter(|other| *other != tx).collect();
    let fits = |edge: &CycleEdge| {
        edge.kind != CycleEdgeKind::Ww || edge.key.is_some() && edge.from.c.is_some()
    };
    for _ in 0..TRIES {
        let members: Vec<usize> = (0..rng.between(1, 2)).map(|_| rng.pick(&others)).collect();
        let edges = report_of(history, tx, as_reader, &members);
        if edges.iter().all(fits) {
            let cycle = Cycle { edges, ..Cycle::default() };
            history.txs[tx].end = End::Aborted { as_reader, cycle };
            return;
        }
    }
}

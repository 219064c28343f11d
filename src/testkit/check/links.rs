//! Single dependencies, for those who draw them.

use crate::testkit::check::cycle::Kind;
use crate::testkit::check::edges::draw;
use crate::testkit::history::History;

/// One transaction depends on another one.
#[derive(Clone, Copy, Debug)]
pub(in crate::testkit) struct Link {
    pub from: u32,
    pub to: u32,
    pub kind: Kind,
    pub key: u32,
}

/// The direct dependencies between transactions of which one at least is wanted, without
/// real time.
pub(in crate::testkit) fn links(history: &History, wanted: impl Fn(u32) -> bool) -> Vec<Link> {
    let (graph, _) = draw(history);
    let txs = crate::testkit::names::small(history.len());
    let mut links = Vec::new();
    for from in 0..txs {
        for edge in graph.out(from) {
            let (to, key) = (graph.target(edge), graph.key(edge));
            if let Some(kind) = Kind::of(graph.kind(edge))
                && to < txs
                && (wanted(from) || wanted(to))
            {
                links.push(Link { from, to, kind, key });
            }
        }
    }
    links
}

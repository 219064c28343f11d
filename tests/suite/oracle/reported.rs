//! Is the cycle that a refusal reports in the record, edge by edge?

use super::graph::{Node, changes};
use super::history::{Cycle, CycleEdge, CycleEdgeKind, Member};
use super::judge::{Court, NOW};

/// Checks the report of `refused`: it begins and ends there, each edge starts where the
/// one before it ended, and each is real.
pub fn check(court: &Court<'_>, refused: &Node<'_>, report: &Cycle) -> Result<(), String> {
    let id = court.history().txs[refused.tx].id;
    let (Some(first), Some(last)) = (report.edges.first(), report.edges.last()) else {
        return Err("a cycle without edges was reported".to_owned());
    };
    if first.from.id != id || last.to.id != id {
        return Err(format!("the reported cycle does not begin and end at it: {:?}", report.edges));
    }
    if report.edges[1..].iter().any(|edge| edge.from.id == id) {
        return Err(format!("the reported cycle returns early: {:?}", report.edges));
    }
    check_path(court, refused, report)
}

/// Checks the report of `refused`, which claims no cycle: it leads through there, each edge
/// starts where the one before it ended, and each is real.
pub fn check_path(court: &Court<'_>, refused: &Node<'_>, report: &Cycle) -> Result<(), String> {
    let id = court.history().txs[refused.tx].id;
    if !report.edges.iter().any(|edge| edge.from.id == id || edge.to.id == id) {
        return Err(format!("the report does not lead through it: {:?}", report.edges));
    }
    if let Some(pair) = report.edges.windows(2).find(|pair| pair[0].to != pair[1].from) {
        return Err(format!("the report is broken between {:?} and {:?}", pair[0], pair[1]));
    }
    report.edges.iter().try_for_each(|reported| {
        let from = members(court, refused, &reported.from)?;
        let to = members(court, refused, &reported.to)?;
        if from.iter().any(|from| to.iter().any(|to| is_real(from, to, reported))) {
            Ok(())
        } else {
            Err(format!("there is no such edge: {reported:?}"))
        }
    })
}

/// The nodes that a report means: the one that it names, and if that shares its footprint
/// all readers of the same snapshot.
fn members<'a>(
    court: &'a Court<'_>,
    refused: &'a Node<'_>,
    named: &Member,
) -> Result<Vec<&'a Node<'a>>, String> {
    let one = member(court, refused, named)?;
    if named.sharing == 0 {
        return Ok(vec![one]);
    }
    let alike = |node: &&Node<'_>| (node.s, node.c) == (named.s, None);
    let all: Vec<_> = court.graph().nodes().iter().filter(alike).collect();
    if one.c.is_some() || all.len() <= named.sharing {
        return Err(format!("{} readers are there for {named:?}", all.len()));
    }
    Ok(all)
}

/// The node that a report means, with the timestamps that it has.
fn member<'a>(
    court: &'a Court<'_>,
    refused: &'a Node<'_>,
    named: &Member,
) -> Result<&'a Node<'a>, String> {
    let txs = &court.history().txs;
    let node = std::iter::once(refused)
        .chain(court.graph().nodes())
        .find(|node| txs[node.tx].id == named.id);
    let node = node.ok_or_else(|| format!("no certified transaction is called {named:?}"))?;
    let c = node.c.filter(|c| *c != NOW);
    if (node.s, c) == (named.s, named.c) {
        Ok(node)
    } else {
        Err(format!("{named:?} has the timestamps @{} and {c:?}", node.s))
    }
}

/// Whether the edge is in the record. An rw edge may name a later overwriter than the
/// first: it follows from the first one and the ww edges between them.
fn is_real(from: &Node<'_>, to: &Node<'_>, edge: &CycleEdge) -> bool {
    match (edge.kind, edge.key) {
        (CycleEdgeKind::Start, None) => from.c.is_some_and(|c| c <= to.s),
        (CycleEdgeKind::Ww, Some(key)) => {
            let both = from.footprint.writes & to.footprint.writes;
            both.contains(key) && from.c.is_some() && from.c < to.c
        }
        (CycleEdgeKind::Rw, Some(key)) => {
            changes(from.footprint, to.footprint, key) && to.c.is_some_and(|c| c > from.s)
        }
        _ => false,
    }
}

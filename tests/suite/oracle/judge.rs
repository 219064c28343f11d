//! The judgement: were all commits right, and all refusals?

use super::detached::Danger;
use super::footprint::Footprint;
use super::graph::{Graph, Kinds, Links, Node, Nodes};
use super::history::{Cycle, End, History, Op, Ts, Versions};
use super::verdict::{FaultKind, Sighting, Verdict};
use super::{detached, replay, reported, snapshot};

/// Later than every commit: the place of a transaction that was refused, had it not been.
pub const NOW: Ts = Ts::MAX;

/// Judges a history.
pub fn judge(history: &History) -> Verdict {
    let mut verdict = Verdict::default();
    let versions = Versions::of(history);
    snapshot::check(history, &versions, &mut verdict);
    let footprints: Vec<Footprint> = history
        .txs
        .iter()
        .map(|tx| {
            Footprint::of(
                tx,
                !matches!(tx.end, End::Committed(_) | End::Aborted { as_reader: false, .. }),
            )
        })
        .collect();
    let mut court = Court {
        history,
        footprints: &footprints,
        graph: Graph::default(),
        newest: 0,
        dangers: Vec::new(),
    };
    let acyclic = history.ended.iter().all(|&tx| court.hear(tx, &mut verdict));
    if acyclic {
        detached::check_answers(history, &court.dangers, &mut verdict);
    }
    if acyclic && court.hear_snapshots(&mut verdict) {
        replay::check(history, &court.graph, versions.used(), &mut verdict);
    }
    verdict
}

/// The state of a judgement: the graph of all that was certified so far.
pub struct Court<'h> {
    history: &'h History,
    footprints: &'h [Footprint],
    graph: Graph<'h>,
    newest: Ts,
    dangers: Vec<Danger>,
}

impl<'h> Court<'h> {
    /// The history in question.
    pub fn history(&self) -> &'h History {
        self.history
    }

    /// The graph of all that was certified so far.
    pub fn graph(&self) -> &Graph<'h> {
        &self.graph
    }

    /// Judges one end. False if the graph is not acyclic any more.
    fn hear(&mut self, tx: usize, verdict: &mut Verdict) -> bool {
        match &self.history.txs[tx].end {
            End::Committed(c) => {
                verdict.commits += 1;
                if *c <= self.newest {
                    let story =
                        format!("{} has @{c} after @{}", self.history.txs[tx].name, self.newest);
                    verdict.accuse(FaultKind::WrongTimestamp, story);
                    return false;
                }
                self.newest = *c;
                self.admit(tx, Some(*c), verdict)
            }
            End::Certified { .. } => {
                verdict.certified += 1;
                self.admit(tx, None, verdict)
            }
            End::Aborted { as_reader, cycle } => {
                verdict.aborts += 1;
                self.review(tx, *as_reader, cycle, verdict);
                true
            }
            End::RolledBack | End::Detached { .. } => true,
        }
    }

    /// Whatever committed before or after it, a snapshot that was said to be safe must have
    /// its place in the order. False if the graph is not acyclic any more.
    fn hear_snapshots(&mut self, verdict: &mut Verdict) -> bool {
        let (mut safe, mut others) = (Vec::new(), Vec::new());
        for (place, tx) in self.history.txs.iter().enumerate() {
            match tx.end {
                End::Detached { safe: true } => safe.push(place),
                End::Detached { safe: false } => others.push(place),
                _ => {}
            }
        }
        let acyclic = safe.into_iter().all(|place| self.admit(place, None, verdict));
        for place in others {
            let links = self.graph.links(&self.node(place, None));
            if self.graph.closes(&links, Kinds::ALL, 0).is_some() {
                verdict.sight(Sighting::UnsafeCycle);
            }
        }
        acyclic
    }

    fn node(&self, tx: usize, c: Option<Ts>) -> Node<'h> {
        Node { tx, s: self.history.txs[tx].s(), c, footprint: &self.footprints[tx] }
    }

    /// A certified transaction joins the graph, which must stay acyclic.
    fn admit(&mut self, tx: usize, c: Option<Ts>, verdict: &mut Verdict) -> bool {
        let node = self.node(tx, c);
        let links = self.graph.links(&node);
        let cycle = self.graph.closes(&links, Kinds::ALL, 0);
        if let Some(cycle) = &cycle {
            let kind = match self.history.txs[tx].end {
                End::Detached { .. } => FaultKind::UnsafeSnapshot,
                _ => FaultKind::MissedCycle,
            };
            verdict.accuse(kind, self.tell(tx, cycle));
        }
        let overwriters = links.rw_out().filter_map(|place| self.graph.nodes()[place].c);
        if let (Some(low), Some(c)) = (overwriters.min(), c) {
            self.dangers.push(Danger { low, c });
        }
        if links.has_rw_out() && matches!(self.history.txs[tx].end, End::Certified { err: true }) {
            verdict.sight(Sighting::CertifiedErr);
        }
        if matches!(self.history.txs[tx].ops.last(), Some(Op::Slide { .. })) {
            verdict.sight(Sighting::Folded);
        }
        if self.history.txs[tx].undid() {
            verdict.sight(Sighting::Undone);
        }
        self.graph.add(node, links);
        cycle.is_none()
    }

    /// A refused transaction must have closed a cycle, and the one that was reported.
    fn review(&self, tx: usize, as_reader: bool, report: &'h Cycle, verdict: &mut Verdict) {
        let node = self.node(tx, (!as_reader).then_some(NOW));
        let links = self.graph.links(&node);
        let name = self.history.txs[tx].name;
        if report.conservative {
            verdict.conservative += 1;
            if node.footprint.observed_nothing() {
                let story = format!("{name} observed nothing, and was refused as conservative");
                verdict.accuse(FaultKind::UnjustifiedAbort, story);
            } else if !links.has_rw_out() {
                let story = format!("nothing that {name} observed had changed");
                verdict.accuse(FaultKind::UnjustifiedAbort, story);
            }
            return;
        }
        if report.suspected {
            verdict.suspected += 1;
            verdict.unfounded += u64::from(self.graph.closes(&links, Kinds::ALL, 0).is_none());
            if let Err(story) = reported::check_path(self, &node, report) {
                verdict.accuse(FaultKind::FalseReport, format!("{name}: {story}"));
            }
            return;
        }
        let Some(cycle) = self.graph.closes(&links, Kinds::ALL, 0) else {
            let story = format!("{name} would have closed no cycle; reported: {:?}", report.edges);
            verdict.accuse(FaultKind::UnjustifiedAbort, story);
            return;
        };
        self.sightings(tx, as_reader, &links, &cycle, verdict);
        if let Err(story) = reported::check(self, &node, report) {
            verdict.accuse(FaultKind::FalseReport, format!("{name}: {story}"));
        }
    }

    /// Feeds the counters: what do all cycles of this refusal need?
    fn sightings(
        &self,
        tx: usize,
        as_reader: bool,
        links: &Links,
        cycle: &[usize],
        verdict: &mut Verdict,
    ) {
        let needs = |kinds, barred| self.graph.closes(links, kinds, barred).is_none();
        let nodes = |wanted: &dyn Fn(usize) -> bool| {
            let places = self.graph.nodes().iter().enumerate();
            places
                .filter(|(_, node)| wanted(node.tx))
                .fold(0 as Nodes, |all, (place, _)| all | 1 << place)
        };
        let refused = &self.history.txs[tx];
        let wrote = !refused.left().is_empty();
        let readers =
            nodes(&|tx| matches!(self.history.txs[tx].end, End::Certified { err: false }));
        let errs = nodes(&|tx| matches!(self.history.txs[tx].end, End::Certified { err: true }));
        let old =
            nodes(&|tx| self.history.txs[tx].c().is_some_and(|c| c <= refused.collected_through));
        let mut note = |sighting, shown| {
            if shown {
                verdict.sight(sighting);
            }
        };
        note(Sighting::LongCycle, cycle.len() >= 2);
        note(Sighting::PhantomCycle, needs(Kinds::but(Kinds::PHANTOM), 0));
        note(Sighting::PredicateCycle, needs(Kinds::but(Kinds::PREDICATE), 0));
        note(Sighting::ReadOnlyMember, as_reader && !wrote || needs(Kinds::ALL, readers));
        note(Sighting::ErrMember, as_reader && wrote || needs(Kinds::ALL, errs));
        note(Sighting::PrunedMember, needs(Kinds::ALL, old));
    }

    /// The cycle as a sentence.
    fn tell(&self, tx: usize, cycle: &[usize]) -> String {
        let name = |place: &usize| self.history.txs[self.graph.nodes()[*place].tx].name.to_string();
        let first = self.history.txs[tx].name.to_string();
        let middle = cycle.iter().map(name).collect::<Vec<_>>().join(" -> ");
        format!("{first} was certified, though {first} -> {middle} -> {first}")
    }
}

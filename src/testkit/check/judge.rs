//! From a history to a verdict.

use crate::testkit::check::anomaly::{Anomaly, AnomalyKind, MOST_WITNESSES};
use crate::testkit::check::components::{Components, NONE};
use crate::testkit::check::cycle::{Cycle, Kind, Step};
use crate::testkit::check::edges::draw;
use crate::testkit::check::graph::{ANTI, DATA, FREE, Graph, NO_KEY, RANGE, REAL, WR, WW};
use crate::testkit::check::search::{Search, Wanted};
use crate::testkit::check::verdict::Verdict;
use crate::testkit::history::{History, Op};
use crate::testkit::names::Span;

/// Judges a history.
///
/// O(n log n) in the transactions, their operations and the rows of their ranges, and for each
/// range in the commits that are concurrent with it; a million transactions take some seconds. To look for the gravest anomaly where something
/// is wrong takes longer, within bounds.
///
/// Versions are ordered by their commit timestamps, or as lists have shown them; of
/// registers nothing is known but that their initial state comes first. What is not known
/// makes no edge, so that whatever is reported is there, and whatever the history does not
/// show is not reported.
///
/// ```
/// use precedent::testkit::{AnomalyKind, Level, Recording, check};
/// use precedent::{Database, Isolation, Table};
/// let recording = Recording::new();
/// let db = Database::builder()
///     .isolation(Isolation::Snapshot)
///     .recorder(recording.clone())
///     .build();
/// let oncall: Table<&str, bool> = db.table("oncall")?;
/// let (ada, bob) = (db.begin(), db.begin());
/// assert!(!ada.contains_key(&oncall, &"bob") && !bob.contains_key(&oncall, &"ada"));
/// ada.insert(&oncall, "ada", false);
/// bob.insert(&oncall, "bob", false);
/// ada.commit()?;
/// bob.commit()?;
///
/// let verdict = check(&recording.take());
/// assert_eq!(verdict.strongest(), Some(Level::Snapshot));
/// assert!(verdict.has(AnomalyKind::WriteSkew), "{verdict}");
/// # Ok::<(), precedent::Error>(())
/// ```
#[must_use]
pub fn check(history: &History) -> Verdict {
    let (graph, flaws) = draw(history);
    let known = history.flaws.iter().cloned().chain(flaws);
    let mut anomalies: Vec<Anomaly> = known
        .map(|flaw| Anomaly { kind: flaw.kind, textbook: None, cycle: None, story: flaw.story })
        .collect();
    let mut judge =
        Judge { history, graph: &graph, search: Search::new(&graph), found: Vec::new() };
    judge.look_for_circles();
    anomalies.append(&mut judge.found);
    anomalies.sort_by_key(|anomaly| anomaly.kind);
    Verdict {
        transactions: history.len(),
        certified: history.certified(),
        edges: graph.dependencies(),
        missed: history.missed,
        anomalies,
    }
}

struct Judge<'h> {
    history: &'h History,
    graph: &'h Graph,
    search: Search<'h>,
    found: Vec<Anomaly>,
}

impl Judge<'_> {
    fn look_for_circles(&mut self) {
        let all = self.components(DATA | REAL, None);
        if all.is_empty() {
            return;
        }
        let data = self.components(DATA, Some(&all));
        let writes = self.components(WW, Some(&data));
        let wanted = Wanted { anchor: WW, back: WW, apart: false, all: false };
        self.witnesses(&writes, wanted);
        let reads = self.components(WW | WR, Some(&data));
        let wanted = Wanted { anchor: WR, back: WW | WR, apart: false, all: false };
        self.witnesses(&reads, wanted);
        self.antidependencies(&data);
        // Only where there is no circle without it.
        let by_data: Vec<bool> = all
            .members
            .iter()
            .map(|members| members.iter().any(|node| data.of[*node as usize] != NONE))
            .collect();
        let wanted = Wanted { anchor: REAL, back: DATA | REAL, apart: false, all: false };
        for (members, by_data) in all.members.iter().zip(by_data) {
            if !by_data {
                self.witness(members, wanted, &all.of);
            }
        }
    }

    /// The components by edges of these kinds, within those that were found before.
    fn components(&self, kinds: u8, within: Option<&Components>) -> Components {
        let graph = self.graph;
        let next = |from: u32, edge: u32| {
            let to = graph.target(edge);
            let allowed = graph.kind(edge) & (kinds | FREE) != 0;
            let together =
                within.is_none_or(|within| within.of[from as usize] == within.of[to as usize]);
            (allowed && together).then_some(to)
        };
        let roots =
            within.map_or_else(|| (0..graph.nodes()).collect(), |within| within.members.concat());
        let nodes = graph.nodes() as usize;
        Components::find(nodes, roots.into_iter(), |node| graph.out(node), next)
    }

    /// In each component, a circle with one antidependency, or with none in a row, or any.
    fn antidependencies(&mut self, data: &Components) {
        let apart = self.apart(data);
        for members in &data.members {
            let has_apart = members.iter().any(|node| apart[*node as usize]);
            let one = Wanted { anchor: ANTI, back: WW | WR, apart: false, all: true };
            let some = Wanted { anchor: ANTI, back: DATA, apart: true, all: true };
            let any = Wanted { anchor: ANTI, back: DATA, apart: false, all: false };
            let found = has_apart
                && (self.witness(members, one, &data.of) || self.witness(members, some, &data.of));
            if !found {
                self.witness(members, any, &data.of);
            }
        }
    }

    /// The nodes in circles with antidependencies, but without two in a row: components of
    /// the graph in which each node is there twice, once for those that come by one.
    fn apart(&self, data: &Components) -> Vec<bool> {
        let graph = self.graph;
        let next = |from: u32, edge: u32| {
            let (node, came_by_anti) = (from >> 1, from & 1 == 1);
            let (to, kind) = (graph.target(edge), graph.kind(edge));
            let anti = kind & ANTI != 0;
            let allowed = kind & (DATA | FREE) != 0 && !(anti && came_by_anti);
            let together = data.of[node as usize] == data.of[to as usize];
            let after = if kind == FREE { came_by_anti } else { anti };
            (allowed && together).then_some(to << 1 | u32::from(after))
        };
        let roots = data.members.iter().flatten().map(|node| node << 1);
        let nodes = graph.nodes() as usize;
        let found = Components::find(2 * nodes, roots, |node| graph.out(node >> 1), next);
        // A circle without antidependencies never comes by one.
        (0..nodes).map(|node| found.of[2 * node + 1] != NONE).collect()
    }

    fn witnesses(&mut self, components: &Components, wanted: Wanted) {
        for members in &components.members {
            self.witness(members, wanted, &components.of);
        }
    }

    /// Whether there is such a circle in a component.
    fn witness(&mut self, members: &[u32], wanted: Wanted, of: &[u32]) -> bool {
        let own = of[members[0] as usize];
        let circle = self.search.circle(members, wanted, |node| of[node as usize] == own);
        let Some(circle) = circle else { return false };
        let cycle = Cycle { steps: self.steps(members, &circle) };
        let kind = kind_of(&cycle);
        let shown = self.found.iter().filter(|known| known.kind == kind).count();
        if shown < MOST_WITNESSES {
            let textbook = self.textbook(kind, &cycle);
            self.found.push(Anomaly { kind, textbook, cycle: Some(cycle), story: String::new() });
        }
        true
    }

    /// The edges of a circle as steps from transaction to transaction.
    fn steps(&self, members: &[u32], circle: &[u32]) -> Vec<Step> {
        // An edge knows where it leads; where it comes from, its predecessor knows.
        let last = circle.last().map_or(NO_KEY, |edge| self.graph.target(*edge));
        debug_assert!(members.contains(&last), "a circle stays in its component");
        let mut open: Vec<(u32, u32)> = Vec::new();
        let mut at = last;
        for edge in circle {
            if self.graph.kind(*edge) != FREE {
                open.push((at, *edge));
            }
            at = self.graph.target(*edge);
        }
        let count = open.len();
        (0..count)
            .map(|place| {
                let (tx, edge) = open[place];
                self.step(tx, edge, open[(place + 1) % count].0)
            })
            .collect()
    }

    fn step(&self, tx: u32, edge: u32, next: u32) -> Step {
        let history = self.history;
        // An edge of a wide range stands for several keys.
        let key = match (self.graph.key(edge), self.graph.kind(edge)) {
            (NO_KEY, RANGE) => within_range(history, tx, next).unwrap_or(NO_KEY),
            (key, _) => key,
        };
        let kind = Kind::of(self.graph.kind(edge)).unwrap_or(Kind::RealTime);
        let [name, other] = [tx, next].map(|tx| history.name_of(tx as usize));
        let what = if key == NO_KEY { String::new() } else { history.names.full(key) };
        let written = |tx: u32| match written(history, tx, key) {
            Some(version) => format!("version {}", history.version_name(version)),
            None => "it".to_owned(),
        };
        let story = match kind {
            Kind::Ww => format!("{name} wrote {what} before {other} wrote {}", written(next)),
            Kind::Wr => format!("{name} wrote {} of {what}, which {other} read", written(tx)),
            Kind::Rw => format!("{name} read {what} before {other} wrote {}", written(next)),
            Kind::RwRange => {
                format!("{name} read a range around {what} before {other} wrote {}", written(next))
            }
            Kind::RealTime => format!("{name} had ended before {other} began"),
        };
        Step { tx, name, kind, what, story }
    }

    fn textbook(&self, kind: AnomalyKind, cycle: &Cycle) -> Option<AnomalyKind> {
        let writes = |tx: u32| {
            let wrote = |op: &Op| matches!(op, Op::Write { .. });
            self.history.txs[tx as usize].end.may_write()
                && self.history.ops_of(tx as usize).iter().any(wrote)
        };
        let steps = &cycle.steps;
        let is_skew = steps.len() == 2 && steps.iter().all(|step| step.kind.is_rw());
        match kind {
            AnomalyKind::G2Item | AnomalyKind::G2 | AnomalyKind::GNonadjacent
                if !steps.iter().all(|step| writes(step.tx)) =>
            {
                Some(AnomalyKind::ReadOnly)
            }
            AnomalyKind::G2Item | AnomalyKind::G2 if is_skew => Some(AnomalyKind::WriteSkew),
            AnomalyKind::GSingle
                if steps.len() == 2
                    && steps[0].what == steps[1].what
                    && steps.iter().any(|step| step.kind == Kind::Ww) =>
            {
                Some(AnomalyKind::LostUpdate)
            }
            _ => None,
        }
    }
}

/// A key of a range that one transaction read and the other one wrote; none if there is none.
fn within_range(history: &History, reader: u32, writer: u32) -> Option<u32> {
    let scans = history.ops_of(reader as usize).iter().filter_map(|op| match op {
        Op::Scan(place) => Some(&history.scans[*place as usize]),
        _ => None,
    });
    let spans: Vec<_> =
        scans.flat_map(|scan| scan.spans.iter().map(move |span| (scan.table, *span))).collect();
    history.ops_of(writer as usize).iter().find_map(|op| match op {
        Op::Write { key, .. } => {
            let table = history.names.table_of(*key);
            let rank = history.names.rank(*key);
            let covers = |(read, span): &(u32, Span)| {
                *read == table && history.names.places(table, *span).contains(&rank)
            };
            spans.iter().any(covers).then_some(*key)
        }
        _ => None,
    })
}

/// The last version that a transaction wrote of a key.
fn written(history: &History, tx: u32, key: u32) -> Option<u64> {
    history.ops_of(tx as usize).iter().rev().find_map(|op| match op {
        Op::Write { key: written, version, .. } if *written == key => Some(*version),
        _ => None,
    })
}

/// What a circle is by its edges.
fn kind_of(cycle: &Cycle) -> AnomalyKind {
    let kinds: Vec<Kind> = cycle.steps.iter().map(|step| step.kind).collect();
    let anti = kinds.iter().filter(|kind| kind.is_rw()).count();
    let in_a_row = cycle.pairs().any(|(step, next)| step.kind.is_rw() && next.kind.is_rw());
    if kinds.contains(&Kind::RealTime) {
        AnomalyKind::RealTime
    } else if anti == 0 {
        if kinds.contains(&Kind::Wr) { AnomalyKind::G1c } else { AnomalyKind::G0 }
    } else if anti == 1 {
        AnomalyKind::GSingle
    } else if !in_a_row {
        AnomalyKind::GNonadjacent
    } else if kinds.contains(&Kind::RwRange) {
        AnomalyKind::G2
    } else {
        AnomalyKind::G2Item
    }
}

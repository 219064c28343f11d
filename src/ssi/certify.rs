//! The certifier: would this commit close a cycle in the dependency graph?
//!
//! The graph is never stored. At its commit a transaction T has only one kind of edge to
//! committed transactions: rw, to those that overwrote what it observed. Without one
//! there is nothing to search. With one, the search goes forward from them through the
//! commits that T does not see, and asks whether a path comes back:
//!
//! ```text
//!   T --rw--> U ......> X --rw--> Z  with c(Z) <= s(T):   Z --start--> T      (the past)
//!   T --rw--> U ......> X --rw or ww--> T                                     (the present)
//! ```
//!
//! Everything that began at or after r, the smallest commit reached, is reached through
//! a start edge. Only the *straddlers*, which began before r and committed at or after
//! it, need an edge of their own. The search is exact: docs/proof.md proves it sound and
//! complete, and names the test that attacks each lemma.
//!
//! Nothing here touches shared memory: a [`View`] goes in, a [`Verdict`] comes out.

use std::sync::Arc;

use crate::ssi::footprint::{Body, Witness};
use crate::ssi::log::NEVER;
use crate::ssi::view::{Entry, Overwriter, View};

/// What the certifier found.
pub(crate) enum Verdict {
    /// Nothing in the view overwrote what the transaction observed.
    Clear,
    /// There are backward edges, but no cycle. The first overwriter fixes `low(T)`.
    Edged(Overwriter),
    /// Committing would close this cycle.
    Cycle(Vec<Step>),
    /// Another rule objects to these edges, be there a cycle or not.
    Suspect(Path),
    /// Somebody else was quicker to write a key, and the rule does not allow that.
    LostRace(Overwriter),
    /// The search took more steps than its bound allows.
    TooLong,
}

/// Edges in a row, which need not lead back to where they began.
pub(crate) struct Path {
    pub(crate) from: Member,
    pub(crate) steps: Vec<Step>,
}

/// One edge of a cycle: from whom (the last step's `to`, at first T), how, to whom.
#[derive(Clone)]
pub(crate) struct Step {
    pub(crate) kind: StepKind,
    pub(crate) to: Member,
}

/// How an edge came about.
#[derive(Clone, Copy)]
pub(crate) enum StepKind {
    /// `to` wrote something that the one before observed.
    Rw(Witness),
    /// `to` overwrote something that the one before wrote.
    Ww(Witness),
    /// The one before was in the snapshot of `to`.
    Start,
}

/// Who an edge leads to.
#[derive(Clone)]
pub(crate) enum Member {
    /// A committed transaction.
    Committed(u64, Arc<Body>),
    /// A certified reader that published its reads.
    Reader(Arc<Body>),
    /// The transaction that is certified.
    Candidate,
}

/// Certifies a transaction that wrote, against everything in the view. The view holds
/// every entry with c > s(T) up to its position and the published readers.
pub(crate) fn certify_writer(body: &Arc<Body>, view: &View, max_steps: u64) -> Verdict {
    certify(body, view, max_steps, true)
}

/// Certifies a transaction that wrote nothing, at its snapshot: only the past can close
/// a cycle through it, and published readers have no part in it.
pub(crate) fn certify_reader(body: &Arc<Body>, view: &View, max_steps: u64) -> Verdict {
    certify(body, view, max_steps, false)
}

fn certify(body: &Arc<Body>, view: &View, max_steps: u64, writes: bool) -> Verdict {
    let Some(first) = first_overwriter(body, &view.entries) else {
        return Verdict::Clear;
    };
    let mut search = Search::new(body, view, max_steps, writes);
    match search.run() {
        Ok(()) => Verdict::Edged(first),
        Err(Stop::Cycle(steps)) => Verdict::Cycle(steps),
        Err(Stop::TooLong) => Verdict::TooLong,
    }
}

/// The first entry that wrote something that the transaction observed.
fn first_overwriter(body: &Body, entries: &[Entry]) -> Option<Overwriter> {
    entries.iter().find_map(|entry| {
        let witness = body.footprint.observed(&entry.body.footprint)?;
        Some(Overwriter { commit: entry.commit, body: Arc::clone(&entry.body), witness })
    })
}

/// Whether one of these entries wrote something that the transaction observed.
pub(crate) fn overwrites(body: &Body, entries: &[Entry]) -> bool {
    entries.iter().any(|entry| body.footprint.observed(&entry.body.footprint).is_some())
}

/// The first entry that wrote a key that the transaction writes too.
pub(crate) fn first_writer(body: &Body, entries: &[Entry]) -> Option<Overwriter> {
    entries.iter().find_map(|entry| {
        let witness = body.footprint.overwritten(&entry.body.footprint)?;
        Some(Overwriter { commit: entry.commit, body: Arc::clone(&entry.body), witness })
    })
}

/// A node of the search: an entry or a published reader of the view, by its index.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Node {
    Entry(usize),
    Reader(usize),
}

/// How a node was reached. The candidate itself has no `Reached`.
#[derive(Clone, Copy)]
struct Reached {
    /// None is the candidate.
    from: Option<Node>,
    kind: StepKind,
}

enum Stop {
    Cycle(Vec<Step>),
    TooLong,
}

struct Search<'v> {
    body: &'v Arc<Body>,
    view: &'v View,
    /// Whether the candidate wrote anything: if not, no edge can come back to it but
    /// start edges, and published readers are left out.
    writes: bool,
    steps_left: u64,
    /// How each entry was reached.
    entries: Vec<Option<Reached>>,
    /// How each published reader was reached: by a start edge only.
    readers: Vec<Option<Reached>>,
    /// Entries reached and not yet looked at.
    todo: Vec<usize>,
    /// Every node reached, in the order of reaching.
    sources: Vec<Node>,
    /// For each entry, how many of the sources were tested for an edge to it.
    tested: Vec<usize>,
    /// The smallest c that was reached.
    r: u64,
    /// Entries and readers by descending s, to find those with s >= r as r falls.
    by_snapshot: Vec<(u64, Node)>,
    /// How many of `by_snapshot` lie at or above r.
    started: usize,
}

impl<'v> Search<'v> {
    fn new(body: &'v Arc<Body>, view: &'v View, max_steps: u64, writes: bool) -> Self {
        let readers: &[Arc<Body>] = if writes { &view.readers } else { &[] };
        let mut by_snapshot: Vec<(u64, Node)> = view
            .entries
            .iter()
            .enumerate()
            .map(|(at, entry)| (entry.body.snapshot, Node::Entry(at)))
            .chain(readers.iter().enumerate().map(|(at, r)| (r.snapshot, Node::Reader(at))))
            .collect();
        by_snapshot.sort_by_key(|&(snapshot, _)| std::cmp::Reverse(snapshot));
        Self {
            body,
            view,
            writes,
            steps_left: max_steps,
            entries: vec![None; view.entries.len()],
            readers: vec![None; readers.len()],
            todo: Vec::new(),
            sources: Vec::new(),
            tested: vec![0; view.entries.len()],
            r: NEVER,
            by_snapshot,
            started: 0,
        }
    }

    fn run(&mut self) -> Result<(), Stop> {
        self.reach_overwriters()?;
        // Ends: each round but the last reaches an entry that was not reached before.
        loop {
            self.settle()?;
            if !self.reach_straddlers()? {
                break;
            }
        }
        if self.writes { self.find_way_back() } else { Ok(()) }
    }

    fn step(&mut self) -> Result<(), Stop> {
        self.steps_left = self.steps_left.checked_sub(1).ok_or(Stop::TooLong)?;
        Ok(())
    }

    /// U*: everything that overwrote what the candidate observed.
    fn reach_overwriters(&mut self) -> Result<(), Stop> {
        for at in 0..self.view.entries.len() {
            self.step()?;
            let later = &self.view.entries[at].body.footprint;
            if let Some(witness) = self.body.footprint.observed(later) {
                self.reach(at, None, StepKind::Rw(witness));
            }
        }
        Ok(())
    }

    fn reach(&mut self, at: usize, from: Option<Node>, kind: StepKind) {
        if self.entries[at].is_none() {
            self.entries[at] = Some(Reached { from, kind });
            self.sources.push(Node::Entry(at));
            self.todo.push(at);
        }
    }

    /// Looks at each reached entry: does it lead into the past of the candidate, and how
    /// far down does it bring r? Then everything that began at or after r is reached too.
    fn settle(&mut self) -> Result<(), Stop> {
        while let Some(at) = self.todo.pop() {
            self.step()?;
            let entry = &self.view.entries[at];
            self.lower(entry.commit);
            if let Some(overwriter) = &entry.overwriter {
                if overwriter.commit <= self.body.snapshot {
                    return Err(self.cycle_through_the_past(at, overwriter));
                }
                if let Some(first) = self.position(overwriter.commit) {
                    self.reach(first, Some(Node::Entry(at)), StepKind::Rw(overwriter.witness));
                }
            }
        }
        Ok(())
    }

    /// Where the entry of a commit timestamp stands in the view.
    fn position(&self, commit: u64) -> Option<usize> {
        self.view.entries.binary_search_by_key(&commit, |entry| entry.commit).ok()
    }

    /// Lowers r to a commit that was reached; what began at or after it follows.
    fn lower(&mut self, commit: u64) {
        if commit >= self.r {
            return;
        }
        self.r = commit;
        let from = self.position(commit).map(Node::Entry);
        while let Some(&(snapshot, node)) = self.by_snapshot.get(self.started) {
            if snapshot < commit {
                break;
            }
            self.started += 1;
            let reached = match node {
                Node::Entry(at) => &mut self.entries[at],
                Node::Reader(at) => &mut self.readers[at],
            };
            if reached.is_none() {
                // Such an entry never lowers r: its own overwriters come after s >= r. So
                // it is a source, but there is nothing to look at.
                *reached = Some(Reached { from, kind: StepKind::Start });
                self.sources.push(node);
            }
        }
    }

    /// Reaches the straddlers to which a source has an edge; true if there was one.
    fn reach_straddlers(&mut self) -> Result<bool, Stop> {
        let mut any = false;
        let from = self.view.entries.partition_point(|entry| entry.commit < self.r);
        for at in from..self.view.entries.len() {
            if self.entries[at].is_some() {
                continue;
            }
            // Sources reached in this very loop are tested in the next round.
            while self.tested[at] < self.sources.len() {
                let source = self.sources[self.tested[at]];
                self.tested[at] += 1;
                self.step()?;
                if let Some(kind) = self.edge(source, at) {
                    self.reach(at, Some(source), kind);
                    any = true;
                    break;
                }
            }
        }
        Ok(any)
    }

    /// The edge from a source to an entry, if there is one.
    fn edge(&self, source: Node, to: usize) -> Option<StepKind> {
        let later = &self.view.entries[to];
        let (earlier, commit) = self.source(source);
        if later.commit <= earlier.snapshot {
            return None;
        }
        let rw = earlier.footprint.observed(&later.body.footprint).map(StepKind::Rw);
        rw.or_else(|| {
            let overwritten = || earlier.footprint.overwritten(&later.body.footprint);
            commit
                .filter(|&commit| commit < later.commit)
                .and_then(|_| overwritten())
                .map(StepKind::Ww)
        })
    }

    fn source(&self, node: Node) -> (&'v Arc<Body>, Option<u64>) {
        match node {
            Node::Entry(at) => (&self.view.entries[at].body, Some(self.view.entries[at].commit)),
            Node::Reader(at) => (&self.view.readers[at], None),
        }
    }

    /// Does anything that was reached have an edge to the candidate's writes?
    fn find_way_back(&mut self) -> Result<(), Stop> {
        for at in 0..self.sources.len() {
            self.step()?;
            let source = self.sources[at];
            let (earlier, commit) = self.source(source);
            let mine = &self.body.footprint;
            let rw = earlier.footprint.observed(mine).map(StepKind::Rw);
            let ww = || commit.and_then(|_| earlier.footprint.overwritten(mine)).map(StepKind::Ww);
            if let Some(kind) = rw.or_else(ww) {
                let mut steps = self.path_to(source);
                steps.push(Step { kind, to: Member::Candidate });
                return Err(Stop::Cycle(steps));
            }
        }
        Ok(())
    }

    fn cycle_through_the_past(&self, at: usize, overwriter: &Overwriter) -> Stop {
        let mut steps = self.path_to(Node::Entry(at));
        let past = Member::Committed(overwriter.commit, Arc::clone(&overwriter.body));
        steps.push(Step { kind: StepKind::Rw(overwriter.witness), to: past });
        steps.push(Step { kind: StepKind::Start, to: Member::Candidate });
        Stop::Cycle(steps)
    }

    /// The edges from the candidate to a reached node.
    fn path_to(&self, node: Node) -> Vec<Step> {
        let mut steps = Vec::new();
        let mut at = Some(node);
        // Ends: each node was reached from one that was reached before it.
        while let Some(node) = at {
            let (reached, to) = match node {
                Node::Entry(at) => {
                    let entry = &self.view.entries[at];
                    (self.entries[at], Member::Committed(entry.commit, Arc::clone(&entry.body)))
                }
                Node::Reader(at) => {
                    (self.readers[at], Member::Reader(Arc::clone(&self.view.readers[at])))
                }
            };
            let Some(reached) = reached else { break };
            steps.push(Step { kind: reached.kind, to });
            at = reached.from;
        }
        steps.reverse();
        steps
    }
}

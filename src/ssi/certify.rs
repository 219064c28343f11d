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

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::ssi::entries::Overwriter;
use crate::ssi::footprint::{Body, Signature, Witness};
use crate::ssi::log::NEVER;
use crate::ssi::reach::Commits;
use crate::ssi::view::View;

/// Commits looked at in a row, for the cost of one that is looked at alone.
const ROW: usize = 16;

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
    let Some(first) = view.first_overwriter() else {
        return Verdict::Clear;
    };
    let mut search = Search::new(body, view, max_steps, writes);
    match search.run() {
        Ok(()) => Verdict::Edged(first),
        Err(Stop::Cycle(steps)) => Verdict::Cycle(steps),
        Err(Stop::TooLong) => Verdict::TooLong,
    }
}

/// The first entry that wrote a key that the transaction writes too.
pub(crate) fn first_writer(body: &Body, view: &View) -> Option<Overwriter> {
    view.window.entries().find_map(|entry| {
        let witness = body.footprint.overwritten(&entry.body.footprint)?;
        Some(entry.as_overwriter(witness))
    })
}

/// A node of the search: a commit, by its timestamp, or a published reader of the view, by
/// its index.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Node {
    Commit(u64),
    Reader(usize),
}

/// How a commit was reached, unless by a start edge.
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

/// A commit at or after r that was not reached.
struct Straddler {
    commit: u64,
    /// How many of the sources were tested for an edge to it.
    tested: usize,
}

/// Most of a window is looked at in rows only, a few words for each commit: who began at or
/// after r, and whose signatures meet that of the candidate.
struct Search<'v> {
    body: &'v Arc<Body>,
    view: &'v View,
    /// Whether the candidate wrote anything: if not, no edge can come back to it but
    /// start edges, and published readers are left out.
    writes: bool,
    steps_left: u64,
    /// The commits that were reached.
    reached: Commits,
    /// How, but for those that were reached by a start edge.
    how: BTreeMap<u64, Reached>,
    /// Commits reached and not yet looked at.
    todo: Vec<u64>,
    /// The smallest c that was reached, and what it was before; descending.
    lowered: Vec<u64>,
    /// The published readers by descending s, to find those with s >= r as r falls.
    readers: Vec<(u64, usize)>,
    /// How many of them lie at or above r.
    started: usize,
    /// Everything reached that can have an edge to a straddler, in the order of reaching.
    sources: Vec<Node>,
    straddlers: Vec<Straddler>,
}

impl<'v> Search<'v> {
    fn new(body: &'v Arc<Body>, view: &'v View, max_steps: u64, writes: bool) -> Self {
        let readers: &[Arc<Body>] = if writes { &view.readers } else { &[] };
        let mut readers: Vec<(u64, usize)> =
            readers.iter().enumerate().map(|(at, reader)| (reader.snapshot, at)).collect();
        readers.sort_unstable_by_key(|&(snapshot, _)| std::cmp::Reverse(snapshot));
        Self {
            body,
            view,
            writes,
            steps_left: max_steps,
            reached: Commits::none(view.window.start(), view.window.len()),
            how: BTreeMap::new(),
            todo: Vec::new(),
            lowered: Vec::new(),
            readers,
            started: 0,
            sources: Vec::new(),
            straddlers: Vec::new(),
        }
    }

    fn run(&mut self) -> Result<(), Stop> {
        self.steps(self.view.window.len())?;
        // U*: everything that overwrote what the candidate observed.
        for &(commit, witness) in &self.view.overwriters {
            self.reach(commit, None, StepKind::Rw(witness));
        }
        // Ends: each round but the last reaches a commit that was not reached before.
        loop {
            self.settle()?;
            if !self.reach_straddlers()? {
                break;
            }
        }
        if self.writes { self.find_way_back() } else { Ok(()) }
    }

    /// Counts commits looked at and edges tested.
    fn steps(&mut self, steps: usize) -> Result<(), Stop> {
        self.steps_left = self.steps_left.checked_sub(steps as u64).ok_or(Stop::TooLong)?;
        Ok(())
    }

    /// The smallest c that was reached.
    fn r(&self) -> u64 {
        self.lowered.last().copied().unwrap_or(NEVER)
    }

    fn reach(&mut self, commit: u64, from: Option<Node>, kind: StepKind) {
        if self.reached.add(commit) {
            self.how.insert(commit, Reached { from, kind });
            self.sources.push(Node::Commit(commit));
            self.todo.push(commit);
        }
    }

    /// Looks at each reached commit: does it lead into the past of the candidate, and how
    /// far down does it bring r? Then everything that began at or after r is reached too.
    fn settle(&mut self) -> Result<(), Stop> {
        let before = self.r();
        let mut r = before;
        while let Some(commit) = self.todo.pop() {
            self.steps(1)?;
            r = r.min(commit);
            if let Some(overwriter) = &self.view.window.entry(commit).overwriter {
                if overwriter.commit <= self.body.snapshot {
                    return Err(self.cycle_through_the_past(commit, overwriter));
                }
                let kind = StepKind::Rw(overwriter.witness);
                self.reach(overwriter.commit, Some(Node::Commit(commit)), kind);
            }
        }
        if r < before {
            self.lowered.push(r);
            self.reach_started(r, before)?;
        }
        Ok(())
    }

    /// What began at or after r is reached, and r was lowered to it from `before`. Such a
    /// commit never lowers r: its own overwriters come after s >= r. So it can be a source
    /// of edges, but there is nothing to look at.
    fn reach_started(&mut self, r: u64, before: u64) -> Result<(), Stop> {
        let window = &self.view.window;
        self.steps(window.len() / ROW)?;
        for stretch in window.above(r) {
            self.reached.add_where(stretch.first, stretch.snapshots, |&snapshot| snapshot >= r);
        }
        let straddling = self.reached.missing(r..=window.position().min(before - 1));
        self.straddlers.extend(straddling.map(|commit| Straddler { commit, tested: 0 }));
        self.add_sources(r, before);
        while let Some(&(snapshot, at)) = self.readers.get(self.started)
            && snapshot >= r
        {
            self.started += 1;
            self.sources.push(Node::Reader(at));
        }
        Ok(())
    }

    /// An edge leads to what was committed after one began, and wrote what one read or wrote.
    /// Who began at or after `before` is a source already, where it can be one to what straddled
    /// then.
    fn add_sources(&mut self, r: u64, before: u64) {
        let window = &self.view.window;
        let straddling = || self.straddlers.iter().map(|straddler| straddler.commit);
        let Some(last) = straddling().max() else { return };
        let mut written = Signature::default();
        straddling().for_each(|commit| {
            written.add_all(&window.entry(commit).body.footprint.writes);
        });
        for stretch in window.above(r) {
            let reads = |commit: &u64| written.may_meet(stretch.reads_of(*commit));
            let writers = stretch.writers_of(&written.of_keys()).filter(|commit| !reads(commit));
            for commit in stretch.readers_of(&written).chain(writers) {
                let began = (r..last.min(before)).contains(&stretch.snapshot_of(commit));
                if began && !self.how.contains_key(&commit) {
                    self.sources.push(Node::Commit(commit));
                }
            }
        }
    }

    /// Reaches the straddlers to which a source has an edge; true if there was one.
    fn reach_straddlers(&mut self) -> Result<bool, Stop> {
        let mut any = false;
        let mut straddlers = std::mem::take(&mut self.straddlers);
        for straddler in &mut straddlers {
            // Sources reached in this very loop are tested in the next round.
            while straddler.tested < self.sources.len() && !self.reached.has(straddler.commit) {
                let source = self.sources[straddler.tested];
                straddler.tested += 1;
                self.steps(1)?;
                if let Some(kind) = self.edge(source, straddler.commit) {
                    self.reach(straddler.commit, Some(source), kind);
                    any = true;
                }
            }
        }
        straddlers.retain(|straddler| !self.reached.has(straddler.commit));
        self.straddlers = straddlers;
        Ok(any)
    }

    /// The edge from a source to a commit, if there is one.
    fn edge(&self, source: Node, to: u64) -> Option<StepKind> {
        let later = &self.view.window.entry(to).body.footprint;
        let (earlier, commit) = self.source(source);
        if to <= earlier.snapshot {
            return None;
        }
        let rw = earlier.footprint.observed(later).map(StepKind::Rw);
        rw.or_else(|| {
            commit
                .filter(|&commit| commit < to)
                .and_then(|_| earlier.footprint.overwritten(later))
                .map(StepKind::Ww)
        })
    }

    fn source(&self, node: Node) -> (&'v Arc<Body>, Option<u64>) {
        match node {
            Node::Commit(commit) => (&self.view.window.entry(commit).body, Some(commit)),
            Node::Reader(at) => (&self.view.readers[at], None),
        }
    }

    /// Does anything that was reached have an edge to the candidate's writes?
    fn find_way_back(&mut self) -> Result<(), Stop> {
        let window = &self.view.window;
        self.steps(window.len())?;
        let mine = &self.body.footprint.writes;
        for stretch in window.above(self.r() - 1) {
            let writers = stretch.writers_of(&mine.of_keys());
            for commit in stretch.readers_of(mine).chain(writers) {
                if self.reached.has(commit) {
                    self.end_at_candidate(Node::Commit(commit))?;
                }
            }
        }
        (0..self.started).try_for_each(|at| self.end_at_candidate(Node::Reader(self.readers[at].1)))
    }

    /// Fails with the cycle if there is an edge from a node that was reached to the candidate.
    fn end_at_candidate(&self, node: Node) -> Result<(), Stop> {
        let (earlier, commit) = self.source(node);
        let mine = &self.body.footprint;
        let rw = earlier.footprint.observed(mine).map(StepKind::Rw);
        let ww = || commit.and_then(|_| earlier.footprint.overwritten(mine)).map(StepKind::Ww);
        let Some(kind) = rw.or_else(ww) else {
            return Ok(());
        };
        let mut steps = self.path_to(node);
        steps.push(Step { kind, to: Member::Candidate });
        Err(Stop::Cycle(steps))
    }

    fn cycle_through_the_past(&self, commit: u64, overwriter: &Overwriter) -> Stop {
        let mut steps = self.path_to(Node::Commit(commit));
        let past = Member::Committed(overwriter.commit, Arc::clone(&overwriter.body));
        steps.push(Step { kind: StepKind::Rw(overwriter.witness), to: past });
        steps.push(Step { kind: StepKind::Start, to: Member::Candidate });
        Stop::Cycle(steps)
    }

    /// How a reached node was reached.
    fn way_to(&self, node: Node) -> Reached {
        if let Node::Commit(commit) = node
            && let Some(&reached) = self.how.get(&commit)
        {
            return reached;
        }
        // From the first r at or below its s.
        let snapshot = self.source(node).0.snapshot;
        let after = self.lowered.partition_point(|&r| r > snapshot);
        Reached { from: self.lowered.get(after).copied().map(Node::Commit), kind: StepKind::Start }
    }

    /// The edges from the candidate to a reached node.
    fn path_to(&self, node: Node) -> Vec<Step> {
        let mut steps = Vec::new();
        let mut at = Some(node);
        // Ends: each node was reached from one that was reached before it.
        while let Some(node) = at {
            let reached = self.way_to(node);
            let body = Arc::clone(self.source(node).0);
            let to = match node {
                Node::Commit(commit) => Member::Committed(commit, body),
                Node::Reader(_) => Member::Reader(body),
            };
            steps.push(Step { kind: reached.kind, to });
            at = reached.from;
        }
        steps.reverse();
        steps
    }
}

//! Compares what the server, the model and the engine made of one schedule.

use precedent::Error;

use crate::count::Counts;
use crate::engine::{Outcome, Ran, Run, run};
use crate::graph::{Node, edges, has_circle, is_serial};
use crate::model::{nodes, trace};
use crate::schedule::Schedule;
use crate::server::Played;

/// What contradicts one another. Everything else is counted.
pub fn judge(
    schedule: &Schedule,
    played: &Played,
    counts: &mut Counts,
) -> Result<Vec<String>, Error> {
    counts.schedules += 1;
    counts.waits += played.waits;
    counts.transactions += schedule.programs.len() as u64;
    let mut case = Case { schedule, played, faults: Vec::new() };
    case.server();
    case.nobody_else_is_refused()?;
    case.needless(counts)?;
    case.by_itself(counts)?;
    Ok(case.faults)
}

struct Case<'s> {
    schedule: &'s Schedule,
    played: &'s Played,
    faults: Vec<String>,
}

impl Case<'_> {
    fn fault(&mut self, story: String) {
        self.faults.push(story);
    }

    /// Those that the server has committed.
    fn committed(&self) -> Vec<bool> {
        let programs = self.schedule.programs.iter().zip(&self.played.aborted);
        programs.map(|(program, aborted)| program.commits && aborted.is_none()).collect()
    }

    fn aborted(&self) -> Vec<bool> {
        self.played.aborted.iter().map(Option::is_some).collect()
    }

    /// The server's reads and state must be what snapshots show, and its commits serial.
    fn server(&mut self) {
        let takes = self.committed();
        let (txs, state) = trace(self.schedule, &self.played.order, &takes);
        for (tx, (seen, traced)) in self.played.seen.iter().zip(&txs).enumerate() {
            if traced.seen[..seen.len()] != seen[..] {
                self.fault(format!("T{tx} saw {seen:?} there, a model {:?}", traced.seen));
            }
        }
        if state != self.played.state {
            self.fault(format!("{:?} remains there, by a model {state:?}", self.played.state));
        }
        if !is_serial(&nodes(&txs, &takes)) {
            self.fault("the server has committed a circle".into());
        }
    }

    /// If nobody takes part but whom the server has committed, all of them commit here, see
    /// the same, and leave the same.
    fn nobody_else_is_refused(&mut self) -> Result<(), Error> {
        let here = run(self.schedule, &self.played.order, false, &self.aborted())?;
        for (tx, committed) in self.committed().into_iter().enumerate() {
            let ran = &here.txs[tx];
            if committed && ran.outcome != Outcome::Committed {
                self.fault(format!("T{tx} is committed there, and refused here: {}", ran.story));
            }
            let seen = &self.played.seen[tx];
            if committed && ran.seen != *seen {
                self.fault(format!("T{tx} saw {seen:?} there, and here {:?}", ran.seen));
            }
        }
        if here.state != self.played.state {
            self.fault(format!("{:?} remains there, here {:?}", self.played.state, here.state));
        }
        Ok(())
    }

    /// Of those that the server has aborted, as many as possible are committed all the same,
    /// in the order in which they wanted to.
    fn needless(&mut self, counts: &mut Counts) -> Result<(), Error> {
        let mut takes = self.committed();
        let wanted = self.played.order.iter().map(|event| event.tx);
        let mut victims: Vec<usize> =
            wanted.filter(|tx| self.played.aborted[*tx].is_some()).collect();
        victims.reverse();
        let mut seen = Vec::new();
        victims.retain(|tx| {
            let is_last = !seen.contains(tx);
            seen.push(*tx);
            is_last && self.schedule.programs[*tx].commits
        });
        counts.disturbed += u64::from(!victims.is_empty());
        for tx in victims.into_iter().rev() {
            takes[tx] = true;
            let (txs, _) = trace(self.schedule, &self.played.order, &takes);
            let spared = is_serial(&nodes(&txs, &takes));
            let gives_up: Vec<bool> = takes.iter().map(|takes| !takes).collect();
            let here = run(self.schedule, &self.played.order, false, &gives_up)?;
            if here.txs.iter().any(|ran| ran.outcome == Outcome::Refused) == spared {
                let judged = if spared { "no circle" } else { "a circle" };
                self.fault(format!("with T{tx} there is {judged}, and here it is not so"));
            }
            takes[tx] = spared;
            if let Some(reason) = self.played.aborted[tx] {
                counts.abort(self.schedule.spread, reason, spared);
            }
        }
        Ok(())
    }

    /// The schedule without the server's aborts, with sliding and without.
    fn by_itself(&mut self, counts: &mut Counts) -> Result<(), Error> {
        let nobody = vec![false; self.schedule.programs.len()];
        let still = run(self.schedule, &self.played.order, false, &nobody)?;
        if self.played.aborted.iter().all(Option::is_none) {
            counts.calm += 1;
            counts.refused_in_calm += still.refused().count() as u64;
        }
        let sliding = run(self.schedule, &self.played.order, true, &nobody)?;
        for (run, refused) in [(&still, &mut counts.still), (&sliding, &mut counts.sliding)] {
            *refused += run.refused().count() as u64;
            self.each_refusal_was_needed(run);
        }
        if let Some(tx) = still.first_difference(&sliding) {
            let spared = still.txs[tx].outcome == Outcome::Refused;
            let count =
                if spared { &mut counts.spared_by_sliding } else { &mut counts.refused_by_sliding };
            *count += 1;
            if !Slides::new(&still, &sliding).explain(tx, spared) {
                self.fault(format!("that sliding changes T{tx} is not explained by a start edge"));
            }
        }
        Ok(())
    }

    fn each_refusal_was_needed(&mut self, run: &Run) {
        let all = run.nodes(usize::MAX);
        if !is_serial(&all) {
            self.fault("a circle is committed here".into());
        }
        for tx in run.refused() {
            if is_serial(&run.nodes_until(tx)) {
                self.fault(format!("T{tx} is refused without need: {}", run.txs[tx].story));
            }
        }
    }
}

/// One schedule without sliding, and with it.
struct Slides<'r> {
    still: &'r Run,
    sliding: &'r Run,
}

impl<'r> Slides<'r> {
    fn new(still: &'r Run, sliding: &'r Run) -> Self {
        Self { still, sliding }
    }

    /// Whether a transaction has a start edge from somebody who came later without sliding.
    fn slid(&self, tx: usize) -> bool {
        let starts = |run: &Run, from: usize| run.txs[from].node.starts(&run.txs[tx].node);
        (0..self.still.txs.len())
            .any(|from| starts(self.sliding, from) && !starts(self.still, from))
    }

    /// Whether a transaction was refused in one of the runs by a circle that has an edge
    /// which is not there in the other one, at a transaction whose snapshot slid: since a
    /// new start edge is that edge, stands in the place of it, or made it read otherwise.
    fn explain(&self, tx: usize, spared: bool) -> bool {
        let (refused, other) =
            if spared { (self.still, self.sliding) } else { (self.sliding, self.still) };
        let all = edges(&refused.nodes_until(tx));
        let there = edges(&other.nodes_until(tx));
        let slid = (0..all.len()).filter(|tx| self.slid(*tx)).fold(0, |bits, tx| bits | 1 << tx);
        let left = all.iter().zip(there).enumerate().map(|(from, (all, there))| {
            let by_sliding = if slid & 1 << from != 0 { !0 } else { slid };
            all & (there | !by_sliding)
        });
        has_circle(&all) && !has_circle(&left.collect::<Vec<_>>())
    }
}

impl Run {
    fn refused(&self) -> impl Iterator<Item = usize> {
        (0..self.txs.len()).filter(|tx| self.txs[*tx].outcome == Outcome::Refused)
    }

    /// Those that had committed by an event.
    fn nodes(&self, until: usize) -> Vec<Option<Node>> {
        let committed = |ran: &Ran| ran.outcome == Outcome::Committed && ran.ended <= until;
        self.txs.iter().map(|ran| committed(ran).then(|| ran.node.clone())).collect()
    }

    /// Those, and the one that wanted to be next.
    fn nodes_until(&self, tx: usize) -> Vec<Option<Node>> {
        let mut nodes = self.nodes(self.txs[tx].ended);
        nodes[tx] = Some(self.txs[tx].node.clone());
        nodes
    }

    /// The first transaction to end here in another way than there.
    fn first_difference(&self, other: &Self) -> Option<usize> {
        let differ = |tx: &usize| self.txs[*tx].outcome != other.txs[*tx].outcome;
        (0..self.txs.len()).filter(differ).min_by_key(|tx| self.txs[*tx].ended)
    }
}

//! Is the cycle that a refusal names in the record, edge by edge?

use std::collections::HashMap;

use crate::oracle::History;
use crate::oracle::footprint::Footprint;
use crate::oracle::history::{Cycle, CycleEdge, CycleEdgeKind, End, Member, Ts, Tx};
use crate::threads::record::Record;

/// Later than every commit: where a refused transaction would have committed.
const NEVER: Ts = Ts::MAX;

/// Transactions by the names that the engine gives them.
pub struct Register<'r> {
    record: &'r Record,
    places: HashMap<u64, usize>,
}

/// A member of a cycle, as the record knows it.
struct Known<'r> {
    tx: &'r Tx,
    s: Ts,
    /// For the refused one: [`NEVER`], if it had writes to commit.
    c: Option<Ts>,
    as_reader: bool,
}

impl Known<'_> {
    fn footprint(&self) -> Footprint {
        Footprint::of(self.tx, self.as_reader)
    }
}

/// Why a refusal is not justified.
type Objection = Result<(), String>;

impl<'r> Register<'r> {
    /// The register of this record.
    pub fn of(record: &'r Record) -> Self {
        let txs = record.history.txs.iter().enumerate();
        Self { record, places: txs.map(|(place, tx)| (tx.id, place)).collect() }
    }

    fn history(&self) -> &'r History {
        &self.record.history
    }

    /// Whether the refusal of the transaction at `place` is justified: the report begins and
    /// ends there, each edge starts where the one before it ended, and each is real.
    pub fn review(&self, place: usize, as_reader: bool, report: &Cycle) -> Objection {
        let tx = &self.history().txs[place];
        if report.suspected {
            return self.are_real(place, as_reader, report);
        }
        if Footprint::of(tx, as_reader).observed_nothing() {
            return Err("it observed nothing".to_owned());
        }
        if report.conservative {
            return match self.has_changed(place, as_reader) {
                true => Ok(()),
                false => Err("nothing that it observed had changed".to_owned()),
            };
        }
        self.chain(tx.id, &report.edges)?;
        self.are_real(place, as_reader, report)
    }

    fn are_real(&self, place: usize, as_reader: bool, report: &Cycle) -> Objection {
        report.edges.iter().try_for_each(|edge| {
            let from = self.known(place, as_reader, &edge.from)?;
            let to = self.known(place, as_reader, &edge.to)?;
            match is_real(&from, &to, edge) {
                true => Ok(()),
                false => Err(format!("there is no such edge: {edge:?}")),
            }
        })
    }

    /// Whether somebody who was certified before its end changed what it observed.
    fn has_changed(&self, refused: usize, as_reader: bool) -> bool {
        let (moments, history) = (&self.record.moments, self.history());
        let observed = Footprint::of(&history.txs[refused], as_reader);
        let s = history.txs[refused].s();
        history.txs.iter().zip(moments).any(|(tx, moment)| {
            let earlier = moment.ending <= moments[refused].ended;
            let left = || Footprint::of(tx, false).left;
            earlier
                && tx.c().is_some_and(|c| c > s)
                && left().iter().any(|(key, value)| observed.changed_by(*key, *value))
        })
    }

    /// From the refused one back to it, without a gap, and not earlier.
    fn chain(&self, refused: u64, edges: &[CycleEdge]) -> Objection {
        let (Some(first), Some(last)) = (edges.first(), edges.last()) else {
            return Err("the cycle has no edges".to_owned());
        };
        if first.from.id != refused || last.to.id != refused {
            return Err(format!("the cycle does not begin and end at it: {edges:?}"));
        }
        let broken = edges.windows(2).find(|pair| pair[0].to != pair[1].from);
        let early = edges[1..].iter().find(|edge| edge.from.id == refused);
        match (broken, early) {
            (Some(pair), _) => Err(format!("the cycle is broken between {pair:?}")),
            (_, Some(edge)) => Err(format!("the cycle returns before {edge:?}")),
            _ => Ok(()),
        }
    }

    /// The member that is named: the refused one, or one that was certified before it was
    /// refused; with the timestamps that it has.
    fn known(&self, refused: usize, as_reader: bool, named: &Member) -> Result<Known<'r>, String> {
        let place = self.places.get(&named.id).copied();
        let place = place.ok_or_else(|| format!("nobody is called {named:?}"))?;
        let tx = &self.history().txs[place];
        let (s, c) = (tx.s(), tx.c());
        if (s, c) != (named.s, named.c) {
            return Err(format!("{named:?} has the timestamps @{s} and {c:?}"));
        }
        if place == refused {
            return Ok(Known { tx, s, c: (!as_reader).then_some(NEVER), as_reader });
        }
        if !matches!(tx.end, End::Committed(_) | End::Certified { .. }) {
            return Err(format!("{named:?} was never certified"));
        }
        if self.record.moments[place].ending > self.record.moments[refused].ended {
            return Err(format!("{named:?} was certified later"));
        }
        Ok(Known { tx, s, c, as_reader: c.is_none() })
    }
}

/// Whether the edge is in the record. An rw edge may name a later overwriter than the
/// first: it follows from the first one and the ww edges between them.
fn is_real(from: &Known<'_>, to: &Known<'_>, edge: &CycleEdge) -> bool {
    match (edge.kind, edge.key) {
        (CycleEdgeKind::Start, None) => from.c.is_some_and(|c| c <= to.s),
        (CycleEdgeKind::Ww, Some(key)) => {
            let both = from.footprint().writes & to.footprint().writes;
            both.contains(key) && from.c.is_some() && from.c < to.c
        }
        (CycleEdgeKind::Rw, Some(key)) => {
            let left = to.footprint().left;
            let wrote = left.iter().find(|(written, _)| *written == key);
            to.c.is_some_and(|c| c > from.s)
                && wrote.is_some_and(|(_, value)| from.footprint().changed_by(key, *value))
        }
        _ => false,
    }
}

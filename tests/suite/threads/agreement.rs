//! The indexed oracle and the brute-force one say the same of small histories.

use super::generate;
use super::indexed;
use super::record::Record;
use super::settings::{seed, summary};
use crate::oracle::{End, FaultKind, History, Op, Verdict, judge};
use crate::schedules::rng::Rng;
use crate::support::scaled;

/// How many small histories a full run judges twice.
const HISTORIES: usize = 100_000;

/// What the histories showed, so that agreement is about something.
#[derive(Default)]
struct Shown {
    clean: u64,
    cyclic: u64,
    misread: u64,
    misslid: u64,
    justified: u64,
    unjustified: u64,
    readers: u64,
    errs: u64,
    scans: u64,
    predicates: u64,
    slides: u64,
}

fn count(verdict: &Verdict, kinds: &[FaultKind]) -> u64 {
    verdict.faults.iter().filter(|fault| kinds.contains(&fault.kind)).count() as u64
}

const BAD_REFUSAL: [FaultKind; 2] = [FaultKind::UnjustifiedAbort, FaultKind::FalseReport];
const BAD_SIGHT: [FaultKind; 2] = [FaultKind::WrongRead, FaultKind::IllegalSlide];

impl Shown {
    /// Judges a history twice, and notes what it showed.
    fn agree(&mut self, history: History) -> Result<(), String> {
        let brute = judge(&history);
        let record = Record::in_order(history);
        let indexed = indexed::judge(&record);
        let cyclic = brute.finds(FaultKind::MissedCycle);
        let mut same = cyclic == indexed.finds(FaultKind::MissedCycle);
        for kind in BAD_SIGHT {
            same &= count(&brute, &[kind]) == count(&indexed, &[kind]);
        }
        // The brute-force oracle stops at the first cycle; and what a serial replay of wrong
        // reads runs into depends on the order.
        if !cyclic {
            same &= count(&brute, &BAD_REFUSAL) == count(&indexed, &BAD_REFUSAL);
            same &= brute.conservative == indexed.conservative;
            same &= brute.faults.is_empty() == indexed.faults.is_empty();
        }
        if !same {
            return Err(format!(
                "brute force: {:?}\nindexed: {:?}\n{:?}",
                brute.faults, indexed.faults, record.history
            ));
        }
        self.note(&record.history, &brute);
        Ok(())
    }

    fn note(&mut self, history: &History, verdict: &Verdict) {
        let unjustified = count(verdict, &BAD_REFUSAL);
        self.clean += u64::from(verdict.faults.is_empty());
        self.cyclic += count(verdict, &[FaultKind::MissedCycle]);
        self.misread += count(verdict, &[FaultKind::WrongRead]).min(1);
        self.misslid += count(verdict, &[FaultKind::IllegalSlide]).min(1);
        self.unjustified += unjustified;
        self.justified += verdict.aborts.saturating_sub(verdict.conservative + unjustified);
        for tx in &history.txs {
            self.readers += u64::from(matches!(tx.end, End::Certified { err: false }));
            self.errs += u64::from(matches!(tx.end, End::Certified { err: true }));
            for op in &tx.ops {
                self.scans += u64::from(matches!(op, Op::Open { accepts: None, .. }));
                self.predicates += u64::from(matches!(op, Op::Open { accepts: Some(_), .. }));
                self.slides += u64::from(matches!(op, Op::Slide { .. }));
            }
        }
    }

    fn counters(&self) -> [(&'static str, u64); 11] {
        [
            ("clean histories", self.clean),
            ("histories with a cycle", self.cyclic),
            ("with a wrong read", self.misread),
            ("with an illegal slide", self.misslid),
            ("justified refusals", self.justified),
            ("unjustified refusals", self.unjustified),
            ("certified readers", self.readers),
            ("certified Errs", self.errs),
            ("scans", self.scans),
            ("scans with a predicate", self.predicates),
            ("slides", self.slides),
        ]
    }
}

#[test]
fn both_oracles_say_the_same_of_small_histories() {
    let histories = scaled(HISTORIES);
    let mut shown = Shown::default();
    for index in 0..histories {
        let history = generate::history(&mut Rng::stream(seed(), index as u64));
        if let Err(story) = shown.agree(history) {
            panic!("history {index} divides the oracles\n{story}");
        }
    }
    let line = |(name, count): (&str, u64)| format!("  {name:<24}{count:>12}\n");
    let lines: String = shown.counters().into_iter().map(line).collect();
    summary("both oracles agree", &format!("  histories               {histories:>12}\n{lines}"));
    for (name, count) in shown.counters() {
        assert!(count * 100 >= histories as u64, "only {count} of {histories} histories: {name}");
    }
}

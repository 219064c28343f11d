//! Detached snapshots: is what was said to be safe safe, and as new as it must be?
//!
//! A timestamp s is *safe* if no open transaction that can write has an older read
//! timestamp, and no committed Z with an rw edge has low(Z) <= s < c(Z), where low(Z) is the
//! first commit that Z read around. The newest such timestamp, as it follows from the record
//! alone, is called σ here. The rules:
//!
//! - A snapshot that is called safe lies at or below σ, and none is older than one before it.
//! - It lies *at* σ, if the database still has σ's versions for certain: if σ is at most
//!   `retained` commits old. It was promised earlier, at that σ, each time that somebody
//!   asked or collected; by a collection however old it was, if a writer reads there.
//! - Where danger intervals may be merged, they are at worst one interval from the first
//!   low to the last c; the rules hold for what is outside of that.
//! - A timestamp can be told if it has come, and is kept by a handle, or lies at or above
//!   σ and at most `retained` commits back. It cannot if it has not come.

use super::history::{Asked, History, Limits, Question, Ts};
use super::verdict::{FaultKind, Sighting, Verdict};

/// A commit with an rw edge: a snapshot at or after `low` and before `c` does not see it, but
/// sees something that comes after it.
#[derive(Clone, Copy, Debug)]
pub struct Danger {
    /// The first commit that it read around.
    pub low: Ts,
    /// Its own timestamp.
    pub c: Ts,
}

/// Checks what was answered; the dangers are those of the whole history.
pub fn check_answers(history: &History, dangers: &[Danger], verdict: &mut Verdict) {
    if history.asked.iter().all(|asked| asked.question == Question::Collected) {
        return;
    }
    let mut known = 0;
    for asked in &history.asked {
        let moment = Moment::of(asked, dangers, history.limits);
        if let Err(story) = moment.check(asked, known) {
            let kind = match asked.question {
                Question::Safe { .. } => FaultKind::UnsafeSnapshot,
                _ => FaultKind::WrongTimestamp,
            };
            verdict.accuse(kind, story);
        }
        match asked.question {
            Question::Newest { answer } => {
                known = known.max(answer);
                if answer < asked.newest {
                    verdict.sight(Sighting::SafeLag);
                }
                if answer < moment.oldest_writer {
                    verdict.sight(Sighting::DangerLag);
                }
            }
            Question::Collected => known = known.max(moment.collected),
            Question::At { given: true, .. } => verdict.sight(Sighting::SnapshotAt),
            Question::At { .. } | Question::Safe { .. } => {}
        }
    }
}

/// What was safe when something was asked.
struct Moment<'d> {
    dangers: Vec<&'d Danger>,
    limits: Limits,
    /// The oldest read timestamp of a writer, else the newest commit.
    oldest_writer: Ts,
    /// σ
    newest_safe: Ts,
    /// What a safe snapshot must show at least, if that is still there for certain.
    promised: Option<Ts>,
    /// What one must show from now on, if everything was collected just now.
    collected: Ts,
    /// From here on every timestamp can be told.
    told_from: Ts,
}

impl<'d> Moment<'d> {
    fn of(asked: &Asked, dangers: &'d [Danger], limits: Limits) -> Self {
        let dangers: Vec<&Danger> = dangers.iter().filter(|z| z.c <= asked.newest).collect();
        let oldest_writer = asked.writers.iter().copied().min().unwrap_or(asked.newest);
        let newest_safe = newest_outside(dangers.iter().copied(), oldest_writer);
        let merged = dangers.iter().fold(None, |merged: Option<Danger>, z| {
            let merged = merged.unwrap_or(**z);
            Some(Danger { low: merged.low.min(z.low), c: merged.c.max(z.c) })
        });
        let least = match limits.blurred {
            true => newest_outside(merged.iter(), oldest_writer),
            false => newest_safe,
        };
        let retained_from = asked.newest.saturating_sub(limits.retained);
        let promised = (least >= retained_from).then_some(least);
        let in_use = (least == oldest_writer).then_some(least);
        Self {
            dangers,
            limits,
            oldest_writer,
            newest_safe,
            promised,
            collected: promised.max(in_use).unwrap_or(0),
            told_from: newest_safe.max(retained_from),
        }
    }

    fn check(&self, asked: &Asked, known: Ts) -> Result<(), String> {
        match asked.question {
            Question::Newest { answer } => self.check_newest(answer, known),
            Question::At { asked: at, kept, given } => {
                let must = at <= asked.newest && (kept || at >= self.told_from);
                let may = at <= asked.newest;
                if given && !may {
                    return Err(format!("@{at} was told, but @{} is the newest", asked.newest));
                }
                if must && !given {
                    let why = if kept { "is kept" } else { "cannot be gone" };
                    return Err(format!("@{at} could not be told, but {why}"));
                }
                Ok(())
            }
            Question::Safe { at, answer } => {
                let writer = at > self.oldest_writer;
                let danger = self.dangers.iter().find(|z| z.low <= at && at < z.c);
                match (answer, writer || danger.is_some()) {
                    (true, true) => Err(format!(
                        "@{at} is said to be safe; the oldest writer is at @{}, a danger: {danger:?}",
                        self.oldest_writer,
                    )),
                    (false, false) if !self.limits.blurred => {
                        Err(format!("@{at} is said not to be safe, but nothing is in the way"))
                    }
                    _ => Ok(()),
                }
            }
            Question::Collected => Ok(()),
        }
    }

    fn check_newest(&self, answer: Ts, known: Ts) -> Result<(), String> {
        if answer > self.newest_safe {
            return Err(format!(
                "@{answer} is said to be safe, but the newest safe one is @{}",
                self.newest_safe
            ));
        }
        if answer < known {
            return Err(format!("@{answer} is said to be the newest safe one after @{known}"));
        }
        match self.promised {
            Some(least) if answer < least => {
                Err(format!("@{answer} is said to be the newest safe one, but @{least} is safe"))
            }
            _ => Ok(()),
        }
    }
}

/// The newest timestamp at or below this one that lies in no danger interval.
fn newest_outside<'d>(dangers: impl Iterator<Item = &'d Danger> + Clone, mut at: Ts) -> Ts {
    while let Some(z) = dangers.clone().find(|z| z.low <= at && at < z.c) {
        at = z.low - 1;
    }
    at
}

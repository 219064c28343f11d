//! What was found, added up.

use crate::session::Reason;

/// Aborts of the server of one kind, and those without which all would have been well.
#[derive(Clone, Copy, Default)]
pub struct Aborts {
    all: u64,
    needless: u64,
}

#[derive(Default)]
pub struct Counts {
    pub schedules: u64,
    pub unplayable: u64,
    pub transactions: u64,
    pub waits: u64,
    /// Schedules in which the server aborted somebody.
    pub disturbed: u64,
    /// Schedules in which it aborted nobody, and who was refused in them here.
    pub calm: u64,
    pub refused_in_calm: u64,
    /// By whether keys are spread, and by reason.
    aborts: [[Aborts; 3]; 2],
    /// Refused here, with sliding off and on.
    pub still: u64,
    pub sliding: u64,
    /// Schedules in which sliding makes a difference, by what the first one is.
    pub spared_by_sliding: u64,
    pub refused_by_sliding: u64,
    pub contradictions: u64,
}

const REASONS: [(Reason, &str); 3] = [
    (Reason::Dependencies, "dependencies"),
    (Reason::Update, "concurrent update"),
    (Reason::Deadlock, "deadlock"),
];

fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { 100.0 * part as f64 / whole as f64 }
}

impl Counts {
    pub fn abort(&mut self, spread: bool, reason: Reason, needless: bool) {
        let place = REASONS.iter().position(|(other, _)| *other == reason);
        let aborts = &mut self.aborts[usize::from(spread)][place.unwrap_or(0)];
        aborts.all += 1;
        aborts.needless += u64::from(needless);
    }

    /// Of some reasons, with keys close together, spread, or both.
    fn sum(&self, tables: &[usize], reasons: &[usize]) -> Aborts {
        let mut sum = Aborts::default();
        for aborts in
            tables.iter().flat_map(|table| reasons.iter().map(|why| self.aborts[*table][*why]))
        {
            sum.all += aborts.all;
            sum.needless += aborts.needless;
        }
        sum
    }

    pub fn is_fine(&self) -> bool {
        self.contradictions == 0 && self.refused_in_calm == 0 && self.schedules > self.unplayable
    }

    pub fn table(&self) -> String {
        let runnable = self.schedules - self.unplayable;
        let all = self.sum(&[0, 1], &[0, 1, 2]);
        let mut text = format!(
            "\nschedules              {}, {runnable} of them runnable\n\
             transactions           {}, and {} steps that waited for a lock\n\
             aborts nobody there    {} schedules; refused in them here: {}\n\
             PostgreSQL             aborted {} transactions, in {} schedules\n\
             precedent, the same    refused {} with sliding off, {} with sliding on\n",
            self.schedules,
            self.transactions,
            self.waits,
            self.calm,
            self.refused_in_calm,
            all.all,
            self.disturbed,
            self.still,
            self.sliding
        );
        text += "\nPostgreSQL's aborts         all   needless\n";
        let tables = [
            ("", &[0, 1][..]),
            (", keys on one page", &[0]),
            (", keys on pages of their own", &[1]),
        ];
        for (where_, tables) in tables {
            for (place, (_, why)) in REASONS.iter().enumerate() {
                let aborts = self.sum(tables, &[place]);
                let share = percent(aborts.needless, aborts.all);
                text += &format!(
                    "  {:<48} {:>6} {:>6}  {share:.1} %\n",
                    format!("{why}{where_}"),
                    aborts.all,
                    aborts.needless
                );
            }
        }
        text += &format!(
            "  all {:>51} {:>6}  {:.1} %\n\n\
             sliding                changes the outcome of {} schedules: spares {}, refuses {}; each \
             explained by a start edge\n\
             contradictions         {}\n",
            all.all,
            all.needless,
            percent(all.needless, all.all),
            self.spared_by_sliding + self.refused_by_sliding,
            self.spared_by_sliding,
            self.refused_by_sliding,
            self.contradictions
        );
        text
    }
}

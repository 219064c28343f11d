//! Every schedule of a small shape.
//!
//! Steps of different transactions that lie between the same two ends commute: what a
//! begin or a read sees depends on which transactions have ended before, and a write is
//! seen by its own transaction alone. So a schedule is given by the programs, by the order
//! of the ends (the transactions are numbered by it), and by the number of ends that come
//! before each begin and each read. All of these are enumerated, once each.

use super::step::{Act, Pulls, Schedule, Span, Step};
use crate::oracle::{Classes, Key};

/// A shape: how many transactions of which programs over which rows.
pub struct Shape {
    /// Its name in the summary.
    pub name: &'static str,
    initial: Vec<(Key, u8)>,
    txs: usize,
    programs: Vec<Program>,
}

/// What one transaction does between its begin and its end.
#[derive(Clone)]
struct Program {
    acts: Vec<Act>,
    read_only: bool,
    end: Act,
}

impl Shape {
    /// Every shape that is enumerated.
    pub fn all() -> Vec<Self> {
        let [a, b, c] = [0, 1, 2].map(Key::new);
        let span = Span::closed(a, b);
        let scan = |pulls| Act::Scan { span, accepts: None, pulls };
        let filter = Act::Scan { span, accepts: Some(Classes::from_bits(2)), pulls: Pulls::ALL };
        let points = [Act::Get(a), Act::Get(b), Act::Insert(a, 0), Act::Insert(b, 0)];
        let with_scan = [&points[..], &[scan(Pulls::ALL)]].concat();
        let with_removal = [&with_scan[..], &[Act::Remove(a)]].concat();
        let mut rich = with_removal.clone();
        rich.extend([
            scan(Pulls::first(1)),
            scan(Pulls::last(1)),
            filter,
            Act::Insert(a, 1),
            Act::Insert(b, 1),
        ]);
        rich.extend([
            Act::First,
            Act::Count(span),
            Act::IsEmpty(span),
            Act::Has(a),
            Act::Remove(b),
        ]);
        rich.extend([
            Act::Take(a),
            Act::Update(b, 1),
            Act::InsertIfAbsent(a, 0),
            Act::Replace(b, 0),
        ]);
        let keys = [a, b, c];
        let moves = keys
            .iter()
            .flat_map(|from| keys.iter().map(|to| vec![Act::Get(*from), Act::Insert(*to, 0)]));
        vec![
            Self::new("2 of up to 3 acts", &[(a, 0)], 2, Program::all(&with_removal, 3, false)),
            Self::new("2 of up to 2 rich acts", &[(b, 0)], 2, Program::all(&rich, 2, true)),
            Self::new("3 of up to 2 acts", &[(a, 0)], 3, Program::all(&with_scan, 2, false)),
            Self::new("3 with other endings", &[], 3, Program::all(&points, 2, true)),
            Self::new("4 that read and write", &[], 4, moves.map(Program::committing).collect()),
        ]
    }

    fn new(name: &'static str, initial: &[(Key, u8)], txs: usize, programs: Vec<Program>) -> Self {
        Self { name, initial: initial.to_vec(), txs, programs }
    }

    /// In how many ways programs can be given to the transactions.
    pub fn castings(&self) -> usize {
        self.programs.len().pow(self.txs as u32)
    }

    /// Calls `each` with every schedule of one casting.
    pub fn schedules(&self, casting: usize, mut each: impl FnMut(&Schedule)) {
        let mut rest = casting;
        let cast: Vec<&Program> = (0..self.txs)
            .map(|_| {
                let program = &self.programs[rest % self.programs.len()];
                rest /= self.programs.len();
                program
            })
            .collect();
        let mut epochs: Vec<Vec<usize>> =
            cast.iter().map(|program| vec![0; program.placed()]).collect();
        let mut schedule = Schedule { initial: self.initial.clone(), steps: Vec::new() };
        loop {
            fill(&mut schedule.steps, &cast, &epochs);
            each(&schedule);
            let next = epochs
                .iter_mut()
                .enumerate()
                .find_map(|(tx, epochs)| advance(epochs, tx).then_some(tx));
            let Some(tx) = next else { return };
            epochs[..tx].iter_mut().for_each(|epochs| epochs.fill(0));
        }
    }
}

impl Program {
    fn committing(acts: Vec<Act>) -> Self {
        Self { acts, read_only: false, end: Act::Commit }
    }

    /// Every program of one to `most` acts; with other endings too, if asked.
    fn all(alphabet: &[Act], most: usize, endings: bool) -> Vec<Self> {
        let mut words: Vec<Vec<Act>> = vec![Vec::new()];
        let mut programs = Vec::new();
        for _ in 0..most {
            words = words
                .iter()
                .flat_map(|word| alphabet.iter().map(move |act| [&word[..], &[*act]].concat()))
                .collect();
            for word in &words {
                programs.push(Self::committing(word.clone()));
                if !endings {
                    continue;
                }
                let writes = word.iter().any(|act| act.can_write());
                let reads = word.iter().any(|act| is_placed(*act));
                match (writes, reads) {
                    (true, true) => {
                        programs.push(Self { end: Act::Err, ..Self::committing(word.clone()) })
                    }
                    (false, _) => {
                        programs.push(Self { read_only: true, ..Self::committing(word.clone()) })
                    }
                    _ => {}
                }
            }
        }
        programs
    }

    /// How many of its steps have a place of their own: the begin and every look.
    fn placed(&self) -> usize {
        1 + self.acts.iter().filter(|act| is_placed(**act)).count()
    }
}

/// Whether it matters what has ended before this act.
fn is_placed(act: Act) -> bool {
    !matches!(act, Act::Insert(..) | Act::Remove(_))
}

/// The next sequence of epochs from 0 to `last` that never falls. False if there is none.
fn advance(epochs: &mut [usize], last: usize) -> bool {
    let Some(at) = epochs.iter().rposition(|epoch| *epoch < last) else { return false };
    let next = epochs[at] + 1;
    epochs[at..].fill(next);
    true
}

/// The steps of one schedule: in each epoch the transactions one after the other, then
/// the end of the one that has its number.
fn fill(steps: &mut Vec<Step>, cast: &[&Program], epochs: &[Vec<usize>]) {
    steps.clear();
    for epoch in 0..cast.len() {
        for (tx, program) in cast.iter().enumerate().skip(epoch) {
            let begin = Act::Begin { read_only: program.read_only };
            let mut place = 0;
            for (nth, act) in std::iter::once(&begin).chain(&program.acts).enumerate() {
                place += usize::from(nth > 0 && is_placed(*act));
                if epochs[tx][place] == epoch {
                    steps.push(Step::Tx(tx as u8, *act));
                }
            }
        }
        steps.push(Step::Tx(epoch as u8, cast[epoch].end));
    }
}

#[test]
fn no_schedule_is_enumerated_twice() {
    let mut seen = std::collections::HashSet::new();
    for shape in Shape::all() {
        for casting in (0..shape.castings()).step_by(997) {
            shape.schedules(casting, |schedule| {
                assert!(seen.insert(schedule.to_string()), "{}: {schedule}", shape.name);
            });
        }
    }
}

#[test]
fn the_shapes_hold_more_than_a_million_schedules() {
    let choose = |n: usize, k: usize| (0..k).fold(1, |product, i| product * (n - i) / (i + 1));
    let mut all = 0;
    for shape in Shape::all() {
        // Each transaction's places are chosen apart from those of the others.
        let ways = (0..shape.txs).map(|tx| {
            shape.programs.iter().map(|program| choose(program.placed() + tx, tx)).sum::<usize>()
        });
        all += ways.product::<usize>();
    }
    assert!(all >= 1_000_000, "only {all}");
}

//! Schedules drawn at random over a few keys.
//!
//! Each schedule draws its own mix of operations first: a mix with few kinds goes deeper
//! into what they do to each other than one with all of them.

use std::ops::Bound;

use super::rng::Rng;
use super::step::{Act, Pulls, Rest, Schedule, Span, Step};
use crate::oracle::{Classes, Key};

/// How many classes the values of random schedules have.
const CLASSES: usize = 3;

/// A schedule of two to six transactions over two to six keys.
pub fn schedule(rng: &mut Rng) -> Schedule {
    let palette = Palette::draw(rng);
    let initial = palette.keys.iter().copied().filter(|_| rng.chance(50)).collect::<Vec<_>>();
    let initial = initial.into_iter().map(|key| (key, rng.below(CLASSES) as u8)).collect();
    let txs = rng.pick(&[2, 2, 3, 3, 3, 4, 4, 5, 6]);
    let most_acts = if txs > 4 { 3 } else { 5 };
    let programs = (0..txs).map(|tx| program(rng, &palette, tx, most_acts)).collect();
    let mut steps = interleave(rng, programs);
    if rng.chance(10) {
        let load = Step::Load(palette.span(rng));
        steps.insert(rng.below(steps.len() + 1), load);
    }
    Schedule { initial, steps }
}

/// Two to five sessions over a few keys, each of which runs several transactions, one
/// after the other: somebody is always active, and what can be forgotten shifts on.
pub fn sessions(rng: &mut Rng) -> Schedule {
    let palette = Palette::draw(rng);
    let initial = palette.keys.iter().map(|key| (*key, 0)).collect();
    let (sessions, rounds) = (rng.between(2, 5), rng.between(3, 8));
    let programs = (0..sessions).map(|session| {
        let numbers = (0..rounds).map(|round| (round * sessions + session) as u8);
        numbers.flat_map(|tx| program(rng, &palette, tx, 3)).collect()
    });
    let programs = programs.collect();
    Schedule { initial, steps: interleave(rng, programs) }
}

/// The keys and the kinds of operation of one schedule.
pub struct Palette {
    keys: Vec<Key>,
    kinds: Vec<Kind>,
    /// How often, of a hundred, a transaction is read-only, ends with an `Err`, rolls back.
    endings: [usize; 3],
    /// How often, of a hundred, one that can write undoes a part of it.
    undoing: usize,
}

/// The kinds of operation.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Get,
    Look,
    Scan,
    Filter,
    Edge,
    Cursor,
    Insert,
    Remove,
    ReadWrite,
    Wipe,
    Savepoint,
}

impl Palette {
    /// Draws the mix for one schedule.
    pub fn draw(rng: &mut Rng) -> Self {
        use Kind::{
            Cursor, Edge, Filter, Get, Insert, Look, ReadWrite, Remove, Savepoint, Scan, Wipe,
        };
        let keys = rng.between(2, 6) as u8;
        let upper = if rng.chance(15) { rng.between(1, keys.into()) as u8 } else { 0 };
        let keys =
            (0..keys).map(|key| Key::new(if key < upper { 32 + key } else { key })).collect();
        let mut kinds = vec![Insert, Insert];
        kinds.push(if rng.chance(50) { Get } else { rng.pick(&[Scan, Filter, Edge]) });
        for kind in [Get, Look, Scan, Filter, Edge, Cursor, Insert, Remove, ReadWrite, Wipe] {
            let times = rng.pick(&[0, 0, 0, 1, 1, 3]);
            kinds.extend(std::iter::repeat_n(kind, times));
        }
        if rng.chance(30) {
            kinds.extend([Savepoint; 3]);
        }
        let endings = [rng.pick(&[0, 0, 20, 40]), rng.pick(&[0, 0, 10, 30]), rng.pick(&[0, 0, 5])];
        Self { keys, kinds, endings, undoing: rng.pick(&[0, 0, 0, 25]) }
    }

    fn key(&self, rng: &mut Rng) -> Key {
        rng.pick(&self.keys)
    }

    /// One operation that is drawn from the mix.
    pub fn act(&self, rng: &mut Rng, read_only: bool) -> Act {
        loop {
            let act = self.any_act(rng);
            if !(read_only && act.can_write()) {
                return act;
            }
        }
    }

    fn any_act(&self, rng: &mut Rng) -> Act {
        let key = self.key(rng);
        let class = rng.below(CLASSES) as u8;
        match rng.pick(&self.kinds) {
            Kind::Get => Act::Get(key),
            Kind::Look => match rng.below(8) {
                0..3 => Act::Has(key),
                3 => Act::Peek(key),
                4 => Act::Count(self.span(rng)),
                5..7 => Act::IsEmpty(self.span(rng)),
                _ => Act::Get(key),
            },
            Kind::Scan => Act::Scan { span: self.span(rng), accepts: None, pulls: pulls(rng) },
            Kind::Filter => {
                let accepts = Some(Classes::from_bits(rng.between(1, 6) as u64));
                Act::Scan { span: self.span(rng), accepts, pulls: pulls(rng) }
            }
            Kind::Edge => rng.pick(&[Act::First, Act::Last]),
            Kind::Cursor => {
                let accepts = rng.chance(30).then(|| Classes::from_bits(rng.between(1, 6) as u64));
                Act::Open { span: self.span(rng), accepts }
            }
            Kind::Insert => Act::Insert(key, class),
            Kind::Remove => Act::Remove(key),
            Kind::ReadWrite => match rng.below(5) {
                0 => Act::Replace(key, class),
                1 => Act::Take(key),
                2 => Act::InsertIfAbsent(key, class),
                3 => Act::Update(key, class),
                _ => Act::GetOrInsert(key, class),
            },
            Kind::Wipe => Act::RemoveRange(self.span(rng)),
            Kind::Savepoint => match rng.below(8) {
                0..4 => Act::Savepoint,
                4..7 => Act::RollbackTo(rng.pick(&[0, 0, 0, 1, 2])),
                _ => Act::Release(rng.pick(&[0, 0, 1])),
            },
        }
    }

    /// Some keys of one table: mostly between two keys, sometimes without a bound,
    /// with an excluded end, or inverted.
    pub fn span(&self, rng: &mut Rng) -> Span {
        let (one, other) = (self.key(rng), self.key(rng));
        if one.place() / 32 != other.place() / 32 {
            return Span::closed(one, one);
        }
        let (low, high) =
            if rng.chance(95) { (one.min(other), one.max(other)) } else { (one, other) };
        let bound = |rng: &mut Rng, key: Key| match rng.below(10) {
            0 => Bound::Excluded(key),
            1 if low.place() < 32 => Bound::Unbounded,
            _ => Bound::Included(key),
        };
        Span { lower: bound(rng, low), upper: bound(rng, high) }
    }
}

fn pulls(rng: &mut Rng) -> Pulls {
    match rng.below(8) {
        0..3 => Pulls::ALL,
        3 => Pulls::REVERSE,
        4 => Pulls::first(rng.between(0, 2) as u8),
        5 => Pulls::last(rng.between(1, 2) as u8),
        6 => Pulls { front: 1, back: 1, rest: Rest::Dropped },
        _ => Pulls { front: 1, back: 0, rest: rng.pick(&[Rest::Forward, Rest::Reverse]) },
    }
}

/// What one transaction does, from begin to end.
fn program(rng: &mut Rng, palette: &Palette, tx: u8, most_acts: usize) -> Vec<Step> {
    let [read_only, err, rollback] = palette.endings;
    let read_only = rng.chance(read_only);
    let mut acts = vec![Act::Begin { read_only }];
    for _ in 0..rng.between(1, most_acts) {
        acts.push(palette.act(rng, read_only));
        if matches!(acts.last(), Some(Act::Open { .. })) {
            cursor(rng, palette, read_only, &mut acts);
        }
    }
    if !read_only && rng.chance(palette.undoing) {
        undo(rng, palette, &mut acts);
    }
    acts.push(match rng.below(100) {
        roll if roll < err => Act::Err,
        roll if roll < err + rollback => Act::Rollback,
        _ => Act::Commit,
    });
    acts.into_iter().map(|act| Step::Tx(tx, act)).collect()
}

/// Undoes a part of what was done so far, and perhaps goes on.
fn undo(rng: &mut Rng, palette: &Palette, acts: &mut Vec<Act>) {
    let (one, other) = (rng.between(1, acts.len()), rng.between(1, acts.len()));
    acts.insert(one.max(other), Act::RollbackTo(0));
    acts.insert(one.min(other), Act::Savepoint);
    if rng.chance(60) {
        acts.push(palette.act(rng, false));
    }
}

/// Drives the scan that was just opened, with other operations in between.
fn cursor(rng: &mut Rng, palette: &Palette, read_only: bool, acts: &mut Vec<Act>) {
    for _ in 0..rng.between(1, 3) {
        acts.push(Act::Pull { reverse: rng.chance(30) });
        if rng.chance(30) {
            acts.push(palette.act(rng, read_only));
        }
    }
    if rng.chance(60) {
        acts.push(Act::Close);
    }
}

/// Merges programs into one order, with a collection or an unrelated commit now and then.
pub fn interleave(rng: &mut Rng, mut programs: Vec<Vec<Step>>) -> Vec<Step> {
    let (stickiness, noise) = (rng.pick(&[0, 0, 40, 70]), rng.pick(&[0, 0, 0, 5, 15]));
    let mut steps = Vec::new();
    if rng.chance(25) {
        programs.iter_mut().for_each(|program| steps.push(program.remove(0)));
    }
    programs.iter_mut().for_each(|program| program.reverse());
    let mut last = 0;
    loop {
        programs.retain(|program| !program.is_empty());
        if programs.is_empty() {
            return steps;
        }
        if last >= programs.len() || !rng.chance(stickiness) {
            last = rng.below(programs.len());
        }
        steps.extend(programs[last].pop());
        if rng.chance(noise) {
            steps.push(rng.pick(&[Step::Unrelated, Step::Collect]));
        }
    }
}

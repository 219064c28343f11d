//! Schedules whose transactions form a ring of dependencies.
//!
//! Drawn at random, histories hardly ever hold a long cycle, or one through a transaction
//! that has committed, is no longer concurrent with the one that closes the cycle, and
//! could have been forgotten. Here each transaction has an edge to the next one, of any
//! kind, and the steps come in any order in which these edges can arise.

use super::rng::Rng;
use super::step::{Act, Pulls, Schedule, Span, Step};
use crate::oracle::{Classes, Key};

/// The most members of a ring.
const MOST_MEMBERS: usize = 12;
/// The class that predicates of rings accept.
const MATCH: u8 = 1;

/// How a member depends on the one before it.
#[derive(Clone, Copy, PartialEq)]
enum Link {
    /// The next one overwrites what this one observes.
    Overwrites,
    /// The next one reads what this one wrote.
    Reads,
    /// Both write the same key.
    Rewrites,
    /// The next one begins when this one has committed.
    Follows,
}

/// A member: what it does, in any order.
#[derive(Default)]
struct Member {
    acts: Vec<Act>,
    read_only: bool,
    err: bool,
}

/// A ring of two to twelve members.
pub fn schedule(rng: &mut Rng) -> Schedule {
    let members = match rng.below(10) {
        0..3 => rng.between(2, 3),
        3..8 => rng.between(3, 5),
        _ => rng.between(6, MOST_MEMBERS),
    };
    let mut links: Vec<Link> = (0..members).map(|_| link(rng)).collect();
    if rng.chance(40) {
        // Room for a member that only reads.
        let reader = rng.below(members);
        links[reader] = Link::Overwrites;
        links[(reader + members - 1) % members] = rng.pick(&[Link::Reads, Link::Follows]);
    }
    loop {
        if let Some(schedule) = build(rng, &links) {
            return schedule;
        }
        // No order of steps has all of these edges: an antidependency fits anywhere.
        links[rng.below(members)] = Link::Overwrites;
    }
}

fn link(rng: &mut Rng) -> Link {
    match rng.below(20) {
        0..13 => Link::Overwrites,
        13..15 => Link::Reads,
        15..17 => Link::Rewrites,
        _ => Link::Follows,
    }
}

fn build(rng: &mut Rng, links: &[Link]) -> Option<Schedule> {
    let count = links.len();
    let mut ring = Ring {
        initial: Vec::new(),
        members: (0..count).map(|_| Member::default()).collect(),
        before: Vec::new(),
    };
    for (from, link) in links.iter().enumerate() {
        ring.connect(rng, *link, from, (from + 1) % count);
    }
    for place in 0..count {
        ring.decide_ending(rng, place);
        let acts = &mut ring.members[place].acts;
        if rng.chance(70) {
            rng.shuffle(acts);
        }
    }
    let steps = ring.order(rng)?;
    Some(Schedule { initial: ring.initial, steps })
}

/// A moment in the life of a member.
#[derive(Clone, Copy, PartialEq)]
enum Moment {
    Begin(usize),
    /// Anything between begin and end.
    Acted(usize),
    End(usize),
}

struct Ring {
    initial: Vec<(Key, u8)>,
    members: Vec<Member>,
    /// What must come before what.
    before: Vec<(Moment, Moment)>,
}

impl Ring {
    /// Gives two members what they need for the edge between them, over two keys of
    /// its own.
    fn connect(&mut self, rng: &mut Rng, link: Link, from: usize, to: usize) {
        let (low, high) = (Key::new(2 * from as u8), Key::new(2 * from as u8 + 1));
        match link {
            Link::Overwrites => {
                self.overwrites(rng, from, to, low, high);
                self.before.push((Moment::Begin(from), Moment::End(to)));
                if rng.chance(70) {
                    self.before.push((Moment::Acted(from), Moment::End(to)));
                }
            }
            Link::Reads => {
                self.members[from].acts.push(Act::Insert(low, MATCH));
                self.members[to].acts.push(reading(rng, low, high));
                self.before.push((Moment::End(from), Moment::Begin(to)));
            }
            Link::Rewrites => {
                self.members[from].acts.push(Act::Insert(low, 0));
                self.members[to].acts.push(rng.pick(&[Act::Insert(low, 0), Act::Remove(low)]));
                self.before.push((Moment::End(from), Moment::End(to)));
            }
            Link::Follows => self.before.push((Moment::End(from), Moment::Begin(to))),
        }
    }

    /// `from` observes, `to` changes it; in a few variants it does not, by a hair.
    fn overwrites(&mut self, rng: &mut Rng, from: usize, to: usize, low: Key, high: Key) {
        let span = Span::closed(low, high);
        let scan = |pulls| Act::Scan { span, accepts: None, pulls };
        let filter =
            Act::Scan { span, accepts: Some(Classes::from_bits(1 << MATCH)), pulls: Pulls::ALL };
        let any = rng.pick(&[scan(Pulls::ALL), scan(Pulls::REVERSE), Act::Count(span)]);
        let (rows, look, write): (&[(Key, u8)], Act, Act) = match rng.below(16) {
            0..3 => (&[(low, 0)], Act::Get(low), Act::Insert(low, 0)),
            3 => (&[(low, 0)], Act::Has(low), Act::Remove(low)),
            4 => (&[], rng.pick(&[Act::Get(low), Act::Has(low)]), Act::Insert(low, 0)),
            5 => (&[(low, 0), (high, 0)], any, Act::Insert(high, 0)),
            6 => (&[(high, 0)], any, Act::Insert(low, 0)),
            7 => (&[], rng.pick(&[any, Act::IsEmpty(span)]), Act::Insert(high, 0)),
            8 => (&[(high, 0)], scan(Pulls::first(1)), Act::Insert(low, 0)),
            9 => (&[(low, 0)], scan(Pulls::last(1)), Act::Insert(high, 0)),
            10 => (&[(low, 0)], scan(Pulls::first(1)), Act::Insert(high, 0)),
            11..13 => (&[(low, 0)], filter, Act::Insert(low, MATCH)),
            13 => (&[(low, MATCH)], filter, rng.pick(&[Act::Insert(low, 0), Act::Remove(low)])),
            14 => (&[], filter, Act::Insert(high, MATCH)),
            _ => (
                &[(low, 0)],
                filter,
                rng.pick(&[Act::Insert(low, 2), Act::Insert(high, 0), Act::Remove(low)]),
            ),
        };
        self.initial.extend_from_slice(rows);
        self.members[from].acts.push(look);
        match (rng.below(12), write) {
            // Written, removed and written again: the last one counts.
            (0, Act::Insert(key, _)) => {
                self.members[to].acts.extend([write, Act::Remove(key), write])
            }
            (1, Act::Insert(key, class)) => self.members[to].acts.push(Act::Replace(key, class)),
            _ => self.members[to].acts.push(write),
        }
    }

    /// A member that writes nothing may be read-only, or write something and then end
    /// with an `Err`.
    fn decide_ending(&mut self, rng: &mut Rng, place: usize) {
        let member = &mut self.members[place];
        if member.acts.iter().any(|act| act.can_write()) {
            return;
        }
        match rng.below(10) {
            0..5 => member.read_only = true,
            5..9 => {
                member.err = true;
                member.acts.push(Act::Insert(Key::new(24 + rng.below(2) as u8), 0));
            }
            _ => {}
        }
    }

    /// The steps in an order that has all the edges, if there is one.
    fn order(&self, rng: &mut Rng) -> Option<Vec<Step>> {
        let mut done = vec![0; self.members.len()];
        let (collects, unrelated) = (rng.pick(&[0, 5, 25]), rng.pick(&[0, 0, 5, 15]));
        // Members that are slow to begin let others be forgotten before.
        let lazy = rng.pick(&[0, 50, 90]);
        let mut steps = Vec::new();
        loop {
            let open: Vec<usize> = (0..done.len()).filter(|&m| done[m] < self.length(m)).collect();
            if open.is_empty() {
                return Some(steps);
            }
            let ready: Vec<usize> =
                open.into_iter().filter(|&m| self.may_go_on(m, &done)).collect();
            if ready.is_empty() {
                return None;
            }
            let begun: Vec<usize> = ready.iter().copied().filter(|&m| done[m] > 0).collect();
            let next = if begun.is_empty() || !rng.chance(lazy) {
                rng.pick(&ready)
            } else {
                rng.pick(&begun)
            };
            steps.push(Step::Tx(next as u8, self.act(next, done[next])));
            done[next] += 1;
            if rng.chance(collects) {
                steps.push(Step::Collect);
            }
            if rng.chance(unrelated) {
                steps.push(Step::Unrelated);
            }
        }
    }

    fn length(&self, member: usize) -> usize {
        self.members[member].acts.len() + 2
    }

    fn act(&self, place: usize, done: usize) -> Act {
        let member = &self.members[place];
        match done.checked_sub(1) {
            None => Act::Begin { read_only: member.read_only },
            Some(act) if act < member.acts.len() => member.acts[act],
            Some(_) if member.err => Act::Err,
            Some(_) => Act::Commit,
        }
    }

    fn may_go_on(&self, member: usize, done: &[usize]) -> bool {
        let past = |moment| match moment {
            Moment::Begin(m) => done[m] > 0,
            Moment::Acted(m) => done[m] + 1 >= self.length(m),
            Moment::End(m) => done[m] >= self.length(m),
        };
        let next = match done[member] {
            0 => Moment::Begin(member),
            n if n + 1 == self.length(member) => Moment::End(member),
            _ => return true,
        };
        self.before.iter().all(|(first, then)| *then != next || past(*first))
    }
}

/// A way to read `low`.
fn reading(rng: &mut Rng, low: Key, high: Key) -> Act {
    let span = Span::closed(low, high);
    let accepts = Some(Classes::from_bits(1 << MATCH));
    let scan = |accepts| Act::Scan { span, accepts, pulls: Pulls::ALL };
    rng.pick(&[Act::Get(low), Act::Get(low), Act::Has(low), scan(None), scan(accepts)])
}

//! Rings: cycles of `n` transactions in which every member alone is harmless.
//!
//! Each expects exactly what a tiny model of the dependency graph says: rings have one
//! key per edge, so the edges are known without looking at the engine.

use precedent::{Database, Error, Table, Transaction};

use crate::support::{
    Random, assert_at_rest, assert_explains, ignore, permutations, scaled, summary,
};

/// Rings up to this size are run in every order of commits; larger ones are sampled.
const EXHAUSTIVE: usize = 7;
const LARGEST: usize = 12;
/// Keys that unrelated commits write.
const NOISY_KEYS: usize = 1_000;

#[test]
fn a_ring_of_antidependencies_kills_its_closer_alone() {
    let sampled = scaled(20_000);
    let mut random = Random::new(11);
    let mut rings = 0;
    for size in 2..=LARGEST {
        let orders = if size <= EXHAUSTIVE {
            permutations(size)
        } else {
            (0..sampled).map(|_| shuffled(size, &mut random)).collect()
        };
        rings += orders.len();
        for order in orders {
            antidependency_ring(size, &order);
        }
    }
    summary(&format!(
        "rings of antidependencies: {rings}; every order of commits to {EXHAUSTIVE} members, \
         {sampled} sampled orders each to {LARGEST}"
    ));
}

fn shuffled(size: usize, random: &mut Random) -> Vec<usize> {
    let mut order: Vec<usize> = (0..size).collect();
    random.shuffle(&mut order);
    order
}

/// `Ti` reads key `i` and writes key `i + 1`; all overlap; they commit in `order`.
fn antidependency_ring(size: usize, order: &[usize]) {
    let db = Database::builder().sliding(false).build();
    let table: Table<usize, usize> = db.table("ring").expect("a new table");
    let mut members: Vec<Option<Transaction<'_>>> = (0..size).map(|_| Some(db.begin())).collect();
    for (member, tx) in members.iter().flatten().enumerate() {
        assert_eq!(tx.get(&table, &member), None);
        tx.insert(&table, (member + 1) % size, member);
    }
    for (turn, &member) in order.iter().enumerate() {
        let result = members[member].take().expect("commits once").commit();
        if turn + 1 < size {
            assert!(result.is_ok(), "ring of {size}, order {order:?}: {member} died early");
        } else {
            let error = result.expect_err("the closing commit");
            assert_explains(&error);
            let length = error.conflict().map_or(0, |conflict| conflict.cycle().len());
            assert_eq!(length, size, "ring of {size}, order {order:?}: {error}");
        }
    }
    assert_at_rest(&db, size - 1);
}

/// The kind of the edge from one member of a ring to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Link {
    /// The member reads a key that the next one writes.
    Key,
    /// The member reads a range in which the next one inserts.
    Range,
    /// The member reads a predicate that the next one's row matches.
    Predicate,
    /// Both write a key, this one first.
    Overwrite,
    /// The next one begins after this one's commit.
    Start,
}

const LINKS: [Link; 5] = [Link::Key, Link::Range, Link::Predicate, Link::Overwrite, Link::Start];

impl Link {
    fn is_read(self) -> bool {
        matches!(self, Self::Key | Self::Range | Self::Predicate)
    }
}

/// A member begins and reads at one moment, and writes and commits at another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Moment {
    Begin(usize),
    Commit(usize),
}

#[test]
fn a_ring_of_mixed_edges_dies_as_the_graph_says() {
    let rounds = scaled(500_000);
    let closers = mixed_rings(rounds, 0, 5);
    summary(&format!("mixed rings: {rounds}, {closers} aborts, each the one that closed"));
}

#[test]
fn a_ring_with_pruning_between_its_steps_dies_all_the_same() {
    // Full size: 100,000 unrelated commits and collections between the steps.
    let noise = scaled(100_000);
    let rounds = 6;
    let closers = mixed_rings(rounds, noise, 23);
    summary(&format!("rings with {noise} commits between two steps: {rounds}, {closers} aborts"));
}

fn mixed_rings(rounds: usize, noise: usize, seed: u64) -> usize {
    let mut random = Random::new(seed);
    let (mut done, mut closers) = (0, 0);
    while done < rounds {
        let size = 2 + random.below(6);
        let links: Vec<Link> = (0..size).map(|_| LINKS[random.below(LINKS.len())]).collect();
        if let Some(moments) = schedule(&links, &mut random) {
            closers += mixed_ring(&links, &moments, noise);
            done += 1;
        }
    }
    closers
}

/// A random order of moments in which every link of the ring comes about; none if there
/// is none.
fn schedule(links: &[Link], random: &mut Random) -> Option<Vec<Moment>> {
    let size = links.len();
    let mut before: Vec<(Moment, Moment)> = Vec::new();
    for (member, link) in links.iter().enumerate() {
        let next = (member + 1) % size;
        before.push((Moment::Begin(member), Moment::Commit(member)));
        before.push(match link {
            Link::Start => (Moment::Commit(member), Moment::Begin(next)),
            Link::Overwrite => (Moment::Commit(member), Moment::Commit(next)),
            _ => (Moment::Begin(member), Moment::Commit(next)),
        });
    }
    let mut left: Vec<Moment> =
        (0..size).flat_map(|member| [Moment::Begin(member), Moment::Commit(member)]).collect();
    let mut order = Vec::new();
    while !left.is_empty() {
        let free = |moment: &Moment| !before.iter().any(|(a, b)| b == moment && left.contains(a));
        let ready: Vec<Moment> = left.iter().copied().filter(free).collect();
        if ready.is_empty() {
            return None;
        }
        let next = ready[random.below(ready.len())];
        left.retain(|moment| *moment != next);
        order.push(next);
    }
    Some(order)
}

/// Runs one ring and compares every commit with the model; returns how many died.
fn mixed_ring(links: &[Link], moments: &[Moment], noise: usize) -> usize {
    let db = Database::builder().sliding(false).build();
    let table: Table<(usize, usize), i64> = db.table("ring").expect("a new table");
    let other: Table<usize, usize> = db.table("noise").expect("a new table");
    let mut model = Model::new(links.len());
    let mut members: Vec<Option<Transaction<'_>>> = links.iter().map(|_| None).collect();
    let mut dead = 0;
    for (time, moment) in moments.iter().enumerate() {
        make_noise(&db, &other, noise);
        match *moment {
            Moment::Begin(member) => {
                let tx = db.begin();
                read_link(&tx, &table, member, links[member]);
                members[member] = Some(tx);
                model.begun[member] = time;
            }
            Moment::Commit(member) => {
                let tx = members[member].take().expect("commits once");
                write_links(&tx, &table, member, links);
                let result = tx.commit();
                let expected = model.closes_cycle(member, time, links);
                assert_eq!(result.is_err(), expected, "{member} of {links:?} in {moments:?}");
                dead += usize::from(check(result, time, member, &mut model));
            }
        }
    }
    assert!(dead >= 1, "a ring was not noticed: {links:?} in {moments:?}");
    let live = db.read(|tx| tx.count(&table, ..) + tx.count(&other, ..)).expect("nobody is there");
    assert_at_rest(&db, live);
    dead
}

fn check<T>(result: Result<T, Error>, time: usize, member: usize, model: &mut Model) -> bool {
    match result {
        Ok(_) => model.committed[member] = Some(time),
        Err(error) => {
            assert_explains(&error);
            return true;
        }
    }
    false
}

fn make_noise(db: &Database, table: &Table<usize, usize>, commits: usize) {
    for turn in 0..commits {
        db.transact(|tx| Ok(tx.insert(table, turn % NOISY_KEYS, turn)))
            .expect("noise meets nobody");
    }
    if commits > 0 {
        db.collect();
    }
}

fn read_link(tx: &Transaction<'_>, table: &Table<(usize, usize), i64>, member: usize, link: Link) {
    let range = (member, 0)..(member, 9);
    match link {
        Link::Key => ignore(tx.get(table, &(member, 5))),
        Link::Range => ignore(tx.range(table, range).count()),
        Link::Predicate => ignore(tx.range_where(table, range, |_, value| *value > 0).count()),
        Link::Overwrite | Link::Start => {}
    }
}

fn write_links(
    tx: &Transaction<'_>,
    table: &Table<(usize, usize), i64>,
    member: usize,
    links: &[Link],
) {
    let last = (member + links.len() - 1) % links.len();
    // Every member writes something, so that it is in the commit order.
    tx.insert(table, (member, 100), 0);
    if links[last].is_read() {
        tx.insert(table, (last, 5), 1);
    }
    if links[last] == Link::Overwrite {
        tx.insert(table, (last, 50), 1);
    }
    if links[member] == Link::Overwrite {
        tx.insert(table, (member, 50), 1);
    }
}

/// Who committed when, and which edges follow from it.
struct Model {
    begun: Vec<usize>,
    committed: Vec<Option<usize>>,
}

impl Model {
    fn new(size: usize) -> Self {
        Self { begun: vec![0; size], committed: vec![None; size] }
    }

    /// Whether a commit of `member` at `time` would close a cycle among the committed.
    fn closes_cycle(&self, member: usize, time: usize, links: &[Link]) -> bool {
        let mut committed = self.committed.clone();
        committed[member] = Some(time);
        let mut reached = vec![false; links.len()];
        let mut todo = vec![member];
        while let Some(from) = todo.pop() {
            for (to, seen) in reached.iter_mut().enumerate() {
                let edge = from != to && self.has_edge(from, to, &committed, links);
                if edge && to == member {
                    return true;
                }
                if edge && !std::mem::replace(seen, true) {
                    todo.push(to);
                }
            }
        }
        false
    }

    fn has_edge(
        &self,
        from: usize,
        to: usize,
        committed: &[Option<usize>],
        links: &[Link],
    ) -> bool {
        let (Some(from_end), Some(to_end)) = (committed[from], committed[to]) else { return false };
        let start = from_end < self.begun[to];
        let next = (from + 1) % links.len() == to;
        let read = next && links[from].is_read() && self.begun[from] < to_end;
        let shared_with_next = next && links[from] == Link::Overwrite;
        let shared_with_last = (to + 1) % links.len() == from && links[to] == Link::Overwrite;
        start || read || ((shared_with_next || shared_with_last) && from_end < to_end)
    }
}

//! What is drawn, and where in time.

use std::collections::{HashMap, HashSet};

use crate::testkit::check::{Kind, Link, Verdict, Versions, links};
use crate::testkit::history::{End, Form, History, Op, Seen};
use crate::testkit::names::small;

/// So many transactions fit on a page.
const MOST_BARS: usize = 40;

/// So many keys do.
const MOST_KEYS: usize = 24;

/// A transaction.
pub(super) struct Bar {
    pub name: String,
    /// What it did, for those who ask.
    pub story: String,
    /// From its snapshot to its end, in columns.
    pub from: usize,
    pub to: usize,
    pub end: End,
    pub in_circle: bool,
}

/// An arrow from one bar to another one, by their rows.
pub(super) struct Arrow {
    pub from: usize,
    pub to: usize,
    pub kind: Kind,
    pub what: String,
    pub in_circle: bool,
}

/// A key with its versions and those who read them.
pub(super) struct Row {
    pub name: String,
    pub dots: Vec<Dot>,
    /// Who read: the column, the place of the version among the dots, and who it was.
    pub looks: Vec<(usize, Option<usize>, String)>,
}

/// A version.
pub(super) struct Dot {
    pub column: usize,
    pub name: String,
    pub writer: String,
    pub removal: bool,
}

pub(super) struct Scene {
    pub bars: Vec<Bar>,
    pub arrows: Vec<Arrow>,
    pub rows: Vec<Row>,
    /// What stands above each column; empty where nothing needs to.
    pub columns: Vec<String>,
    /// How many transactions are not shown.
    pub hidden: usize,
}

impl Scene {
    pub(super) fn of(history: &History, verdict: &Verdict) -> Self {
        let circles: Vec<(u32, Kind, u32)> = verdict
            .anomalies()
            .iter()
            .filter_map(|found| found.cycle())
            .flat_map(|cycle| cycle.links())
            .collect();
        let (mut shown, direct) = choose(history, &circles);
        let times = Times::of(history, &shown);
        shown.sort_by_key(|tx| times.span(history, *tx));
        let place: HashMap<u32, usize> =
            shown.iter().enumerate().map(|(row, tx)| (*tx, row)).collect();
        let in_circle: HashSet<u32> = circles.iter().map(|(tx, ..)| *tx).collect();
        let bars = shown.iter().map(|tx| bar(history, &times, *tx, in_circle.contains(tx)));
        let (rows, columns) = (rows(history, &times, &shown), times.columns(history));
        let bars: Vec<Bar> = bars.collect();
        let arrows = arrows(history, &circles, &direct, &place);
        Self { bars, arrows, rows, columns, hidden: history.len() - shown.len() }
    }
}

/// The transactions that are shown: those in circles, those that depend on them, and those
/// beside them; with the dependencies between them.
fn choose(history: &History, circles: &[(u32, Kind, u32)]) -> (Vec<u32>, Vec<Link>) {
    let mut shown: Vec<u32> = Vec::new();
    let mut known: HashSet<u32> = HashSet::new();
    let mut show = |tx: u32, shown: &mut Vec<u32>| {
        if shown.len() < MOST_BARS && known.insert(tx) {
            shown.push(tx);
        }
    };
    circles.iter().for_each(|(tx, ..)| show(*tx, &mut shown));
    let first: HashSet<u32> = shown.iter().copied().collect();
    let mut direct = if history.len() > MOST_BARS {
        links(history, |tx| first.contains(&tx))
    } else {
        Vec::new()
    };
    for link in &direct {
        show(link.from, &mut shown);
        show(link.to, &mut shown);
    }
    // Whoever stands beside them, before and after in turn.
    let middle = shown.first().map_or(0, |tx| *tx as usize);
    for distance in 0..history.len() {
        if shown.len() >= MOST_BARS {
            break;
        }
        let (before, after) = (middle.checked_sub(distance), middle + distance);
        before.into_iter().for_each(|tx| show(small(tx), &mut shown));
        if after < history.len() {
            show(small(after), &mut shown);
        }
    }
    let known: HashSet<u32> = shown.iter().copied().collect();
    if history.len() <= MOST_BARS || circles.is_empty() {
        direct = links(history, |tx| known.contains(&tx));
    }
    direct.retain(|link| known.contains(&link.from) && known.contains(&link.to));
    (shown, direct)
}

/// Columns of time: commits, or calls and returns.
struct Times {
    /// The moments that have a column, in order.
    moments: Vec<u64>,
    by_commit: bool,
    /// Of those who did not commit: the newest commit when they ended.
    ends: HashMap<u32, u64>,
}

impl Times {
    fn of(history: &History, shown: &[u32]) -> Self {
        let by_commit = history.form == Form::Timestamps
            && shown.iter().all(|tx| history.txs[*tx as usize].snapshot.is_some());
        let mut times = Self { moments: Vec::new(), by_commit, ends: HashMap::new() };
        if by_commit {
            times.find_ends(history, shown);
        }
        for tx in shown {
            let (from, to) = times.span(history, *tx);
            times.moments.extend([from, to]);
        }
        times.moments.sort_unstable();
        times.moments.dedup();
        times
    }

    fn find_ends(&mut self, history: &History, shown: &[u32]) {
        let mut commits: Vec<(u64, u64)> = Vec::new();
        for tx in &history.txs {
            commits.extend(tx.ended.zip(tx.commit()));
        }
        commits.sort_unstable();
        for tx in shown {
            let ended = history.txs[*tx as usize].ended;
            let before = commits.partition_point(|(moment, _)| Some(*moment) < ended);
            let newest = commits[..before].iter().rev().take(MOST_BARS).map(|(_, commit)| *commit);
            self.ends.insert(*tx, newest.max().unwrap_or(0));
        }
    }

    /// When a transaction began and ended.
    fn span(&self, history: &History, tx: u32) -> (u64, u64) {
        let data = &history.txs[tx as usize];
        if !self.by_commit {
            let called = data.called.or(data.ended).unwrap_or(u64::from(tx));
            return (called, data.ended.unwrap_or(called).max(called));
        }
        let snapshot = data.snapshot.unwrap_or(0);
        let end = data.commit().or_else(|| self.ends.get(&tx).copied()).unwrap_or(snapshot);
        (snapshot, end.max(snapshot))
    }

    fn column(&self, moment: u64) -> usize {
        self.moments.partition_point(|known| *known < moment)
    }

    fn columns(&self, history: &History) -> Vec<String> {
        let name = |moment: &u64| match self.by_commit {
            true => format!("@{moment}"),
            // A clock's nanoseconds are too long to be read.
            false if history.form == Form::Timestamps => String::new(),
            false => moment.to_string(),
        };
        self.moments.iter().map(name).collect()
    }
}

fn bar(history: &History, times: &Times, tx: u32, in_circle: bool) -> Bar {
    let (from, to) = times.span(history, tx);
    let (name, end) = (history.name_of(tx as usize), history.txs[tx as usize].end);
    let mut story = format!("{name}, {}", end.word());
    if let (Some(snapshot), Some(commit)) =
        (history.txs[tx as usize].snapshot, history.txs[tx as usize].commit())
    {
        story += &format!(", snapshot @{snapshot}, commit @{commit}");
    }
    for op in history.ops_of(tx as usize).iter().take(MOST_BARS) {
        story.push('\n');
        story += &told(history, *op);
    }
    Bar { name, story, from: times.column(from), to: times.column(to), end, in_circle }
}

fn told(history: &History, op: Op) -> String {
    let version = |seen: Seen| match seen {
        Seen::Own => "its own".to_owned(),
        Seen::Absent => "nothing".to_owned(),
        Seen::Version(version) => format!("version {}", history.version_name(version)),
    };
    match op {
        Op::Read { key, seen } => format!("reads {}: {}", history.names.full(key), version(seen)),
        Op::Write { key, removal: true, .. } => format!("removes {}", history.names.full(key)),
        Op::Write { key, .. } => format!("writes {}", history.names.full(key)),
        Op::Scan(place) => {
            let scan = &history.scans[place as usize];
            let table = history.names.table_name(scan.table);
            format!("reads a range of {table}: {} rows", scan.rows.len())
        }
    }
}

fn arrows(
    history: &History,
    circles: &[(u32, Kind, u32)],
    direct: &[Link],
    place: &HashMap<u32, usize>,
) -> Vec<Arrow> {
    let mut arrows: Vec<Arrow> = Vec::new();
    let mut drawn: HashSet<(u32, u32, &str)> = HashSet::new();
    let in_circle: HashSet<(u32, &str, u32)> =
        circles.iter().map(|(from, kind, to)| (*from, kind.word(), *to)).collect();
    for link in direct {
        if !drawn.insert((link.from, link.to, link.kind.word())) {
            continue;
        }
        let circle = in_circle.contains(&(link.from, link.kind.word(), link.to));
        arrows.push(Arrow {
            from: place[&link.from],
            to: place[&link.to],
            kind: link.kind,
            what: history.names.full(link.key),
            in_circle: circle,
        });
    }
    // Those that no single edge stands for, as real time.
    for (from, kind, to) in circles {
        let (Some(row), Some(other)) = (place.get(from), place.get(to)) else { continue };
        if drawn.insert((*from, *to, kind.word())) {
            let (kind, what) = (*kind, String::new());
            arrows.push(Arrow { from: *row, to: *other, kind, what, in_circle: true });
        }
    }
    // What is drawn last lies above.
    arrows.sort_by_key(|arrow| arrow.in_circle);
    arrows
}

/// The keys that the shown transactions touch, those first that most of them do.
fn rows(history: &History, times: &Times, shown: &[u32]) -> Vec<Row> {
    let mut touched: HashMap<u32, usize> = HashMap::new();
    let writers: HashSet<u32> = shown.iter().copied().collect();
    for tx in shown {
        for op in history.ops_of(*tx as usize) {
            if let Op::Read { key, .. } | Op::Write { key, .. } = op {
                *touched.entry(*key).or_default() += 1;
            }
        }
    }
    let mut keys: Vec<(usize, u32)> =
        touched.into_iter().map(|(key, count)| (count, key)).collect();
    keys.sort_unstable_by_key(|(count, key)| (std::cmp::Reverse(*count), *key));
    keys.truncate(MOST_KEYS);
    keys.sort_unstable_by_key(|(_, key)| (history.names.table_of(*key), history.names.rank(*key)));
    let versions = Versions::of(history);
    keys.into_iter().map(|(_, key)| row(history, times, &versions, &writers, key)).collect()
}

fn row(
    history: &History,
    times: &Times,
    versions: &Versions,
    shown: &HashSet<u32>,
    key: u32,
) -> Row {
    let all = versions.ordered(key).iter().chain(versions.loose(key));
    let mut places: HashMap<u64, usize> = HashMap::new();
    let mut dots = Vec::new();
    for version in all.filter(|version| shown.contains(&version.writer)) {
        places.insert(version.token, dots.len());
        dots.push(Dot {
            column: times.column(times.span(history, version.writer).1),
            name: history.version_name(version.token),
            writer: history.name_of(version.writer as usize),
            removal: version.removal,
        });
    }
    let mut looks = Vec::new();
    let mut readers: Vec<u32> = shown.iter().copied().collect();
    readers.sort_unstable();
    for tx in readers {
        let scans = history.ops_of(tx as usize).iter().flat_map(|op| match op {
            Op::Scan(place) => &history.scans[*place as usize].rows[..],
            _ => &[],
        });
        let reads = history.ops_of(tx as usize).iter().filter_map(|op| match op {
            Op::Read { key, seen } => Some((*key, *seen)),
            _ => None,
        });
        for (_, seen) in reads.chain(scans.copied()).filter(|(read, _)| *read == key) {
            let dot = match seen {
                Seen::Own => continue,
                Seen::Absent => None,
                Seen::Version(version) => places.get(&version).copied(),
            };
            let column = times.column(times.span(history, tx).0);
            looks.push((column, dot, history.name_of(tx as usize)));
        }
    }
    looks.dedup();
    Row { name: history.names.full(key), dots, looks }
}

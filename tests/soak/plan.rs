//! What is drawn for a round: how many of what, which features, which bounds. By swarm: a
//! round has some of everything and much of little, and is unlike the next one.

use std::time::Duration;

use precedent::{Builder, Certifier, Database};

use crate::hazard::{Site, touch};
use crate::rng::Rng;

/// What a worker can do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    Transfer,
    Sweep,
    Choose,
    Turnover,
    Withdraw,
    Savepoints,
    Refuse,
    Manual,
    Blind,
    Load,
    Total,
    Report,
    Hold,
    Linger,
    Lose,
    Doom,
    Tidy,
    Shelf,
    Burst,
}

pub const DEEDS: [Deed; 19] = [
    Deed::Transfer,
    Deed::Sweep,
    Deed::Choose,
    Deed::Turnover,
    Deed::Withdraw,
    Deed::Savepoints,
    Deed::Refuse,
    Deed::Manual,
    Deed::Blind,
    Deed::Load,
    Deed::Total,
    Deed::Report,
    Deed::Hold,
    Deed::Linger,
    Deed::Lose,
    Deed::Doom,
    Deed::Tidy,
    Deed::Shelf,
    Deed::Burst,
];

impl Deed {
    /// How often it is done beside the others, in a round that has it.
    fn weight(self) -> usize {
        match self {
            Self::Lose | Self::Burst => 1,
            Self::Tidy | Self::Load | Self::Shelf | Self::Doom | Self::Hold | Self::Linger => 4,
            Self::Report | Self::Total => 12,
            _ => 100,
        }
    }
}

#[derive(Clone, Debug)]
pub struct Plan {
    pub seed: u64,
    pub threads: usize,
    pub windows: usize,
    pub window: Duration,
    /// Tables that hold the money.
    pub vaults: usize,
    pub keys: u32,
    /// 1: all keys alike; the larger, the fewer keys take all.
    pub skew: i32,
    weights: [usize; DEEDS.len()],
    /// Of a thousand deeds, so many have a fuse, of so many calls at most.
    pub panics: usize,
    pub fuse: usize,
    /// Of a thousand ends, so many are refused, and so many wait.
    pub conflicts: u64,
    pub delays: u64,
    pub longest_delay: Duration,
    /// What is lost is forgotten for good, and not found again when the round is over.
    pub forgets: bool,
    pub certifier: Certifier,
    sliding: bool,
    bounds: Bounds,
}

/// Bounds of the database, where the default is not kept.
#[derive(Clone, Debug)]
struct Bounds {
    attempts: Option<u32>,
    age_after: Option<u32>,
    gate_time: Option<Duration>,
    timeout: Option<Duration>,
    own_values: Option<u64>,
    footprint: Option<u64>,
    bytes: Option<u64>,
    search_steps: Option<u64>,
    retained: Option<usize>,
    intervals: Option<usize>,
    peeked: Option<usize>,
    collect_every: Option<Duration>,
    hook: bool,
}

impl Bounds {
    fn draw(rng: &mut Rng) -> Self {
        // Those that refuse transactions are rare, so that most rounds get on.
        Self {
            attempts: rng.chance(10).then(|| rng.pick(&[1, 3, 20])),
            age_after: rng.chance(40).then(|| rng.pick(&[0, 1, 2, 4, u32::MAX])),
            gate_time: rng.chance(30).then(|| Duration::from_micros(rng.pick(&[0, 50, 2_000]))),
            timeout: rng.chance(20).then(|| Duration::from_millis(rng.pick(&[2, 20, 200]))),
            own_values: rng.chance(10).then(|| rng.pick(&[2, 8, 64])),
            footprint: rng.chance(10).then(|| rng.pick(&[4, 32, 256])),
            bytes: rng.chance(10).then(|| rng.pick(&[50_000, 400_000, 4_000_000])),
            search_steps: rng.chance(15).then(|| rng.pick(&[10, 100, 1_000])),
            retained: rng.chance(40).then(|| rng.pick(&[1, 8, 64, 1_000])),
            intervals: rng.chance(30).then(|| rng.pick(&[1, 2, 16])),
            peeked: rng.chance(30).then(|| rng.pick(&[0, 1])),
            collect_every: rng.chance(20).then(|| Duration::from_millis(rng.pick(&[1, 20]))),
            hook: rng.chance(40),
        }
    }
}

impl Plan {
    /// All that a round is, by its seed.
    pub fn draw(seed: u64) -> Self {
        let rng = &mut Rng::stream(seed, 0);
        let mut weights =
            DEEDS.map(|deed| if rng.chance(70) { rng.between(1, 9) * deed.weight() } else { 0 });
        weights[0] += 1;
        let odd = [Certifier::Position, Certifier::Backward, Certifier::Pivot];
        let certifier = match rng.below(100) {
            0..80 => Certifier::Exact,
            80..90 => Certifier::FirstCommitterWins,
            _ => rng.pick(&odd),
        };
        let with_faults = rng.chance(60);
        Self {
            seed,
            threads: rng.between(2, 8),
            windows: rng.between(1, 4),
            window: Duration::from_millis(rng.pick(&[250, 500, 1_000])),
            vaults: rng.between(1, 4),
            keys: rng.pick(&[2, 8, 40, 200, 2_000]),
            skew: rng.pick(&[1, 1, 2, 4, 8]),
            weights,
            panics: if rng.chance(60) { rng.pick(&[1, 10, 100]) } else { 0 },
            fuse: rng.pick(&[5, 50, 500]),
            conflicts: if with_faults { rng.pick(&[0, 5, 50, 300]) } else { 0 },
            delays: if with_faults { rng.pick(&[0, 1, 5, 20]) } else { 0 },
            longest_delay: Duration::from_micros(rng.pick(&[50, 1_000, 10_000])),
            forgets: rng.chance(2),
            certifier,
            sliding: rng.chance(75),
            bounds: Bounds::draw(rng),
        }
    }

    pub fn deed(&self, rng: &mut Rng) -> Deed {
        let mut left = rng.below(self.weights.iter().sum());
        for (deed, weight) in DEEDS.iter().zip(self.weights) {
            if left < weight {
                return *deed;
            }
            left -= weight;
        }
        Deed::Transfer
    }

    /// Whether what is certified is strictly serializable.
    pub fn serializable(&self) -> bool {
        self.certifier != Certifier::FirstCommitterWins
    }

    pub fn collect_every(&self) -> Option<Duration> {
        self.bounds.collect_every
    }

    /// A database with these bounds.
    pub fn builder(&self) -> Builder {
        let bounds = &self.bounds;
        let mut builder = Database::builder().certifier(self.certifier).sliding(self.sliding);
        if let Some(attempts) = bounds.attempts {
            builder = builder.max_attempts(attempts);
        }
        if let Some(attempts) = bounds.age_after {
            builder = builder.age_after(attempts);
        }
        if let Some(time) = bounds.gate_time {
            builder = builder.max_gate_time(time);
        }
        if let Some(timeout) = bounds.timeout {
            builder = builder.transaction_timeout(timeout);
        }
        if let Some(values) = bounds.own_values {
            builder = builder.max_own_values(values);
        }
        if let Some(observations) = bounds.footprint {
            builder = builder.max_footprint(observations);
        }
        if let Some(bytes) = bounds.bytes {
            builder = builder.max_bytes(bytes);
        }
        if let Some(steps) = bounds.search_steps {
            builder = builder.max_search_steps(steps);
        }
        if let Some(commits) = bounds.retained {
            builder = builder.max_retained_commits(commits);
        }
        if let Some(intervals) = bounds.intervals {
            builder = builder.max_danger_intervals(intervals);
        }
        if let Some(snapshots) = bounds.peeked {
            builder = builder.max_peeked_snapshots(snapshots);
        }
        if bounds.hook {
            builder = builder.on_conflict(|conflict| {
                touch(Site::Hook);
                assert!(!conflict.to_string().is_empty());
            });
        }
        builder
    }
}

//! What came out, as it is written to a file and read back.

use serde::{Deserialize, Serialize};

use crate::lab::Ruled;
use crate::statistics::{interval, median};

/// Says that a file is ours.
pub const FORMAT: &str = "versus";
/// Raised when a field changes its meaning.
pub const VERSION: u32 = 1;

#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct Results {
    pub format: String,
    pub version: u32,
    pub host: Host,
    pub plan: Plan,
    pub engines: Vec<Engine>,
    pub workloads: Vec<Workload>,
    pub cells: Vec<Cell>,
    /// Bytes a key.
    #[serde(default)]
    pub memory: Vec<Memory>,
    /// Costs against sizes.
    #[serde(default)]
    pub curves: Vec<Curve>,
    /// Whom other rules of certification refuse.
    #[serde(default)]
    pub rules: Vec<Ruled>,
}

/// Where and how it was measured.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct Host {
    pub processor: String,
    pub cores: usize,
    pub memory_gib: u64,
    pub system: String,
    pub compiler: String,
    pub commit: String,
    /// Seconds since 1970.
    pub at: u64,
    pub command: String,
    /// Load average when it began: how quiet the machine was.
    pub load: f64,
}

/// The knobs.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct Plan {
    pub seconds: f64,
    pub transactions: Option<u64>,
    pub repeats: u32,
    pub seed: u64,
    pub threads: Vec<usize>,
    /// In the group «core», and in the others.
    pub keys: usize,
    pub keys_elsewhere: usize,
    pub skew: f64,
    pub operations: usize,
    pub read_share: f64,
    pub warehouses: u64,
    pub think_us: u64,
    pub dwell_us: u64,
    pub rate: Option<f64>,
}

#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct Engine {
    pub name: String,
    pub isolation: String,
    pub note: String,
    /// False for the dry run.
    pub keeps: bool,
    /// False for maps under a lock.
    #[serde(default)]
    pub transactions: bool,
}

#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct Workload {
    pub group: String,
    pub name: String,
    pub about: String,
    /// What is counted apart, if anything.
    pub side: String,
}

/// One engine, one workload, one number of threads.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct Cell {
    pub workload: String,
    pub engine: String,
    pub threads: usize,
    /// None: the engine lacks what the workload needs, which is `lacks`.
    pub measured: Option<Measured>,
    #[serde(default)]
    pub lacks: String,
}

#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct Measured {
    /// In the order of the repeats, so that engines can be compared in pairs.
    pub commits_per_second: Vec<f64>,
    pub useful_per_second: Vec<f64>,
    pub side_per_second: Vec<f64>,
    /// Of all repeats together.
    pub retries_per_commit: f64,
    /// For each reason, in a thousand commits.
    pub aborts_per_thousand: Vec<(String, f64)>,
    pub latency: Latency,
    /// At the end of the last repeat.
    pub versions: Option<u64>,
    /// What the workload found wrong with the end.
    pub violation: Option<String>,
}

/// Nanoseconds.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq)]
pub struct Latency {
    pub count: u64,
    pub mean: f64,
    pub p50: u64,
    pub p90: u64,
    pub p99: u64,
    pub p999: u64,
    pub p9999: u64,
    pub max: u64,
}

#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct Memory {
    pub engine: String,
    pub types: String,
    pub keys: usize,
    /// After loading in random order, by the allocator and in files.
    pub loaded: f64,
    /// After every key was overwritten ten times.
    pub overwritten: f64,
    /// The same with a reader open from before: bytes, and versions, a key.
    pub held: Option<f64>,
    pub held_versions: Option<f64>,
}

/// A cost that should grow as it should.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct Curve {
    pub title: String,
    /// What is on the axes, with units.
    pub x: String,
    pub y: String,
    pub lines: Vec<Line>,
}

#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct Line {
    pub name: String,
    /// Medians.
    pub points: Vec<(f64, f64)>,
    /// Of each point the trials of which it is the median. Lines that were measured in turn
    /// have those of the same turn in the same place.
    #[serde(default)]
    pub trials: Vec<Vec<f64>>,
}

/// A median and where it lies with 95 %.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Middle {
    pub median: f64,
    pub low: f64,
    pub high: f64,
}

impl Middle {
    pub fn of(values: &[f64]) -> Self {
        let (low, high) = interval(values);
        Self { median: median(values), low, high }
    }
}

impl Line {
    /// From the trials at each size.
    pub fn of(name: &str, all: Vec<(f64, Vec<f64>)>) -> Self {
        let points = all.iter().map(|(size, trials)| (*size, median(trials))).collect();
        let trials = all.into_iter().map(|(_, trials)| trials).collect();
        Self { name: name.to_owned(), points, trials }
    }

    /// The trials at this size.
    pub fn at(&self, size: f64) -> Option<&[f64]> {
        let place = self.points.iter().position(|point| point.0 == size)?;
        self.trials.get(place).map(Vec::as_slice)
    }
}

impl Measured {
    pub fn commits(&self) -> Middle {
        Middle::of(&self.commits_per_second)
    }

    /// Nanoseconds a transaction on each thread.
    pub fn nanoseconds(&self, threads: usize) -> f64 {
        threads as f64 * 1e9 / self.commits().median.max(1e-9)
    }

    /// How many times as long it takes as another, from pairs of the same repeat.
    pub fn times_as_long_as(&self, other: &Self) -> Middle {
        let pairs = self.commits_per_second.iter().zip(&other.commits_per_second);
        let ratios: Vec<_> = pairs.map(|(own, other)| other / own.max(1e-9)).collect();
        Middle::of(&ratios)
    }
}

impl Results {
    /// Adds what another file has and this one lacks, for one page of both.
    pub fn join(&mut self, other: Self) {
        if self.cells.is_empty() {
            (self.plan, self.engines) = (other.plan, other.engines);
            (self.workloads, self.cells) = (other.workloads, other.cells);
        }
        if self.memory.is_empty() {
            self.memory = other.memory;
        }
        let has = |curves: &[Curve], one: &Curve| curves.iter().any(|own| own.title == one.title);
        let curves = other.curves.into_iter().filter(|one| !has(&self.curves, one));
        let curves: Vec<_> = curves.collect();
        self.curves.extend(curves);
        if self.rules.is_empty() {
            self.rules = other.rules;
        }
        self.host.command += &format!("; {}", other.host.command);
    }

    /// A line of a curve.
    pub fn line(&self, title: &str, name: &str) -> Option<&Line> {
        let curve = self.curves.iter().find(|curve| curve.title == title)?;
        curve.lines.iter().find(|line| line.name == name)
    }

    pub fn cell(&self, workload: &str, engine: &str, threads: usize) -> Option<&Cell> {
        let same = |cell: &&Cell| {
            cell.workload == workload && cell.engine == engine && cell.threads == threads
        };
        self.cells.iter().find(same)
    }

    pub fn measured(&self, workload: &str, engine: &str, threads: usize) -> Option<&Measured> {
        self.cell(workload, engine, threads)?.measured.as_ref()
    }

    /// Where an engine with transactions is faster than the first one, beyond the noise:
    /// the cell, and how many times as long it takes.
    pub fn ahead(&self) -> Vec<(&Cell, Middle)> {
        let Some((first, others)) = self.engines.split_first() else { return Vec::new() };
        let able = |name: &String| others.iter().any(|one| one.name == *name && one.transactions);
        let cells = self.cells.iter().filter(|cell| able(&cell.engine));
        let ratio = |cell: &Cell| {
            let ours = self.measured(&cell.workload, &first.name, cell.threads)?;
            Some(cell.measured.as_ref()?.times_as_long_as(ours))
        };
        let ratios = cells.filter_map(|cell| Some((cell, ratio(cell)?)));
        ratios.filter(|(_, ratio)| ratio.high < 1.0).collect()
    }

    /// Numbers of threads with which a workload was measured.
    pub fn threads_of(&self, workload: &str) -> Vec<usize> {
        let cells = self.cells.iter().filter(|cell| cell.workload == workload);
        let mut threads: Vec<_> = cells.map(|cell| cell.threads).collect();
        threads.sort_unstable();
        threads.dedup();
        threads
    }

    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("it has only plain fields")
    }

    /// Reads what [`to_json`](Self::to_json) has written.
    pub fn from_json(text: &str) -> Result<Self, String> {
        let results: Self = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if results.format != FORMAT {
            return Err(format!("the format is {:?}, not {FORMAT:?}", results.format));
        }
        if results.version != VERSION {
            return Err(format!("it is of version {}, not {VERSION}", results.version));
        }
        Ok(results)
    }
}

#[cfg(test)]
pub mod tests {
    use super::{
        Cell, Curve, Engine, FORMAT, Host, Latency, Line, Measured, Plan, Results, VERSION,
        Workload,
    };

    fn host() -> Host {
        Host {
            processor: "one <of> many".to_owned(),
            cores: 2,
            memory_gib: 8,
            system: "linux".to_owned(),
            compiler: "rustc".to_owned(),
            commit: "abc".to_owned(),
            at: 1,
            command: "versus --quick".to_owned(),
            load: 0.5,
        }
    }

    fn plan() -> Plan {
        Plan {
            seconds: 0.1,
            transactions: None,
            repeats: 3,
            seed: 1,
            threads: vec![1],
            keys: 100,
            keys_elsewhere: 100,
            skew: 0.9,
            operations: 8,
            read_share: 0.75,
            warehouses: 1,
            think_us: 0,
            dwell_us: 0,
            rate: None,
        }
    }

    /// One workload, measured so fast.
    pub fn results(engines: &[(&str, &[f64])]) -> Results {
        let engine = |(name, _): &(&str, &[f64])| Engine {
            name: (*name).to_owned(),
            isolation: "serializable".to_owned(),
            note: String::new(),
            keeps: true,
            transactions: true,
        };
        let cell = |(name, rates): &(&str, &[f64])| Cell {
            workload: "read".to_owned(),
            engine: (*name).to_owned(),
            threads: 1,
            measured: (!rates.is_empty()).then(|| Measured {
                commits_per_second: rates.to_vec(),
                useful_per_second: rates.to_vec(),
                side_per_second: vec![0.0; rates.len()],
                retries_per_commit: 0.25,
                aborts_per_thousand: vec![("cycle".to_owned(), 250.0)],
                latency: Latency { count: 9, mean: 1.5, p50: 1, ..Latency::default() },
                versions: Some(100),
                violation: None,
            }),
            lacks: if rates.is_empty() { "ranges".to_owned() } else { String::new() },
        };
        Results {
            format: FORMAT.to_owned(),
            version: VERSION,
            host: host(),
            plan: plan(),
            engines: engines.iter().map(engine).collect(),
            workloads: vec![Workload {
                group: "core".to_owned(),
                name: "read".to_owned(),
                about: "reads".to_owned(),
                side: String::new(),
            }],
            cells: engines.iter().map(cell).collect(),
            memory: Vec::new(),
            curves: Vec::new(),
            rules: Vec::new(),
        }
    }

    #[test]
    fn results_read_back_are_the_same() {
        let results = results(&[("ours", &[1.0, 3.0, 2.0]), ("theirs", &[])]);
        assert_eq!(Results::from_json(&results.to_json()), Ok(results));
    }

    #[test]
    fn joined_results_have_what_either_had() {
        let curve = |title: &str| Curve {
            title: title.to_owned(),
            x: "keys".to_owned(),
            y: "time".to_owned(),
            lines: vec![Line::of("ours", vec![(10.0, vec![3.0, 1.0, 2.0])])],
        };
        let mut one = results(&[]);
        one.curves.push(curve("a"));
        let mut other = results(&[("ours", &[1.0, 2.0, 3.0])]);
        other.curves.extend([curve("a"), curve("b")]);
        one.join(other);
        let titles: Vec<_> = one.curves.iter().map(|curve| curve.title.as_str()).collect();
        assert_eq!((titles, one.cells.len()), (vec!["a", "b"], 1));
        let line = one.line("b", "ours").expect("it was joined");
        assert_eq!((line.points[0], line.at(10.0)), ((10.0, 2.0), Some(&[3.0, 1.0, 2.0][..])));
    }

    #[test]
    fn a_file_of_another_kind_or_version_is_refused() {
        let mut other = results(&[]);
        other.version = VERSION + 1;
        assert!(Results::from_json(&other.to_json()).unwrap_err().contains("version"));
        other.format = "else".to_owned();
        assert!(Results::from_json(&other.to_json()).unwrap_err().contains("format"));
        assert!(Results::from_json("{}").is_err());
    }

    #[test]
    fn whoever_is_faster_beyond_the_noise_is_named() {
        let some =
            [("ours", &[1.0, 1.1, 1.2][..]), ("slow", &[0.5; 3]), ("near", &[1.3, 1.2, 1.1])];
        assert_eq!(results(&some).ahead(), []);
        let results = results(&[some[0], ("fast", &[2.0, 2.0, 2.0])]);
        let ahead: Vec<_> = results.ahead().iter().map(|(cell, _)| cell.engine.as_str()).collect();
        assert_eq!(ahead, ["fast"]);
    }

    #[test]
    fn a_ratio_comes_from_runs_of_the_same_repeat() {
        let results =
            results(&[("ours", &[100.0, 200.0, 400.0]), ("theirs", &[50.0, 100.0, 100.0])]);
        let measured = |engine| results.measured("read", engine, 1).expect("it was measured");
        let ratio = measured("theirs").times_as_long_as(measured("ours"));
        assert_eq!((ratio.median, ratio.low, ratio.high), (2.0, 2.0, 4.0));
        assert_eq!(measured("ours").nanoseconds(1), 5e6);
    }
}

//! Two judges that know nothing of one another: this one and `adya`.
//!
//! `adya` brings a simulated database with the textbook's levels of isolation. Each of its
//! histories is judged by both, at every level. Small histories are often free of an anomaly
//! that their level allows, so that there are many of both sorts.

use std::collections::BTreeMap;

use adya::r#gen::{GenOpts, Kind};
use adya::sim::{Isolation, SimOpts, run};
use adya::{Opts, Valid, Workload};
use precedent::testkit::{AnomalyKind, History, Level, check};

use crate::tools::{Random, summary};

const LEVELS: [(Level, &str); 4] = [
    (Level::ReadCommitted, "read-committed"),
    (Level::Snapshot, "snapshot-isolation"),
    (Level::Serializable, "serializable"),
    (Level::StrictSerializable, "strict-serializable"),
];

const ISOLATIONS: [Isolation; 5] = [
    Isolation::Serializable,
    Isolation::SnapshotIsolation,
    Isolation::ReadCommitted,
    Isolation::ReadUncommitted,
    Isolation::LostUpdate,
];

/// Names that both use.
const NAMES: [(AnomalyKind, &str); 6] = [
    (AnomalyKind::G0, "G0"),
    (AnomalyKind::G1a, "G1a"),
    (AnomalyKind::G1b, "G1b"),
    (AnomalyKind::G1c, "G1c"),
    (AnomalyKind::LostUpdate, "lost-update"),
    (AnomalyKind::Internal, "internal"),
];

/// What both said of some histories.
#[derive(Default)]
struct Tally {
    histories: usize,
    /// Of each level, how many histories keep it, and how many do not.
    levels: BTreeMap<Level, [usize; 2]>,
    /// How often each name was found.
    names: BTreeMap<String, usize>,
}

fn text(kind: Kind, isolation: Isolation, seed: u64, info_rate: f64) -> String {
    let mut random = Random::new(seed);
    let r#gen = GenOpts { kind, key_count: 2 + random.below(5), ..GenOpts::default() };
    let (processes, txns) = (2 + random.below(4), 5 + random.below(60));
    let opts = SimOpts { isolation, processes, txns, info_rate, r#gen, seed, ..SimOpts::default() };
    run(&opts)
}

fn compare(kind: Kind, text: &str, tally: &mut Tally) {
    let ours = check(&History::parse(text).unwrap_or_else(|error| panic!("{error}\n{text}")));
    let theirs = adya::History::from_json(text).expect("it reads what it wrote");
    let workload =
        if kind == Kind::ListAppend { Workload::ListAppend } else { Workload::RwRegister };
    tally.histories += 1;
    for (level, model) in LEVELS {
        let opts = Opts { models: vec![model.to_owned()], ..Opts::default() };
        let report = adya::check(&theirs, workload, &opts);
        let broken = report.valid == Valid::False;
        assert_eq!(
            !ours.holds(level),
            broken,
            "{model}: adya says {:?} {:?}, we say\n{ours}\nof\n{text}",
            report.valid,
            report.anomaly_types
        );
        tally.levels.entry(level).or_default()[usize::from(broken)] += 1;
        if level < Level::StrictSerializable {
            continue;
        }
        for (kind, name) in NAMES {
            let named = report.anomaly_types.iter().any(|known| known == name);
            let found = ours.anomalies().iter().any(|anomaly| anomaly.kind() == kind);
            // What lists contradict has no order, and each judge takes another one. Of several
            // reads of a register that differ `adya` looks at the first, and this one at all.
            let agree = match (ours.has(AnomalyKind::IncompatibleOrder), workload) {
                (true, _) => true,
                (_, Workload::RwRegister) if ours.has(AnomalyKind::Internal) => found || !named,
                _ => found == named,
            };
            assert!(agree, "{name}: we say\n{ours}\nof\n{text}");
            *tally.names.entry(name.to_owned()).or_default() += usize::from(named);
        }
        // Where two transactions depend on one another in several ways, `adya` looks at the
        // gravest one only.
        if kind == Kind::ListAppend && !ours.has(AnomalyKind::IncompatibleOrder) {
            let named = report.anomaly_types.iter().any(|known| known == "G-single-item");
            assert!(ours.has(AnomalyKind::GSingle) || !named, "we say\n{ours}\nof\n{text}");
        }
        for name in report
            .anomaly_types
            .iter()
            .filter(|name| name.starts_with("G-") || name.starts_with("G2"))
        {
            *tally.names.entry(name.clone()).or_default() += 1;
        }
    }
}

fn agree(kind: Kind, info_rate: f64, seeds: u64) -> Tally {
    let mut tally = Tally::default();
    for isolation in ISOLATIONS {
        for seed in 0..seeds {
            compare(kind, &text(kind, isolation, seed, info_rate), &mut tally);
        }
    }
    let mut lines =
        format!("{kind:?}: {} histories, in all of which both agree\n", tally.histories);
    for (level, [kept, broken]) in &tally.levels {
        lines += &format!("  {:<24}{kept:>6} keep it{broken:>6} break it\n", level.to_string());
        // A comparison that only ever sees one answer compares nothing.
        assert!(*kept > 20 && *broken > 20, "{level}: {kept} and {broken}");
    }
    for (name, count) in &tally.names {
        lines += &format!("  {name:<24}{count:>6}\n");
    }
    summary(&lines);
    tally
}

#[test]
fn adya_and_this_judge_agree_on_every_list() {
    let tally = agree(Kind::ListAppend, 0.02, 300);
    assert!(tally.histories >= 1_000);
    for name in ["G0", "G1a", "G1b", "G1c", "lost-update"] {
        assert!(tally.names[name] > 0, "{name} never came up");
    }
}

#[test]
fn adya_and_this_judge_agree_on_every_register() {
    let tally = agree(Kind::RwRegister, 0.0, 200);
    assert!(tally.histories >= 1_000);
}

//! How the commit path would scale to more cores than this machine has: a law fitted to what
//! one and two threads do here, and a simulation from what the code does while others wait.
//!
//! | module | what it holds |
//! | --- | --- |
//! | [`measured`] | commits a second, on one thread and on more |
//! | [`law`] | the universal scalability law |
//! | [`simulation`] | cores, two locks, and the lines that go from core to core |

mod law;
mod measured;
mod simulation;

use law::Law;
use measured::Rate;
use simulation::{Costs, Station, simulate};

use crate::results::{Curve, Line};
use crate::show::{thousands, three_digits};

/// Simulated commits of each point.
const COMMITS: u64 = 100_000;

/// What `versus model` can be told. Sections are what one core alone needs: instructions
/// under the lock, by ci/instructions.sh, at three in a nanosecond. Lines are counted in the
/// code: those that are written there by every commit.
#[derive(clap::Args)]
pub struct Arguments {
    /// Numbers of threads that are measured; 1 must be among them
    #[arg(long, value_delimiter = ',', default_value = "1,2")]
    threads: Vec<usize>,
    /// How long each is measured
    #[arg(long, default_value_t = 0.2)]
    seconds: f64,
    /// How often
    #[arg(long, default_value_t = 11, value_parser = clap::value_parser!(u32).range(1..=1001))]
    repeats: u32,
    /// Up to so many cores are simulated
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u64).range(1..=1024))]
    cores: u64,
    /// Nanoseconds under the log's lock
    #[arg(long, default_value_t = 45.0)]
    append: f64,
    /// Lines that are written under it: the lock and what it guards, its hints, an entry and
    /// what is kept beside it
    #[arg(long, default_value_t = 7.0)]
    append_lines: f64,
    /// Nanoseconds under the publisher's lock
    #[arg(long, default_value_t = 17.0)]
    publish: f64,
    /// Lines that are written under it: the lock, and w
    #[arg(long, default_value_t = 2.0)]
    publish_lines: f64,
    /// Lines that every commit writes elsewhere: counts of bytes, the collector's queue
    #[arg(long, default_value_t = 6.0)]
    elsewhere_lines: f64,
    /// Nanoseconds to fetch a line from another core
    #[arg(long, default_value_t = 100.0)]
    transfer: f64,
    /// Share of the work outside that comes after the append
    #[arg(long, default_value_t = 0.3)]
    install_share: f64,
}

/// What came of it: a plot, and the figures behind it.
pub struct Model {
    pub curve: Curve,
    pub text: String,
}

/// Measures, fits and simulates.
///
/// # Errors
/// One thread is not among those to be measured.
pub fn model(arguments: &Arguments) -> Result<Model, String> {
    let bad = |bad: bool, what: &str| if bad { Err(what.to_owned()) } else { Ok(()) };
    bad(!arguments.threads.contains(&1), "--threads: 1 must be among them")?;
    bad(arguments.threads.iter().any(|one| !(1..=1024).contains(one)), "--threads: 1 to 1024")?;
    bad(!(0.0..=1.0).contains(&arguments.install_share), "--install-share: 0 to 1")?;
    bad(!(0.001..=60.0).contains(&arguments.seconds), "--seconds: 0.001 to 60")?;
    Ok(of(arguments, &measured::rates(&arguments.threads, arguments.seconds, arguments.repeats)))
}

/// From what was measured.
fn of(arguments: &Arguments, rates: &[Rate]) -> Model {
    let points = scaled(rates);
    let one = points.iter().find(|point| point.0 == 1.0).map_or(1.0, |point| point.1);
    let laws = laws(&points, one);
    let costs = costs(arguments, 1e9 / one);
    let cores: Vec<u64> =
        std::iter::successors(Some(1), |cores| Some(cores * 2).filter(|on| *on <= arguments.cores))
            .collect();
    let line = |name: &str, at: &dyn Fn(u64) -> f64| {
        Line::of(name, cores.iter().map(|cores| (*cores as f64, vec![at(*cores)])).collect())
    };
    let mut lines = vec![line("no sharing", &|cores| one * cores as f64)];
    lines.extend(laws.iter().map(|(name, law)| line(name, &|cores| law.at(cores as f64))));
    lines.extend(
        variants(&costs)
            .iter()
            .map(|(name, costs)| line(name, &|cores| simulate(costs, cores as usize, COMMITS))),
    );
    let measured = points.iter().map(|(threads, rate)| (*threads, vec![*rate])).collect();
    lines.push(Line::of("measured", measured));
    let curve = Curve {
        title: "Commits of two writes, by cores".to_owned(),
        x: "cores".to_owned(),
        y: "commits a second, all cores".to_owned(),
        lines,
    };
    Model { curve, text: text(rates, &laws, &costs) }
}

/// Commits a second, as if an empty loop gained a whole core with each thread: that it does
/// not is the machine's doing.
fn scaled(rates: &[Rate]) -> Vec<(f64, f64)> {
    let alone = rates.iter().find(|rate| rate.threads == 1).map_or(1.0, |rate| rate.empty);
    let scaled = |rate: &Rate| {
        let threads = rate.threads as f64;
        (threads, rate.commits * threads / (rate.empty / alone))
    };
    rates.iter().map(scaled).collect()
}

fn laws(points: &[(f64, f64)], one: f64) -> Vec<(&'static str, Law)> {
    if let Some(law) = Law::fitted(points) {
        return vec![("law", law)];
    }
    let two = points.iter().find(|point| point.0 == 2.0).map(|point| point.1);
    let between = |two| {
        let [contention, coherence] = Law::between(one, two);
        vec![("law: contention", contention), ("law: coherence", coherence)]
    };
    two.map(between).unwrap_or_default()
}

fn costs(arguments: &Arguments, alone: f64) -> Costs {
    let outside = (alone - arguments.append - arguments.publish).max(0.0);
    Costs {
        before: outside * (1.0 - arguments.install_share),
        append: Station { section: arguments.append, lines: arguments.append_lines },
        install: outside * arguments.install_share,
        publish: Station { section: arguments.publish, lines: arguments.publish_lines },
        elsewhere: arguments.elsewhere_lines,
        transfer: arguments.transfer,
    }
}

/// The engine as it is, and what could be built, in that order.
fn variants(costs: &Costs) -> Vec<(&'static str, Costs)> {
    // Whoever holds the lock appends for those who wait: it keeps its lines, and fetches one
    // with the request.
    let combined = Costs { append: Station { lines: 1.0, ..costs.append }, ..*costs };
    // One line says which place is the next one; what is put there is fetched by those who
    // look, not while others wait.
    let ticket = Station { section: 0.0, lines: 1.0 };
    let slots = Costs { publish: ticket, ..combined };
    let owned = Costs { elsewhere: 0.0, ..slots };
    vec![
        ("simulated: as it is", *costs),
        ("appends combined", combined),
        ("and w without a lock", slots),
        ("and counters of one's own", owned),
        ("or appends by ticket", Costs { append: ticket, ..owned }),
    ]
}

fn text(rates: &[Rate], laws: &[(&str, Law)], costs: &Costs) -> String {
    let mut text = String::new();
    let alone = rates.iter().find(|rate| rate.threads == 1);
    for Rate { threads, commits, empty } in rates {
        let gain = alone.map_or(1.0, |alone| empty / alone.empty);
        text += &format!(
            "{threads} threads: {} commits/s; an empty loop gains {}\n",
            thousands(*commits),
            three_digits(gain)
        );
    }
    for (name, law) in laws {
        let (contention, coherence) = (law.contention * 100.0, law.coherence * 100.0);
        text += &format!(
            "{name}: contention {} %, coherence {} %\n",
            three_digits(contention),
            three_digits(coherence)
        );
    }
    let Costs { before, append, install, publish, elsewhere, transfer } = costs;
    let station =
        |one: &Station| format!("{} ns and {} lines", three_digits(one.section), one.lines);
    text + &format!(
        "simulated: {} ns before, {} to append, {} ns to install, {} to publish, {elsewhere} lines \
         elsewhere, {transfer} ns a line\n",
        three_digits(*before),
        station(append),
        three_digits(*install),
        station(publish),
    )
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::{Arguments, Rate, model, of};

    #[derive(Parser)]
    struct Told {
        #[command(flatten)]
        arguments: Arguments,
    }

    fn told(words: &[&str]) -> Arguments {
        Told::parse_from(["model"].iter().chain(words)).arguments
    }

    #[test]
    fn what_the_machine_does_not_give_an_empty_loop_is_not_held_against_commits() {
        let rate = |threads, commits, empty| Rate { threads, commits, empty };
        let rates = [rate(1, 1e6, 100.0), rate(2, 1.4e6, 150.0)];
        let model = of(&told(&["--cores", "4"]), &rates);
        let line = |name: &str| model.curve.lines.iter().find(|line| line.name == name);
        let measured = line("measured").expect("it was measured");
        assert!((measured.points[1].1 - 1.4e6 / 0.75).abs() < 1.0, "{measured:?}");
        for name in ["law: contention", "law: coherence"] {
            let law = line(name).expect("two points are enough");
            assert!((law.points[1].1 - measured.points[1].1).abs() < 1.0, "{law:?}");
        }
        assert!(model.text.contains("an empty loop gains 1.50"), "{}", model.text);
    }

    #[test]
    fn each_step_of_what_could_be_built_gains_something_on_many_cores() {
        let rates = [Rate { threads: 1, commits: 8e5, empty: 1.0 }];
        let model = of(&told(&[]), &rates);
        let simulated = model.curve.lines.iter().skip_while(|line| !line.name.starts_with("sim"));
        let ends: Vec<_> = simulated
            .filter(|line| line.name != "measured")
            .map(|line| line.points.last().map_or(0.0, |point| point.1))
            .collect();
        assert_eq!(ends.len(), 5);
        assert!(ends.windows(2).all(|pair| pair[0] < pair[1] * 1.02), "{ends:?}");
        assert!(ends[4] > 3.0 * ends[0], "{ends:?}");
    }

    #[test]
    fn a_model_needs_one_thread_and_comes_from_what_runs_here() {
        assert!(model(&told(&["--threads", "2"])).is_err());
        let words = ["--seconds", "0.01", "--repeats", "1", "--cores", "2"];
        let model = model(&told(&words)).expect("one thread is among them");
        assert!(model.curve.lines.iter().all(|line| line.points.iter().all(|one| one.1 > 0.0)));
    }
}

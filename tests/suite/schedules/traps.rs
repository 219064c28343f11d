//! Every script comes out as it says, and the oracle agrees.

use super::driver::{run, run_and_judge};
use super::scripts::SCRIPTS;
use super::step::Mode;
use super::text::parse;

fn outcomes_differ(sliding: bool, collecting: bool) -> Vec<String> {
    let mode = Mode::roomy(sliding, collecting);
    let mut trouble = Vec::new();
    for story in SCRIPTS {
        let script = parse(story.text).unwrap();
        let mut expected = if sliding { story.sliding.to_vec() } else { script.refused };
        expected.sort_unstable();
        let faults = run_and_judge(&script.schedule, mode).faults;
        trouble.extend(
            faults
                .iter()
                .map(|fault| format!("{}: {} ({mode})\n  {fault}", story.name, story.text)),
        );
        if faults.is_empty() {
            let refused = run(&script.schedule, mode).refused();
            if refused != expected {
                trouble.push(format!(
                    "{}: {} ({mode})\n  refused {refused:?}, expected {expected:?}",
                    story.name, story.text
                ));
            }
        }
    }
    trouble
}

#[test]
fn every_script_comes_out_as_written_when_snapshots_stay() {
    for collecting in [false, true] {
        let trouble = outcomes_differ(false, collecting);
        assert!(trouble.is_empty(), "{}", trouble.join("\n"));
    }
}

#[test]
fn every_script_comes_out_as_listed_when_snapshots_slide() {
    for collecting in [false, true] {
        let trouble = outcomes_differ(true, collecting);
        assert!(trouble.is_empty(), "{}", trouble.join("\n"));
    }
}

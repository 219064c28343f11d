//! Judges the mutants that cargo-mutants lists without a build for each: all of them stand in
//! one build, each behind a switch, and a run of the tests turns one on.
//!
//! ```text
//! switches LIST.json NAMES.txt ROOT TREE OUT
//! ```
//!
//! TREE is a copy of the project at ROOT, which is rewritten; OUT gets `outcomes.tsv`, one line a
//! mutant. Those that are in it already are not run again. What cannot stand behind a
//! switch (constants, `impl Trait` of some types) is left to cargo-mutants, as `left`.

mod build;
mod mutant;
mod rewrite;
mod run;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

use mutant::Mutant;

/// What a step returns: failures are told and end the program.
type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [list, names, root, tree, out] = words.as_slice() else {
        eprintln!("switches LIST.json NAMES.txt ROOT TREE OUT");
        return ExitCode::from(2);
    };
    match judge(Path::new(list), Path::new(names), Path::new(root), Path::new(tree), Path::new(out))
    {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("switches: {why}");
            ExitCode::FAILURE
        }
    }
}

fn judge(list: &Path, names: &Path, root: &Path, tree: &Path, out: &Path) -> Outcome<()> {
    let mutants = mutant::read(list, names)?;
    fs::create_dir_all(out)?;
    let mut report = run::Report::open(&out.join("outcomes.tsv"))?;
    let all = (0..mutants.len()).collect();
    let originals = rewrite::originals(&mutants, root)?;
    let placed = rewrite::place(&mutants, &originals, &all)?.1;
    let left: BTreeSet<usize> = all.iter().copied().filter(|id| !placed.has(*id)).collect();
    note(&mut report, &mutants, &left, "left")?;
    let misfit = |id: &usize| matches!(report.word(&mutants[*id].name), Some("unviable" | "left"));
    let mut live: BTreeSet<usize> = all.iter().copied().filter(|id| !misfit(id)).collect();
    let unviable = build::weed(&mutants, &originals, &mut live, tree)?;
    // An iterator may compile by itself where it does not as one of two.
    let (left, unviable) =
        unviable.into_iter().partition(|id: &usize| mutants[*id].name.contains("-> impl Iterator"));
    note(&mut report, &mutants, &left, "left")?;
    note(&mut report, &mutants, &unviable, "unviable")?;
    eprintln!("{} stand behind a switch", live.len());
    let binaries = build::tests(tree)?;
    run::all(&mutants, &live, &binaries, report)
}

fn note(
    report: &mut run::Report,
    mutants: &[Mutant],
    ids: &BTreeSet<usize>,
    word: &str,
) -> Outcome<()> {
    ids.iter().try_for_each(|id| report.add(&mutants[*id].name, word, "", 0.0))
}

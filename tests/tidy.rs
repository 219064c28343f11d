//! House rules that a compiler does not check, kept by reading the source text.
//!
//! Each rule comes with a small bad text that it must refuse, so that no rule is one that
//! cannot fail.

#[path = "tidy/modules.rs"]
mod modules;
#[path = "tidy/rules.rs"]
mod rules;
#[path = "tidy/self_tests.rs"]
mod self_tests;
#[path = "tidy/source.rs"]
mod source;

use std::fs;
use std::path::{Path, PathBuf};

use modules::Modules;
use source::Source;

#[test]
fn nobody_imports_all_of_a_parent() {
    check(rust_files(&["src", "tests", "examples", "benches"]).iter().map(rules::glob_imports));
}

#[test]
fn files_and_functions_are_short() {
    let folders = ["src", "tests", "examples", "benches", "fuzz"];
    check(rust_files(&folders).iter().map(rules::lengths));
}

#[test]
fn dependencies_between_modules_point_one_way() {
    let sources = engine_without_tests();
    let modules = Modules::new(&sources);
    check([modules.wrong_direction(), modules.circles()]);
}

#[test]
fn the_store_and_the_certifier_do_not_know_each_other() {
    let sources = engine_without_tests();
    check([Modules::new(&sources).broken_seam()]);
}

#[test]
fn unsafe_code_is_denied_listed_and_explained() {
    let listed = rules::listed_unsafe_files(&read("ARCHITECTURE.md"));
    let sources = rust_files(&["src"]);
    let root = Source::new("src/lib.rs", &read("src/lib.rs"));
    check(sources.iter().map(|source| rules::unsafe_code(source, &listed)));
    check([rules::root_denies_unsafe(&root)]);
    check(listed.iter().map(|path| {
        let exists = sources.iter().any(|source| source.path == *path);
        if exists {
            Vec::new()
        } else {
            vec![format!("ARCHITECTURE.md lists {path}: no such file")]
        }
    }));
}

#[test]
fn only_the_sync_module_names_what_loom_replaces() {
    check(engine_without_tests().iter().map(rules::sync_door));
}

#[test]
fn nothing_is_unfinished_and_nothing_prints() {
    check(engine_without_tests().iter().map(rules::leftovers));
}

#[test]
fn nothing_unwraps() {
    check(engine_without_tests().iter().map(rules::unwraps));
}

#[test]
fn every_public_item_has_an_example() {
    check(engine_without_tests().iter().map(rules::missing_examples));
}

#[test]
fn every_invariant_is_in_the_code_and_in_a_test() {
    let invariants = rules::defined_invariants(&read("ARCHITECTURE.md"));
    assert!(!invariants.is_empty(), "ARCHITECTURE.md defines no invariant");
    let engine: String = engine_without_tests().iter().map(|source| source.text.as_str()).collect();
    let unit_tests: String = unit_tests();
    let tests: String = rust_files(&["tests"])
        .iter()
        .filter(|source| !source.path.starts_with("tests/tidy"))
        .map(|source| source.text.as_str())
        .collect();
    check(invariants.iter().map(|invariant| {
        let in_test =
            [&unit_tests, &tests].iter().any(|text| rules::names_invariant(text, invariant));
        let places =
            [(rules::names_invariant(&engine, invariant), "the code"), (in_test, "a test")];
        let missing = places.iter().filter(|(found, _)| !found);
        missing.map(|(_, place)| format!("{invariant} is not named in {place}")).collect()
    }));
}

#[test]
fn all_examples_in_markdown_are_compiled() {
    let files = files(&["."], "md");
    assert!(!files.is_empty());
    check(files.iter().map(|(path, text)| rules::ignored_blocks(path, text)));
}

fn check(complaints: impl IntoIterator<Item = Vec<String>>) {
    let complaints: Vec<_> = complaints.into_iter().flatten().collect();
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

/// All files below `src`, without what only tests compile.
fn engine_without_tests() -> Vec<Source> {
    let (_, engine) = split_off_test_files();
    engine.iter().map(Source::without_tests).collect()
}

/// What only tests compile, in one text.
fn unit_tests() -> String {
    let (test_files, engine) = split_off_test_files();
    let whole = test_files.into_iter().map(|source| source.text);
    whole.chain(engine.iter().map(Source::tests)).collect()
}

fn split_off_test_files() -> (Vec<Source>, Vec<Source>) {
    let sources = rust_files(&["src"]);
    assert!(!sources.is_empty());
    let modules: Vec<_> = sources.iter().flat_map(test_modules_of).collect();
    sources.into_iter().partition(|source| {
        modules.iter().any(|module| {
            let rest = source.path.strip_prefix(module.as_str());
            rest.is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
        })
    })
}

/// What `#[cfg(test)] mod name;` stands for: the path of a file without its ending, or of
/// a folder.
fn test_modules_of(source: &Source) -> Vec<String> {
    let file = Path::new(&source.path);
    let folder = match file.file_stem().and_then(|stem| stem.to_str()) {
        Some("lib" | "mod") | None => file.with_file_name(""),
        Some(stem) => file.with_file_name(stem),
    };
    let modules = source.test_modules().into_iter();
    modules.map(|name| folder.join(name).to_string_lossy().into_owned()).collect()
}

fn rust_files(folders: &[&str]) -> Vec<Source> {
    files(folders, "rs").iter().map(|(path, text)| Source::new(path, text)).collect()
}

/// Every file with this extension: (path from the root, text).
fn files(folders: &[&str], extension: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for folder in folders {
        collect(&root().join(folder), extension, &mut found);
    }
    found.sort();
    found
}

fn collect(folder: &Path, extension: &str, found: &mut Vec<(String, String)>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for path in entries.map(|entry| entry.expect("the folder is readable").path()) {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() {
            if !name.starts_with('.') && !["target", "corpus", "artifacts"].contains(&&*name) {
                collect(&path, extension, found);
            }
        } else if path.extension().is_some_and(|found| found == extension) {
            let text = fs::read_to_string(&path).expect("the file is UTF-8");
            let components: PathBuf =
                path.strip_prefix(root()).expect("it is below the root").components().collect();
            let short = components.to_string_lossy().replace('\\', "/");
            found.push((short.trim_start_matches("./").to_owned(), text));
        }
    }
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

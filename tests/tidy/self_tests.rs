//! Each rule refuses a small bad text and accepts a good one.

use std::collections::BTreeSet;

use crate::modules::Modules;
use crate::rules;
use crate::source::Source;

fn source(path: &str, text: &str) -> Source {
    Source::new(path, text)
}

fn refuses(rule: impl Fn(&Source) -> Vec<String>, text: &str) {
    let complaints = rule(&source("src/tx/bad.rs", text).without_tests());
    assert_eq!(complaints.len(), 1, "{text:?}: {complaints:?}");
}

fn accepts(rule: impl Fn(&Source) -> Vec<String>, text: &str) {
    let complaints = rule(&source("src/tx/good.rs", text).without_tests());
    assert!(complaints.is_empty(), "{text:?}: {complaints:?}");
}

#[test]
fn comments_and_literals_are_no_code() {
    let text = r###"
        // unsafe one
        /* unsafe /* two */ unsafe */
        let a = "unsafe \" unsafe"; let b = r#"unsafe " unsafe"#; let c = b"unsafe";
        let d: &'static str = "x"; let e = '"'; let f = '\''; let g = "unsafe"; let h = b'"';
        let i = br"unsafe\"; fn real<'a>(x: &'a str) { 'outer: loop {} }
    "###;
    let source = source("a.rs", text);
    assert!(!source.code.contains("unsafe"), "{}", source.code);
    assert!(source.code.contains("fn real<'a>(x: &'a str) { 'outer: loop {} }"));
    assert_eq!(source.comments.matches("unsafe").count(), 3);
    assert_eq!(source.code.len(), text.len());
}

#[test]
fn use_trees_are_written_out() {
    let text = "use a::{b, c::{self, D as E}, *}; let x = crate::f::<u8>::g();";
    let source = source("a.rs", text);
    let paths: Vec<_> = source.paths().into_iter().map(|(_, path)| path).collect();
    assert_eq!(paths, ["a::b", "a::c::self", "a::c::D", "a::*", "crate::f"]);
}

#[test]
fn glob_imports_are_refused() {
    refuses(rules::glob_imports, "use super::*;");
    refuses(rules::glob_imports, "use crate::{*};");
    refuses(rules::glob_imports, "pub use super::super::*;");
    accepts(rules::glob_imports, "use std::sync::atomic::*; // use super::*;\nuse super::name;");
}

#[test]
fn long_files_and_functions_are_refused() {
    let lines = "    let brace = '{'; let text = \"}\"; // }\n";
    let long = format!("fn long() {{\n{}}}\n", lines.repeat(rules::MOST_FUNCTION_LINES - 1));
    let short = format!("fn short() {{\n{}}}\n", lines.repeat(rules::MOST_FUNCTION_LINES - 2));
    refuses(rules::lengths, &long);
    accepts(rules::lengths, &short.repeat(3));
    refuses(rules::lengths, &"\n".repeat(rules::MOST_FILE_LINES + 1));
    accepts(rules::lengths, &"\n".repeat(rules::MOST_FILE_LINES));
}

#[test]
fn functions_without_a_body_and_function_types_are_skipped() {
    let text = "trait T { fn none(&self) -> [u8; 3]; fn some(&self) where Self: Sized {} }
        struct S(fn(u8) -> u8); impl S { fn other(f: impl Fn(u8)) -> S { S(|x| { x }) } }";
    let names: Vec<_> = source("a.rs", text).functions().into_iter().map(|f| f.name).collect();
    assert_eq!(names, ["some", "other"]);
}

#[test]
fn a_root_that_allows_unsafe_is_refused() {
    let refused = rules::root_denies_unsafe(&source("src/lib.rs", "// #![deny(unsafe_code)]"));
    assert_eq!(refused.len(), 1);
    let refused = rules::root_denies_unsafe(&source("src/lib.rs", "#![deny(missing_docs)]"));
    assert_eq!(refused.len(), 1);
    for good in ["#![deny(unsafe_code)]", "#![deny(\n  a,\n  unsafe_code, b)]"] {
        assert!(rules::root_denies_unsafe(&source("src/lib.rs", good)).is_empty());
    }
}

#[test]
fn unsafe_code_must_be_listed_and_explained() {
    let listed = BTreeSet::from(["src/tx/bad.rs".to_owned(), "src/tx/good.rs".to_owned()]);
    let rule = |source: &Source| rules::unsafe_code(source, &listed);
    let unlisted = |source: &Source| rules::unsafe_code(source, &BTreeSet::new());
    let good =
        "fn f() {\n    // SAFETY: it is\n    // alive.\n    let x =\n        unsafe { g() };\n}";
    accepts(rule, good);
    refuses(unlisted, good);
    refuses(rule, "fn f() {\n    unsafe { g() }\n}");
    refuses(rule, "unsafe impl Send for S {}");
    accepts(rule, "// SAFETY: no pointers.\n#[rustfmt::skip]\nunsafe impl Send for S {}");
    refuses(rule, "// SAFETY: for the first.\nlet a = unsafe { g() };\nlet b = unsafe { g() };");
    accepts(rule, "/// # Safety\n/// Never.\nunsafe fn f() {}");
}

#[test]
fn only_the_section_on_unsafe_code_lists_files() {
    let text = "# Map\n`src/a.rs`\n## Unsafe code\n- `src/b.rs`: why `c`\n## Locks\n`src/d.rs`\n";
    assert_eq!(rules::listed_unsafe_files(text), BTreeSet::from(["src/b.rs".to_owned()]));
}

#[test]
fn what_loom_replaces_is_refused_outside_sync() {
    refuses(rules::sync_door, "use std::sync::atomic::AtomicU64;");
    refuses(rules::sync_door, "use std::sync::{Arc, Mutex};");
    refuses(rules::sync_door, "use std::{fmt, thread::{self}};");
    refuses(rules::sync_door, "fn f() { core::sync::atomic::fence(order) }");
    refuses(rules::sync_door, "use parking_lot::Mutex;");
    refuses(rules::sync_door, "use crossbeam_utils::CachePadded;");
    refuses(rules::sync_door, "use loom::thread;");
    accepts(rules::sync_door, "use std::sync::{Arc, Weak}; use crate::sync::Mutex;");
    accepts(rules::sync_door, "#[cfg(test)]\nmod tests {\n    use std::thread;\n}");
    let sync = source("src/sync.rs", "pub use std::sync::atomic::AtomicU64;");
    assert!(rules::sync_door(&sync).is_empty());
}

#[test]
fn leftovers_are_refused() {
    for bad in ["todo!()", "unimplemented!()", "dbg!(x)", "println!()", "eprintln!()"] {
        refuses(rules::leftovers, &format!("fn f() {{ {bad} }}"));
    }
    accepts(rules::leftovers, "/// println!(\"…\")\nfn todo() { writeln!(f) }");
}

#[test]
fn unwraps_are_refused_outside_tests() {
    refuses(rules::unwraps, "fn f() { x\n    .unwrap(); }");
    accepts(rules::unwraps, "/// x.unwrap()\nfn f() { x.unwrap_or(1); }");
    accepts(rules::unwraps, "#[cfg(test)]\nmod tests { fn f() { x.unwrap(); } }");
    accepts(
        rules::unwraps,
        "#[cfg(all(test, loom))]\n#[path = \"t.rs\"]\nmod t { fn f() { x.unwrap(); } }",
    );
    refuses(rules::unwraps, "#[cfg(not(test))]\nfn f() { x.unwrap(); }");
    refuses(rules::unwraps, "#[cfg(test)]\nuse a::b;\nfn f() { x.unwrap(); }");
}

#[test]
fn test_modules_in_other_files_are_found() {
    let text = "mod a;\n#[cfg(test)]\nmod tests;\n#[cfg(test)]\nmod inline {}\n";
    assert_eq!(source("src/tx/mod.rs", text).test_modules(), ["tests"]);
}

#[test]
fn ignored_blocks_are_refused() {
    assert_eq!(rules::ignored_blocks("a.md", "```rust,ignore\nx\n```\n").len(), 1);
    assert_eq!(rules::ignored_blocks("a.md", "```ignore\n```\n").len(), 1);
    assert!(rules::ignored_blocks("a.md", "```rust,no_run\nignore\n```\nignore\n").is_empty());
}

#[test]
fn public_items_without_a_running_example_are_refused() {
    let rule = rules::missing_examples;
    for bad in [
        "pub fn f() {}",
        "/// Words.\npub struct S;",
        "/// ```text\n/// a figure\n/// ```\npub enum E {}",
        "/// ```compile_fail,E0277\n/// f()\n/// ```\npub trait T {}",
        "/// ```no_run\n/// f()\n/// ```\npub const fn f() {}",
        "/// ```\n/// f()\n/// ```\nfn g() {}\npub unsafe fn f() {}",
        "// ```\n// f()\n// ```\npub const C: u8 = 1;",
        "impl S {\n    /// It says \"```\" only.\n    #[must_use]\n    pub type A = u8;\n}",
    ] {
        refuses(rule, bad);
    }
    for good in [
        "/// ```\n/// f()\n/// ```\npub fn f() {}",
        "/// ```text\n/// f\n/// ```\n///\n/// ```rust\n/// f()\n/// ```\npub struct S(pub u8);",
        "/// ```should_panic\n/// f()\n/// ```\n#[cfg(\n    all(),\n)]\n#[must_use]\npub fn f() {}",
        "pub(crate) fn f() {}\npub(in crate::tx) struct S;\npub mod m;\npub use m::S;",
        "impl Iterator for S {\n    fn next(&mut self) {}\n}\nstruct S {\n    pub field: u8,\n}",
        "#[cfg(test)]\nmod tests {\n    pub fn f() {}\n}",
        "// pub fn f()",
    ] {
        accepts(rule, good);
    }
}

#[test]
fn invariants_are_words_of_their_own() {
    let found = rules::defined_invariants("**I1** and **I12**, but not I3, **Ix** or **I4");
    assert_eq!(found, BTreeSet::from(["I1".to_owned(), "I12".to_owned()]));
    assert!(rules::names_invariant("assert!(a, \"I1: kept\")", "I1"));
    assert!(rules::names_invariant("fn i1_is_kept() {}", "I1"));
    assert!(!rules::names_invariant("I12, XI1, i11_is_kept", "I1"));
}

const PAGES: [(&str, &str); 3] = [
    ("src/lib.rs", "mod db; mod error; mod store; mod ssi; mod tx; pub use tx::Transaction;"),
    ("src/tx/mod.rs", "mod commit; mod transaction; pub use transaction::Transaction;"),
    ("src/ssi/mod.rs", "mod certify; mod log; pub use self::log::Log;"),
];

fn complaints_about(path: &str, text: &str) -> (Vec<String>, Vec<String>, Vec<String>) {
    let mut files = vec![(path, text)];
    let others = [
        ("src/db/mod.rs", "use crate::tx::Transaction;"),
        ("src/error.rs", ""),
        ("src/ssi/certify.rs", "use crate::ssi::Log;"),
        ("src/ssi/conflict.rs", ""),
        ("src/ssi/log.rs", ""),
        ("src/store/mod.rs", ""),
        ("src/tx/commit.rs", "use crate::ssi::Log;"),
        ("src/tx/transaction.rs", "use super::commit::Commit; use crate::store;"),
    ];
    files.extend(others.iter().chain(&PAGES).filter(|(other, _)| *other != path));
    let sources: Vec<_> = files.iter().map(|(path, text)| source(path, text)).collect();
    let modules = Modules::new(&sources);
    (modules.wrong_direction(), modules.broken_seam(), modules.circles())
}

#[test]
fn modules_that_look_up_or_go_round_are_refused() {
    let (direction, seam, circle) = complaints_about("src/timestamp.rs", "");
    assert!(
        direction.is_empty() && seam.is_empty() && circle.is_empty(),
        "{direction:?} {circle:?}"
    );

    // By its path, and by what the root re-exports.
    for bad in ["use crate::tx::commit;", "fn f(_: crate::Transaction) {}", "use super::super::db;"]
    {
        assert_eq!(complaints_about("src/ssi/log.rs", bad).0.len(), 1, "{bad}");
    }
    assert_eq!(complaints_about("src/error.rs", "use crate::ssi::Log;").0.len(), 1);
    assert!(complaints_about("src/error.rs", "use crate::ssi::conflict::Conflict;").0.is_empty());
    assert_eq!(complaints_about("src/novel.rs", "").0.len(), 1);
}

#[test]
fn a_store_that_names_the_certifier_is_refused() {
    let (direction, seam, _) = complaints_about("src/store/mod.rs", "use crate::ssi::Log;");
    assert_eq!((direction.len(), seam.len()), (1, 1));
    let (_, seam, _) = complaints_about("src/ssi/log.rs", "use crate::{error, store::Index};");
    assert_eq!(seam.len(), 1);
    let (_, seam, _) = complaints_about("src/ssi/log.rs", "// the store knows nothing of it");
    assert!(seam.is_empty());
}

#[test]
fn circles_are_refused() {
    let (direction, _, circle) =
        complaints_about("src/tx/commit.rs", "use crate::tx::{Transaction};");
    assert!(direction.is_empty());
    assert_eq!(circle, ["tx::commit -> tx::transaction"]);
}

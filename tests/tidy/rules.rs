//! The rules for one file. Each returns its complaints; none if the file keeps it.

use std::collections::BTreeSet;

use crate::source::{Source, words};

pub const MOST_FILE_LINES: usize = 600;
pub const MOST_FUNCTION_LINES: usize = 60;

/// The one file that may name what loom replaces.
const SYNC: &str = "src/sync";

/// No `use super::*` and no `use crate::*`: it hides who depends on whom.
pub fn glob_imports(source: &Source) -> Vec<String> {
    let globs = source.paths().into_iter().filter(|(_, path)| {
        path.strip_suffix("::*").is_some_and(|modules| {
            modules.split("::").all(|module| matches!(module, "super" | "crate" | "self"))
        })
    });
    globs.map(|(place, path)| complaint(source, place, &format!("`{path}`"))).collect()
}

/// Files and functions that are too long.
pub fn lengths(source: &Source) -> Vec<String> {
    let lines = source.text.lines().count();
    let mut complaints = Vec::new();
    if lines > MOST_FILE_LINES {
        complaints.push(format!("{}: {lines} lines, {MOST_FILE_LINES} at most", source.path));
    }
    for function in source.functions() {
        let lines = function.last_line - function.first_line + 1;
        if lines > MOST_FUNCTION_LINES {
            complaints.push(format!(
                "{}:{}: `{}` has {lines} lines, {MOST_FUNCTION_LINES} at most",
                source.path, function.first_line, function.name
            ));
        }
    }
    complaints
}

/// The root denies `unsafe`, so that a module which needs it must say so.
pub fn root_denies_unsafe(root: &Source) -> Vec<String> {
    let code: String = root.code.split_whitespace().collect();
    let mut denied = code.split("#![deny(").skip(1).filter_map(|rest| rest.split(')').next());
    if denied.any(|lints| lints.split(',').any(|lint| lint == "unsafe_code")) {
        Vec::new()
    } else {
        vec![format!("{}: no `#![deny(unsafe_code)]`", root.path)]
    }
}

/// `unsafe` stands only in listed files, and each block and impl under a `// SAFETY:`.
pub fn unsafe_code(source: &Source, listed: &BTreeSet<String>) -> Vec<String> {
    let mut complaints = Vec::new();
    let all: Vec<_> = words(&source.code).collect();
    for (number, &(place, word)) in all.iter().enumerate() {
        if word != "unsafe" {
            continue;
        }
        if !listed.contains(&source.path) {
            complaints.push(complaint(source, place, "`unsafe` in a file that is not listed"));
        }
        let opens_block = source.code[place + word.len()..].trim_start().starts_with('{');
        let is_impl = all.get(number + 1).is_some_and(|(_, next)| *next == "impl");
        if (opens_block || is_impl) && !is_explained(source, source.line_at(place)) {
            complaints.push(complaint(source, place, "`unsafe` without a `// SAFETY:` comment"));
        }
    }
    complaints
}

/// Whether the comment directly above the statement on this line says SAFETY.
fn is_explained(source: &Source, line: usize) -> bool {
    let code: Vec<_> = source.code.lines().collect();
    let comments: Vec<_> = source.comments.lines().collect();
    for above in (0..line - 1).rev() {
        if comments[above].contains("SAFETY:") {
            return true;
        }
        let code_above = code[above].trim_end();
        let is_comment = code_above.is_empty() && !comments[above].trim().is_empty();
        let is_attribute = code_above.trim_start().starts_with("#[");
        let same_statement = !code_above.is_empty() && !code_above.ends_with([';', '{', '}', ',']);
        if !is_comment && !is_attribute && !same_statement {
            return false;
        }
    }
    false
}

/// Only `src/sync.rs` names what loom must replace. Pass the file without its tests.
pub fn sync_door(source: &Source) -> Vec<String> {
    if source.path == format!("{SYNC}.rs") || source.path.starts_with(&format!("{SYNC}/")) {
        return Vec::new();
    }
    let forbidden = source.paths().into_iter().filter(|(_, path)| {
        let segments: Vec<_> = path.split("::").collect();
        match segments[..] {
            ["std" | "core" | "alloc", "sync", name, ..] => !matches!(name, "Arc" | "Weak"),
            ["std", "thread", ..] => true,
            [first, ..] => ["crossbeam", "parking_lot", "loom"]
                .iter()
                .any(|door| first == *door || first.starts_with(&format!("{door}_"))),
            [] => false,
        }
    });
    forbidden.map(|(place, path)| complaint(source, place, &format!("`{path}`"))).collect()
}

/// Nothing unfinished and nothing that prints. Pass the file without its tests.
pub fn leftovers(source: &Source) -> Vec<String> {
    const MACROS: [&str; 7] =
        ["todo", "unimplemented", "dbg", "println", "print", "eprintln", "eprint"];
    let calls = words(&source.code).filter(|(place, word)| {
        MACROS.contains(word) && source.code[place + word.len()..].starts_with('!')
    });
    calls.map(|(place, word)| complaint(source, place, &format!("`{word}!`"))).collect()
}

/// No `unwrap()`. Pass the file without its tests.
pub fn unwraps(source: &Source) -> Vec<String> {
    let calls = words(&source.code).filter(|(place, word)| {
        *word == "unwrap"
            && source.code[..*place].trim_end().ends_with('.')
            && source.code[place + word.len()..].starts_with("()")
    });
    calls.map(|(place, _)| complaint(source, place, "`unwrap()`")).collect()
}

/// Every item of the public interface needs a running example in its docs. What is `pub` in
/// a private module counts too: the root re-exports it, or it should not be `pub`. Fields,
/// variants and what a trait asks for are covered by the example of their type. Pass the file
/// without its tests.
pub fn missing_examples(source: &Source) -> Vec<String> {
    // The last three begin a function or a trait.
    const ITEMS: [&str; 11] = [
        "fn", "struct", "enum", "union", "trait", "type", "const", "static", "async", "unsafe",
        "extern",
    ];
    let mut complaints = Vec::new();
    let all: Vec<_> = words(&source.code).collect();
    for pair in all.windows(2) {
        let [(place, first), (next, item)] = pair else { continue };
        let between = source.code[place + first.len()..*next].trim();
        let line = source.line_at(*place);
        let is_item = *first == "pub" && between.is_empty() && ITEMS.contains(item);
        if is_item && !has_example(source, line) {
            let code = source.code.lines().nth(line - 1).unwrap_or_default().trim();
            complaints.push(complaint(source, *place, &format!("no example: `{code}`")));
        }
    }
    complaints
}

/// Whether the doc comment above the item on this line has a block that runs.
fn has_example(source: &Source, line: usize) -> bool {
    let text: Vec<_> = source.text.lines().collect();
    let code: Vec<_> = source.code.lines().collect();
    let is_above = |above: &usize| {
        let is_doc = text[*above].trim_start().starts_with("///");
        // An attribute, which may go over several lines.
        let is_attribute =
            !code[*above].trim().is_empty() && !code[*above].trim_end().ends_with([';', '{', '}']);
        is_doc || is_attribute
    };
    let mut docs: Vec<_> = (0..line - 1).rev().take_while(is_above).collect();
    docs.reverse();
    let docs = docs.iter().filter_map(|above| text[*above].trim_start().strip_prefix("///"));
    let fences = docs.filter_map(|line| line.trim().strip_prefix("```"));
    fences.step_by(2).any(|info| matches!(info, "" | "rust" | "should_panic"))
}

/// Rust blocks that are not compiled.
pub fn ignored_blocks(path: &str, markdown: &str) -> Vec<String> {
    let mut complaints = Vec::new();
    let mut inside = false;
    for (number, line) in markdown.lines().enumerate() {
        let Some(info) = line.trim_start().strip_prefix("```") else { continue };
        if !inside && info.split([',', ' ']).any(|word| word.trim().starts_with("ignore")) {
            complaints.push(format!("{path}:{}: a block that is ignored", number + 1));
        }
        inside = !inside;
    }
    complaints
}

/// The numbers of the invariants that a text defines: `**I1**`.
pub fn defined_invariants(architecture: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for after in architecture.split("**I").skip(1) {
        let number = after.split_once("**").map_or("", |(number, _)| number);
        if !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()) {
            found.insert(format!("I{number}"));
        }
    }
    found
}

/// Whether the text names the invariant as a word of its own, or as part of the name of a
/// test (`i7_…`).
pub fn names_invariant(text: &str, invariant: &str) -> bool {
    let lower = format!("{}_", invariant.to_lowercase());
    words(text).any(|(_, word)| {
        word == invariant || word.starts_with(&lower) || word.contains(&format!("_{lower}"))
    })
}

/// The files that may hold `unsafe`: `src/…` in backquotes, in the section of
/// ARCHITECTURE.md whose heading says «unsafe».
pub fn listed_unsafe_files(architecture: &str) -> BTreeSet<String> {
    let mut listed = BTreeSet::new();
    let mut in_section = false;
    for line in architecture.lines() {
        if line.starts_with('#') {
            in_section = line.to_lowercase().contains("unsafe");
        } else if in_section {
            let quoted = line.split('`').skip(1).step_by(2);
            listed.extend(quoted.filter(|text| text.starts_with("src/")).map(str::to_owned));
        }
    }
    listed
}

fn complaint(source: &Source, place: usize, what: &str) -> String {
    format!("{}:{}: {what}", source.path, source.line_at(place))
}

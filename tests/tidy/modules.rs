//! Which module depends on which: one way, and never in a circle.

use std::collections::{BTreeMap, BTreeSet};

use crate::source::Source;

type Path = Vec<String>;

/// The modules of the crate, by path, and what their contents pages re-export.
pub struct Modules<'a> {
    files: BTreeMap<Path, &'a Source>,
    exports: BTreeMap<Path, BTreeMap<String, Path>>,
}

impl<'a> Modules<'a> {
    /// Pass the files below `src` without their tests.
    pub fn new(sources: &'a [Source]) -> Self {
        let files: BTreeMap<_, _> =
            sources.iter().map(|source| (module_of(&source.path), source)).collect();
        let mut modules = Self { files, exports: BTreeMap::new() };
        for (module, source) in &modules.files {
            if is_contents_page(source) {
                let exports = modules.children_named(module, source);
                modules.exports.insert(module.clone(), exports);
            }
        }
        modules
    }

    /// Modules that name one above them, or `store` and `ssi` one another.
    pub fn wrong_direction(&self) -> Vec<String> {
        let mut complaints = Vec::new();
        for (from, source) in self.files.iter().filter(|(module, _)| !module.is_empty()) {
            let Some(layer_from) = layer(from) else {
                complaints.push(format!("{}: its layer is not known to the rule", source.path));
                continue;
            };
            for to in self.dependencies(from) {
                let upwards = layer(&to).is_some_and(|layer_to| layer_to > layer_from);
                let across = layer_from == 1 && layer(&to) == Some(1) && from[0] != to[0];
                if upwards || across {
                    complaints.push(format!("{}: depends on `{}`", source.path, to.join("::")));
                }
            }
        }
        complaints
    }

    /// Files below `store` that say `ssi`, and the other way round.
    pub fn broken_seam(&self) -> Vec<String> {
        let mut complaints = Vec::new();
        for (module, source) in &self.files {
            let stranger = match module.first().map(String::as_str) {
                Some("store") => "ssi",
                Some("ssi") => "store",
                _ => continue,
            };
            for (place, path) in source.paths() {
                if path.split("::").any(|segment| segment == stranger) {
                    let line = source.line_at(place);
                    complaints.push(format!("{}:{line}: names `{stranger}`", source.path));
                }
            }
        }
        complaints
    }

    /// Circles of modules; at least one if there are any.
    pub fn circles(&self) -> Vec<String> {
        let mut circles = Vec::new();
        let mut done = BTreeSet::new();
        for module in self.files.keys() {
            let mut trail = Vec::new();
            circles.extend(self.circle_from(module, &mut trail, &mut done));
            // After a circle, what led to it is not looked at again.
            done.extend(trail);
        }
        circles
    }

    fn circle_from(
        &self,
        module: &Path,
        trail: &mut Vec<Path>,
        done: &mut BTreeSet<Path>,
    ) -> Option<String> {
        if let Some(start) = trail.iter().position(|visited| visited == module) {
            let circle: Vec<_> = trail[start..].iter().map(|path| path.join("::")).collect();
            return Some(circle.join(" -> "));
        }
        if done.contains(module) || is_contents_page(self.files[module]) {
            return None;
        }
        trail.push(module.clone());
        for next in self.dependencies(module) {
            if let Some(circle) = self.circle_from(&next, trail, done) {
                return Some(circle);
            }
        }
        trail.pop();
        done.insert(module.clone());
        None
    }

    /// The modules that this one names by `crate::` or `super::`.
    fn dependencies(&self, module: &Path) -> BTreeSet<Path> {
        let mut dependencies = BTreeSet::new();
        for (_, path) in self.files[module].paths() {
            if let Some(target) = self.absolute(module, &path) {
                dependencies.insert(self.resolve(&target));
            }
        }
        dependencies.remove(module);
        dependencies.remove(&Path::new());
        dependencies
    }

    /// The path from the root; none if it is not a path within the crate.
    fn absolute(&self, module: &Path, path: &str) -> Option<Path> {
        let segments: Path = path.split("::").map(str::to_owned).collect();
        match segments[0].as_str() {
            "crate" => Some(segments[1..].to_vec()),
            "super" => {
                let ups = segments.iter().take_while(|segment| *segment == "super").count();
                let parents = module.len().checked_sub(ups)?;
                Some([&module[..parents], &segments[ups..]].concat())
            }
            _ => None,
        }
    }

    /// The file that holds what a path from the root names.
    fn resolve(&self, target: &[String]) -> Path {
        let mut module = Path::new();
        for (number, segment) in target.iter().enumerate() {
            let child = [module.as_slice(), std::slice::from_ref(segment)].concat();
            if self.files.contains_key(&child) {
                module = child;
                continue;
            }
            let export = self.exports.get(&module).and_then(|exports| exports.get(segment));
            return match export {
                Some(export) if export != target => {
                    self.resolve(&[export, &target[number + 1..]].concat())
                }
                _ => module,
            };
        }
        module
    }

    /// What a contents page takes from its own children: name -> path from the root.
    fn children_named(&self, module: &Path, page: &Source) -> BTreeMap<String, Path> {
        let mut exports = BTreeMap::new();
        for (_, path) in page.paths() {
            let path = path.strip_prefix("self::").unwrap_or(&path);
            let segments: Path = path.split("::").map(str::to_owned).collect();
            let full = match self.absolute(module, path) {
                Some(full) => full,
                None => [module.as_slice(), &segments].concat(),
            };
            let child = full.get(..=module.len());
            if child.is_some_and(|child| self.files.contains_key(child)) {
                exports.insert(segments[segments.len() - 1].clone(), full);
            }
        }
        exports
    }
}

fn module_of(path: &str) -> Path {
    let inner = path.trim_start_matches("src/").trim_end_matches(".rs");
    let mut segments: Path = inner.split('/').map(str::to_owned).collect();
    if segments.last().is_some_and(|last| last == "mod" || last == "lib") {
        segments.pop();
    }
    segments
}

fn is_contents_page(source: &Source) -> bool {
    source.path == "src/lib.rs" || source.path.ends_with("/mod.rs")
}

/// The higher may name the lower. `ssi::conflict` is plain data that errors and records
/// carry, so it stands with them.
fn layer(module: &[String]) -> Option<u8> {
    let segments: Vec<_> = module.iter().map(String::as_str).collect();
    match segments[..] {
        [] => Some(5),
        ["testkit" | "bin", ..] => Some(4),
        ["db", ..] => Some(3),
        ["tx", ..] => Some(2),
        ["ssi", "conflict", ..] => Some(0),
        ["store" | "ssi", ..] => Some(1),
        [
            "timestamp" | "error" | "key_range" | "sync" | "prefetch" | "record" | "bugs" | "trace",
            ..,
        ] => Some(0),
        _ => None,
    }
}

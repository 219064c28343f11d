//! Puts mutants behind switches.
//!
//! | mutant | becomes |
//! | --- | --- |
//! | a function's result | `if mutated(7) { return RESULT }` at the head of its body |
//! | an `impl Iterator` | `if mutated(7) { Either::Left(RESULT) } else { Either::Right(BODY) }` |
//! | an operator, a guard | `(if mutated(7) { CHANGED } else { AS IT WAS })` |
//! | a match arm less | `PATTERN if !mutated(7) =>` |

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::ops::Range;
use std::path::Path;

use syn::spanned::Spanned;
use syn::visit::{self, Visit};

use crate::Outcome;
use crate::mutant::{Mutant, Place};

/// The files that mutants concern, as they were, by name.
pub type Originals = BTreeMap<String, String>;

/// Where the switches stand: file, lines (from 1), mutant.
#[derive(Default)]
pub struct Placed(Vec<(String, Range<usize>, usize)>);

impl Placed {
    pub fn has(&self, id: usize) -> bool {
        self.0.iter().any(|(_, _, placed)| *placed == id)
    }

    /// Whose text stands in this line.
    pub fn at(&self, file: &str, line: usize) -> Option<usize> {
        let found = self.0.iter().find(|(name, lines, _)| name == file && lines.contains(&line));
        found.map(|(_, _, id)| *id)
    }
}

/// A place with its changes.
struct Edit {
    range: Range<usize>,
    kind: Kind,
    /// Mutant and new text.
    options: Vec<(usize, String)>,
}

#[derive(PartialEq)]
enum Kind {
    Return,
    Either,
    Choose,
    Unless { guarded: bool },
}

/// Reads what mutants concern.
pub fn originals(mutants: &[Mutant], root: &Path) -> Outcome<Originals> {
    let names: BTreeSet<&String> = mutants.iter().map(|mutant| &mutant.file).collect();
    let read = |name: &String| Ok((name.clone(), fs::read_to_string(root.join(name))?));
    names.into_iter().map(read).collect()
}

/// Every file anew with those mutants that are live, by name; and where they stand in it.
pub fn place(
    mutants: &[Mutant],
    originals: &Originals,
    live: &BTreeSet<usize>,
) -> Outcome<(Originals, Placed)> {
    let (mut files, mut placed) = (Originals::new(), Placed::default());
    for (name, text) in originals {
        let wanted = live.iter().map(|id| (*id, &mutants[*id])).filter(|(_, m)| &m.file == name);
        let edits = edits(text, &wanted.collect::<Vec<_>>())?;
        let mut page =
            Page { text, edits: &edits, out: String::new(), lines: 1, spots: Vec::new() };
        page.render(0..text.len(), 0);
        placed.0.extend(page.spots.into_iter().map(|(lines, id)| (name.clone(), lines, id)));
        files.insert(name.clone(), page.out);
    }
    Ok((files, placed))
}

/// Writes what has changed: what has not is not built again.
pub fn write(files: &Originals, tree: &Path) -> Outcome<()> {
    for (name, text) in files {
        if &fs::read_to_string(tree.join(name))? != text {
            fs::write(tree.join(name), text)?;
        }
    }
    Ok(())
}

/// The edits of a file, outer ones first.
fn edits(text: &str, wanted: &[(usize, &Mutant)]) -> Outcome<Vec<Edit>> {
    let mut finder = Finder { text, starts: starts(text), wanted, edits: Vec::new() };
    finder.visit_file(&syn::parse_file(text)?);
    let mut edits = finder.edits;
    edits.sort_by_key(|edit| (edit.range.start, usize::MAX - edit.range.end));
    Ok(edits)
}

fn starts(text: &str) -> Vec<usize> {
    [0].into_iter().chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect()
}

/// Looks for the expressions that mutants concern.
struct Finder<'a> {
    text: &'a str,
    /// Where lines begin.
    starts: Vec<usize>,
    wanted: &'a [(usize, &'a Mutant)],
    edits: Vec<Edit>,
}

impl Finder<'_> {
    fn offset(&self, place: Place) -> usize {
        let line = &self.text[self.starts[place.line - 1]..];
        let column = line.char_indices().nth(place.column - 1).map_or(line.len(), |(at, _)| at);
        self.starts[place.line - 1] + column
    }

    fn range(&self, span: proc_macro2::Span) -> Range<usize> {
        let place = |at: proc_macro2::LineColumn| Place { line: at.line, column: at.column + 1 };
        self.offset(place(span.start()))..self.offset(place(span.end()))
    }

    /// The mutants of a genre that start here.
    fn at(&self, genre: &str, start: usize) -> Vec<(usize, &Mutant)> {
        let here =
            |(_, m): &&(usize, &Mutant)| m.genre == genre && self.offset(m.span.start) == start;
        self.wanted.iter().filter(here).copied().collect()
    }

    fn choose(&mut self, range: Range<usize>, options: Vec<(usize, String)>) {
        let parses = |text: &str| syn::parse_str::<syn::Expr>(text).is_ok();
        let options: Vec<_> = options.into_iter().filter(|(_, text)| parses(text)).collect();
        if !options.is_empty() {
            self.edits.push(Edit { range, kind: Kind::Choose, options });
        }
    }

    fn body(&mut self, head: &syn::Signature, block: &syn::Block) {
        let Some(first) = block.stmts.first() else { return };
        if head.constness.is_some() {
            return;
        }
        let start = self.range(first.span()).start;
        let end = block.stmts.last().map_or(start, |last| self.range(last.span()).end);
        // A second type cannot be returned as the same `impl Trait`.
        let opaque = match &head.output {
            syn::ReturnType::Type(_, kind) => matches!(**kind, syn::Type::ImplTrait(_)),
            syn::ReturnType::Default => false,
        };
        let (range, kind) = match opaque {
            true => (start..end, Kind::Either),
            false => (start..start, Kind::Return),
        };
        // Nor can it be returned before the end.
        let apart = !opaque || !self.text[start..end].contains("return");
        let found = if apart { self.at("FnValue", start) } else { Vec::new() };
        let options: Vec<_> = found.iter().map(|(id, m)| (*id, m.replacement.clone())).collect();
        if !options.is_empty() {
            self.edits.push(Edit { range, kind, options });
        }
        visit::visit_block(self, block);
    }
}

/// Whether it binds: then it must stand where it stands.
fn binds(expr: &syn::Expr) -> bool {
    match expr {
        syn::Expr::Let(_) => true,
        syn::Expr::Binary(inner) => binds(&inner.left) || binds(&inner.right),
        _ => false,
    }
}

impl<'ast> Visit<'ast> for Finder<'_> {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.body(&item.sig, &item.block);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.body(&item.sig, &item.block);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        if let Some(block) = &item.default {
            self.body(&item.sig, block);
        }
    }

    // What is constant cannot ask.
    fn visit_item_const(&mut self, _: &'ast syn::ItemConst) {}
    fn visit_impl_item_const(&mut self, _: &'ast syn::ImplItemConst) {}
    fn visit_expr_const(&mut self, _: &'ast syn::ExprConst) {}
    fn visit_type_array(&mut self, _: &'ast syn::TypeArray) {}

    fn visit_expr_binary(&mut self, expr: &'ast syn::ExprBinary) {
        let operator = self.range(expr.op.span());
        let found = self.at("BinaryOperator", operator.start);
        let range = self.range(expr.span());
        let (before, after) = (range.start..operator.start, operator.end..range.end);
        let text = |m: &Mutant| {
            format!("{}{}{}", &self.text[before.clone()], m.replacement, &self.text[after.clone()])
        };
        let options: Vec<_> = found.iter().map(|(id, m)| (*id, text(m))).collect();
        if !binds(&expr.left) && !binds(&expr.right) {
            self.choose(range, options);
        }
        visit::visit_expr_binary(self, expr);
    }

    fn visit_expr_unary(&mut self, expr: &'ast syn::ExprUnary) {
        let found = self.at("UnaryOperator", self.range(expr.op.span()).start);
        let inner = self.text[self.range(expr.expr.span())].to_owned();
        let options = found.iter().map(|(id, _)| (*id, inner.clone())).collect();
        self.choose(self.range(expr.span()), options);
        visit::visit_expr_unary(self, expr);
    }

    fn visit_arm(&mut self, arm: &'ast syn::Arm) {
        if let Some((_, guard)) = &arm.guard {
            let range = self.range(guard.span());
            let found = self.at("MatchArmGuard", range.start);
            let options = found.iter().map(|(id, m)| (*id, m.replacement.clone())).collect();
            if !binds(guard) {
                self.choose(range, options);
            }
        }
        let found = self.at("MatchArm", self.range(arm.pat.span()).start);
        let options: Vec<_> = found.iter().map(|(id, _)| (*id, String::new())).collect();
        if !options.is_empty() {
            let guarded = arm.guard.is_some();
            let end = match &arm.guard {
                Some((_, guard)) => self.range(guard.span()).end,
                None => self.range(arm.pat.span()).end,
            };
            self.edits.push(Edit { range: end..end, kind: Kind::Unless { guarded }, options });
        }
        visit::visit_arm(self, arm);
    }
}

/// A file while it is written.
struct Page<'a> {
    text: &'a str,
    edits: &'a [Edit],
    out: String,
    /// The line that is being written.
    lines: usize,
    spots: Vec<(Range<usize>, usize)>,
}

impl Page<'_> {
    fn put(&mut self, text: &str) {
        self.lines += text.matches('\n').count();
        self.out.push_str(text);
    }

    /// Puts the text of one mutant on lines of its own.
    fn own(&mut self, id: usize, text: &str) {
        self.put("\n");
        let first = self.lines;
        self.put(text);
        self.put("\n");
        self.spots.push((first..self.lines, id));
    }

    /// Writes a part of the file with the edits from `next` on that lie in it; gives the
    /// first that does not.
    fn render(&mut self, range: Range<usize>, mut next: usize) -> usize {
        let (edits, text, mut at) = (self.edits, self.text, range.start);
        while let Some(edit) = edits.get(next).filter(|edit| edit.range.end <= range.end) {
            self.put(&text[at..edit.range.start]);
            next += 1;
            at = edit.range.end;
            match edit.kind {
                Kind::Return => {
                    for (id, value) in &edit.options {
                        self.own(*id, &format!("if crate::mutated({id}) {{ return {value}; }}"));
                    }
                }
                Kind::Either => {
                    for (id, value) in &edit.options {
                        let other = format!(
                            "crate::Either::Left(({value}).collect::<Vec<_>>().into_iter())"
                        );
                        self.own(*id, &format!("if crate::mutated({id}) {{ {other} }} else"));
                    }
                    self.put("{ crate::Either::Right({ ");
                    next = self.render(edit.range.clone(), next);
                    self.put(" }) }");
                }
                Kind::Unless { guarded } => {
                    let word = if guarded { "&&" } else { "if" };
                    let (id, _) = edit.options[0];
                    self.own(id, &format!("{word} !crate::mutated({id})"));
                }
                Kind::Choose => {
                    self.put("(");
                    for (id, changed) in &edit.options {
                        self.own(*id, &format!("if crate::mutated({id}) {{ {changed} }} else"));
                    }
                    self.put("{ ");
                    next = self.render(edit.range.clone(), next);
                    self.put(" })");
                }
            }
        }
        self.put(&text[at..range.end]);
        next
    }
}

//! The parser of the history scripts. The language is described in [`script`].
//!
//! [`script`]: super::script

use std::ops::Bound;

use crate::scenarios::script::{History, Key, Op, Rows, Scan, Span, Step, Verdict};

/// The histories of a file. A mistake in the script panics with file and line.
pub fn parse(file: &str, text: &str) -> Vec<History> {
    let mut histories = Vec::new();
    let mut lines: Vec<(usize, &str)> = Vec::new();
    let mut name = file.to_string();
    for (number, line) in text.lines().enumerate() {
        if let Some(next) = line.strip_prefix("=== ") {
            // A file of several histories starts with a story of its own.
            if lines.iter().any(|(_, line)| !line.is_empty() && !line.starts_with('#')) {
                histories.push(history(&name, &lines));
            }
            lines.clear();
            name = format!("{file}: {}", next.trim());
        } else {
            lines.push((number + 1, line.trim()));
        }
    }
    histories.push(history(&name, &lines));
    histories
}

fn history(name: &str, lines: &[(usize, &str)]) -> History {
    let mut parser = Parser::new(name, lines);
    for &(number, line) in lines {
        parser.line = number;
        parser.take(line);
    }
    parser.finish()
}

/// Reads one history line by line.
struct Parser {
    history: History,
    line: usize,
    verdict: Option<Verdict>,
}

impl Parser {
    fn new(name: &str, lines: &[(usize, &str)]) -> Self {
        let mut names: Vec<String> = Vec::new();
        for (_, line) in lines {
            let word = line.split_whitespace().next().unwrap_or_default();
            let is_name = word.len() > 1 && word.starts_with('T');
            if is_name && !names.iter().any(|known| known == word) {
                names.push(word.to_string());
            }
        }
        names.sort();
        let history = History {
            name: name.to_string(),
            story: String::new(),
            every_order: false,
            init: Vec::new(),
            setup: Vec::new(),
            names,
            steps: Vec::new(),
            verdict: Verdict::Exactly(Vec::new()),
            sliding: None,
            finally: Vec::new(),
        };
        Self { history, line: 0, verdict: None }
    }

    fn fail(&self, what: &str) -> ! {
        panic!("{}, line {}: {what}", self.history.name, self.line)
    }

    fn take(&mut self, line: &str) {
        let (first, rest) = line.split_once(' ').unwrap_or((line, ""));
        match first {
            "" => {}
            "#" => self.history.story += &format!("{rest}\n"),
            "in" => self.history.every_order = true,
            "init" => self.history.init = self.assignments(rest, |text| text.parse().ok()),
            "setup" => {
                let op = self.op(rest);
                self.history.setup.push(op);
            }
            "then" => self.verdict = Some(self.parse_verdict(rest)),
            "sliding" => self.history.sliding = Some(self.parse_verdict(rest)),
            "finally" => {
                let value = |text: &str| match text {
                    "none" => Some(None),
                    number => number.parse().ok().map(Some),
                };
                self.history.finally = self.assignments(rest, value);
            }
            actor => self.step(actor, rest, line),
        }
    }

    fn finish(mut self) -> History {
        if self.history.story.is_empty() {
            self.fail("a history starts with its story");
        }
        let Some(verdict) = self.verdict.take() else { self.fail("no `then` line") };
        self.history.verdict = verdict;
        for (actor, name) in self.history.names.iter().enumerate() {
            let mine = |step: &&Step| step.actor == Some(actor) && step.op.ends();
            assert!(
                self.history.steps.iter().filter(mine).count() == 1,
                "{}: {name} must end exactly once",
                self.history.name
            );
        }
        self.history
    }

    fn step(&mut self, actor: &str, rest: &str, line: &str) {
        let actor = match actor {
            "db" => None,
            name => Some(self.actor(name)),
        };
        let (body, returns) = rest.split_once("->").unwrap_or((rest, ""));
        let (plain, sliding) = match returns.split_once('|') {
            Some((plain, sliding)) => (plain, sliding),
            None => (returns, ""),
        };
        let text = |part: &str| Some(part.trim().to_string()).filter(|part| !part.is_empty());
        let op = self.op(body.trim());
        self.history.steps.push(Step {
            line: self.line,
            text: line.to_string(),
            actor,
            op,
            returns: text(plain),
            returns_sliding: text(sliding),
        });
    }

    fn actor(&self, name: &str) -> usize {
        let found = self.history.names.iter().position(|known| known == name);
        found.unwrap_or_else(|| self.fail(&format!("who is {name:?}?")))
    }

    fn parse_verdict(&self, text: &str) -> Verdict {
        match text {
            "nobody conflicts" => Verdict::Exactly(Vec::new()),
            "exactly one conflicts" => Verdict::One,
            "the last to commit conflicts" => Verdict::Last,
            names => {
                let names = names.strip_suffix(" conflicts").or(names.strip_suffix(" conflict"));
                let Some(names) = names else { self.fail("not a verdict") };
                Verdict::Exactly(names.split_whitespace().map(|name| self.actor(name)).collect())
            }
        }
    }

    fn assignments<V>(&self, text: &str, value: impl Fn(&str) -> Option<V>) -> Vec<(Key, V)> {
        let assignment = |word: &str| {
            let (key, text) = word.split_once('=')?;
            Some((self.key(key), value(text)?))
        };
        let each = text.split_whitespace();
        each.map(|word| {
            assignment(word).unwrap_or_else(|| self.fail(&format!("not key=value: {word}")))
        })
        .collect()
    }

    fn op(&self, text: &str) -> Op {
        let words: Vec<&str> = text.split_whitespace().collect();
        match words[..] {
            ["begin"] => Op::Begin { read_only: false },
            ["begin", "read"] => Op::Begin { read_only: true },
            ["commit" | "finish"] => Op::Commit,
            ["fail"] => Op::Fail,
            ["rollback"] => Op::Rollback,
            ["drop"] => Op::Drop,
            ["collect"] => Op::Collect,
            ["first"] => Op::First,
            ["last"] => Op::Last,
            ["remove_range", span] => Op::RemoveRange(self.span(span)),
            ["savepoint", name] => Op::Savepoint(name.to_string()),
            ["rollback_to", name] => Op::RollbackTo(name.to_string()),
            ["release", name] => Op::Release(name.to_string()),
            ["noise", count] => Op::Noise(self.number(count)),
            ["count", span] => Op::Count(self.span(span)),
            ["is_empty", span] => Op::IsEmpty(self.span(span)),
            ["where", span, ">", bound, ref rest @ ..] => {
                Op::Scan(self.scan(Rows::Above(self.number(bound)), span, rest))
            }
            ["range", span, ref rest @ ..] => Op::Scan(self.scan(Rows::Pairs, span, rest)),
            ["keys", span, ref rest @ ..] => Op::Scan(self.scan(Rows::Keys, span, rest)),
            ["values", span, ref rest @ ..] => Op::Scan(self.scan(Rows::Values, span, rest)),
            [verb, key] => self.op_on_key(verb, self.key(key)),
            [verb, key, value] => self.op_with_value(verb, self.key(key), self.number(value)),
            _ => self.fail("not a step"),
        }
    }

    fn op_on_key(&self, verb: &str, key: Key) -> Op {
        match verb {
            "get" => Op::Get(key),
            "peek" => Op::Peek(key),
            "has" => Op::Has(key),
            "remove" => Op::Remove(key),
            "take" => Op::Take(key),
            _ => self.fail("not a step"),
        }
    }

    fn op_with_value(&self, verb: &str, key: Key, value: i64) -> Op {
        match verb {
            "insert" => Op::Insert(key, value),
            "replace" => Op::Replace(key, value),
            "insert_if_absent" => Op::InsertIfAbsent(key, value),
            "update" => Op::Update(key, value),
            "get_or_insert" => Op::GetOrInsert(key, value),
            _ => self.fail("not a step"),
        }
    }

    fn scan(&self, rows: Rows, span: &str, mut words: &[&str]) -> Scan {
        let mut scan = Scan { span: self.span(span), rows, reverse: false, skip: 0, take: None };
        loop {
            match words {
                [] => return scan,
                ["rev", rest @ ..] => {
                    scan.reverse = true;
                    words = rest;
                }
                ["skip", count, rest @ ..] => {
                    scan.skip = self.number(count);
                    words = rest;
                }
                ["take", count, rest @ ..] => {
                    scan.take = Some(self.number(count));
                    words = rest;
                }
                _ => self.fail("not a range read"),
            }
        }
    }

    fn number<N: std::str::FromStr>(&self, text: &str) -> N {
        text.parse().unwrap_or_else(|_| self.fail(&format!("not a number: {text}")))
    }

    fn key(&self, text: &str) -> Key {
        match text.split_once('/') {
            Some((major, minor)) => Key::Pair((self.number(major), self.number(minor))),
            None => Key::Text(text.replace("\"\"", "").replace("\\0", "\0")),
        }
    }

    fn span(&self, text: &str) -> Span {
        let Some((lower, upper)) = text.split_once("..") else { self.fail("not a range") };
        let lower = match lower.strip_suffix('<') {
            Some(key) => Bound::Excluded(self.key(key)),
            None if lower.is_empty() => Bound::Unbounded,
            None => Bound::Included(self.key(lower)),
        };
        let upper = match upper.strip_prefix('=') {
            Some(key) => Bound::Included(self.key(key)),
            None if upper.is_empty() => Bound::Unbounded,
            None => Bound::Excluded(self.key(upper)),
        };
        if text.contains('/') {
            let pair = |key| match key {
                Key::Pair(pair) => pair,
                Key::Text(_) => self.fail("a bound of the other table"),
            };
            Span::Pair(lower.map(pair), upper.map(pair))
        } else {
            let word = |key| match key {
                Key::Text(text) => text,
                Key::Pair(_) => self.fail("a bound of the other table"),
            };
            Span::Text(lower.map(word), upper.map(word))
        }
    }
}

//! Reads scripts.

use std::ops::Bound;

use crate::testkit::histories::orders;
use crate::testkit::histories::script::{Expected, Key, Op, Rows, Scan, Script, Span, Step};
use crate::testkit::history::ParseError;

/// The scripts of a file.
///
/// # Errors
/// If the text is no script; it tells the line and what is wrong with it.
///
/// ```
/// use precedent::testkit::histories;
/// let error = histories::parse("# A story.\nT1 gett x\nT1 commit").unwrap_err();
/// assert_eq!(error.to_string(), "line 2: not a step: gett x");
/// ```
pub fn parse(text: &str) -> Result<Vec<Script>, ParseError> {
    let mut scripts = Vec::new();
    let mut lines: Vec<(usize, &str)> = Vec::new();
    let mut name = "";
    for (number, line) in text.lines().enumerate() {
        if let Some(next) = line.trim().strip_prefix("=== ") {
            // A file of several scripts may start with a story of its own.
            if lines.iter().any(|(_, line)| !line.is_empty() && !line.starts_with('#')) {
                scripts.push(script(name, &lines)?);
            }
            lines.clear();
            name = next.trim();
        } else {
            lines.push((number + 1, line.trim()));
        }
    }
    scripts.push(script(name, &lines)?);
    Ok(scripts)
}

fn script(name: &str, lines: &[(usize, &str)]) -> Result<Script, ParseError> {
    let mut reader = Reader::new(name, lines);
    let mut last = 1;
    for &(number, line) in lines {
        last = number;
        reader.line = number;
        reader.take(line).map_err(|what| ParseError::new(number, what))?;
    }
    reader.finish().map_err(|what| ParseError::new(last, what))
}

/// Reads one script line by line.
struct Reader {
    script: Script,
    line: usize,
    verdict: Option<Expected>,
}

impl Reader {
    fn new(name: &str, lines: &[(usize, &str)]) -> Self {
        let mut names: Vec<String> = Vec::new();
        for (_, line) in lines {
            let word = line.split_whitespace().next().unwrap_or_default();
            let is_name = word.len() > 1 && word.starts_with('T');
            if is_name && !names.iter().any(|known| known == word) {
                names.push(word.to_owned());
            }
        }
        names.sort();
        let script = Script {
            name: name.to_owned(),
            story: String::new(),
            every_order: false,
            init: Vec::new(),
            setup: Vec::new(),
            names,
            steps: Vec::new(),
            verdict: Expected::Exactly(Vec::new()),
            sliding: None,
            finally: Vec::new(),
        };
        Self { script, line: 0, verdict: None }
    }

    fn take(&mut self, line: &str) -> Result<(), String> {
        let (first, rest) = line.split_once(' ').unwrap_or((line, ""));
        let rest = rest.trim();
        match first {
            "" => {}
            "#" => self.script.story += &format!("{rest}\n"),
            "in" if rest == "every order" => self.script.every_order = true,
            "init" => self.script.init = assignments(rest, |text| text.parse().ok())?,
            "setup" => {
                let op = op(rest)?;
                if !matches!(op, Op::Collect | Op::Noise(_)) && !op.writes() {
                    return Err(format!("a set-up writes: {rest}"));
                }
                self.script.setup.push(op);
            }
            "then" => self.verdict = Some(self.expected(rest)?),
            "sliding" => self.script.sliding = Some(self.expected(rest)?),
            "finally" => {
                let value = |text: &str| match text {
                    "none" => Some(None),
                    number => number.parse().ok().map(Some),
                };
                self.script.finally = assignments(rest, value)?;
            }
            actor => self.step(actor, rest, line)?,
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Script, String> {
        if self.script.story.is_empty() {
            return Err("a script starts with its story, in lines that begin with #".to_owned());
        }
        self.script.verdict = self.verdict.take().ok_or("no `then` line")?;
        for (actor, name) in self.script.names.iter().enumerate() {
            self.check_steps(actor).map_err(|what| format!("{name} {what}"))?;
        }
        if self.script.every_order {
            if self.script.steps.iter().any(|step| step.actor.is_none()) {
                return Err("steps of the database have no place in every order".to_owned());
            }
            orders::check(&self.script)?;
        }
        Ok(self.script)
    }

    /// Whether a transaction begins, does what it can, and ends.
    fn check_steps(&self, actor: usize) -> Result<(), String> {
        let mine = || self.script.steps.iter().filter(|step| step.actor == Some(actor));
        let is_begin = |step: &Step| matches!(step.op, Op::Begin { .. });
        if mine().filter(|step| step.op.ends()).count() != 1 {
            return Err("must end exactly once".to_owned());
        }
        if mine().next_back().is_none_or(|step| !step.op.ends()) {
            return Err("does something after its end".to_owned());
        }
        if mine().skip(1).any(is_begin) {
            return Err("begins after its first step".to_owned());
        }
        let reads = mine().any(|step| matches!(step.op, Op::Begin { read_only: true }));
        if reads && mine().any(|step| step.op.writes() || matches!(step.op, Op::Fail)) {
            return Err("begins to read and cannot write".to_owned());
        }
        let mut open: Vec<&str> = Vec::new();
        for step in mine() {
            match &step.op {
                Op::Savepoint(name) if open.contains(&name.as_str()) => {
                    return Err(format!("has a savepoint {name} already"));
                }
                Op::Savepoint(name) => open.push(name),
                // It ends those that were taken after it.
                Op::RollbackTo(name) | Op::Release(name) => {
                    let place = open.iter().rposition(|known| known == name);
                    let place = place.ok_or_else(|| format!("has no savepoint {name}"))?;
                    let stays = matches!(step.op, Op::RollbackTo(_));
                    open.truncate(place + usize::from(stays));
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn step(&mut self, actor: &str, rest: &str, line: &str) -> Result<(), String> {
        let actor = match actor {
            "db" => None,
            name => Some(self.actor(name)?),
        };
        let (body, returns) = rest.split_once("->").unwrap_or((rest, ""));
        let (plain, sliding) = match returns.split_once('|') {
            Some((plain, sliding)) => (plain, sliding),
            None => (returns, ""),
        };
        let text = |part: &str| Some(part.trim().to_owned()).filter(|part| !part.is_empty());
        let op = op(body.trim())?;
        if actor.is_none() != matches!(op, Op::Collect | Op::Noise(_)) {
            return Err(format!(
                "not a step of {}: {body}",
                if actor.is_none() { "the database" } else { "a transaction" }
            ));
        }
        self.script.steps.push(Step {
            line: self.line,
            text: line.to_owned(),
            actor,
            op,
            returns: text(plain),
            returns_sliding: text(sliding),
        });
        Ok(())
    }

    fn actor(&self, name: &str) -> Result<usize, String> {
        let found = self.script.names.iter().position(|known| known == name);
        found.ok_or_else(|| format!("neither a transaction (T1, T2, …) nor anything else: {name}"))
    }

    fn expected(&self, text: &str) -> Result<Expected, String> {
        Ok(match text {
            "nobody conflicts" => Expected::Exactly(Vec::new()),
            "exactly one conflicts" => Expected::One,
            "the last to commit conflicts" => Expected::Last,
            names => {
                let names = names.strip_suffix(" conflicts").or(names.strip_suffix(" conflict"));
                let names = names.ok_or_else(|| format!("not an outcome: {text}"))?;
                let actors = names.split_whitespace().map(|name| self.actor(name));
                Expected::Exactly(actors.collect::<Result<_, _>>()?)
            }
        })
    }
}

fn assignments<V>(text: &str, value: impl Fn(&str) -> Option<V>) -> Result<Vec<(Key, V)>, String> {
    let assignment = |word: &str| {
        let wrong = || format!("not key=value: {word}");
        let (name, text) = word.split_once('=').ok_or_else(wrong)?;
        Ok((key(name)?, value(text).ok_or_else(wrong)?))
    };
    text.split_whitespace().map(assignment).collect()
}

fn op(text: &str) -> Result<Op, String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    Ok(match words[..] {
        ["begin"] => Op::Begin { read_only: false },
        ["begin", "read"] => Op::Begin { read_only: true },
        ["commit" | "finish"] => Op::Commit,
        ["fail"] => Op::Fail,
        ["rollback"] => Op::Rollback,
        ["drop"] => Op::Drop,
        ["collect"] => Op::Collect,
        ["first"] => Op::First,
        ["last"] => Op::Last,
        ["remove_range", range] => Op::RemoveRange(span(range)?),
        ["savepoint", name] => Op::Savepoint(name.to_owned()),
        ["rollback_to", name] => Op::RollbackTo(name.to_owned()),
        ["release", name] => Op::Release(name.to_owned()),
        ["noise", count] => Op::Noise(number(count)?),
        ["count", range] => Op::Count(span(range)?),
        ["is_empty", range] => Op::IsEmpty(span(range)?),
        ["where", range, ">", bound, ref rest @ ..] => {
            Op::Scan(scan(Rows::Above(number(bound)?), range, rest)?)
        }
        ["range", range, ref rest @ ..] => Op::Scan(scan(Rows::Pairs, range, rest)?),
        ["keys", range, ref rest @ ..] => Op::Scan(scan(Rows::Keys, range, rest)?),
        ["values", range, ref rest @ ..] => Op::Scan(scan(Rows::Values, range, rest)?),
        [verb, name] => op_on_key(verb, key(name)?).ok_or_else(|| no_step(text))?,
        [verb, name, value] => {
            op_with_value(verb, key(name)?, number(value)?).ok_or_else(|| no_step(text))?
        }
        _ => return Err(no_step(text)),
    })
}

fn no_step(text: &str) -> String {
    format!("not a step: {text}")
}

fn op_on_key(verb: &str, key: Key) -> Option<Op> {
    Some(match verb {
        "get" => Op::Get(key),
        "peek" => Op::Peek(key),
        "has" => Op::Has(key),
        "remove" => Op::Remove(key),
        "take" => Op::Take(key),
        _ => return None,
    })
}

fn op_with_value(verb: &str, key: Key, value: i64) -> Option<Op> {
    Some(match verb {
        "insert" => Op::Insert(key, value),
        "replace" => Op::Replace(key, value),
        "insert_if_absent" => Op::InsertIfAbsent(key, value),
        "update" => Op::Update(key, value),
        "get_or_insert" => Op::GetOrInsert(key, value),
        _ => return None,
    })
}

fn scan(rows: Rows, range: &str, mut words: &[&str]) -> Result<Scan, String> {
    let mut scan = Scan { span: span(range)?, rows, reverse: false, skip: 0, take: None };
    loop {
        match words {
            [] => return Ok(scan),
            ["rev", rest @ ..] => {
                scan.reverse = true;
                words = rest;
            }
            ["skip", count, rest @ ..] => {
                scan.skip = number(count)?;
                words = rest;
            }
            ["take", count, rest @ ..] => {
                scan.take = Some(number(count)?);
                words = rest;
            }
            [word, ..] => return Err(format!("`rev`, `skip n` or `take n`, not {word}")),
        }
    }
}

fn number<N: std::str::FromStr>(text: &str) -> Result<N, String> {
    text.parse().map_err(|_| format!("not a number: {text}"))
}

fn key(text: &str) -> Result<Key, String> {
    Ok(match text.split_once('/') {
        Some((major, minor)) => Key::Pair((number(major)?, number(minor)?)),
        None => Key::Text(text.replace("\"\"", "").replace("\\0", "\0")),
    })
}

fn span(text: &str) -> Result<Span, String> {
    let (lower, upper) = text.split_once("..").ok_or_else(|| format!("not a range: {text}"))?;
    let lower = match lower.strip_suffix('<') {
        Some(name) => Bound::Excluded(key(name)?),
        None if lower.is_empty() => Bound::Unbounded,
        None => Bound::Included(key(lower)?),
    };
    let upper = match upper.strip_prefix('=') {
        Some(name) => Bound::Included(key(name)?),
        None if upper.is_empty() => Bound::Unbounded,
        None => Bound::Excluded(key(upper)?),
    };
    let bounds = [lower, upper];
    if text.contains('/') {
        let [lower, upper] = bounds.map(|bound| {
            side(bound, |key| match key {
                Key::Pair(pair) => Some(pair),
                Key::Text(_) => None,
            })
        });
        Ok(Span::Pair(lower?, upper?))
    } else {
        let [lower, upper] = bounds.map(|bound| {
            side(bound, |key| match key {
                Key::Text(text) => Some(text),
                Key::Pair(_) => None,
            })
        });
        Ok(Span::Text(lower?, upper?))
    }
}

fn side<K>(bound: Bound<Key>, of: impl Fn(Key) -> Option<K>) -> Result<Bound<K>, String> {
    let wrong = || "a bound of the other table".to_owned();
    Ok(match bound {
        Bound::Included(key) => Bound::Included(of(key).ok_or_else(wrong)?),
        Bound::Excluded(key) => Bound::Excluded(of(key).ok_or_else(wrong)?),
        Bound::Unbounded => Bound::Unbounded,
    })
}

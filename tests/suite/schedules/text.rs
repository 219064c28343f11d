//! Schedules as text: `{a b=1} b0 r0[a] w0[b] b1ro r1[a..c] c1 c0!`
//!
//! One token a step; the digits name the transaction. Before the steps, in braces, the
//! rows at the start. A value has a class, written `=1`, zero if not said. `|>2` after a
//! range drives it for two rows from the front, `|<1` for one from the back, `|>1<1` for
//! both, `|<*` for all from the back, `|-` for none.
//!
//! | token | step |
//! | --- | --- |
//! | `b0` `b0ro` | begin; begin read-only |
//! | `r0[a]` `has0[a]` `peek0[a]` | `get`, `contains_key`, `peek` |
//! | `first0` `last0` | `first_key_value`, `last_key_value` |
//! | `r0[a..c]` `r0(a..c]` `r0[..]` | `range`, driven until it runs out |
//! | `r0[a..c]?13` | `range_where`, which accepts classes 1 and 3 |
//! | `count0[a..c]` `empty0[a..c]` | `count`, `is_empty` |
//! | `o0[a..c]?1` `p0>` `p0<` `z0` | open a scan; pull at the front, at the back; close it |
//! | `w0[a=1]` `d0[a]` | `insert`, `remove` |
//! | `wipe0[a..c]` `wipe0[..]` | `remove_range`; `clear` |
//! | `swap0[a=1]` `take0[a]` | `replace`, `take` |
//! | `new0[a=1]` `upd0[a=1]` | `insert_if_absent`, `update` |
//! | `goi0[a=1]` | `get_or_insert_with` |
//! | `s0` `back0` `back0^1` | `savepoint`; `rollback_to` the newest one, to the one before it |
//! | `keep0` `keep0^1` | `release` of the same |
//! | `c0` `e0` `a0` | commit or finish; end with an `Err`; roll back |
//! | `u` `gc` | an unrelated commit; a collection |
//! | `load[a..c]` | `bulk_load` of the first few keys, by nobody in particular |
//!
//! | `safe0` `pin0` | detached snapshot 0, which is no transaction 0: `safe_snapshot`, `pin` |
//! | `at0[-1]` `at0[+1]` `at0[0]` `at0[=1]` | `snapshot_at`: one commit ago, one ahead, zero, where snapshot 1 is |
//! | `vr0[a]` `vcount0[a..c]` … | it looks, as a transaction does by the token without the `v` |
//! | `vsafe0` `vclone0` `vdrop0` | `is_safe`; a clone; the oldest handle is dropped |
//! | `vhold0[a..c]` `vlet0` | rows are lent, and held until the next `vlet0` |
//!
//! A `!` after an end says that it is expected to be refused.

use std::fmt;
use std::ops::Bound;

use super::step::{Act, Mode, Moment, Pulls, Rest, Schedule, Snap, Span, Step};
use crate::oracle::{Classes, Key};

/// A schedule that was read, and who is expected to be refused.
#[derive(Clone, Debug, PartialEq)]
pub struct Script {
    /// The schedule.
    pub schedule: Schedule,
    /// The transactions whose ends carry a `!`.
    pub refused: Vec<u8>,
}

/// Reads a script.
pub fn parse(text: &str) -> Result<Script, String> {
    let mut script = Script { schedule: Schedule::default(), refused: Vec::new() };
    let mut rest = text.trim();
    if let Some(body) = rest.strip_prefix('{') {
        let (rows, steps) = body.split_once('}').ok_or("a brace is not closed")?;
        script.schedule.initial =
            rows.split_whitespace().map(key_and_class).collect::<Result<_, _>>()?;
        rest = steps;
    }
    for token in rest.split_whitespace() {
        let (body, refused) = token.strip_suffix('!').map_or((token, false), |body| (body, true));
        let step = parse_step(body).ok_or_else(|| format!("no such step: {token}"))?;
        if let (Step::Tx(tx, _), true) = (step, refused) {
            script.refused.push(tx);
        }
        script.schedule.steps.push(step);
    }
    Ok(script)
}

fn key_and_class(text: &str) -> Result<(Key, u8), String> {
    class_and_key(text).ok_or_else(|| format!("no such row: {text}"))
}

fn class_and_key(text: &str) -> Option<(Key, u8)> {
    let (key, class) = text.split_once('=').unwrap_or((text, "0"));
    Some((parse_key(key)?, class.parse().ok().filter(|class| *class < 10)?))
}

fn parse_key(text: &str) -> Option<Key> {
    let mut letters = text.chars();
    let key = Key::named(letters.next()?)?;
    letters.next().is_none().then_some(key)
}

fn parse_step(token: &str) -> Option<Step> {
    match token {
        "u" => return Some(Step::Unrelated),
        "gc" => return Some(Step::Collect),
        _ => {}
    }
    if let Some(span) = token.strip_prefix("load") {
        return Some(Step::Load(parse_span(span)?));
    }
    let digits = token.find(|c: char| c.is_ascii_digit())?;
    let (verb, rest) = token.split_at(digits);
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let (number, argument) = rest.split_at(end);
    let number = number.parse().ok()?;
    match parse_snap(verb, argument) {
        Some(snap) => Some(Step::Snap(number, snap)),
        None => Some(Step::Tx(number, parse_act(verb, argument)?)),
    }
}

fn parse_snap(verb: &str, argument: &str) -> Option<Snap> {
    Some(match (verb, argument) {
        ("safe", "") => Snap::Safe,
        ("pin", "") => Snap::Pin,
        ("at", moment) => Snap::At(parse_moment(moment.strip_prefix('[')?.strip_suffix(']')?)?),
        ("vsafe", "") => Snap::IsSafe,
        ("vclone", "") => Snap::Clone,
        ("vdrop", "") => Snap::Drop,
        ("vhold", span) => Snap::Hold(parse_span(span)?),
        ("vlet", "") => Snap::LetGo,
        (look, argument) => {
            let act = parse_act(look.strip_prefix('v')?, argument)?;
            act.is_look().then_some(Snap::Look(act))?
        }
    })
}

fn parse_moment(text: &str) -> Option<Moment> {
    let number = |text: &str| text.parse().ok();
    match text.chars().next()? {
        '-' => Some(Moment::Ago(number(&text[1..])?)),
        '+' => Some(Moment::Ahead(number(&text[1..])?)),
        '=' => Some(Moment::Of(number(&text[1..])?)),
        _ => (text == "0").then_some(Moment::Zero),
    }
}

fn parse_act(verb: &str, argument: &str) -> Option<Act> {
    let bare = match (verb, argument) {
        ("b", "") => Some(Act::Begin { read_only: false }),
        ("b", "ro") => Some(Act::Begin { read_only: true }),
        ("first", "") => Some(Act::First),
        ("last", "") => Some(Act::Last),
        ("p", ">") => Some(Act::Pull { reverse: false }),
        ("p", "<") => Some(Act::Pull { reverse: true }),
        ("z", "") => Some(Act::Close),
        ("s", "") => Some(Act::Savepoint),
        ("back", depth) => Some(Act::RollbackTo(parse_depth(depth)?)),
        ("keep", depth) => Some(Act::Release(parse_depth(depth)?)),
        ("c", "") => Some(Act::Commit),
        ("e", "") => Some(Act::Err),
        ("a", "") => Some(Act::Rollback),
        _ => None,
    };
    bare.or_else(|| parse_span_act(verb, argument)).or_else(|| parse_key_act(verb, argument))
}

/// How many savepoints before the newest.
fn parse_depth(text: &str) -> Option<u8> {
    if text.is_empty() { Some(0) } else { text.strip_prefix('^')?.parse().ok() }
}

fn parse_key_act(verb: &str, argument: &str) -> Option<Act> {
    let (key, class) = class_and_key(argument.strip_prefix('[')?.strip_suffix(']')?)?;
    Some(match verb {
        "r" => Act::Get(key),
        "has" => Act::Has(key),
        "peek" => Act::Peek(key),
        "w" => Act::Insert(key, class),
        "d" => Act::Remove(key),
        "swap" => Act::Replace(key, class),
        "take" => Act::Take(key),
        "new" => Act::InsertIfAbsent(key, class),
        "upd" => Act::Update(key, class),
        "goi" => Act::GetOrInsert(key, class),
        _ => return None,
    })
}

fn parse_span_act(verb: &str, argument: &str) -> Option<Act> {
    let close = argument.find([']', ')'])?;
    let (span, suffix) = argument.split_at(close + 1);
    let span = parse_span(span)?;
    let (accepts, pulls) =
        suffix.split_once('|').map_or((suffix, None), |(left, right)| (left, Some(right)));
    let accepts = match accepts.strip_prefix('?') {
        Some(classes) => Some(parse_classes(classes)?),
        None if accepts.is_empty() => None,
        None => return None,
    };
    Some(match verb {
        "r" => Act::Scan { span, accepts, pulls: pulls.map_or(Some(Pulls::ALL), parse_pulls)? },
        "o" if pulls.is_none() => Act::Open { span, accepts },
        "count" if suffix.is_empty() => Act::Count(span),
        "empty" if suffix.is_empty() => Act::IsEmpty(span),
        "wipe" if suffix.is_empty() => Act::RemoveRange(span),
        _ => return None,
    })
}

fn parse_span(text: &str) -> Option<Span> {
    let inner = text.get(1..text.len() - 1)?;
    let (lower, upper) = inner.split_once("..")?;
    let bound = |key: &str, included: bool| {
        if key.is_empty() {
            return Some(Bound::Unbounded);
        }
        let key = parse_key(key)?;
        Some(if included { Bound::Included(key) } else { Bound::Excluded(key) })
    };
    let opens = text.starts_with('[') || text.starts_with('(');
    let lower = bound(lower, text.starts_with('['))?;
    opens.then_some(Span { lower, upper: bound(upper, text.ends_with(']'))? })
}

fn parse_classes(text: &str) -> Option<Classes> {
    let bits = text.chars().try_fold(0, |bits, c| Some(bits | 1 << c.to_digit(10)?))?;
    Some(Classes::from_bits(bits))
}

fn parse_pulls(text: &str) -> Option<Pulls> {
    let mut pulls = Pulls { front: 0, back: 0, rest: Rest::Dropped };
    let mut left = if text == "-" { "" } else { text };
    while let Some(direction) = left.chars().next() {
        let end = left[1..].find(['<', '>']).map_or(left.len(), |end| end + 1);
        match (direction, &left[1..end]) {
            ('>', "*") => pulls.rest = Rest::Forward,
            ('<', "*") => pulls.rest = Rest::Reverse,
            ('>', rows) => pulls.front = rows.parse().ok()?,
            ('<', rows) => pulls.back = rows.parse().ok()?,
            _ => return None,
        }
        left = &left[end..];
    }
    Some(pulls)
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut gap = "";
        if !self.initial.is_empty() {
            let rows = self.initial.iter().map(|(key, class)| format!("{key}{}", Class(*class)));
            write!(f, "{{{}}}", rows.collect::<Vec<_>>().join(" "))?;
            gap = " ";
        }
        for step in &self.steps {
            write!(f, "{gap}{step}")?;
            gap = " ";
        }
        Ok(())
    }
}

struct Class(u8);

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 { Ok(()) } else { write!(f, "={}", self.0) }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Unrelated => write!(f, "u"),
            Self::Collect => write!(f, "gc"),
            Self::Load(span) => write!(f, "load{span}"),
            Self::Tx(t, act) => Numbered(t, act).fmt(f),
            Self::Snap(n, Snap::Safe) => write!(f, "safe{n}"),
            Self::Snap(n, Snap::Pin) => write!(f, "pin{n}"),
            Self::Snap(n, Snap::At(Moment::Ago(ago))) => write!(f, "at{n}[-{ago}]"),
            Self::Snap(n, Snap::At(Moment::Ahead(ahead))) => write!(f, "at{n}[+{ahead}]"),
            Self::Snap(n, Snap::At(Moment::Zero)) => write!(f, "at{n}[0]"),
            Self::Snap(n, Snap::At(Moment::Of(other))) => write!(f, "at{n}[={other}]"),
            Self::Snap(n, Snap::Look(act)) => write!(f, "v{}", Numbered(n, act)),
            Self::Snap(n, Snap::IsSafe) => write!(f, "vsafe{n}"),
            Self::Snap(n, Snap::Clone) => write!(f, "vclone{n}"),
            Self::Snap(n, Snap::Drop) => write!(f, "vdrop{n}"),
            Self::Snap(n, Snap::Hold(span)) => write!(f, "vhold{n}{span}"),
            Self::Snap(n, Snap::LetGo) => write!(f, "vlet{n}"),
        }
    }
}

/// An act, and who acts.
struct Numbered(u8, Act);

impl fmt::Display for Numbered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let t = self.0;
        match self.1 {
            Act::Begin { read_only } => write!(f, "b{t}{}", if read_only { "ro" } else { "" }),
            Act::Get(key) => write!(f, "r{t}[{key}]"),
            Act::Has(key) => write!(f, "has{t}[{key}]"),
            Act::Peek(key) => write!(f, "peek{t}[{key}]"),
            Act::First => write!(f, "first{t}"),
            Act::Last => write!(f, "last{t}"),
            Act::Scan { span, accepts, pulls } => write!(f, "r{t}{span}{}{pulls}", Filter(accepts)),
            Act::Count(span) => write!(f, "count{t}{span}"),
            Act::IsEmpty(span) => write!(f, "empty{t}{span}"),
            Act::Open { span, accepts } => write!(f, "o{t}{span}{}", Filter(accepts)),
            Act::Pull { reverse } => write!(f, "p{t}{}", if reverse { "<" } else { ">" }),
            Act::Close => write!(f, "z{t}"),
            Act::Insert(key, class) => write!(f, "w{t}[{key}{}]", Class(class)),
            Act::Remove(key) => write!(f, "d{t}[{key}]"),
            Act::Replace(key, class) => write!(f, "swap{t}[{key}{}]", Class(class)),
            Act::Take(key) => write!(f, "take{t}[{key}]"),
            Act::InsertIfAbsent(key, class) => write!(f, "new{t}[{key}{}]", Class(class)),
            Act::Update(key, class) => write!(f, "upd{t}[{key}{}]", Class(class)),
            Act::GetOrInsert(key, class) => write!(f, "goi{t}[{key}{}]", Class(class)),
            Act::RemoveRange(span) => write!(f, "wipe{t}{span}"),
            Act::Savepoint => write!(f, "s{t}"),
            Act::RollbackTo(depth) => write!(f, "back{t}{}", Depth(depth)),
            Act::Release(depth) => write!(f, "keep{t}{}", Depth(depth)),
            Act::Commit => write!(f, "c{t}"),
            Act::Err => write!(f, "e{t}"),
            Act::Rollback => write!(f, "a{t}"),
        }
    }
}

struct Depth(u8);

impl fmt::Display for Depth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 { Ok(()) } else { write!(f, "^{}", self.0) }
    }
}

struct Filter(Option<Classes>);

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(accepts) = self.0 else { return Ok(()) };
        write!(f, "?")?;
        (0..10)
            .filter(|class| accepts.bits() >> class & 1 == 1)
            .try_for_each(|class| write!(f, "{class}"))
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.lower {
            Bound::Included(key) => write!(f, "[{key}..")?,
            Bound::Excluded(key) => write!(f, "({key}..")?,
            Bound::Unbounded => write!(f, "[..")?,
        }
        match self.upper {
            Bound::Included(key) => write!(f, "{key}]"),
            Bound::Excluded(key) => write!(f, "{key})"),
            Bound::Unbounded => write!(f, "]"),
        }
    }
}

impl fmt::Display for Pulls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::ALL {
            return Ok(());
        }
        write!(f, "|")?;
        let mut said = false;
        for (rows, direction) in [(self.front, '>'), (self.back, '<')] {
            if rows > 0 {
                write!(f, "{direction}{rows}")?;
                said = true;
            }
        }
        match self.rest {
            Rest::Forward => write!(f, ">*"),
            Rest::Reverse => write!(f, "<*"),
            Rest::Dropped if !said => write!(f, "-"),
            Rest::Dropped => Ok(()),
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let on = |on| if on { "on" } else { "off" };
        write!(f, "{}, sliding {}", self.certifier, on(self.sliding))?;
        write!(f, ", collecting {}", on(self.collecting))?;
        let odd = [
            (self.hurried, ", hurried"),
            (self.folding, ", folding"),
            (self.aging, ", aging"),
            (self.blurred, ", blurred"),
        ];
        odd.iter().filter(|(on, _)| *on).try_for_each(|(_, name)| f.write_str(name))
    }
}

#[test]
fn a_script_reads_back_as_it_was_printed() {
    let text = "{a b=1 Z} b0 b1ro r0[a] has1[b] peek0[c] first0 last1 r0[a..c] \
                r0(a..c)?12|>1<2 r1[..]|<* r1[b..]|>2 r1[..b)|- r1[..b)|>1<* count0[a..b] \
                empty1[a..c] o0(a..]?0 p0> p0< z0 w0[a] w0[b=3] d0[a] swap0[a=2] take0[b] \
                new0[c] upd0[a] goi0[b=1] wipe0(a..c] wipe0[..] s0 back0 back0^2 keep0^1 keep0 u gc load[a..c] c0 e1 a2 r12[A..C] \
                safe0 pin1 at2[-0] at3[-2] at4[+1] at5[0] at6[=2] vr0[a] vr0[a..c)|<1 vhas0[a] \
                vcount0[..] vempty0[a..] vfirst0 vlast0 vsafe0 vclone0 vdrop0 vhold12[a..c] vlet12";
    let script = parse(text).unwrap();
    assert_eq!(script.schedule.to_string(), text.split_whitespace().collect::<Vec<_>>().join(" "));
    assert_eq!(parse(&script.schedule.to_string()).unwrap(), script);
}

#[test]
fn a_script_says_who_is_expected_to_be_refused() {
    assert_eq!(parse("b0 b1 c0! e1 a1!").unwrap().refused, [0, 1]);
}

#[test]
fn what_is_no_script_is_refused_with_its_word() {
    for bad in [
        "x0",
        "r0",
        "r0[ab]",
        "b0rw",
        "w0[a=x]",
        "r0[a..b",
        "p0",
        "count0[a..b]?1",
        "s0^1",
        "wipe0[a..c]?1",
        "back0^x",
        "at0[2]",
        "at0[-]",
        "vw0[a]",
        "vr0[a..c]?1",
        "vsafe",
    ] {
        assert!(parse(bad).unwrap_err().contains(bad), "{bad}");
    }
}

//! JSON, as little of it as histories need.
//!
//! By hand, because a text that is read once and a value that is looked at once need no
//! framework: whoever turns the feature on gets no dependency with it.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Values may be nested so deep; deeper ones are refused, not parsed into a stack overflow.
const DEEPEST: u32 = 32;

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Json<'t> {
    Null,
    Bool(bool),
    Int(i64),
    /// A number that is no integer of 64 bits; as it is written.
    Number(&'t str),
    Text(Cow<'t, str>),
    Array(Vec<Json<'t>>),
    Object(Vec<(Cow<'t, str>, Json<'t>)>),
}

impl<'t> Json<'t> {
    /// The value that a text holds.
    pub(super) fn parse(text: &'t str) -> Result<Self, String> {
        let mut reader = Reader { text, at: 0 };
        let value = reader.value(0)?;
        reader.skip_blanks();
        if reader.at < text.len() {
            return Err(format!("something follows the value: {}", reader.rest()));
        }
        Ok(value)
    }

    /// A field of an object.
    pub(super) fn field(&self, name: &str) -> Option<&Self> {
        let Self::Object(fields) = self else { return None };
        fields.iter().find(|(field, _)| field == name).map(|(_, value)| value)
    }

    pub(super) fn as_text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    pub(super) fn as_array(&self) -> Option<&[Self]> {
        if let Self::Array(values) = self { Some(values) } else { None }
    }

    pub(super) fn as_u64(&self) -> Option<u64> {
        match self {
            Self::Int(number) => u64::try_from(*number).ok(),
            Self::Number(text) => text.parse().ok(),
            _ => None,
        }
    }

    pub(super) fn as_i64(&self) -> Option<i64> {
        if let Self::Int(number) = self { Some(*number) } else { None }
    }
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Reader<'t> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip_blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// The beginning of what is left, for messages.
    fn rest(&self) -> String {
        let rest: String = self.text[self.at..].chars().take(20).collect();
        format!("`{rest}`")
    }

    fn eat(&mut self, byte: u8) -> bool {
        self.skip_blanks();
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn value(&mut self, depth: u32) -> Result<Json<'t>, String> {
        if depth > DEEPEST {
            return Err(format!("values are nested deeper than {DEEPEST}"));
        }
        self.skip_blanks();
        match self.peek() {
            None => Err("a value is missing".to_owned()),
            Some(b'{') => self.object(depth),
            Some(b'[') => self.array(depth),
            Some(b'"') => Ok(Json::Text(self.string()?)),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(_) => self.word(),
        }
    }

    fn word(&mut self) -> Result<Json<'t>, String> {
        let words =
            [("null", Json::Null), ("true", Json::Bool(true)), ("false", Json::Bool(false))];
        for (word, value) in words {
            if self.text[self.at..].starts_with(word) {
                self.at += word.len();
                return Ok(value);
            }
        }
        Err(format!("this is not JSON: {}", self.rest()))
    }

    fn number(&mut self) -> Result<Json<'t>, String> {
        let bytes = self.text.as_bytes();
        let start = self.at;
        while self.at < bytes.len()
            && matches!(bytes[self.at], b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9')
        {
            self.at += 1;
        }
        let text = &self.text[start..self.at];
        if let Ok(number) = text.parse() {
            return Ok(Json::Int(number));
        }
        match text.parse::<f64>() {
            Ok(_) => Ok(Json::Number(text)),
            Err(_) => Err(format!("not a number: `{text}`")),
        }
    }

    fn array(&mut self, depth: u32) -> Result<Json<'t>, String> {
        self.at += 1;
        let mut values = Vec::new();
        if self.eat(b']') {
            return Ok(Json::Array(values));
        }
        loop {
            values.push(self.value(depth + 1)?);
            if self.eat(b']') {
                return Ok(Json::Array(values));
            }
            if !self.eat(b',') {
                return Err(self.expected("`,` or `]`"));
            }
        }
    }

    fn object(&mut self, depth: u32) -> Result<Json<'t>, String> {
        self.at += 1;
        let mut fields = Vec::new();
        if self.eat(b'}') {
            return Ok(Json::Object(fields));
        }
        loop {
            self.skip_blanks();
            if self.peek() != Some(b'"') {
                return Err(self.expected("the name of a field"));
            }
            let name = self.string()?;
            if !self.eat(b':') {
                return Err(self.expected("`:`"));
            }
            fields.push((name, self.value(depth + 1)?));
            if self.eat(b'}') {
                return Ok(Json::Object(fields));
            }
            if !self.eat(b',') {
                return Err(self.expected("`,` or `}`"));
            }
        }
    }

    fn expected(&self, what: &str) -> String {
        if self.at >= self.text.len() {
            format!("{what} is missing at the end")
        } else {
            format!("{what} expected at {}", self.rest())
        }
    }

    fn string(&mut self) -> Result<Cow<'t, str>, String> {
        self.at += 1;
        let start = self.at;
        let bytes = self.text.as_bytes();
        while let Some(byte) = bytes.get(self.at) {
            match byte {
                b'"' => {
                    self.at += 1;
                    return Ok(Cow::Borrowed(&self.text[start..self.at - 1]));
                }
                b'\\' => return self.escaped(start),
                0..0x20 => return Err("a control character in a text".to_owned()),
                _ => self.at += 1,
            }
        }
        Err("a text does not end".to_owned())
    }

    /// The rest of a string that has an escape here.
    fn escaped(&mut self, start: usize) -> Result<Cow<'t, str>, String> {
        let mut text = self.text[start..self.at].to_owned();
        loop {
            let mut chars = self.text[self.at..].chars();
            match chars.next() {
                None => return Err("a text does not end".to_owned()),
                Some('"') => {
                    self.at += 1;
                    return Ok(Cow::Owned(text));
                }
                Some('\\') => {
                    self.at += 1;
                    let escape = self.escape()?;
                    text.push(escape);
                }
                Some(char) if char < ' ' => return Err("a control character in a text".to_owned()),
                Some(char) => {
                    text.push(char);
                    self.at += char.len_utf8();
                }
            }
        }
    }

    fn escape(&mut self) -> Result<char, String> {
        let byte = self.peek().ok_or("a text does not end")?;
        if !byte.is_ascii() {
            return Err(format!("no such escape: {}", self.rest()));
        }
        self.at += 1;
        Ok(match byte {
            b'n' => '\n',
            b't' => '\t',
            b'r' => '\r',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'"' | b'\\' | b'/' => char::from(byte),
            b'u' => return self.unicode(),
            _ => return Err(format!("no such escape: `\\{}`", char::from(byte))),
        })
    }

    fn unicode(&mut self) -> Result<char, String> {
        let first = self.hex()?;
        let code = if (0xD800..0xDC00).contains(&first) && self.text[self.at..].starts_with("\\u") {
            self.at += 2;
            let second = self.hex()?;
            let low = second.checked_sub(0xDC00).filter(|low| *low < 0x400);
            0x10000 + ((first - 0xD800) << 10) + low.ok_or("half a character")?
        } else {
            first
        };
        char::from_u32(code).ok_or_else(|| "half a character".to_owned())
    }

    fn hex(&mut self) -> Result<u32, String> {
        let digits = self.text.get(self.at..self.at + 4).ok_or("`\\u` without four digits")?;
        self.at += 4;
        u32::from_str_radix(digits, 16).map_err(|_| "`\\u` without four digits".to_owned())
    }
}

/// Appends a text in quotes.
pub(super) fn write_text(out: &mut String, text: &str) {
    out.push('"');
    for char in text.chars() {
        match char {
            '"' | '\\' => {
                out.push('\\');
                out.push(char);
            }
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            char if char < ' ' => {
                let _ = write!(out, "\\u{:04x}", u32::from(char));
            }
            char => out.push(char),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::{Json, write_text};

    #[test]
    fn what_is_written_is_read_back() {
        for text in ["", "plain", "a \"quoted\" \\ one", "line\nbreak\t\u{1}", "ü 漢 🦀"] {
            let mut json = String::new();
            write_text(&mut json, text);
            assert_eq!(Json::parse(&json), Ok(Json::Text(text.into())), "{json}");
        }
    }

    #[test]
    fn values_are_what_they_say() {
        let value =
            Json::parse(r#" {"a": [1, -2, null, true], "b": "\ud83e\udd80\u0041\/", "c": 1.5e3} "#);
        let value = value.unwrap();
        assert_eq!(value.field("a").unwrap().as_array().unwrap()[1].as_i64(), Some(-2));
        assert_eq!(value.field("b").unwrap().as_text(), Some("🦀A/"));
        assert_eq!(value.field("c"), Some(&Json::Number("1.5e3")));
        assert_eq!(Json::parse("18446744073709551615").unwrap().as_u64(), Some(u64::MAX));
    }

    #[test]
    fn nonsense_is_told_and_never_a_panic() {
        let wrong = [
            "",
            "{",
            "[1",
            "[1,]",
            "{\"a\"}",
            "{\"a\":}",
            "{a:1}",
            "\"a",
            "\"\\",
            "\"\\u12",
            "\"\\ü\"",
            "\"\\ud800\"",
            "nul",
            "1 2",
            "-",
            "--1",
            "\"\u{1}\"",
            "\"\\ud800\\u0041\"",
            "\"\\uüüüü\"",
        ];
        for text in wrong {
            assert!(Json::parse(text).is_err(), "{text}");
        }
        assert!(Json::parse(&"[".repeat(100_000)).unwrap_err().contains("deeper"));
    }
}

//! Finds out which form a text has.

use crate::testkit::forms::{elle, lines};
use crate::testkit::history::{History, ParseError};
use crate::testkit::json::Json;

impl History {
    /// Reads a history from a text: one JSON object a line, as [`History::to_json_lines`]
    /// writes it, or as Elle and `adya` do (appends to lists, or writes of registers).
    ///
    /// O(n) in the text, up to sorting.
    ///
    /// # Errors
    /// If the text is no history; it tells the line and what is wrong with it.
    ///
    /// ```
    /// use precedent::testkit::History;
    /// let text = r#"{"index":0,"type":"invoke","process":0,"value":[["r",1,null],["w",1,7]]}
    ///               {"index":1,"type":"ok","process":0,"value":[["r",1,null],["w",1,7]]}"#;
    /// assert_eq!(History::parse(text)?.len(), 1);
    /// assert_eq!(History::parse("{\"tx\":1}").unwrap_err().line(), 1);
    /// # Ok::<(), precedent::testkit::ParseError>(())
    /// ```
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let mut lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        let Some((number, first)) = lines.next() else { return Ok(Self::default()) };
        let value = Json::parse(first).map_err(|what| ParseError::new(number + 1, what))?;
        if value.field("type").is_some() {
            return elle::parse(text);
        }
        if value.field("tx").is_none() && value.field("table").is_none() {
            let what = "neither a transaction (`tx`), a table (`table`) nor an operation of Elle's \
                        (`type`)";
            return Err(ParseError::new(number + 1, what));
        }
        lines::parse(text)
    }
}

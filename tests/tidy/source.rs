//! A Rust source text as the rules see it: without comments and literals, and as paths.

/// One file. `code` and `comments` have the same lines and columns as `text`; what does
/// not belong to them is blank.
pub struct Source {
    pub path: String,
    pub text: String,
    pub code: String,
    pub comments: String,
}

/// A function with its first and last line, counted from 1.
pub struct Function {
    pub name: String,
    pub first_line: usize,
    pub last_line: usize,
}

impl Source {
    pub fn new(path: &str, text: &str) -> Self {
        let (code, comments) = split(text);
        Self { path: path.to_owned(), text: text.to_owned(), code, comments }
    }

    /// The same without items under `#[cfg(test)]` or `#[cfg(all(test, ..))]`.
    pub fn without_tests(&self) -> Self {
        let items = test_items(&self.code);
        let blanked = |text: &str| {
            let mut bytes = text.as_bytes().to_vec();
            items.iter().for_each(|(start, end)| blank(&mut bytes[*start..*end]));
            String::from_utf8(bytes).expect("only whole items were blanked")
        };
        Self {
            path: self.path.clone(),
            text: blanked(&self.text),
            code: blanked(&self.code),
            comments: blanked(&self.comments),
        }
    }

    /// The text of the items that `without_tests` leaves out.
    pub fn tests(&self) -> String {
        test_items(&self.code).iter().map(|(start, end)| &self.text[*start..*end]).collect()
    }

    /// The names of modules that are declared under `#[cfg(test)]` and live elsewhere.
    pub fn test_modules(&self) -> Vec<String> {
        let declared = test_items(&self.code).into_iter().filter_map(|(start, end)| {
            let item = &self.code[start..end];
            let words: Vec<_> = words(item).map(|(_, word)| word).collect();
            let module = words.iter().position(|word| *word == "mod")?;
            item.trim_end().ends_with(';').then(|| words[module + 1].to_owned())
        });
        declared.collect()
    }

    /// The line, counted from 1, of a place in `code`.
    pub fn line_at(&self, place: usize) -> usize {
        self.code[..place].matches('\n').count() + 1
    }

    /// Every function that has a body.
    pub fn functions(&self) -> Vec<Function> {
        let mut functions = Vec::new();
        let mut all = words(&self.code);
        while let Some((place, word)) = all.next() {
            if word != "fn" {
                continue;
            }
            let Some((name_place, name)) = all.clone().next() else { break };
            // `fn(..)` is a type.
            if !self.code[place + 2..name_place].trim().is_empty() {
                continue;
            }
            if let Some(open) = body_start(&self.code, name_place) {
                functions.push(Function {
                    name: name.to_owned(),
                    first_line: self.line_at(place),
                    last_line: self.line_at(matching_brace(&self.code, open)),
                });
            }
        }
        functions
    }

    /// Every path of at least two segments, `use` trees written out: (place, path).
    pub fn paths(&self) -> Vec<(usize, String)> {
        let code = &self.code;
        let mut found = Vec::new();
        let mut next = 0;
        while let Some(place) = word_start(code, next) {
            next = expand(code, place, "", &mut found).max(place + 1);
        }
        found.retain(|(_, path)| path.contains("::"));
        found
    }
}

/// Words (identifiers and keywords) with their places.
pub fn words(code: &str) -> impl Iterator<Item = (usize, &str)> + Clone {
    let mut next = 0;
    std::iter::from_fn(move || {
        let start = word_start(code, next)?;
        next = word_end(code, start);
        Some((start, &code[start..next]))
    })
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

fn word_start(code: &str, from: usize) -> Option<usize> {
    let found = code.as_bytes()[from..].iter().position(|byte| is_word(*byte))?;
    Some(from + found)
}

fn word_end(code: &str, start: usize) -> usize {
    let rest = &code.as_bytes()[start..];
    start + rest.iter().position(|byte| !is_word(*byte)).unwrap_or(rest.len())
}

fn skip_space(code: &str, from: usize) -> usize {
    from + (code[from..].len() - code[from..].trim_start().len())
}

/// Writes out the path or the tree of paths that starts here; returns where it ends.
fn expand(code: &str, start: usize, prefix: &str, found: &mut Vec<(usize, String)>) -> usize {
    let mut path = prefix.to_owned();
    let mut place = start;
    loop {
        match code.as_bytes().get(place) {
            Some(b'*') => {
                found.push((start, path + "*"));
                return place + 1;
            }
            Some(b'{') if path.ends_with("::") => {
                place = skip_space(code, place + 1);
                while place < code.len() && code.as_bytes()[place] != b'}' {
                    place = expand(code, place, &path, found);
                    let rest = &code[place..];
                    place += rest.find([',', '}']).unwrap_or(rest.len());
                    if code[place..].starts_with(',') {
                        place = skip_space(code, place + 1);
                    }
                }
                return place + 1;
            }
            Some(byte) if is_word(*byte) => {
                let end = word_end(code, place);
                path.push_str(&code[place..end]);
                place = skip_space(code, end);
            }
            _ => break,
        }
        if !code[place..].starts_with("::") {
            break;
        }
        path.push_str("::");
        place = skip_space(code, place + 2);
    }
    found.push((start, path.trim_end_matches("::").to_owned()));
    place.max(start + 1)
}

/// Where the body of the function with its name here opens; none if it has no body.
fn body_start(code: &str, name_place: usize) -> Option<usize> {
    let mut depth = 0_usize;
    for (offset, byte) in code.as_bytes()[name_place..].iter().enumerate() {
        match byte {
            b'(' | b'[' => depth += 1,
            b')' | b']' => depth = depth.checked_sub(1)?,
            b'{' if depth == 0 => return Some(name_place + offset),
            b';' if depth == 0 => return None,
            _ => {}
        }
    }
    None
}

fn matching_brace(code: &str, open: usize) -> usize {
    let mut depth = 0;
    for (offset, byte) in code.as_bytes()[open..].iter().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return open + offset;
        }
    }
    code.len() - 1
}

/// Start and end of every item that only tests compile, its attributes included.
fn test_items(code: &str) -> Vec<(usize, usize)> {
    let mut items = Vec::new();
    let mut from = 0;
    while let Some(found) = code[from..].find("#[cfg(") {
        let start = from + found;
        let attribute_end = start + code[start..].find(']').unwrap_or(0) + 1;
        let condition: String = code[start..attribute_end].split_whitespace().collect();
        from = attribute_end;
        if condition.starts_with("#[cfg(test)") || condition.starts_with("#[cfg(all(test,") {
            let item = skip_attributes(code, attribute_end);
            let open = body_start(code, item);
            let semicolon = code[item..].find(';').map_or(code.len(), |found| item + found);
            let end = open.map_or(semicolon, |open| matching_brace(code, open));
            items.push((start, end + 1));
            from = end + 1;
        }
    }
    items
}

fn skip_attributes(code: &str, from: usize) -> usize {
    let mut place = skip_space(code, from);
    while code[place..].starts_with("#[") {
        let Some(end) = code[place..].find(']') else { break };
        place = skip_space(code, place + end + 1);
    }
    place
}

fn blank(bytes: &mut [u8]) {
    for byte in bytes.iter_mut().filter(|byte| **byte != b'\n') {
        *byte = b' ';
    }
}

/// Code without comments and literals, and comments without code.
fn split(text: &str) -> (String, String) {
    let mut code = text.as_bytes().to_vec();
    let mut comments = text.as_bytes().to_vec();
    let mut place = 0;
    while place < text.len() {
        let (length, kind) = token(&text[place..], previous_is_word(text, place));
        match kind {
            Token::Comment => blank(&mut code[place..place + length]),
            Token::Literal => {
                blank(&mut code[place..place + length]);
                blank(&mut comments[place..place + length]);
            }
            Token::Code => blank(&mut comments[place..place + length]),
        }
        place += length;
    }
    let utf8 = "whole tokens were blanked";
    (String::from_utf8(code).expect(utf8), String::from_utf8(comments).expect(utf8))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Token {
    Code,
    Comment,
    Literal,
}

fn previous_is_word(text: &str, place: usize) -> bool {
    place > 0 && is_word(text.as_bytes()[place - 1])
}

/// The length and the kind of what `rest` starts with.
fn token(rest: &str, after_word: bool) -> (usize, Token) {
    if rest.starts_with("//") {
        return (rest.find('\n').unwrap_or(rest.len()), Token::Comment);
    }
    if rest.starts_with("/*") {
        return (block_comment(rest), Token::Comment);
    }
    let literal = if after_word { None } else { prefixed_string(rest) };
    if let Some(length) = literal.or_else(|| plain_string(rest)).or_else(|| character(rest)) {
        return (length, Token::Literal);
    }
    (rest.chars().next().map_or(1, char::len_utf8), Token::Code)
}

fn block_comment(rest: &str) -> usize {
    let mut depth = 0;
    let mut place = 0;
    while place < rest.len() {
        let here = &rest.as_bytes()[place..];
        if here.starts_with(b"/*") {
            depth += 1;
            place += 2;
        } else if here.starts_with(b"*/") {
            depth -= 1;
            place += 2;
        } else {
            place += 1;
        }
        if depth == 0 {
            return place;
        }
    }
    rest.len()
}

/// `r"…"`, `r#"…"#`, `b"…"`, `br"…"`, `c"…"`, `b'…'`.
fn prefixed_string(rest: &str) -> Option<usize> {
    let prefix = rest.len() - rest.trim_start_matches(['b', 'c', 'r']).len();
    if prefix == 0 || prefix > 2 {
        return None;
    }
    let body = &rest[prefix..];
    if rest[..prefix].contains('r') {
        let hashes = body.len() - body.trim_start_matches('#').len();
        let end = format!("\"{}", "#".repeat(hashes));
        let content = body[hashes..].strip_prefix('"')?;
        let length = content.find(&end).map_or(content.len(), |found| found + end.len());
        return Some(prefix + hashes + 1 + length);
    }
    let length = plain_string(body).or_else(|| character(body))?;
    Some(prefix + length)
}

fn plain_string(rest: &str) -> Option<usize> {
    let content = rest.strip_prefix('"')?;
    Some(1 + closing(content, b'"').unwrap_or(content.len()))
}

/// A character, as opposed to a lifetime.
fn character(rest: &str) -> Option<usize> {
    let content = rest.strip_prefix('\'')?;
    let first = content.chars().next()?;
    let is_character = first == '\\' || content[first.len_utf8()..].starts_with('\'');
    if is_character { Some(1 + closing(content, b'\'')?) } else { None }
}

/// Just after the closing quote, escapes skipped.
fn closing(content: &str, quote: u8) -> Option<usize> {
    let mut escaped = false;
    for (place, byte) in content.bytes().enumerate() {
        if escaped {
            escaped = false;
        } else if byte == b'\\' {
            escaped = true;
        } else if byte == quote {
            return Some(place + 1);
        }
    }
    None
}

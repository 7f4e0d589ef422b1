//! Rust text, read as far as the house rules need it.
//!
//! ```text
//! text --split--> code        comments and literals blanked, line breaks kept
//!             \-> comments    everything but comments blanked, line breaks kept
//! code --test modules blanked--> production
//! ```
//!
//! Not a parser: it knows comments, strings, character literals, braces and words, and nothing of
//! types. That is enough, because rustfmt and the compiler have already agreed on the rest.
//! Invariant: every view of a file has as many lines as its text.

use std::ops::Range;

/// One Rust file and its views.
pub(crate) struct Source {
    pub(crate) path: String,
    pub(crate) text: String,
    /// Without comments, strings and character literals.
    pub(crate) code: String,
    /// Comments alone.
    pub(crate) comments: String,
    /// Code outside `#[cfg(test)]` modules; empty of words in a file of tests.
    pub(crate) production: String,
    /// Code inside them; all code in a file of tests.
    pub(crate) tests: String,
}

/// One function with a body; offsets and lines are those of the text it was found in.
pub(crate) struct Function {
    pub(crate) name: String,
    pub(crate) begin: usize,
    pub(crate) first_line: usize,
    pub(crate) last_line: usize,
    pub(crate) body: String,
}

impl Source {
    pub(crate) fn new(path: &str, text: &str) -> Self {
        let (code, comments) = split(text);
        let ranges = if is_test_file(path) {
            std::iter::once(0..code.len()).collect()
        } else {
            test_modules(&code)
        };
        let within = |at| ranges.iter().any(|range: &Range<usize>| range.contains(&at));
        Self {
            path: path.to_owned(),
            text: text.to_owned(),
            production: keep(&code, |at| !within(at)),
            tests: keep(&code, within),
            code,
            comments,
        }
    }

    /// Lines that count towards a file's size: no tests, no doc comments, no blank lines.
    pub(crate) fn counted_lines(&self) -> usize {
        let masked = self.code.lines().zip(self.tests.lines()).zip(self.text.lines());
        masked
            .filter(|((code, tests), text)| {
                let is_test = !tests.trim().is_empty() && tests == code;
                let text = text.trim_start();
                let is_doc = text.starts_with("//!") || text.starts_with("///");
                !is_test && !is_doc && !text.is_empty()
            })
            .count()
    }

    /// Where the file stands: `src/a/b.rs` and `src/a/b/mod.rs` are both `a`, `b`.
    pub(crate) fn module_path(&self) -> Vec<String> {
        let inside = self.path.strip_prefix("src/").unwrap_or(&self.path);
        let inside = inside.strip_suffix(".rs").unwrap_or(inside);
        let inside = inside.strip_suffix("/mod").unwrap_or(inside);
        inside.split('/').map(str::to_owned).collect()
    }
}

fn is_test_file(path: &str) -> bool {
    path.starts_with("tests/")
        || path.contains("/tests/")
        || path.ends_with("/tests.rs")
        || path.starts_with("src/log/models")
}

fn keep(text: &str, wanted: impl Fn(usize) -> bool) -> String {
    let blank = |(at, c)| if c == '\n' || wanted(at) { c } else { ' ' };
    text.char_indices().map(blank).collect()
}

enum Kind {
    Code,
    Comment,
    Literal,
}

/// The two views: code alone and comments alone.
pub(crate) fn split(text: &str) -> (String, String) {
    let (mut code, mut comments) = (String::new(), String::new());
    let mut rest = text;
    while !rest.is_empty() {
        let after_word = code.chars().next_back().is_some_and(is_word);
        let (kind, len) = next_token(rest, after_word);
        let (token, behind) = rest.split_at(len);
        let blank: String = token.chars().map(|c| if c == '\n' { c } else { ' ' }).collect();
        code.push_str(if matches!(kind, Kind::Code) { token } else { &blank });
        comments.push_str(if matches!(kind, Kind::Comment) { token } else { &blank });
        rest = behind;
    }
    (code, comments)
}

fn next_token(rest: &str, after_word: bool) -> (Kind, usize) {
    if rest.starts_with("//") {
        return (Kind::Comment, rest.find('\n').unwrap_or(rest.len()));
    }
    if rest.starts_with("/*") {
        return (Kind::Comment, block_comment_len(rest));
    }
    if !after_word && let Some(len) = raw_string_len(rest) {
        return (Kind::Literal, len);
    }
    if rest.starts_with('"') {
        return (Kind::Literal, string_len(rest));
    }
    if let Some(len) = character_len(rest) {
        return (Kind::Literal, len);
    }
    (Kind::Code, rest.chars().next().map_or(1, char::len_utf8))
}

fn block_comment_len(rest: &str) -> usize {
    let (mut depth, mut at) = (0usize, 0usize);
    while let Some(here) = rest.get(at..).filter(|here| !here.is_empty()) {
        if here.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if here.starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += here.chars().next().map_or(1, char::len_utf8);
        }
    }
    rest.len()
}

fn raw_string_len(rest: &str) -> Option<usize> {
    let marked = ["br", "cr", "r"].iter().find_map(|prefix| rest.strip_prefix(prefix))?;
    let quoted = marked.trim_start_matches('#');
    let end = format!("\"{}", "#".repeat(marked.len() - quoted.len()));
    let inside = quoted.strip_prefix('"')?;
    let len = inside.find(&end).map_or(inside.len(), |at| at + end.len());
    Some(rest.len() - inside.len() + len)
}

fn string_len(rest: &str) -> usize {
    let mut is_escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// `None` when the quote begins a lifetime.
fn character_len(rest: &str) -> Option<usize> {
    let inside = rest.strip_prefix('\'')?;
    if inside.starts_with('\\') {
        let escaped = inside.get(2..)?;
        return Some(3 + escaped.find('\'')? + 1);
    }
    let c = inside.chars().next()?;
    inside.get(c.len_utf8()..)?.starts_with('\'').then_some(c.len_utf8() + 2)
}

pub(crate) fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Every word of the text and where it begins.
pub(crate) fn words(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(begin) = rest.find(is_word) {
        let (_, from) = rest.split_at(begin);
        let len = from.find(|c| !is_word(c)).unwrap_or(from.len());
        let (word, behind) = from.split_at(len);
        found.push((text.len() - from.len(), word));
        rest = behind;
    }
    found
}

/// The line of a byte offset, counted from one.
pub(crate) fn line_of(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
}

/// The first place from `begin` on where the nesting falls below where it began, or where one of
/// `stops` stands at the level it began on.
pub(crate) fn scan_level(code: &str, begin: usize, stops: &[char]) -> Option<usize> {
    let mut depth = 0usize;
    for (at, c) in code.char_indices().skip_while(|(at, _)| *at < begin) {
        if depth == 0 && stops.contains(&c) {
            return Some(at);
        }
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' if depth == 0 => return Some(at),
            ')' | ']' | '}' => depth -= 1,
            _ => {}
        }
    }
    None
}

/// Every function that has a body, nested ones included.
pub(crate) fn functions(code: &str) -> Vec<Function> {
    let words = words(code);
    let mut found = Vec::new();
    for (keyword, name) in words.iter().zip(words.iter().skip(1)) {
        let between = code.get(keyword.0 + 2..name.0).unwrap_or("x");
        if keyword.1 != "fn" || !between.trim().is_empty() {
            continue;
        }
        let Some(open) = scan_level(code, name.0, &['{', ';']) else { continue };
        if !code.get(open..).is_some_and(|body| body.starts_with('{')) {
            continue;
        }
        let Some(close) = scan_level(code, open + 1, &[]) else { continue };
        found.push(Function {
            name: name.1.to_owned(),
            begin: keyword.0,
            first_line: line_of(code, keyword.0),
            last_line: line_of(code, close),
            body: code.get(open..close).unwrap_or("").to_owned(),
        });
    }
    found
}

fn test_modules(code: &str) -> Vec<Range<usize>> {
    const MARK: &str = "#[cfg(test)]";
    let mut found = Vec::new();
    for (begin, _) in code.match_indices(MARK) {
        let mut rest = code.get(begin + MARK.len()..).unwrap_or("").trim_start();
        while rest.starts_with("#[") {
            let begin = code.len() - rest.len() + 2;
            let end = scan_level(code, begin, &[]).unwrap_or(code.len());
            rest = code.get(end + 1..).unwrap_or("").trim_start();
        }
        let Some(open) = scan_level(code, code.len() - rest.len(), &['{', ';']) else { continue };
        let is_inline = code.get(open..).is_some_and(|body| body.starts_with('{'));
        if rest.starts_with("mod ") && is_inline {
            let end = scan_level(code, open + 1, &[]).map_or(code.len(), |close| close + 1);
            found.push(begin..end);
        }
    }
    found
}

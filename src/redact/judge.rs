//! Judgements: whether what a pattern matched is a secret, and which part of it.

use super::{keys, mask};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use regex::Captures;
use std::ops::Range;

/// What a judgement is given: the captures of a match and the whole text.
pub(super) type Judge = fn(&Captures<'_>, &str) -> Option<Range<usize>>;

/// The first group that took part, or everything.
fn part(captures: &Captures<'_>) -> Option<Range<usize>> {
    let group = captures.iter().skip(1).flatten().next();
    group.or_else(|| captures.get(0)).map(|found| found.range())
}

fn is_word_before(text: &str, at: usize) -> bool {
    at.checked_sub(1)
        .and_then(|before| text.as_bytes().get(before))
        .is_some_and(u8::is_ascii_alphanumeric)
}

fn is_word_behind(text: &str, at: usize) -> bool {
    text.as_bytes().get(at).is_some_and(u8::is_ascii_alphanumeric)
}

/// A match is a secret.
pub(super) fn whole(captures: &Captures<'_>, _: &str) -> Option<Range<usize>> {
    part(captures)
}

/// A match that does not begin inside a word.
pub(super) fn left(captures: &Captures<'_>, text: &str) -> Option<Range<usize>> {
    part(captures).filter(|range| !is_word_before(text, range.start))
}

/// A match that does not end inside a word.
pub(super) fn right(captures: &Captures<'_>, text: &str) -> Option<Range<usize>> {
    part(captures).filter(|range| !is_word_behind(text, range.end))
}

/// A match that is a word of its own.
pub(super) fn token(captures: &Captures<'_>, text: &str) -> Option<Range<usize>> {
    left(captures, text).filter(|range| !is_word_behind(text, range.end))
}

/// Whether a text stands for a value that is filled in elsewhere, or was taken out already.
fn is_placeholder(value: &str) -> bool {
    let begins = ["${", "{{", "{", "$(", "<", "%(", "%s", "$"];
    let is_one_mark = value.chars().all(|c| matches!(c, '*' | '.' | '•' | 'x' | 'X' | '-' | '_'));
    value.is_empty()
        || mask::is_mask(value)
        || is_one_mark
        || begins.iter().any(|begin| value.starts_with(begin))
}

/// A match that is no placeholder.
pub(super) fn filled(captures: &Captures<'_>, text: &str) -> Option<Range<usize>> {
    part(captures).filter(|range| !text.get(range.clone()).is_none_or(is_placeholder))
}

fn has_digit(text: &str) -> bool {
    text.bytes().any(|byte| byte.is_ascii_digit())
}

fn has_letter(text: &str) -> bool {
    text.bytes().any(|byte| byte.is_ascii_alphabetic())
}

/// A match with letters and digits, as random text has them.
pub(super) fn random(captures: &Captures<'_>, text: &str) -> Option<Range<usize>> {
    let range = filled(captures, text)?;
    let value = text.get(range.clone())?;
    (has_digit(value) && has_letter(value)).then_some(range)
}

/// Whether the words before `at` name an authorization header, or there are none.
fn is_header(text: &str, at: usize) -> bool {
    let before =
        text.get(..at).unwrap_or_default().trim_end_matches([' ', ':', '=', '"', '\'', '\\', '\t']);
    let tail = before.len().saturating_sub("authorization".len());
    before.is_empty()
        || before.get(tail..).is_some_and(|tail| tail.eq_ignore_ascii_case("authorization"))
}

/// What stands behind `Bearer`, unless it is a word of a sentence.
pub(super) fn bearer(captures: &Captures<'_>, text: &str) -> Option<Range<usize>> {
    let range = filled(captures, text)?;
    let value = text.get(range.clone())?;
    let begin = captures.get(0)?.start();
    let is_random = has_digit(value) || value.len() >= 24;
    let is_all = range.end == text.len() && begin == 0;
    (is_random || is_all || (begin > 0 && is_header(text, begin))).then_some(range)
}

/// What stands behind `Basic`, when it decodes to a name and a password (RFC 7617).
pub(super) fn basic(captures: &Captures<'_>, text: &str) -> Option<Range<usize>> {
    let range = part(captures)?;
    let value = text.get(range.clone())?.trim_end_matches('=');
    let decoded = STANDARD_NO_PAD.decode(value).or_else(|_| URL_SAFE_NO_PAD.decode(value)).ok()?;
    let decoded = String::from_utf8(decoded).ok()?;
    let is_pair = decoded.contains(':') && !decoded.chars().any(char::is_control);
    is_pair.then_some(range)
}

/// Name and value of a match that has them in two groups.
fn name_and_value<'t>(captures: &Captures<'t>) -> Option<(&'t str, regex::Match<'t>)> {
    let mut groups = captures.iter().skip(1).flatten();
    Some((groups.next()?.as_str(), groups.next()?))
}

fn is_secret_name(name: &str) -> bool {
    keys::rule_of(&keys::normalise(name)).is_some()
}

/// The value without the quotes around it.
fn unquoted(value: &regex::Match<'_>) -> (Range<usize>, bool) {
    let text = value.as_str();
    let quotes = [('"', '"'), ('\'', '\'')];
    let is_quoted =
        |(begin, end)| text.len() >= 2 && text.starts_with(begin) && text.ends_with(end);
    match quotes.into_iter().any(is_quoted) {
        true => (value.start() + 1..value.end() - 1, true),
        false => (value.range(), false),
    }
}

/// A range with what follows it, up to one of the bytes that end a value.
fn extended(text: &str, range: Range<usize>, ends: &[u8]) -> Range<usize> {
    let behind = text.as_bytes().get(range.end..).unwrap_or_default();
    let is_end = |byte: &u8| ends.contains(byte) || byte.is_ascii_whitespace();
    range.start..range.end + behind.iter().position(is_end).unwrap_or(behind.len())
}

/// The value of a query parameter with a sensitive name.
pub(super) fn parameter(captures: &Captures<'_>, text: &str) -> Option<Range<usize>> {
    let (name, value) = name_and_value(captures)?;
    let is_secret = is_secret_name(name) && !is_placeholder(value.as_str());
    is_secret.then(|| extended(text, value.range(), b"&#\"'<>\\"))
}

/// The quoted value behind a quoted sensitive name: JSON within a text, or what is printed of it.
pub(super) fn pair(captures: &Captures<'_>, _: &str) -> Option<Range<usize>> {
    let (name, value) = name_and_value(captures)?;
    let text = value.as_str();
    let is_scheme =
        text.trim().eq_ignore_ascii_case("bearer") || text.trim().eq_ignore_ascii_case("basic");
    let is_secret = is_secret_name(name) && !is_placeholder(text) && !is_scheme;
    is_secret.then(|| value.range())
}

/// Whether an unquoted value is what a programme would compute rather than a value.
fn is_expression(value: &str) -> bool {
    value.contains(['(', '[', '{', '`', '$'])
        || matches!(
            value,
            "true" | "false" | "null" | "None" | "nil" | "undefined" | "True" | "False"
        )
}

/// The value given to a sensitive name with `=`, unless it is the code of a programme.
pub(super) fn assignment(captures: &Captures<'_>, text: &str) -> Option<Range<usize>> {
    let (name, value) = name_and_value(captures)?;
    let (range, is_quoted) = unquoted(&value);
    // A refused value is read again from its beginning, so only a little of it may be looked at.
    let end = text.floor_char_boundary(range.end + JUDGED_BYTES).min(text.len());
    let seen = text.get(..end).unwrap_or(text);
    let range = if is_quoted { range } else { extended(seen, range, b"\"'&;,") };
    let inner = text.get(range.clone())?;
    if !is_secret_name(name) || is_placeholder(inner) {
        return None;
    }
    let is_env = !name.bytes().any(|byte| byte.is_ascii_lowercase());
    let is_plain = !is_expression(inner);
    let is_telling =
        has_digit(inner) || inner.bytes().any(|b| matches!(b, b'!' | b'@' | b'#' | b'%'));
    let is_name =
        inner.contains('.') && inner.split('.').all(|word| !word.is_empty() && !has_digit(word));
    let is_secret = match (is_quoted, is_env) {
        (true, _) => is_plain,
        (false, true) => is_plain && !is_name,
        (false, false) => is_plain && is_telling && !is_name,
    };
    is_secret.then(|| if is_quoted { range } else { extended(text, range, b"\"'&;,") })
}

/// How much of a value behind its first part is judged.
const JUDGED_BYTES: usize = 64;

/// The value behind a command's flag with a sensitive name.
pub(super) fn flag(captures: &Captures<'_>, text: &str) -> Option<Range<usize>> {
    let (name, value) = name_and_value(captures)?;
    let (range, _) = unquoted(&value);
    let inner = text.get(range.clone())?;
    let is_meta =
        inner.eq_ignore_ascii_case(name) || inner.starts_with('-') || is_expression(inner);
    let is_stdin = captures.get(0)?.as_str().trim_end().ends_with("-stdin");
    (is_secret_name(name) && !is_placeholder(inner) && !is_meta && !is_stdin).then_some(range)
}

/// The password of a connection string: between semicolons, beside other keys.
pub(super) fn connection(captures: &Captures<'_>, text: &str) -> Option<Range<usize>> {
    let range = filled(captures, text)?;
    let value = text.get(range.clone())?.trim_end();
    let lower = text.to_ascii_lowercase();
    let beside =
        ["server", "host", "data source", "uid", "user", "database", "driver", "endpoint", "dsn"];
    let is_beside = beside.iter().any(|key| lower.contains(key));
    let is_secret = is_beside && !is_expression(value) && !value.is_empty();
    is_secret.then(|| range.start..range.start + value.len())
}

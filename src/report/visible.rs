//! Making text visible: characters that do something, or nothing one can see, appear as `\u{202e}`.
//!
//! Agents choose their names and would like to write right to left, retitle a window, or hide
//! behind a name that looks like another one. Quoting for HTML or Markdown is the renderers'; this
//! is about what a faithful renderer would still show wrongly.

use std::borrow::Cow;

/// Control and format characters: C0 and C1, soft hyphen, direction marks and overrides, invisible
/// separators and joiners, byte order mark, annotations, tags.
///
/// The joiners U+200C and U+200D stay: scripts and emoji need them.
const fn is_active(c: char) -> bool {
    matches!(c,
        '\u{0}'..='\u{1f}' | '\u{7f}'..='\u{9f}'
        | '\u{ad}' | '\u{61c}' | '\u{180e}'
        | '\u{200b}' | '\u{200e}' | '\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e0fff}'
    )
}

/// The text with every active character spelled out.
pub(super) fn visible(text: &str) -> Cow<'_, str> {
    if !text.contains(is_active) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match is_active(c) {
            true => shown.extend(c.escape_unicode()),
            false => shown.push(c),
        }
    }
    Cow::Owned(shown)
}

/// As [`visible`], cut to `chars_max` characters with an ellipsis: for places where a long name
/// would push everything else away.
#[cfg(any(feature = "html", test))]
pub(super) fn shortened(text: &str, chars_max: usize) -> String {
    match text.char_indices().nth(chars_max) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
    }
}

/// A number with a comma between each three digits.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_active_is_left_and_the_rest_stays() {
        let nasty = "a\u{1b}]0;x\u{7}\u{202e}gpj.exe\u{e0041}\r\n\u{9b}";
        let shown = visible(nasty);
        assert!(!shown.contains(is_active), "{shown}");
        assert!(shown.starts_with("a\\u{1b}]0;x\\u{7}\\u{202e}gpj"), "{shown}");
        let plain = "did:web:größe.例え 👩‍🚀 <b>";
        assert_eq!(visible(plain), plain);
    }

    #[test]
    fn numbers_and_long_names_are_readable() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!(shortened("größe", 5), "größe");
        assert_eq!(shortened("größer", 5), "größe…");
    }
}

//! Escaping: texts of agents on a terminal.
//!
//! An agent chooses its name, its resources and its data, and would like to move the cursor,
//! retitle the window, or write right to left. Shown are printable characters only; the others
//! appear as `\u{1b}`. In JSON they become `\u001b`, which every parser reads back as they were.
//! Not here: deciding when; tables and errors are always escaped, JSON on terminals only.

use std::fmt::{self, Write as _};

/// Characters that do something, or nothing visible, instead of being seen.
const fn is_active(c: char) -> bool {
    matches!(c,
        '\u{0}'..='\u{1f}' | '\u{7f}'..='\u{9f}'        // C0, DEL, C1: ANSI, OSC, bells
        | '\u{ad}' | '\u{61c}' | '\u{180e}'             // soft hyphen, Arabic mark, Mongolian
        | '\u{200b}' | '\u{200e}' | '\u{200f}'          // zero width space, direction marks
        | '\u{2028}'..='\u{202e}'                       // separators, embeddings, overrides
        | '\u{2060}'..='\u{206f}'                       // joiners, isolates
        | '\u{feff}' | '\u{fff9}'..='\u{fffb}'          // byte order mark, annotations
        | '\u{e0000}'..='\u{e0fff}'                     // tags
    )
}

/// A text that is safe to show.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clean<'a> {
    text: &'a str,
    is_json: bool,
}

impl<'a> Clean<'a> {
    /// Plain text: active characters as `\u{..}`.
    pub(crate) fn text(text: &'a str) -> Self {
        Self { text, is_json: false }
    }

    /// Serialised JSON: active characters, which stand in its strings only, as `\u....`.
    pub(crate) fn json(text: &'a str) -> Self {
        Self { text, is_json: true }
    }
}

impl fmt::Display for Clean<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.text.contains(is_active) {
            return f.write_str(self.text);
        }
        for c in self.text.chars() {
            match c {
                _ if !is_active(c) => f.write_char(c)?,
                _ if self.is_json => {
                    let mut units = [0; 2];
                    for unit in c.encode_utf16(&mut units) {
                        write!(f, "\\u{unit:04x}")?;
                    }
                }
                _ => write!(f, "{}", c.escape_unicode())?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_active_gets_through_and_the_rest_stays() {
        let nasty = "\u{1b}]0;owned\u{7}\u{9b}31m\u{202e}abc\u{e0041}\r\n\u{200b}";
        let shown = Clean::text(nasty).to_string();
        assert!(!shown.contains(is_active), "{shown}");
        assert!(shown.starts_with("\\u{1b}]0;owned\\u{7}\\u{9b}31m\\u{202e}abc\\u{e0041}"));
        let plain = "did:web:größe.例え 🙂 👩‍🚀";
        assert_eq!(Clean::text(plain).to_string(), plain);
    }

    #[test]
    fn escaped_json_reads_back_as_it_was() {
        let value = serde_json::json!({"a": "\u{1b}[31m\u{9b}\u{202e}\u{e0041}x"});
        let text = serde_json::to_string(&value).unwrap();
        let shown = Clean::json(&text).to_string();
        assert!(!shown.contains(is_active), "{shown}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).unwrap(), value);
    }
}

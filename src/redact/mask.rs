//! Masks: what stands where a secret stood.
//!
//! ```text
//! mask  [redacted:RULE]        drop  null for a whole value, [redacted] in a text
//! hmac  [hmac:32 hex digits]
//! ```
//!
//! Invariant: a mask is never redacted again, so redacting twice is redacting once.

use super::key::RedactionKey;
use std::borrow::Cow;

/// What is put where a secret stood.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[non_exhaustive]
pub enum Mode {
    /// A mark that names the rule.
    Mask,
    /// Nothing of it: a whole value becomes `null`, a part of a text `[redacted]`.
    Drop,
    /// A keyed digest: the same secret gives the same mark, and only who has the key can test one.
    Hmac,
    /// Nothing is redacted.
    Off,
}

impl Mode {
    /// Every mode.
    pub const ALL: [Self; 4] = [Self::Mask, Self::Drop, Self::Hmac, Self::Off];

    /// The mode as one lower-case word, stable for scripts.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Mask => "mask",
            Self::Drop => "drop",
            Self::Hmac => "hmac",
            Self::Off => "off",
        }
    }

    /// The mode of this word.
    #[must_use]
    pub fn from_name(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.as_str() == word)
    }
}

const DROPPED: &str = "[redacted]";
const MASK_BEGIN: &str = "[redacted:";
const HMAC_BEGIN: &str = "[hmac:";
/// Longest mask; longer ones are no masks of ours.
const MASK_BYTES_MAX: usize = 96;

/// The text that replaces a secret inside a text; plain ASCII that JSON need not escape.
pub(super) fn mark(
    mode: Mode,
    key: Option<&RedactionKey>,
    rule: &str,
    secret: &str,
) -> Cow<'static, str> {
    match (mode, key) {
        (Mode::Drop | Mode::Off, _) => Cow::Borrowed(DROPPED),
        (Mode::Hmac, Some(key)) => Cow::Owned(format!("{HMAC_BEGIN}{}]", key.digest(secret))),
        _ => Cow::Owned(format!("{MASK_BEGIN}{rule}]")),
    }
}

/// A text without the masks in it.
pub(super) fn without_masks(text: &str) -> Cow<'_, str> {
    if !text.contains("[redacted") && !text.contains(HMAC_BEGIN) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(begin) = rest.find('[') {
        let (before, from) = rest.split_at_checked(begin).unwrap_or((rest, ""));
        let end = from.find(']').map_or(from.len(), |end| end + 1);
        let (part, behind) = from.split_at_checked(end).unwrap_or((from, ""));
        out += before;
        if !is_mask(part) {
            out += part;
        }
        rest = behind;
    }
    Cow::Owned(out + rest)
}

/// Whether a text is a mask and nothing else.
pub(super) fn is_mask(text: &str) -> bool {
    let inner = text.strip_prefix(MASK_BEGIN).or_else(|| text.strip_prefix(HMAC_BEGIN));
    let Some(name) = inner.and_then(|inner| inner.strip_suffix(']')) else {
        return text == DROPPED;
    };
    let is_good = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-' | b'#');
    !name.is_empty() && name.len() < MASK_BYTES_MAX && name.bytes().all(is_good)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_masks_and_nothing_else_is() {
        let key = RedactionKey::new([7; 32]).unwrap();
        for mode in Mode::ALL {
            assert!(is_mask(&mark(mode, Some(&key), "github-token", "x")), "{mode:?}");
            assert_eq!(Mode::from_name(mode.as_str()), Some(mode));
        }
        for text in ["", "[redacted:", "[redacted:a] b", "[redacted:A]", "[redacted:]", "[hmac:x"] {
            assert!(!is_mask(text), "{text}");
        }
    }

    #[test]
    fn the_digest_is_hmac_sha_256_over_a_label_and_the_secret_and_the_key_is_not_shown() {
        let key = RedactionKey::new(*b"0123456789abcdef").unwrap();
        let (one, other) =
            (mark(Mode::Hmac, Some(&key), "a", "s"), mark(Mode::Hmac, Some(&key), "b", "s"));
        assert_eq!(one, other);
        assert_eq!(one.len(), "[hmac:]".len() + 32);
        assert_eq!(format!("{key:?}"), "RedactionKey(..)");
        assert!(RedactionKey::new(*b"short").is_err());
    }
}

//! Bytes as text: base64 as RFC 4648 (section 4) defines it, with padding and nothing else.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The base64 text of these bytes.
#[must_use]
pub fn encode(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// The bytes of a base64 text; `None` for anything that [`encode`] would not have written.
#[must_use]
pub fn decode(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_one_text_of_some_bytes_is_read() {
        assert_eq!(decode("AAE=").as_deref(), Some(&[0u8, 1][..]));
        for wrong in ["AAE", "AAF=", "AA E=", "AAE=\n", "AAE==", "A", "-_8=", "=AAE"] {
            assert_eq!(decode(wrong), None, "{wrong:?}");
        }
        assert_eq!(decode(""), Some(Vec::new()));
    }
}

//! Redaction: secrets leave `data` here, before anything is hashed.
//!
//! Today the stage passes everything through; it stands in the path of every entry so that rules
//! can be added without moving anything else. Its place is settled: after the JSON check, before
//! salts and hashes, because what was hashed cannot be taken back.

use std::borrow::Cow;

/// What is left of a payload, and a record of what was taken out.
#[derive(Clone, Debug)]
pub(crate) struct Redacted<'a> {
    /// The payload to store.
    pub(crate) payload: Cow<'a, str>,
    /// JSON array of path, rule and mode; `None` when nothing was taken out.
    pub(crate) redactions: Option<String>,
}

/// Applies the rule set to a checked payload.
#[must_use]
pub(crate) fn redact(payload: Cow<'_, str>) -> Redacted<'_> {
    Redacted { payload, redactions: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_rules_a_payload_passes_unchanged() {
        let redacted = redact(Cow::Borrowed("{\"a\":1}"));
        assert_eq!((redacted.payload.as_ref(), redacted.redactions), ("{\"a\":1}", None));
    }
}

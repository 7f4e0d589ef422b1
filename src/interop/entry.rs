//! One line of the reference's `FileAuditSink`: nineteen fields, its hashes, its signature.
//!
//! ```text
//! content_hash = SHA-256 of 14 fields, previous_hash among them     the chain within a file
//! signature    = HMAC-SHA256(key, content_hash as hex text)
//! entry_hash   = SHA-256 of  9 fields, with another previous_hash   the chain in its memory
//! not hashed:    sandbox_id, environment, container_runtime
//! ```
//!
//! Whoever can check a signature can make one: the key is the same.

use super::json::{Canonical, Members, text_of};
use super::python::push_quoted;
use crate::error::{Error, ErrorKind, Result};
use crate::hash;
use crate::types::{hex, unhex};

/// What one line of such a file holds. Absent texts are `null` on the line.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct AgtEntry {
    /// Required.
    pub entry_id: String,
    /// Required; `isoformat()` text, hashed as it stands.
    pub timestamp: String,
    /// Required.
    pub event_type: String,
    /// Required.
    pub agent_did: String,
    /// Required.
    pub action: String,
    /// Resource.
    pub resource: Option<String>,
    /// The agent at the other end.
    pub target_did: Option<String>,
    /// A JSON object.
    pub data: Canonical,
    /// `success` where a line does not say.
    pub outcome: String,
    /// The policy's result in words.
    pub policy_decision: Option<String>,
    /// The rule that matched.
    pub matched_rule: Option<String>,
    /// Correlation id.
    pub trace_id: Option<String>,
    /// Session id.
    pub session_id: Option<String>,
    /// Stored and not hashed.
    pub sandbox_id: Option<String>,
    /// Stored and not hashed.
    pub environment: Option<String>,
    /// Stored and not hashed.
    pub container_runtime: Option<String>,
    /// `content_hash` of the line before; empty in the first line.
    pub previous_hash: String,
    /// Hex text over 14 fields, as the line says it.
    pub content_hash: String,
    /// Hex text of the HMAC, as the line says it.
    pub signature: String,
}

/// What a line said that the reference reads past.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct UnknownKeys {
    /// Keys that are no field of an entry.
    pub keys: Vec<String>,
    /// Whether a key stands twice in an object of the line.
    pub has_duplicates: bool,
}

/// A value on its way into a preimage or a line.
#[derive(Clone, Copy)]
enum Put<'a> {
    Text(&'a str),
    Maybe(&'a Option<String>),
    Json(&'a Canonical),
}

fn object(members: &[(&str, Put<'_>)]) -> String {
    let mut out = String::with_capacity(1024);
    for (key, value) in members {
        out.push_str(if out.is_empty() { "{" } else { ", " });
        push_quoted(&mut out, key);
        out.push_str(": ");
        match value {
            Put::Text(text) => push_quoted(&mut out, text),
            Put::Maybe(Some(text)) => push_quoted(&mut out, text),
            Put::Maybe(None) => out.push_str("null"),
            Put::Json(json) => out.push_str(json.as_str()),
        }
    }
    out.push('}');
    out
}

impl AgtEntry {
    /// The text over which the content hash is taken: 14 fields.
    #[must_use]
    pub fn content_text(&self) -> String {
        use Put::{Json, Maybe, Text};
        object(&[
            ("action", Text(&self.action)),
            ("agent_did", Text(&self.agent_did)),
            ("data", Json(&self.data)),
            ("entry_id", Text(&self.entry_id)),
            ("event_type", Text(&self.event_type)),
            ("matched_rule", Maybe(&self.matched_rule)),
            ("outcome", Text(&self.outcome)),
            ("policy_decision", Maybe(&self.policy_decision)),
            ("previous_hash", Text(&self.previous_hash)),
            ("resource", Maybe(&self.resource)),
            ("session_id", Maybe(&self.session_id)),
            ("target_did", Maybe(&self.target_did)),
            ("timestamp", Text(&self.timestamp)),
            ("trace_id", Maybe(&self.trace_id)),
        ])
    }

    /// The content hash computed from the fields, whatever the line says.
    #[must_use]
    pub fn compute_content_hash(&self) -> String {
        hash::sha256(self.content_text().as_bytes()).to_hex()
    }

    /// The text over which the reference's in-memory entry hash is taken: 9 fields, and the entry
    /// hash of the entry before it, which is empty for the first.
    #[must_use]
    pub fn entry_text(&self, previous_entry_hash: &str) -> String {
        use Put::{Json, Maybe, Text};
        object(&[
            ("action", Text(&self.action)),
            ("agent_did", Text(&self.agent_did)),
            ("data", Json(&self.data)),
            ("entry_id", Text(&self.entry_id)),
            ("event_type", Text(&self.event_type)),
            ("outcome", Text(&self.outcome)),
            ("previous_hash", Text(previous_entry_hash)),
            ("resource", Maybe(&self.resource)),
            ("timestamp", Text(&self.timestamp)),
        ])
    }

    /// The entry hash of the reference's in-memory chain; see [`AgtEntry::entry_text`].
    #[must_use]
    pub fn entry_hash(&self, previous_entry_hash: &str) -> String {
        hash::sha256(self.entry_text(previous_entry_hash).as_bytes()).to_hex()
    }

    /// Puts the entry behind the line with this content hash (empty for the first line of a file):
    /// sets `previous_hash`, `content_hash` and `signature`.
    #[must_use]
    pub fn signed(mut self, previous_content_hash: &str, key: &[u8]) -> Self {
        previous_content_hash.clone_into(&mut self.previous_hash);
        self.content_hash = self.compute_content_hash();
        self.signature = hash::hmac_sha256(key, self.content_hash.as_bytes()).to_hex();
        self
    }

    /// Whether `content_hash` is the hash of the fields.
    #[must_use]
    pub fn is_content_intact(&self) -> bool {
        self.compute_content_hash() == self.content_hash
    }

    /// Whether `signature` is the HMAC of `content_hash` under this key. Compared in constant time.
    #[must_use]
    pub fn is_signature_valid(&self, key: &[u8]) -> bool {
        let Some(tag) = unhex(&self.signature).filter(|tag| hex(tag) == self.signature) else {
            return false;
        };
        hash::is_hmac_sha256(key, self.content_hash.as_bytes(), &tag)
    }

    /// The line, without a line break: nineteen keys in order.
    #[must_use]
    pub fn to_line(&self) -> String {
        use Put::{Json, Maybe, Text};
        object(&[
            ("action", Text(&self.action)),
            ("agent_did", Text(&self.agent_did)),
            ("container_runtime", Maybe(&self.container_runtime)),
            ("content_hash", Text(&self.content_hash)),
            ("data", Json(&self.data)),
            ("entry_id", Text(&self.entry_id)),
            ("environment", Maybe(&self.environment)),
            ("event_type", Text(&self.event_type)),
            ("matched_rule", Maybe(&self.matched_rule)),
            ("outcome", Text(&self.outcome)),
            ("policy_decision", Maybe(&self.policy_decision)),
            ("previous_hash", Text(&self.previous_hash)),
            ("resource", Maybe(&self.resource)),
            ("sandbox_id", Maybe(&self.sandbox_id)),
            ("session_id", Maybe(&self.session_id)),
            ("signature", Text(&self.signature)),
            ("target_did", Maybe(&self.target_did)),
            ("timestamp", Text(&self.timestamp)),
            ("trace_id", Maybe(&self.trace_id)),
        ])
    }

    /// Reads a line as the reference does: any layout and order, of a key that stands twice the
    /// last, missing optional fields at their default, unknown keys passed over.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] for what is no UTF-8, no JSON object, lacks a required field, or has a
    /// field of another type.
    pub fn parse_line(line: &[u8]) -> Result<Self> {
        Self::parse_with_unknown(line).map(|(entry, _)| entry)
    }

    /// As [`AgtEntry::parse_line`], and with what the reference passes over in silence.
    ///
    /// # Errors
    /// As [`AgtEntry::parse_line`].
    pub fn parse_with_unknown(line: &[u8]) -> Result<(Self, UnknownKeys)> {
        let text = std::str::from_utf8(line).map_err(|error| {
            let message = format!("not UTF-8 at byte {}", error.valid_up_to());
            Error::new(ErrorKind::Invalid, message)
        })?;
        let members = Members::parse(text)?;
        let is_known = |key: &&str| FIELDS.contains(key);
        let unknown = UnknownKeys {
            keys: members.keys().filter(|key| !is_known(key)).map(str::to_owned).collect(),
            has_duplicates: members.has_duplicates,
        };
        let data = match members.get("data") {
            None => Canonical::default(),
            Some(data) => Canonical::parse(data)
                .ok()
                .filter(Canonical::is_object)
                .ok_or_else(|| Error::new(ErrorKind::Invalid, "data must be an object"))?,
        };
        let or = |key, default: &str| {
            text_in(&members, key, false).map(|text| text.unwrap_or_else(|| default.to_owned()))
        };
        let maybe = |key| text_in(&members, key, true);
        let entry = Self {
            entry_id: required(&members, "entry_id")?,
            timestamp: required(&members, "timestamp")?,
            event_type: required(&members, "event_type")?,
            agent_did: required(&members, "agent_did")?,
            action: required(&members, "action")?,
            resource: maybe("resource")?,
            target_did: maybe("target_did")?,
            data,
            outcome: or("outcome", "success")?,
            policy_decision: maybe("policy_decision")?,
            matched_rule: maybe("matched_rule")?,
            trace_id: maybe("trace_id")?,
            session_id: maybe("session_id")?,
            sandbox_id: maybe("sandbox_id")?,
            environment: maybe("environment")?,
            container_runtime: maybe("container_runtime")?,
            previous_hash: or("previous_hash", "")?,
            content_hash: or("content_hash", "")?,
            signature: or("signature", "")?,
        };
        Ok((entry, unknown))
    }
}

/// Every key of a line.
const FIELDS: [&str; 19] = [
    "action",
    "agent_did",
    "container_runtime",
    "content_hash",
    "data",
    "entry_id",
    "environment",
    "event_type",
    "matched_rule",
    "outcome",
    "policy_decision",
    "previous_hash",
    "resource",
    "sandbox_id",
    "session_id",
    "signature",
    "target_did",
    "timestamp",
    "trace_id",
];

fn required(members: &Members<'_>, key: &str) -> Result<String> {
    let text = text_in(members, key, false)?;
    text.ok_or_else(|| Error::new(ErrorKind::Invalid, format!("{key} is missing")))
}

/// A text member; `None` when it is absent, or `null` where that is allowed.
fn text_in(members: &Members<'_>, key: &str, is_nullable: bool) -> Result<Option<String>> {
    match members.get(key) {
        None => Ok(None),
        Some("null") if is_nullable => Ok(None),
        Some(value) => text_of(value)
            .map(Some)
            .ok_or_else(|| Error::new(ErrorKind::Invalid, format!("{key} must be a string"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> AgtEntry {
        AgtEntry {
            entry_id: "audit_1".into(),
            timestamp: "2026-03-01T12:00:00+00:00".into(),
            event_type: "tool_invocation".into(),
            agent_did: "did:web:\u{e9}".into(),
            action: "allow".into(),
            data: Canonical::parse("{\"n\":1.50,\"big\":123456789012345678901234567890}").unwrap(),
            outcome: "success".into(),
            ..AgtEntry::default()
        }
    }

    #[test]
    fn a_line_leads_back_and_signatures_hold_for_one_key_only() {
        let signed = entry().signed("", b"key");
        let line = signed.to_line();
        assert!(line.is_ascii() && line.starts_with("{\"action\": \"allow\", "), "{line}");
        let (read, unknown) = AgtEntry::parse_with_unknown(line.as_bytes()).unwrap();
        assert_eq!((&read, unknown), (&signed, UnknownKeys::default()));
        assert!(read.is_content_intact() && read.is_signature_valid(b"key"));
        assert!(!read.is_signature_valid(b"yek") && !read.is_signature_valid(b""));
        let upper = AgtEntry { signature: signed.signature.to_uppercase(), ..signed.clone() };
        assert!(!upper.is_signature_valid(b"key"));
        let edited = AgtEntry { action: "deny".into(), ..signed.clone() };
        assert!(!edited.is_content_intact() && edited.is_signature_valid(b"key"));
        let unhashed = AgtEntry { environment: Some("prod".into()), ..signed };
        assert!(unhashed.is_content_intact());
    }

    #[test]
    fn the_two_hashes_are_taken_over_their_own_fields() {
        let one = entry();
        let other = AgtEntry { trace_id: Some("t".into()), ..entry() };
        assert_eq!(one.entry_hash(""), other.entry_hash(""));
        assert_ne!(one.compute_content_hash(), other.compute_content_hash());
        assert_ne!(one.entry_hash(""), one.entry_hash("ab"));
        assert_eq!(one.entry_text("").matches("\": ").count(), 9 + 2);
        assert_eq!(one.content_text().matches("\": ").count(), 14 + 2);
    }

    #[test]
    fn lines_are_read_as_the_reference_reads_them() {
        let minimal = "{\"entry_id\":\"i\",\"timestamp\":\"t\",\"event_type\":\"e\",\
            \"agent_did\":\"a\",\"action\":\"x\"";
        let read =
            |more: &str| AgtEntry::parse_with_unknown(format!("{minimal}{more}}}").as_bytes());
        let (plain, _) = read("").unwrap();
        assert_eq!((plain.outcome.as_str(), plain.data.as_str()), ("success", "{}"));
        let (twice, unknown) = read(",\"action\":\"y\",\"odd\":[]").unwrap();
        assert_eq!((twice.action.as_str(), unknown.has_duplicates), ("y", true));
        assert_eq!(unknown.keys, ["odd"]);
        assert!(read(",\"data\":{\"v\":NaN}").is_ok());
        for bad in [
            ",\"outcome\":null",
            ",\"data\":null",
            ",\"data\":[]",
            ",\"resource\":1",
            ",\"previous_hash\":null",
            ",\"entry_id\":7",
            ",\"sandbox_id\":{}",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
        assert!(AgtEntry::parse_line(b"{}").is_err() && AgtEntry::parse_line(b"\xff").is_err());
    }
}

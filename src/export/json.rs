//! One entry as one line of JSON.

use crate::entry::Field;
use crate::format::frame::Form;
use crate::format::meta::Records;
use crate::format::stored::StoredEntry;
use crate::types::{EventTime, Hash, hex};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt::Write;

/// The fields in the order in which the reference implementation writes them, and then ours.
const LEADING: [Field; 11] = [
    Field::EntryId,
    Field::Timestamp,
    Field::EventType,
    Field::AgentDid,
    Field::Action,
    Field::Resource,
    Field::TargetDid,
    Field::Outcome,
    Field::PolicyDecision,
    Field::MatchedRule,
    Field::TraceId,
];

/// A JSON object under construction.
pub(super) struct Object(String);

impl Object {
    pub(super) fn new() -> Self {
        Self(String::with_capacity(1024))
    }

    pub(super) fn key(&mut self, key: &str) -> &mut String {
        self.0.push(if self.0.is_empty() { '{' } else { ',' });
        let _ = write!(self.0, "\"{key}\":");
        &mut self.0
    }

    pub(super) fn text(&mut self, key: &str, value: &str) {
        let quoted = serde_json::Value::from(value).to_string();
        self.key(key).push_str(&quoted);
    }

    pub(super) fn number(&mut self, key: &str, value: impl std::fmt::Display) {
        let _ = write!(self.key(key), "{value}");
    }

    /// JSON as it was given. What is no JSON (a log that was tampered with) becomes a text under
    /// another key: the reader of the line must not be fooled about where the value ends.
    pub(super) fn json(&mut self, key: &str, value: &str) {
        match serde_json::from_str::<&RawValue>(value) {
            Ok(_) => self.key(key).push_str(&one_line(value)),
            Err(_) => self.text(&format!("{key}_text"), value),
        }
    }

    pub(super) fn hashes(&mut self, key: &str, hashes: &[Hash]) {
        let texts: Vec<String> = hashes.iter().map(|hash| format!("\"{hash}\"")).collect();
        self.key(key).extend(["[", &texts.join(","), "]"]);
    }

    /// An instant in UTC; the offset it was given with stands beside it unless it was UTC.
    fn time(&mut self, key: &str, time: &EventTime) {
        self.text(key, &time.to_string());
        let offset_key = format!("{key}_offset_minutes");
        match time.offset_minutes {
            Some(0) => {}
            Some(minutes) => self.number(&offset_key, minutes),
            None => self.number(&offset_key, "null"),
        }
    }

    /// The text so far, for an object that is written in pieces.
    pub(super) fn unfinished(self) -> String {
        self.0
    }

    pub(super) fn finish(mut self) -> String {
        if self.0.is_empty() {
            self.0.push('{');
        }
        self.0.push('}');
        self.0
    }
}

/// Line breaks can stand between JSON tokens only, where a space says the same.
fn one_line(json: &str) -> Cow<'_, str> {
    match json.contains(['\n', '\r']) {
        true => Cow::Owned(json.replace(['\n', '\r'], " ")),
        false => Cow::Borrowed(json),
    }
}

fn put_field(object: &mut Object, entry: &StoredEntry, field: Field) {
    match field {
        Field::EntryId => object.text(field.name(), &entry.entry_id()),
        Field::EntryUuid => {}
        Field::Redactions | Field::Source => {
            if let Some(text) = entry.text(field) {
                object.json(field.name(), text);
            }
        }
        _ if field.is_time() => {
            if let Some(time) = entry.time(field) {
                object.time(field.name(), &time);
            }
        }
        _ => {
            if let Some(text) = entry.text(field) {
                object.text(field.name(), text);
            }
        }
    }
}

fn entry_object(entry: &StoredEntry) -> Object {
    let mut object = Object::new();
    object.number("index", entry.index());
    // Most fields are absent: which ones is found out once.
    let present: Vec<u8> =
        Records::new(entry.meta()).map_while(Result::ok).map(|(id, _)| id).collect();
    let is_present = |field: Field| field == Field::EntryId || present.contains(&field.id());
    if !present.is_empty() {
        for field in LEADING.into_iter().filter(|field| is_present(*field)) {
            put_field(&mut object, entry, field);
        }
        if let Some(data) = entry.data_text() {
            object.json("data", data);
        }
        for field in Field::ALL.into_iter().filter(|field| is_present(*field)) {
            if !LEADING.contains(&field) {
                put_field(&mut object, entry, field);
            }
        }
    }
    match entry.form() {
        Form::Whole => {}
        Form::DataErased => object.text("erased", "data"),
        Form::BodyErased => object.text("erased", "body"),
    }
    object.number("agent_seq", entry.agent_seq());
    object.number("type_seq", entry.type_seq());
    object.text("recorded_at", &entry.recorded_at().to_string());
    if entry.is_system() {
        object.number("system", true);
    }
    if entry.is_clock_clamped() {
        object.number("clock_clamped", true);
    }
    object.text("entry_hash", &entry.entry_hash().to_hex());
    object.text("previous_hash", &entry.previous_hash().to_hex());
    object
}

/// The entry as one JSON object on one line, with the tutorial's field names and `index`,
/// `agent_seq`, `type_seq`, `recorded_at`, `entry_hash`, `previous_hash`.
///
/// Absent fields have no key. Times are RFC 3339 in UTC; one that was given with another offset,
/// or none, has the key `<field>_offset_minutes` beside it (minutes east of UTC, or `null`). An
/// erased entry says so under `erased`: `"data"` or `"body"`.
#[must_use]
pub fn entry_json(entry: &StoredEntry) -> String {
    entry_object(entry).finish()
}

/// As [`entry_json`], and with what is needed to compute the entry hash again from the line alone:
/// `header` and `meta` in hex, `data_text` with the exact bytes of `data`, and the salts.
///
/// # Source
/// docs/FORMAT.md, section 3.
#[must_use]
pub fn verifiable_json(entry: &StoredEntry) -> String {
    verifiable(entry, &[])
}

/// As [`verifiable_json`], with the roots of what stands in the tree between the entry before and
/// this one; see `slice`.
pub(super) fn verifiable(entry: &StoredEntry, before: &[Hash]) -> String {
    let mut object = entry_object(entry);
    object.text("header", &hex(&entry.header()));
    if entry.form() != Form::BodyErased {
        object.text("meta", &hex(entry.meta()));
    }
    if let Some(text) = entry.data_text() {
        object.text("data_text", text);
    }
    if entry.form() == Form::DataErased {
        let data_hash = entry.frame().data_hash().unwrap_or_default();
        object.text("data_hash", &data_hash.to_hex());
    }
    let salts = entry.salts();
    let mut inner = Object::new();
    for (name, salt) in [("body", salts.0), ("data", salts.1)] {
        if let Some(salt) = salt {
            inner.text(name, &hex(&salt));
        }
    }
    if !inner.0.is_empty() {
        let inner = inner.finish();
        object.key("salts").push_str(&inner);
    }
    if !before.is_empty() {
        object.hashes("before", before);
    }
    object.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Action, AuditLog, Entry};
    use serde_json::Value;

    fn stored(entry: Entry<'_>) -> StoredEntry {
        let log = AuditLog::in_memory().unwrap();
        let receipt = log.append(entry).unwrap();
        log.entry(receipt.index()).unwrap()
    }

    #[test]
    fn an_entry_becomes_one_line_that_says_what_was_given() {
        let entry = Entry::new("tool_invocation", "did:web:a", Action::Allow)
            .resource("/a\n\u{1b}[31m\"b")
            .timestamp(EventTime { seconds: 60, nanos: 5_000_000, offset_minutes: None })
            .data_text("{\"big\":12345678901234567890123,\"exact\":1.10}")
            .trace_id("");
        let entry = stored(entry);
        let line = entry_json(&entry);
        assert!(!line.contains('\n') && line.contains("12345678901234567890123"), "{line}");
        assert!(line.contains("\"exact\":1.10"), "{line}");
        let value: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(value["resource"], "/a\n\u{1b}[31m\"b");
        assert_eq!(value["timestamp"], "1970-01-01T00:01:00.005Z");
        assert_eq!(value["timestamp_offset_minutes"], Value::Null);
        assert!(value.as_object().unwrap().contains_key("timestamp_offset_minutes"));
        assert_eq!((&value["trace_id"], &value["index"]), (&Value::from(""), &Value::from(0)));
        assert!(value.get("outcome").is_some() && value.get("session_id").is_none());
        assert_eq!(value["entry_hash"], entry.entry_hash().to_hex());
    }

    #[test]
    fn a_verifiable_line_can_be_hashed_again() {
        let entry = stored(Entry::new("t", "a", "allow").data_text("{\"k\":[1,2]}"));
        let value: Value = serde_json::from_str(&verifiable_json(&entry)).unwrap();
        let bytes = |value: &Value| crate::types::unhex(value.as_str().unwrap()).unwrap();
        let salt = |name| bytes(&value["salts"][name]).try_into().unwrap();
        let data =
            crate::hash::data(&salt("data"), value["data_text"].as_str().unwrap().as_bytes());
        let body = crate::hash::body(&salt("body"), &bytes(&value["meta"]), &data);
        let header: [u8; 108] = bytes(&value["header"]).try_into().unwrap();
        assert_eq!(header[44..76], body.0);
        assert_eq!(value["entry_hash"], crate::hash::entry(&header).to_hex());
    }

    #[test]
    fn what_is_no_json_cannot_break_the_line() {
        let mut object = Object::new();
        object.json("data", "{}\n{\"forged\":true}");
        object.json("source", "{\"a\":\r\n1}");
        let line = object.finish();
        assert_eq!(line, "{\"data_text\":\"{}\\n{\\\"forged\\\":true}\",\"source\":{\"a\":  1}}");
    }
}

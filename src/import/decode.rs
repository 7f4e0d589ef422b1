//! Decoding: one record, as text, to one entry.
//!
//! ```text
//! {"agent_id": "a", "tool": "x", "data": {"n": 1.50}, "entry_hash": "5a..", "timestamp": ...}
//!   --map'd --> agent_did   |       |                  |                     own name --> timestamp
//!                           +--> data {"n":1.50,"tool":"x"}
//!                                                       +--> source {"entry_hash":"5a.."}
//! ```
//!
//! Invariant: whatever a record says is in the entry afterwards, or the record is rejected; only
//! `null` counts as said nothing where a field is meant. Values that end up in `data` are spliced as
//! text, so numbers keep every digit. Hashes that come with a record belong to where it came from
//! and are kept as such; ours are computed from the entry alone.
//! Lines, files and what becomes of rejects are not here.

use super::mapping::{Mapping, Target, own_target};
use super::reject::{Reject, RejectKind};
use super::time::{EXAMPLE, parse_time};
use crate::entry::{Entry, Field, json, quick};
use crate::limits::{FIELD_BYTES_MAX, IMPORT_POSITION_RESERVE, META_BYTES_MAX, PAYLOAD_BYTES_MAX};
use crate::types::EventTime;
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// Keys whose texts are digests and signatures made by whoever wrote the record.
const SOURCE_KEYS: [&str; 4] = ["entry_hash", "previous_hash", "content_hash", "signature"];
/// Longest text under such a key that is taken for a digest; anything else goes into data.
const SOURCE_TEXT_BYTES_MAX: usize = 1024;

/// Decodes one record, the text of one JSON object, to an entry that the log will accept.
///
/// Known keys become fields, `data` and unknown keys become data, hashes become the source.
///
/// # Errors
/// A [`Reject`] that says what is wrong with the record; its line is 0.
///
/// ```
/// use witnessmark::import::{Mapping, decode_line};
/// let mapping = Mapping::new().map("agent_did=agent_id")?.default_value("action=audit")?;
/// let line = r#"{"agent_id":"did:a","event_type":"tool_invocation","cost":0.10}"#;
/// let entry = decode_line(line, &mapping).unwrap();
/// assert_eq!(entry.text(witnessmark::Field::AgentDid), Some("did:a"));
/// # Ok::<(), witnessmark::Error>(())
/// ```
pub fn decode_line<'a>(line: &'a str, mapping: &'a Mapping) -> Result<Entry<'a>, Reject> {
    let text = line.trim_matches([' ', '\t', '\r', '\n']);
    if !text.starts_with('{') {
        return Err(not_an_object(text));
    }
    if let Some(members) = quick::members(text) {
        return Sorted::of(&members, mapping).into_entry(mapping);
    }
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let sorted = deserializer.deserialize_map(Members { mapping });
    let sorted = sorted.and_then(|sorted| deserializer.end().map(|()| sorted));
    sorted.map_err(|error| Reject::from_json(&error))?.into_entry(mapping)
}

fn not_an_object(text: &str) -> Reject {
    match json::check(text) {
        Ok(()) => Reject::new(RejectKind::NotAnObject, "a record must be a JSON object"),
        Err(error) => {
            let message = error.message().replace("data is not acceptable JSON: ", "");
            let kind = Reject::from_error(&error).kind;
            let kind = if kind == RejectKind::Invalid { RejectKind::Syntax } else { kind };
            Reject::new(kind, message.replace("line 1 column", "column"))
        }
    }
}

/// A value of the record: its exact text, and the key it came under as it was written.
#[derive(Clone, Copy, Debug)]
struct Value<'a> {
    raw_key: &'a str,
    raw: &'a str,
    is_mapped: bool,
}

/// Slot of `data`; the others are field numbers.
const DATA_SLOT: usize = 0;

/// The members of a record, by what becomes of them.
struct Sorted<'a> {
    fields: [Option<Value<'a>>; Field::COUNT],
    /// Keys as JSON texts, and values: what goes into data.
    extras: Vec<(Cow<'a, str>, &'a str)>,
    source: Vec<(&'a str, &'a str)>,
    /// Whether every value is acceptable JSON as it stands, without white space between tokens.
    is_bare: bool,
}

struct Members<'a> {
    mapping: &'a Mapping,
}

impl<'de> Visitor<'de> for Members<'de> {
    type Value = Sorted<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut sorted = Sorted::new(false);
        let mut keys = json::Keys::default();
        while let Some(raw_key) = map.next_key::<&RawValue>()? {
            let raw_key = raw_key.get();
            let key = text_of(raw_key).map_err(A::Error::custom)?;
            if !keys.is_new(key.clone()) {
                return Err(A::Error::custom(format_args!("key {key:?} appears twice")));
            }
            let raw = map.next_value::<&RawValue>()?.get();
            sorted.take(self.mapping, &key, Value { raw_key, raw, is_mapped: false });
        }
        Ok(sorted)
    }
}

/// The text of a JSON string, borrowed when nothing in it is escaped.
fn text_of(raw: &str) -> serde_json::Result<Cow<'_, str>> {
    let inner = raw.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    match inner {
        // The reader has been over it: without a backslash the text is what stands there.
        Some(inner) if !inner.as_bytes().contains(&b'\\') => Ok(Cow::Borrowed(inner)),
        _ => serde_json::from_str::<String>(raw).map(Cow::Owned),
    }
}

fn slot_of(target: &Target) -> Option<usize> {
    match target {
        Target::Field(field) => Some(field.slot()),
        Target::Data => Some(DATA_SLOT),
        Target::Member(_) => None,
    }
}

impl<'a> Sorted<'a> {
    fn new(is_bare: bool) -> Self {
        let fields = [const { None }; Field::COUNT];
        Self { fields, extras: Vec::new(), source: Vec::new(), is_bare }
    }

    /// The members that a quick look found.
    fn of(members: &quick::Members<'a>, mapping: &Mapping) -> Self {
        let mut sorted = Self::new(members.is_bare);
        for quick::Member { raw_key, raw } in &members.all {
            let key = raw_key.trim_matches('"');
            sorted.take(mapping, key, Value { raw_key, raw, is_mapped: false });
        }
        sorted
    }

    fn take(&mut self, mapping: &Mapping, key: &str, value: Value<'a>) {
        let mut is_used = false;
        if !mapping.is_empty() {
            for target in mapping.targets(key) {
                is_used = true;
                self.put(target, Value { is_mapped: true, ..value });
            }
        }
        if is_used {
            return;
        }
        if let Some(target) = own_target(key) {
            self.put(&target, value);
        } else if let Some(name) = source_key(key)
            && (value.raw == "null" || is_short_text(value.raw))
        {
            if value.raw != "null" {
                self.source.push((name, value.raw));
            }
        } else {
            self.extras.push((Cow::Borrowed(value.raw_key), value.raw));
        }
    }

    /// A mapped key goes before the field's own name, wherever either stands in the record.
    fn put(&mut self, target: &Target, value: Value<'a>) {
        let Some(slot) = slot_of(target).and_then(|slot| self.fields.get_mut(slot)) else {
            if let Target::Member(name) = target {
                let raw_key = serde_json::Value::from(name.as_str()).to_string();
                self.extras.push((Cow::Owned(raw_key), value.raw));
            }
            return;
        };
        if value.raw == "null" {
            return;
        }
        let displaced = match slot {
            Some(present) if present.is_mapped => Some(value),
            _ => slot.replace(value),
        };
        if let Some(value) = displaced {
            self.extras.push((Cow::Borrowed(value.raw_key), value.raw));
        }
    }

    fn into_entry(self, mapping: &'a Mapping) -> Result<Entry<'a>, Reject> {
        let required = |field: Field| -> Result<Cow<'a, str>, Reject> {
            let value = self.text(field, mapping)?;
            value.filter(|text| !text.is_empty()).ok_or_else(|| missing(field))
        };
        let event_type = required(Field::EventType)?;
        let agent_did = required(Field::AgentDid)?;
        let mut entry = Entry::new(event_type, agent_did, required(Field::Action)?);
        for field in Field::ALL {
            if field.is_time() {
                if let Some(time) = self.time(field, mapping)? {
                    entry = set_time(entry, field, time);
                }
            } else if !matches!(field, Field::EventType | Field::AgentDid | Field::Action)
                && let Some(text) = self.text(field, mapping)?
            {
                entry = entry.set(field, text);
            }
        }
        if let Some(source) = source_text(&self.source)? {
            entry = entry.source(source);
        }
        if let Some(data) = self.data()? {
            entry = entry.data_checked(data);
        }
        check(&entry)?;
        Ok(entry)
    }

    fn value(&self, slot: usize) -> Option<Value<'a>> {
        self.fields.get(slot).copied().flatten()
    }

    fn text(&self, field: Field, mapping: &'a Mapping) -> Result<Option<Cow<'a, str>>, Reject> {
        let Some(value) = self.value(field.slot()) else {
            return Ok(mapping.default_of(field).map(Cow::Borrowed));
        };
        if !value.raw.starts_with('"') {
            let found = type_of(value.raw);
            let message = format!("{} must be a string, found {found}", named(field, &value));
            return Err(Reject::new(RejectKind::WrongType, message));
        }
        let text = text_of(value.raw).map_err(|error| {
            let mut reject = Reject::from_json(&error);
            reject.message = format!("{}: {}", named(field, &value), reject.message);
            reject
        })?;
        Ok(Some(text))
    }

    fn time(&self, field: Field, mapping: &'a Mapping) -> Result<Option<EventTime>, Reject> {
        let Some(text) = self.text(field, mapping)? else { return Ok(None) };
        if let Some(time) = parse_time(&text) {
            return Ok(Some(time));
        }
        let shown: String = text.chars().take(64).collect();
        let message = format!("{}: {shown:?} is not a time; {EXAMPLE}", field.name());
        Err(Reject::new(RejectKind::BadTime, message))
    }

    /// The payload: `data` itself, with every member that has no other place.
    fn data(&self) -> Result<Option<Cow<'a, str>>, Reject> {
        let data = self.value(DATA_SLOT).map(|value| value.raw);
        if self.extras.is_empty() {
            let is_looked_at = |data: &&str| self.is_bare && data.len() <= PAYLOAD_BYTES_MAX;
            if let Some(data) = data.filter(is_looked_at) {
                return Ok(Some(Cow::Borrowed(data)));
            }
            let payload = data.map(json::accept).transpose();
            return payload.map_err(|error| Reject::from_error(&error));
        }
        let mut merged = String::from("{");
        let members = data.and_then(|data| data.strip_prefix('{')?.strip_suffix('}'));
        match (data, members.map(str::trim)) {
            (None, _) | (_, Some("")) => {}
            (_, Some(members)) => merged.push_str(members),
            (Some(other), None) => merged.extend(["\"data\":", other]),
        }
        for (raw_key, raw) in &self.extras {
            merged.push_str(if merged.len() > 1 { "," } else { "" });
            merged.extend([raw_key, ":", raw]);
        }
        merged.push('}');
        let stripped = match json::accept(&merged) {
            Ok(Cow::Borrowed(_)) => None,
            Ok(Cow::Owned(stripped)) => Some(stripped),
            Err(error) => return Err(self.refused_data(data, &error)),
        };
        Ok(Some(Cow::Owned(stripped.unwrap_or(merged))))
    }

    fn refused_data(&self, data: Option<&str>, error: &crate::error::Error) -> Reject {
        let mut reject = Reject::from_error(error);
        if reject.kind == RejectKind::DuplicateKey
            && data.is_none_or(|data| json::check(data).is_ok())
            && self.extras.iter().all(|(_, raw)| json::check(raw).is_ok())
        {
            let key = reject.message.split('"').nth(1).unwrap_or_default();
            reject.message = format!(
                "key {key:?} stands in data and beside it; --map data.NAME={key} gives it another \
                 name there"
            );
        }
        reject
    }
}

fn source_key(key: &str) -> Option<&'static str> {
    SOURCE_KEYS.into_iter().find(|known| *known == key)
}

fn is_short_text(raw: &str) -> bool {
    raw.starts_with('"') && raw.len() <= SOURCE_TEXT_BYTES_MAX
}

fn set_time<'a>(entry: Entry<'a>, field: Field, time: EventTime) -> Entry<'a> {
    match field {
        Field::IssuedAt => entry.issued_at(time),
        Field::CompletedAt => entry.completed_at(time),
        _ => entry.timestamp(time),
    }
}

fn source_text(members: &[(&str, &str)]) -> Result<Option<String>, Reject> {
    if members.is_empty() {
        return Ok(None);
    }
    let mut text = String::from("{");
    for (name, raw) in members {
        text_of(raw).map_err(|error| Reject::from_json(&error))?;
        text.push_str(if text.len() > 1 { ",\"" } else { "\"" });
        text.extend([name, "\":", raw]);
    }
    text.push('}');
    Ok(Some(text))
}

/// What the log will check once more, and that there is room for a reading position.
fn check(entry: &Entry<'_>) -> Result<(), Reject> {
    entry.check().map_err(|error| Reject::from_error(&error))?;
    let source = entry.text(Field::Source).map_or(0, str::len);
    let texts: usize = Field::ALL.iter().filter_map(|f| entry.text(*f)).map(str::len).sum();
    let (most, source_most) =
        (META_BYTES_MAX - IMPORT_POSITION_RESERVE, FIELD_BYTES_MAX - IMPORT_POSITION_RESERVE);
    if texts > most || source > source_most {
        let message = format!("the fields are too long together (wanted at most {most} bytes)");
        return Err(Reject::new(RejectKind::TooLarge, message));
    }
    Ok(())
}

fn named(field: Field, value: &Value<'_>) -> String {
    let key = value.raw_key.trim_matches('"');
    match value.is_mapped {
        true => format!("{} (from {key:?})", field.name()),
        false => field.name().to_owned(),
    }
}

fn missing(field: Field) -> Reject {
    let name = field.name();
    let message = format!(
        "{name} is missing or empty; --map {name}=KEY takes it from another key, --default \
         {name}=VALUE stands in for it"
    );
    Reject::new(RejectKind::MissingField, message)
}

fn type_of(raw: &str) -> &'static str {
    match raw.as_bytes().first() {
        Some(b'{') => "an object",
        Some(b'[') => "an array",
        Some(b't' | b'f') => "a boolean",
        _ => "a number",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn decode(line: &str) -> Result<Entry<'_>, Reject> {
        static PLAIN: std::sync::LazyLock<Mapping> = std::sync::LazyLock::new(Mapping::new);
        decode_line(line, &PLAIN)
    }

    /// A record with the required fields and these members.
    fn with(members: &str) -> String {
        format!("{{\"event_type\":\"t\",\"agent_did\":\"a\",\"action\":\"allow\"{members}}}")
    }

    fn kind(line: &str) -> RejectKind {
        match decode(line) {
            Ok(entry) => panic!("accepted {line:.80}: {entry:?}"),
            Err(reject) => reject.kind,
        }
    }

    fn data(line: &str) -> Option<String> {
        decode(line).unwrap().data_json().map(str::to_owned)
    }

    #[test]
    fn the_fields_of_the_reference_have_their_places() {
        let line = with(concat!(
            r#", "entry_id": "audit_0123456789abcdef", "timestamp": "2026-03-01T10:59:34.901929","#,
            r#" "resource": "/crm/\u00e9", "target_did": null, "data": { "n": 1.50 },"#,
            r#" "outcome": "denied", "policy_decision": "blocked", "matched_rule": "r", "#,
            r#" "previous_hash": "", "entry_hash": "5af7", "trace_id": "tr", "session_id": "s","#,
            r#" "issued_at": "2026-03-01T10:59:33Z", "content_hash": null"#,
        ));
        let entry = decode(&line).unwrap();
        let text = |field| entry.text(field);
        assert_eq!(text(Field::EntryId), Some("audit_0123456789abcdef"));
        assert_eq!((text(Field::Resource), text(Field::TargetDid)), (Some("/crm/é"), None));
        assert_eq!((text(Field::Outcome), text(Field::SessionId)), (Some("denied"), Some("s")));
        assert_eq!(text(Field::Source), Some(r#"{"previous_hash":"","entry_hash":"5af7"}"#));
        assert_eq!(entry.data_json(), Some(r#"{"n":1.50}"#));
        let [timestamp, issued_at, completed_at] = entry.times();
        assert_eq!(timestamp.unwrap().offset_minutes, None);
        assert_eq!(timestamp.unwrap().instant(), (1_772_362_774, 901_929_000));
        assert_eq!(issued_at.unwrap().offset_minutes, Some(0));
        assert_eq!(completed_at, None);
        assert_eq!(decode(&with("")).unwrap().text(Field::Outcome), Some("success"));
    }

    /// The quick way and the careful one, which a blank in front of a number's exponent brings about.
    #[test]
    fn records_decode_alike_however_they_are_looked_at() {
        let plain = Mapping::new();
        for members in
            ["", ", \"data\": {\"a\":[1,2.50]}", ",\"x\":1,\"data\":{}", ",\"data\":[ 1 ]"]
        {
            let quick_line = with(&format!(",\"k\":\"\"{members}"));
            let careful_line = with(&format!(",\"k\":1e1{members}"));
            assert!(
                quick::members(&quick_line).is_some() && quick::members(&careful_line).is_none()
            );
            let quick = decode_line(&quick_line, &plain).unwrap();
            let careful = decode_line(&careful_line, &plain).unwrap();
            let data = careful.data_json().unwrap().replace("\"k\":1e1", "\"k\":\"\"");
            assert_eq!(quick.data_json(), Some(&*data));
            assert_eq!(quick.text(Field::AgentDid), careful.text(Field::AgentDid));
        }
    }

    #[test]
    fn unknown_keys_go_into_data_digit_for_digit() {
        let digits = "123456789012345678901234567890.10e-2";
        let line = with(&format!(
            ", \"big\" : {digits}, \"data\": {{ \"b\": [ 1.0 ] }}, \"k\\u0041\": {{}}"
        ));
        let wanted = format!("{{\"b\":[1.0],\"big\":{digits},\"k\\u0041\":{{}}}}");
        assert_eq!(data(&line), Some(wanted));
        assert_eq!(data(&with(", \"tool\": null")), Some("{\"tool\":null}".into()));
        assert_eq!(data(&with(", \"data\": {}, \"n\": 1")), Some("{\"n\":1}".into()));
        assert_eq!(data(&with(", \"data\": [1], \"n\": 1")), Some("{\"data\":[1],\"n\":1}".into()));
        assert_eq!(data(&with(", \"data\": [ 1 ]")), Some("[1]".into()));
        assert_eq!(data(&with(", \"data\": {}")), Some("{}".into()));
        assert_eq!(data(&with(", \"data\": null")), None);
        assert_eq!(data(&with(", \"entry_hash\": 5")), Some("{\"entry_hash\":5}".into()));
    }

    #[test]
    fn a_mapped_key_goes_before_the_fields_own_name() {
        let mapping = Mapping::new().map("agent_did=id,action=verdict,data.a=x").unwrap();
        let mapping = mapping.map("policy_decision=verdict").unwrap();
        let mapping = mapping.default_value("action=audit,timestamp=2026-01-01T00:00:00").unwrap();
        for line in [
            r#"{"id":"m","agent_did":"own","event_type":"t","verdict":"deny","x":1}"#,
            r#"{"agent_did":"own","id":"m","x":1,"event_type":"t","verdict":"deny"}"#,
        ] {
            let entry = decode_line(line, &mapping).unwrap();
            assert_eq!(entry.text(Field::AgentDid), Some("m"));
            assert_eq!(entry.text(Field::Action), Some("deny"));
            assert_eq!(entry.text(Field::PolicyDecision), Some("deny"));
            let data: serde_json::Value = serde_json::from_str(entry.data_json().unwrap()).unwrap();
            assert_eq!(data, serde_json::json!({"agent_did": "own", "a": 1}));
        }
        let line = r#"{"agent_did":"own","id":null,"event_type":"t","verdict":null}"#;
        let entry = decode_line(line, &mapping).unwrap();
        assert_eq!(entry.text(Field::AgentDid), Some("own"));
        assert_eq!(entry.text(Field::Action), Some("audit"));
        assert_eq!((entry.text(Field::PolicyDecision), entry.data_json()), (None, None));
        assert_eq!(entry.times().first().unwrap().unwrap().offset_minutes, None);
        let reject = decode_line(r#"{"id":7,"event_type":"t"}"#, &mapping).unwrap_err();
        assert_eq!(reject.message, "agent_did (from \"id\") must be a string, found a number");
    }

    #[test]
    fn hostile_records_are_rejected_by_name() {
        use RejectKind as K;
        assert_eq!(kind(&with(", \"action\": \"deny\"")), K::DuplicateKey);
        assert_eq!(kind(&with(", \"acti\\u006fn\": \"deny\"")), K::DuplicateKey);
        assert_eq!(kind(&with(", \"data\": {\"a\":1,\"a\":1}")), K::DuplicateKey);
        assert_eq!(kind(&with(", \"data\": {\"a\":1}, \"a\": 1")), K::DuplicateKey);
        assert_eq!(kind(&with(", \"x\": NaN")), K::Syntax);
        assert_eq!(kind(&with(", \"x\": 1e400")), K::NumberOutOfRange);
        assert_eq!(kind(&with(", \"data\": [-1e999]")), K::NumberOutOfRange);
        for text in ["\\ud800", "\\udc00\\ud800", "x\\udfff", "\\ud800\\u0041"] {
            for key in ["x", "resource", "entry_hash"] {
                let line = with(&format!(", \"{key}\": \"{text}\""));
                assert_eq!(kind(&line), K::LoneSurrogate, "{line}");
            }
            assert_eq!(kind(&with(&format!(", \"{text}\": 1"))), K::LoneSurrogate);
        }
        for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
            let deep = format!("{}1{}", open.repeat(10_000), close.repeat(10_000));
            assert_eq!(kind(&with(&format!(", \"x\": {deep}"))), K::TooDeep);
            assert_eq!(kind(&with(&format!(", \"data\": {deep}"))), K::TooDeep);
            assert_eq!(kind(&with(&format!(", \"resource\": {deep}"))), K::WrongType);
        }
        assert_eq!(kind(&"[".repeat(10_000)), K::TooDeep);
        assert_eq!(kind(&with(", \"x\": \"\0\"")), K::Syntax);
        assert_eq!(kind("{\"event_type\": \"t"), K::Truncated);
        assert_eq!(kind(&format!("{} {{}}", with(""))), K::Syntax);
        assert_eq!(kind("hello"), K::Syntax);
        assert_eq!(kind("[1]"), K::NotAnObject);
        assert_eq!(kind("7"), K::NotAnObject);
        assert_eq!(kind("{}"), K::MissingField);
        assert_eq!(kind(""), K::Syntax);
    }

    #[test]
    fn fields_are_checked_as_the_log_checks_them() {
        use RejectKind as K;
        let agent = |len: usize| {
            format!(
                "{{\"event_type\":\"t\",\"action\":\"x\",\"agent_did\":\"{}\"}}",
                "a".repeat(len)
            )
        };
        assert!(decode(&agent(300)).is_ok());
        assert_eq!(kind(&agent(0)), K::MissingField);
        assert_eq!(kind(&agent(2049)), K::TooLarge);
        assert_eq!(kind(&with(", \"timestamp\": \"yesterday\"")), K::BadTime);
        assert_eq!(kind(&with(", \"timestamp\": 1700000000")), K::WrongType);
        assert_eq!(kind(&with(", \"entry_id\": \"\"")), K::Invalid);
        assert_eq!(
            kind(r#"{"event_type":"witnessmark.x","agent_did":"a","action":"x"}"#),
            K::Invalid
        );
        let long = "x".repeat(15_000);
        let many: Vec<_> = ["resource", "trace_id", "session_id", "matched_rule", "environment"]
            .iter()
            .map(|name| format!(", \"{name}\": \"{long}\""))
            .collect();
        assert_eq!(kind(&with(&many.concat())), K::TooLarge);
    }

    #[test]
    fn a_payload_may_have_sixteen_mebibytes_and_not_a_byte_more() {
        let payload = |len: usize| with(&format!(", \"data\": \"{}\"", "x".repeat(len - 2)));
        let line = payload(crate::limits::PAYLOAD_BYTES_MAX);
        assert!(decode(&line).is_ok());
        assert_eq!(kind(&payload(crate::limits::PAYLOAD_BYTES_MAX + 1)), RejectKind::TooLarge);
    }

    fn json_value() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            "\\PC{0,8}".prop_map(Into::into),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
                proptest::collection::hash_map("\\PC{0,4}", inner, 0..4)
                    .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn any_line_is_decoded_or_rejected(
            line in "\\PC{0,60}|[{}\\[\\]\",:\\\\ 0-9a-zuE.+-]{0,60}",
        ) {
            for text in [line.clone(), with(&format!(",{line}")), with(&format!(",\"data\":{line}"))] {
                // A reader that is less strict takes whatever we take.
                let is_json = serde_json::from_str::<serde_json::Value>(&text).is_ok();
                prop_assert!(is_json || decode(&text).is_err(), "{}", text);
            }
        }

        #[test]
        fn nothing_a_record_says_is_lost(
            members in proptest::collection::btree_map("[a-zé\"]{1,6}", json_value(), 0..6),
        ) {
            let mut record = serde_json::json!({"event_type": "t", "agent_did": "a", "action": "x"});
            let object = record.as_object_mut().unwrap();
            object.extend(members.clone().into_iter().filter(|(key, _)| own_target(key).is_none()));
            let extras = object.len() - 3;
            let line = serde_json::to_string_pretty(&record).unwrap();
            let entry = decode(&line).unwrap();
            let data = entry.data_json().unwrap_or("{}");
            let data: serde_json::Map<String, serde_json::Value> = serde_json::from_str(data).unwrap();
            prop_assert_eq!(data.len(), extras);
            for (key, value) in &data {
                prop_assert_eq!(members.get(key), Some(value));
            }
        }

        #[test]
        fn what_decodes_is_appended(line in "[{}\",:a-z0-9]{0,30}") {
            let line = with(&line);
            if let Ok(entry) = decode(&line) {
                let log = crate::log::AuditLog::in_memory().unwrap();
                prop_assert!(log.append(entry).is_ok());
            }
        }
    }
}

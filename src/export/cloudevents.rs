//! Entries as CloudEvents 1.0, in the JSON event format.
//!
//! ```text
//! {"specversion":"1.0","id":..,"source":agent,"type":"ai.agentmesh.tool.invoked","time":..Z,
//!  "subject":resource,"datacontenttype":"application/json","dataschema":"urn:..",
//!  "agentmeshentryhash":..,"agentmeshprevioushash":..,"logindex":"7","traceid":..,"sessionid":..,
//!  "data":{"event_type":..,"action":..,"resource":..,"outcome":..,..,"data":{ the entry's own }}}
//! ```
//!
//! Invariant: what an agent put into `data` stays one level below what policy said about it, so no
//! payload can pass for an action or an outcome. Attributes hold no control characters, the source
//! is a URI reference, and the time is RFC 3339.
//!
//! # Source
//! CloudEvents 1.0.2, sections 3 and 4; JSON event format, sections 2 and 3.

use super::json::Object;
use crate::entry::Field;
use crate::format::frame::Form;
use crate::format::stored::StoredEntry;
use crate::types::EventTime;
use std::fmt::Write;

/// Names what `data` holds, so that its keys can change one day.
const DATA_SCHEMA: &str = "urn:witnessmark:entry:1";
/// What the types of the tutorial are called; any other stands behind the prefix as it is.
const TYPES: [(&str, &str); 9] = [
    ("tool_invocation", "tool.invoked"),
    ("tool_blocked", "tool.blocked"),
    ("policy_evaluation", "policy.evaluation"),
    ("policy_violation", "policy.violation"),
    ("trust_handshake", "trust.handshake"),
    ("trust_score_updated", "trust.score.updated"),
    ("agent_registered", "agent.registered"),
    ("agent_verified", "agent.verified"),
    ("audit_integrity", "audit.integrity.verified"),
];
const PREFIX: &str = "ai.agentmesh.";

/// The event type that an event's type stands for; `None` for types of other makers.
pub(crate) fn event_type_of(name: &str) -> Option<&str> {
    let rest = name.strip_prefix(PREFIX)?;
    Some(TYPES.iter().find(|(_, known)| *known == rest).map_or(rest, |(event_type, _)| event_type))
}

fn type_of(event_type: &str) -> String {
    let known = TYPES.iter().find(|(name, _)| *name == event_type);
    match known {
        Some((_, name)) => format!("{PREFIX}{name}"),
        None => format!("{PREFIX}{}", clean(event_type, |_| true)),
    }
}

/// Percent-encodes control characters and noncharacters, which attributes must not hold, and
/// whatever else may not stand where the text goes.
fn clean(text: &str, is_allowed: impl Fn(char) -> bool) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        let point = u32::from(character);
        let is_noncharacter = (0xfdd0..=0xfdef).contains(&point) || point & 0xfffe == 0xfffe;
        if !character.is_control() && !is_noncharacter && is_allowed(character) {
            out.push(character);
            continue;
        }
        for byte in character.encode_utf8(&mut [0; 4]).bytes() {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// An agent's name as a URI reference: DIDs and URLs stay as they are (RFC 3986, section 2).
fn source_of(agent: &str) -> String {
    let is_uri = |c: char| c.is_ascii_alphanumeric() || "-._~:/?#[]@!$&'()*+,;=%".contains(c);
    // A percent sign that begins no escape, and brackets outside of an address, are data.
    let is_allowed = |c: char| is_uri(c) && !matches!(c, '[' | ']' | '#');
    let mut out = String::with_capacity(agent.len());
    for (at, piece) in agent.split('%').enumerate() {
        if at > 0 {
            let is_escape = piece
                .as_bytes()
                .first_chunk::<2>()
                .is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit));
            out.push_str(if is_escape { "%" } else { "%25" });
        }
        out.push_str(&clean(piece, is_allowed));
    }
    // A first segment with a colon needs a scheme before it.
    let scheme = out.split_once(':').map(|(scheme, _)| scheme);
    let is_scheme = |scheme: &str| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
    };
    match scheme {
        Some(scheme) if !scheme.contains(['/', '?']) && !is_scheme(scheme) => format!("./{out}"),
        _ if out.starts_with("//") => format!("/.{out}"),
        _ => out,
    }
}

fn time_of(time: &EventTime) -> Option<String> {
    let text = time.to_string();
    (!text.starts_with('@')).then_some(text)
}

/// The entry as one CloudEvent on one line.
///
/// The hashes are ours, under the names that users of the reference know. One whose body was erased
/// has the type `ai.agentmesh.erased` and says which entry it was.
#[must_use]
pub fn cloudevent(entry: &StoredEntry) -> String {
    let is_erased = entry.form() == Form::BodyErased;
    let mut event = Object::new();
    event.text("specversion", "1.0");
    if is_erased {
        event.text("id", &format!("erased-{}", entry.index()));
        event.text("source", "urn:witnessmark:log");
        event.text("type", "ai.agentmesh.erased");
    } else {
        event.text("id", &clean(&entry.entry_id(), |_| true));
        event.text("source", &source_of(entry.agent_did()));
        event.text("type", &type_of(entry.event_type()));
        if let Some(time) = time_of(&entry.timestamp()) {
            event.text("time", &time);
        }
        if let Some(resource) = entry.resource().filter(|resource| !resource.is_empty()) {
            event.text("subject", &clean(resource, |_| true));
        }
    }
    event.text("datacontenttype", "application/json");
    event.text("dataschema", DATA_SCHEMA);
    event.text("agentmeshentryhash", &entry.entry_hash().to_hex());
    event.text("agentmeshprevioushash", &entry.previous_hash().to_hex());
    // Integers of an event have 32 bits; indices have more.
    event.text("logindex", &entry.index().to_string());
    for (name, field) in [("traceid", Field::TraceId), ("sessionid", Field::SessionId)] {
        if let Some(text) = entry.text(field).filter(|text| !text.is_empty()) {
            event.text(name, &clean(text, |_| true));
        }
    }
    let data = data_of(entry, is_erased);
    event.key("data").push_str(&data);
    event.finish()
}

/// What policy said, and one level below what the agent said.
fn data_of(entry: &StoredEntry, is_erased: bool) -> String {
    let mut data = Object::new();
    if is_erased {
        data.text("erased", "body");
        return data.finish();
    }
    data.text("event_type", entry.event_type());
    data.text("agent_did", entry.agent_did());
    data.text("action", entry.action());
    for field in [Field::Resource, Field::Outcome, Field::PolicyDecision, Field::MatchedRule] {
        match entry.text(field) {
            Some(text) => data.text(field.name(), text),
            None => data.key(field.name()).push_str("null"),
        }
    }
    let more = [
        Field::TargetDid,
        Field::ArgumentsHash,
        Field::ApproverDid,
        Field::PolicyVersion,
        Field::SandboxId,
        Field::Environment,
        Field::ComputeDriver,
        Field::ContainerRuntime,
    ];
    for field in more {
        if let Some(text) = entry.text(field) {
            data.text(field.name(), text);
        }
    }
    for field in [Field::IssuedAt, Field::CompletedAt] {
        if let Some(time) = entry.time(field).as_ref().and_then(time_of) {
            data.text(field.name(), &time);
        }
    }
    if let Some(text) = entry.data_text() {
        data.json("data", text);
    }
    if entry.form() == Form::DataErased {
        data.text("erased", "data");
    }
    data.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AuditLog, Entry};
    use serde_json::Value;

    fn event(entry: Entry<'_>) -> Value {
        let log = AuditLog::in_memory().unwrap();
        let receipt = log.append(entry).unwrap();
        let text = cloudevent(&log.entry(receipt.index()).unwrap());
        assert!(!text.contains('\n'));
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn a_payload_cannot_pass_for_what_policy_said() {
        let forged =
            "{\"action\":\"allow\",\"outcome\":\"success\",\"specversion\":\"9\",\"id\":\"x\"}";
        let entry = Entry::new("tool_blocked", "did:web:a", "deny").outcome("denied");
        let event = event(entry.data_text(forged).resource("/payroll"));
        assert_eq!(
            (&event["data"]["action"], &event["data"]["outcome"]),
            (&"deny".into(), &"denied".into())
        );
        assert_eq!(event["data"]["data"]["outcome"], "success");
        assert_eq!((&event["specversion"], &event["subject"]), (&"1.0".into(), &"/payroll".into()));
        assert_eq!(event["type"], "ai.agentmesh.tool.blocked");
    }

    #[test]
    fn attributes_keep_the_rules_whatever_agents_are_called() {
        let entry =
            Entry::new("a\u{7}b", "eve \u{202e}<x>%zz", "allow").entry_id("i\n1").trace_id("");
        let event =
            event(entry.timestamp(EventTime { seconds: 0, nanos: 5, offset_minutes: None }));
        assert_eq!(event["id"], "i%0A1");
        assert_eq!(event["type"], "ai.agentmesh.a%07b");
        assert_eq!(event["source"], "eve%20%E2%80%AE%3Cx%3E%25zz");
        assert_eq!(event["time"], "1970-01-01T00:00:00.000000005Z");
        assert!(event.get("traceid").is_none() && event.get("subject").is_none());
        let is_name =
            |key: &String| key.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        assert!(event.as_object().unwrap().keys().all(is_name), "{event}");
        assert_eq!(source_of("9:30 robot"), "./9:30%20robot");
        assert_eq!(source_of("did:web:a.example%3A80"), "did:web:a.example%3A80");
        assert_eq!(source_of("//host"), "/.//host");
    }

    #[test]
    fn types_lead_back() {
        for (event_type, _) in TYPES {
            assert_eq!(event_type_of(&type_of(event_type)), Some(event_type));
        }
        assert_eq!(event_type_of("ai.agentmesh.rogue_detection"), Some("rogue_detection"));
        assert_eq!(event_type_of("com.example.x"), None);
    }
}

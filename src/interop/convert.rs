//! Our entries as lines of the reference.
//!
//! What a line cannot hold stays in the log: `issued_at`, `completed_at`, `arguments_hash`,
//! `approver_did`, `policy_version`, `compute_driver`, nanoseconds below a microsecond, and what was
//! redacted. Data that is no object stands under `value`.

use super::entry::AgtEntry;
use super::json::Canonical;
use super::python::{isoformat, quoted};
use crate::entry::Field;
use crate::format::frame::Form;
use crate::format::stored::StoredEntry;
use crate::types::EventTime;

impl From<&StoredEntry> for AgtEntry {
    /// The fields of an entry, not signed yet. One whose body was erased becomes an entry of type
    /// `witnessmark.erased` that names the index and the entry hash.
    fn from(entry: &StoredEntry) -> Self {
        if entry.form() == Form::BodyErased {
            return erased(entry);
        }
        let text = |field| entry.text(field).map(str::to_owned);
        Self {
            entry_id: entry.entry_id(),
            timestamp: isoformat(&entry.timestamp()),
            event_type: entry.event_type().to_owned(),
            agent_did: entry.agent_did().to_owned(),
            action: entry.action().to_owned(),
            resource: text(Field::Resource),
            target_did: text(Field::TargetDid),
            data: data_of(entry),
            outcome: entry.outcome().unwrap_or("success").to_owned(),
            policy_decision: text(Field::PolicyDecision),
            matched_rule: text(Field::MatchedRule),
            trace_id: text(Field::TraceId),
            session_id: text(Field::SessionId),
            sandbox_id: text(Field::SandboxId),
            environment: text(Field::Environment),
            container_runtime: text(Field::ContainerRuntime),
            ..Self::default()
        }
    }
}

fn data_of(entry: &StoredEntry) -> Canonical {
    if entry.form() == Form::DataErased {
        return Canonical::wrapping("witnessmark_erased", "\"data\"");
    }
    let Some(text) = entry.data_text() else { return Canonical::default() };
    match Canonical::parse(text) {
        Ok(data) if data.is_object() => data,
        Ok(other) => Canonical::wrapping("value", other.as_str()),
        // A log that was tampered with: the line must stay one that can be read.
        Err(_) => Canonical::wrapping("data_text", &quoted(text)),
    }
}

fn erased(entry: &StoredEntry) -> AgtEntry {
    let hash = quoted(&entry.entry_hash().to_hex());
    AgtEntry {
        entry_id: format!("erased_{:016x}", entry.index().get()),
        timestamp: isoformat(&EventTime::from(entry.recorded_at())),
        event_type: "witnessmark.erased".to_owned(),
        agent_did: "witnessmark".to_owned(),
        action: "audit".to_owned(),
        data: Canonical::wrapping("entry_hash", &hash),
        outcome: "success".to_owned(),
        ..AgtEntry::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Action, AuditLog, Entry};

    fn stored(entry: Entry<'_>) -> StoredEntry {
        let log = AuditLog::in_memory().unwrap();
        let receipt = log.append(entry).unwrap();
        log.entry(receipt.index()).unwrap()
    }

    #[test]
    fn fields_and_data_become_a_line_of_the_reference() {
        let entry = stored(
            Entry::new("tool_invocation", "did:a", Action::Allow)
                .entry_id("audit_1")
                .data_text("{\"b\":1.50,\"a\":[1E2]}")
                .environment("prod"),
        );
        let line = AgtEntry::from(&entry);
        assert_eq!(line.data.as_str(), "{\"a\": [100.0], \"b\": 1.5}");
        assert_eq!(
            (line.entry_id.as_str(), line.environment.as_deref()),
            ("audit_1", Some("prod"))
        );
        let signed = line.signed("", b"key");
        assert_eq!(AgtEntry::parse_line(signed.to_line().as_bytes()).unwrap(), signed);
    }

    #[test]
    fn data_that_is_no_object_stands_under_value_and_none_is_an_empty_object() {
        let entry = || Entry::new("t", "a", "allow");
        let data = |entry| AgtEntry::from(&stored(entry)).data.as_str().to_owned();
        assert_eq!(data(entry().data_text("[1,2]")), "{\"value\": [1, 2]}");
        assert_eq!(data(entry()), "{}");
    }
}

//! Entries as comma-separated values (RFC 4180): a fixed set of columns, every value quoted.
//!
//! Texts are exact. A program that takes a value beginning with `=`, `+`, `-` or `@` for a formula
//! has to be told not to; changing the value would make it another one.

use crate::entry::Field;
use crate::format::stored::StoredEntry;

/// The first line, without its line break.
pub const CSV_HEAD: &str = "index,entry_id,timestamp,event_type,agent_did,action,resource,\
    target_did,outcome,policy_decision,matched_rule,trace_id,session_id,data,recorded_at,entry_hash,\
    previous_hash";

fn push(line: &mut String, value: &str) {
    if !line.is_empty() {
        line.push(',');
    }
    line.push('"');
    line.push_str(&value.replace('"', "\"\""));
    line.push('"');
}

/// The entry as one record without its line break, which is CR LF. Absent values are empty; a value
/// may hold line breaks of its own.
#[must_use]
pub fn csv_line(entry: &StoredEntry) -> String {
    let mut line = String::with_capacity(512);
    let text = |field| entry.text(field).unwrap_or_default();
    push(&mut line, &entry.index().to_string());
    push(&mut line, &entry.entry_id());
    let time = entry.time(Field::Timestamp).map(|time| time.to_string());
    push(&mut line, &time.unwrap_or_default());
    for field in [
        Field::EventType,
        Field::AgentDid,
        Field::Action,
        Field::Resource,
        Field::TargetDid,
        Field::Outcome,
        Field::PolicyDecision,
        Field::MatchedRule,
        Field::TraceId,
        Field::SessionId,
    ] {
        push(&mut line, text(field));
    }
    push(&mut line, entry.data_text().unwrap_or_default());
    push(&mut line, &entry.recorded_at().to_string());
    push(&mut line, &entry.entry_hash().to_hex());
    push(&mut line, &entry.previous_hash().to_hex());
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AuditLog, Entry};

    #[test]
    fn a_record_has_as_many_values_as_the_head_and_quotes_are_doubled() {
        let log = AuditLog::in_memory().unwrap();
        let entry = Entry::new("t", "a,\"b\"\n", "allow").entry_id("i").data_text("{\"k\":1.50}");
        let receipt = log.append(entry).unwrap();
        let line = csv_line(&log.entry(receipt.index()).unwrap());
        assert!(line.starts_with("\"0\",\"i\",\""), "{line}");
        assert!(line.contains(",\"a,\"\"b\"\"\n\",\"allow\",\"\",\"\",\"success\","), "{line}");
        assert!(line.contains("\"{\"\"k\"\":1.50}\""), "{line}");
        assert_eq!(line.matches("\",\"").count() + 1, CSV_HEAD.split(',').count());
        assert!(!CSV_HEAD.contains(' '));
    }
}

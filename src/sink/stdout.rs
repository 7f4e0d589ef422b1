//! Lines of JSON on a stream, for whoever collects what containers print.
//!
//! ```text
//! with context     every field that has a value, our hashes among them, UTF-8 as it is
//! without          the reference's short form: thirteen fields, `\u` escapes, no hashes
//! ```
//!
//! Keys ascend, and numbers in `data` are printed as the reference prints them. Invariant: an entry
//! is one line, whatever its texts hold.

use super::{Attachment, AuditSink, SinkReport};
use crate::entry::Field;
use crate::error::{Error, ErrorKind, Result};
use crate::format::stored::StoredEntry;
use crate::interop::{AgtEntry, quoted};
use std::io::Write;

/// Writes a line of JSON per entry to a stream, and flushes it after each batch.
pub struct StreamSink {
    stream: Box<dyn Write + Send>,
    with_context: bool,
    is_closed: bool,
}

impl std::fmt::Debug for StreamSink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StreamSink")
            .field("with_context", &self.with_context)
            .finish_non_exhaustive()
    }
}

impl StreamSink {
    /// A sink on this stream.
    #[must_use]
    pub fn new(stream: impl Write + Send + 'static, with_context: bool) -> Self {
        Self { stream: Box::new(stream), with_context, is_closed: false }
    }

    /// A sink on standard output. Each batch is one write under the process's own lock.
    #[must_use]
    pub fn stdout(with_context: bool) -> Self {
        Self::new(std::io::stdout(), with_context)
    }

    /// The line of an entry, without its line break.
    #[must_use]
    pub fn line(&self, entry: &StoredEntry) -> String {
        if self.with_context { long(entry) } else { short(entry) }
    }
}

/// A time as the reference's serialiser writes it: `Z` for UTC.
fn time_text(agt: &AgtEntry) -> String {
    match agt.timestamp.strip_suffix("+00:00") {
        Some(utc) => format!("{utc}Z"),
        None => agt.timestamp.clone(),
    }
}

fn object(mut members: Vec<(&str, String)>) -> String {
    members.sort_by_key(|(key, _)| *key);
    let pairs: Vec<String> =
        members.into_iter().map(|(key, value)| format!("\"{key}\": {value}")).collect();
    format!("{{{}}}", pairs.join(", "))
}

fn short(entry: &StoredEntry) -> String {
    let agt = AgtEntry::from(entry);
    let mut members = vec![
        ("entry_id", quoted(&agt.entry_id)),
        ("timestamp", quoted(&time_text(&agt))),
        ("event_type", quoted(&agt.event_type)),
        ("agent_did", quoted(&agt.agent_did)),
        ("action", quoted(&agt.action)),
        ("outcome", quoted(&agt.outcome)),
    ];
    for (key, value) in [
        ("resource", &agt.resource),
        ("target_did", &agt.target_did),
        ("policy_decision", &agt.policy_decision),
        ("matched_rule", &agt.matched_rule),
        ("trace_id", &agt.trace_id),
        ("session_id", &agt.session_id),
    ] {
        members.extend(value.as_deref().map(|text| (key, quoted(text))));
    }
    if agt.data.as_str() != "{}" {
        members.push(("data", agt.data.as_str().to_owned()));
    }
    object(members)
}

fn long(entry: &StoredEntry) -> String {
    let agt = AgtEntry::from(entry);
    let raw = |text: &str| serde_json::Value::from(text).to_string();
    let mut members = vec![
        ("entry_id", raw(&agt.entry_id)),
        ("timestamp", raw(&time_text(&agt))),
        ("outcome", raw(&agt.outcome)),
        ("data", unescaped(agt.data.as_str())),
        ("event_type", raw(&agt.event_type)),
        ("agent_did", raw(&agt.agent_did)),
        ("action", raw(&agt.action)),
        ("entry_hash", raw(&entry.entry_hash().to_hex())),
        ("previous_hash", raw(&entry.previous_hash().to_hex())),
    ];
    for field in [
        Field::Resource,
        Field::TargetDid,
        Field::PolicyDecision,
        Field::MatchedRule,
        Field::TraceId,
        Field::SessionId,
        Field::SandboxId,
        Field::Environment,
        Field::ComputeDriver,
        Field::ContainerRuntime,
    ] {
        members.extend(entry.text(field).map(|text| (field.name(), raw(text))));
    }
    object(members)
}

/// ASCII JSON with every escape beyond ASCII turned into its character; halves of pairs stay.
fn unescaped(json: &str) -> String {
    let unit = |text: &str| {
        let digits = text.strip_prefix("\\u").and_then(|rest| rest.get(..4))?;
        u16::from_str_radix(digits, 16).ok()
    };
    let mut out = String::with_capacity(json.len());
    let mut rest = json;
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        out.push_str(before);
        let first = unit(escape);
        let second = first.and_then(|_| escape.get(6..).and_then(unit));
        let units: Vec<u16> = first.into_iter().chain(second).collect();
        let decoded = char::decode_utf16(units).next().and_then(std::result::Result::ok);
        let (c, len) = match decoded.filter(|c| !c.is_ascii()) {
            Some(c) => (Some(c), 6 * c.len_utf16()),
            None => (None, 2),
        };
        match c {
            Some(c) => out.push(c),
            None => out.push_str(escape.get(..len).unwrap_or(escape)),
        }
        rest = escape.get(len..).unwrap_or("");
    }
    out + rest
}

impl AuditSink for StreamSink {
    fn write(&mut self, entry: &StoredEntry) -> Result<()> {
        self.write_batch(std::slice::from_ref(entry))
    }

    fn write_batch(&mut self, entries: &[StoredEntry]) -> Result<()> {
        if self.is_closed {
            return Err(Error::new(ErrorKind::Closed, "the sink was closed"));
        }
        let text: String = entries.iter().map(|entry| self.line(entry) + "\n").collect();
        let written = self.stream.write_all(text.as_bytes()).and_then(|()| self.stream.flush());
        written.map_err(|error| Error::io(error, "write", "the stream"))
    }

    fn verify_integrity(&mut self, _log: Option<&Attachment<'_>>) -> Result<SinkReport> {
        Ok(SinkReport::not_supported("a stream keeps nothing here: verify where it is collected"))
    }

    fn close(&mut self) -> Result<()> {
        self.is_closed = true;
        self.stream.flush().map_err(|error| Error::io(error, "flush", "the stream"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::{Arc, Mutex};
    use crate::{Action, AuditLog, Entry, EventTime};

    #[derive(Clone, Default)]
    struct Pipe(Arc<Mutex<Vec<u8>>>);

    impl Write for Pipe {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn stored(entry: Entry<'_>) -> StoredEntry {
        let log = AuditLog::in_memory().unwrap();
        let receipt = log.append(entry).unwrap();
        log.entry(receipt.index()).unwrap()
    }

    #[test]
    fn the_two_forms_are_those_of_the_reference() {
        let time = EventTime::utc(1_772_366_401, 7_919_000);
        let entry = stored(
            Entry::new("tool_invocation", "did:web:agent-1.example.com", Action::Allow)
                .entry_id("audit_1")
                .timestamp(time)
                .resource("/r\n\u{2028}")
                .environment("prod")
                .data_text("{\"u\":\"日本語 ü\\u2028\\u0000🙂\",\"a\":1E2}"),
        );
        let short = StreamSink::stdout(false).line(&entry);
        assert_eq!(
            short,
            "{\"action\": \"allow\", \"agent_did\": \"did:web:agent-1.example.com\", \
             \"data\": {\"a\": 100.0, \"u\": \"\\u65e5\\u672c\\u8a9e \\u00fc\\u2028\\u0000\\ud83d\\ude42\"}, \
             \"entry_id\": \"audit_1\", \"event_type\": \"tool_invocation\", \
             \"outcome\": \"success\", \"resource\": \"/r\\n\\u2028\", \
             \"timestamp\": \"2026-03-01T12:00:01.007919Z\"}"
        );
        let long = StreamSink::stdout(true).line(&entry);
        assert_eq!(
            long,
            format!(
                "{{\"action\": \"allow\", \"agent_did\": \"did:web:agent-1.example.com\", \
                 \"data\": {{\"a\": 100.0, \"u\": \"日本語 ü\u{2028}\\u0000🙂\"}}, \
                 \"entry_hash\": \"{}\", \"entry_id\": \"audit_1\", \"environment\": \"prod\", \
                 \"event_type\": \"tool_invocation\", \"outcome\": \"success\", \
                 \"previous_hash\": \"{}\", \"resource\": \"/r\\n\u{2028}\", \
                 \"timestamp\": \"2026-03-01T12:00:01.007919Z\"}}",
                entry.entry_hash(),
                entry.previous_hash()
            )
        );
    }

    #[test]
    fn escapes_that_are_no_characters_stay() {
        let text = r#"{"a": "\ud83d \\u00e9 \u00e9 \ude42\ud83d\ude42\""}"#;
        assert_eq!(unescaped(text), r#"{"a": "\ud83d \\u00e9 é \ude42🙂\""}"#);
        assert_eq!(unescaped("\\u12"), "\\u12");
    }

    #[test]
    fn lines_arrive_whole_and_none_after_closing() {
        let pipe = Pipe::default();
        let mut sink = StreamSink::new(pipe.clone(), true);
        let entry = stored(Entry::new("t", "a\nb", Action::Deny));
        sink.write_batch(&[entry.clone(), entry.clone()]).unwrap();
        sink.close().unwrap();
        assert_eq!(sink.write(&entry).unwrap_err().kind(), ErrorKind::Closed);
        let text = String::from_utf8(pipe.0.lock().clone()).unwrap();
        assert_eq!(text, format!("{0}\n{0}\n", sink.line(&entry)));
        assert_eq!(text.lines().count(), 2);
    }
}

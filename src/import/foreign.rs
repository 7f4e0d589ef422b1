//! Foreign files: those of the reference implementation and CloudEvents, as the records that
//! ingesting knows, with the hashes they had.
//!
//! ```text
//! agt-jsonl    {..}           --> {.., "entry_hash":".."}     computed: the line has none
//! agt-export   {"entries":[]} --> {.., "entry_hash":".."}     its own
//! cloudevents  {"id":..}      --> {"entry_id":.., .., "entry_hash":".."}
//!                                  \--> chain, root           what the reference would compute
//! ```
//!
//! One line in, one line out, so that line numbers stay those of the file; what cannot be
//! understood goes on as it is, and ingesting says why. Everything is judged here before redaction,
//! which is the last moment at which the original hashes can be computed.

use crate::entry::json;
use crate::error::{Error, ErrorKind, Result};
use crate::export::event_type_of;
use crate::interop::{AgtEntry, Canonical, RootBuilder};
use crate::limits::{AGT_DOCUMENT_BYTES_MAX, AGT_LINE_BYTES_MAX};
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::io::{BufRead, Read};

/// What a file holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ForeignKind {
    /// Lines of the reference's file sink.
    AgtJsonl,
    /// A document of the reference's `export()`.
    AgtExport,
    /// CloudEvents, one per line or in one array.
    CloudEvents,
    /// Records as `ingest` takes them.
    Jsonl,
}

/// The reference's chain and tree over everything that was read so far, across files.
#[derive(Clone, Debug, Default)]
pub struct ForeignChain {
    previous: String,
    root: RootBuilder,
    /// Entries whose own hash is not what their fields hash to.
    pub mismatches: u64,
    /// Entries that name another predecessor than the one before them.
    pub breaks: u64,
}

impl ForeignChain {
    /// Nothing was read.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Entries so far.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.root.len()
    }

    /// Whether there were none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.root.is_empty()
    }

    /// The Merkle root that the reference computes over them; `None` without entries.
    #[must_use]
    pub fn root(&self) -> Option<String> {
        self.root.root()
    }

    fn push(&mut self, entry_hash: String) {
        self.root.push(entry_hash.as_str());
        self.previous = entry_hash;
    }

    /// An entry that says its own hash and that of the one before.
    fn push_claimed(&mut self, entry: &AgtEntry, previous: &str, claimed: &str) {
        // A slice begins behind something that is not there.
        let is_start = self.is_empty();
        self.breaks += u64::from(!is_start && previous != self.previous);
        self.mismatches += u64::from(entry.entry_hash(previous) != claimed);
        self.push(claimed.to_owned());
    }
}

type Members<'a> = BTreeMap<String, &'a RawValue>;

/// A file as lines that ingesting takes. `None` for an end.
#[derive(Debug)]
pub struct Foreign<'c, R> {
    kind: ForeignKind,
    reader: R,
    chain: &'c mut ForeignChain,
    line: Vec<u8>,
    at: usize,
    /// The lines of a document, the next one last.
    document: Option<Vec<String>>,
    claimed_root: Option<String>,
}

impl<'c, R: BufRead> Foreign<'c, R> {
    /// The records of `reader`, whose hashes go on with `chain`.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] or [`ErrorKind::TooLarge`] for what is no document of this kind;
    /// [`ErrorKind::Io`] from the reader.
    pub fn new(kind: ForeignKind, mut reader: R, chain: &'c mut ForeignChain) -> Result<Self> {
        let (mut document, mut claimed_root) = (None, None);
        let is_array = kind == ForeignKind::CloudEvents && begins_array(&mut reader)?;
        if kind == ForeignKind::AgtExport || is_array {
            let text = read_document(&mut reader)?;
            let canonical = Canonical::parse(&text)?;
            let entries = match kind {
                ForeignKind::AgtExport => {
                    let root = canonical.member("merkle_root").and_then(|root| root.text());
                    claimed_root = root;
                    canonical.member("entries")
                }
                _ => Some(canonical),
            };
            let entries = entries.and_then(|entries| entries.elements()).ok_or_else(|| {
                Error::new(ErrorKind::Invalid, "the document has no array of entries")
            })?;
            document = Some(entries.into_iter().rev().collect());
        }
        Ok(Self { kind, reader, chain, line: Vec::new(), at: 0, document, claimed_root })
    }

    /// The root that a document says it has.
    #[must_use]
    pub fn claimed_root(&self) -> Option<&str> {
        self.claimed_root.as_deref()
    }

    /// Reads the next line into the buffer; `false` at the end.
    fn next_line(&mut self) -> std::io::Result<bool> {
        self.line.clear();
        self.at = 0;
        if let Some(document) = &mut self.document {
            let Some(line) = document.pop() else { return Ok(false) };
            self.line = line.into_bytes();
            self.line.push(b'\n');
        } else {
            let limited = Read::by_ref(&mut self.reader).take(AGT_LINE_BYTES_MAX as u64 + 1);
            if { limited }.read_until(b'\n', &mut self.line)? == 0 {
                return Ok(false);
            }
        }
        let translated = std::str::from_utf8(&self.line).ok().and_then(|line| {
            let line = line.trim();
            match self.kind {
                _ if line.is_empty() => None,
                ForeignKind::AgtJsonl => agt_line(line, self.chain),
                ForeignKind::AgtExport => agt_exported(line, self.chain),
                ForeignKind::CloudEvents => event(line, self.chain),
                ForeignKind::Jsonl => None,
            }
        });
        if let Some(line) = translated {
            self.line = line.into_bytes();
            self.line.push(b'\n');
        }
        Ok(true)
    }
}

impl<R: BufRead> Read for Foreign<'_, R> {
    fn read(&mut self, room: &mut [u8]) -> std::io::Result<usize> {
        if self.at == self.line.len() && !self.next_line()? {
            return Ok(0);
        }
        let rest = self.line.get(self.at..).unwrap_or_default();
        let len = rest.len().min(room.len());
        if let (Some(to), Some(from)) = (room.get_mut(..len), rest.get(..len)) {
            to.copy_from_slice(from);
        }
        self.at += len;
        Ok(len)
    }
}

fn begins_array(reader: &mut impl BufRead) -> Result<bool> {
    let failed = |error| Error::io(error, "read", "the input");
    loop {
        let (blank, first) = {
            let bytes = reader.fill_buf().map_err(failed)?;
            let blank = bytes.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
            (blank, bytes.get(blank).copied())
        };
        if first.is_some() || blank == 0 {
            return Ok(first == Some(b'['));
        }
        reader.consume(blank);
    }
}

fn read_document(reader: &mut impl BufRead) -> Result<String> {
    let mut text = String::new();
    let limit = AGT_DOCUMENT_BYTES_MAX as u64 + 1;
    let read = reader.take(limit).read_to_string(&mut text);
    read.map_err(|error| Error::io(error, "read", "the document"))?;
    if text.len() > AGT_DOCUMENT_BYTES_MAX {
        return Err(Error::new(ErrorKind::TooLarge, "the document is too long")
            .expected(format_args!("at most {AGT_DOCUMENT_BYTES_MAX} bytes"), "more"));
    }
    Ok(text)
}

/// A line of the file sink with the entry hash that the reference had in memory.
fn agt_line(line: &str, chain: &mut ForeignChain) -> Option<String> {
    let (entry, unknown) = AgtEntry::parse_with_unknown(line.as_bytes()).ok()?;
    let hash = entry.entry_hash(&chain.previous);
    chain.push(hash.clone());
    // What is no JSON to us is rejected with its own text.
    if unknown.has_duplicates || unknown.keys.iter().any(|key| key == "entry_hash") {
        return None;
    }
    json::check(line).ok()?;
    let open = line.strip_suffix('}')?;
    Some(format!("{open},\"entry_hash\":\"{hash}\"}}"))
}

/// An entry of a document, whose hashes are its own.
fn agt_exported(line: &str, chain: &mut ForeignChain) -> Option<String> {
    let (entry, _) = AgtEntry::parse_with_unknown(line.as_bytes()).ok()?;
    let members: Members<'_> = serde_json::from_str(line).ok()?;
    let claimed: String = serde_json::from_str(members.get("entry_hash")?.get()).ok()?;
    let previous = entry.previous_hash.clone();
    chain.push_claimed(&entry, &previous, &claimed);
    None
}

/// What an event of the reference keeps in `data` beside the caller's own members.
const POLICY: [&str; 5] = ["action", "resource", "outcome", "policy_decision", "matched_rule"];

/// An event as a record: of the reference, where policy and payload stand beside each other, or of
/// ours, where the payload stands one level below.
fn event(line: &str, chain: &mut ForeignChain) -> Option<String> {
    let event: Members<'_> = serde_json::from_str(line).ok()?;
    event.get("specversion")?;
    let text = |key: &str| -> Option<String> { serde_json::from_str(event.get(key)?.get()).ok() };
    let kind = text("type")?;
    let is_ours = text("dataschema").is_some_and(|schema| schema.starts_with("urn:witnessmark:"));
    let data: Members<'_> = event
        .get("data")
        .map(|data| serde_json::from_str(data.get()))
        .transpose()
        .ok()?
        .unwrap_or_default();
    let mut record: BTreeMap<&str, String> = BTreeMap::new();
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    record.insert("event_type", quoted(event_type_of(&kind).unwrap_or(&kind)));
    for (to, from) in [
        ("entry_id", "id"),
        ("agent_did", "source"),
        ("timestamp", "time"),
        ("trace_id", "traceid"),
        ("session_id", "sessionid"),
        ("entry_hash", "agentmeshentryhash"),
        ("previous_hash", "agentmeshprevioushash"),
    ] {
        if let Some(raw) = event.get(from) {
            record.insert(to, raw.get().to_owned());
        }
    }
    let mut payload: BTreeMap<&str, &str> = BTreeMap::new();
    for (key, raw) in &data {
        match key.as_str() {
            "data" if is_ours => {
                record.insert("data", raw.get().to_owned());
            }
            key if is_ours || POLICY.contains(&key) => {
                record.insert(key, raw.get().to_owned());
            }
            key => {
                payload.insert(key, raw.get());
            }
        }
    }
    if !is_ours {
        record.insert("data", object(&payload));
        judge_event(&record, text("time").as_deref(), chain);
    }
    let members: BTreeMap<&str, &str> =
        record.iter().map(|(key, value)| (*key, value.as_str())).collect();
    Some(object(&members))
}

fn object(members: &BTreeMap<&str, &str>) -> String {
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let members: Vec<String> =
        members.iter().map(|(key, value)| format!("{}:{value}", quoted(key))).collect();
    format!("{{{}}}", members.join(","))
}

/// Computes the entry hash of the reference again from what its event kept.
fn judge_event(record: &BTreeMap<&str, String>, time: Option<&str>, chain: &mut ForeignChain) {
    let mut record = record.clone();
    // The reference writes `+00:00Z`; hashed was the text before the last letter.
    let time = time.map(|time| time.strip_suffix('Z').unwrap_or(time));
    record.insert("timestamp", serde_json::Value::from(time.unwrap_or_default()).to_string());
    let text = |key: &str| -> String {
        record.get(key).and_then(|raw| serde_json::from_str(raw).ok()).unwrap_or_default()
    };
    let (claimed, previous) = (text("entry_hash"), text("previous_hash"));
    if claimed.is_empty() {
        return;
    }
    record.remove("entry_hash");
    let members = record.iter().map(|(key, value)| (*key, value.as_str())).collect();
    if let Ok(entry) = AgtEntry::parse_line(object(&members).as_bytes()) {
        chain.push_claimed(&entry, &previous, &claimed);
    }
}

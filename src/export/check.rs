//! Verifying an export without the log: every line is hashed again, and all of them, with the roots
//! of what was left out, must lead to the root of the tree.
//!
//! ```text
//! line --> header, meta, data_text, salts --> entry --> the same line again?   any edit
//!            \--> entry hash --> frontier <-- before, after                     order, omission
//!                                   \--> root = merkle_root = anchor?           another history
//! ```
//!
//! What nothing here can show: that an entry that was left out did not match the filters, and
//! whatever the head and the end say in words (origin, query, time).

use super::json::verifiable;
use super::render::Format;
use super::slice::{SCHEMA, cover};
use crate::entry::json::strip;
use crate::error::{Error, ErrorKind, Result};
use crate::format::stored::StoredEntry;
use crate::limits::{EXPORT_LINE_BYTES_MAX, FINDINGS_MAX};
use crate::merkle::Frontier;
use crate::proof::Evidence;
use crate::types::{Hash, TreeSize};
use serde::Deserialize;
use serde_json::{Value, json};
use std::io::{BufRead, Read};

/// What was found out about an export.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct SliceVerdict {
    /// Whether nothing was found.
    pub valid: bool,
    /// What is wrong, at most 10,000.
    pub findings: Vec<String>,
    /// Findings beyond that.
    pub findings_left_out: u64,
    /// The format that the entries were asked for in.
    pub format: Option<Format>,
    /// Entries that were read.
    pub entries: u64,
    /// The first and last index.
    pub span: Option<(u64, u64)>,
    /// How often something was left out between two entries.
    pub gaps: u64,
    /// Entries of the tree that are not in the export.
    pub left_out: u64,
    /// The size of the tree, as computed.
    pub size: TreeSize,
    /// The root, as computed.
    pub root: Hash,
    /// The log's name, as the export says it.
    pub origin: String,
    /// The filters, as the export says them.
    pub query: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    r#type: Option<String>,
    schema: Option<String>,
    format: Option<String>,
    #[serde(rename = "exported_at")]
    _exported_at: String,
    merkle_root: String,
    chain_root: String,
    #[serde(rename = "entries")]
    _entries: Option<[(); 0]>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct End {
    #[serde(rename = "type")]
    _type: Option<String>,
    entry_count: u64,
    metadata: Metadata,
    after: Vec<String>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct Metadata {
    schema: String,
    format: String,
    origin: String,
    size: u64,
    root: String,
    query: String,
    first: Option<u64>,
    last: Option<u64>,
    left_out: u64,
    complete: bool,
}

/// The parts of a line that are hashed.
#[derive(Deserialize)]
struct Parts {
    #[serde(default)]
    entry_id: Value,
    index: u64,
    entry_hash: String,
    header: String,
    #[serde(default)]
    meta: Value,
    #[serde(default)]
    data_text: Value,
    #[serde(default)]
    salts: Option<Value>,
    #[serde(default)]
    data_hash: Value,
    #[serde(default)]
    before: Vec<String>,
}

fn entry_of(parts: &Parts) -> Result<StoredEntry> {
    let salt = |name| parts.salts.as_ref().and_then(|salts| salts.get(name));
    let entry_id = parts.entry_id.as_str().unwrap_or_default();
    let document = json!({
        "schema": "wmark.proof/1", "entry_id": entry_id, "index": parts.index, "size": 0,
        "entry_hash": parts.entry_hash, "root": Hash::ZERO.to_hex(), "hashes": [],
        "header": parts.header, "meta": parts.meta, "data_text": parts.data_text,
        "salts": { "body": salt("body"), "data": salt("data") }, "data_hash": parts.data_hash,
    });
    Evidence::from_json(&document.to_string()).map(|evidence| evidence.entry().clone())
}

fn hashes(texts: &[String]) -> Option<Vec<Hash>> {
    texts.iter().map(|text| Hash::from_hex(text)).collect()
}

/// Checks an export line by line.
#[derive(Debug)]
pub struct SliceCheck {
    line: u64,
    is_document: bool,
    head: Option<Hash>,
    format: Option<Format>,
    ended: bool,
    frontier: Frontier,
    /// Whether every line so far has its place in the tree.
    is_whole: bool,
    last_hash: Option<Hash>,
    entries: u64,
    span: Option<(u64, u64)>,
    gaps: u64,
    claims: (String, String),
    findings: Vec<String>,
    findings_left_out: u64,
}

impl Default for SliceCheck {
    fn default() -> Self {
        Self {
            line: 0,
            is_document: false,
            head: None,
            format: None,
            ended: false,
            frontier: Frontier::new(),
            is_whole: true,
            last_hash: None,
            entries: 0,
            span: None,
            gaps: 0,
            claims: Default::default(),
            findings: Vec::new(),
            findings_left_out: 0,
        }
    }
}

impl SliceCheck {
    /// An export of which nothing was read.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The format that the entries were asked for in, known after the first line.
    #[must_use]
    pub fn format(&self) -> Option<Format> {
        self.format
    }

    fn find(&mut self, what: impl std::fmt::Display) {
        match self.findings.len() < FINDINGS_MAX {
            true => self.findings.push(format!("line {}: {what}", self.line)),
            false => self.findings_left_out += 1,
        }
    }

    /// Takes the next line, without its line break; gives the entry in it when its hashes hold.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] when the first line is that of no verifiable export.
    pub fn take(&mut self, line: &str) -> Result<Option<StoredEntry>> {
        self.line += 1;
        let line = line.trim_end_matches('\r');
        if self.head.is_none() {
            return self.take_head(line).map(|()| None);
        }
        if self.ended {
            if !line.trim().is_empty() {
                self.find("something stands behind the end");
            }
            return Ok(None);
        }
        if let Some(end) = self.end_of(line) {
            self.ended = true;
            self.take_end(&end);
            return Ok(None);
        }
        let line = if self.is_document { line.strip_suffix(',').unwrap_or(line) } else { line };
        match self.take_entry(line) {
            Ok(entry) => Ok(Some(entry)),
            Err(error) => {
                self.is_whole = false;
                self.find(error);
                Ok(None)
            }
        }
    }

    fn take_head(&mut self, line: &str) -> Result<()> {
        let no_export = || {
            let message = "not a verifiable export";
            Error::new(ErrorKind::Invalid, message).hint(
                "`wmark export --format json`, or another format with --verifiable, makes one",
            )
        };
        let document = line.strip_suffix('[').map(|start| format!("{start}[]}}"));
        self.is_document = document.is_some();
        let text = document.as_deref().unwrap_or(line);
        let head: Head = serde_json::from_str(text).map_err(|_| no_export())?;
        let said = (head.r#type.as_deref(), head.schema.as_deref(), head.format.as_deref());
        let format = match (self.is_document, said) {
            (true, (None, None, None)) => Some(Format::Json),
            (false, (Some("export"), Some(SCHEMA), Some(format))) => Format::from_name(format),
            _ => None,
        };
        self.format = Some(format.ok_or_else(no_export)?);
        if head.chain_root != head.merkle_root {
            self.find("chain_root and merkle_root are two roots");
        }
        self.head = Some(Hash::from_hex(&head.merkle_root).ok_or_else(no_export)?);
        Ok(())
    }

    fn end_of(&self, line: &str) -> Option<End> {
        let text = match self.is_document {
            true => format!("{{{}", line.strip_prefix("],")?),
            false => line.starts_with("{\"type\":\"end\"").then(|| line.to_owned())?,
        };
        serde_json::from_str(&text).ok()
    }

    fn take_entry(&mut self, line: &str) -> Result<StoredEntry> {
        let invalid = |what: &str| Error::new(ErrorKind::ProofInvalid, what);
        let parts: Parts =
            serde_json::from_str(line).map_err(|error| invalid(&format!("no entry: {error}")))?;
        let entry = entry_of(&parts)?;
        let before = hashes(&parts.before).ok_or_else(|| invalid("malformed roots before it"))?;
        if !entry.verify_hash() {
            return Err(invalid("the entry does not hash to its entry hash"));
        }
        // What people read must be what was hashed, to the last digit; only white space is free.
        let again = verifiable(&entry, &before);
        if again != line && strip(&again) != strip(line) {
            let message = "the line says something else than what was hashed";
            return Err(invalid(message).at_index(entry.index()));
        }
        self.place(&entry, &before)?;
        Ok(entry)
    }

    fn place(&mut self, entry: &StoredEntry, before: &[Hash]) -> Result<()> {
        let (index, next) = (entry.index().get(), self.frontier.size().get());
        let invalid = |what: &str| Error::new(ErrorKind::ProofInvalid, what).at_index(index);
        if !self.is_whole {
            return Ok(());
        }
        if index < next {
            return Err(
                invalid("entries must ascend").expected(format_args!("{next} or later"), index)
            );
        }
        self.cover(index, before).map_err(|error| error.at_index(index))?;
        if self.entries > 0 && index == next && self.last_hash != Some(entry.previous_hash()) {
            return Err(invalid("the entry belongs behind another one"));
        }
        self.gaps += u64::from(self.entries > 0 && index > next);
        self.frontier.push(entry.entry_hash(), |_, _| {});
        self.last_hash = Some(entry.entry_hash());
        self.entries += 1;
        self.span = Some((self.span.map_or(index, |(first, _)| first), index));
        Ok(())
    }

    /// Takes the roots of what stands from here up to `to`.
    fn cover(&mut self, to: u64, roots: &[Hash]) -> Result<()> {
        let from = self.frontier.size().get();
        let nodes: Vec<_> = cover(from, to).collect();
        if nodes.len() != roots.len() {
            let message = format!("roots for the entries {from} to below {to}, which are left out");
            return Err(
                Error::new(ErrorKind::ProofInvalid, message).expected(nodes.len(), roots.len())
            );
        }
        nodes
            .iter()
            .zip(roots)
            .try_for_each(|(node, root)| self.frontier.push_perfect(node.level, *root))
    }

    fn take_end(&mut self, end: &End) {
        let metadata = &end.metadata;
        self.claims = (metadata.origin.clone(), metadata.query.clone());
        let format = self.format.map_or("", Format::as_str);
        let mut wrong = Vec::new();
        let mut compare = |what: &str, holds: bool| {
            if !holds {
                wrong.push(format!("{what} is not what the entries say"));
            }
        };
        compare("schema", metadata.schema == SCHEMA);
        compare("format", metadata.format == format);
        compare("entry_count", end.entry_count == self.entries);
        compare("first", metadata.first == self.span.map(|span| span.0));
        compare("last", metadata.last == self.span.map(|span| span.1));
        compare("left_out", metadata.left_out == metadata.size.saturating_sub(self.entries));
        compare("complete", metadata.complete == (metadata.size == self.entries));
        if self.is_whole {
            let after = hashes(&end.after).unwrap_or_default();
            match self.cover(metadata.size, &after) {
                Err(error) => wrong.push(error.to_string()),
                Ok(()) => {
                    let root = self.frontier.root();
                    compare("size", self.frontier.size().get() == metadata.size);
                    compare("root", Hash::from_hex(&metadata.root) == Some(root));
                    compare("merkle_root", self.head == Some(root));
                }
            }
        }
        wrong.into_iter().for_each(|what| self.find(what));
    }

    /// The verdict, against a root and a size that did not come with the export.
    #[must_use]
    pub fn finish(mut self, anchor: Option<(Hash, TreeSize)>) -> SliceVerdict {
        if !self.ended {
            self.find("the export ends before its end");
        }
        let (size, root) = (self.frontier.size(), self.frontier.root());
        if let Some((wanted_root, wanted_size)) = anchor
            && self.is_whole
            && (wanted_root, wanted_size) != (root, size)
        {
            self.find(format_args!(
                "the slice belongs to another tree than the anchor's (wanted \
                 {wanted_root}@{wanted_size}, found {root}@{size})"
            ));
        }
        SliceVerdict {
            valid: self.findings.is_empty(),
            findings: self.findings,
            findings_left_out: self.findings_left_out,
            format: self.format,
            entries: self.entries,
            span: self.span,
            gaps: self.gaps,
            left_out: size.get().saturating_sub(self.entries),
            size,
            root,
            origin: self.claims.0,
            query: self.claims.1,
        }
    }
}

/// Checks an export from a reader; `each` gets every entry whose hashes hold.
///
/// # Errors
/// As [`SliceCheck::take`]; [`ErrorKind::Io`] from the reader; whatever `each` answers.
pub fn check_slice(
    mut reader: impl BufRead,
    anchor: Option<(Hash, TreeSize)>,
    mut each: impl FnMut(Option<Format>, &StoredEntry) -> Result<()>,
) -> Result<SliceVerdict> {
    let mut check = SliceCheck::new();
    let mut line = Vec::new();
    loop {
        line.clear();
        let limited = Read::by_ref(&mut reader).take(EXPORT_LINE_BYTES_MAX as u64 + 1);
        let read = { limited }.read_until(b'\n', &mut line);
        let read = read.map_err(|error| Error::io(error, "read", "the export"))?;
        if read == 0 {
            // An empty file is no export either.
            if check.head.is_none() {
                check.take("")?;
            }
            return Ok(check.finish(anchor));
        }
        if line.len() > EXPORT_LINE_BYTES_MAX {
            let message = "a line of the export is too long";
            return Err(Error::new(ErrorKind::TooLarge, message)
                .expected(format_args!("at most {EXPORT_LINE_BYTES_MAX} bytes"), "more"));
        }
        let text = std::str::from_utf8(&line).map_err(|_| {
            Error::new(ErrorKind::ProofInvalid, format!("line {} is not UTF-8", check.line + 1))
        })?;
        if let Some(entry) = check.take(text.strip_suffix('\n').unwrap_or(text))? {
            each(check.format, &entry)?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::{Renderer, Slice, SliceInfo};
    use crate::{AuditLog, Entry, Query};

    fn log(entries: u64) -> AuditLog {
        let log = AuditLog::in_memory().unwrap();
        for i in 0..entries {
            let agent = format!("did:{}", i % 3);
            let data = format!("{{\"n\":{i}.50}}");
            let _ = log.append(Entry::new("t", agent, "allow").data_text(data)).unwrap();
        }
        log
    }

    fn export(log: &AuditLog, query: &Query, format: Format) -> String {
        let view = log.view();
        let info = SliceInfo {
            format,
            exported_at: "2026-11-25T00:00:00Z".into(),
            origin: "o".into(),
            size: view.size(),
            root: view.root(),
            query: String::new(),
        };
        let mut slice = Slice::new(&view, view.size());
        let mut renderer = Renderer::new(info, true, b"k");
        let mut text = renderer.head();
        crate::export::walk(&view, query, |entry| {
            let before = slice.before(entry.index())?;
            text += &renderer.entry(entry, &before);
            Ok::<_, Error>(())
        })
        .unwrap();
        text + &renderer.end(slice.span(), &slice.after().unwrap())
    }

    fn verdict(text: &str, anchor: Option<(Hash, TreeSize)>) -> SliceVerdict {
        check_slice(text.as_bytes(), anchor, |_, _| Ok(())).unwrap()
    }

    #[test]
    fn slices_of_every_kind_lead_to_the_root_of_the_whole_log() {
        let log = log(29);
        let anchor = Some((log.head().root, log.head().size));
        for format in [Format::Jsonl, Format::Json] {
            for query in [
                Query::new(),
                Query::new().agent("did:1"),
                Query::new().from(7).to(19),
                Query::new().agent("nobody"),
            ] {
                let text = export(&log, &query, format);
                let found = verdict(&text, anchor);
                assert!(found.valid, "{:?}\n{text}", found.findings);
                assert_eq!((found.root, found.size), (log.head().root, log.head().size));
                assert_eq!(found.entries + found.left_out, 29);
            }
        }
        let other = verdict(
            &export(&log, &Query::new(), Format::Json),
            Some((Hash::ZERO, TreeSize::new(29))),
        );
        assert!(!other.valid);
    }

    #[test]
    fn a_document_is_one_json_value_with_the_keys_of_the_tutorial() {
        let document: Value =
            serde_json::from_str(&export(&log(3), &Query::new(), Format::Json)).unwrap();
        let keys =
            ["exported_at", "merkle_root", "chain_root", "entry_count", "entries", "metadata"];
        assert!(keys.iter().all(|key| document.get(key).is_some()), "{document}");
        assert_eq!(
            (&document["entry_count"], &document["metadata"]["complete"]),
            (&3.into(), &true.into())
        );
        let empty = export(&log(3), &Query::new().agent("nobody"), Format::Json);
        assert_eq!(serde_json::from_str::<Value>(&empty).unwrap()["entries"], json!([]));
    }

    #[test]
    fn every_changed_byte_of_a_slice_is_found() {
        let log = log(5);
        let anchor = Some((log.head().root, log.head().size));
        let text = export(&log, &Query::new().from(1).to(4), Format::Jsonl);
        let claims = ["exported_at", "origin", "query"];
        for at in 0..text.len() {
            let mut bytes = text.clone().into_bytes();
            bytes[at] ^= 1;
            let Ok(changed) = String::from_utf8(bytes) else { continue };
            let found = check_slice(changed.as_bytes(), anchor, |_, _| Ok(()));
            let is_claim = || {
                // Words in the head and the end that nothing vouches for.
                claims.iter().any(|key| {
                    text.match_indices(&format!("\"{key}\":\"")).any(|(start, found)| {
                        let value = start + found.len();
                        let len = text[value..].find('"').unwrap();
                        (value..value + len).contains(&at)
                    })
                })
            };
            let is_found = found.as_ref().map_or(true, |verdict| !verdict.valid);
            assert!(is_found || is_claim(), "byte {at} of {text}");
        }
    }

    #[test]
    fn omission_order_and_repetition_are_found() {
        let log = log(8);
        let anchor = Some((log.head().root, log.head().size));
        let text = export(&log, &Query::new(), Format::Jsonl);
        let lines: Vec<&str> = text.lines().collect();
        let put = |order: &[usize]| {
            order.iter().map(|at| format!("{}\n", lines[*at])).collect::<String>()
        };
        assert!(verdict(&put(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]), anchor).valid);
        for order in [
            &[0, 1, 2, 4, 5, 6, 7, 8, 9][..],
            &[0, 1, 3, 2, 4, 5, 6, 7, 8, 9],
            &[0, 1, 2, 2, 3, 4, 5, 6, 7, 8, 9],
            &[0, 2, 3, 4, 5, 6, 7, 8, 9],
            &[0, 1, 2, 3, 4, 5, 6, 7, 9],
            &[0, 1, 2, 3, 4, 5, 6, 7, 8],
            &[0, 9],
        ] {
            assert!(!verdict(&put(order), anchor).valid, "{order:?}");
        }
        assert!(check_slice(&b""[..], None, |_, _| Ok(())).is_err());
        assert!(check_slice(lines[1].as_bytes(), None, |_, _| Ok(())).is_err());
    }
}

//! Rendering: what stands before, between and behind the entries of an export.
//!
//! ```text
//! format              head             entry                      end
//! jsonl               -                {..}\n                     -
//! jsonl, verifiable   {"type":"export",..}\n  {..,"before":[..]}\n  {"type":"end",..}\n
//! json                {..,"entries":[\n  {..},\n                  ],"entry_count":..}\n
//! csv                 column names     "..","..",..\r\n           -
//! cloudevents         -                {..}\n                     -
//! cloudevents-batch   [                {..},\n                    ]\n
//! agt                 -                {..}\n                     -
//! ```
//!
//! The same text comes out for the same entries, always: that is how an export in a format without
//! room for proofs is checked against the verifiable one that was written beside it.

use super::cloudevents::cloudevent;
use super::csv::{CSV_HEAD, csv_line};
use super::json::{Object, entry_json, verifiable};
use super::slice::SCHEMA;
use crate::format::stored::StoredEntry;
use crate::interop::AgtEntry;
use crate::types::{Hash, TreeSize};

/// A format of exports.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Format {
    /// One JSON object per line.
    Jsonl,
    /// One JSON document with the tutorial's keys.
    Json,
    /// RFC 4180.
    Csv,
    /// One CloudEvent per line.
    CloudEvents,
    /// A JSON array of CloudEvents.
    CloudEventsBatch,
    /// Lines of the reference implementation's file sink.
    Agt,
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 6] =
        [Self::Jsonl, Self::Json, Self::Csv, Self::CloudEvents, Self::CloudEventsBatch, Self::Agt];

    /// The name on the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Jsonl => "jsonl",
            Self::Json => "json",
            Self::Csv => "csv",
            Self::CloudEvents => "cloudevents",
            Self::CloudEventsBatch => "cloudevents-batch",
            Self::Agt => "agt",
        }
    }

    /// The format of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.as_str() == name)
    }

    /// Whether what is needed to verify an entry has a place in the format.
    #[must_use]
    pub const fn has_room(self) -> bool {
        matches!(self, Self::Jsonl | Self::Json)
    }
}

/// What is said about an export as a whole.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SliceInfo {
    /// The format that the entries were asked for in.
    pub format: Format,
    /// When it was made, as text.
    pub exported_at: String,
    /// The log's name.
    pub origin: String,
    /// The size of the tree the slice was taken from.
    pub size: TreeSize,
    /// Its root.
    pub root: Hash,
    /// The filters in words; empty when there were none.
    pub query: String,
}

/// Text for an export, piece by piece.
#[derive(Debug)]
pub struct Renderer<'k> {
    info: SliceInfo,
    /// The format that is written: that of `info`, or verifiable lines beside it.
    layout: Format,
    is_verifiable: bool,
    key: &'k [u8],
    entries: u64,
    previous: String,
}

impl<'k> Renderer<'k> {
    /// Renders in the format of `info`; `is_verifiable` asks for proofs where the format leaves it
    /// open. The key signs lines of the format `agt`.
    #[must_use]
    pub fn new(info: SliceInfo, is_verifiable: bool, key: &'k [u8]) -> Self {
        let is_verifiable =
            info.format == Format::Json || (is_verifiable && info.format.has_room());
        let layout = info.format;
        Self { info, layout, is_verifiable, key, entries: 0, previous: String::new() }
    }

    /// Verifiable lines that belong beside an export in the format of `info`.
    #[must_use]
    pub fn beside(info: SliceInfo) -> Self {
        let (layout, previous) = (Format::Jsonl, String::new());
        Self { info, layout, is_verifiable: true, key: &[], entries: 0, previous }
    }

    /// Whether entries come with what is needed to verify them.
    #[must_use]
    pub fn is_verifiable(&self) -> bool {
        self.is_verifiable
    }

    fn roots(&self, object: &mut Object) {
        object.text("exported_at", &self.info.exported_at);
        object.text("merkle_root", &self.info.root.to_hex());
        object.text("chain_root", &self.info.root.to_hex());
    }

    /// What stands before the first entry.
    #[must_use]
    pub fn head(&self) -> String {
        let mut object = Object::new();
        match self.layout {
            Format::Jsonl if self.is_verifiable => {
                object.text("type", "export");
                object.text("schema", SCHEMA);
                object.text("format", self.info.format.as_str());
                self.roots(&mut object);
                object.finish() + "\n"
            }
            Format::Json => {
                self.roots(&mut object);
                object.key("entries").push_str("[\n");
                object.unfinished()
            }
            Format::Csv => format!("{CSV_HEAD}\r\n"),
            Format::CloudEventsBatch => "[".to_owned(),
            Format::Jsonl | Format::CloudEvents | Format::Agt => String::new(),
        }
    }

    /// One entry; `before` are the roots of the gap before it.
    pub fn entry(&mut self, entry: &StoredEntry, before: &[Hash]) -> String {
        let is_first = self.entries == 0;
        self.entries += 1;
        let between = if is_first { "" } else { ",\n" };
        match self.layout {
            Format::Jsonl if self.is_verifiable => verifiable(entry, before) + "\n",
            Format::Jsonl => entry_json(entry) + "\n",
            Format::Json => format!("{between}{}", verifiable(entry, before)),
            Format::Csv => csv_line(entry) + "\r\n",
            Format::CloudEvents => cloudevent(entry) + "\n",
            Format::CloudEventsBatch => format!("{between}{}", cloudevent(entry)),
            Format::Agt => {
                let line = AgtEntry::from(entry).signed(&self.previous, self.key);
                self.previous.clone_from(&line.content_hash);
                line.to_line() + "\n"
            }
        }
    }

    /// What stands behind the last entry. `span` is the first and last index, `after` the roots of
    /// what the tree holds behind it.
    #[must_use]
    pub fn end(&self, span: Option<(u64, u64)>, after: &[Hash]) -> String {
        let mut object = Object::new();
        match self.layout {
            Format::Jsonl if self.is_verifiable => {
                object.text("type", "end");
                self.close(&mut object, span, after);
                object.finish() + "\n"
            }
            Format::Json => {
                self.close(&mut object, span, after);
                let rest = object.finish();
                let line_feed = if self.entries > 0 { "\n" } else { "" };
                format!("{line_feed}],{}\n", rest.strip_prefix('{').unwrap_or_default())
            }
            Format::CloudEventsBatch => "]\n".to_owned(),
            Format::Jsonl | Format::Csv | Format::CloudEvents | Format::Agt => String::new(),
        }
    }

    fn close(&self, object: &mut Object, span: Option<(u64, u64)>, after: &[Hash]) {
        object.number("entry_count", self.entries);
        let mut metadata = Object::new();
        metadata.text("schema", SCHEMA);
        metadata.text("format", self.info.format.as_str());
        metadata.text("origin", &self.info.origin);
        metadata.number("size", self.info.size);
        metadata.text("root", &self.info.root.to_hex());
        metadata.text("query", &self.info.query);
        for (key, index) in [("first", span.map(|s| s.0)), ("last", span.map(|s| s.1))] {
            match index {
                Some(index) => metadata.number(key, index),
                None => metadata.number(key, "null"),
            }
        }
        metadata.number("left_out", self.info.size.get().saturating_sub(self.entries));
        metadata.number("complete", self.info.size.get() == self.entries);
        object.key("metadata").push_str(&metadata.finish());
        object.hashes("after", after);
    }
}

//! Positions: how far a file had been read, kept in the log beside what was read.
//!
//! ```text
//! source {..., "ingest": {"file": ..., "line": 1204, "offset": 581632, "blake3": ...}}
//!                                       \_ of the last record _/   digest of bytes 0..offset
//! ```
//!
//! The last entry of each batch carries one, so position and entries are durable together. The newest
//! one that names a file counts; its digest says whether the file is still the same up to there.

use crate::entry::{Entry, Field, source};
use crate::error::Result;
use crate::hash;
use crate::limits::IMPORT_FILE_NAME_BYTES_MAX;
use crate::query::{Order, Query};
use crate::types::Hash;
use crate::view::View;
use serde::{Deserialize, Serialize};
use std::ops::ControlFlow;

/// How far a file had been read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Position {
    /// The file's name, as it was given.
    pub file: String,
    /// The line on which the last record begins, counted from 1.
    pub line: u64,
    /// Bytes of the file up to behind that record.
    pub offset: u64,
    /// BLAKE3 of these bytes.
    pub digest: Hash,
}

#[derive(Serialize, Deserialize)]
struct Text {
    file: String,
    line: u64,
    offset: u64,
    blake3: String,
}

/// A name that fits a position; a longer one is told by its digest.
fn short(file: &str) -> String {
    let text = serde_json::Value::from(file).to_string();
    if text.len() <= IMPORT_FILE_NAME_BYTES_MAX {
        return file.to_owned();
    }
    format!("sha256:{}", hash::sha256(file.as_bytes()))
}

impl Position {
    /// The newest position of this file in the log; `None` when it was never read.
    ///
    /// Looks at every entry until one is found, the newest first.
    ///
    /// # Errors
    /// As [`View::query`].
    pub fn find(view: &View, file: &str) -> Result<Option<Self>> {
        let file = short(file);
        let mut found = None;
        view.for_each(&Query::new().order(Order::Newest).limit(0), |entry| {
            let position = entry.text(Field::Source).and_then(Self::parse);
            found = position.filter(|position| position.file == file);
            Ok(if found.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        })?;
        Ok(found)
    }

    fn parse(source_text: &str) -> Option<Self> {
        let text: Text = serde_json::from_str(source::position(source_text)?).ok()?;
        let digest = Hash::from_hex(&text.blake3)?;
        Some(Self { file: text.file, line: text.line, offset: text.offset, digest })
    }

    /// Puts the position into an entry's source.
    pub(crate) fn attach<'a>(&self, entry: Entry<'a>) -> Entry<'a> {
        let blake3 = self.digest.to_hex();
        let text = Text { file: short(&self.file), line: self.line, offset: self.offset, blake3 };
        let text = serde_json::to_string(&text).unwrap_or_default();
        let text = source::with_position(entry.text(Field::Source), &text);
        entry.source(text)
    }
}

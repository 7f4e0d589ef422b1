//! Rejects: records that cannot become entries, and why.

use crate::error::{Error, ErrorKind};
use std::fmt;

/// Why a record was rejected. Kinds are only ever added.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[non_exhaustive]
pub enum RejectKind {
    /// Not JSON.
    Syntax,
    /// The input ends within the record, or before its array was closed.
    Truncated,
    /// Not UTF-8.
    Encoding,
    /// JSON, but not an object.
    NotAnObject,
    /// A key stands twice in one object.
    DuplicateKey,
    /// Half of a surrogate pair, which no UTF-8 text can hold.
    LoneSurrogate,
    /// A number that readers would have to give up on.
    NumberOutOfRange,
    /// Nested too deep.
    TooDeep,
    /// Over one of the limits on lengths.
    TooLarge,
    /// A required field is missing or empty.
    MissingField,
    /// A field's value has another type than the field.
    WrongType,
    /// A time that cannot be read.
    BadTime,
    /// The entry's id is in the log already, with other content.
    IdConflict,
    /// A value the log does not accept.
    Invalid,
}

impl RejectKind {
    /// The kind as one lower-case word, stable for scripts.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Syntax => "syntax",
            Self::Truncated => "truncated",
            Self::Encoding => "encoding",
            Self::NotAnObject => "not_an_object",
            Self::DuplicateKey => "duplicate_key",
            Self::LoneSurrogate => "lone_surrogate",
            Self::NumberOutOfRange => "number_out_of_range",
            Self::TooDeep => "too_deep",
            Self::TooLarge => "too_large",
            Self::MissingField => "missing_field",
            Self::WrongType => "wrong_type",
            Self::BadTime => "bad_time",
            Self::IdConflict => "id_conflict",
            Self::Invalid => "invalid",
        }
    }
}

/// A record that did not become an entry.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reject {
    /// The line its record begins on, counted from 1; 0 when it was decoded by itself.
    pub line: u64,
    /// Why, for programs.
    pub kind: RejectKind,
    /// Why, for people.
    pub message: String,
}

impl Reject {
    pub(crate) fn new(kind: RejectKind, message: impl Into<String>) -> Self {
        Self { line: 0, kind, message: message.into() }
    }

    pub(crate) fn at_line(mut self, line: u64) -> Self {
        self.line = line;
        self
    }

    /// What the log's own check of an entry said.
    pub(crate) fn from_error(error: &Error) -> Self {
        let kind = match error.kind() {
            ErrorKind::TooLarge => RejectKind::TooLarge,
            ErrorKind::AlreadyExists => RejectKind::IdConflict,
            _ => kind_of_json_error(error.message()).unwrap_or(RejectKind::Invalid),
        };
        Self::new(kind, error.to_string())
    }

    /// What the JSON reader said about a record; positions in it are within the record.
    pub(crate) fn from_json(error: &serde_json::Error) -> Self {
        let message = error.to_string();
        let kind = kind_of_json_error(&message).unwrap_or(match error.classify() {
            serde_json::error::Category::Eof => RejectKind::Truncated,
            _ => RejectKind::Syntax,
        });
        // A record is one line, so only the column tells anything.
        Self::new(kind, message.replace("line 1 column", "column"))
    }
}

/// The readers of JSON tell kinds by their words alone.
fn kind_of_json_error(message: &str) -> Option<RejectKind> {
    let says = |words: &str| message.contains(words);
    if says("appears twice") {
        Some(RejectKind::DuplicateKey)
    } else if says("nested deeper than") {
        Some(RejectKind::TooDeep)
    } else if says("number out of range") {
        Some(RejectKind::NumberOutOfRange)
    } else if says("surrogate") || says("unexpected end of hex escape") {
        Some(RejectKind::LoneSurrogate)
    } else if says("acceptable JSON") {
        Some(RejectKind::Syntax)
    } else {
        None
    }
}

impl fmt::Display for Reject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line > 0 {
            write!(f, "line {}: ", self.line)?;
        }
        write!(f, "{} ({})", self.message, self.kind.as_str())
    }
}

//! Errors: the world failed, or the caller asked for something impossible.
//!
//! One opaque [`Error`], one word wide. It says what went wrong, where (file, byte, index), what
//! was wanted and what was found. A damaged log that is only *looked at* gives findings instead
//! (see [`mod@crate::verify`]); our own mistakes are assertions.

use crate::types::EntryIndex;
use std::fmt;

/// A result with the crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What kind of thing went wrong. Fields are only ever added.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The operating system refused: the source holds its error.
    Io,
    /// No log, entry or file of that name.
    NotFound,
    /// Something is already there.
    AlreadyExists,
    /// Another process holds the writer lock.
    Locked,
    /// The bytes on disk contradict themselves or each other.
    Corrupt,
    /// A format version this build does not know.
    UnknownVersion,
    /// The caller's value is not acceptable; nothing was appended.
    Invalid,
    /// A value is over one of the named limits; nothing was appended.
    TooLarge,
    /// The bounded queue is full and the caller asked not to wait.
    Full,
    /// The disk has no room left; nothing was acknowledged.
    NoSpace,
    /// An earlier write or sync failed: the log is read-only until it is opened again.
    Poisoned,
    /// The log was closed.
    Closed,
    /// This process was forked from the one that opened the log.
    Forked,
    /// An index or size beyond the end of the tree.
    OutOfRange,
    /// A proof that does not prove what it claims.
    ProofInvalid,
    /// The directory cannot be trusted: a symbolic link, someone else's, or writable by others.
    Untrusted,
    /// A key that is missing, malformed, of another name, or kept where others can read it.
    Key,
}

impl ErrorKind {
    /// The kind as one lower-case word, stable for scripts.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Io => "io",
            Self::NotFound => "not_found",
            Self::AlreadyExists => "already_exists",
            Self::Locked => "locked",
            Self::Corrupt => "corrupt",
            Self::UnknownVersion => "unknown_version",
            Self::Invalid => "invalid",
            Self::TooLarge => "too_large",
            Self::Full => "full",
            Self::NoSpace => "no_space",
            Self::Poisoned => "poisoned",
            Self::Closed => "closed",
            Self::Forked => "forked",
            Self::OutOfRange => "out_of_range",
            Self::ProofInvalid => "proof_invalid",
            Self::Untrusted => "untrusted",
            Self::Key => "key",
        }
    }
}

/// Where it went wrong, as far as it is known.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Location {
    /// File name within the log directory, or a path.
    pub file: Option<String>,
    /// Byte offset in that file.
    pub offset: Option<u64>,
    /// Entry index.
    pub index: Option<EntryIndex>,
}

/// What went wrong, where, what was wanted and what was found.
///
/// One word wide. [`Error::kind`] is for programs, `Display` for people.
#[derive(Clone)]
pub struct Error(Box<Inner>);

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    message: String,
    location: Location,
    wanted: Option<String>,
    found: Option<String>,
    hint: Option<String>,
    source: Option<std::sync::Arc<std::io::Error>>,
}

impl Error {
    /// An error of this kind. Messages are lower case, without a full stop.
    #[must_use]
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            message: message.into(),
            location: Location::default(),
            wanted: None,
            found: None,
            hint: None,
            source: None,
        }))
    }

    /// An operating system error while doing `what` to `file`; full disks get their own kind.
    #[must_use]
    pub fn io(source: std::io::Error, what: &str, file: impl Into<String>) -> Self {
        use std::io::ErrorKind as Io;
        let kind = match source.kind() {
            Io::StorageFull | Io::QuotaExceeded | Io::FileTooLarge => ErrorKind::NoSpace,
            Io::NotFound => ErrorKind::NotFound,
            Io::AlreadyExists => ErrorKind::AlreadyExists,
            _ => ErrorKind::Io,
        };
        let mut error = Self::new(kind, format!("{what}: {source}")).at_file(file);
        error.0.source = Some(std::sync::Arc::new(source));
        error
    }

    /// Names the file.
    #[must_use]
    pub fn at_file(mut self, file: impl Into<String>) -> Self {
        self.0.location.file = Some(file.into());
        self
    }

    /// Names the byte offset.
    #[must_use]
    pub fn at_offset(mut self, offset: u64) -> Self {
        self.0.location.offset = Some(offset);
        self
    }

    /// Names the entry.
    #[must_use]
    pub fn at_index(mut self, index: impl Into<EntryIndex>) -> Self {
        self.0.location.index = Some(index.into());
        self
    }

    /// Says what was wanted and what was found.
    #[must_use]
    pub fn expected(mut self, wanted: impl fmt::Display, found: impl fmt::Display) -> Self {
        self.0.wanted = Some(wanted.to_string());
        self.0.found = Some(found.to_string());
        self
    }

    /// Says what to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// The kind, for programs.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Where it went wrong.
    #[must_use]
    pub fn location(&self) -> &Location {
        &self.0.location
    }

    /// The bare message, without location.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// What was wanted, if known.
    #[must_use]
    pub fn wanted(&self) -> Option<&str> {
        self.0.wanted.as_deref()
    }

    /// What was found, if known.
    #[must_use]
    pub fn found(&self) -> Option<&str> {
        self.0.found.as_deref()
    }

    /// What to do next, if there is advice.
    #[must_use]
    pub fn advice(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// Whether the bytes on disk are at fault.
    #[must_use]
    pub fn is_corruption(&self) -> bool {
        self.0.kind == ErrorKind::Corrupt
    }

    /// Whether an earlier failed write or sync has made the log read-only.
    #[must_use]
    pub fn is_poisoned(&self) -> bool {
        self.0.kind == ErrorKind::Poisoned
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &self.0;
        if let Some(file) = &inner.location.file {
            write!(f, "{file}")?;
            if let Some(offset) = inner.location.offset {
                write!(f, ", byte {offset}")?;
            }
            if let Some(index) = inner.location.index {
                write!(f, ", entry {index}")?;
            }
            f.write_str(": ")?;
        } else if let Some(index) = inner.location.index {
            write!(f, "entry {index}: ")?;
        }
        f.write_str(&inner.message)?;
        if let (Some(wanted), Some(found)) = (&inner.wanted, &inner.found) {
            write!(f, " (wanted {wanted}, found {found})")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {self}", self.0.kind)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_one_word_wide_and_names_the_place() {
        assert_eq!(size_of::<Result<(), Error>>(), size_of::<usize>());
        let error = Error::new(ErrorKind::Corrupt, "group header crc")
            .at_file("00.seg")
            .at_offset(4096)
            .at_index(7)
            .expected("17be2200", "9a3c01ff");
        assert_eq!(
            error.to_string(),
            "00.seg, byte 4096, entry 7: group header crc (wanted 17be2200, found 9a3c01ff)"
        );
    }

    #[test]
    fn a_full_disk_has_its_own_kind() {
        let full = std::io::Error::from(std::io::ErrorKind::StorageFull);
        assert_eq!(Error::io(full, "write", "a").kind(), ErrorKind::NoSpace);
    }
}

//! Options: how a log is opened. Required things in the constructor, everything else by name.

use super::admission::Admission;
use super::environment::Environment;
use super::queue::QueueFull;
use crate::error::{Error, ErrorKind, Result};
use crate::format::IDENTITY_NAME;
use crate::format::identity::Predecessor;
use crate::limits::{
    ORIGIN_BYTES_MAX, SEGMENT_BYTES_DEFAULT, SEGMENT_BYTES_MAX, SEGMENT_BYTES_MIN,
};
use crate::redact::Redaction;
use crate::storage::{Access, Clock, FsStorage, MemoryStorage, Storage, SystemClock};
use crate::sync::Arc;
use std::path::{Path, PathBuf};

enum Place {
    Directory(PathBuf),
    Given(Arc<dyn Storage>),
}

/// How to open a log. Made by [`crate::AuditLog::options`].
#[must_use = "nothing happens until open() is called"]
pub struct Options {
    place: Place,
    create: bool,
    pub(crate) segment_bytes: u64,
    pub(crate) align: u16,
    pub(crate) origin: Option<String>,
    pub(crate) predecessor: Option<Predecessor>,
    pub(crate) queue_full: QueueFull,
    pub(crate) redaction: Redaction,
    pub(crate) environment: Option<Environment>,
    pub(crate) is_strict: bool,
    pub(crate) clock: Arc<dyn Clock>,
    /// The process the log belongs to.
    pub(crate) pid: u32,
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options")
            .field("segment_bytes", &self.segment_bytes)
            .field("queue_full", &self.queue_full)
            .finish_non_exhaustive()
    }
}

impl Options {
    pub(crate) fn directory(path: &Path) -> Self {
        Self::at(Place::Directory(path.to_owned()))
    }

    pub(crate) fn memory() -> Self {
        Self::at(Place::Given(Arc::new(MemoryStorage::new())))
    }

    /// A log on any storage: for tests with faults, and for in-memory logs that are reopened.
    pub fn on_storage(storage: Arc<dyn Storage>) -> Self {
        Self::at(Place::Given(storage))
    }

    fn at(place: Place) -> Self {
        Self {
            place,
            create: true,
            segment_bytes: SEGMENT_BYTES_DEFAULT,
            align: 1,
            origin: None,
            predecessor: None,
            queue_full: QueueFull::Wait,
            redaction: Redaction::default(),
            environment: None,
            is_strict: false,
            clock: Arc::new(SystemClock),
            pid: std::process::id(),
        }
    }

    /// Whether a missing log is created; it is, by default.
    pub fn create(mut self, create: bool) -> Self {
        self.create = create;
        self
    }

    /// Bytes after which a segment is full: 64 KiB to 1 GiB, 64 MiB by default. The largest group,
    /// and so the largest entry, must fit into one.
    pub fn segment_bytes(mut self, bytes: u64) -> Self {
        self.segment_bytes = bytes;
        self
    }

    /// Pads groups to 512 or 4096 bytes, so that no sector that was acknowledged is ever written
    /// again: for disks that may garble a sector when power fails. 1, no padding, by default.
    pub fn sector_pad(mut self, bytes: u16) -> Self {
        self.align = bytes;
        self
    }

    /// The log's name, 1 to 255 bytes, kept for ever; only used when the log is created.
    pub fn origin(mut self, origin: impl Into<String>) -> Self {
        self.origin = Some(origin.into());
        self
    }

    /// The log this new one continues.
    pub fn continues(mut self, predecessor: Predecessor) -> Self {
        self.predecessor = Some(predecessor);
        self
    }

    /// What callers get when the queue is full; they wait, by default.
    pub fn queue_full(mut self, queue_full: QueueFull) -> Self {
        self.queue_full = queue_full;
        self
    }

    /// What is taken out of entries before they are hashed; by default, every secret that a built-in
    /// rule knows becomes a mark.
    pub fn redaction(mut self, redaction: Redaction) -> Self {
        self.redaction = redaction;
        self
    }

    /// What entries say of where the agent runs, when they do not say it themselves. When this is
    /// not called, it is captured from the process's environment variables as the log is opened:
    /// see [`Environment`].
    pub fn environment(mut self, environment: Environment) -> Self {
        self.environment = Some(environment);
        self
    }

    /// Whether only the vocabulary's event types, actions and outcomes are taken: see
    /// [`crate::entry::event_type`], [`crate::Action`] and [`crate::Outcome`]. Any word is, by
    /// default.
    pub fn strict(mut self, is_strict: bool) -> Self {
        self.is_strict = is_strict;
        self
    }

    /// Where the time comes from.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// The storage the log lies on.
    pub(crate) fn storage(&self) -> Result<Arc<dyn Storage>> {
        Ok(match &self.place {
            Place::Given(storage) => Arc::clone(storage),
            Place::Directory(path) => Arc::new(open_directory(path, self.create)?),
        })
    }

    pub(crate) fn may_create(&self) -> bool {
        self.create
    }

    /// What every entry will go through.
    pub(crate) fn admission(&self) -> Result<Admission> {
        let environment = self.environment.clone().unwrap_or_else(Environment::capture);
        Admission::new(&self.redaction, environment, self.is_strict)
    }

    /// Checks what cannot be checked by types.
    pub(crate) fn check(&self) -> Result<()> {
        let invalid = |what: &str| Err(Error::new(ErrorKind::Invalid, what));
        if !(SEGMENT_BYTES_MIN..=SEGMENT_BYTES_MAX).contains(&self.segment_bytes) {
            return Err(Error::new(ErrorKind::Invalid, "segment size").expected(
                format_args!("{SEGMENT_BYTES_MIN} to {SEGMENT_BYTES_MAX} bytes"),
                self.segment_bytes,
            ));
        }
        if ![1, 512, 4096].contains(&self.align) {
            return invalid("sector padding must be 1, 512 or 4096");
        }
        let origin = self.origin.as_deref().unwrap_or("x");
        if origin.is_empty() || origin.len() > ORIGIN_BYTES_MAX {
            return invalid("the origin must have 1 to 255 bytes");
        }
        if origin.chars().any(char::is_control) {
            return invalid("the origin must not hold control characters");
        }
        Ok(())
    }
}

fn open_directory(path: &Path, create: bool) -> Result<FsStorage> {
    match FsStorage::open_writer(path) {
        Err(error) if error.kind() == ErrorKind::NotFound && create => FsStorage::create_dir(path),
        // Whoever made the directory may not have lived to make its name durable.
        Ok(storage) if create && is_new(&storage) => FsStorage::create_dir(path),
        other => other,
    }
}

fn is_new(storage: &FsStorage) -> bool {
    match storage.open(IDENTITY_NAME, Access::Read) {
        Ok(_) => false,
        Err(error) => error.kind() == ErrorKind::NotFound,
    }
}

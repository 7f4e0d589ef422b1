//! Sinks: entries handed on to files, collectors and databases, behind the log and never in its way.
//!
//! ```text
//! log or reader --view--> runner (own thread) --batch--> AuditSink: file, stdout, syslog, http, ...
//!                            |                    \--> retry, back off, dead letters
//!                            \--> sinks/NAME/position.json   after the sink's flush
//! ```
//!
//! Followers pull: a runner asks a view for what came after its own position, so the log has never
//! heard of sinks, and a sink that fails, hangs or panics costs no append a microsecond. Delivery is
//! at least once: the position is stored after the sink said that what it was given is safe.
//!
//! Invariant: only what the log vouches for is handed on, in order; an entry is passed over only
//! after its dead letter is durable. What is not here: choosing entries, printing, environment
//! variables.

mod board;
mod config;
mod delivery;
mod fence;
mod file;
mod home;
#[cfg(feature = "http")]
mod http;
mod key;
mod memory;
mod options;
mod position;
#[cfg(feature = "postgres")]
mod postgres;
mod report;
mod runner;
mod state;
mod status;
mod stdout;
mod syslog;

pub use config::{Environment, SecretPlace, SinkConfig, SinkKind};
pub use file::{FileAuditSink, FileChain, FileSinkOptions, verify_files};
pub use home::SinkHome;
#[cfg(feature = "http")]
pub use http::HttpSink;
pub use key::Secret;
pub use memory::MemorySink;
pub use options::{DeadLetters, RunnerOptions};
pub use position::Position;
#[cfg(feature = "postgres")]
pub use postgres::PostgresSink;
pub use report::SinkReport;
pub use runner::{Ended, SinkRunner};
pub use state::{DeadLetter, SinkState};
pub use status::{Phase, RunnerStatus, SinkStatus};
pub use stdout::StreamSink;
pub use syslog::{SyslogSink, SyslogTarget};

use crate::error::Result;
use crate::format::identity::Identity;
use crate::format::stored::StoredEntry;
use crate::types::EntryIndex;
use crate::view::View;
use std::time::Duration;

/// The log a sink is attached to, and how far the sink is known to have been given it.
#[derive(Clone, Copy, Debug)]
pub struct Attachment<'a> {
    /// Whose entries come.
    pub identity: &'a Identity,
    /// The log as it was when the sink was attached.
    pub view: &'a View,
    /// The first entry that will be handed over.
    pub next: EntryIndex,
    /// Indices of dead letters, ascending.
    pub set_aside: &'a [u64],
}

/// Something that is given the entries of a log.
///
/// A runner calls it from one thread, so it need not be `Sync`. Whatever it returns or does, no
/// append waits for it and no entry is lost by it: an error or a panic is a failed try and the same
/// entries come again. So an entry may come twice, and a sink that can tell should pass it over.
///
/// ```
/// use witnessmark::sink::{Attachment, AuditSink, SinkReport};
/// use witnessmark::{Result, StoredEntry};
///
/// struct Denied(u64);
///
/// impl AuditSink for Denied {
///     fn write(&mut self, entry: &StoredEntry) -> Result<()> {
///         self.0 += u64::from(entry.action() == "deny");
///         Ok(())
///     }
///     fn verify_integrity(&mut self, _log: Option<&Attachment<'_>>) -> Result<SinkReport> {
///         Ok(SinkReport::not_supported("a counter keeps nothing"))
///     }
/// }
/// ```
pub trait AuditSink: Send {
    /// Called before the first entry: whose log it is, and which entry comes next. The answer is
    /// the entry the sink wants instead: a later one when it has some already, an earlier one when
    /// it lost some.
    ///
    /// # Errors
    /// Whatever keeps the sink from being used; the runner tries again.
    fn attach(&mut self, log: &Attachment<'_>) -> Result<EntryIndex> {
        Ok(log.next)
    }

    /// Takes one entry.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Invalid`] and [`crate::ErrorKind::TooLarge`] blame the entry, which may
    /// become a dead letter; every other kind blames the sink, and the entry comes again.
    fn write(&mut self, entry: &StoredEntry) -> Result<()>;

    /// Takes entries, all of them or none where the sink can do that.
    ///
    /// # Errors
    /// As [`AuditSink::write`]; all of them come again.
    fn write_batch(&mut self, entries: &[StoredEntry]) -> Result<()> {
        entries.iter().try_for_each(|entry| self.write(entry))
    }

    /// Makes what was written as safe as the sink can. Only then the position moves.
    ///
    /// # Errors
    /// What was written since the last flush comes again.
    fn flush(&mut self) -> Result<()> {
        Ok(())
    }

    /// Judges what the sink holds: by itself, and against the log when it is given, up to the
    /// attachment's `next`.
    ///
    /// # Errors
    /// When it could not be judged; what is wrong is in the report.
    fn verify_integrity(&mut self, log: Option<&Attachment<'_>>) -> Result<SinkReport>;

    /// Flushes and lets go of everything. Nothing is written afterwards.
    ///
    /// # Errors
    /// As [`AuditSink::flush`].
    fn close(&mut self) -> Result<()> {
        self.flush()
    }

    /// How long the other side asked us to wait after the last error.
    fn retry_after(&self) -> Option<Duration> {
        None
    }

    /// What the sink has to tell people, once: a torn line that it set aside, for example.
    fn notes(&mut self) -> Vec<String> {
        Vec::new()
    }
}

impl AuditSink for Box<dyn AuditSink> {
    fn attach(&mut self, log: &Attachment<'_>) -> Result<EntryIndex> {
        (**self).attach(log)
    }

    fn write(&mut self, entry: &StoredEntry) -> Result<()> {
        (**self).write(entry)
    }

    fn write_batch(&mut self, entries: &[StoredEntry]) -> Result<()> {
        (**self).write_batch(entries)
    }

    fn flush(&mut self) -> Result<()> {
        (**self).flush()
    }

    fn verify_integrity(&mut self, log: Option<&Attachment<'_>>) -> Result<SinkReport> {
        (**self).verify_integrity(log)
    }

    fn close(&mut self) -> Result<()> {
        (**self).close()
    }

    fn retry_after(&self) -> Option<Duration> {
        (**self).retry_after()
    }

    fn notes(&mut self) -> Vec<String> {
        (**self).notes()
    }
}

#[cfg(test)]
mod tests;

//! Context: what a command is given besides its own flags.
//!
//! Holds the global flags and the output streams, and opens the log they name: for reading without
//! a lock, for writing as the one writer. Invariant: reading commands never take the lock, and no
//! command but `init` and `demo` creates a log.

use crate::admission::Admission;
use crate::args::Global;
use crate::errors::{Answer, Failure, NO_LOG, UNDECIDED};
use crate::output::Output;
use std::path::Path;
use witnessmark::{AuditLog, Environment, ErrorKind, Options, Reader, SignedCheckpoint, View};

/// What a command is given besides its own flags.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) global: Global,
    pub(crate) out: Output,
}

impl Context {
    pub(crate) fn new(global: Global) -> Self {
        let out = Output::new(&global);
        Self { global, out }
    }

    /// Opens the log for reading: no lock, nothing written.
    pub(crate) fn reader(&self) -> Answer<Reader> {
        let dir = self.global.log.clone();
        Reader::open(&dir).map_err(|error| no_log(error, &dir))
    }

    /// The log as it is now.
    pub(crate) fn view(&mut self) -> Answer<View> {
        let reader = self.reader()?;
        let view = reader.view()?;
        // Which segments could be read is known by now.
        for note in reader.notes() {
            self.out.warn(note);
        }
        Ok(view)
    }

    /// The checkpoint that the log recorded last.
    pub(crate) fn last_checkpoint(&self) -> Answer<SignedCheckpoint> {
        self.reader()?.last_checkpoint()?.ok_or_else(|| {
            Failure::new(UNDECIDED, ErrorKind::NotFound.as_str(), "the log has no checkpoint yet")
                .hint("`wmark checkpoint --key-file KEY` signs the log as it is now")
        })
    }

    /// Opens the log for writing what the engine itself makes, and says what recovery had to do.
    pub(crate) fn writer(&mut self) -> Answer<AuditLog> {
        let dir = self.global.log.clone();
        self.opened(AuditLog::options(&dir))
    }

    /// As [`Context::writer`], for entries: with what is redacted, and where they come from. Without
    /// an environment, entries get the one of this process.
    pub(crate) fn admitting(
        &mut self,
        admission: &Admission,
        environment: Option<Environment>,
    ) -> Answer<AuditLog> {
        let dir = self.global.log.clone();
        let mut options = admission.apply(AuditLog::options(&dir), &dir)?;
        if let Some(environment) = environment {
            options = options.environment(environment);
        }
        self.opened(options)
    }

    fn opened(&mut self, options: Options) -> Answer<AuditLog> {
        let dir = self.global.log.clone();
        let log = options.create(false).open().map_err(|error| no_log(error, &dir))?;
        if let Some(recovery) = log.recovery() {
            self.out.warn(recovery);
        }
        Ok(log)
    }
}

/// Tells a directory without a log from a log in which something is missing.
pub(crate) fn no_log(error: witnessmark::Error, dir: &Path) -> Failure {
    if error.kind() != ErrorKind::NotFound {
        return error.into();
    }
    let message = format!("there is no log at {}", dir.display());
    Failure::new(NO_LOG, ErrorKind::NotFound.as_str(), message)
        .hint("name another directory with -C DIR or WMARK_LOG, or create one with `wmark init`")
}

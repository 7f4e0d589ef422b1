//! Errors: why a command ends early, and with which exit code.
//!
//! ```text
//! library error --kind--> exit code      text: "error: ..." and "hint: ..." on stderr
//!                                        JSON: one line {"type":"error", ...} on stderr
//! ```
//!
//! Invariant: 1 means something was proved to be wrong, 3 that nothing could be decided. Not here:
//! verdicts, which are results of a command and not failures of it.

use crate::escape::Clean;
use crate::output::Output;
use serde::Serialize;
use std::fmt;
use std::io::Write as _;
use std::process::ExitCode;
use witnessmark::ErrorKind;

/// Done.
pub(crate) const DONE: Exit = Exit(0);
/// A negative verdict, proved.
pub(crate) const NEGATIVE: Exit = Exit(1);

/// Wrong usage.
pub(crate) const USAGE: u8 = 2;
/// Could not decide.
pub(crate) const UNDECIDED: u8 = 3;
/// There is no log.
pub(crate) const NO_LOG: u8 = 10;
/// Another process writes.
pub(crate) const LOCKED: u8 = 11;
/// Key missing or wrong.
pub(crate) const KEY: u8 = 12;
/// Interrupted.
pub(crate) const INTERRUPTED: u8 = 130;

/// How a command that came to its end ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Exit(pub(crate) u8);

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.0)
    }
}

/// What a command answers.
pub(crate) type Answer<T = Exit> = Result<T, Failure>;

/// Why a command ended early.
#[derive(Debug)]
pub(crate) struct Failure(Box<Inner>);

#[derive(Debug)]
struct Inner {
    code: u8,
    kind: &'static str,
    message: String,
    hint: Option<String>,
    is_silent: bool,
}

#[derive(Serialize)]
struct Line<'a> {
    r#type: &'static str,
    code: u8,
    kind: &'static str,
    message: &'a str,
    hint: Option<&'a str>,
}

impl Failure {
    pub(crate) fn new(code: u8, kind: &'static str, message: impl Into<String>) -> Self {
        let message = message.into();
        Self(Box::new(Inner { code, kind, message, hint: None, is_silent: false }))
    }

    /// The command line cannot be meant like this.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(USAGE, "usage", message)
    }

    /// Somebody pressed Ctrl-C; the message says what is durable.
    pub(crate) fn interrupted(message: impl Into<String>) -> Self {
        Self::new(INTERRUPTED, "interrupted", message)
    }

    /// An operating system error while doing `what`, such as `read proof.json`.
    pub(crate) fn io(error: &std::io::Error, what: impl fmt::Display) -> Self {
        Self::new(UNDECIDED, "io", format!("{what}: {error}"))
    }

    /// Whether it is this one.
    pub(crate) fn is(&self, code: u8, kind: ErrorKind) -> bool {
        self.0.code == code && self.0.kind == kind.as_str()
    }

    /// Says what to do next.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// The exit code.
    pub(crate) fn code(&self) -> u8 {
        self.0.code
    }

    /// What kind of failure, one word.
    pub(crate) fn kind(&self) -> &'static str {
        self.0.kind
    }

    /// Whether nobody is left to tell.
    pub(crate) fn is_silent(&self) -> bool {
        self.0.is_silent
    }

    /// Says it and gives the exit code.
    pub(crate) fn report(&self, is_json: bool, out: &mut Output) -> ExitCode {
        if self.0.is_silent {
            return ExitCode::SUCCESS;
        }
        if is_json {
            return self.report_json();
        }
        out.error(&self.0.message, self.0.hint.as_deref());
        ExitCode::from(self.0.code)
    }

    /// One JSON line on stderr, and the exit code.
    pub(crate) fn report_json(&self) -> ExitCode {
        let inner = &*self.0;
        let line = Line {
            r#type: "error",
            code: inner.code,
            kind: inner.kind,
            message: &inner.message,
            hint: inner.hint.as_deref(),
        };
        let text = serde_json::to_string(&line).unwrap_or_default();
        let _ = writeln!(std::io::stderr(), "{}", Clean::json(&text));
        ExitCode::from(inner.code)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

fn code_of(kind: ErrorKind) -> u8 {
    match kind {
        ErrorKind::Corrupt | ErrorKind::ProofInvalid | ErrorKind::OutOfRange => NEGATIVE.0,
        ErrorKind::Invalid | ErrorKind::TooLarge | ErrorKind::AlreadyExists => USAGE,
        ErrorKind::Locked => LOCKED,
        ErrorKind::Key => KEY,
        _ => UNDECIDED,
    }
}

impl From<witnessmark::Error> for Failure {
    fn from(error: witnessmark::Error) -> Self {
        let failure = Self::new(code_of(error.kind()), error.kind().as_str(), error.to_string());
        match error.advice() {
            Some(advice) => failure.hint(advice),
            None => failure,
        }
    }
}

/// An error of the output streams: whoever read them went away, which is their right.
impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        let mut failure = Self::io(&error, "write the output");
        failure.0.is_silent = error.kind() == std::io::ErrorKind::BrokenPipe;
        failure
    }
}

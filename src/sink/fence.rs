//! The fence around a sink: whatever it does is a result.

use crate::error::{Error, ErrorKind, Result};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Why a try failed.
pub(super) enum Failure {
    Error(Error),
    Panic(String),
}

impl Failure {
    /// Whether the entry may be at fault, and not the sink.
    pub(super) fn blames_entry(&self) -> bool {
        match self {
            Self::Error(error) => matches!(error.kind(), ErrorKind::Invalid | ErrorKind::TooLarge),
            Self::Panic(_) => true,
        }
    }

    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Error(error) => error.kind().as_str(),
            Self::Panic(_) => "panic",
        }
    }

    pub(super) fn text(&self) -> String {
        match self {
            Self::Error(error) => error.to_string(),
            Self::Panic(message) => format!("the sink panicked: {message}"),
        }
    }

    pub(super) fn to_error(&self) -> Error {
        match self {
            Self::Error(error) => error.clone(),
            Self::Panic(_) => Error::new(ErrorKind::Io, self.text()),
        }
    }
}

/// Calls the sink; its panic becomes a failure.
pub(super) fn fenced<T>(call: impl FnOnce() -> Result<T>) -> std::result::Result<T, Failure> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(result) => result.map_err(Failure::Error),
        Err(payload) => {
            let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
            let text = text.or_else(|| payload.downcast_ref::<String>().cloned());
            Err(Failure::Panic(text.unwrap_or_else(|| "without a message".to_owned())))
        }
    }
}

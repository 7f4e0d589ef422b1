//! Admission: what is done to every entry of a caller before it is encoded.
//!
//! Its words are looked up when the log is strict, what it does not say of its surroundings is
//! added, and secrets are taken out; in this order, so that nothing added escapes redaction.

use super::environment::Environment;
use crate::entry::{Entry, check_vocabulary};
use crate::error::Result;
use crate::redact::{Redaction, Redactor, Screened};
use std::borrow::Cow;

/// What every entry goes through.
#[derive(Debug)]
pub(crate) struct Admission {
    is_strict: bool,
    environment: Environment,
    pub(crate) redactor: Redactor,
}

impl Admission {
    /// Made ready once, when the log is opened.
    ///
    /// # Errors
    /// As [`Redactor::new`]; [`crate::ErrorKind::Invalid`] for an environment of other fields.
    pub(crate) fn new(
        redaction: &Redaction,
        environment: Environment,
        is_strict: bool,
    ) -> Result<Self> {
        environment.check()?;
        Ok(Self { is_strict, environment, redactor: Redactor::new(redaction)? })
    }

    /// Checks an entry and adds what it does not say.
    ///
    /// # Errors
    /// As an append for the entry itself.
    pub(crate) fn complete<'e, 'a>(&'a self, entry: &'e Entry<'a>) -> Result<Cow<'e, Entry<'a>>> {
        entry.check()?;
        if self.is_strict && !entry.is_system() {
            check_vocabulary(entry)?;
        }
        Ok(self.environment.complete(entry))
    }

    /// Takes secrets out.
    ///
    /// # Errors
    /// As [`Redactor::screen`].
    pub(crate) fn screen<'e, 'a>(
        &self,
        entry: &'e Entry<'a>,
        payload: Cow<'e, str>,
    ) -> Result<Screened<'e, 'a>> {
        self.redactor.screen(entry, payload)
    }
}

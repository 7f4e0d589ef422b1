//! Admission: what is done to every entry of a caller before it is encoded.
//!
//! Its words are looked up when the log is strict, what it does not say of its surroundings is
//! added, and secrets are taken out; in this order, so that nothing added escapes redaction. The
//! first entry names the rules by which all of them are searched: that nothing was taken out of a
//! log says something only beside what was looked for.

use super::environment::Environment;
use crate::entry::{Entry, Field, check_vocabulary};
use crate::error::Result;
use crate::redact::{Mode, Redaction, Redactor, Screened};
use crate::sync::{AtomicBool, Ordering};
use std::borrow::Cow;

/// What every entry goes through.
#[derive(Debug)]
pub(crate) struct Admission {
    is_strict: bool,
    environment: Environment,
    pub(crate) redactor: Redactor,
    /// Whether an entry has named the rules.
    are_rules_told: AtomicBool,
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
        let redactor = Redactor::new(redaction)?;
        // Without rules there is nothing to tell.
        let are_rules_told = AtomicBool::new(redactor.mode() == Mode::Off);
        Ok(Self { is_strict, environment, redactor, are_rules_told })
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
        let mut screened = self.redactor.screen(entry, payload)?;
        let is_told = entry.is_system() || self.are_rules_told.load(Ordering::Relaxed);
        if !is_told && !self.are_rules_told.swap(true, Ordering::Relaxed) {
            let digest = self.redactor.rules_digest().to_owned();
            screened.entry = Cow::Owned(screened.entry.into_owned().set(Field::RuleSet, digest));
        }
        Ok(screened)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether each of these entries names the rules, one after the other.
    fn told<const N: usize>(redaction: &Redaction, entries: [Entry<'static>; N]) -> [bool; N] {
        let admission = Admission::new(redaction, Environment::none(), false).unwrap();
        entries.map(|entry| {
            let screened = admission.screen(&entry, Cow::Borrowed("{}")).unwrap();
            screened.entry.text(Field::RuleSet).is_some()
        })
    }

    #[test]
    fn the_first_entry_of_a_caller_names_the_rules_and_no_other() {
        let entry = || Entry::new("t", "did:a", "allow");
        let entries = || [Entry::system("witnessmark.clock"), entry(), entry()];
        assert_eq!(told(&Redaction::mask(), entries()), [false, true, false]);
        assert_eq!(told(&Redaction::off(), entries()), [false; 3]);
    }
}

//! The environment: where the agent runs, captured once when the log is opened.
//!
//! ```text
//! set on the entry  >  given in the options  >  the process's environment variables
//! sandbox_id         OPENSHELL_SANDBOX_ID, else SANDBOX_ID
//! environment        AGT_ENVIRONMENT
//! compute_driver     OPENSHELL_COMPUTE_DRIVER
//! container_runtime  OPENSHELL_CONTAINER_RUNTIME
//! ```
//!
//! A variable that is empty or not text counts as not set. These five are the only variables the
//! library reads, here and nowhere else, and only when no [`Environment`] is given to
//! [`crate::Options::environment`].

use crate::entry::{Entry, Field};
use crate::error::{Error, ErrorKind, Result};
use crate::limits::FIELD_BYTES_MAX;
use std::borrow::Cow;

/// What entries say of where the agent runs, when they do not say it themselves.
///
/// ```
/// use witnessmark::{AuditLog, Environment, Entry, Field};
/// # let dir = tempfile::tempdir().unwrap();
/// let environment = Environment::none().set(Field::Environment, "production");
/// let log = AuditLog::options(dir.path().join("log")).environment(environment).open()?;
/// let receipt = log.append(Entry::new("tool_invocation", "did:web:a.example", "allow"))?;
/// assert_eq!(log.entry(receipt.index())?.text(Field::Environment), Some("production"));
/// # Ok::<(), witnessmark::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[must_use = "an environment is not used until it is given to Options"]
pub struct Environment {
    values: Vec<(Field, String)>,
}

/// Each field and the variables that say it, the first one that is set.
const VARIABLES: [(Field, &[&str]); 4] = [
    (Field::SandboxId, &["OPENSHELL_SANDBOX_ID", "SANDBOX_ID"]),
    (Field::Environment, &["AGT_ENVIRONMENT"]),
    (Field::ComputeDriver, &["OPENSHELL_COMPUTE_DRIVER"]),
    (Field::ContainerRuntime, &["OPENSHELL_CONTAINER_RUNTIME"]),
];

impl Environment {
    /// Says nothing.
    pub const fn none() -> Self {
        Self { values: Vec::new() }
    }

    /// What this process's environment variables say now.
    pub fn capture() -> Self {
        Self::from_variables(|name| std::env::var(name).ok())
    }

    /// What variables say, wherever they come from.
    pub fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Self {
        let said = |name: &&str| variable(name).filter(|value| !value.is_empty());
        let value = |(field, names): (Field, &[&str])| Some((field, names.iter().find_map(said)?));
        Self { values: VARIABLES.into_iter().filter_map(value).collect() }
    }

    /// Says this of one of the four fields; other fields make opening a log fail.
    pub fn set(mut self, field: Field, value: impl Into<String>) -> Self {
        self.values.retain(|(known, _)| *known != field);
        self.values.push((field, value.into()));
        self
    }

    /// What it says of a field.
    #[must_use]
    pub fn get(&self, field: Field) -> Option<&str> {
        let found = self.values.iter().find(|(known, _)| *known == field);
        found.map(|(_, value)| value.as_str())
    }

    pub(super) fn check(&self) -> Result<()> {
        for (field, value) in &self.values {
            if !VARIABLES.iter().any(|(known, _)| known == field) {
                let message = format!("{} is not a field of the environment", field.name());
                return Err(Error::new(ErrorKind::Invalid, message));
            }
            if value.len() > FIELD_BYTES_MAX {
                let message = format!("{} of the environment is too long", field.name());
                return Err(Error::new(ErrorKind::TooLarge, message)
                    .expected(format_args!("at most {FIELD_BYTES_MAX} bytes"), value.len()));
            }
        }
        Ok(())
    }

    /// The entry, with what it does not say itself.
    pub(super) fn complete<'e, 'a>(&'a self, entry: &'e Entry<'a>) -> Cow<'e, Entry<'a>> {
        let mut completed = Cow::Borrowed(entry);
        if entry.is_system() {
            return completed;
        }
        for (field, value) in &self.values {
            if entry.text(*field).is_none() {
                completed = Cow::Owned(completed.into_owned().set(*field, value.as_str()));
            }
        }
        completed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_variable_that_says_something_wins() {
        let captured = Environment::from_variables(|name| match name {
            "OPENSHELL_SANDBOX_ID" => Some(String::new()),
            "SANDBOX_ID" => Some("box-2".into()),
            "AGT_ENVIRONMENT" => Some("staging".into()),
            _ => None,
        });
        assert_eq!(captured.get(Field::SandboxId), Some("box-2"));
        assert_eq!(captured.get(Field::Environment), Some("staging"));
        assert_eq!(captured.get(Field::ComputeDriver), None);
        let both = Environment::from_variables(|name| Some(name.to_owned()));
        assert_eq!(both.get(Field::SandboxId), Some("OPENSHELL_SANDBOX_ID"));
    }

    #[test]
    fn what_the_entry_says_itself_stays() {
        let environment =
            Environment::none().set(Field::SandboxId, "a").set(Field::Environment, "b");
        let entry = Entry::new("t", "x", "allow").sandbox_id("mine");
        let completed = environment.complete(&entry);
        assert_eq!(completed.text(Field::SandboxId), Some("mine"));
        assert_eq!(completed.text(Field::Environment), Some("b"));
        assert!(Environment::none().set(Field::Resource, "x").check().is_err());
    }

    #[test]
    fn what_is_said_last_stands_and_is_not_too_long() {
        let said = Environment::none().set(Field::SandboxId, "a").set(Field::Environment, "b");
        let said = said.set(Field::SandboxId, "c");
        assert_eq!(said.get(Field::SandboxId), Some("c"));
        assert_eq!(said.get(Field::Environment), Some("b"));
        let long = |len: usize| Environment::none().set(Field::SandboxId, "x".repeat(len)).check();
        assert!(long(FIELD_BYTES_MAX).is_ok());
        for more in 1..3 {
            assert_eq!(long(FIELD_BYTES_MAX + more).unwrap_err().kind(), ErrorKind::TooLarge);
        }
    }
}

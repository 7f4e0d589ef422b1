//! What is redacted, and how, as values.

use super::key::RedactionKey;
use super::mask::Mode;
use crate::error::{Error, ErrorKind, Result};
use crate::limits::{REDACTION_ALLOWED_MAX, REDACTION_PATTERN_BYTES_MAX, REDACTION_RULES_MAX};

/// What is redacted, and how. Made ready by [`super::Redactor::new`], or by opening a log with it.
///
/// ```
/// use witnessmark::{AuditLog, Entry, Redaction};
/// use witnessmark::redact::Mode;
/// let redaction = Redaction::mask()
///     .pattern("acme-key", "acme_[0-9a-f]{32}", ["acme_"])
///     .allow_key("next_token");
/// assert_eq!(redaction.mode(), Mode::Mask);
/// # let dir = tempfile::tempdir().unwrap();
/// let log = AuditLog::options(dir.path().join("log")).redaction(redaction).open()?;
/// let entry = Entry::new("tool_invocation", "did:web:a.example", "allow")
///     .data_text(r#"{"user": "kim", "password": "hunter2"}"#);
/// let receipt = log.append(entry)?;
/// let stored = log.entry(receipt.index())?;
/// assert_eq!(stored.data_text(), Some(r#"{"user":"kim","password":"[redacted:key-password]"}"#));
/// # Ok::<(), witnessmark::Error>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "nothing is redacted until a log is opened with it"]
pub struct Redaction {
    mode: Mode,
    key: Option<RedactionKey>,
    user: Vec<UserRule>,
    off: Vec<String>,
    allowed: Allowed,
}

/// A rule that a user adds.
#[derive(Clone, Debug)]
pub(super) enum UserRule {
    Key { id: String, name: String },
    Pattern { id: String, pattern: String, literals: Vec<String> },
}

/// What stays although a rule says otherwise.
#[derive(Clone, Debug, Default)]
pub(super) struct Allowed {
    pub(super) keys: Vec<String>,
    pub(super) values: Vec<String>,
    pub(super) paths: Vec<String>,
}

impl Default for Redaction {
    fn default() -> Self {
        Self::mask()
    }
}

impl Redaction {
    fn new(mode: Mode, key: Option<RedactionKey>) -> Self {
        Self { mode, key, user: Vec::new(), off: Vec::new(), allowed: Allowed::default() }
    }

    /// Secrets become marks that name the rule. This is the default.
    pub fn mask() -> Self {
        Self::new(Mode::Mask, None)
    }

    /// Secrets become `null`, and parts of a text `[redacted]`.
    pub fn drop_secrets() -> Self {
        Self::new(Mode::Drop, None)
    }

    /// Secrets become keyed digests, the same secret always the same one.
    pub fn hmac(key: RedactionKey) -> Self {
        Self::new(Mode::Hmac, Some(key))
    }

    /// Nothing is redacted: whatever callers give is hashed and stays.
    pub fn off() -> Self {
        Self::new(Mode::Off, None)
    }

    /// Values of keys that end like this name are secrets, in any case and with any separators.
    /// Every payload is walked then, which costs about half a microsecond.
    pub fn key_name(mut self, id: impl Into<String>, name: impl Into<String>) -> Self {
        self.user.push(UserRule::Key { id: id.into(), name: name.into() });
        self
    }

    /// What matches this regular expression in a text is a secret, or its first group when it has
    /// one. Every match must hold one of the literals, of at least 4 bytes, in any case; without
    /// any, every text is searched, which costs more the longer it is.
    pub fn pattern<'a>(
        mut self,
        id: impl Into<String>,
        pattern: impl Into<String>,
        literals: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let literals = literals.into_iter().map(str::to_owned).collect();
        self.user.push(UserRule::Pattern { id: id.into(), pattern: pattern.into(), literals });
        self
    }

    /// Leaves a built-in rule out.
    pub fn without_rule(mut self, id: impl Into<String>) -> Self {
        self.off.push(id.into());
        self
    }

    /// A key of this name is not sensitive, whatever a rule says.
    pub fn allow_key(mut self, name: impl Into<String>) -> Self {
        self.allowed.keys.push(name.into());
        self
    }

    /// Exactly this value stays.
    pub fn allow_value(mut self, value: impl Into<String>) -> Self {
        self.allowed.values.push(value.into());
        self
    }

    /// Nothing is taken from this place: a path such as `/data/headers/x-public` (RFC 6901), where
    /// `*` stands for any one step.
    pub fn allow_path(mut self, path: impl Into<String>) -> Self {
        self.allowed.paths.push(path.into());
        self
    }

    /// The mode.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.mode
    }

    pub(super) fn key(&self) -> Option<&RedactionKey> {
        self.key.as_ref()
    }

    pub(super) fn user(&self) -> &[UserRule] {
        &self.user
    }

    pub(super) fn left_out(&self) -> &[String] {
        &self.off
    }

    pub(super) fn allowed(&self) -> &Allowed {
        &self.allowed
    }

    /// Whether nothing was added to the built-in rules.
    pub(super) fn is_standard(&self) -> bool {
        let Allowed { keys, values, paths } = &self.allowed;
        self.user.is_empty()
            && self.off.is_empty()
            && [keys, values, paths].into_iter().all(Vec::is_empty)
    }

    /// Checks lengths, counts and names; patterns are checked by compiling them.
    pub(super) fn check(&self) -> Result<()> {
        let invalid = |message: String| Err(Error::new(ErrorKind::Invalid, message));
        let Allowed { keys, values, paths } = &self.allowed;
        if self.user.len() > REDACTION_RULES_MAX {
            return invalid(format!("more than {REDACTION_RULES_MAX} redaction rules"));
        }
        if [keys, values, paths].into_iter().any(|list| list.len() > REDACTION_ALLOWED_MAX) {
            return invalid(format!("more than {REDACTION_ALLOWED_MAX} values on an allow-list"));
        }
        for rule in &self.user {
            let (id, text) = match rule {
                UserRule::Key { id, name } => (id, name),
                UserRule::Pattern { id, pattern, .. } => (id, pattern),
            };
            let is_good = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.');
            if id.is_empty() || id.len() > 64 || !id.bytes().all(is_good) {
                return invalid(format!(
                    "redaction rule {id:?}: an id has 1 to 64 of a-z, 0-9, hyphen and dot"
                ));
            }
            if text.is_empty() || text.len() > REDACTION_PATTERN_BYTES_MAX {
                return invalid(format!(
                    "redaction rule {id:?}: wanted 1 to {REDACTION_PATTERN_BYTES_MAX} bytes, found {}",
                    text.len()
                ));
            }
            if matches!(rule, UserRule::Key { name, .. } if super::keys::normalise(name).is_empty())
            {
                return invalid(format!("redaction rule {id:?}: the key has no letter or digit"));
            }
        }
        Ok(())
    }
}

//! Entries: what callers write.
//!
//! An [`Entry`] is one audited act of an agent: a tool call, a policy decision, a delegation. It
//! borrows its texts, so that building one copies nothing. Nothing here knows how an entry lies on
//! disk; what readers get back is [`crate::format::stored::StoredEntry`].

mod field;
pub mod json;
pub(crate) mod quick;
pub(crate) mod source;
mod vocabulary;

pub use field::Field;
pub(crate) use vocabulary::check_vocabulary;
pub use vocabulary::{Action, Outcome, SYSTEM_PREFIX, event_type};

use crate::error::{Error, ErrorKind, Result};
use crate::limits::{AGENT_BYTES_MAX, ENTRY_ID_BYTES_MAX, EVENT_TYPE_BYTES_MAX, FIELD_BYTES_MAX};
use crate::types::EventTime;
use std::borrow::Cow;

/// One audited act, before it is appended.
///
/// `event_type`, `agent_did` and `action` are required; the outcome is `success` and the time is
/// now unless said otherwise. Nothing is checked until the entry is appended.
///
/// ```
/// use witnessmark::{Action, Entry, Outcome};
/// let entry = Entry::new("tool_invocation", "did:web:sales.example.com", Action::Allow)
///     .resource("/crm/contacts")
///     .outcome(Outcome::Success)
///     .data(&serde_json::json!({"tool": "crm_lookup"}))
///     .trace_id("trace-7f3a");
/// # let _ = entry;
/// ```
#[derive(Clone, Debug)]
#[must_use = "an entry is not in the log until it is appended"]
pub struct Entry<'a>(
    /// One allocation, so that each setter moves a pointer and not all the slots.
    Box<Slots<'a>>,
);

#[derive(Clone, Debug)]
struct Slots<'a> {
    texts: [Option<Cow<'a, str>>; Field::COUNT],
    timestamp: Option<EventTime>,
    issued_at: Option<EventTime>,
    completed_at: Option<EventTime>,
    data: Option<Cow<'a, str>>,
    /// Whether `data` is what [`json::accept`] gave.
    is_data_checked: bool,
    data_error: Option<String>,
    system: bool,
}

macro_rules! setters {
    ($($(#[$doc:meta])* $name:ident => $field:ident;)*) => {$(
        $(#[$doc])*
        pub fn $name(self, value: impl Into<Cow<'a, str>>) -> Self {
            self.set(Field::$field, value)
        }
    )*};
}

impl<'a> Entry<'a> {
    /// An entry of this type, by this agent, with this policy action.
    pub fn new(
        event_type: impl Into<Cow<'a, str>>,
        agent_did: impl Into<Cow<'a, str>>,
        action: impl Into<Cow<'a, str>>,
    ) -> Self {
        let entry = Self(Box::new(Slots {
            texts: [const { None }; Field::COUNT],
            timestamp: None,
            issued_at: None,
            completed_at: None,
            data: None,
            is_data_checked: false,
            data_error: None,
            system: false,
        }));
        entry
            .set(Field::EventType, event_type)
            .set(Field::AgentDid, agent_did)
            .set(Field::Action, action)
            .set(Field::Outcome, Outcome::Success)
    }

    setters! {
        /// The entry's id, at most 64 bytes; a UUIDv7 when not given. See [`crate::AuditLog::append`]
        /// for what happens when it exists already.
        entry_id => EntryId;
        /// `success`, `failure`, `denied`, `error`, or another word.
        outcome => Outcome;
        /// What the agent accessed.
        resource => Resource;
        /// The agent at the other end, for delegation.
        target_did => TargetDid;
        /// The policy's result in words.
        policy_decision => PolicyDecision;
        /// Id of the policy rule that matched.
        matched_rule => MatchedRule;
        /// Correlation id across agents.
        trace_id => TraceId;
        /// Session id.
        session_id => SessionId;
        /// Digest of the call's arguments, as the caller computed it.
        arguments_hash => ArgumentsHash;
        /// Who approved the act.
        approver_did => ApproverDid;
        /// Version of the policy that decided.
        policy_version => PolicyVersion;
        /// The sandbox it ran in.
        sandbox_id => SandboxId;
        /// For example `production`.
        environment => Environment;
        /// What drives the compute.
        compute_driver => ComputeDriver;
        /// The container runtime.
        container_runtime => ContainerRuntime;
        /// Where an imported entry came from, as JSON text: its own hashes and position.
        source => Source;
    }

    /// Sets any text field. Times and data have setters of their own; those fields, and what
    /// redaction writes, make the append fail when they are set here.
    pub fn set(mut self, field: Field, value: impl Into<Cow<'a, str>>) -> Self {
        if let Some(slot) = self.0.texts.get_mut(field.slot()) {
            *slot = Some(value.into());
        }
        self
    }

    /// When it happened; now, when not given. Any order is accepted.
    pub fn timestamp(mut self, time: impl Into<EventTime>) -> Self {
        self.0.timestamp = Some(time.into());
        self
    }

    /// When the request was issued.
    pub fn issued_at(mut self, time: impl Into<EventTime>) -> Self {
        self.0.issued_at = Some(time.into());
        self
    }

    /// When the act was completed.
    pub fn completed_at(mut self, time: impl Into<EventTime>) -> Self {
        self.0.completed_at = Some(time.into());
        self
    }

    /// Arbitrary metadata, serialised to JSON now. A value that cannot be serialised makes the
    /// append fail; it is never dropped silently.
    pub fn data<T: serde::Serialize + ?Sized>(mut self, value: &T) -> Self {
        match serde_json::to_string(value) {
            Ok(text) => {
                self.0.data = Some(Cow::Owned(text));
                self.0.is_data_checked = false;
            }
            Err(error) => self.0.data_error = Some(error.to_string()),
        }
        self
    }

    /// Arbitrary metadata as JSON text. It is checked when appended, stripped of insignificant
    /// white space, and stored as it is otherwise: numbers keep every digit.
    pub fn data_text(mut self, json: impl Into<Cow<'a, str>>) -> Self {
        self.0.data = Some(json.into());
        self.0.is_data_checked = false;
        self
    }

    /// As [`Entry::data_text`] for what [`json::accept`] gave: nobody need look again.
    pub(crate) fn data_checked(mut self, json: Cow<'a, str>) -> Self {
        self.0.data = Some(json);
        self.0.is_data_checked = true;
        self
    }

    /// An entry of the engine itself; its type begins with `witnessmark.`.
    pub(crate) fn system(event_type: &'a str) -> Self {
        let mut entry = Self::new(event_type, "witnessmark", Action::Audit);
        entry.0.system = true;
        entry
    }

    /// Whether the engine wrote this entry itself.
    pub(crate) fn is_system(&self) -> bool {
        self.0.system
    }

    /// The value of a text field.
    #[must_use]
    pub fn text(&self, field: Field) -> Option<&str> {
        self.0.texts.get(field.slot()).and_then(|slot| slot.as_deref())
    }

    /// The three times, in the order of their fields: timestamp, issued, completed.
    pub(crate) fn times(&self) -> [Option<EventTime>; 3] {
        [self.0.timestamp, self.0.issued_at, self.0.completed_at]
    }

    /// Whether the JSON text of `data` was checked and stripped.
    pub(crate) fn is_data_checked(&self) -> bool {
        self.0.is_data_checked
    }

    /// The JSON text of `data`; see [`Entry::is_data_checked`].
    pub(crate) fn data_json(&self) -> Option<&str> {
        self.0.data.as_deref()
    }

    /// Checks everything but the JSON: required fields, lengths, the engine's own names.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] or [`ErrorKind::TooLarge`], naming the field.
    pub(crate) fn check(&self) -> Result<()> {
        if let Some(reason) = &self.0.data_error {
            let message = format!("data cannot be written as JSON: {reason}");
            return Err(Error::new(ErrorKind::Invalid, message));
        }
        for field in [Field::EventType, Field::AgentDid, Field::Action] {
            if self.text(field).unwrap_or_default().is_empty() {
                let message = format!("{} is required and must not be empty", field.name());
                return Err(Error::new(ErrorKind::Invalid, message));
            }
        }
        for field in Field::ALL {
            let Some(text) = self.text(field) else { continue };
            let is_ours = matches!(field, Field::EntryUuid | Field::Redactions | Field::RuleSet);
            if is_ours || field.is_time() {
                let message = format!("{} cannot be set as a text", field.name());
                return Err(Error::new(ErrorKind::Invalid, message));
            }
            let limit = byte_limit(field);
            if text.len() > limit {
                return Err(Error::new(
                    ErrorKind::TooLarge,
                    format!("{} is too long", field.name()),
                )
                .expected(format_args!("at most {limit} bytes"), text.len()));
            }
        }
        if self.text(Field::EntryId).is_some_and(str::is_empty) {
            return Err(Error::new(ErrorKind::Invalid, "entry_id must not be empty"));
        }
        let reserved = self.text(Field::EventType).is_some_and(|t| t.starts_with(SYSTEM_PREFIX));
        if reserved && !self.0.system {
            let message = "event types that begin with \"witnessmark.\" are the engine's own";
            return Err(Error::new(ErrorKind::Invalid, message));
        }
        Ok(())
    }
}

const fn byte_limit(field: Field) -> usize {
    match field {
        Field::EntryId => ENTRY_ID_BYTES_MAX,
        Field::EventType | Field::Action | Field::Outcome => EVENT_TYPE_BYTES_MAX,
        Field::AgentDid | Field::TargetDid | Field::ApproverDid => AGENT_BYTES_MAX,
        _ => FIELD_BYTES_MAX,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn required_fields_limits_and_reserved_names_are_checked() {
        assert!(Entry::new("t", "a", "allow").check().is_ok());
        assert_eq!(Entry::new("t", "", "x").check().unwrap_err().kind(), ErrorKind::Invalid);
        assert!(Entry::new("t", "a".repeat(300), "x").check().is_ok());
        let long = Entry::new("t", "a".repeat(AGENT_BYTES_MAX + 1), "x").check();
        assert_eq!(long.unwrap_err().kind(), ErrorKind::TooLarge);
        assert!(Entry::new("witnessmark.recovery", "a", "x").check().is_err());
        assert!(Entry::system("witnessmark.recovery").check().is_ok());
    }

    #[test]
    fn data_that_cannot_be_json_is_an_error_not_a_gap() {
        let keys = std::collections::BTreeMap::from([((1, 2), 3)]);
        let error = Entry::new("t", "a", "x").data(&keys).check().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
    }
}

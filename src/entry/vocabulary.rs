//! The tutorial's words for actions, outcomes and event types, each with a way out.

use super::{Entry, Field};
use crate::error::{Error, ErrorKind, Result};
use std::borrow::Cow;
use std::fmt;

/// Event types that begin so are the engine's own.
pub const SYSTEM_PREFIX: &str = "witnessmark.";

/// The event types of the tutorial; any other text is accepted too.
pub mod event_type {
    /// An agent called a tool.
    pub const TOOL_INVOCATION: &str = "tool_invocation";
    /// Policy denied a tool call.
    pub const TOOL_BLOCKED: &str = "tool_blocked";
    /// A policy engine evaluated a request.
    pub const POLICY_EVALUATION: &str = "policy_evaluation";
    /// An agent violated a policy.
    pub const POLICY_VIOLATION: &str = "policy_violation";
    /// Anomaly detection flagged an agent.
    pub const ROGUE_DETECTION: &str = "rogue_detection";
    /// An agent delegated to another.
    pub const AGENT_INVOCATION: &str = "agent_invocation";
    /// Two agents made sure of each other.
    pub const TRUST_HANDSHAKE: &str = "trust_handshake";
    /// An agent's trust score changed.
    pub const TRUST_SCORE_UPDATED: &str = "trust_score_updated";
    /// An agent was registered.
    pub const AGENT_REGISTERED: &str = "agent_registered";
    /// An agent's identity was verified.
    pub const AGENT_VERIFIED: &str = "agent_verified";
    /// The audit trail itself was checked.
    pub const AUDIT_INTEGRITY: &str = "audit_integrity";

    /// Every word above: what a strict log takes.
    pub const ALL: [&str; 11] = [
        TOOL_INVOCATION,
        TOOL_BLOCKED,
        POLICY_EVALUATION,
        POLICY_VIOLATION,
        ROGUE_DETECTION,
        AGENT_INVOCATION,
        TRUST_HANDSHAKE,
        TRUST_SCORE_UPDATED,
        AGENT_REGISTERED,
        AGENT_VERIFIED,
        AUDIT_INTEGRITY,
    ];
}

/// Checks the words of an entry against the vocabulary.
///
/// # Errors
/// [`ErrorKind::Invalid`], naming the field, the word and what is allowed.
pub(crate) fn check_vocabulary(entry: &Entry<'_>) -> Result<()> {
    let words: [(Field, &[&str]); 3] = [
        (Field::EventType, &event_type::ALL),
        (Field::Action, Action::WORDS),
        (Field::Outcome, Outcome::WORDS),
    ];
    for (field, allowed) in words {
        let word = entry.text(field).unwrap_or_default();
        if !allowed.contains(&word) {
            let message = format!("{} is not in the vocabulary", field.name());
            return Err(Error::new(ErrorKind::Invalid, message)
                .expected(format_args!("one of {}", allowed.join(", ")), format_args!("{word:?}"))
                .hint("open the log without strict vocabulary to use other words"));
        }
    }
    Ok(())
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Debug, Hash)]
        #[non_exhaustive]
        pub enum $name {
            $($(#[$vdoc])* $variant,)*
            /// Any other word.
            Other(String),
        }

        impl $name {
            /// Every word of the vocabulary.
            pub const WORDS: &[&str] = &[$($word,)*];

            /// The word as it is stored.
            #[must_use]
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $word,)*
                    Self::Other(word) => word,
                }
            }
        }

        impl From<&str> for $name {
            fn from(word: &str) -> Self {
                match word {
                    $($word => Self::$variant,)*
                    other => Self::Other(other.to_owned()),
                }
            }
        }

        impl From<$name> for Cow<'_, str> {
            fn from(value: $name) -> Self {
                match value {
                    $($name::$variant => Cow::Borrowed($word),)*
                    $name::Other(word) => Cow::Owned(word),
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

words! {
    /// What policy did with the act.
    Action {
        /// Let it through.
        Allow = "allow",
        /// Refused it.
        Deny = "deny",
        /// Only recorded it.
        Audit = "audit",
        /// Set the agent apart.
        Quarantine = "quarantine",
        /// Warned.
        Warning = "warning",
    }
}

words! {
    /// How the act ended.
    Outcome {
        /// It worked.
        Success = "success",
        /// It was tried and did not work.
        Failure = "failure",
        /// It was refused.
        Denied = "denied",
        /// Something broke.
        Error = "error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_lead_to_themselves_and_unknown_ones_survive() {
        assert_eq!(Action::from("deny"), Action::Deny);
        assert_eq!(Outcome::from("banana").as_str(), "banana");
        assert_eq!(Cow::from(Action::Warning), "warning");
    }

    #[test]
    fn a_strict_vocabulary_names_what_it_wants() {
        let entry = |kind, action, outcome| {
            check_vocabulary(&Entry::new(kind, "a", action).set(Field::Outcome, outcome))
        };
        assert!(entry("tool_invocation", "allow", "success").is_ok());
        for (kind, action, outcome, wanted) in [
            ("tool_use", "allow", "success", "tool_invocation"),
            ("tool_invocation", "permit", "success", "quarantine"),
            ("tool_invocation", "allow", "banana", "denied"),
        ] {
            let error = entry(kind, action, outcome).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Invalid);
            assert!(error.to_string().contains(wanted), "{error}");
        }
    }
}

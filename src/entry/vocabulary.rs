//! The tutorial's words for actions, outcomes and event types, each with a way out.

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
}

//! The fields of an entry and the numbers they have on disk (FORMAT.md, section 7).

use std::sync::LazyLock;

/// A field of an entry, `data` excepted. The number is the field's id on disk.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
#[non_exhaustive]
#[repr(u8)]
pub enum Field {
    /// Any text the caller gave.
    EntryId = 1,
    /// 16 bytes: a UUID whose canonical lower-case text is the entry's id.
    EntryUuid = 2,
    /// Event time.
    Timestamp = 3,
    /// Event type.
    EventType = 4,
    /// The acting agent.
    AgentDid = 5,
    /// Policy action.
    Action = 6,
    /// Outcome.
    Outcome = 7,
    /// What was accessed.
    Resource = 8,
    /// The agent at the other end.
    TargetDid = 9,
    /// The policy's result in words.
    PolicyDecision = 10,
    /// The rule that matched.
    MatchedRule = 11,
    /// Correlation id.
    TraceId = 12,
    /// Session id.
    SessionId = 13,
    /// When the request was issued.
    IssuedAt = 14,
    /// When the act was completed.
    CompletedAt = 15,
    /// Digest of the arguments.
    ArgumentsHash = 16,
    /// Who approved.
    ApproverDid = 17,
    /// Policy version.
    PolicyVersion = 18,
    /// Sandbox.
    SandboxId = 19,
    /// Environment.
    Environment = 20,
    /// Compute driver.
    ComputeDriver = 21,
    /// Container runtime.
    ContainerRuntime = 22,
    /// JSON array of what was redacted: path, rule, mode.
    Redactions = 23,
    /// Digest of the redaction rule set, hex.
    RuleSet = 24,
    /// JSON object: what an import knew of the original.
    Source = 25,
}

impl Field {
    /// How many fields there are, plus one: ids begin at 1.
    pub(crate) const COUNT: usize = 26;

    /// Every field, by ascending id.
    pub const ALL: [Self; 25] = [
        Self::EntryId,
        Self::EntryUuid,
        Self::Timestamp,
        Self::EventType,
        Self::AgentDid,
        Self::Action,
        Self::Outcome,
        Self::Resource,
        Self::TargetDid,
        Self::PolicyDecision,
        Self::MatchedRule,
        Self::TraceId,
        Self::SessionId,
        Self::IssuedAt,
        Self::CompletedAt,
        Self::ArgumentsHash,
        Self::ApproverDid,
        Self::PolicyVersion,
        Self::SandboxId,
        Self::Environment,
        Self::ComputeDriver,
        Self::ContainerRuntime,
        Self::Redactions,
        Self::RuleSet,
        Self::Source,
    ];

    /// The field's id on disk.
    #[must_use]
    pub const fn id(self) -> u8 {
        self as u8
    }

    /// The field with this id on disk.
    #[must_use]
    pub fn from_id(id: u8) -> Option<Self> {
        Self::ALL.get(usize::from(id.checked_sub(1)?)).copied()
    }

    pub(crate) const fn slot(self) -> usize {
        self as usize
    }

    /// Whether the value is a time rather than a text.
    #[must_use]
    pub const fn is_time(self) -> bool {
        matches!(self, Self::Timestamp | Self::IssuedAt | Self::CompletedAt)
    }

    /// The key in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::EntryId | Self::EntryUuid => "entry_id",
            Self::Timestamp => "timestamp",
            Self::EventType => "event_type",
            Self::AgentDid => "agent_did",
            Self::Action => "action",
            Self::Outcome => "outcome",
            Self::Resource => "resource",
            Self::TargetDid => "target_did",
            Self::PolicyDecision => "policy_decision",
            Self::MatchedRule => "matched_rule",
            Self::TraceId => "trace_id",
            Self::SessionId => "session_id",
            Self::IssuedAt => "issued_at",
            Self::CompletedAt => "completed_at",
            Self::ArgumentsHash => "arguments_hash",
            Self::ApproverDid => "approver_did",
            Self::PolicyVersion => "policy_version",
            Self::SandboxId => "sandbox_id",
            Self::Environment => "environment",
            Self::ComputeDriver => "compute_driver",
            Self::ContainerRuntime => "container_runtime",
            Self::Redactions => "redactions",
            Self::RuleSet => "redaction_rules",
            Self::Source => "source",
        }
    }

    /// The field with this JSON key.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let at = NAMES.iter().position(|known| *known == name)?;
        Self::ALL.get(at).copied()
    }
}

/// The names of [`Field::ALL`]: every key of a record that is read is looked for here.
static NAMES: LazyLock<[&str; Field::ALL.len()]> = LazyLock::new(|| Field::ALL.map(Field::name));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_ascend_and_names_lead_back() {
        for (position, field) in Field::ALL.into_iter().enumerate() {
            assert_eq!(usize::from(field.id()), position + 1);
            assert_eq!(Field::from_id(field.id()), Some(field));
            assert_eq!(Field::from_name(field.name()).unwrap().name(), field.name());
        }
        assert_eq!((Field::from_id(0), Field::from_id(26)), (None, None));
    }
}

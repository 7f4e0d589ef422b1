//! Mappings: which key of a foreign record stands for which field of an entry.
//!
//! ```text
//! --map     agent_did=agent_id,action=decision       field=key of the record
//! --map     data.verdict=decision                    a member of data, under another name
//! --default action=audit                             field=value, where the record has none
//! ```
//!
//! A mapped field is taken from its key, else from a key of the field's own name, else from its
//! default. One key may feed several fields; a field has one key. Names are fields of the entry as
//! a person writes them; what the log itself writes cannot be mapped.

use crate::entry::Field;
use crate::error::{Error, ErrorKind, Result};
use std::borrow::Cow;

/// Where a value of a record goes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Target {
    /// Into a field.
    Field(Field),
    /// It is the data.
    Data,
    /// Into data, under this name.
    Member(String),
}

/// Which key of a record stands for which field, and what stands in for missing ones.
///
/// ```
/// use witnessmark::import::Mapping;
/// let mapping = Mapping::new().map("agent_did=agent_id,action=decision")?;
/// let mapping = mapping.default_value("outcome=success")?;
/// # let _ = mapping;
/// # Ok::<(), witnessmark::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "a mapping does nothing until records are decoded with it"]
pub struct Mapping {
    keys: Vec<(String, Target)>,
    defaults: Vec<(Field, String)>,
}

/// Whether a field can come from a record: the log writes the others itself.
fn is_given(field: Field) -> bool {
    !matches!(field, Field::EntryUuid | Field::Redactions | Field::RuleSet | Field::Source)
}

/// The field that a key stands for when nothing is mapped.
pub(crate) fn own_target(key: &str) -> Option<Target> {
    if key == "data" {
        return Some(Target::Data);
    }
    Field::from_name(key).filter(|field| is_given(*field)).map(Target::Field)
}

impl Mapping {
    /// Every field is taken from the key of its own name.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds `field=key` pairs, separated by commas.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] for a field that does not exist, with the one that was probably
    /// meant, for a field that has a key already, and for a pair without `=`.
    pub fn map(mut self, pairs: &str) -> Result<Self> {
        for pair in pairs.split(',') {
            let (name, key) = split_pair(pair, "field=key")?;
            if key.is_empty() {
                return Err(invalid(format!("{pair:?} names no key"), "write field=key"));
            }
            let target = match name.strip_prefix("data.") {
                Some("") => return Err(invalid(format!("{pair:?} names no member of data"), "")),
                Some(member) => Target::Member(member.to_owned()),
                None => own_target(name).ok_or_else(|| unknown_field(name))?,
            };
            if self.keys.iter().any(|(_, known)| *known == target) {
                let hint = "a field is taken from one key";
                return Err(invalid(format!("{name} is mapped twice"), hint));
            }
            self.keys.push((key.to_owned(), target));
        }
        Ok(self)
    }

    /// Adds `field=value` pairs, separated by commas, for records that have no such field.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] as for [`Mapping::map`], for `data` and `entry_id`, which have no
    /// default, and for a time that is none.
    pub fn default_value(mut self, pairs: &str) -> Result<Self> {
        for pair in pairs.split(',') {
            let (name, value) = split_pair(pair, "field=value")?;
            let field = match own_target(name) {
                Some(Target::Field(field)) if field != Field::EntryId => field,
                Some(_) => return Err(invalid(format!("{name} cannot have a default"), "")),
                None => return Err(unknown_field(name)),
            };
            if field.is_time() && super::parse_time(value).is_none() {
                return Err(invalid(format!("{value:?} is not a time"), super::time::EXAMPLE));
            }
            if self.default_of(field).is_some() {
                return Err(invalid(format!("{name} has two defaults"), ""));
            }
            self.defaults.push((field, value.to_owned()));
        }
        Ok(self)
    }

    /// Where the values of a key go by this mapping; nothing when it is not mapped.
    pub(crate) fn targets<'s>(&'s self, key: &'s str) -> impl Iterator<Item = &'s Target> {
        self.keys.iter().filter(move |(mapped, _)| mapped == key).map(|(_, target)| target)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    pub(crate) fn default_of(&self, field: Field) -> Option<&str> {
        self.defaults.iter().find(|(given, _)| *given == field).map(|(_, value)| value.as_str())
    }
}

fn invalid(message: String, hint: &str) -> Error {
    let error = Error::new(ErrorKind::Invalid, message);
    if hint.is_empty() { error } else { error.hint(hint) }
}

fn split_pair<'p>(pair: &'p str, shape: &str) -> Result<(&'p str, &'p str)> {
    let split = pair.split_once('=').map(|(name, value)| (name.trim(), value));
    split.ok_or_else(|| invalid(format!("{pair:?} has no \"=\""), &format!("write {shape}")))
}

fn names() -> impl Iterator<Item = &'static str> {
    let given = Field::ALL.into_iter().filter(|field| is_given(*field)).map(Field::name);
    given.chain(std::iter::once("data"))
}

fn unknown_field(name: &str) -> Error {
    let message = format!("{name:?} is not a field that can be given");
    let near = names().map(|known| (distance(name, known), known)).min();
    match near.filter(|(distance, known)| *distance <= 1 + known.len() / 4) {
        Some((_, known)) => invalid(message, &format!("did you mean {known}?")),
        None => {
            let known: Vec<&str> = names().collect();
            invalid(message, &format!("the fields are {}", known.join(", ")))
        }
    }
}

/// How many letters have to be changed, added or taken away to get from one name to the other.
fn distance(from: &str, to: &str) -> usize {
    // A name that is far longer than any field is far from all of them.
    let from: Cow<'_, str> = from.chars().take(64).collect::<String>().into();
    let mut row: Vec<usize> = (0..=to.chars().count()).collect();
    for (i, a) in from.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        if let Some(first) = row.first_mut() {
            *first = left;
        }
        for (cell, b) in row.iter_mut().skip(1).zip(to.chars()) {
            let changed = diagonal + usize::from(a != b);
            diagonal = *cell;
            left = changed.min(left + 1).min(diagonal + 1);
            *cell = left;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(result: Result<Mapping>) -> (String, String) {
        let error = result.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        (error.message().to_owned(), error.advice().unwrap_or_default().to_owned())
    }

    #[test]
    fn pairs_are_read_and_one_key_may_feed_two_fields() {
        let mapping = Mapping::new().map("agent_did=agent id, action=decision").unwrap();
        let mapping = mapping.map("policy_decision=decision,data=payload,data.t=tool").unwrap();
        let fields: Vec<_> = mapping.targets("decision").collect();
        assert_eq!(fields, [&Target::Field(Field::Action), &Target::Field(Field::PolicyDecision)]);
        assert_eq!(mapping.targets("agent id").count(), 1);
        assert_eq!(mapping.targets("payload").next(), Some(&Target::Data));
        assert_eq!(mapping.targets("tool").next(), Some(&Target::Member("t".into())));
        assert_eq!(mapping.targets("agent_did").count(), 0);
    }

    #[test]
    fn mistakes_are_named_and_the_likely_field_is_suggested() {
        let hint = |list: &str| refusal(Mapping::new().map(list)).1;
        assert_eq!(
            hint("agent=agent_id"),
            "the fields are entry_id, timestamp, event_type, \
            agent_did, action, outcome, resource, target_did, policy_decision, matched_rule, \
            trace_id, session_id, issued_at, completed_at, arguments_hash, approver_did, \
            policy_version, sandbox_id, environment, compute_driver, container_runtime, data"
        );
        assert_eq!(hint("agent_id=x"), "did you mean agent_did?");
        assert_eq!(hint("polcy_decision=x"), "did you mean policy_decision?");
        assert_eq!(hint("source=x"), "did you mean resource?");
        for bad in ["", "action", "action=", "action=a,action=b", "data.=x", "redactions=x", ","] {
            refusal(Mapping::new().map(bad));
        }
    }

    #[test]
    fn defaults_are_for_fields_that_may_repeat() {
        let mapping = Mapping::new().default_value("action=audit,resource=").unwrap();
        assert_eq!(mapping.default_of(Field::Action), Some("audit"));
        assert_eq!(mapping.default_of(Field::Resource), Some(""));
        assert_eq!(mapping.default_of(Field::Outcome), None);
        for bad in ["entry_id=1", "data={}", "actoin=x", "timestamp=noon", "action=a,action=b", "x"]
        {
            refusal(Mapping::new().default_value(bad));
        }
    }

    #[test]
    fn distances_are_those_of_levenshtein() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("abc", ""), 3);
        assert_eq!(distance("same", "same"), 0);
    }
}

//! Terms: what of an entry can be looked up, read off its encoded fields.
//!
//! ```text
//! meta records  type agent action outcome resource target .. trace session   (ids ascend)
//!                 |    |     |      |        |       |         |     |
//! keys            1    0     3      2        7       6         4     5
//! ```
//!
//! A *key* is a field that is indexed, a *term* the exact bytes of its value. Absent fields have
//! no term; empty ones have the empty term. One pass over the records, nothing is copied. Times and
//! ids are not terms: zones and the id table hold those.

use super::cursor::Cursor;
use super::meta;
use crate::entry::Field;
use crate::types::EventTime;

/// A field that is indexed by value. The number is the key's position in an index file.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
#[non_exhaustive]
#[repr(u8)]
pub enum Key {
    /// The acting agent.
    Agent = 0,
    /// Event type.
    Type = 1,
    /// Outcome.
    Outcome = 2,
    /// Policy action.
    Action = 3,
    /// Correlation id.
    Trace = 4,
    /// Session id.
    Session = 5,
    /// The agent at the other end.
    Target = 6,
    /// What was accessed.
    Resource = 7,
}

impl Key {
    /// How many keys there are.
    pub const COUNT: usize = 8;

    /// Every key, by ascending id.
    pub const ALL: [Self; Self::COUNT] = [
        Self::Agent,
        Self::Type,
        Self::Outcome,
        Self::Action,
        Self::Trace,
        Self::Session,
        Self::Target,
        Self::Resource,
    ];

    /// The key as a position in an array of [`Key::COUNT`].
    #[must_use]
    pub const fn slot(self) -> usize {
        self as usize
    }

    /// The field whose values are this key's terms.
    #[must_use]
    pub const fn field(self) -> Field {
        match self {
            Self::Agent => Field::AgentDid,
            Self::Type => Field::EventType,
            Self::Outcome => Field::Outcome,
            Self::Action => Field::Action,
            Self::Trace => Field::TraceId,
            Self::Session => Field::SessionId,
            Self::Target => Field::TargetDid,
            Self::Resource => Field::Resource,
        }
    }

    /// The key in JSON, such as `agent_did`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.field().name()
    }

    /// The short name, such as `agent`.
    #[must_use]
    pub const fn short_name(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Type => "type",
            Self::Outcome => "outcome",
            Self::Action => "action",
            Self::Trace => "trace",
            Self::Session => "session",
            Self::Target => "target",
            Self::Resource => "resource",
        }
    }

    /// The key with this name, long (`agent_did`) or short (`agent`).
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|key| key.name() == name || key.short_name() == name)
    }
}

/// What an entry has besides terms.
#[derive(Clone, Copy, Debug, Default)]
pub struct Facts<'a> {
    /// Event time; `None` when it is absent or malformed.
    pub time: Option<EventTime>,
    /// The id as it is stored: 16 bytes of a UUID or a text.
    pub id: Option<&'a [u8]>,
}

/// Calls `f` with every term of encoded meta and returns the rest. Ends at the first damaged
/// record: whoever must know reads with [`meta::check`].
///
/// Every append comes through here, so records are split by hand where their length is one byte,
/// as it nearly always is, and with a cursor otherwise.
#[inline]
pub fn scan<'a>(meta: &'a [u8], mut f: impl FnMut(Key, &'a [u8])) -> Facts<'a> {
    let mut facts = Facts::default();
    let (mut rest, mut last_id) = (meta, 0);
    while let [id, after_id @ ..] = rest {
        if *id <= last_id {
            break;
        }
        last_id = *id;
        let Some((bytes, next)) = split_record(after_id) else { break };
        rest = next;
        match KEYS.get(usize::from(*id)) {
            Some(Some(key)) => f(*key, bytes),
            _ if *id == Field::EntryUuid.id() || *id == Field::EntryId.id() => {
                facts.id = Some(bytes);
            }
            _ if *id == Field::Timestamp.id() => facts.time = meta::decode_time(bytes),
            _ => {}
        }
    }
    facts
}

/// The keys by field id; a test holds it against [`Key::field`].
const KEYS: [Option<Key>; 14] = [
    None,
    None,
    None,
    None,
    Some(Key::Type),
    Some(Key::Agent),
    Some(Key::Action),
    Some(Key::Outcome),
    Some(Key::Resource),
    Some(Key::Target),
    None,
    None,
    Some(Key::Trace),
    Some(Key::Session),
];

#[inline]
fn split_record(after_id: &[u8]) -> Option<(&[u8], &[u8])> {
    match after_id {
        [len, rest @ ..] if *len < 0x80 => rest.split_at_checked(usize::from(*len)),
        _ => {
            let mut c = Cursor::new(after_id);
            let len = c.leb128().ok()? as usize;
            Some((c.take(len).ok()?, c.take(c.remaining()).ok()?))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::Entry;

    #[test]
    fn names_lead_back_and_slots_are_positions() {
        for (position, key) in Key::ALL.into_iter().enumerate() {
            assert_eq!(key.slot(), position);
            assert_eq!(Key::from_name(key.name()), Some(key));
            assert_eq!(Key::from_name(key.short_name()), Some(key));
            assert_eq!(KEYS[key.field().slot()], Some(key));
        }
        assert_eq!(Key::from_name("agent_id"), None);
    }

    /// The quick way through meta sees what the careful one sees.
    #[test]
    fn scanning_agrees_with_the_records() {
        let long = "x".repeat(300);
        let entry = Entry::new("t", "a", "allow").resource(long.as_str()).trace_id(long.as_str());
        let mut meta = Vec::new();
        let defaults =
            meta::Defaults { uuid: &[7; 16], now: EventTime::utc(5, 6), redactions: None };
        meta::encode(&entry, &defaults, &mut meta);
        for cut in 0..=meta.len() {
            for flip in [0, 0x80] {
                let mut meta = meta[..cut].to_vec();
                meta.iter_mut().skip(cut / 2).take(1).for_each(|byte| *byte ^= flip);
                let mut found = Vec::new();
                scan(&meta, |key, term| found.push((key.field().id(), term)));
                let records = meta::Records::new(&meta).map_while(Result::ok);
                let is_key = |id: u8| KEYS.get(usize::from(id)).copied().flatten().is_some();
                let wanted: Vec<_> = records.filter(|(id, _)| is_key(*id)).collect();
                assert_eq!(found, wanted);
            }
        }
    }

    #[test]
    fn an_entry_has_the_terms_it_was_given_and_no_others() {
        let entry = Entry::new("t", "a", "allow").resource("").policy_decision("no term");
        let mut meta = Vec::new();
        let defaults =
            meta::Defaults { uuid: &[7; 16], now: EventTime::utc(5, 6), redactions: None };
        meta::encode(&entry, &defaults, &mut meta);
        let mut terms = Vec::new();
        let facts = scan(&meta, |key, term| terms.push((key, term)));
        terms.sort_unstable();
        let wanted: [(Key, &[u8]); 5] = [
            (Key::Agent, b"a"),
            (Key::Type, b"t"),
            (Key::Outcome, b"success"),
            (Key::Action, b"allow"),
            (Key::Resource, b""),
        ];
        assert_eq!(terms, wanted);
        assert_eq!(facts.id, Some(&[7u8; 16][..]));
        assert_eq!(facts.time, Some(EventTime::utc(5, 6)));
    }
}

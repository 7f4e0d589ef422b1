//! Positions: how far a sink has been given a log, and which log that was.
//!
//! ```text
//! {"schema":"witnessmark.sink-position/1","log_id":"5c0f...","next":4000,"entry_hash":"9a1e..."}
//!                                                  entry hash of entry 3999 __/
//! ```
//!
//! The entry hash is the end of the chain below it, so a log that was rolled back, or another log
//! under the same name, is noticed before anything is handed on.

use crate::error::{Error, ErrorKind, Result};
use crate::format::identity::Identity;
use crate::types::{EntryIndex, Hash};
use crate::view::View;
use serde::{Deserialize, Serialize};

const SCHEMA: &str = "witnessmark.sink-position/1";

/// How far a sink has been given a log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Position {
    /// The log.
    pub log_id: [u8; 32],
    /// The first entry that the sink was not given yet.
    pub next: EntryIndex,
    /// Entry hash of the entry before `next`; `None` at the beginning.
    pub entry_hash: Option<Hash>,
    /// Entries handed on so far, repetitions not counted.
    pub delivered: u64,
    /// Entries that became dead letters.
    pub dead_letters: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    schema: String,
    log_id: String,
    next: u64,
    entry_hash: Option<String>,
    delivered: u64,
    dead_letters: u64,
}

impl Position {
    /// The beginning of a log.
    #[must_use]
    pub fn start(identity: &Identity) -> Self {
        let (next, log_id) = (EntryIndex::new(0), identity.log_id);
        Self { log_id, next, entry_hash: None, delivered: 0, dead_letters: 0 }
    }

    /// The text of a position file.
    pub(super) fn encode(&self) -> String {
        let stored = Stored {
            schema: SCHEMA.to_owned(),
            log_id: Hash(self.log_id).to_hex(),
            next: self.next.get(),
            entry_hash: self.entry_hash.map(|hash| hash.to_hex()),
            delivered: self.delivered,
            dead_letters: self.dead_letters,
        };
        serde_json::to_string(&stored).unwrap_or_default() + "\n"
    }

    /// Reads the text of a position file.
    pub(super) fn decode(text: &[u8]) -> Result<Self> {
        let bad = |what: String| {
            Error::new(ErrorKind::Corrupt, what)
                .hint("a position can be made anew: `wmark sink replay NAME --from INDEX`")
        };
        let stored: Stored = serde_json::from_slice(text)
            .map_err(|error| bad(format!("the position cannot be read: {error}")))?;
        let hash = |text: &str| {
            Hash::from_hex(text).ok_or_else(|| bad(format!("{text:?} in a position is no digest")))
        };
        if stored.schema != SCHEMA {
            let error = Error::new(ErrorKind::UnknownVersion, "unknown form of position");
            return Err(error.expected(SCHEMA, stored.schema));
        }
        let entry_hash = stored.entry_hash.as_deref().map(hash).transpose()?;
        if entry_hash.is_none() != (stored.next == 0) {
            return Err(bad("a position has an entry hash unless it is the beginning".to_owned()));
        }
        Ok(Self {
            log_id: hash(&stored.log_id)?.0,
            next: stored.next.into(),
            entry_hash,
            delivered: stored.delivered,
            dead_letters: stored.dead_letters,
        })
    }

    /// Says whether this log is the one, and still holds what the sink was given.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] for another log; [`ErrorKind::Corrupt`] when the log is shorter than
    /// the position, or its entry there is another one; as [`View::entry`].
    pub fn check(&self, identity: &Identity, view: &View) -> Result<()> {
        if self.log_id != identity.log_id {
            let message = "the sink's position is one in another log";
            return Err(Error::new(ErrorKind::Invalid, message)
                .expected(Hash(self.log_id), Hash(identity.log_id))
                .hint("give the sink another name, or remove it and add it again"));
        }
        let Some(last) = self.next.get().checked_sub(1) else { return Ok(()) };
        if self.next.get() > view.size().get() {
            let message = "the log ends before the last entry that the sink was given: it was \
                           rolled back, or is an older copy";
            return Err(Error::new(ErrorKind::Corrupt, message)
                .expected(format_args!("at least {} entries", self.next), view.size())
                .hint("compare the log with an anchor: `wmark verify --against ROOT@SIZE`"));
        }
        let found = view.entry(last.into())?.entry_hash();
        if self.entry_hash == Some(found) {
            return Ok(());
        }
        let message = "the log holds another entry than the one the sink was given";
        Err(Error::new(ErrorKind::Corrupt, message)
            .at_index(last)
            .expected(self.entry_hash.unwrap_or_default(), found)
            .hint("the log was rewritten after the sink read it: `wmark verify` and its anchors"))
    }

    /// Moves on to `next`.
    pub(super) fn advance(&mut self, next: EntryIndex, view: &View) -> Result<()> {
        self.entry_hash = match next.get().checked_sub(1) {
            Some(last) => Some(view.entry(last.into())?.entry_hash()),
            None => None,
        };
        self.next = next;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Action, AuditLog, Entry};

    fn log(count: u32) -> AuditLog {
        let log = AuditLog::in_memory().unwrap();
        for _ in 0..count {
            let _ = log.append(Entry::new("t", "a", Action::Allow)).unwrap();
        }
        log
    }

    #[test]
    fn a_position_round_trips_and_nothing_else_is_taken_for_one() {
        let log = log(2);
        let mut position = Position::start(log.identity());
        assert_eq!(Position::decode(position.encode().as_bytes()).unwrap(), position);
        position.advance(2.into(), &log.view()).unwrap();
        let text = position.encode();
        assert_eq!(Position::decode(text.as_bytes()).unwrap(), position);
        for bad in ["", "{}", "[1]", &text.replace("\"next\":2", "\"next\":0"), &text[..40]] {
            assert!(Position::decode(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn another_log_and_one_that_was_rolled_back_are_refused() {
        let (long, short) = (log(3), log(1));
        let mut position = Position::start(long.identity());
        position.advance(3.into(), &long.view()).unwrap();
        assert!(position.check(long.identity(), &long.view()).is_ok());
        let other = position.check(short.identity(), &short.view()).unwrap_err();
        assert_eq!(other.kind(), ErrorKind::Invalid);
        let back = position.check(long.identity(), &short.view()).unwrap_err();
        assert!(back.kind() == ErrorKind::Corrupt && back.message().contains("rolled back"));
        let rewritten = log(5);
        let found = position.check(long.identity(), &rewritten.view()).unwrap_err();
        assert!(found.message().contains("another entry"), "{found}");
    }
}

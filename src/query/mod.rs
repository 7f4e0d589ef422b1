//! Queries: values that say which entries are wanted, in which order, and how many.
//!
//! ```text
//! Query --> per part: rarest posting list --> in step with the other lists --> zones --> entries
//!           \_________________ Matcher _________________________________/    \__ run.rs __/
//! ```
//!
//! All filters hold at once; texts are compared as exact bytes; time bounds are inclusive. Without
//! more said a query gives the most recent 100 matches, oldest of them first, and leaves out the
//! engine's own entries. An entry whose body was erased has no fields: it matches no filter but a
//! range of indices.
//!
//! Invariant: an index is believed about nothing that can be seen in the entry itself. Each entry
//! that is read is held against the query, and a query by agent or by type alone counts sequence
//! numbers, so an index that names a wrong entry or hides one between two others is an error.
//! This module neither opens files nor takes locks; parts are lent to it one at a time.

mod cursor;
mod gaps;
mod matcher;
mod on_view;
mod parts;
mod plan;
mod run;
mod sums;
mod tally;

pub use cursor::Cursor;
pub use plan::Plan;
pub use run::Page;
use run::{find_id, for_each, run};
use tally::{count, count_by};

use crate::entry::SYSTEM_PREFIX;
use crate::error::{Error, ErrorKind, Result};
use crate::format::stored::StoredEntry;
use crate::format::terms::Key;
use crate::limits::QUERY_LIMIT_DEFAULT;
use crate::types::{EntryIndex, EventTime};
use std::borrow::Cow;
use std::ops::Range;

/// Which matches are given first.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Hash)]
#[non_exhaustive]
pub enum Order {
    /// The most recent ones, up to the limit, the oldest of them first.
    #[default]
    Recent,
    /// The most recent first.
    Newest,
    /// From the beginning of the log on.
    Oldest,
}

/// Which entries are wanted. All filters hold at once.
///
/// ```
/// use witnessmark::{Order, Outcome, Query};
/// let denied = Query::new().agent("did:web:sales.example.com").outcome(Outcome::Denied);
/// let first_ten = Query::new().resource_prefix("/crm/").order(Order::Oldest).limit(10);
/// # let _ = (denied, first_ten);
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
#[must_use = "a query does nothing until it is run"]
pub struct Query {
    terms: [Option<String>; Key::COUNT],
    resource_prefix: Option<String>,
    since: Option<EventTime>,
    until: Option<EventTime>,
    from: u64,
    to: u64,
    order: Order,
    limit: usize,
    cursor: Option<Cursor>,
    system: bool,
    verified: bool,
}

impl Default for Query {
    fn default() -> Self {
        Self::new()
    }
}

macro_rules! filters {
    ($($(#[$doc:meta])* $name:ident => $key:ident;)*) => {$(
        $(#[$doc])*
        pub fn $name<'v>(self, value: impl Into<Cow<'v, str>>) -> Self {
            self.term(Key::$key, value)
        }
    )*};
}

impl Query {
    /// Everything but the engine's own entries: the most recent 100.
    pub fn new() -> Self {
        Self {
            terms: [const { None }; Key::COUNT],
            resource_prefix: None,
            since: None,
            until: None,
            from: 0,
            to: u64::MAX,
            order: Order::Recent,
            limit: QUERY_LIMIT_DEFAULT,
            cursor: None,
            system: false,
            verified: false,
        }
    }

    filters! {
        /// Only this event type; one of the engine's own types brings its entries in.
        event_type => Type;
        /// Only this agent.
        agent => Agent;
        /// Only this outcome.
        outcome => Outcome;
        /// Only this policy action.
        action => Action;
        /// Only this trace.
        trace => Trace;
        /// Only this session.
        session => Session;
        /// Only this agent at the other end.
        target => Target;
        /// Only exactly this resource.
        resource => Resource;
    }

    /// Only entries whose field has exactly this value.
    pub fn term<'v>(mut self, key: Key, value: impl Into<Cow<'v, str>>) -> Self {
        if let Some(slot) = self.terms.get_mut(key.slot()) {
            *slot = Some(value.into().into_owned());
        }
        self
    }

    /// Only resources that begin so.
    pub fn resource_prefix<'v>(mut self, prefix: impl Into<Cow<'v, str>>) -> Self {
        self.resource_prefix = Some(prefix.into().into_owned());
        self
    }

    /// Only entries that happened then or later.
    pub fn since(mut self, time: impl Into<EventTime>) -> Self {
        self.since = Some(time.into());
        self
    }

    /// Only entries that happened then or earlier.
    pub fn until(mut self, time: impl Into<EventTime>) -> Self {
        self.until = Some(time.into());
        self
    }

    /// Only this index and later ones.
    pub fn from(mut self, index: impl Into<EntryIndex>) -> Self {
        self.from = index.into().get();
        self
    }

    /// Only indices below this one.
    pub fn to(mut self, index: impl Into<EntryIndex>) -> Self {
        self.to = index.into().get();
        self
    }

    /// Which matches come first.
    pub fn order(mut self, order: Order) -> Self {
        self.order = order;
        self
    }

    /// At most so many results; 0 means all.
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }

    /// Goes on where a page of this query ended.
    pub fn cursor(mut self, cursor: Cursor) -> Self {
        self.cursor = Some(cursor);
        self
    }

    /// Whether the engine's own entries are among the results.
    pub fn system(mut self, included: bool) -> Self {
        self.system = included;
        self
    }

    /// Whether no index is believed: every entry in the range is read, checked against its hash
    /// and its predecessor's, and judged by itself. Slow, and an index cannot hide anything.
    pub fn verified(mut self, verified: bool) -> Self {
        self.verified = verified;
        self
    }

    /// What the index is asked when it is not believed: everything in the range.
    fn unfiltered(&self) -> Self {
        let everything = Self::new().from(self.from).to(self.to).system(true);
        Self { order: self.order, limit: self.limit, cursor: self.cursor, ..everything }
    }

    /// The value a field must have.
    #[must_use]
    pub fn wanted(&self, key: Key) -> Option<&str> {
        self.terms.get(key.slot()).and_then(Option::as_deref)
    }

    fn terms(&self) -> impl Iterator<Item = (Key, &str)> {
        Key::ALL.into_iter().filter_map(|key| Some((key, self.wanted(key)?)))
    }

    /// The first and last instant, when either bound is given.
    fn times(&self) -> Option<((i64, u32), (i64, u32))> {
        if self.since.is_none() && self.until.is_none() {
            return None;
        }
        let since = self.since.map_or((i64::MIN, 0), |time| time.instant());
        Some((since, self.until.map_or((i64::MAX, u32::MAX), |time| time.instant())))
    }

    fn wants_system(&self) -> bool {
        let of_type = self.wanted(Key::Type);
        self.system || of_type.is_some_and(|value| value.starts_with(SYSTEM_PREFIX))
    }

    /// Whether results are found from the end of the log backwards.
    fn is_backward(&self) -> bool {
        match self.order {
            Order::Oldest => false,
            Order::Newest => true,
            // All of them, oldest first: no reason to keep them until the oldest is found.
            Order::Recent => self.limit > 0,
        }
    }

    /// The indices a page is looked for in: range and cursor together.
    fn span(&self) -> Result<Range<u64>> {
        let mut span = self.from..self.to;
        if let Some(cursor) = self.cursor {
            if cursor.is_backward() != (self.order != Order::Oldest) {
                let message = "the cursor belongs to a query of the opposite order";
                return Err(Error::new(ErrorKind::Invalid, message));
            }
            match cursor {
                Cursor::Before(index) => span.end = span.end.min(index),
                Cursor::From(index) => span.start = span.start.max(index),
            }
        }
        Ok(span)
    }

    /// The key whose sequence numbers must be without gaps among the matches: that of a query by
    /// agent alone or by type alone.
    fn sequence(&self) -> Option<Key> {
        let is_bare = self.resource_prefix.is_none()
            && self.times().is_none()
            && (self.from, self.to) == (0, u64::MAX);
        let mut terms = self.terms().map(|(key, _)| key);
        let key = terms.next().filter(|key| matches!(key, Key::Agent | Key::Type))?;
        (is_bare && terms.next().is_none()).then_some(key)
    }

    /// Whether an entry is what this query asks for: the judge of every index.
    #[must_use]
    pub fn matches(&self, entry: &StoredEntry) -> bool {
        let index = entry.index().get();
        if index < self.from || index >= self.to || (entry.is_system() && !self.wants_system()) {
            return false;
        }
        if !self.terms().all(|(key, value)| entry.text(key.field()) == Some(value)) {
            return false;
        }
        if let Some(prefix) = &self.resource_prefix
            && !entry.resource().is_some_and(|resource| resource.starts_with(prefix))
        {
            return false;
        }
        self.times().is_none_or(|(since, until)| {
            let time = entry.time(crate::entry::Field::Timestamp);
            time.is_some_and(|time| since <= time.instant() && time.instant() <= until)
        })
    }
}

#[cfg(test)]
mod tests;

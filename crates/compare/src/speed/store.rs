//! What an engine has to do to be measured: take acts, and answer the questions of an audit.

use super::load::Act;
use super::peers;
use crate::engine::Result;
use crate::random::Random;
use std::path::Path;

/// When what was written has to be durable.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Syncs {
    /// When `write` returns.
    EachWrite,
    /// When `sync` returns; until then an engine may do as it likes.
    AtTheEnd,
}

/// One engine, in the configuration its documentation begins with.
pub(crate) struct Peer {
    /// The name for the command line and the tables.
    pub(crate) name: &'static str,
    /// Version and configuration, and what it does not do.
    pub(crate) about: fn() -> String,
    /// Opens the store of a directory, or begins one.
    pub(crate) open: fn(&Path, Syncs) -> Result<Box<dyn Store>>,
    /// Whether a group-commit front is tried before it: not where it brings one that cannot be left out.
    pub(crate) is_fronted: bool,
    /// Whether what was written is still there after a restart.
    pub(crate) is_kept: bool,
}

/// A store, open for writing by any number of threads.
pub(crate) trait Store: Send + Sync {
    /// Adds acts as one group, each with an id, a time and its places in the indexes.
    fn write(&self, acts: &[Act<'_>]) -> Result<()>;

    /// On return everything written is durable.
    fn sync(&self) -> Result<()>;

    /// What the store can be asked; `None` when it keeps no index.
    fn questions(&self) -> Option<&dyn Questions> {
        None
    }

    /// Closes the store as its documentation says.
    fn close(self: Box<Self>) -> Result<()>;
}

/// What a question needs to know of an entry.
pub(crate) struct Seen {
    pub(crate) id: String,
    /// Nanoseconds since 1970.
    pub(crate) time: u64,
    pub(crate) trace_id: String,
}

/// The questions of an audit; those about entries answer how many they handed out, all fields read.
/// `None` where an engine has no index that helps.
pub(crate) trait Questions {
    /// An entry by its position, to prepare questions with.
    fn seen(&self, number: u64) -> Result<Option<Seen>>;

    /// Reads an entry by its position.
    fn by_number(&self, number: u64) -> Result<Option<u64>>;

    /// Reads an entry by the id it was given when it was written, 22 characters that are in no order.
    fn by_id(&self, id: &str) -> Result<Option<u64>>;

    /// The last entries of an agent.
    fn by_agent(&self, agent_did: &str, limit: usize) -> Result<Option<u64>>;

    /// The last entries of a type with an outcome, between two times, both included.
    fn by_type(&self, asked: &TypeAsked<'_>, limit: usize) -> Result<Option<u64>>;

    /// The entries of a trace.
    fn by_trace(&self, trace_id: &str) -> Result<Option<u64>>;

    /// How many entries each agent has.
    fn count_by_agent(&self) -> Result<Option<Vec<(String, u64)>>>;
}

/// Type, outcome and window of time.
pub(crate) struct TypeAsked<'a> {
    pub(crate) event_type: &'a str,
    pub(crate) outcome: &'a str,
    /// Nanoseconds since 1970, as [`Seen::time`].
    pub(crate) since: u64,
    pub(crate) until: u64,
}

/// Every engine this program was built with: the floor first, then ours.
pub(crate) fn every_peer() -> Vec<Peer> {
    vec![
        peers::floor::peer(),
        peers::ours::peer(),
        peers::sqlite::peer(),
        #[cfg(feature = "rocksdb")]
        peers::rocks::peer(),
        peers::lmdb::peer(),
        peers::redb::peer(),
        peers::fjall::peer(),
        peers::okaywal::peer(),
        peers::quipu::peer(),
        peers::audit_trail::peer(),
    ]
}

/// An id for the entry with this number, as unpredictable as this log's own: `audit_03d4f8812a534ade`.
pub(crate) fn new_id(number: u64, time: u64) -> String {
    format!("audit_{:016x}", Random::new(number ^ time.rotate_left(32)).next())
}

/// Nanoseconds since 1970.
pub(crate) fn now() -> u64 {
    let elapsed = std::time::UNIX_EPOCH.elapsed().unwrap_or_default();
    u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX)
}

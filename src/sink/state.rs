//! State: the position and the dead letters of one sink, and the lock on both.
//!
//! ```text
//! LOG/sinks/NAME/   config.json    what the sink is; no secrets, at most where they lie
//!                   position.json  how far it was given the log; replaced whole, synced
//!                   dead.jsonl     entries it would not take; appended, synced
//!                   log.lock       held by the one runner
//! ```

use super::position::Position;
use crate::error::{Error, ErrorKind, Result};
use crate::format::identity::Identity;
use crate::limits::{SINK_DEAD_BYTES_MAX, SINK_STATE_BYTES_MAX};
use crate::storage::{Access, Storage, WriterLock};
use crate::sync::Arc;
use crate::types::{EntryIndex, Hash};
use serde::{Deserialize, Serialize};

/// File with the position.
pub(super) const POSITION_NAME: &str = "position.json";
const POSITION_TMP: &str = "position.json.tmp";
/// File with the dead letters.
pub(super) const DEAD_NAME: &str = "dead.jsonl";

/// An entry that a sink would not take, and why.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DeadLetter {
    /// Its index in the log, where it still is.
    pub index: u64,
    /// Its id.
    pub entry_id: String,
    /// Its entry hash.
    pub entry_hash: String,
    /// How often it was tried.
    pub tries: u32,
    /// The last error's kind, or `panic`.
    pub kind: String,
    /// The last error.
    pub message: String,
    /// When it was set aside, RFC 3339.
    pub at: String,
}

/// Position and dead letters of one sink; whoever has it is its one runner.
pub struct SinkState {
    name: String,
    storage: Option<Arc<dyn Storage>>,
    position: Option<Position>,
    _lock: Option<WriterLock>,
}

impl std::fmt::Debug for SinkState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SinkState").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Reads a small file of a sink's directory; `None` when there is none.
pub(super) fn read_small(storage: &dyn Storage, name: &str) -> Result<Option<Vec<u8>>> {
    let file = match storage.open(name, Access::Read) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut bytes = vec![0u8; SINK_STATE_BYTES_MAX + 1];
    let len = file.read_at(&mut bytes, 0)?;
    if len > SINK_STATE_BYTES_MAX {
        return Err(Error::new(ErrorKind::Corrupt, "too long for a file about a sink")
            .at_file(storage.path_of(name))
            .expected(format_args!("at most {SINK_STATE_BYTES_MAX} bytes"), "more"));
    }
    bytes.truncate(len);
    Ok(Some(bytes))
}

/// Writes a small file whole: after a crash there is the old one or the new one.
pub(super) fn replace(
    storage: &dyn Storage,
    name: &str,
    temporary: &str,
    text: &str,
) -> Result<()> {
    match storage.remove(temporary) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let file = storage.create(temporary)?;
    file.write_all_at(text.as_bytes(), 0)?;
    file.sync_all()?;
    storage.rename(temporary, name, true)?;
    // From here on a crash keeps the new one.
    storage.sync_dir()
}

/// The dead letters in a sink's directory. A line that a crash cut short is passed over: its entry
/// was tried again.
pub(super) fn read_dead(storage: &dyn Storage) -> Result<Vec<DeadLetter>> {
    let file = match storage.open(DEAD_NAME, Access::Read) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        other => other?,
    };
    let len = file.len()?.min(SINK_DEAD_BYTES_MAX);
    let mut bytes = vec![0u8; usize::try_from(len).unwrap_or(0)];
    let read = file.read_at(&mut bytes, 0)?;
    bytes.truncate(read);
    let lines = bytes.split(|byte| *byte == b'\n');
    Ok(lines.filter_map(|line| serde_json::from_slice(line).ok()).collect())
}

/// The position in a sink's directory.
pub(super) fn read_position(storage: &dyn Storage) -> Result<Option<Position>> {
    let text = read_small(storage, POSITION_NAME)?;
    let decoded = text.map(|text| Position::decode(&text)).transpose();
    decoded.map_err(|error| error.at_file(storage.path_of(POSITION_NAME)))
}

impl SinkState {
    /// A state that goes with the process: for logs in memory, and for sinks that are to begin
    /// anew each time.
    #[must_use]
    pub fn volatile(name: impl Into<String>) -> Self {
        Self { name: name.into(), storage: None, position: None, _lock: None }
    }

    /// The state in this directory, locked.
    pub(super) fn open(name: &str, storage: Arc<dyn Storage>) -> Result<Self> {
        let lock = storage.lock_writer().map_err(|error| {
            if error.kind() != ErrorKind::Locked {
                return error;
            }
            let holder = error.message().trim_end_matches(" writes this log already").to_owned();
            let message = format!("{holder} runs the sink {name} already");
            Error::new(ErrorKind::Locked, message).hint("one runner per sink")
        })?;
        let position = read_position(&*storage)?;
        Ok(Self { name: name.to_owned(), storage: Some(storage), position, _lock: Some(lock) })
    }

    /// The sink's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How far the sink was given this log; its beginning when it is new.
    #[must_use]
    pub fn position(&self, identity: &Identity) -> Position {
        self.position.clone().unwrap_or_else(|| Position::start(identity))
    }

    /// Stores a position.
    ///
    /// # Errors
    /// [`ErrorKind::Io`], [`ErrorKind::NoSpace`]: the old one stands.
    ///
    /// # Durability
    /// On return it survives power loss.
    pub fn store(&mut self, position: Position) -> Result<()> {
        if let Some(storage) = &self.storage {
            replace(&**storage, POSITION_NAME, POSITION_TMP, &position.encode())?;
        }
        self.position = Some(position);
        Ok(())
    }

    /// Appends dead letters.
    ///
    /// # Errors
    /// [`ErrorKind::TooLarge`] when there are more than the file may hold; [`ErrorKind::Io`].
    ///
    /// # Durability
    /// On return they survive power loss.
    pub fn bury(&mut self, letters: &[DeadLetter]) -> Result<()> {
        let Some(storage) = &self.storage else { return Ok(()) };
        let file = match storage.open(DEAD_NAME, Access::Write) {
            Err(error) if error.kind() == ErrorKind::NotFound => storage.create(DEAD_NAME)?,
            other => other?,
        };
        let at = file.len()?;
        let mut last = [b'\n'];
        file.read_at(&mut last, at.saturating_sub(1))?;
        // A line that a crash cut short is ended, so that the next one is a line of its own.
        let mut text = String::from(if last == *b"\n" { "" } else { "\n" });
        for letter in letters {
            text += &serde_json::to_string(letter).unwrap_or_default();
            text.push('\n');
        }
        if at + text.len() as u64 > SINK_DEAD_BYTES_MAX {
            let message = "too many dead letters: look at them, and move the file away";
            return Err(Error::new(ErrorKind::TooLarge, message)
                .at_file(storage.path_of(DEAD_NAME))
                .expected(format_args!("at most {SINK_DEAD_BYTES_MAX} bytes"), at));
        }
        file.write_all_at(text.as_bytes(), at)?;
        file.sync_all()?;
        storage.sync_dir()
    }

    /// Puts the position somewhere else: the sink will be given everything from there on, again.
    ///
    /// # Errors
    /// [`ErrorKind::OutOfRange`] beyond the end of the view; as [`SinkState::store`].
    pub fn rewind(
        &mut self,
        next: EntryIndex,
        identity: &Identity,
        view: &crate::view::View,
    ) -> Result<()> {
        if next.get() > view.size().get() {
            return Err(Error::new(ErrorKind::OutOfRange, "there is no such entry yet")
                .expected(format_args!("at most {}", view.size()), next));
        }
        let mut position = self.position(identity);
        position.log_id = identity.log_id;
        position.advance(next, view)?;
        self.store(position)
    }

    /// Entry hash below the position.
    #[must_use]
    pub fn entry_hash(&self) -> Option<Hash> {
        self.position.as_ref().and_then(|position| position.entry_hash)
    }
}

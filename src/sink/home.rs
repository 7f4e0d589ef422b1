//! The home of sinks: the directory `sinks/` beside the log's files, one directory per sink.
//!
//! It lies with the log because a position means nothing without it, and moves with it. Nothing of
//! it is part of the log: verifying, reading and writing the log never look inside.

use super::position::Position;
use super::state::{DeadLetter, POSITION_NAME, SinkState, read_dead, read_position, read_small};
use super::status::SinkStatus;
use crate::error::{Error, ErrorKind, Result};
use crate::format::identity::Identity;
use crate::limits::{SINK_NAME_BYTES_MAX, SINK_STATE_BYTES_MAX, SINKS_MAX};
use crate::storage::{FileKind, FsStorage, Storage};
use crate::sync::Arc;
use crate::view::View;
use std::path::{Path, PathBuf};

/// Name of the directory within the log's.
pub(super) const HOME_NAME: &str = "sinks";
const CONFIG_NAME: &str = "config.json";

/// The sinks of one log.
#[derive(Clone, Debug)]
pub struct SinkHome {
    path: PathBuf,
}

fn check_name(name: &str) -> Result<()> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let is_good = !name.is_empty()
        && name.len() <= SINK_NAME_BYTES_MAX
        && name.chars().all(is_plain)
        && name.starts_with(|c: char| c.is_ascii_alphanumeric());
    if is_good {
        return Ok(());
    }
    let wanted = format!("1 to {SINK_NAME_BYTES_MAX} letters, digits, and - _ . within");
    Err(Error::new(ErrorKind::Invalid, "a sink cannot have this name")
        .expected(wanted, format_args!("{name:?}")))
}

fn missing(name: &str) -> Error {
    Error::new(ErrorKind::NotFound, format!("there is no sink {name}"))
        .hint("`wmark sink list` names those there are")
}

impl SinkHome {
    /// The sinks of the log in this directory.
    #[must_use]
    pub fn of(log: impl AsRef<Path>) -> Self {
        Self { path: log.as_ref().join(HOME_NAME) }
    }

    /// Their names, sorted; none when there never was one.
    ///
    /// # Errors
    /// [`ErrorKind::Io`]; [`ErrorKind::TooLarge`] when there are more than [`SINKS_MAX`].
    pub fn names(&self) -> Result<Vec<String>> {
        let home = match FsStorage::open_reader(&self.path) {
            Ok(home) => home,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let entries = home.list()?.into_iter();
        let is_sink = |entry: &crate::storage::DirEntry| {
            entry.kind == FileKind::Directory && check_name(&entry.name).is_ok()
        };
        let names: Vec<String> = entries.filter(is_sink).map(|entry| entry.name).collect();
        if names.len() > SINKS_MAX {
            return Err(Error::new(ErrorKind::TooLarge, "too many sinks")
                .at_file(self.path.display().to_string())
                .expected(format_args!("at most {SINKS_MAX}"), names.len()));
        }
        Ok(names)
    }

    fn dir(&self, name: &str) -> Result<FsStorage> {
        check_name(name)?;
        FsStorage::open_reader(&self.path.join(name)).map_err(|error| {
            if error.kind() == ErrorKind::NotFound { missing(name) } else { error }
        })
    }

    fn make_dir(&self, name: &str) -> Result<FsStorage> {
        check_name(name)?;
        let names = self.names()?;
        if names.len() >= SINKS_MAX && !names.iter().any(|known| known == name) {
            return Err(Error::new(ErrorKind::TooLarge, "too many sinks")
                .expected(format_args!("at most {SINKS_MAX}"), names.len() + 1));
        }
        FsStorage::create_dir(&self.path)?;
        FsStorage::create_dir(&self.path.join(name))
    }

    /// Adds a sink with this configuration, a JSON text.
    ///
    /// # Errors
    /// [`ErrorKind::AlreadyExists`]; [`ErrorKind::Invalid`] for its name; [`ErrorKind::Io`].
    ///
    /// # Durability
    /// On return it survives power loss.
    pub fn add(&self, name: &str, config: &str) -> Result<()> {
        check_name(name)?;
        let exists = || Error::new(ErrorKind::AlreadyExists, format!("there is a sink {name}"));
        if self.names()?.iter().any(|known| known == name) && self.config(name)?.is_some() {
            return Err(exists());
        }
        if config.len() > SINK_STATE_BYTES_MAX {
            return Err(Error::new(ErrorKind::TooLarge, "the configuration is too long")
                .expected(format_args!("at most {SINK_STATE_BYTES_MAX} bytes"), config.len()));
        }
        let dir = self.make_dir(name)?;
        super::state::replace(&dir, CONFIG_NAME, "config.json.tmp", config)
    }

    /// The configuration of a sink; `None` when a program attached it.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] when there is no such sink; [`ErrorKind::Io`].
    pub fn config(&self, name: &str) -> Result<Option<String>> {
        let dir = self.dir(name)?;
        let Some(bytes) = read_small(&dir, CONFIG_NAME)? else { return Ok(None) };
        let text = String::from_utf8(bytes).map_err(|_| {
            Error::new(ErrorKind::Corrupt, "not UTF-8").at_file(dir.path_of(CONFIG_NAME))
        })?;
        Ok(Some(text))
    }

    /// Forgets a sink: its configuration, position and dead letters. What it wrote stays.
    ///
    /// # Errors
    /// [`ErrorKind::Locked`] while somebody runs it; [`ErrorKind::NotFound`]; [`ErrorKind::Io`].
    pub fn remove(&self, name: &str) -> Result<()> {
        let dir: Arc<dyn Storage> = Arc::new(self.dir(name)?);
        // The position is not read: a sink whose position is damaged can be removed as well.
        let lock = dir.lock_writer().map_err(|error| match error.kind() {
            ErrorKind::Locked => {
                Error::new(ErrorKind::Locked, format!("somebody runs the sink {name}"))
            }
            _ => error,
        })?;
        for file in dir.list()? {
            dir.remove(&file.name)?;
        }
        drop(lock);
        let path = self.path.join(name);
        std::fs::remove_dir(&path)
            .map_err(|error| Error::io(error, "remove", path.display().to_string()))?;
        FsStorage::open_reader(&self.path)?.sync_dir()
    }

    /// Opens the state of a sink and locks it; makes it when `name` is new.
    ///
    /// # Errors
    /// [`ErrorKind::Locked`] when somebody runs it; [`ErrorKind::Corrupt`] for its position;
    /// [`ErrorKind::Io`].
    pub fn open(&self, name: &str) -> Result<SinkState> {
        SinkState::open(name, Arc::new(self.make_dir(name)?))
    }

    /// How far a sink is, from its files.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`]; [`ErrorKind::Io`]. A position that cannot be read, or does not fit
    /// the log, is told in [`SinkStatus::problem`].
    pub fn status(&self, name: &str, identity: &Identity, view: &View) -> Result<SinkStatus> {
        let dir = self.dir(name)?;
        let kind = self.config(name)?.and_then(|text| {
            let config: serde_json::Value = serde_json::from_str(&text).ok()?;
            config.get("kind").and_then(|kind| kind.as_str()).map(str::to_owned)
        });
        let (position, problem) = match read_position(&dir) {
            Ok(None) => (Position::start(identity), None),
            Ok(Some(position)) => {
                let problem = position.check(identity, view).err();
                (position, problem)
            }
            Err(error) => (Position::start(identity), Some(error)),
        };
        Ok(SinkStatus {
            name: name.to_owned(),
            kind,
            next: position.next,
            lag: (view.size().get().saturating_sub(view.unvouched()))
                .saturating_sub(position.next.get()),
            delivered: position.delivered,
            dead_letters: position.dead_letters,
            is_running: dir.writer_present(),
            problem: problem.map(|error| error.to_string()),
        })
    }

    /// The dead letters of a sink, in the order in which they were set aside.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`]; [`ErrorKind::Io`].
    pub fn dead_letters(&self, name: &str) -> Result<Vec<DeadLetter>> {
        read_dead(&self.dir(name)?)
    }

    /// The stored position of a sink, without its lock; `None` when it never ran.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`]; [`ErrorKind::Corrupt`]; [`ErrorKind::Io`].
    pub fn position(&self, name: &str) -> Result<Option<Position>> {
        read_position(&self.dir(name)?)
    }

    /// Where the position of a sink lies.
    #[must_use]
    pub fn position_path(&self, name: &str) -> PathBuf {
        self.path.join(name).join(POSITION_NAME)
    }
}

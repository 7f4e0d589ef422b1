//! Opening: where the files end, after whatever happened.
//!
//! ```text
//! links say          file has             then
//! ---------------    ------------------   ---------------------------------------------------
//! closed, not named  those bytes          the renaming is done now
//! nothing            nothing              begin
//! nothing            lines, our key       taken over (the reference's, or before the first link)
//! open at n bytes    those, and more      whole signed lines stay; the rest is set aside
//! open at n bytes    fewer, or others     refused: it was cut or altered
//! ```

use super::links::{Link, Links};
use super::{FileAuditSink, FileChain, Progress};
use crate::error::{Error, ErrorKind, Result};
use crate::hash::Sha256State;
use crate::interop::AgtEntry;
use crate::limits::{AGT_LINE_BYTES_MAX, SINK_BATCH_ENTRIES_MAX, SINK_FILE_TRIES_MAX};
use crate::sink::key::Secret;
use crate::storage::{Access, FsStorage, Storage, StorageFile};
use crate::sync::Arc;
use crate::view::View;
use std::fs::{File, Permissions};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// How a file sink writes.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
#[must_use]
pub struct FileSinkOptions {
    pub(super) path: PathBuf,
    pub(super) rotate_bytes: u64,
    pub(super) chain: FileChain,
    pub(super) sync: bool,
}

impl FileSinkOptions {
    /// The file in use; missing directories are made. Never full, a chain per file, synced.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), rotate_bytes: 0, chain: FileChain::PerFile, sync: true }
    }

    /// Length at which a file is closed before the next line is written; 0 for never.
    pub fn rotate_bytes(mut self, bytes: u64) -> Self {
        self.rotate_bytes = bytes;
        self
    }

    /// How files hang together.
    pub fn chain(mut self, chain: FileChain) -> Self {
        self.chain = chain;
        self
    }

    /// Whether files are synced before the position moves; without it power loss may cost lines,
    /// and the sink then refuses to go on as if nothing had happened.
    pub fn sync(mut self, sync: bool) -> Self {
        self.sync = sync;
        self
    }
}

pub(super) fn links_name(name: &str) -> String {
    format!("{name}.links")
}

/// A file's name without its last ending, as the reference cuts it.
pub(super) fn stem(name: &str) -> &str {
    match name.rsplit_once('.') {
        Some((stem, _)) if !stem.is_empty() => stem,
        _ => name,
    }
}

pub(super) fn open_or_create(storage: &FsStorage, name: &str) -> Result<Arc<dyn StorageFile>> {
    match storage.open(name, Access::Write) {
        Err(error) if error.kind() == ErrorKind::NotFound => storage.create(name),
        other => other,
    }
}

/// The directory of a path, and the file's name in it.
pub(super) fn place(path: &Path) -> Result<(PathBuf, String)> {
    let name = path.file_name().and_then(|name| name.to_str()).filter(|name| !name.is_empty());
    let name = name.ok_or_else(|| {
        Error::new(ErrorKind::Invalid, "no name of a file").at_file(path.display().to_string())
    })?;
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    Ok((parent.unwrap_or(Path::new(".")).to_owned(), name.to_owned()))
}

/// Calls `each` with every line of a file from an offset on, without its line feed, and whether it
/// had one; `each` answers whether it wants more. A line beyond the limit counts as not whole.
pub(super) fn lines(
    storage: &dyn Storage,
    name: &str,
    from: u64,
    mut each: impl FnMut(&[u8], bool) -> Result<bool>,
) -> Result<()> {
    let file = match storage.open(name, Access::Read) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        other => other?,
    };
    let mut at = from;
    let mut held: Vec<u8> = Vec::new();
    let mut buffer = vec![0u8; 256 << 10];
    loop {
        let read = file.read_at(&mut buffer, at)?;
        at += read as u64;
        held.extend_from_slice(buffer.get(..read).unwrap_or_default());
        let mut done = 0;
        while let Some(len) = held.iter().skip(done).position(|byte| *byte == b'\n') {
            let line = held.get(done..done + len).unwrap_or_default();
            done += len + 1;
            if !each(line, true)? {
                return Ok(());
            }
        }
        held.drain(..done);
        if read < buffer.len() || held.len() > AGT_LINE_BYTES_MAX {
            if !held.is_empty() {
                each(&held, false)?;
            }
            return Ok(());
        }
    }
}

/// The index of the entry with this id, near `from`.
pub(super) fn index_of(entry_id: &str, from: u64, view: &View) -> Result<Option<u64>> {
    // Between two flushes there are a few batches at most.
    let end = from.saturating_add(64 * SINK_BATCH_ENTRIES_MAX as u64).min(view.size().get());
    for index in from..end {
        if view.entry(index.into())?.entry_id() == entry_id {
            return Ok(Some(index));
        }
    }
    Ok(None)
}

/// Keeps the bytes behind `end` in a file of their own, and cuts them off.
pub(super) fn set_aside(
    storage: &FsStorage,
    name: &str,
    file: &Arc<dyn StorageFile>,
    end: u64,
    notes: &mut Vec<String>,
) -> Result<()> {
    let len = file.len()?;
    if len <= end {
        return Ok(());
    }
    let mut kept = None;
    for attempt in 1..=SINK_FILE_TRIES_MAX {
        let name = format!("{name}.torn-{attempt:02}");
        match storage.create(&name) {
            Ok(file) => {
                kept = Some((name, file));
                break;
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    let Some((kept_name, kept)) = kept else {
        return Err(Error::new(ErrorKind::AlreadyExists, "too many torn pieces: look at them")
            .at_file(storage.path_of(name)));
    };
    let mut buffer = vec![0u8; 64 << 10];
    let mut at = end;
    while at < len {
        let read = file.read_at(&mut buffer, at)?;
        let piece = buffer.get(..read).filter(|piece| !piece.is_empty());
        let Some(piece) = piece else { break };
        kept.write_all_at(piece, at - end)?;
        at += read as u64;
    }
    kept.sync_all()?;
    storage.sync_dir()?;
    // What is cut off is safe elsewhere.
    file.set_len(end)?;
    file.sync_all()?;
    notes.push(format!(
        "{}: the last {} bytes were no whole line and are in {kept_name}",
        storage.path_of(name),
        len - end
    ));
    Ok(())
}

/// Takes the rights of others away from a file that somebody else made.
fn close_to_others(path: &str, notes: &mut Vec<String>) -> Result<()> {
    let failed = |error| Error::io(error, "look after the mode of", path);
    let metadata = std::fs::metadata(path).map_err(failed)?;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 == 0 {
        return Ok(());
    }
    std::fs::set_permissions(path, Permissions::from_mode(0o600)).map_err(failed)?;
    notes.push(format!("{path}: mode {mode:04o} is 0600 now"));
    Ok(())
}

/// Holds the file for one sink.
fn lock(path: &Path) -> Result<File> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let shown = path.display().to_string();
    let file = File::options().create(true).truncate(false).write(true).mode(0o600).open(&name);
    let file = file.map_err(|error| Error::io(error, "open the lock of", shown.clone()))?;
    file.try_lock().map_err(|error| match error {
        std::fs::TryLockError::WouldBlock => {
            Error::new(ErrorKind::Locked, "another sink writes this file").at_file(shown)
        }
        std::fs::TryLockError::Error(error) => Error::io(error, "lock", shown),
    })?;
    Ok(file)
}

pub(super) fn open(options: FileSinkOptions, key: Secret) -> Result<FileAuditSink> {
    let (parent, name) = place(&options.path)?;
    let storage = match FsStorage::open_reader(&parent) {
        Err(error) if error.kind() == ErrorKind::NotFound => FsStorage::create_dir(&parent)?,
        other => other?,
    };
    let lock = lock(&options.path)?;
    let mut notes = Vec::new();
    let links = Links::read(&storage, &links_name(&name), key.bytes())?.unwrap_or_default();
    finish_rotation(&storage, &name, &links)?;
    let flushed = match &links.open {
        Some(link) => vouched(&storage, &name, link)?,
        None => begin(&links, options.chain),
    };
    let (now, unlinked) = tail(&storage, &name, &flushed, &links, &key, &mut notes)?;
    let log_id = links.open.as_ref().or(links.closed.last().map(|(link, ..)| link));
    Ok(FileAuditSink {
        sequence: links.closed.len() as u64 + 1,
        last_mac: links.last_mac().to_owned(),
        closed: links.closed.iter().map(|(_, line, _)| line.clone()).collect(),
        links_end: links.end,
        heads: links.count - links.closed.len(),
        log_id: log_id.map(|link| link.log_id.clone()).unwrap_or_default(),
        storage,
        name,
        options,
        key,
        now,
        flushed,
        must_cut: false,
        file: None,
        unlinked,
        notes,
        is_closed: false,
        lock: Some(lock),
    })
}

fn begin(links: &Links, chain: FileChain) -> Progress {
    let Some((last, ..)) = links.closed.last() else { return Progress::default() };
    let last_content_hash = match chain {
        FileChain::PerFile => String::new(),
        FileChain::Continuous => last.last_content_hash.clone(),
    };
    Progress { last_content_hash, next: last.next, ..Progress::default() }
}

/// Gives the full file its name, when a crash came between saying so and doing so.
fn finish_rotation(storage: &FsStorage, name: &str, links: &Links) -> Result<()> {
    let Some((last, ..)) = links.closed.last().filter(|_| links.open.is_none()) else {
        return Ok(());
    };
    match storage.open(&last.file, Access::Read) {
        Ok(_) => return Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let is_it = digest(storage, name, last.bytes)?.is_some_and(|found| found.1 == last.sha256);
    if !is_it {
        // It is missing for another reason, which verifying tells; the next file goes on.
        return Ok(());
    }
    storage.rename(name, &last.file, false)?;
    storage.sync_dir()
}

/// The digest of the first bytes of a file; `None` when it has fewer, or is missing.
pub(super) fn digest(
    storage: &dyn Storage,
    name: &str,
    len: u64,
) -> Result<Option<(Sha256State, String)>> {
    let file = match storage.open(name, Access::Read) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        other => other?,
    };
    let mut state = Sha256State::default();
    let mut buffer = vec![0u8; 256 << 10];
    let mut at = 0;
    while at < len {
        let wanted = usize::try_from(len - at).unwrap_or(usize::MAX).min(buffer.len());
        let Some(space) = buffer.get_mut(..wanted) else { return Ok(None) };
        let read = file.read_at(space, at)?;
        if read < wanted {
            return Ok(None);
        }
        state.update(space);
        at += read as u64;
    }
    Ok(Some((state.clone(), state.finish().to_hex())))
}

/// The file in use, as its last link says it is.
fn vouched(storage: &FsStorage, name: &str, link: &Link) -> Result<Progress> {
    let refuse = |what: &str| {
        Error::new(ErrorKind::Corrupt, what.to_owned()).at_file(storage.path_of(name)).hint(
            "`wmark sink verify` says what is missing or altered; keep the file, and begin another",
        )
    };
    let Some((state, found)) = digest(storage, name, link.bytes)? else {
        return Err(refuse("the file ends before the last line the sink wrote: it was cut")
            .expected(format_args!("{} bytes", link.bytes), "fewer"));
    };
    if found != link.sha256 {
        return Err(refuse("the file was altered").expected(&link.sha256, found));
    }
    Ok(Progress {
        entries: link.entries,
        adopted: link.adopted,
        bytes: link.bytes,
        digest: state,
        last_content_hash: link.last_content_hash.clone(),
        next: link.next,
    })
}

/// Walks over what no link covers: whole lines with our signature count, the rest is set aside.
/// Returns how far that goes, and the id of the last of those lines.
fn tail(
    storage: &FsStorage,
    name: &str,
    flushed: &Progress,
    links: &Links,
    key: &Secret,
    notes: &mut Vec<String>,
) -> Result<(Progress, Option<String>)> {
    let mut now = flushed.clone();
    let (mut last_id, mut must_end_line) = (None, false);
    let mut stranger = None;
    lines(storage, name, flushed.bytes, |line, is_whole| {
        let entry = AgtEntry::parse_line(line).ok().filter(|entry| {
            entry.previous_hash == now.last_content_hash
                && entry.is_content_intact()
                && entry.is_signature_valid(key.bytes())
        });
        let Some(entry) = entry else {
            stranger = is_whole.then(|| now.entries + 1);
            return Ok(false);
        };
        now.digest.update(line);
        now.digest.update(b"\n");
        now.bytes += line.len() as u64 + 1;
        now.entries += 1;
        now.last_content_hash = entry.content_hash;
        last_id = Some(entry.entry_id);
        must_end_line = !is_whole;
        Ok(true)
    })?;
    let file = match storage.open(name, Access::Write) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok((now, last_id)),
        other => other?,
    };
    // A file without links was never flushed here: a line that does not hold is not our crash.
    if let Some(line) = stranger.filter(|_| links.count == 0) {
        let path = storage.path_of(name);
        let first = "the file was signed with another key, or is no file of a sink";
        return Err(match line {
            1 => Error::new(ErrorKind::Key, first).at_file(path),
            _ => Error::new(ErrorKind::Corrupt, format!("line {line} does not hold"))
                .at_file(path)
                .hint("the file cannot be taken over: keep it, and begin another"),
        });
    }
    close_to_others(&storage.path_of(name), notes)?;
    if must_end_line {
        file.write_all_at(b"\n", now.bytes - 1)?;
    }
    set_aside(storage, name, &file, now.bytes, notes)?;
    Ok((now, last_id))
}

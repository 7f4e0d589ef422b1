//! Files in the form of the reference, signed line by line, with a sidecar that links them.
//!
//! ```text
//! audit.000001.jsonl   full, renamed by sequence
//! audit.000002.jsonl
//! audit.jsonl          in use: one line per entry, its own chain from "" (or a continuous one)
//! audit.jsonl.links    the sidecar: each file's lines, digest and end, signed and chained
//! audit.jsonl.torn-01  what a crash left of a line, set aside
//! ```
//!
//! The reference's verifier accepts each of these files by itself; the sidecar shows what it cannot
//! see: a file that is missing or was cut at a line. Files are 0600, and synced before the sidecar
//! says so. After a crash the sink goes on behind the last whole line, so no entry is in the files
//! twice.

mod judge;
mod links;
mod open;

pub use judge::verify_files;
pub use open::FileSinkOptions;

use super::key::Secret;
use super::{Attachment, AuditSink, SinkReport};
use crate::error::{Error, ErrorKind, Result};
use crate::format::stored::StoredEntry;
use crate::hash::Sha256State;
use crate::interop::AgtEntry;
use crate::limits::{SINK_FILE_TRIES_MAX, SINK_LINKS_HEADS_MAX};
use crate::storage::{Access, FsStorage, Storage, StorageFile};
use crate::sync::Arc;
use crate::types::{EntryIndex, Hash};
use links::{Link, LinkKind};
use std::fs::File;

/// How the lines of one file hang on those of the one before.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub enum FileChain {
    /// Each file begins a chain of its own: the reference's verifier accepts every file.
    #[default]
    PerFile,
    /// The first line goes on from the last one of the file before: a lost file breaks the chain,
    /// and the reference's verifier accepts the first file only.
    Continuous,
}

/// The file in use, as far as lines were written.
#[derive(Clone, Debug, Default)]
struct Progress {
    entries: u64,
    adopted: u64,
    bytes: u64,
    digest: Sha256State,
    last_content_hash: String,
    /// The first entry of the log that is not written.
    next: u64,
}

/// Writes entries as the reference's `FileAuditSink` does.
pub struct FileAuditSink {
    storage: FsStorage,
    name: String,
    options: FileSinkOptions,
    key: Secret,
    sequence: u64,
    /// Lines of closed links, for when the sidecar is written anew, and the last one's MAC.
    closed: Vec<String>,
    last_mac: String,
    /// Length of the sidecar, and how many links of the file in use are in it.
    links_end: u64,
    heads: usize,
    now: Progress,
    flushed: Progress,
    /// The file is longer than `now` says: an earlier write failed.
    must_cut: bool,
    file: Option<Arc<dyn StorageFile>>,
    log_id: String,
    /// Id of the last line that no link covers yet.
    unlinked: Option<String>,
    notes: Vec<String>,
    is_closed: bool,
    /// Until it is closed nobody else has the file.
    lock: Option<File>,
}

impl std::fmt::Debug for FileAuditSink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FileAuditSink").field("name", &self.name).finish_non_exhaustive()
    }
}

impl FileAuditSink {
    /// Opens the file and goes on behind its last line; a line that a crash cut short is set aside.
    /// A file of the reference is taken over when the key is its key.
    ///
    /// # Errors
    /// [`ErrorKind::Key`] when the files were signed with another key; [`ErrorKind::Corrupt`] when
    /// the file is not what the sidecar says; [`ErrorKind::Locked`] when another sink has it;
    /// [`ErrorKind::Io`].
    pub fn open(options: FileSinkOptions, key: Secret) -> Result<Self> {
        open::open(options, key)
    }

    /// The entries of the file in use, as its lines have them.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] for a line that is none; [`ErrorKind::Io`].
    pub fn read_entries(&self) -> Result<Vec<AgtEntry>> {
        let mut entries = Vec::new();
        open::lines(&self.storage, &self.name, 0, |line, is_whole| {
            if is_whole && !line.trim_ascii().is_empty() {
                entries.push(AgtEntry::parse_line(line)?);
            }
            Ok(true)
        })?;
        Ok(entries)
    }

    fn link(&self, kind: LinkKind, file: &str) -> Link {
        Link {
            kind,
            sequence: self.sequence,
            file: file.to_owned(),
            log_id: self.log_id.clone(),
            entries: self.now.entries,
            adopted: self.now.adopted,
            bytes: self.now.bytes,
            sha256: self.now.digest.clone().finish().to_hex(),
            last_content_hash: self.now.last_content_hash.clone(),
            next: self.now.next,
            is_continuous: self.options.chain == FileChain::Continuous,
            previous: self.last_mac.clone(),
        }
    }

    fn links_name(&self) -> String {
        open::links_name(&self.name)
    }

    fn sync(&self, file: &Arc<dyn StorageFile>) -> Result<()> {
        if self.options.sync { file.sync_all() } else { Ok(()) }
    }

    /// Appends a line to the sidecar. Only what a link covers counts after a crash.
    fn append_link(&mut self, line: &str) -> Result<()> {
        let name = self.links_name();
        let file = open::open_or_create(&self.storage, &name)?;
        // A longer one was torn, by a crash or a full disk.
        file.set_len(self.links_end)?;
        file.write_all_at(line.as_bytes(), self.links_end)?;
        self.sync(&file)?;
        if self.links_end == 0 {
            self.storage.sync_dir()?;
        }
        self.links_end += line.len() as u64;
        Ok(())
    }

    /// Writes the sidecar anew: the closed links, and this one.
    fn rewrite_links(&mut self, last: &str) -> Result<()> {
        let (name, temporary) = (self.links_name(), self.links_name() + ".tmp");
        let text = self.closed.concat() + last;
        super::state::replace(&self.storage, &name, &temporary, &text)?;
        self.links_end = text.len() as u64;
        self.heads = usize::from(!last.is_empty());
        Ok(())
    }

    /// The file in use, cut to what counts.
    fn file(&mut self) -> Result<Arc<dyn StorageFile>> {
        let file = match &self.file {
            Some(file) => Arc::clone(file),
            None => {
                let file = open::open_or_create(&self.storage, &self.name)?;
                self.storage.sync_dir()?;
                Arc::clone(self.file.insert(file))
            }
        };
        if self.must_cut {
            file.set_len(self.now.bytes)?;
            self.must_cut = false;
        }
        Ok(file)
    }

    /// Writes lines to the file in use.
    fn put(&mut self, lines: &str, progress: Progress) -> Result<()> {
        if lines.is_empty() {
            return Ok(());
        }
        let file = self.file()?;
        self.must_cut = true;
        file.write_all_at(lines.as_bytes(), self.now.bytes)?;
        self.must_cut = false;
        self.now = progress;
        Ok(())
    }

    fn write_lines(&mut self, entries: &[StoredEntry]) -> Result<()> {
        let mut lines = String::new();
        let mut progress = self.now.clone();
        for entry in entries {
            let index = entry.index().get();
            if index < progress.next {
                // It came again, and is in the files already.
                continue;
            }
            let is_full = self.options.rotate_bytes > 0
                && progress.bytes >= self.options.rotate_bytes
                && progress.entries > 0;
            if is_full {
                self.put(&lines, progress)?;
                lines.clear();
                self.rotate()?;
                progress = self.now.clone();
            }
            let signed =
                AgtEntry::from(entry).signed(&progress.last_content_hash, self.key.bytes());
            let line = signed.to_line() + "\n";
            progress.digest.update(line.as_bytes());
            progress.bytes += line.len() as u64;
            progress.entries += 1;
            progress.last_content_hash = signed.content_hash;
            progress.next = index + 1;
            lines += &line;
        }
        self.put(&lines, progress)
    }

    /// Closes the file in use under a name with its sequence.
    fn rotate(&mut self) -> Result<()> {
        let file = self.file()?;
        self.sync(&file)?;
        let target = self.free_name()?;
        let (line, mac) = self.link(LinkKind::Closed, &target).seal(self.key.bytes());
        self.append_link(&line)?;
        // From here on a crash is followed by the renaming below.
        self.storage.rename(&self.name, &target, false)?;
        self.storage.sync_dir()?;
        self.closed.push(line);
        self.begin_file(mac);
        self.rewrite_links("")
    }

    /// What is true once a file was closed with this MAC.
    fn begin_file(&mut self, mac: String) {
        let last = match self.options.chain {
            FileChain::PerFile => String::new(),
            FileChain::Continuous => self.now.last_content_hash.clone(),
        };
        self.last_mac = mac;
        self.sequence += 1;
        self.file = None;
        self.now = Progress { last_content_hash: last, next: self.now.next, ..Progress::default() };
        self.flushed = self.now.clone();
    }

    /// `audit.000001.jsonl`, or with a further number when somebody else has that name.
    fn free_name(&self) -> Result<String> {
        let stem = open::stem(&self.name);
        let sequence = self.sequence;
        for attempt in 0..SINK_FILE_TRIES_MAX {
            let name = match attempt {
                0 => format!("{stem}.{sequence:06}.jsonl"),
                _ => format!("{stem}.{sequence:06}-{attempt}.jsonl"),
            };
            match self.storage.open(&name, Access::Read) {
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(name),
                _ => {}
            }
        }
        Err(Error::new(ErrorKind::AlreadyExists, "every name for the full file is taken")
            .at_file(self.storage.path_of(&self.name)))
    }
}

impl AuditSink for FileAuditSink {
    fn attach(&mut self, log: &Attachment<'_>) -> Result<EntryIndex> {
        let log_id = Hash(log.identity.log_id).to_hex();
        if !self.log_id.is_empty() && self.log_id != log_id {
            return Err(Error::new(ErrorKind::Corrupt, "the file holds entries of another log")
                .at_file(self.storage.path_of(&self.name))
                .expected(&log_id, &self.log_id));
        }
        let is_known = !self.log_id.is_empty();
        self.log_id = log_id;
        let mut next = if is_known { self.flushed.next } else { log.next.get() };
        // Lines behind the last link were written before a crash: the log knows which entry that was.
        if let Some(entry_id) = self.unlinked.take() {
            let found = open::index_of(&entry_id, next, log.view)?;
            match found {
                Some(index) => next = index + 1,
                None if is_known => {
                    let (file, bytes) = (self.file()?, self.flushed.bytes);
                    open::set_aside(&self.storage, &self.name, &file, bytes, &mut self.notes)?;
                    self.now = self.flushed.clone();
                }
                // Entries of the reference, taken over.
                None => self.now.adopted = self.now.entries,
            }
        }
        self.now.next = next;
        if !is_known {
            self.flushed.next = log.next.get();
            if self.now.bytes > 0 {
                // From here on the file is this log's, and cannot lose lines unnoticed.
                self.flush()?;
            }
        }
        Ok(next.into())
    }

    fn write(&mut self, entry: &StoredEntry) -> Result<()> {
        self.write_batch(std::slice::from_ref(entry))
    }

    fn write_batch(&mut self, entries: &[StoredEntry]) -> Result<()> {
        if self.is_closed {
            return Err(Error::new(ErrorKind::Closed, "the sink was closed"));
        }
        if self.log_id.is_empty() {
            return Err(Error::new(ErrorKind::Closed, "the sink is attached to no log yet"));
        }
        self.write_lines(entries)
    }

    fn flush(&mut self) -> Result<()> {
        if self.now.bytes == self.flushed.bytes && self.now.next == self.flushed.next {
            return Ok(());
        }
        let flushed = self.file().and_then(|file| self.sync(&file)).and_then(|()| {
            let (line, _) = self.link(LinkKind::Open, &self.name).seal(self.key.bytes());
            if self.heads >= SINK_LINKS_HEADS_MAX {
                return self.rewrite_links(&line);
            }
            self.append_link(&line)?;
            self.heads += 1;
            Ok(())
        });
        match flushed {
            Ok(()) => self.flushed = self.now.clone(),
            Err(_) => {
                // Nobody knows what is on the medium: it is written again from there.
                self.now = self.flushed.clone();
                self.must_cut = true;
            }
        }
        flushed
    }

    fn verify_integrity(&mut self, log: Option<&Attachment<'_>>) -> Result<SinkReport> {
        self.flush()?;
        judge::judge(&self.storage, &self.name, &self.key, log)
    }

    fn close(&mut self) -> Result<()> {
        let flushed = if self.is_closed { Ok(()) } else { self.flush() };
        self.is_closed = true;
        self.lock = None;
        flushed
    }

    fn notes(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notes)
    }
}

#[cfg(test)]
mod tests;

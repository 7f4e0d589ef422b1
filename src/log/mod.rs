//! The log: the one writer of a directory.
//!
//! ```text
//! append --encode--> queue --take--> committer (place, write, sync, publish) --> receipts
//!                                        |                 \
//!                                   housekeeper             view (readers follow the files)
//! ```
//!
//! Invariant: `published <= synced <= placed`. What is not here: queries and proofs (see
//! [`crate::View`]), sinks (they pull from views), anything that prints.

mod active;
mod admission;
mod committer;
mod counters;
mod driver;
mod duplicates;
mod encode;
mod environment;
mod housekeeper;
mod open;
mod options;
mod place;
mod queue;
mod recent;
mod recover;
mod repair;
mod seal;
mod ticket;

pub use environment::Environment;
pub use options::Options;
pub use queue::QueueFull;
pub use recover::RecoveryReport;
pub use repair::{RepairOptions, RepairReport, repair};
pub use ticket::{BufferedReceipt, Receipt, Ticket};

use crate::entry::Entry;
use crate::error::{Error, ErrorKind, Result};
use crate::format::identity::Identity;
use crate::format::stored::StoredEntry;
use crate::proof::{EntryRef, Evidence};
use crate::query::{Page, Query};
use crate::redact::Redactor;
use crate::sign::{SignedCheckpoint, SigningKey};
use crate::storage::{Storage, WriterLock};
use crate::sync::{Arc, Mutex, thread};
use crate::types::EntryIndex;
use crate::verify::{Report, VerifyOptions, verify_storage};
use crate::view::{Catalog, Reader, TreeHead, View};
use driver::Driver;
use housekeeper::Housekeeper;
use std::path::Path;

/// An open log: appends entries, and gives views to read from.
///
/// Cheap to share: clone it or borrow it, all methods take `&self`. It is the only writer of its
/// directory; readers in this and other processes never block it. When the last clone is dropped
/// the log is closed; [`AuditLog::close`] does the same and reports errors.
///
/// ```
/// use witnessmark::{Action, AuditLog, Entry, Query};
/// let log = AuditLog::in_memory()?;
/// let receipt = log.append(Entry::new("tool_invocation", "did:web:a.example", Action::Allow))?;
/// assert_eq!(log.query(&Query::new().agent("did:web:a.example"))?.entries.len(), 1);
/// let evidence = log.prove(receipt.entry_id())?;
/// evidence.verify(log.head().size, &log.head().root)?;
/// # Ok::<(), witnessmark::Error>(())
/// ```
#[derive(Clone)]
pub struct AuditLog {
    inner: Arc<Inner>,
}

struct Inner {
    driver: Arc<Driver>,
    catalog: Arc<Catalog>,
    housekeeper: Arc<Housekeeper>,
    storage: Arc<dyn Storage>,
    identity: Identity,
    recovery: Option<RecoveryReport>,
    thread: Mutex<Option<thread::JoinHandle<()>>>,
    /// Released last: until then nobody else may write.
    lock: Mutex<Option<WriterLock>>,
}

impl std::fmt::Debug for AuditLog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AuditLog")
            .field("origin", &self.inner.identity.origin)
            .field("size", &self.head().size.get())
            .finish_non_exhaustive()
    }
}

impl AuditLog {
    /// Opens the log in this directory with default options, and creates it when there is none.
    ///
    /// # Errors
    /// As [`Options::open`].
    pub fn open(dir: impl AsRef<Path>) -> Result<Self> {
        Self::options(dir).open()
    }

    /// Options for the log in this directory.
    pub fn options(dir: impl AsRef<Path>) -> Options {
        Options::directory(dir.as_ref())
    }

    /// A log in memory: the same behaviour without files. Its receipts say `is_durable() == false`.
    ///
    /// # Errors
    /// [`ErrorKind::Io`] when the system gives no threads or random numbers.
    pub fn in_memory() -> Result<Self> {
        Options::memory().open()
    }

    /// Opens the log for reading only, from any process, without a lock.
    ///
    /// # Errors
    /// As [`Reader::open`].
    pub fn open_read_only(dir: impl AsRef<Path>) -> Result<Reader> {
        Reader::open(dir)
    }

    pub(crate) fn start(
        driver: Driver,
        identity: Identity,
        lock: WriterLock,
        recovery: Option<RecoveryReport>,
    ) -> Result<Self> {
        let fixed = driver.fixed();
        let driver = Arc::new(driver);
        let worker = Arc::clone(&driver);
        let handle = thread::Builder::new()
            .name("wmark-committer".into())
            .spawn(move || worker.run())
            .map_err(|error| Error::io(error, "start a thread", "committer"))?;
        let inner = Inner {
            driver,
            catalog: Arc::clone(&fixed.catalog),
            housekeeper: Arc::clone(&fixed.housekeeper),
            storage: Arc::clone(&fixed.storage),
            identity,
            recovery,
            thread: Mutex::new(Some(handle)),
            lock: Mutex::new(Some(lock)),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Appends an entry and returns when it is durable.
    ///
    /// An entry id that the caller gives is unique: the same entry again, within the last million
    /// entries, is answered with the first one's receipt ([`Receipt::is_duplicate`]).
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] and [`ErrorKind::TooLarge`] for the entry itself;
    /// [`ErrorKind::AlreadyExists`] when its id exists with other content, naming the index;
    /// [`ErrorKind::Full`] when the queue is full and the log was opened so;
    /// [`ErrorKind::NoSpace`] when there is no room for another segment;
    /// [`ErrorKind::Poisoned`] after a failed write or sync; [`ErrorKind::Closed`];
    /// [`ErrorKind::Forked`]. In every case but `Poisoned` the entry is not in the log.
    ///
    /// # Durability
    /// On return the entry has been synced: it survives power loss.
    pub fn append(&self, entry: Entry<'_>) -> Result<Receipt> {
        let (id, placement, is_durable) = self.inner.driver.append(&entry, true)?;
        Ok(Receipt::new(id, &placement, is_durable))
    }

    /// Appends entries, all of them or none, next to each other in one commit group.
    ///
    /// # Errors
    /// As [`AuditLog::append`]; [`ErrorKind::TooLarge`] when they do not fit one group (32 MiB, or
    /// a segment). Nothing of the batch is in the log then.
    ///
    /// # Durability
    /// On return every entry has been synced.
    pub fn append_batch<'a>(
        &self,
        entries: impl IntoIterator<Item = Entry<'a>>,
    ) -> Result<Vec<Receipt>> {
        let placed = self.inner.driver.append_batch(entries.into_iter(), true)?;
        let receipt = |(id, placement, is_durable)| Receipt::new(id, &placement, is_durable);
        Ok(placed.into_iter().map(receipt).collect())
    }

    /// Puts an entry into the next commit group and returns at once; the ticket tells when it is
    /// durable. Waits only when the queue is full.
    ///
    /// # Errors
    /// As [`AuditLog::append`]; what happens later is told by the ticket, and so, perhaps, is
    /// [`ErrorKind::Forked`].
    pub fn submit(&self, entry: Entry<'_>) -> Result<Ticket> {
        self.inner.driver.submit(&entry)
    }

    /// Appends an entry and returns when it is written, but not synced: it survives this process,
    /// not the machine. Views do not show it before [`AuditLog::sync`], a durable append or a
    /// moment's idleness made it durable.
    ///
    /// # Errors
    /// As [`AuditLog::append`].
    pub fn append_buffered(&self, entry: Entry<'_>) -> Result<BufferedReceipt> {
        let (id, placement, _) = self.inner.driver.append(&entry, false)?;
        Ok(BufferedReceipt(Receipt::new(id, &placement, false)))
    }

    /// Appends entries as [`AuditLog::append_batch`] does, with one write, and returns when they
    /// are written, but not synced: see [`AuditLog::append_buffered`]. For bulk, with one
    /// [`AuditLog::sync`] at the end.
    ///
    /// # Errors
    /// As [`AuditLog::append_batch`].
    pub fn append_batch_buffered<'a>(
        &self,
        entries: impl IntoIterator<Item = Entry<'a>>,
    ) -> Result<Vec<BufferedReceipt>> {
        let placed = self.inner.driver.append_batch(entries.into_iter(), false)?;
        let receipt = |(id, placement, _)| BufferedReceipt(Receipt::new(id, &placement, false));
        Ok(placed.into_iter().map(receipt).collect())
    }

    /// Makes every entry whose append has returned durable and visible. One that was submitted may
    /// still be in the queue, and is not waited for: its ticket says when it is durable.
    ///
    /// # Errors
    /// [`ErrorKind::Poisoned`] when the sync fails, now or earlier; [`ErrorKind::Closed`].
    pub fn sync(&self) -> Result<TreeHead> {
        self.inner.driver.sync()?;
        Ok(self.head())
    }

    /// Audits the log's files, as [`crate::verify()`] does, up to what was appended before the call.
    ///
    /// Reads every byte of the log; appending goes on meanwhile.
    ///
    /// # Errors
    /// As [`AuditLog::sync`] and [`crate::verify()`]; damage is not an error but in the report.
    pub fn verify_integrity(&self) -> Result<Report> {
        self.inner.driver.vouch()?;
        verify_storage(&*self.inner.storage, &VerifyOptions::default())
    }

    /// Signs the log as it is now, and records the checkpoint in the log's history before it is
    /// returned. Several keys are one log in the middle of a change of keys.
    ///
    /// Everything appended so far is made durable and vouched for first; the entries since the
    /// last checkpoint are read back and hashed, and the new checkpoint is proved consistent with
    /// it. A log that has not grown since, signed by the same keys, gets the same checkpoint again.
    ///
    /// # Errors
    /// As [`AuditLog::sync`]; [`ErrorKind::Key`] for a key of another name than the log's origin;
    /// [`ErrorKind::Corrupt`] when entries, or the last checkpoint, contradict what would be
    /// signed, or the history is damaged: then nothing is signed.
    ///
    /// # Durability
    /// On return checkpoint and entries survive power loss.
    ///
    /// # Example
    /// ```
    /// use witnessmark::{AuditLog, SigningKey};
    /// let log = AuditLog::in_memory()?;
    /// let key = SigningKey::from_seed(&log.identity().origin, &[7; 32])?;
    /// let signed = log.checkpoint(&[&key])?;
    /// assert_eq!(signed.verify(&[key.verifier()])?.len(), 1);
    /// # Ok::<(), witnessmark::Error>(())
    /// ```
    pub fn checkpoint(&self, keys: &[&SigningKey]) -> Result<SignedCheckpoint> {
        let Inner { driver, storage, identity, .. } = &*self.inner;
        crate::proof::issue(&**storage, identity, keys, || {
            driver.sync()?;
            let view = self.view();
            // What was synced before this is what the heartbeat vouches for.
            driver.vouch()?;
            Ok(view)
        })
    }

    /// The checkpoint that was recorded last, if any; its signatures are not verified here.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`] when it cannot be read as one; [`ErrorKind::Io`].
    pub fn last_checkpoint(&self) -> Result<Option<SignedCheckpoint>> {
        crate::history::last(&*self.inner.storage).map(|(last, _)| last)
    }

    /// Size and root of what is durable.
    #[must_use]
    pub fn head(&self) -> TreeHead {
        self.inner.catalog.view().head()
    }

    /// The log as it is now: one frozen size to read from. Not for forked children, whose copy of
    /// the log's locks may be held for ever; [`crate::Reader`] is.
    #[must_use]
    pub fn view(&self) -> View {
        self.inner.catalog.view()
    }

    /// The entry at this index.
    ///
    /// # Errors
    /// As [`View::entry`].
    pub fn entry(&self, index: EntryIndex) -> Result<StoredEntry> {
        self.inner.driver.check_fork()?;
        self.view().entry(index)
    }

    /// The entry with this id; `None` when there is none.
    ///
    /// # Errors
    /// As [`View::get_entry`].
    pub fn get_entry(&self, entry_id: &str) -> Result<Option<StoredEntry>> {
        self.inner.driver.check_fork()?;
        self.view().get_entry(entry_id)
    }

    /// The entries a query asks for.
    ///
    /// # Errors
    /// As [`View::query`].
    pub fn query(&self, query: &Query) -> Result<Page> {
        self.inner.driver.check_fork()?;
        self.view().query(query)
    }

    /// The most recent `limit` entries of an agent, returned oldest first; 0 means all.
    ///
    /// # Errors
    /// As [`View::query`].
    pub fn get_entries_for_agent(&self, agent_did: &str, limit: usize) -> Result<Vec<StoredEntry>> {
        Ok(self.query(&Query::new().agent(agent_did).limit(limit))?.entries)
    }

    /// The most recent `limit` entries of an event type, returned oldest first; 0 means all.
    ///
    /// # Errors
    /// As [`View::query`].
    pub fn get_entries_by_type(&self, event_type: &str, limit: usize) -> Result<Vec<StoredEntry>> {
        Ok(self.query(&Query::new().event_type(event_type).limit(limit))?.entries)
    }

    /// Evidence that an entry, named by index or id, is in the log as it is now; it can be checked
    /// without the log.
    ///
    /// # Errors
    /// As [`View::prove`].
    pub fn prove<'a>(&self, entry: impl Into<EntryRef<'a>>) -> Result<Evidence> {
        self.view().prove(entry)
    }

    /// What views are taken from, for followers that must not keep the log open.
    pub(crate) fn catalog(&self) -> Arc<Catalog> {
        Arc::clone(&self.inner.catalog)
    }

    /// Where the files lie; `None` for a log that goes with the process.
    pub(crate) fn directory(&self) -> Option<std::path::PathBuf> {
        let storage = &self.inner.storage;
        storage.is_durable().then(|| storage.path_of("").into())
    }

    /// The log's identity.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.inner.identity
    }

    /// What takes secrets out of this log's entries, for texts that go elsewhere.
    #[must_use]
    pub fn redactor(&self) -> &Redactor {
        &self.inner.driver.admission().redactor
    }

    /// What opening had to set aside; `None` after a clean close.
    #[must_use]
    pub fn recovery(&self) -> Option<&RecoveryReport> {
        self.inner.recovery.as_ref()
    }

    /// Why the log is read-only, if a write or sync has failed.
    #[must_use]
    pub fn poisoned(&self) -> Option<Error> {
        self.inner.driver.poisoned()
    }

    /// Commits what is on its way, vouches for the last entries, gives unused room back and
    /// releases the writer lock. Other clones get [`ErrorKind::Closed`] from then on.
    ///
    /// # Errors
    /// [`ErrorKind::Poisoned`] or [`ErrorKind::Io`] when the last entries could not be synced.
    pub fn close(self) -> Result<TreeHead> {
        self.inner.close()?;
        Ok(self.head())
    }
}

impl Inner {
    fn close(&self) -> Result<()> {
        if std::process::id() != self.driver.committer_pid() {
            return Err(Error::new(ErrorKind::Forked, "a forked child cannot close the log"));
        }
        let Some(handle) = self.thread.lock().take() else { return Ok(()) };
        self.driver.close();
        let joined = handle.join();
        assert!(joined.is_ok(), "the committer does not panic");
        let result = self.finish();
        self.housekeeper.stop();
        let removed = open::remove_leftovers(&*self.storage);
        self.lock.lock().take();
        result.and(removed)
    }

    /// Vouches for the last entries and cuts the last segment behind its last group.
    fn finish(&self) -> Result<()> {
        let mut committer = self.driver.committer();
        // Not before the lock: an append under way may fail right then, and nothing may be synced
        // again after that.
        if let Some(error) = self.driver.poisoned() {
            return Err(error);
        }
        committer.heartbeat().map_err(committer::CommitError::into_error)?;
        self.housekeeper.wait_sealed()?;
        committer.active.file.set_len(committer.active.at)?;
        committer.active.file.sync_all()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // Whoever wants to know calls close(); everything acknowledged is durable either way.
        let _ = self.close();
        if std::process::id() != self.driver.committer_pid() {
            // In a forked child the threads and the lock belong to the parent.
            std::mem::forget(self.lock.lock().take());
        }
    }
}

#[cfg(all(test, model))]
mod models;
#[cfg(test)]
mod tests;

//! Real files with a gate before each sync of a segment, and a book of what was synced.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use witnessmark::Result;
use witnessmark::format::group::GROUP_MAGIC;
use witnessmark::storage::{Access, DirEntry, FsStorage, Region, Storage, StorageFile, WriterLock};

/// What the gate knows; shared by all files of a directory.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    is_shut: Mutex<bool>,
    /// Whether syncs that bring no entry wait as well.
    holds_all: AtomicBool,
    /// How many syncs have come to the gate.
    arrived: AtomicU64,
    opened: Condvar,
    /// Tree size after the last group that was written.
    written: AtomicU64,
    /// Tree size after the last group whose sync has returned.
    synced: AtomicU64,
}

/// A gate that is shut. It opens when a test is over, by a failure too: the log that is closed then
/// would wait before it for ever, and the test hang instead of being red.
#[must_use]
pub(crate) struct Shut(Arc<Gate>);

impl Drop for Shut {
    fn drop(&mut self) {
        self.0.open();
    }
}

impl Gate {
    pub(crate) fn shut(self: &Arc<Self>) -> Shut {
        *self.is_shut.lock().unwrap() = true;
        Shut(Arc::clone(self))
    }

    /// Shuts the gate for heartbeats too.
    pub(crate) fn shut_for_all(self: &Arc<Self>) -> Shut {
        self.holds_all.store(true, Ordering::SeqCst);
        self.shut()
    }

    /// Syncs that have come to the gate so far.
    pub(crate) fn arrived(&self) -> u64 {
        self.arrived.load(Ordering::SeqCst)
    }

    /// Waits until more than this many syncs have come; not for ever, for they may have come
    /// before they were counted.
    pub(crate) fn await_arrival(&self, before: u64) {
        let begun = std::time::Instant::now();
        while self.arrived() <= before && begun.elapsed().as_secs() < 2 {
            std::thread::yield_now();
        }
    }

    pub(crate) fn open(&self) {
        *self.is_shut.lock().unwrap() = false;
        self.opened.notify_all();
    }

    /// Waits until a group of this size was written; its sync stands before the gate, or soon.
    pub(crate) fn await_written(&self, size: u64) {
        while self.written.load(Ordering::SeqCst) < size {
            std::thread::yield_now();
        }
    }

    pub(crate) fn synced(&self) -> u64 {
        self.synced.load(Ordering::SeqCst)
    }

    fn pass(&self) {
        let mut is_shut = self.is_shut.lock().unwrap();
        while *is_shut {
            is_shut = self.opened.wait(is_shut).unwrap();
        }
    }
}

#[derive(Debug)]
pub(crate) struct Gated {
    inner: FsStorage,
    gate: Arc<Gate>,
}

#[derive(Debug)]
struct GatedFile {
    inner: Arc<dyn StorageFile>,
    gate: Arc<Gate>,
}

impl Gated {
    pub(crate) fn new(inner: FsStorage, gate: Arc<Gate>) -> Arc<Self> {
        Arc::new(Self { inner, gate })
    }

    fn file(&self, inner: Arc<dyn StorageFile>) -> Arc<dyn StorageFile> {
        Arc::new(GatedFile { inner, gate: Arc::clone(&self.gate) })
    }
}

impl Storage for Gated {
    fn create(&self, name: &str) -> Result<Arc<dyn StorageFile>> {
        Ok(self.file(self.inner.create(name)?))
    }

    fn open(&self, name: &str, access: Access) -> Result<Arc<dyn StorageFile>> {
        Ok(self.file(self.inner.open(name, access)?))
    }

    fn rename(&self, from: &str, to: &str, replace: bool) -> Result<()> {
        self.inner.rename(from, to, replace)
    }

    fn remove(&self, name: &str) -> Result<()> {
        self.inner.remove(name)
    }

    fn sync_dir(&self) -> Result<()> {
        self.inner.sync_dir()
    }

    fn list(&self) -> Result<Vec<DirEntry>> {
        self.inner.list()
    }

    fn map(&self, name: &str) -> Result<Region> {
        self.inner.map(name)
    }

    fn lock_writer(&self) -> Result<WriterLock> {
        self.inner.lock_writer()
    }

    fn writer_present(&self) -> bool {
        self.inner.writer_present()
    }

    fn is_durable(&self) -> bool {
        true
    }

    fn path_of(&self, name: &str) -> String {
        self.inner.path_of(name)
    }

    fn trust_notes(&self) -> Vec<String> {
        self.inner.trust_notes()
    }

    fn file_system(&self) -> String {
        self.inner.file_system()
    }
}

impl StorageFile for GatedFile {
    fn len(&self) -> Result<u64> {
        self.inner.len()
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize> {
        self.inner.read_at(buffer, offset)
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> Result<()> {
        self.inner.write_all_at(bytes, offset)?;
        if bytes.starts_with(&GROUP_MAGIC) {
            let first = u64::from_le_bytes(bytes[24..32].try_into().unwrap());
            let count = u32::from_le_bytes(bytes[32..36].try_into().unwrap());
            self.gate.written.store(first + u64::from(count), Ordering::SeqCst);
        }
        Ok(())
    }

    fn set_len(&self, len: u64) -> Result<()> {
        self.inner.set_len(len)
    }

    fn allocate(&self, offset: u64, len: u64) -> Result<()> {
        self.inner.allocate(offset, len)
    }

    fn sync_data(&self) -> Result<()> {
        let size = self.gate.written.load(Ordering::SeqCst);
        self.gate.arrived.fetch_add(1, Ordering::SeqCst);
        // A heartbeat brings no entry and does not wait here unless that is the point.
        if size > self.gate.synced() || self.gate.holds_all.load(Ordering::SeqCst) {
            self.gate.pass();
        }
        self.inner.sync_data()?;
        self.gate.synced.store(size, Ordering::SeqCst);
        Ok(())
    }

    fn sync_all(&self) -> Result<()> {
        self.inner.sync_all()
    }

    fn set_read_only(&self) -> Result<()> {
        self.inner.set_read_only()
    }
}

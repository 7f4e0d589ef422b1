//! A disk that counts: entries written, entries kept. Files are as coherent as a kernel's, so their
//! locks are the system's and no place where the model may switch threads.

use crate::error::{Error, ErrorKind, Result};
use crate::format::group::GroupHeader;
use crate::format::segment::{SEGMENT_HEADER_LEN, SegmentHeader};
use crate::storage::{Access, DirEntry, Region, Storage, StorageFile, WriterLock};
use crate::sync::{Arc, AtomicU64, Ordering};
use std::collections::BTreeMap;
use std::sync::Mutex;

/// What has happened to the disk.
#[derive(Debug, Default)]
struct Past {
    entries_written: u64,
    syncs: u64,
    fails_at: u64,
    has_failed: bool,
}

#[derive(Debug)]
struct Medium {
    past: Mutex<Past>,
    /// Entries that a sync has returned for. Without an order of its own: see the parent.
    kept: AtomicU64,
}

/// One directory.
#[derive(Debug)]
pub(super) struct Disk {
    files: Mutex<BTreeMap<String, Arc<File>>>,
    medium: Arc<Medium>,
}

#[derive(Debug)]
struct File {
    bytes: Mutex<Vec<u8>>,
    medium: Arc<Medium>,
}

impl Disk {
    pub(super) fn new() -> Self {
        let medium = Medium { past: Mutex::default(), kept: AtomicU64::new(0) };
        Self { files: Mutex::default(), medium: Arc::new(medium) }
    }

    /// The sync of this number, from now on, fails; none for 0.
    pub(super) fn fail_at(&self, number: u64) {
        let mut past = self.medium.past.lock().unwrap();
        (past.syncs, past.fails_at) = (0, number);
    }

    /// How many entries this thread must know to be kept.
    pub(super) fn kept(&self) -> u64 {
        self.medium.kept.load(Ordering::Relaxed)
    }

    /// Whether a sync has failed.
    pub(super) fn has_failed(&self) -> bool {
        self.medium.past.lock().unwrap().has_failed
    }
}

impl StorageFile for File {
    fn len(&self) -> Result<u64> {
        Ok(self.bytes.lock().unwrap().len() as u64)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize> {
        let bytes = self.bytes.lock().unwrap();
        let rest = bytes.get(usize::try_from(offset).unwrap()..).unwrap_or_default();
        let len = rest.len().min(buffer.len());
        buffer[..len].copy_from_slice(&rest[..len]);
        Ok(len)
    }

    fn write_all_at(&self, new: &[u8], offset: u64) -> Result<()> {
        let mut bytes = self.bytes.lock().unwrap();
        let from = usize::try_from(offset).unwrap();
        if from >= SEGMENT_HEADER_LEN {
            let header = SegmentHeader::decode(&bytes[..SEGMENT_HEADER_LEN]).unwrap();
            let (group, _) = GroupHeader::decode(new, header.nonce).unwrap();
            let mut past = self.medium.past.lock().unwrap();
            assert!(!past.has_failed, "a group is written after a sync failed");
            past.entries_written += u64::from(group.count);
        }
        let len = bytes.len().max(from + new.len());
        bytes.resize(len, 0);
        bytes[from..from + new.len()].copy_from_slice(new);
        Ok(())
    }

    fn set_len(&self, len: u64) -> Result<()> {
        self.bytes.lock().unwrap().resize(usize::try_from(len).unwrap(), 0);
        Ok(())
    }

    fn allocate(&self, _offset: u64, _len: u64) -> Result<()> {
        Ok(())
    }

    fn sync_data(&self) -> Result<()> {
        let written = {
            let mut past = self.medium.past.lock().unwrap();
            assert!(!past.has_failed, "a sync is tried again after one failed");
            past.syncs += 1;
            if past.syncs == past.fails_at {
                past.has_failed = true;
                return Err(Error::new(ErrorKind::Io, "the disk does not keep it"));
            }
            past.entries_written
        };
        self.medium.kept.store(written, Ordering::Relaxed);
        Ok(())
    }

    fn sync_all(&self) -> Result<()> {
        self.sync_data()
    }

    fn set_read_only(&self) -> Result<()> {
        Ok(())
    }
}

impl Disk {
    fn file(&self, name: &str) -> Result<Arc<File>> {
        let found = self.files.lock().unwrap().get(name).cloned();
        found.ok_or_else(|| Error::new(ErrorKind::NotFound, "no such file").at_file(name))
    }
}

impl Storage for Disk {
    fn create(&self, name: &str) -> Result<Arc<dyn StorageFile>> {
        let file = File { bytes: Mutex::default(), medium: Arc::clone(&self.medium) };
        let file = Arc::new(file);
        self.files.lock().unwrap().insert(name.into(), Arc::clone(&file));
        Ok(file)
    }

    fn open(&self, name: &str, _access: Access) -> Result<Arc<dyn StorageFile>> {
        Ok(self.file(name)?)
    }

    fn rename(&self, from: &str, to: &str, _replace: bool) -> Result<()> {
        let file = self.file(from)?;
        self.remove(from)?;
        self.files.lock().unwrap().insert(to.into(), file);
        Ok(())
    }

    fn remove(&self, name: &str) -> Result<()> {
        let file = self.file(name)?;
        self.files.lock().unwrap().remove(name);
        drop(file);
        Ok(())
    }

    fn sync_dir(&self) -> Result<()> {
        Ok(())
    }

    fn list(&self) -> Result<Vec<DirEntry>> {
        Ok(Vec::new())
    }

    fn map(&self, name: &str) -> Result<Region> {
        Ok(Region::Heap(self.file(name)?.bytes.lock().unwrap().as_slice().into()))
    }

    fn lock_writer(&self) -> Result<WriterLock> {
        Ok(Box::new(()))
    }

    fn writer_present(&self) -> bool {
        true
    }

    fn is_durable(&self) -> bool {
        false
    }

    fn path_of(&self, name: &str) -> String {
        name.into()
    }

    fn trust_notes(&self) -> Vec<String> {
        Vec::new()
    }

    fn file_system(&self) -> String {
        "model".into()
    }
}

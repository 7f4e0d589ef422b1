//! Memory: the same contract without files, for tests and short-lived logs.

use super::{Access, DirEntry, FileKind, Region, Storage, StorageFile, WriterLock};
use crate::error::{Error, ErrorKind, Result};
use crate::sync::{Arc, AtomicBool, Mutex, Ordering, RwLock};
use std::collections::BTreeMap;

#[derive(Debug, Default)]
struct MemoryFile {
    bytes: RwLock<Vec<u8>>,
}

/// A directory in memory. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct MemoryStorage {
    files: Arc<Mutex<BTreeMap<String, Arc<MemoryFile>>>>,
    is_locked: Arc<AtomicBool>,
    is_signing: Arc<AtomicBool>,
}

impl MemoryStorage {
    /// An empty directory.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn file(&self, name: &str) -> Result<Arc<MemoryFile>> {
        let found = self.files.lock().get(name).cloned();
        found.ok_or_else(|| Error::new(ErrorKind::NotFound, "no such file").at_file(name))
    }
}

struct MemoryLock(Arc<AtomicBool>);

impl Drop for MemoryLock {
    fn drop(&mut self) {
        self.0.store(false, Ordering::SeqCst);
    }
}

impl Storage for MemoryStorage {
    fn create(&self, name: &str) -> Result<Arc<dyn StorageFile>> {
        let mut files = self.files.lock();
        if files.contains_key(name) {
            return Err(Error::new(ErrorKind::AlreadyExists, "file exists").at_file(name));
        }
        let file = Arc::new(MemoryFile::default());
        files.insert(name.to_owned(), Arc::clone(&file));
        Ok(file)
    }

    fn open(&self, name: &str, _access: Access) -> Result<Arc<dyn StorageFile>> {
        Ok(self.file(name)?)
    }

    fn rename(&self, from: &str, to: &str, replace: bool) -> Result<()> {
        let mut files = self.files.lock();
        if !replace && files.contains_key(to) {
            return Err(Error::new(ErrorKind::AlreadyExists, "file exists").at_file(to));
        }
        let file = files.remove(from);
        let file =
            file.ok_or_else(|| Error::new(ErrorKind::NotFound, "no such file").at_file(from))?;
        files.insert(to.to_owned(), file);
        Ok(())
    }

    fn remove(&self, name: &str) -> Result<()> {
        let removed = self.files.lock().remove(name);
        let missing = || Error::new(ErrorKind::NotFound, "no such file").at_file(name);
        removed.map(|_| ()).ok_or_else(missing)
    }

    fn sync_dir(&self) -> Result<()> {
        Ok(())
    }

    fn list(&self) -> Result<Vec<DirEntry>> {
        let files = self.files.lock();
        let entry = |(name, file): (&String, &Arc<MemoryFile>)| DirEntry {
            name: name.clone(),
            len: file.bytes.read().len() as u64,
            kind: FileKind::Regular,
        };
        Ok(files.iter().map(entry).collect())
    }

    fn map(&self, name: &str) -> Result<Region> {
        let file = self.file(name)?;
        let bytes = file.bytes.read();
        Ok(Region::Heap(bytes.as_slice().into()))
    }

    fn lock_writer(&self) -> Result<WriterLock> {
        if self.is_locked.swap(true, Ordering::SeqCst) {
            let message = format!("process {} writes this log already", std::process::id());
            return Err(Error::new(ErrorKind::Locked, message));
        }
        Ok(Box::new(MemoryLock(Arc::clone(&self.is_locked))))
    }

    fn lock_history(&self) -> Result<WriterLock> {
        while self.is_signing.swap(true, Ordering::SeqCst) {
            crate::sync::thread::yield_now();
        }
        Ok(Box::new(MemoryLock(Arc::clone(&self.is_signing))))
    }

    fn writer_present(&self) -> bool {
        self.is_locked.load(Ordering::SeqCst)
    }

    fn is_durable(&self) -> bool {
        false
    }

    fn path_of(&self, name: &str) -> String {
        format!("memory:{name}")
    }

    fn trust_notes(&self) -> Vec<String> {
        Vec::new()
    }

    fn file_system(&self) -> String {
        "memory".into()
    }
}

impl StorageFile for MemoryFile {
    fn len(&self) -> Result<u64> {
        Ok(self.bytes.read().len() as u64)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize> {
        let bytes = self.bytes.read();
        let from = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
        let rest = bytes.get(from..).unwrap_or_default();
        let len = rest.len().min(buffer.len());
        if let (Some(to), Some(from)) = (buffer.get_mut(..len), rest.get(..len)) {
            to.copy_from_slice(from);
        }
        Ok(len)
    }

    fn write_all_at(&self, new: &[u8], offset: u64) -> Result<()> {
        let mut bytes = self.bytes.write();
        let from = usize::try_from(offset).unwrap_or(usize::MAX);
        let end = from.saturating_add(new.len());
        if bytes.len() < end {
            bytes.resize(end, 0);
        }
        if let Some(to) = bytes.get_mut(from..end) {
            to.copy_from_slice(new);
        }
        Ok(())
    }

    fn set_len(&self, len: u64) -> Result<()> {
        self.bytes.write().resize(usize::try_from(len).unwrap_or(usize::MAX), 0);
        Ok(())
    }

    fn allocate(&self, _offset: u64, _len: u64) -> Result<()> {
        Ok(())
    }

    fn sync_data(&self) -> Result<()> {
        Ok(())
    }

    fn sync_all(&self) -> Result<()> {
        Ok(())
    }

    fn set_read_only(&self) -> Result<()> {
        Ok(())
    }
}

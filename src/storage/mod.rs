//! Storage: the only door to the operating system.
//!
//! Everything above speaks to a [`Storage`] (one directory) and its [`StorageFile`]s. Each call
//! says what a crash right after it may leave; nothing here knows what an entry or a segment is.
//! Names are plain file names; nothing outside the directory can be reached through them.
//!
//! Assumptions: a sync that returned 0 is on the medium; a failed sync says nothing about what is
//! there, and is never tried again.

mod clock;
mod fs;
mod map;
mod memory;
pub mod random;

pub use clock::{Clock, ManualClock, SystemClock};
pub use fs::FsStorage;
pub use map::Map;
pub use memory::MemoryStorage;

use crate::error::{Error, ErrorKind, Result};
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

/// How a file is opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    /// For reading.
    Read,
    /// For reading and writing; the file must exist.
    Write,
}

/// What a directory entry is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FileKind {
    /// A regular file.
    Regular,
    /// A directory.
    Directory,
    /// A symbolic link, wherever it leads.
    Symlink,
    /// Anything else, or a name that is not UTF-8.
    Other,
}

/// One entry of a directory.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DirEntry {
    /// File name; lossy when it is not UTF-8, and then of kind [`FileKind::Other`].
    pub name: String,
    /// Length in bytes.
    pub len: u64,
    /// What it is.
    pub kind: FileKind,
}

/// Held by the one writer of a directory; dropping it lets the next one in.
pub type WriterLock = Box<dyn Send + Sync>;

/// One directory of files.
pub trait Storage: Send + Sync + fmt::Debug {
    /// Creates a file, mode 0600, and opens it for writing.
    ///
    /// A crash leaves the name or not, until [`Storage::sync_dir`] returned.
    ///
    /// # Errors
    /// [`ErrorKind::AlreadyExists`], [`ErrorKind::NoSpace`], [`ErrorKind::Io`].
    fn create(&self, name: &str) -> Result<Arc<dyn StorageFile>>;

    /// Opens a regular file; links are not followed, and nothing that could block is opened.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`]; [`ErrorKind::Untrusted`] for anything but a regular file.
    fn open(&self, name: &str, access: Access) -> Result<Arc<dyn StorageFile>>;

    /// Renames a file. A crash leaves either name, until [`Storage::sync_dir`] returned.
    ///
    /// # Errors
    /// [`ErrorKind::AlreadyExists`] when `to` exists and is not to be replaced.
    fn rename(&self, from: &str, to: &str, replace: bool) -> Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`].
    fn remove(&self, name: &str) -> Result<()>;

    /// Makes every name created, renamed or removed so far durable.
    ///
    /// # Errors
    /// [`ErrorKind::Io`]: nobody knows which names survive.
    fn sync_dir(&self) -> Result<()>;

    /// The directory's entries by name.
    ///
    /// # Errors
    /// [`ErrorKind::Io`].
    fn list(&self) -> Result<Vec<DirEntry>>;

    /// As [`Storage::list`], for directories that may be hostile: of at most so many entries.
    ///
    /// # Errors
    /// As [`Storage::list`]; [`ErrorKind::TooLarge`], before more than these are held.
    fn list_at_most(&self, most: usize) -> Result<Vec<DirEntry>> {
        self.list().and_then(|files| check_count(files.len(), most).map(|()| files))
    }

    /// The bytes of a file that is never written again.
    ///
    /// # Errors
    /// As [`Storage::open`].
    fn map(&self, name: &str) -> Result<Region>;

    /// Becomes the one writer.
    ///
    /// # Errors
    /// [`ErrorKind::Locked`] when there is one, naming its process id.
    fn lock_writer(&self) -> Result<WriterLock>;

    /// Becomes the one who appends to the checkpoint history; waits a while for another one. In a
    /// storage that one thread uses, which is what this default is for, nobody has to wait.
    ///
    /// # Errors
    /// [`ErrorKind::Locked`] when somebody else keeps it too long.
    fn lock_history(&self) -> Result<WriterLock> {
        Ok(Box::new(()))
    }

    /// Whether somebody holds the writer lock right now.
    fn writer_present(&self) -> bool;

    /// Whether what was synced survives the process.
    fn is_durable(&self) -> bool;

    /// Where a file lies, for messages; the directory itself for an empty name.
    fn path_of(&self, name: &str) -> String;

    /// Why the directory should not be trusted, in words; empty when there is no reason.
    fn trust_notes(&self) -> Vec<String>;

    /// What holds the files: `ext4`, `tmpfs`, `memory`, or a magic number.
    fn file_system(&self) -> String;
}

/// An open file. Offsets and lengths are bytes.
pub trait StorageFile: Send + Sync + fmt::Debug {
    /// Length of the file.
    ///
    /// # Errors
    /// [`ErrorKind::Io`].
    fn len(&self) -> Result<u64>;

    /// Whether the file has no bytes.
    ///
    /// # Errors
    /// [`ErrorKind::Io`].
    fn is_empty(&self) -> Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Reads at an offset; fewer bytes than asked for only at the end of the file.
    ///
    /// # Errors
    /// [`ErrorKind::Io`].
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize>;

    /// Reads exactly as many bytes as the buffer holds.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`] when the file ends before; [`ErrorKind::Io`].
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> Result<()> {
        let wanted = buffer.len();
        let found = self.read_at(buffer, offset)?;
        if found == wanted {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Corrupt, "file ends early")
            .at_offset(offset)
            .expected(format_args!("{wanted} bytes"), format_args!("{found} bytes")))
    }

    /// Writes all bytes at an offset. A crash may leave any part of them, in any order, until
    /// [`StorageFile::sync_data`] returned.
    ///
    /// # Errors
    /// [`ErrorKind::NoSpace`], [`ErrorKind::Io`]: some of the bytes may be written.
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> Result<()>;

    /// Cuts or extends the file; new bytes are zero.
    ///
    /// # Errors
    /// [`ErrorKind::NoSpace`], [`ErrorKind::Io`].
    fn set_len(&self, len: u64) -> Result<()>;

    /// Reserves room, so that writing there cannot fail for lack of it; does nothing where the
    /// file system cannot.
    ///
    /// # Errors
    /// [`ErrorKind::NoSpace`].
    fn allocate(&self, offset: u64, len: u64) -> Result<()>;

    /// Really writes zeros.
    ///
    /// # Errors
    /// As [`StorageFile::write_all_at`].
    fn zero_fill(&self, offset: u64, len: u64) -> Result<()> {
        const ZEROS: &[u8] = &[0; 256 << 10];
        let mut at = offset;
        while at < offset + len {
            let left = usize::try_from(offset + len - at).unwrap_or(usize::MAX);
            let chunk = ZEROS.get(..left.min(ZEROS.len())).unwrap_or(ZEROS);
            self.write_all_at(chunk, at)?;
            at += chunk.len() as u64;
        }
        Ok(())
    }

    /// Lets the page cache forget what is on the medium already. A hint: nothing depends on it, and
    /// bytes that still have to be written stay.
    fn release_cache(&self) {}

    /// Makes the file's bytes and length durable (`fdatasync`). Never retried.
    ///
    /// # Errors
    /// [`ErrorKind::Io`]: nobody knows what is on the medium.
    fn sync_data(&self) -> Result<()>;

    /// Makes bytes and everything known about the file durable (`fsync`). Never retried.
    ///
    /// # Errors
    /// As [`StorageFile::sync_data`].
    fn sync_all(&self) -> Result<()>;

    /// Has everything written that still is to be, then lets go of what the system remembers of the
    /// bytes, so that the next read asks the medium; does nothing where there is no such memory.
    ///
    /// For whoever takes over from a process whose sync may have failed: until then reads may show
    /// bytes that the medium does not have, and writing them again does not always put them there.
    ///
    /// # Errors
    /// As [`StorageFile::sync_data`].
    fn drop_cache(&self) -> Result<()> {
        Ok(())
    }

    /// Takes the right to write away for whoever opens the file from now on (mode 0400).
    ///
    /// # Errors
    /// [`ErrorKind::Io`].
    fn set_read_only(&self) -> Result<()>;
}

/// Whether a directory holds no more entries than may be held.
fn check_count(found: usize, most: usize) -> Result<()> {
    if found <= most {
        return Ok(());
    }
    Err(Error::new(ErrorKind::TooLarge, "more files than fit in memory")
        .expected(format_args!("at most {most} files"), format_args!("{found} and perhaps more")))
}

/// Bytes of a file, read-only, cheap to clone.
#[derive(Clone, Debug)]
pub enum Region {
    /// Mapped from a file.
    Mapped(Map),
    /// Copied into memory.
    Heap(Arc<[u8]>),
}

impl Deref for Region {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Mapped(map) => map,
            Self::Heap(bytes) => bytes,
        }
    }
}

#[cfg(test)]
mod tests;

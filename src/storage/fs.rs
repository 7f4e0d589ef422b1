//! Real files, all reached through one open directory.
//!
//! Files are opened relative to the directory's descriptor, beneath it and without following
//! links, so that swapping the directory or planting a link in it leads nowhere.

use super::map::Map;
use super::{Access, DirEntry, FileKind, Region, Storage, StorageFile, WriterLock};
use crate::error::{Error, ErrorKind, Result};
use crate::format::history::HISTORY_NAME;
use rustix::fs::{Advice, FallocateFlags, Mode, OFlags, RenameFlags};
use rustix::io::Errno;
use std::fs::{DirBuilder, File, Permissions};
use std::io::{Read, Seek, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Name of the lock file.
const LOCK_NAME: &str = "log.lock";
/// How long a writer tries for the lock: readers that look whether somebody writes hold it for a
/// moment.
const LOCK_PATIENCE: Duration = Duration::from_millis(50);
/// How long a signer waits for another one, who reads entries back before signing.
const HISTORY_LOCK_PATIENCE: Duration = Duration::from_secs(30);

/// A directory of real files.
#[derive(Debug)]
pub struct FsStorage {
    path: PathBuf,
    dir: OwnedFd,
}

#[derive(Debug)]
struct FsFile {
    file: File,
    name: String,
}

fn io_error(errno: Errno, what: &str, name: &str) -> Error {
    if matches!(errno, Errno::LOOP | Errno::XDEV) {
        let message = "a symbolic link stands where a file should be";
        return Error::new(ErrorKind::Untrusted, message).at_file(name);
    }
    Error::io(errno.into(), what, name)
}

/// Whether a path needs no creating; the empty one is the current directory.
fn is_named(path: &Path) -> bool {
    path.as_os_str().is_empty() || path.exists()
}

/// Makes the name of a directory durable: it survives a crash once the directory that holds it is
/// synced.
fn sync_parent(path: &Path) -> Result<()> {
    let Some(parent) = path.parent() else { return Ok(()) };
    let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
    let synced = File::open(parent).and_then(|dir| dir.sync_all());
    synced
        .map_err(|error| Error::io(error, "sync the parent directory", path.display().to_string()))
}

fn check_name(name: &str) -> Result<()> {
    let is_plain = !name.is_empty() && name != "." && name != ".." && !name.contains(['/', '\0']);
    if is_plain {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Invalid, format!("{name:?} is not a plain file name")))
}

impl FsStorage {
    /// Creates the directory, mode 0700, with whatever parents are missing.
    ///
    /// # Errors
    /// [`ErrorKind::Io`], [`ErrorKind::AlreadyExists`] when something else has the name.
    pub fn create_dir(path: &Path) -> Result<Self> {
        let shown = || path.display().to_string();
        let missing: Vec<&Path> =
            path.ancestors().skip(1).take_while(|above| !is_named(above)).collect();
        for above in missing.into_iter().rev() {
            let made = DirBuilder::new().create(above);
            let made = made.or_else(|error| if above.is_dir() { Ok(()) } else { Err(error) });
            made.map_err(|error| Error::io(error, "create the parent directory", shown()))?;
            sync_parent(above)?;
        }
        match DirBuilder::new().mode(0o700).create(path) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists && path.is_dir() => {}
            Err(error) => return Err(Error::io(error, "create the log directory", shown())),
        }
        sync_parent(path)?;
        Self::open_writer(path)
    }

    /// Opens a directory for writing.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`]; [`ErrorKind::Untrusted`] when it is a symbolic link, belongs to
    /// somebody else, or others may write to it.
    pub fn open_writer(path: &Path) -> Result<Self> {
        let storage = Self::open_reader(path)?;
        match storage.trust_notes().first() {
            None => Ok(storage),
            Some(note) => Err(Error::new(ErrorKind::Untrusted, note.clone())
                .at_file(path.display().to_string())
                .hint(
                    "a log that others can rewrite proves nothing: give it a directory of its own",
                )),
        }
    }

    /// Opens a directory for reading, whoever owns it; see [`Storage::trust_notes`].
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`], [`ErrorKind::Io`].
    pub fn open_reader(path: &Path) -> Result<Self> {
        let flags = OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::RDONLY;
        let dir = rustix::fs::open(path, flags, Mode::empty()).map_err(|errno| {
            Error::io(errno.into(), "open the log directory", path.display().to_string())
        })?;
        Ok(Self { path: path.to_owned(), dir })
    }

    fn open_fd(&self, name: &str, flags: OFlags) -> std::result::Result<OwnedFd, Errno> {
        let flags = flags | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let mode = Mode::RUSR | Mode::WUSR;
        let mode = if flags.contains(OFlags::CREATE) { mode } else { Mode::empty() };
        #[cfg(target_os = "linux")]
        {
            use rustix::fs::ResolveFlags;
            let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
            match rustix::fs::openat2(&self.dir, name, flags, mode, resolve) {
                Err(Errno::NOSYS | Errno::PERM) => {}
                other => return other,
            }
        }
        rustix::fs::openat(&self.dir, name, flags, mode)
    }

    fn open_file(&self, name: &str, flags: OFlags, what: &str) -> Result<File> {
        check_name(name)?;
        let fd = self.open_fd(name, flags).map_err(|errno| io_error(errno, what, name))?;
        let file = File::from(fd);
        let metadata = file.metadata().map_err(|error| Error::io(error, "look at", name))?;
        if !metadata.is_file() {
            let message = "not a regular file";
            return Err(Error::new(ErrorKind::Untrusted, message).at_file(name));
        }
        Ok(file)
    }
}

struct FsLock(File);

impl Drop for FsLock {
    fn drop(&mut self) {
        // The lock goes with the descriptor; the pid in the file is only for messages.
        let _ = self.0.set_len(0);
    }
}

fn holder(file: &mut File) -> String {
    let mut text = String::new();
    let _ = file.rewind();
    let _ = file.take(32).read_to_string(&mut text);
    match text.trim() {
        "" => "another process".to_owned(),
        pid => format!("process {pid}"),
    }
}

impl Storage for FsStorage {
    fn create(&self, name: &str) -> Result<Arc<dyn StorageFile>> {
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::RDWR;
        let file = self.open_file(name, flags, "create")?;
        Ok(Arc::new(FsFile { file, name: name.to_owned() }))
    }

    fn open(&self, name: &str, access: Access) -> Result<Arc<dyn StorageFile>> {
        let flags = match access {
            Access::Read => OFlags::RDONLY,
            Access::Write => OFlags::RDWR,
        };
        let file = self.open_file(name, flags, "open")?;
        Ok(Arc::new(FsFile { file, name: name.to_owned() }))
    }

    fn rename(&self, from: &str, to: &str, replace: bool) -> Result<()> {
        check_name(from)?;
        check_name(to)?;
        let flags = if replace { RenameFlags::empty() } else { RenameFlags::NOREPLACE };
        let renamed = match rustix::fs::renameat_with(&self.dir, from, &self.dir, to, flags) {
            Err(Errno::INVAL | Errno::NOSYS) if !replace => {
                if rustix::fs::statat(&self.dir, to, rustix::fs::AtFlags::SYMLINK_NOFOLLOW).is_ok()
                {
                    Err(Errno::EXIST)
                } else {
                    rustix::fs::renameat(&self.dir, from, &self.dir, to)
                }
            }
            other => other,
        };
        renamed.map_err(|errno| io_error(errno, &format!("rename {from}"), to))
    }

    fn remove(&self, name: &str) -> Result<()> {
        check_name(name)?;
        rustix::fs::unlinkat(&self.dir, name, rustix::fs::AtFlags::empty())
            .map_err(|errno| io_error(errno, "remove", name))
    }

    fn sync_dir(&self) -> Result<()> {
        rustix::fs::fsync(&self.dir)
            .map_err(|errno| Error::io(errno.into(), "sync the directory", self.path_of("")))
    }

    fn list(&self) -> Result<Vec<DirEntry>> {
        self.list_at_most(usize::MAX)
    }

    fn list_at_most(&self, most: usize) -> Result<Vec<DirEntry>> {
        let failed = |errno: Errno| Error::io(errno.into(), "list", self.path_of(""));
        let mut entries = Vec::new();
        for entry in rustix::fs::Dir::read_from(&self.dir).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let raw = entry.file_name().to_bytes();
            if raw == b"." || raw == b".." {
                continue;
            }
            let name = String::from_utf8_lossy(raw).into_owned();
            let flags = rustix::fs::AtFlags::SYMLINK_NOFOLLOW;
            let stat = match rustix::fs::statat(&self.dir, entry.file_name(), flags) {
                Ok(stat) => stat,
                Err(Errno::NOENT) => continue, // removed meanwhile
                Err(errno) => return Err(failed(errno)),
            };
            let kind = match rustix::fs::FileType::from_raw_mode(stat.st_mode) {
                _ if name.as_bytes() != raw => FileKind::Other,
                rustix::fs::FileType::RegularFile => FileKind::Regular,
                rustix::fs::FileType::Directory => FileKind::Directory,
                rustix::fs::FileType::Symlink => FileKind::Symlink,
                _ => FileKind::Other,
            };
            super::check_count(entries.len() + 1, most)?;
            entries.push(DirEntry { name, len: u64::try_from(stat.st_size).unwrap_or(0), kind });
        }
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(entries)
    }

    fn map(&self, name: &str) -> Result<Region> {
        let file = self.open_file(name, OFlags::RDONLY, "open")?;
        let map = Map::of(&file).map_err(|error| Error::io(error, "map", name))?;
        Ok(Region::Mapped(map))
    }

    fn lock_writer(&self) -> Result<WriterLock> {
        let flags = OFlags::CREATE | OFlags::RDWR;
        let mut file = self.open_file(LOCK_NAME, flags, "open the lock")?;
        let deadline = Instant::now() + LOCK_PATIENCE;
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(std::fs::TryLockError::Error(error)) => {
                    return Err(Error::io(error, "lock", LOCK_NAME));
                }
                Err(std::fs::TryLockError::WouldBlock) if Instant::now() < deadline => {
                    std::thread::sleep(Duration::from_millis(5));
                }
                Err(std::fs::TryLockError::WouldBlock) => {
                    let message = format!("{} writes this log already", holder(&mut file));
                    return Err(Error::new(ErrorKind::Locked, message)
                        .at_file(self.path_of(""))
                        .hint("one process writes a log; any number may read it"));
                }
            }
        }
        let written = file
            .set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| writeln!(file, "{}", std::process::id()));
        written.map_err(|error| Error::io(error, "write the lock", LOCK_NAME))?;
        Ok(Box::new(FsLock(file)))
    }

    fn lock_history(&self) -> Result<WriterLock> {
        let flags = OFlags::CREATE | OFlags::RDWR;
        let file = self.open_file(HISTORY_NAME, flags, "open the checkpoint history")?;
        let deadline = Instant::now() + HISTORY_LOCK_PATIENCE;
        loop {
            match file.try_lock() {
                // Closing the file, on drop, gives the lock back.
                Ok(()) => return Ok(Box::new(file)),
                Err(std::fs::TryLockError::Error(error)) => {
                    return Err(Error::io(error, "lock", HISTORY_NAME));
                }
                Err(std::fs::TryLockError::WouldBlock) if Instant::now() < deadline => {
                    std::thread::sleep(Duration::from_millis(5));
                }
                Err(std::fs::TryLockError::WouldBlock) => {
                    let message = "another process is signing a checkpoint";
                    return Err(Error::new(ErrorKind::Locked, message).at_file(HISTORY_NAME));
                }
            }
        }
    }

    fn writer_present(&self) -> bool {
        let Ok(file) = self.open_file(LOCK_NAME, OFlags::RDONLY, "open the lock") else {
            return false;
        };
        matches!(file.try_lock_shared(), Err(std::fs::TryLockError::WouldBlock))
    }

    fn is_durable(&self) -> bool {
        true
    }

    fn path_of(&self, name: &str) -> String {
        if name.is_empty() {
            return self.path.display().to_string();
        }
        self.path.join(name).display().to_string()
    }

    fn trust_notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        let is_link =
            |path: &Path| path.symlink_metadata().is_ok_and(|m| m.file_type().is_symlink());
        if is_link(&self.path) {
            notes.push("the log directory is a symbolic link".to_owned());
        }
        let Ok(stat) = rustix::fs::fstat(self.dir.as_fd()) else { return notes };
        let euid = rustix::process::geteuid().as_raw();
        if stat.st_uid != euid {
            notes.push(format!("the log directory belongs to user {}, not to {euid}", stat.st_uid));
        }
        if stat.st_mode & 0o022 != 0 {
            let mode = stat.st_mode & 0o7777;
            notes.push(format!("others may write to the log directory (mode {mode:04o})"));
        }
        notes
    }

    fn file_system(&self) -> String {
        let Ok(stat) = rustix::fs::fstatfs(&self.dir) else { return "unknown".into() };
        let names = [
            (0xef53, "ext4"),
            (0x0102_1994, "tmpfs"),
            (0x5846_5342, "xfs"),
            (0x9123_683e, "btrfs"),
            (0x794c_7630, "overlay"),
            (0x6969, "nfs"),
            (0x2fc1_2fc1, "zfs"),
        ];
        let magic = stat.f_type;
        let known = names.into_iter().find(|(number, _)| *number == magic);
        known.map_or_else(|| format!("{magic:#x}"), |(_, name)| name.to_owned())
    }
}

impl FsFile {
    fn failed(&self, error: std::io::Error, what: &str) -> Error {
        Error::io(error, what, self.name.clone())
    }

    fn read_through(&self, buffer: &mut [u8], offset: u64) -> Result<usize> {
        let mut read = 0;
        while let Some(rest) = buffer.get_mut(read..).filter(|rest| !rest.is_empty()) {
            match self.file.read_at(rest, offset + read as u64) {
                Ok(0) => break,
                Ok(n) => read += n,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.failed(error, "read").at_offset(offset)),
            }
        }
        Ok(read)
    }

    /// What a sync that returned success is worth: on ext4 it may do so while the journal is being
    /// given up (an error of the disk, a shutdown), although blocks that were reserved before are
    /// not recorded as written. From then on the file system refuses every write, also one of no
    /// bytes, which costs nothing elsewhere.
    fn check_takes_writes(&self) -> Result<()> {
        let written = self.file.write_at(&[], 0);
        written.map(drop).map_err(|error| self.failed(error, "write behind a sync"))
    }
}

/// Bytes from which on a file is read in two halves at once: copying keeps a processor busy, and one
/// reader leaves a disk waiting meanwhile.
const HALVES_MIN: usize = 8 << 20;

impl StorageFile for FsFile {
    fn len(&self) -> Result<u64> {
        self.file.metadata().map(|m| m.size()).map_err(|error| self.failed(error, "look at"))
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize> {
        if buffer.len() < HALVES_MIN {
            return self.read_through(buffer, offset);
        }
        let (first, second) = buffer.split_at_mut(buffer.len() / 2);
        let (len, middle) = (first.len(), offset + first.len() as u64);
        let both = std::thread::scope(|scope| {
            let read = || self.read_through(second, middle);
            let reading = std::thread::Builder::new().spawn_scoped(scope, read).ok();
            reading.map(|reading| (self.read_through(first, offset), reading.join()))
        });
        match both {
            Some((Ok(read), Ok(Ok(more)))) => Ok(if read == len { read + more } else { read }),
            // Without a second thread, or with an error: which one came first is seen in order.
            _ => self.read_through(buffer, offset),
        }
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> Result<()> {
        self.file
            .write_all_at(bytes, offset)
            .map_err(|error| self.failed(error, "write").at_offset(offset))
    }

    fn set_len(&self, len: u64) -> Result<()> {
        self.file.set_len(len).map_err(|error| self.failed(error, "set the length"))
    }

    fn allocate(&self, offset: u64, len: u64) -> Result<()> {
        match rustix::fs::fallocate(&self.file, FallocateFlags::empty(), offset, len) {
            Ok(()) | Err(Errno::OPNOTSUPP | Errno::NOSYS) => Ok(()),
            Err(errno) => Err(self.failed(errno.into(), "reserve room")),
        }
    }

    fn release_cache(&self) {
        let _ = rustix::fs::fadvise(&self.file, 0, None, Advice::DontNeed);
    }

    fn sync_data(&self) -> Result<()> {
        self.file.sync_data().map_err(|error| self.failed(error, "sync"))?;
        self.check_takes_writes()
    }

    fn sync_all(&self) -> Result<()> {
        self.file.sync_all().map_err(|error| self.failed(error, "sync"))?;
        self.check_takes_writes()
    }

    fn drop_cache(&self) -> Result<()> {
        self.sync_all()?;
        rustix::fs::fadvise(&self.file, 0, None, Advice::DontNeed)
            .map_err(|errno| self.failed(errno.into(), "drop the cache of"))
    }

    fn set_read_only(&self) -> Result<()> {
        let changed = self.file.set_permissions(Permissions::from_mode(0o400));
        changed.map_err(|error| self.failed(error, "make read-only"))
    }
}

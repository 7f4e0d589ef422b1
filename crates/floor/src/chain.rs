//! A framed, hash-chained, group-committed file, and nothing else.
//!
//! ```text
//! group | body_len u32 | crc32 of body u32 | count u32 | frame ..        one write, one fdatasync
//! frame | len u32 | SHA-256(hash before || entry) | entry as JSON
//! ```
//!
//! Callers gather frames under one lock; the first who finds nobody writing takes them all, chains
//! and checksums them, writes, syncs, and wakes exactly those who waited for that group. No index,
//! no tree, no check of what the JSON says, no reading back. The file is zeroed before the clock
//! starts and written round and round, so that no commit touches metadata: whatever a log adds to
//! this, it adds on top.

use parking_lot::{Condvar, Mutex};
use sha2::{Digest, Sha256};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

const GROUP_HEADER_LEN: usize = 12;
const LEN_LEN: usize = 4;
const HASH_LEN: usize = 32;
/// Bytes of the usual file; a group that does not fit the rest begins at the start again.
const FILE_LEN: u64 = 256 << 20;

#[derive(Debug, Default)]
struct Gathering {
    bytes: Vec<u8>,
    count: u32,
}

#[derive(Debug, Default)]
struct State {
    gathering: Gathering,
    spare: Gathering,
    /// Number of the group that is gathering; all before `done` are durable.
    group: u64,
    done: u64,
    is_writing: bool,
    failed: Option<io::ErrorKind>,
}

#[derive(Debug)]
struct Tail {
    at: u64,
    hash: [u8; HASH_LEN],
}

/// The floor.
#[derive(Debug)]
pub struct Floor {
    file: File,
    file_len: u64,
    state: Mutex<State>,
    tail: Mutex<Tail>,
    /// By the parity of the group: whoever waits for the next one sleeps on.
    changed: [Condvar; 2],
}

impl Floor {
    /// Creates the file and fills it with zeros, 256 MiB.
    ///
    /// # Errors
    /// Whatever the file system says.
    pub fn create(path: &Path) -> io::Result<Self> {
        Self::with_room(path, FILE_LEN)
    }

    /// As [`Floor::create`], with room for so many bytes before it begins at the start again:
    /// what is synced late is written once only when it fits.
    ///
    /// # Errors
    /// Whatever the file system says.
    pub fn with_room(path: &Path, bytes: u64) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create(true).truncate(true).open(path)?;
        let zeros = vec![0u8; 1 << 20];
        let file_len = bytes.next_multiple_of(zeros.len() as u64);
        for at in (0..file_len).step_by(zeros.len()) {
            file.write_all_at(&zeros, at)?;
        }
        file.sync_all()?;
        Ok(Self {
            file,
            file_len,
            state: Mutex::default(),
            tail: Mutex::new(Tail { at: 0, hash: [0; HASH_LEN] }),
            changed: [Condvar::new(), Condvar::new()],
        })
    }

    /// Appends one entry and returns when it is durable.
    ///
    /// # Errors
    /// Whatever the write or the sync said; every later call fails too.
    pub fn append(&self, entry: &[u8]) -> io::Result<()> {
        let group = self.submit(entry)?;
        self.wait(group)
    }

    /// Appends entries in one group and returns when they are durable.
    ///
    /// # Errors
    /// As [`Floor::append`].
    pub fn append_batch<'a>(&self, entries: impl Iterator<Item = &'a [u8]>) -> io::Result<()> {
        let group = {
            let mut state = self.state.lock();
            entries.for_each(|entry| state.gathering.push(entry));
            state.group
        };
        self.wait(group)
    }

    /// Writes entries as one group, and leaves the sync to [`Floor::sync`].
    ///
    /// # Errors
    /// Whatever the write said.
    pub fn write_batch<'a>(&self, entries: impl Iterator<Item = &'a [u8]>) -> io::Result<()> {
        let mut group = std::mem::take(&mut self.state.lock().spare);
        entries.for_each(|entry| group.push(entry));
        let written = self.write(&mut group, &mut self.tail.lock());
        group.clear();
        self.state.lock().spare = group;
        written
    }

    /// Makes everything written so far durable.
    ///
    /// # Errors
    /// Whatever the sync said.
    pub fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    /// Puts an entry into the next group and returns that group's number.
    fn submit(&self, entry: &[u8]) -> io::Result<u64> {
        let mut state = self.state.lock();
        if let Some(kind) = state.failed {
            return Err(kind.into());
        }
        state.gathering.push(entry);
        Ok(state.group)
    }

    /// Blocks until the group is durable, and commits it when nobody else does.
    fn wait(&self, group: u64) -> io::Result<()> {
        let mut state = self.state.lock();
        loop {
            if let Some(kind) = state.failed {
                return Err(kind.into());
            }
            if state.done > group {
                return Ok(());
            }
            if state.is_writing {
                self.changed(group).wait(&mut state);
                continue;
            }
            state.is_writing = true;
            let next = std::mem::take(&mut state.spare);
            let mut taken = std::mem::replace(&mut state.gathering, next);
            state.group += 1;
            drop(state);
            let result = self.commit(&mut taken);
            taken.clear();
            state = self.state.lock();
            state.spare = taken;
            state.is_writing = false;
            match result {
                Ok(()) => state.done = state.group,
                Err(error) => state.failed = Some(error.kind()),
            }
            // Everybody of the group that is done; one of the next, to commit it.
            let done = state.group.wrapping_sub(1);
            self.changed(done).notify_all();
            self.changed(done + 1).notify_one();
        }
    }

    fn changed(&self, group: u64) -> &Condvar {
        let [even, odd] = &self.changed;
        if group.is_multiple_of(2) { even } else { odd }
    }

    fn commit(&self, group: &mut Gathering) -> io::Result<()> {
        let mut tail = self.tail.lock();
        self.write(group, &mut tail)?;
        self.file.sync_data()
    }

    fn write(&self, group: &mut Gathering, tail: &mut Tail) -> io::Result<()> {
        let Some((header, body)) = group.bytes.split_first_chunk_mut::<GROUP_HEADER_LEN>() else {
            return Ok(());
        };
        let mut rest = &mut *body;
        while let Some((len, after)) = std::mem::take(&mut rest).split_first_chunk_mut::<LEN_LEN>()
        {
            let Some((hash, after)) = after.split_first_chunk_mut::<HASH_LEN>() else { break };
            let len = u32::from_le_bytes(*len) as usize;
            let Some((entry, after)) = after.split_at_mut_checked(len) else { break };
            let mut state = Sha256::new();
            state.update(tail.hash);
            state.update(&*entry);
            tail.hash = state.finalize().into();
            *hash = tail.hash;
            rest = after;
        }
        let len = u32::try_from(body.len()).unwrap_or(u32::MAX);
        let fields = [len, crc32fast::hash(body), group.count];
        for (to, field) in header.chunks_exact_mut(4).zip(fields) {
            to.copy_from_slice(&field.to_le_bytes());
        }
        if tail.at + group.bytes.len() as u64 > self.file_len {
            tail.at = 0;
        }
        self.file.write_all_at(&group.bytes, tail.at)?;
        tail.at += group.bytes.len() as u64;
        Ok(())
    }
}

impl Gathering {
    fn push(&mut self, entry: &[u8]) {
        if self.bytes.is_empty() {
            self.bytes.extend_from_slice(&[0; GROUP_HEADER_LEN]);
        }
        let len = u32::try_from(entry.len()).unwrap_or(u32::MAX);
        self.bytes.extend_from_slice(&len.to_le_bytes());
        self.bytes.extend_from_slice(&[0; HASH_LEN]);
        self.bytes.extend_from_slice(entry);
        self.count += 1;
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.count = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The floor would be no floor if it left something out.
    #[test]
    fn what_the_floor_wrote_is_framed_chained_and_checksummed() {
        let path = std::env::temp_dir().join(format!("wmark-floor-{}", std::process::id()));
        let floor = Floor::create(&path).unwrap();
        floor.append_batch([b"one".as_slice(), b"two"].into_iter()).unwrap();
        floor.write_batch([b"four".as_slice()].into_iter()).unwrap();
        floor.sync().unwrap();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..20).for_each(|_| floor.append(b"three").unwrap()));
            }
        });
        let mut bytes = vec![0u8; usize::try_from(floor.tail.lock().at).unwrap()];
        floor.file.read_exact_at(&mut bytes, 0).unwrap();
        let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
        let (mut at, mut hash, mut count) = (0, [0u8; HASH_LEN], 0);
        while at < bytes.len() {
            let (len, crc) = (word(at) as usize, word(at + 4));
            let end = at + GROUP_HEADER_LEN + len;
            assert_eq!(crc32fast::hash(&bytes[at + GROUP_HEADER_LEN..end]), crc);
            let wanted = count + word(at + 8);
            at += GROUP_HEADER_LEN;
            while at < end {
                let entry_at = at + LEN_LEN + HASH_LEN;
                let entry = &bytes[entry_at..entry_at + word(at) as usize];
                hash = Sha256::digest([&hash, entry].concat()).into();
                assert_eq!(bytes[at + LEN_LEN..entry_at], hash);
                count += 1;
                at = entry_at + entry.len();
            }
            assert_eq!(count, wanted);
        }
        assert_eq!(count, 83);
        std::fs::remove_file(&path).unwrap();
    }
}

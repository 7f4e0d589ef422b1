//! What the engine calls: the simulated disk as its storage.
//!
//! Every call looks first whether the disk is still there and whether it is to fail, then makes its
//! change in [`State`], which knows what a crash leaves of it.

use super::{Op, Sim, State, dead};
use std::sync::{Arc, MutexGuard};
use witnessmark::storage::{Access, DirEntry, FileKind, Region, Storage, StorageFile, WriterLock};
use witnessmark::{Error, ErrorKind, Result};

struct SimFile {
    sim: Sim,
    id: usize,
    boot: u64,
}

impl std::fmt::Debug for SimFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SimFile({})", self.id)
    }
}

struct Unlock(Sim, u64);

impl Drop for Unlock {
    fn drop(&mut self) {
        let mut state = self.0.state();
        if state.boot == self.1 {
            state.is_locked = false;
        }
    }
}

impl Storage for Sim {
    fn create(&self, name: &str) -> Result<Arc<dyn StorageFile>> {
        let mut state = self.call();
        if state.names.contains_key(name) {
            state.check("create", name)?;
            return Err(Error::new(ErrorKind::AlreadyExists, "file exists").at_file(name));
        }
        let id = state.files.len();
        state.change("create", name, &Op::Create(name.to_owned(), id))?;
        Ok(Arc::new(SimFile { sim: self.clone(), id, boot: state.boot }))
    }

    fn open(&self, name: &str, access: Access) -> Result<Arc<dyn StorageFile>> {
        let mut state = self.call();
        state.check(if access == Access::Read { "open" } else { "open_write" }, name)?;
        let missing = || Error::new(ErrorKind::NotFound, "no such file").at_file(name);
        let id = *state.names.get(name).ok_or_else(missing)?;
        if access == Access::Write && state.files[id].is_read_only {
            let denied = std::io::ErrorKind::PermissionDenied;
            return Err(Error::io(denied.into(), "open", name));
        }
        Ok(Arc::new(SimFile { sim: self.clone(), id, boot: state.boot }))
    }

    fn rename(&self, from: &str, to: &str, replace: bool) -> Result<()> {
        let mut state = self.call();
        let id = state.names.get(from).copied();
        let refused = match id {
            None => Some((ErrorKind::NotFound, "no such file", from)),
            Some(_) if !replace && state.names.contains_key(to) => {
                Some((ErrorKind::AlreadyExists, "file exists", to))
            }
            Some(_) => None,
        };
        if let Some((kind, message, name)) = refused {
            state.check("rename", to)?;
            return Err(Error::new(kind, message).at_file(name));
        }
        let op = Op::Rename(from.to_owned(), to.to_owned(), id.unwrap_or_default());
        state.change("rename", to, &op)
    }

    fn remove(&self, name: &str) -> Result<()> {
        let mut state = self.call();
        if !state.names.contains_key(name) && !state.is_dead {
            return Err(Error::new(ErrorKind::NotFound, "no such file").at_file(name));
        }
        state.change("remove", name, &Op::Remove(name.to_owned()))
    }

    fn sync_dir(&self) -> Result<()> {
        let mut state = self.call();
        let kind = state.kind_of_dir_sync();
        state.change("sync_dir", "", &Op::SyncDir(kind))
    }

    fn list(&self) -> Result<Vec<DirEntry>> {
        let mut state = self.state();
        state.check("list", "")?;
        let entry = |(name, id): (&String, &usize)| DirEntry {
            name: name.clone(),
            len: state.files[*id].cache.len() as u64,
            kind: FileKind::Regular,
        };
        Ok(state.names.iter().map(entry).collect())
    }

    fn map(&self, name: &str) -> Result<Region> {
        let mut state = self.state();
        state.check("map", name)?;
        let missing = || Error::new(ErrorKind::NotFound, "no such file").at_file(name);
        let id = *state.names.get(name).ok_or_else(missing)?;
        drop(state);
        Ok(Region::Heap(self.read(id).as_slice().into()))
    }

    fn lock_writer(&self) -> Result<WriterLock> {
        let mut state = self.state();
        state.check("lock", "")?;
        if std::mem::replace(&mut state.is_locked, true) {
            return Err(Error::new(ErrorKind::Locked, "somebody writes this log already"));
        }
        Ok(Box::new(Unlock(self.clone(), state.boot)))
    }

    fn writer_present(&self) -> bool {
        let mut state = self.state();
        let (is_locked, after) = (state.is_locked, state.after_look.take());
        drop(state);
        if let Some(after) = after {
            after();
        }
        is_locked
    }

    fn is_durable(&self) -> bool {
        true
    }

    fn path_of(&self, name: &str) -> String {
        format!("sim:{name}")
    }

    fn trust_notes(&self) -> Vec<String> {
        Vec::new()
    }

    fn file_system(&self) -> String {
        "sim".into()
    }
}

impl SimFile {
    /// The state, unless the process that opened this file is gone.
    fn state(&self) -> Result<MutexGuard<'_, State>> {
        let state = self.sim.call();
        if state.boot == self.boot { Ok(state) } else { Err(dead()) }
    }

    fn sync(&self, call: &'static str) -> Result<()> {
        let mut state = self.state()?;
        let name = state.name_of(self.id);
        let kind = state.kind_of_sync(call, self.id);
        state.change(call, &name, &Op::Sync(self.id, kind))
    }
}

impl StorageFile for SimFile {
    fn len(&self) -> Result<u64> {
        Ok(self.state()?.files[self.id].cache.len() as u64)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize> {
        let mut state = self.state()?;
        let name = state.name_of(self.id);
        state.check("read", &name)?;
        let bytes = &state.files[self.id].cache;
        let from = usize::try_from(offset).unwrap().min(bytes.len());
        let len = buffer.len().min(bytes.len() - from);
        buffer[..len].copy_from_slice(&bytes[from..from + len]);
        *state.reads.entry(name).or_default() += len as u64;
        Ok(len)
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> Result<()> {
        let mut state = self.state()?;
        let name = state.name_of(self.id);
        let at = usize::try_from(offset).unwrap();
        let drops = state.faults.drops_rewrites;
        let file = &state.files[self.id];
        if drops && file.cache.get(at..at + bytes.len()) == Some(bytes) {
            return state.check("write", &name);
        }
        let result = state.change("write", &name, &Op::Write(self.id, at, bytes.into()));
        if result.is_err() && !state.is_dead && state.faults.written_before_failure > 0 {
            let some = bytes.len().min(state.faults.written_before_failure);
            state.apply(&Op::Write(self.id, at, bytes[..some].into()));
        }
        result
    }

    fn set_len(&self, len: u64) -> Result<()> {
        let mut state = self.state()?;
        let name = state.name_of(self.id);
        state.change("set_len", &name, &Op::SetLen(self.id, usize::try_from(len).unwrap()))
    }

    fn allocate(&self, _offset: u64, _len: u64) -> Result<()> {
        let mut state = self.state()?;
        let name = state.name_of(self.id);
        state.check("allocate", &name)
    }

    fn sync_data(&self) -> Result<()> {
        self.sync("sync_data")
    }

    fn sync_all(&self) -> Result<()> {
        self.sync("sync_all")
    }

    fn drop_cache(&self) -> Result<()> {
        let mut state = self.state()?;
        let name = state.name_of(self.id);
        state.check("drop_cache", &name)?;
        state.forgotten.push(name);
        Ok(())
    }

    fn set_read_only(&self) -> Result<()> {
        let mut state = self.state()?;
        let name = state.name_of(self.id);
        state.change("set_read_only", &name, &Op::ReadOnly(self.id))
    }
}

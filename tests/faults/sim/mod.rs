//! A disk that can lose what was not synced.
//!
//! ```text
//! write, rename --> cache (what processes see) --sync--> medium (what survives the power)
//! ```
//!
//! Per file: the bytes in the cache, the bytes on the medium, and the writes between them. Per
//! directory the same with names. [`Sim::cut_power`] keeps the medium and, of everything unsynced,
//! a random part: none, all, some sectors in any order, names with or without their renames.
//! [`Sim::kill`] ends the process and keeps the cache. A failed sync behaves as Linux does: the
//! writes count as clean and never reach the medium unless somebody writes them again.
//!
//! [`Faults`] says what goes wrong: the disk dies at the n-th change, an operation fails. Nothing here
//! knows groups; names alone tell one kind of sync from another.
//! A disk that keeps a journal says which changes were made, so that `image` can make what a crash
//! after each of them would have left without telling the story again.

mod storage;

use crate::threads;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use witnessmark::storage::Storage;
use witnessmark::{Error, Result};

pub(crate) const SECTOR: usize = 512;

/// What a sync is for, told from the file's name and the call.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) enum SyncKind {
    /// `fdatasync` of a segment: a group.
    Group,
    /// The header of the next segment, still named `spare.tmp`.
    Header,
    /// The identity, still under its temporary name.
    Identity,
    /// `fsync` of a segment that ends in a footer.
    Footer,
    /// `fsync` of a segment without footer that was written again: recovery.
    Rewrite,
    /// `fsync` of a segment that was just cut behind its last group.
    Close,
    /// The bytes a recovery set aside.
    Quarantine,
    /// The directory after `log.id` got its name.
    IdentityName,
    /// The directory after a segment got its name.
    SegmentName,
    /// The directory after a quarantine file got its name.
    QuarantineName,
    /// The directory after the checkpoint history got its name.
    RecordName,
    /// A record of the checkpoint history.
    Record,
    /// The zeros of the next segment, before it has a header.
    Spare,
    /// Everything else.
    Other,
}

/// What a call that fails has done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Effect {
    /// Nothing. After a failed sync the pages count as clean and are not on the medium.
    Nothing,
    /// Half of it, where there are halves: a short write.
    Half,
    /// All of it.
    All,
}

/// One call that fails, told by its number.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FailedCall {
    pub(crate) nth: u64,
    pub(crate) kind: std::io::ErrorKind,
    pub(crate) effect: Effect,
}

/// What goes wrong.
#[derive(Default)]
pub(crate) struct Faults {
    /// The process dies when this many changes were made; the last one may be half done.
    pub(crate) die_after: Option<u64>,
    /// Writes of bytes that are there already do nothing: re-dirtying is undone.
    pub(crate) drops_rewrites: bool,
    /// The next operation of this name on a file whose name contains this fails.
    pub(crate) fail: Vec<(&'static str, &'static str, std::io::ErrorKind)>,
    /// As `fail`, but every time.
    pub(crate) fail_always: Vec<(&'static str, &'static str, std::io::ErrorKind)>,
    /// Of a failing write this many bytes are written.
    pub(crate) written_before_failure: usize,
    /// The n-th call of any kind since the faults were set fails.
    pub(crate) fail_nth: Option<FailedCall>,
}

#[derive(Clone, Debug)]
pub(crate) enum Change {
    Write(usize, Arc<[u8]>),
    SetLen(usize),
}

#[derive(Clone, Debug, Default)]
pub(crate) struct FileData {
    pub(crate) cache: Arc<Vec<u8>>,
    pub(crate) medium: Arc<Vec<u8>>,
    pub(crate) unsynced: Vec<Change>,
    pub(crate) is_read_only: bool,
}

#[derive(Clone, Debug)]
pub(crate) enum NameChange {
    Bind(String, usize),
    Rename(String, String, usize),
    Remove(String),
}

impl NameChange {
    pub(crate) fn apply_to(self, names: &mut BTreeMap<String, usize>) {
        match self {
            Self::Bind(name, id) => {
                names.insert(name, id);
            }
            Self::Rename(from, to, id) => {
                if names.get(&from) == Some(&id) {
                    names.remove(&from);
                }
                names.insert(to, id);
            }
            Self::Remove(name) => {
                names.remove(&name);
            }
        }
    }
}

/// One thing that a process did to the disk. Files are told by number, for names change.
#[derive(Clone, Debug)]
pub(crate) enum Op {
    Create(String, usize),
    Write(usize, usize, Arc<[u8]>),
    SetLen(usize, usize),
    Sync(usize, SyncKind),
    SyncDir(SyncKind),
    Rename(String, String, usize),
    Remove(String),
    ReadOnly(usize),
}

#[derive(Default)]
pub(crate) struct State {
    pub(crate) files: Vec<FileData>,
    pub(crate) names: BTreeMap<String, usize>,
    pub(crate) durable_names: BTreeMap<String, usize>,
    pub(crate) name_changes: Vec<NameChange>,
    changes: u64,
    calls: u64,
    boot: u64,
    is_dead: bool,
    is_locked: bool,
    faults: Faults,
    /// What the call that fails right now has done all the same.
    effect: Option<Effect>,
    reads: BTreeMap<String, u64>,
    forgotten: Vec<String>,
    journal: Option<Vec<Op>>,

    garbles: bool,
    after_look: Option<Box<dyn FnOnce() + Send>>,
}

/// A directory on such a disk; clones share it.
#[derive(Clone, Default)]
pub(crate) struct Sim(Arc<Mutex<State>>);

impl std::fmt::Debug for Sim {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sim")
    }
}

fn dead() -> Error {
    Error::io(std::io::Error::other("the process is dead"), "anything", "sim")
}

/// Small, seeded, and the same everywhere.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5851_f42d_4c95_7f2d)
    }

    /// A number below `sides`.
    pub(crate) fn below(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        let high = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(high).unwrap() % sides.max(1)
    }
}

fn grow(bytes: &mut Vec<u8>, len: usize) {
    if bytes.len() < len {
        bytes.resize(len, 0);
    }
}

pub(crate) fn write(bytes: &mut Arc<Vec<u8>>, at: usize, new: &[u8]) {
    let bytes = Arc::make_mut(bytes);
    grow(bytes, at + new.len());
    bytes[at..at + new.len()].copy_from_slice(new);
}

pub(crate) fn set_len(bytes: &mut Arc<Vec<u8>>, len: usize) {
    Arc::make_mut(bytes).resize(len, 0);
}

impl FileData {
    fn make(&mut self, change: Change) {
        match &change {
            Change::Write(at, new) => write(&mut self.cache, *at, new),
            Change::SetLen(len) => set_len(&mut self.cache, *len),
        }
        self.unsynced.push(change);
    }

    pub(crate) fn sync(&mut self) {
        for change in std::mem::take(&mut self.unsynced) {
            match change {
                Change::Write(at, new) => write(&mut self.medium, at, &new),
                Change::SetLen(len) => set_len(&mut self.medium, len),
            }
        }
    }

    /// What the medium holds when the power goes: sectors of unsynced writes as the mode says.
    fn survive(&mut self, dice: &mut Dice, mode: usize, garbles: bool) {
        for change in std::mem::take(&mut self.unsynced) {
            match change {
                Change::SetLen(len) if mode == 1 || (mode > 1 && dice.below(2) == 0) => {
                    set_len(&mut self.medium, len);
                }
                Change::SetLen(_) => {}
                Change::Write(at, new) => {
                    let stop = dice.below(new.len() / SECTOR + 2);
                    let mut from = 0;
                    let mut nth = 0;
                    while from < new.len() {
                        let to = new.len().min((at + from) / SECTOR * SECTOR + SECTOR - at);
                        let lands = match mode {
                            0 => false,
                            1 => true,
                            2 => dice.below(2) == 0,
                            3 => nth < stop,
                            _ => nth >= stop,
                        };
                        if lands {
                            write(&mut self.medium, at + from, &new[from..to]);
                        } else if garbles && dice.below(2) == 0 {
                            // A sector that was being written holds anything at all.
                            let begin = (at + from) / SECTOR * SECTOR;
                            let noise = || u8::try_from(dice.below(256)).unwrap();
                            let noise: Vec<u8> =
                                std::iter::repeat_with(noise).take(SECTOR).collect();
                            write(&mut self.medium, begin, &noise);
                        }
                        from = to;
                        nth += 1;
                    }
                }
            }
        }
        self.cache = self.medium.clone();
    }
}

impl State {
    fn name_of(&self, id: usize) -> String {
        let found = self.names.iter().find(|(_, held)| **held == id);
        found.map_or_else(|| "(removed)".to_owned(), |(name, _)| name.clone())
    }

    fn change_names(&mut self, change: NameChange) {
        change.clone().apply_to(&mut self.names);
        self.name_changes.push(change);
    }

    /// What is different after a call that did what it should.
    pub(crate) fn apply(&mut self, op: &Op) {
        match op.clone() {
            Op::Create(name, id) => {
                if id == self.files.len() {
                    self.files.push(FileData::default());
                }
                self.change_names(NameChange::Bind(name, id));
            }
            Op::Write(id, at, bytes) => self.files[id].make(Change::Write(at, bytes)),
            Op::SetLen(id, len) => self.files[id].make(Change::SetLen(len)),
            Op::Sync(id, _) => self.files[id].sync(),
            Op::SyncDir(_) => {
                self.durable_names = self.names.clone();
                self.name_changes.clear();
            }
            Op::Rename(from, to, id) => self.change_names(NameChange::Rename(from, to, id)),
            Op::Remove(name) => self.change_names(NameChange::Remove(name)),
            Op::ReadOnly(id) => self.files[id].is_read_only = true,
        }
        if let Some(journal) = &mut self.journal {
            journal.push(op.clone());
        }
    }

    /// Makes a change, or fails; the process may die of it.
    fn change(&mut self, call: &'static str, name: &str, op: &Op) -> Result<()> {
        let result = self.check(call, name);
        if let Err(error) = result {
            match (self.effect.take(), op) {
                (Some(Effect::All), op) => self.apply(op),
                (Some(Effect::Half), Op::Write(id, at, bytes)) => {
                    self.apply(&Op::Write(*id, *at, bytes[..bytes.len() / 2].into()));
                }
                // Clean pages that were never written: what Linux leaves after a failed fsync.
                (_, Op::Sync(id, _)) if !self.is_dead => self.files[*id].unsynced.clear(),
                _ => {}
            }
            return Err(error);
        }
        self.changes += 1;
        if self.faults.die_after.is_some_and(|after| self.changes >= after) {
            self.is_dead = true;
        }
        if self.is_dead && matches!(op, Op::Sync(..) | Op::SyncDir(_)) {
            // Power may go before, in the middle of, or after a sync that nobody heard back from.
            return Err(dead());
        }
        self.apply(op);
        Ok(())
    }

    fn check(&mut self, call: &'static str, name: &str) -> Result<()> {
        if self.is_dead {
            return Err(dead());
        }
        self.calls += 1;
        self.effect = None;
        if let Some(failed) = self.faults.fail_nth.filter(|failed| failed.nth == self.calls) {
            self.effect = Some(failed.effect);
            return Err(Error::io(failed.kind.into(), call, name));
        }
        let hits =
            |(c, part, _): &(&str, &str, std::io::ErrorKind)| *c == call && name.contains(part);
        let kind = match self.faults.fail.iter().position(hits) {
            Some(at) => Some(self.faults.fail.remove(at).2),
            None => self.faults.fail_always.iter().find(|fault| hits(fault)).map(|f| f.2),
        };
        kind.map_or(Ok(()), |kind| Err(Error::io(kind.into(), call, name)))
    }

    fn kind_of_sync(&self, call: &'static str, id: usize) -> SyncKind {
        let name = self.name_of(id);
        let bytes = &self.files[id].cache;
        match name.as_str() {
            _ if name.starts_with("quarantine") => SyncKind::Quarantine,
            _ if name.starts_with("log.id") => SyncKind::Identity,
            "spare.tmp" if bytes.starts_with(b"WMARKSEG") => SyncKind::Header,
            "spare.tmp" => SyncKind::Spare,
            "log.checkpoints" => SyncKind::Record,
            _ if name.ends_with(".seg") && call == "sync_data" => SyncKind::Group,
            _ if name.ends_with(".seg") && bytes.ends_with(b"WMARKEND") => SyncKind::Footer,
            _ if name.ends_with(".seg") => match self.files[id].unsynced.last() {
                Some(Change::SetLen(_)) => SyncKind::Close,
                _ => SyncKind::Rewrite,
            },
            _ => SyncKind::Other,
        }
    }

    pub(crate) fn kind_of_dir_sync(&self) -> SyncKind {
        let to = |end: &str, begin: &str| {
            self.name_changes.iter().any(|change| match change {
                NameChange::Bind(name, _) | NameChange::Rename(_, name, _) => {
                    name.ends_with(end) && name.starts_with(begin)
                }
                NameChange::Remove(_) => false,
            })
        };
        if to(".seg", "") {
            SyncKind::SegmentName
        } else if to("log.id", "") {
            SyncKind::IdentityName
        } else if to(".bin", "quarantine") {
            SyncKind::QuarantineName
        } else if to("", "log.checkpoints") {
            SyncKind::RecordName
        } else {
            SyncKind::Other
        }
    }
}

impl Sim {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// As a storage for [`witnessmark::Options::on_storage`].
    pub(crate) fn storage(&self) -> Arc<dyn Storage> {
        Arc::new(self.clone())
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// Another thread may come first: every call is a place where it may.
    fn call(&self) -> MutexGuard<'_, State> {
        threads::breathe();
        self.state()
    }

    /// Keeps a journal from here on.
    pub(crate) fn keep_journal(&self) {
        self.state().journal = Some(Vec::new());
    }

    /// Changes in the journal so far.
    pub(crate) fn journal_len(&self) -> usize {
        self.state().journal.as_ref().map_or(0, Vec::len)
    }

    /// The journal; none is kept from here on.
    pub(crate) fn take_journal(&self) -> Vec<Op> {
        self.state().journal.take().unwrap_or_default()
    }

    /// Calls since the faults were set, of any kind.
    pub(crate) fn calls(&self) -> u64 {
        self.state().calls
    }

    pub(crate) fn set_faults(&self, faults: Faults) {
        let mut state = self.state();
        state.changes = 0;
        state.calls = 0;
        state.faults = faults;
    }

    /// Sectors that were being written when the power goes may hold anything.
    pub(crate) fn set_garbles(&self) {
        self.state().garbles = true;
    }

    /// What happens right after somebody has looked whether there is a writer.
    pub(crate) fn after_next_look(&self, happens: impl FnOnce() + Send + 'static) {
        self.state().after_look = Some(Box::new(happens));
    }

    /// Changes since the faults were set.
    pub(crate) fn changes(&self) -> u64 {
        self.state().changes
    }

    /// Bytes read per file since the last call.
    pub(crate) fn take_reads(&self) -> BTreeMap<String, u64> {
        std::mem::take(&mut self.state().reads)
    }

    /// Files whose cache was dropped since the last call, in this order.
    pub(crate) fn take_forgotten(&self) -> Vec<String> {
        std::mem::take(&mut self.state().forgotten)
    }

    /// No change gets through any more, as after SIGKILL.
    pub(crate) fn stop(&self) {
        self.state().is_dead = true;
    }

    /// The process is gone, the system is not: the cache stays.
    pub(crate) fn kill(&self) {
        let mut state = self.state();
        state.is_dead = false;
        state.is_locked = false;
        state.faults = Faults::default();
        state.boot += 1;
    }

    /// The power goes: what was not synced survives in part, as the dice fall.
    pub(crate) fn cut_power(&self, dice: &mut Dice) {
        self.kill();
        let mut state = self.state();
        let mode = dice.below(6);
        let mut names = state.durable_names.clone();
        for change in std::mem::take(&mut state.name_changes) {
            let lands = mode == 1 || (mode > 1 && dice.below(2) == 0);
            if lands {
                change.apply_to(&mut names);
            }
        }
        state.names.clone_from(&names);
        state.durable_names = names;
        let garbles = state.garbles;
        for file in &mut state.files {
            let mode = if mode < 2 { mode } else { dice.below(5) };
            file.survive(dice, mode, garbles);
        }
    }

    /// An independent disk with the same contents, dirty pages and all.
    pub(crate) fn fork(&self) -> Self {
        let state = self.state();
        Self(Arc::new(Mutex::new(State {
            files: state.files.clone(),
            names: state.names.clone(),
            durable_names: state.durable_names.clone(),
            name_changes: state.name_changes.clone(),
            garbles: state.garbles,
            ..State::default()
        })))
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.state().names.keys().cloned().collect()
    }

    /// A file's bytes, as processes see them.
    pub(crate) fn bytes(&self, name: &str) -> Vec<u8> {
        let state = self.state();
        state.files[state.names[name]].cache.to_vec()
    }

    /// Replaces a file's bytes, durably: what somebody else did to the disk.
    pub(crate) fn put(&self, name: &str, bytes: &[u8]) {
        let mut state = self.state();
        let fresh = state.files.len();
        let id = *state.names.entry(name.to_owned()).or_insert(fresh);
        state.durable_names.insert(name.to_owned(), id);
        if id == fresh {
            state.files.push(FileData::default());
        }
        let file = &mut state.files[id];
        file.unsynced.clear();
        file.cache = Arc::new(bytes.to_vec());
        file.medium = Arc::clone(&file.cache);
    }

    /// Copies all files to a real directory, for people to look at.
    pub(crate) fn save(&self, dir: &str) {
        std::fs::create_dir_all(dir).unwrap();
        for name in self.names() {
            std::fs::write(format!("{dir}/{name}"), self.bytes(&name)).unwrap();
        }
    }

    /// Removes a file, durably.
    pub(crate) fn take_away(&self, name: &str) {
        let mut state = self.state();
        state.names.remove(name);
        state.durable_names.remove(name);
    }

    /// Reads a file in full without an entry in the books.
    fn read(&self, id: usize) -> Arc<Vec<u8>> {
        Arc::clone(&self.state().files[id].cache)
    }
}

//! The queue: frames gathered into the next commit group.
//!
//! One mutex around one batch that the committer swaps whole. Frames are copied straight into the
//! future group, behind room for its header; nothing is allocated per entry.
//!
//! Bound: a batch holds at most [`QUEUE_BYTES_MAX`] bytes and [`QUEUE_ENTRIES_MAX`] entries, or a
//! single push that is larger; callers wait for room or get [`ErrorKind::Full`].

use super::encode::Record;
use super::ticket::{GroupCell, check_fork};
use crate::error::{Error, ErrorKind, Result};
use crate::format::group::GROUP_HEADER_LEN;
use crate::format::segment::SEGMENT_HEADER_LEN;
use crate::limits::{
    GROUP_BODY_BYTES_MAX, GROUP_SYSTEM_RESERVE, QUEUE_BYTES_MAX, QUEUE_ENTRIES_MAX,
};
use crate::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::ops::Range;

/// Bytes of frames that fit one group of an empty segment, with room for the engine's own entries.
pub(crate) fn group_body_max(segment_bytes: u64) -> usize {
    let room = segment_bytes - (SEGMENT_HEADER_LEN + GROUP_HEADER_LEN) as u64;
    let room = usize::try_from(room).unwrap_or(usize::MAX);
    room.min(GROUP_BODY_BYTES_MAX) - GROUP_SYSTEM_RESERVE
}

/// What a caller gets when the queue is full.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub enum QueueFull {
    /// It waits for room.
    #[default]
    Wait,
    /// It gets [`ErrorKind::Full`]; nothing was appended.
    Error,
}

/// Entries that will become one group.
#[derive(Debug)]
pub(crate) struct Batch {
    /// Room for the group header, then frames.
    pub(crate) bytes: Vec<u8>,
    /// One per frame, in order.
    pub(crate) records: Vec<Record>,
    /// Who waits for this group.
    pub(crate) cell: Arc<GroupCell>,
    /// Whether somebody waits for a sync, rather than for a write.
    pub(crate) needs_sync: bool,
    /// How many entries each push brought: they are appended all or none.
    pushes: Vec<usize>,
}

impl Default for Batch {
    fn default() -> Self {
        let (bytes, records) = (vec![0; GROUP_HEADER_LEN], Vec::new());
        Self { bytes, records, cell: Arc::default(), needs_sync: false, pushes: Vec::new() }
    }
}

impl Batch {
    /// Takes over frames that were encoded elsewhere; returns the position of the first.
    pub(crate) fn push(&mut self, frames: &[u8], records: impl Iterator<Item = Record>) -> usize {
        let (base, first) = (self.bytes.len(), self.records.len());
        self.bytes.extend_from_slice(frames);
        self.records.extend(records.map(|mut record| {
            record.frame = record.frame.start + base..record.frame.end + base;
            record
        }));
        self.pushes.push(self.records.len() - first);
        first
    }

    /// The positions of each push.
    pub(crate) fn units(&self) -> Vec<Range<usize>> {
        let mut end = 0;
        let unit = |len: &usize| {
            end += len;
            end - len..end
        };
        self.pushes.iter().map(unit).collect()
    }

    /// Keeps the frames at the positions for which `keep` holds, in order.
    pub(crate) fn retain(&mut self, keep: impl Fn(usize) -> bool) {
        let mut end = GROUP_HEADER_LEN;
        let mut position = 0;
        let bytes = &mut self.bytes;
        self.records.retain_mut(|record| {
            position += 1;
            if !keep(position - 1) {
                return false;
            }
            let len = record.frame.len();
            bytes.copy_within(record.frame.clone(), end);
            record.frame = end..end + len;
            end += len;
            true
        });
        self.bytes.truncate(end);
        self.pushes = vec![1; self.records.len()];
    }

    /// Empties the batch and keeps its buffers for another group.
    pub(crate) fn recycle(mut self) -> Self {
        self.bytes.truncate(GROUP_HEADER_LEN);
        self.records.clear();
        self.pushes.clear();
        self.cell = Arc::default();
        self.needs_sync = false;
        self
    }
}

#[derive(Debug, Default)]
struct State {
    gathering: Batch,
    /// Buffers of the last group, to be used again.
    spare: Option<Batch>,
    /// Set once: every later push gets this.
    closed: Option<Error>,
    waiting_for_room: usize,
}

/// The queue between callers and the committer.
#[derive(Debug)]
pub(crate) struct Queue {
    state: Mutex<State>,
    room: Condvar,
    bytes_max: usize,
    pid: u32,
}

impl Queue {
    /// A queue whose groups must fit `group_bytes_max` bytes of frames, in the process `pid`.
    pub(crate) fn new(group_bytes_max: usize, pid: u32) -> Self {
        let bytes_max = QUEUE_BYTES_MAX.min(group_bytes_max);
        Self { state: Mutex::default(), room: Condvar::default(), bytes_max, pid }
    }

    /// Takes the lock. In a forked child it may be held for ever by a thread that did not come
    /// along; whoever gets it at once need not ask the system which process this is.
    fn lock_here(&self) -> Result<MutexGuard<'_, State>> {
        if let Some(state) = self.state.try_lock() {
            return Ok(state);
        }
        check_fork(self.pid)?;
        Ok(self.state.lock())
    }

    /// Appends frames to the next group, all of them or none.
    pub(crate) fn push(
        &self,
        frames: &[u8],
        records: impl ExactSizeIterator<Item = Record>,
        needs_sync: bool,
        full: QueueFull,
    ) -> Result<(Arc<GroupCell>, usize)> {
        let mut state = self.lock_here()?;
        loop {
            if let Some(error) = &state.closed {
                return Err(error.clone());
            }
            let batch = &state.gathering;
            let fits = batch.bytes.len() + frames.len() <= self.bytes_max + GROUP_HEADER_LEN
                && batch.records.len() + records.len() <= QUEUE_ENTRIES_MAX;
            if fits || batch.records.is_empty() {
                break;
            }
            if full == QueueFull::Error {
                return Err(Error::new(ErrorKind::Full, "the queue is full, nothing was appended"));
            }
            check_fork(self.pid)?;
            state.waiting_for_room += 1;
            self.room.wait(&mut state);
            state.waiting_for_room -= 1;
        }
        let batch = &mut state.gathering;
        batch.needs_sync |= needs_sync;
        let position = batch.push(frames, records);
        Ok((Arc::clone(&batch.cell), position))
    }

    /// Takes everything gathered so far; `None` when there is nothing.
    pub(crate) fn take(&self) -> Option<Batch> {
        let mut state = self.state.lock();
        if state.gathering.records.is_empty() {
            return None;
        }
        let next = state.spare.take().unwrap_or_default();
        let batch = std::mem::replace(&mut state.gathering, next);
        if state.waiting_for_room > 0 {
            self.room.notify_all();
        }
        Some(batch)
    }

    /// Gives the buffers of a finished group back.
    pub(crate) fn recycle(&self, batch: Batch) {
        // A huge group's buffer is not worth keeping.
        if batch.bytes.capacity() <= 2 * QUEUE_BYTES_MAX {
            self.state.lock().spare = Some(batch.recycle());
        }
    }

    /// The cell of the group that is gathering; `None` when nothing waits.
    pub(crate) fn next_cell(&self) -> Option<Arc<GroupCell>> {
        let state = self.state.lock();
        (!state.gathering.records.is_empty()).then(|| Arc::clone(&state.gathering.cell))
    }

    /// Refuses every push from now on. The first reason stays, but that a write or sync failed
    /// outweighs that the log was closed: what is still gathered must not be written then.
    pub(crate) fn close(&self, error: Error) {
        let mut state = self.state.lock();
        let is_just_closed = |reason: &Error| reason.kind() == ErrorKind::Closed;
        if state.closed.as_ref().is_none_or(is_just_closed) {
            state.closed = Some(error);
        }
        self.room.notify_all();
    }

    /// Why pushes are refused.
    pub(crate) fn closed(&self) -> Option<Error> {
        self.state.lock().closed.clone()
    }
}

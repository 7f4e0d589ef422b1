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

#[cfg(test)]
mod tests {
    use super::super::encode::{BodyHash, encode};
    use super::super::environment::Environment;
    use super::super::options::Options;
    use super::*;
    use crate::entry::Entry;
    use crate::redact::Redaction;
    use crate::storage::MemoryStorage;
    use crate::types::UnixNanos;

    const PID: u32 = 7;

    /// One frame and its record.
    fn frame() -> (Vec<u8>, Record) {
        let options = Options::on_storage(Arc::new(MemoryStorage::new()))
            .redaction(Redaction::off())
            .environment(Environment::none());
        let entry = Entry::new("t", "did:a", "allow").data_text("{}");
        let (mut frame, admission) = (Vec::new(), options.admission().unwrap());
        let (now, hashed) = (UnixNanos(1), BodyHash::Now);
        let encoded = encode(&entry, &admission, PID, now, hashed, &mut frame).unwrap();
        (frame, encoded.record)
    }

    /// Puts `count` frames into the queue, if there is room.
    fn push(queue: &Queue, count: usize, needs_sync: bool) -> Result<usize> {
        let (frame, record) = frame();
        let records = (0..count).map(|i| {
            let mut record = record.clone();
            record.frame = i * frame.len()..(i + 1) * frame.len();
            record
        });
        let frames = frame.repeat(count);
        let records: Vec<_> = records.collect();
        Ok(queue.push(&frames, records.into_iter(), needs_sync, QueueFull::Error)?.1)
    }

    #[test]
    fn pushes_lie_one_behind_the_other_and_what_is_dropped_closes_up() {
        let queue = Queue::new(QUEUE_BYTES_MAX, PID);
        let len = frame().0.len();
        assert!(queue.take().is_none() && queue.next_cell().is_none());
        assert_eq!([2, 1, 3].map(|count| push(&queue, count, false).unwrap()), [0, 2, 3]);
        let cell = queue.next_cell().unwrap();
        let mut batch = queue.take().unwrap();
        assert!(Arc::ptr_eq(&cell, &batch.cell) && !batch.needs_sync);
        assert_eq!(batch.units(), [0..2, 2..3, 3..6]);
        for (i, record) in batch.records.iter().enumerate() {
            assert_eq!(record.frame.start, GROUP_HEADER_LEN + i * len);
            assert_eq!(record.frame.len(), len);
        }
        // Marked, to be known again.
        (0..).zip(&batch.records).for_each(|(i, r)| batch.bytes[r.frame.start] = i);
        batch.retain(|position| position % 2 == 1);
        let kept = batch.records.iter().map(|r| (r.frame.clone(), batch.bytes[r.frame.start]));
        let at = |i: usize| GROUP_HEADER_LEN + i * len..GROUP_HEADER_LEN + (i + 1) * len;
        assert_eq!(kept.collect::<Vec<_>>(), [(at(0), 1), (at(1), 3), (at(2), 5)]);
        assert_eq!(batch.bytes.len(), GROUP_HEADER_LEN + 3 * len);
        assert_eq!(batch.units(), [0..1, 1..2, 2..3]);
    }

    #[test]
    fn one_who_needs_a_sync_is_enough_and_a_recycled_batch_is_empty() {
        let queue = Queue::new(QUEUE_BYTES_MAX, PID);
        for needs_sync in [true, false] {
            push(&queue, 1, needs_sync).unwrap();
        }
        let batch = queue.take().unwrap();
        assert!(batch.needs_sync);
        let buffer = batch.bytes.as_ptr();
        queue.recycle(batch);
        // The next batch is a new one, the one after it has the buffer.
        push(&queue, 1, false).unwrap();
        queue.take().unwrap();
        push(&queue, 1, false).unwrap();
        let batch = queue.take().unwrap();
        assert_eq!((batch.bytes.as_ptr(), batch.needs_sync), (buffer, false));
        let len = GROUP_HEADER_LEN + frame().0.len();
        assert_eq!(batch.bytes.len(), len);
        assert!(batch.units().into_iter().eq(std::iter::once(0..1)));
    }

    #[test]
    fn buffers_of_a_huge_group_are_not_kept() {
        for (capacity, is_kept) in [(2 * QUEUE_BYTES_MAX, true), (2 * QUEUE_BYTES_MAX + 1, false)] {
            let queue = Queue::new(QUEUE_BYTES_MAX, PID);
            let mut bytes = Vec::with_capacity(capacity);
            bytes.resize(GROUP_HEADER_LEN, 0);
            assert_eq!(bytes.capacity(), capacity);
            queue.recycle(Batch { bytes, ..Batch::default() });
            assert_eq!(queue.state.lock().spare.is_some(), is_kept);
        }
    }

    #[test]
    fn a_queue_is_full_at_its_last_byte_and_at_its_last_entry() {
        let len = frame().0.len();
        let queue = Queue::new(2 * len, PID);
        push(&queue, 1, false).unwrap();
        assert_eq!(push(&queue, 1, false).unwrap(), 1);
        let refused = push(&queue, 1, false).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Full);
        queue.take().unwrap();
        // Alone, a push may be larger.
        push(&queue, 3, false).unwrap();
        // A byte less than two.
        let queue = Queue::new(2 * len - 1, PID);
        push(&queue, 1, false).unwrap();
        assert_eq!(push(&queue, 1, false).unwrap_err().kind(), ErrorKind::Full);
        // Entries that are next to nothing.
        let queue = Queue::new(QUEUE_BYTES_MAX, PID);
        let mut record = frame().1;
        record.frame = 0..0;
        let push = |count| {
            let records = vec![record.clone(); count].into_iter();
            queue.push(&[], records, false, QueueFull::Error).map(|(_, position)| position)
        };
        assert_eq!(push(QUEUE_ENTRIES_MAX - 1).unwrap(), 0);
        assert_eq!(push(1).unwrap(), QUEUE_ENTRIES_MAX - 1);
        assert_eq!(push(1).unwrap_err().kind(), ErrorKind::Full);
    }

    #[test]
    fn whoever_finds_it_full_waits_until_the_group_is_taken() {
        let (bytes, record) = frame();
        let queue = Arc::new(Queue::new(bytes.len(), std::process::id()));
        let push = |queue: &Queue| {
            let record = std::iter::once(record.clone());
            queue.push(&bytes, record, false, QueueFull::Wait).unwrap().1
        };
        push(&queue);
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| push(&queue));
            while queue.state.lock().waiting_for_room == 0 {
                std::thread::yield_now();
            }
            assert_eq!(queue.take().unwrap().records.len(), 1);
            assert_eq!(waiting.join().unwrap(), 0);
        });
        assert_eq!(queue.state.lock().waiting_for_room, 0);
        assert_eq!(queue.take().unwrap().records.len(), 1);
    }

    #[test]
    fn the_first_reason_stays_but_for_a_failed_write() {
        let queue = Queue::new(QUEUE_BYTES_MAX, PID);
        assert!(queue.closed().is_none());
        let kinds = [ErrorKind::Closed, ErrorKind::Poisoned, ErrorKind::Closed, ErrorKind::Io];
        let stays =
            [ErrorKind::Closed, ErrorKind::Poisoned, ErrorKind::Poisoned, ErrorKind::Poisoned];
        for (kind, reason) in kinds.into_iter().zip(stays) {
            queue.close(Error::new(kind, "closed"));
            assert_eq!(queue.closed().unwrap().kind(), reason);
            assert_eq!(push(&queue, 1, false).unwrap_err().kind(), reason);
        }
        assert!(queue.take().is_none());
    }

    #[test]
    fn a_group_leaves_room_for_headers_and_for_the_engine() {
        let headers = SEGMENT_HEADER_LEN + GROUP_HEADER_LEN;
        let small = GROUP_SYSTEM_RESERVE + headers + 1000;
        assert_eq!(group_body_max(small as u64), 1000);
        assert_eq!(group_body_max(1 << 40), GROUP_BODY_BYTES_MAX - GROUP_SYSTEM_RESERVE);
    }
}

//! The committer: places, writes, syncs and publishes one group at a time.
//!
//! ```text
//! Batch --place--> PlacedGroup --write--> WrittenGroup --sync--> SyncedGroup --publish--> receipts
//! ```
//!
//! Each stage consumes the one before, so no line can run out of order. Invariant:
//! `published <= synced <= placed`, all tree sizes. One group is in flight at most: the next is
//! written only after the sync before it returned, which is what lets recovery tell a torn tail
//! from damage. After a failed write or sync nothing is written any more.

use super::active::{Active, Preallocate, Spare};
use super::admission::Admission;
use super::counters::Counters;
use super::encode::{self, BodyHash};
use super::housekeeper::{Housekeeper, Job};
use super::queue::Batch;
use super::recent::RecentIds;
use super::seal::SealJob;
use super::ticket::{GroupOutcome, Placed, Placement, Placements, Run};
use crate::entry::Entry;
use crate::error::{Error, ErrorKind, Result};
use crate::format::group::{GROUP_HEADER_LEN, GroupHeader};
use crate::format::segment::SegmentHeader;
use crate::limits::{CLOCK_REGRESSION_REPORT_NS, PREALLOCATE_BYTES_MIN};
use crate::merkle::Frontier;
use crate::storage::{Clock, Storage, random};
use crate::sync::Arc;
use crate::types::{Hash, TreeSize, UnixNanos};
use crate::view::{Catalog, Published};

/// Where the log ends.
#[derive(Debug)]
pub(crate) struct End {
    pub(crate) size: u64,
    pub(crate) frontier: Frontier,
    pub(crate) last_hash: Hash,
    pub(crate) last_recorded_at: u64,
    pub(crate) counters: Counters,
}

/// What stays the same while a log is open.
pub(crate) struct Fixed {
    pub(crate) storage: Arc<dyn Storage>,
    pub(crate) admission: Arc<Admission>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) housekeeper: Arc<Housekeeper>,
    pub(crate) log_id: [u8; 32],
    pub(crate) segment_bytes: u64,
    pub(crate) align: u16,
    pub(crate) pid: u32,
}

/// Owner of the log's end.
pub(crate) struct Committer {
    pub(crate) fixed: Arc<Fixed>,
    pub(crate) active: Active,
    pub(crate) end: End,
    pub(crate) recent: RecentIds,
    /// Tree size known durable.
    pub(crate) synced_size: u64,
    /// Whether the last group holds entries that no later group vouches for.
    pub(crate) is_unvouched: bool,
    /// Bytes of groups written since the log was opened, plus those found.
    pub(crate) bytes_written: u64,
    /// Set while the clock stands before the last entry's time.
    pub(crate) regressed: bool,
}

/// A group whose entries have their places; bytes are complete but for the group header.
struct PlacedGroup(Run);

/// A group that was handed to the operating system.
struct WrittenGroup(PlacedGroup);

/// A group that is durable.
struct SyncedGroup(PlacedGroup);

/// How a commit failed.
pub(crate) enum CommitError {
    /// Before anything was placed: these callers get the error, the log goes on.
    Refused(Error),
    /// During a write or sync: nobody knows what is on disk, the log is read-only from here on.
    Poisoned(Error),
}

impl CommitError {
    /// The error alone.
    pub(crate) fn into_error(self) -> Error {
        match self {
            Self::Refused(error) | Self::Poisoned(error) => error,
        }
    }
}

impl Committer {
    /// Commits one batch and says what to answer.
    pub(crate) fn commit(&mut self, batch: &mut Batch) -> Result<GroupOutcome, CommitError> {
        let now = self.fixed.clock.now();
        let answers = self.weed_out_duplicates(batch)?;
        let regressed = self.report_clock(batch, now).map_err(CommitError::Refused)?;
        let is_durable = self.fixed.storage.is_durable();
        if batch.records.is_empty() {
            // Only retries of entries that are there already: nothing to write, but they may be
            // answered only once they are durable.
            self.sync_written()?;
            return Ok(GroupOutcome { placed: answers.finish(Run::default()), is_durable });
        }
        self.make_room(batch.bytes.len() - GROUP_HEADER_LEN)?;
        self.regressed = regressed;
        let placed = PlacedGroup(self.place(batch, now));
        let written = self.write(placed, batch, now)?;
        if !batch.needs_sync {
            let PlacedGroup(run) = written.0;
            return Ok(GroupOutcome { placed: answers.finish(run), is_durable: false });
        }
        let synced = self.sync(written)?;
        let run = self.publish(synced);
        Ok(GroupOutcome { placed: answers.finish(run), is_durable })
    }

    fn group_header(
        &self,
        first_index: u64,
        count: usize,
        body_len: usize,
        now: UnixNanos,
    ) -> GroupHeader {
        GroupHeader {
            body_crc: 0,
            nonce: 0,
            first_index,
            count: u32::try_from(count).unwrap_or(u32::MAX),
            pad_len: 0,
            body_len: u32::try_from(body_len).unwrap_or(u32::MAX),
            previous_header_crc: 0,
            synced_size: self.synced_size,
            wall_clock: now.0,
            root: self.end.frontier.root(),
        }
    }

    fn write(
        &mut self,
        placed: PlacedGroup,
        batch: &mut Batch,
        now: UnixNanos,
    ) -> Result<WrittenGroup, CommitError> {
        let count = batch.records.len();
        let first_index = self.end.size - count as u64;
        let body_len = batch.bytes.len() - GROUP_HEADER_LEN;
        let header = self.group_header(first_index, count, body_len, now);
        self.active.write_group(&mut batch.bytes, header).map_err(CommitError::Poisoned)?;
        self.bytes_written += batch.bytes.len() as u64;
        self.is_unvouched = true;
        Ok(WrittenGroup(placed))
    }

    fn sync(&mut self, written: WrittenGroup) -> Result<SyncedGroup, CommitError> {
        let name = self.active.name();
        let result = self.active.file.sync_data();
        result.map_err(|error| CommitError::Poisoned(error.at_file(name)))?;
        // From here a crash keeps this group, and every group before it.
        self.synced_size = self.end.size;
        Ok(SyncedGroup(written.0))
    }

    fn publish(&mut self, synced: SyncedGroup) -> Run {
        assert!(self.synced_size <= self.end.size, "published <= synced <= placed");
        self.fixed.catalog.publish(Published {
            size: TreeSize::new(self.end.size),
            root: self.end.frontier.root(),
            end_offset: self.active.at,
        });
        self.fixed.housekeeper.nudge(self.active.at);
        let PlacedGroup(run) = synced.0;
        run
    }

    /// Syncs whatever was written but not synced yet, and publishes it.
    pub(crate) fn sync_written(&mut self) -> Result<(), CommitError> {
        if self.synced_size < self.end.size {
            let written = WrittenGroup(PlacedGroup(Run::default()));
            let synced = self.sync(written)?;
            self.publish(synced);
        }
        Ok(())
    }

    /// Writes and syncs an empty group, so that the last entries are vouched for.
    pub(crate) fn heartbeat(&mut self) -> Result<(), CommitError> {
        if !self.is_unvouched {
            return Ok(());
        }
        self.sync_written()?;
        self.make_room(0)?;
        if !self.is_unvouched {
            return Ok(()); // a new segment's header vouches too
        }
        let now = self.fixed.clock.now();
        let mut bytes = vec![0u8; GROUP_HEADER_LEN];
        let header = self.group_header(self.end.size, 0, 0, now);
        self.active.write_group(&mut bytes, header).map_err(CommitError::Poisoned)?;
        let synced = self.sync(WrittenGroup(PlacedGroup(Run::default())))?;
        self.publish(synced);
        self.is_unvouched = false;
        Ok(())
    }

    /// Makes sure that a group with `body_len` bytes of frames fits the active segment; rotates
    /// when it would outgrow its size.
    fn make_room(&mut self, body_len: usize) -> Result<(), CommitError> {
        let len = self.active.group_len(body_len);
        if self.active.at + len <= self.active.capacity {
            return Ok(());
        }
        let has_entries = self.end.size > self.active.header.first_index;
        let may_grow = self.active.at + len <= self.active.len_max;
        if may_grow || !has_entries {
            // Closing gave back room that is left; or there is nothing to seal here, and a second
            // segment would begin at the same index.
            return self.active.extend(len, self.preallocate()).map_err(refused_or_poisoned);
        }
        self.rotate(len)
    }

    fn preallocate(&self) -> Preallocate {
        if self.fixed.storage.is_durable() { Preallocate::Zeros } else { Preallocate::None }
    }

    /// Length of the next segment: as much as was written so far, within bounds, so that a small
    /// log stays small.
    fn next_segment_len(&self, group_len: u64) -> u64 {
        let needed = crate::format::segment::SEGMENT_HEADER_LEN as u64 + group_len;
        segment_len(self.bytes_written, self.fixed.segment_bytes).max(needed)
    }

    fn rotate(&mut self, group_len: u64) -> Result<(), CommitError> {
        // 1. The old segment's groups are durable before anything refers to them.
        self.sync_written()?;
        // 2. The segment before must be sealed: at most two may lack a footer.
        self.fixed.housekeeper.wait_sealed().map_err(refused_or_poisoned)?;
        let wanted = self.next_segment_len(group_len);
        let spare = self.fixed.housekeeper.take_spare(&*self.fixed.storage, wanted);
        let spare = match spare.map_err(CommitError::Refused)? {
            Some(spare) => spare,
            None => Spare::prepare(&*self.fixed.storage, wanted, self.reserve())
                .map_err(CommitError::Refused)?,
        };
        let now = self.fixed.clock.now();
        let header =
            new_segment_header(&self.fixed, &self.end, now).map_err(CommitError::Refused)?;
        // 3. Header, sync, rename, directory sync; only then the first group.
        spare.take_header(&*self.fixed.storage, &header).map_err(refused_or_poisoned)?;
        let next =
            Active::begin(&*self.fixed.storage, spare, header).map_err(CommitError::Poisoned)?;
        let old = std::mem::replace(&mut self.active, next);
        self.is_unvouched = false;
        let file = Arc::clone(&self.active.file);
        let pushed = self.fixed.catalog.push_growing(&self.active.header, file, old.at);
        pushed.map_err(CommitError::Poisoned)?;
        let file = Arc::clone(&old.file);
        let first_index = old.header.first_index;
        let is_bulk = old.is_bulk();
        let finished = SealJob { first_index, file, data_end: old.at, is_bulk };
        self.fixed.housekeeper.send(Job::Seal(finished));
        // Written ahead on another thread, so that no commit changes extents.
        let how = if is_bulk { self.reserve() } else { self.preallocate() };
        let len = self.next_segment_len(0);
        self.fixed.housekeeper.want_spare(len, how);
        Ok(())
    }

    fn reserve(&self) -> Preallocate {
        match self.preallocate() {
            Preallocate::None => Preallocate::None,
            Preallocate::Zeros | Preallocate::Reserve => Preallocate::Reserve,
        }
    }

    /// Appends a system entry when the clock begins or stops standing before the log's last time,
    /// and says which of the two holds once the batch is placed.
    fn report_clock(&self, batch: &mut Batch, now: UnixNanos) -> Result<bool> {
        let last = self.end.last_recorded_at;
        let behind = last.saturating_sub(now.0);
        let event = match (self.regressed, behind) {
            (false, behind) if behind >= CLOCK_REGRESSION_REPORT_NS => "clock_regression_began",
            (true, 0) => "clock_regression_ended",
            _ => return Ok(self.regressed),
        };
        let data =
            format!("{{\"event\":\"{event}\",\"clock_ns\":{},\"last_recorded_ns\":{last}}}", now.0);
        let entry = Entry::system("witnessmark.clock").data_text(data).timestamp(now);
        self.push_system(batch, &entry, now)?;
        Ok(!self.regressed)
    }

    /// Adds an entry of the engine itself to the end of a batch.
    pub(crate) fn push_system(
        &self,
        batch: &mut Batch,
        entry: &Entry<'_>,
        now: UnixNanos,
    ) -> Result<()> {
        let mut frame = Vec::new();
        let Fixed { admission, pid, .. } = &*self.fixed;
        let encoded = encode::encode(entry, admission, *pid, now, BodyHash::Now, &mut frame)?;
        batch.push(&frame, std::iter::once(encoded.record));
        Ok(())
    }
}

/// Before anything is placed, a full disk concerns this group only; whatever else a write or sync
/// fails with is not tried again.
fn refused_or_poisoned(error: Error) -> CommitError {
    match error.kind() {
        ErrorKind::NoSpace => CommitError::Refused(error),
        _ => CommitError::Poisoned(error),
    }
}

/// How one position of a group is answered.
pub(crate) enum Answer {
    /// With the next placement.
    Next,
    /// With the answer of an earlier position: the same entry twice in one group.
    SameAs(usize),
    /// It was known before anything was placed.
    Known(Placed),
}

/// How a group's positions are answered.
pub(crate) enum Answers {
    /// Every position with its placement.
    AllFresh,
    /// One per position.
    Mixed(Vec<Answer>),
}

impl Answers {
    fn finish(self, run: Run) -> Placements {
        let answers = match self {
            // What stands behind the callers' entries are the engine's own.
            Self::AllFresh => return Placements::Run(run),
            Self::Mixed(answers) => answers,
        };
        let mut placements = (0..).map_while(|position| run.get(position));
        let mut done: Vec<Placed> = Vec::with_capacity(answers.len());
        for answer in answers {
            done.push(match answer {
                Answer::Next => placements.next().map_or_else(missing_placement, Ok),
                Answer::Known(placed) => placed,
                Answer::SameAs(position) => match done.get(position) {
                    Some(Ok(first)) => Ok(Placement { is_duplicate: true, ..*first }),
                    Some(Err(error)) => Err(error.clone()),
                    None => missing_placement(),
                },
            });
        }
        Placements::Each(done)
    }
}

fn missing_placement() -> Placed {
    Err(Error::new(ErrorKind::Closed, "the entry was not placed"))
}

/// Room of a segment in a log of this many bytes.
pub(crate) fn segment_len(log_bytes: u64, segment_bytes: u64) -> u64 {
    log_bytes.clamp(PREALLOCATE_BYTES_MIN.min(segment_bytes), segment_bytes)
}

/// The header of the segment that begins where the log ends.
pub(crate) fn new_segment_header(
    fixed: &Fixed,
    end: &End,
    now: UnixNanos,
) -> Result<SegmentHeader> {
    let mut nonce = [0u8; 8];
    random::os_random(&mut nonce)?;
    Ok(SegmentHeader {
        align: fixed.align,
        generation: 0,
        log_id: fixed.log_id,
        nonce: u64::from_le_bytes(nonce),
        first_index: end.size,
        last_recorded_at: end.last_recorded_at,
        created_at: now.0,
        previous_hash: end.last_hash,
        frontier: end.frontier.hashes().to_vec(),
    })
}

//! Growing parts: a segment without a footer, followed through its file.
//!
//! Catching up reads groups from where the last reader stopped to the published end, and keeps
//! offsets, postings and interior nodes. The frames below the published end never change, so what
//! was read once is read for good.

use crate::error::{Error, ErrorKind, Result};
use crate::format::frame::Frame;
use crate::format::group::{GROUP_HEADER_LEN, GroupHeader};
use crate::format::segment::{SEGMENT_HEADER_LEN, SegmentHeader};
use crate::format::segment_name;
use crate::hash::SealHasher;
use crate::index::MemIndex;
use crate::merkle::{Frontier, NodeId};
use crate::storage::StorageFile;
use crate::sync::{Arc, Mutex, MutexGuard, OnceLock};
use crate::types::Hash;

/// What has been read of a growing segment.
#[derive(Debug)]
pub(crate) struct Followed {
    /// Where reading goes on.
    at: u64,
    pub(crate) index: MemIndex,
    /// Interior nodes completed by this segment's leaves, in stream order.
    pub(crate) nodes: Vec<Hash>,
    frontier: Frontier,
    pub(crate) groups: u64,
    pub(crate) last_header_crc: u32,
    pub(crate) last_entry_hash: Hash,
    pub(crate) recorded: Option<(u64, u64)>,
    /// The running digest of the segment up to `at`, for its seal.
    seal: SealHasher,
    /// Bytes read, kept from one catching up to the next.
    buffer: Vec<u8>,
}

/// Frames that are decoded before they are hashed and indexed together.
const FRAMES_TOGETHER: usize = 64;

impl Followed {
    pub(crate) fn new(header: &SegmentHeader) -> Result<Self> {
        Ok(Self {
            at: SEGMENT_HEADER_LEN as u64,
            index: MemIndex::new(),
            nodes: Vec::new(),
            frontier: Frontier::from_parts(header.first_index.into(), header.frontier.clone())?,
            groups: 0,
            last_header_crc: 0,
            last_entry_hash: header.previous_hash,
            recorded: None,
            seal: SealHasher::new(),
            buffer: Vec::new(),
        })
    }

    /// The running digest of all bytes that were read: the header and every group.
    pub(crate) fn seal(&self) -> SealHasher {
        self.seal.clone()
    }

    /// Root of the tree after what was read.
    pub(crate) fn root(&self) -> Hash {
        self.frontier.root()
    }

    /// Takes every whole group at the start of `bytes`; returns how many bytes they were.
    fn take_groups(&mut self, bytes: &[u8], nonce: u64) -> Result<usize> {
        let mut used = 0;
        while let Some(group) = bytes.get(used..).filter(|rest| !rest.is_empty()) {
            let Some(len) = group_len(group, nonce, self.at)? else { break };
            if len > group.len() {
                break;
            }
            self.take_group(group, nonce)?;
            used += len;
        }
        Ok(used)
    }

    /// Takes all groups of a segment at once.
    pub(crate) fn take_all(&mut self, groups: &[u8], nonce: u64) -> Result<()> {
        let used = self.take_groups(groups, nonce)?;
        if used == groups.len() {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Corrupt, "a sealed group is not whole").at_offset(self.at))
    }

    /// Takes the whole group at the start of `bytes`.
    fn take_group(&mut self, bytes: &[u8], nonce: u64) -> Result<()> {
        let offset = self.at;
        let corrupt = |flaw: crate::format::Flaw| flaw.into_error("", offset);
        let (header, header_crc) = GroupHeader::decode(bytes, nonce).map_err(corrupt)?;
        let mut at = GROUP_HEADER_LEN;
        let mut frames: Vec<(Frame<'_>, u32)> = Vec::with_capacity(FRAMES_TOGETHER);
        let mut leaves = Vec::new();
        for _ in 0..header.count {
            let frame = Frame::decode(bytes.get(at..).unwrap_or_default())
                .map_err(|flaw| corrupt(flaw.shifted(at as u64)))?;
            let frame_at = u32::try_from(offset + at as u64).unwrap_or(u32::MAX);
            at += frame.stored_len as usize;
            leaves.push(frame.entry_hash);
            let first = self.recorded.map_or(frame.recorded_at, |(first, _)| first);
            self.recorded = Some((first, frame.recorded_at));
            frames.push((frame, frame_at));
            if frames.len() == FRAMES_TOGETHER {
                self.index.push_all(&frames);
                frames.clear();
            }
        }
        self.index.push_all(&frames);
        self.grow(&leaves);
        self.groups += 1;
        self.last_header_crc = header_crc;
        self.at = offset + header.group_len();
        Ok(())
    }

    /// Takes the next leaves of the tree, and keeps the nodes they complete.
    fn grow(&mut self, leaves: &[Hash]) {
        let Some(last) = leaves.last() else { return };
        self.last_entry_hash = *last;
        let first = NodeId::stored_before(self.frontier.size().get());
        let from = self.nodes.len();
        let nodes = &mut self.nodes;
        self.frontier.extend(leaves, |id, hash| {
            let at = usize::try_from(id.position() - first).map_or(usize::MAX, |at| from + at);
            if at >= nodes.len() {
                nodes.resize(at + 1, Hash::ZERO);
            }
            if let Some(node) = nodes.get_mut(at) {
                *node = hash;
            }
        });
    }
}

/// A segment that is written to, or waits to be sealed.
#[derive(Debug)]
pub(crate) struct Growing {
    pub(crate) header: SegmentHeader,
    pub(crate) file: Arc<dyn StorageFile>,
    final_end: OnceLock<u64>,
    followed: Mutex<Followed>,
}

/// Bytes read at once while catching up.
const READ_BYTES: usize = 1 << 20;

impl Growing {
    pub(crate) fn new(header: SegmentHeader, file: Arc<dyn StorageFile>) -> Result<Self> {
        let followed = Mutex::new(Followed::new(&header)?);
        Ok(Self { header, file, final_end: OnceLock::new(), followed })
    }

    /// Says that no group will begin at or behind `end`.
    pub(crate) fn finish(&self, end: u64) {
        self.final_end.get_or_init(|| end);
    }

    pub(crate) fn final_end(&self) -> Option<u64> {
        self.final_end.get().copied()
    }

    pub(crate) fn name(&self) -> String {
        segment_name(self.header.first_index)
    }

    /// Reads on to `end` and gives what is known then. Never waits for the writer.
    pub(crate) fn followed(&self, end: u64) -> Result<MutexGuard<'_, Followed>> {
        let mut followed = self.followed.lock();
        self.catch_up(&mut followed, end).map_err(|error| error.at_file(self.name()))?;
        Ok(followed)
    }

    fn catch_up(&self, followed: &mut Followed, end: u64) -> Result<()> {
        let mut buffer = std::mem::take(&mut followed.buffer);
        let result = self.read_groups(followed, &mut buffer, end);
        if self.final_end().is_none_or(|last| followed.at < last) {
            followed.buffer = buffer;
        }
        result
    }

    fn read_groups(&self, followed: &mut Followed, buffer: &mut Vec<u8>, end: u64) -> Result<()> {
        let begin = SEGMENT_HEADER_LEN;
        if followed.at == begin as u64 && followed.groups == 0 {
            followed.seal = SealHasher::new();
            self.file.read_exact_at(room(buffer, 0, begin), 0)?;
            followed.seal.update(room(buffer, 0, begin));
        }
        while followed.at < end {
            let base = followed.at;
            let left = usize::try_from(end - base).unwrap_or(usize::MAX);
            let mut len = left.min(READ_BYTES);
            self.file.read_exact_at(room(buffer, 0, len), base)?;
            let first = group_len(room(buffer, 0, len), self.header.nonce, base)?;
            let wanted = first.unwrap_or(usize::MAX);
            if wanted > left {
                return Err(Error::new(ErrorKind::Corrupt, "a published group is not whole")
                    .at_offset(base));
            }
            if wanted > len {
                self.file.read_exact_at(room(buffer, len, wanted), base + len as u64)?;
                len = wanted;
            }
            let taken = followed.take_groups(room(buffer, 0, len), self.header.nonce);
            // Whatever was taken is not read again, even if what follows cannot be taken.
            let used = usize::try_from(followed.at - base).unwrap_or(usize::MAX);
            followed.seal.update(room(buffer, 0, used.min(len)));
            taken?;
        }
        Ok(())
    }
}

/// Bytes `from..to` of a buffer that grows as it must.
fn room(buffer: &mut Vec<u8>, from: usize, to: usize) -> &mut [u8] {
    if buffer.len() < to {
        buffer.resize(to, 0);
    }
    buffer.get_mut(from..to).unwrap_or_default()
}

/// Bytes of the group that begins here; `None` when its header is not all there.
fn group_len(bytes: &[u8], nonce: u64, offset: u64) -> Result<Option<usize>> {
    if bytes.len() < GROUP_HEADER_LEN {
        return Ok(None);
    }
    let (header, _) = GroupHeader::decode(bytes, nonce).map_err(|f| f.into_error("", offset))?;
    Ok(Some(usize::try_from(header.group_len()).unwrap_or(usize::MAX)))
}

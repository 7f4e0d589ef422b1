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
use crate::index::MemIndex;
use crate::merkle::{Frontier, NodeId};
use crate::storage::StorageFile;
use crate::sync::{Arc, Mutex, MutexGuard};
use crate::types::Hash;
use std::sync::OnceLock;

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
}

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
        })
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
        for _ in 0..header.count {
            let frame = Frame::decode(bytes.get(at..).unwrap_or_default())
                .map_err(|flaw| corrupt(flaw.shifted(at as u64)))?;
            let frame_at = u32::try_from(offset + at as u64).unwrap_or(u32::MAX);
            self.index.push(&frame, frame_at);
            let nodes = &mut self.nodes;
            self.frontier.push(frame.entry_hash, |_: NodeId, hash| nodes.push(hash));
            self.last_entry_hash = frame.entry_hash;
            let first = self.recorded.map_or(frame.recorded_at, |(first, _)| first);
            self.recorded = Some((first, frame.recorded_at));
            at += frame.stored_len as usize;
        }
        self.groups += 1;
        self.last_header_crc = header_crc;
        self.at = offset + header.group_len();
        Ok(())
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
        let mut buffer = Vec::new();
        let mut wanted = READ_BYTES;
        while followed.at < end {
            let base = followed.at;
            let left = usize::try_from(end - base).unwrap_or(usize::MAX);
            buffer.resize(left.min(wanted), 0);
            self.file.read_exact_at(&mut buffer, base)?;
            let used = followed.take_groups(&buffer, self.header.nonce)?;
            wanted = READ_BYTES;
            if used == 0 {
                // The first group is longer than what was read.
                wanted = group_len(&buffer, self.header.nonce, base)?.unwrap_or(usize::MAX);
                if wanted > left {
                    return Err(Error::new(ErrorKind::Corrupt, "a published group is not whole")
                        .at_offset(base));
                }
            }
        }
        Ok(())
    }
}

/// Bytes of the group that begins here; `None` when its header is not all there.
fn group_len(bytes: &[u8], nonce: u64, offset: u64) -> Result<Option<usize>> {
    if bytes.len() < GROUP_HEADER_LEN {
        return Ok(None);
    }
    let (header, _) = GroupHeader::decode(bytes, nonce).map_err(|f| f.into_error("", offset))?;
    Ok(Some(usize::try_from(header.group_len()).unwrap_or(usize::MAX)))
}

//! Parts: one segment's entries, growing or sealed, behind one face.
//!
//! Inside a part an entry has a *local* position, its index minus the part's first index.

use super::growing::{Followed, Growing};
use super::sealed::Sealed;
use crate::entry::Field;
use crate::error::{Error, ErrorKind, Result};
use crate::format::frame::{FRAME_FIXED_LEN, FRAME_HASH_OFFSET, Frame};
use crate::format::meta;
use crate::format::stored::StoredEntry;
use crate::hash;
use crate::index::PartIndex;
use crate::limits::{META_BYTES_MAX, PAYLOAD_BYTES_MAX};
use crate::merkle::NodeId;
use crate::types::Hash;

/// One segment.
#[derive(Debug)]
pub(crate) enum Part {
    Growing(Box<Growing>),
    Sealed(Box<Sealed>),
}

/// Bytes read at first for one entry of a growing part; most entries fit.
const FIRST_READ: usize = 1024;
/// How far before an entry the hash of the one before may lie to be read together with it.
const NEAR: u32 = 2048;

/// Most bytes of an entry that are asked of memory ahead; to ask for one byte brings a line of them.
const FETCHED_MAX: usize = 4096;
const CACHE_LINE: usize = 64;

/// The first bytes of a buffer that grows as it must.
fn first_of(room: &mut Vec<u8>, len: usize) -> &mut [u8] {
    if room.len() < len {
        room.resize(len, 0);
    }
    room.get_mut(..len).unwrap_or_default()
}

/// Where the entry hash lies of the frame at this offset.
fn hash_offset(frame: u32) -> u32 {
    frame.saturating_add(u32::try_from(FRAME_HASH_OFFSET).unwrap_or(0))
}

impl Part {
    pub(crate) fn growing(growing: Growing) -> Self {
        Self::Growing(Box::new(growing))
    }

    pub(crate) fn sealed(sealed: Sealed) -> Self {
        Self::Sealed(Box::new(sealed))
    }

    pub(crate) fn is_sealed(&self) -> bool {
        matches!(self, Self::Sealed(_))
    }

    pub(crate) fn first_index(&self) -> u64 {
        match self {
            Self::Growing(growing) => growing.header.first_index,
            Self::Sealed(sealed) => sealed.header.first_index,
        }
    }

    pub(crate) fn name(&self) -> String {
        crate::format::segment_name(self.first_index())
    }

    /// Entry hash of the entry before this part.
    pub(crate) fn previous_hash(&self) -> Hash {
        match self {
            Self::Growing(growing) => growing.header.previous_hash,
            Self::Sealed(sealed) => sealed.header.previous_hash,
        }
    }

    pub(crate) fn final_end(&self) -> Option<u64> {
        match self {
            Self::Growing(growing) => growing.final_end(),
            Self::Sealed(sealed) => Some(sealed.data_end),
        }
    }

    pub(crate) fn finish_growing(&self, end: u64) {
        if let Self::Growing(growing) = self {
            growing.finish(end);
        }
    }

    /// Calls `use_index` with this part's index, caught up to `end`.
    pub(crate) fn with_index<R>(
        &self,
        end: u64,
        use_index: impl FnOnce(&dyn PartIndex) -> Result<R>,
    ) -> Result<R> {
        match self {
            Self::Growing(growing) => use_index(&growing.followed(end)?.index),
            Self::Sealed(sealed) => use_index(sealed.index()?),
        }
    }

    fn offset(&self, local: u32, end: u64) -> Result<u32> {
        self.with_index(end, |index| self.offset_in(index, local))
    }

    /// Where the entry lies, by this part's index.
    pub(crate) fn offset_in(&self, index: &dyn PartIndex, local: u32) -> Result<u32> {
        index.offset(local).ok_or_else(|| {
            let wanted = format!("below {}", index.len());
            Error::new(ErrorKind::Corrupt, "the index holds fewer entries than the segment")
                .at_file(self.name())
                .expected(wanted, local)
        })
    }

    /// The entry at `local`; hashes are not checked here.
    pub(crate) fn entry(&self, local: u32, previous: Hash, end: u64) -> Result<StoredEntry> {
        let offset = self.offset(local, end)?;
        self.entry_at(offset, local, previous)
    }

    /// The entry at this offset of the segment file.
    pub(crate) fn entry_at(&self, offset: u32, local: u32, previous: Hash) -> Result<StoredEntry> {
        self.with_frame_bytes(offset, |bytes| self.decode(bytes, offset, local, previous))
    }

    fn decode(&self, bytes: &[u8], offset: u32, local: u32, previous: Hash) -> Result<StoredEntry> {
        let index = self.first_index() + u64::from(local);
        StoredEntry::read(bytes, index.into(), previous)
            .map_err(|flaw| flaw.into_error(self.name(), u64::from(offset)).at_index(index))
    }

    /// Has the bytes of entries come from memory all at once: reading them one by one would wait for
    /// each. Where they lie is the index's word, and only its; nothing is believed of it here.
    pub(crate) fn fetch(&self, index: &dyn PartIndex, locals: &[u32]) {
        let Self::Sealed(sealed) = self else { return };
        let mut seen = 0u8;
        for local in locals {
            let Some(offset) = index.offset(*local) else { continue };
            let before = local.checked_sub(1).and_then(|before| index.offset(before));
            let next = local.checked_add(1).and_then(|next| index.offset(next));
            let len = next.and_then(|next| next.checked_sub(offset));
            let len = len.map_or(FIRST_READ, |len| (len as usize).min(FETCHED_MAX));
            let hash = before.and_then(|before| sealed.bytes_from(hash_offset(before)).ok());
            let frame = sealed.bytes_from(offset).ok();
            for (bytes, len) in [(hash, 32), (frame, len)] {
                let bytes = bytes.unwrap_or_default();
                let lines = bytes.get(..len).unwrap_or(bytes).iter().step_by(CACHE_LINE);
                seen = lines.fold(seen, |seen, byte| seen ^ byte);
            }
        }
        std::hint::black_box(seen);
    }

    /// The entry at `local` of the index, with the stored hash of the entry before; hashes are not
    /// checked here. `room` is for reading, and may be used again.
    pub(crate) fn entry_in(
        &self,
        index: &dyn PartIndex,
        local: u32,
        room: &mut Vec<u8>,
    ) -> Result<StoredEntry> {
        let offset = self.offset_in(index, local)?;
        let Some(before) = local.checked_sub(1) else {
            return self.entry_at(offset, local, self.previous_hash());
        };
        let hash_at = hash_offset(self.offset_in(index, before)?);
        let ahead = offset.checked_sub(hash_at).filter(|ahead| *ahead <= NEAR);
        let (Self::Growing(growing), Some(ahead)) = (self, ahead) else {
            return self.entry_at(offset, local, self.hash_from(hash_at)?);
        };
        let next = local.checked_add(1).and_then(|next| index.offset(next));
        let len = next.and_then(|next| next.checked_sub(offset));
        let len = len.map_or(FIRST_READ, |len| len as usize);
        let bytes = self.read_growing(growing, hash_at, ahead as usize, len, room)?;
        let previous = bytes.first_chunk().map(|bytes| Hash(*bytes)).unwrap_or_default();
        self.decode(bytes.get(ahead as usize..).unwrap_or_default(), offset, local, previous)
    }

    /// Calls `read` with bytes that begin with the frame at `offset` and hold all of it.
    pub(crate) fn with_frame_bytes<R>(
        &self,
        offset: u32,
        read: impl FnOnce(&[u8]) -> Result<R>,
    ) -> Result<R> {
        match self {
            Self::Sealed(sealed) => read(sealed.bytes_from(offset)?),
            Self::Growing(growing) => {
                read(self.read_growing(growing, offset, 0, FIRST_READ, &mut Vec::new())?)
            }
        }
    }

    /// The bytes from `offset` on, up to the end of the frame that begins `ahead` bytes behind it and
    /// is thought to have `len` bytes.
    fn read_growing<'r>(
        &self,
        growing: &Growing,
        offset: u32,
        ahead: usize,
        len: usize,
        room: &'r mut Vec<u8>,
    ) -> Result<&'r [u8]> {
        let at = u64::from(offset);
        let got = growing.file.read_at(first_of(room, ahead + len), at)?;
        let claimed = room.get(..got).and_then(|bytes| bytes.get(ahead + 4..)?.first_chunk());
        let len = claimed.map_or(0, |bytes| u32::from_le_bytes(*bytes)) as usize;
        let len_max = FRAME_FIXED_LEN + 64 + META_BYTES_MAX + PAYLOAD_BYTES_MAX;
        if ahead + len <= got || len > len_max {
            return Ok(room.get(..got).unwrap_or_default());
        }
        let all = first_of(room, ahead + len);
        growing.file.read_exact_at(all, at).map_err(|e| e.at_file(self.name()))?;
        Ok(all)
    }

    /// The stored entry hash.
    pub(crate) fn entry_hash(&self, local: u32, end: u64) -> Result<Hash> {
        self.hash_at(self.offset(local, end)?)
    }

    /// The entry hash in the frame at this offset.
    pub(crate) fn hash_at(&self, offset: u32) -> Result<Hash> {
        self.hash_from(hash_offset(offset))
    }

    fn hash_from(&self, at: u32) -> Result<Hash> {
        let mut bytes = [0u8; 32];
        match self {
            Self::Sealed(sealed) => {
                if let Some(slice) = sealed.bytes_from(at)?.get(..32) {
                    bytes.copy_from_slice(slice);
                }
            }
            Self::Growing(growing) => growing.file.read_exact_at(&mut bytes, u64::from(at))?,
        }
        Ok(Hash(bytes))
    }

    /// The interior node at this position of the whole log's stream of nodes.
    pub(crate) fn node(&self, position: u64, end: u64) -> Result<Hash> {
        let first = NodeId::stored_before(self.first_index());
        let at = position.saturating_sub(first);
        let node = match self {
            Self::Growing(growing) => {
                let at = usize::try_from(at).unwrap_or(usize::MAX);
                growing.followed(end)?.nodes.get(at).copied()
            }
            Self::Sealed(sealed) => sealed.node(at)?,
        };
        node.ok_or_else(|| {
            Error::new(ErrorKind::Corrupt, "a stored node is missing")
                .at_file(crate::format::nodes_name(self.first_index()))
                .expected(format_args!("node {position}"), "nothing")
        })
    }

    /// Calls `each` with the local position and the id key of every entry that has an id.
    pub(crate) fn for_each_id_key(&self, end: u64, mut each: impl FnMut(u32, u64)) -> Result<()> {
        let offsets: Vec<u32> = self.with_index(end, |index| {
            Ok((0..index.len()).filter_map(|local| index.offset(local)).collect())
        })?;
        for (local, offset) in (0u32..).zip(offsets) {
            let key = self.with_frame_bytes(offset, |bytes| {
                let frame = Frame::decode(bytes)
                    .map_err(|flaw| flaw.into_error(self.name(), u64::from(offset)))?;
                let find = |field| frame.meta().and_then(|meta| meta::find(meta, field));
                let id = find(Field::EntryUuid).or_else(|| find(Field::EntryId));
                Ok(id.map(hash::id_key))
            })?;
            if let Some(key) = key {
                each(local, key);
            }
        }
        Ok(())
    }

    /// What was read of a growing part; `None` when it is sealed.
    pub(crate) fn with_followed<R>(
        &self,
        end: u64,
        read: impl FnOnce(&Followed) -> Result<R>,
    ) -> Result<Option<R>> {
        match self {
            Self::Growing(growing) => read(&*growing.followed(end)?).map(Some),
            Self::Sealed(_) => Ok(None),
        }
    }
}

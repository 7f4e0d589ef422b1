//! The active segment: where groups are written, and the order in which a new one comes to be.
//!
//! A new segment is prepared as `spare.tmp` (room allocated or zeroed ahead), gets its header,
//! is synced, renamed, and the directory is synced, before the first group goes into it. So a
//! segment file that has its name has a whole header.

use crate::error::Result;
use crate::format::group::{GROUP_HEADER_LEN, GroupHeader, padding};
use crate::format::segment::{SEGMENT_HEADER_LEN, SegmentHeader};
use crate::format::{SPARE_NAME, crc, segment_name};
use crate::limits::{BULK_GROUP_BYTES, PREALLOCATE_BYTES_MIN};
use crate::storage::{Storage, StorageFile};
use crate::sync::Arc;

/// How the room of a new segment is made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Preallocate {
    /// Nothing: memory.
    None,
    /// Zeros are written: small commits then touch no metadata.
    Zeros,
    /// Blocks are reserved only: cheaper when groups are large and segments go fast.
    Reserve,
}

/// A prepared file without a header.
#[derive(Debug)]
pub(crate) struct Spare {
    pub(crate) file: Arc<dyn StorageFile>,
    pub(crate) len: u64,
}

impl Spare {
    /// Makes `spare.tmp` with room for `len` bytes, replacing one that was left behind.
    pub(crate) fn prepare(storage: &dyn Storage, len: u64, how: Preallocate) -> Result<Self> {
        match storage.remove(SPARE_NAME) {
            Ok(()) => {}
            Err(error) if error.kind() == crate::error::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let file = storage.create(SPARE_NAME)?;
        let made = make_room(&*file, 0, len, how).and_then(|()| match how {
            Preallocate::Zeros => file.sync_all(),
            Preallocate::None | Preallocate::Reserve => Ok(()),
        });
        if let Err(error) = made {
            // Half a spare must not hold the room that is missing.
            let _ = storage.remove(SPARE_NAME);
            return Err(error.at_file(SPARE_NAME));
        }
        Ok(Self { file, len })
    }

    /// Writes the header of the segment this will be, and syncs it. Nobody knows the spare by its
    /// name yet, so when it fails for lack of room it is thrown away and nothing has happened.
    pub(crate) fn take_header(&self, storage: &dyn Storage, header: &SegmentHeader) -> Result<()> {
        let written = self.file.write_all_at(&header.encode(), 0);
        let synced = written.and_then(|()| self.file.sync_all());
        synced.map_err(|error| {
            let _ = storage.remove(SPARE_NAME);
            error.at_file(SPARE_NAME)
        })
    }
}

fn make_room(file: &dyn StorageFile, from: u64, len: u64, how: Preallocate) -> Result<()> {
    match how {
        Preallocate::None => Ok(()),
        Preallocate::Zeros => {
            file.allocate(from, len)?;
            file.zero_fill(from, len)
        }
        Preallocate::Reserve => {
            file.allocate(from, len)?;
            file.set_len(from + len)
        }
    }
}

/// The segment that groups are written to.
#[derive(Debug)]
pub(crate) struct Active {
    pub(crate) file: Arc<dyn StorageFile>,
    pub(crate) header: SegmentHeader,
    /// Where the next group goes.
    pub(crate) at: u64,
    /// Bytes there is room for.
    pub(crate) capacity: u64,
    /// Bytes up to which room is made here rather than in a new segment.
    pub(crate) len_max: u64,
    /// Groups in it.
    pub(crate) groups: u64,
    /// CRC of the last group's header, 0 before the first.
    pub(crate) last_header_crc: u32,
}

impl Active {
    /// Turns a spare that has its header into the active segment.
    pub(crate) fn begin(
        storage: &dyn Storage,
        spare: Spare,
        header: SegmentHeader,
    ) -> Result<Self> {
        let name = segment_name(header.first_index);
        // The header is durable under the spare's name; a crash here leaves a spare to be removed.
        storage.rename(SPARE_NAME, &name, false)?;
        storage.sync_dir()?;
        // The segment has its name for good; from here on groups may go into it.
        Ok(Self {
            file: spare.file,
            at: SEGMENT_HEADER_LEN as u64,
            capacity: spare.len,
            len_max: spare.len,
            groups: 0,
            last_header_crc: 0,
            header,
        })
    }

    /// The file's name.
    pub(crate) fn name(&self) -> String {
        segment_name(self.header.first_index)
    }

    /// Whether the log is fed in bulk: in groups so large that what the next segment's zeros cost
    /// outweighs what they save each sync, and that its pages are worth more to others.
    pub(crate) fn is_bulk(&self) -> bool {
        self.at / self.groups.max(1) >= BULK_GROUP_BYTES
    }

    /// Bytes a group with this many bytes of frames takes here, padding included.
    pub(crate) fn group_len(&self, body_len: usize) -> u64 {
        let len = (GROUP_HEADER_LEN + body_len) as u64;
        len + u64::from(padding(self.at, len, self.header.align))
    }

    /// Makes room for `len` more bytes than are used, and a little ahead.
    pub(crate) fn extend(&mut self, len: u64, how: Preallocate) -> Result<()> {
        let ahead = (self.at + len + PREALLOCATE_BYTES_MIN).min(self.len_max);
        let wanted = ahead.max(self.at + len);
        if wanted > self.capacity {
            make_room(&*self.file, self.capacity, wanted - self.capacity, how)
                .map_err(|error| error.at_file(self.name()))?;
            self.capacity = wanted;
        }
        Ok(())
    }

    /// Finishes the group in `bytes` (room for the header, then frames) and writes it with one
    /// positioned write. Nothing is durable yet.
    pub(crate) fn write_group(
        &mut self,
        bytes: &mut Vec<u8>,
        mut header: GroupHeader,
    ) -> Result<()> {
        let pad = padding(self.at, bytes.len() as u64, self.header.align);
        bytes.resize(bytes.len() + pad as usize, 0);
        header.pad_len = pad;
        header.nonce = self.header.nonce;
        header.previous_header_crc = self.last_header_crc;
        let (room, body) = bytes.split_at_mut(GROUP_HEADER_LEN);
        header.body_crc = crc(header.nonce, &[body]);
        let (encoded, header_crc) = header.encode();
        room.copy_from_slice(&encoded);
        self.file.write_all_at(bytes, self.at).map_err(|error| error.at_file(self.name()))?;
        self.at += bytes.len() as u64;
        self.groups += 1;
        self.last_header_crc = header_crc;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::MemoryStorage;
    use crate::types::Hash;

    fn begun(storage: &MemoryStorage, first_index: u64, len: u64, how: Preallocate) -> Active {
        let header = SegmentHeader {
            align: 1,
            generation: 0,
            log_id: [0; 32],
            nonce: 1,
            first_index,
            last_recorded_at: 0,
            created_at: 0,
            previous_hash: Hash::ZERO,
            frontier: Vec::new(),
        };
        let spare = Spare::prepare(storage, len, how).unwrap();
        Active::begin(storage, spare, header).unwrap()
    }

    #[test]
    fn room_is_made_a_little_ahead_up_to_the_segments_length_and_beyond_it_when_it_must() {
        let (storage, len_max) = (MemoryStorage::new(), 4 * PREALLOCATE_BYTES_MIN);
        for how in [Preallocate::Zeros, Preallocate::Reserve] {
            let mut active = begun(&storage, how as u64, len_max, how);
            assert_eq!(active.file.len().unwrap(), len_max);
            // Closing gave back what was left.
            active.at = 10_000;
            active.capacity = active.at;
            active.file.set_len(active.at).unwrap();
            for (at, len, wanted) in [
                (10_000, 1000, 11_000 + PREALLOCATE_BYTES_MIN),
                (10_500, 500, 11_000 + PREALLOCATE_BYTES_MIN),
                // There is room already.
                (10_400, 500, 11_000 + PREALLOCATE_BYTES_MIN),
                (len_max - 2000, 1500, len_max),
                (len_max - 2000, 2001, len_max + 1),
            ] {
                active.at = at;
                active.extend(len, how).unwrap();
                assert_eq!((active.capacity, active.file.len().unwrap()), (wanted, wanted));
            }
        }
        let mut active = begun(&storage, 7, 9000, Preallocate::None);
        active.extend(9000, Preallocate::None).unwrap();
        let beyond = active.at + 9000;
        assert_eq!((active.capacity, active.file.len().unwrap()), (beyond, 0));
    }

    #[test]
    fn large_groups_are_bulk_and_many_small_ones_are_not() {
        let storage = MemoryStorage::new();
        for (body_len, is_bulk) in [(100, false), (200_000, false), (300_000, true)] {
            let mut active = begun(&storage, body_len as u64, 1 << 20, Preallocate::None);
            for _ in 0..3 {
                let group = GroupHeader {
                    body_crc: 0,
                    nonce: 0,
                    first_index: 0,
                    count: 1,
                    pad_len: 0,
                    body_len: u32::try_from(body_len).unwrap(),
                    previous_header_crc: 0,
                    synced_size: 0,
                    wall_clock: 0,
                    root: Hash::ZERO,
                };
                active.write_group(&mut vec![0; GROUP_HEADER_LEN + body_len], group).unwrap();
            }
            assert_eq!((active.is_bulk(), active.groups), (is_bulk, 3));
        }
    }
}

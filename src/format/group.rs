//! Group headers: what one commit wrote, and what was durable before it.
//!
//! ```text
//! | magic[8] | header_crc | body_crc | nonce | first_index | count | pad_len |
//! | body_len | previous_header_crc | synced_size | wall_clock | root[32] |       96 bytes
//! ```
//!
//! The magic holds 0xFF and 0xFE, which UTF-8 never does, so no payload can look like a group.
//! `header_crc` covers the header from `body_crc` on and makes the lengths trustworthy; `body_crc`
//! covers nonce, frames and padding. `synced_size` *vouches*: when this group was written, entries
//! below it had been synced.

use super::cursor::{Cursor, Filler};
use super::{Flaw, crc};
use crate::limits::{GROUP_BODY_BYTES_MAX, GROUP_ENTRIES_MAX};
use crate::types::Hash;

/// First bytes of a group.
pub const GROUP_MAGIC: [u8; 8] = [0xff, b'W', b'M', b'G', b'R', b'P', 0xfe, 0x01];
/// Length of a group header in bytes.
pub const GROUP_HEADER_LEN: usize = 96;
/// Offset of the fields `header_crc` covers.
pub const GROUP_COVERED_OFFSET: usize = 12;
/// Offset of the nonce.
const GROUP_NONCE_OFFSET: usize = 16;

/// A group header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GroupHeader {
    /// CRC of nonce, frames and padding.
    pub body_crc: u32,
    /// The segment's nonce.
    pub nonce: u64,
    /// Index of the first entry; of the next one, when the group is empty.
    pub first_index: u64,
    /// Entries in this group; 0 makes it a heartbeat.
    pub count: u32,
    /// Zero bytes after the frames, up to the segment's alignment.
    pub pad_len: u32,
    /// Bytes of frames.
    pub body_len: u32,
    /// `header_crc` of the group before in this segment; 0 for the first.
    pub previous_header_crc: u32,
    /// Tree size that was durable when this group was written.
    pub synced_size: u64,
    /// The host's clock in nanoseconds since 1970, not clamped.
    pub wall_clock: u64,
    /// Root of the tree after this group.
    pub root: Hash,
}

impl GroupHeader {
    /// The 96 bytes and the `header_crc` in them.
    #[must_use]
    pub fn encode(&self) -> ([u8; GROUP_HEADER_LEN], u32) {
        let mut bytes = [0u8; GROUP_HEADER_LEN];
        Filler::new(&mut bytes)
            .put(&GROUP_MAGIC)
            .skip(4)
            .put(&self.body_crc.to_le_bytes())
            .put(&self.nonce.to_le_bytes())
            .put(&self.first_index.to_le_bytes())
            .put(&self.count.to_le_bytes())
            .put(&self.pad_len.to_le_bytes())
            .put(&self.body_len.to_le_bytes())
            .put(&self.previous_header_crc.to_le_bytes())
            .put(&self.synced_size.to_le_bytes())
            .put(&self.wall_clock.to_le_bytes())
            .put(&self.root.0);
        let header_crc = covered_crc(&bytes);
        Filler::new(&mut bytes).skip(8).put(&header_crc.to_le_bytes());
        (bytes, header_crc)
    }

    /// Decodes the header at the start of `bytes` and returns it with its `header_crc`.
    ///
    /// # Errors
    /// A [`Flaw`] for a wrong magic, CRC or nonce, or lengths over the limits.
    pub fn decode(bytes: &[u8], nonce: u64) -> Result<(Self, u32), Flaw> {
        let mut c = Cursor::new(bytes);
        let whole: &[u8; GROUP_HEADER_LEN] = c.array()?;
        let mut c = Cursor::new(whole);
        c.magic(&GROUP_MAGIC, "group magic")?;
        let header_crc = c.u32()?;
        let wanted = covered_crc(whole);
        if header_crc != wanted {
            let (wanted, found) = (format!("{wanted:08x}"), format!("{header_crc:08x}"));
            return Err(Flaw::new(8, "group header crc", wanted, found));
        }
        let header = Self {
            body_crc: c.u32()?,
            nonce: c.u64()?,
            first_index: c.u64()?,
            count: c.u32()?,
            pad_len: c.u32()?,
            body_len: c.u32()?,
            previous_header_crc: c.u32()?,
            synced_size: c.u64()?,
            wall_clock: c.u64()?,
            root: c.hash()?,
        };
        if header.nonce != nonce {
            let (wanted, found) = (format!("{nonce:016x}"), format!("{:016x}", header.nonce));
            return Err(Flaw::new(16, "group nonce", wanted, found));
        }
        if header.body_len as usize > GROUP_BODY_BYTES_MAX {
            return Err(Flaw::new(40, "group length", GROUP_BODY_BYTES_MAX, header.body_len));
        }
        if header.count > GROUP_ENTRIES_MAX || (header.count == 0) != (header.body_len == 0) {
            let (wanted, found) = (GROUP_ENTRIES_MAX, header.count);
            return Err(Flaw::new(
                32,
                "group count",
                format_args!("1 to {wanted}, or 0 with no bytes"),
                found,
            ));
        }
        if header.pad_len >= 4096 {
            return Err(Flaw::new(36, "group padding", "below 4096", header.pad_len));
        }
        if header.synced_size > header.first_index {
            let (wanted, found) = (header.first_index, header.synced_size);
            return Err(Flaw::new(48, "synced size is beyond the group", wanted, found));
        }
        Ok((header, header_crc))
    }

    /// The nonce that a header claims, for whoever has lost the segment header that says it;
    /// `None` when there are not enough bytes. To be given to [`GroupHeader::decode`].
    #[must_use]
    pub fn nonce_of(bytes: &[u8]) -> Option<u64> {
        let mut c = Cursor::new(bytes);
        c.take(GROUP_NONCE_OFFSET).ok()?;
        c.u64().ok()
    }

    /// Bytes of the whole group: header, frames and padding.
    #[must_use]
    pub fn group_len(&self) -> u64 {
        GROUP_HEADER_LEN as u64 + u64::from(self.body_len) + u64::from(self.pad_len)
    }

    /// Checks frames and padding (one slice) against `body_crc`.
    ///
    /// # Errors
    /// A [`Flaw`] when the CRC differs.
    pub fn check_body(&self, body_and_padding: &[u8]) -> Result<(), Flaw> {
        let found = crc(self.nonce, &[body_and_padding]);
        if found == self.body_crc {
            let mut padding = super::cursor::Cursor::new(body_and_padding);
            padding.take(self.body_len as usize)?;
            let at = GROUP_HEADER_LEN as u64;
            let pad_len = self.pad_len as usize;
            return padding.zeros(pad_len, "group padding").map_err(|flaw| flaw.shifted(at));
        }
        let (wanted, found) = (format!("{:08x}", self.body_crc), format!("{found:08x}"));
        Err(Flaw::new(GROUP_HEADER_LEN, "group body crc", wanted, found))
    }
}

fn covered_crc(bytes: &[u8; GROUP_HEADER_LEN]) -> u32 {
    let (_, covered) = bytes.split_at(GROUP_COVERED_OFFSET);
    crc32fast::hash(covered)
}

/// Zero bytes needed after a group of `len` bytes at `offset` to reach the next aligned offset.
#[must_use]
pub fn padding(offset: u64, len: u64, align: u16) -> u32 {
    let align = u64::from(align.max(1));
    let over = (offset + len) % align;
    u32::try_from((align - over) % align).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> GroupHeader {
        GroupHeader {
            body_crc: 1,
            nonce: 2,
            first_index: 3,
            count: 4,
            pad_len: 5,
            body_len: 6,
            previous_header_crc: 7,
            synced_size: 3,
            wall_clock: 9,
            root: Hash([10; 32]),
        }
    }

    #[test]
    fn every_flipped_bit_of_a_header_is_refused() {
        let (bytes, header_crc) = sample().encode();
        assert_eq!(GroupHeader::decode(&bytes, 2), Ok((sample(), header_crc)));
        for bit in 0..bytes.len() * 8 {
            let mut bad = bytes;
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(GroupHeader::decode(&bad, 2).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn zeros_are_not_a_group_and_another_segments_group_is_refused() {
        assert!(GroupHeader::decode(&[0; GROUP_HEADER_LEN], 0).is_err());
        let (bytes, _) = sample().encode();
        assert_eq!(GroupHeader::decode(&bytes, 99).unwrap_err().what, "group nonce");
    }

    #[test]
    fn numbers_beyond_their_bounds_are_refused_under_a_right_crc() {
        let judged = |bend: &dyn Fn(&mut GroupHeader)| {
            let mut header = sample();
            bend(&mut header);
            GroupHeader::decode(&header.encode().0, 2).map_err(|flaw| flaw.what).err()
        };
        let most = u32::try_from(GROUP_BODY_BYTES_MAX).unwrap();
        assert_eq!(judged(&|header| header.body_len = most), None);
        for len in [most + 1, u32::MAX] {
            assert_eq!(judged(&|header| header.body_len = len), Some("group length"));
        }
        assert_eq!(judged(&|header| header.count = GROUP_ENTRIES_MAX), None);
        for count in [0, GROUP_ENTRIES_MAX + 1, u32::MAX] {
            assert_eq!(judged(&|header| header.count = count), Some("group count"));
        }
        assert_eq!(judged(&|header| header.pad_len = 4095), None);
        assert_eq!(judged(&|header| header.pad_len = 4096), Some("group padding"));
        assert!(judged(&|header| header.synced_size = 4).is_some());
    }

    #[test]
    fn padding_reaches_the_next_aligned_offset() {
        assert_eq!(padding(4096, 96, 1), 0);
        assert_eq!(padding(4096, 96, 512), 416);
        assert_eq!(padding(4096, 512, 512), 0);
    }
}

//! The identity file `log.id`: whose log this is, and which log it continues.
//!
//! ```text
//! | magic[8] | version | flags | 0[4] | created_at | log_id[32] |
//! | predecessor log_id[32] | predecessor size | predecessor root[32] |
//! | origin_len | origin, 1..=255 bytes of UTF-8 | crc |
//! ```
//!
//! The previous hash of entry 0 is a hash of this whole file, so a log cannot be moved under
//! another name without breaking its first entry.

use super::cursor::Cursor;
use super::{Flaw, VERSION};
use crate::limits::ORIGIN_BYTES_MAX;
use crate::types::Hash;

/// First bytes of an identity file.
pub const IDENTITY_MAGIC: [u8; 8] = *b"WMARKLOG";
/// Bytes before the origin.
pub const IDENTITY_FIXED_LEN: usize = 130;
/// Longest identity file.
pub const IDENTITY_LEN_MAX: usize = IDENTITY_FIXED_LEN + ORIGIN_BYTES_MAX + 4;

const FLAG_CONTINUES: u16 = 1;

/// The tree another log had when this one took over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Predecessor {
    /// The other log; zeros when it is not known.
    pub log_id: [u8; 32],
    /// Its tree size.
    pub size: u64,
    /// Its root at that size.
    pub root: Hash,
}

/// Whose log this is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Identity {
    /// Nanoseconds since 1970.
    pub created_at: u64,
    /// 32 random bytes.
    pub log_id: [u8; 32],
    /// The log's name, for checkpoints: 1 to 255 bytes, no control characters.
    pub origin: String,
    /// The log this one continues.
    pub predecessor: Option<Predecessor>,
}

impl Identity {
    /// The bytes of the file.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let none = Predecessor { log_id: [0; 32], size: 0, root: Hash::ZERO };
        let before = self.predecessor.unwrap_or(none);
        let flags = if self.predecessor.is_some() { FLAG_CONTINUES } else { 0 };
        let mut out = Vec::with_capacity(IDENTITY_LEN_MAX);
        out.extend_from_slice(&IDENTITY_MAGIC);
        out.extend_from_slice(&VERSION.to_le_bytes());
        out.extend_from_slice(&flags.to_le_bytes());
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(&self.created_at.to_le_bytes());
        out.extend_from_slice(&self.log_id);
        out.extend_from_slice(&before.log_id);
        out.extend_from_slice(&before.size.to_le_bytes());
        out.extend_from_slice(&before.root.0);
        out.extend_from_slice(&u16::try_from(self.origin.len()).unwrap_or(0).to_le_bytes());
        out.extend_from_slice(self.origin.as_bytes());
        out.extend_from_slice(&crc32fast::hash(&out).to_le_bytes());
        out
    }

    /// Decodes the whole file.
    ///
    /// # Errors
    /// A [`Flaw`] for a wrong magic, version, flag, length, CRC or origin.
    pub fn decode(bytes: &[u8]) -> Result<Self, Flaw> {
        let mut c = Cursor::new(bytes);
        c.magic(&IDENTITY_MAGIC, "identity magic")?;
        check_crc(bytes)?;
        let version = c.u16()?;
        if version != VERSION {
            return Err(Flaw::new(8, super::UNKNOWN_VERSION, VERSION, version));
        }
        let flags = c.u16()?;
        if flags & !FLAG_CONTINUES != 0 {
            return Err(Flaw::new(10, "unknown identity flag", "0 or 1", flags));
        }
        c.zeros(4, "reserved bytes of the identity")?;
        let created_at = c.u64()?;
        let log_id = *c.array()?;
        let before = Predecessor { log_id: *c.array()?, size: c.u64()?, root: c.hash()? };
        let len = usize::from(c.u16()?);
        if len == 0 || len > ORIGIN_BYTES_MAX {
            return Err(Flaw::new(128, "origin length", "1 to 255 bytes", len));
        }
        let origin = c.take(len)?;
        c.u32()?; // the CRC, checked above
        if c.remaining() > 0 {
            let (wanted, found) = (c.position(), bytes.len());
            return Err(Flaw::new(c.position(), "bytes after the identity", wanted, found));
        }
        let origin = std::str::from_utf8(origin)
            .map_err(|_| Flaw::new(IDENTITY_FIXED_LEN, "origin", "UTF-8", "other bytes"))?;
        if origin.chars().any(char::is_control) {
            let found = "control characters";
            return Err(Flaw::new(IDENTITY_FIXED_LEN, "origin", "no control characters", found));
        }
        let predecessor = (flags & FLAG_CONTINUES != 0).then_some(before);
        Ok(Self { created_at, log_id, origin: origin.to_owned(), predecessor })
    }
}

/// Checks the last four bytes. Damage is told from a version of the future only by the CRC.
fn check_crc(bytes: &[u8]) -> Result<(), Flaw> {
    let (covered, found) = bytes.split_at(bytes.len().saturating_sub(4));
    let (wanted, found) = (crc32fast::hash(covered), Cursor::new(found).u32()?);
    if found == wanted {
        return Ok(());
    }
    let (wanted, found) = (format!("{wanted:08x}"), format!("{found:08x}"));
    Err(Flaw::new(covered.len(), "identity crc", wanted, found))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_round_trips_and_every_flipped_bit_is_refused() {
        let root = Hash([9; 32]);
        for predecessor in [None, Some(Predecessor { log_id: [2; 32], size: 7, root })] {
            let identity = Identity {
                created_at: 1,
                log_id: [1; 32],
                origin: "a.example/x".into(),
                predecessor,
            };
            let bytes = identity.encode();
            assert_eq!(Identity::decode(&bytes), Ok(identity));
            for bit in 0..bytes.len() * 8 {
                let mut bad = bytes.clone();
                bad[bit / 8] ^= 1 << (bit % 8);
                assert!(Identity::decode(&bad).is_err(), "bit {bit}");
            }
            assert!(Identity::decode(&[&bytes[..], b"x"].concat()).is_err());
        }
    }

    #[test]
    fn an_origin_has_one_to_255_bytes_and_nothing_stands_behind_it() {
        let decode = |len: usize| {
            let origin = "x".repeat(len);
            let identity = Identity { created_at: 1, log_id: [1; 32], origin, predecessor: None };
            Identity::decode(&identity.encode()).err().map(|flaw| flaw.what)
        };
        for len in [1, ORIGIN_BYTES_MAX] {
            assert_eq!(decode(len), None);
        }
        for len in [0, ORIGIN_BYTES_MAX + 1, ORIGIN_BYTES_MAX + 2] {
            assert_eq!(decode(len), Some("origin length"));
        }
        let origin = "a.example/x".to_owned();
        let identity = Identity { created_at: 1, log_id: [1; 32], origin, predecessor: None };
        let bytes = identity.encode();
        let mut longer = [&bytes[..bytes.len() - 4], b"?"].concat();
        longer.extend(crc32fast::hash(&longer).to_le_bytes());
        assert_eq!(Identity::decode(&longer).unwrap_err().what, "bytes after the identity");
    }
}

//! Frames: how one entry lies in a segment, and the header that is hashed from it.
//!
//! ```text
//! frame   | form | flags | 0 0 | stored_len | meta_len | data_len |          16 bytes
//!         | recorded_at | agent_seq | type_seq | entry_hash[32] |            56 bytes
//!         | whole:       body_salt[16] (data_salt[16] if data) meta payload
//!         | data erased: body_salt[16] data_hash[32] meta
//!         | body erased: body_hash[32]
//! header  | version | flags | 0 0 | index | recorded_at | agent_seq | type_seq |
//!         | meta_len | data_len | body_hash[32] | previous_hash[32] |       108 bytes, hashed
//! ```
//!
//! Invariant: the header is a function of the frame, its index and its predecessor's entry hash,
//! so erasing a body changes no hash. `form` and `stored_len` are not hashed; everything else is.

use super::Flaw;
use super::cursor::{Cursor, Filler};
use crate::hash::{self, HEADER_LEN, SALT_LEN, Salt};
use crate::limits::{META_BYTES_MAX, PAYLOAD_BYTES_MAX};
use crate::types::Hash;

/// Version byte of the entry header.
pub const HEADER_VERSION: u8 = 1;
/// Bytes before the form-specific part of a frame.
pub const FRAME_FIXED_LEN: usize = 72;
/// Offset of `recorded_at` in a frame, followed by both sequence numbers and the entry hash.
pub const FRAME_PATCH_OFFSET: usize = 16;
/// Offset of `agent_seq` in a frame.
pub const FRAME_AGENT_SEQ_OFFSET: u64 = 24;
/// Offset of `type_seq` in a frame.
pub const FRAME_TYPE_SEQ_OFFSET: u64 = 32;
/// Offset of the entry hash in a frame.
pub const FRAME_HASH_OFFSET: usize = 40;

/// Header flag: the engine wrote this entry itself (`witnessmark.*`).
pub const FLAG_SYSTEM: u8 = 0b0000_0001;
/// Header flag: the clock stood before the last entry's time, so `recorded_at` was held back.
pub const FLAG_CLOCK_CLAMPED: u8 = 0b0000_0010;
const FLAGS_KNOWN: u8 = FLAG_SYSTEM | FLAG_CLOCK_CLAMPED;

const _: () = assert!(FRAME_FIXED_LEN == FRAME_HASH_OFFSET + 32, "docs/FORMAT.md, section 6");
const _: () = assert!(HEADER_LEN == 4 + 4 * 8 + 2 * 4 + 2 * 32, "docs/FORMAT.md, section 3");

/// How much of an entry is still stored.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Form {
    /// Everything.
    Whole,
    /// Payload and its salt were replaced by the data hash.
    DataErased,
    /// The whole body was replaced by the body hash.
    BodyErased,
}

impl Form {
    /// The stored byte.
    #[must_use]
    pub const fn byte(self) -> u8 {
        match self {
            Self::Whole => 1,
            Self::DataErased => 2,
            Self::BodyErased => 3,
        }
    }

    fn from_byte(byte: u8) -> Option<Self> {
        [Self::Whole, Self::DataErased, Self::BodyErased].into_iter().find(|f| f.byte() == byte)
    }
}

/// The stored part of an entry after its fixed fields.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Body<'a> {
    /// Everything; `data_salt` and `payload` are `None` when the entry has no data.
    Whole {
        /// Salt of the body hash.
        body_salt: &'a Salt,
        /// Encoded fields, see [`super::meta`].
        meta: &'a [u8],
        /// Salt of the data hash and the JSON text.
        data: Option<(&'a Salt, &'a [u8])>,
    },
    /// The payload is gone, its hash is left.
    DataErased {
        /// Salt of the body hash.
        body_salt: &'a Salt,
        /// What the payload hashed to.
        data_hash: Hash,
        /// Encoded fields.
        meta: &'a [u8],
    },
    /// Everything is gone but the hash.
    BodyErased {
        /// What the body hashed to.
        body_hash: Hash,
    },
}

/// A decoded frame. Its lengths are consistent; its hashes are claims until recomputed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Frame<'a> {
    /// Header flags; unknown bits were refused.
    pub flags: u8,
    /// Length of the whole frame in bytes.
    pub stored_len: u32,
    /// Length of meta when the entry was whole.
    pub meta_len: u32,
    /// Length of the payload when the entry was whole; 0 means no data.
    pub data_len: u32,
    /// Nanoseconds since 1970 when the entry was placed; never decreases.
    pub recorded_at: u64,
    /// How many earlier entries this agent has.
    pub agent_seq: u64,
    /// How many earlier entries this event type has.
    pub type_seq: u64,
    /// The stored entry hash.
    pub entry_hash: Hash,
    /// What follows.
    pub body: Body<'a>,
}

impl<'a> Frame<'a> {
    /// Decodes the frame at the start of `bytes`, which may be longer.
    ///
    /// # Errors
    /// A [`Flaw`] for an unknown form or flag, lengths over the limits or lengths that contradict
    /// each other. Hashes are not checked here.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, Flaw> {
        let mut c = Cursor::new(bytes);
        let form_byte = c.u8()?;
        let form = Form::from_byte(form_byte)
            .ok_or_else(|| Flaw::new(0, "unknown form of entry", "1, 2 or 3", form_byte))?;
        let flags = c.u8()?;
        if flags & !FLAGS_KNOWN != 0 {
            return Err(Flaw::new(
                1,
                "unknown entry flag",
                format_args!("0..={FLAGS_KNOWN}"),
                flags,
            ));
        }
        c.zeros(2, "reserved bytes of a frame")?;
        let (stored_len, meta_len, data_len) = (c.u32()?, c.u32()?, c.u32()?);
        let wanted = stored_len_of(form, meta_len, data_len)?;
        if u64::from(stored_len) != wanted {
            return Err(Flaw::new(4, "frame length", wanted, stored_len));
        }
        let (recorded_at, agent_seq, type_seq) = (c.u64()?, c.u64()?, c.u64()?);
        let entry_hash = c.hash()?;
        let body = Self::decode_body(&mut c, form, meta_len as usize, data_len as usize)?;
        Ok(Self {
            flags,
            stored_len,
            meta_len,
            data_len,
            recorded_at,
            agent_seq,
            type_seq,
            entry_hash,
            body,
        })
    }

    fn decode_body(
        c: &mut Cursor<'a>,
        form: Form,
        meta_len: usize,
        data_len: usize,
    ) -> Result<Body<'a>, Flaw> {
        Ok(match form {
            Form::Whole => {
                let body_salt = c.array()?;
                let data_salt = if data_len > 0 { Some(c.array()?) } else { None };
                let meta = c.take(meta_len)?;
                let payload = c.take(data_len)?;
                Body::Whole { body_salt, meta, data: data_salt.map(|salt| (salt, payload)) }
            }
            Form::DataErased => {
                let (body_salt, data_hash) = (c.array()?, c.hash()?);
                Body::DataErased { body_salt, data_hash, meta: c.take(meta_len)? }
            }
            Form::BodyErased => Body::BodyErased { body_hash: c.hash()? },
        })
    }

    /// How much of the entry is stored.
    #[must_use]
    pub fn form(&self) -> Form {
        match self.body {
            Body::Whole { .. } => Form::Whole,
            Body::DataErased { .. } => Form::DataErased,
            Body::BodyErased { .. } => Form::BodyErased,
        }
    }

    /// Encoded fields, unless the body was erased.
    #[must_use]
    pub fn meta(&self) -> Option<&'a [u8]> {
        match self.body {
            Body::Whole { meta, .. } | Body::DataErased { meta, .. } => Some(meta),
            Body::BodyErased { .. } => None,
        }
    }

    /// The payload, if the entry has one and it was not erased.
    #[must_use]
    pub fn payload(&self) -> Option<&'a [u8]> {
        match self.body {
            Body::Whole { data, .. } => data.map(|(_, payload)| payload),
            Body::DataErased { .. } | Body::BodyErased { .. } => None,
        }
    }

    /// The data hash, recomputed where the payload is there; `None` when the body was erased.
    #[must_use]
    pub fn data_hash(&self) -> Option<Hash> {
        match self.body {
            Body::Whole { data: Some((salt, payload)), .. } => Some(hash::data(salt, payload)),
            Body::Whole { data: None, .. } => Some(Hash::ZERO),
            Body::DataErased { data_hash, .. } => Some(data_hash),
            Body::BodyErased { .. } => None,
        }
    }

    /// The body hash, recomputed from whatever is stored.
    #[must_use]
    pub fn body_hash(&self) -> Hash {
        match self.body {
            Body::Whole { body_salt, meta, data: Some((salt, payload)) } => {
                hash::body_and_data(body_salt, meta, salt, payload)
            }
            Body::Whole { body_salt, meta, .. } | Body::DataErased { body_salt, meta, .. } => {
                hash::body(body_salt, meta, &self.data_hash().unwrap_or(Hash::ZERO))
            }
            Body::BodyErased { body_hash } => body_hash,
        }
    }

    /// The 108-byte header that is hashed into the tree, from recomputed hashes.
    #[must_use]
    pub fn header(&self, index: u64, previous_hash: &Hash) -> [u8; HEADER_LEN] {
        self.header_of(index, previous_hash, self.body_hash())
    }

    fn header_of(&self, index: u64, previous_hash: &Hash, body_hash: Hash) -> [u8; HEADER_LEN] {
        Header {
            flags: self.flags,
            index,
            recorded_at: self.recorded_at,
            agent_seq: self.agent_seq,
            type_seq: self.type_seq,
            meta_len: self.meta_len,
            data_len: self.data_len,
            body_hash,
            previous_hash: *previous_hash,
        }
        .encode()
    }

    /// The frame's bytes, `stored_len` of them.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut fixed = [0u8; FRAME_FIXED_LEN];
        Filler::new(&mut fixed)
            .put(&[self.form().byte(), self.flags, 0, 0])
            .put(&self.stored_len.to_le_bytes())
            .put(&self.meta_len.to_le_bytes())
            .put(&self.data_len.to_le_bytes())
            .put(&self.recorded_at.to_le_bytes())
            .put(&self.agent_seq.to_le_bytes())
            .put(&self.type_seq.to_le_bytes())
            .put(&self.entry_hash.0);
        let parts: [&[u8]; 4] = match &self.body {
            Body::Whole { body_salt, meta, data: Some((data_salt, payload)) } => {
                [*body_salt, *data_salt, meta, payload]
            }
            Body::Whole { body_salt, meta, data: None } => [*body_salt, meta, &[], &[]],
            Body::DataErased { body_salt, data_hash, meta } => {
                [*body_salt, &data_hash.0, meta, &[]]
            }
            Body::BodyErased { body_hash } => [&body_hash.0, &[], &[], &[]],
        };
        let mut bytes = fixed.to_vec();
        parts.iter().for_each(|part| bytes.extend_from_slice(part));
        bytes
    }
}

/// What each of consecutive frames hashes to, the first with `index` and `previous_hash`, each other
/// with the *stored* hash of the one before. The same as [`Frame::header`] hashed one by one, in a
/// third of the time.
pub fn hash_all(frames: &[Frame<'_>], index: u64, previous_hash: Hash, done: impl FnMut(Hash)) {
    let stored = frames.iter().map(|frame| frame.entry_hash);
    let places = (index..).zip(std::iter::once(previous_hash).chain(stored));
    hash_each(frames, places, done);
}

/// What each of any frames hashes to, in its place: its index, and the hash of the entry before it.
pub(crate) fn hash_each(
    frames: &[Frame<'_>],
    places: impl Iterator<Item = (u64, Hash)>,
    done: impl FnMut(Hash),
) {
    let bodies = body_hashes(frames);
    let headers =
        frames.iter().zip(&bodies).zip(places).map(|((frame, body_hash), (index, previous))| {
            frame.header_of(index, &previous, *body_hash)
        });
    hash::entry_all(&headers.collect::<Vec<_>>(), done);
}

/// The body hash of each frame, recomputed from whatever is stored.
pub(crate) fn body_hashes(frames: &[Frame<'_>]) -> Vec<Hash> {
    let known = |frame: &Frame<'_>| match frame.body {
        Body::DataErased { data_hash, .. } => data_hash,
        Body::Whole { .. } | Body::BodyErased { .. } => Hash::ZERO,
    };
    let mut data_hashes: Vec<Hash> = frames.iter().map(known).collect();
    let payloads = frames.iter().enumerate().filter_map(|(at, frame)| match frame.body {
        Body::Whole { data, .. } => data.map(|data| (at, data)),
        Body::DataErased { .. } | Body::BodyErased { .. } => None,
    });
    let places: Vec<usize> = payloads.clone().map(|(at, _)| at).collect();
    hash::data_all(payloads.map(|(_, data)| data), |nth, hash| {
        put_hash(&mut data_hashes, &places, nth, hash);
    });
    let known = |frame: &Frame<'_>| match frame.body {
        Body::BodyErased { body_hash } => body_hash,
        Body::Whole { .. } | Body::DataErased { .. } => Hash::ZERO,
    };
    let mut hashes: Vec<Hash> = frames.iter().map(known).collect();
    let bodies = frames.iter().zip(&data_hashes).enumerate();
    let bodies = bodies.filter_map(|(at, (frame, data_hash))| match frame.body {
        Body::Whole { body_salt, meta, .. } | Body::DataErased { body_salt, meta, .. } => {
            Some((at, (body_salt, meta, data_hash)))
        }
        Body::BodyErased { .. } => None,
    });
    let places: Vec<usize> = bodies.clone().map(|(at, _)| at).collect();
    hash::body_all(bodies.map(|(_, body)| body), |nth, hash| {
        put_hash(&mut hashes, &places, nth, hash);
    });
    hashes
}

fn put_hash(hashes: &mut [Hash], places: &[usize], nth: usize, hash: Hash) {
    if let Some(to) = places.get(nth).and_then(|at| hashes.get_mut(*at)) {
        *to = hash;
    }
}

fn stored_len_of(form: Form, meta_len: u32, data_len: u32) -> Result<u64, Flaw> {
    if meta_len as usize > META_BYTES_MAX {
        return Err(Flaw::new(8, "meta is too long", META_BYTES_MAX, meta_len));
    }
    if data_len as usize > PAYLOAD_BYTES_MAX {
        return Err(Flaw::new(12, "payload is too long", PAYLOAD_BYTES_MAX, data_len));
    }
    let (fixed, salt) = (FRAME_FIXED_LEN as u64, SALT_LEN as u64);
    let (meta, data) = (u64::from(meta_len), u64::from(data_len));
    Ok(match form {
        Form::Whole if data > 0 => fixed + 2 * salt + meta + data,
        Form::Whole => fixed + salt + meta,
        Form::DataErased if data == 0 => {
            return Err(Flaw::new(12, "erased data", "a payload length", data));
        }
        Form::DataErased => fixed + salt + 32 + meta,
        Form::BodyErased => fixed + 32,
    })
}

/// The values of an entry header. [`Header::encode`] gives the bytes that are hashed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header {
    /// See [`FLAG_SYSTEM`], [`FLAG_CLOCK_CLAMPED`].
    pub flags: u8,
    /// Position in the log.
    pub index: u64,
    /// Nanoseconds since 1970.
    pub recorded_at: u64,
    /// How many earlier entries this agent has.
    pub agent_seq: u64,
    /// How many earlier entries this event type has.
    pub type_seq: u64,
    /// Bytes of meta.
    pub meta_len: u32,
    /// Bytes of payload; 0 means no data.
    pub data_len: u32,
    /// Hash of salt, meta and data hash.
    pub body_hash: Hash,
    /// Entry hash of the entry before; for entry 0 the hash of the identity file.
    pub previous_hash: Hash,
}

impl Header {
    /// The 108 bytes.
    #[must_use]
    pub fn encode(&self) -> [u8; HEADER_LEN] {
        let mut bytes = [0u8; HEADER_LEN];
        Filler::new(&mut bytes)
            .put(&[HEADER_VERSION, self.flags, 0, 0])
            .put(&self.index.to_le_bytes())
            .put(&self.recorded_at.to_le_bytes())
            .put(&self.agent_seq.to_le_bytes())
            .put(&self.type_seq.to_le_bytes())
            .put(&self.meta_len.to_le_bytes())
            .put(&self.data_len.to_le_bytes())
            .put(&self.body_hash.0)
            .put(&self.previous_hash.0);
        bytes
    }

    /// Reads a header, for example out of a proof file.
    ///
    /// # Errors
    /// A [`Flaw`] for a wrong length, an unknown version or flag, or reserved bytes in use.
    pub fn decode(bytes: &[u8]) -> Result<Self, Flaw> {
        if bytes.len() != HEADER_LEN {
            return Err(Flaw::new(0, "length of an entry header", HEADER_LEN, bytes.len()));
        }
        let mut c = Cursor::new(bytes);
        let version = c.u8()?;
        if version != HEADER_VERSION {
            return Err(Flaw::new(0, super::UNKNOWN_VERSION, HEADER_VERSION, version));
        }
        let flags = c.u8()?;
        if flags & !FLAGS_KNOWN != 0 {
            return Err(Flaw::new(
                1,
                "unknown entry flag",
                format_args!("0..={FLAGS_KNOWN}"),
                flags,
            ));
        }
        c.zeros(2, "reserved bytes of a header")?;
        Ok(Self {
            flags,
            index: c.u64()?,
            recorded_at: c.u64()?,
            agent_seq: c.u64()?,
            type_seq: c.u64()?,
            meta_len: c.u32()?,
            data_len: c.u32()?,
            body_hash: c.hash()?,
            previous_hash: c.hash()?,
        })
    }
}

/// The parts of a frame that a caller knows before the entry is placed.
#[derive(Clone, Copy, Debug)]
pub struct Unplaced<'a> {
    /// Header flags.
    pub flags: u8,
    /// Salt of the body hash.
    pub body_salt: &'a Salt,
    /// Salt of the data hash.
    pub data_salt: &'a Salt,
    /// Encoded fields, at most [`META_BYTES_MAX`].
    pub meta: &'a [u8],
    /// JSON text, at most [`PAYLOAD_BYTES_MAX`]; empty means no data.
    pub payload: &'a [u8],
}

impl Unplaced<'_> {
    /// Length of the frame in bytes.
    #[must_use]
    pub fn stored_len(&self) -> usize {
        let salts = if self.payload.is_empty() { SALT_LEN } else { 2 * SALT_LEN };
        FRAME_FIXED_LEN + salts + self.meta.len() + self.payload.len()
    }

    /// The body hash: the expensive part of an entry's hash, computed on the caller's thread.
    #[must_use]
    pub fn body_hash(&self) -> Hash {
        match self.payload {
            [] => hash::body(self.body_salt, self.meta, &Hash::ZERO),
            payload => hash::body_and_data(self.body_salt, self.meta, self.data_salt, payload),
        }
    }

    /// Appends the frame, with zeros where [`place`] will write.
    ///
    /// # Panics
    /// When meta or payload are over their limits: they were checked when the entry was encoded.
    pub fn append_to(&self, out: &mut Vec<u8>) {
        assert!(self.meta.len() <= META_BYTES_MAX && self.payload.len() <= PAYLOAD_BYTES_MAX);
        let len32 = |len: usize| u32::try_from(len).unwrap_or(u32::MAX).to_le_bytes();
        let mut fixed = [0u8; FRAME_FIXED_LEN];
        Filler::new(&mut fixed)
            .put(&[Form::Whole.byte(), self.flags, 0, 0])
            .put(&len32(self.stored_len()))
            .put(&len32(self.meta.len()))
            .put(&len32(self.payload.len()));
        out.extend_from_slice(&fixed);
        out.extend_from_slice(self.body_salt);
        if !self.payload.is_empty() {
            out.extend_from_slice(self.data_salt);
        }
        out.extend_from_slice(self.meta);
        out.extend_from_slice(self.payload);
    }
}

/// Writes what the committer decided into a frame: flags, time, sequence numbers, entry hash.
///
/// # Panics
/// When `frame` is shorter than [`FRAME_FIXED_LEN`]: frames are made by [`Unplaced::append_to`].
pub fn place(frame: &mut [u8], header: &Header, entry_hash: &Hash) {
    Filler::new(frame)
        .skip(1)
        .put(&[header.flags])
        .skip(FRAME_PATCH_OFFSET - 2)
        .put(&header.recorded_at.to_le_bytes())
        .put(&header.agent_seq.to_le_bytes())
        .put(&header.type_seq.to_le_bytes())
        .put(&entry_hash.0);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(payload: &[u8]) -> (Vec<u8>, Header) {
        let unplaced =
            Unplaced { flags: 0, body_salt: &[1; 16], data_salt: &[2; 16], meta: b"meta", payload };
        let header = Header {
            flags: FLAG_CLOCK_CLAMPED,
            index: 9,
            recorded_at: 1234,
            agent_seq: 5,
            type_seq: 6,
            meta_len: 4,
            data_len: u32::try_from(payload.len()).unwrap(),
            body_hash: unplaced.body_hash(),
            previous_hash: Hash([3; 32]),
        };
        let mut bytes = Vec::new();
        unplaced.append_to(&mut bytes);
        assert_eq!(bytes.len(), unplaced.stored_len());
        place(&mut bytes, &header, &hash::entry(&header.encode()));
        (bytes, header)
    }

    #[test]
    fn a_frame_gives_back_the_header_it_was_placed_with() {
        for payload in [&b"{}"[..], b""] {
            let (bytes, header) = sample(payload);
            let frame = Frame::decode(&bytes).unwrap();
            assert_eq!(frame.header(9, &Hash([3; 32])), header.encode());
            assert_eq!(frame.entry_hash, hash::entry(&header.encode()));
            assert_eq!(frame.payload().unwrap_or(b""), payload);
            assert_eq!(Header::decode(&header.encode()), Ok(header));
            assert_eq!(frame.encode(), bytes);
        }
    }

    #[test]
    fn erasing_keeps_every_hash() {
        let (bytes, header) = sample(b"{\"a\":1}");
        let whole = Frame::decode(&bytes).unwrap();
        let mut erased = whole;
        erased.body = Body::DataErased {
            body_salt: &[1; 16],
            data_hash: whole.data_hash().unwrap(),
            meta: b"meta",
        };
        assert_eq!(erased.header(9, &Hash([3; 32])), header.encode());
        erased.stored_len = 72 + 16 + 32 + 4;
        assert_eq!(Frame::decode(&erased.encode()), Ok(erased));
        erased.body = Body::BodyErased { body_hash: whole.body_hash() };
        erased.stored_len = 72 + 32;
        assert_eq!(Frame::decode(&erased.encode()), Ok(erased));
        assert_eq!(erased.header(9, &Hash([3; 32])), header.encode());
    }

    #[test]
    fn frames_hash_together_as_they_hash_alone() {
        let (whole, _) = sample(b"{\"a\":1}");
        let (without_data, _) = sample(b"");
        let whole = Frame::decode(&whole).unwrap();
        let mut data_erased = whole;
        let data_hash = whole.data_hash().unwrap();
        data_erased.body = Body::DataErased { body_salt: &[1; 16], data_hash, meta: b"meta" };
        data_erased.entry_hash = Hash([8; 32]);
        let mut body_erased = whole;
        body_erased.body = Body::BodyErased { body_hash: Hash([9; 32]) };
        let without_data = Frame::decode(&without_data).unwrap();
        let all = [whole, data_erased, without_data, body_erased, whole, body_erased, whole];
        for len in 0..=all.len() {
            let (mut previous, mut wanted, mut found) = (Hash([5; 32]), Vec::new(), Vec::new());
            for (index, frame) in (40..).zip(&all[..len]) {
                wanted.push(hash::entry(&frame.header(index, &previous)));
                previous = frame.entry_hash;
            }
            hash_all(&all[..len], 40, Hash([5; 32]), |hash| found.push(hash));
            assert_eq!(found, wanted);
        }
    }

    #[test]
    fn every_flipped_bit_is_a_flaw_or_changes_the_entry_hash() {
        let (bytes, _) = sample(b"{\"a\":1}");
        for bit in 0..bytes.len() * 8 {
            let mut bad = bytes.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            if let Ok(frame) = Frame::decode(&bad) {
                let hash = hash::entry(&frame.header(9, &Hash([3; 32])));
                assert_ne!(hash, frame.entry_hash, "bit {bit}");
            }
        }
    }

    #[test]
    fn a_claimed_length_of_gigabytes_is_refused() {
        let (mut bytes, _) = sample(b"{}");
        bytes[4..16].fill(0xff);
        assert!(Frame::decode(&bytes[..20]).is_err());
    }

    #[test]
    fn the_longest_meta_and_payload_are_taken_and_nothing_longer() {
        let meta_max = u32::try_from(META_BYTES_MAX).unwrap();
        let data_max = u32::try_from(PAYLOAD_BYTES_MAX).unwrap();
        let len = |form, meta, data| stored_len_of(form, meta, data).map_err(|flaw| flaw.what);
        let whole = 72 + 2 * 16 + u64::from(meta_max) + u64::from(data_max);
        assert_eq!(len(Form::Whole, meta_max, data_max), Ok(whole));
        assert_eq!(len(Form::Whole, 5, 0), Ok(72 + 16 + 5));
        assert_eq!(len(Form::DataErased, 5, 1), Ok(72 + 16 + 32 + 5));
        assert_eq!(len(Form::BodyErased, 5, 1), Ok(72 + 32));
        for more in 1..3 {
            assert_eq!(len(Form::Whole, meta_max + more, 0), Err("meta is too long"));
            assert_eq!(len(Form::Whole, 0, data_max + more), Err("payload is too long"));
        }
        assert_eq!(len(Form::DataErased, 5, 0), Err("erased data"));
    }
}

//! Encoding: an entry to the bytes of its frame and the hash of its body, on the caller's thread.
//!
//! Everything that can be said without knowing the entry's place is done here, so that the one
//! committer only fills in the place and hashes two blocks.

use super::admission::Admission;
use crate::entry::{Entry, Field, json};
use crate::error::{Error, ErrorKind, Result};
use crate::format::frame::{FLAG_SYSTEM, Frame, Unplaced, body_hashes};
use crate::format::meta::{self, Defaults};
use crate::hash::{self, SALT_LEN, Salt};
use crate::limits::META_BYTES_MAX;
use crate::storage::random;
use crate::types::{Hash, UnixNanos};
use std::borrow::Cow;
use std::cell::RefCell;
use std::ops::Range;

/// What the committer must know of a frame besides its bytes.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    /// Where the frame lies in its batch.
    pub(crate) frame: Range<usize>,
    /// Where the agent's name lies in the frame.
    pub(crate) agent: Range<usize>,
    /// Where the event type lies in the frame.
    pub(crate) event_type: Range<usize>,
    /// Header flags.
    pub(crate) flags: u8,
    /// Bytes of meta.
    pub(crate) meta_len: u32,
    /// Bytes of payload.
    pub(crate) data_len: u32,
    /// The expensive part of the entry's hash.
    pub(crate) body_hash: Hash,
    /// Key of the entry id when the caller chose it; see [`Record::id_key`].
    given_id_key: Option<u64>,
    /// Whether the time was filled in, so that it does not count when entries are compared.
    pub(crate) is_time_given: bool,
}

impl Record {
    /// Whether the caller chose the id, so that it may exist already.
    pub(crate) fn is_id_given(&self) -> bool {
        self.given_id_key.is_some()
    }

    /// Key of the entry id. One of our own is hashed only here: nobody asks until the first caller
    /// chooses an id.
    pub(crate) fn id_key(&self, frame: &[u8]) -> u64 {
        let own = || {
            let frame = Frame::decode(frame).ok()?;
            meta::find(frame.meta()?, Field::EntryUuid).map(hash::id_key)
        };
        self.given_id_key.or_else(own).unwrap_or(0)
    }
}

/// An encoded entry; the frame lies in a buffer of the calling thread.
pub(crate) struct Encoded {
    pub(crate) record: Record,
    pub(crate) given: Given,
}

/// What the receipt of an entry tells besides its place.
#[derive(Clone, Debug)]
pub(crate) struct Given {
    pub(crate) entry_id: EntryId,
    /// How many things redaction took out.
    pub(crate) redacted: u32,
}

/// An entry's id, without an allocation for the usual UUID.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum EntryId {
    Uuid([u8; 16]),
    Text(Box<str>),
}

impl EntryId {
    pub(crate) fn to_text(&self) -> String {
        match self {
            Self::Uuid(bytes) => uuid::Uuid::from_bytes(*bytes).hyphenated().to_string(),
            Self::Text(text) => text.to_string(),
        }
    }

    fn key(&self) -> u64 {
        match self {
            Self::Uuid(bytes) => hash::id_key(bytes),
            Self::Text(text) => hash::id_key(text.as_bytes()),
        }
    }

    /// The key of an id as it is stored: of the 16 bytes of a UUID, of the text otherwise.
    pub(crate) fn parse(text: &str) -> Self {
        match meta::canonical_uuid(text) {
            Some(bytes) => Self::Uuid(bytes),
            None => Self::Text(text.into()),
        }
    }
}

#[derive(Default)]
struct Scratch {
    meta: Vec<u8>,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::new(Scratch::default());
}

/// Frames that are hashed together: enough to keep wide vectors busy.
const FRAMES_TOGETHER: usize = 64;

/// Hashes the bodies of frames that were encoded without, many at a time.
pub(crate) fn hash_bodies(frames: &[u8], records: &mut [Record]) {
    for records in records.chunks_mut(FRAMES_TOGETHER) {
        let frame = |record: &Record| frames.get(record.frame.clone()).map(Frame::decode);
        let decoded = records.iter().filter_map(frame).collect::<std::result::Result<Vec<_>, _>>();
        let hashes = body_hashes(&decoded.expect("the frames were just encoded"));
        assert_eq!(hashes.len(), records.len(), "each frame lies where its record says");
        for (record, hash) in records.iter_mut().zip(hashes) {
            record.body_hash = hash;
        }
    }
}

/// When the hash of an entry's body is computed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum BodyHash {
    /// While the entry is encoded.
    Now,
    /// Of many entries together: [`hash_bodies`] must follow.
    Later,
}

/// Checks, redacts, salts and hashes an entry and appends its frame to `out`.
///
/// # Errors
/// [`ErrorKind::Invalid`] or [`ErrorKind::TooLarge`], naming the field; nothing was appended.
pub(crate) fn encode(
    entry: &Entry<'_>,
    admission: &Admission,
    pid: u32,
    now: UnixNanos,
    body_hash: BodyHash,
    out: &mut Vec<u8>,
) -> Result<Encoded> {
    let completed = admission.complete(entry)?;
    let entry = &*completed;
    let payload = match entry.is_data_checked() {
        true => entry.data_json().map(Cow::Borrowed),
        false => entry.data_json().map(json::accept).transpose()?,
    };
    let screened = admission.screen(entry, payload.unwrap_or(Cow::Borrowed("")))?;
    let entry = &*screened.entry;
    let mut random = [0u8; 2 * SALT_LEN + 10];
    random::fill(pid, &mut random)?;
    let (body_salt, rest) = random.split_at(SALT_LEN);
    let (data_salt, uuid_random) = rest.split_at(SALT_LEN);
    let salt = |bytes: &[u8]| Salt::try_from(bytes).unwrap_or_default();
    let uuid = new_uuid(now, uuid_random);
    SCRATCH.with_borrow_mut(|scratch| {
        scratch.meta.clear();
        let defaults =
            Defaults { uuid: &uuid, now: now.into(), redactions: screened.redactions.as_deref() };
        let places = meta::encode(entry, &defaults, &mut scratch.meta);
        if scratch.meta.len() > META_BYTES_MAX {
            return Err(Error::new(
                ErrorKind::TooLarge,
                "the entry's fields are too long together",
            )
            .expected(format_args!("at most {META_BYTES_MAX} bytes"), scratch.meta.len()));
        }
        let unplaced = Unplaced {
            flags: if entry.is_system() { FLAG_SYSTEM } else { 0 },
            body_salt: &salt(body_salt),
            data_salt: &salt(data_salt),
            meta: &scratch.meta,
            payload: screened.payload.as_bytes(),
        };
        let start = out.len();
        let meta_at = unplaced.stored_len() - unplaced.payload.len() - unplaced.meta.len();
        let in_frame = |place: Range<usize>| place.start + meta_at..place.end + meta_at;
        unplaced.append_to(out);
        let entry_id = match entry.text(Field::EntryId) {
            None => EntryId::Uuid(uuid),
            Some(text) => EntryId::parse(text),
        };
        let record = Record {
            frame: start..out.len(),
            agent: in_frame(places.agent),
            event_type: in_frame(places.event_type),
            flags: unplaced.flags,
            meta_len: len32(unplaced.meta.len()),
            data_len: len32(unplaced.payload.len()),
            body_hash: match body_hash {
                BodyHash::Now => unplaced.body_hash(),
                BodyHash::Later => Hash::ZERO,
            },
            given_id_key: entry.text(Field::EntryId).map(|_| entry_id.key()),
            is_time_given: entry.times().first().is_some_and(Option::is_some),
        };
        Ok(Encoded { record, given: Given { entry_id, redacted: screened.count } })
    })
}

fn len32(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}

/// A UUIDv7 (RFC 9562, section 5.7) from our own clock and random bytes: no shared state.
fn new_uuid(now: UnixNanos, random: &[u8]) -> [u8; 16] {
    let random: [u8; 10] = random.try_into().unwrap_or_default();
    uuid::Builder::from_unix_timestamp_millis(now.0 / 1_000_000, &random).into_uuid().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::stored::StoredEntry;
    use crate::log::Options;

    fn encode(entry: &Entry<'_>, out: &mut Vec<u8>) -> Result<Encoded> {
        let admission = Options::memory().admission()?;
        super::encode(entry, &admission, 1, UnixNanos(5_000_000_007), BodyHash::Now, out)
    }

    #[test]
    fn bodies_hash_together_as_they_hash_one_by_one() {
        let admission = Options::memory().admission().unwrap();
        let (mut out, mut records) = (Vec::new(), Vec::new());
        for n in 0..2 * FRAMES_TOGETHER + 3 {
            let data = format!("{{\"fill\":\"{}\"}}", "x".repeat(7 * n));
            let entry = Entry::new("tool", "did:a", "allow");
            let entry = if n % 5 == 0 { entry } else { entry.data_text(&data) };
            let (now, later) = (UnixNanos(5), BodyHash::Later);
            let encoded = super::encode(&entry, &admission, 1, now, later, &mut out).unwrap();
            assert_eq!(encoded.record.body_hash, Hash::ZERO);
            records.push(encoded.record);
        }
        hash_bodies(&out, &mut records);
        for record in records {
            let frame = Frame::decode(&out[record.frame]).unwrap();
            let header = frame.header(0, &Hash::ZERO);
            let header = crate::format::frame::Header::decode(&header).unwrap();
            assert_eq!(record.body_hash, header.body_hash);
        }
    }

    #[test]
    fn an_encoded_entry_knows_where_its_agent_and_type_lie() {
        let entry = Entry::new("tool", "did:a", "allow").data_text("{ \"a\": 1 }");
        let mut out = vec![0u8; 5];
        let encoded = encode(&entry, &mut out).unwrap();
        let frame = &out[encoded.record.frame.clone()];
        assert_eq!(&frame[encoded.record.agent.clone()], b"did:a");
        assert_eq!(&frame[encoded.record.event_type.clone()], b"tool");
        let stored = StoredEntry::read(frame, 0.into(), Hash::ZERO).unwrap();
        assert_eq!(stored.data_text(), Some("{\"a\":1}"));
        assert_eq!(stored.entry_id(), encoded.given.entry_id.to_text());
        assert_eq!(stored.timestamp().instant(), (5, 7));
        assert_eq!(stored.frame().body_hash(), encoded.record.body_hash);
    }

    #[test]
    fn a_refused_entry_leaves_nothing_behind() {
        let mut out = Vec::new();
        assert!(encode(&Entry::new("t", "a", "x").data_text("{"), &mut out).is_err());
        let big = "x".repeat(16_000);
        let many = Entry::new("t", "a", "x").resource(&*big).trace_id(&*big).session_id(&*big);
        let many = many.policy_decision(&*big).matched_rule(&*big);
        let error = encode(&many, &mut out).err().unwrap();
        assert_eq!((error.kind(), out.len()), (ErrorKind::TooLarge, 0));
    }

    #[test]
    fn fields_may_be_as_long_together_as_the_limit_says() {
        let long = "x".repeat(16_000);
        let meta_len = |rest: usize| {
            let rest = "x".repeat(rest);
            let entry = Entry::new("t", "a", "x").resource(&*long).trace_id(&*long);
            let entry = entry.session_id(&*long).policy_decision(&*long).matched_rule(&*rest);
            encode(&entry, &mut Vec::new()).map(|encoded| encoded.record.meta_len as usize)
        };
        let most = 1000 + META_BYTES_MAX - meta_len(1000).unwrap();
        assert_eq!(meta_len(most).unwrap(), META_BYTES_MAX);
        assert_eq!(meta_len(most + 1).unwrap_err().kind(), ErrorKind::TooLarge);
    }

    #[test]
    fn an_id_of_our_own_begins_with_the_time_and_comes_once() {
        let id = new_uuid(UnixNanos(0x0123_4567_89ab * 1_000_000 + 999_999), &[0xff; 10]);
        assert_eq!(id[..7], [0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0x7f]);
        let given = || {
            let encoded = encode(&Entry::new("t", "a", "x"), &mut Vec::new()).unwrap();
            assert!(!encoded.record.is_id_given() && !encoded.record.is_time_given);
            encoded.given.entry_id.to_text()
        };
        assert_ne!(given(), given());
        let entry = Entry::new("t", "a", "x").entry_id("mine").timestamp(UnixNanos(1));
        let encoded = encode(&entry, &mut Vec::new()).unwrap();
        assert!(encoded.record.is_id_given() && encoded.record.is_time_given);
    }
}

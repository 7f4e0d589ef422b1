//! Stored entries: what readers get. An owned frame with its place in the log.

use super::frame::{
    FLAG_CLOCK_CLAMPED, FLAG_SYSTEM, FRAME_AGENT_SEQ_OFFSET, FRAME_TYPE_SEQ_OFFSET, Form, Frame,
    Header, hash_each,
};
use super::{Flaw, meta};
use crate::entry::Field;
use crate::hash::{self, HEADER_LEN, Salt};
use crate::types::{EntryIndex, EventTime, Hash, UnixNanos};
use std::fmt;

/// One entry as it lies in the log, with its index and the hash of the entry before it.
///
/// Its accessors read the stored bytes; [`StoredEntry::verify_hash`] says whether they still hash
/// to what the log committed to.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredEntry {
    index: EntryIndex,
    previous_hash: Hash,
    bytes: Vec<u8>,
    /// Where the encoded fields begin and end in `bytes`; both 0 when the body was erased.
    meta: (u32, u32),
}

/// Entries from which on it is quicker to hash them together.
const HASHED_TOGETHER_MIN: usize = 8;

/// A decoded frame borrowed from an entry. Decoding succeeded when the entry was made.
const DECODED: &str = "the frame was decoded when the entry was read";

impl StoredEntry {
    /// Takes the frame at the start of `bytes`.
    ///
    /// # Errors
    /// A [`Flaw`] when the frame or its fields are malformed. Hashes are not checked here.
    pub fn read(bytes: &[u8], index: EntryIndex, previous_hash: Hash) -> Result<Self, Flaw> {
        let frame = Frame::decode(bytes)?;
        let meta = match frame.meta() {
            None => (0, 0),
            Some(meta) => {
                meta::check(meta)?;
                // A payload that is still there stands behind the fields, and nothing else does.
                let payload = frame.payload().map_or(0, |_| frame.data_len);
                let end = frame.stored_len - payload;
                (end - frame.meta_len, end)
            }
        };
        let bytes = bytes.get(..frame.stored_len as usize).unwrap_or_default().to_vec();
        Ok(Self { index, previous_hash, bytes, meta })
    }

    /// The decoded frame.
    #[must_use]
    pub fn frame(&self) -> Frame<'_> {
        Frame::decode(&self.bytes).expect(DECODED)
    }

    /// Position in the log.
    #[must_use]
    pub fn index(&self) -> EntryIndex {
        self.index
    }

    /// Entry hash of the entry before; for entry 0 the hash of the log's identity.
    #[must_use]
    pub fn previous_hash(&self) -> Hash {
        self.previous_hash
    }

    /// The stored entry hash.
    #[must_use]
    pub fn entry_hash(&self) -> Hash {
        self.frame().entry_hash
    }

    /// The entry hash, recomputed from the stored bytes.
    #[must_use]
    pub fn compute_hash(&self) -> Hash {
        hash::entry(&self.header())
    }

    /// Whether the stored bytes hash to the stored entry hash.
    #[must_use]
    pub fn verify_hash(&self) -> bool {
        let frame = self.frame();
        hash::entry(&frame.header(self.index.get(), &self.previous_hash)) == frame.entry_hash
    }

    /// [`StoredEntry::verify_hash`] of each; of many in a third of the time.
    pub(crate) fn verify_hashes(entries: &[Self]) -> Vec<bool> {
        if entries.len() < HASHED_TOGETHER_MIN {
            return entries.iter().map(Self::verify_hash).collect();
        }
        let frames: Vec<Frame<'_>> = entries.iter().map(Self::frame).collect();
        let places = entries.iter().map(|entry| (entry.index.get(), entry.previous_hash));
        let mut computed = Vec::with_capacity(entries.len());
        hash_each(&frames, places, |hash| computed.push(hash));
        let stored = frames.iter().map(|frame| frame.entry_hash);
        stored.zip(computed).map(|(stored, computed)| stored == computed).collect()
    }

    /// The 108 bytes that are hashed.
    #[must_use]
    pub fn header(&self) -> [u8; HEADER_LEN] {
        self.frame().header(self.index.get(), &self.previous_hash)
    }

    /// The values of the header.
    #[must_use]
    pub fn header_values(&self) -> Header {
        Header::decode(&self.header()).expect(DECODED)
    }

    /// How much of the entry is stored.
    #[must_use]
    pub fn form(&self) -> Form {
        self.frame().form()
    }

    /// When the entry was placed. Never decreases along the log.
    #[must_use]
    pub fn recorded_at(&self) -> UnixNanos {
        UnixNanos(self.frame().recorded_at)
    }

    fn number_at(&self, offset: u64) -> u64 {
        let bytes = usize::try_from(offset).ok().and_then(|at| self.bytes.get(at..));
        bytes.and_then(|rest| rest.first_chunk()).map_or(0, |bytes| u64::from_le_bytes(*bytes))
    }

    /// How many earlier entries this agent has.
    #[must_use]
    pub fn agent_seq(&self) -> u64 {
        self.number_at(FRAME_AGENT_SEQ_OFFSET)
    }

    /// How many earlier entries this event type has.
    #[must_use]
    pub fn type_seq(&self) -> u64 {
        self.number_at(FRAME_TYPE_SEQ_OFFSET)
    }

    /// Whether the engine wrote this entry itself.
    #[must_use]
    pub fn is_system(&self) -> bool {
        self.bytes.get(1).is_some_and(|flags| flags & FLAG_SYSTEM != 0)
    }

    /// Whether the clock stood before the last entry's time when this one was placed.
    #[must_use]
    pub fn is_clock_clamped(&self) -> bool {
        self.frame().flags & FLAG_CLOCK_CLAMPED != 0
    }

    /// Encoded fields; empty when the body was erased.
    #[must_use]
    pub fn meta(&self) -> &[u8] {
        self.bytes.get(self.meta.0 as usize..self.meta.1 as usize).unwrap_or_default()
    }

    /// A text field; `None` when absent, erased, or not a text. The id is [`Self::entry_id`].
    #[must_use]
    pub fn text(&self, field: Field) -> Option<&str> {
        let bytes = meta::find(self.meta(), field)?;
        std::str::from_utf8(bytes).ok().filter(|_| !field.is_time())
    }

    /// A time field.
    #[must_use]
    pub fn time(&self, field: Field) -> Option<EventTime> {
        meta::find(self.meta(), field).and_then(meta::decode_time)
    }

    /// The entry's id; empty when the body was erased.
    #[must_use]
    pub fn entry_id(&self) -> String {
        match meta::find(self.meta(), Field::EntryUuid) {
            Some(bytes) => {
                uuid::Uuid::from_slice(bytes).unwrap_or_default().hyphenated().to_string()
            }
            None => self.text(Field::EntryId).unwrap_or_default().to_owned(),
        }
    }

    /// When it happened, as the caller said; the epoch when the body was erased.
    #[must_use]
    pub fn timestamp(&self) -> EventTime {
        self.time(Field::Timestamp).unwrap_or(EventTime::utc(0, 0))
    }

    /// The event type; empty when the body was erased.
    #[must_use]
    pub fn event_type(&self) -> &str {
        self.text(Field::EventType).unwrap_or_default()
    }

    /// The acting agent; empty when the body was erased.
    #[must_use]
    pub fn agent_did(&self) -> &str {
        self.text(Field::AgentDid).unwrap_or_default()
    }

    /// The policy action; empty when the body was erased.
    #[must_use]
    pub fn action(&self) -> &str {
        self.text(Field::Action).unwrap_or_default()
    }

    /// The outcome.
    #[must_use]
    pub fn outcome(&self) -> Option<&str> {
        self.text(Field::Outcome)
    }

    /// What was accessed.
    #[must_use]
    pub fn resource(&self) -> Option<&str> {
        self.text(Field::Resource)
    }

    /// The policy's result in words.
    #[must_use]
    pub fn policy_decision(&self) -> Option<&str> {
        self.text(Field::PolicyDecision)
    }

    /// The correlation id.
    #[must_use]
    pub fn trace_id(&self) -> Option<&str> {
        self.text(Field::TraceId)
    }

    /// The exact JSON text of `data`; `None` when there is none or it was erased.
    #[must_use]
    pub fn data_text(&self) -> Option<&str> {
        self.frame().payload().and_then(|payload| std::str::from_utf8(payload).ok())
    }

    /// Salts of body and data, for whoever recomputes the hashes.
    #[must_use]
    pub fn salts(&self) -> (Option<Salt>, Option<Salt>) {
        use super::frame::Body;
        match self.frame().body {
            Body::Whole { body_salt, data, .. } => (Some(*body_salt), data.map(|(salt, _)| *salt)),
            Body::DataErased { body_salt, .. } => (Some(*body_salt), None),
            Body::BodyErased { .. } => (None, None),
        }
    }

    /// Bytes this entry takes in its segment.
    #[must_use]
    pub fn stored_len(&self) -> usize {
        self.bytes.len()
    }
}

impl fmt::Debug for StoredEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Bounded, and without the payload: debug output ends up in places nobody redacts.
        f.debug_struct("StoredEntry")
            .field("index", &self.index.get())
            .field("entry_hash", &self.entry_hash())
            .field("stored_len", &self.bytes.len())
            .finish_non_exhaustive()
    }
}

//! Meta: every caller field but `data`, as a list of records.
//!
//! ```text
//! record | field id u8 | minimal LEB128 length | bytes |        ids strictly ascending
//! time   | seconds i64 | nanoseconds u32 | offset in minutes i16 |     0x7FFF: none given
//! ```
//!
//! Absent is not the same as empty. Unknown ids are kept, hashed and skipped, so that a newer
//! writer's fields survive an older reader.

use super::Flaw;
use super::cursor::{Cursor, put_leb128};
use crate::entry::{Entry, Field};
use crate::types::EventTime;
use std::ops::Range;

/// Length of an encoded time.
pub const TIME_LEN: usize = 14;
/// The stored offset of a time that was given without one.
pub const NO_OFFSET: i16 = 0x7fff;

/// What the committing side adds to an entry's own fields.
#[derive(Clone, Copy, Debug)]
pub struct Defaults<'a> {
    /// The entry's id when the caller gave none.
    pub uuid: &'a [u8; 16],
    /// The time when the caller gave none.
    pub now: EventTime,
    /// What redaction took out, as JSON.
    pub redactions: Option<&'a str>,
}

/// Where the committer finds the names it counts, in encoded meta; empty ranges for absent ones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Places {
    /// The agent.
    pub agent: Range<usize>,
    /// The event type.
    pub event_type: Range<usize>,
}

/// Appends the encoded fields of `entry`, and says where the two names are in `out`.
pub fn encode(entry: &Entry<'_>, defaults: &Defaults<'_>, out: &mut Vec<u8>) -> Places {
    let mut places = Places::default();
    let [timestamp, issued_at, completed_at] = entry.times();
    for field in Field::ALL {
        match field {
            Field::EntryId => match entry.text(Field::EntryId) {
                None => put(out, Field::EntryUuid, defaults.uuid),
                Some(text) => match canonical_uuid(text) {
                    Some(uuid) => put(out, Field::EntryUuid, &uuid),
                    None => put(out, field, text.as_bytes()),
                },
            },
            Field::EntryUuid => {}
            Field::Timestamp => put_time(out, field, Some(timestamp.unwrap_or(defaults.now))),
            Field::IssuedAt => put_time(out, field, issued_at),
            Field::CompletedAt => put_time(out, field, completed_at),
            Field::Redactions => {
                if let Some(text) = defaults.redactions {
                    put(out, field, text.as_bytes());
                }
            }
            _ => {
                let Some(text) = entry.text(field) else { continue };
                put(out, field, text.as_bytes());
                let place = out.len() - text.len()..out.len();
                match field {
                    Field::AgentDid => places.agent = place,
                    Field::EventType => places.event_type = place,
                    _ => {}
                }
            }
        }
    }
    places
}

#[inline]
fn put(out: &mut Vec<u8>, field: Field, bytes: &[u8]) {
    out.push(field.id());
    put_leb128(out, u32::try_from(bytes.len()).unwrap_or(u32::MAX));
    out.extend_from_slice(bytes);
}

fn put_time(out: &mut Vec<u8>, field: Field, time: Option<EventTime>) {
    if let Some(time) = time {
        put(out, field, &encode_time(&time));
    }
}

/// The 14 bytes of a time.
#[must_use]
pub fn encode_time(time: &EventTime) -> [u8; TIME_LEN] {
    let mut bytes = [0u8; TIME_LEN];
    super::cursor::Filler::new(&mut bytes)
        .put(&time.seconds.to_le_bytes())
        .put(&time.nanos.to_le_bytes())
        .put(&time.offset_minutes.unwrap_or(NO_OFFSET).to_le_bytes());
    bytes
}

/// A time from its 14 bytes; `None` for another length or a nanosecond of a billion and more.
#[must_use]
pub fn decode_time(bytes: &[u8]) -> Option<EventTime> {
    let mut c = Cursor::new(bytes);
    let (seconds, nanos, offset) = (c.i64().ok()?, c.u32().ok()?, c.i16().ok()?);
    if c.remaining() > 0 || nanos >= 1_000_000_000 {
        return None;
    }
    Some(EventTime { seconds, nanos, offset_minutes: (offset != NO_OFFSET).then_some(offset) })
}

/// The 16 bytes of a UUID in its canonical lower-case text; `None` for any other text.
#[must_use]
pub fn canonical_uuid(text: &str) -> Option<[u8; 16]> {
    if text.len() != 36 {
        return None;
    }
    let uuid = uuid::Uuid::try_parse(text).ok()?;
    let mut buffer = uuid::Uuid::encode_buffer();
    (uuid.hyphenated().encode_lower(&mut buffer) == text).then(|| uuid.into_bytes())
}

/// Walks the records of encoded meta: field id and bytes.
///
/// Yields a [`Flaw`] once, and ends, when ids do not ascend or a record ends early.
#[derive(Clone, Debug)]
pub struct Records<'a> {
    cursor: Cursor<'a>,
    last_id: u8,
}

impl<'a> Records<'a> {
    /// The records of `meta`.
    #[must_use]
    pub fn new(meta: &'a [u8]) -> Self {
        Self { cursor: Cursor::new(meta), last_id: 0 }
    }

    fn record(&mut self) -> Result<(u8, &'a [u8]), Flaw> {
        let at = self.cursor.position();
        let id = self.cursor.u8()?;
        if id <= self.last_id {
            let wanted = format!("above {}", self.last_id);
            return Err(Flaw::new(at, "order of the fields", wanted, id));
        }
        self.last_id = id;
        let len = self.cursor.leb128()? as usize;
        Ok((id, self.cursor.take(len)?))
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<(u8, &'a [u8]), Flaw>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.cursor.remaining() == 0 {
            return None;
        }
        let record = self.record();
        if record.is_err() {
            self.cursor = Cursor::new(&[]);
        }
        Some(record)
    }
}

/// The bytes of one field; `None` when it is absent or the records are damaged before it.
#[must_use]
pub fn find(meta: &[u8], field: Field) -> Option<&[u8]> {
    let (mut rest, mut last_id) = (meta, 0);
    // Fields of less than 128 bytes, as nearly all are, are stepped over by hand.
    while let [id, len, after @ ..] = rest {
        if *len >= 0x80 {
            return find_among(Records { cursor: Cursor::new(rest), last_id }, field);
        }
        let (bytes, next) = after.split_at_checked(usize::from(*len))?;
        if *id <= last_id || *id >= field.id() {
            return (*id > last_id && *id == field.id()).then_some(bytes);
        }
        (rest, last_id) = (next, *id);
    }
    None
}

fn find_among<'a>(records: Records<'a>, field: Field) -> Option<&'a [u8]> {
    for record in records {
        let (id, bytes) = record.ok()?;
        if id >= field.id() {
            return (id == field.id()).then_some(bytes);
        }
    }
    None
}

/// Checks encoded meta as a writer must have written it: order, known fields well formed (UTF-8,
/// times of 14 bytes, ids of 16), id, time, type, agent and action present.
///
/// # Errors
/// A [`Flaw`] naming the first record that is not so.
pub fn check(meta: &[u8]) -> Result<(), Flaw> {
    if is_plainly_good(meta) { Ok(()) } else { check_records(meta) }
}

fn check_records(meta: &[u8]) -> Result<(), Flaw> {
    let mut seen = 0u32;
    for record in Records::new(meta) {
        let (id, bytes) = record?;
        let Some(field) = Field::from_id(id) else { continue };
        seen |= 1 << id;
        let is_good = is_good_value(field, bytes);
        if !is_good {
            return Err(Flaw::new(0, "value of a field", field.name(), "malformed bytes"));
        }
    }
    let has = |field: Field| seen & 1 << field.id() != 0;
    if has(Field::EntryId) == has(Field::EntryUuid) {
        return Err(Flaw::new(0, "entry id", "exactly one of two forms", "none or both"));
    }
    for field in [Field::Timestamp, Field::EventType, Field::AgentDid, Field::Action] {
        if !has(field) {
            return Err(Flaw::new(0, "required field", field.name(), "nothing"));
        }
    }
    Ok(())
}

#[inline]
fn is_good_value(field: Field, bytes: &[u8]) -> bool {
    match field {
        Field::EntryUuid => bytes.len() == 16,
        Field::EntryId => {
            let text = std::str::from_utf8(bytes);
            text.is_ok_and(|text| !text.is_empty() && canonical_uuid(text).is_none())
        }
        Field::EventType | Field::AgentDid | Field::Action if bytes.is_empty() => false,
        _ if field.is_time() => decode_time(bytes).is_some(),
        _ => bytes.is_ascii() || std::str::from_utf8(bytes).is_ok(),
    }
}

/// Whether meta with known fields of less than 128 bytes, as nearly all is, is good; `false` says
/// nothing. Whoever reads a whole log checks every entry, so this is split by hand, and what is
/// ASCII to the end, as nearly all is from the first text on, is looked at once for all fields.
fn is_plainly_good(meta: &[u8]) -> bool {
    let (mut rest, mut last_id, mut seen) = (meta, 0, 0u32);
    let mut is_ascii = None;
    while let [id, len, after @ ..] = rest {
        let Some((bytes, next)) = after.split_at_checked(usize::from(*len)) else { return false };
        let Some(field) = Field::from_id(*id).filter(|_| *id > last_id && *len < 0x80) else {
            return false;
        };
        let may_be_empty = !matches!(field, Field::EventType | Field::AgentDid | Field::Action);
        let is_text = !field.is_time() && !matches!(field, Field::EntryId | Field::EntryUuid);
        let is_good = is_text
            && (may_be_empty || !bytes.is_empty())
            && *is_ascii.get_or_insert_with(|| after.is_ascii());
        if !is_good && !is_good_value(field, bytes) {
            return false;
        }
        (rest, last_id, seen) = (next, *id, seen | 1 << *id);
    }
    let bit = |field: Field| 1u32 << field.id();
    let required = [Field::Timestamp, Field::EventType, Field::AgentDid, Field::Action];
    let ids = seen & (bit(Field::EntryId) | bit(Field::EntryUuid));
    rest.is_empty() && ids.count_ones() == 1 && required.into_iter().all(|f| seen & bit(f) != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Vec<u8> {
        let entry = Entry::new("t", "agent", "allow").resource("").trace_id("x");
        let defaults = Defaults { uuid: &[7; 16], now: EventTime::utc(-5, 9), redactions: None };
        let mut meta = Vec::new();
        encode(&entry, &defaults, &mut meta);
        meta
    }

    #[test]
    fn fields_come_back_and_absent_is_not_empty() {
        let meta = sample();
        assert!(check(&meta).is_ok());
        assert_eq!(find(&meta, Field::AgentDid), Some(&b"agent"[..]));
        assert_eq!(find(&meta, Field::Resource), Some(&b""[..]));
        assert_eq!(find(&meta, Field::SessionId), None);
        let time = decode_time(find(&meta, Field::Timestamp).unwrap()).unwrap();
        assert_eq!((time.seconds, time.nanos, time.offset_minutes), (-5, 9, Some(0)));
    }

    /// The quick way finds what the records say, in whole meta, cut meta and any other bytes.
    #[test]
    fn a_field_is_found_as_the_records_have_it() {
        let mut meta = sample();
        meta.extend([90, 0x80 | 5, 1]);
        meta.extend([b'x'; 133]);
        meta.extend([91, 1, b'y']);
        let check = |meta: &[u8]| {
            for field in Field::ALL {
                assert_eq!(find(meta, field), find_among(Records::new(meta), field));
            }
        };
        for at in 0..meta.len() {
            check(&meta[..at]);
            for value in [0, 1, 2, 3, 7, 16, 0x7f, 0x80, 0x81, 0xff] {
                let mut bad = meta.clone();
                bad[at] = value;
                check(&bad);
            }
        }
    }

    #[test]
    fn times_have_fourteen_bytes_and_less_than_a_billion_nanoseconds() {
        let time = EventTime { seconds: -1, nanos: 999_999_999, offset_minutes: None };
        let bytes = encode_time(&time);
        assert_eq!(decode_time(&bytes), Some(time));
        assert_eq!(decode_time(&[&bytes[..], &[0]].concat()), None);
        assert_eq!(decode_time(&bytes[1..]), None);
        assert_eq!(decode_time(&encode_time(&EventTime { nanos: 1_000_000_000, ..time })), None);
    }

    #[test]
    fn each_time_of_an_entry_is_stored() {
        let [a, b, c] = [1, 2, 3].map(|seconds| EventTime::utc(seconds, 0));
        let entry = Entry::new("t", "agent", "allow").timestamp(a).issued_at(b).completed_at(c);
        let defaults = Defaults { uuid: &[7; 16], now: EventTime::utc(9, 9), redactions: None };
        let mut meta = Vec::new();
        encode(&entry, &defaults, &mut meta);
        for (field, time) in [(Field::Timestamp, a), (Field::IssuedAt, b), (Field::CompletedAt, c)]
        {
            assert_eq!(find(&meta, field).and_then(decode_time), Some(time), "{}", field.name());
        }
    }

    /// Values that no entry may have, each among fields that are right. The quick way takes none of
    /// them, and the careful one names it.
    #[test]
    fn bad_values_are_refused_either_way() {
        let good: [(Field, &[u8]); 5] = [
            (Field::EntryUuid, &[b'u'; 16]),
            (Field::Timestamp, &[0; TIME_LEN]),
            (Field::EventType, b"t"),
            (Field::AgentDid, b"a"),
            (Field::Action, b"allow"),
        ];
        let with = |changed: Field, bytes: &[u8]| {
            let mut fields = good.to_vec();
            // An id in words stands in place of the sixteen bytes.
            let is_id = matches!(changed, Field::EntryId | Field::EntryUuid);
            fields.retain(|(field, _)| *field != changed && !(is_id && *field == Field::EntryUuid));
            fields.push((changed, bytes));
            fields.sort_by_key(|(field, _)| field.id());
            let mut meta = Vec::new();
            fields.iter().for_each(|(field, bytes)| put(&mut meta, *field, bytes));
            (is_plainly_good(&meta), check_records(&meta).is_ok())
        };
        let uuid = b"01a20726-94ef-7117-9e21-d66abdab1273";
        let all_good: [(Field, &[u8]); 6] = [
            (Field::EntryUuid, &[b'v'; 16]),
            (Field::EntryId, b"audit_03d4f8812a534ade"),
            (Field::Timestamp, &[1; TIME_LEN]),
            (Field::AgentDid, "\u{e9}".as_bytes()),
            (Field::Resource, b""),
            (Field::Resource, &[b'x'; 127]),
        ];
        for (field, bytes) in all_good {
            assert_eq!(with(field, bytes), (true, true), "{}: {bytes:?}", field.name());
        }
        // Good, but longer than what the quick way reads.
        assert_eq!(with(Field::TraceId, &[b'x'; 128]), (false, true));
        let bad: [(Field, &[u8]); 13] = [
            (Field::EntryUuid, b""),
            (Field::EntryUuid, &[b'u'; 15]),
            (Field::EntryUuid, &[b'u'; 17]),
            (Field::EntryId, b""),
            (Field::EntryId, uuid),
            (Field::EntryId, b"\xff"),
            (Field::EventType, b""),
            (Field::AgentDid, b""),
            (Field::Action, b""),
            (Field::Timestamp, &[b'0'; TIME_LEN - 1]),
            (Field::CompletedAt, &[b'0'; TIME_LEN + 1]),
            (Field::Resource, b"\xff"),
            (Field::TraceId, b"x\xff"),
        ];
        for (field, bytes) in bad {
            assert_eq!(with(field, bytes), (false, false), "{}: {bytes:?}", field.name());
        }
        // A length of two bytes whose first, taken for the whole, leads to the end.
        let mut meta = Vec::new();
        good.iter().for_each(|(field, bytes)| put(&mut meta, *field, bytes));
        meta.extend([Field::TraceId.id(), 0x80]);
        meta.extend([b'x'; 0x80]);
        assert_eq!((is_plainly_good(&meta), check_records(&meta).is_ok()), (false, false));
    }

    /// The quick way accepts nothing that the careful one does not, and takes the usual entry.
    #[test]
    fn plainly_good_is_good() {
        let meta = sample();
        assert!(is_plainly_good(&meta));
        for at in 0..meta.len() {
            for value in 0..=255 {
                let mut bad = meta.clone();
                bad[at] = value;
                assert!(!is_plainly_good(&bad) || check_records(&bad).is_ok(), "{at}: {value}");
            }
            assert!(!is_plainly_good(&meta[..at]) || check_records(&meta[..at]).is_ok(), "{at}");
        }
    }

    #[test]
    fn unknown_fields_are_skipped_and_disorder_is_a_flaw() {
        let mut meta = sample();
        meta.extend([200, 1, b'?']);
        assert!(check(&meta).is_ok());
        meta.extend([5, 0]);
        assert_eq!(check(&meta).unwrap_err().what, "order of the fields");
    }

    #[test]
    fn only_canonical_uuids_become_sixteen_bytes() {
        let text = "01a20726-94ef-7117-9e21-d66abdab1273";
        assert!(canonical_uuid(text).is_some());
        assert!(canonical_uuid(&text.to_uppercase()).is_none());
        assert!(canonical_uuid(&text.replace('-', "")).is_none());
        assert!(canonical_uuid("audit_03d4f8812a534ade").is_none());
    }
}

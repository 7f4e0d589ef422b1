//! Source: a stream of bytes as chunks of whole records.
//!
//! ```text
//! reader --> | bytes of whole records ........ | begun |     one chunk, at most a mebibyte or one record
//!             \___ to the worker that asked __/   \--> first bytes of the next chunk
//! ```
//!
//! Invariant: memory is bounded by the chunk and the longest record; what is longer is counted and
//! dropped. A chunk ends where the reader had no more to give at the moment, so a slow producer is
//! served at once: readers give as much as they have.
//! The digest of everything up to the chunk is carried along for the position; see `position`.

use super::position::Position;
use super::split::{Fault, Splitter};
use crate::error::{Error, ErrorKind, Result};
use crate::hash::SealHasher;
use crate::limits::{INGEST_CHUNK_BYTES, INGEST_CHUNK_RECORDS, INGEST_LINE_BYTES_MAX};
use crate::types::Hash;
use std::io::Read;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

/// A stretch of the input that is to become one entry.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    /// The line it begins on, counted from 1.
    pub(crate) line: u64,
    /// Its bytes within the chunk; empty when it was too long to keep.
    pub(crate) range: Range<usize>,
    /// Where the next one may begin, within the chunk.
    pub(crate) next: usize,
    /// What is wrong with it already.
    pub(crate) fault: Option<Fault>,
    /// Whether the input ends with this record, so that it may have been cut off.
    pub(crate) is_last: bool,
}

/// Whole records, and the bytes they lie in.
#[derive(Debug, Default)]
pub(crate) struct Chunk {
    /// Position among all chunks.
    pub(crate) number: u64,
    pub(crate) records: Vec<Record>,
    bytes: Vec<u8>,
    filled: usize,
    /// Offset of the first byte in the input.
    offset: u64,
    /// Everything before the first byte, when positions are kept.
    before: Option<SealHasher>,
}

impl Chunk {
    /// The bytes of a record.
    pub(crate) fn text(&self, record: &Record) -> &[u8] {
        self.bytes.get(record.range.clone()).unwrap_or_default()
    }

    /// The offset of a record in the input.
    pub(crate) fn offset_of(&self, record: &Record) -> u64 {
        self.offset + record.range.start as u64
    }

    /// The offset in the input behind a record.
    pub(crate) fn offset_behind(&self, record: &Record) -> u64 {
        self.offset + record.next as u64
    }

    /// The digest of the input up to this place in the chunk; `None` when positions are not kept.
    pub(crate) fn digest_up_to(&self, at: usize) -> Option<Hash> {
        let mut hasher = self.before.clone()?;
        hasher.update(self.bytes.get(..at)?);
        Some(hasher.finish())
    }
}

/// Bytes as chunks of records.
pub(crate) struct Source<'a, R> {
    reader: R,
    /// Raised when nothing more is to be read.
    stop: &'a AtomicBool,
    splitter: Splitter,
    carry: Vec<u8>,
    offset: u64,
    hasher: Option<SealHasher>,
    is_end: bool,
    number: u64,
    /// A chunk of which a part was skipped.
    resumed: Option<Chunk>,
}

impl<'a, R: Read> Source<'a, R> {
    /// The records of what `reader` gives, with digests when positions are to be kept.
    pub(crate) fn new(reader: R, stop: &'a AtomicBool, keeps_positions: bool) -> Self {
        Self {
            reader,
            stop,
            splitter: Splitter::new(),
            carry: Vec::new(),
            offset: 0,
            hasher: keeps_positions.then(SealHasher::new),
            is_end: false,
            number: 0,
            resumed: None,
        }
    }

    /// Fills `chunk` with the next records; `false` at the end, or when asked to stop.
    ///
    /// # Errors
    /// [`ErrorKind::Io`] from the reader.
    pub(crate) fn next_chunk(&mut self, chunk: &mut Chunk) -> Result<bool> {
        if let Some(resumed) = self.resumed.take() {
            *chunk = resumed;
            if !chunk.records.is_empty() {
                return Ok(true);
            }
        }
        self.begin(chunk);
        let mut boundary = self.splitter;
        let mut end = 0;
        while chunk.records.len() < INGEST_CHUNK_RECORDS {
            let window = chunk.bytes.get(..chunk.filled).unwrap_or_default();
            if let Some(found) = self.splitter.next(window, self.is_end) {
                let is_last = self.is_end && found.next == chunk.filled;
                let Range { start, end: stop } = found.range;
                let (line, next, fault) = (found.line, found.next, found.fault);
                chunk.records.push(Record { line, range: start..stop, next, fault, is_last });
                (boundary, end) = (self.splitter, found.next);
                continue;
            }
            if !chunk.records.is_empty() || self.is_end {
                break;
            }
            if !self.read(chunk)? {
                return Ok(false);
            }
        }
        if chunk.records.is_empty() {
            return Ok(false);
        }
        self.finish(chunk, boundary, end);
        Ok(true)
    }

    fn begin(&mut self, chunk: &mut Chunk) {
        chunk.records.clear();
        if chunk.bytes.len() < INGEST_CHUNK_BYTES + self.carry.len() {
            chunk.bytes.resize(INGEST_CHUNK_BYTES + self.carry.len(), 0);
        }
        chunk.filled = self.carry.len();
        if let Some(start) = chunk.bytes.get_mut(..self.carry.len()) {
            start.copy_from_slice(&self.carry);
        }
        self.carry.clear();
        chunk.offset = self.offset;
        chunk.number = self.number;
        chunk.before.clone_from(&self.hasher);
    }

    /// Takes what stands behind the last record over to the next chunk.
    fn finish(&mut self, chunk: &mut Chunk, boundary: Splitter, end: usize) {
        let window = chunk.bytes.get(..chunk.filled).unwrap_or_default();
        let (whole, begun) = window.split_at(end.min(window.len()));
        if let Some(hasher) = &mut self.hasher {
            hasher.update(whole);
        }
        self.carry.extend_from_slice(begun);
        self.offset += whole.len() as u64;
        self.splitter = boundary;
        self.splitter.shift(whole.len());
        self.number += 1;
    }

    /// Reads more into the window; `false` when asked to stop.
    fn read(&mut self, chunk: &mut Chunk) -> Result<bool> {
        if chunk.filled > INGEST_LINE_BYTES_MAX {
            self.splitter.drop_text();
        }
        self.discard(chunk);
        if chunk.filled == chunk.bytes.len() {
            let len = (2 * chunk.filled).min(INGEST_LINE_BYTES_MAX + INGEST_CHUNK_BYTES);
            chunk.bytes.resize(len.max(chunk.filled + INGEST_CHUNK_BYTES), 0);
        }
        let room = chunk.bytes.get_mut(chunk.filled..).unwrap_or_default();
        loop {
            if self.stop.load(Ordering::SeqCst) {
                return Ok(false);
            }
            match self.reader.read(room) {
                Ok(len) => {
                    // A reader that was asked to stop ends early: what is begun was not cut off.
                    if len == 0 && self.stop.load(Ordering::SeqCst) {
                        return Ok(false);
                    }
                    chunk.filled += len;
                    self.is_end = len == 0;
                    return Ok(true);
                }
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Error::io(error, "read", "the input")),
            }
        }
    }

    /// Lets go of bytes that belong to no record.
    fn discard(&mut self, chunk: &mut Chunk) {
        let by = self.splitter.needed_from();
        if by == 0 {
            return;
        }
        if let Some(hasher) = &mut self.hasher {
            hasher.update(chunk.bytes.get(..by).unwrap_or_default());
        }
        chunk.before.clone_from(&self.hasher);
        chunk.bytes.copy_within(by..chunk.filled, 0);
        chunk.filled -= by;
        chunk.offset += by as u64;
        self.offset += by as u64;
        self.splitter.shift(by);
    }

    /// Goes to where an earlier run stopped.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] when the input before that place is not what was read then;
    /// [`ErrorKind::Io`] from the reader.
    pub(crate) fn skip_to(&mut self, position: &Position) -> Result<()> {
        let mut chunk = Chunk::default();
        loop {
            if !self.next_chunk(&mut chunk)? {
                return if self.stop.load(Ordering::SeqCst) {
                    Ok(())
                } else {
                    Err(shorter(position))
                };
            }
            if self.offset >= position.offset {
                break;
            }
        }
        let at =
            usize::try_from(position.offset.saturating_sub(chunk.offset)).unwrap_or(usize::MAX);
        let is_end = |record: &Record| record.next == at || record.range.end == at;
        let record = chunk.records.iter().position(is_end);
        let (Some(record), Some(found)) = (record, chunk.digest_up_to(at)) else {
            return Err(changed(position, "the end of another record", "none"));
        };
        if found != position.digest {
            return Err(changed(position, position.digest, found));
        }
        chunk.records.drain(..=record);
        // The number is that of the first chunk that is worked on.
        (chunk.number, self.number) = (0, 1);
        self.resumed = Some(chunk);
        if self.resumed.as_ref().is_some_and(|chunk| chunk.records.is_empty()) {
            (self.resumed, self.number) = (None, 0);
        }
        Ok(())
    }
}

fn shorter(position: &Position) -> Error {
    let message = "the input ends before the place where reading stopped last time";
    refuse(position, message)
}

fn changed(
    position: &Position,
    wanted: impl std::fmt::Display,
    found: impl std::fmt::Display,
) -> Error {
    let message = "the input changed before the place where reading stopped last time";
    refuse(position, message).expected(wanted, found)
}

fn refuse(position: &Position, message: &str) -> Error {
    Error::new(ErrorKind::Invalid, format!("{message}, line {}", position.line))
        .at_file(position.file.clone())
        .at_offset(position.offset)
        .hint("a file that was replaced is another one: read it without --resume")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives at most so many bytes at once.
    struct Drip<'a>(&'a [u8], usize);

    impl Read for Drip<'_> {
        fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
            let len = self.0.len().min(self.1).min(out.len());
            let (now, later) = self.0.split_at(len);
            out[..len].copy_from_slice(now);
            self.0 = later;
            Ok(len)
        }
    }

    static GO_ON: AtomicBool = AtomicBool::new(false);

    fn all(input: &[u8], drip: usize) -> Vec<(u64, u64, Option<Hash>, Option<Fault>)> {
        let mut source = Source::new(Drip(input, drip), &GO_ON, true);
        let (mut chunk, mut found) = (Chunk::default(), Vec::new());
        while source.next_chunk(&mut chunk).unwrap() {
            for record in &chunk.records {
                let digest = chunk.digest_up_to(record.next);
                found.push((record.line, chunk.offset_behind(record), digest, record.fault));
            }
        }
        found
    }

    #[test]
    fn places_and_digests_do_not_depend_on_how_the_input_comes() {
        let input = b"\n \n{\"a\":1}\n\n{\"b\":2}\n{\"c\":3}";
        let wanted: Vec<_> = [(3, 11u64), (5, 20), (6, 27)]
            .into_iter()
            .map(|(line, end)| {
                let digest = crate::hash::seal(&input[..usize::try_from(end).unwrap()]);
                (line, end, Some(digest), None)
            })
            .collect();
        for drip in [1, 2, 7, 100] {
            assert_eq!(all(input, drip), wanted, "{drip}");
        }
    }

    #[test]
    fn a_record_over_the_limit_is_told_and_memory_stays_bounded() {
        let mut input = b"{}\n{\"x\":\"".to_vec();
        let long = INGEST_LINE_BYTES_MAX + 5 * INGEST_CHUNK_BYTES;
        input.resize(input.len() + long, b'x');
        input.extend_from_slice(b"\"}\n{}\n");
        let mut source = Source::new(&input[..], &GO_ON, true);
        let (mut chunk, mut faults) = (Chunk::default(), Vec::new());
        while source.next_chunk(&mut chunk).unwrap() {
            faults.extend(chunk.records.iter().map(|record| record.fault));
            assert!(chunk.bytes.len() <= INGEST_LINE_BYTES_MAX + 3 * INGEST_CHUNK_BYTES);
            let last = chunk.records.last().unwrap();
            let end = usize::try_from(chunk.offset_behind(last)).unwrap();
            assert_eq!(chunk.digest_up_to(last.next), Some(crate::hash::seal(&input[..end])));
        }
        assert_eq!(faults, [None, Some(Fault::TooLong(long as u64 + 8)), None]);
    }

    #[test]
    fn reading_goes_on_behind_a_record_of_an_unchanged_input() {
        let input: String = (0..50_000).map(|i| format!("{{\"n\":{i}}}\n")).collect();
        let places = all(input.as_bytes(), 1 << 20);
        for at in [0, 1, 8_191, 8_192, 8_193, 49_998, 49_999] {
            let (line, offset, digest, _) = places[at];
            let file = "f".to_owned();
            let position = Position { file, line, offset, digest: digest.unwrap() };
            let mut source = Source::new(input.as_bytes(), &GO_ON, true);
            source.skip_to(&position).unwrap();
            let (mut chunk, mut left, mut number) = (Chunk::default(), 0, 0);
            while source.next_chunk(&mut chunk).unwrap() {
                assert_eq!(chunk.number, number);
                number += 1;
                left += chunk.records.len();
            }
            assert_eq!(left, 49_999 - at);
            let mut other = input.clone().into_bytes();
            other[5] = b'7';
            let error = Source::new(&other[..], &GO_ON, true).skip_to(&position).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Invalid);
            let cut = &input.as_bytes()[..usize::try_from(offset).unwrap() - 2];
            assert!(Source::new(cut, &GO_ON, true).skip_to(&position).is_err());
        }
    }
}

//! Placing: index, sequence numbers, chain and tree for every entry of a group.
//!
//! ```text
//! record | count agent, type | header: first block | second block, with the hash before | patch
//! next            | count    |                     | first block                        | second ..
//! ```
//!
//! The chain lets only the second block of a header wait for the entry before; the first block of
//! the next one is hashed beside it. The tree grows by the whole group, level by level.

use super::committer::Committer;
use super::encode::Record;
use super::queue::Batch;
use super::ticket::Run;
use crate::format::frame::{self, FLAG_CLOCK_CLAMPED, Header};
use crate::hash::ChainLink;
use crate::types::{Hash, UnixNanos};
use std::ops::Range;

/// An entry whose hash waits for the one before.
struct Open {
    link: ChainLink,
    frame: Range<usize>,
    header: Header,
}

impl Committer {
    /// Gives every entry of the batch its place and writes it into the frames.
    pub(super) fn place(&mut self, batch: &mut Batch, now: UnixNanos) -> Run {
        let flags = if now.0 < self.end.last_recorded_at { FLAG_CLOCK_CLAMPED } else { 0 };
        let recorded_at = now.0.max(self.end.last_recorded_at);
        let Batch { bytes, records, .. } = batch;
        let hashes = Vec::with_capacity(records.len());
        let mut run = Run { first_index: self.end.size, recorded_at, hashes };
        let mut open: Option<Open> = None;
        let numbers = self.number(bytes, records);
        for (record, seqs) in records.iter().zip(numbers) {
            let Some(frame) = bytes.get(record.frame.clone()) else { continue };
            let header = self.header_of(record, frame, recorded_at, flags, seqs);
            let encoded = header.encode();
            let link = match open.take() {
                None => ChainLink::begin(&encoded),
                Some(Open { link, frame, header }) => {
                    let (hash, link) = link.finish_and_begin(&self.end.last_hash, &encoded);
                    self.close(bytes, &frame, &header, hash, &mut run);
                    link
                }
            };
            open = Some(Open { link, frame: record.frame.clone(), header });
        }
        if let Some(Open { link, frame, header }) = open {
            let hash = link.finish(&self.end.last_hash);
            self.close(bytes, &frame, &header, hash, &mut run);
        }
        self.end.frontier.extend(&run.hashes, |_, _| {});
        self.end.last_recorded_at = recorded_at;
        run
    }

    /// Sequence numbers of all entries of a batch, by agent and by type. In a loop of its own: a
    /// name is looked up while the next ones are on their way from memory, which a chain of hashes
    /// in between would not leave room for.
    fn number(&mut self, bytes: &[u8], records: &[Record]) -> Vec<(u64, u64)> {
        let counters = &mut self.end.counters;
        let number = |record: &Record| {
            let frame = bytes.get(record.frame.clone()).unwrap_or_default();
            let name = |range: &Range<usize>| frame.get(range.clone()).unwrap_or_default();
            let agent_seq = counters.agents.count_one(name(&record.agent));
            (agent_seq, counters.types.count_one(name(&record.event_type)))
        };
        records.iter().map(number).collect()
    }

    /// The next entry's header but for the hash of the entry before.
    fn header_of(
        &mut self,
        record: &Record,
        frame: &[u8],
        recorded_at: u64,
        flags: u8,
        (agent_seq, type_seq): (u64, u64),
    ) -> Header {
        let index = self.end.size;
        self.end.size += 1;
        if self.recent.is_on() {
            self.recent.insert(record.id_key(frame), index);
        }
        Header {
            flags: record.flags | flags,
            index,
            recorded_at,
            agent_seq,
            type_seq,
            meta_len: record.meta_len,
            data_len: record.data_len,
            body_hash: record.body_hash,
            previous_hash: Hash::ZERO,
        }
    }

    fn close(
        &mut self,
        bytes: &mut [u8],
        frame: &Range<usize>,
        header: &Header,
        hash: Hash,
        run: &mut Run,
    ) {
        if let Some(frame) = bytes.get_mut(frame.clone()) {
            frame::place(frame, header, &hash);
        }
        run.hashes.push(hash);
        self.end.last_hash = hash;
    }
}

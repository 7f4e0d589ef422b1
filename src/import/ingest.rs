//! Ingesting: records in, durable entries out, in the order of the input.
//!
//! ```text
//! worker 1 | take chunk 0 | decode |  append, tell   | take chunk 2 | decode ...
//! worker 2 |              | take 1 | decode | (waits its turn) append, tell | ...
//! ```
//!
//! Workers take chunks from the source one after the other, decode side by side, and append in turn.
//! Invariant, per chunk: rejects are kept safe first, entries are made durable next, both are told
//! last. So a position in the log never stands behind a record that is neither in the log nor kept,
//! and whatever was told survives power loss. Opening files and printing are the listener's.

use super::mapping::Mapping;
use super::position::Position;
use super::records::{Decoded, decode, decode_record};
use super::reject::Reject;
use super::source::{Chunk, Source};
use crate::entry::{Entry, Field};
use crate::error::{Error, ErrorKind, Result};
use crate::log::{AuditLog, Receipt};
use crate::sync::{Condvar, Mutex, Ordering, thread};
use crate::types::EntryIndex;
use std::borrow::Cow;
use std::io::Read;
use std::ops::Range;
use std::sync::atomic::AtomicBool;

/// A rejected record, whole.
#[derive(Debug)]
pub struct Rejected<'a> {
    /// Its line, and why.
    pub reject: &'a Reject,
    /// Offset of its first byte in the input.
    pub offset: u64,
    /// Its bytes; empty when it was too long to be kept.
    pub bytes: &'a [u8],
}

/// What is told while records are ingested. Calls come one at a time, in the order of the input.
pub trait Listener: Send {
    /// Keeps rejected records, durably: entries behind them are appended next.
    ///
    /// # Errors
    /// Ingesting stops.
    fn keep(&mut self, rejected: &[Rejected<'_>]) -> Result<()>;

    /// The record of this line is an entry, and durable.
    ///
    /// # Errors
    /// Ingesting stops.
    fn accepted(&mut self, line: u64, receipt: &Receipt) -> Result<()>;

    /// A record was rejected; it is kept, unless this is what stops ingesting.
    ///
    /// # Errors
    /// Ingesting stops.
    fn rejected(&mut self, reject: &Reject) -> Result<()>;

    /// After each chunk.
    ///
    /// # Errors
    /// Ingesting stops.
    fn progress(&mut self, summary: &Summary) -> Result<()>;
}

/// What became of the records so far.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct Summary {
    /// Records that are entries now, duplicates not counted.
    pub accepted: u64,
    /// Records that were entries before.
    pub duplicates: u64,
    /// Records that are entries now and had secrets taken out of them.
    pub redacted: u64,
    /// Records that were rejected.
    pub rejected: u64,
    /// Bytes of the input that are dealt with.
    pub bytes: u64,
    /// The last entry that was acknowledged.
    pub durable_through: Option<EntryIndex>,
}

/// How ingesting ended.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum End {
    /// The input ended.
    Complete,
    /// It was asked to stop.
    Interrupted,
    /// A record was rejected, and none was to be kept.
    Rejected(Reject),
    /// Reading, appending or telling failed.
    Failed(Error),
}

/// What became of the records, and how it ended. What the summary counts is durable either way.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Ingested {
    /// What became of the records.
    pub summary: Summary,
    /// How it ended.
    pub end: End,
    /// Where an earlier run had stopped and this one began.
    pub resumed: Option<Position>,
}

/// How records are ingested.
#[derive(Clone, Debug)]
#[must_use = "nothing happens until it is run"]
pub struct Ingest<'a> {
    mapping: &'a Mapping,
    file: Option<String>,
    is_resumed: bool,
    keeps_rejects: bool,
    threads: usize,
}

impl<'a> Ingest<'a> {
    /// Decodes with this mapping, stops at the first record that is rejected.
    pub fn new(mapping: &'a Mapping) -> Self {
        let threads = std::thread::available_parallelism().map_or(1, usize::from).min(4);
        Self { mapping, file: None, is_resumed: false, keeps_rejects: false, threads }
    }

    /// Keeps positions under this name, so that a later run can go on; for files, not for pipes.
    pub fn file(mut self, name: impl Into<String>) -> Self {
        self.file = Some(name.into());
        self
    }

    /// Whether to go on where the last run with this file stopped.
    pub fn resume(mut self, is_resumed: bool) -> Self {
        self.is_resumed = is_resumed;
        self
    }

    /// Whether to go on after a reject, which the listener keeps.
    pub fn keep_rejects(mut self, keeps: bool) -> Self {
        self.keeps_rejects = keeps;
        self
    }

    /// How many threads decode, at least 1.
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = threads.max(1);
        self
    }

    /// Ingests everything `reader` gives, until its end or until `stop` is raised. A reader should
    /// give as much as it has at the moment, and end when `stop` is raised while it waits; `stop` is
    /// raised here, too, when a reject or an error ends the work.
    ///
    /// # Durability
    /// What the listener was told is durable, and so is what the summary counts.
    pub fn run(
        &self,
        log: &AuditLog,
        reader: impl Read + Send,
        stop: &AtomicBool,
        listener: &mut dyn Listener,
    ) -> Ingested {
        let mut source = Source::new(reader, stop, self.file.is_some());
        let resumed = match self.resume_point(log, &mut source) {
            Ok(resumed) => resumed,
            Err(error) => {
                let summary = Summary::default();
                return Ingested { summary, end: End::Failed(error), resumed: None };
            }
        };
        let turn = Turn { next: 0, summary: Summary::default(), end: None, listener };
        let work = Work {
            ingest: self,
            log,
            stop,
            source: Mutex::new(source),
            turn: Mutex::new(turn),
            is_next: Condvar::default(),
        };
        thread::scope(|scope| {
            // Threads that the system does not give are done without.
            for _ in 1..self.threads {
                if thread::spawn_in(scope, || work.run()).is_err() {
                    break;
                }
            }
            work.run();
        });
        let turn = work.turn.into_inner();
        let was_stopped = stop.load(Ordering::SeqCst);
        let end = match turn.end {
            Some(end) => end,
            None if was_stopped => End::Interrupted,
            None => End::Complete,
        };
        Ingested { summary: turn.summary, end, resumed }
    }

    fn resume_point<R: Read>(
        &self,
        log: &AuditLog,
        source: &mut Source<'_, R>,
    ) -> Result<Option<Position>> {
        let Some(file) = self.file.as_deref().filter(|_| self.is_resumed) else { return Ok(None) };
        let position = Position::find(&log.view(), file)?;
        if let Some(position) = &position {
            source.skip_to(position)?;
        }
        Ok(position)
    }
}

/// What one worker at a time may touch.
struct Turn<'l> {
    /// The chunk whose turn it is.
    next: u64,
    summary: Summary,
    end: Option<End>,
    listener: &'l mut dyn Listener,
}

struct Work<'w, 's, R> {
    ingest: &'w Ingest<'w>,
    log: &'w AuditLog,
    stop: &'w AtomicBool,
    source: Mutex<Source<'s, R>>,
    turn: Mutex<Turn<'w>>,
    is_next: Condvar,
}

impl<R: Read + Send> Work<'_, '_, R> {
    fn run(&self) {
        let mut chunk = Chunk::default();
        loop {
            // Bound to a name of its own, so that the source is free again before the decoding.
            let taken = self.source.lock().next_chunk(&mut chunk);
            match taken {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => return self.fail(chunk.number, error),
            }
            let decoded = decode(&chunk, self.ingest.mapping);
            let mut turn = self.turn.lock();
            while turn.next < chunk.number {
                self.is_next.wait(&mut turn);
            }
            if turn.end.is_none() {
                let done = Batch { work: self, chunk: &chunk }.deal_with(decoded, &mut turn);
                turn.end = done.err();
                if turn.end.is_some() {
                    self.stop.store(true, Ordering::SeqCst);
                }
            }
            turn.next += 1;
            self.is_next.notify_all();
            if turn.end.is_some() {
                return;
            }
        }
    }

    /// Reading failed: everything before the failure is dealt with first.
    fn fail(&self, number: u64, error: Error) {
        let mut turn = self.turn.lock();
        while turn.next < number {
            self.is_next.wait(&mut turn);
        }
        turn.end.get_or_insert(End::Failed(error));
        self.stop.store(true, Ordering::SeqCst);
    }
}

/// One chunk in its turn.
struct Batch<'b, 'w, 's, R> {
    work: &'b Work<'w, 's, R>,
    chunk: &'b Chunk,
}

/// What is told about a record, by its number in the chunk.
enum Told {
    Accepted(Receipt),
    Rejected(Reject),
}

impl<R: Read + Send> Batch<'_, '_, '_, R> {
    fn deal_with(&self, decoded: Decoded<'_>, turn: &mut Turn<'_>) -> Result<(), End> {
        let mut told: Vec<(usize, Told)> = Vec::with_capacity(decoded.len());
        let result = self.keep_and_append(decoded, turn, &mut told);
        // Whatever happened: what is durable is told.
        told.sort_by_key(|(number, _)| *number);
        let telling = self.tell(&told, turn);
        result.and(telling.map_err(End::Failed))
    }

    fn keep_and_append(
        &self,
        mut decoded: Decoded<'_>,
        turn: &mut Turn<'_>,
        told: &mut Vec<(usize, Told)>,
    ) -> Result<(), End> {
        let mut stopped_by = None;
        if !self.work.ingest.keeps_rejects
            && let Some(first) = decoded.iter().position(Result::is_err)
        {
            stopped_by = decoded.drain(first..).next().and_then(Result::err);
            stopped_by = stopped_by.map(|reject| self.discreet(reject));
        }
        let is_all = stopped_by.is_none();
        let (mut numbers, mut entries, mut rejects) = (Vec::new(), Vec::new(), Vec::new());
        for (number, result) in decoded.into_iter().enumerate() {
            match result {
                Ok(entry) => {
                    numbers.push(number);
                    entries.push(entry);
                }
                Err(reject) => rejects.push((number, self.discreet(reject))),
            }
        }
        self.keep(&rejects, turn).map_err(End::Failed)?;
        told.extend(rejects.into_iter().map(|(number, reject)| (number, Told::Rejected(reject))));
        self.append_all(&numbers, entries, is_all, turn, told)?;
        match stopped_by {
            Some(reject) => {
                let number = self.chunk.records.iter().position(|r| r.line == reject.line);
                told.push((number.unwrap_or(usize::MAX), Told::Rejected(reject.clone())));
                Err(End::Rejected(reject))
            }
            None => Ok(()),
        }
    }

    /// A reject whose message, which may quote the record, holds no secret.
    fn discreet(&self, mut reject: Reject) -> Reject {
        if let Cow::Owned(message) = self.work.log.redactor().text(&reject.message) {
            reject.message = message;
        }
        reject
    }

    fn keep(&self, rejects: &[(usize, Reject)], turn: &mut Turn<'_>) -> Result<()> {
        if rejects.is_empty() {
            return Ok(());
        }
        let rejected: Vec<Rejected<'_>> = rejects
            .iter()
            .filter_map(|(number, reject)| {
                let record = self.chunk.records.get(*number)?;
                let (offset, bytes) = (self.chunk.offset_of(record), self.chunk.text(record));
                Some(Rejected { reject, offset, bytes })
            })
            .collect();
        turn.listener.keep(&rejected)
    }

    /// Appends the entries of these records, in one group when the log takes them so.
    fn append_all(
        &self,
        numbers: &[usize],
        entries: Vec<Entry<'_>>,
        is_all: bool,
        turn: &mut Turn<'_>,
        told: &mut Vec<(usize, Told)>,
    ) -> Result<(), End> {
        let mut first = Some(entries);
        // Halves that are still to be appended, the next one last.
        let mut left: Vec<Range<usize>> = std::iter::once(0..numbers.len()).collect();
        while let Some(range) = left.pop() {
            let piece = numbers.get(range.clone()).unwrap_or_default();
            let Some(last) = piece.last() else { continue };
            let entries = match first.take() {
                Some(entries) => entries,
                // What was decoded once is decoded again rather than kept for this rare case.
                None => piece.iter().filter_map(|number| self.decode_again(*number)).collect(),
            };
            let is_last = is_all && range.end == numbers.len();
            let entries = self.with_position(entries, *last, is_last);
            match self.work.log.append_batch(entries) {
                Ok(receipts) => {
                    let receipts = receipts.into_iter().map(Told::Accepted);
                    told.extend(piece.iter().copied().zip(receipts));
                }
                Err(error) if !is_about_entries(&error) => return Err(End::Failed(error)),
                Err(error) if piece.len() == 1 => self.refused(*last, &error, turn, told)?,
                Err(_) => {
                    let middle = range.start + range.len() / 2;
                    left.push(middle..range.end);
                    left.push(range.start..middle);
                }
            }
        }
        Ok(())
    }

    fn decode_again(&self, number: usize) -> Option<Entry<'_>> {
        let record = self.chunk.records.get(number)?;
        decode_record(self.chunk, record, self.work.ingest.mapping).ok()
    }

    /// The log itself refused an entry: its id exists with other content, or no segment holds it.
    fn refused(
        &self,
        number: usize,
        error: &Error,
        turn: &mut Turn<'_>,
        told: &mut Vec<(usize, Told)>,
    ) -> Result<(), End> {
        let line = self.chunk.records.get(number).map_or(0, |record| record.line);
        let reject = self.discreet(Reject::from_error(error).at_line(line));
        let mut end = Ok(());
        if self.work.ingest.keeps_rejects {
            self.keep(&[(number, reject.clone())], turn).map_err(End::Failed)?;
        } else {
            end = Err(End::Rejected(reject.clone()));
        }
        told.push((number, Told::Rejected(reject)));
        end
    }

    /// Puts the position into the last entry, and into the last one without an id of its own: one
    /// with an id may be in the log already and is not written then.
    fn with_position<'e>(
        &self,
        mut entries: Vec<Entry<'e>>,
        last: usize,
        is_chunk_end: bool,
    ) -> Vec<Entry<'e>> {
        let Some(file) = &self.work.ingest.file else { return entries };
        // Behind the last record of all when those after it were rejected and are kept.
        let record = match is_chunk_end {
            true => self.chunk.records.last(),
            false => self.chunk.records.get(last),
        };
        let Some(record) = record else { return entries };
        let Some(digest) = self.chunk.digest_up_to(record.next) else { return entries };
        let (line, offset) = (record.line, self.chunk.offset_behind(record));
        let position = Position { file: file.clone(), line, offset, digest };
        let is_fresh = |entry: &Entry<'_>| entry.text(Field::EntryId).is_none();
        let fresh = entries.iter().rposition(is_fresh);
        let end = entries.len().saturating_sub(1);
        for at in std::iter::once(end).chain(fresh.filter(|at| *at != end)) {
            if let Some(entry) = entries.get_mut(at) {
                *entry = position.attach(entry.clone());
            }
        }
        entries
    }

    fn tell(&self, told: &[(usize, Told)], turn: &mut Turn<'_>) -> Result<()> {
        for (number, told) in told {
            let record = self.chunk.records.get(*number);
            if let Some(record) = record {
                let behind = self.chunk.offset_behind(record);
                turn.summary.bytes = turn.summary.bytes.max(behind);
            }
            match told {
                Told::Accepted(receipt) => {
                    let counter = match receipt.is_duplicate() {
                        true => &mut turn.summary.duplicates,
                        false => &mut turn.summary.accepted,
                    };
                    *counter += 1;
                    turn.summary.redacted += u64::from(receipt.redacted() > 0);
                    let through = turn.summary.durable_through.max(Some(receipt.index()));
                    turn.summary.durable_through = through;
                    turn.listener.accepted(record.map_or(0, |record| record.line), receipt)?;
                }
                Told::Rejected(reject) => {
                    turn.summary.rejected += 1;
                    turn.listener.rejected(reject)?;
                }
            }
        }
        turn.listener.progress(&turn.summary)
    }
}

/// Whether fewer or other entries would have been appended.
fn is_about_entries(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::AlreadyExists | ErrorKind::TooLarge | ErrorKind::Invalid)
}

#[cfg(test)]
mod tests;

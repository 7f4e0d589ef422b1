//! Duplicates: an entry id that exists already, within the batch or within recent entries.
//!
//! The same content again is a retry and gets the first receipt; other content under the same id
//! is an error that names the first entry. A batch appended as one is refused as one.

use super::committer::{Answer, Answers, CommitError, Committer};
use super::encode::Record;
use super::queue::Batch;
use super::recent::{ByIdKey, RecentIds};
use super::ticket::Placement;
use crate::entry::Field;
use crate::entry::source::is_same_origin;
use crate::error::{Error, ErrorKind};
use crate::format::frame::Frame;
use crate::format::meta;
use crate::types::EntryIndex;

impl Committer {
    /// Takes entries out of the batch that are in the log already.
    pub(crate) fn weed_out_duplicates(
        &mut self,
        batch: &mut Batch,
    ) -> Result<Answers, CommitError> {
        if !batch.records.iter().any(Record::is_id_given) {
            return Ok(Answers::AllFresh);
        }
        if !self.recent.is_on() {
            self.sync_written()?;
            self.recent.turn_on();
            let recent = &mut self.recent;
            let view = self.fixed.catalog.view();
            let filled = view.recent_id_keys(|index, key| recent.insert(key, index));
            if let Err(error) = filled {
                // Half a table would take retries for new entries.
                self.recent = RecentIds::default();
                return Err(CommitError::Refused(error));
            }
        }
        weed_out(self, batch)
    }
}

enum Verdict {
    Fresh,
    Duplicate(Placement),
    /// Of the entry at this position of the same batch.
    DuplicateInBatch(usize),
    Conflict(Error),
}

/// Takes duplicates and conflicts out of the batch and says how they are answered.
fn weed_out(committer: &mut Committer, batch: &mut Batch) -> Result<Answers, CommitError> {
    let count = batch.records.len();
    let mut verdicts: Vec<Verdict> = Vec::with_capacity(count);
    let mut seen: ByIdKey<usize> = ByIdKey::default();
    seen.reserve(count);
    for unit in batch.units() {
        let first = verdicts.len();
        for position in unit {
            let verdict = judge(committer, batch, position, &seen)?;
            if let (Verdict::Fresh, Some(record)) = (&verdict, batch.records.get(position)) {
                let frame = batch.bytes.get(record.frame.clone()).unwrap_or_default();
                seen.insert(record.id_key(frame), position);
            }
            verdicts.push(verdict);
        }
        let unit = verdicts.get_mut(first..).unwrap_or_default();
        let conflict = unit.iter().find_map(|verdict| match verdict {
            Verdict::Conflict(error) => Some(error.clone()),
            _ => None,
        });
        if let Some(error) = conflict {
            unit.fill_with(|| Verdict::Conflict(error.clone()));
            seen.retain(|_, position| *position < first);
        }
    }
    let is_fresh = |verdict: &Verdict| matches!(verdict, Verdict::Fresh);
    if verdicts.iter().all(is_fresh) {
        return Ok(Answers::AllFresh);
    }
    batch.retain(|position| verdicts.get(position).is_some_and(is_fresh));
    Ok(Answers::Mixed(verdicts.into_iter().map(answer).collect()))
}

fn answer(verdict: Verdict) -> Answer {
    match verdict {
        Verdict::Fresh => Answer::Next,
        Verdict::Duplicate(placement) => Answer::Known(Ok(placement)),
        Verdict::DuplicateInBatch(position) => Answer::SameAs(position),
        Verdict::Conflict(error) => Answer::Known(Err(error)),
    }
}

fn judge(
    committer: &mut Committer,
    batch: &Batch,
    position: usize,
    seen: &ByIdKey<usize>,
) -> Result<Verdict, CommitError> {
    let Some(record) = batch.records.get(position) else { return Ok(Verdict::Fresh) };
    if !record.is_id_given() {
        return Ok(Verdict::Fresh);
    }
    let frame = batch.bytes.get(record.frame.clone()).unwrap_or_default();
    if let Some(verdict) = judge_in_batch(batch, frame, record, seen) {
        return Ok(verdict);
    }
    let Some(index) = committer.recent.find(record.id_key(frame)) else {
        return Ok(Verdict::Fresh);
    };
    if index >= committer.synced_size {
        committer.sync_written()?;
    }
    let old = committer.fixed.catalog.view().entry(EntryIndex::new(index));
    let old = old.map_err(CommitError::Refused)?;
    if !is_same_id(&old.frame(), frame) {
        return Ok(Verdict::Fresh); // two ids with one key
    }
    if is_same_entry(&old.frame(), frame, record) {
        return Ok(Verdict::Duplicate(Placement {
            index,
            entry_hash: old.entry_hash(),
            recorded_at: old.recorded_at().0,
            is_duplicate: true,
        }));
    }
    Ok(Verdict::Conflict(conflict(&old.entry_id()).at_index(index)))
}

fn judge_in_batch(
    batch: &Batch,
    frame: &[u8],
    record: &Record,
    seen: &ByIdKey<usize>,
) -> Option<Verdict> {
    let position = *seen.get(&record.id_key(frame))?;
    let other = batch.records.get(position)?;
    let other = Frame::decode(batch.bytes.get(other.frame.clone())?).ok()?;
    if !is_same_id(&other, frame) {
        return None;
    }
    if is_same_entry(&other, frame, record) {
        return Some(Verdict::DuplicateInBatch(position));
    }
    Some(Verdict::Conflict(conflict("of this commit group")))
}

fn conflict(id: &str) -> Error {
    let message = format!("entry id {id} exists already with different content");
    Error::new(ErrorKind::AlreadyExists, message)
}

fn is_same_id(old: &Frame<'_>, new: &[u8]) -> bool {
    use crate::entry::Field;
    let Ok(new) = Frame::decode(new) else { return false };
    let (Some(old), Some(new)) = (old.meta(), new.meta()) else { return false };
    let id = |meta| {
        let find = |field| crate::format::meta::find(meta, field);
        find(Field::EntryUuid).or_else(|| find(Field::EntryId))
    };
    id(old) == id(new)
}

/// Whether two records are the same entry sent twice.
fn is_same_entry(old: &Frame<'_>, new: &[u8], record: &Record) -> bool {
    let Ok(new) = Frame::decode(new) else { return false };
    if old.payload() != new.payload() {
        return false;
    }
    let (Some(old), Some(new)) = (old.meta(), new.meta()) else { return false };
    let (time, source) = (Field::Timestamp.id(), Field::Source.id());
    // By which rules it was searched says nothing about what was sent.
    let rules = Field::RuleSet.id();
    let comparable = |bytes| {
        let records = meta::Records::new(bytes).filter_map(Result::ok);
        let counts =
            move |id: u8| id != source && id != rules && (record.is_time_given || id != time);
        records.filter(move |(id, _)| counts(*id))
    };
    comparable(old).eq(comparable(new)) && is_same_origin(origin(old), origin(new))
}

/// The text of a `source` field; bytes that are no text are compared as an empty one.
fn origin(meta: &[u8]) -> Option<&str> {
    let bytes = meta::find(meta, Field::Source)?;
    Some(std::str::from_utf8(bytes).unwrap_or_default())
}

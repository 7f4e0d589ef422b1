//! Comparing rows with the log, in order, a page at a time.

use super::{PostgresSink, Row, TEXT_FIELDS};
use crate::error::Result;
use crate::format::stored::StoredEntry;
use crate::sink::{Attachment, SinkReport};
use std::collections::VecDeque;

/// Rows fetched at once.
const PAGE_ROWS: i64 = 1000;

/// Rows from an index on.
struct Rows {
    page: VecDeque<Row>,
    next: i64,
    is_over: bool,
}

impl Rows {
    fn peek(&mut self, sink: &mut PostgresSink) -> Result<Option<&Row>> {
        if self.page.is_empty() && !self.is_over {
            self.page = fetch(sink, self.next)?.into();
            self.is_over = self.page.len() < usize::try_from(PAGE_ROWS).unwrap_or(0);
            self.next = self.page.back().map_or(self.next, |row| row.idx.saturating_add(1));
        }
        Ok(self.page.front())
    }
}

fn fetch(sink: &mut PostgresSink, from: i64) -> Result<Vec<Row>> {
    let log_id = sink.log_id.clone();
    sink.with_client(|client, table| {
        let texts: Vec<&str> = TEXT_FIELDS.iter().map(|field| field.name()).collect();
        let texts = texts.join(", ");
        let form = "YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"";
        let select = format!(
            "SELECT idx, entry_id, to_char(recorded_at AT TIME ZONE 'UTC', '{form}'), \
             to_char(event_time AT TIME ZONE 'UTC', '{form}'), entry_hash, previous_hash, \
             entry::text, {texts} FROM {table} WHERE log_id = $1 AND idx >= $2 \
             ORDER BY idx LIMIT {PAGE_ROWS}"
        );
        let rows = client.query(&select, &[&log_id, &from])?;
        rows.iter()
            .map(|row| {
                let mut texts = [const { None }; TEXT_FIELDS.len()];
                for (at, text) in texts.iter_mut().enumerate() {
                    *text = row.try_get(7 + at)?;
                }
                Ok(Row {
                    idx: row.try_get(0)?,
                    entry_id: row.try_get(1)?,
                    recorded_at: row.try_get(2)?,
                    timestamp: row.try_get(3)?,
                    entry_hash: row.try_get(4)?,
                    previous_hash: row.try_get(5)?,
                    entry: row.try_get(6)?,
                    texts,
                })
            })
            .collect()
    })
}

/// Names of the columns in which two rows differ.
fn differences(wanted: &Row, found: &Row) -> Vec<&'static str> {
    let fixed = [
        ("entry_id", wanted.entry_id == found.entry_id),
        ("recorded_at", wanted.recorded_at == found.recorded_at),
        ("event_time", wanted.timestamp == found.timestamp),
        ("entry_hash", wanted.entry_hash == found.entry_hash),
        ("previous_hash", wanted.previous_hash == found.previous_hash),
        ("entry", wanted.entry == found.entry),
    ];
    let texts = TEXT_FIELDS.iter().zip(wanted.texts.iter().zip(&found.texts));
    let texts = texts.map(|(field, (wanted, found))| (field.name(), wanted == found));
    fixed.into_iter().chain(texts).filter(|(_, same)| !same).map(|(name, _)| name).collect()
}

/// Compares the rows of this log with its entries below the attachment's `next`.
pub(super) fn compare(sink: &mut PostgresSink, log: &Attachment<'_>) -> Result<SinkReport> {
    let mut report = SinkReport::new();
    let mut rows = Rows { page: VecDeque::new(), next: 0, is_over: false };
    for index in 0..log.next.get() {
        let entry = log.view.entry(index.into())?;
        while let Some(extra) = rows.peek(sink)?.filter(|row| row.idx < index_of(&entry)) {
            report.find(format!("row {} is no entry of the log", extra.idx));
            rows.page.pop_front();
        }
        match rows.peek(sink)?.filter(|row| row.idx == index_of(&entry)) {
            Some(found) => {
                report.checked += 1;
                let names = differences(&Row::of(&entry), found);
                if !names.is_empty() {
                    report
                        .find(format!("row {index} differs from the log in {}", names.join(", ")));
                }
                rows.page.pop_front();
            }
            None if entry.is_system() => {}
            None if log.set_aside.binary_search(&index).is_ok() => {
                report.note(format!("entry {index} is a dead letter"));
            }
            None => report.find(format!("entry {index} has no row")),
        }
    }
    // Rows beyond the position: handed on before a crash, or somebody else's.
    let size = log.view.size().get();
    while let Some(row) = rows.peek(sink)? {
        let (idx, found) = (row.idx, row.entry_hash.clone());
        rows.page.pop_front();
        match u64::try_from(idx).ok().filter(|idx| *idx < size) {
            Some(idx) if log.view.entry(idx.into())?.entry_hash().to_hex() == found => {
                report.checked += 1;
            }
            Some(_) => report.find(format!("row {idx} is another entry than the log's")),
            None => report.find(format!("row {idx} is no entry of the log")),
        }
    }
    Ok(report)
}

fn index_of(entry: &StoredEntry) -> i64 {
    i64::try_from(entry.index().get()).unwrap_or(i64::MAX)
}

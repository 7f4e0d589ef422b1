//! An audit log on a sorted map of bytes: rows by number, ids, and three indexes kept by hand.
//!
//! ```text
//! 1 agent 0 number            -> nothing
//! 2 trace 0 number            -> nothing
//! 3 type  0 time   number     -> nothing
//! 4 id                        -> number
//! 5 number                    -> time, then id and each text with its length before it
//! ```
//!
//! Numbers and times are big-endian, so that their order is that of the bytes. Rows come last: a
//! B-tree that is appended to at its end keeps its pages full. The five keys of an act are written
//! in one transaction. Ids and three indexes are the least with which the questions of the table
//! are answered without reading everything.

use super::load::{Act, TEXTS};
use super::store::{Questions, Seen, Store, TypeAsked, new_id, now};
use crate::engine::Result;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU64, Ordering};

const AGENT: u8 = 1;
const TRACE: u8 = 2;
const TYPE: u8 = 3;
const ID: u8 = 4;
const ROW: u8 = 5;
const NUMBER_LEN: usize = 8;
/// Where the texts that questions look at stand in a row.
const OUTCOME: usize = 5;
const TRACE_ID: usize = 8;

/// What a scan hands out a key to.
pub(crate) type EachKey<'a> = dyn FnMut(&[u8]) -> Result<ControlFlow<()>> + 'a;

/// A sorted map of bytes.
pub(crate) trait Map: Send + Sync {
    /// Writes the pairs in one transaction.
    fn write(&self, pairs: &Pairs) -> Result<()>;
    fn sync(&self) -> Result<()>;
    /// Calls `body` with the map as it is now.
    fn read(&self, body: &mut dyn FnMut(&dyn Snapshot) -> Result<()>) -> Result<()>;
    fn close(self) -> Result<()>;
}

/// A map at one time.
pub(crate) trait Snapshot {
    fn get(&self, key: &[u8], found: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()>;
    /// Hands out keys of `begin..end`, first or last first, until told to stop.
    fn keys(&self, begin: &[u8], end: &[u8], order: Order, each: &mut EachKey<'_>) -> Result<()>;
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    Ascending,
    Descending,
}

/// Keys and values in one buffer.
#[derive(Default)]
pub(crate) struct Pairs {
    bytes: Vec<u8>,
    /// Lengths of each key and its value.
    lens: Vec<(usize, usize)>,
}

impl Pairs {
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let mut rest = self.bytes.as_slice();
        self.lens.iter().map_while(move |(key, value)| {
            let (pair, after) = rest.split_at_checked(key + value)?;
            rest = after;
            pair.split_at_checked(*key)
        })
    }

    fn push(&mut self, parts: &[&[u8]], value: impl FnOnce(&mut Vec<u8>)) {
        let begin = self.bytes.len();
        parts.iter().for_each(|part| self.bytes.extend_from_slice(part));
        let key = self.bytes.len();
        value(&mut self.bytes);
        self.lens.push((key - begin, self.bytes.len() - key));
    }

    fn push_act(&mut self, act: &Act<'_>, number: u64, time: u64) {
        let id = new_id(number, time);
        let (number, time) = (number.to_be_bytes(), time.to_be_bytes());
        let nothing = |_: &mut Vec<u8>| {};
        self.push(&[&[AGENT], act.agent_did.as_bytes(), &[0], &number], nothing);
        self.push(&[&[TRACE], act.trace_id.as_str().as_bytes(), &[0], &number], nothing);
        self.push(&[&[TYPE], act.event_type.as_bytes(), &[0], &time, &number], nothing);
        self.push(&[&[ID], id.as_bytes()], |bytes| bytes.extend_from_slice(&number));
        self.push(&[&[ROW], &number], |bytes| {
            bytes.extend_from_slice(&time);
            for text in [id.as_str()].into_iter().chain(act.texts()) {
                let len = u16::try_from(text.len()).unwrap_or(u16::MAX);
                bytes.extend_from_slice(&len.to_be_bytes());
                bytes.extend_from_slice(text.as_bytes());
            }
        });
    }
}

struct Row {
    time: u64,
    id: String,
    texts: [String; TEXTS],
}

impl Row {
    /// Owned, as a program would hand it on.
    fn decode(bytes: &[u8]) -> Option<Self> {
        let (time, mut rest) = bytes.split_first_chunk()?;
        let (mut id, mut texts) = (String::new(), [const { String::new() }; TEXTS]);
        for text in [&mut id].into_iter().chain(&mut texts) {
            let (len, after) = rest.split_first_chunk()?;
            let (found, after) = after.split_at_checked(usize::from(u16::from_be_bytes(*len)))?;
            *text = std::str::from_utf8(found).ok()?.to_owned();
            rest = after;
        }
        Some(Self { time: u64::from_be_bytes(*time), id, texts })
    }

    fn get(snapshot: &dyn Snapshot, number: &[u8]) -> Result<Option<Self>> {
        let mut row = None;
        snapshot.get(&[&[ROW], number].concat(), &mut |bytes| {
            row = Some(Self::decode(bytes).ok_or("a row that does not decode")?);
            Ok(())
        })?;
        Ok(row)
    }
}

/// An audit log on a map.
pub(crate) struct Keyed<M> {
    map: M,
    next: AtomicU64,
}

impl<M: Map> Keyed<M> {
    pub(crate) fn new(map: M) -> Result<Self> {
        let mut next = 0;
        map.read(&mut |snapshot| {
            snapshot.keys(&[ROW], &[ROW + 1], Order::Descending, &mut |key| {
                next = number_of(key)? + 1;
                Ok(ControlFlow::Break(()))
            })
        })?;
        Ok(Self { map, next: AtomicU64::new(next) })
    }

    /// Counts the rows that an index leads to and `is_wanted` takes.
    fn rows(
        &self,
        bounds: (&[u8], &[u8]),
        limit: usize,
        is_wanted: impl Fn(&Row) -> bool,
    ) -> Result<Option<u64>> {
        let mut found = Vec::new();
        self.map.read(&mut |snapshot| {
            snapshot.keys(bounds.0, bounds.1, Order::Descending, &mut |key| {
                let number = key.last_chunk::<NUMBER_LEN>().ok_or("a key without a number")?;
                let row = Row::get(snapshot, number)?.ok_or("an index without its row")?;
                found.extend(is_wanted(&row).then_some(row));
                let is_full = found.len() >= limit;
                Ok(if is_full { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
            })
        })?;
        Ok(Some(std::hint::black_box(found).len() as u64))
    }
}

fn number_of(key: &[u8]) -> Result<u64> {
    let number = key.last_chunk::<NUMBER_LEN>().ok_or("a key without a number")?;
    Ok(u64::from_be_bytes(*number))
}

impl<M: Map> Store for Keyed<M> {
    fn write(&self, acts: &[Act<'_>]) -> Result<()> {
        let first = self.next.fetch_add(acts.len() as u64, Ordering::Relaxed);
        let mut pairs = Pairs::default();
        for (number, act) in (first..).zip(acts) {
            pairs.push_act(act, number, now());
        }
        self.map.write(&pairs)
    }

    fn sync(&self) -> Result<()> {
        self.map.sync()
    }

    fn questions(&self) -> Option<&dyn Questions> {
        Some(self)
    }

    fn close(self: Box<Self>) -> Result<()> {
        self.map.close()
    }
}

impl<M: Map> Questions for Keyed<M> {
    fn seen(&self, number: u64) -> Result<Option<Seen>> {
        let mut seen = None;
        self.map.read(&mut |snapshot| {
            let row = Row::get(snapshot, &number.to_be_bytes())?;
            seen = row.map(|row| {
                let trace_id = row.texts.into_iter().nth(TRACE_ID).unwrap_or_default();
                Seen { id: row.id, time: row.time, trace_id }
            });
            Ok(())
        })?;
        Ok(seen)
    }

    fn by_number(&self, number: u64) -> Result<Option<u64>> {
        let mut row = None;
        self.map.read(&mut |snapshot| {
            row = Row::get(snapshot, &number.to_be_bytes())?;
            Ok(())
        })?;
        Ok(Some(u64::from(std::hint::black_box(row).is_some())))
    }

    fn by_id(&self, id: &str) -> Result<Option<u64>> {
        let mut row = None;
        self.map.read(&mut |snapshot| {
            snapshot.get(&[&[ID], id.as_bytes()].concat(), &mut |number| {
                row = Row::get(snapshot, number)?;
                Ok(())
            })
        })?;
        Ok(Some(u64::from(std::hint::black_box(row).is_some_and(|row| row.id == id))))
    }

    fn by_agent(&self, agent_did: &str, limit: usize) -> Result<Option<u64>> {
        let key = |last: u8| [&[AGENT], agent_did.as_bytes(), &[last]].concat();
        self.rows((&key(0), &key(1)), limit, |_| true)
    }

    fn by_type(&self, asked: &TypeAsked<'_>, limit: usize) -> Result<Option<u64>> {
        let key = |time: u64| {
            [&[TYPE], asked.event_type.as_bytes(), &[0], time.to_be_bytes().as_slice()].concat()
        };
        let is_wanted =
            |row: &Row| row.texts.get(OUTCOME).is_some_and(|outcome| outcome == asked.outcome);
        self.rows((&key(asked.since), &key(asked.until + 1)), limit, is_wanted)
    }

    fn by_trace(&self, trace_id: &str) -> Result<Option<u64>> {
        let key = |last: u8| [&[TRACE], trace_id.as_bytes(), &[last]].concat();
        self.rows((&key(0), &key(1)), usize::MAX, |_| true)
    }

    fn count_by_agent(&self) -> Result<Option<Vec<(String, u64)>>> {
        let mut counts: Vec<(Vec<u8>, u64)> = Vec::new();
        self.map.read(&mut |snapshot| {
            snapshot.keys(&[AGENT], &[AGENT + 1], Order::Ascending, &mut |key| {
                let end = key.len().saturating_sub(NUMBER_LEN + 1);
                let agent = key.get(1..end).ok_or("a key without an agent")?;
                match counts.last_mut() {
                    Some((last, count)) if last == agent => *count += 1,
                    _ => counts.push((agent.to_owned(), 1)),
                }
                Ok(ControlFlow::Continue(()))
            })
        })?;
        let text = |(agent, count): (Vec<u8>, u64)| Ok((String::from_utf8(agent)?, count));
        counts.into_iter().map(text).collect::<Result<_>>().map(Some)
    }
}

//! Proofs, queries and audits of a log that was filled for the purpose, closed and opened again.

use super::Args;
use super::append::{load, on_engine};
use super::row::Row;
use crate::errors::{Answer, Failure};
use std::path::Path;
use std::time::Instant;
use witnessmark::{
    AuditLog, EntryIndex, Error, ErrorKind, Key, Query, TreeHead, TreeSize, Verdict, VerifyOptions,
    View, verify,
};
use witnessmark_floor::{Histogram, Load, Workload};

/// Unanswered entries while filling: large groups, so that filling is quick.
const FILL_WINDOW: usize = 4096;
/// Times each thing is measured.
const ROUNDS: u64 = 2000;
/// Times a whole count is measured; it is the same question every time.
const COUNTS: u64 = 200;
/// A stride through the log that visits entries far from each other.
const STRIDE: u64 = 382_019;

fn fill(args: &Args, room: &Path) -> Answer<TreeHead> {
    let log = AuditLog::open(room)?;
    on_engine(&log, &Load { window: FILL_WINDOW, ..load(args, 0) })?;
    Ok(log.close()?)
}

fn opened(args: &Args, room: &Path) -> Answer<(AuditLog, View)> {
    let room = room.join("log");
    fill(args, &room)?;
    let log = AuditLog::open(room)?;
    let view = log.view();
    Ok((log, view))
}

fn timed(
    name: &'static str,
    rounds: u64,
    mut once: impl FnMut(u64) -> Result<(), Error>,
) -> Answer<Row> {
    let mut latencies =
        Histogram::<u64>::new(2).map_err(|error| Failure::usage(error.to_string()))?;
    let begin = Instant::now();
    for round in 0..rounds {
        let start = Instant::now();
        once(round)?;
        let nanos = u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX);
        latencies.record(nanos).map_err(|error| Failure::usage(error.to_string()))?;
    }
    Ok(Row::new(name, rounds, begin.elapsed(), &latencies))
}

pub(super) fn proofs(args: &Args, room: &Path) -> Answer<Vec<Row>> {
    let (log, view) = opened(args, room)?;
    let head = view.head();
    let size = head.size.get();
    let index = |round: u64| EntryIndex::new(round.wrapping_mul(STRIDE) % size);
    let old = |round: u64| TreeSize::new(index(round).get() + 1);
    let middle = index(1);
    let leaf = view.entry(middle)?.entry_hash();
    let inclusion = view.prove_inclusion(middle, head.size)?;
    let old_root = view.root_at(old(1))?;
    let consistency = view.prove_consistency(old(1), head.size)?;
    let rows = vec![
        timed("inclusion proof", ROUNDS, |round| {
            view.prove_inclusion(index(round), head.size).map(drop)
        })?,
        timed("inclusion check", ROUNDS, |_| inclusion.verify(&leaf, &head.root))?,
        timed("consistency proof", ROUNDS, |round| {
            view.prove_consistency(old(round), head.size).map(drop)
        })?,
        timed("consistency check", ROUNDS, |_| consistency.verify(&old_root, &head.root))?,
    ];
    log.close()?;
    Ok(rows)
}

pub(super) fn queries(args: &Args, room: &Path) -> Answer<Vec<Row>> {
    let (log, view) = opened(args, room)?;
    let size = view.size().get();
    let index = |round: u64| EntryIndex::new(round.wrapping_mul(STRIDE) % size);
    let ids: Result<Vec<String>, Error> = (0..ROUNDS.min(size))
        .map(|round| Ok(view.entry(index(round))?.entry_id().to_string()))
        .collect();
    let ids = ids?;
    let agent = |round: u64| Query::new().agent(Workload::agent(round % 100));
    let since = view.entry(EntryIndex::new(size / 2))?.timestamp();
    let until = view.entry(EntryIndex::new((size / 2 + 1000).min(size - 1)))?.timestamp();
    let window = Query::new().since(since).until(until);
    let everything = Query::new();
    let rows = vec![
        timed("agent, limit 100", COUNTS, |round| view.query(&agent(round)).map(drop))?,
        timed("type, limit 100", COUNTS, |_| {
            view.query(&Query::new().event_type("delegation")).map(drop)
        })?,
        timed("time window, limit 100", COUNTS, |_| view.query(&window).map(drop))?,
        timed("agent and type, limit 100", COUNTS, |round| {
            view.query(&agent(round).event_type("delegation")).map(drop)
        })?,
        timed("entry id", ROUNDS, |round| {
            let at = usize::try_from(round).unwrap_or(0) % ids.len().max(1);
            let id = ids.get(at).map_or("", String::as_str);
            match view.get_entry(id)? {
                Some(_) => Ok(()),
                None => Err(Error::new(ErrorKind::NotFound, "an id that was appended is gone")),
            }
        })?,
        timed("count, agent", COUNTS, |round| view.count(&agent(round)).map(drop))?,
        timed("count by type", COUNTS, |_| view.count_by(&everything, Key::Type).map(drop))?,
    ];
    log.close()?;
    Ok(rows)
}

pub(super) fn audits(args: &Args, room: &Path) -> Answer<Vec<Row>> {
    let room = room.join("log");
    let head = fill(args, &room)?;
    let mut rows = Vec::new();
    for _ in 0..args.rounds {
        let options = VerifyOptions::new().threads(usize::from(args.threads));
        let options = options.against(head.size, head.root);
        let begin = Instant::now();
        let report = verify(&room, &options)?;
        if report.verdict != Verdict::Intact {
            let message = format!("a log just written is {:?}", report.verdict);
            return Err(Failure::new(crate::errors::UNDECIDED, "unexpected", message));
        }
        let elapsed = begin.elapsed();
        let mut latencies =
            Histogram::<u64>::new(2).map_err(|error| Failure::usage(error.to_string()))?;
        let nanos = u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX);
        latencies.record(nanos).map_err(|error| Failure::usage(error.to_string()))?;
        rows.push(Row::new("verify", head.size.get(), elapsed, &latencies));
    }
    Ok(rows)
}

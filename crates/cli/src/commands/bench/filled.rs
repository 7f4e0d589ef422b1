//! Proofs, queries and audits of a log that was filled for the purpose, closed and opened again.

use super::Args;
use super::append::{load, on_engine};
use super::row::Row;
use crate::errors::{Answer, Failure};
use std::path::Path;
use std::time::Instant;
use witnessmark::storage::FsStorage;
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

/// Opening for writing and the first durable append, after a close and after a kill.
pub(super) fn opens(args: &Args, room: &Path) -> Answer<Vec<Row>> {
    let path = room.join("log");
    fill(args, &path)?;
    let mut rows = Vec::new();
    for round in 0..args.rounds {
        rows.push(open_and_append("open after a close", &path)?);
        let killed = room.join(format!("killed-{round}"));
        let log = AuditLog::open(&path)?;
        // Half a segment more or less from round to round: the last one is what is scanned.
        on_engine(&log, &Load { entries: FILL_MORE, window: FILL_WINDOW, ..load(args, round) })?;
        let failed = |error| Failure::io(&error, "copy the log as a kill leaves it");
        as_killed(&path, &killed).map_err(failed)?;
        log.close()?;
        rows.push(open_and_append("open after a kill", &killed)?);
        std::fs::remove_dir_all(&killed).map_err(failed)?;
    }
    Ok(rows)
}

/// Entries appended before each kill.
const FILL_MORE: u64 = 50_000;

fn open_and_append(name: &'static str, path: &Path) -> Answer<Row> {
    let mut workload = Workload::new(1, 450);
    let log = timed_with(name, || {
        let log = AuditLog::open(path)?;
        let receipt = log.append(super::append::entry(&workload.next_act()))?;
        assert!(receipt.is_durable());
        Ok(log)
    });
    let (row, log) = log?;
    log.close()?;
    Ok(row)
}

fn timed_with<T>(name: &'static str, once: impl FnOnce() -> Result<T, Error>) -> Answer<(Row, T)> {
    let mut once = Some(once);
    let mut result = None;
    let row = timed(name, 1, |_| {
        result = once.take().map(|once| once()).transpose()?;
        Ok(())
    })?;
    match result {
        Some(result) => Ok((row, result)),
        None => Err(Failure::usage("nothing was measured")),
    }
}

/// The files of a log that is open, as they are: what a process that is killed leaves. What is
/// sealed never changes, so it gets a second name; the rest is copied.
fn as_killed(log: &Path, copy: &Path) -> std::io::Result<()> {
    FsStorage::create_dir(copy).map_err(|error| std::io::Error::other(error.to_string()))?;
    for file in std::fs::read_dir(log)? {
        let file = file?;
        let (from, to) = (file.path(), copy.join(file.file_name()));
        if from.extension().is_some_and(|end| end == "tmp" || end == "lock") {
            continue; // removed by the next open, or not yet whole
        }
        let is_sealed = file.metadata()?.permissions().readonly();
        let is_side_file = from.extension().is_some_and(|end| end == "nodes" || end == "index");
        if is_sealed || is_side_file {
            std::fs::hard_link(&from, &to)?;
        } else {
            std::fs::copy(&from, &to)?;
        }
    }
    Ok(())
}

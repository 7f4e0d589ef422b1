//! Proofs, queries and audits of a log that was filled for the purpose, closed and opened again.

use super::Args;
use super::append::{entry, load, on_engine};
use super::bars::{self, Bar};
use super::measure::{Measure, Outcome};
use super::row::{Row, micros};
use crate::errors::{Answer, Failure};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use witnessmark::storage::FsStorage;
use witnessmark::{
    AuditLog, EntryIndex, Error, ErrorKind, Key, Query, Ticket, TreeHead, TreeSize, UnixNanos,
    Verdict, VerifyOptions, View, verify,
};
use witnessmark_floor::{Histogram, Load, Workload, pipelined};

/// Unanswered entries while filling: large groups, so that filling is quick.
const FILL_WINDOW: usize = 4096;
/// Producers while filling.
const FILL_THREADS: usize = 8;
/// Times each thing is measured, in a round.
const ROUNDS: u64 = 2000;
/// Times a whole count is measured; it is the same question every time.
const COUNTS: u64 = 200;
/// A stride through the log that visits entries far from each other.
const STRIDE: u64 = 382_019;

/// A fleet that has more agents than a cache has lines.
const AGENTS: u64 = 10_000;
/// Entries of an hour, in the log that is queried.
const HOUR_ENTRIES: u64 = 4000;
const HOUR_NS: u64 = 3_600_000_000_000;
/// When the first of them happened: 2026-01-01, midnight UTC.
const FIRST_NS: u64 = 1_767_225_600_000_000_000;

fn fill(args: &Args, room: &Path) -> Answer<TreeHead> {
    let log = AuditLog::open(room)?;
    let load = Load { threads: FILL_THREADS, window: FILL_WINDOW, ..load(args, 0) };
    on_engine(&log, &load, 1)?;
    Ok(log.close()?)
}

/// As [`fill`], by a large fleet and over many hours.
fn fill_hours(args: &Args, room: &Path) -> Answer<()> {
    let log = AuditLog::open(room)?;
    let (threads, window) = (FILL_THREADS, FILL_WINDOW);
    let load = Load { threads, window, agents: AGENTS, ..load(args, 0) };
    let next = AtomicU64::new(0);
    let submit = |workload: &mut Workload| {
        let number = next.fetch_add(1, Ordering::Relaxed);
        let time = FIRST_NS + number * (HOUR_NS / HOUR_ENTRIES);
        log.submit(entry(&workload.next_act()).timestamp(UnixNanos(time)))
    };
    pipelined(&load, submit, |ticket: Ticket| ticket.wait().map(drop))?;
    log.close()?;
    Ok(())
}

fn histogram() -> Answer<Histogram<u64>> {
    Histogram::<u64>::new(2).map_err(|error| Failure::usage(error.to_string()))
}

/// Questions that are asked time and again: a row for each, and the median of its rounds' p50.
struct Asked {
    rounds: u32,
    entries: u64,
    outcome: Outcome,
}

impl Asked {
    fn new(args: &Args) -> Self {
        Self { rounds: args.rounds, entries: args.entries(), outcome: Outcome::default() }
    }

    fn ask(
        &mut self,
        name: &'static str,
        times: u64,
        bar: Option<&Bar>,
        mut once: impl FnMut(u64) -> Result<(), Error>,
    ) -> Answer<()> {
        let mut latencies = histogram()?;
        let mut medians = Vec::new();
        let begin = Instant::now();
        for _ in 0..self.rounds {
            let mut of_round = histogram()?;
            for time in 0..times {
                let start = Instant::now();
                once(time)?;
                let nanos = u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX);
                of_round.record(nanos).map_err(|error| Failure::usage(error.to_string()))?;
            }
            medians.push(micros(of_round.value_at_quantile(0.5)));
            latencies.add(of_round).map_err(|error| Failure::usage(error.to_string()))?;
        }
        let row = Row::new(name, latencies.len(), begin.elapsed(), &latencies);
        self.outcome.rows.push(row);
        let measure = Measure::new(format!("{name}, p50"), "us", self.entries, medians, bar);
        self.outcome.measures.push(measure);
        Ok(())
    }
}

pub(super) fn proofs(args: &Args, room: &Path) -> Answer<Outcome> {
    let room = room.join("log");
    fill(args, &room)?;
    let log = AuditLog::open(room)?;
    let view = log.view();
    let head = view.head();
    let size = head.size.get();
    let index = |round: u64| EntryIndex::new(round.wrapping_mul(STRIDE) % size);
    let old = |round: u64| TreeSize::new(index(round).get() + 1);
    let middle = index(1);
    let leaf = view.entry(middle)?.entry_hash();
    let inclusion = view.prove_inclusion(middle, head.size)?;
    let old_root = view.root_at(old(1))?;
    let consistency = view.prove_consistency(old(1), head.size)?;
    let (proof, check) = (Some(&bars::PROOF), Some(&bars::CHECK));
    let mut asked = Asked::new(args);
    asked.ask("inclusion proof", ROUNDS, proof, |round| {
        view.prove_inclusion(index(round), head.size).map(drop)
    })?;
    asked.ask("inclusion check", ROUNDS, check, |_| inclusion.verify(&leaf, &head.root))?;
    asked.ask("consistency proof", ROUNDS, proof, |round| {
        view.prove_consistency(old(round), head.size).map(drop)
    })?;
    asked.ask("consistency check", ROUNDS, check, |_| consistency.verify(&old_root, &head.root))?;
    log.close()?;
    Ok(asked.outcome)
}

pub(super) fn queries(args: &Args, room: &Path) -> Answer<Outcome> {
    let room = room.join("log");
    fill_hours(args, &room)?;
    let log = AuditLog::open(room)?;
    let mut asked = Asked::new(args);
    ask_for_entries(&log.view(), &mut asked)?;
    ask_for_counts(&log.view(), &mut asked)?;
    log.close()?;
    Ok(asked.outcome)
}

fn ask_for_entries(view: &View, asked: &mut Asked) -> Answer<()> {
    let size = view.size().get();
    let index = |round: u64| EntryIndex::new(round.wrapping_mul(STRIDE) % size);
    let sample = ROUNDS.min(size);
    let (mut ids, mut traces) = (Vec::new(), Vec::new());
    for round in 0..sample {
        let entry = view.entry(index(round))?;
        ids.push(entry.entry_id());
        traces.push(Query::new().trace(entry.trace_id().unwrap_or_default().to_owned()));
    }
    let place = |round: u64| usize::try_from(round % sample).unwrap_or(0);
    let agent = |round: u64| Query::new().agent(Workload::agent(round % 100));
    let hour = |round: u64| {
        let begin = FIRST_NS + round % (size / HOUR_ENTRIES).max(1) * HOUR_NS;
        Query::new().since(UnixNanos(begin)).until(UnixNanos(begin + HOUR_NS))
    };
    let kind = |query: Query| query.event_type("delegation").outcome("success");
    asked.ask("entry id", ROUNDS, Some(&bars::BY_ID), |round| {
        let id = ids.get(place(round)).map_or("", String::as_str);
        match view.get_entry(id)? {
            Some(_) => Ok(()),
            None => Err(Error::new(ErrorKind::NotFound, "an id that was appended is gone")),
        }
    })?;
    asked.ask("agent, last 100", COUNTS, Some(&bars::LAST), |round| {
        view.query(&agent(round)).map(drop)
    })?;
    asked.ask("type and outcome, one hour", COUNTS, Some(&bars::HOUR), |round| {
        view.query(&kind(hour(round)).limit(0)).map(drop)
    })?;
    asked.ask("trace", ROUNDS, Some(&bars::TRACE), |round| match traces.get(place(round)) {
        Some(query) => view.query(query).map(drop),
        None => Ok(()),
    })?;
    asked.ask("type and outcome, one hour, last 100", COUNTS, None, |round| {
        view.query(&kind(hour(round))).map(drop)
    })?;
    asked.ask("type, last 100", COUNTS, None, |_| {
        view.query(&Query::new().event_type("delegation")).map(drop)
    })?;
    asked.ask("one hour, last 100", COUNTS, None, |round| view.query(&hour(round)).map(drop))?;
    asked.ask("agent and type, last 100", COUNTS, None, |round| {
        view.query(&agent(round).event_type("delegation")).map(drop)
    })
}

fn ask_for_counts(view: &View, asked: &mut Asked) -> Answer<()> {
    let everything = Query::new();
    let agent = |round: u64| Query::new().agent(Workload::agent(round % 100));
    asked.ask("count by agent, all agents", COUNTS, Some(&bars::COUNT), |_| {
        view.count_by(&everything, Key::Agent).map(drop)
    })?;
    asked.ask("count, one agent", COUNTS, None, |round| view.count(&agent(round)).map(drop))?;
    asked.ask("count by type", COUNTS, None, |_| view.count_by(&everything, Key::Type).map(drop))
}

pub(super) fn audits(args: &Args, room: &Path) -> Answer<Outcome> {
    let room = room.join("log");
    let head = fill(args, &room)?;
    let (mut rows, mut rates) = (Vec::new(), Vec::new());
    for _ in 0..args.rounds {
        let options = VerifyOptions::new().threads(usize::from(args.threads()));
        let options = options.against(head.size, head.root);
        let begin = Instant::now();
        let report = verify(&room, &options)?;
        if report.verdict != Verdict::Intact {
            let message = format!("a log just written is {:?}", report.verdict);
            return Err(Failure::new(crate::errors::UNDECIDED, "unexpected", message));
        }
        let elapsed = begin.elapsed();
        rates.push(head.size.get() as f64 / elapsed.as_secs_f64().max(1e-9));
        rows.push(Row::whole("verify", head.size.get(), elapsed));
    }
    let name = format!("offline audit, {} threads", args.threads());
    let bar = (args.threads() == 2).then_some(&bars::AUDIT);
    let measures = vec![Measure::new(name, "entries/s", args.entries(), rates, bar)];
    Ok(Outcome { rows, measures })
}

/// Opening for writing and the first durable append, after a close and after a kill.
pub(super) fn opens(args: &Args, room: &Path) -> Answer<Outcome> {
    let path = room.join("log");
    fill(args, &path)?;
    let mut rows = Vec::new();
    let (mut closed, mut after_kill) = (Vec::new(), Vec::new());
    for round in 0..args.rounds {
        let elapsed = open_and_append(&path)?;
        rows.push(Row::whole("open after a close", 1, elapsed));
        closed.push(elapsed.as_secs_f64() * 1e3);
        let killed = room.join(format!("killed-{round}"));
        let log = AuditLog::open(&path)?;
        // Half a segment more or less from round to round: the last one is what is scanned.
        let more = Load { entries: FILL_MORE.min(args.entries()), ..load(args, round) };
        on_engine(&log, &Load { threads: FILL_THREADS, window: FILL_WINDOW, ..more }, 1)?;
        let failed = |error| Failure::io(&error, "copy the log as a kill leaves it");
        as_killed(&path, &killed).map_err(failed)?;
        log.close()?;
        let elapsed = open_and_append(&killed)?;
        rows.push(Row::whole("open after a kill", 1, elapsed));
        after_kill.push(elapsed.as_secs_f64() * 1e3);
        std::fs::remove_dir_all(&killed).map_err(failed)?;
    }
    let entries = args.entries();
    let measures = vec![
        Measure::new("open, append, after a close", "ms", entries, closed, None),
        Measure::new("open, append, after a kill", "ms", entries, after_kill, Some(&bars::OPEN)),
    ];
    Ok(Outcome { rows, measures })
}

/// Entries appended before each kill.
const FILL_MORE: u64 = 50_000;

fn open_and_append(path: &Path) -> Answer<Duration> {
    let mut workload = Workload::new(1, 450);
    let begin = Instant::now();
    let log = AuditLog::open(path)?;
    let receipt = log.append(entry(&workload.next_act()))?;
    let elapsed = begin.elapsed();
    assert!(receipt.is_durable());
    log.close()?;
    Ok(elapsed)
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

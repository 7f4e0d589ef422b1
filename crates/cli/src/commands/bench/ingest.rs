//! JSON Lines: made durable by what `wmark ingest` runs, beside reading them as JSON and no more.

use super::Args;
use super::append::load;
use super::bars;
use super::measure::{Measure, Outcome};
use super::row::Row;
use crate::errors::{Answer, Failure, UNDECIDED};
use serde::de::IgnoredAny;
use std::fs::File;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use witnessmark::import::{End, Ingest, Listener, Mapping, Reject, Rejected, Summary};
use witnessmark::{AuditLog, Environment, Error, Receipt};
use witnessmark_floor::{Pool, Workload, on_lines};

/// Listens to nothing, as `wmark ingest` without `--ack`.
struct Silent;

impl Listener for Silent {
    fn keep(&mut self, _: &[Rejected<'_>]) -> Result<(), Error> {
        Ok(())
    }

    fn accepted(&mut self, _: u64, _: &Receipt) -> Result<(), Error> {
        Ok(())
    }

    fn rejected(&mut self, _: &Reject) -> Result<(), Error> {
        Ok(())
    }

    fn progress(&mut self, _: &Summary) -> Result<(), Error> {
        Ok(())
    }
}

pub(super) fn measure(args: &Args, room: &Path) -> Answer<Outcome> {
    let (entries, path) = (args.entries(), room.join("lines.jsonl"));
    let log = AuditLog::options(room.join("log")).environment(Environment::none()).open()?;
    let (mut rows, mut ratios, mut rates) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..args.rounds {
        let load = load(args, round);
        let mut lines = Vec::new();
        let pool = Pool::new(load.seed, load.size, load.agents);
        Workload::of(&pool, load.seed).next_lines(entries, &mut lines);
        std::fs::write(&path, &lines)
            .map_err(|error| Failure::io(&error, format_args!("write {}", path.display())))?;
        let skimmed = parsed::<IgnoredAny>(&lines, load.threads, entries)?;
        let parsed = parsed::<serde_json::Value>(&lines, load.threads, entries)?;
        drop(lines);
        let ingested = ingested(&log, &path, load.threads, entries)?;
        let ratio = parsed.as_secs_f64() / ingested.as_secs_f64().max(1e-9);
        ratios.push(ratio);
        rates.push(entries as f64 / ingested.as_secs_f64().max(1e-9));
        rows.push(Row::whole("parser, values thrown away", entries, skimmed));
        rows.push(Row::whole("parser", entries, parsed));
        rows.push(Row::whole("ingest", entries, ingested).with_ratio(ratio));
    }
    log.close()?;
    let measures = vec![
        Measure::new("ingest of JSON Lines", "x parser", entries, ratios, Some(&bars::INGEST)),
        Measure::new("ingest of JSON Lines", "entries/s", entries, rates, None),
    ];
    Ok(Outcome { rows, measures })
}

/// Reads every line as JSON, on as many threads as ingesting has.
fn parsed<T: serde::de::DeserializeOwned>(
    lines: &[u8],
    threads: usize,
    entries: u64,
) -> Answer<Duration> {
    let good = AtomicU64::new(0);
    let elapsed = on_lines(lines, threads, |line| {
        // Made whole and dropped, as somebody does who looks at each.
        if serde_json::from_slice::<T>(std::hint::black_box(line)).is_ok() {
            good.fetch_add(1, Ordering::Relaxed);
        }
    });
    expected(good.into_inner(), entries)?;
    Ok(elapsed)
}

fn ingested(log: &AuditLog, path: &Path, threads: usize, entries: u64) -> Answer<Duration> {
    let (mapping, stop) = (Mapping::new(), AtomicBool::new(false));
    let ingest = Ingest::new(&mapping).threads(threads).file(path.to_string_lossy());
    let begin = Instant::now();
    let file = File::open(path)
        .map_err(|error| Failure::io(&error, format_args!("open {}", path.display())))?;
    let done = ingest.run(log, file, &stop, &mut Silent);
    let elapsed = begin.elapsed();
    match done.end {
        End::Complete => expected(done.summary.accepted, entries)?,
        End::Failed(error) => return Err(error.into()),
        end => return Err(unexpected(format!("ingesting ended with {end:?}"))),
    }
    Ok(elapsed)
}

fn expected(found: u64, wanted: u64) -> Answer<()> {
    if found == wanted {
        return Ok(());
    }
    Err(unexpected(format!("lines: wanted {wanted}, found {found}")))
}

fn unexpected(message: String) -> Failure {
    Failure::new(UNDECIDED, "unexpected", message)
}

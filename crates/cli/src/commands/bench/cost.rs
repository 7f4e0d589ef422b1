//! Cost: bytes written, bytes kept, memory held. Each is counted once, by the kernel.
//!
//! ```text
//! 64 producers, close --> sectors the disk has written / bytes of entries
//! bulk, close         --> the same; allocated blocks / entries
//! wmark ingest        --> RssAnon of /proc/PID/status, the most of all looks
//! ```
//!
//! What others write to the disk meanwhile counts too. Bytes of entries are what entries take in
//! segments, frames included: less than the same as JSON, so that the ratio to it is the stricter one.

use super::Args;
use super::append::{engine_in_bulk, load, on_engine};
use super::bars;
use super::machine::{field, leading};
use super::measure::{Measure, Outcome};
use crate::errors::{Answer, Failure, UNDECIDED};
use std::collections::BTreeSet;
use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;
use witnessmark::{AuditLog, EntryIndex, Error, View};
use witnessmark_floor::{Load, Pool, Run, Workload};

/// A fleet that has more agents than a cache has lines.
const AGENTS: u64 = 10_000;
const PRODUCERS: usize = 64;
/// Entries whose stored bytes are looked at.
const SAMPLES: u64 = 10_000;
/// Lines between two looks at the memory.
const LINES: u64 = 10_000;
const PAUSE: Duration = Duration::from_millis(5);
/// Bytes of one block of `stat`, whatever the file system's are.
const BLOCK: u64 = 512;

pub(super) fn measure(args: &Args, room: &Path) -> Answer<Outcome> {
    let entries = args.entries();
    let load = Load { agents: AGENTS, window: 1, ..load(args, 0) };
    let mut measures = Vec::new();
    let path = room.join("producers");
    let producers = Load { threads: PRODUCERS, ..load };
    let written = written(&path, |log| on_engine(log, &producers, 1))?;
    push_written(&mut measures, "64 producers", &path, &producers, written)?;
    remove(&path)?;
    let path = room.join("bulk");
    let one = Load { threads: 1, ..load };
    let written = self::written(&path, |log| engine_in_bulk(log, &one))?;
    push_written(&mut measures, "bulk", &path, &one, written)?;
    let (sealed, whole) = at_rest(&path)?;
    let name = "at rest, sealed, nodes and indexes";
    let bar = Some(&bars::AT_REST);
    measures.push(Measure::new(name, "bytes/entry", entries, vec![sealed], bar));
    measures.push(Measure::new("at rest, all", "bytes/entry", entries, vec![whole], None));
    remove(&path)?;
    let memory = memory(args, &room.join("memory"), entries)? as f64 / 1e6;
    let name = "anonymous memory of an ingest";
    measures.push(Measure::new(name, "MB", entries, vec![memory], Some(&bars::MEMORY)));
    Ok(Outcome { rows: Vec::new(), measures })
}

fn remove(path: &Path) -> Answer<()> {
    std::fs::remove_dir_all(path).map_err(|error| Failure::io(&error, "remove a log"))
}

/// Bytes that the disk below has written so far, whoever asked for it; `None` where the file system
/// is on no disk that counts. The process's own counter will not do: one byte in a folio of many pages
/// makes all of them count as written.
fn bytes_written(room: &Path) -> Answer<Option<u64>> {
    let failed = |error| Failure::io(&error, "look at the directory to measure");
    let device = std::fs::metadata(room).map_err(failed)?.dev();
    let major = ((device >> 32) & 0xffff_f000) | ((device >> 8) & 0xfff);
    let minor = ((device >> 12) & 0xffff_ff00) | (device & 0xff);
    let counts = std::fs::read_to_string(format!("/sys/dev/block/{major}:{minor}/stat"));
    let sectors = counts.unwrap_or_default().split_whitespace().nth(6).map(str::parse::<u64>);
    Ok(sectors.and_then(Result::ok).map(|sectors| sectors * BLOCK))
}

/// Bytes written from the creation of a log to its close, where they are counted.
fn written(path: &Path, fill: impl FnOnce(&AuditLog) -> Result<Run, Error>) -> Answer<Option<u64>> {
    let room = path.parent().unwrap_or(Path::new("."));
    let before = bytes_written(room)?;
    let log = AuditLog::open(path)?;
    fill(&log)?;
    log.close()?;
    let after = bytes_written(room)?;
    Ok(after.zip(before).map(|(after, before)| after.saturating_sub(before)))
}

fn push_written(
    measures: &mut Vec<Measure>,
    way: &str,
    path: &Path,
    load: &Load,
    written: Option<u64>,
) -> Answer<()> {
    let Some(written) = written else { return Ok(()) };
    let bar = match load.threads {
        PRODUCERS => &bars::WRITTEN_PRODUCERS,
        _ => &bars::WRITTEN_BULK,
    };
    let per_entry = written as f64 / load.entries.max(1) as f64;
    let stored = per_entry / stored_len(&AuditLog::open_read_only(path)?.view()?)?;
    let pool = Pool::new(load.seed, load.size, load.agents);
    let json = per_entry / Workload::of(&pool, load.seed).json_len().max(1.0);
    let name = format!("written, {way}");
    let n = load.entries;
    measures.push(Measure::new(&name, "x bytes of entries", n, vec![stored], Some(bar)));
    measures.push(Measure::new(&name, "x bytes as JSON", n, vec![json], None));
    Ok(())
}

/// Average bytes of an entry in its segment.
fn stored_len(view: &View) -> Answer<f64> {
    let size = view.size().get().max(1);
    let step = size.div_ceil(SAMPLES);
    let (mut bytes, mut count) = (0usize, 0u32);
    for index in (0..size).step_by(usize::try_from(step).unwrap_or(1)) {
        bytes += view.entry(EntryIndex::new(index))?.stored_len();
        count += 1;
    }
    Ok(bytes as f64 / f64::from(count.max(1)))
}

/// Bytes of blocks for an entry: of sealed segments with their side files, and of the whole log. A
/// log too small to have sealed a segment has only the second.
fn at_rest(path: &Path) -> Answer<(f64, f64)> {
    let view = AuditLog::open_read_only(path)?.view()?;
    let segments = view.segments();
    let stem = |name: &str| name.split('.').next().unwrap_or(name).to_owned();
    let sealed = segments.iter().filter(|segment| segment.is_sealed);
    let count: u64 = sealed.clone().map(|segment| segment.count).sum();
    let stems: BTreeSet<String> = sealed.map(|segment| stem(&segment.file)).collect();
    let failed = |error| Failure::io(&error, "look at the log's files");
    let (mut of_sealed, mut of_all) = (0, 0);
    for file in std::fs::read_dir(path).map_err(failed)? {
        let file = file.map_err(failed)?;
        let bytes = file.metadata().map_err(failed)?.blocks() * BLOCK;
        of_all += bytes;
        if stems.contains(&stem(&file.file_name().to_string_lossy())) {
            of_sealed += bytes;
        }
    }
    let all = of_all as f64 / view.size().get().max(1) as f64;
    Ok((if count == 0 { all } else { of_sealed as f64 / count as f64 }, all))
}

/// The most anonymous memory that `wmark ingest` ever had while so many entries came in.
fn memory(args: &Args, path: &Path, entries: u64) -> Answer<u64> {
    AuditLog::open(path)?.close()?;
    let failed = |error| Failure::io(&error, "run wmark ingest");
    let mut command = Command::new(std::env::current_exe().map_err(failed)?);
    command.arg("--log").arg(path).args(["ingest", "--quiet"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().map_err(failed)?;
    let status = format!("/proc/{}/status", child.id());
    let mut most = 0;
    let mut look = || {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let kib = field(&text, "RssAnon").and_then(|value| leading(&value));
        most = most.max(kib.unwrap_or(0) << 10);
    };
    let load = load(args, 0);
    let mut workload = Workload::of(&Pool::new(load.seed, load.size, AGENTS), load.seed);
    let (mut left, mut lines) = (entries, Vec::new());
    if let Some(mut stdin) = child.stdin.take() {
        while left > 0 {
            lines.clear();
            workload.next_lines(left.min(LINES), &mut lines);
            left = left.saturating_sub(LINES);
            // A child that ended early says why itself, and its exit is looked at below.
            if stdin.write_all(&lines).is_err() {
                break;
            }
            look();
        }
    }
    let exit = loop {
        look();
        match child.try_wait().map_err(failed)? {
            Some(exit) => break exit,
            None => std::thread::sleep(PAUSE),
        }
    };
    if !exit.success() || most == 0 {
        let message = format!("wmark ingest: {exit}, {most} bytes of memory");
        return Err(Failure::new(UNDECIDED, "unexpected", message));
    }
    Ok(most)
}

//! `wmark doctor`: is this a good place for a log, and what is going on there?
//!
//! Reads, and measures syncs on an unnamed file in the same directory; the log's own files are not
//! touched and no lock is taken.

use crate::context::Context;
use crate::errors::{Answer, DONE, Failure};
use crate::escape::Clean;
use crate::output::{HEAD, Output, WARN, paint};
use crate::time;
use hdrhistogram::Histogram;
use serde::Serialize;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Instant;
use witnessmark::storage::{FsStorage, Storage as _};
use witnessmark::{Reader, UnixNanos};

/// Look at disk, clock, processor and lock
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  wmark doctor
  wmark -C /var/log/agents doctor --json | jq .sync")]
pub(crate) struct Args {
    /// Syncs to measure
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    syncs: u32,
}

/// Bytes written before each sync: what a small commit group takes.
const COMMIT_BYTES: usize = 4096;
/// File that the writer locks; holds its process id.
const LOCK_NAME: &str = "log.lock";

#[derive(Serialize)]
struct Document {
    schema: &'static str,
    directory: String,
    log: Option<Log>,
    file_system: String,
    sync: Option<Sync>,
    cpu: Cpu,
    clock: String,
    warnings: Vec<String>,
}

#[derive(Serialize)]
struct Log {
    origin: String,
    size: u64,
    unvouched: u64,
    last_recorded_at: Option<String>,
    is_written: bool,
    writer_pid: Option<u32>,
}

/// Latency of 4 KiB written and synced, in microseconds.
#[derive(Serialize)]
struct Sync {
    count: u64,
    p50_us: u64,
    p99_us: u64,
    max_us: u64,
}

#[derive(Serialize)]
struct Cpu {
    cores: usize,
    features: Vec<&'static str>,
}

pub(crate) fn run(args: Args, context: &mut Context) -> Answer {
    let mut warnings = Vec::new();
    let directory = nearest(&context.global.log);
    let storage = FsStorage::open_reader(&directory)?;
    let log = look_at_log(&context.global.log, &mut warnings)?;
    if log.is_none() {
        let (wanted, found) = (context.global.log.display(), directory.display());
        warnings.push(format!("there is no log at {wanted}; looking at {found}"));
    } else {
        warnings.extend(storage.trust_notes());
    }
    let file_system = storage.file_system();
    match &*file_system {
        "tmpfs" => warnings.push("tmpfs is memory: a sync does nothing, nothing is durable".into()),
        "overlay" => warnings.push("overlay: what is written may go with the container".into()),
        "nfs" => warnings.push("nfs: locks and syncs depend on the server".into()),
        _ => {}
    }
    let sync = match measure(&directory, args.syncs) {
        Ok(sync) => Some(sync),
        // A read-only copy is a fine place to look at a log, and no place to write one.
        Err(failure) => {
            warnings.push(failure.to_string());
            None
        }
    };
    let cpu = Cpu {
        cores: std::thread::available_parallelism().map_or(1, usize::from),
        features: features(),
    };
    if !cpu.features.contains(&"sha_ni") && !cpu.features.contains(&"sha2") {
        warnings.push("no SHA instructions: hashing runs several times slower".into());
    }
    let document = Document {
        schema: "wmark.doctor/1",
        directory: directory.display().to_string(),
        log,
        file_system,
        sync,
        cpu,
        clock: time::show(time::now().into()),
        warnings,
    };
    let out = &mut context.out;
    if out.is_json() {
        out.json(&document)?
    } else {
        show(&document, out)?
    }
    Ok(DONE)
}

/// The directory itself, or the nearest one above it that exists.
fn nearest(wanted: &Path) -> PathBuf {
    let found = wanted.ancestors().find(|path| path.is_dir());
    found.map_or_else(|| PathBuf::from("."), Path::to_owned)
}

fn look_at_log(dir: &Path, warnings: &mut Vec<String>) -> Answer<Option<Log>> {
    let reader = match Reader::open(dir) {
        Ok(reader) => reader,
        Err(error) if error.kind() == witnessmark::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let is_written = FsStorage::open_reader(dir)?.writer_present();
    let view = reader.view()?;
    let last = view.size().get().checked_sub(1).map(|last| view.entry(last.into())).transpose()?;
    let recorded = last.map(|entry| entry.recorded_at());
    if let Some(UnixNanos(recorded)) = recorded
        && recorded > time::now().0
    {
        warnings.push(format!(
            "the last entry was recorded at {}, which is yet to come: the clock went back",
            time::show_nanos(recorded)
        ));
    }
    if !is_written && view.unvouched() > 0 {
        let count = view.unvouched();
        warnings.push(format!("nothing vouches for the last {count} entries: the writer did not close the log; the next one will look after them"));
    }
    Ok(Some(Log {
        origin: reader.identity().origin.clone(),
        size: view.size().get(),
        unvouched: view.unvouched(),
        last_recorded_at: recorded.map(|time| time::show_nanos(time.0)),
        is_written,
        writer_pid: if is_written { writer_pid(dir) } else { None },
    }))
}

fn writer_pid(dir: &Path) -> Option<u32> {
    let mut text = String::new();
    std::fs::File::open(dir.join(LOCK_NAME)).ok()?.take(32).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

fn measure(dir: &Path, count: u32) -> Answer<Sync> {
    let failed = |error| Failure::io(&error, format_args!("measure syncs in {}", dir.display()));
    let mut file = tempfile::tempfile_in(dir).map_err(failed)?;
    let block = [0x5a; COMMIT_BYTES];
    // Preallocated and written once, as a segment is, so that the length does not change.
    for _ in 0..count {
        file.write_all(&block).map_err(failed)?;
    }
    file.sync_all().map_err(failed)?;
    std::io::Seek::rewind(&mut file).map_err(failed)?;
    let mut latencies =
        Histogram::<u64>::new(3).map_err(|error| Failure::usage(error.to_string()))?;
    for _ in 0..count {
        let begin = Instant::now();
        file.write_all(&block).and_then(|()| file.sync_data()).map_err(failed)?;
        // Grows with what it is given; a saturating one would cut slow disks off.
        let micros = u64::try_from(begin.elapsed().as_micros()).unwrap_or(u64::MAX);
        latencies.record(micros).map_err(|error| Failure::usage(error.to_string()))?;
    }
    Ok(Sync {
        count: latencies.len(),
        p50_us: latencies.value_at_quantile(0.5),
        p99_us: latencies.value_at_quantile(0.99),
        max_us: latencies.max(),
    })
}

#[cfg(target_arch = "x86_64")]
fn features() -> Vec<&'static str> {
    let known = [
        ("sha_ni", std::is_x86_feature_detected!("sha")),
        ("pclmulqdq", std::is_x86_feature_detected!("pclmulqdq")),
        ("sse4.2", std::is_x86_feature_detected!("sse4.2")),
        ("avx2", std::is_x86_feature_detected!("avx2")),
        ("avx512f", std::is_x86_feature_detected!("avx512f")),
    ];
    known.into_iter().filter_map(|(name, is_there)| is_there.then_some(name)).collect()
}

#[cfg(target_arch = "aarch64")]
fn features() -> Vec<&'static str> {
    let known = [
        ("sha2", std::arch::is_aarch64_feature_detected!("sha2")),
        ("crc", std::arch::is_aarch64_feature_detected!("crc")),
        ("neon", std::arch::is_aarch64_feature_detected!("neon")),
    ];
    known.into_iter().filter_map(|(name, is_there)| is_there.then_some(name)).collect()
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn features() -> Vec<&'static str> {
    Vec::new()
}

fn show(document: &Document, out: &mut Output) -> Answer<()> {
    let row = |out: &mut Output, name: &str, value: &str| {
        out.line(format_args!(
            "{}  {}",
            paint(HEAD, format_args!("{name:<11}")),
            Clean::text(value)
        ))
    };
    row(out, "directory", &document.directory)?;
    if let Some(log) = &document.log {
        row(out, "log", &format!("{}, {} entries", log.origin, log.size))?;
        let writer = match (log.is_written, log.writer_pid) {
            (false, _) => "nobody".to_owned(),
            (true, None) => "another process".to_owned(),
            (true, Some(pid)) => format!("process {pid}"),
        };
        row(out, "writer", &writer)?;
    }
    row(out, "file system", &document.file_system)?;
    if let Some(Sync { count, p50_us, p99_us, max_us }) = &document.sync {
        row(
            out,
            "sync",
            &format!("p50 {p50_us} us, p99 {p99_us} us, max {max_us} us ({count} of 4 KiB)"),
        )?;
    }
    let Cpu { cores, features } = &document.cpu;
    row(out, "processor", &format!("{cores} cores, {}", features.join(" ")))?;
    row(out, "clock", &document.clock)?;
    for warning in &document.warnings {
        out.line(format_args!(
            "{}  {}",
            paint(WARN, format_args!("{:<11}", "warning")),
            Clean::text(warning)
        ))?;
    }
    if document.warnings.is_empty() {
        out.line("nothing to worry about")?;
    }
    Ok(())
}

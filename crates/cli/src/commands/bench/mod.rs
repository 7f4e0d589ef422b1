//! `wmark bench`: what this machine can do, measured in a new log that is removed afterwards.
//!
//! ```text
//! parameters, raw sync latency --> append: floor and engine in turn --> rows
//!                                  proof, query, verify, open: a filled log --> rows
//! ```
//!
//! Every number stands beside the least a durable hash-chained log can do in the same run, or beside
//! how often it was measured. Nothing is called durable where a sync does nothing.

mod append;
mod filled;
mod row;

use crate::context::Context;
use crate::errors::{Answer, DONE, Failure};
use crate::output::{HEAD, Output, paint};
use crate::table::Table;
use clap::ValueEnum;
use row::Row;
use serde::Serialize;
use std::path::{Path, PathBuf};
use witnessmark::storage::{FsStorage, Storage as _};
use witnessmark_floor::sync_latency;

/// Measure what this machine can do
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  wmark bench append --threads 64
  wmark bench append --threads 8 --window 4096 --entries 1000000 --dir /var/lib
  wmark bench query --entries 1000000 --json | jq .rows")]
pub(crate) struct Args {
    /// What to measure
    what: What,
    /// Directory on the disk to measure; a new one is made in it and removed afterwards
    #[arg(long, value_name = "DIR", default_value = ".")]
    dir: PathBuf,
    /// Entries of each round, or of the log that is asked
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    entries: u64,
    /// Bytes of an entry as JSON
    #[arg(long, value_name = "BYTES", default_value_t = 450, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    size: u32,
    /// Producers; threads of `verify`
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: u16,
    /// Unanswered entries a producer may have; 1 waits for each
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=65_536))]
    window: u32,
    /// How often floor and engine take turns
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: u32,
    /// Print the rows as comma-separated values
    #[arg(long, conflicts_with = "json")]
    csv: bool,
}

/// What to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
enum What {
    /// Appends, beside a framed, hash-chained file with the same syncs and nothing else
    Append,
    /// Proofs of inclusion and consistency, and checking them
    Proof,
    /// Queries, counts and looking up an id
    Query,
    /// The offline audit
    Verify,
    /// Opening for writing, with the first durable append, after a close and after a kill
    Open,
}

/// Syncs that are measured before anything else.
const SYNCS: u64 = 256;

#[derive(Serialize)]
struct Parameters<'a> {
    what: What,
    directory: String,
    file_system: &'a str,
    /// Whether a sync on this file system reaches a disk.
    durable: bool,
    cores: usize,
    entries: u64,
    size: u32,
    threads: u16,
    window: u32,
    rounds: u32,
}

#[derive(Serialize)]
struct Sync {
    count: u64,
    p50_us: f64,
    p99_us: f64,
}

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    parameters: &'a Parameters<'a>,
    sync: &'a Sync,
    rows: Vec<Row>,
}

pub(crate) fn run(args: Args, context: &mut Context) -> Answer {
    let file_system = FsStorage::open_reader(&args.dir)?.file_system();
    let parameters = Parameters {
        what: args.what,
        directory: args.dir.display().to_string(),
        file_system: &file_system,
        durable: !matches!(&*file_system, "tmpfs" | "ramfs" | "overlay"),
        cores: std::thread::available_parallelism().map_or(1, usize::from),
        entries: args.entries,
        size: args.size,
        threads: args.threads,
        window: args.window,
        rounds: args.rounds,
    };
    let failed = |error| Failure::io(&error, format_args!("measure in {}", args.dir.display()));
    let latencies = sync_latency(&args.dir, SYNCS).map_err(failed)?;
    let sync = Sync {
        count: latencies.len(),
        p50_us: row::micros(latencies.value_at_quantile(0.5)),
        p99_us: row::micros(latencies.value_at_quantile(0.99)),
    };
    introduce(&parameters, &sync, &mut context.out, args.csv);
    let room = tempfile::Builder::new().prefix("wmark-bench-").tempdir_in(&args.dir);
    let room = room.map_err(failed)?;
    let rows = measure(&args, room.path())?;
    // Before anything is printed: a reader that goes away must not leave gigabytes behind.
    room.close().map_err(failed)?;
    let out = &mut context.out;
    if out.is_json() {
        out.json(&Document {
            schema: "wmark.bench/1",
            parameters: &parameters,
            sync: &sync,
            rows,
        })?;
    } else if args.csv {
        out.line(Row::HEADS.map(|(head, _)| head).join(","))?;
        rows.iter().try_for_each(|row| out.line(row.exact().join(",")))?;
    } else {
        let mut table = Table::new(&Row::HEADS);
        rows.iter().try_for_each(|row| table.row(out, &row.rounded()))?;
        table.flush(out)?;
    }
    Ok(DONE)
}

fn measure(args: &Args, room: &Path) -> Answer<Vec<Row>> {
    match args.what {
        What::Append => append::measure(args, room),
        What::Proof => filled::proofs(args, room),
        What::Query => filled::queries(args, room),
        What::Verify => filled::audits(args, room),
        What::Open => filled::opens(args, room),
    }
}

/// Parameters and the disk's own latency come first: without them a number says nothing.
fn introduce(parameters: &Parameters<'_>, sync: &Sync, out: &mut Output, is_data_only: bool) {
    if out.is_json() || is_data_only {
        return warn(parameters, out);
    }
    let Parameters { file_system, cores, entries, size, threads, window, rounds, .. } = parameters;
    out.say(format_args!(
        "{}  {} on {file_system}, {cores} cores, entries={entries} size={size} threads={threads} \
         window={window} rounds={rounds}",
        paint(HEAD, concat!("wmark ", env!("CARGO_PKG_VERSION"))),
        parameters.directory,
    ));
    out.say(format_args!(
        "raw sync of 4 KiB: p50 {:.0} us, p99 {:.0} us ({} times)",
        sync.p50_us, sync.p99_us, sync.count
    ));
    warn(parameters, out);
}

fn warn(parameters: &Parameters<'_>, out: &mut Output) {
    if !parameters.durable {
        let file_system = parameters.file_system;
        out.warn(format_args!(
            "{file_system}: a sync may do nothing here, these are not durable numbers"
        ));
    }
}

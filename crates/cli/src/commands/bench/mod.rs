//! `wmark bench`: what this machine can do, measured in a new log that is removed afterwards.
//!
//! ```text
//! machine, parameters, raw sync latency --> append, bulk: floor and engine in turn \
//!                                           ingest: parser and engine in turn       --> rows,
//!                                           proof, query, verify, open: a filled log    measures,
//!                                           cost: bytes and memory                  /   bars
//! bars, growth: this command, once for each line of the table
//! ```
//!
//! Every number stands beside the least a durable hash-chained log can do in the same run, or beside
//! how often it was measured. Nothing is called durable where a sync does nothing.

mod append;
mod bars;
mod cost;
mod filled;
mod ingest;
mod machine;
mod measure;
mod row;
mod table;

use crate::context::Context;
use crate::errors::{Answer, DONE, Failure};
use crate::output::{HEAD, Output, paint};
use crate::table::{Table, bytes};
use clap::ValueEnum;
use machine::{Machine, Ticks};
use measure::{Measure, Outcome};
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
  wmark bench append --threads 1 --batch 256
  wmark bench query --json | jq .measures
  wmark bench bars --dir /var/lib
  wmark bench growth --entries 10000000 --dir /var/lib")]
pub(crate) struct Args {
    /// What to measure
    what: What,
    /// Directory on the disk to measure; a new one is made in it and removed afterwards
    #[arg(long, value_name = "DIR", default_value = ".")]
    dir: PathBuf,
    /// Entries of each round, or of the log that is asked [default: 100000 of append, 10000000 of
    /// growth, otherwise 1000000]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    entries: Option<u64>,
    /// Bytes of an entry as JSON
    #[arg(long, value_name = "BYTES", default_value_t = 450, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    size: u32,
    /// Producers; threads of `ingest` and `verify` [default: 8 of append, 1 of bulk, otherwise one
    /// for each core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// Unanswered entries a producer may have; 1 waits for each
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=65_536))]
    window: u32,
    /// Entries a producer appends at once, and waits for
    #[arg(long, value_name = "N", default_value_t = 1, conflicts_with = "window", value_parser = clap::value_parser!(u32).range(1..=16_384))]
    batch: u32,
    /// How often floor and engine take turns, and how often a question is asked anew
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: u32,
    /// Print the rows as comma-separated values; the measures, where there are no rows
    #[arg(long, conflicts_with = "json")]
    csv: bool,
}

/// What to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
enum What {
    /// Appends, beside a framed, hash-chained file with the same syncs and nothing else
    Append,
    /// Many entries and one sync at the end, beside the same in that file
    Bulk,
    /// JSON Lines made durable, beside reading them as JSON
    Ingest,
    /// Bytes written, bytes kept, memory held; counted once
    Cost,
    /// Proofs of inclusion and consistency, and checking them
    Proof,
    /// Queries, counts and looking up an id
    Query,
    /// The offline audit
    Verify,
    /// Opening for writing, with the first durable append, after a close and after a kill
    Open,
    /// All of these, each beside its bar: some minutes
    Bars,
    /// bulk to open at a hundredth, a tenth and all of the entries: some minutes
    Growth,
}

impl What {
    /// Its name on the command line.
    fn name(self) -> &'static str {
        match self {
            Self::Append => "append",
            Self::Bulk => "bulk",
            Self::Ingest => "ingest",
            Self::Cost => "cost",
            Self::Proof => "proof",
            Self::Query => "query",
            Self::Verify => "verify",
            Self::Open => "open",
            Self::Bars => "bars",
            Self::Growth => "growth",
        }
    }

    /// Whether a figure means nothing where a sync does nothing.
    fn needs_disk(self) -> bool {
        !matches!(self, Self::Proof | Self::Query | Self::Verify)
    }
}

impl Args {
    fn entries(&self) -> u64 {
        self.entries.unwrap_or(match self.what {
            What::Append => 100_000,
            What::Growth => 10_000_000,
            _ => 1_000_000,
        })
    }

    fn threads(&self) -> u16 {
        self.threads.unwrap_or_else(|| match self.what {
            What::Append => 8,
            What::Bulk => 1,
            _ => u16::try_from(machine::cores()).unwrap_or(u16::MAX),
        })
    }

    fn batch(&self) -> usize {
        usize::try_from(self.batch).unwrap_or(usize::MAX)
    }
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
    batch: u32,
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
    machine: Machine,
    parameters: &'a Parameters<'a>,
    sync: &'a Sync,
    rows: Vec<Row>,
    measures: Vec<Measure>,
}

pub(crate) fn run(args: Args, context: &mut Context) -> Answer {
    let file_system = FsStorage::open_reader(&args.dir)?.file_system();
    refuse_memory(&args, &file_system)?;
    let parameters = Parameters {
        what: args.what,
        directory: args.dir.display().to_string(),
        file_system: &file_system,
        durable: !matches!(&*file_system, "tmpfs" | "ramfs" | "overlay"),
        cores: machine::cores(),
        entries: args.entries(),
        size: args.size,
        threads: args.threads(),
        window: args.window,
        batch: args.batch,
        rounds: args.rounds,
    };
    let failed = |error| Failure::io(&error, format_args!("measure in {}", args.dir.display()));
    let mut machine = Machine::look();
    let latencies = sync_latency(&args.dir, SYNCS).map_err(failed)?;
    let sync = Sync {
        count: latencies.len(),
        p50_us: row::micros(latencies.value_at_quantile(0.5)),
        p99_us: row::micros(latencies.value_at_quantile(0.99)),
    };
    introduce(&machine, &parameters, &sync, &mut context.out, args.csv);
    let room = tempfile::Builder::new().prefix("wmark-bench-").tempdir_in(&args.dir);
    let room = room.map_err(failed)?;
    let begin = Ticks::now();
    let Outcome { rows, measures } = measure(&args, room.path(), context)?;
    machine.others_during = begin.others();
    // Before anything is printed: a reader that goes away must not leave gigabytes behind.
    room.close().map_err(failed)?;
    let schema = "wmark.bench/1";
    let (parameters, sync) = (&parameters, &sync);
    show(&args, Document { schema, machine, parameters, sync, rows, measures }, &mut context.out)
}

/// A figure of a disk, from where there is none, is refused and not only warned about.
fn refuse_memory(args: &Args, file_system: &str) -> Answer<()> {
    if !args.what.needs_disk() || !matches!(file_system, "tmpfs" | "ramfs") {
        return Ok(());
    }
    let dir = args.dir.display();
    Err(Failure::usage(format!("--dir {dir} is on {file_system}: a sync does nothing there"))
        .hint("name a directory on a disk with --dir"))
}

fn show(args: &Args, document: Document<'_>, out: &mut Output) -> Answer {
    let Document { rows, measures, machine, .. } = &document;
    if out.is_json() {
        out.json(&document)?;
        return Ok(DONE);
    }
    if args.csv && rows.is_empty() {
        out.line(Measure::HEADS.map(|(head, _)| head).join(","))?;
        measures.iter().try_for_each(|measure| out.line(values(&measure.cells())))?;
        return Ok(DONE);
    }
    if args.csv {
        out.line(Row::HEADS.map(|(head, _)| head).join(","))?;
        rows.iter().try_for_each(|row| out.line(values(&row.exact())))?;
        return Ok(DONE);
    }
    let mut table = Table::new(&Row::HEADS);
    rows.iter().try_for_each(|row| table.row(out, &row.rounded()))?;
    table.flush(out)?;
    if !rows.is_empty() {
        out.line("")?;
    }
    let mut table = Table::new(&Measure::HEADS);
    measures.iter().try_for_each(|measure| table.row(out, &measure.cells()))?;
    table.flush(out)?;
    out.say(format_args!("meanwhile others kept {:.2} cores busy", machine.others_during));
    Ok(DONE)
}

/// Comma-separated values; names may hold commas, and no quotation marks.
fn values(cells: &[String]) -> String {
    let quoted = |cell: &String| match cell.contains(',') {
        true => format!("\"{cell}\""),
        false => cell.clone(),
    };
    cells.iter().map(quoted).collect::<Vec<_>>().join(",")
}

fn measure(args: &Args, room: &Path, context: &mut Context) -> Answer<Outcome> {
    match args.what {
        What::Append => append::measure(args, room),
        What::Bulk => append::in_bulk(args, room),
        What::Ingest => ingest::measure(args, room),
        What::Cost => cost::measure(args, room),
        What::Proof => filled::proofs(args, room),
        What::Query => filled::queries(args, room),
        What::Verify => filled::audits(args, room),
        What::Open => filled::opens(args, room),
        What::Bars => table::bars(args, context),
        What::Growth => table::growth(args, context),
    }
}

/// Machine, parameters and the disk's own latency come first: without them a number says nothing.
fn introduce(
    machine: &Machine,
    parameters: &Parameters<'_>,
    sync: &Sync,
    out: &mut Output,
    is_data_only: bool,
) {
    if out.is_json() || is_data_only {
        return warn(parameters, out);
    }
    out.say(format_args!(
        "{}  {}, {} cores, {} of memory, Linux {}",
        paint(HEAD, concat!("wmark ", env!("CARGO_PKG_VERSION"))),
        machine.cpu,
        machine.cores,
        bytes(machine.memory_bytes),
        machine.kernel,
    ));
    let load: Vec<String> = machine.load_average.iter().map(|load| load.to_string()).collect();
    out.say(format_args!(
        "load average {}; others keep {:.2} cores busy",
        load.join(" "),
        machine.others_before,
    ));
    let Parameters { what, file_system, entries, size, threads, window, batch, rounds, .. } =
        parameters;
    out.say(format_args!(
        "{} in {} on {file_system}, entries={entries} size={size} threads={threads} \
         window={window} batch={batch} rounds={rounds}",
        what.name(),
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

//! `wmark export`: every entry, or those that match, as lines for other programs.
//!
//! Complete: there is no limit, and what cannot be read is an error and not a gap.

use crate::atomic::AtomicFile;
use crate::context::Context;
use crate::entries::for_each;
use crate::errors::{Answer, DONE, Failure, INTERRUPTED};
use crate::escape::Clean;
use crate::filters::Filters;
use crate::interrupt::Interrupt;
use crate::progress::{Progress, Unit};
use crate::table::{bytes, grouped};
use clap::ValueEnum;
use serde::Serialize;
use std::io::Write as _;
use std::path::PathBuf;
use witnessmark::{Order, StoredEntry};

/// Write entries as lines: all of them, or those that match
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  wmark export > all.jsonl
  wmark export --since 2026-11-01 --until 2026-11-30 -o november.jsonl
  wmark export --agent did:web:sales.example.com --verifiable -o evidence.jsonl
  wmark export | duckdb -c \"select outcome, count(*) from read_json('/dev/stdin') group by 1\"")]
pub(crate) struct Args {
    #[command(flatten)]
    filters: Filters,
    /// The form
    #[arg(long, value_name = "FORM", default_value = "jsonl")]
    format: Format,
    /// Add header, meta, data_text and salts, so that each line can be hashed again on its own
    #[arg(long)]
    verifiable: bool,
    /// Write to this file instead of standard output
    #[arg(short, long = "output", value_name = "FILE")]
    output: Option<PathBuf>,
    /// Replace the file when it exists
    #[arg(long, requires = "output")]
    force: bool,
}

/// What a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// One JSON object per line
    Jsonl,
}

#[derive(Serialize)]
struct Document {
    schema: &'static str,
    path: Option<String>,
    entries: u64,
    bytes: u64,
    size: u64,
    root: String,
}

pub(crate) fn run(args: Args, context: &mut Context) -> Answer {
    let Format::Jsonl = args.format;
    let query = args.filters.query()?.order(Order::Oldest).limit(0);
    let line_of: fn(&StoredEntry) -> String =
        if args.verifiable { witnessmark::verifiable_json } else { witnessmark::entry_json };
    let mut file = match &args.output {
        Some(path) => Some((AtomicFile::create(path, args.force)?, Interrupt::install()?)),
        None => None,
    };
    let view = context.view()?;
    let head = view.head();
    let mut progress =
        Progress::new(&context.global, "export", Some(head.size.get()), Unit::Entries);
    let (mut entries, mut written) = (0u64, 0u64);
    let out = &mut context.out;
    for_each(&view, &query, |entry| {
        let line = line_of(entry);
        entries += 1;
        written += line.len() as u64 + 1;
        progress.set(entry.index().get());
        match &mut file {
            None => out.json_text(&line),
            Some((_, interrupt)) if interrupt.is_raised() => {
                let message = "interrupted; no file was written, the log is as it was";
                Err(Failure::new(INTERRUPTED, "interrupted", message))
            }
            Some((file, _)) => Ok(writeln!(file, "{line}")?),
        }
    })?;
    progress.finish();
    if let Some((file, _)) = file {
        file.finish()?;
    }
    let path = args.output.map(|path| path.display().to_string());
    let name = path.clone().unwrap_or_else(|| "standard output".to_owned());
    if out.is_json() && path.is_some() {
        out.json(&Document {
            schema: "wmark.export/1",
            path,
            entries,
            bytes: written,
            size: head.size.get(),
            root: head.root.to_hex(),
        })?;
        return Ok(DONE);
    }
    out.say(format_args!(
        "wrote {} entries, {}, to {}; the log stands at {}@{}",
        grouped(entries),
        bytes(written),
        Clean::text(&name),
        head.root,
        head.size
    ));
    Ok(DONE)
}

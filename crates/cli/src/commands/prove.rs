//! `wmark prove`: evidence that an entry is in the log, to be checked without the log.

use crate::atomic::AtomicFile;
use crate::context::Context;
use crate::entries::find;
use crate::errors::{Answer, DONE, Failure, UNDECIDED};
use crate::escape::Clean;
use crate::files;
use crate::table::grouped;
use serde::Serialize;
use std::io::Write as _;
use std::path::PathBuf;
use witnessmark::{EntryIndex, TreeSize, View};

/// Prove that an entry is in the log: a document that is checked without the log
#[derive(clap::Args, Debug)]
#[command(after_help = "\
The document holds the entry with everything that is hashed, its data included, and up to 63 hashes.
Whoever checks it needs size and root from somewhere else: `wmark root`. A bundle brings the log's
last signed checkpoint instead, and is checked with the log's verifier key and nothing else.

Examples:
  wmark prove 184213 -o proof.json
  wmark prove 01a20726-94ef-7117-9e21-d66abdab1273 --size 200000
  wmark prove 7 | jq .hashes
  wmark prove 7 --bundle -o entry-7.tlog-proof
  wmark prove 7 --bundle --without-entry --checkpoint cosigned.note")]
pub(crate) struct Args {
    /// The entry's index or its id
    #[arg(value_name = "ID|INDEX")]
    which: String,
    /// In the tree of this size; the whole log when not given
    #[arg(long, value_name = "N")]
    size: Option<u64>,
    /// With a signed checkpoint, in the form c2sp.org/tlog-proof@v1
    #[arg(long, conflicts_with = "size")]
    bundle: bool,
    /// The checkpoint of the bundle, cosigned perhaps; the last one recorded when not given
    #[arg(long, value_name = "FILE", requires = "bundle")]
    checkpoint: Option<PathBuf>,
    /// Leave the entry out of the bundle; whoever checks it has to have it
    #[arg(long, requires = "bundle")]
    without_entry: bool,
    /// Write to this file instead of standard output
    #[arg(short, long = "output", value_name = "FILE")]
    output: Option<PathBuf>,
    /// Replace the file when it exists
    #[arg(long, requires = "output")]
    force: bool,
}

pub(crate) fn run(args: Args, context: &mut Context) -> Answer {
    let view = context.view()?;
    let entry = find(&view, &args.which)?;
    if args.bundle {
        return bundle(&args, &view, entry.index(), context);
    }
    let size = args.size.map_or(view.size(), TreeSize::new);
    let evidence = view.prove_at(entry.index(), size)?;
    let document = evidence.to_json();
    let out = &mut context.out;
    let Some(path) = &args.output else {
        out.json_text(&document)?;
        return Ok(DONE);
    };
    write_document(path, args.force, &document)?;
    if out.is_json() {
        out.json_text(&document)?;
    }
    let path = path.display().to_string();
    let (index, hashes) = (grouped(entry.index().get()), evidence.proof().hashes.len());
    out.say(format_args!(
        "wrote {}: entry {index} in the tree of {}, {hashes} hashes",
        Clean::text(&path),
        grouped(size.get())
    ));
    out.say(format_args!("anchor, to be kept elsewhere: {}@{size}", evidence.root()));
    Ok(DONE)
}

/// The document of a bundle under `--json`: the bundle itself is text.
#[derive(Serialize)]
struct Document {
    schema: &'static str,
    index: u64,
    size: u64,
    root: String,
    bundle: String,
}

fn bundle(args: &Args, view: &View, index: EntryIndex, context: &mut Context) -> Answer {
    let checkpoint = match &args.checkpoint {
        Some(path) => files::checkpoint(path)?,
        None => context.last_checkpoint()?,
    };
    let signed = checkpoint.checkpoint().clone();
    if !signed.size().contains(index) {
        let message =
            format!("entry {index} is newer than the checkpoint of size {}", signed.size());
        return Err(Failure::new(UNDECIDED, "not_found", message)
            .hint("`wmark checkpoint --key-file KEY` signs the log as it is now"));
    }
    let bundle = view.bundle(index, &checkpoint)?;
    let bundle = if args.without_entry { bundle.without_entry() } else { bundle };
    let text = bundle.to_string();
    if let Some(path) = &args.output {
        let mut file = AtomicFile::create(path, args.force)?;
        file.write_all(text.as_bytes())?;
        file.finish()?;
    }
    let out = &mut context.out;
    let size = signed.size().get();
    if out.is_json() {
        let (schema, root) = ("wmark.bundle/1", signed.root().to_hex());
        out.json(&Document { schema, index: index.get(), size, root, bundle: text })?;
    } else if let Some(path) = &args.output {
        let path = path.display().to_string();
        let (index, size) = (grouped(index.get()), grouped(size));
        let path = Clean::text(&path);
        out.say(format_args!("wrote {path}: entry {index} under the checkpoint of size {size}"));
    } else {
        out.bytes(text.as_bytes())?;
    }
    Ok(DONE)
}

/// Writes a document of one line, whole or not at all.
fn write_document(path: &std::path::Path, force: bool, document: &str) -> Answer<()> {
    let mut file = AtomicFile::create(path, force)?;
    writeln!(file, "{document}")?;
    file.finish()
}

//! `wmark prove`: evidence that an entry is in the log, to be checked without the log.

use crate::atomic::AtomicFile;
use crate::context::Context;
use crate::entries::find;
use crate::errors::{Answer, DONE};
use crate::escape::Clean;
use crate::table::grouped;
use std::io::Write as _;
use std::path::PathBuf;
use witnessmark::TreeSize;

/// Prove that an entry is in the log: a document that is checked without the log
#[derive(clap::Args, Debug)]
#[command(after_help = "\
The document holds the entry with everything that is hashed, its data included, and up to 63 hashes.
Whoever checks it needs size and root from somewhere else: `wmark root`.

Examples:
  wmark prove 184213 -o proof.json
  wmark prove 01a20726-94ef-7117-9e21-d66abdab1273 --size 200000
  wmark prove 7 | jq .hashes")]
pub(crate) struct Args {
    /// The entry's index or its id
    #[arg(value_name = "ID|INDEX")]
    which: String,
    /// In the tree of this size; the whole log when not given
    #[arg(long, value_name = "N")]
    size: Option<u64>,
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

/// Writes a document of one line, whole or not at all.
fn write_document(path: &std::path::Path, force: bool, document: &str) -> Answer<()> {
    let mut file = AtomicFile::create(path, force)?;
    writeln!(file, "{document}")?;
    file.finish()
}

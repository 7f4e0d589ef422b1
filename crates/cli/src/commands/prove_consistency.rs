//! `wmark prove-consistency`: evidence that the log only grew between two sizes.

use crate::atomic::AtomicFile;
use crate::context::Context;
use crate::errors::{Answer, DONE, Failure};
use crate::table::grouped;
use serde::Serialize;
use std::io::Write as _;
use std::path::PathBuf;

/// Prove that the log of M entries is a prefix of the log of N
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  wmark prove-consistency 171004 184221
  wmark prove-consistency 171004 184221 -o consistency.json
  wmark prove-consistency 171004 --bundle -o grown.proof
  wmark prove-consistency 171004 184221 --json | jq -r '.old_root, .new_root'")]
pub(crate) struct Args {
    /// The earlier size
    #[arg(value_name = "M")]
    old: u64,
    /// The later size; with --bundle that of the last signed checkpoint
    #[arg(value_name = "N", required_unless_present = "bundle", conflicts_with = "bundle")]
    new: Option<u64>,
    /// With the log's last signed checkpoint, as a bundle that is checked with its key
    #[arg(long)]
    bundle: bool,
    /// Write the document to this file
    #[arg(short, long = "output", value_name = "FILE")]
    output: Option<PathBuf>,
    /// Replace the file when it exists
    #[arg(long, requires = "output")]
    force: bool,
}

pub(crate) fn run(args: Args, context: &mut Context) -> Answer {
    let old = args.old;
    let Some(new) = args.new else { return bundle(&args, context) };
    if old > new {
        return Err(Failure::usage(format!(
            "{old} is not a prefix of {new}: M is the smaller one"
        )));
    }
    let view = context.view()?;
    let evidence = view.prove_prefix(old.into(), new.into())?;
    // We do not hand out what does not hold, whatever the stored nodes say.
    evidence.verify(&evidence.old_root, &evidence.new_root)?;
    if let Some(path) = &args.output {
        let mut file = AtomicFile::create(path, args.force)?;
        writeln!(file, "{}", evidence.to_json())?;
        file.finish()?;
    }
    let out = &mut context.out;
    if out.is_json() {
        out.json_text(&evidence.to_json())?;
        return Ok(DONE);
    }
    let (size, later, hashes) = (grouped(old), grouped(new), evidence.proof.hashes.len());
    out.line(format_args!(
        "Consistent: size {size} is a prefix of size {later} ({hashes} hashes)"
    ))?;
    out.line(format_args!("  {}@{old}", evidence.old_root))?;
    out.line(format_args!("  {}@{new}", evidence.new_root))?;
    Ok(DONE)
}

#[derive(Serialize)]
struct Document {
    schema: &'static str,
    old_size: u64,
    new_size: u64,
    old_root: String,
    new_root: String,
    bundle: String,
}

fn bundle(args: &Args, context: &mut Context) -> Answer {
    let view = context.view()?;
    let checkpoint = context.last_checkpoint()?;
    let bundle = view.consistency_bundle(args.old.into(), &checkpoint)?;
    let text = bundle.to_string();
    if let Some(path) = &args.output {
        let mut file = AtomicFile::create(path, args.force)?;
        file.write_all(text.as_bytes())?;
        file.finish()?;
    }
    let signed = checkpoint.checkpoint();
    let out = &mut context.out;
    if out.is_json() {
        out.json(&Document {
            schema: "wmark.consistency-bundle/1",
            old_size: args.old,
            new_size: signed.size().get(),
            old_root: bundle.old_root().to_hex(),
            new_root: signed.root().to_hex(),
            bundle: text,
        })?;
    } else if args.output.is_none() {
        out.bytes(text.as_bytes())?;
    }
    Ok(DONE)
}

//! `wmark checkpoint`: signs size and root of the log.

use crate::atomic::AtomicFile;
use crate::context::Context;
use crate::errors::{Answer, DONE, LOCKED};
use crate::keys;
use crate::table::grouped;
use serde::Serialize;
use std::io::Write as _;
use std::path::PathBuf;
use witnessmark::{ErrorKind, SignedCheckpoint, SigningKey};

/// Sign the log as it is: size and root, as a note that others can check
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Works beside a writer and without one. What is signed is durable, was read back and hashed, and is
proved to continue the checkpoint before; it stands in the log's history before it is printed.

During a change of keys, sign with both: the old key's readers and the new key's both accept it.

Examples:
  wmark checkpoint --key-file ~/keys/acme.key
  wmark checkpoint --key-file old.key --key-file new.key --out latest.note --force
  WMARK_KEY_FILE=acme.key wmark checkpoint --json | jq -r .root")]
pub(crate) struct Args {
    /// File with a signing key of the log's name; again for another one during a change of keys
    #[arg(long = "key-file", value_name = "FILE", env = "WMARK_KEY_FILE", hide_env_values = true)]
    key_files: Vec<PathBuf>,
    /// Write the note to this file instead of standard output
    #[arg(short, long, value_name = "FILE", visible_alias = "output")]
    out: Option<PathBuf>,
    /// Replace the file when it exists
    #[arg(long, requires = "out")]
    force: bool,
}

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    origin: &'a str,
    size: u64,
    root: String,
    keys: Vec<String>,
    note: String,
}

pub(crate) fn run(args: Args, context: &mut Context) -> Answer {
    let keys = keys::all_signing(&args.key_files)?;
    let keys: Vec<&SigningKey> = keys.iter().collect();
    let signed = sign(&keys, context)?;
    let note = signed.to_string();
    if let Some(path) = &args.out {
        let mut file = AtomicFile::create(path, args.force)?;
        file.write_all(note.as_bytes())?;
        file.finish()?;
    }
    let checkpoint = signed.checkpoint();
    let out = &mut context.out;
    if out.is_json() {
        out.json(&Document {
            schema: "wmark.checkpoint/1",
            origin: checkpoint.origin(),
            size: checkpoint.size().get(),
            root: checkpoint.root().to_hex(),
            keys: keys.iter().map(|key| key.verifier().label()).collect(),
            note,
        })?;
    } else if args.out.is_none() {
        out.bytes(note.as_bytes())?;
    }
    let size = grouped(checkpoint.size().get());
    out.say(format_args!("signed {size} entries, recorded in the log's history"));
    Ok(DONE)
}

fn sign(keys: &[&SigningKey], context: &mut Context) -> Answer<SignedCheckpoint> {
    let reader = context.reader()?;
    if reader.view()?.unvouched() == 0 {
        return Ok(reader.checkpoint(keys)?);
    }
    // Nobody vouches for the last entries, and nobody seems to be writing: then we do.
    match context.writer() {
        Ok(log) => {
            let signed = log.checkpoint(keys);
            log.close()?;
            Ok(signed?)
        }
        Err(failure) if failure.is(LOCKED, ErrorKind::Locked) => Ok(reader.checkpoint(keys)?),
        Err(failure) => Err(failure),
    }
}

//! `wmark compliance attest`: a signed attestation, to be handed out.

use crate::atomic::AtomicFile;
use crate::context::Context;
use crate::errors::{Answer, DONE, NEGATIVE};
use crate::governance::{self, Evidence, Span};
use crate::keys;
use serde::Serialize;
use std::io::Write as _;
use std::path::PathBuf;

/// Judge, sign, and write the attestation; code 1 when a control is missing, the file is there
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  wmark compliance attest -o attestation.json --key-file ~/keys/gate.key
  wmark compliance attest --key-file ~/keys/gate.key --deployment prod/deployment.toml")]
pub(crate) struct Args {
    #[command(flatten)]
    evidence: Evidence,
    #[command(flatten)]
    span: Span,
    /// The signing key: a file that nobody else can read
    #[arg(long, value_name = "FILE", env = "WMARK_KEY_FILE", hide_env_values = true)]
    key_file: PathBuf,
    /// Write to this file instead of printing
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Replace the file when it exists
    #[arg(long, requires = "output")]
    force: bool,
}

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    path: String,
    passed: bool,
    controls_passed: u64,
    controls_total: u64,
    attestation_hash: String,
    size: u64,
    root: &'a str,
    signer: String,
}

pub(crate) fn run(args: Args, context: &mut Context) -> Answer {
    // Before judging, which takes its time: a key that cannot be used ends it.
    let key = keys::signing(&args.key_file)?;
    let (mut attestation, _) = governance::judge(&args.evidence, &args.span, context)?;
    attestation.sign(&[&key])?;
    let exit = if attestation.passed() { DONE } else { NEGATIVE };
    let text = attestation.to_json();
    let out = &mut context.out;
    let Some(path) = &args.output else {
        out.json_text(&text)?;
        return Ok(exit);
    };
    let mut file = AtomicFile::create(path, args.force)?;
    writeln!(file, "{text}")?;
    file.finish()?;
    let (passed, total) = (attestation.controls_passed(), attestation.controls_total());
    if out.is_json() {
        out.json(&Document {
            schema: "wmark.attest/1",
            path: path.display().to_string(),
            passed: attestation.passed(),
            controls_passed: passed,
            controls_total: total,
            attestation_hash: attestation.attestation_hash(),
            size: attestation.log.size,
            root: &attestation.log.root,
            signer: key.verifier().to_string(),
        })?;
    } else {
        out.say(format_args!("wrote {}: {passed} of {total} controls are met", path.display()));
    }
    Ok(exit)
}

//! `wmark compliance verify`: judge, and say what was found.

use super::Source;
use crate::context::Context;
use crate::errors::{Answer, DONE, NEGATIVE};
use crate::escape::Clean;
use crate::keys;
use std::path::PathBuf;

/// Judge the ten controls; code 1 when any of them is missing
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Exit codes: 0 every control is met; 1 at least one is not, or was not evaluated.

Examples:
  wmark compliance verify
  wmark compliance verify --json > asi_report.json
  wmark compliance verify --since 30d --deployment prod/deployment.toml
  wmark compliance verify --from attestation.json --key gate.pub")]
pub(crate) struct Args {
    #[command(flatten)]
    source: Source,
    /// Print a badge in Markdown instead; --json wins
    #[arg(long)]
    badge: bool,
    /// Sign what is printed with --json
    #[arg(long, value_name = "FILE", env = "WMARK_KEY_FILE", hide_env_values = true)]
    key_file: Option<PathBuf>,
}

pub(crate) fn run(args: Args, context: &mut Context) -> Answer {
    let mut attestation = args.source.attestation(context)?;
    let out = &mut context.out;
    if out.is_json() {
        // What was read back carries its own signature.
        if let Some(path) = args.key_file.as_deref().filter(|_| args.source.from.is_none()) {
            attestation.sign(&[&keys::signing(path)?])?;
        }
        out.json_text(&attestation.to_json())?;
    } else if args.badge {
        out.line(attestation.badge_markdown())?;
    } else {
        for line in attestation.summary().lines() {
            out.line(Clean::text(line))?;
        }
    }
    Ok(if attestation.passed() { DONE } else { NEGATIVE })
}

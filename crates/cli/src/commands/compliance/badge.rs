//! `wmark compliance badge`: the coverage as a badge.

use super::Source;
use crate::context::Context;
use crate::errors::{Answer, DONE};
use serde::Serialize;

/// Print the coverage as a badge in Markdown; green only when every control is met
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  wmark compliance badge
  wmark compliance badge --from attestation.json --key gate.pub")]
pub(crate) struct Args {
    #[command(flatten)]
    source: Source,
}

#[derive(Serialize)]
struct Document {
    schema: &'static str,
    passed: bool,
    coverage_pct: u64,
    badge_url: String,
    badge_markdown: String,
    attestation_hash: String,
}

pub(crate) fn run(args: Args, context: &mut Context) -> Answer {
    let attestation = args.source.attestation(context)?;
    let out = &mut context.out;
    if out.is_json() {
        out.json(&Document {
            schema: "wmark.badge/1",
            passed: attestation.passed(),
            coverage_pct: attestation.coverage_pct(),
            badge_url: attestation.badge_url(),
            badge_markdown: attestation.badge_markdown(),
            attestation_hash: attestation.attestation_hash(),
        })?;
    } else {
        out.line(attestation.badge_markdown())?;
    }
    Ok(DONE)
}

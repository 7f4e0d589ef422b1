//! `wmark version`: what this program is and which formats it knows.

use crate::context::Context;
use crate::errors::{Answer, DONE};
use serde::Serialize;
use witnessmark::format::VERSION as FORMAT;

/// Print the version and the formats supported
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  wmark version
  wmark version --json")]
pub(crate) struct Args {}

#[derive(Serialize)]
struct Document {
    schema: &'static str,
    version: &'static str,
    formats: [u16; 1],
    os: &'static str,
    arch: &'static str,
    is_optimised: bool,
}

pub(crate) fn run(_: Args, context: &mut Context) -> Answer {
    let version = env!("CARGO_PKG_VERSION");
    let (os, arch) = (std::env::consts::OS, std::env::consts::ARCH);
    let out = &mut context.out;
    if out.is_json() {
        out.json(&Document {
            schema: "wmark.version/1",
            version,
            formats: [FORMAT],
            os,
            arch,
            is_optimised: !cfg!(debug_assertions),
        })?;
    } else {
        out.line(format_args!("wmark {version} (log format {FORMAT}, {os} {arch})"))?;
    }
    Ok(DONE)
}

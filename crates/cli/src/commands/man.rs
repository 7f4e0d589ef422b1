//! `wmark man`: the manual pages.

use crate::args;
use crate::context::Context;
use crate::errors::{Answer, DONE, Failure};
use std::path::PathBuf;

/// Print the manual page, or write one page per command into a directory
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  wmark man | man -l -
  wmark man --out ~/.local/share/man/man1")]
pub(crate) struct Args {
    /// Write wmark.1 and one page per command into this directory
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

pub(crate) fn run(args: Args, context: &mut Context) -> Answer {
    if let Some(dir) = args.out {
        let failed = |error| Failure::io(&error, format_args!("write pages to {}", dir.display()));
        std::fs::create_dir_all(&dir).map_err(failed)?;
        clap_mangen::generate_to(args::definition(), &dir).map_err(failed)?;
        context.out.say(format_args!("wrote the manual pages to {}", dir.display()));
        return Ok(DONE);
    }
    let mut page = Vec::new();
    clap_mangen::Man::new(args::definition()).render(&mut page)?;
    context.out.bytes(&page)?;
    Ok(DONE)
}

//! `wmark completions`: what the shell needs to complete this command.

use crate::args;
use crate::context::Context;
use crate::errors::{Answer, DONE};
use clap_complete::Shell;

/// Print a completion script for a shell
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  wmark completions bash > ~/.local/share/bash-completion/completions/wmark
  wmark completions zsh > ~/.zfunc/_wmark
  wmark completions fish > ~/.config/fish/completions/wmark.fish")]
pub(crate) struct Args {
    /// The shell
    shell: Shell,
}

pub(crate) fn run(args: Args, context: &mut Context) -> Answer {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut args::definition(), "wmark", &mut script);
    context.out.bytes(&script)?;
    Ok(DONE)
}

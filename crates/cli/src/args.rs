//! Arguments: what every command understands, and how a wrong one is answered.
//!
//! ```text
//! flag > environment (WMARK_LOG) > built-in (./audit-log)
//! ```
//!
//! The flags here may stand before or after the command's name. Not here: the flags of one
//! command, which stand in its file.

use crate::commands::Command;
use crate::errors::{Failure, USAGE};
use clap::error::ErrorKind;
use clap::{Args, CommandFactory, Parser, ValueEnum};
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

/// Where the log lies when nobody says.
pub(crate) const LOG_DEFAULT: &str = "./audit-log";

const EXIT_CODES: &str = "\
Exit codes:
    0  done; verified everything that was asked for
    1  a negative verdict, proved: tampering or corruption found, proof invalid, no such entry
    2  wrong usage
    3  could not decide: I/O error, permission, unreadable or unknown format
    4  part of the data could not be verified (--allow-partial makes it 0)
   10  there is no log    11  another process writes it    12  key missing or wrong
  130  interrupted; the message says through which index entries are durable
Treat any other code as a failure.

wmark opens no network connection, `sink run` and `sink verify` of a sink that needs one excepted,
and sends no telemetry.";

/// A tamper-evident, append-only audit log for AI agents.
#[derive(Debug, Parser)]
#[command(name = "wmark", version, after_help = EXIT_CODES)]
#[command(arg_required_else_help = true, subcommand_required = true, propagate_version = false)]
#[command(max_term_width = 100, disable_help_subcommand = false)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command understands.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Everywhere")]
pub(crate) struct Global {
    /// Directory of the log
    #[arg(short = 'C', long = "log", value_name = "DIR", global = true)]
    #[arg(env = "WMARK_LOG", default_value = LOG_DEFAULT, hide_env_values = true)]
    pub(crate) log: PathBuf,
    /// Print JSON: one document, or one object per line
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// When to use colour
    #[arg(long, value_name = "WHEN", global = true, default_value = "auto")]
    pub(crate) color: When,
    /// Show no progress, even on a terminal
    #[arg(long, global = true)]
    pub(crate) no_progress: bool,
    /// Say nothing but results and errors
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
}

/// When to use colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum When {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// Reads the command line; what is wrong with it, or asked of it, is printed here.
pub(crate) fn parse() -> Result<Cli, ExitCode> {
    let given: Vec<OsString> = std::env::args_os().collect();
    Cli::try_parse_from(&given).map_err(|error| answer(&error, &given))
}

/// The whole command line as clap knows it, for completions and manual pages.
pub(crate) fn definition() -> clap::Command {
    Cli::command()
}

fn answer(error: &clap::Error, given: &[OsString]) -> ExitCode {
    let is_help = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
    let wants_json = given.iter().any(|arg| arg == "--json");
    if is_help || !wants_json {
        // A reader that went away early is no reason to fail.
        let _ = error.print();
        return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(USAGE));
    }
    let text = error.to_string();
    let (message, rest) = text.split_once("\n\n").unwrap_or((&text, ""));
    let message = message.strip_prefix("error: ").unwrap_or(message);
    let tips: Vec<&str> =
        rest.lines().filter_map(|line| line.trim().strip_prefix("tip: ")).collect();
    let failure = Failure::usage(message.split_whitespace().collect::<Vec<_>>().join(" "));
    let failure = if tips.is_empty() { failure } else { failure.hint(tips.join("; ")) };
    failure.report_json()
}

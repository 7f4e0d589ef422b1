//! `wmark`: the command of the witnessmark audit log.
//!
//! ```text
//! args --> commands/NAME.rs --> library
//!              |     \--> output (stdout: data, stderr: talk), errors (exit codes)
//!              \--> filters, entries, time, escape, table, anchor, progress, atomic, input, interrupt,
//!                                 files, keys, memory, places, sandbox
//! ```
//!
//! One file per command, in [`commands`]; what they have in common stands beside it, one file per
//! question. Invariant: stdout carries data and nothing else, and the exit code carries the
//! verdict. Not here: anything about the log's bytes; that is the library's.

mod admission;
mod anchor;
mod args;
mod atomic;
mod commands;
mod context;
mod entries;
mod errors;
mod escape;
mod files;
mod filters;
mod governance;
mod input;
mod interrupt;
mod keys;
mod memory;
mod output;
mod places;
mod progress;
mod sandbox;
mod sanitised;
mod sizes;
mod table;
mod time;

use std::process::ExitCode;

fn main() -> ExitCode {
    interrupt::outlive_size_limit();
    let cli = match args::parse() {
        Ok(cli) => cli,
        Err(code) => return code,
    };
    let is_json = cli.global.json;
    let mut context = context::Context::new(cli.global);
    let result = commands::run(cli.command, &mut context);
    // What is still buffered goes out before the verdict does.
    let result = result.and_then(|code| context.out.finish().map(|()| code));
    match result {
        Ok(code) => code.into(),
        Err(failure) => failure.report(is_json, &mut context.out),
    }
}

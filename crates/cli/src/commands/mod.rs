//! The commands, one file each.
//!
//! A command is a file with `Args`, whose first doc line is its help, and
//! `run(args, &mut Context) -> Answer`. To add one: write the file, name it in the list below.
//! Invariant: commands do not know each other, but for `demo`, which shows
//! what the others do, `stats`, which asks `sink` how far sinks are, and `compliance`, which has
//! another spelling of `integrity`.

mod append;
mod bench;
mod checkpoint;
mod completions;
mod compliance;
mod demo;
mod doctor;
mod export;
mod get;
mod import;
mod ingest;
mod init;
mod integrity;
mod keygen;
mod man;
mod prove;
mod prove_consistency;
mod prove_fork;
mod query;
mod repair;
mod report;
mod root;
mod segments;
mod sink;
mod stats;
mod tail;
mod verify;
mod verify_export;
mod verify_proof;
mod version;

use crate::context::Context;
use crate::errors::Answer;
use clap::Subcommand;

macro_rules! commands {
    ($($name:ident => $module:ident,)*) => {
        /// What to do.
        #[derive(Debug, Subcommand)]
        pub(crate) enum Command {
            $($name(Box<$module::Args>),)*
        }

        /// Does it.
        pub(crate) fn run(command: Command, context: &mut Context) -> Answer {
            match command {
                $(Command::$name(args) => $module::run(*args, context),)*
            }
        }
    };
}

commands! {
    Demo => demo,
    Init => init,
    Keygen => keygen,
    Append => append,
    Ingest => ingest,
    Import => import,
    Query => query,
    Get => get,
    Tail => tail,
    Stats => stats,
    Segments => segments,
    Root => root,
    Verify => verify,
    Checkpoint => checkpoint,
    Prove => prove,
    ProveConsistency => prove_consistency,
    ProveFork => prove_fork,
    VerifyProof => verify_proof,
    Export => export,
    Report => report,
    Sink => sink,
    Compliance => compliance,
    Integrity => integrity,
    VerifyExport => verify_export,
    Repair => repair,
    Doctor => doctor,
    Bench => bench,
    Completions => completions,
    Man => man,
    Version => version,
}

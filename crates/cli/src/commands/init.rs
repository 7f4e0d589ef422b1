//! `wmark init`: creates a log.

use crate::anchor::parse_head;
use crate::context::{Context, no_log};
use crate::errors::{Answer, DONE, Failure, USAGE};
use crate::escape::Clean;
use crate::output::{HEAD, paint};
use crate::time;
use serde::Serialize;
use std::path::PathBuf;
use witnessmark::{AuditLog, ErrorKind, Hash, Predecessor, Reader};

/// Create a log
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  wmark init
  wmark init ./audit --origin acme.example/agents
  wmark init ./audit-2 --continues 4b1e..77aa@184221")]
pub(crate) struct Args {
    /// Directory of the new log; --log when not given
    dir: Option<PathBuf>,
    /// The log's name, kept for ever, such as acme.example/agents
    #[arg(long, value_name = "NAME")]
    origin: Option<String>,
    /// The tree of the log that this one continues
    #[arg(long, value_name = "ROOT@SIZE", value_parser = parse_head)]
    continues: Option<(Hash, u64)>,
}

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    path: String,
    origin: &'a str,
    log_id: String,
    created_at: String,
}

pub(crate) fn run(args: Args, context: &mut Context) -> Answer {
    let dir = args.dir.unwrap_or_else(|| context.global.log.clone());
    match Reader::open(&dir) {
        Ok(_) => {
            let message = format!("there is a log at {} already", dir.display());
            return Err(Failure::new(USAGE, ErrorKind::AlreadyExists.as_str(), message));
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(error.into()),
    }
    let mut options = AuditLog::options(&dir);
    if let Some(origin) = args.origin {
        options = options.origin(origin);
    }
    if let Some((root, size)) = args.continues {
        options = options.continues(Predecessor { log_id: [0; 32], size, root });
    }
    let log = options.open().map_err(|error| no_log(error, &dir))?;
    let identity = log.identity().clone();
    log.close()?;
    let log_id = Hash(identity.log_id);
    let out = &mut context.out;
    let shown = dir.display().to_string();
    if out.is_json() {
        out.json(&Document {
            schema: "wmark.init/1",
            path: shown,
            origin: &identity.origin,
            log_id: log_id.to_hex(),
            created_at: time::show_nanos(identity.created_at),
        })?;
        return Ok(DONE);
    }
    out.line(format_args!("Created {}", paint(HEAD, Clean::text(&shown))))?;
    out.line(format_args!("  origin    {}", Clean::text(&identity.origin)))?;
    out.line(format_args!("  log id    {log_id}"))?;
    out.line("  tree      SHA-256 (RFC 6962), leaf = 108-byte entry header")?;
    out.say(format_args!("Next: wmark -C {} ingest < events.jsonl", Clean::text(&shown)));
    Ok(DONE)
}

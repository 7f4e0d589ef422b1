//! `wmark init`: creates a log.

use crate::anchor::parse_head;
use crate::context::{Context, no_log};
use crate::errors::{Answer, DONE, Failure, USAGE};
use crate::escape::Clean;
use crate::output::{HEAD, paint};
use crate::{table, time};
use serde::Serialize;
use std::path::PathBuf;
use witnessmark::limits::SEGMENT_BYTES_DEFAULT;
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
    /// When a segment is full: bytes, or 64KiB to 1GiB
    #[arg(long, value_name = "SIZE", value_parser = parse_bytes)]
    segment_size: Option<u64>,
    /// Pad groups to 512 or 4096 bytes, for disks that may garble a sector when power fails
    #[arg(long, value_name = "BYTES")]
    sector_pad: Option<u16>,
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
    segment_bytes: u64,
}

/// Bytes, plain or with a unit: `64MiB`, `50MB`, `65536`.
fn parse_bytes(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let factor = match text.get(digits.len()..).unwrap_or_default().trim() {
        "" | "B" => 1,
        "kB" | "KB" => 1000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        unit => return Err(format!("{unit:?} is not a unit: write KiB, MiB, GiB, kB, MB or GB")),
    };
    let count: u64 = digits.parse().map_err(|_| "a number and a unit are wanted".to_owned())?;
    count.checked_mul(factor).ok_or_else(|| "too large".to_owned())
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
    let segment_bytes = args.segment_size.unwrap_or(SEGMENT_BYTES_DEFAULT);
    let mut options = AuditLog::options(&dir).segment_bytes(segment_bytes);
    if let Some(origin) = args.origin {
        options = options.origin(origin);
    }
    if let Some(bytes) = args.sector_pad {
        options = options.sector_pad(bytes);
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
            segment_bytes,
        })?;
        return Ok(DONE);
    }
    out.line(format_args!("Created {}", paint(HEAD, Clean::text(&shown))))?;
    out.line(format_args!("  origin    {}", Clean::text(&identity.origin)))?;
    out.line(format_args!("  log id    {log_id}"))?;
    out.line("  tree      SHA-256 (RFC 6962), leaf = 108-byte entry header")?;
    let size = table::bytes(segment_bytes);
    out.line(format_args!("  segments  {size}, group commit without fixed delay"))?;
    out.say(format_args!("Next: wmark -C {} ingest < events.jsonl", Clean::text(&shown)));
    Ok(DONE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_or_refused() {
        assert_eq!(parse_bytes("64MiB"), Ok(64 << 20));
        assert_eq!(parse_bytes("50 MB"), Ok(50_000_000));
        assert_eq!(parse_bytes("65536"), Ok(65536));
        for text in ["", "MiB", "1 parsec", "99999999999999GiB", "-1"] {
            assert!(parse_bytes(text).is_err(), "{text}");
        }
    }
}

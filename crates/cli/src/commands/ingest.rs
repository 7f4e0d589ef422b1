//! `wmark ingest`: JSON Lines or a JSON array in, durable entries out.
//!
//! ```text
//! FILE or stdin --> library --> log
//!                      \--> stdout: acks, rejects, summary    --quarantine FILE: rejected records
//! ```
//!
//! Decoding, order and resuming are the library's. Invariant: a quarantined record is synced before
//! anything behind it is appended, and an acknowledgement is printed only for a durable entry.

use crate::admission::Admission;
use crate::context::Context;
use crate::errors::{Answer, DONE, Failure, NEGATIVE, UNDECIDED};
use crate::escape::Clean;
use crate::input::{Pipe, Stoppable};
use crate::interrupt::Interrupt;
use crate::output::Output;
use crate::progress::{Progress, Unit};
use serde::Serialize;
use std::borrow::Cow;
use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};
use witnessmark::import::{End, Ingest, Ingested, Listener, Mapping, Reject, Rejected, Summary};
use witnessmark::redact::Redactor;
use witnessmark::{Environment, Error, ErrorKind, Receipt};

/// Append the records of a file or of standard input
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  wmark ingest events.jsonl --quarantine bad.jsonl
  my-agent | wmark ingest --ack
  wmark ingest events.jsonl --resume
  wmark ingest trail.json --map agent_did=agent_id,action=decision,resource=tool \\
      --default action=audit
  wmark ingest events.jsonl --redact hmac --redact-key-file ~/.wmark-redact.key")]
pub(crate) struct Args {
    /// JSON Lines or one JSON array; - or nothing for standard input
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// Print a line per entry, as soon as it is durable, and per rejected record
    #[arg(long)]
    ack: bool,
    /// Append rejected records to this file, mode 0600, and go on; without it the first one ends it
    #[arg(long, value_name = "FILE")]
    quarantine: Option<PathBuf>,
    /// Go on where the last ingest of this file stopped
    #[arg(long)]
    resume: bool,
    /// Take fields from other keys; repeatable
    #[arg(long, value_name = "FIELD=KEY,...")]
    map: Vec<String>,
    /// Values for fields that a record does not have; repeatable
    #[arg(long = "default", value_name = "FIELD=VALUE,...")]
    defaults: Vec<String>,
    #[command(flatten)]
    admission: Admission,
}

#[derive(Serialize)]
struct AckLine<'a> {
    r#type: &'static str,
    line: u64,
    index: u64,
    entry_id: &'a str,
    entry_hash: String,
    durable: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    duplicate: bool,
    redacted: u32,
}

#[derive(Serialize)]
struct RejectLine<'a> {
    r#type: &'static str,
    line: u64,
    kind: &'static str,
    message: &'a str,
}

#[derive(Serialize)]
struct QuarantineLine<'a> {
    line: u64,
    offset: u64,
    kind: &'static str,
    message: &'a str,
    /// The record; absent when it is not UTF-8 or was too long to keep.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hex: Option<String>,
}

#[derive(Serialize)]
struct SummaryLine {
    r#type: &'static str,
    schema: &'static str,
    accepted: u64,
    rejected: u64,
    duplicates: u64,
    /// Entries from which something was taken out.
    redacted: u64,
    durable_through: Option<u64>,
    /// The line behind which reading went on, with `--resume`.
    resumed_after_line: Option<u64>,
    bytes: u64,
    complete: bool,
    elapsed_ms: u64,
}

/// Where rejected records are kept.
struct Quarantine {
    file: File,
    path: PathBuf,
    redactor: Redactor,
}

impl Quarantine {
    fn open(path: &Path, redactor: Redactor) -> Answer<Self> {
        let failed =
            |error: std::io::Error| Failure::io(&error, format_args!("open {}", path.display()));
        let file = File::options().create(true).append(true).mode(0o600).open(path);
        let file = file.map_err(failed)?;
        // Records may hold secrets: a file that was there before is closed to others as well.
        let metadata = file.metadata().map_err(failed)?;
        if metadata.is_file() && metadata.permissions().mode() & 0o077 != 0 {
            file.set_permissions(std::fs::Permissions::from_mode(0o600)).map_err(failed)?;
        }
        Ok(Self { file, path: path.to_owned(), redactor })
    }

    fn keep(&mut self, rejected: &[Rejected<'_>]) -> std::io::Result<()> {
        let mut lines = Vec::new();
        for one in rejected {
            // Bytes that are no text are kept as they are, unless a secret stands around them.
            let text = String::from_utf8_lossy(one.bytes);
            let redacted = self.redactor.text(&text);
            let is_text = matches!(text, Cow::Borrowed(_)) || redacted != text;
            let line = QuarantineLine {
                line: one.reject.line,
                offset: one.offset,
                kind: one.reject.kind.as_str(),
                message: &one.reject.message,
                hex: (!is_text).then(|| witnessmark::types::hex(one.bytes)),
                text: Some(&*redacted).filter(|text| is_text && !text.is_empty()),
            };
            serde_json::to_writer(&mut lines, &line)?;
            lines.push(b'\n');
        }
        self.file.write_all(&lines)?;
        self.file.sync_data()
    }
}

/// What a run tells, and to whom.
struct Teller<'a> {
    out: &'a mut Output,
    acks: bool,
    quarantine: Option<Quarantine>,
    progress: Progress,
    /// What telling failed with; the library only knows that it failed.
    failure: Option<Failure>,
}

impl Teller<'_> {
    fn told(&mut self, told: Answer<()>) -> Result<(), Error> {
        told.map_err(|failure| {
            let error = Error::new(ErrorKind::Io, failure.to_string());
            self.failure.get_or_insert(failure);
            error
        })
    }
}

impl Listener for Teller<'_> {
    fn keep(&mut self, rejected: &[Rejected<'_>]) -> Result<(), Error> {
        let Some(quarantine) = &mut self.quarantine else { return Ok(()) };
        quarantine.keep(rejected).map_err(|error| {
            Error::io(error, "keep a rejected record", quarantine.path.display().to_string())
        })
    }

    fn accepted(&mut self, line: u64, receipt: &Receipt) -> Result<(), Error> {
        if !self.acks {
            return Ok(());
        }
        let ack = AckLine {
            r#type: "ack",
            line,
            index: receipt.index().get(),
            entry_id: receipt.entry_id(),
            entry_hash: receipt.entry_hash().to_hex(),
            durable: receipt.is_durable(),
            duplicate: receipt.is_duplicate(),
            redacted: receipt.redacted(),
        };
        let told = self.out.json(&ack);
        self.told(told)
    }

    fn rejected(&mut self, reject: &Reject) -> Result<(), Error> {
        if !self.acks {
            return Ok(());
        }
        let (line, message) = (reject.line, reject.message.as_str());
        let line = RejectLine { r#type: "reject", line, kind: reject.kind.as_str(), message };
        let told = self.out.json(&line);
        self.told(told)
    }

    fn progress(&mut self, summary: &Summary) -> Result<(), Error> {
        self.progress.set(summary.accepted + summary.duplicates + summary.rejected);
        if !self.acks {
            return Ok(());
        }
        let told = self.out.flush();
        self.told(told)
    }
}

fn mapping_of(args: &Args) -> Answer<Mapping> {
    let mut mapping = Mapping::new();
    for pairs in &args.map {
        mapping = mapping.map(pairs)?;
    }
    for pairs in &args.defaults {
        mapping = mapping.default_value(pairs)?;
    }
    Ok(mapping)
}

/// Opens the file; `None` for standard input.
fn open(args: &Args) -> Answer<Option<(File, &Path)>> {
    let Some(path) = args.file.as_deref().filter(|path| *path != Path::new("-")) else {
        return match args.resume {
            true => Err(Failure::usage("--resume needs a FILE: standard input is read only once")),
            false => Ok(None),
        };
    };
    let file = File::open(path);
    let file =
        file.map_err(|error| Failure::io(&error, format_args!("open {}", path.display())))?;
    Ok(Some((file, path)))
}

/// The name under which positions are kept: the same from every directory. Pipes have none.
fn name_of(file: &File, path: &Path) -> Answer<Option<String>> {
    let failed =
        |error: std::io::Error| Failure::io(&error, format_args!("look at {}", path.display()));
    if !file.metadata().map_err(failed)?.is_file() {
        return Ok(None);
    }
    let path = path.canonicalize().map_err(failed)?;
    Ok(Some(path.to_string_lossy().into_owned()))
}

pub(crate) fn run(args: Args, context: &mut Context) -> Answer {
    let start = Instant::now();
    let mapping = mapping_of(&args)?;
    let input = open(&args)?;
    let interrupt = Interrupt::install()?;
    // Records tell of their own surroundings; those of this process are not theirs.
    let log = context.admitting(&args.admission, Some(Environment::none()))?;
    let redactor = log.redactor().clone();
    let open = |path: &Path| Quarantine::open(path, redactor.clone());
    let quarantine = args.quarantine.as_deref().map(open).transpose()?;
    let mut ingest = Ingest::new(&mapping).keep_rejects(quarantine.is_some()).resume(args.resume);
    let progress = Progress::new(&context.global, "ingesting", None, Unit::Entries);
    let mut teller =
        Teller { out: &mut context.out, acks: args.ack, quarantine, progress, failure: None };
    let stop = AtomicBool::new(false);
    let ingested = match input {
        None => ingest.run(&log, Pipe::new(&stop, &interrupt), &stop, &mut teller),
        Some((file, path)) => {
            match name_of(&file, path)? {
                Some(name) => ingest = ingest.file(name),
                None if args.resume => return Err(Failure::usage("--resume needs a regular file")),
                None => {}
            }
            let reader = Stoppable { file, stop: &stop, interrupt: &interrupt };
            ingest.run(&log, reader, &stop, &mut teller)
        }
    };
    teller.progress.finish();
    let failure = teller.failure.take();
    drop(teller);
    log.close()?;
    if let Some(failure) = failure {
        return Err(failure);
    }
    summarise(&args, &ingested, start.elapsed(), &mut context.out)?;
    finish(ingested, &args)
}

fn summarise(args: &Args, ingested: &Ingested, elapsed: Duration, out: &mut Output) -> Answer<()> {
    let summary = &ingested.summary;
    let through = summary.durable_through.map(witnessmark::EntryIndex::get);
    let resumed = ingested.resumed.as_ref().map(|position| position.line);
    if args.ack || out.is_json() {
        out.json(&SummaryLine {
            r#type: "summary",
            schema: "wmark.ingest/1",
            accepted: summary.accepted,
            rejected: summary.rejected,
            duplicates: summary.duplicates,
            redacted: summary.redacted,
            durable_through: through,
            resumed_after_line: resumed,
            bytes: summary.bytes,
            complete: matches!(ingested.end, End::Complete),
            elapsed_ms: u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
        })?;
        out.flush()?;
    }
    if out.is_json() {
        return Ok(());
    }
    if let Some(line) = resumed {
        out.say(format_args!("went on behind line {line}"));
    } else if args.resume {
        out.say("the log has no position of this file: began with line 1");
    }
    let mut text = format!("{} accepted", summary.accepted);
    if summary.duplicates > 0 {
        text += &format!(", {} in the log already", summary.duplicates);
    }
    if summary.redacted > 0 {
        text += &format!(", {} redacted", summary.redacted);
    }
    if summary.rejected > 0 {
        text += &format!(", {} rejected", summary.rejected);
        if let Some(path) = &args.quarantine {
            text += &format!(" → {}", path.display());
        }
    }
    if let Some(through) = through {
        text += &format!("; durable through index {through}");
    }
    let records = summary.accepted + summary.duplicates + summary.rejected;
    let milliseconds = elapsed.as_millis().max(1);
    text += &format!(" ({milliseconds} ms, {}/s)", u128::from(records) * 1000 / milliseconds);
    out.say(Clean::text(&text));
    Ok(())
}

/// The exit code, and why it is not 0.
fn finish(ingested: Ingested, args: &Args) -> Answer {
    let through = match ingested.summary.durable_through {
        Some(index) => format!("entries through index {index} are durable"),
        None => "no entry was appended".to_owned(),
    };
    match ingested.end {
        End::Complete => Ok(DONE),
        End::Interrupted => Err(Failure::interrupted(format!("interrupted; {through}"))),
        End::Rejected(reject) => {
            let message = format!("{reject}; {through}");
            let hint = "--quarantine FILE keeps such records aside and goes on";
            Err(Failure::new(NEGATIVE.0, reject.kind.as_str(), message).hint(hint))
        }
        End::Failed(error) if args.resume && error.kind() == ErrorKind::Invalid => {
            let failure = Failure::new(NEGATIVE.0, error.kind().as_str(), error.to_string());
            Err(failure.hint(error.advice().unwrap_or_default()))
        }
        End::Failed(error) if error.kind() == ErrorKind::Io => {
            Err(Failure::new(UNDECIDED, "io", format!("{error}; {through}")))
        }
        End::Failed(error) => Err(error.into()),
        _ => Err(Failure::new(UNDECIDED, "unknown", through)),
    }
}

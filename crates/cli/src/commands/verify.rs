//! `wmark verify`: the offline scan of a log directory, printed.
//!
//! The audit is the library's; this chooses the exit code it asks for and the words. Takes no lock,
//! writes nothing, and works on a copy.

use crate::anchor::{self, Anchor};
use crate::atomic::{self, AtomicFile};
use crate::context::{Context, no_log};
use crate::errors::{Answer, DONE, Exit};
use crate::escape::Clean;
use crate::keys;
use crate::memory;
use crate::output::{BAD, DIM, GOOD, HEAD, Output, WARN, paint};
use crate::places;
use crate::progress::{Progress, Unit};
use crate::sandbox;
use crate::sizes::parse_memory;
use crate::table::{bytes, grouped};
use crate::time;
use serde::Serialize;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use witnessmark::{Cause, Finding, Report, Verdict, VerifyOptions};

/// Audit a log, or a copy of one: every byte, from the bytes alone
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Verdicts and exit codes: intact 0; tampered 1 (bit rot included, the cause says which); with
declared gaps 4; unverifiable 4, or 3 when a file could not be judged at all.

Examples:
  wmark verify
  wmark verify ./copy --against c0ff..ee00@184221
  wmark verify ./copy --against anchor.json --json | jq '.findings[]'
  wmark verify ./audit --key acme.pub
  wmark verify ./copy --against latest.note --key acme.pub
  wmark verify ./from-a-stranger --sandbox --memory 256MiB
  wmark verify -q && echo good")]
pub(crate) struct Args {
    /// Directory to audit; --log when not given
    dir: Option<PathBuf>,
    /// What the log was seen to be: ROOT@SIZE, or a file with that, JSON of `wmark root`, or a note
    /// of `wmark checkpoint` (which needs --key)
    #[arg(long, value_name = "ROOT@SIZE|FILE")]
    against: Option<String>,
    /// The log's verifier key, or a file with it; again for another one during a change of keys
    #[arg(long = "key", value_name = "KEY|FILE")]
    keys: Vec<String>,
    /// Neither compare with nor remember what this machine saw of the log
    #[arg(long)]
    no_memory: bool,
    /// Threads; 0 for one per core
    #[arg(long, value_name = "N", default_value_t = 0)]
    threads: usize,
    /// Most memory to take, such as 256MiB, 96MiB at least; what does not fit is checked in further
    /// passes, or named and the log not called intact
    #[arg(long, value_name = "SIZE", value_parser = parse_memory)]
    memory: Option<usize>,
    /// Give up every right but to read the log first, and to write the report and what is
    /// remembered (Landlock); ends with 3 where the kernel cannot
    #[arg(long)]
    sandbox: bool,
    /// End with 0 instead of 4 when what is there is right but not all is there
    #[arg(long)]
    allow_partial: bool,
    /// Write the JSON document to this file too
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Replace the file when it exists
    #[arg(long, requires = "report")]
    force: bool,
}

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    verdict: &'static str,
    exit_code: u8,
    origin: Option<&'a str>,
    entries: u64,
    size: u64,
    root: Option<String>,
    against: Option<String>,
    seen: Option<String>,
    checkpoints: u64,
    checkpoint: Option<Signed>,
    segments: u64,
    bytes: u64,
    erased: u64,
    unvouched: u64,
    is_live: bool,
    elapsed_ms: u64,
    findings: Vec<Found<'a>>,
    findings_left_out: u64,
    notes: &'a [String],
    not_covered: &'a [String],
}

/// The newest checkpoint that one of the keys signed and the log keeps.
#[derive(Serialize)]
struct Signed {
    size: u64,
    root: String,
}

#[derive(Serialize)]
struct Found<'a> {
    cause: &'static str,
    file: Option<&'a str>,
    offset: Option<u64>,
    index: Option<u64>,
    wanted: Option<&'a str>,
    found: Option<&'a str>,
    message: &'a str,
}

impl<'a> From<&'a Finding> for Found<'a> {
    fn from(finding: &'a Finding) -> Self {
        Self {
            cause: finding.cause.as_str(),
            file: Some(finding.file.as_str()).filter(|file| !file.is_empty()),
            offset: finding.offset,
            index: finding.index.map(|index| index.get()),
            wanted: finding.wanted.as_deref(),
            found: finding.found.as_deref(),
            message: &finding.message,
        }
    }
}

/// A directory with neither identity nor segments is no log; with either, its state is a verdict.
fn check_is_log(dir: &Path) -> Answer<()> {
    let is_ours = |name: &str| name == witnessmark::format::IDENTITY_NAME || name.ends_with(".seg");
    let failed = |error| no_log(witnessmark::Error::io(error, "list", ""), dir);
    for file in std::fs::read_dir(dir).map_err(failed)? {
        if file.map_err(failed)?.file_name().to_str().is_some_and(is_ours) {
            return Ok(());
        }
    }
    let nothing = witnessmark::Error::new(witnessmark::ErrorKind::NotFound, "no log");
    Err(no_log(nothing, dir))
}

/// Gives up every right that what follows has no need of.
fn enter_sandbox(args: &Args, dir: &Path, remembers: bool) -> Answer<()> {
    let memories = places::memories().filter(|_| remembers);
    if let Some(place) = &memories {
        places::create(place)?;
    }
    let report = args.report.as_deref().map(atomic::parent);
    let written: Vec<&Path> = memories.as_deref().into_iter().chain(report).collect();
    sandbox::enter(&[dir], &written)
}

pub(crate) fn run(args: Args, context: &mut Context) -> Answer {
    let dir = args.dir.clone().unwrap_or_else(|| context.global.log.clone());
    let keys = keys::all_verifier(&args.keys)?;
    let against = args.against.as_deref().map(|text| anchor::of_text_or_file(text, &keys));
    let against = against.transpose()?;
    check_is_log(&dir)?;
    let known = match keys.first().filter(|_| !args.no_memory) {
        Some(key) => memory::load(key)?,
        None => None,
    };
    let seen = known.as_ref().map(|known| known.checkpoint()).transpose()?;
    let seen = seen.as_ref().map(memory::head);
    if args.sandbox {
        // From here on the log's bytes are read, and nothing but them.
        enter_sandbox(&args, &dir, !keys.is_empty() && !args.no_memory)?;
    }
    let bar = Progress::new(&context.global, "verify", Some(0), Unit::Bytes);
    let bar = Arc::new(Mutex::new(bar));
    let shown = Arc::clone(&bar);
    let mut options = VerifyOptions::new().threads(args.threads).progress(move |done, total| {
        // Whoever finds the bar taken leaves it to the other one.
        if let Ok(mut bar) = shown.try_lock() {
            bar.set_of(done, total);
        }
    });
    options.memory = args.memory.unwrap_or(0);
    if let Some((root, size)) = against {
        options = options.against(size.into(), root);
    }
    if let Some((root, size)) = seen {
        options = options.seen(size.into(), root);
    }
    options.keys.clone_from(&keys);
    let began = Instant::now();
    let report = witnessmark::verify(&dir, &options).map_err(|error| no_log(error, &dir))?;
    let elapsed = began.elapsed();
    if let Ok(bar) = bar.lock() {
        bar.finish();
    }
    let exit = match report.exit_code() {
        4 if args.allow_partial => DONE,
        code => Exit(code),
    };
    let anchors = Anchors { against, seen };
    let document = document(&report, anchors, exit, elapsed);
    if let Some(path) = &args.report {
        let mut file = AtomicFile::create(path, args.force)?;
        serde_json::to_writer_pretty(&mut file, &document).map_err(std::io::Error::from)?;
        writeln!(file)?;
        file.finish()?;
    }
    let out = &mut context.out;
    if out.is_json() {
        out.json(&document)?;
    } else if !out.is_quiet() {
        show(&report, anchors, elapsed, out)?;
        if let Some(known) = known.filter(|_| report.is_intact()) {
            out.say(format_args!("what this machine saw on {} still holds", known.seen_at));
        }
    }
    if let (Some(key), Some(signed)) = (keys.first(), &report.checkpoint)
        && !args.no_memory
        && !report.findings.iter().any(|finding| finding.cause.is_proof())
        && !memory::remember(key, signed, &time::now().to_string())?
    {
        context.out.warn("there is no home directory: nothing is remembered for the next time");
    }
    Ok(exit)
}

/// What the log is held against: what the caller says, and what this machine saw.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Anchors {
    pub(crate) against: Option<Anchor>,
    pub(crate) seen: Option<Anchor>,
}

fn shown((root, size): Anchor) -> String {
    format!("{root}@{size}")
}

fn document(
    report: &Report,
    Anchors { against, seen }: Anchors,
    exit: Exit,
    elapsed: Duration,
) -> Document<'_> {
    Document {
        schema: "wmark.verify/1",
        verdict: report.verdict.as_str(),
        exit_code: exit.0,
        origin: report.identity.as_ref().map(|identity| identity.origin.as_str()),
        entries: report.entries,
        size: report.size.get(),
        root: report.root.map(|root| root.to_hex()),
        against: against.map(shown),
        seen: seen.map(shown),
        checkpoints: report.checkpoints,
        checkpoint: report.checkpoint.as_ref().map(|signed| Signed {
            size: signed.checkpoint().size().get(),
            root: signed.checkpoint().root().to_hex(),
        }),
        segments: report.segments,
        bytes: report.bytes,
        erased: report.erased,
        unvouched: report.unvouched,
        is_live: report.is_live,
        elapsed_ms: u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
        findings: report.findings.iter().map(Found::from).collect(),
        findings_left_out: report.findings_left_out,
        notes: &report.notes,
        not_covered: &report.not_covered,
    }
}

/// Prints a report for people. Texts of the report may quote the log, so they are escaped.
pub(crate) fn show(
    report: &Report,
    Anchors { against, seen }: Anchors,
    elapsed: Duration,
    out: &mut Output,
) -> Answer<()> {
    let row = |out: &mut Output, name: &str, value: &str| {
        let name = paint(HEAD, format_args!("{name:<12}"));
        out.line(format_args!("{name} {}", Clean::text(value)))
    };
    if let Some(identity) = &report.identity {
        row(out, "log", &identity.origin)?;
    }
    let (entries, size) = (grouped(report.entries), grouped(report.size.get()));
    row(out, "entries", &format!("{entries} of {size} hashed, chained and in the tree"))?;
    match report.root {
        Some(root) => row(out, "root", &format!("{root}@{}", report.size))?,
        None => row(out, "root", "cannot be computed from what is there")?,
    }
    let (segments, read) = (grouped(report.segments), bytes(report.bytes));
    let seconds = elapsed.as_secs_f64();
    row(out, "read", &format!("{segments} segments, {read} in {seconds:.2} s"))?;
    if let Some((_, size)) = against.filter(|_| report.is_intact()) {
        row(out, "anchor", &format!("the log still begins with the {} entries", grouped(size)))?;
    }
    if let Some((_, size)) = seen.filter(|_| report.is_intact()) {
        let size = grouped(size);
        row(out, "history", &format!("continues what this machine saw, {size} entries"))?;
    }
    if let Some(signed) = report.checkpoint.as_ref().map(|signed| signed.checkpoint().size()) {
        let (count, size) = (grouped(report.checkpoints), grouped(signed.get()));
        row(out, "checkpoint", &format!("size {size}, signed and kept; {count} recorded"))?;
    }
    for note in &report.notes {
        row(out, "note", note)?;
    }
    for what in &report.not_covered {
        row(out, "not covered", what)?;
    }
    for finding in &report.findings {
        show_finding(finding, out)?;
    }
    if report.findings_left_out > 0 {
        row(out, "", &format!("and {} more findings", grouped(report.findings_left_out)))?;
    }
    let (style, words) = match report.verdict {
        Verdict::Intact => (GOOD, "OK: intact"),
        Verdict::IntactWithDeclaredGaps => (WARN, "OK, with gaps that the log declares"),
        Verdict::Unverifiable => {
            (WARN, "UNVERIFIABLE: what could be read agrees, but not all could")
        }
        Verdict::Tampered => (BAD, "TAMPERED"),
        _ => (WARN, report.verdict.as_str()),
    };
    out.line(paint(style, words))?;
    if let Some(hint) = report.findings.first().and_then(|finding| hint(finding.cause)) {
        out.say(format_args!("{} {hint}", paint(HEAD, "hint:")));
    }
    Ok(())
}

fn show_finding(finding: &Finding, out: &mut Output) -> Answer<()> {
    let style = if finding.cause.is_proof() { BAD } else { WARN };
    let mut place = Vec::new();
    place.extend(finding.index.map(|index| format!("entry {}", grouped(index.get()))));
    place.extend(Some(finding.file.clone()).filter(|file| !file.is_empty()));
    place.extend(finding.offset.map(|offset| format!("byte {}", grouped(offset))));
    let place = place.join(", ");
    let cause = finding.cause.as_str();
    let mark = paint(style, format_args!("{:<12}", "FAIL"));
    let cause = paint(style, cause);
    out.line(format_args!("{mark} {cause}  {}", Clean::text(&place)))?;
    let meaning = meaning(finding.cause).map_or(String::new(), |words| format!(": {words}"));
    out.line(format_args!("{:<12} {}{meaning}", "", Clean::text(&finding.message)))?;
    for (name, value) in [("wanted", &finding.wanted), ("found", &finding.found)] {
        if let Some(value) = value {
            let name = paint(DIM, format_args!("{name:<6}"));
            out.line(format_args!("{:<12} {name} {}", "", Clean::text(value)))?;
        }
    }
    Ok(())
}

/// What a cause says about how it came about.
fn meaning(cause: Cause) -> Option<&'static str> {
    Some(match cause {
        Cause::Edited => "the checksum is right, so this did not rot, somebody changed it",
        Cause::BitRot => "the checksum is wrong too, as after an accident",
        Cause::TornTail => "nothing vouches for these bytes, as after a crash",
        _ => return None,
    })
}

fn hint(cause: Cause) -> Option<&'static str> {
    Some(match cause {
        Cause::TornTail => {
            "opening the log for writing, or `wmark repair`, sets the torn bytes aside"
        }
        Cause::BitRot
        | Cause::Edited
        | Cause::MissingSegment
        | Cause::BadSegment
        | Cause::BadSeal => "keep this directory as evidence, and restore the file from a backup",
        Cause::IndexMismatch => "`wmark repair` makes side files again from their segments",
        Cause::Truncated | Cause::Forked => {
            "somebody gave you another history than the one that was seen: ask for that one"
        }
        Cause::Unsigned => "sign with `wmark checkpoint`, or ask whose key signs this log",
        Cause::MemoryLimit => "allow more with --memory, or set no bound",
        Cause::BadSignature => "somebody wrote a checkpoint in the name of a key they do not have",
        _ => return None,
    })
}

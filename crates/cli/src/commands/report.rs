//! `wmark report`: what the log shows about a period, for auditors.
//!
//! The report is the library's, judging is [`crate::governance`]'s; this reads the files it is made
//! from, in the order that binds figures and verdict to one tree: first a view, then an audit against
//! that view's head, then what is judged by both.

use crate::atomic::AtomicFile;
use crate::context::{Context, no_log};
use crate::errors::{Answer, Exit, Failure};
use crate::escape::Clean;
use crate::governance::{self, Evidence};
use crate::output::{BAD, GOOD, WARN, paint};
use crate::progress::{Progress, Unit};
use crate::table::{bytes, grouped};
use crate::time::{self, Bound};
use crate::{files, keys};
use clap::ValueEnum;
use serde::Serialize;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use witnessmark::integrity::{CheckOptions, Manifest, check};
use witnessmark::report::{ComplianceReport, Request, SupplyChain, VerifiedCheckpoint};
use witnessmark::{EventTime, Report, SignedCheckpoint, VerifierKey, VerifyOptions, View};

/// Report what the log shows about a period: figures, integrity, controls, clauses
#[derive(clap::Args, Debug)]
#[command(after_help = "\
The whole log is audited for it. Ends with the code of that audit: 0 intact, 1 tampered, 3 or 4 when
part of it could not be judged; the report is written in every case.

Examples:
  wmark report --days 30 > report.json
  wmark report --format html -o report.html
  wmark report --deployment deployment.toml --key acme.pub --format html -o report.html
  wmark report --since 2026-10-01 --until 2026-10-31 --format md
  wmark report --json | jq .audit_trail.events_by_outcome")]
pub(crate) struct Args {
    /// The form
    #[arg(long, value_name = "FORM", default_value = "json")]
    format: Format,
    /// The period: so many days that end now
    #[arg(long, value_name = "N", default_value_t = 30, conflicts_with_all = ["since", "until"])]
    days: u32,
    /// The period's beginning: 15m, 24h, 7d, a date, RFC 3339; 30 days before its end by default
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// The period's end; a date means its last instant; now by default
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// How many denials and how many violations to cite, at most 1000; all are counted
    #[arg(long, value_name = "N", default_value_t = 50)]
    list: usize,
    /// How many agents to name
    #[arg(long, value_name = "N", default_value_t = 10)]
    top: usize,
    #[command(flatten)]
    evidence: Evidence,
    /// Whose signatures count, a verifier key or a file with it: of the checkpoint given, else of the
    /// newest one that the log keeps, and of the manifest; again for another key
    #[arg(long = "key", value_name = "KEY|FILE")]
    keys: Vec<String>,
    /// The manifest of the deployed software; the one that the deployment declares when not given
    #[arg(long, value_name = "FILE")]
    manifest: Option<PathBuf>,
    /// Where a root of the manifest lies, if not beside it
    #[arg(long = "root", value_name = "NAME=DIR", value_parser = root, requires = "manifest")]
    roots: Vec<(String, PathBuf)>,
    /// Write to this file instead of standard output
    #[arg(short, long = "output", value_name = "FILE")]
    output: Option<PathBuf>,
    /// Replace the file when it exists
    #[arg(long, requires = "output")]
    force: bool,
}

/// What a report is written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// One document with the tutorial's keys and more
    Json,
    /// Markdown
    Md,
    /// One self-contained page
    Html,
}

#[derive(Serialize)]
struct Document {
    schema: &'static str,
    path: String,
    format: &'static str,
    bytes: u64,
    exit_code: u8,
}

fn root(text: &str) -> Result<(String, PathBuf), String> {
    match text.split_once('=') {
        Some((name, dir)) if !name.is_empty() && !dir.is_empty() => {
            Ok((name.to_owned(), dir.into()))
        }
        _ => Err("wanted NAME=DIR".to_owned()),
    }
}

pub(crate) fn run(args: Args, context: &mut Context) -> Answer {
    let (since, until, now) = period(&args)?;
    let keys = keys::all_verifier(&args.keys)?;
    let file = args.output.as_deref().map(|path| AtomicFile::create(path, args.force));
    let file = file.transpose()?;
    let view = context.view()?;
    let audit = audit(&view, &keys, context)?;
    let mut request = Request::new(&view, &audit, now).period(since, until);
    request = request.listed(args.list).agents(args.top);
    if let Some(checkpoint) = checkpoint(&args, &keys, &view, &audit)? {
        request = request.checkpoint(checkpoint);
    }
    let given = args.manifest.as_deref().map(|path| software(path, &args, &keys)).transpose()?;
    let span = (Some(since), Some(until));
    match governance::judge_view(&args.evidence, span, &view, &audit, context) {
        Ok((attestation, declared)) => {
            request = request.coverage((&attestation).into());
            let declared = declared.as_ref().map(SupplyChain::from);
            request = request.supply_chain(given.or(declared).unwrap_or_default());
        }
        // Damaged entries cannot be judged; that they are damaged is what the report then says.
        Err(failure) if !audit.is_intact() => {
            request = request.supply_chain(given.unwrap_or_default());
            request = request.unreadable(format!("the controls could not be judged: {failure}"));
        }
        Err(failure) => return Err(failure),
    }
    write(&args, &request.gather()?, file, Exit(audit.exit_code()), context)
}

/// Writes it in the form that is wanted, to the file or to stdout.
fn write(
    args: &Args,
    report: &ComplianceReport,
    file: Option<AtomicFile>,
    exit: Exit,
    context: &mut Context,
) -> Answer {
    let is_line = context.global.json && args.output.is_none();
    let text = match args.format {
        Format::Json if is_line => serde_json::to_string(report).map_err(std::io::Error::from)?,
        Format::Json => serde_json::to_string_pretty(report).map_err(std::io::Error::from)?,
        Format::Md => report.to_markdown(),
        Format::Html => report.to_html()?,
    };
    match (file, &args.output) {
        (Some(mut file), Some(path)) => {
            writeln!(file, "{}", text.trim_end())?;
            file.finish()?;
            say(path, report, args.format, text.len() as u64, exit, context)?;
        }
        _ if args.format == Format::Json => context.out.json_text(&text)?,
        _ => {
            let text = format!("{}\n", text.trim_end());
            context.out.bytes(text.as_bytes())?;
        }
    }
    Ok(exit)
}

/// The checkpoint that was given, or the newest one that the log keeps, held against the log.
fn checkpoint(
    args: &Args,
    keys: &[VerifierKey],
    view: &View,
    audit: &Report,
) -> Answer<Option<VerifiedCheckpoint>> {
    if keys.is_empty() {
        return Ok(None);
    }
    let given = args.evidence.checkpoint_file().map(|path| {
        let text = files::text(path)?;
        Ok::<_, Failure>(SignedCheckpoint::parse(text.as_bytes())?)
    });
    let signed = given.transpose()?.or_else(|| audit.checkpoint.clone());
    let origin = audit.identity.as_ref().map(|identity| identity.origin.as_str());
    let hold = |signed| VerifiedCheckpoint::held_against(signed, keys, view, origin);
    Ok(signed.as_ref().map(hold))
}

/// The deployed software against the manifest that was given.
fn software(path: &Path, args: &Args, keys: &[VerifierKey]) -> Answer<SupplyChain> {
    let shown = path.display().to_string();
    let manifest = Manifest::load(path).map_err(|error| error.at_file(shown.as_str()))?;
    let mut options = CheckOptions::new(time::now().to_string()).manifest(path);
    for (name, dir) in &args.roots {
        options = options.root(name, dir);
    }
    let signers = (!keys.is_empty()).then(|| manifest.verify(keys));
    if let Some(Ok(signers)) = &signers {
        options = options.signer(signers.join(", "));
    }
    let mut found = SupplyChain::from(&check(&manifest, &options)?);
    if let Some(Err(error)) = signers {
        found.passed = Some(false);
        found.manifest_signed = Some(false);
        found.problems.insert(0, format!("the manifest's signature: {error}"));
    }
    Ok(found)
}

/// First and last instant of the period, and now.
fn period(args: &Args) -> Answer<(EventTime, EventTime, EventTime)> {
    // Whatever was logged in this millisecond is in the period.
    let nanos = time::now().0;
    let now = EventTime::from(witnessmark::UnixNanos(nanos.div_ceil(1_000_000) * 1_000_000));
    let until = args.until.as_deref().map(|text| time::parse(text, Bound::Until)).transpose()?;
    let until = until.unwrap_or(now);
    let since = args.since.as_deref().map(|text| time::parse(text, Bound::Since)).transpose()?;
    let before = until.seconds.saturating_sub(i64::from(args.days) * 86_400);
    let since = since.unwrap_or(EventTime::utc(before, until.nanos));
    if until < since {
        return Err(Failure::usage("the period ends before it begins")
            .hint("--since comes before --until; without --until the period ends now"));
    }
    Ok((since, until, now))
}

/// Audits the whole log against the view the figures come from.
fn audit(view: &View, keys: &[VerifierKey], context: &Context) -> Answer<Report> {
    let dir = context.global.log.clone();
    let bar = Progress::new(&context.global, "audit", Some(0), Unit::Bytes);
    let bar = Arc::new(Mutex::new(bar));
    let shown = Arc::clone(&bar);
    let head = view.head();
    let mut options = VerifyOptions::new().against(head.size, head.root);
    options.keys = keys.to_vec();
    let options = options.progress(move |done, total| {
        if let Ok(mut bar) = shown.try_lock() {
            bar.set_of(done, total);
        }
    });
    let report = witnessmark::verify(&dir, &options).map_err(|error| no_log(error, &dir))?;
    if let Ok(bar) = bar.lock() {
        bar.finish();
    }
    Ok(report)
}

fn say(
    path: &Path,
    report: &ComplianceReport,
    format: Format,
    len: u64,
    exit: Exit,
    context: &mut Context,
) -> Answer<()> {
    let out = &mut context.out;
    let shown = path.display().to_string();
    let format = match format {
        Format::Json => "json",
        Format::Md => "md",
        Format::Html => "html",
    };
    if out.is_json() {
        let schema = "wmark.report-file/1";
        return out.json(&Document { schema, path: shown, format, bytes: len, exit_code: exit.0 });
    }
    let trail = &report.audit_trail;
    let style = match (trail.chain_integrity_valid, trail.verdict) {
        (true, _) => GOOD,
        (false, "tampered") => BAD,
        (false, _) => WARN,
    };
    let entries = trail.total_entries.map_or("uncounted".to_owned(), grouped);
    out.say(format_args!(
        "wrote {}, {}: {entries} entries, {} denials, {} violations; the log is {}",
        Clean::text(&shown),
        bytes(len),
        grouped(trail.denials.total),
        grouped(trail.violations.total),
        paint(style, trail.verdict.replace('_', " "))
    ));
    Ok(())
}

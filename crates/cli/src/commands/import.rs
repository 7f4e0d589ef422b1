//! `wmark import`: files of the reference implementation, judged first and imported then.
//!
//! ```text
//! FILE.. --judge--> HMAC, hashes, chain, root    a negative verdict: code 1, nothing is imported
//!    \-----Foreign--> ingest --> log             the same files again, with their original hashes
//!                                  \--> root over what the log holds = root of the reference?
//! ```
//!
//! `--dry-run` only judges. Invariant: nothing is appended before every file was judged, and the
//! original hashes are taken before redaction.

use crate::admission::Admission;
use crate::context::Context;
use crate::errors::{Answer, DONE, Exit, Failure, KEY, NEGATIVE, UNDECIDED};
use crate::escape::Clean;
use crate::input::Stoppable;
use crate::interrupt::Interrupt;
use crate::keys;
use crate::output::{BAD, GOOD, Output, WARN, paint};
use crate::table::grouped;
use clap::ValueEnum;
use serde::Serialize;
use std::fs::File;
use std::io::{BufReader, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use witnessmark::import::{
    End, Foreign, ForeignChain, ForeignKind, Ingest, Listener, Mapping, Reject, Rejected, Summary,
};
use witnessmark::interop::{FileAnchor, FileVerdict, Judged, RootBuilder, verify_file};
use witnessmark::sink::Secret;
use witnessmark::{AuditLog, Environment, Error, Field, Receipt};

/// Judge files of the reference implementation, and append what is in them
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  wmark import --dry-run --from agt-jsonl audit.jsonl --hmac-key-file hmac.key
  wmark import --from agt-jsonl audit.2026*.jsonl audit.jsonl --hmac-key-file hmac.key \\
      --quarantine bad.jsonl
  wmark import --from agt-export export.json --expect-root 5feb..7ee5
  wmark import --from cloudevents events.jsonl")]
pub(crate) struct Args {
    /// The files, in the order in which they were written
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// What they hold
    #[arg(long, value_name = "KIND")]
    from: Kind,
    /// The key of the reference's signatures: a file only its owner can read
    #[arg(long, value_name = "FILE")]
    hmac_key_file: Option<PathBuf>,
    /// Only judge; no log is needed
    #[arg(long)]
    dry_run: bool,
    /// What a dry run printed as the anchor of a single file, when it was known to be whole
    #[arg(long, value_name = "DIGEST@LINES")]
    against: Option<FileAnchor>,
    /// The Merkle root that the reference computed over all of it
    #[arg(long, value_name = "HEX")]
    expect_root: Option<String>,
    /// Import although the verdict is negative; it is printed all the same
    #[arg(long)]
    allow_invalid: bool,
    /// Append a line per rejected record to this file, mode 0600, and go on
    #[arg(long, value_name = "FILE")]
    quarantine: Option<PathBuf>,
    #[command(flatten)]
    admission: Admission,
}

/// What the files hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// Lines of the reference's FileAuditSink; needs --hmac-key-file
    AgtJsonl,
    /// A document of the reference's export()
    AgtExport,
    /// CloudEvents, the reference's or ours
    #[value(name = "cloudevents")]
    CloudEvents,
    /// Records as `ingest` takes them; nothing is judged
    Jsonl,
}

impl From<Kind> for ForeignKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::AgtJsonl => Self::AgtJsonl,
            Kind::AgtExport => Self::AgtExport,
            Kind::CloudEvents => Self::CloudEvents,
            Kind::Jsonl => Self::Jsonl,
        }
    }
}

#[derive(Serialize)]
struct FileReport {
    file: String,
    valid: bool,
    entries: u64,
    /// Whether it begins a chain anew, as a file does after rotation.
    begins_chain: Option<bool>,
    restarts: u64,
    anchor: Option<String>,
    errors: Vec<String>,
    /// What the reference does not look at.
    doubts: Vec<String>,
}

#[derive(Serialize)]
struct Document {
    schema: &'static str,
    dry_run: bool,
    valid: bool,
    files: Vec<FileReport>,
    reference_root: Option<String>,
    expected_root: Option<String>,
    hash_mismatches: u64,
    chain_breaks: u64,
    accepted: u64,
    duplicates: u64,
    rejected: u64,
    first_index: Option<u64>,
    last_index: Option<u64>,
    /// The reference's root over the hashes that the log holds now.
    log_root: Option<String>,
}

/// What judging all files found.
struct Judgement {
    files: Vec<FileReport>,
    chain: ForeignChain,
    problems: Vec<String>,
}

fn open(path: &Path) -> Answer<File> {
    let failed =
        |error: std::io::Error| Failure::io(&error, format_args!("open {}", path.display()));
    let file = File::open(path).map_err(failed)?;
    match file.metadata().map_err(failed)?.is_file() {
        true => Ok(file),
        false => {
            let message = format!("{} is no regular file", path.display());
            Err(Failure::usage(message).hint("files are read twice: judged first, imported then"))
        }
    }
}

fn wrong(error: Error, path: &Path) -> Failure {
    let message = format!("{}: {error}", path.display());
    Failure::new(NEGATIVE.0, error.kind().as_str(), message)
}

/// A signed file: its verdict, and whether it begins a chain.
fn judge_signed(path: &Path, key: &[u8], last: &str) -> Answer<(FileVerdict, Option<bool>)> {
    let (mut begins, mut intact, mut signed) = (None, 0u64, 0u64);
    let verdict = verify_file(BufReader::new(open(path)?), key, |_, judged| {
        if let Judged::Entry(entry, _) = judged {
            begins.get_or_insert_with(|| {
                entry.previous_hash.is_empty() || entry.previous_hash != last
            });
            let is_intact = entry.is_content_intact();
            intact += u64::from(is_intact);
            signed += u64::from(is_intact && entry.is_signature_valid(key));
        }
        Ok(())
    })?;
    if intact > 0 && signed == 0 {
        let message = format!("{}: no signature is of this key", path.display());
        return Err(Failure::new(KEY, "key", message)
            .hint("every content hash holds; another key signed the file"));
    }
    Ok((verdict, begins))
}

fn judge(args: &Args, key: &[u8]) -> Answer<Judgement> {
    let mut chain = ForeignChain::new();
    let (mut files, mut problems) = (Vec::new(), Vec::new());
    let mut last = String::new();
    for path in &args.files {
        let name = path.display().to_string();
        let mut report = FileReport {
            file: name.clone(),
            valid: true,
            entries: 0,
            begins_chain: None,
            restarts: 0,
            anchor: None,
            errors: Vec::new(),
            doubts: Vec::new(),
        };
        if args.from == Kind::AgtJsonl {
            let (verdict, begins) = judge_signed(path, key, &last)?;
            if let Some(anchor) = args.against.filter(|_| args.files.len() == 1) {
                let reasons = verdict.reasons(Some(&anchor));
                problems.extend(reasons.into_iter().take(1).filter(|_| verdict.anchor != anchor));
            }
            report.valid = verdict.valid;
            report.entries = verdict.entries;
            report.begins_chain = begins;
            report.restarts = verdict.restarts;
            report.anchor = Some(verdict.anchor.to_string());
            report.errors = verdict.errors;
            report.doubts = verdict.doubts;
            last = verdict.last_content_hash;
            if !report.valid {
                problems.push(format!("{name} is not what was signed"));
            }
        }
        let before = chain.len();
        let reader = BufReader::new(open(path)?);
        let foreign = Foreign::new(args.from.into(), reader, &mut chain);
        let mut foreign = foreign.map_err(|error| wrong(error, path))?;
        let read = std::io::copy(&mut foreign, &mut std::io::sink());
        read.map_err(|error| Failure::io(&error, format_args!("read {name}")))?;
        let claimed = foreign.claimed_root().map(str::to_owned);
        if args.from != Kind::AgtJsonl {
            report.entries = chain.len() - before;
        }
        if let (Some(claimed), 1) = (claimed, args.files.len())
            && chain.root().as_deref() != Some(&claimed)
        {
            report.doubts.push(format!(
                "merkle_root {claimed} is of more than these entries: the export is a part of its log"
            ));
        }
        files.push(report);
    }
    conclude(args, &chain, &mut problems);
    Ok(Judgement { files, chain, problems })
}

fn conclude(args: &Args, chain: &ForeignChain, problems: &mut Vec<String>) {
    if chain.mismatches > 0 {
        problems.push(format!("{} entries do not hash to their entry hash", chain.mismatches));
    }
    if chain.breaks > 0 {
        problems.push(format!("the chain of entry hashes breaks {} times", chain.breaks));
    }
    if let Some(expected) = &args.expect_root
        && chain.root().as_ref() != Some(expected)
    {
        let found = chain.root().unwrap_or_else(|| "none".to_owned());
        problems.push(format!("the root is another one (wanted {expected}, found {found})"));
    }
}

/// Listens while a file is imported: keeps what is rejected, and takes the original hashes out of
/// the log again.
struct Importer<'a> {
    log: &'a AuditLog,
    file: String,
    quarantine: Option<File>,
    root: RootBuilder,
    first: Option<u64>,
    last: Option<u64>,
    rejected: u64,
}

#[derive(Serialize)]
struct Kept<'a> {
    file: &'a str,
    line: u64,
    kind: &'static str,
    message: &'a str,
    /// Of the record as it was imported.
    sha256: String,
    /// The record, without secrets.
    text: String,
}

#[derive(serde::Deserialize)]
struct Source {
    entry_hash: Option<String>,
}

impl Listener for Importer<'_> {
    fn keep(&mut self, rejected: &[Rejected<'_>]) -> Result<(), Error> {
        let Some(file) = &mut self.quarantine else { return Ok(()) };
        let redactor = self.log.redactor();
        let mut lines = Vec::new();
        for one in rejected {
            let kept = Kept {
                file: &self.file,
                line: one.reject.line,
                kind: one.reject.kind.as_str(),
                message: &one.reject.message,
                sha256: witnessmark::hash::sha256(one.bytes).to_hex(),
                text: redactor.text(&String::from_utf8_lossy(one.bytes)).into_owned(),
            };
            lines.extend(serde_json::to_vec(&kept).unwrap_or_default());
            lines.push(b'\n');
        }
        let kept = file.write_all(&lines).and_then(|()| file.sync_data());
        kept.map_err(|error| Error::io(error, "keep a rejected record", "the quarantine"))
    }

    fn accepted(&mut self, _: u64, receipt: &Receipt) -> Result<(), Error> {
        let index = receipt.index();
        self.first = Some(self.first.map_or(index.get(), |first| first.min(index.get())));
        self.last = self.last.max(Some(index.get()));
        let entry = self.log.entry(index)?;
        let source = entry.text(Field::Source).and_then(|text| serde_json::from_str(text).ok());
        if let Some(Source { entry_hash: Some(hash) }) = source {
            self.root.push(hash);
        }
        Ok(())
    }

    fn rejected(&mut self, _: &Reject) -> Result<(), Error> {
        self.rejected += 1;
        Ok(())
    }

    fn progress(&mut self, _: &Summary) -> Result<(), Error> {
        Ok(())
    }
}

fn quarantine(path: Option<&Path>) -> Answer<Option<File>> {
    let Some(path) = path else { return Ok(None) };
    let file = File::options().create(true).append(true).mode(0o600).open(path);
    file.map(Some).map_err(|error| Failure::io(&error, format_args!("open {}", path.display())))
}

fn append(args: &Args, context: &mut Context, document: &mut Document) -> Answer<()> {
    let interrupt = Interrupt::install()?;
    // Records tell of their own surroundings; those of this process are not theirs.
    let log = context.admitting(&args.admission, Some(Environment::none()))?;
    let mapping = Mapping::new();
    let (mut chain, stop) = (ForeignChain::new(), AtomicBool::new(false));
    let mut importer = Importer {
        log: &log,
        file: String::new(),
        quarantine: quarantine(args.quarantine.as_deref())?,
        root: RootBuilder::new(),
        first: None,
        last: None,
        rejected: 0,
    };
    let mut ended = Ok(());
    for path in &args.files {
        importer.file = path.display().to_string();
        let ingest = Ingest::new(&mapping).keep_rejects(importer.quarantine.is_some());
        let file = Stoppable { file: open(path)?, stop: &stop, interrupt: &interrupt };
        let foreign = Foreign::new(args.from.into(), BufReader::new(file), &mut chain)?;
        let ingested = ingest.run(&log, foreign, &stop, &mut importer);
        document.accepted += ingested.summary.accepted;
        document.duplicates += ingested.summary.duplicates;
        ended = match ingested.end {
            End::Complete => continue,
            End::Interrupted => Err(interrupt.failure(log.head().size.get())),
            End::Rejected(reject) => {
                let message = format!("{}: {reject}", importer.file);
                let hint = "--quarantine FILE notes such records and goes on";
                Err(Failure::new(NEGATIVE.0, reject.kind.as_str(), message).hint(hint))
            }
            End::Failed(error) => Err(error.into()),
            _ => Err(Failure::new(UNDECIDED, "unknown", "the import did not come to its end")),
        };
        break;
    }
    document.rejected = importer.rejected;
    (document.first_index, document.last_index) = (importer.first, importer.last);
    document.log_root = importer.root.root();
    log.close()?;
    ended
}

pub(crate) fn run(args: Args, context: &mut Context) -> Answer {
    let key = match (&args.hmac_key_file, args.from) {
        (Some(path), Kind::AgtJsonl) => Some(Secret::from_file(path)?),
        (None, Kind::AgtJsonl) => return Err(keys::no_hmac("signatures cannot be checked")),
        (Some(_), _) => return Err(Failure::usage("--hmac-key-file is for --from agt-jsonl")),
        (None, _) => None,
    };
    let key: &[u8] = key.as_ref().map(Secret::bytes).unwrap_or_default();
    let Judgement { files, chain, problems } = judge(&args, key)?;
    let mut document = Document {
        schema: "wmark.import/1",
        dry_run: args.dry_run,
        valid: problems.is_empty(),
        files,
        reference_root: chain.root(),
        expected_root: args.expect_root.clone(),
        hash_mismatches: chain.mismatches,
        chain_breaks: chain.breaks,
        accepted: 0,
        duplicates: 0,
        rejected: 0,
        first_index: None,
        last_index: None,
        log_root: None,
    };
    let is_imported = !args.dry_run && (document.valid || args.allow_invalid);
    let appended = match is_imported {
        true => append(&args, context, &mut document),
        false => Ok(()),
    };
    tell(&document, &problems, is_imported, &mut context.out)?;
    appended?;
    Ok(exit(&document, is_imported))
}

/// A verdict is not mended by importing all the same, but the work was done then.
fn exit(document: &Document, is_imported: bool) -> Exit {
    if document.valid || is_imported { DONE } else { NEGATIVE }
}

fn tell(document: &Document, problems: &[String], imported: bool, out: &mut Output) -> Answer<()> {
    if out.is_json() {
        return out.json(document);
    }
    for file in &document.files {
        let verdict = if file.valid { paint(GOOD, "ok  ") } else { paint(BAD, "FAIL") };
        let name = Clean::text(&file.file);
        let chain = match file.begins_chain {
            Some(true) => ", begins a chain (rotation, or a file before it is missing)",
            Some(false) => ", goes on with the chain of the file before",
            None => "",
        };
        out.line(format_args!("{verdict} {name}: {} entries{chain}", grouped(file.entries)))?;
        for error in file.errors.iter().take(10) {
            out.line(format_args!("     {}", Clean::text(error)))?;
        }
        for doubt in &file.doubts {
            out.line(format_args!("     {} {}", paint(WARN, "doubt"), Clean::text(doubt)))?;
        }
        if let Some(anchor) = &file.anchor {
            out.line(format_args!("     anchor {anchor}"))?;
        }
    }
    if let Some(root) = &document.reference_root {
        out.line(format_args!("root of the reference {root}"))?;
    }
    for problem in problems {
        out.line(format_args!("{} {}", paint(BAD, "FAIL"), Clean::text(problem)))?;
    }
    if imported {
        let (accepted, rejected) = (grouped(document.accepted), document.rejected);
        let known = document.duplicates;
        out.line(format_args!("{accepted} imported, {known} known already, {rejected} rejected"))?;
        if let Some(root) = &document.reference_root {
            let is_same = document.log_root.as_ref() == Some(root);
            let same = if is_same { "the same" } else { "not the same: records are missing" };
            out.line(format_args!("root over the hashes that the log holds: {same}"))?;
        }
    } else if !document.dry_run {
        out.line("nothing was imported; --allow-invalid does it all the same")?;
    }
    Ok(())
}

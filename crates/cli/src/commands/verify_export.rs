//! `wmark verify-export`: checks an export without the log.
//!
//! ```text
//! FILE with proofs (json, jsonl)          --> library --> verdict
//! FILE + FILE.proof.jsonl (csv, events..) --> library --> verdict, and FILE = rendered again?
//! ```
//!
//! Invariant: what cannot be shown is said every time, also when everything holds.

use crate::anchor::parse_head;
use crate::atomic::proofs_beside;
use crate::context::Context;
use crate::errors::{Answer, DONE, Failure, NEGATIVE};
use crate::escape::Clean;
use crate::output::{BAD, GOOD, Output, paint};
use crate::table::grouped;
use serde::Serialize;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read};
use std::path::{Path, PathBuf};
use witnessmark::export::{Format, Renderer, SliceInfo, SliceVerdict, check_slice};
use witnessmark::interop::AgtEntry;
use witnessmark::{Error, ErrorKind, Hash, StoredEntry, TreeSize};

/// Check an export against a root, without the log
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  wmark verify-export november.json --against c0ff..ee00@184221
  wmark verify-export trail.csv --against c0ff..ee00@184221     (reads trail.csv.proof.jsonl too)")]
pub(crate) struct Args {
    /// An export with its proofs, or one that has FILE.proof.jsonl beside it
    file: PathBuf,
    /// The root you trust, and its size
    #[arg(long, value_name = "ROOT@SIZE", value_parser = parse_head)]
    against: Option<(Hash, u64)>,
}

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    valid: bool,
    format: Option<&'static str>,
    entries: u64,
    first: Option<u64>,
    last: Option<u64>,
    gaps: u64,
    left_out: u64,
    complete: bool,
    size: u64,
    root: String,
    anchored: bool,
    origin: &'a str,
    query: &'a str,
    findings: &'a [String],
    not_covered: Vec<String>,
}

fn open(path: &Path) -> Answer<BufReader<File>> {
    let file = File::open(path);
    let file =
        file.map_err(|error| Failure::io(&error, format_args!("open {}", path.display())))?;
    Ok(BufReader::with_capacity(1 << 20, file))
}

/// An export without room for proofs, as it is read along with the entries it must hold.
struct Along {
    file: BufReader<File>,
    renderer: Option<Renderer<'static>>,
    /// What the file still has to say before the next entry.
    pending: String,
}

fn differs(what: impl std::fmt::Display) -> Error {
    Error::new(
        ErrorKind::ProofInvalid,
        format!("the export is not what its proofs are for: {what}"),
    )
}

impl Along {
    fn expect(&mut self, text: &str) -> Result<(), Error> {
        let mut found = vec![0; text.len()];
        self.file.read_exact(&mut found).map_err(|_| differs("it ends early"))?;
        if found == text.as_bytes() {
            return Ok(());
        }
        Err(differs("other text"))
    }

    /// A line of the reference: its signature is not ours to check.
    fn expect_line(&mut self, text: &str) -> Result<(), Error> {
        let mut line = Vec::new();
        let limit = 2 * text.len() as u64 + 1024;
        let read = Read::by_ref(&mut self.file).take(limit).read_until(b'\n', &mut line);
        read.map_err(|error| Error::io(error, "read", "the export"))?;
        let unsigned = |line: &[u8]| {
            let entry = AgtEntry::parse_line(line)?;
            Ok::<_, Error>(AgtEntry { signature: String::new(), ..entry })
        };
        if unsigned(&line)? == unsigned(text.as_bytes())? {
            return Ok(());
        }
        Err(differs("another entry"))
    }

    fn entry(&mut self, format: Option<Format>, entry: &StoredEntry) -> Result<(), Error> {
        let format = format.ok_or_else(|| differs("no format"))?;
        if self.renderer.is_none() {
            let renderer = Renderer::new(nothing_said(format), false, b"");
            self.pending = renderer.head();
            self.renderer = Some(renderer);
        }
        let Some(renderer) = &mut self.renderer else { return Ok(()) };
        let text = std::mem::take(&mut self.pending) + &renderer.entry(entry, &[]);
        let told = match format {
            Format::Agt => self.expect_line(&text),
            _ => self.expect(&text),
        };
        told.map_err(|error| error.at_index(entry.index()))
    }

    fn end(mut self, format: Option<Format>) -> Result<(), Error> {
        let renderer = self.renderer.take();
        let renderer = match (renderer, format) {
            (Some(renderer), _) => renderer,
            (None, Some(format)) => {
                let renderer = Renderer::new(nothing_said(format), false, b"");
                let head = renderer.head();
                self.expect(&head)?;
                renderer
            }
            (None, None) => return Err(differs("no format")),
        };
        self.expect(&renderer.end(None, &[]))?;
        match self.file.fill_buf() {
            Ok([]) => Ok(()),
            _ => Err(differs("something stands behind its end")),
        }
    }
}

/// What these formats do not say about themselves.
fn nothing_said(format: Format) -> SliceInfo {
    SliceInfo {
        format,
        exported_at: String::new(),
        origin: String::new(),
        size: TreeSize::new(0),
        root: Hash::ZERO,
        query: String::new(),
    }
}

fn check(path: &Path, anchor: Option<(Hash, TreeSize)>) -> Answer<SliceVerdict> {
    let proofs = proofs_beside(path);
    if !proofs.exists() {
        return check_slice(open(path)?, anchor, |_, _| Ok(())).map_err(cannot_decide);
    }
    let mut along = Along { file: open(path)?, renderer: None, pending: String::new() };
    let mut difference = None;
    let verdict = check_slice(open(&proofs)?, anchor, |format, entry| {
        if difference.is_none() {
            difference = along.entry(format, entry).err();
        }
        Ok(())
    });
    let mut verdict = verdict.map_err(cannot_decide)?;
    if let Some(error) = difference.or_else(|| along.end(verdict.format).err()) {
        verdict.findings.push(error.to_string());
        verdict.valid = false;
    }
    Ok(verdict)
}

/// A file that is no verifiable export was not proved wrong.
fn cannot_decide(error: Error) -> Failure {
    match error.kind() {
        ErrorKind::Invalid | ErrorKind::TooLarge => {
            let failure =
                Failure::new(crate::errors::UNDECIDED, error.kind().as_str(), error.to_string());
            match error.advice() {
                Some(advice) => failure.hint(advice),
                None => failure,
            }
        }
        _ => error.into(),
    }
}

fn not_covered(verdict: &SliceVerdict, is_anchored: bool) -> Vec<String> {
    let mut notes = Vec::new();
    if !is_anchored {
        notes.push("no anchor: whoever made the export could have made up all of it".to_owned());
    }
    if verdict.left_out > 0 {
        let count = verdict.left_out;
        let note = format!("{count} entries are left out; that none of them matched is a claim");
        notes.push(note);
    }
    if verdict.format == Some(Format::Agt) {
        notes.push("signatures: `wmark import --dry-run` checks them with the key".to_owned());
    }
    notes.push("origin, query and time of the export are claims".to_owned());
    notes
}

pub(crate) fn run(args: Args, context: &mut Context) -> Answer {
    let anchor = args.against.map(|(root, size)| (root, TreeSize::new(size)));
    let verdict = check(&args.file, anchor)?;
    let notes = not_covered(&verdict, anchor.is_some());
    conclude(&verdict, notes, anchor.is_some(), &mut context.out)?;
    Ok(if verdict.valid { DONE } else { NEGATIVE })
}

fn conclude(
    verdict: &SliceVerdict,
    not_covered: Vec<String>,
    anchored: bool,
    out: &mut Output,
) -> Answer<()> {
    if out.is_json() {
        return out.json(&Document {
            schema: "wmark.verify-export/1",
            valid: verdict.valid,
            format: verdict.format.map(Format::as_str),
            entries: verdict.entries,
            first: verdict.span.map(|span| span.0),
            last: verdict.span.map(|span| span.1),
            gaps: verdict.gaps,
            left_out: verdict.left_out,
            complete: verdict.valid && verdict.left_out == 0,
            size: verdict.size.get(),
            root: verdict.root.to_hex(),
            anchored,
            origin: &verdict.origin,
            query: &verdict.query,
            findings: &verdict.findings,
            not_covered,
        });
    }
    for finding in verdict.findings.iter().take(20) {
        out.line(format_args!("{}  {}", paint(BAD, "INVALID"), Clean::text(finding)))?;
    }
    if let Some((first, last)) = verdict.span {
        let (entries, gaps) = (grouped(verdict.entries), verdict.gaps);
        let gaps = if gaps == 0 { "without gaps".to_owned() } else { format!("with {gaps} gaps") };
        out.line(format_args!("{entries} entries, {first} to {last}, {gaps}"))?;
    }
    out.line(format_args!("tree      {}@{}", verdict.root, verdict.size))?;
    for note in not_covered {
        out.line(format_args!("not shown {}", Clean::text(&note)))?;
    }
    if verdict.valid {
        out.line(paint(GOOD, "Verified OK"))?;
    }
    Ok(())
}

//! `wmark export`: every entry, or those that match, as text for other programs.
//!
//! ```text
//! view --filters--> entries --> Renderer --> stdout, or -o FILE
//!                      \------> Renderer --> FILE.proof.jsonl      --verifiable, where the format
//!                                                                  has no room for proofs
//! ```
//!
//! Complete: there is no limit, and what cannot be read is an error and not a gap.

use crate::atomic::{AtomicFile, proofs_beside};
use crate::context::Context;
use crate::errors::{Answer, DONE, Failure, INTERRUPTED};
use crate::escape::Clean;
use crate::filters::Filters;
use crate::interrupt::Interrupt;
use crate::keys;
use crate::output::Output;
use crate::progress::{Progress, Unit};
use crate::table::{bytes, grouped};
use clap::ValueEnum;
use serde::Serialize;
use std::io::Write as _;
use std::path::PathBuf;
use witnessmark::export::{Format, Renderer, Slice, SliceInfo, walk};
use witnessmark::sink::Secret;
use witnessmark::{Query, StoredEntry, View};

/// Write entries as text: all of them, or those that match
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  wmark export > all.jsonl
  wmark export --format json --since 2026-11-01 --until 2026-11-30 -o november.json
  wmark verify-export november.json --against \"$(cat anchor)\"
  wmark export --format csv --agent did:web:sales.example.com --verifiable -o sales.csv
  wmark export --format agt --hmac-key-file hmac.key -o audit_trail.jsonl
  wmark export | duckdb -c \"select outcome, count(*) from read_json('/dev/stdin') group by 1\"")]
pub(crate) struct Args {
    #[command(flatten)]
    filters: Filters,
    /// Only this index and later ones
    #[arg(long, value_name = "INDEX")]
    from: Option<u64>,
    /// Only indices below this one
    #[arg(long, value_name = "INDEX")]
    to: Option<u64>,
    /// The form
    #[arg(long, value_name = "FORM", default_value = "jsonl")]
    format: Form,
    /// Add what is needed to verify the export without the log; beside FILE where the form has no
    /// room for it. The form json has it always
    #[arg(long)]
    verifiable: bool,
    /// The key that signs lines of the form agt: a file only its owner can read
    #[arg(long, value_name = "FILE")]
    hmac_key_file: Option<PathBuf>,
    /// Write to this file instead of standard output
    #[arg(short, long = "output", value_name = "FILE")]
    output: Option<PathBuf>,
    /// Replace the file when it exists
    #[arg(long, requires = "output")]
    force: bool,
}

/// What the text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Form {
    /// One JSON object per line
    Jsonl,
    /// One JSON document, always verifiable
    Json,
    /// Comma-separated values
    Csv,
    /// One CloudEvent per line
    #[value(name = "cloudevents")]
    CloudEvents,
    /// A JSON array of CloudEvents
    #[value(name = "cloudevents-batch")]
    CloudEventsBatch,
    /// Lines of the reference implementation's file sink
    Agt,
}

impl From<Form> for Format {
    fn from(form: Form) -> Self {
        match form {
            Form::Jsonl => Self::Jsonl,
            Form::Json => Self::Json,
            Form::Csv => Self::Csv,
            Form::CloudEvents => Self::CloudEvents,
            Form::CloudEventsBatch => Self::CloudEventsBatch,
            Form::Agt => Self::Agt,
        }
    }
}

#[derive(Serialize)]
struct Document {
    schema: &'static str,
    path: Option<String>,
    proofs: Option<String>,
    format: &'static str,
    entries: u64,
    bytes: u64,
    size: u64,
    root: String,
}

/// Where text goes.
enum Target {
    Stdout,
    File(AtomicFile, Interrupt),
}

impl Target {
    fn put(&mut self, out: &mut Output, text: &str) -> Answer<()> {
        match self {
            // A terminal shows no control characters of agents; a pipe gets every byte.
            Self::Stdout => {
                match text.strip_suffix('\n').filter(|line| !line.contains(['\n', '\r'])) {
                    Some(line) => out.json_text(line),
                    None => out.bytes(text.as_bytes()),
                }
            }
            Self::File(_, interrupt) if interrupt.is_raised() => {
                let message = "interrupted; no file was written, the log is as it was";
                Err(Failure::new(INTERRUPTED, "interrupted", message))
            }
            Self::File(file, _) => Ok(file.write_all(text.as_bytes())?),
        }
    }

    fn finish(self) -> Answer<()> {
        match self {
            Self::Stdout => Ok(()),
            Self::File(file, _) => file.finish(),
        }
    }
}

/// One export in the making.
struct Export<'k, 'v> {
    renderer: Renderer<'k>,
    target: Target,
    proofs: Option<(Renderer<'k>, Target)>,
    slice: Slice<'v, View>,
    bytes: u64,
}

impl Export<'_, '_> {
    fn put(&mut self, out: &mut Output, text: &str) -> Answer<()> {
        self.bytes += text.len() as u64;
        self.target.put(out, text)
    }

    fn begin(&mut self, out: &mut Output) -> Answer<()> {
        if let Some((renderer, target)) = &mut self.proofs {
            target.put(out, &renderer.head())?;
        }
        let head = self.renderer.head();
        self.put(out, &head)
    }

    fn entry(&mut self, out: &mut Output, entry: &StoredEntry) -> Answer<()> {
        let is_proved = self.renderer.is_verifiable() || self.proofs.is_some();
        let before = if is_proved { self.slice.before(entry.index())? } else { Vec::new() };
        if let Some((renderer, target)) = &mut self.proofs {
            target.put(out, &renderer.entry(entry, &before))?;
        }
        let text = self.renderer.entry(entry, &before);
        self.put(out, &text)
    }

    fn end(mut self, out: &mut Output) -> Answer<u64> {
        let (span, after) = (self.slice.span(), self.slice.after()?);
        let end = self.renderer.end(span, &after);
        self.put(out, &end)?;
        if let Some((renderer, mut target)) = self.proofs {
            target.put(out, &renderer.end(span, &after))?;
            target.finish()?;
        }
        self.target.finish()?;
        Ok(self.bytes)
    }
}

fn target(path: Option<&PathBuf>, force: bool) -> Answer<Target> {
    match path {
        Some(path) => Ok(Target::File(AtomicFile::create(path, force)?, Interrupt::install()?)),
        None => Ok(Target::Stdout),
    }
}

/// The query, and what it is in words.
fn query(args: &Args) -> Answer<(Query, String)> {
    let mut query = args.filters.query()?;
    let mut words = args.filters.in_words();
    if let Some(from) = args.from {
        query = query.from(from);
        words.push(format!("from={from}"));
    }
    if let Some(to) = args.to {
        query = query.to(to);
        words.push(format!("to={to}"));
    }
    Ok((query, words.join(" ")))
}

pub(crate) fn run(args: Args, context: &mut Context) -> Answer {
    let format = Format::from(args.format);
    let (query, words) = query(&args)?;
    let proofs = match &args.output {
        _ if !args.verifiable || format.has_room() => None,
        Some(path) => Some(proofs_beside(path)),
        None => {
            let message = format!("--verifiable with --format {} needs -o FILE", format.as_str());
            return Err(Failure::usage(message).hint("the proofs are written to FILE.proof.jsonl"));
        }
    };
    let key = match (&args.hmac_key_file, format) {
        (Some(path), Format::Agt) => Some(Secret::from_file(path)?),
        (None, Format::Agt) => return Err(keys::no_hmac("--format agt signs every line")),
        (Some(_), _) => return Err(Failure::usage("--hmac-key-file is for --format agt")),
        (None, _) => None,
    };
    let key: &[u8] = key.as_ref().map(Secret::bytes).unwrap_or_default();
    let main = target(args.output.as_ref(), args.force)?;
    let beside = proofs.as_ref().map(|path| target(Some(path), args.force)).transpose()?;
    let reader = context.reader()?;
    let view = context.view()?;
    let head = view.head();
    let info = SliceInfo {
        format,
        exported_at: crate::time::now().to_string(),
        origin: reader.identity().origin.clone(),
        size: head.size,
        root: head.root,
        query: words,
    };
    let mut export = Export {
        renderer: Renderer::new(info.clone(), args.verifiable, key),
        target: main,
        proofs: beside.map(|target| (Renderer::beside(info), target)),
        slice: Slice::new(&view, head.size),
        bytes: 0,
    };
    let mut progress =
        Progress::new(&context.global, "export", Some(head.size.get()), Unit::Entries);
    let out = &mut context.out;
    let mut entries = 0u64;
    export.begin(out)?;
    walk(&view, &query, |entry| {
        entries += 1;
        progress.set(entry.index().get());
        export.entry(out, entry)
    })?;
    progress.finish();
    let written = export.end(out)?;
    let shown = |path: &PathBuf| path.display().to_string();
    let document = Document {
        schema: "wmark.export/1",
        path: args.output.as_ref().map(shown),
        proofs: proofs.as_ref().map(shown),
        format: format.as_str(),
        entries,
        bytes: written,
        size: head.size.get(),
        root: head.root.to_hex(),
    };
    conclude(&document, out)
}

fn conclude(document: &Document, out: &mut Output) -> Answer {
    if out.is_json() && document.path.is_some() {
        out.json(document)?;
        return Ok(DONE);
    }
    let name = document.path.as_deref().unwrap_or("standard output");
    out.say(format_args!(
        "wrote {} entries, {}, to {}; the log stands at {}@{}",
        grouped(document.entries),
        bytes(document.bytes),
        Clean::text(name),
        document.root,
        document.size
    ));
    Ok(DONE)
}
